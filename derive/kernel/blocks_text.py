"""A stage as the text of a function that runs over blocks of rows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from derive.kernel.block_values import Value
from derive.kernel.blocks import Block
from derive.meaning.terms import Affine

Line = tuple[frozenset[str], str]
"""A statement and the results for which it is needed."""

OWNING = ("_dot(", "numpy.einsum(", *(f"numpy.{name}.reduce(" for name in ("add", "multiply")))
OWNING += ("numpy.maximum.reduce(", "numpy.minimum.reduce(")
"""Texts whose value is no view of an argument."""


@dataclass(frozen=True)
class Root:
    """A value that leaves the block: `merge` is the ufunc of a partial reduction, "" for an array.

    `name` is the number that is added up, or the block of an array of the whole. `writes` says
    that the array may take the value as soon as it is computed.
    """

    name: str
    value: Value
    users: frozenset[str]
    merge: str = ""
    writes: bool = False


@dataclass
class Statements:
    """The statements for all values of a block, with memory handed on as soon as it is free.

    `fresh` gives unused names by their roles.
    """

    block: Block
    roots: tuple[Root, ...]
    names: Mapping[str, str]
    taken: set[str]
    everyone: frozenset[str]
    before: list[Line] = field(default_factory=list)
    inside: list[Line] = field(default_factory=list)
    memory: dict[tuple[Affine, ...], list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for root in self.roots:
            root.value.use(root.users)
        self.values = [v for v in self.block.values.every if v.users]
        self.text = dict[int, str]()
        self.free = dict[tuple[Affine, ...], list[str]]()
        self.last = self._last_uses()
        self.direct = self._direct()
        ends = {id(root.value) for root in self.roots}
        self._leaves_of_roots(ends)
        for number, value in enumerate(self.values):
            self._statement(number, value)

    def fresh(self, role: str) -> str:
        """The first unused of `role_1`, `role_2`, …"""
        number = 1
        while f"{role}_{number}" in self.taken:
            number += 1
        self.taken.add(f"{role}_{number}")
        return f"{role}_{number}"

    # ---- lives ----------------------------------------------------------------------------------

    def _last_uses(self) -> dict[int, int]:
        """The number of the last value that needs each, views of it included."""
        last = {id(value): number for number, value in enumerate(self.values)}
        for number in reversed(range(len(self.values))):
            value = self.values[number]
            view = value.kind in ("inside", "leaf") and not value.text.startswith(OWNING)
            until = last[id(value)] if view else number
            for arg in value.args:
                last[id(arg)] = max(last[id(arg)], until)
        return last

    def _direct(self) -> dict[int, Root]:
        """Values that are computed where they are wanted: nothing else reads them."""
        read = {id(arg) for value in self.values for arg in value.args}
        ends = [id(root.value) for root in self.roots]
        return {
            id(root.value): root
            for root in self.roots
            if root.writes
            and root.value.kind == "op"
            and id(root.value) not in read
            and ends.count(id(root.value)) == 1
        }

    # ---- statements -----------------------------------------------------------------------------

    def _leaves_of_roots(self, ends: set[int]) -> None:
        leaves = (v for v in self.values if v.kind == "leaf" and id(v) in ends)
        for value in leaves:
            self.text[id(value)] = value.text
            self._end(value)

    def _statement(self, number: int, value: Value) -> None:
        users = frozenset(value.users)
        args = [self.text[id(arg)] for arg in value.args]
        text = value.text
        for k, arg in enumerate(args):
            text = text.replace(f"@{k}@", arg)
        match value.kind:
            case "leaf":
                self.text[id(value)] = text
                return
            case "before":
                name = self.fresh("part")
                self.before.append((users, f"{name} = {text}"))
            case "inside":
                name = self.fresh("part")
                self.inside.append((users, f"{name} = {text}"))
                self._release(number, value)
            case "op":
                name = self._place(number, value)
                lines = text.replace("@out@", name).split("\n")
                idle = f"numpy.copyto({name}, {name})"
                self.inside += [(users, line) for line in lines if line != idle]
        self.text[id(value)] = name
        self._end(value)
        self._release_one(number, value)

    def _place(self, number: int, value: Value) -> str:
        """The memory that takes an operation's result."""
        root = self.direct.get(id(value))
        if value.overwrites < 0:
            self._release(number, value)
            name = root.name if root else self._take(value)
        else:
            kept = value.args[value.overwrites]
            others = [arg for arg in value.args if arg is not kept]
            if kept not in others:
                self._release_one(number, kept)
            name = root.name if root else self._take(value)
            for arg in others:
                self._release_one(number, arg)
        return name

    def _take(self, value: Value) -> str:
        free = self.free.setdefault(value.lengths, [])
        if free:
            return free.pop()
        name = self.fresh("t")
        self.memory.setdefault(value.lengths, []).append(name)
        return name

    def _release(self, number: int, value: Value) -> None:
        for arg in dict.fromkeys(value.args):
            self._release_one(number, arg)

    def _release_one(self, number: int, value: Value) -> None:
        """Hand on the memory of values that end here: the value, and what it is a view of."""
        if self.last[id(value)] != number:
            return
        if value.kind == "op" and id(value) not in self.direct:
            name = self.text[id(value)]
            free = self.free.setdefault(value.lengths, [])
            if name in self.memory.get(value.lengths, []) and name not in free:
                free.append(name)
        elif value.kind == "inside" and not value.text.startswith(OWNING):
            for arg in value.args:
                self._release_one(number, arg)

    def _end(self, value: Value) -> None:
        """What leaves the block."""
        for root in self.roots:
            if root.value is not value or id(value) in self.direct:
                continue
            own = self.text[id(value)]
            if root.merge:
                plus = f"{root.name} + {own}"
                made = plus if root.merge == "numpy.add" else f"{root.merge}({root.name}, {own})"
                self.inside.append((root.users, f"{root.name} = {made}"))
            else:
                self.inside.append((root.users, f'numpy.copyto({root.name}, {own}, "same_kind")'))


def conditional(lines: Iterable[Line], everyone: frozenset[str]) -> Iterator[str]:
    """Statements, those that only some results need under a condition on `wanted`."""
    for users, group in groupby(lines, key=lambda line: line[0]):
        texts = [part for _, text in group for part in text.split("\n")]
        if users == everyone:
            yield from texts
            continue
        yield f"if {condition(users)}:"
        yield from (f"    {text}" for text in texts)


def condition(users: Iterable[str]) -> str:
    """Whether one of the results is wanted."""
    names = sorted(users)
    if len(names) == 1:
        return f'"{names[0]}" in wanted'
    return "wanted & {" + ", ".join(f'"{name}"' for name in names) + "}"


def fitted(lines: Iterable[str], width: int = 100) -> Iterator[str]:
    """Statements broken at spaces inside brackets where they are too long."""
    for line in lines:
        text = line.lstrip()
        indent = line[: len(line) - len(text)]
        if len(line) <= width or text.startswith(("#", '"', "def ", "if ", "for ", "with ")):
            yield line
            continue
        head, equals, right = text.partition(" = ")
        if not equals and "(" not in text:
            yield line
            continue
        start = f"{head} = (" if equals else text[: text.index("(") + 1]
        rest, _, end = (right, "", "") if equals else text[len(start) :].rpartition(")")
        deeper = indent + "    "
        yield indent + start
        yield from textwrap.wrap(
            rest,
            width,
            initial_indent=deeper,
            subsequent_indent=deeper,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield f"{indent}){end}"
