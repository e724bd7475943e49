"""Blocks of text with their mathematics: what Markdown and LaTeX have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from derive.errors import ReadingError
from derive.reading.finding import Island
from derive.reading.macros import Macros, expand
from derive.reading.parse import parse_formula, relational
from derive.reading.span import Source, Span
from derive.reading.statements import Formula, Prose, Statement
from derive.reading.tokens import reading_error


@dataclass(frozen=True, slots=True)
class Page:
    """A document being read: `text` is the source with what is not text blanked out."""

    source: Source
    text: str
    islands: list[Island]
    macros: Macros
    plain: Callable[[str], str]

    def pieces(self, span: Span) -> tuple[Prose | Formula, ...]:
        """Prose and formulas of a range, in order."""
        found: list[Prose | Formula] = []
        at = span.start
        for island in self.islands:
            if not span.start <= island.span.start < span.end:
                continue
            self._add_prose(found, at, island.span.start)
            found.append(self.formula(island))
            at = island.span.end
        self._add_prose(found, at, span.end)
        return tuple(found)

    def _add_prose(self, found: list[Prose | Formula], start: int, end: int) -> None:
        text = self.plain(self.text[start:end]) if start < end else ""
        if text:
            found.append(Prose(text, Span(start, end)))

    def formula(self, island: Island) -> Formula:
        """The formula of an island, its statements read."""
        return Formula(island.span, island.display, self._statements(island))

    def _statements(self, island: Island) -> tuple[Statement, ...]:
        content = self.text[island.content.start : island.content.end]
        if island.problem:
            mark = Span(island.span.start, island.content.start)
            error = reading_error(island.problem, self.source, mark, "close it or escape it")
            return (Statement(None, island.span, "", error, relational(content)),)
        try:
            text, offsets = expand(content, island.content.start, self.macros, self.source)
        except ReadingError as error:
            return (Statement(None, island.span, "", error, relational(content)),)
        return parse_formula(text, self.source, offsets)


def blank(text: str, spans: list[Span], newlines: bool = True) -> str:
    """The text with these spans as spaces, line breaks kept; its length stays the same."""
    pieces: list[str] = []
    at = 0
    for span in sorted(spans, key=lambda s: s.start):
        start = max(span.start, at)
        pieces.append(text[at:start])
        inside = text[start : span.end]
        pieces.append("".join("\n" if c == "\n" and newlines else " " for c in inside))
        at = max(at, span.end)
    return "".join(pieces) + text[at:]
