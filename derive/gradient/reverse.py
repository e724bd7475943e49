"""Reverse accumulation over the definitions: the adjoint of each name, in the author's names.

The adjoint of a name is `n̄_I = Σ_c Σ_J c̄_J ∂c_J/∂n_I` over the names c whose definitions use it;
an output's adjoint is the given upstream gradient. Expressions are kept as sums of products in
which a group such as `x_i - μ` stays one factor, so that centred sums stay centred.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy
from sympy import Expr

from derive.calculus.differentiate import Differentiation
from derive.calculus.indexed import Entry, IndexSum
from derive.calculus.indexed import Position as At
from derive.calculus.lower import upstream_key
from derive.calculus.normal_form import NormalForm, to_position
from derive.calculus.opaque import OpaqueCall
from derive.calculus.piecewise import compatible
from derive.calculus.polynomial import (
    Atom,
    Index,
    Monomial,
    Polynomial,
    Position,
    add_into,
    constant,
    freeze,
    index_position,
    of_atom,
    serial,
    thaw,
)
from derive.calculus.powers import is_group
from derive.calculus.rules import Trace
from derive.gradient.naming import Naming
from derive.meaning.terms import Affine, Context, Definition, Symbol
from derive.meaning.walk import names_in


class GroupedForm(NormalForm):
    """Sums of products in which names stay names and the author's groups stay factors."""

    def prepare(self) -> None:
        self.algebra.keep_groups = True

    def of(self, expression: Expr) -> Polynomial:
        form = super().of(expression)
        return self.group(form) if isinstance(expression, sympy.Add) else form

    def group(self, form: Polynomial) -> Polynomial:
        return self.algebra.power(form, 1) if is_group(form) else form

    def _entry(self, entry: Entry) -> Polynomial:
        return of_atom(("entry", entry.key, tuple(to_position(p) for p in entry.at)))


@dataclass(frozen=True, slots=True)
class Adjoint:
    """The adjoint of one name at generic indices.

    `local` is in terms of the adjoints of the names that use it; `users` are these names.
    """

    symbol: Symbol
    parameters: tuple[str, ...]
    local: Polynomial
    users: tuple[Symbol, ...]


