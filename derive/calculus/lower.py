"""Typed term → index expression: every array operation becomes entries under sums.

`Lowering.entry(term, at)` is the SymPy expression of one entry of a term. What a proof passes on
the way (denominators, roots, logarithms) is kept as obligations, to be discharged or printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import assert_never

import sympy
from sympy import Expr

from derive.calculus.differentiate import Differentiation
from derive.calculus.indexed import (
    Entry,
    IndexSum,
    IndexValue,
    Jacobian,
    delta,
    fresh_names,
    size,
)
from derive.calculus.indexed import Position as At
from derive.calculus.matrices import Determinant, InverseEntry, OfMatrix
from derive.calculus.opaque import Extreme, OpaqueCall, generic_indices
from derive.calculus.piecewise import compared, lowered, minus
from derive.calculus.positions import (
    FUNCTIONS,
    INDEX,
    MEETS,
    Names,
    aligned,
    as_position,
    as_size,
    check_power,
    filled,
    order,
    over,
    renamed,
)
from derive.calculus.products import IndexProduct, left_out
from derive.calculus.rules import (
    EXTREME_RULE,
    LOSS_RULE,
    OPAQUE_RULE,
    POWERS_ADD,
    SIGN_CASES,
    Trace,
)
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Context
from derive.meaning.walk import reach


@dataclass(frozen=True, slots=True)
class Obligation:
    """A term that must be `nonzero`, `positive` or `nonnegative` where it stands."""

    term: t.Term
    kind: str


UPSTREAM = "∂"


def upstream_key(objective: str, output: str) -> str:
    """The key of the given gradient of an objective by one of its outputs."""
    return f"{UPSTREAM}{objective}/{output}"


@dataclass
class Lowering:
    """Lowers the terms of one context; each bound index gets a name of its own.

    `vanishes` decides whether an index expression is zero; cases must leave nothing out.
    """

    context: Context
    vanishes: Callable[[Expr], bool]
    trace: Trace = field(default_factory=Trace)
    obligations: dict[Obligation, None] = field(default_factory=dict)
    names: Iterator[str] = field(default_factory=fresh_names)

    @cached_property
    def reach(self) -> Mapping[str, frozenset[str]]:
        """The names that each name depends on."""
        return reach(self.context)

    def fresh(self) -> str:
        return next(self.names)

    def entry(self, term: t.Term, at: At, names: Names | None = None) -> Expr:
        """The entry of `term` at the position; `names` renames bound indices in force."""
        names = names or {}
        match term:
            case t.Number(value):
                return sympy.Rational(value.numerator, value.denominator)
            case t.Constant(name):
                return sympy.pi if name == "pi" else sympy.E
            case t.Position(position):
                return self._number(renamed(position, names))
            case t.Variable(symbol):
                return Entry(symbol.key, at)
            case t.Element(base, positions):
                return self.entry(base, filled(positions, at, names), names)
            case t.Add(terms):
                return sympy.Add(*(self.entry(x, aligned(x, at), names) for x in terms))
            case t.Multiply(factors):
                return self._product([self.entry(x, aligned(x, at), names) for x in factors])
            case t.Divide(numerator, denominator):
                self._oblige(denominator, "nonzero")
                below = self.entry(denominator, aligned(denominator, at), names)
                return over(self.entry(numerator, aligned(numerator, at), names), below)
            case t.Power():
                return self._power(term, at, names)
            case t.Sum():
                return self._sum(term, at, names)
            case t.Indicator(condition):
                return self.indicator(condition, names)
            case t.Cases(rows):
                return self._cases(rows, at, names)
            case t.Function():
                return self._function(term, at, names)
            case t.Derivative():
                return self._derivative(term, at, names)
            case t.Filled(value):
                return sympy.Rational(value.numerator, value.denominator)
            case (
                t.MatrixProduct()
                | t.Outer()
                | t.Transposed()
                | t.Inverse()
                | t.MatrixFunction()
                | t.Identity()
            ):
                return self._matrix(term, at, names)
            case _:
                assert_never(term)

    def _oblige(self, term: t.Term, kind: str) -> None:
        if isinstance(term, t.Number) and not MEETS[kind](term.value):
            raise UnsupportedError(f"{term.value} must be {kind} here")
        self.obligations.setdefault(Obligation(term, kind))

    def _product(self, factors: list[Expr]) -> Expr:
        bases = [factor.args[0] for factor in factors if isinstance(factor, sympy.Pow)]
        if len(set(bases)) < len(bases):
            self.trace.fire(POWERS_ADD)
        return sympy.Mul(*factors)

    def _number(self, position: Affine) -> Expr:
        parts = [
            c * (size(n) if n in self.context.sizes else IndexValue(n)) for n, c in position.terms
        ]
        return sympy.Add(*parts, sympy.Integer(position.constant))

    def _power(self, term: t.Power, at: At, names: Names) -> Expr:
        base = self.entry(term.base, at, names)
        exponent = self.entry(term.exponent, (), names)
        if not exponent.is_Rational:
            size = as_size(term.exponent, self.context)
            if size is not None:
                return self._to_the_size(term, base, size)
            self._oblige(term.base, "positive")
            return sympy.exp(exponent * sympy.log(base))
        if exponent.q != 1:
            self._oblige(term.base, "positive" if exponent < 0 else "nonnegative")
        elif exponent < 0:
            self._oblige(term.base, "nonzero")
        check_power(base, exponent)
        return sympy.Pow(base, exponent, evaluate=bool(base.is_Rational))

    def _to_the_size(self, term: t.Power, base: Expr, size: Affine) -> Expr:
        """A power to a size, such as `(-1)^N`: a product of equal factors, of any sign."""
        if size.constant < 0:
            self._oblige(term.base, "nonzero")
        return IndexProduct(base, self.fresh(), Affine.number(1), size, None, term.base)

    def _sum(self, term: t.Sum, at: At, names: Names) -> Expr:
        inner = dict(names)
        bounds: list[tuple[str, Affine, Affine]] = []
        for bound in term.bounds:
            low, high = renamed(bound.low, inner), renamed(bound.high, inner)
            if any(n not in self.context.sizes for n in (low.names | high.names)):
                raise UnsupportedError("a sum whose range depends on an index is not proved yet")
            name = self.fresh()
            inner[bound.name] = Affine.name(name)
            bounds.append((name, low, high))
        body = self.entry(term.body, at, inner)
        if term.product:
            return self._over(term, body, bounds, inner)
        if term.condition:
            body = body * self.indicator(term.condition, inner)
        for name, low, high in reversed(bounds):
            body = IndexSum(body, name, low, high)
        return body

    def _over(
        self, term: t.Sum, body: Expr, bounds: list[tuple[str, Affine, Affine]], names: Names
    ) -> Expr:
        """A product over indices; one factor may be left out, by a condition `k != j`."""
        skip = left_out(term, names) if term.condition else None
        if skip is not None:
            self._oblige(term.body, "nonzero")
        for name, low, high in reversed(bounds):
            body = IndexProduct(body, name, low, high, skip, term.body)
        return body

    def indicator(self, condition: t.Condition, names: Names) -> Expr:
        """1 where the condition on indices holds, else 0."""
        return sympy.Mul(*(self._comparison(c, names) for c in condition))

    def _comparison(self, comparison: t.Comparison, names: Names) -> Expr:
        left, right = comparison.left, comparison.right
        if not (isinstance(left, INDEX) and isinstance(right, INDEX)):
            return self._compared(comparison, names)
        a, b = renamed(as_position(left), names), renamed(as_position(right), names)
        match comparison.sign:
            case "==":
                return delta(a, b)
            case "!=":
                return 1 - delta(a, b)
            case "<":
                return order(a, b)
            case ">":
                return order(b, a)
            case "<=":
                return 1 - order(b, a)
            case ">=":
                return 1 - order(a, b)
            case _:
                assert_never(comparison.sign)

    def _compared(self, comparison: t.Comparison, names: Names) -> Expr:
        left, right = comparison.left, comparison.right
        if left.shape or right.shape:
            raise UnsupportedError("a condition on a whole array")
        self.trace.fire(SIGN_CASES)
        sides = self.entry(left, (), names), self.entry(right, (), names)
        return compared(comparison.sign, *sides, minus(left, right))

    def _cases(
        self, rows: tuple[tuple[t.Term, t.Condition | None], ...], at: At, names: Names
    ) -> Expr:
        total: Expr = sympy.S.Zero
        remaining: Expr = sympy.S.One
        for value, condition in rows:
            entry = self.entry(value, aligned(value, at), names)
            holds = sympy.S.One if condition is None else self.indicator(condition, names)
            total += remaining * holds * entry
            remaining *= 1 - holds
        if not self.vanishes(remaining):
            raise UnsupportedError("the cases leave out some indices")
        return total

    def _function(self, term: t.Function, at: At, names: Names) -> Expr:
        if term.name in ("softmax", "logsumexp") and not term.opaque:
            return self._over_last_axis(term, at, names)
        if term.name in ("max", "min") and len(term.arguments) == 1 and not term.opaque:
            return self._extreme(term, names)
        arguments = [self.entry(a, aligned(a, at), names) for a in term.arguments]
        if term.opaque:
            self.trace.fire(OPAQUE_RULE)
            return OpaqueCall(term.name, term.orders, *arguments)
        if term.orders:
            raise UnsupportedError(f"the derivative of {term.name} has no rule yet")
        cases = lowered(term.name, arguments, term.arguments)
        if cases is not None:
            self.trace.fire(SIGN_CASES)
            return cases
        if term.name == "log":
            self._oblige(term.arguments[0], "positive")
        if term.name not in FUNCTIONS:
            raise UnsupportedError(f"the function {term.name} has no rule yet")
        return FUNCTIONS[term.name](*arguments)

    def _extreme(self, term: t.Function, names: Names) -> Expr:
        (array,) = term.arguments
        if term.shape or not array.shape:
            raise UnsupportedError(f"{term.name} over a part of an array is not proved yet")
        self.trace.fire(EXTREME_RULE)
        indices = generic_indices(array.shape)
        body = self.entry(array, tuple(Affine.name(i) for i in indices), names)
        return Extreme(body, term.name, indices, array.shape)

    def oblige_nonzero(self, term: t.Term) -> None:
        """Record that a term must not be zero."""
        self._oblige(term, "nonzero")

    def _over_last_axis(self, term: t.Function, at: At, names: Names) -> Expr:
        (argument,) = term.arguments
        name = self.fresh()
        lead = at if term.name == "logsumexp" else at[:-1]
        each = sympy.exp(self.entry(argument, (*lead, Affine.name(name)), names))
        total = IndexSum(each, name, Affine.number(1), argument.shape[-1])
        if term.name == "logsumexp":
            return sympy.log(total)
        return sympy.exp(self.entry(argument, at, names)) / total

    # ---- matrices --------------------------------------------------------------------------

    def _matrix(self, term: t.Term, at: At, names: Names) -> Expr:
        match term:
            case t.MatrixProduct(left, right):
                k = Affine.name(name := self.fresh())
                rank = len(left.shape) - 1
                body = self.entry(left, (*at[:rank], k), names) * self.entry(
                    right, (k, *at[rank:]), names
                )
                return IndexSum(body, name, Affine.number(1), left.shape[-1])
            case t.Outer(left, right):
                rank = len(left.shape)
                return self.entry(left, at[:rank], names) * self.entry(right, at[rank:], names)
            case t.Transposed(base):
                return self.entry(base, tuple(reversed(at)), names)
            case t.Identity():
                return delta(*at)
            case t.MatrixFunction("trace", argument):
                k = Affine.name(name := self.fresh())
                body = self.entry(argument, (k, k), names)
                return IndexSum(body, name, Affine.number(1), argument.shape[0])
            case t.MatrixFunction("diag", argument) if len(argument.shape) == 2:
                return self.entry(argument, (at[0], at[0]), names)
            case t.MatrixFunction("diag", argument):
                return self.entry(argument, at[:1], names) * delta(*at)
            case t.MatrixFunction("norm", argument):
                self._oblige(term, "nonnegative")
                body, ranges = self._all_entries(argument, names)
                for name, high in reversed(ranges):
                    body = IndexSum(body, name, Affine.number(1), high)
                return sympy.Pow(body, sympy.Rational(1, 2), evaluate=False)
            case t.Inverse(base):
                return self._of_matrix(InverseEntry, base, at, names)
            case t.MatrixFunction("det", argument):
                return self._of_matrix(Determinant, argument, at, names)
        raise UnsupportedError(f"no index expression for {type(term).__name__}")

    def _of_matrix(self, kind: type[OfMatrix], matrix: t.Term, at: At, names: Names) -> Expr:
        size = t.MatrixFunction("det", matrix, ())
        if kind is InverseEntry:
            self._oblige(size, "nonzero")
        indices = self.fresh(), self.fresh()
        body = self.entry(matrix, tuple(Affine.name(i) for i in indices), names)
        return kind(body, indices, matrix.shape[0], at, size)

    def _all_entries(self, term: t.Term, names: Names) -> tuple[Expr, list[tuple[str, Affine]]]:
        ranges = [(self.fresh(), high) for high in term.shape]
        at = tuple(Affine.name(name) for name, _ in ranges)
        return sympy.Pow(self.entry(term, at, names), 2, evaluate=False), ranges

    # ---- derivatives -----------------------------------------------------------------------

    def _derivative(self, term: t.Derivative, at: At, names: Names) -> Expr:
        rank = len(term.of.shape)
        own, rest = at[:rank], at[rank:]
        by = filled(term.at, rest, names)
        by += tuple(rest[len(rest) - (len(term.target.shape) - len(by)) :])
        by = by[: len(term.target.shape)]
        if isinstance(term.of, t.Variable) and term.of.symbol.role == "objective":
            return self.of_objective(term.of.symbol, term.target, by)
        rules = self.rules(term.target.key, by)
        if term.reading == "total":
            return rules.total(self.entry(term.of, own, names))
        definition, position = self._explicit(term.of, own, names)
        if definition is None:
            return rules.direct(self.entry(term.of, own, names))
        if definition.symbol.key == term.target.key:
            return rules.direct(Entry(definition.symbol.key, position))
        body = self.definition_entry(definition, position)
        derivative = rules.direct(body)
        if definition.squares:
            self._oblige(t.Variable(definition.symbol), "nonzero")
            derivative = derivative / (2 * Entry(definition.symbol.key, position))
        return derivative

    def rules(self, target: str, by: At) -> Differentiation:
        """The rules of differentiation by `target[by]`."""
        return Differentiation(
            self.reach, target, by, self.trace, self.oblige_nonzero, self._expanded, self.fresh
        )

    def _expanded(self, node: Jacobian) -> Expr:
        """A Jacobian by the definition of what is differentiated."""
        definition = self.context.definitions.get(node.key)
        if definition is None:
            symbols = self.context.symbols
            return self.of_objective(symbols[node.key], symbols[node.target], node.by)
        body = self.definition_entry(definition, node.at)
        derivative = self.rules(node.target, node.by).total(body)
        if definition.squares:
            self._oblige(t.Variable(definition.symbol), "nonzero")
            derivative = over(derivative, 2 * Entry(node.key, node.at))
        return derivative

    def _explicit(self, of: t.Term, own: At, names: Names) -> tuple[t.Definition | None, At]:
        """The definition that a direct derivative looks into, and the position in it."""
        if isinstance(of, t.Element) and isinstance(of.base, t.Variable):
            definition = self.context.definitions.get(of.base.symbol.key)
            return definition, filled(of.at, own, names)
        if isinstance(of, t.Variable):
            return self.context.definitions.get(of.symbol.key), own
        return None, own

    def definition_entry(self, definition: t.Definition, at: At) -> Expr:
        """The entry of a definition's body at a position of its symbol."""
        count = len(definition.parameters)
        names = dict(zip(definition.parameters, at[:count], strict=True))
        body = definition.body
        rest = at[count:]
        return self.entry(body, rest[len(rest) - len(body.shape) :], names)

    def of_objective(self, objective: t.Symbol, target: t.Symbol, by: At) -> Expr:
        outputs = self.context.outputs.get(objective.key, ())
        if any(output.key == target.key for output in outputs):
            return Entry(upstream_key(objective.key, target.key), by)
        self.trace.fire(LOSS_RULE)
        total: Expr = sympy.S.Zero
        rules = self.rules(target.key, by)
        for output in outputs:
            names = [self.fresh() for _ in output.shape]
            at = tuple(Affine.name(name) for name in names)
            body = Entry(upstream_key(objective.key, output.key), at) * rules.total(
                Entry(output.key, at)
            )
            for name, high in reversed(list(zip(names, output.shape, strict=True))):
                body = IndexSum(body, name, Affine.number(1), high)
            total += body
        return total
