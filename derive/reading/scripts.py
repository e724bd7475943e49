"""Subscripts, exponents, primes, accents and fonts, sorted to where they belong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from derive.reading.heads import BigHead, DerivativeHead, Factor, FunctionHead, Nabla, Partial
from derive.reading.span import Span
from derive.reading.syntax import (
    Bars,
    Chain,
    Expr,
    Frac,
    Group,
    List,
    Name,
    Number,
    Power,
    Prime,
    Product,
    Star,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
)
from derive.reading.tokens import MisplacedError

_TRANSPOSES = {"\\top": "\\top", "\\intercal": "\\intercal", "T": "T"}
_PLAIN_T = frozenset({"", "mathsf", "mathrm", "text", "textrm", "mathit", "intercal"})


@dataclass(frozen=True, slots=True)
class Script:
    kind: str
    value: Any
    span: Span


def as_one(items: tuple[Expr, ...], span: Span) -> Expr:
    return items[0] if len(items) == 1 else List(items, span=span)


def below(items: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """What stands below a big sign; a brace around it (from `substack`) is opened."""
    if len(items) == 1 and isinstance(items[0], Group) and items[0].opening == "{":
        body = items[0].body
        items = body.items if isinstance(body, List) else (body,)
    return tuple(part for item in items for part in _each(item))


def _each(item: Expr) -> tuple[Expr, ...]:
    r"""`i, j, i \neq j` below a sign: the indices, and a condition on the last of them."""
    match item:
        case Chain(members=(List(items=names), *rest), relations=(relation, *_)) if (
            relation.sign != "=" and relation.sign != "\\in"
        ):
            return (*names[:-1], replace(item, members=(names[-1], *rest)))
        case _:
            return (item,)


def scripted_head(head: Any, scripts: list[Script]) -> Factor:
    """Scripts on a function name, a derivative sign or a nabla."""
    for script in scripts:
        span = head.span.to(script.span)
        match head, script.kind:
            case FunctionHead(sub=None), "sub":
                sub = script.value[0] if len(script.value) == 1 else List(script.value)
                head = replace(head, sub=sub, span=span)
            case FunctionHead(power=None), "sup":
                head = replace(head, power=script.value, span=span)
            case FunctionHead(primes=0), "prime":
                head = replace(head, primes=script.value, span=span)
            case Partial(), "sup" if isinstance(script.value, Number) and _small(script.value):
                head = Partial(int(script.value.text), span=span)
            case Nabla(order=1), "sup" if isinstance(script.value, Number) and _small(script.value):
                head = Nabla(int(script.value.text), span=span)
            case DerivativeHead(style="nabla", order=1), "sup" if _is_two(script.value):
                head = _of_order(head, span)
            case Partial() | Nabla(), "sub":
                head = _subscripted_sign(head, script, span)
            case _:
                raise MisplacedError("unexpected script on a sign", script.span)
    if isinstance(head, FunctionHead) and head.name in ("max", "min") and head.sub is not None:
        subs = next(s.value for s in scripts if s.kind == "sub")
        if head.power is None and not head.primes:
            return BigHead(head.name, below(subs), None, "", span=head.span)
    return cast(Factor, head)


def _small(number: Number) -> bool:
    return number.text.isdigit() and len(number.text) < 3


def _subscripted_sign(head: Partial | Nabla, script: Script, span: Span) -> DerivativeHead:
    by = tuple((item, 1) for item in script.value)
    if isinstance(head, Nabla):
        plain = DerivativeHead(by, "nabla", "\\nabla", span=span)
        return plain if head.order == 1 else _of_order(plain, span, head.order)
    return DerivativeHead(by, "subscript", "\\partial", max(head.order, len(by)), span=span)


def _is_two(value: Any) -> bool:
    return isinstance(value, Number) and value.text == "2"


def _of_order(head: DerivativeHead, span: Span, order: int = 2) -> DerivativeHead:
    r"""`\nabla_x^2`, `\nabla^2_{xy}`: a variable for each order, or one for all of them."""
    names = [variable for variable, _ in head.by]
    if len(names) == 1 and isinstance(names[0], Product) and len(names[0].factors) == order:
        names = list(names[0].factors)
    if len(names) == 1:
        by: tuple[tuple[Expr, int], ...] = ((names[0], order),)
    elif len(names) == order:
        by = tuple((name, 1) for name in names)
    else:
        raise MisplacedError("this nabla does not say what each derivative is by", span)
    return replace(head, by=by, order=order, span=span)


def scripted_node(base: Expr, scripts: list[Script]) -> Expr:
    """Scripts in the order in which they bind: subscript and primes as written, then powers."""
    ordered = [s for s in scripts if s.kind in ("sub", "prime")]
    powers = [s for s in scripts if s.kind in ("sup", "op")]
    node = base
    seen = ""
    label = next((p for p in powers if _is_label(p)), None)
    if label is not None and ordered and ordered[0].kind == "sub":
        node, powers = _powered(node, label), [p for p in powers if p is not label]
    for script in ordered:
        if seen == script.kind == "sub":
            raise MisplacedError("a second subscript", script.span)
        seen = script.kind
        node = _ordered(node, script)
    for script in powers:
        node = _powered(node, script)
    return node


def _is_label(script: Script) -> bool:
    r"""Whether an exponent belongs to the name before its subscript: `x_i^{(t)}`, `x_i^*`."""
    match script.value:
        case Star() | Name(letter="\\star" | "\\ast"):
            return script.kind == "sup"
        case Group(opening="(", body=Name() | Number()):
            return script.kind == "sup"
        case _:
            return False


def _ordered(node: Expr, script: Script) -> Expr:
    span = node.span.to(script.span)
    if script.kind == "prime":
        return Prime(node, script.value, span=span)
    if isinstance(node, Bars) and node.sub is None and len(script.value) == 1:
        return replace(node, sub=script.value[0], span=span)
    if isinstance(node, Underbrace) and node.note is None:
        return replace(node, note=as_one(script.value, script.span), span=span)
    return Subscript(node, script.value, span=span)


def _powered(node: Expr, script: Script) -> Expr:
    span = node.span.to(script.span)
    if script.kind == "op":
        exponent, operator = script.value
        return Power(node, exponent, operator, span=span)
    exponent = script.value
    if isinstance(node, Underbrace) and not node.under and node.note is None:
        return replace(node, note=exponent, span=span)
    mark = _transpose_mark(exponent)
    if mark:
        return Transpose(node, mark, span=span)
    primes = _prime_count(exponent)
    if primes:
        return Prime(node, primes, span=span)
    if isinstance(exponent, Name) and exponent.letter in ("\\star", "\\ast"):
        return Power(node, Star(span=exponent.span), span=span)
    if isinstance(node, Power):
        raise MisplacedError("a second exponent", script.span)
    return Power(node, exponent, span=span)


def _transpose_mark(exponent: Expr) -> str:
    sign = ""
    if isinstance(exponent, Sum) and exponent.signs == ("-",):
        sign, exponent = "-", exponent.terms[0]
    if isinstance(exponent, Name) and not exponent.accents and exponent.font in _PLAIN_T:
        mark = _TRANSPOSES.get(exponent.letter, "")
        return sign + mark if mark else ""
    return ""


def _prime_count(exponent: Expr) -> int:
    factors = exponent.factors if isinstance(exponent, Product) else (exponent,)
    if all(isinstance(f, Name) and f.letter == "\\prime" for f in factors):
        return len(factors)
    return 0


def accented(body: Expr, accent: str, span: Span) -> Expr:
    r"""`\hat{x_i}` is `\hat{x}_i`: the accent goes to the name."""
    match body:
        case Name():
            return replace(body, accents=(accent, *body.accents), span=span)
        case Number(text=text) if text in ("0", "1"):
            return Name(text, "mathbf", (accent,), span=span)
        case Subscript() | Prime() | Transpose() | Power():
            inner = accented(body.base, accent, body.base.span)
            return replace(body, base=inner, span=span)
        case Group(opening="{", body=inner):
            return accented(inner, accent, span)
        case _:
            raise MisplacedError(f"\\{accent} stands on something other than a name", span)


def fonted(body: Expr, font: str, span: Span) -> Expr:
    r"""`\mathbf{x_i}` is `\mathbf{x}_i`, `\boldsymbol{\hat{x}}` is `\hat{\boldsymbol{x}}`."""
    match body:
        case Name():
            return replace(body, font=body.font or font, span=span)
        case Subscript() | Prime() | Transpose() | Power():
            return replace(body, base=fonted(body.base, font, body.base.span), span=span)
        case Group(opening="{", body=inner):
            return fonted(inner, font, span)
        case Product(factors=factors):
            parts = tuple(fonted(f, font, f.span) for f in factors)
            return replace(body, factors=parts, span=span)
        case Sum() | Chain() | Frac():
            raise MisplacedError(f"\\{font} stands on something other than a name", span)
        case _:
            return body
