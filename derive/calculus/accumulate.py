"""Reverse accumulation inside a proof: derivatives that a claim mentions stay numbers.

    ∂s/∂n_I = Σ_c Σ_J ∂s/∂c_J · ∂c_J/∂n_I    over the names c whose definitions use n,

where `∂c_J/∂n_I` is explicit: every other name of the definition is held. A derivative `∂s/∂c` of
the frontier is one given number for each entry, whatever its value, so an equation that is proved
with it holds in particular for the value that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
from derive.calculus.rules import LOSS_RULE
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.walk import names_in, reach, subterms

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

    No definition may hold a derivative or an objective, and no output be made of another one:
    then the paths of the definitions are all that there is. Derivatives by outputs are given
    anyway.
    """
    if not _is_plain(context):
        return frozenset()
    return frozenset(
        (of, target)
        for of, target in _derivatives(reading.right)
        if all(output.key != target for output in context.outputs.get(of, ()))
    )


def _is_plain(context: t.Context) -> bool:
    below = reach(context)
    for definition in context.definitions.values():
        if not names_in(definition.body).isdisjoint(context.outputs):
            return False
        if any(isinstance(part, t.Derivative) for part in subterms(definition.body)):
            return False
    for outputs in context.outputs.values():
        keys = {output.key for output in outputs}
        if any(not keys.isdisjoint(below.get(key, ())) for key in keys):
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
    """Normal forms in which the derivatives of the frontier are atoms; with `opaque`, all names."""

    frontier: frozenset[Pair] = frozenset()
    opaque: bool = False

    @cached_property
    def lowering(self) -> Lowering:
        return AccumulatedLowering(self.context, self._vanishes, self.trace)

    def stop_at(self, frontier: frozenset[Pair]) -> None:
        """Take another frontier; derivatives worked out for the last one are dropped."""
        if frontier != self.frontier:
            self.frontier = frontier
            self._jacobians.clear()

    def prepare(self) -> None:
        if not self.opaque:
            super().prepare()

    def name_at(self, key: str, positions: tuple[Position, ...]) -> Polynomial:
        if self.opaque:
            return self.algebra.entry(key, positions)
        return super().name_at(key, positions)

    def _generic_jacobian(self, key: str, target: str) -> Generic:
        if (key, target) not in self._jacobians:
            symbol, by = self.context.symbols[key], self.context.symbols[target]
            mine, theirs = self.parameters("$a", symbol), self.parameters("$b", by)
            with self._apart():
                form = self._accumulated(symbol, target, mine, theirs)
                self._jacobians[key, target] = self._generic(form, mine + theirs)
        return self._jacobians[key, target]

    def _accumulated(
        self, of: t.Symbol, target: str, mine: tuple[str, ...], theirs: tuple[str, ...]
    ) -> Polynomial:
        """`∂of[mine]/∂target[theirs]` by what the target is used for."""
        positions = tuple(to_position(t.Affine.name(name)) for name in mine + theirs)
        outputs = {output.key for output in self.context.outputs.get(of.key, ())}
        if (of.key, target) in self.frontier or target in outputs:
            return of_atom(("entry", upstream_key(of.key, target), positions))
        if of.key == target:
            same = constant(1)
            count = len(mine)
            for left, right in zip(positions[:count], positions[count:], strict=True):
                same = self.algebra.multiply(same, delta(left, right))
            return same
        self.trace.fire(LOSS_RULE)
        by = tuple(t.Affine.name(name) for name in theirs)
        total: Polynomial = {}
        for definition in self._users(of, target, outputs):
            add_into(total, self._through(of, mine, definition, target, by))
        return total

    def _users(self, of: t.Symbol, target: str, outputs: Iterable[str]) -> Iterator[t.Definition]:
        """The definitions that use a name, of what `of` is made of."""
        reach = self.lowering.reach
        ends = tuple(outputs) or (of.key,)
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
        own = tuple(t.Affine.name(name) for name in mine)
        form = algebra.multiply(form, self._jacobian(Jacobian(of.key, own, user.symbol.key, at)))
        for name, limits in zip(reversed(names), reversed(ranges), strict=True):
            form = algebra.sum_over(form, name, limits)
        return form
