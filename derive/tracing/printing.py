"""The verdicts on a backward function, in a terminal and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.report.machine import SCHEMA, witness_entry
from derive.report.terminal import COLOURS, INDENT, Screen, explanation
from derive.report.words import MARKS, VERDICTS, statement_of
from derive.tracing.verify import Result, Verified
from derive.writing.to_latex import to_latex
from derive.writing.to_linear import linear


def print_verified(verified: Verified, screen: Screen) -> None:
    """What was matched, each gradient with its verdict, one summary line."""
    place = verified.place
    where = f" ({place.path}:{place.line})" if place else ""
    screen.line(f"{verified.function}{where} against {verified.document}", "bold")
    screen.wrapped("; ".join(verified.matching.lines()), "dim", INDENT, INDENT)
    for result in verified.results:
        _print(result, screen)
    counts = Counter(result.judgement.verdict for result in verified.results)
    total = len(verified.results)
    listed = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
    screen.line(f"{verified.function}: {total} gradient{'s' * (total != 1)}: {listed}", "bold")


def _print(result: Result, screen: Screen) -> None:
    judgement = result.judgement
    name = linear(to_syntax(t.Variable(result.target)), ascii=screen.ascii)
    text = f"{MARKS[judgement.verdict]} the gradient by {name}: {judgement.verdict}"
    screen.line(text, COLOURS[judgement.verdict])
    if result.claim is not None:
        screen.wrapped(linear(statement_of(result.claim), ascii=screen.ascii), "", INDENT, 2)
    for line in explanation(judgement, screen.all_rules):
        screen.wrapped(line, "dim" if judgement.verdict == "proved" else "", INDENT + 2, 2)


def to_json(verified: Verified) -> str:
    """The same for tools; keys of a gradient as those of a claim in the report of `check`."""
    counts = Counter(result.judgement.verdict for result in verified.results)
    place = verified.place
    summary = {str(verdict): counts[verdict] for verdict in VERDICTS}
    whole: dict[str, Any] = {
        "schema": SCHEMA,
        "function": verified.function,
        "path": place.path if place else "",
        "line": place.line if place else 0,
        "document": verified.document,
        "parameters": list(verified.matching.lines()),
        "gradients": [_entry(result) for result in verified.results],
        "summary": {"gradients": len(verified.results), **summary},
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)


def _entry(result: Result) -> dict[str, Any]:
    judgement = result.judgement
    return {
        "input": to_latex(to_syntax(t.Variable(result.target))),
        "latex": to_latex(statement_of(result.claim)) if result.claim else "",
        "verdict": judgement.verdict,
        "reading": judgement.reading,
        "rules": list(judgement.rules),
        "side_conditions": list(judgement.side_conditions),
        "witness": witness_entry(judgement.witness),
        "repairs": list(judgement.repairs),
        "reason": judgement.reason,
        "seconds": round(judgement.seconds, 6),
    }
