"""Syntax to typed terms: one function over the closed set of nodes."""

from __future__ import annotations

from fractions import Fraction
from typing import assert_never

from derive.meaning import products
from derive.meaning import terms as t
from derive.meaning.applying import applied, unapplied
from derive.meaning.derivatives import derivative, differentiate, target_of
from derive.meaning.functions import call
from derive.meaning.names import key_of, walk
from derive.meaning.norms import bars, inner_product, root
from derive.meaning.setting import Setting, Typed
from derive.meaning.shapes import is_square
from derive.meaning.subscripts import condition, index_letter, is_index, known, name, subscript
from derive.meaning.sums import big_operator, cases
from derive.reading import syntax as s

_MAX_DIGITS = 60


def elaborate(setting: Setting, expr: s.Expr) -> Typed:
    """The typed value of an expression; raises `MeaningError` or `IllTypedError`."""
    match expr:
        case s.Number():
            return _number(setting, expr)
        case s.Name():
            return unapplied(setting, expr) or name(setting, expr)
        case s.Subscript():
            return subscript(setting, expr)
        case s.Power():
            return _power(setting, expr)
        case s.Transpose():
            return _transpose(setting, expr)
        case s.Prime():
            return _prime(setting, expr)
        case s.Sum(signs=signs, terms=parts):
            values = [elaborate(setting, part) for part in parts]
            return products.add(setting, signs, values, expr)
        case s.Product():
            return _product(setting, expr)
        case s.Frac(numerator=numerator, denominator=denominator):
            above, below = elaborate(setting, numerator), elaborate(setting, denominator)
            return products.divide(setting, above, below, expr)
        case s.Derivative():
            return derivative(setting, expr)
        case s.BigOperator():
            return big_operator(setting, expr)
        case s.Group(opening="\\langle", body=s.List(items=(left, right))):
            return inner_product(setting, left, right, expr)
        case s.Group(opening="\\langle"):
            raise setting.error(_NO_AVERAGE, expr, "Write the mean as a sum.")
        case s.Group(body=body):
            return elaborate(setting, body)
        case s.Bars():
            return bars(setting, expr)
        case s.Call():
            return call(setting, expr)
        case s.Root():
            return root(setting, expr)
        case s.Cases():
            return cases(setting, expr)
        case s.Underbrace(body=body):
            return elaborate(setting, body)
        case s.Chain():
            return Typed(t.Indicator(condition(setting, expr)))
        case s.Star() | s.Slice() | s.Dots() | s.List() | s.Mapping() | s.Words():
            raise setting.error(_NO_VALUE[type(expr)], expr, _INSTEAD.get(type(expr), ""))
        case _:
            assert_never(expr)


_NO_AVERAGE = "angle brackets are read around two vectors or matrices only"
_NO_VALUE: dict[type[s.Node], str] = {
    s.Star: "a star stands here without a name",
    s.Slice: "a colon stands here outside a subscript",
    s.Dots: "dots leave open what is meant",
    s.List: "a list stands here where one value is expected",
    s.Mapping: "a function type stands here where a value is expected",
    s.Words: "words stand here where a value is expected",
}

_INSTEAD: dict[type[s.Node], str] = {
    s.Dots: "Write the sum with its sign, \\sum_{i=1}^{N}, or the product with \\prod_{i=1}^{N}.",
    s.List: "State one equation for each of the values.",
}


def _number(setting: Setting, expr: s.Number) -> Typed:
    if "e" in expr.text.lower() and known(setting, "e"):
        raise setting.error(
            f"{expr.text} is a power of ten, and e is a name here",
            expr,
            "Write 10^{-5} for the power, or a sign of multiplication before e.",
        )
    if len(expr.text) > _MAX_DIGITS:
        raise setting.error(f"a number of more than {_MAX_DIGITS} digits is not read", expr)
    return Typed(t.Number(expr.value))


def _power(setting: Setting, expr: s.Power) -> Typed:
    key = key_of(expr)
    if key is not None and known(setting, key):
        return name(setting, expr)
    if isinstance(expr.exponent, s.Star):
        return name(setting, expr)
    if key_of(expr.base) == "e" and not known(setting, "e"):
        exponent = elaborate(setting, expr.exponent)
        return Typed(t.Function("exp", (exponent.term,), exponent.shape), exponent.row)
    if _is_label(setting, expr):
        raise setting.error(
            f"{setting.text(expr)} is not declared, and is not read as a power",
            expr,
            "Declare this name; write x_i for an entry and x^{i} for a power.",
        )
    base = elaborate(setting, expr.base)
    exponent = elaborate(setting, expr.exponent)
    return products.power(setting, base, exponent.term, expr, entries=bool(expr.operator))


def _is_label(setting: Setting, expr: s.Power) -> bool:
    """Whether an exponent in parentheses is a label, `x^{(i)}`, rather than a power."""
    base = expr.base.base if isinstance(expr.base, s.Subscript) else expr.base
    match expr.exponent:
        case s.Group(opening="(", body=s.Name() | s.Number() | s.Words()):
            return key_of(base) is not None
        case s.Group(opening="(", body=s.Sum() | s.Product() | s.List() as body):
            letters = {index_letter(node) for node in walk(body)} - {None}
            return key_of(base) is not None and any(
                is_index(setting, letter, subscript=False) for letter in letters if letter
            )
        case _:
            return False


