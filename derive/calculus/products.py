"""Products over an index, `∏_k f_k`, in normal forms.

    ("prod", ranges, factor, level)     the product of a frozen polynomial over bound indices

The product of a product is the product of the products, so the factor of an atom is irreducible:
one entry, one sum, one polynomial. The exponential of a sum is the product of exponentials, and
what does not depend on the index is raised to the number of factors.

    ∂ ∏_k f_k = ∏_k f_k · Σ_k ∂f_k / f_k      where no factor is zero
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import permutations
from typing import Any

from sympy import Expr, Pow, S

from derive.calculus.algebra import MAX_WRITTEN_OUT, Algebra, Change
from derive.calculus.borders import ends, never_negative
from derive.calculus.clearing import together
from derive.calculus.contraction import Range
from derive.calculus.factoring import content_and_common, irreducible_factors
from derive.calculus.indexed import IndexSum, delta
from derive.calculus.logarithms import logarithm
from derive.calculus.piecewise import is_positive
from derive.calculus.polynomial import (
    UNIT,
    Atom,
    Frozen,
    Index,
    Polynomial,
    Position,
    Rational,
    add_into,
    constant,
    freeze,
    indices_of,
    indices_of_frozen,
    level_of,
    move_position,
    of_atom,
    position_value,
    rename_frozen,
    scale,
    serial,
    thaw,
)
from derive.calculus.positions import as_position, renamed
from derive.calculus.rules import PRODUCT_OVER
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.terms import Affine


class IndexProduct(Expr):  # type: ignore[misc]
    """The product of its body over one bound index in an inclusive range, `skip` left out.

    `term` is the factor as the author wrote it.
    """

    __slots__ = ("high", "index", "low", "skip", "term")
    is_commutative = True
    is_real = True
    index: str
    low: Affine
    high: Affine
    skip: Affine | None
    term: t.Term

    def __new__(
        cls, body: Expr, index: str, low: Affine, high: Affine, skip: Affine | None, term: t.Term
    ) -> IndexProduct:
        node: IndexProduct = Expr.__new__(cls, body)
        node.index, node.low, node.high, node.skip, node.term = index, low, high, skip, term
        return node

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*self.args, self.index, self.low, self.high, self.skip, self.term)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self.args, self.index, self.low, self.high, self.skip, self.term)

    @property
    def body(self) -> Expr:
        return self.args[0]

    def changed(self, change: Expr) -> Expr:
        """The derivative when the body changes by `change`; no factor is zero."""
        each = change * Pow(self.body, S.NegativeOne, evaluate=False)
        if self.skip is not None:
            each = each * (1 - delta(Affine.name(self.index), self.skip))
        return self * IndexSum(each, self.index, self.low, self.high)


def left_out(term: t.Sum, names: Mapping[str, Affine]) -> Affine:
    """The position that the condition of a product over one index leaves out."""
    match term:
        case t.Sum(bounds=(bound,), condition=(t.Comparison(left, "!=", right),)):
            a, b = renamed(as_position(left), names), renamed(as_position(right), names)
            own = names[bound.name]
            if own in (a, b) and a != b:
                skip = b if a == own else a
                if own.single not in skip.names:
                    return skip
    raise UnsupportedError("a product under this condition is not proved yet")


class ProductAlgebra(Algebra):
    """The operations on polynomials, with products over an index."""

    def transform_product(self, atom: Atom, change: Change) -> Polynomial:
        ranges, factor = open_product(self, atom)
        moved = {
            name: (move_position(low, change.moves), move_position(high, change.moves))
            for name, (low, high) in ranges.items()
        }
        self.ranges.update(moved)
        body = self.transform(factor, change)
        for name, limits in moved.items():
            body = product_over(self, body, name, limits)
        return body

    def log_of_product(self, atom: Atom) -> Polynomial:
        ranges, factor = open_product(self, atom)
        body = logarithm(self, factor)
        for name, limits in ranges.items():
            body = self.sum_over(body, name, limits)
        return body


def open_product(algebra: Algebra, atom: Atom) -> tuple[dict[str, Range], Polynomial]:
    """Ranges and factor of a product under fresh names for its bound indices."""
    _, limits, factor, level = atom
    fresh = [next(algebra.fresh) for _ in limits]
    names: dict[Index, Index] = {level + k: name for k, name in enumerate(fresh)}
    ranges = dict(zip(fresh, limits, strict=True))
    algebra.ranges.update(ranges)
    return ranges, thaw(rename_frozen(factor, names))


def product_over(algebra: Algebra, body: Polynomial, index: str, limits: Range) -> Polynomial:
    """`∏` of the body over the index in its inclusive range."""
    algebra.ranges[index] = limits
    if not body:
        if not never_negative((limits[0], (limits[1][0], limits[1][1] - 1))):
            raise UnsupportedError("a product of zeros that may be empty")
        return {}
    algebra.trace.fire(PRODUCT_OVER)
    written = _written_out(algebra, body, index, limits)
    if written is not None:
        return written
    above, outside = together(algebra.multiply, body)
    content, common, primitive = content_and_common(above)
    result = _repeated(algebra, constant(content), index, limits)
    for atom, exponent in sorted((*common, *outside), key=serial):
        result = algebra.multiply(result, _of_atom(algebra, atom, exponent, index, limits))
    for factor, times in irreducible_factors(primitive):
        if factor != UNIT:
            each = _of_factor(algebra, factor, index, limits)
            result = algebra.multiply(result, algebra.power(each, times))
    return result


def _written_out(
    algebra: Algebra, body: Polynomial, index: str, limits: Range
) -> Polynomial | None:
    """A short product between numbers, where the attempt is thorough."""
    between = ends(limits)
    if between is None:
        return None
    algebra.left_over = True
    first, last = between
    if not algebra.thorough or last - first >= MAX_WRITTEN_OUT:
        return None
    result = constant(1)
    for k in range(first, last + 1):
        result = algebra.multiply(result, algebra.substitute(body, {index: ((), k)}))
    return result


def _of_atom(
    algebra: Algebra, atom: Atom, exponent: Rational, index: str, limits: Range
) -> Polynomial:
    if index not in indices_of(atom):
        return _repeated(algebra, of_atom(atom, exponent), index, limits)
    if atom[0] in ("delta", "order", "step", "kink", "any"):
        raise UnsupportedError("a product over cases is not proved yet")
    if atom[0] == "exp":
        exponents: Polynomial = {atom[1]: exponent}
        return algebra.exponential(algebra.sum_over(exponents, index, limits))
    factor = thaw(atom[1]) if atom[0] == "power" else of_atom(atom)
    return _to_power(_of_factor(algebra, factor, index, limits), exponent, algebra)


def _to_power(form: Polynomial, exponent: Rational, algebra: Algebra) -> Polynomial:
    """A power of a product; of a root, of each factor, which is then not negative."""
    if Fraction(exponent).denominator == 1:
        return algebra.power(form, exponent)
    ((monomial, coefficient),) = form.items()
    if coefficient != 1:
        raise UnsupportedError("a root of a product is not proved yet")
    return {frozenset((a, e * exponent) for a, e in monomial): 1}


def _of_factor(algebra: Algebra, factor: Polynomial, index: str, limits: Range) -> Polynomial:
    """The atom of the product of one irreducible factor."""
    if index not in indices_of_frozen(freeze(factor)):
        return _repeated(algebra, factor, index, limits)
    ranges = {index: limits}
    inner = _single_product(factor)
    if inner is not None:
        opened, factor = open_product(algebra, inner)
        ranges.update(opened)
    return of_atom(_named(ranges, freeze(factor)))


def _single_product(factor: Polynomial) -> Atom | None:
    if len(factor) == 1:
        ((monomial, coefficient),) = factor.items()
        if coefficient == 1 and len(monomial) == 1:
            ((atom, exponent),) = monomial
            if atom[0] == "prod" and exponent == 1:
                return atom
    return None


def _named(ranges: Mapping[str, Range], factor: Frozen) -> Atom:
    """The product's atom under the order of its indices with the least serial form."""
    level = max((level_of(atom) for m, _ in factor for atom, _ in m), default=0)
    atoms = []
    for order in permutations(sorted(ranges)):
        names: dict[Index, Index] = {name: level + k for k, name in enumerate(order)}
        limits = tuple(ranges[name] for name in order)
        atoms.append(("prod", limits, rename_frozen(factor, names), level))
    return min(atoms, key=serial)


