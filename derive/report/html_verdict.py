"""A verdict in HTML: a badge with a sign of its own, and what supports it folded away."""

from __future__ import annotations

from collections.abc import Iterator

from derive.judgement.verdict import Judgement, Witness
from derive.report.html_text import name_of, remark, suggested, words
from derive.report.words import MARKS, because, entries


def badge(verdict: str, label: str = "") -> str:
    """`✓ proved`: sign, word and colour say the same."""
    shown = " ".join(part for part in (MARKS[verdict], verdict, label) if part)
    return f'<span class="badge {verdict}">{words(shown)}</span>'


def verdict(judgement: Judgement, anchor: str, label: str = "", shown: str = "") -> str:
    """One claim's verdict with its reasons; what is not proved is unfolded.

    `shown` is the claim as MathML where the display above does not single it out.
    """
    head = f"{shown} {badge(judgement.verdict, label)}".strip()
    told = f' <span class="why">{_short(judgement)}</span>' if _short(judgement) else ""
    listed = "".join(f"<dt>{term}</dt><dd>{said}</dd>" for term, said in reasons(judgement))
    if not listed:
        return f'<div class="claim" id="{anchor}">{head}{told}</div>'
    unfolded = "" if judgement.verdict == "proved" else ' open=""'
    return (
        f'<details class="claim" id="{anchor}"{unfolded}><summary>{head}{told}</summary>'
        f"<dl>{listed}</dl></details>"
    )


def _short(judgement: Judgement) -> str:
    """What is told of a verdict while it is folded."""
    return words(because(judgement.rules, limit=2)) if judgement.verdict == "proved" else ""


def reasons(judgement: Judgement) -> Iterator[tuple[str, str]]:
    """Rules, reading, side conditions, witness, repairs and reason, as far as there are any."""
    if judgement.rules and judgement.verdict == "proved":
        yield "rules", _ordered(judgement.rules)
    if judgement.reading:
        yield "reading", remark(judgement.reading)
    if judgement.side_conditions:
        yield "where", _lines(map(words, judgement.side_conditions))
    if judgement.witness:
        yield "witness", witness(judgement.witness)
    if judgement.repairs:
        yield "perhaps", _lines(map(suggested, judgement.repairs))
    if judgement.reason:
        yield "reason", remark(judgement.reason)


def witness(found: Witness) -> str:
    """Sizes, values, functions and indices, then what both sides come to."""
    given = [f"{words(size)} = {value}" for size, value in found.sizes.items()]
    given += [f"{name_of(key)} = {words(entries(value))}" for key, value in found.values.items()]
    given += [f"{name_of(key)}(t) = {words(text)}" for key, text in found.functions.items()]
    given += [f"{words(index)} = {value}" for index, value in found.indices.items()]
    sides = (
        f"left <strong>{words(found.left)}</strong>, right <strong>{words(found.right)}</strong>"
    )
    return _lines([", ".join(given), sides] if given else [sides])


def _lines(texts: Iterator[str] | list[str]) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def _ordered(rules: tuple[str, ...]) -> str:
    return f"<ol>{''.join(f'<li>{words(rule)}</li>' for rule in rules)}</ol>"
