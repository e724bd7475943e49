"""Forward accumulation: Jacobians `∂n_I/∂x_J`, or tangents `ṅ_I = Σ_J ∂n_I/∂x_J ẋ_J`.

    ∂n_I/∂x_J = (∂n_I/∂x_J explicit) + Σ_m Σ_K (∂n_I/∂m_K explicit) ∂m_K/∂x_J

over the names m in the definition of n. The same with one index set less for tangents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from derive.calculus.indexed import Entry
from derive.calculus.normal_form import to_position
from derive.calculus.polynomial import (
    Polynomial,
    Position,
    add_into,
    delta,
    index_position,
    multiply,
    of_atom,
)
from derive.gradient.closed_form import Phrasing, affine
from derive.gradient.problem import accented
from derive.gradient.reverse import Adjoint, Reverse, away_from_kinks
from derive.gradient.steps import Derivation, Kind
from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.meaning.walk import names_in
from derive.reading.syntax import Expr


@dataclass
class Jacobians(Reverse):
    """The Jacobian of each name by one input; `objective` is the last name."""

    by: t.Symbol = field(kw_only=True)

    def adjoint_key(self, symbol: t.Symbol) -> str:
        return f"∂{symbol.key}/{self.by.key}"

    def adjoints(self, target: t.Symbol) -> list[Adjoint]:
        """The Jacobians of all names from the input to the target, in order."""
        reach = self.engine.lowering.reach
        wanted = {target.key, *reach.get(target.key, ())}
        path = [
            self.context.symbols[key]
            for key in self.context.definitions
            if key in wanted and self._varies(key)
        ]
        if target not in path:
            path.append(target)
        return [self.forward(symbol) for symbol in path]

    def _varies(self, key: str) -> bool:
        return self.by.key in self.engine.lowering.reach.get(key, ())

    def forward(self, symbol: t.Symbol) -> Adjoint:
        """The derivative of one name in terms of those of the names in its definition."""
        mine = self.engine.parameters("$a", symbol)
        total: Polynomial = {}
        used = []
        definition = self.context.definitions.get(symbol.key)
        for name in sorted(names_in(definition.body)) if definition else ():
            inner = self.context.symbols[name]
            if definition and (name == self.by.key or self._varies(name)):
                used.append(inner)
                add_into(total, self._through(definition, mine, inner))
        return Adjoint(symbol, (*mine, *self._own()), total, tuple(used))

    def _own(self) -> tuple[str, ...]:
        """The generic indices of the input."""
        return self.engine.parameters("$b", self.by)

    def _change(self, inner: t.Symbol, at: tuple[Position, ...]) -> Polynomial:
        """The derivative of a name in the definition, at a position."""
        if inner != self.by:
            own = tuple(index_position(name) for name in self._own())
            return of_atom(("entry", self.adjoint_key(inner), at + own))
        result: Polynomial = {frozenset(): 1}
        for place, name in zip(at, self._own(), strict=True):
            result = multiply(result, delta(place, index_position(name)))
        return result

    def _through(
        self, definition: t.Definition, mine: tuple[str, ...], inner: t.Symbol
    ) -> Polynomial:
        engine, lowering = self.engine, self.engine.lowering
        names = [lowering.fresh() for _ in inner.shape]
        by = tuple(t.Affine.name(name) for name in names)
        at = tuple(t.Affine.name(name) for name in mine)
        local = lowering.rules(inner.key, by).direct(lowering.definition_entry(definition, at))
        if definition.squares:
            local = local / (2 * Entry(definition.symbol.key, at))
        for name, extent in zip(names, inner.shape, strict=True):
            engine.algebra.ranges[name] = (((), 1), to_position(extent))
        form = self.naming.named(away_from_kinks(engine.of(local)))
        form = engine.algebra.multiply(form, self._change(inner, tuple(map(to_position, by))))
        for name, extent in zip(reversed(names), reversed(inner.shape), strict=True):
            form = engine.algebra.sum_over(form, name, (((), 1), to_position(extent)))
        return form


@dataclass
class Tangents(Jacobians):
    """The tangent of each name; `directions` are the tangents of the inputs that vary."""

    directions: Mapping[str, t.Symbol] = field(kw_only=True)
    dotted: Mapping[str, t.Symbol] = field(kw_only=True)

    def adjoint_key(self, symbol: t.Symbol) -> str:
        return self.dotted[symbol.key].key

    def _varies(self, key: str) -> bool:
        reach = self.engine.lowering.reach.get(key, frozenset())
        return key in self.directions or not reach.isdisjoint(self.directions)

    def _own(self) -> tuple[str, ...]:
        return ()

    def _change(self, inner: t.Symbol, at: tuple[Position, ...]) -> Polynomial:
        return of_atom(("entry", self.dotted[inner.key].key, at))


@dataclass
class JacobianPhrasing(Phrasing):
    """Terms in which Jacobians stand as derivatives."""

    by: t.Symbol | None = None

    def _entry(self, key: str, positions: tuple[Position, ...]) -> t.Term:
        if not key.startswith("∂") or self.by is None:
            return super()._entry(key, positions)
        of = self.context.symbols[key[1:].split("/", 1)[0]]
        at = tuple(affine(p) for p in positions)
        rank = len(of.shape)
        entry = t.Element(t.Variable(of), at[:rank]) if rank else t.Variable(of)
        return t.Derivative(entry, self.by, at[rank:], "total")


@dataclass
class JacobianDerivation(Derivation):
    """The derivation of `∂of/∂target`, name by name from the target on."""

    kind: ClassVar[Kind] = "forward"
    rule: ClassVar[str] = "a definition is differentiated, its own names by the chain rule"

    def begin(self) -> None:
        self.reverse = Jacobians(self.context, self.objective, by=self.target)
        self.phrasing = JacobianPhrasing(self.context, "", by=self.target)

    def letters(self, symbol: t.Symbol) -> tuple[str, ...]:
        mine = super().letters(symbol)
        pool = self.phrasing.letters(frozenset(mine))
        return (*mine, *(letter for letter, _ in zip(pool, self.target.shape, strict=False)))

    def left(self, symbol: t.Symbol, letters: tuple[str, ...]) -> t.Term:
        rank = len(symbol.shape)
        at = tuple(t.Affine.name(x) for x in letters)
        entry = t.Element(t.Variable(symbol), at[:rank]) if rank else t.Variable(symbol)
        return t.Derivative(entry, self.target, at[rank:], "total")


@dataclass
class TangentDerivation(Derivation):
    """The derivation of the tangents of all names up to `objective`."""

    directions: Mapping[str, t.Symbol] = field(default_factory=dict)
    dotted: Mapping[str, t.Symbol] = field(default_factory=dict)

    kind: ClassVar[Kind] = "tangent"
    rule: ClassVar[str] = "a definition is differentiated along the direction"

    def begin(self) -> None:
        self.reverse = Tangents(
            self.context,
            self.objective,
            by=self.target,
            directions=self.directions,
            dotted=self.dotted,
        )
        symbols = dict(self.context.symbols) | {s.key: s for s in self.dotted.values()}
        self.phrasing = Phrasing(replace(self.context, symbols=symbols), "")

    def left(self, symbol: t.Symbol, letters: tuple[str, ...]) -> t.Term:
        dot = self.dotted[symbol.key]
        at = tuple(t.Affine.name(x) for x in letters)
        return t.Element(t.Variable(dot), at) if at else t.Variable(dot)

    def meant(self, symbol: t.Symbol, letters: tuple[str, ...]) -> Expr | None:
        """`Σ_x Σ_J ∂n/∂x_J ẋ_J`: what the tangent of a name is."""
        at = tuple(t.Affine.name(x) for x in letters)
        entry = t.Element(t.Variable(symbol), at) if at else t.Variable(symbol)
        reach = self.reverse.engine.lowering.reach.get(symbol.key, frozenset())
        terms = [
            self._along(entry, direction, key, letters)
            for key, direction in self.directions.items()
            if key in reach
        ]
        return to_syntax(terms[0] if len(terms) == 1 else t.Add(tuple(terms), ()))

    def _along(
        self, entry: t.Term, direction: t.Symbol, key: str, letters: tuple[str, ...]
    ) -> t.Term:
        target, one = self.context.symbols[key], t.Affine.number(1)
        pool = self.phrasing.letters(frozenset(letters))
        bounds = tuple(t.Bound(x, one, high) for x, high in zip(pool, target.shape, strict=False))
        at = tuple(t.Affine.name(bound.name) for bound in bounds)
        change = t.Element(t.Variable(direction), at) if at else t.Variable(direction)
        body = t.Multiply((t.Derivative(entry, target, at, "total"), change), ())
        return t.Sum(bounds, (), body) if bounds else body


def tangents(context: t.Context, inputs: Sequence[t.Symbol]) -> Iterator[tuple[str, t.Symbol]]:
    """A tangent `\\dot{n}` for each input that varies and each defined name."""
    for symbol in (*inputs, *(context.symbols[key] for key in context.definitions)):
        latex = accented("dot", symbol)
        yield symbol.key, t.Symbol(latex, symbol.shape, "input", latex)
