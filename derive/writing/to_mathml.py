"""Syntax to presentation MathML, with everything that comes from the author escaped."""

from __future__ import annotations

import re
from html import escape
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
from derive.writing.brackets import as_base, as_body, as_indexed, as_term, flat
from derive.writing.signs import (
    Style,
    function_text,
    operator_text,
    relation_text,
    shown_brackets,
    sign_text,
)
from derive.writing.symbols import BIG, DOTS, letter_of

_PLAIN = Style()
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_APPLY = "<mo>&#x2061;</mo>"
_MARKS = {
    "hat": "^",
    "widehat": "^",
    "bar": "¯",
    "overline": "¯",
    "tilde": "~",
    "widetilde": "~",
    "dot": "˙",
    "ddot": "¨",
    "vec": "→",
    "check": "ˇ",
    "breve": "˘",
    "acute": "´",
    "grave": "`",
    "mathring": "˚",
    "underline": "_",
}
_STRETCHED = {"widehat", "overline", "widetilde", "underline"}


def to_mathml(node: Expr | Relation | Row, display: bool = True) -> str:
    """The expression as a `<math>` element, for a display or for a line of text."""
    kind = "block" if display else "inline"
    xmlns = "http://www.w3.org/1998/Math/MathML"
    return f'<math xmlns="{xmlns}" display="{kind}">{_row(_elements(node))}</math>'


def _elements(node: Expr | Relation | Row) -> str:
    """One or more sibling elements; a scripted or enclosed part is always one."""
    match node:
        case Number(text=text):
            return _leaf("mn", text)
        case Name():
            return _name(node)
        case Subscript(items=items, bracketed=True):
            base = _elements(as_indexed(node.base, square=True))
            return _row(base + _fence("[") + _items(items) + _fence("]"))
        case Subscript(items=items):
            base = _row(_elements(as_indexed(node.base, square=False)))
            return f"<msub>{base}{_row(_items(items))}</msub>"
        case Power():
            return _power(node)
        case Star():
            return _leaf("mo", "*")
        case Slice():
            return _leaf("mo", ":")
        case Dots(command=command):
            return _leaf("mo", DOTS.get(command, "…"))
        case Transpose(mark=mark):
            sign = _leaf("mo", "−") if mark.startswith("-") else ""
            return f"<msup>{_base(node.base)}{_row(sign + _leaf('mo', '⊤'))}</msup>"
        case Prime(count=count):
            return f"<msup>{_base(node.base)}{_leaf('mo', '′' * count)}</msup>"
        case Sum(signs=signs, terms=terms):
            parts = zip(signs, terms, strict=True)
            return "".join(_sign(sign) + _elements(as_term(term)) for sign, term in parts)
        case Product():
            return _product(node)
        case Frac(numerator=numerator, denominator=denominator):
            return _frac(node.command, _elements(numerator), _elements(denominator))
        case Derivative():
            return _derivative(node)
        case BigOperator():
            return _big(node)
        case Group():
            left, right = shown_brackets(node)
            return _row(_fence(left) + _elements(node.body) + _fence(right))
        case Bars():
            return _bars(node)
        case Call():
            return _call(node)
        case Root(body=body, degree=degree):
            inner = _row(_elements(body))
            if degree is None:
                return f"<msqrt>{inner}</msqrt>"
            return f"<mroot>{inner}{_row(_elements(degree))}</mroot>"
        case Row():
            return "".join(_cells(node))
        case Cases():
            return _cases(node)
        case Underbrace():
            return _underbrace(node)
        case List(items=items):
            return _items(items)
        case Mapping(domain=domain, codomain=codomain):
            return _elements(domain) + _leaf("mo", "→") + _elements(codomain)
        case Words(text=text):
            return _words(text)
        case Relation():
            return _leaf("mo", relation_text(node, _PLAIN))
        case Chain():
            return _chain(node)
        case _:
            assert_never(node)


def _leaf(tag: str, text: str) -> str:
    return f"<{tag}>{escape(_FORBIDDEN.sub(' ', text))}</{tag}>"


def _row(inner: str) -> str:
    return f"<mrow>{inner}</mrow>"


def _fence(bracket: str) -> str:
    return f'<mo stretchy="true" fence="true">{escape(bracket)}</mo>' if bracket else ""


def _sign(sign: str) -> str:
    return _leaf("mo", "−" if sign == "-" else sign) if sign else ""


def _items(items: tuple[Expr, ...]) -> str:
    return _leaf("mo", ",").join(map(_elements, items))


def _words(text: str) -> str:
    """Words; the spaces around them, which MathML would drop, become no-break spaces."""
    body = text.strip()
    if not body:
        return ""
    before, after = "\u00a0" * text[0].isspace(), "\u00a0" * text[-1].isspace()
    return _leaf("mtext", before + body + after)


def _name(node: Name) -> str:
    text = letter_of(node)
    upright = len(text) == 1 and node.font in ("mathrm", "text", "operatorname", "textrm")
    tag = '<mi mathvariant="normal">' if upright else "<mi>"
    inner = f"{tag}{escape(_FORBIDDEN.sub(' ', text))}</mi>"
    for accent in reversed(node.accents):
        stretch = "true" if accent in _STRETCHED else "false"
        mark = f'<mo stretchy="{stretch}">{_MARKS[accent]}</mo>' if accent in _MARKS else ""
        over = ("munder", "accentunder") if accent == "underline" else ("mover", "accent")
        inner = f'<{over[0]} {over[1]}="true">{inner}{mark}</{over[0]}>' if mark else inner
    return inner


