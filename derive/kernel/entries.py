"""One entry of an array as an expression over labelled axes: what plans are made of.

A *label* names an axis (`@3`) and is used as an index in `Affine` positions, which count from 1.
The constructors `total`, `product`, `power` fold numbers and flatten; they change no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, assert_never

from derive.meaning.terms import Affine, Bound

Sign = Literal["==", "!=", "<", "<=", ">", ">="]
Kind = Literal["sum", "prod", "max", "min", "det", "logdet", "detsign"]


@dataclass(frozen=True, slots=True)
class Num:
    """A rational number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Const:
    """`pi` or `e`, or `nan` where no row of a case distinction holds."""

    name: Literal["pi", "e", "nan"]


@dataclass(frozen=True, slots=True)
class Place:
    """A size or an index as a number."""

    at: Affine


@dataclass(frozen=True, slots=True)
class Load:
    """One entry of a parameter or of an earlier step."""

    array: str
    at: tuple[Affine, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of terms."""

    terms: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """A product of factors."""

    factors: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Pow:
    """A rational power; a root is the non-negative one."""

    base: Entry
    exponent: Fraction


@dataclass(frozen=True, slots=True)
class Apply:
    """A known function; `orders` counts derivatives by each argument."""

    function: str
    arguments: tuple[Entry, ...]
    orders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """`yes` where every comparison holds, else `no`."""

    condition: Condition
    yes: Entry
    no: Entry


@dataclass(frozen=True, slots=True)
class Reduce:
    """A sum, product, maximum or minimum over bound labels, where the condition holds.

    Or the determinant, its logarithm or its sign, of the array that is loaded at two of them.
    """

    kind: Kind
    bounds: tuple[Bound, ...]
    condition: Condition
    body: Entry


Entry = Num | Const | Place | Load | Total | Times | Pow | Apply | Where | Reduce
Condition = tuple[tuple[Entry, Sign, Entry], ...]

ONE, ZERO = Num(Fraction(1)), Num(Fraction(0))


# ---- construction ------------------------------------------------------------------------------


def total(terms: Iterable[Entry]) -> Entry:
    """The sum of terms, flat, its numbers added up."""
    number, kept = Fraction(0), list[Entry]()
    for term in terms:
        inner = term.terms if isinstance(term, Total) else (term,)
        for part in inner:
            if isinstance(part, Num):
                number += part.value
            else:
                kept.append(part)
    if number or not kept:
        kept.append(Num(number))
    return kept[0] if len(kept) == 1 else Total(tuple(kept))


def product(factors: Iterable[Entry]) -> Entry:
    """The product of factors, flat, its numbers multiplied."""
    number, kept = Fraction(1), list[Entry]()
    for factor in factors:
        inner = factor.factors if isinstance(factor, Times) else (factor,)
        for part in inner:
            if isinstance(part, Num):
                number *= part.value
            else:
                kept.append(part)
    if number == 0:
        return ZERO
    if number != 1 or not kept:
        kept.insert(0, Num(number))
    return kept[0] if len(kept) == 1 else Times(tuple(kept))


def power(base: Entry, exponent: Fraction) -> Entry:
    """A power; whole powers go into products and powers, where that is always the same number."""
    whole = exponent.denominator == 1
    match base:
        case _ if exponent == 1:
            return base
        case Num(value) if whole and (value or exponent > 0):
            return Num(value ** int(exponent))
        case Times(factors) if whole:
            return product(power(factor, exponent) for factor in factors)
        case Pow(inner, first) if whole:
            return power(inner, first * exponent)
        case _:
            return Pow(base, exponent)


# ---- walks -------------------------------------------------------------------------------------


def parts(entry: Entry) -> tuple[Entry, ...]:
    """The entries directly inside an entry, those of conditions included."""
    match entry:
        case Num() | Const() | Place() | Load():
            return ()
        case Total(inner) | Times(inner) | Apply(_, inner):
            return inner
        case Pow(base):
            return (base,)
        case Where(condition, yes, no):
            return (*compared(condition), yes, no)
        case Reduce(_, _, condition, body):
            return (*compared(condition), body)
        case _:
            assert_never(entry)


def compared(condition: Condition) -> tuple[Entry, ...]:
    """Both sides of every comparison."""
    return tuple(side for left, _, right in condition for side in (left, right))


def subentries(entry: Entry) -> Iterator[Entry]:
    """The entry and everything inside it, outermost first."""
    yield entry
    for part in parts(entry):
        yield from subentries(part)


def rebuild(entry: Entry, change: Callable[[Entry], Entry]) -> Entry:
    """The entry with `change` made to each entry directly inside it."""
    match entry:
        case Num() | Const() | Place() | Load():
            return entry
        case Total(terms):
            grouped = any(isinstance(term, Total) for term in terms)
            changed = tuple(change(term) for term in terms)
            return Total(changed) if grouped else total(changed)
        case Times(factors):
            return product(change(factor) for factor in factors)
        case Pow(base, exponent):
            return power(change(base), exponent)
        case Apply(function, arguments, orders):
            return Apply(function, tuple(change(a) for a in arguments), orders)
        case Where(condition, yes, no):
            return Where(_changed(condition, change), change(yes), change(no))
        case Reduce(kind, bounds, condition, body):
            return Reduce(kind, bounds, _changed(condition, change), change(body))
        case _:
            assert_never(entry)


def _changed(condition: Condition, change: Callable[[Entry], Entry]) -> Condition:
    return tuple((change(left), sign, change(right)) for left, sign, right in condition)


def rename(entry: Entry, labels: Mapping[str, str]) -> Entry:
    """The entry with labels renamed, bound ones too."""
    match entry:
        case Place(at):
            return Place(moved(at, labels))
        case Load(array, at):
            return Load(array, tuple(moved(a, labels) for a in at))
        case Reduce(kind, bounds, condition, body):
            inner = Reduce(kind, tuple(moved_bound(b, labels) for b in bounds), condition, body)
            return rebuild(inner, lambda part: rename(part, labels))
        case _:
            return rebuild(entry, lambda part: rename(part, labels))


def moved(at: Affine, labels: Mapping[str, str]) -> Affine:
    """A position with labels renamed."""
    renamed = ((labels.get(name, name), factor) for name, factor in at.terms)
    return Affine(tuple(sorted(renamed)), at.constant)


def placed(entry: Entry, places: Mapping[str, Affine]) -> Entry:
    """An entry with labels replaced by positions."""
    match entry:
        case Load(array, at):
            return Load(array, tuple(moved_to(place, places) for place in at))
        case Place(at):
            return Place(moved_to(at, places))
        case _:
            return rebuild(entry, lambda part: placed(part, places))


def moved_to(at: Affine, places: Mapping[str, Affine]) -> Affine:
    """A position with labels replaced by positions."""
    moved = Affine.number(at.constant)
    for name, factor in at.terms:
        moved = moved + places.get(name, Affine.name(name)) * factor
    return moved


def moved_bound(bound: Bound, labels: Mapping[str, str]) -> Bound:
    """A bound with its own label and those in its range renamed."""
    name = labels.get(bound.name, bound.name)
    return Bound(name, moved(bound.low, labels), moved(bound.high, labels))


def is_label(name: str) -> bool:
    """Whether a name in a position is a label, not a size."""
    return name.startswith("@")


def positions(entry: Entry) -> Iterator[Affine]:
    """Every position directly in an entry (not in the entries inside it)."""
    if isinstance(entry, Place):
        yield entry.at
    elif isinstance(entry, Load):
        yield from entry.at


def free_labels(entry: Entry) -> tuple[str, ...]:
    """Labels no reduction inside binds; those of the loads of highest rank first."""
    found: list[tuple[int, tuple[str, ...]]] = []
    bound: set[str] = set()
    for part in subentries(entry):
        if isinstance(part, Reduce):
            bound |= {b.name for b in part.bounds}
        names = tuple(n for at in positions(part) for n, _ in at.terms if is_label(n))
        found.append((len(names), names))
    found.sort(key=lambda pair: -pair[0])
    ordered = dict.fromkeys(name for _, names in found for name in names)
    return tuple(name for name in ordered if name not in bound)


def loads(entry: Entry) -> frozenset[str]:
    """The arrays an entry reads."""
    return frozenset(part.array for part in subentries(entry) if isinstance(part, Load))


def sizes_in(entry: Entry) -> frozenset[str]:
    """The sizes an entry reads as numbers or in ranges and positions."""
    found = set[str]()
    for part in subentries(entry):
        places = list(positions(part))
        if isinstance(part, Reduce):
            places += [at for b in part.bounds for at in (b.low, b.high)]
        found |= {name for at in places for name in at.names if not is_label(name)}
    return frozenset(found)
