"""Sums and substitution on polynomials: the operations that need the laws of sums.

`Algebra` knows the index ranges, the signs and the sums that definitions have named; it reports
each law that it uses to a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import permutations, product

from derive.calculus.borders import borders, contains, ends, moved_back, never_negative
from derive.calculus.contraction import Range, contraction, open_contraction
from derive.calculus.division import divided
from derive.calculus.logarithms import logarithm
from derive.calculus.piecewise import kink, ramp, step
from derive.calculus.polynomial import (
    ONE,
    Atom,
    Index,
    Monomial,
    Polynomial,
    Position,
    Rational,
    add_into,
    constant,
    delta,
    freeze,
    index_position,
    indices_of,
    indices_of_monomial,
    move_position,
    multiply,
    of_atom,
    plain_index,
    position_indices,
    position_value,
    scale,
    serial,
    thaw,
)
from derive.calculus.powers import Powers
from derive.calculus.rules import (
    BORDERS,
    CONSTANT_SUM,
    CONTRACTION,
    DELTA_PICKS,
    DIVISION,
    EQUAL_INDICES,
    FACTOR_OUT,
    LINEARITY,
    SYMMETRY,
    Rule,
)
from derive.calculus.special import turned
from derive.errors import UnsupportedError


@dataclass(frozen=True, slots=True)
class NamedSum:
    """A contraction that a definition or an assumption gives a value.

    `pattern` has the free indices `parameters`; `value` is what it equals by `rule`.
    """

    pattern: Atom
    parameters: tuple[str, ...]
    value: Polynomial
    rule: Rule


MAX_SYMMETRIC = 4
MAX_WRITTEN_OUT = 6
EntryValues = Callable[[str, tuple[Position, ...]], Polynomial | None]


@dataclass(frozen=True, slots=True)
class Change:
    """How atoms change: the value of a leaf, which atoms to look into, how ranges move."""

    leaf: Callable[[Atom], Polynomial]
    touched: Callable[[Atom], bool]
    moves: Mapping[Index, Position]
    fold: bool


@dataclass
class Algebra(Powers):
    """Operations under given ranges, signs and named sums; `sizes` are the names of sizes,
    `symmetric` those of the matrices assumed symmetric.

    With `thorough`, terms under a sum are reduced modulo what they are divided by, and short sums
    between numbers are written out; `left_over` says that there was something to do so.
    """

    sizes: frozenset[str] = frozenset()
    symmetric: frozenset[str] = frozenset()
    ranges: dict[str, Range] = field(default_factory=dict)
    named_sums: list[NamedSum] = field(default_factory=list)
    thorough: bool = False
    left_over: bool = False
    fresh: Iterator[str] = field(default_factory=lambda: (f"~s{n}" for n in range(10**9)))

    def entry(self, key: str, positions: tuple[Position, ...]) -> Polynomial:
        """One entry of a named array; the indices of a symmetric matrix stand in one order."""
        if key in self.symmetric:
            ordered = tuple(sorted(positions, key=serial))
            if ordered != positions:
                self.trace.fire(SYMMETRY)
            positions = ordered
        return of_atom(("entry", key, positions))

    def absolute(self, base: Polynomial) -> Polynomial:
        return add_into(scale(ramp(self, base), 2), base, -1)

    def to_the_size(self, base: Polynomial, extent: Position) -> Polynomial:
        """A positive monomial to the power of a size."""
        return self.exponential(
            self.multiply(position_value(extent, self.sizes), logarithm(self, base))
        )

    # ---- sums ------------------------------------------------------------------------------

    def sum_over(self, body: Polynomial, index: str, limits: Range) -> Polynomial:
        """`Σ` of the body over the index in its inclusive range."""
        self.ranges[index] = limits
        total: Polynomial = {}
        if any(atom[0] == "power" and index in indices_of(atom) for m in body for atom, _ in m):
            self.left_over = True
            if self.thorough:
                self.trace.fire(DIVISION)
                body = divided(self, body)
        if len(body) > 1:
            self.trace.fire(LINEARITY)
        for monomial, coefficient in sorted(body.items(), key=serial):
            inside = frozenset(p for p in monomial if index in indices_of(p[0]))
            outside = monomial - inside
            if outside or coefficient != 1:
                self.trace.fire(FACTOR_OUT)
            value = self._sum_of_product(inside, index, limits)
            add_into(total, self.multiply({outside: coefficient}, value))
        return total

    def _sum_of_product(self, factors: Monomial, index: str, limits: Range) -> Polynomial:
        if not factors:
            self.trace.fire(CONSTANT_SUM)
            if not never_negative(limits):
                raise UnsupportedError("a sum whose range may be shorter than empty")
            low, high = limits
            length = position_value(high, self.sizes)
            add_into(length, position_value(low, self.sizes), -1)
            return add_into(length, constant(1))
        for atom in sorted((a for a, _ in factors if a[0] == "delta"), key=serial):
            picked = self._pick(atom, factors, index, limits)
            if picked is not None:
                return picked
        split = self._at_borders(factors, index, limits)
        if split is not None:
            return split
        ranges: dict[str, Range] = {index: limits}
        opened: Polynomial = {ONE: 1}
        for atom, exponent in sorted(factors, key=serial):
            if atom[0] == "sum" and exponent > 0 and Fraction(exponent).denominator == 1:
                self.trace.fire(CONTRACTION)
                for _ in range(int(exponent)):
                    inner, inside = open_contraction(atom, self.fresh)
                    ranges.update(inner)
                    opened = multiply(opened, {inside: 1})
            else:
                opened = multiply(opened, {frozenset([(atom, exponent)]): 1})
        return self.contract(ranges, opened)

    def contract(self, ranges: Mapping[str, Range], body: Polynomial) -> Polynomial:
        """The contraction of a single product over all bound indices, in named sums if it can."""
        ((factors, coefficient),) = body.items()
        self.ranges.update(ranges)
        met = self.to_cancel(ranges, factors)
        if met is not None:
            return scale(met, coefficient)
        if len(ranges) > 1:
            partial = self._fold_part(ranges, factors)
            if partial is not None:
                return scale(partial, coefficient)
        return scale(self._fold(self._named(ranges, factors)), coefficient)

    def to_cancel(self, ranges: Mapping[str, Range], factors: Monomial) -> Polynomial | None:
        """The contraction where factors of it cancel, None where none do."""
        return None

    def transform_product(self, atom: Atom, change: Change) -> Polynomial:
        """A product over an index whose factor changes."""
        raise UnsupportedError("a product over an index")

    def transform_matrix(self, atom: Atom, change: Change) -> Polynomial:
        """A function of a matrix whose entries change."""
        raise UnsupportedError("a function of a matrix")

    def _named(self, ranges: Mapping[str, Range], factors: Monomial) -> Atom:
        """The contraction, whichever way the indices of symmetric matrices stand."""
        loose = [
            (atom, exponent)
            for atom, exponent in sorted(factors, key=serial)
            if atom[0] == "entry"
            and atom[1] in self.symmetric
            and all(plain_index(p) in ranges for p in atom[2])
        ]
        if not loose or len(loose) > MAX_SYMMETRIC:
            return contraction(ranges, factors)
        rest = factors - frozenset(loose)
        choices = [(pair, ((*pair[0][:2], pair[0][2][::-1]), pair[1])) for pair in loose]
        named = (
            contraction(ranges, rest | frozenset(choice))
            for choice in product(*choices)
            if len(frozenset(choice)) == len(loose)
        )
        return min(named, key=serial)

    def _pick(self, atom: Atom, factors: Monomial, index: str, limits: Range) -> Polynomial | None:
        """`Σ_i δ_ia f(i) = f(a)` where a is known to lie in the range of i."""
        for here, there in ((atom[1], atom[2]), (atom[2], atom[1])):
            if plain_index(here) != index or index in position_indices(there):
                continue
            if self.covers(limits, there):
                self.trace.fire(DELTA_PICKS)
                rest = frozenset(p for p in factors if p[0] != atom)
                return self.substitute({rest: 1}, {index: there})
        return None

    def _at_borders(self, factors: Monomial, index: str, limits: Range) -> Polynomial | None:
        """The sum over the whole axis and what it differs by at the borders, None if it is whole.

        A short sum between numbers is written out where the attempt is thorough.
        """
        between = ends(limits)
        if between is not None:
            self.left_over = True
            first, last = between
            if not self.thorough or last - first >= MAX_WRITTEN_OUT:
                return None
            return self._at_places(factors, index, [((), k) for k in range(first, last + 1)])
        split = borders(factors, index, limits, self.sizes)
        if split is None:
            return None
        self.trace.fire(BORDERS)
        body = self.substitute({factors: 1}, moved_back(index, split.shift))
        total = self.sum_over(body, index, split.axis)
        for places, sign in ((split.added, 1), (split.taken, -1)):
            for place in places:
                add_into(total, self.substitute(body, {index: place}), sign)
        return total

    def _at_places(self, factors: Monomial, index: str, places: list[Position]) -> Polynomial:
        total: Polynomial = {}
        for place in places:
            add_into(total, self.substitute({factors: 1}, {index: place}))
        return total

    def covers(self, limits: Range, position: Position) -> bool:
        """Whether every value of the position lies in the range."""
        name = plain_index(position)
        if name is not None and isinstance(name, str) and name not in self.sizes:
            return name in self.ranges and contains(limits, self.ranges[name])
        low, high = limits
        return position in (low, high) and self._nonempty(limits)

    def _nonempty(self, limits: Range) -> bool:
        low, high = limits
        return low == ((), 1) and len(high[0]) == 1 and high[0][0][1] == 1 and high[1] >= 0

    # ---- named sums ------------------------------------------------------------------------

    def _fold(self, atom: Atom) -> Polynomial:
        free = sorted((i for i in indices_of(atom) if i not in self.sizes), key=str)
        for named in self.named_sums:
            if len(named.parameters) != len(free):
                continue
            for order in permutations(free):
                moves: dict[Index, Position] = {
                    parameter: index_position(i)
                    for parameter, i in zip(named.parameters, order, strict=True)
                }
                if self._same_pattern(named, atom, moves):
                    self.trace.fire(named.rule)
                    return self.substitute(named.value, moves)
        return of_atom(atom)

    def _same_pattern(self, named: NamedSum, atom: Atom, moves: Mapping[Index, Position]) -> bool:
        if len(named.pattern[1]) != len(atom[1]) or len(named.pattern[2]) != len(atom[2]):
            return False
        if not moves:
            return named.pattern == atom
        return self.substitute(of_atom(named.pattern), moves, fold=False) == of_atom(atom)

    def _fold_part(self, ranges: Mapping[str, Range], factors: Monomial) -> Polynomial | None:
        """Replace the factors at one bound index of a larger contraction by a named sum."""
        if not self.named_sums:
            return None
        for index, limits in ranges.items():
            inside = frozenset(p for p in factors if index in indices_of(p[0]))
            if inside == factors or not inside:
                continue
            self.ranges.update(ranges)
            atom = contraction({index: limits}, inside)
            value = self._fold(atom)
            if value == of_atom(atom):
                continue
            result = self.multiply({factors - inside: 1}, value)
            for other, other_limits in ranges.items():
                if other != index:
                    result = self.sum_over(result, other, other_limits)
            return result
        return None

    # ---- substitution ----------------------------------------------------------------------

    def substitute(
        self, polynomial: Polynomial, moves: Mapping[Index, Position], fold: bool = True
    ) -> Polynomial:
        """Substitute positions for free indices; deltas and sums are evaluated again."""
        if not moves:
            return polynomial

        def leaf(atom: Atom) -> Polynomial:
            return self._move_leaf(atom, moves)

        def touched(atom: Atom) -> bool:
            return not indices_of(atom).isdisjoint(moves)

        return self.transform(polynomial, Change(leaf, touched, moves, fold))

    def replace_entries(self, polynomial: Polynomial, values: EntryValues) -> Polynomial:
        """Insert values for entries of named arrays, inside sums, powers and functions too."""

        def leaf(atom: Atom) -> Polynomial:
            value = values(atom[1], atom[2]) if atom[0] == "entry" else None
            return of_atom(atom) if value is None else value

        return self.transform(polynomial, Change(leaf, lambda atom: True, {}, True))

    def _move_leaf(self, atom: Atom, moves: Mapping[Index, Position]) -> Polynomial:
        match atom[0]:
            case "entry":
                return self.entry(atom[1], tuple(move_position(p, moves) for p in atom[2]))
            case "delta":
                return delta(move_position(atom[1], moves), move_position(atom[2], moves))
            case "order":
                moved = move_position(atom[1], moves)
                return of_atom(("order", moved)) if moved[0] else constant(int(moved[1] >= 1))
            case "index":
                return position_value(moves[atom[1]], self.sizes)
        return of_atom(atom)

    def transform(self, polynomial: Polynomial, change: Change) -> Polynomial:
        total: Polynomial = {}
        for monomial, coefficient in polynomial.items():
            kept: list[tuple[Atom, Rational]] = []
            product: Polynomial = {ONE: coefficient}
            for atom, exponent in monomial:
                if change.touched(atom):
                    moved = self._transform_atom(atom, change)
                    product = self.multiply(product, self.power(moved, exponent))
                else:
                    kept.append((atom, exponent))
            add_into(total, self.multiply(product, {frozenset(kept): 1}))
        return total

    def _transform_atom(self, atom: Atom, change: Change) -> Polynomial:
        match atom[0]:
            case "sum":
                return self._transform_sum(atom, change)
            case "power":
                return self.transform(thaw(atom[1]), change)
            case "step":
                return step(self, self.transform(thaw(atom[1]), change))
            case "kink":
                return kink(self, self.transform(thaw(atom[1]), change))
            case "exp":
                return self.exponential(self.transform({atom[1]: 1}, change))
            case "cis":
                return turned(self, self.transform({atom[1]: 1}, change))
            case "prod":
                return self.transform_product(atom, change)
            case "inverse" | "det":
                return self.transform_matrix(atom, change)
            case "call" | "extreme":
                arguments = tuple(freeze(self.transform(thaw(a), change)) for a in atom[3])
                return of_atom((*atom[:3], arguments))
        return change.leaf(atom)

    def _transform_sum(self, atom: Atom, change: Change) -> Polynomial:
        opened, factors = open_contraction(atom, self.fresh)
        ranges = {
            name: (move_position(low, change.moves), move_position(high, change.moves))
            for name, (low, high) in opened.items()
        }
        self.ranges.update(ranges)
        body = self.transform({factors: 1}, change)
        if not change.fold and len(body) == 1:
            ((product, coefficient),) = body.items()
            return scale(of_atom(contraction(ranges, product)), coefficient)
        for name, limits in ranges.items():
            body = self.sum_over(body, name, limits)
        return body

    # ---- deltas between free indices -------------------------------------------------------

    def identify(self, polynomial: Polynomial) -> Polynomial:
        """Under `δ_ij` write one index for the other in every other factor."""
        total: Polynomial = {}
        for monomial, coefficient in polynomial.items():
            result: Polynomial = {monomial: coefficient}
            for pair in sorted((p for p in monomial if p[0][0] == "delta"), key=str):
                result = self._identify_one(result, pair)
            add_into(total, result)
        return total

    def _identify_one(self, polynomial: Polynomial, pair: tuple[Atom, Rational]) -> Polynomial:
        left, right = pair[0][1], pair[0][2]
        drop, keep = plain_index(right), left
        if drop is None or drop in position_indices(left) or drop in self.sizes:
            drop, keep = plain_index(left), right
        if drop is None or drop in position_indices(keep) or drop in self.sizes:
            return polynomial
        total: Polynomial = {}
        for monomial, coefficient in polynomial.items():
            others = monomial - {pair}
            if pair in monomial and drop in indices_of_monomial(others):
                self.trace.fire(EQUAL_INDICES)
                renamed = self.substitute({others: coefficient}, {drop: keep})
                add_into(total, self.multiply(renamed, {frozenset([pair]): 1}))
            else:
                add_into(total, {monomial: coefficient})
        return total
