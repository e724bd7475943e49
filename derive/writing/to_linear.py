"""Syntax to one line of text, `∂f/∂xⱼ = ∑ᵢ ∂f/∂yᵢ · ∂yᵢ/∂xⱼ`, for tables and messages.

Unlike a fraction on paper, a line shows no grouping of its own, so brackets and product dots are
added where the text would be ambiguous without them.
"""

from __future__ import annotations

from dataclasses import replace
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
from derive.writing.brackets import (
    as_base,
    as_body,
    as_indexed,
    as_term,
    as_varied,
    bracketed,
    flat,
    is_open,
)
from derive.writing.signs import (
    Style,
    function_text,
    gap,
    is_letter,
    mark_text,
    operator_text,
    relation_text,
    shown_brackets,
    sign_text,
)
from derive.writing.symbols import (
    BIG,
    DOTS,
    ascii_name,
    ascii_text,
    lifted,
    lowered,
    printable,
    unicode_name,
)

_ASCII_BRACKETS = str.maketrans("⟨⟩⌊⌋⌈⌉", "<>[][]")


def linear(node: Expr | Relation | Row, *, ascii: bool = False) -> str:
    """The expression in one line of Unicode, or of ASCII."""
    return _line(node, Style(ascii=ascii))


def tight(node: Expr) -> str:
    """The expression in one line without spaces around its signs, as in a script or a limit."""
    return _line(node, Style(tight=True))


def subscript_text(node: Subscript, style: Style) -> str:
    """What stands under the line: `ij` for `x_{ij}` and `x_{i,j}`, `i+1,j`, `i=j`."""
    texts = [_line(item, replace(style, tight=True)) for item in node.items]
    letters = all(len(text) == 1 and text.isalpha() for text in texts)
    return ("" if letters and not style.ascii else ",").join(texts)


def exponent_text(node: Power, style: Style) -> str:
    """What stands above the line: `2`, `−1/2`, `⊙2`, `(t)`."""
    return operator_text(node.operator, style) + _line(node.exponent, replace(style, tight=True))


def _line(node: Expr | Relation | Row, style: Style) -> str:
    match node:
        case Number(text=text) | Words(text=text):
            return ascii_text(text) if style.ascii else printable(text)
        case Name():
            return ascii_name(node) if style.ascii else unicode_name(node)
        case Subscript(items=items, bracketed=True):
            return f"{_line(as_indexed(node.base, square=True), style)}[{_items(items, style)}]"
        case Subscript():
            base = _line(as_indexed(node.base, square=False), style)
            return base + _sub(subscript_text(node, style), style)
        case Power():
            return _base(node.base, style) + _sup(exponent_text(node, style), style)
        case Star():
            return "*"
        case Slice():
            return ":"
        case Dots(command=command):
            return "..." if style.ascii else DOTS.get(command, "…")
        case Transpose():
            mark = mark_text(node)
            mark = mark.replace("⊤", "T").replace("−", "-") if style.ascii else mark
            return _base(node.base, style) + _sup(mark, style)
        case Prime(count=count):
            return _base(node.base, style) + ("'" if style.ascii else "′") * count
        case Sum():
            return _sum(node, style)
        case Product():
            return _product(node, style)
        case Frac():
            return _quotient(node.numerator, node.denominator, style)
        case Derivative():
            return _derivative(node, style)
        case BigOperator():
            return _big(node, style)
        case Group():
            return _group(node, style)
        case Bars():
            bar = "|" if not node.double else "||" if style.ascii else "‖"
            label = _sub(_line(node.sub, replace(style, tight=True)), style) if node.sub else ""
            return f"{bar}{_line(node.body, style)}{bar}{label}"
        case Call():
            return _call(node, style)
        case Root():
            return _root(node, style)
        case Row(value=value, condition=condition, words=words):
            row = f"{_line(value, style)} {words.strip() or ('if' if condition else '')}".rstrip()
            return f"{row} {_line(condition, style)}" if condition else row
        case Cases(rows=rows):
            return "{ " + "; ".join(_line(row, style) for row in rows) + " }"
        case Underbrace(body=body, note=note):
            return (
                f"{_line(body, style)} [{_line(note, style).strip()}]"
                if note
                else _line(body, style)
            )
        case List(items=items):
            return _items(items, style)
        case Mapping(domain=domain, codomain=codomain):
            arrow = style.around("->" if style.ascii else "→")
            return _line(domain, style) + arrow + _line(codomain, style)
        case Relation():
            return relation_text(node, style)
        case Chain():
            return _chain(node, style)
        case _:
            assert_never(node)


def _sub(text: str, style: Style) -> str:
    return (None if style.ascii else lowered(text)) or _script("_", text)


def _sup(text: str, style: Style) -> str:
    return (None if style.ascii else lifted(text)) or _script("^", text)


def _script(mark: str, text: str) -> str:
    return mark + text if len(text) == 1 else f"{mark}{{{text}}}"


def _items(items: tuple[Expr, ...], style: Style) -> str:
    return style.comma.join(_line(item, style) for item in items)


def _group(node: Group, style: Style) -> str:
    left, right = shown_brackets(node)
    if style.ascii:
        left, right = (ascii_text(b.translate(_ASCII_BRACKETS)) for b in (left, right))
    return left + _line(node.body, style) + right


def _base(node: Expr, style: Style) -> str:
    slashed = isinstance(node, Frac | Derivative)
    return _line(bracketed(node) if slashed else as_base(node), style)


