"""The normal form of an index expression: a polynomial over free entries, deltas, contractions.

For polynomial claims the normal form decides. Distinct contractions are algebraically
independent once the sizes are large enough (the entries of the inputs are free variables, and a
connected contraction is determined by its labelled multigraph), so two polynomial index
expressions are equal for all sizes if and only if their normal forms are the same. Rational
powers of polynomials are atoms over their primitive part; the zero test clears denominators and
reduces whole powers of the atoms.

Defined names are kept as atoms where their definition can be solved for a contraction that
occurs nowhere else in it (a change of variables, so nothing is lost), and inserted otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import sympy
from sympy import Expr

from derive.calculus.algebra import NamedSum
from derive.calculus.assumptions import (
    Signs,
    over_whole_axes,
    symmetric_names,
    unconditional,
)
from derive.calculus.clearing import clear, reducible
from derive.calculus.indexed import Delta, Entry, IndexSum, IndexValue, Jacobian, Order
from derive.calculus.inverses import (
    Matrix,
    MatrixAlgebra,
    determinant,
    inverse,
    multiplied_by_matrix,
)
from derive.calculus.logarithms import log_atom, logarithm
from derive.calculus.lower import Lowering, Obligation
from derive.calculus.matrices import Determinant, OfMatrix
from derive.calculus.named_sums import assumed_sum, is_mean, solvable
from derive.calculus.opaque import Extreme, OpaqueCall
from derive.calculus.piecewise import Ramp, Step, Undefined, ramp, settled, step, undefined
from derive.calculus.polynomial import (
    Index,
    Polynomial,
    Position,
    Rational,
    add_into,
    constant,
    delta,
    freeze,
    index_position,
    of_atom,
    scale,
    serial,
)
from derive.calculus.powers import Powers
from derive.calculus.products import IndexProduct, product_over, without
from derive.calculus.rules import (
    COMMON_DENOMINATOR,
    DEFINED_SUM,
    DISTRIBUTE,
    LOGARITHM,
    MEAN_DEVIATIONS,
    SPECIAL_LAWS,
    UNFOLD,
    Trace,
)
from derive.calculus.special import cosine, digamma, gamma, sine
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Context, Definition, Symbol

DIGAMMA = sympy.Function("digamma")
SPECIAL: Mapping[type, Callable[[Powers, Polynomial], Polynomial]] = {
    sympy.sin: sine,
    sympy.cos: cosine,
    sympy.gamma: gamma,
}
MAX_CLEARED_INVERSES = 4


def to_position(at: Affine) -> Position:
    """An affine expression as a polynomial's position."""
    return tuple(sorted(at.terms, key=lambda item: str(item[0]))), at.constant


@dataclass(frozen=True, slots=True)
class Generic:
    """A normal form at generic indices, these indices, and the rules that led to it."""

    form: Polynomial
    parameters: tuple[str, ...]
    rules: tuple[str, ...]
    obligations: tuple[Obligation, ...]


