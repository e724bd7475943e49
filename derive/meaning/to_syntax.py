"""Typed term → syntax: how a term that no author wrote is printed."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import assert_never

from derive.meaning import terms as t
from derive.reading import syntax as s
from derive.reading.parse import parse_expression


@lru_cache(maxsize=1024)
def name(latex: str) -> s.Expr:
    """The syntax of a name from its LaTeX spelling."""
    return parse_expression(latex)


def to_syntax(term: t.Term) -> s.Expr:
    """Print a typed term in the order in which its parts stand."""
    match term:
        case t.Number(value):
            return number(value)
        case t.Constant(which):
            return s.Name("\\pi" if which == "pi" else "e")
        case t.Position(at):
            return position(at)
        case t.Variable(symbol):
            return name(symbol.latex or symbol.key)
        case t.Element(t.Variable() as base, at):
            return _subscripted(to_syntax(base), _indices(at))
        case t.Element(base, at):
            return s.Subscript(_atom(to_syntax(base)), _indices(at))
        case t.Add(terms):
            return _sum(terms)
        case t.Multiply(factors):
            return _product(factors)
        case t.Divide(above, below):
            return s.Frac(to_syntax(above), to_syntax(below))
        case t.Power(base, exponent):
            return s.Power(_atom(to_syntax(base)), to_syntax(exponent))
        case t.MatrixProduct(left, right) if len(left.shape) == 1:
            return s.Product((_row_vector(left), _factor(right)), ("",))
        case t.MatrixProduct(left, right):
            return s.Product((_factor(left), _factor(right)), ("",))
        case t.Outer(left, right):
            return s.Product((_factor(left), s.Transpose(_factor(right), "\\top")), ("",))
        case t.Transposed(base):
            return s.Transpose(_atom(to_syntax(base)), "\\top")
        case t.Inverse(base):
            return s.Power(_atom(to_syntax(base)), number(Fraction(-1)))
        case t.MatrixFunction(which, argument):
            return _matrix_function(which, argument)
        case t.Identity():
            return s.Name("I")
        case t.Filled(value):
            return number(value)
        case t.Sum():
            return _big(term)
        case t.Indicator(condition):
            return _indicator(condition)
        case t.Cases(rows):
            return s.Cases(tuple(_row(value, condition) for value, condition in rows))
        case t.Function(which, arguments, _, orders, True) if len(orders) <= 1:
            return _opaque(which, arguments, *orders)
        case t.Function(which, arguments):
            return _call(which, arguments)
        case t.Derivative():
            return _derivative(term)
        case _:
            assert_never(term)


def number(value: Fraction) -> s.Expr:
    """A rational: an integer, or a fraction with its sign in front."""
    size = abs(value)
    shown: s.Expr = s.Number(str(size.numerator))
    if size.denominator != 1:
        shown = s.Frac(shown, s.Number(str(size.denominator)))
    return s.Sum(("-",), (shown,)) if value < 0 else shown


def position(at: t.Affine) -> s.Expr:
    """A position such as `i`, `N`, `i + 1`."""
    signs: list[str] = []
    terms: list[s.Expr] = []
    for index, coefficient in at.terms:
        letter = name(index)
        signs.append("-" if coefficient < 0 else "+")
        size = abs(coefficient)
        terms.append(letter if size == 1 else s.Product((s.Number(str(size)), letter), ("",)))
    if at.constant or not terms:
        signs.append("-" if at.constant < 0 else "+")
        terms.append(s.Number(str(abs(at.constant))))
    if signs[0] == "+":
        signs[0] = ""
    return terms[0] if len(terms) == 1 and not signs[0] else s.Sum(tuple(signs), tuple(terms))


def _indices(at: tuple[t.Affine | None, ...]) -> tuple[s.Expr, ...]:
    items = [s.Slice() if p is None else position(p) for p in at]
    if len(items) > 1 and all(isinstance(item, s.Name) for item in items):
        return (s.Product(tuple(items), ("",) * (len(items) - 1)),)
    return tuple(items)


def _subscripted(shown: s.Expr, items: tuple[s.Expr, ...]) -> s.Expr:
    """A name with indices; a label above it, as in `x^{(t)}`, stays outermost."""
    if isinstance(shown, s.Power):
        return s.Power(_subscripted(shown.base, items), shown.exponent)
    return s.Subscript(_atom(shown), items)


def group(inner: s.Expr) -> s.Group:
    return s.Group("(", ")", inner)


def _atom(shown: s.Expr) -> s.Expr:
    """Bracket what cannot carry a subscript or an exponent."""
    plain = (s.Name, s.Number, s.Subscript, s.Group, s.Bars)
    return shown if isinstance(shown, plain) else group(shown)


def _factor(term: t.Term) -> s.Expr:
    """Bracket what cannot stand as a factor."""
    shown = to_syntax(term)
    return group(shown) if isinstance(shown, s.Sum | s.Cases) else shown


def _sum(terms: tuple[t.Term, ...]) -> s.Expr:
    signs: list[str] = []
    shown: list[s.Expr] = []
    for term in terms:
        negative, rest = _without_sign(term)
        signs.append("-" if negative else "+" if signs else "")
        inner = to_syntax(rest)
        shown.append(group(inner) if isinstance(inner, s.Sum) else inner)
    return s.Sum(tuple(signs), tuple(shown))


def _without_sign(term: t.Term) -> tuple[bool, t.Term]:
    match term:
        case t.Number(value) if value < 0:
            return True, t.Number(-value)
        case t.Multiply((t.Number(value), *rest), shape) if value < 0:
            if value == -1:
                return True, rest[0] if len(rest) == 1 else t.Multiply(tuple(rest), shape)
            return True, t.Multiply((t.Number(-value), *rest), shape)
        case t.Divide(above, below, shape):
            negative, positive = _without_sign(above)
            return negative, t.Divide(positive, below, shape) if negative else term
    return False, term


def _product(factors: tuple[t.Term, ...]) -> s.Expr:
    negative, rest = _without_sign(t.Multiply(factors, ()))
    inside = rest.factors if isinstance(rest, t.Multiply) else (rest,)
    shown = [_factor(f) for f in inside]
    for k, factor in enumerate(inside[:-1]):
        if isinstance(factor, t.Sum):
            shown[k] = group(shown[k])
    body = shown[0] if len(shown) == 1 else s.Product(tuple(shown), ("",) * (len(shown) - 1))
    return s.Sum(("-",), (body,)) if negative else body


def _big(term: t.Sum) -> s.Expr:
    body = _factor(term.body)
    command = "prod" if term.product else "sum"
    if term.condition:
        lower = tuple(_relation(c) for c in term.condition)
        return s.BigOperator(command, lower, None, body)
    for bound in reversed(term.bounds):
        start = s.Chain((name(bound.name), position(bound.low)), (s.Relation("="),))
        body = s.BigOperator(command, (start,), position(bound.high), body)
    return body


_SIGNS = {"==": "=", "!=": "\\neq", "<": "<", "<=": "\\le", ">": ">", ">=": "\\ge"}


def _relation(comparison: t.Comparison) -> s.Chain:
    sign = s.Relation(_SIGNS[comparison.sign])
    return s.Chain((to_syntax(comparison.left), to_syntax(comparison.right)), (sign,))


def _indicator(condition: t.Condition) -> s.Expr:
    if len(condition) == 1 and condition[0].sign == "==":
        sides = (to_syntax(condition[0].left), to_syntax(condition[0].right))
        return s.Subscript(s.Name("\\delta"), (s.Product(sides, ("",)),))
    shown = tuple(_relation(c) for c in condition)
    inside = shown[0] if len(shown) == 1 else s.List(shown)
    return s.Subscript(s.Name("1", font="mathbb"), (inside,))


def _row(value: t.Term, condition: t.Condition | None) -> s.Row:
    if condition is None:
        return s.Row(to_syntax(value), None, "otherwise")
    shown = tuple(_relation(c) for c in condition)
    return s.Row(to_syntax(value), shown[0] if len(shown) == 1 else s.List(shown))


_COMMANDS = frozenset(
    (
        *("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
        *("arcsin", "arccos", "arctan", "max", "min"),
    )
)


def _call(which: str, arguments: tuple[t.Term, ...]) -> s.Expr:
    shown = tuple(to_syntax(a) for a in arguments)
    if which == "abs":
        return s.Bars(shown[0])
    inside = shown[0] if len(shown) == 1 else s.List(shown)
    return s.Call(which, inside, font="" if which in _COMMANDS else "operatorname")


def _row_vector(term: t.Term) -> s.Expr:
    """A vector that stands as a row; a vector times a matrix is one as it is printed."""
    shown = to_syntax(term)
    if isinstance(term, t.MatrixProduct) and len(term.left.shape) == 1:
        return shown
    return s.Transpose(_atom(shown), "\\top")


def _opaque(which: str, arguments: tuple[t.Term, ...], order: int = 0) -> s.Expr:
    """`g(x)` or `g''(x)` of a function without a definition."""
    shown = tuple(to_syntax(a) for a in arguments)
    head = s.Prime(name(which), order) if order else name(which)
    inside = shown[0] if len(shown) == 1 else s.List(shown)
    return s.Product((head, group(inside)), ("",))


def _matrix_function(which: str, argument: t.Term) -> s.Expr:
    shown = to_syntax(argument)
    if which == "norm":
        return s.Bars(shown, double=True)
    command = {"trace": "tr"}.get(which, which)
    return s.Call(command, shown, font="" if command == "det" else "operatorname")


def _derivative(term: t.Derivative) -> s.Expr:
    target: s.Expr = name(term.target.latex or term.target.key)
    if term.at:
        target = _subscripted(target, _indices(term.at))
    return s.Derivative(_factor(term.of), ((target, 1),))
