"""Reverse accumulation inside a proof: derivatives that a claim mentions stay numbers.

    ∂s/∂n_I = Σ_c Σ_J ∂s/∂c_J · ∂c_J/∂n_I    over the names c whose definitions use n,

where `∂c_J/∂n_I` is explicit: every other name of the definition is held. A derivative `∂s/∂c` of
the frontier is one given number for each entry, whatever its value, so an equation that is proved
with it holds in particular for the value that it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from sympy import Expr

from derive.calculus.indexed import Entry, Jacobian
from derive.calculus.indexed import Position as At
from derive.calculus.lower import Lowering, upstream_key
from derive.calculus.normal_form import Generic, NormalForm, to_position
from derive.calculus.polynomial import (
    Polynomial,
    Position,
    add_into,
    constant,
    delta,
    of_atom,
    scale,
)
from derive.calculus.rules import DEFINITION_RULE, LOSS_RULE
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.walk import names_in, subterms

Pair = tuple[str, str]
"""The keys of what is differentiated and of what it is differentiated by."""


class AccumulatedLowering(Lowering):
    """Keeps the derivatives of an objective whole, as those of a defined name are."""

    def of_objective(self, objective: t.Symbol, target: t.Symbol, by: At) -> Expr:
        return Jacobian(objective.key, (), target.key, by)

    def _expanded(self, node: Jacobian) -> Expr:
        raise UnsupportedError("second derivatives are not accumulated")


def frontier(reading: t.Reading, context: t.Context) -> frozenset[Pair]:
    """The derivatives on the right side that can stay numbers; none where that may be wrong.

    No definition may hold a derivative or an objective: then the paths of the definitions are all
    that there is. Derivatives by outputs are given anyway.
    """
    if not _is_plain(context):
        return frozenset()
    return frozenset(
        (of, target)
        for of, target in _derivatives(reading.right)
        if all(output.key != target for output in context.outputs.get(of, ()))
    )


def _is_plain(context: t.Context) -> bool:
    for definition in context.definitions.values():
        if not names_in(definition.body).isdisjoint(context.outputs):
            return False
        if any(isinstance(part, t.Derivative) for part in subterms(definition.body)):
            return False
    return True


def _derivatives(term: t.Term) -> Iterator[Pair]:
    """The total derivatives of a name, or of an entry of one, that stand in a term."""
    for part in subterms(term):
        if not isinstance(part, t.Derivative):
            continue
        of = part.of.base if isinstance(part.of, t.Element) else part.of
        if not isinstance(of, t.Variable):
            continue
        if part.reading == "total" or of.symbol.role == "objective":
            yield of.symbol.key, part.target.key


@dataclass
class AccumulatedForm(NormalForm):
    """Normal forms in which the derivatives of the frontier are atoms.

    With `opaque`, so is every name but those to `unfold`. The names that the accumulation passed
    through are in `passed`.
    """

    frontier: frozenset[Pair] = frozenset()
    opaque: bool = False
    unfold: frozenset[str] = frozenset()
    passed: set[str] = field(default_factory=set)

    @cached_property
    def lowering(self) -> Lowering:
        return AccumulatedLowering(self.context, self._vanishes, self.trace)

    def stop_at(self, frontier: frozenset[Pair], unfold: frozenset[str] = frozenset()) -> None:
        """Take another frontier; what was worked out for the last one is dropped."""
        if (frontier, unfold) != (self.frontier, self.unfold):
            self.frontier = frontier
            self.passed.clear()
            self._jacobians.clear()
        if unfold != self.unfold:
            self.unfold = unfold
            self._definitions.clear()

    def prepare(self) -> None:
        if not self.opaque:
            super().prepare()

    def name_at(self, key: str, positions: tuple[Position, ...]) -> Polynomial:
        if self.opaque and key not in self.unfold:
            return self.algebra.entry(key, positions)
        return super().name_at(key, positions)

    def _generic_jacobian(self, key: str, target: str) -> Generic:
        return self._worked_out(key, target, passing=False)

    def _worked_out(self, key: str, target: str, passing: bool) -> Generic:
        """`∂key/∂target` at generic indices; `passing` on what comes back to it from its users.

        By an output of an objective the derivative is given, and by what the output is made of it
        is a sum over all outputs, so an output passes on what comes from other outputs as well.
        """
        found = f"{target} passing" if passing else target
        if (key, found) not in self._jacobians:
            symbol, by = self.context.symbols[key], self.context.symbols[target]
            mine, theirs = self.parameters("$a", symbol), self.parameters("$b", by)
            with self._apart():
                form = self._accumulated(symbol, target, (mine, theirs), passing)
                self._jacobians[key, found] = self._generic(form, mine + theirs)
        return self._jacobians[key, found]

    def _accumulated(
        self, of: t.Symbol, target: str, at: tuple[tuple[str, ...], tuple[str, ...]], passing: bool
    ) -> Polynomial:
        """`∂of[mine]/∂target[theirs]` by what the target is used for."""
        mine, theirs = at
        positions = tuple(to_position(t.Affine.name(name)) for name in mine + theirs)
        given = of_atom(("entry", upstream_key(of.key, target), positions))
        is_output = self._is_output(of, target)
        if (of.key, target) in self.frontier or (is_output and not passing):
            return given
        if of.key == target:
            same = constant(1)
            count = len(mine)
            for left, right in zip(positions[:count], positions[count:], strict=True):
                same = self.algebra.multiply(same, delta(left, right))
            return same
        self.trace.fire(LOSS_RULE if of.key in self.context.outputs else DEFINITION_RULE)
        by = tuple(t.Affine.name(name) for name in theirs)
        total: Polynomial = dict(given) if is_output else {}
        for definition in self._users(of, target):
            self.passed.add(definition.symbol.key)
            add_into(total, self._through(of, mine, definition, target, by))
        return total

    def _is_output(self, of: t.Symbol, target: str) -> bool:
        return any(output.key == target for output in self.context.outputs.get(of.key, ()))

    def _users(self, of: t.Symbol, target: str) -> Iterator[t.Definition]:
        """The definitions that use a name, of what `of` is made of."""
        reach = self.lowering.reach
        ends = [output.key for output in self.context.outputs.get(of.key, (of,))]
        below = {key for end in ends for key in (end, *reach.get(end, ()))}
        for key, definition in self.context.definitions.items():
            if key in below and target in names_in(definition.body):
                yield definition

    def _through(
        self, of: t.Symbol, mine: tuple[str, ...], user: t.Definition, target: str, by: At
    ) -> Polynomial:
        """`Σ_J ∂of[mine]/∂user_J · ∂user_J/∂target[by]`, the second factor explicit."""
        lowering, algebra = self.lowering, self.algebra
        names = [lowering.fresh() for _ in user.symbol.shape]
        ranges = [(((), 1), to_position(extent)) for extent in user.symbol.shape]
        algebra.ranges.update(zip(names, ranges, strict=True))
        at = tuple(t.Affine.name(name) for name in names)
        form = self.of(lowering.rules(target, by).direct(lowering.definition_entry(user, at)))
        if user.squares:
            lowering.oblige_nonzero(t.Variable(user.symbol))
            root = algebra.power(self._entry(Entry(user.symbol.key, at)), -1)
            form = scale(algebra.multiply(form, root), Fraction(1, 2))
        adjoint = self._worked_out(of.key, user.symbol.key, self._is_output(of, user.symbol.key))
        own = tuple(t.Affine.name(name) for name in mine)
        places = tuple(to_position(position) for position in own + at)
        form = algebra.multiply(form, self._at(adjoint, places))
        for name, limits in zip(reversed(names), reversed(ranges), strict=True):
            form = algebra.sum_over(form, name, limits)
        return form
