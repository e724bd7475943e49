"""The verdicts on a backward function in a terminal."""

from __future__ import annotations

from collections import Counter

from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.report.terminal import COLOURS, INDENT, Screen, explanation
from derive.report.words import MARKS, VERDICTS, statement_of
from derive.tracing.verify import Result, Verified
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
