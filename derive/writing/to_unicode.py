"""Syntax to two-dimensional Unicode text that fits a width.

A chain breaks before its relation signs, a member before a `+` or `-`, aligned after the sign; then
the inside of the widest brackets, then a product between its factors. What cannot be broken may
be wider than asked; nothing is ever cut.
"""

from __future__ import annotations

from derive.reading.syntax import (
    BigOperator,
    Cases,
    Chain,
    Expr,
    Frac,
    Group,
    List,
    Product,
    Relation,
    Row,
    Sum,
)
from derive.writing.box import Box, beside, enclosed, fraction, stacked
from derive.writing.brackets import as_body, as_term, flat
from derive.writing.layout import (
    PLAIN,
    big_head,
    comma_pieces,
    laid,
    product_pieces,
    signed,
    stacked_cases,
)
from derive.writing.signs import (
    relation_text,
    shown_brackets,
)
from derive.writing.to_linear import linear

_NARROW = 24
"""Below this width the inside of brackets is not broken over lines."""


def to_unicode(node: Expr | Relation | Row, width: int | None = None) -> Box:
    """The expression as a box, broken over lines where it is wider than `width` cells."""
    return laid(node) if width is None else _fitted(node, width)


def render(node: Expr | Relation | Row, width: int = 80, *, ascii: bool = False) -> str:
    """The expression as text of at most `width` columns where that can be done.

    `ascii` is for terminals that cannot show Unicode: one line, broken before relation signs.
    """
    return _ascii(node, width) if ascii else str(to_unicode(node, width))


def _fitted(node: Expr | Relation | Row, width: int) -> Box:
    box = laid(node)
    if box.width <= width:
        return box
    match node:
        case Chain():
            return _chain(node, width)
        case Sum():
            return _sum(node, width)
        case Product():
            return _product(node, width)
        case Group(body=body):
            left, right = shown_brackets(node)
            return enclosed(left, _fitted(body, width - len(left) - len(right)), right)
        case BigOperator():
            body = as_body(node.body)
            head = big_head(node, laid(body))
            return beside(head, _fitted(body, width - head.width))
        case Cases(rows=rows):
            spare = box.width - max(laid(row.value).width for row in rows)
            return stacked_cases([_fitted(row.value, width - spare) for row in rows], list(rows))
        case Frac(numerator=numerator, denominator=denominator):
            return fraction(_fitted(numerator, width - 2), _fitted(denominator, width - 2))
        case List(items=items):
            return _lines(comma_pieces(list(map(laid, items))), width)
        case _:
            return box


def _chain(node: Chain, width: int) -> Box:
    """One link on each line, the relation signs below one another."""
    first = node.members[0]
    lead = _fitted(first, width) if first is not None else None
    near = lead is not None and _stays_beside(lead.width, node, width)
    indent = 0 if lead is None else lead.width + 1 if near else 4
    lines = [] if lead is None or near else [lead]
    for member, relation in _pairs(node):
        sign = Box.line(relation_text(relation, PLAIN) + " " * (member is not None))
        link = sign
        if member is not None:
            link = beside(sign, _fitted(member, width - indent - sign.width))
        before = Box.line(" " * indent)
        if lead is not None and near and not lines:
            before = beside(lead, Box.line(" "))
        lines.append(beside(before, link))
    return _paragraph(lines)


def _stays_beside(lead: int, node: Chain, width: int) -> bool:
    """Whether the links stand beside the first member, or below it because they fit only there."""
    links = [laid(Chain((None, m), (r,))).width for m, r in _pairs(node)]
    fits_beside = lead + 1 + max(links) <= width
    return lead <= width // 2 and (fits_beside or 4 + max(links) > width)


def _pairs(node: Chain) -> list[tuple[Expr | None, Relation]]:
    return list(zip(node.members[1:], node.relations, strict=True))


def _sum(node: Sum, width: int) -> Box:
    """As many terms on a line as fit; the next line begins with a sign.

    Nothing follows a term that is itself broken: it would seem to belong to its first line.
    """
    lines: list[Box] = []
    closed = True
    for index, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
        shown = laid(as_term(term))
        inner = signed(sign, shown, first=index == 0)
        if not closed and lines[-1].width + inner.width <= width:
            lines[-1] = beside(lines[-1], inner)
            continue
        mark = {"-": "− ", "+": "+ "}.get(sign, "")
        fits = inner.width <= width if index == 0 else len(mark) + shown.width <= width
        fitted = beside(Box.line(mark), _fitted(as_term(term), width - len(mark)))
        lines.append(inner if index == 0 and fits else fitted)
        closed = not fits
    return _paragraph(lines)


def _product(node: Product, width: int) -> Box:
    """Break the inside of the widest breakable factor, or else between factors."""
    factors, _ = flat(node)
    pieces = product_pieces(node)
    total = sum(piece.width for piece in pieces)
    breakable = [i for i, factor in enumerate(factors) if _can_break(factor)]
    if breakable:
        widest = max(breakable, key=lambda i: pieces[2 * i].width)
        room = width - (total - pieces[2 * widest].width)
        if room >= _NARROW:
            box = beside(*product_pieces(node, {widest: _fitted(factors[widest], room)}))
            if box.width <= width:
                return box
    return _lines(pieces, width)


def _can_break(node: Expr) -> bool:
    return isinstance(node, Group | BigOperator | Frac)


def _lines(pieces: list[Box], width: int) -> Box:
    """Pieces at even places kept whole, as many on a line as fit."""
    lines = [pieces[0]]
    for between, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if lines[-1].width + between.width + piece.width <= width:
            lines[-1] = beside(lines[-1], between, piece)
        elif between.rows[0].startswith(","):
            lines[-1] = beside(lines[-1], Box.line(","))
            lines.append(piece)
        else:
            lines.append(beside(Box.line(between.rows[0].strip() or "·"), Box.line(" "), piece))
    return _paragraph(lines)


def _paragraph(lines: list[Box]) -> Box:
    """Lines below one another, a blank one between two that are both tall."""
    parts = [lines[0]]
    for line in lines[1:]:
        tall = parts[-1].below and line.baseline
        parts += [Box.line("")] * bool(tall) + [line]
    return stacked(parts, 0, centre=False)


def _ascii(node: Expr | Relation | Row, width: int) -> str:
    whole = linear(node, ascii=True)
    if len(whole) <= width or not isinstance(node, Chain):
        return whole
    lines = [linear(node.members[0], ascii=True)] if node.members[0] is not None else []
    for member, relation in _pairs(node):
        indent = "    " * bool(lines)
        link = indent + linear(Chain((None, member), (relation,)), ascii=True)
        if len(link) <= width or not isinstance(member, Sum):
            lines.append(link)
            continue
        sign = linear(relation, ascii=True)
        for index, text in enumerate(_ascii_terms(member)):
            start = f"{indent}{sign} " if index == 0 else " " * (len(indent) + len(sign) + 1)
            lines.append(start + text)
    return "\n".join(lines)


def _ascii_terms(node: Sum) -> list[str]:
    signed_texts = [
        linear(Sum((sign,), (term,)), ascii=True)
        for sign, term in zip(node.signs, node.terms, strict=True)
    ]
    return [signed_texts[0], *(f"{text[0]} {text[1:]}" for text in signed_texts[1:])]
