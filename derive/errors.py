"""One error family: each error knows its place in the text, shows a caret and says what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with control and direction characters replaced, so that none is obeyed."""
    return _UNPRINTABLE.sub("\ufffd", text)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: path, line and column (from 1), the line itself, the length marked."""

    path: str
    line: int
    column: int
    text: str
    length: int = 1

    def caret(self, width: int = 96) -> str:
        """The line with a caret under the place; a long line is cut around it."""
        start = max(0, min(self.column - width // 2, len(self.text) - width))
        shown = self.text[start : start + width].replace("\t", " ")
        mark = min(max(1, self.length), max(1, len(shown) - (self.column - 1 - start)))
        return f"{shown}\n{' ' * (self.column - 1 - start)}{'^' * mark}"


class DeriveError(Exception):
    """Base of the family. `message` says what is wrong, `advice` what to do, `place` where."""

    def __init__(self, message: str, *, place: Place | None = None, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.advice = advice

    def __str__(self) -> str:
        where = f"{self.place.path}:{self.place.line}:{self.place.column}: " if self.place else ""
        lines = [where + self.message]
        if self.place:
            lines.append(self.place.caret())
        if self.advice:
            lines.append(self.advice)
        return printable("\n".join(lines))


class UsageError(DeriveError):
    """The command was called wrongly, or a file cannot be read or written (exit code 2)."""


class ReadingError(DeriveError):
    """A formula could not be read."""


class MeaningError(DeriveError):
    """A formula was read but has no meaning: an undeclared name, a shape that does not fit."""


class IllTypedError(MeaningError):
    """Shapes or free indices disagree."""


class LimitError(DeriveError):
    """A stated limit was passed; the verdict is undecided and names it."""


class UnsupportedError(DeriveError):
    """The engine has no rule for this; the verdict is undecided and says so."""


class SoundnessError(DeriveError):
    """The two judges contradict each other: a bug of ours, never a verdict."""