def _repeated(algebra: Algebra, factor: Polynomial, index: str, limits: Range) -> Polynomial:
    """What does not depend on the index, to the number of factors."""
    if factor == UNIT:
        return factor
    if not never_negative(limits):
        raise UnsupportedError("a product whose range may be shorter than empty")
    low, high = limits
    length = position_value(high, algebra.sizes)
    add_into(length, position_value(low, algebra.sizes), -1)
    add_into(length, constant(1))
    if set(length) <= {frozenset()}:
        return algebra.power(factor, length.get(frozenset(), 0))
    if len(factor) == 1 and _positive(algebra, factor):
        return algebra.exponential(algebra.multiply(length, logarithm(algebra, factor)))
    (floor, start), (top, end) = limits
    if floor or len(top) != 1 or top[0][1] < 1:
        return of_atom(_named({index: limits}, freeze(factor)))
    ((size, times),) = top
    axis: Range = ((), 1), (((size, 1),), 0)
    whole = _to_the_axis(algebra, factor, index, axis, times)
    return algebra.multiply(whole, algebra.power(factor, end - start + 1))


def _to_the_axis(
    algebra: Algebra, factor: Polynomial, index: str, axis: Range, times: int
) -> Polynomial:
    """A factor to a multiple of the size of an axis, the power of its sign apart."""
    content, rest = 1, factor
    if len(factor) == 1 and min(factor.values()) < 0:
        content, rest = -1, scale(factor, -1)
    whole = constant(1)
    if rest != UNIT:
        whole = (
            algebra.to_the_size(rest, axis[1])
            if len(rest) == 1 and _positive(algebra, rest)
            else of_atom(_named({index: axis}, freeze(rest)))
        )
    if content < 0:
        whole = algebra.multiply(whole, of_atom(("parity", axis[1])))
    return algebra.power(whole, times)


def _positive(algebra: Algebra, factor: Polynomial) -> bool:
    ((monomial, coefficient),) = factor.items()
    return coefficient > 0 and all(is_positive(algebra, atom) for atom, _ in monomial)


def without(
    algebra: Algebra, product: Polynomial, body: Polynomial, index: str, skip: Position
) -> Polynomial:
    """The product with the factor at one position left out, which is not zero and in range."""
    if not algebra.covers(algebra.ranges[index], skip):
        raise UnsupportedError("a factor that may lie outside the range of the product")
    left_out = algebra.substitute(body, {index: skip})
    return algebra.multiply(product, algebra.power(left_out, -1))
