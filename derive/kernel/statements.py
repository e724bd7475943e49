"""Emitted statements: laid out as functions, in lines that fit; and the names that they read."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

WIDTH = 100
_STATEMENT = re.compile(r"(return |if |\w[\w, ]* = )(.*?)(:?)$")


def function(head: str, lines: Iterable[str]) -> str:
    """A function from its `def` and the statements of its body."""
    return "\n".join([head, *indented(lines)])


def indented(lines: Iterable[str]) -> list[str]:
    """Statements one level deeper, each no longer than a line."""
    pieces = (piece for line in lines for piece in line.split("\n"))
    return [f"    {part}" if part else "" for piece in pieces for part in _fitted(piece)]


def signature(name: str, arguments: list[str], returned: str = "") -> str:
    """`def name(arguments) -> returned:`, one argument a line where one line is too short."""
    end = f") -> {returned}:" if returned else "):"
    line = f"def {name}({', '.join(arguments)}{end}"
    if len(line) <= WIDTH - 4:
        return line
    return "\n".join([f"def {name}(", *(f"    {a}," for a in arguments), end])


def call(name: str, arguments: list[str]) -> str:
    """`name(arguments)`, one argument a line where one line is too short."""
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= WIDTH - 24:
        return line
    return "\n".join([f"{name}(", *(f"    {a}," for a in arguments), ")"])


def unpacked(names: list[str], value: str) -> str:
    """`(names) = value`, one name a line where one line is too short."""
    line = f"({', '.join(names)}{',' * (len(names) == 1)}) = {value}"
    if len(line.split("\n")[0]) <= WIDTH - 8:
        return line
    return "\n".join(["(", *(f"    {name}," for name in names), f") = {value}"])


def returned(found: list[str]) -> str:
    """The statement that returns a tuple."""
    if len(found) == 1:
        return f"return ({found[0]},)"
    return "\n".join(["return (", *(f"    {text}," for text in found), ")"])


def wanted(users: Iterable[str]) -> str:
    """The condition under which one of the results is wanted."""
    return " or ".join(f'"{name}" in want' for name in users)


def used_helpers(helpers: str, text: str) -> list[str]:
    """The functions of `helpers` that a module calls, and those that they call."""
    functions = {part.split("(")[0].removeprefix("def "): part for part in split(helpers)}
    kept = set[str]()
    todo = [text]
    while todo:
        words = set(re.findall(r"\b_\w+", todo.pop()))
        fresh = [name for name in functions if name in words and name not in kept]
        kept |= set(fresh)
        todo += [functions[name] for name in fresh]
    return [part for name, part in functions.items() if name in kept]


def split(helpers: str) -> list[str]:
    """The functions of a text."""
    return helpers.strip().split("\n\n\n")


def names_in(lines: Iterable[str]) -> set[str]:
    """The names that statements read or set, not the words of their texts."""
    tree = ast.parse("\n".join(lines))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def exported(names: Sequence[str]) -> str:
    """The assignment of `__all__`."""
    listed = ", ".join(f'"{name}"' for name in names)
    return shortened(f"__all__ = [{listed}]")


def shortened(text: str) -> str:
    """Lines that are too long, of Python or C, broken where they are inside brackets."""
    return "\n".join(part for line in text.split("\n") for part in _broken(line))


def _broken(line: str) -> list[str]:
    if len(line) > WIDTH and line.lstrip().startswith("#pragma "):
        parts = textwrap.wrap(line, WIDTH - 2, subsequent_indent=" " * 4, break_on_hyphens=False)
        return [*(f"{part} \\" for part in parts[:-1]), parts[-1]]
    if len(line) <= WIDTH or line.endswith("\\") or "#" in line or "//" in line:
        return [line]
    pad, start, found = " " * (len(line) - len(line.lstrip()) + 4), 0, list[str]()
    gaps = list(_gaps(line))
    while len(line) - start + len(pad) * bool(found) > WIDTH:
        room = start + WIDTH - len(pad) * bool(found)
        places = [k for k in gaps if start < k <= room]
        if not places:
            break
        found.append(pad * bool(found) + line[start : places[-1]])
        start = places[-1] + 1
    return [*found, pad * bool(found) + line[start:]]


def _gaps(line: str) -> Iterator[int]:
    """Where a line may be broken: at spaces in brackets and not in a text; of C, anywhere."""
    depth, quote, escaped = int(line.endswith(";")), "", False
    for place, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote and not escaped else quote
            escaped = sign == "\\" and not escaped
        elif sign in "\"'":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == " " and depth > 0 and line[:place].strip():
            yield place


def filled(text: str) -> str:
    """Paragraphs as lines of a docstring."""
    return "\n\n".join(
        textwrap.fill(part, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
        for part in text.split("\n\n")
    )


def _fitted(line: str) -> list[str]:
    """A line that fits two levels deeper, or its expression in brackets, broken at spaces."""
    found = _STATEMENT.match(line.strip())
    depth = len(line) - len(line.lstrip())
    if len(line) <= WIDTH - 8 or found is None or _holds_spaces(found[2]):
        return [line]
    before, expression, colon = found.groups()
    room = WIDTH - depth - 12
    wrapped = textwrap.wrap(expression, room, break_long_words=False, break_on_hyphens=False)
    pad = " " * depth
    return [f"{pad}{before}(", *(f"{pad}    {part}" for part in wrapped), f"{pad}){colon}"]


def _holds_spaces(expression: str) -> bool:
    """Whether a text inside an expression has a space, where no line may end."""
    return any(" " in literal for literal in re.split("[\"']", expression)[1::2])


def documented(text: str, *more: str) -> list[str]:
    """A docstring: a first sentence, then lines after an empty one."""
    first = textwrap.wrap(f'"""{text}', WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    if not more and len(first) == 1 and len(first[0]) <= WIDTH - 12:
        return [f'{first[0]}"""']
    return [*first, *(["", *more] if more else []), '"""']
