"""Statements where they stand: the formula, the words of the sentence before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from derive.errors import DeriveError
from derive.meaning.classify import Kind
from derive.meaning.names import key_of
from derive.reading import syntax as s
from derive.reading.statements import Block, Formula, Heading, Paragraph, Prose, Statement

SENTENCE_ENDS = re.compile(r"[.!?](\s|$)")
_OPPOSITE = {
    "=": "\\neq", "\\neq": "=", "<": "\\ge", "\\ge": "<", ">": "\\le", "\\le": ">",
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Stated:
    """A statement where it stands: its formula, the words of its sentence before it.

    `conditions` restrict it as a claim, `restricted` as an assumption: then also those count that
    stand before it in its sentence. `local` marks an assumption that holds for some statements
    only; `supposed` are those that hold for this one.
    """

    statement: Statement
    formula: Formula
    sentence: str
    kind: Kind = "formula"
    conditions: tuple[s.Expr, ...] = ()
    restricted: tuple[s.Expr, ...] = ()
    defines: str | None = None
    error: DeriveError | None = None
    assumed: bool = False
    local: bool = False
    supposed: tuple[Stated, ...] = ()


def stated_in(blocks: list[Block]) -> Iterator[Stated]:
    """The statements of blocks, each with the words that precede it in its sentence."""
    for block in blocks:
        sentence = ""
        for piece in block.pieces if isinstance(block, Paragraph | Heading) else ():
            if isinstance(piece, Prose):
                sentence = SENTENCE_ENDS.split(sentence + " " + piece.text)[-1]
                continue
            for statement in piece.statements:
                yield Stated(statement, piece, f"{sentence} {statement.words}".lower())


def listed_before(before: list[Stated], item: Stated) -> Iterator[s.Expr]:
    """Names that stand right before a declaration in its formula: `x, y` of `x, y \\in S`."""
    names: list[s.Expr] = []
    for other in reversed(before):
        body = other.statement.body
        if other.formula is not item.formula or other.kind != "formula" or body is None:
            break
        if key_of(body) is None:
            break
        names.append(body)
    yield from reversed(names)


def opposite(body: s.Expr) -> s.Expr | None:
    """A relation turned into what holds where it does not; None when it is not one relation."""
    match body:
        case s.Chain(members=(_, _) as members, relations=(relation,)):
            sign = _OPPOSITE.get(relation.sign)
            if sign is None:
                return None
            return s.Chain(members, (s.Relation(sign, span=relation.span),), span=body.span)
        case _:
            return None
