"""Sums, products and powers of typed values: broadcasting, matrix, inner and outer products."""

from __future__ import annotations

from fractions import Fraction

from derive.meaning import terms as t
from derive.meaning.setting import Setting, Typed
from derive.meaning.shapes import broadcast, describe, is_square
from derive.reading import syntax as s

MINUS_ONE = t.Number(Fraction(-1))
ONE = t.Number(Fraction(1))


def add(setting: Setting, signs: tuple[str, ...], values: list[Typed], at: s.Node) -> Typed:
    """Terms with their signs; shapes broadcast, and an identity takes the size beside it."""
    terms: list[t.Term] = []
    shape: t.Shape = ()
    beside = next((v.shape for v in values if is_square(v.shape) and not v.unsized), ())
    values = [Typed(resized(v.term, beside[0])) if v.unsized and beside else v for v in values]
    for sign, value in zip(signs, values, strict=True):
        common = broadcast(shape, value.shape)
        if common is None:
            raise setting.ill_typed(f"cannot add {describe(shape)} and {describe(value.shape)}", at)
        shape = common
        terms.append(negate(value.term) if sign == "-" else value.term)
    row = any(v.row for v in values) and all(v.row or not v.shape for v in values)
    if len(terms) == 1:
        return Typed(terms[0], row)
    return Typed(t.Add(tuple(terms), shape), row)


def resized(term: t.Term, size: t.Affine) -> t.Term:
    """An identity, times scalars, in another size."""
    match term:
        case t.Identity():
            return t.Identity(size)
        case t.Multiply(factors):
            return t.Multiply(tuple(resized(f, size) for f in factors), (size, size))
    return term


def negate(term: t.Term) -> t.Term:
    """`-term`, a literal number kept a number."""
    match term:
        case t.Number(value=value):
            return t.Number(-value)
        case t.Multiply(factors=factors, shape=shape):
            return t.Multiply((MINUS_ONE, *factors), shape)
        case _:
            return t.Multiply((MINUS_ONE, term), term.shape)


def scale(left: Typed, right: Typed, shape: t.Shape) -> Typed:
    """The element-wise product; a product on the left takes one more factor."""
    row = left.row or right.row
    unsized = (left.unsized and not right.shape) or (right.unsized and not left.shape)
    if isinstance(left.term, t.Multiply):
        return Typed(t.Multiply((*left.term.factors, right.term), shape), row, unsized)
    return Typed(t.Multiply((left.term, right.term), shape), row, unsized)


def element_wise(setting: Setting, left: Typed, right: Typed, at: s.Node) -> Typed:
    shape = broadcast(left.shape, right.shape)
    if shape is None:
        raise setting.ill_typed(
            f"cannot multiply {describe(left.shape)} by {describe(right.shape)}", at
        )
    return scale(left, right, shape)


def divide(setting: Setting, left: Typed, right: Typed, at: s.Node) -> Typed:
    shape = broadcast(left.shape, right.shape)
    if shape is None:
        raise setting.ill_typed(
            f"cannot divide {describe(left.shape)} by {describe(right.shape)}", at
        )
    return Typed(t.Divide(left.term, right.term, shape), left.row or right.row)


def juxtapose(setting: Setting, left: Typed, right: Typed, at: s.Node) -> Typed:
    """`left right`: scaling, a matrix product where inner sizes match, else element by element."""
    if not left.shape or not right.shape:
        return scale(left, right, left.shape or right.shape)
    ranks = len(left.shape), len(right.shape)
    if ranks == (1, 1):
        return _two_vectors(setting, left, right, at)
    if max(ranks) == 2 and left.shape[-1] == right.shape[0] and not _stray_row(left, right):
        fits = broadcast(left.shape, right.shape) is not None and ranks != (2, 2)
        if fits and not (left.row or right.row):
            setting.met.add("product")
            if setting.choices.product == "element":
                return element_wise(setting, left, right, at)
        return Typed(t.MatrixProduct(left.term, right.term), left.row)
    return element_wise(setting, left, right, at)


def _stray_row(left: Typed, right: Typed) -> bool:
    """A row vector to the right of a matrix does not multiply it."""
    return right.row and len(right.shape) == 1 and len(left.shape) == 2


def _two_vectors(setting: Setting, left: Typed, right: Typed, at: s.Node) -> Typed:
    if left.row and not right.row:
        if left.shape != right.shape:
            raise setting.ill_typed(
                f"no inner product of {describe(left.shape)} and {describe(right.shape)}", at
            )
        return Typed(t.MatrixProduct(left.term, right.term))
    if right.row and not left.row:
        return Typed(t.Outer(left.term, right.term))
    return element_wise(setting, left, right, at)


def dot(setting: Setting, left: Typed, right: Typed, at: s.Node) -> Typed:
    r"""`left \cdot right`: inner or element-wise between vectors, else as juxtaposition."""
    if len(left.shape) == len(right.shape) == 1 and left.shape == right.shape:
        setting.met.add("dot")
        if setting.choices.dot == "element":
            return element_wise(setting, left, right, at)
        return Typed(t.MatrixProduct(left.term, right.term))
    return juxtapose(setting, left, right, at)


def outer(setting: Setting, left: Typed, right: Typed, at: s.Node) -> Typed:
    if not left.shape or not right.shape:
        return scale(left, right, left.shape or right.shape)
    if len(left.shape) == len(right.shape) == 1:
        return Typed(t.Outer(left.term, right.term))
    raise setting.ill_typed("an outer product takes two vectors", at)


def combine(setting: Setting, operator: str, left: Typed, right: Typed, at: s.Node) -> Typed:
    """Apply the operator that stands between two factors."""
    match operator:
        case "":
            return juxtapose(setting, left, right, at)
        case "\\cdot":
            return dot(setting, left, right, at)
        case "/":
            return divide(setting, left, right, at)
        case "\\otimes":
            return outer(setting, left, right, at)
        case _:
            return element_wise(setting, left, right, at)


def power(setting: Setting, base: Typed, exponent: t.Term, at: s.Node, entries: bool) -> Typed:
    """`base^exponent`: the matrix's for integers on a square matrix, else element by element."""
    if exponent.shape:
        raise setting.ill_typed(
            f"an exponent must be a scalar, but has {describe(exponent.shape)}", at
        )
    whole = exponent.value if isinstance(exponent, t.Number) else None
    if is_square(base.shape) and not entries and whole is not None and whole.denominator == 1:
        return Typed(_matrix_power(setting, base.term, int(whole), at))
    return Typed(t.Power(base.term, exponent), base.row)


def _matrix_power(setting: Setting, base: t.Term, exponent: int, at: s.Node) -> t.Term:
    if exponent == 0:
        return t.Identity(base.shape[0])
    if abs(exponent) > 16:
        raise setting.error("a matrix power above 16 is not read", at)
    factor = t.Inverse(base) if exponent < 0 else base
    result: t.Term = factor
    for _ in range(abs(exponent) - 1):
        result = t.MatrixProduct(result, factor)
    return result