def _transpose(setting: Setting, expr: s.Transpose) -> Typed:
    base = elaborate(setting, expr.base)
    if expr.mark == "T" and not base.shape and known(setting, "T"):
        return Typed(t.Power(base.term, t.Variable(setting.names.symbols["T"])))
    if len(base.shape) > 2:
        raise setting.ill_typed("only a vector or a matrix has a transpose", expr)
    if expr.mark.startswith("-"):
        if not is_square(base.shape):
            raise setting.ill_typed("only a square matrix has an inverse", expr)
        return Typed(t.Transposed(t.Inverse(base.term)))
    if len(base.shape) < 2:
        return Typed(base.term, not base.row and bool(base.shape))
    return Typed(t.Transposed(base.term))


def _prime(setting: Setting, expr: s.Prime) -> Typed:
    key = key_of(expr)
    if key is not None and known(setting, key):
        return name(setting, expr)
    letter = index_letter(expr)
    if letter is not None and is_index(setting, letter, subscript=False):
        return name(setting, expr)
    by = setting.names.prime
    if by is None:
        return name(setting, expr) if key is not None else _unknown_prime(setting, expr)
    value = elaborate(setting, expr.base).term
    for _ in range(expr.count):
        value = differentiate(setting, value, target_of(setting, by))
    return Typed(value)


def _unknown_prime(setting: Setting, expr: s.Prime) -> Typed:
    raise setting.error(
        "a prime stands here, and the text does not say what it derives by",
        expr,
        advice="Write the derivative as a fraction.",
    )


def _product(setting: Setting, expr: s.Product) -> Typed:
    """Factors from left to right; applications and `d`-names are found first."""
    result: Typed | None = None
    position = 0
    while position < len(expr.factors):
        operator = expr.operators[position - 1] if position else ""
        value, taken = _factor(setting, expr, position)
        if result is None:
            result = value
        else:
            result = products.combine(setting, operator, result, value, expr)
        position += taken
    if result is None:
        return Typed(t.Number(Fraction(1)))
    return result


def _factor(setting: Setting, expr: s.Product, position: int) -> tuple[Typed, int]:
    """The value that begins at a factor, and how many factors it takes."""
    factor = expr.factors[position]
    if position + 1 < len(expr.factors) and expr.operators[position] == "":
        following = expr.factors[position + 1]
        if is_d(setting, factor):
            derived = _gradient_name(setting, factor, following)
            if derived is not None:
                return derived, 2
        value = applied(setting, factor, following)
        if value is not None:
            return value, 2
    return elaborate(setting, factor), 1


def is_d(setting: Setting, factor: s.Expr) -> bool:
    """Whether a factor is the `d` of a name such as `dy`."""
    return (
        isinstance(factor, s.Name)
        and factor.letter == "d"
        and not factor.accents
        and not known(setting, "d")
        and (bool(factor.font) or "d" not in setting.names.sizes)
        and not setting.indices.is_bound("d")
    )


def _gradient_name(setting: Setting, d: s.Expr, following: s.Expr) -> Typed | None:
    r"""`d y_i`: a defined name of that spelling, else `∂L/∂y_i` for the one objective."""
    match following:
        case s.Power(base=base, exponent=exponent) if not _is_square_name(setting, following):
            inner = _gradient_name(setting, d, base)
            if inner is None:
                return None
            raised = setting.scalar(exponent, "an exponent")
            return products.power(setting, inner, raised, following, entries=False)
        case s.Subscript(base=base, items=items) if (key := key_of(base)) is not None:
            if known(setting, "d" + key):
                spelled = s.Name("d" + key, span=d.span.to(base.span))
                return subscript(setting, s.Subscript(spelled, items, span=following.span))
        case _:
            key = key_of(following)
            if key is not None and known(setting, "d" + key):
                return name(setting, s.Name("d" + key, span=d.span.to(following.span)))
    if not _derivable(setting, following) or len(setting.names.objectives) != 1:
        return None
    objective = t.Variable(setting.names.objectives[0])
    if key_of(following) == objective.symbol.key:
        raise setting.error(
            "a differential is not read", d, "Write a derivative, \\frac{\\partial L}{\\partial x}."
        )
    return Typed(differentiate(setting, objective, target_of(setting, following)))


def _is_square_name(setting: Setting, expr: s.Power) -> bool:
    base = expr.base.base if isinstance(expr.base, s.Subscript) else expr.base
    key = key_of(base)
    return (
        key is not None
        and setting.key(key) in setting.names.squares
        and isinstance(expr.exponent, s.Number)
        and expr.exponent.text == "2"
    )


def _derivable(setting: Setting, expr: s.Expr) -> bool:
    base = expr
    while isinstance(base, s.Subscript | s.Power):
        base = base.base
    key = key_of(base)
    if key is None:
        return False
    return known(setting, key) or setting.names.capital(setting.key(key)) is not None
