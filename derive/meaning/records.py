"""What the names in force are kept as: definitions, assumptions and objectives, as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from derive.meaning import terms as t
from derive.meaning.classify import Left
from derive.meaning.subscripts import Sign
from derive.reading import syntax as s
from derive.reading.span import Span


@dataclass(frozen=True, slots=True)
class Record:
    """A definition as written. `of` is the capital whose definition a small letter takes.

    One that is `implied` only says on what a name depends; a definition may take its place.
    So may it that of an `early` one, whose names are defined only further down.
    """

    left: Left
    body: s.Expr
    line: int
    span: Span
    mentions: frozenset[str]
    aliases: Mapping[str, str] = field(default_factory=dict)
    of: str | None = None
    implied: bool = False
    early: bool = False

    @property
    def key(self) -> str:
        return self.left.name


@dataclass(frozen=True, slots=True)
class Given:
    """An assumption as written."""

    left: s.Expr
    sign: Sign
    right: s.Expr
    latex: str
    mentions: frozenset[str]
    span: Span
    conditions: tuple[s.Expr, ...] = ()


@dataclass(slots=True)
class Objective:
    """A scalar that depends on the outputs of the graph; `outputs` once they are settled.

    `named` are the outputs that the words around its declaration name ("taken of y"). `head` is
    the function of `L = \\ell(y)`.
    """

    domain: t.Shape | None
    outputs: tuple[str, ...] | None = None
    named: tuple[str, ...] = ()
    head: str = ""
