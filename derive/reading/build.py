"""What the grammar found → syntax nodes: the callbacks of the parser, one for each rule.

A callback gets the children of its rule, tokens and nodes in order. A `Seq` is what stands
between brackets or separators: expressions, relation signs and commas, not yet put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from derive.reading.chains import assemble, expression, items_of
from derive.reading.derivatives import fraction_derivative
from derive.reading.heads import BigHead, Factor, FunctionHead, Item, is_head
from derive.reading.products import product
from derive.reading.scripts import (
    Script,
    accented,
    as_one,
    below,
    fonted,
    scripted_head,
    scripted_node,
)
from derive.reading.span import Span
from derive.reading.syntax import (
    Bars,
    Cases,
    Dots,
    Expr,
    Frac,
    Group,
    List,
    Name,
    Number,
    Power,
    Product,
    Root,
    Row,
    Slice,
    Star,
    Subscript,
    Sum,
    Underbrace,
)
from derive.reading.tokens import MisplacedError, Token

Child = Any


@dataclass(frozen=True, slots=True)
class Seq:
    """Expressions, relation and comma tokens in order, and the place of all of them."""

    elements: tuple[Expr | Token, ...]
    span: Span


def node_of(child: Child) -> Any:
    """The node of an atom token; other children are nodes already."""
    return child.value if isinstance(child, Token) else child


def argument(child: Child) -> Expr:
    """The expression of an argument, braced or a single token."""
    if isinstance(child, Seq):
        return expression(child.elements, child.span)
    node = node_of(child)
    return product([("", "", node)]) if isinstance(node, FunctionHead) else cast(Expr, node)


class Builder:
    """Callbacks by rule name; without state, so one serves every parse."""

    def start(self, children: list[Child]) -> Child:
        return children[0]

    def seq(self, children: list[Child]) -> Seq:
        elements = tuple(
            c if isinstance(c, Token) and c.type != "ATOM" else node_of(c) for c in children
        )
        if not elements:
            return Seq((), Span(-1, -1))
        return Seq(elements, elements[0].span.to(elements[-1].span))

    def sum(self, children: list[Child]) -> Expr:
        signs: list[str] = []
        terms: list[Expr] = []
        pending: list[Token] = []
        for child in children:
            if isinstance(child, Token) and child.type == "SIGN":
                pending.append(child)
                continue
            node = cast(Expr, node_of(child))
            if len(pending) == 2:
                inner = pending.pop()
                node = Sum((inner.value,), (node,), span=inner.span.to(node.span))
            signs.append(pending[0].value if pending else "")
            terms.append(node)
            pending = []
        first = children[0].span
        return Sum(tuple(signs), tuple(terms), span=first.to(terms[-1].span))

    def term(self, children: list[Child]) -> Expr:
        if len(children) == 1:
            node = node_of(children[0])
            return product([("", "", node)]) if is_head(node) else cast(Expr, node)
        items: list[Item] = []
        operator = sign = ""
        for child in children:
            if isinstance(child, Token) and child.type == "OP":
                operator = child.value
            elif isinstance(child, Token) and child.type == "SIGN":
                sign = child.value
            else:
                node = node_of(child)
                joined = None if operator or sign else self._bracket_index(items, node)
                if joined is not None:
                    items[-1] = joined
                else:
                    items.append((operator, sign, node))
                operator = sign = ""
        return product(items)

    def _bracket_index(self, items: list[Item], node: Factor) -> Item | None:
        """`x[i, j]` right after its name is a subscript, and so is the condition in `1[i = j]`."""
        bracket = node.base if isinstance(node, Power) else node
        if not items or not isinstance(bracket, Group) or bracket.opening == "{":
            return None
        operator, sign, base = items[-1]
        body = bracket.body
        inside = body.items if isinstance(body, List) else (body,)
        if not (_is_one(base) or _indexes(base, bracket, inside)):
            return None
        span = base.span.to(bracket.span)
        sub: Expr = Subscript(cast(Expr, base), inside, True, span=span)
        if isinstance(node, Power):
            sub = replace(node, base=sub, span=span.to(node.span))
        return operator, sign, sub

    # ---- brackets ------------------------------------------------------------------------------

    def group(self, children: list[Child]) -> Expr:
        opening, inside, closing = children
        span = opening.span.to(closing.span)
        if not inside.elements:
            raise MisplacedError("expected an expression between the brackets", span)
        left, right = opening.value, "}" if opening.value == "{" else closing.value
        items = items_of(inside.elements)
        body = as_one(items, inside.span)
        if not _match(left, right) and not (isinstance(body, List) and len(body.items) == 2):
            raise MisplacedError(f"{left} is closed by {right}", closing.span)
        return Group(left, right, body, span=span)

    def braced(self, children: list[Child]) -> Seq:
        opening, inside, closing = children
        span = opening.span.to(closing.span)
        if not inside.elements:
            raise MisplacedError("expected an expression between the braces", span)
        return Seq(inside.elements, span)

    def bars(self, children: list[Child]) -> Expr:
        opening, inside, closing = children
        span = opening.span.to(closing.span)
        body = expression(inside.elements, span)
        return Bars(body, opening.value != "|", span=span)

    # ---- commands ------------------------------------------------------------------------------

    def frac(self, children: list[Child]) -> Factor:
        command, above, below = children
        numerator, denominator = argument(above), argument(below)
        span = command.span.to(_end(below, denominator))
        derivative = fraction_derivative(numerator, denominator, command.value, span)
        if derivative is not None:
            return derivative
        return Frac(numerator, denominator, command.value, span=span)

    def root(self, children: list[Child]) -> Expr:
        body = argument(children[-1])
        degree = None if len(children) == 2 else expression(children[2].elements, children[2].span)
        return Root(body, degree, span=children[0].span.to(_end(children[-1], body)))

    def accent(self, children: list[Child]) -> Expr:
        command, child = children
        body = argument(child)
        return accented(body, command.value, command.span.to(_end(child, body)))

    def font(self, children: list[Child]) -> Expr:
        command, child = children
        body = argument(child)
        return fonted(body, command.value, command.span.to(_end(child, body)))

    def under(self, children: list[Child]) -> Expr:
        command, child = children
        body = argument(child)
        span = command.span.to(_end(child, body))
        return Underbrace(body, None, command.value == "underbrace", span=span)

    # ---- scripts -------------------------------------------------------------------------------

    def subscript(self, children: list[Child]) -> Script:
        sign, child = children
        value = items_of(child.elements) if isinstance(child, Seq) else (argument(child),)
        return Script("sub", value, sign.span.to(child.span))

    def superscript(self, children: list[Child]) -> Script:
        sign, child = children
        return Script("sup", argument(child), sign.span.to(child.span))

    def operator_power(self, children: list[Child]) -> Script:
        operator = next(c for c in children if isinstance(c, Token) and c.type == "OP")
        span = children[0].span.to(children[-1].span)
        inside = next((c for c in children if isinstance(c, Seq)), None)
        if inside is None or not inside.elements:
            if operator.value != "*":
                raise MisplacedError("expected an exponent", operator.span)
            return Script("sup", Star(span=operator.span), span)
        return Script("op", (expression(inside.elements, span), operator.value), span)

    def primes(self, children: list[Child]) -> Script:
        return Script("prime", children[0].value, children[0].span)

    def scripted(self, children: list[Child]) -> Factor:
        base, scripts = node_of(children[0]), children[1:]
        if is_head(base):
            return scripted_head(base, scripts)
        return scripted_node(base, scripts)

    def big(self, children: list[Child]) -> BigHead:
        sign = children[0]
        lower: tuple[Expr, ...] = ()
        upper: Expr | None = None
        span, after = sign.span, ""
        for child in children[1:]:
            if isinstance(child, Token):
                after = child.value
                continue
            span = span.to(child.span)
            if child.kind == "sub" and not lower:
                lower = below(child.value)
            elif child.kind == "sup" and upper is None:
                upper = child.value
            else:
                raise MisplacedError(f"unexpected script on \\{sign.value}", child.span)
        return BigHead(sign.value, lower, upper, after, span=span)

    # ---- cases ---------------------------------------------------------------------------------

    def row(self, children: list[Child]) -> list[Child]:
        return children

    def cases(self, children: list[Child]) -> Expr:
        span = children[0].span.to(children[-1].span)
        rows = [_row(row, span) for row in children if isinstance(row, list) and _filled(row)]
        if not rows:
            raise MisplacedError("expected rows between the braces of cases", span)
        return Cases(tuple(rows), span=span)


def _end(child: Child, node: Expr) -> Span:
    """The place of an argument, its closing brace included."""
    return child.span if isinstance(child, Seq) else node.span


def _match(left: str, right: str) -> bool:
    return (left, right) in {
        ("(", ")"), ("[", "]"), ("\\{", "\\}"), ("{", "}"), ("\\langle", "\\rangle")
    }  # fmt: skip


def _is_one(base: Factor) -> bool:
    r"""`\mathbb 1` and `\mathbf 1`: a condition in brackets follows."""
    return isinstance(base, Name) and base.letter == "1"


def _indexes(base: Factor, bracket: Group, inside: Sequence[Expr]) -> bool:
    """True for plain indices in square brackets right after a name."""
    named = isinstance(base, Name | Subscript) and base.span.end == bracket.span.start
    return named and bracket.opening == "[" and _all_indices(inside)


def _all_indices(items: Sequence[Expr]) -> bool:
    return all(_is_index(item) for item in items)


def _is_index(item: Expr) -> bool:
    match item:
        case Name() | Number() | Dots():
            return True
        case Sum(terms=parts) | Product(factors=parts):
            return all(isinstance(p, Name | Number) for p in parts)
        case _:
            return isinstance(item, Slice)


def _filled(row: list[Child]) -> bool:
    return any(isinstance(c, Token) or c.elements for c in row)


def _row(row: list[Child], span: Span) -> Row:
    r"""A row of cases: value, then the words and conditions after `&` or the first `\text`."""
    value, rest = row[0], row[1:]
    elements = value.elements
    while elements and isinstance(elements[-1], Token) and elements[-1].type == "COMMA":
        elements = elements[:-1]
    words = [c.value for c in rest if isinstance(c, Token) and c.type == "WORDS"]
    conditions = [item for c in rest if isinstance(c, Seq) for item in assemble_tail(c.elements)]
    condition: Expr | None = None
    if conditions:
        condition = as_one(tuple(conditions), conditions[0].span.to(conditions[-1].span))
    whole = value.span if condition is None else value.span.to(condition.span)
    return Row(expression(elements, span), condition, words[0] if words else "", span=whole)


def assemble_tail(elements: tuple[Expr | Token, ...]) -> tuple[Expr, ...]:
    """Statements of a sequence that may end in commas."""
    while elements and isinstance(elements[-1], Token) and elements[-1].type == "COMMA":
        elements = elements[:-1]
    return assemble(elements)
