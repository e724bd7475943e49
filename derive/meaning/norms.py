"""Bars, norms, inner products in angle brackets, and roots."""

from __future__ import annotations

from fractions import Fraction

from derive.meaning import terms as t
from derive.meaning.setting import Setting, Typed
from derive.meaning.shapes import describe
from derive.reading import syntax as s


def bars(setting: Setting, node: s.Bars) -> Typed:
    r"""`|x|` entry by entry; `\|x\|` the root of the sum of squares, `\|x\|_1`, `\|x\|_\infty`."""
    value = setting.term(node.body)
    if not node.double:
        return Typed(t.Function("abs", (value.term,), value.shape), value.row)
    size = t.Function("abs", (value.term,), value.shape)
    match node.sub:
        case None | s.Name(letter="F" | "2") | s.Number(text="2") if not value.shape:
            return Typed(size)
        case None | s.Name(letter="F"):
            return Typed(t.MatrixFunction("norm", value.term, ()))
        case s.Number(text="2") if len(value.shape) == 1:
            return Typed(t.MatrixFunction("norm", value.term, ()))
        case s.Number(text="1") if len(value.shape) == 1:
            return Typed(_sum_of(setting, size))
        case s.Name(letter="\\infty") if len(value.shape) == 1:
            return Typed(t.Function("max", (size,), ()))
        case s.Number(text="2"):
            raise setting.error(
                "the spectral norm is not read",
                node,
                "Write \\|A\\|_F for the root of all squares.",
            )
        case _:
            raise setting.error(
                "this norm is not read",
                node,
                "Of a vector the norms 1, 2 and \\infty are read, of a matrix that of Frobenius.",
            )


def _sum_of(setting: Setting, term: t.Term) -> t.Term:
    """The sum of the entries of a vector."""
    letter = _unused(setting, term)
    entry = t.Element(term, (t.Affine.name(letter),))
    bound = t.Bound(letter, t.Affine.number(1), term.shape[0])
    return t.Sum((bound,), (), entry, False)


def _unused(setting: Setting, term: t.Term) -> str:
    """An index letter that nothing around uses."""
    letter = "n'"
    while (
        setting.indices.is_bound(letter)
        or letter in setting.indices.free
        or letter in setting.names.sizes
        or f"'{letter}'" in repr(term)
    ):
        letter += "'"
    return letter


def inner_product(setting: Setting, left: s.Expr, right: s.Expr, node: s.Node) -> Typed:
    r"""`\langle a, b \rangle`: the sum of the products of entries, of two equal shapes."""
    one, other = setting.term(left), setting.term(right)
    if one.shape != other.shape:
        raise setting.ill_typed(
            f"no inner product of {describe(one.shape)} and {describe(other.shape)}", node
        )
    match len(one.shape):
        case 0:
            return Typed(t.Multiply((one.term, other.term), ()))
        case 1:
            return Typed(t.MatrixProduct(one.term, other.term))
        case 2:
            product = t.MatrixProduct(t.Transposed(one.term), other.term)
            return Typed(t.MatrixFunction("trace", product, ()))
        case _:
            raise setting.error("an inner product is read of vectors and of matrices", node)


def root(setting: Setting, node: s.Root) -> Typed:
    """The root of each entry."""
    body = setting.term(node.body)
    half: t.Term = t.Number(Fraction(1, 2))
    if node.degree is not None:
        degree = setting.scalar(node.degree, "the degree of a root")
        if isinstance(degree, t.Number) and degree.value > 0:
            half = t.Number(1 / degree.value)
        else:
            half = t.Divide(t.Number(Fraction(1)), degree, ())
    return Typed(t.Power(body.term, half), body.row)
