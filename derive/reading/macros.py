"""Author's macros: `\\newcommand`, `\\renewcommand`, `\\def`, `\\DeclareMathOperator`.

Expansion is bounded in count and size and never recursive. Text that comes out of a macro has
the place of its call; the text of an argument keeps its own place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from derive.reading.span import Source, Span
from derive.reading.tokens import reading_error

MAX_DEFINITIONS = 1_000
MAX_BODY = 2_000
MAX_EXPANSIONS = 2_000
MAX_EXPANDED = 100_000

_DEFINITION = re.compile(
    r"\\(?:(?P<new>(?:re|provide)?newcommand|providecommand)\*?\s*\{?\s*\\(?P<name>[A-Za-z]+)\s*\}?"
    r"\s*(?:\[(?P<count>[1-9])\])?"
    r"|def\s*\\(?P<defined>[A-Za-z]+)\s*(?P<parameters>(?:#[1-9])*)"
    r"|DeclareMathOperator(?P<star>\*?)\s*\{?\s*\\(?P<operator>[A-Za-z]+)\s*\}?)\s*(?=\{)"
)
_CALL = re.compile(r"\\([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro: how many arguments it takes, its text, and where it was defined."""

    arguments: int
    body: str
    place: int


Macros = dict[str, tuple[Macro, ...]]
"""All definitions of each name in the order of their places."""


def find_macros(text: str) -> tuple[Macros, list[Span]]:
    """The macros that a text defines and the spans of the definitions."""
    found: dict[str, list[Macro]] = {}
    spans: list[Span] = []
    at = 0
    while (match := _DEFINITION.search(text, at)) and len(spans) < MAX_DEFINITIONS:
        end = braced_end(text, match.end())
        if end < 0:
            at = match.end()
            continue
        body = text[match.end() + 1 : end - 1]
        name = match.group("name") or match.group("defined") or match.group("operator")
        if match.group("operator"):
            body = f"\\operatorname{match.group('star')}{{{body}}}"
        count = int(match.group("count") or 0) or len(match.group("parameters") or "") // 2
        if len(body) <= MAX_BODY:
            found.setdefault(name, []).append(Macro(count, body, match.start()))
        spans.append(Span(match.start(), end))
        at = end
    return {name: tuple(macros) for name, macros in found.items()}, spans


def braced_end(text: str, start: int) -> int:
    """The offset after the brace group that begins here; -1 if it does not end."""
    depth, at = 0, start
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
            continue
        depth += (char == "{") - (char == "}")
        at += 1
        if depth == 0:
            return at
    return -1


def expand(text: str, start: int, macros: Macros, source: Source) -> tuple[str, Sequence[int]]:
    """The text with its macros expanded, and the place of each character in the source.

    Raises ReadingError for a recursive macro and past the bounds.
    """
    plain = range(start, start + len(text))
    if not macros or not any(m.group(1) in macros for m in _CALL.finditer(text)):
        return text, plain
    expansion = _Expansion(macros, source)
    pieces = expansion.run(text, list(plain), ())
    return "".join(char for char, _ in pieces), [place for _, place in pieces]


class _Expansion:
    """One run of expansion with its count."""

    def __init__(self, macros: Macros, source: Source) -> None:
        self.macros = macros
        self.source = source
        self.count = 0
        self.size = 0

    def run(self, text: str, places: list[int], active: tuple[str, ...]) -> list[tuple[str, int]]:
        out: list[tuple[str, int]] = []
        at = 0
        while at < len(text):
            match = _CALL.match(text, at) if text[at] == "\\" else None
            if match is None:
                length = 2 if text[at] == "\\" and at + 1 < len(text) else 1
                out.extend(zip(text[at : at + length], places[at : at + length], strict=True))
                at += length
                continue
            macro = self.in_force(match.group(1), places[at])
            if macro is None:
                out.extend(zip(match.group(), places[at : match.end()], strict=True))
                at = match.end()
                continue
            at = self.call(macro, match, text, places, active, out)
        self.size += len(out)
        return out

    def in_force(self, name: str, place: int) -> Macro | None:
        """The last definition before a place."""
        earlier = [macro for macro in self.macros.get(name, ()) if macro.place <= place]
        return earlier[-1] if earlier else None

    def call(
        self, macro: Macro, match: re.Match[str], text: str, places: list[int],
        active: tuple[str, ...], out: list[tuple[str, int]],
    ) -> int:  # fmt: skip
        """Expand one call into `out`; the offset after it."""
        name, start = match.group(1), places[match.start()]
        span = Span(start, start + len(match.group()))
        self.count += 1
        if name in active:
            raise reading_error(f"the macro \\{name} contains itself", self.source, span)
        if self.count > MAX_EXPANSIONS or self.size > MAX_EXPANDED or len(active) > 32:
            raise reading_error("the macros of this formula expand too far", self.source, span)
        arguments, end = self.arguments(macro, text, places, match.end(), span)
        last = places[end - 1]
        inner: list[tuple[str, int]] = []
        at = 0
        while at < len(macro.body):
            char = macro.body[at]
            if char == "#" and macro.body[at + 1 : at + 2].isdigit():
                index = int(macro.body[at + 1]) - 1
                inner.extend(arguments[index] if index < len(arguments) else [])
                at += 2
            else:
                inner.append((char, start))
                at += 1
        if inner and inner[-1][1] == start:
            inner[-1] = (inner[-1][0], max(last, start))
        inner.append((" ", max(last, start)))
        body = "".join(char for char, _ in inner)
        out.extend(self.run(body, [place for _, place in inner], (*active, name)))
        return end

    def arguments(
        self, macro: Macro, text: str, places: list[int], at: int, span: Span
    ) -> tuple[list[list[tuple[str, int]]], int]:
        """The arguments of a call, each with its places, and the offset after them."""
        found: list[list[tuple[str, int]]] = []
        for _ in range(macro.arguments):
            while at < len(text) and text[at].isspace():
                at += 1
            if at >= len(text):
                raise reading_error("expected an argument of the macro", self.source, span)
            if text[at] == "{":
                end = braced_end(text, at)
                if end < 0:
                    raise reading_error("expected a closing brace", self.source, span)
                inside = range(at + 1, end - 1)
            else:
                single = _CALL.match(text, at)
                end = single.end() if single else at + 1
                inside = range(at, end)
            found.append([(text[k], places[k]) for k in inside])
            at = end
        return found, at
