"""Products: a flat list of factors becomes calls, sums and derivatives with their arguments.

The grammar leaves functions, big signs and derivative signs as *heads* among the factors; how far
each reaches to its right is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from derive.reading.derivatives import slashed
from derive.reading.heads import (
    BigHead,
    DerivativeHead,
    Factor,
    FunctionHead,
    Item,
    Nabla,
)
from derive.reading.syntax import (
    BigOperator,
    Call,
    Derivative,
    Expr,
    Group,
    Name,
    Node,
    Power,
    Prime,
    Product,
    Subscript,
    Sum,
)
from derive.reading.tokens import MisplacedError

MAX_HEADS = 64


_APPLIED = frozenset(
    {"f", "g", "h", "p", "q", "F", "G", "P", "Q", "S"}
    | {"\\sigma", "\\phi", "\\varphi", "\\psi", "\\ell", "\\Phi", "\\rho"}
)
"""Letters after which a bracket that follows at once is an argument, inside `\\log p(x)`."""


def product(items: Sequence[Item], depth: int = 0) -> Expr:
    """The expression of a term: one factor, or a `Product` of what the heads leave."""
    if depth > MAX_HEADS:
        raise MisplacedError(f"signs are nested more than {MAX_HEADS} deep", items[0][2].span)
    if depth == 0:
        _check_heads(items)
    factors: list[Expr] = []
    operators: list[str] = []
    at = 0
    while at < len(items):
        operator, sign, factor = items[at]
        taken, node = _take(items, at, depth)
        if sign:
            node = Sum((sign,), (node,), span=factor.span.to(node.span))
        if factors:
            operators.append(operator)
        factors.append(node)
        at += taken
    if len(factors) == 1:
        return factors[0]
    factors, operators = slashed(factors, operators)
    if len(factors) == 1:
        return factors[0]
    span = factors[0].span.to(factors[-1].span)
    return Product(tuple(factors), tuple(operators), span=span)


def _check_heads(items: Sequence[Item]) -> None:
    r"""Refuse a long row of functions such as `\log \log \log …`, each inside the one before."""
    run = 0
    for _, _, factor in items:
        run = run + 1 if isinstance(factor, FunctionHead) else 0
        if run > MAX_HEADS:
            raise MisplacedError(f"functions are nested more than {MAX_HEADS} deep", factor.span)


def _take(items: Sequence[Item], at: int, depth: int) -> tuple[int, Expr]:
    """How many items the factor at this place takes, and its expression."""
    factor = items[at][2]
    match factor:
        case BigHead():
            return len(items) - at, _big(factor, items[at + 1 :], depth)
        case FunctionHead():
            taken, call = _call(factor, items[at + 1 :], depth)
            return taken + 1, call
        case DerivativeHead():
            end = _body_end(items, at)
            return end - at, _derivative(factor, items[at + 1 : end], depth)
        case Nabla():
            end = _body_end(items, at)
            head = DerivativeHead((), "nabla", "\\nabla", factor.order, span=factor.span)
            return end - at, _derivative(head, items[at + 1 : end], depth)
        case _:
            return 1, cast(Expr, factor)


def _bare(items: Sequence[Item]) -> Sequence[Item]:
    """The items with the operator before the first one taken off; it must be juxtaposition."""
    if items and items[0][0]:
        raise MisplacedError("expected an expression before the operator", items[0][2].span)
    return items


def _big(head: BigHead, rest: Sequence[Item], depth: int) -> Expr:
    if not rest:
        raise MisplacedError(f"expected an expression after \\{head.command}", head.span)
    body = product(_bare(rest), depth + 1)
    if head.sign:
        body = Sum((head.sign,), (body,), span=body.span)
    span = head.span.to(body.span)
    return BigOperator(head.command, head.lower, head.upper, body, span=span)


def _body_end(items: Sequence[Item], at: int) -> int:
    """Where the body of a derivative sign ends: before the next such sign, or at the end."""
    end = at + 1
    while end < len(items) and isinstance(items[end][2], DerivativeHead | Nabla):
        if items[end][0]:
            return end
        end += 1  # signs in a row are nested
    while end < len(items) and not isinstance(items[end][2], DerivativeHead | Nabla):
        end += 1
    return end


def _derivative(head: DerivativeHead, body: Sequence[Item], depth: int) -> Expr:
    if not body:
        raise MisplacedError("expected an expression after the derivative sign", head.span)
    of = product(_bare(body), depth + 1)
    return Derivative(
        of, head.by, head.style, head.sign, head.order, head.command, span=head.span.to(of.span)
    )


# ---- calls ------------------------------------------------------------------------------------


def _call(head: FunctionHead, rest: Sequence[Item], depth: int) -> tuple[int, Expr]:
    """A call of a known function; a head without an argument is only its name."""
    if not rest or rest[0][0] or rest[0][1]:
        return 0, _name(head)
    if head.primes:
        return 0, _name(head)
    first = rest[0][2]
    scripts, inner = _unscripted(first)
    if isinstance(inner, Group):
        argument = inner.body if inner.opening != "{" else _unwrapped(inner)
        call = _build(head, argument, inner.opening != "{" or argument is not inner.body, inner)
        return 1, _rescripted(call, scripts)
    taken = _argument_length(rest)
    argument = product(rest[:taken], depth + 1)
    return taken, _build(head, argument, False, argument)


def _name(head: FunctionHead) -> Expr:
    name: Expr = Name(head.name, head.font or "operatorname", span=head.span)
    if head.primes:
        name = Prime(name, head.primes, span=head.span)
    if head.sub is not None:
        name = Subscript(name, (head.sub,), span=head.span)
    return name if head.power is None else Power(name, head.power, span=head.span)


def _unwrapped(group: Group) -> Expr:
    r"""The argument in `\exp{(x)}`."""
    body = group.body
    return body.body if isinstance(body, Group) and body.opening == "(" else body


def _build(head: FunctionHead, argument: Expr, parenthesised: bool, last: Node) -> Expr:
    return Call(
        head.name, argument, head.font, head.power, head.sub, parenthesised,
        span=head.span.to(last.span),
    )  # fmt: skip


def _unscripted(factor: Factor) -> tuple[list[Expr], Factor]:
    """Scripts, the outermost first, and what they stand on."""
    scripts: list[Expr] = []
    while isinstance(factor, Power | Subscript | Prime):
        scripts.append(factor)
        factor = factor.base
    return scripts, factor


def _rescripted(call: Expr, scripts: list[Expr]) -> Expr:
    r"""`\log(x)^2` is the square of the logarithm."""
    for script in reversed(scripts):
        assert isinstance(script, Power | Subscript | Prime)
        call = replace(script, base=call, span=call.span.to(script.span))
    return call


def _argument_length(rest: Sequence[Item]) -> int:
    """How many juxtaposed factors belong to a function without parentheses."""
    count = 0
    for operator, sign, factor in rest:
        if count and (operator or sign or isinstance(factor, FunctionHead)):
            break
        bracket = isinstance(_unscripted(factor)[1], Group)
        if count and bracket and not (count == 1 and _applies(rest[0][2], factor)):
            break
        count += 1
        if isinstance(factor, FunctionHead | BigHead | DerivativeHead):
            return len(rest) if not isinstance(factor, FunctionHead) else _nested(rest, count)
    return count


def _nested(rest: Sequence[Item], count: int) -> int:
    r"""`\log\det X y`: the inner function takes its argument, the outer one the inner."""
    inner = rest[count:]
    if not inner or inner[0][0]:
        return count
    if isinstance(_unscripted(inner[0][2])[1], Group):
        return count + 1
    return count + _argument_length(inner)


def _applies(name: Factor, bracket: Factor) -> bool:
    if name.span.end != bracket.span.start:
        return False
    base = _unscripted(name)[1]
    return isinstance(base, Name) and (
        base.letter in _APPLIED or base.font == "mathcal" or (len(base.letter.lstrip("\\")) > 2
        and not base.letter.startswith("\\"))
    )  # fmt: skip
