"""The shape of a read document: blocks of prose and formulas, each formula a list of statements.

Reading does not decide what a statement is for; that needs the names in force (`derive.meaning`).
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field

from derive.errors import ReadingError
from derive.reading.span import Source, Span
from derive.reading.syntax import Expr


@dataclass(frozen=True, slots=True)
class Statement:
    r"""One statement of a formula: a `Chain`, or an expression that states nothing.

    `body` is None when it could not be read; `error` says why then, and `has_relation` whether a
    relation sign stands in it. A chain that runs over several rows or displays is one statement,
    the one of its first member; each relation sign keeps its own span. `words` is the text right
    before it inside the formula (`\text{for }`), lower case, empty mostly. `left` is the left side
    of an equation of which only that could be read.
    """

    body: Expr | None
    span: Span
    words: str = ""
    error: ReadingError | None = None
    has_relation: bool = True
    left: Expr | None = None


@dataclass(frozen=True, slots=True)
class Formula:
    """A piece of mathematics in the text, inline or display, with its statements in order.

    A display that only continues an earlier chain has `continues` set and those links are in the
    earlier formula's statement; it keeps the other statements it may hold.
    """

    span: Span
    display: bool
    statements: tuple[Statement, ...]
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Prose:
    """Running text between formulas, Markdown emphasis removed, spaces folded."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` from 1. Its pieces are prose and inline formulas."""

    level: int
    pieces: tuple[Prose | Formula, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, list item or quotation: prose and formulas in order.

    A display belongs to the paragraph in which it stands; one between blank lines is a paragraph
    of its own.
    """

    pieces: tuple[Prose | Formula, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Code:
    """A code block: never read, printed as it is."""

    text: str
    span: Span


Block = Heading | Paragraph | Code


@dataclass(frozen=True)
class Document:
    """A read document. `options` come from front matter or `% derive:` comments."""

    source: Source
    blocks: tuple[Block, ...]
    options: MappingType[str, str | tuple[str, ...]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The text of the first heading, or the name of the file."""
        for block in self.blocks:
            if isinstance(block, Heading):
                return self.source.cut(block.span).strip().lstrip("#").strip()
        return self.source.path
