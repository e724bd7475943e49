"""Functions that are known by their arguments only: without a definition, or over a whole array.

A function without a definition is differentiated by its arguments, each derivative being a
function of its own. The largest entry of an array is a number with no derivative.
"""

from __future__ import annotations

from typing import Any

from sympy import Expr

from derive.meaning.terms import Affine


class OpaqueCall(Expr):  # type: ignore[misc]
    """`name(arguments)`, differentiated `orders[k]` times by argument k."""

    __slots__ = ("name", "orders")
    is_commutative = True
    is_real = True
    name: str
    orders: tuple[int, ...]

    def __new__(cls, name: str, orders: tuple[int, ...], *arguments: Expr) -> OpaqueCall:
        node: OpaqueCall = Expr.__new__(cls, *arguments)
        node.name, node.orders = name, orders or (0,) * len(arguments)
        return node

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.orders, *self.args)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.name, self.orders, *self.args)

    def fdiff(self, argindex: int = 1) -> OpaqueCall:
        """The derivative by the argument with this number, counted from 1."""
        orders = tuple(n + (k == argindex - 1) for k, n in enumerate(self.orders))
        return OpaqueCall(self.name, orders, *self.args)


class Extreme(Expr):  # type: ignore[misc]
    """The `max` or `min` of an array, whose generic entry stands at `indices` of `shape`."""

    __slots__ = ("indices", "name", "shape")
    is_commutative = True
    is_real = True
    name: str
    indices: tuple[str, ...]
    shape: tuple[Affine, ...]

    def __new__(
        cls, body: Expr, name: str, indices: tuple[str, ...], shape: tuple[Affine, ...]
    ) -> Extreme:
        node: Extreme = Expr.__new__(cls, body)
        node.name, node.indices, node.shape = name, indices, shape
        return node

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*self.args, self.name, self.indices, self.shape)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self.args, self.name, self.indices, self.shape)

    @property
    def body(self) -> Expr:
        return self.args[0]


def generic_indices(shape: tuple[Affine, ...]) -> tuple[str, ...]:
    """Names for the axes of an array under `max`; the same for arrays of the same shape."""
    return tuple(f"$m{axis} {extent}" for axis, extent in enumerate(shape))