@dataclass
class Reverse:
    """Reverse accumulation for one objective in one context."""

    context: Context
    objective: Symbol
    engine: GroupedForm = field(init=False)
    naming: Naming = field(init=False)

    def __post_init__(self) -> None:
        self.engine = GroupedForm(self.context)
        self.engine.prepare()
        self.naming = Naming(self.engine)
        forget(self.engine, self.objective.key)

    def adjoint_key(self, symbol: Symbol) -> str:
        """The key under which the adjoint of a name stands in expressions."""
        return upstream_key(self.objective.key, symbol.key)

    @property
    def outputs(self) -> tuple[Symbol, ...]:
        """The names at which the adjoints are given: of a defined objective, itself."""
        return self.context.outputs.get(self.objective.key, (self.objective,))

    def path(self, target: Symbol) -> list[Symbol]:
        """The names between the outputs and the target, outputs first, the target last."""
        reach = self.engine.lowering.reach
        wanted = {target.key}
        wanted |= {k for k in self.context.definitions if target.key in reach.get(k, ())}
        upstream = frozenset().union(*(reach.get(o.key, frozenset()) for o in self.outputs))
        upstream |= {o.key for o in self.outputs}
        order = [k for k in self.context.definitions if k in wanted & upstream]
        keys = [k for k in reversed(order) if k != target.key]
        return [self.context.symbols[k] for k in (*keys, target.key)]

    def adjoints(self, target: Symbol) -> list[Adjoint]:
        """The adjoints of all names on the way from the outputs to the target, in order."""
        path = self.path(target)
        return [self.adjoint(symbol, path) for symbol in path if not self._is_output(symbol)]

    def given(self, output: Symbol) -> Adjoint:
        """The adjoint of an output: given, and 1 for a defined objective itself."""
        parameters = self.engine.parameters("$a", output)
        if output.key == self.objective.key:
            return Adjoint(output, parameters, constant(1), ())
        at = tuple(index_position(name) for name in parameters)
        return Adjoint(output, parameters, of_atom(("entry", self.adjoint_key(output), at)), ())

    def _is_output(self, symbol: Symbol) -> bool:
        return any(output.key == symbol.key for output in self.outputs)

    def adjoint(self, symbol: Symbol, path: list[Symbol]) -> Adjoint:
        """The adjoint of one name from those of the names on the path that use it."""
        trace = Trace()
        self.engine.watch(trace)
        parameters = self.engine.parameters("$a", symbol)
        by = tuple(Affine.name(name) for name in parameters)
        rules = self.engine.lowering.rules(symbol.key, by)
        total: Polynomial = {}
        users = []
        for user in path:
            definition = self.context.definitions.get(user.key)
            if definition is None or symbol.key not in names_in(definition.body):
                continue
            users.append(user)
            add_into(total, self._contribution(definition, rules))
        return Adjoint(symbol, parameters, total, tuple(users))

    def _contribution(self, definition: Definition, rules: Differentiation) -> Polynomial:
        """`Σ_J c̄_J ∂c_J/∂n_I` for one user c."""
        lowering = self.engine.lowering
        user = definition.symbol
        names = [lowering.fresh() for _ in user.shape]
        at: At = tuple(Affine.name(name) for name in names)
        local = rules.direct(lowering.definition_entry(definition, at))
        if definition.squares:
            local = local / (2 * Entry(user.key, at))
        engine = self.engine
        for name, extent in zip(names, user.shape, strict=True):
            engine.algebra.ranges[name] = (((), 1), to_position(extent))
        form = compatible(engine.algebra, away_from_kinks(engine.of(local)))
        form = self.naming.named(form)
        if user.key != self.objective.key:
            given = ("entry", self.adjoint_key(user), tuple(to_position(p) for p in at))
            form = engine.algebra.multiply(form, of_atom(given))
        for name, extent in zip(reversed(names), reversed(user.shape), strict=True):
            form = engine.algebra.sum_over(form, name, (((), 1), to_position(extent)))
        return form

    # ---- insertion -------------------------------------------------------------------------

    def insert_adjoints(self, form: Polynomial, known: dict[str, Adjoint]) -> Polynomial:
        """Insert known adjoints (by name key) for their symbols.

        One that would make a sum run over more indices than it and the form do, or make more sums
        than there are, stays a name: it is worked out once and stored.
        """
        for adjoint in reversed(known.values()):
            key = self.adjoint_key(adjoint.symbol)
            new = self._replace(form, {key: (adjoint.local, adjoint.parameters)})
            shallow = depth(new) <= max(depth(form), depth(adjoint.local))
            if shallow and reductions(new) <= reductions(form) + reductions(adjoint.local):
                form = new
        return form

    def inline(self, form: Polynomial) -> Polynomial:
        """Insert the definitions without a sum or a function: what is left has to be stored."""
        for key in reversed(list(self.context.definitions)):
            definition = self.context.definitions[key]
            if definition.squares:
                continue
            parameters = self.engine.parameters("$a", definition.symbol)
            at = tuple(Affine.name(name) for name in parameters)
            body = self.engine.lowering.definition_entry(definition, at)
            if not body.has(IndexSum, sympy.Function, OpaqueCall):
                form = self._replace(form, {key: (self.engine.of(body), parameters)})
        return form

    def _replace(
        self, form: Polynomial, forms: dict[str, tuple[Polynomial, tuple[str, ...]]]
    ) -> Polynomial:
        algebra = self.engine.algebra

        def entry(key: str, positions: tuple[Position, ...]) -> Polynomial | None:
            if key not in forms:
                return None
            body, parameters = forms[key]
            moves: dict[Index, Position] = dict(zip(parameters, positions, strict=True))
            return algebra.substitute(body, moves)

        return compatible(algebra, away_from_kinks(algebra.replace_entries(form, entry)))


def depth(form: Polynomial) -> int:
    """The number of indices that the longest contraction sums over."""
    inside = [atom for monomial in form for atom, _ in monomial]
    return max((_indices(atom) for atom in inside), default=0)


def reductions(form: Polynomial) -> int:
    """The number of sums in a form, each counted once."""
    text = {atom for monomial in form for atom, _ in monomial if atom[0] == "sum"}
    return sum(serial(atom).count("'sum'") for atom in text)


def _indices(atom: Atom) -> int:
    if atom[0] == "sum":
        return len(atom[1]) + max((_indices(a) for a, _ in atom[2]), default=0)
    return depth(thaw(atom[1])) if atom[0] == "power" else 0


def forget(engine: NormalForm, objective: str) -> None:
    """Call no sum by the name of the objective: a gradient is not written with its value."""
    engine.algebra.named_sums = [
        named
        for named in engine.algebra.named_sums
        if f"'{objective}'" not in serial(freeze(named.value))
    ]


def away_from_kinks(form: Polynomial) -> Polynomial:
    """The form without what is undefined at a kink and zero elsewhere."""
    return {m: c for m, c in form.items() if not _undefined(m)}


def _undefined(monomial: Monomial) -> bool:
    return any(
        atom[0] in ("any", "kink") or (atom[0] == "sum" and _undefined(atom[2]))
        for atom, _ in monomial
    )
