"""Members, relations and commas → chains and lists.

`x, y \\in S` is one chain whose first member is a list; `a = 1, b = 2` are two statements;
`1 \\le i, k \\le N` is one chain with a list inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from derive.reading.span import Span
from derive.reading.syntax import Chain, Dots, Expr, List, Mapping, Name, Number, Relation, Slice
from derive.reading.tokens import MisplacedError

if TYPE_CHECKING:
    from derive.reading.tokens import Token

_ORDER = frozenset({"<", "\\le", ">", "\\ge"})
_FORWARD = _ORDER | {
    "\\in", "\\notin", "\\subset", "\\subseteq", ":", "\\sim", "\\neq"
}  # fmt: skip
"""Relations that speak about every name of the list before them."""


@dataclass(slots=True)
class _Part:
    """What stands between two commas: members and relations in turn, from open end to open end."""

    members: list[Expr | None]
    relations: list[Relation]

    @property
    def free(self) -> bool:
        return not self.relations


def _parts(elements: Sequence[Expr | Token]) -> list[_Part]:
    parts = [_Part([None], [])]
    for element in elements:
        kind = getattr(element, "type", "")
        if kind == "COMMA":
            parts.append(_Part([None], []))
        elif kind == "REL":
            token = cast("Token", element)
            parts[-1].relations.append(Relation(token.value, span=token.span))
            parts[-1].members.append(None)
        else:
            parts[-1].members[-1] = cast(Expr, element)
    return parts


def assemble(elements: Sequence[Expr | Token]) -> tuple[Expr, ...]:
    """The statements of a sequence, chains and expressions. Raises MisplacedError."""
    done: list[_Part] = []
    pending: list[Expr] = []
    for part in _parts(elements):
        if part.free:
            if part.members[0] is None:
                if not elements:
                    return ()
                raise MisplacedError("expected an expression beside the comma", _comma(elements))
            pending.append(part.members[0])
            continue
        if pending and part.members[0] is not None:
            pending = _settle(done, pending, part)
        if done and not pending and _one_range(done[-1], part):
            _merge(done[-1], part)
        else:
            done.extend(_Part([item], []) for item in pending)
            done.append(part)
        pending = []
    return tuple(_chain(part) for part in _with_pending(done, pending))


def _settle(done: list[_Part], pending: list[Expr], part: _Part) -> list[Expr]:
    """Give a list without relation to the chain after it, or to the one before it."""
    backward = bool(done) and _continues_list(pending)
    if backward:
        _extend(done[-1], pending)
    elif not done or part.relations[0].sign in _FORWARD or _plain(pending, part):
        part.members[0] = _list([*pending, cast(Expr, part.members[0])])
    else:
        return pending
    return []


def _plain(pending: list[Expr], part: _Part) -> bool:
    """`i, k = 1, \\dots, N`: names only, a number to the right."""
    right = part.members[1]
    return all(isinstance(p, Name) for p in pending) and isinstance(right, Number)


def _continues_list(pending: list[Expr]) -> bool:
    return any(isinstance(p, Dots) for p in pending) or all(isinstance(p, Number) for p in pending)


def _extend(part: _Part, more: list[Expr]) -> None:
    if part.members[-1] is not None:
        part.members[-1] = _list([part.members[-1], *more])


def _one_range(left: _Part, right: _Part) -> bool:
    """`1 \\le i` and `k \\le N` are one range; `a > 0` and `b > 0` are two statements."""
    return (
        not left.free
        and left.relations[-1].sign in _ORDER
        and right.relations[0].sign in _ORDER
        and isinstance(left.members[0], Number)
        and len(left.relations) == 1
        and right.members[0] is not None
        and left.members[-1] is not None
    )


def _merge(left: _Part, right: _Part) -> None:
    first, second = left.members[-1], right.members[0]
    assert first is not None and second is not None
    tail = list(second.items) if isinstance(second, List) else [second]
    left.members[-1:] = [_list([first, *tail]), *right.members[1:]]
    left.relations.extend(right.relations)


def _with_pending(done: list[_Part], pending: list[Expr]) -> list[_Part]:
    if not pending:
        return done
    if not done:
        return [_Part([_list(pending)], [])]
    if _continues_list(pending):
        _extend(done[-1], pending)
        return done
    return done + [_Part([item], []) for item in pending]


def _list(items: list[Expr]) -> Expr:
    flat: list[Expr] = []
    for item in items:
        flat.extend(item.items if isinstance(item, List) else (item,))
    if len(flat) == 1:
        return flat[0]
    return List(tuple(flat), span=flat[0].span.to(flat[-1].span))


def _chain(part: _Part) -> Expr:
    if part.free:
        assert part.members[0] is not None
        return part.members[0]
    members, relations = part.members, part.relations
    for k, member in enumerate(members[1:-1], start=1):
        if member is None:
            sign = relations[k]
            raise MisplacedError(f"expected an expression before {sign.sign}", sign.span)
    if len(relations) > 1 and relations[0].sign == ":" and relations[1].sign == "\\to":
        members, relations = _mapping(members, relations)
    pieces = [m.span for m in members if m is not None] + [r.span for r in relations]
    span = Span(min(p.start for p in pieces), max(p.end for p in pieces))
    return Chain(tuple(members), tuple(relations), span=span)


def _mapping(
    members: list[Expr | None], relations: list[Relation]
) -> tuple[list[Expr | None], list[Relation]]:
    domain, codomain = members[1], members[2]
    if domain is None or codomain is None:
        raise MisplacedError("expected a set after the arrow", relations[1].span)
    mapping = Mapping(domain, codomain, span=domain.span.to(codomain.span))
    return [members[0], mapping, *members[3:]], [relations[0], *relations[2:]]


def _comma(elements: Sequence[Expr | Token]) -> Span:
    return next(e.span for e in elements if getattr(e, "type", "") == "COMMA")


def expression(elements: Sequence[Expr | Token], span: Span) -> Expr:
    """One expression of a sequence; several statements become a `List`. Raises MisplacedError."""
    if not elements:
        raise MisplacedError("expected an expression", span)
    if len(elements) == 1 and not hasattr(elements[0], "type"):
        return elements[0]
    items = assemble(elements)
    return items[0] if len(items) == 1 else List(items, span=span)


def items_of(elements: Sequence[Expr | Token]) -> tuple[Expr, ...]:
    """The items of a subscript or an argument list: split at commas, `:` alone is a slice."""
    if len(elements) == 1 and not hasattr(elements[0], "type"):
        return (elements[0],)
    parts = _parts(elements)
    if any(_is_slice(part) for part in parts):
        return tuple(
            Slice(span=part.relations[0].span)
            if _is_slice(part)
            else _chain(_filled(part, elements))
            for part in parts
        )
    items = assemble(elements)
    if len(items) == 1 and isinstance(items[0], List):
        return items[0].items
    return items


def _filled(part: _Part, elements: Sequence[Expr | Token]) -> _Part:
    if part.free and part.members[0] is None:
        raise MisplacedError("expected an expression beside the comma", _comma(elements))
    return part


def _is_slice(part: _Part) -> bool:
    return part.members == [None, None] and part.relations[0].sign == ":"
