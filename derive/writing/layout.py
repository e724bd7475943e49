"""Syntax to boxes at their natural size: a table over the nodes, one formula on one baseline."""

from __future__ import annotations

from typing import assert_never

from derive.reading.syntax import (
    Bars,
    BigOperator,
    Call,
    Cases,
    Chain,
    Derivative,
    Dots,
    Expr,
    Frac,
    Group,
    List,
    Mapping,
    Name,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Root,
    Row,
    Slice,
    Star,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
    Words,
)
from derive.writing.box import (
    Box,
    beside,
    big_sign,
    braced,
    enclosed,
    fraction,
    pointed,
    rooted,
    stacked,
)
from derive.writing.brackets import (
    as_base,
    as_body,
    as_indexed,
    as_term,
    as_varied,
    bracketed,
    flat,
)
from derive.writing.signs import (
    Style,
    function_text,
    gap,
    mark_text,
    operator_text,
    relation_text,
    shown_brackets,
    sign_text,
)
from derive.writing.symbols import BIG, lifted, lowered
from derive.writing.to_linear import exponent_text, linear, subscript_text, tight

PLAIN = Style()


def laid(node: Expr | Relation | Row) -> Box:
    """The box of an expression at its natural width."""
    match node:
        case Number() | Name() | Star() | Slice() | Dots() | Words():
            return Box.line(linear(node))
        case Subscript(bracketed=True):
            items = Box.line(", ".join(map(linear, node.items)))
            return beside(laid(as_indexed(node.base, square=True)), enclosed("[", items, "]"))
        case Subscript(base=base):
            return with_scripts(
                laid(as_indexed(base, square=False)), sub=subscript_text(node, PLAIN)
            )
        case Power():
            return _power(node)
        case Transpose(base=base):
            return with_scripts(_base(base), sup=mark_text(node))
        case Prime(base=base, count=count):
            return with_scripts(_base(base), sup="′" * count)
        case Sum():
            return beside(*signed_terms(node))
        case Product():
            return beside(*product_pieces(node))
        case Frac(numerator=numerator, denominator=denominator):
            return fraction(laid(numerator), laid(denominator))
        case Derivative():
            return _derivative(node)
        case BigOperator(body=body):
            inner = laid(as_body(body))
            return beside(big_head(node, inner), inner)
        case Group(body=body):
            left, right = shown_brackets(node)
            return enclosed(left, laid(body), right)
        case Bars(body=body, double=double, sub=sub):
            bar = "‖" if double else "|"
            box = enclosed(bar, laid(body), bar)
            return with_scripts(box, sub=tight(sub)) if sub is not None else box
        case Call():
            return _call(node)
        case Root():
            return _root(node)
        case Row():
            return beside(*row_pieces(node))
        case Cases(rows=rows):
            return stacked_cases([laid(row.value) for row in rows], list(rows))
        case Underbrace(body=body, note=note, under=under):
            return braced(laid(body), laid(note) if note is not None else None, under=under)
        case List(items=items):
            return beside(*comma_pieces(list(map(laid, items))))
        case Mapping(domain=domain, codomain=codomain):
            return beside(laid(domain), Box.line(" → "), laid(codomain))
        case Relation():
            return Box.line(relation_text(node, PLAIN))
        case Chain():
            return beside(*_links(node))
        case _:
            assert_never(node)


def with_scripts(base: Box, *, sub: str = "", sup: str = "") -> Box:
    """The base with its scripts: small characters where they exist, else lowered and raised.

    Beside a base of several rows a script stands at its top or bottom row.
    """
    small_sub, small_sup = lowered(sub), lifted(sup) if sup.strip("′") else sup
    flat_sub, flat_sup = small_sub is not None or not sub, small_sup is not None
    if base.height == 1 and flat_sub and flat_sup:
        return beside(base, Box.line((small_sub or "") + (small_sup or "")))
    scripts = [
        _placed(base, small_sup if flat_sup else sup, up=True, small=flat_sup) if sup else None,
        _placed(base, small_sub if flat_sub else sub, up=False, small=flat_sub) if sub else None,
    ]
    return beside(base, _overlaid([box for box in scripts if box is not None]))


def _placed(base: Box, text: str | None, *, up: bool, small: bool) -> Box:
    """A script in the row where it belongs, counted from the baseline of its base."""
    tall = base.height >= 3
    edge = base.baseline if up else base.below
    away = edge if small or tall else edge + 1
    blank = ("",) * away
    rows = (text or "", *blank) if up else (*blank, text or "")
    return Box.of(rows, away if up else 0)


def _overlaid(boxes: list[Box]) -> Box:
    """Scripts in one column where they stand in different rows, else one after the other."""
    if len(boxes) == 1:
        return boxes[0]
    above, below = max(b.baseline for b in boxes), max(b.below for b in boxes)
    up, down = (box.to_height(above, below) for box in boxes)
    if any(one.strip() and two.strip() for one, two in zip(up.rows, down.rows, strict=True)):
        return beside(down, up)
    rows = [one.rstrip() or two.rstrip() for one, two in zip(up.rows, down.rows, strict=True)]
    return Box.of(rows, above)


def _power(node: Power) -> Box:
    sup = exponent_text(node, PLAIN)
    base = node.base
    if isinstance(base, Subscript) and not base.bracketed:
        inner = laid(as_indexed(base.base, square=False))
        return with_scripts(inner, sub=subscript_text(base, PLAIN), sup=sup)
    return with_scripts(_base(base), sup=sup)


def _base(node: Expr) -> Box:
    slashed = isinstance(node, Frac | Derivative)
    return laid(bracketed(node) if slashed else as_base(node))


def signed_terms(node: Sum) -> list[Box]:
    """One box for each term with its sign in front."""
    return [
        signed(sign, laid(as_term(term)), first=index == 0)
        for index, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True))
    ]


