r"""`\max_i x_i`: the largest entry over an index, read as that of a whole axis."""

from __future__ import annotations

from dataclasses import replace

from derive.meaning import terms as t
from derive.meaning.ranges import Index, range_of
from derive.meaning.setting import Setting, Typed
from derive.meaning.shapes import broadcast
from derive.meaning.subscripts import index_letter
from derive.reading import syntax as s

_ADVICE = "Write it over one index that runs over a whole axis, \\max_i x_i, or as \\max(a, b)."


def extreme(setting: Setting, node: s.BigOperator) -> Typed:
    r"""`\max_i body` where the body stands entry by entry on one whole axis."""
    letter = index_letter(node.lower[0]) if len(node.lower) == 1 else None
    if letter is None or node.upper is not None:
        raise setting.error(f"this \\{node.command} is not read", node, _ADVICE)
    index = Index(letter)
    setting.indices.bind([index])
    try:
        body = setting.term(node.body)
        bound = range_of(index)
    finally:
        setting.indices.release(1)
    whole = None if body.shape else along(body.term, letter, bound)
    if whole is None or len(whole.shape) != 1:
        raise setting.error(f"this \\{node.command} is not read", node, _ADVICE)
    return Typed(t.Function(node.command, (whole,), ()))


def along(term: t.Term, letter: str, bound: t.Bound) -> t.Term | None:
    """The vector whose entry at the letter is a scalar term; None where it is not that simple."""
    match term:
        case t.Number() | t.Constant():
            return term
        case t.Element(base=base, at=at):
            return _axis(term, base, at, letter, bound)
        case t.Variable():
            return term
        case t.Add(terms=parts):
            found = _all(parts, letter, bound)
            return None if found is None else t.Add(*found)
        case t.Multiply(factors=parts):
            found = _all(parts, letter, bound)
            return None if found is None else t.Multiply(*found)
        case t.Divide(numerator=above, denominator=below):
            found = _all((above, below), letter, bound)
            return None if found is None else t.Divide(found[0][0], found[0][1], found[1])
        case t.Power(base=base, exponent=t.Number() as exponent):
            inner = along(base, letter, bound)
            return None if inner is None else t.Power(inner, exponent)
        case t.Function(arguments=parts) if all(not part.shape for part in parts):
            found = _all(parts, letter, bound)
            return None if found is None else replace(term, arguments=found[0], shape=found[1])
        case _:
            return None


def _axis(
    term: t.Element, base: t.Term, at: tuple[t.Affine | None, ...], letter: str, bound: t.Bound
) -> t.Term | None:
    here = t.Affine.name(letter)
    places = [k for k, place in enumerate(at) if place is not None and letter in place.names]
    if not isinstance(base, t.Variable) or len(places) > 1:
        return None
    if not places:
        return term
    axis = places[0]
    full = at[axis] == here and bound.low == t.Affine.number(1) and bound.high == base.shape[axis]
    return t.Element(base, (*at[:axis], None, *at[axis + 1 :])) if full else None


def _all(
    parts: tuple[t.Term, ...], letter: str, bound: t.Bound
) -> tuple[tuple[t.Term, ...], t.Shape] | None:
    found: list[t.Term] = []
    shape: t.Shape = ()
    for part in parts:
        value = along(part, letter, bound)
        common = None if value is None else broadcast(shape, value.shape)
        if value is None or common is None:
            return None
        found.append(value)
        shape = common
    return tuple(found), shape