def _sum(node: Sum, style: Style) -> str:
    text = ""
    for index, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
        shown = style.minus if sign == "-" else sign
        text += shown if index == 0 else style.around(shown)
        text += _line(as_term(term), style)
    return text


def _slashed(node: Expr) -> bool:
    return isinstance(node, Frac) or (isinstance(node, Derivative) and not is_open(node))


def _product(node: Product, style: Style) -> str:
    factors, operators = flat(node)
    text = _factor(factors[0], divided="/" in operators[:1], style=style)
    for index, operator in enumerate(operators):
        left, right = factors[index], factors[index + 1]
        text += _between(left, operator, right, after_slash="/" in operators[:index], style=style)
        divided = "/" in operators[index : index + 2]
        text += _factor(right, divided=divided, style=style)
    return text


def _factor(node: Expr, *, divided: bool, style: Style) -> str:
    """A factor; one that holds a slash is bracketed where another slash or no dot is near."""
    wants = _slashed(node) and (divided or (style.ascii and isinstance(node, Derivative)))
    return _line(bracketed(node) if wants else node, style)


def _between(left: Expr, operator: str, right: Expr, *, after_slash: bool, style: Style) -> str:
    if operator == "/":
        return "/"
    if operator:
        return style.around(operator_text(operator, style))
    if after_slash or _slashed(left) or _slashed(right):
        return style.around(operator_text("\\cdot", style))
    space = gap(left, right)
    if space == " · ":
        return style.around(operator_text("\\cdot", style))
    return " " if style.ascii and not isinstance(left, Group) and is_letter(right) else space


def _quotient(numerator: Expr, denominator: Expr, style: Style) -> str:
    return f"{_part(numerator, style)}/{_part(denominator, style)}"


def _part(node: Expr, style: Style) -> str:
    """A side of a slash: what is not one piece goes into brackets."""
    whole = isinstance(node, Name | Number | Subscript | Power | Transpose | Prime | Group | Bars)
    return _line(node if whole or isinstance(node, Call | Root | Star) else bracketed(node), style)


def _derivative(node: Derivative, style: Style) -> str:
    sign = sign_text(node, style)
    if node.style in ("subscript", "nabla"):
        nabla = ("grad" if style.ascii else "∇") if node.style == "nabla" else sign.strip()
        by = _by_names(node, style)
        power = _sup(str(node.order), style) if node.order > 1 else ""
        return f"{nabla}{_sub(by, style) if by else ''}{power} {_line(_applied(node.of), style)}"
    power = _sup(str(node.order), style) + " " * style.ascii if node.order > 1 else ""
    top = f"{sign.strip() if power else sign}{power}"
    bottom = (" " if style.ascii else "").join(_by(by, order, sign, style) for by, order in node.by)
    slash = " / " if style.ascii else "/"
    if node.style == "operator":
        return f"{top.strip()}{slash}{bottom} {_line(_applied(node.of), style)}"
    return f"{top}{_line(_differentiated(node.of), style)}{slash}{bottom}"


def _by_names(node: Derivative, style: Style) -> str:
    return "".join(_line(by, replace(style, tight=True)) for by, _ in node.by)


def _by(node: Expr, order: int, sign: str, style: Style) -> str:
    power = _sup(str(order), style) if order > 1 else ""
    return f"{sign}{_line(_differentiated(node), style)}{power}"


def _differentiated(node: Expr) -> Expr:
    return bracketed(node) if _slashed(node) else as_varied(node)


def _applied(node: Expr) -> Expr:
    return bracketed(node) if isinstance(node, Sum | Product | Frac) else as_body(node)


def _big(node: BigOperator, style: Style) -> str:
    inner = replace(style, tight=True)
    below = ",".join(_line(item, inner) for item in node.lower)
    above = _line(node.upper, inner) if node.upper is not None else ""
    if style.ascii:
        limits = f"_{{{below}}}" * bool(below) + f"^{{{above}}}" * bool(above)
        sign = node.command + limits
    else:
        sign = BIG.get(node.command, node.command)
        sign += _sub(below, style) if below else ""
        sign += _sup(above, style) if above else ""
    body = as_body(node.body)
    enclose = isinstance(body, Sum) or (style.ascii and isinstance(body, Derivative))
    return f"{sign} {_line(bracketed(body) if enclose else body, style)}"


def _call(node: Call, style: Style) -> str:
    inner = replace(style, tight=True)
    name = function_text(node.function, style)
    if node.sub is not None:
        name += _sub(_line(node.sub, inner), style)
    if node.power is not None:
        name += _sup(_line(node.power, inner), style)
    loose = isinstance(node.argument, Sum | Frac | List | Chain)
    if node.parenthesised or loose:
        return f"{name}({_line(node.argument, style)})"
    return f"{name} {_line(node.argument, style)}"


def _root(node: Root, style: Style) -> str:
    degree = _line(node.degree, replace(style, tight=True)) if node.degree else ""
    if style.ascii:
        name = f"root_{{{degree}}}" if degree else "sqrt"
        return f"{name}({_line(node.body, style)})"
    small = (lifted(degree) or f"{degree} ") if degree else ""
    simple = isinstance(node.body, Name | Number | Subscript)
    body = _line(node.body, style)
    return f"{small}√{body}" if simple else f"{small}√({body})"


def _chain(node: Chain, style: Style) -> str:
    first = node.members[0]
    text = _line(first, style) if first is not None else ""
    for relation, member in zip(node.relations, node.members[1:], strict=True):
        text += style.around(relation_text(relation, style))
        text += _line(member, style) if member is not None else ""
    return text if style.tight else text.strip()
