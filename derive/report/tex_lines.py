"""Displays broken into lines that fit: before relation signs, then at top-level plus and minus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
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
from derive.writing.brackets import as_term, flat
from derive.writing.to_latex import to_latex

LINE = 455.0
"""Width of a line of text, in points."""
MARK = 62.0
"""What is kept free at the right for a mark."""
_INDENT = 22.0
_LETTER, _RELATION, _BINARY, _SPACE = 6.2, 14.0, 12.5, 2.0
_SCRIPT = 0.75
_COMMAND = re.compile(r"\\[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a display; `link` is the number of the relation that is complete in it."""

    text: str
    link: int | None = None


def chain_lines(chain: Chain, room: float) -> list[Line]:
    """The rows of a chain, aligned at its relations; each begins or holds an `&`.

    `room` is the width to fill, in points.
    """
    first = chain.members[0]
    lead = to_latex(first) if first is not None else ""
    taken = width(first) if first is not None else 0.0
    rights = [width(m) + _RELATION if m is not None else _RELATION for m in chain.members[1:]]
    alone = taken > 0.45 * room and taken + max(rights, default=0.0) > room
    rows: list[Line] = []
    if alone and first is not None:
        rows += [Line(f"&{text}") for text in _fitted(first, room)]
        lead, taken = "", _INDENT
    for number, (sign, member) in enumerate(zip(chain.relations, chain.members[1:], strict=True)):
        before = ("\\quad " if alone else "") + to_latex(sign)
        parts = _fitted(member, room - taken - _RELATION) if member is not None else [""]
        texts = [f"{before} {parts[0]}"] + [f"\\quad {part}" for part in parts[1:]]
        rows += [Line(f"{'' if rows else lead}&{text}") for text in texts[:1]]
        rows += [Line(f"&\\qquad {text}") for text in texts[1:]]
        rows[-1] = Line(rows[-1].text, number)
    return rows


def plain_lines(node: Expr, room: float) -> list[Line]:
    """The rows of a statement of any kind."""
    if isinstance(node, Chain):
        return chain_lines(node, room)
    return [Line(f"&{text}") for text in _fitted(node, room)]


def _fitted(node: Expr, room: float) -> list[str]:
    """The expression on as few lines as its signs allow; what cannot be broken is shrunk."""
    if width(node) <= room:
        return [to_latex(node)]
    pieces = _pieces(node)
    if len(pieces) < 2:
        return [_shrunk(to_latex(node), width(node), room)]
    lines: list[str] = []
    taken = 0.0
    for text, size in pieces:
        shown = _shrunk(text, size, room - _INDENT) if size > room - _INDENT else text
        if lines and taken + size <= room - _INDENT:
            lines[-1] += f" {shown}"
            taken += size
        else:
            lines.append(shown)
            taken = size
    return lines


def _shrunk(text: str, size: float, room: float) -> str:
    if size <= room or "\\biggl" in text or "\\biggr" in text:
        return text
    return f"\\resizebox{{{max(room, 40.0):.0f}pt}}{{!}}{{$\\displaystyle {text}$}}"


def _pieces(node: Expr) -> list[tuple[str, float]]:
    """Where a line may end: top-level terms, or the terms in the last bracket of a product."""
    match node:
        case Sum(signs=signs, terms=terms):
            texts = [f"{sign} {to_latex(as_term(t))}" for sign, t in zip(signs, terms, strict=True)]
            return [
                (text.strip(), width(t) + _BINARY) for text, t in zip(texts, terms, strict=True)
            ]
        case Group(body=Sum() as body, opening=opening, closing=closing) if opening != "{":
            return _bracketed("", 0.0, opening, _pieces(body), closing)
        case Product() if isinstance(flat(node)[0][-1], Group):
            factors, operators = flat(node)
            last = factors[-1]
            head = Product(factors[:-1], operators[:-1]) if len(factors) > 2 else factors[0]
            if not isinstance(last, Group) or not isinstance(last.body, Sum):
                return []
            if last.opening == "{":
                return []
            before = f"{to_latex(head)} {operators[-1]}".strip()
            return _bracketed(before, width(head), last.opening, _pieces(last.body), last.closing)
        case _:
            return []


