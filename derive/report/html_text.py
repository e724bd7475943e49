"""Parts of an HTML page: words escaped, formulas as MathML, displays broken into rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from derive.errors import DeriveError, printable
from derive.meaning.to_syntax import name
from derive.reading.parse import parse_expression
from derive.reading.syntax import Chain, Expr, Relation, Sum
from derive.report.tex_lines import width
from derive.report.words import parts, readable, split_suggestion
from derive.writing.to_mathml import to_mathml

ROOM = 375.0
"""Width of a row of a display, in the points of `tex_lines.width`."""
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def words(text: str) -> str:
    """Running text, escaped; signs that would be obeyed or that XML forbids are replaced."""
    return escape(_FORBIDDEN.sub("\ufffd", printable(text)))


def remark(text: str) -> str:
    """Running text in which names may stand in LaTeX."""
    return words(readable(text))


def inline(node: Expr) -> str:
    """A formula in a line of text."""
    return to_mathml(node, display=False)


def name_of(latex: str) -> str:
    """A name that is kept in LaTeX."""
    try:
        return inline(name(latex))
    except DeriveError:
        return words(latex)


def suggested(text: str) -> str:
    """A repair: its equation, and what was changed."""
    equation, said = split_suggestion(text)
    try:
        shown = inline(parse_expression(equation))
    except DeriveError:
        return remark(text)
    changed = "".join(words(p) if isinstance(p, str) else inline(p) for p in parts(said))
    return f"{shown} ({changed})" if changed else shown


def display(node: Expr, conditions: Sequence[Expr] = (), numbers: Sequence[str] = ()) -> str:
    """A formula on rows of its own, one for each link; `numbers[k]` stands behind link k."""
    rows = list(_chain(node, numbers) if isinstance(node, Chain) else _lone(node))
    if conditions:
        rows[-1] += f'<td class="on">for {", ".join(map(inline, conditions))}</td>'
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="formula"><table role="presentation"><tbody>{body}</tbody></table></div>'


def _lone(node: Expr) -> Iterator[str]:
    for piece in split(node, ROOM):
        yield f"<td>{to_mathml(piece)}</td>"


def _chain(chain: Chain, numbers: Sequence[str]) -> Iterator[str]:
    """The first member before the first sign where there is room, else on a row above."""
    first = chain.members[0]
    right = max((width(member) for member in chain.members[1:] if member is not None), default=0.0)
    taken = width(first) if first is not None else 0.0
    left = f'<td class="left">{to_mathml(first)}</td>' if first is not None else "<td></td>"
    if taken > ROOM / 2 and taken + right > ROOM and first is not None:
        for above in split(first, ROOM):
            yield f'<td colspan="2">{to_mathml(above)}</td>'
        left, taken = '<td class="on"></td>', 0.0
    for link, (relation, member) in enumerate(zip(chain.relations, chain.members[1:], strict=True)):
        pieces: list[Expr | None] = [None]
        if member is not None:
            pieces = [*split(member, ROOM - taken)]
        for at, piece in enumerate(pieces):
            right_cell = _with_sign(relation, piece) if at == 0 else _continued(piece)
            last = at == len(pieces) - 1 and link < len(numbers) and numbers[link]
            number = f'<td class="number">{words(numbers[link])}</td>' if last else ""
            yield left + right_cell + number
            left = "<td></td>"


def _with_sign(relation: Relation, member: Expr | None) -> str:
    return f"<td>{to_mathml(Chain((None, member), (relation,)))}</td>"


def _continued(member: Expr | None) -> str:
    return f'<td class="on">{to_mathml(member)}</td>' if member is not None else "<td></td>"


def split(node: Expr, room: float) -> list[Expr]:
    """A sum cut before its signs into pieces that fit; anything else stays whole."""
    if not isinstance(node, Sum) or width(node) <= room:
        return [node]
    pieces: list[Sum] = []
    for sign, term in zip(node.signs, node.terms, strict=True):
        longer = Sum((*pieces[-1].signs, sign), (*pieces[-1].terms, term)) if pieces else None
        if longer is not None and width(longer) <= room:
            pieces[-1] = longer
        else:
            pieces.append(Sum((sign,), (term,)))
    return list(pieces)