@dataclass
class NormalForm:
    """Normal forms in one context. With `keep_names` false every definition is inserted.

    With `thorough`, fractions under a sum are divided out and short sums are written out.
    """

    context: Context
    keep_names: bool = True
    thorough: bool = False
    max_terms: int = 20_000
    trace: Trace = field(default_factory=Trace)
    _definitions: dict[str, Generic] = field(default_factory=dict)
    _jacobians: dict[tuple[str, str], Generic] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)

    @cached_property
    def lowering(self) -> Lowering:
        return Lowering(self.context, self._vanishes, self.trace)

    def _vanishes(self, expression: Expr) -> bool:
        return expression is sympy.S.Zero or not self.algebra.identify(self.of(expression))

    @cached_property
    def algebra(self) -> MatrixAlgebra:
        signs = Signs(self.context)
        names = frozenset(
            key
            for key, symbol in self.context.symbols.items()
            if signs.of_name(key) in ("positive", "nonnegative") or symbol.role == "size"
        )
        squares = frozenset(k for k, d in self.context.definitions.items() if d.squares)
        return MatrixAlgebra(
            nonnegative=names | squares,
            positive=frozenset(k for k in names if signs.of_name(k) == "positive"),
            trace=self.trace,
            max_terms=self.max_terms,
            sizes=frozenset(self.context.sizes),
            symmetric=symmetric_names(self.context),
            thorough=self.thorough,
        )

    def watch(self, trace: Trace) -> None:
        """Report the rules that fire from now on to another trace."""
        self.trace = trace
        self.lowering.trace = trace
        self.algebra.trace = trace

    def prepare(self) -> None:
        """Take the definitions in order, so that later sums find the names of earlier ones."""
        for given in unconditional(self.context):
            if given.sign == "==" and isinstance(given.right, t.Number) and not given.left.shape:
                self._take_sum(given, Fraction(given.right.value))
        for key, definition in self.context.definitions.items():
            if key not in self._definitions:
                try:
                    self.definition(definition)
                except UnsupportedError:
                    continue

    def _take_sum(self, given: t.Assumption, value: Fraction) -> None:
        """Take an assumption `Σ … = value`, for whole axes, as a rewrite of its contraction."""
        if given.fixed or not over_whole_axes(given.left, given.free):
            return
        moves: dict[Index, Position] = {
            bound.name: index_position(f"$a{axis} ={bound.name}")
            for axis, bound in enumerate(given.free)
        }
        for bound in given.free:
            self.algebra.ranges[bound.name] = (to_position(bound.low), to_position(bound.high))
        try:
            form = self.of(self.lowering.entry(given.left, ()))
        except UnsupportedError:
            return
        parameters = tuple(str(position[0][0][0]) for position in moves.values())
        form = self.algebra.substitute(form, moves)
        sizes = self.algebra.sizes
        self.algebra.named_sums.extend(assumed_sum(form, value, sizes, parameters))

    # ---- index expression → polynomial -----------------------------------------------------

    def of(self, expression: Expr) -> Polynomial:
        """The normal form of an index expression."""
        match expression:
            case sympy.Rational():
                return constant(_number(expression))
            case Entry():
                return self._entry(expression)
            case Delta():
                left, right = expression.sides
                return delta(to_position(left), to_position(right))
            case Order():
                return of_atom(("order", to_position(expression.difference)))
            case IndexValue():
                return of_atom(("index", expression.name))
            case IndexSum():
                limits = to_position(expression.low), to_position(expression.high)
                self.algebra.ranges[expression.index] = limits
                return self.algebra.sum_over(self.of(expression.body), expression.index, limits)
            case Jacobian():
                return self._jacobian(expression)
            case sympy.Add():
                total: Polynomial = {}
                for term in expression.args:
                    add_into(total, self.of(term))
                return total
            case sympy.Mul():
                return self._product(expression)
            case sympy.exp():
                return self.algebra.exponential(self.of(expression.args[0]))
            case sympy.Pow():
                return self._power(expression)
            case sympy.Symbol():
                return of_atom(("size", expression.name))
            case sympy.log():
                return self._logarithm(self.of(expression.args[0]))
            case Ramp():
                return ramp(self.algebra, self.of(expression.argument))
            case Step():
                return step(self.algebra, self.of(expression.argument))
            case Undefined():
                return undefined(self.algebra, self.of(expression.argument))
            case Extreme():
                return self._extreme(expression)
            case IndexProduct():
                return self._product_over(expression)
            case OfMatrix():
                return self._of_matrix(expression)
            case OpaqueCall():
                arguments = tuple(freeze(self.of(a)) for a in expression.args)
                return of_atom(("call", expression.name, expression.orders, arguments))
            case sympy.Function():
                return self._call(expression)
        if expression is sympy.S.Exp1:
            return of_atom(("const", "e"))
        if expression is sympy.S.Pi:
            return of_atom(("const", "pi"))
        raise UnsupportedError(f"no normal form for {type(expression).__name__}")

    def _product(self, expression: Expr) -> Polynomial:
        forms = [self.of(factor) for factor in expression.args]
        if len(forms) > 1 and any(len(form) > 1 for form in forms):
            self.trace.fire(DISTRIBUTE)
        result = constant(1)
        for form in forms:
            result = self.algebra.multiply(result, form)
        return result

    def _power(self, expression: Expr) -> Polynomial:
        base, exponent = expression.args
        if base is sympy.S.Exp1:
            return self.algebra.exponential(self.of(exponent))
        if not exponent.is_Rational:
            raise UnsupportedError("a variable exponent")
        return self.algebra.power(self.of(base), _number(exponent))

    def _logarithm(self, argument: Polynomial) -> Polynomial:
        form = logarithm(self.algebra, argument)
        if form == of_atom(log_atom(argument)):
            self.algebra.log_domain.add(freeze(argument))
        else:
            self.trace.fire(LOGARITHM)
        return form

    def _call(self, expression: Expr) -> Polynomial:
        special = SPECIAL.get(type(expression))
        if isinstance(expression, sympy.polygamma) and expression.args[0] == 0:
            special, expression = digamma, DIGAMMA(expression.args[1])
        arguments = [self.of(argument) for argument in expression.args]
        if special is not None:
            self.algebra.left_over = True
            if self.thorough:
                self.trace.fire(SPECIAL_LAWS)
                return special(self.algebra, *arguments)
        return of_atom(("call", type(expression).__name__, (), tuple(map(freeze, arguments))))

    def _product_over(self, node: IndexProduct) -> Polynomial:
        limits = to_position(node.low), to_position(node.high)
        self.algebra.ranges[node.index] = limits
        body = self.of(node.body)
        result = product_over(self.algebra, body, node.index, limits)
        if node.skip is None:
            return result
        return without(self.algebra, result, body, node.index, to_position(node.skip))

    def _of_matrix(self, node: OfMatrix) -> Polynomial:
        extent = to_position(node.extent)
        for name in node.indices:
            self.algebra.ranges[name] = (((), 1), extent)
        matrix = Matrix(self.algebra.identify(self.of(node.body)), node.indices, extent)
        if isinstance(node, Determinant):
            return determinant(self.algebra, matrix)
        return inverse(self.algebra, matrix, *(to_position(p) for p in node.at))

    def _extreme(self, expression: Extreme) -> Polynomial:
        for name, extent in zip(expression.indices, expression.shape, strict=True):
            self.algebra.ranges[name] = (((), 1), to_position(extent))
        entry = freeze(self.of(expression.body))
        if "extreme" in serial(entry):
            raise UnsupportedError("a largest entry inside a largest entry is not proved yet")
        return of_atom(("extreme", expression.name, (), (entry,)))

    # ---- names -----------------------------------------------------------------------------

    def _entry(self, entry: Entry) -> Polynomial:
        return self.name_at(entry.key, tuple(to_position(p) for p in entry.at))

    def name_at(self, key: str, positions: tuple[Position, ...]) -> Polynomial:
        """The normal form of one entry of a name; a definition is inserted unless it is kept."""
        definition = self.context.definitions.get(key)
        body = self.definition(definition) if definition else None
        if body is None or key in self._kept:
            return self.algebra.entry(key, positions)
        self.trace.fire(UNFOLD)
        return self._at(body, positions)

    def renormalise(self, form: Polynomial) -> Polynomial:
        """The normal form of a polynomial that keeps groups or names as factors."""
        return self.algebra.replace_entries(form, self.name_at)

    def _at(self, body: Generic, positions: tuple[Position, ...]) -> Polynomial:
        """A generic form at given positions."""
        self.trace.extend(body.rules)
        self.lowering.obligations.update(dict.fromkeys(body.obligations))
        moves: dict[Index, Position] = dict(zip(body.parameters, positions, strict=True))
        return self.algebra.substitute(body.form, moves)

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Record the rules and obligations of a generic form apart; an error loses none outside."""
        trace = self.trace
        obligations, log_domain = self.lowering.obligations, self.algebra.log_domain
        self.watch(Trace())
        self.lowering.obligations = {}
        self.algebra.log_domain = set()
        try:
            yield
        finally:
            self.lowering.obligations, self.algebra.log_domain = obligations, log_domain
            self.watch(trace)

    def _generic(self, form: Polynomial, parameters: tuple[str, ...]) -> Generic:
        """A form with what was recorded for it."""
        return Generic(form, parameters, self.trace.names, tuple(self.lowering.obligations))

    def parameters(self, prefix: str, symbol: Symbol) -> tuple[str, ...]:
        """Generic index names for the axes of a symbol, with their ranges."""
        names = tuple(f"{prefix}{axis} {symbol.key}" for axis in range(len(symbol.shape)))
        for name, extent in zip(names, symbol.shape, strict=True):
            self.algebra.ranges[name] = (((), 1), to_position(extent))
        return names

    def definition(self, definition: Definition) -> Generic:
        """The normal form of a definition at generic indices."""
        key = definition.symbol.key
        if key not in self._definitions:
            parameters = self.parameters("$a", definition.symbol)
            at = tuple(Affine.name(name) for name in parameters)
            with self._apart():
                form = self.of(self.lowering.definition_entry(definition, at))
                if self.keep_names:
                    self._keep(definition, form, parameters)
                if definition.squares:
                    form = self.algebra.power(form, Fraction(1, 2))
                self._definitions[key] = self._generic(form, parameters)
        return self._definitions[key]

    def _keep(self, definition: Definition, form: Polynomial, parameters: tuple[str, ...]) -> None:
        """Keep the name as an atom when its definition can be solved for a contraction."""
        found = solvable(form, parameters, self.algebra.sizes)
        if found is None:
            return
        monomial, atom = found
        key = definition.symbol.key
        positions = tuple(index_position(name) for name in parameters)
        value = of_atom(("entry", key, positions), 2 if definition.squares else 1)
        add_into(value, {m: c for m, c in form.items() if m != monomial}, -1)
        inverse = self.algebra.power({monomial - {(atom, 1)}: form[monomial]}, -1)
        value = self.algebra.multiply(value, inverse)
        self.algebra.named_sums.append(
            NamedSum(
                atom, parameters, value, MEAN_DEVIATIONS if is_mean(form, atom) else DEFINED_SUM
            )
        )
        self._kept.add(key)

    # ---- Jacobians -------------------------------------------------------------------------

    def _jacobian(self, node: Jacobian) -> Polynomial:
        body = self._generic_jacobian(node.key, node.target)
        return self._at(body, tuple(to_position(p) for p in (*node.at, *node.by)))

    def _generic_jacobian(self, key: str, target: str) -> Generic:
        """The total derivative of a defined name by a name, at generic indices."""
        if (key, target) not in self._jacobians:
            definition = self.context.definitions.get(key)
            if definition is None:
                return self._objective_jacobian(key, target)
            mine = self.parameters("$a", definition.symbol)
            theirs = self.parameters("$b", self.context.symbols[target])
            at = tuple(Affine.name(name) for name in mine)
            by = tuple(Affine.name(name) for name in theirs)
            with self._apart():
                body = self.lowering.definition_entry(definition, at)
                form = self.of(self.lowering.rules(target, by).total(body))
                if definition.squares:
                    root = self.algebra.power(self._entry(Entry(key, at)), -1)
                    form = scale(self.algebra.multiply(form, root), Fraction(1, 2))
                self._jacobians[key, target] = self._generic(form, mine + theirs)
        return self._jacobians[key, target]

    def _objective_jacobian(self, key: str, target: str) -> Generic:
        """The derivative of an objective, through its outputs, at generic indices."""
        theirs = self.parameters("$b", self.context.symbols[target])
        by = tuple(Affine.name(name) for name in theirs)
        with self._apart():
            objective = self.context.symbols[key]
            form = self.of(self.lowering.of_objective(objective, self.context.symbols[target], by))
            self._jacobians[key, target] = self._generic(form, theirs)
        return self._jacobians[key, target]

    # ---- zero ------------------------------------------------------------------------------

    def is_zero(self, polynomial: Polynomial) -> bool:
        """Whether the normal form is zero: denominators cleared, whole powers reduced."""
        form = settled(self.algebra, self.reduce(polynomial))
        return not form or self._vanishes_with_inverses(form, MAX_CLEARED_INVERSES)

    def _vanishes_with_inverses(self, form: Polynomial, steps: int) -> bool:
        """Whether the form is zero once it is multiplied by matrices whose inverses are in it."""
        for product in multiplied_by_matrix(self.algebra, form):
            rest = settled(self.algebra, self.reduce(product))
            return not rest or (steps > 1 and self._vanishes_with_inverses(rest, steps - 1))
        return False

    def reduce(self, polynomial: Polynomial) -> Polynomial:
        """The polynomial up to a nonzero factor, without whole powers of non-monomials."""
        form = self.algebra.identify(polynomial)
        cleared = False
        while form:
            pending = reducible(form)
            if pending is None:
                break
            cleared = True
            form = self.algebra.identify(clear(self.algebra.multiply, form, pending))
        if cleared:
            self.trace.fire(COMMON_DENOMINATOR)
        return form


def _number(value: sympy.Rational) -> Rational:
    return int(value.p) if value.q == 1 else Fraction(int(value.p), int(value.q))
