"""Tokens of a formula, and the error that knows its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derive.errors import Place, ReadingError
from derive.reading.span import Source, Span


class MisplacedError(Exception):
    """A piece stands where it cannot be read; carries message, place and what to do."""

    def __init__(self, message: str, span: Span, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Trouble:
    """The value of an ERROR token: why it cannot be read, and what to do about it."""

    message: str
    advice: str = ""


@dataclass(slots=True)
class Token:
    """A token; the first three fields have the names that the parser expects.

    `start_pos` and `end_pos` are offsets in the source. `spaced`: white space stands before it;
    `sized`: it is a bracket after `\\left` or `\\big`.
    """

    type: str
    value: Any
    start_pos: int
    end_pos: int
    spaced: bool = False
    sized: bool = False
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    @property
    def span(self) -> Span:
        return Span(self.start_pos, self.end_pos)


def reading_error(message: str, source: Source, span: Span, advice: str = "") -> ReadingError:
    """An error with its place in the source."""
    start = min(max(0, span.start), len(source.text))
    line, column = source.position(start)
    text = source.line(line)
    length = max(1, min(span.end - start, len(text) - column + 1))
    return ReadingError(
        message, place=Place(source.path, line, column, text, length), advice=advice
    )
