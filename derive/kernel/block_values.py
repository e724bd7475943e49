"""Values of a block: operations in the order of their making, each made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from derive.kernel.entries import (
    Apply,
    Const,
    Entry,
    Num,
    Pow,
    Times,
    Total,
    Where,
    free_labels,
    power,
    product,
    total,
)
from derive.kernel.plan import Step
from derive.kernel.split import PART
from derive.meaning.terms import Affine

Kind = Literal["leaf", "before", "inside", "op"]


@dataclass(eq=False)
class Value:
    """What one statement computes, from other values.

    In `text`, `@0@`, `@1@`, … stand for `args` and `@out@` for the memory that takes the result.
    A leaf is written where it is used; what stands `before` the blocks is the same for all of
    them; an `op` fills memory of the given lengths, which may be that of an argument when that is
    not needed any more (of argument `overwrites` only, unless that is -1).
    """

    text: str
    args: tuple[Value, ...]
    lengths: tuple[Affine, ...]
    kind: Kind
    overwrites: int = -1
    users: set[str] = field(default_factory=set)

    def use(self, users: frozenset[str]) -> None:
        """Note the results that need this value and everything it is made of."""
        if users <= self.users:
            return
        self.users |= users
        for value in self.args:
            value.use(users)


Key = tuple[str, tuple[int, ...], tuple[Affine, ...]]


@dataclass
class Values:
    """All values of a stage, in the order of computation."""

    every: list[Value] = field(default_factory=list)
    _known: dict[Key, Value] = field(default_factory=dict)

    def new(
        self,
        text: str,
        args: tuple[Value, ...],
        lengths: tuple[Affine, ...],
        kind: Kind,
        overwrites: int = -1,
    ) -> Value:
        """A value; the one that stands already when it is the same."""
        key = _key(text, args, lengths)
        if key not in self._known:
            value = Value(text, args, lengths, kind, overwrites)
            self._known[key] = value
            self.every.append(value)
        return self._known[key]

    def known(self, text: str, args: tuple[Value, ...], lengths: tuple[Affine, ...]) -> bool:
        """Whether a value stands already."""
        return _key(text, args, lengths) in self._known


def _key(text: str, args: tuple[Value, ...], lengths: tuple[Affine, ...]) -> Key:
    return text, tuple(map(id, args)), lengths


# ---- functions ----------------------------------------------------------------------------------


def _calls(*names: str) -> tuple[str, ...]:
    return tuple(f"numpy.{name}(@0@, out=@out@)" for name in names)


ALIKE: tuple[str, ...] = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign")
ALIKE += ("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh")

UNARY: Mapping[str, tuple[str, ...]] = {name: _calls(name) for name in ALIKE} | {
    "abs": _calls("absolute"),
    "relu": ("numpy.maximum(@0@, 0, out=@out@)",),
    "sigmoid": (
        *_calls("negative", "exp"),
        "numpy.add(@0@, 1, out=@out@)",
        "numpy.divide(1, @0@, out=@out@)",
    ),
    "softplus": (
        *_calls("absolute", "negative", "exp", "log1p"),
        "numpy.add(@0@, numpy.maximum(@1@, 0), out=@out@)",
    ),
}
"""Functions of one number as operations one after another; `@1@` is the argument itself."""


def derived(entry: Apply) -> Entry | None:
    """The first derivative of a function as an entry, where that has a short form."""
    if entry.orders != (1,):
        return None
    (at,) = entry.arguments
    one, minus = Num(Fraction(1)), Num(Fraction(-1))
    same = Apply(entry.function, (at,))
    match entry.function:
        case "exp":
            return same
        case "tanh":
            return total((one, product((minus, power(same, Fraction(2))))))
        case "sigmoid":
            return product((same, Apply("sigmoid", (product((minus, at)),))))
        case "softplus":
            return Apply("sigmoid", (at,))
        case "relu":
            return Where(((at, ">", Num(Fraction(0))),), one, Num(Fraction(0)))
        case "abs":
            return Apply("sign", (at,))
        case "erf":
            scale = product((Num(Fraction(2)), Pow(Const("pi"), Fraction(-1, 2))))
            return product((scale, Apply("exp", (product((minus, power(at, Fraction(2)))),))))
        case _:
            return None


# ---- texts --------------------------------------------------------------------------------------


def lengths(step: Step) -> tuple[Affine, ...]:
    """The lengths of the axes under a step, in their order."""
    ranges = {b.name: b for b in (*step.axes, *step.bounds)}
    return tuple(ranges[name].high - ranges[name].low + 1 for name in step.order)


def moves(entry: Entry, step: Step) -> bool:
    """Whether an entry differs from block to block."""
    cut = {b.name for b in (*step.axes, *step.bounds) if PART in b.high.names}
    return bool(cut & set(free_labels(entry)))


def signed(entry: Entry) -> tuple[bool, Entry]:
    """Whether an entry is a negative, and what of."""
    if isinstance(entry, Times) and isinstance(entry.factors[0], Num):
        number = entry.factors[0].value
        if number < 0:
            return True, product((Num(-number), *entry.factors[1:]))
    if isinstance(entry, Num) and entry.value < 0:
        return True, Num(-entry.value)
    if isinstance(entry, Total) and all(signed(term)[0] for term in entry.terms):
        return True, total(signed(term)[1] for term in entry.terms)
    return False, entry


def is_view(text: str) -> bool:
    """Whether a text is a number, a name, or a view of a named array."""
    name, bracket, rest = text.partition("[")
    shown = not bracket or set(rest) <= set(":, None]")
    named = name.removesuffix(".T").replace(".", "").isidentifier()
    return (shown and named) or is_number(text)


def is_number(text: str) -> bool:
    """Whether a text is made of digits and signs."""
    return set(text) <= set("0123456789.-+*/() ")


def axis_text(axes: tuple[int, ...]) -> str:
    """An `axis` argument."""
    return str(axes[0]) if len(axes) == 1 else str(axes)


def letters(rank: int, axes: tuple[int, ...], other: tuple[int, ...] | None = None) -> str:
    """The subscripts of a sum of products of an array and one along some of its axes."""
    every = "abcdefghijklmnopqrstuvwxyz"[:rank]
    second = every if other is None else "".join(every[k] for k in other)
    kept = "".join(letter for k, letter in enumerate(every) if k not in axes)
    return f"{every},{second}->{kept}"
