"""What a document says once it is understood: facts that it states and claims to be judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from derive.errors import DeriveError
from derive.meaning.terms import Context, Reading
from derive.reading.span import Span
from derive.reading.statements import Document, Statement
from derive.reading.syntax import Expr, Relation


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement that is taken, not judged.

    A `formula` has no relation and states nothing; `not judged` is an approximation, an order of
    growth or the like, `reason` says which.
    """

    kind: Literal["declaration", "definition", "assumption", "condition", "formula", "not judged"]
    statement: Statement
    span: Span
    reason: str = ""


Reread = Callable[[Expr, Expr], tuple[tuple[Reading, ...], DeriveError | None]]
"""Two sides in; the readings of their equation, or the error that says why there is none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One link `left relation right` of a chain.

    `span` covers both sides, `relation.span` the sign. `readings` are the candidates in the order
    in which they are tried; when there is none, `error` says why: an `IllTypedError`, or another
    `MeaningError` or `ReadingError`, which makes the claim unread. `condition` holds the
    conditions in force as syntax (`i \\neq j`), for printing. `reread`
    reads two other sides in the same place.
    """

    left: Expr
    right: Expr
    relation: Relation
    span: Span
    statement: Statement
    context: Context
    readings: tuple[Reading, ...] = ()
    error: DeriveError | None = None
    condition: tuple[Expr, ...] = ()
    reread: Reread | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unread:
    """A statement that could not be read; it fails the run when it carries a relation."""

    statement: Statement
    span: Span
    error: DeriveError
    has_relation: bool


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on how something was understood: a name redefined, a shape restated."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Meaning:
    """A document understood: every statement is in `items`, in document order.

    `contexts` are the names in force after each block, in the order of the blocks.
    """

    document: Document
    items: tuple[Fact | Claim | Unread, ...]
    notes: tuple[Note, ...]
    contexts: tuple[Context, ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(item for item in self.items if isinstance(item, Claim))
