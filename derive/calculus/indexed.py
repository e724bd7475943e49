"""Index expressions as SymPy expressions: entries, deltas, sums over bound indices, Jacobians.

Indices are names inside `Affine` positions, not SymPy symbols, so no SymPy rewrite can touch
them. Bound indices are made fresh when a term is lowered; two sums never share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy
from sympy import AtomicExpr, Expr

from derive.meaning.terms import Affine

Position = tuple[Affine, ...]


class IndexNode(AtomicExpr):  # type: ignore[misc]
    """An atom of an index expression; `data` identifies it."""

    __slots__ = ("data",)
    is_commutative = True
    is_real = True
    data: tuple[Any, ...]

    def __new__(cls, *data: Any) -> IndexNode:
        node: IndexNode = AtomicExpr.__new__(cls)
        node.data = data
        return node

    def _hashable_content(self) -> tuple[Any, ...]:
        return self.data

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.data

    def sort_key(self, order: Any = None) -> Any:
        name = f"{type(self).__name__}{self.data}"
        return self.class_key(), (1, (name,)), sympy.S.One.sort_key(), sympy.S.One

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__}({', '.join(str(item) for item in self.data)})"


class Entry(IndexNode):
    """`key[at]`: one entry of a named array; a scalar has no positions."""

    @property
    def key(self) -> str:
        return str(self.data[0])

    @property
    def at(self) -> Position:
        return tuple(self.data[1])


class IndexValue(IndexNode):
    """An index used as a number."""

    @property
    def name(self) -> str:
        return str(self.data[0])


class Delta(IndexNode):
    """Kronecker's delta of two positions; build it with `delta`."""

    @property
    def sides(self) -> tuple[Affine, Affine]:
        return self.data[0], self.data[1]


class Order(IndexNode):
    """1 where `difference >= 1`, else 0: the indicator of `left < right`."""

    @property
    def difference(self) -> Affine:
        left, right = self.data
        return right - left  # type: ignore[no-any-return]


class Jacobian(IndexNode):
    """`∂key[at]/∂target[by]`, total, of a defined name; expanded when a normal form is taken."""

    @property
    def key(self) -> str:
        return str(self.data[0])

    @property
    def at(self) -> Position:
        return tuple(self.data[1])

    @property
    def target(self) -> str:
        return str(self.data[2])

    @property
    def by(self) -> Position:
        return tuple(self.data[3])


class IndexSum(Expr):  # type: ignore[misc]
    """The sum of its body over one bound index in an inclusive range."""

    __slots__ = ("high", "index", "low")
    is_commutative = True
    is_real = True

    def __new__(cls, body: Expr, index: str, low: Affine, high: Affine) -> IndexSum:
        node: IndexSum = Expr.__new__(cls, body)
        node.index, node.low, node.high = index, low, high
        return node

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*self.args, self.index, self.low, self.high)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self.args, self.index, self.low, self.high)

    @property
    def body(self) -> Expr:
        return self.args[0]


def delta(left: Affine, right: Affine) -> Expr:
    """Kronecker's delta; 1 or 0 at once when the positions differ by a constant."""
    difference = left - right
    if not difference.terms:
        return sympy.S.One if difference.constant == 0 else sympy.S.Zero
    if str(right) < str(left):
        left, right = right, left
    return Delta(left, right)


def size(name: str) -> Expr:
    """The symbol of a size: a positive integer."""
    return sympy.Symbol(name, integer=True, positive=True)


def fresh_names() -> Iterator[str]:
    """Names for bound indices that no author can write."""
    number = 0
    while True:
        number += 1
        yield f"~{number}"