def signed(sign: str, term: Box, *, first: bool) -> Box:
    """A term with its sign, spaced as inside a sum or at its start."""
    shown = "−" if sign == "-" else sign
    if not first:
        return beside(Box.line(f" {shown} "), term)
    # a minus right before a fraction bar would look like a longer bar
    space = " " if shown and term.rows[term.baseline].startswith("─") else ""
    return beside(Box.line(shown + space), term)


def product_pieces(node: Product, replaced: dict[int, Box] | None = None) -> list[Box]:
    """The boxes of a product from left to right: factors at even places, what is between at odd.

    `replaced` gives other boxes for some of the factors, by their index.
    """
    factors, operators = flat(node)
    boxes = [(replaced or {}).get(i) or laid(factor) for i, factor in enumerate(factors)]
    pieces = [boxes[0]]
    for i, operator in enumerate(operators):
        if operator == "/" and len(factors) == 2 and max(box.height for box in boxes) < 3:
            between = "/"
        elif operator:
            between = f" {operator_text(operator, PLAIN)} "
        elif "/" in operators[:i]:
            between = " · "
        else:
            tall = boxes[i].height > 2 or boxes[i + 1].height > 2
            between = gap(factors[i], factors[i + 1]) or " " * tall
        pieces += [Box.line(between), boxes[i + 1]]
    return pieces


def _derivative(node: Derivative) -> Box:
    sign = sign_text(node, PLAIN)
    if node.style == "slash":
        return Box.line(linear(node))
    if node.style in ("subscript", "nabla"):
        head = Box.line("∇" if node.style == "nabla" else sign)
        names = "".join(tight(by) for by, _ in node.by)
        power = str(node.order) if node.order > 1 else ""
        scripted = with_scripts(head, sub=names, sup=power)
        return beside(scripted, Box.line(" "), laid(as_body(node.of)))
    power = str(node.order) if node.order > 1 else ""
    top = with_scripts(Box.line(sign), sup=power)
    bottom = beside(*(_by(sign, by, order) for by, order in node.by))
    if node.style == "operator":
        return beside(fraction(top, bottom), Box.line(" "), laid(as_body(node.of)))
    return fraction(beside(top, laid(_varied(node.of))), bottom)


def _by(sign: str, node: Expr, order: int) -> Box:
    box = beside(Box.line(sign), laid(_varied(node)))
    return with_scripts(box, sup=str(order)) if order > 1 else box


def _varied(node: Expr) -> Expr:
    return node if isinstance(node, BigOperator | Root) else as_varied(node)


def big_head(node: BigOperator, body: Box) -> Box:
    """The sign with its limits, and the space to the body; three rows high beside a tall body."""
    tall = big_sign(node.command) if body.height >= 3 else None
    sign = tall or Box.line(BIG.get(node.command, node.command))
    below = ",".join(map(tight, node.lower))
    above = tight(node.upper) if node.upper is not None else ""
    parts = [Box.line(above)] * bool(above) + [sign] + [Box.line(below)] * bool(below)
    return beside(stacked(parts, int(bool(above))), Box.line(" "))


def _call(node: Call) -> Box:
    sub = tight(node.sub) if node.sub is not None else ""
    power = tight(node.power) if node.power is not None else ""
    name = with_scripts(Box.line(function_text(node.function, PLAIN)), sub=sub, sup=power)
    if node.parenthesised or isinstance(node.argument, Sum | List | Chain):
        return beside(name, enclosed("(", laid(node.argument), ")"))
    return beside(name, Box.line(" "), laid(node.argument))


def _root(node: Root) -> Box:
    degree = tight(node.degree) if node.degree is not None else ""
    small = (lifted(degree) or degree) if degree else ""
    body = laid(node.body)
    if isinstance(node.body, Name | Number | Subscript) and body.height == 1:
        return beside(Box.line(f"{small}√"), body)
    return rooted(body, small)


def row_pieces(node: Row) -> list[Box]:
    """The value of a row and, set off, its words and its condition."""
    words = node.words.strip()
    condition = [laid(node.condition)] if node.condition is not None else []
    label = [Box.line(words + " " * bool(condition))] if words else []
    gap_box = [Box.line("   ")] if condition or words else []
    return [laid(node.value), *gap_box, *label, *condition]


def stacked_cases(values: list[Box], rows: list[Row]) -> Box:
    """Rows under one brace, their conditions in one column."""
    width = max(box.width for box in values)
    lines = []
    for value, row in zip(values, rows, strict=True):
        filled = beside(value, Box.line(" " * (width - value.width)))
        lines.append(beside(filled, *row_pieces(row)[1:]))
    apart = len(lines) == 2 or any(line.height > 1 for line in lines)
    parts: list[Box] = []
    for line in lines:
        parts += [Box.line("")] * (apart and bool(parts)) + [line]
    column = stacked(parts, 0, centre=False)
    middle = (column.height - 1) // 2
    brace = pointed("{", column.height, middle)
    return beside(Box(tuple(brace), middle), Box.line(" "), Box(column.rows, middle))


def comma_pieces(boxes: list[Box]) -> list[Box]:
    """Boxes with commas between them."""
    pieces = [boxes[0]]
    for box in boxes[1:]:
        pieces += [Box.line(", "), box]
    return pieces


def _links(node: Chain) -> list[Box]:
    first = node.members[0]
    pieces = [laid(first)] if first is not None else []
    for relation, member in zip(node.relations, node.members[1:], strict=True):
        before = " " if pieces else ""
        after = " " if member is not None else ""
        pieces.append(Box.line(f"{before}{relation_text(relation, PLAIN)}{after}"))
        if member is not None:
            pieces.append(laid(member))
    return pieces
