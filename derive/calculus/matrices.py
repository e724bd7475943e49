"""Inverse and determinant as index expressions, with their derivatives.

    ∂(X⁻¹)_ij = - Σ_pq (X⁻¹)_ip ∂X_pq (X⁻¹)_qj,      ∂ det X = det X Σ_pq (X⁻¹)_qp ∂X_pq

(Petersen and Pedersen, The Matrix Cookbook, 2012, equations 40 and 46).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Expr

from derive.calculus.indexed import IndexSum, delta
from derive.meaning import terms as t
from derive.meaning.terms import Affine

Fresh = Callable[[], str]


class OfMatrix(Expr):  # type: ignore[misc]
    """A function of a square matrix: `body` is its entry at `indices`, `extent` its size.

    `term` is the determinant that must not be zero.
    """

    __slots__ = ("at", "extent", "indices", "term")
    is_commutative = True
    is_real = True
    indices: tuple[str, str]
    extent: Affine
    at: tuple[Affine, ...]
    term: t.Term

    def __new__(
        cls,
        body: Expr,
        indices: tuple[str, str],
        extent: Affine,
        at: tuple[Affine, ...],
        term: t.Term,
    ) -> OfMatrix:
        node: OfMatrix = Expr.__new__(cls, body)
        node.indices, node.extent, node.at, node.term = indices, extent, at, term
        return node

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*self.args, self.indices, self.extent, self.at, self.term)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self.args, self.indices, self.extent, self.at, self.term)

    @property
    def body(self) -> Expr:
        return self.args[0]

    def inverse(self, row: Affine, column: Affine) -> Expr:
        """The entry of the inverse of the same matrix."""
        return InverseEntry(self.body, self.indices, self.extent, (row, column), self.term)

    def summed(self, body: Expr, indices: tuple[str, str]) -> Expr:
        """The sum of a body over two indices of the matrix."""
        for index in indices:
            body = IndexSum(body, index, Affine.number(1), self.extent)
        return body


class InverseEntry(OfMatrix):
    """`(X⁻¹)[at]`."""


class Determinant(OfMatrix):
    """`det X`."""


def of_change(node: OfMatrix, change: Expr, fresh: Fresh) -> Expr:
    """The derivative of a function of a matrix whose entry changes by `change`."""
    p, q = (Affine.name(index) for index in node.indices)
    if isinstance(node, Determinant):
        return node * node.summed(node.inverse(q, p) * change, node.indices)
    row, column = node.at
    names = fresh(), fresh()
    a, b = (Affine.name(name) for name in names)
    # The indices of the matrix may occur in `row` and `column`, so only the change is under them.
    moved = node.summed(delta(p, a) * delta(q, b) * change, node.indices)
    return -node.summed(node.inverse(row, a) * moved * node.inverse(b, column), names)
