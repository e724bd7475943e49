"""Typed term → index expression: every array operation becomes entries under sums.

`Lowering.entry(term, at)` is the SymPy expression of one entry of a term. What a proof passes on
the way (denominators, roots, logarithms) is kept as obligations, to be discharged or printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import assert_never

import sympy
from sympy import Expr

from derive.calculus.differentiate import Differentiation
from derive.calculus.indexed import Entry, IndexSum, IndexValue, Order, delta, fresh_names, size
from derive.calculus.indexed import Position as At
from derive.calculus.rules import LOSS_RULE, POWERS_ADD, Trace
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Context
from derive.meaning.walk import reach

Names = Mapping[str, Affine]


@dataclass(frozen=True, slots=True)
class Obligation:
    """A term that must be `nonzero`, `positive` or `nonnegative` where it stands."""

    term: t.Term
    kind: str


FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": lambda x: sympy.sin(x) / sympy.cos(x),
    "sinh": lambda x: (sympy.exp(x) - sympy.exp(-x)) / 2,
    "cosh": lambda x: (sympy.exp(x) + sympy.exp(-x)) / 2,
    "tanh": lambda x: (sympy.exp(2 * x) - 1) / (sympy.exp(2 * x) + 1),
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "arcsin": sympy.asin,
    "arccos": sympy.acos,
    "arctan": sympy.atan,
    "arcsinh": sympy.asinh,
    "arccosh": sympy.acosh,
    "arctanh": sympy.atanh,
    "erf": sympy.erf,
    "gamma": sympy.gamma,
    "digamma": sympy.digamma,
}

MEETS: dict[str, Callable[[Fraction], bool]] = {
    "positive": lambda value: value > 0,
    "nonnegative": lambda value: value >= 0,
    "nonzero": lambda value: value != 0,
}
UPSTREAM = "∂"
LARGEST_EXPONENT = 4096
LARGEST_NUMBER = 200_000
"""In bits; larger powers of numbers are not worked out."""


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
                return self._number(_rename(position, names))
            case t.Variable(symbol):
                return Entry(symbol.key, at)
            case t.Element(base, positions):
                return self.entry(base, _fill(positions, at, names), names)
            case t.Add(terms):
                return sympy.Add(*(self.entry(x, _align(x, at), names) for x in terms))
            case t.Multiply(factors):
                return self._product([self.entry(x, _align(x, at), names) for x in factors])
            case t.Divide(numerator, denominator):
                self._oblige(denominator, "nonzero")
                below = self.entry(denominator, _align(denominator, at), names)
                return _over(self.entry(numerator, _align(numerator, at), names), below)
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
            self._oblige(term.base, "positive")
            return sympy.exp(exponent * sympy.log(base))
        if exponent.q != 1:
            self._oblige(term.base, "positive" if exponent < 0 else "nonnegative")
        elif exponent < 0:
            self._oblige(term.base, "nonzero")
        if max(abs(exponent.p), exponent.q) > LARGEST_EXPONENT:
            raise UnsupportedError(f"an exponent above {LARGEST_EXPONENT}")
        if base.is_Rational and _bits(base) * abs(exponent.p) > LARGEST_NUMBER:
            raise UnsupportedError(f"a number of more than {LARGEST_NUMBER} bits")
        if exponent < 0 and base is sympy.S.Zero:
            raise UnsupportedError("division by zero")
        if exponent.q != 1 and base.is_Rational and base < 0:
            raise UnsupportedError("root of a negative number")
        return sympy.Pow(base, exponent, evaluate=bool(base.is_Rational))

    def _sum(self, term: t.Sum, at: At, names: Names) -> Expr:
        if term.product:
            raise UnsupportedError("products over an index are not proved yet")
        inner = dict(names)
        bounds: list[tuple[str, Affine, Affine]] = []
        for bound in term.bounds:
            low, high = _rename(bound.low, inner), _rename(bound.high, inner)
            if any(n not in self.context.sizes for n in (low.names | high.names)):
                raise UnsupportedError("a sum whose range depends on an index is not proved yet")
            name = self.fresh()
            inner[bound.name] = Affine.name(name)
            bounds.append((name, low, high))
        body = self.entry(term.body, at, inner)
        if term.condition:
            body = body * self.indicator(term.condition, inner)
        for name, low, high in reversed(bounds):
            body = IndexSum(body, name, low, high)
        return body

    def indicator(self, condition: t.Condition, names: Names) -> Expr:
        """1 where the condition on indices holds, else 0."""
        return sympy.Mul(*(self._comparison(c, names) for c in condition))

    def _comparison(self, comparison: t.Comparison, names: Names) -> Expr:
        left, right = comparison.left, comparison.right
        if not (isinstance(left, _INDEX) and isinstance(right, _INDEX)):
            raise UnsupportedError("a case on the sign of a value is not proved yet")
        a, b = _rename(_position(left), names), _rename(_position(right), names)
        match comparison.sign:
            case "==":
                return delta(a, b)
            case "!=":
                return 1 - delta(a, b)
            case "<":
                return _order(a, b)
            case ">":
                return _order(b, a)
            case "<=":
                return 1 - _order(b, a)
            case ">=":
                return 1 - _order(a, b)
            case _:
                assert_never(comparison.sign)

    def _cases(
        self, rows: tuple[tuple[t.Term, t.Condition | None], ...], at: At, names: Names
    ) -> Expr:
        total: Expr = sympy.S.Zero
        remaining: Expr = sympy.S.One
        for value, condition in rows:
            entry = self.entry(value, _align(value, at), names)
            holds = sympy.S.One if condition is None else self.indicator(condition, names)
            total += remaining * holds * entry
            remaining *= 1 - holds
        if not self.vanishes(remaining):
            raise UnsupportedError("the cases leave out some indices")
        return total

    def _function(self, term: t.Function, at: At, names: Names) -> Expr:
        if term.name in ("softmax", "logsumexp") and not term.opaque:
            return self._over_last_axis(term, at, names)
        arguments = [self.entry(a, _align(a, at), names) for a in term.arguments]
        if term.opaque or term.orders:
            raise UnsupportedError(f"the function {term.name} has no rule yet")
        if term.name == "log":
            self._oblige(term.arguments[0], "positive")
        if term.name not in FUNCTIONS:
            raise UnsupportedError(f"the function {term.name} has no rule yet")
        return FUNCTIONS[term.name](*arguments)

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
        raise UnsupportedError("the inverse and the determinant are not proved yet")

    def _all_entries(self, term: t.Term, names: Names) -> tuple[Expr, list[tuple[str, Affine]]]:
        ranges = [(self.fresh(), high) for high in term.shape]
        at = tuple(Affine.name(name) for name, _ in ranges)
        return sympy.Pow(self.entry(term, at, names), 2, evaluate=False), ranges

    # ---- derivatives -----------------------------------------------------------------------

    def _derivative(self, term: t.Derivative, at: At, names: Names) -> Expr:
        rank = len(term.of.shape)
        own, rest = at[:rank], at[rank:]
        by = _fill(term.at, rest, names)
        by += tuple(rest[len(rest) - (len(term.target.shape) - len(by)) :])
        by = by[: len(term.target.shape)]
        if isinstance(term.of, t.Variable) and term.of.symbol.role == "objective":
            return self._of_objective(term.of.symbol, term.target, by)
        rules = Differentiation(self.reach, term.target.key, by, self.trace)
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

    def _explicit(self, of: t.Term, own: At, names: Names) -> tuple[t.Definition | None, At]:
        """The definition that a direct derivative looks into, and the position in it."""
        if isinstance(of, t.Element) and isinstance(of.base, t.Variable):
            definition = self.context.definitions.get(of.base.symbol.key)
            return definition, _fill(of.at, own, names)
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

    def _of_objective(self, objective: t.Symbol, target: t.Symbol, by: At) -> Expr:
        outputs = self.context.outputs.get(objective.key, ())
        if any(output.key == target.key for output in outputs):
            return Entry(upstream_key(objective.key, target.key), by)
        self.trace.fire(LOSS_RULE)
        total: Expr = sympy.S.Zero
        rules = Differentiation(self.reach, target.key, by, self.trace)
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


_INDEX = (t.Position, t.Number)


def _position(term: t.Term) -> Affine:
    match term:
        case t.Position(at):
            return at
        case t.Number(value) if value.denominator == 1:
            return Affine.number(int(value))
    raise UnsupportedError("a condition on something that is not an index")


def _order(left: Affine, right: Affine) -> Expr:
    """The indicator of `left < right`."""
    difference = right - left
    if not difference.terms:
        return sympy.S.One if difference.constant >= 1 else sympy.S.Zero
    return Order(left, right)


def _bits(value: sympy.Rational) -> int:
    return max(int(value.p).bit_length(), int(value.q).bit_length())


def _over(numerator: Expr, denominator: Expr) -> Expr:
    if denominator is sympy.S.Zero:
        raise UnsupportedError("division by zero")
    return numerator * sympy.Pow(denominator, -1, evaluate=denominator.is_Rational)


def _rename(position: Affine, names: Names) -> Affine:
    if not any(name in names for name in position.names):
        return position
    total = Affine.number(position.constant)
    for name, coefficient in position.terms:
        total = total + names.get(name, Affine.name(name)) * coefficient
    return total


def _fill(positions: tuple[Affine | None, ...], at: At, names: Names) -> At:
    """Positions with their slices taken from `at` in order, followed by the rest of `at`."""
    rest = iter(at)
    filled = [next(rest) if p is None else _rename(p, names) for p in positions]
    return (*filled, *rest)


def _align(term: t.Term, at: At) -> At:
    """The position in an operand that is broadcast against trailing axes."""
    shape = term.shape
    if len(shape) > len(at):
        raise UnsupportedError("a whole array where one entry is expected")
    if not shape:
        return ()
    own = at[len(at) - len(shape) :]
    one = Affine.number(1)
    return tuple(
        one if extent.constant == 1 and not extent.terms else p
        for extent, p in zip(shape, own, strict=True)
    )
