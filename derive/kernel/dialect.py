"""What differs between the languages of loops: numbers, functions, statements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Kind = Literal["real", "wide", "store"]
"""The working type, float64, and the type of the arguments."""

Lines = list[str]

Folds = tuple[tuple[str, str, Kind], ...]
"""Numbers that the turns of a loop fold: name, `sum`, `max` or `min`, kind."""


@dataclass(frozen=True)
class Buffer:
    """A flat array: of each thread where `private`, else of the whole call."""

    name: str
    kind: Kind
    size: str
    private: bool


Span = tuple[str, str, str, str]
"""Low and high of some turns, the length of their loop and of the first one inside it."""

Makes = Literal["terms", "entries", "rows"]
"""What a turn makes: terms of sums, entries of results, or both by way of numbers of its own."""


Between = Callable[[str, str], Lines]
"""Writes the turns from one position to before another."""


@dataclass(frozen=True)
class Taker:
    """A result that takes an entry side by side in each turn: `first` at the turn `begin`.

    `test` is the condition that it is wanted, empty where it always is.
    """

    name: str
    first: str
    test: str


class Dialect(ABC):
    """Texts of one language. Whole numbers, `+ - * /`, comparisons and `=` are common to all."""

    end = ""
    """The end of a statement."""
    both = "and"
    """The sign of a conjunction."""
    lanes = False
    """Whether innermost loops are written by `laned` and `lined`."""

    @abstractmethod
    def number(self, value: Fraction, kind: Kind) -> str:
        """A rational number."""

    @abstractmethod
    def constant(self, name: str, kind: Kind) -> str:
        """`pi`, `e`, `nan` or `inf`."""

    @abstractmethod
    def cast(self, kind: Kind, text: str) -> str:
        """A number in another type."""

    @abstractmethod
    def function(self, name: str, arguments: list[str], kind: Kind) -> str:
        """A known function; an UnsupportedError for others."""

    @abstractmethod
    def select(self, test: str, yes: str, no: str) -> str:
        """One of two numbers, of which only that one is computed."""

    @abstractmethod
    def declare(self, kind: Kind, name: str, value: str, fixed: bool = True) -> str:
        """A local number."""

    @abstractmethod
    def entry(self, name: str, offsets: list[str]) -> str:
        """An entry of an argument or a result."""

    @abstractmethod
    def slice(self, buffer: Buffer) -> str:
        """The statement that gives thread `t` its own part of a buffer."""

    @abstractmethod
    def share(self, name: str, thread: str, at: str, size: str) -> str:
        """An entry of a thread's part of a buffer."""

    @abstractmethod
    def loop(self, var: str, low: str, high: str, body: Lines, folds: Folds = ()) -> Lines:
        """The turns low ≤ var < high, in any order."""

    @abstractmethod
    def turns(self, var: str, low: str, high: str, body: Lines) -> Lines:
        """The turns low ≤ var < high in their order."""

    @abstractmethod
    def jammed(self, var: str, span: Span, makes: Makes, several: Lines, body: Lines) -> Lines:
        """The turns low ≤ var < high of a span, JAM of them at once where that is worth it."""

    @abstractmethod
    def blocks(self, low: str, high: str, body: Lines) -> Lines:
        """`start` and `stop` in steps of BLOCK turns."""

    @abstractmethod
    def team(self, number: int, turns: str, work: str, body: Lines) -> Lines:
        """One turn of `t` for each of `m<number>` threads, with its range `lo` … `hi`.

        `work` is about how many entries all compute, empty where that is not worth a thread.
        """

    @abstractmethod
    def repeat(self, body: Lines, checks: Lines) -> Lines:
        """Statements, and once more when the checks after the first turn set `far` to 1."""

    @abstractmethod
    def when(self, test: str, body: Lines) -> Lines:
        """Statements under a condition."""

    def laned(
        self, var: str, span: tuple[str, str], folds: Folds, body: Lines, added: Lines
    ) -> Lines:
        """The turns of a span in chunks, folded in lanes; `added` stand at the end of a chunk."""
        raise NotImplementedError

    def lane(self, var: str) -> str:
        """The lane of a turn."""
        raise NotImplementedError

    def joined(self, name: str, fold: str, kind: Kind) -> str:
        """What the lanes of a fold come to."""
        raise NotImplementedError

    def lined(self, low: str, high: str, taker: Taker, line: Between, plain: Between) -> Lines:
        """The turns; where results are streamed, whole lines of the cache go past it.

        `line` writes the turns of one, with `t_<name>` for its entries, `plain` any turns.
        """
        raise NotImplementedError

    def taken(self, name: str, at: str) -> str:
        """The entry of a taker's line at a turn."""
        raise NotImplementedError

    def settled(self) -> Lines:
        """What a thread does at its end when it has streamed results."""
        raise NotImplementedError

    def set(self, target: str, value: str, sign: str = "=") -> str:
        """An assignment, or `+=`, `*=`."""
        return f"{target} {sign} {value}{self.end}"


BLOCK = 128
"""How many terms are added up in the working type before float64 takes the sum."""


CHUNK = 512
"""How many turns of an innermost loop go together, and terms of one of its sums."""

JAM = 4
"""How many turns of a loop of sums are made at once."""


def indented(lines: Lines) -> Lines:
    """The lines four columns to the right."""
    return [f"    {line}" if line else line for line in lines]
