"""Candidate readings of an equation, and of a definition: what fits, in the order of trying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Literal

from derive.errors import DeriveError, IllTypedError, MeaningError
from derive.meaning import terms as t
from derive.meaning.classify import mentions
from derive.meaning.einstein import explicit
from derive.meaning.elaborate import elaborate
from derive.meaning.graph import subterms, symbols_in
from derive.meaning.ranges import Indices, range_of
from derive.meaning.records import Given
from derive.meaning.setting import Choices, Names, Setting, place_of
from derive.meaning.shapes import broadcast, describe
from derive.meaning.subscripts import Sign, condition, free_letters
from derive.reading import syntax as s
from derive.reading.span import Source, Span

_NOTES = {
    ("product", "matrix"): "products are matrix products",
    ("product", "element"): "products act element by element",
    ("dot", "inner"): "the dot between vectors is the inner product",
    ("dot", "element"): "the dot between vectors acts element by element",
    ("partials", "total"): "derivatives are total",
    ("partials", "direct"): "derivatives are direct: other names are held",
    ("pairs", "one"): "a sum under ≠ runs over its first index",
    ("pairs", "both"): "a sum under ≠ runs over both of its indices",
}
_MOST_SIZES = 4
Partials = Literal["either", "total", "direct"]


@dataclass(frozen=True, slots=True)
class Equation:
    """A link as written, with the conditions in force; `first` is the first member of its chain."""

    left: s.Expr
    right: s.Expr
    sign: Sign
    conditions: tuple[s.Expr, ...]
    span: Span
    first: s.Expr | None = None


class _SidesError(IllTypedError):
    """The two sides were read, and their shapes or indices disagree."""


def candidates(partials: Partials, sizes: frozenset[str]) -> Iterator[Choices]:
    """All choices, in the order in which they are tried."""
    ways: tuple[Literal["total", "direct"], ...]
    ways = ("total", "direct") if partials == "either" else (partials,)
    tried = sorted(sizes)[:_MOST_SIZES] or [""]
    for size, pair, way, matrix, inner in product(tried, (0, 1), (0, 1), (0, 1), range(len(ways))):
        yield Choices(
            "element" if way else "matrix",
            "element" if matrix else "inner",
            ways[inner],
            size,
            "both" if pair else "one",
        )


def _known(tried: Sequence[tuple[Choices, frozenset[str]]], choices: Choices) -> bool:
    """Whether a reading tried before would come out the same."""
    return any(
        all(getattr(before, name) == getattr(choices, name) for name in met)
        for before, met in tried
    )


def read_equation(
    names: Names, source: Source | None, equation: Equation, partials: Partials = "either"
) -> tuple[tuple[t.Reading, ...], DeriveError | None]:
    """The readings under which both sides fit, or the error that says why there is none."""
    if names.einstein:
        keep = frozenset(free_letters(equation.first or equation.left)) | names.ranges.keys()
        left, right = explicit(equation.left, keep), explicit(equation.right, keep)
        equation = replace(equation, left=left, right=right)
    sides = (equation.left, equation.right)
    outer = frozenset(letter for side in sides for letter in free_letters(side))
    loose = frozenset(letter for side in sides for letter in free_letters(side, both=True))
    found: list[tuple[Choices, t.Reading]] = []
    tried: list[tuple[Choices, frozenset[str]]] = []
    errors: list[MeaningError] = []
    for choices in candidates(partials, names.sizes):
        if _known(tried, choices):
            continue
        setting = _setting(names, source, choices, (outer, loose))
        try:
            found.append((choices, _read(setting, equation)))
        except MeaningError as error:
            errors.append(error)
        tried.append((choices, frozenset(setting.met)))
    if not found:
        return (), _placed(_best(errors), source, equation.span)
    if partials == "either":
        found = [one for one in found if not _idle(one[1], names)] or found
    met = frozenset().union(*(m for _, m in tried))
    return tuple(_distinct(found, met)), None


def _idle(reading: t.Reading, names: Names) -> bool:
    """Whether a direct derivative is by a name that stands nowhere in what it is taken of.

    Everything between the two is held then, and it would be zero: nobody means that.
    """
    return any(
        isinstance(part, t.Derivative)
        and part.reading == "direct"
        and part.target.key not in _mentioned(part.of, names)
        for side in (reading.left, reading.right)
        for part in subterms(side)
    )


def _mentioned(of: t.Term, names: Names) -> Set[str]:
    while isinstance(of, t.Derivative):
        of = of.of
    match of:
        case t.Variable(symbol=symbol) | t.Element(base=t.Variable(symbol=symbol)):
            return names.uses.get(symbol.key, frozenset((symbol.key,)))
        case _:
            return symbols_in(of)


def _setting(
    names: Names,
    source: Source | None,
    choices: Choices,
    free: tuple[frozenset[str], frozenset[str]],
) -> Setting:
    """Where reading begins; `free` are the letters around, and those where pairs are bound."""
    indices = Indices(dict(names.ranges), names.sizes)
    outer = free[1] if choices.pairs == "both" else free[0]
    return Setting(names, source, indices, elaborate, choices, outer=outer, loose=free[1])


def _best(errors: list[MeaningError]) -> MeaningError:
    return next((error for error in errors if isinstance(error, _SidesError)), errors[0])


def _placed(error: MeaningError, source: Source | None, span: Span) -> MeaningError:
    kind = IllTypedError if isinstance(error, IllTypedError) else MeaningError
    place = error.place or place_of(source, span)
    return kind(error.message, place=place, advice=error.advice)


def _read(setting: Setting, equation: Equation) -> t.Reading:
    left = elaborate(setting, equation.left)
    on_left = set(setting.indices.free)
    right = elaborate(setting, equation.right)
    alone = [
        name
        for name in setting.indices.free
        if name not in on_left and not is_fixed(setting.names, name)
    ]
    if alone:
        raise _SidesError(
            f"the index {alone[0]} is free on the right side and not on the left",
            advice=f"Sum over {alone[0]}, or write it on the left side too.",
        )
    one, other = _aligned(left.term, right.term)
    conditions = _conditions(setting, equation.conditions)
    free = tuple(range_of(index) for index in setting.indices.free.values())
    partials = setting.choices.partials if "partials" in setting.met else None
    return t.Reading(one, other, free, conditions, "", partials, equation.sign)


def read_assumption(names: Names, source: Source | None, given: Given) -> t.Assumption | None:
    """An assumption under its first reading, None when that or its condition is not understood."""
    equation = Equation(given.left, given.right, given.sign, given.conditions, given.span)
    readings, _ = read_equation(names, source, equation, "total")
    if not readings:
        return None
    read = readings[0]
    known = {bound.name for bound in read.free}
    for expr in given.conditions:
        letters = mentions(expr) - {""}
        if letters & known and not letters <= known | set(names.sizes):
            return None
    narrowing = tuple(test for test in read.condition if not _follows(test, read.free))
    fixed = frozenset(name for name in known if is_fixed(names, name))
    return t.Assumption(read.left, read.sign, read.right, given.latex, narrowing, read.free, fixed)


def _follows(test: t.Comparison, free: Sequence[t.Bound]) -> bool:
    """Whether a comparison only repeats an end of the range of an index."""
    match test:
        case t.Comparison(t.Position(left), "<=", t.Position(right)):
            low = any(b.low == left and t.Affine.name(b.name) == right for b in free)
            return low or any(t.Affine.name(b.name) == left and b.high == right for b in free)
        case t.Comparison(left, ">=", right):
            return _follows(t.Comparison(right, "<=", left), free)
    return False


def is_fixed(names: Names, name: str) -> bool:
    """Whether a letter is a fixed index: a capital whose range the text declares."""
    return name in names.ranges and name.isupper()


def _conditions(setting: Setting, exprs: tuple[s.Expr, ...]) -> t.Condition:
    """The conditions about indices that occur in the equation."""
    found: list[t.Comparison] = []
    for expr in exprs:
        before = set(setting.indices.free)
        tests = condition(setting, expr)
        new = set(setting.indices.free) - before
        for name in new:
            del setting.indices.free[name]
        found += [test for test in tests if not new & _positions(test)]
    return tuple(found)


def _positions(test: t.Comparison) -> frozenset[str]:
    sides = (test.left, test.right)
    return frozenset(n for side in sides if isinstance(side, t.Position) for n in side.at.names)


def _aligned(left: t.Term, right: t.Term) -> tuple[t.Term, t.Term]:
    """Both sides with one shape; a number stands for an array of it."""
    if left.shape == right.shape:
        return left, right
    if not right.shape and is_constant(right):
        return left, filled(right, left.shape)
    if not left.shape and is_constant(left):
        return filled(left, right.shape), right
    raise _SidesError(f"left side {_side(left.shape)}, right side {_side(right.shape)}")


def _side(shape: t.Shape) -> str:
    return f"has {describe(shape)}" if shape else "is a scalar"


def is_constant(term: t.Term) -> bool:
    """Whether a scalar is made of numbers and sizes only."""
    forbidden = (t.Variable, t.Derivative, t.Indicator, t.Cases, t.Sum, t.Function, t.Position)
    return not any(isinstance(part, forbidden) for part in subterms(term)) or _only_sizes(term)


def _only_sizes(term: t.Term) -> bool:
    allowed = (t.Number, t.Constant, t.Position, t.Add, t.Multiply, t.Divide, t.Power)
    return all(
        isinstance(part, allowed)
        and not (isinstance(part, t.Position) and any(n.islower() for n in part.at.names))
        for part in subterms(term)
    )


def filled(term: t.Term, shape: t.Shape) -> t.Term:
    """An array of one number."""
    if isinstance(term, t.Number):
        return t.Filled(term.value, shape)
    return t.Multiply((term, t.Filled(Fraction(1), shape)), shape)


def _distinct(found: list[tuple[Choices, t.Reading]], met: frozenset[str]) -> Iterator[t.Reading]:
    """Readings without repetition; all but the first say how they read the equation."""
    seen: list[t.Reading] = []
    first = found[0][0]
    for choices, reading in found:
        if any((r.left, r.right) == (reading.left, reading.right) for r in seen):
            continue
        seen.append(reading)
        changed = [
            _NOTES[name, getattr(choices, name)]
            for name in ("product", "dot", "partials", "pairs")
            if name in met and getattr(choices, name) != getattr(first, name)
        ]
        yield replace(reading, note="; ".join(changed))


@dataclass(frozen=True, slots=True)
class Defining:
    """The right side of a definition: its index parameters, and the shape declared for the name.

    `aliases` and `dropped` are those of `Setting`. `squares`: the body is the name's square.
    """

    body: s.Expr
    parameters: tuple[str, ...]
    declared: t.Shape | None
    aliases: Mapping[str, str]
    dropped: frozenset[str]


@dataclass(frozen=True, slots=True)
class DefinedAs:
    """A definition that was read: body, shape of the name, fixed indices it depends on."""

    body: t.Term
    shape: t.Shape
    hidden: tuple[str, ...]


def read_definition(names: Names, source: Source | None, defining: Defining) -> DefinedAs:
    """The first reading of a definition that fits the declared shape; raises `MeaningError`."""
    tried: list[tuple[Choices, frozenset[str]]] = []
    errors: list[MeaningError] = []
    for choices in candidates("total", names.sizes):
        if _known(tried, choices):
            continue
        parameters = frozenset(defining.parameters)
        outer = parameters | free_letters(defining.body)
        loose = parameters | free_letters(defining.body, both=True)
        setting = _setting(names, source, choices, (outer, loose))
        setting.aliases, setting.dropped = defining.aliases, defining.dropped
        setting.defining = True
        try:
            return _defined(setting, defining)
        except MeaningError as error:
            errors.append(error)
        tried.append((choices, frozenset(setting.met)))
    raise _placed(_best(errors), source, defining.body.span)


def _defined(setting: Setting, defining: Defining) -> DefinedAs:
    kept = tuple(p for p in defining.parameters if p not in defining.dropped)
    for axis, letter in enumerate(kept):
        index = setting.indices.find(letter)
        if defining.declared is not None and axis < len(defining.declared):
            index.bound = t.Bound(letter, t.Affine.number(1), defining.declared[axis])
    body = elaborate(setting, defining.body).term
    free = [name for name in setting.indices.free if name not in kept]
    loose = [name for name in free if not is_fixed(setting.names, name)]
    if loose:
        raise IllTypedError(
            f"the index {loose[0]} is free on the right side of this definition and not on the left"
        )
    sizes = tuple(range_of(setting.indices.find(letter)).high for letter in (*free, *kept))
    return DefinedAs(*_fitted(body, sizes[: len(free)], sizes[len(free) :], defining), tuple(free))


def _fitted(
    body: t.Term, hidden: t.Shape, sizes: t.Shape, defining: Defining
) -> tuple[t.Term, t.Shape]:
    whole = sizes + body.shape
    declared = defining.declared
    if declared is None or declared == whole:
        return body, hidden + whole
    rest = declared[len(sizes) :]
    if declared[: len(sizes)] == sizes and broadcast(body.shape, rest) == rest:
        if not body.shape and is_constant(body):
            return filled(body, rest), hidden + declared
        return t.Multiply((body, t.Filled(Fraction(1), rest)), rest), hidden + declared
    raise _SidesError(f"left side {_side(declared)}, right side {_side(whole)}")