def _bracketed(
    before: str, taken: float, opening: str, inner: list[tuple[str, float]], closing: str
) -> list[tuple[str, float]]:
    """The pieces of a bracket whose two ends stand on different lines."""
    first, size = inner[0]
    pieces = [(f"{before} \\biggl{opening} {first}".strip(), taken + size + _LETTER), *inner[1:]]
    last, size = pieces[-1]
    return [*pieces[:-1], (f"{last} \\biggr{closing}", size + _LETTER)]


def width(node: Expr | Relation | Row | None, scale: float = 1.0) -> float:
    """An estimate, seldom too small, of the width in a display, in points at ten points."""
    match node:
        case None:
            return 0.0
        case Number(text=text) | Words(text=text):
            return scale * 5.2 * len(text)
        case Name(letter=letter, font=font):
            count = 1 if letter.startswith("\\") or len(letter) == 1 else len(letter)
            return scale * (_LETTER + (1.0 if font else 0.0)) * count
        case Star() | Slice() | Dots():
            return scale * 10.0
        case Subscript(base=base, items=items):
            return width(base, scale) + scale * _SPACE + _listed(items, scale * _SCRIPT, 3.0)
        case Power(base=base, exponent=exponent):
            return width(base, scale) + scale * _SPACE + width(exponent, scale * _SCRIPT)
        case Transpose(base=base, mark=mark):
            return width(base, scale) + scale * 5.5 * (1 + mark.startswith("-"))
        case Prime(base=base, count=count):
            return width(base, scale) + 3.0 * count
        case Sum(terms=terms):
            return _listed(terms, scale, _BINARY if scale == 1.0 else 7.0) + scale * 7.8
        case Product():
            return _product(node, scale)
        case Frac(numerator=above, denominator=below):
            return max(width(above, scale), width(below, scale)) + 4.0
        case Derivative():
            return _derivative(node, scale)
        case BigOperator(lower=lower, upper=upper, body=body):
            limits = max(_listed(lower, scale * 0.7, 4.0), width(upper, scale * 0.7))
            return max(scale * 15.0, limits) + scale * _SPACE + width(body, scale)
        case Group(opening=opening, body=body):
            return width(body, scale) + (0.0 if opening == "{" else scale * 15.0)
        case Bars(body=body, sub=sub):
            return width(body, scale) + scale * 10.0 + width(sub, scale * _SCRIPT)
        case Call(function=function, argument=argument, power=power, sub=sub):
            scripts = width(power, scale * _SCRIPT) + width(sub, scale * _SCRIPT)
            return scale * (5.4 * len(function) + 14.0) + scripts + width(argument, scale)
        case Root(body=body):
            return width(body, scale) + scale * 11.0
        case Row(value=value, condition=condition, words=words):
            return width(value, scale) + 14.0 + 5.0 * len(words) + width(condition, scale)
        case Cases(rows=rows):
            return 12.0 + _cases(rows, scale)
        case Underbrace(body=body, note=note):
            return max(width(body, scale), width(note, scale * _SCRIPT))
        case List(items=items):
            return _listed(items, scale, 6.0)
        case Mapping(domain=domain, codomain=codomain):
            return width(domain, scale) + width(codomain, scale) + scale * 16.0
        case Relation():
            return scale * _RELATION
        case Chain(members=members):
            return _listed([m for m in members if m is not None], scale, _RELATION)
        case _:
            assert_never(node)


def _listed(items: Sequence[Expr], scale: float, between: float) -> float:
    return sum(width(item, scale) for item in items) + scale * between * max(0, len(items) - 1)


def _product(node: Product, scale: float) -> float:
    signs = sum(scale * (9.0 if operator else 1.5) for operator in node.operators)
    return signs + sum(width(factor, scale) for factor in node.factors)


def _cases(rows: Sequence[Row], scale: float) -> float:
    values = max((width(row.value, scale) for row in rows), default=0.0)
    conditions = max((width(Row(Number(""), r.condition, r.words), scale) for r in rows), default=0)
    return values + conditions


def _derivative(node: Derivative, scale: float) -> float:
    of = width(node.of, scale) + scale * 7.0
    by = sum(width(name, scale) + scale * 8.0 for name, _ in node.by)
    match node.style:
        case "frac":
            return max(of, by) + 4.0
        case "operator":
            return max(by, 10.0) + of
        case _:
            return by + of
