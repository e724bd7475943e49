"""Formula text → tokens: layout dropped, names put together, every token at its place.

The scanner follows TeX where it matters to the reader: `x^12` is `x^1 2`, `\\frac12` has two
arguments, `\\hat x_i` has the accent on `x`. Separators of statements come out as tokens only at
the top level of brackets.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from derive.errors import ReadingError
from derive.reading import vocabulary as words
from derive.reading.span import Source, Span
from derive.reading.syntax import Name, Number
from derive.reading.tokens import Token, Trouble, reading_error

MAX_NESTING = 64
MAX_DIGITS = 40

COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE]-?\d{1,2}(?!\d|\.\d))?")
_SPACE = re.compile(r"(?:\s|~|&|\\[,;:!> \n])+")
AT_A_POINT = "Define a function, f(x) = …, and write its value there."
_PLUS = re.compile(r"\s*(?:\{\s*(\+\+?)\s*\}|(\+))")
_OPENS_BAR = frozenset(
    {"SIGN", "OP", "REL", "COMMA", "LPAR", "LBRACE", "LBAR", "SEP", "ROW", "WORDS", "AMP", "ROWSEP",
     "CASES", "BIG", "LOPT"}
)  # fmt: skip


@dataclass(slots=True)
class _Open:
    """An open bracket: its closing mark, whether it counts as a level, the arguments awaited.

    A `silent` one is layout; in one with `commas`, rows are items of a list.
    """

    mark: str
    need: list[int]
    level: bool = True
    silent: bool = False
    commas: bool = False


class Scanner(ABC):
    """Characters, numbers and brackets; what a command means is left to a subclass."""

    def __init__(self, text: str, source: Source, offsets: Sequence[int], rows: bool) -> None:
        self.text = text
        self.source = source
        self.offsets = offsets
        self.rows = rows
        self.at = 0
        self.tokens: list[Token] = []
        self.open: list[_Open] = []
        self.need: list[int] = []
        self.run = 0
        self.spaced = False
        self.sized = False
        self.columns = 0

    def scan(self) -> list[Token]:
        """All tokens of the text."""
        text, length = self.text, len(self.text)
        while self.at < length:
            space = _SPACE.match(text, self.at)
            if space:
                if "&" in space.group():
                    self.ampersands(space.group().count("&"), space.end())
                self.at = space.end()
                self.spaced = True
                continue
            before = len(self.tokens)
            self.step(text[self.at])
            if len(self.tokens) > before:
                self.spaced = self.sized = False
        return self.tokens

    def ampersands(self, count: int, end: int) -> None:
        """Marks of alignment: every second one of a row begins another column of equations."""
        if self.in_cases:
            self.emit("AMP", "&", self.at, end)
        elif self.top:
            before = self.columns
            self.columns += count
            if self.columns // 2 > before // 2:
                self.emit("COLUMN", "&", self.at, end)

    # ---- places and emission ---------------------------------------------------------------

    def span(self, start: int, end: int) -> Span:
        """The source span of a range of the text."""
        first = self.offsets[start] if start < len(self.offsets) else self.offsets[-1]
        return Span(first, self.offsets[max(start, end - 1)] + 1)

    def emit(self, kind: str, value: Any, start: int, end: int) -> Token:
        place = self.span(start, end)
        token = Token(kind, value, place.start, place.end, self.spaced, self.sized)
        self.tokens.append(token)
        return token

    def atom(self, node: Any, start: int, end: int) -> None:
        """Emit a name, number or head; it may be the argument that is awaited."""
        self.emit("ATOM", replace(node, span=self.span(start, end)), start, end)
        self.fill()

    def fill(self) -> None:
        """One awaited argument has come."""
        self.run = 0
        while self.need:
            self.need[-1] -= 1
            if self.need[-1] > 0:
                return
            self.need.pop()
            return

    def command_with_arguments(self, kind: str, value: Any, count: int, start: int) -> None:
        self.emit(kind, value, start, self.at)
        run = self.run + 1 if self.need else 1
        self.fill()
        self.run = run
        if run > MAX_NESTING:
            raise self.too_deep(start)
        self.need.append(count)

    def wrong(self, message: str, start: int, advice: str = "") -> None:
        """A piece that cannot be read; it spoils only the statement in which it stands."""
        self.emit("ERROR", Trouble(message, advice), start, max(self.at, start + 1))
        self.fill()

    def too_deep(self, start: int) -> ReadingError:
        return reading_error(
            f"brackets are nested more than {MAX_NESTING} deep", self.source,
            self.span(start, start + 1), "give the inner parts names of their own",
        )  # fmt: skip

    @property
    def top(self) -> bool:
        """True outside all brackets."""
        return not any(entry.level for entry in self.open)

    @property
    def in_cases(self) -> bool:
        """True at the top level of a row of `cases`."""
        levels = [entry.mark for entry in self.open if entry.level]
        return bool(levels) and levels[-1] == "cases"

    # ---- brackets ----------------------------------------------------------------------------

    def push(self, mark: str, silent: bool = False, commas: bool = False) -> None:
        self.open.append(_Open(mark, self.need, not silent, silent, commas))
        self.need = []
        self.run = 0
        if len(self.open) > MAX_NESTING:
            raise self.too_deep(self.at - 1)

    def pop(self) -> None:
        self.need = self.open.pop().need
        self.fill()

    def close_to(self, mark: str) -> _Open | None:
        """Close the innermost bracket of this mark, and what was left open in it."""
        for k in range(len(self.open) - 1, -1, -1):
            if self.open[k].mark == mark:
                entry = self.open[k]
                del self.open[k:]
                self.need = entry.need
                self.fill()
                return entry
            if self.open[k].mark in ("}", "cases"):
                return None
        return None

    # ---- one token ---------------------------------------------------------------------------

    def step(self, char: str) -> None:
        start = self.at
        if char == "\\":
            self.command(start)
            return
        if char.isascii() and char.isalpha():
            self.at += 1
            self.atom(Name(char), start, self.at)
        elif (char.isdigit() and char.isascii()) or _NUMBER.match(self.text, start):
            self.number(start)
        elif char in words.UNICODE:
            self.at += 1
            self.named(words.UNICODE[char], start)
        else:
            self.at += 1
            self.symbol(char, start)

    def number(self, start: int) -> None:
        match = _NUMBER.match(self.text, start)
        assert match
        digits = match.group()[0] if self.need else match.group()
        self.at = start + len(digits)
        if len(digits) > MAX_DIGITS:
            self.wrong(f"a number of more than {MAX_DIGITS} digits", start)
        elif digits == ".":
            self.emit("DOT", ".", start, self.at)
        else:
            self.atom(Number(digits if digits[0] != "." else "0" + digits), start, self.at)

    def symbol(self, char: str, start: int) -> None:
        """A character that is neither letter, digit nor command."""
        match char:
            case "{":
                self.brace(start)
            case "}":
                entry = self.close_to("}")
                if entry is None or not entry.silent:
                    self.emit("RBRACE", "}", start, self.at)
            case "^" | "_":
                self.emit("SUP" if char == "^" else "SUB", char, start, self.at)
                self.need.append(1)
                plus = _PLUS.match(self.text, self.at)
                if plus:
                    begin, self.at = self.at, plus.end()
                    self.atom(Name(plus[1] or plus[2], "mathrm"), begin, self.at)
            case "+" | "-" | "−":
                self.emit("SIGN", "+" if char == "+" else "-", start, self.at)
            case "'" | "’":
                while self.text[self.at : self.at + 1] == char:
                    self.at += 1
                self.emit("PRIMES", self.at - start, start, self.at)
            case "*" | "/":
                self.emit("OP", char, start, self.at)
                self.fill()
            case "=" | "<" | ">" | ":":
                self.relation_sign(char, start)
            case "," | ";":
                top = self.top and char == ";"
                self.emit("SEP" if top else "COMMA", char, start, self.at)
            case "(" | "[":
                self.bracket_open(char, start)
            case ")" | "]":
                self.bracket_close(char, start)
            case "|":
                self.bar(start)
            case ".":
                self.emit("DOT", ".", start, self.at)
            case _:
                self.wrong(f"unexpected character {char!r}", start)

    def relation_sign(self, char: str, start: int) -> None:
        for sign in (":=", "=:", "<=", ">=", "=="):
            if self.text.startswith(sign, start):
                self.at = start + 2
                char = {"<=": "\\le", ">=": "\\ge", "==": "="}.get(sign, sign)
                break
        self.emit("REL", char, start, self.at)

    def brace(self, start: int) -> None:
        if not self.need and self.text.startswith("}", self.at):
            self.at += 1  # an empty group is there for TeX only
            return
        self.emit("LBRACE", "{", start, self.at)
        self.push("}")

    def bracket_open(self, mark: str, start: int) -> None:
        if mark == "[" and self.tokens and self.tokens[-1].type == "SQRT" and self.need:
            self.emit("LOPT", "[", start, self.at)
            self.push("opt")
            return
        self.emit("LPAR", mark, start, self.at)
        self.push(")")

    def bracket_close(self, mark: str, start: int) -> None:
        if mark == "]" and self.open and self.open[-1].mark == "opt":
            self.need = self.open.pop().need
            self.emit("ROPT", "]", start, self.at)
            return
        self.emit("RPAR", mark, start, self.at)
        self.close_to(")")

    def bar(self, start: int, double: bool = False, forced: str = "") -> None:
        """A bar opens after an operator and where none is open, else it closes."""
        last = self.tokens[-1].type if self.tokens else "SIGN"
        entry = self.open[-1] if self.open else None
        fits = entry is not None and entry.mark in ("|", "||", "\\|")
        opens = forced == "left" or (not forced and (last in _OPENS_BAR or not fits))
        if not fits and forced != "left" and last not in _OPENS_BAR and self.evaluates():
            self.wrong("a bar that marks where to evaluate is not read", start, AT_A_POINT)
            return
        twin = not double and self.text.startswith("|", self.at)
        if opens:
            if twin and not forced:
                self.at += 1
            mark = "\\|" if double else "||" if twin and not forced else "|"
            self.emit("LBAR", "\\|" if mark != "|" else "|", start, self.at)
            self.push(mark)
            return
        if entry is not None and entry.mark == "||" and twin:
            self.at += 1
        self.emit("RBAR", "\\|" if double else "|", start, self.at)
        if fits:
            self.pop()

    def evaluates(self) -> bool:
        """Whether a subscript follows a bar that no other one opened."""
        return re.match(r"\s*_", self.text[self.at :]) is not None

    @abstractmethod
    def command(self, start: int) -> None:
        """Read the command that begins here."""

    @abstractmethod
    def named(self, name: str, start: int) -> None:
        """Read a command by its name."""
