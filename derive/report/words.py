"""Words that every report shares: which rules to name, a witness, a summary line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby

from derive.calculus import rules
from derive.errors import DeriveError
from derive.judgement.check import Checked
from derive.judgement.verdict import Entries, VerdictName, Witness
from derive.meaning.claims import Claim
from derive.meaning.to_syntax import name
from derive.reading.parse import parse_expression
from derive.reading.syntax import Chain, Expr
from derive.writing.to_linear import linear

VERDICTS: tuple[VerdictName, ...] = ("proved", "refuted", "ill-typed", "undecided", "unread")
MARKS = {"proved": "✓", "refuted": "✗", "ill-typed": "✗", "undecided": "?", "unread": "?"}

_BETWEEN = re.compile(
    r"( → |; |, a term of the sum in | is missing\b| is too many\b| under the sum\b| throughout\b"
    r"|left side: |right side: |(?:second|third|first|fourth|last) case: |the term (?:[+−] )?|× "
    r"|the transpose of |should be |holds if |index |exponent |derivative by | between | and )"
)
"""The words in what a repair says, between pieces of mathematics."""

_TELLING = (
    rules.MEAN_DEVIATIONS,
    rules.DEFINED_SUM,
    rules.LOSS_RULE,
    rules.DELTA_PICKS,
    rules.CONDITION,
    rules.EQUAL_INDICES,
    rules.PRODUCT_RULE,
    rules.POWER_RULE,
    rules.FUNCTION_RULE,
    rules.COMMON_DENOMINATOR,
    rules.CONTRACTION,
    rules.DEFINITION_RULE,
    rules.CONSTANT_SUM,
    rules.ENTRY_RULE,
)


def telling(fired: Sequence[str], limit: int = 4) -> tuple[tuple[str, ...], int]:
    """The rules that say most, in the order in which they fired, and how many are left out."""
    rank = {rule.name: place for place, rule in enumerate(_TELLING)}
    chosen = sorted(fired, key=lambda rule: rank.get(rule, len(rank)))[:limit]
    return tuple(rule for rule in fired if rule in chosen), len(fired) - len(chosen)


def because(fired: Sequence[str], limit: int = 4) -> str:
    """The telling rules as one phrase; a claim without rules holds as it stands."""
    if not fired:
        return "both sides are the same expression"
    chosen, more = telling(fired, limit)
    return "; ".join(chosen) + (f"; and {more} more" if more else "")


def statement_of(claim: Claim) -> Chain:
    """One link as an equation of its own."""
    return Chain((claim.left, claim.right), (claim.relation,))


def chains(checked: Checked) -> list[list[int]]:
    """The numbers of the claims, grouped by the statement in which they stand."""
    numbers = range(len(checked.judged))
    key = [id(claim.statement) for claim, _ in checked.judged]
    return [list(group) for _, group in groupby(numbers, key=lambda n: key[n])]


def witness_text(witness: Witness) -> str:
    """`N = 2, x = (0, 1), j = 1: left 1/2, right −1/2`."""
    parts = [f"{size} = {value}" for size, value in witness.sizes.items()]
    parts += [f"{linear(name(key))} = {entries(value)}" for key, value in witness.values.items()]
    parts += [f"{linear(name(key))}(t) = {text}" for key, text in witness.functions.items()]
    parts += [f"{index} = {value}" for index, value in witness.indices.items()]
    return f"{', '.join(parts)}: left {witness.left}, right {witness.right}"


def entries(value: Entries) -> str:
    """An exact array as nested brackets, `((0, 1), (1/2, −1))`."""
    if isinstance(value, tuple):
        return "(" + ", ".join(entries(item) for item in value) + ")"
    return str(Fraction(value)).replace("-", "−")


_LATEX_NAME = re.compile(r"\\[A-Za-z]+(?:\{[^{}]*\})?(?:_(?:\w|\{[^{}]*\}))?")


def readable(text: str) -> str:
    """The text with LaTeX names in it written in Unicode: `\\hat{x}` as x̂."""

    def shown(found: re.Match[str]) -> str:
        try:
            return linear(name(found.group()))
        except DeriveError:
            return found.group()

    return _LATEX_NAME.sub(shown, text)


def split_suggestion(text: str) -> tuple[str, str]:
    """The equation of a repair and the words in parentheses behind it."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if depth == 0:
            return text[:at].rstrip(), text[at + 1 : -1]
    return text, ""


def suggestion(text: str) -> str:
    """A repair, `equation in LaTeX (what was changed)`, with the mathematics in Unicode."""
    equation, words = split_suggestion(text)
    try:
        shown = linear(parse_expression(equation))
    except DeriveError:
        return text
    return f"{shown} ({''.join(p if isinstance(p, str) else linear(p) for p in parts(words))})"


def parts(words: str) -> Iterator[str | Expr]:
    """What was changed: the words in it as text, the mathematics in it as expressions."""
    for piece in _BETWEEN.split(words):
        if not any(mark in piece for mark in "\\_^"):
            yield piece
            continue
        lead = piece[: len(piece) - len(piece.lstrip())]
        try:
            expression = parse_expression(piece.strip())
        except DeriveError:
            yield readable(piece)
            continue
        yield lead
        yield expression
        yield piece[len(piece.rstrip()) :]


def summary(checked: Checked) -> str:
    """`batchnorm.md: 26 claims: 26 proved`."""
    counts = checked.counts
    total = sum(counts.values())
    path = checked.meaning.document.source.path
    if not total:
        return f"{path}: no claims"
    listed = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
    return f"{path}: {total} claim{'s' * (total != 1)}: {listed}"


def to_ascii(text: str) -> str:
    """The text for a terminal that shows ASCII only."""
    return "".join(c if c.isascii() else _ascii(c) for c in text)


_ASCII = {
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "−": "-",
    "·": "*",
    "∂": "d",
    "√": "sqrt",
    "∑": "sum",
    "×": "x",
}
_ASCII |= {"✓": "ok", "✗": "FALSE", "’": "'", "–": "-", "…": "...", "²": "^2", "→": "->"}


def _ascii(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    label = unicodedata.name(character, "")
    if "SMALL LETTER" in label or "CAPITAL LETTER" in label:
        word = label.split()[-1]
        return word.lower() if "SMALL" in label else word.capitalize()
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain
