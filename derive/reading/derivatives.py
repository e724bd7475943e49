"""Fractions and slashes that are derivatives: `\\frac{\\partial f}{\\partial x}`, `df/dx`."""

from __future__ import annotations

from typing import cast

from derive.reading.heads import (
    BigHead,
    DerivativeHead,
    Factor,
    FunctionHead,
    Head,
    Nabla,
    Partial,
)
from derive.reading.span import Span
from derive.reading.syntax import Derivative, Expr, Name, Node, Number, Power, Product


def _sign(factor: Factor) -> tuple[str, int] | None:
    r"""The derivative sign that a factor is, with its order: `\partial`, `d^2`, `\mathrm{d}`."""
    match factor:
        case Partial(order=order):
            return "\\partial", order
        case Name(letter="d", font="", accents=()):
            return "d", 1
        case Name(letter="d", font="mathrm" | "text" | "textrm" | "operatorname", accents=()):
            return "\\mathrm{d}", 1
        case Power(base=Name() as base, exponent=Number(text=text)) if text in ("2", "3", "4"):
            inner = _sign(base)
            return (inner[0], int(text)) if inner else None
        case _:
            return None


def fraction_derivative(
    numerator: Factor, denominator: Factor, command: str, span: Span
) -> Expr | DerivativeHead | None:
    r"""`\frac{\partial f}{\partial x}` or `\frac{d}{dx}`; None when it is another fraction."""
    above = _signed(numerator)
    below = _signed(denominator)
    if above is None or below is None or above[0] != below[0] or not below[2]:
        return None
    sign, order, of = above
    by = _variables(cast(Expr, denominator), sign, order)
    if by is None:
        return None
    if of is None:
        return DerivativeHead(by, "operator", sign, order, command, span=span)
    return Derivative(of, by, "frac", sign, order, command, span=span)


def _signed(factor: Factor) -> tuple[str, int, Expr | None] | None:
    """The sign at the head of a numerator or denominator, its order, and the rest."""
    if not isinstance(factor, Product):
        sign = _sign(factor)
        return (*sign, None) if sign else None
    sign = _sign(factor.factors[0])
    if sign is None or factor.operators[0]:
        return None
    return (*sign, _rest(factor.factors[1:], factor.operators[1:]))


def _rest(factors: tuple[Expr, ...], operators: tuple[str, ...]) -> Expr:
    if len(factors) == 1:
        return factors[0]
    return Product(factors, operators, span=factors[0].span.to(factors[-1].span))


def _variables(denominator: Expr, sign: str, order: int) -> tuple[tuple[Expr, int], ...] | None:
    r"""The variables of `\partial x^2 \partial y` with their orders; they must add up."""
    assert isinstance(denominator, Product)
    groups: list[list[Expr]] = []
    for factor in denominator.factors:
        found = _sign(factor)
        if found == (sign, 1) and (not groups or groups[-1]):
            groups.append([])
        elif groups:
            groups[-1].append(factor)
    if not groups or any(not group for group in groups):
        return None
    whole = [_rest(tuple(g), ("",) * (len(g) - 1)) for g in groups]
    if order == len(whole):
        return tuple((variable, 1) for variable in whole)
    return tuple(_with_order(variable) for variable in whole)


def _with_order(variable: Expr) -> tuple[Expr, int]:
    if isinstance(variable, Power) and isinstance(variable.exponent, Number):
        text = variable.exponent.text
        if text.isdigit() and len(text) < 3:
            return variable.base, int(text)
    return variable, 1


def slashed(factors: list[Expr], operators: list[str]) -> tuple[list[Expr], list[str]]:
    r"""Join `\partial y / \partial x` and `\mathrm{d}f / \mathrm{d}x` into derivatives."""
    at = 0
    while at < len(factors):
        found = _slash_at(factors, operators, at)
        if found:
            node, length = found
            factors = [*factors[:at], node, *factors[at + length :]]
            operators = [*operators[:at], *operators[at + length - 1 :]]
        at += 1
    return factors, operators


def _slash_at(factors: list[Expr], operators: list[str], at: int) -> tuple[Expr, int] | None:
    """A derivative written with a slash that begins here, and how many factors it takes."""
    sign = _sign(factors[at])
    if sign is None:
        return None
    slash = at
    while slash < len(operators) and not operators[slash]:
        slash += 1
    wide = slash - at
    if slash >= len(operators) or operators[slash] != "/" or wide < 1:
        return None
    if slash + 2 >= len(factors) or operators[slash + 1] or (wide > 1 and sign[0] != "\\partial"):
        return None
    below = _sign(factors[slash + 1])
    if below is None or below[0] != sign[0]:
        return None
    of = _rest(tuple(factors[at + 1 : slash + 1]), tuple(operators[at + 1 : slash]))
    by = _with_order(factors[slash + 2]) if sign[1] > 1 else (factors[slash + 2], 1)
    span = factors[at].span.to(factors[slash + 2].span)
    return Derivative(of, (by,), "slash", sign[0], sign[1], span=span), slash + 3 - at


def stray(node: object) -> Head | None:
    """The first head that no derivative took, anywhere in a tree."""
    todo: list[object] = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, Partial | Nabla | DerivativeHead | BigHead | FunctionHead):
            return item
        if isinstance(item, tuple):
            todo.extend(item)
        elif isinstance(item, Node):
            todo.extend(
                value for field in item.__dataclass_fields__
                if isinstance(value := getattr(item, field), Node | tuple)
            )  # fmt: skip
    return None
