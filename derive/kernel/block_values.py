"""Values of a block: operations in the order of their making, each made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from derive.kernel.entries import Apply, Const, Entry, Num, Pow, Where, power, product, total
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