def _base(node: Expr) -> str:
    return _row(_elements(as_base(node)))


def _power(node: Power) -> str:
    operator = _leaf("mo", operator_text(node.operator, _PLAIN)) if node.operator else ""
    above = _row(operator + _elements(node.exponent))
    base = node.base
    if isinstance(base, Subscript) and not base.bracketed:
        inner = _row(_elements(as_indexed(base.base, square=False)))
        return f"<msubsup>{inner}{_row(_items(base.items))}{above}</msubsup>"
    return f"<msup>{_base(base)}{above}</msup>"


def _product(node: Product) -> str:
    factors, operators = flat(node)
    text = _elements(factors[0])
    for operator, left, right in zip(operators, factors, factors[1:], strict=False):
        if operator:
            text += _leaf("mo", operator_text(operator, _PLAIN))
        elif isinstance(left, Number) and isinstance(right, Number):
            text += _leaf("mo", "·")
        text += _elements(right)
    return text


def _frac(command: str, numerator: str, denominator: str) -> str:
    fraction = f"<mfrac>{_row(numerator)}{_row(denominator)}</mfrac>"
    match command:
        case "dfrac" | "cfrac":
            return f'<mstyle displaystyle="true" scriptlevel="0">{fraction}</mstyle>'
        case "tfrac":
            return f'<mstyle displaystyle="false">{fraction}</mstyle>'
        case _:
            return fraction


def _derivative(node: Derivative) -> str:
    text = sign_text(node, _PLAIN)
    if node.style in ("subscript", "nabla"):
        head = _leaf("mo", "∇" if node.style == "nabla" else text)
        names = "".join(_elements(by) for by, _ in node.by)
        if names:
            head = f"<msub>{head}{_row(names)}</msub>"
        return _raised(head, node.order) + _elements(as_body(node.of))
    sign = _leaf("mo", text) if text == "∂" else '<mi mathvariant="normal">d</mi>'
    top = _raised(sign, node.order)
    below = "".join(sign + _raised(_elements(as_term(by)), order) for by, order in node.by)
    match node.style:
        case "operator":
            return _frac(node.command, top, below) + _elements(as_body(node.of))
        case "slash":
            return _row(top + _elements(as_base(node.of)) + _leaf("mo", "/") + below)
        case _:
            return _frac(node.command, top + _elements(as_term(node.of)), below)


def _raised(base: str, order: int) -> str:
    return f"<msup>{_row(base)}{_leaf('mn', str(order))}</msup>" if order > 1 else base


def _big(node: BigOperator) -> str:
    """The sign with its limits; `munderover` puts them beside the sign in a line of text."""
    sign = _leaf("mo", BIG.get(node.command, node.command))
    lower, upper = _row(_items(node.lower)), ""
    if node.upper is not None:
        upper = _row(_elements(node.upper))
    if node.lower and upper:
        sign = f"<munderover>{sign}{lower}{upper}</munderover>"
    elif node.lower:
        sign = f"<munder>{sign}{lower}</munder>"
    elif upper:
        sign = f"<mover>{sign}{upper}</mover>"
    return _row(sign + _elements(as_body(node.body)))


def _bars(node: Bars) -> str:
    bar = _fence("‖" if node.double else "|")
    text = _row(bar + _elements(node.body) + bar)
    return f"<msub>{text}{_row(_elements(node.sub))}</msub>" if node.sub is not None else text


def _call(node: Call) -> str:
    name = _leaf("mi", function_text(node.function, _PLAIN))
    if node.sub is not None:
        name = f"<msub>{name}{_row(_elements(node.sub))}</msub>"
    if node.power is not None:
        name = f"<msup>{_row(name)}{_row(_elements(node.power))}</msup>"
    argument = _elements(node.argument if node.parenthesised else as_body(node.argument))
    if node.parenthesised:
        argument = _row(_fence("(") + argument + _fence(")"))
    return _row(name + _APPLY + argument)


def _cells(node: Row) -> tuple[str, str]:
    """The value of a row, and what stands in its second column."""
    words = node.words.strip()
    label = _leaf("mtext", words + "\u00a0" * (node.condition is not None)) if words else ""
    condition = _elements(node.condition) if node.condition is not None else ""
    return _row(_elements(node.value)), _row(label + condition)


def _cases(node: Cases) -> str:
    rows = "".join(
        "<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in _cells(row)) + "</mtr>"
        for row in node.rows
    )
    table = f'<mtable columnalign="left left">{rows}</mtable>'
    return _row(_fence("{") + table)


def _underbrace(node: Underbrace) -> str:
    tag, brace = ("munder", "⏟") if node.under else ("mover", "⏞")
    text = f'<{tag}>{_row(_elements(node.body))}<mo stretchy="true">{brace}</mo></{tag}>'
    return f"<{tag}>{text}{_row(_elements(node.note))}</{tag}>" if node.note is not None else text


def _chain(node: Chain) -> str:
    first = node.members[0]
    text = _elements(first) if first is not None else ""
    for relation, member in zip(node.relations, node.members[1:], strict=True):
        text += _elements(relation)
        text += _elements(member) if member is not None else ""
    return text
