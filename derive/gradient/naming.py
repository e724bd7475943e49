r"""Forward values in the place of functions: `exp(x) / (1 + exp(x))` is `y` where y is defined so.

A definition that is a rational function of one exponential is solved for it,

    p_i = e_i / S              e_i = p_i S              softmax
    y_i = e_i / (1 + e_i)      e_i = y_i / (1 - y_i)    sigmoid
    y_i = 1 - 2 / (1 + e_i²)   e_i² = (1 + y_i) / (1 - y_i)    tanh

and `\ell = \log S` for S. What is solved for is then written with the name, wherever it stands at
the same indices. This saves evaluating the function again, and it is the stable form: a stored
softmax or sigmoid neither overflows nor divides two large numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations

import sympy

from derive.calculus.contraction import open_contraction
from derive.calculus.normal_form import NormalForm
from derive.calculus.polynomial import (
    Atom,
    Index,
    Monomial,
    Polynomial,
    Rational,
    add_into,
    constant,
    freeze,
    index_position,
    indices_of,
    multiply,
    of_atom,
    rename_atom,
    serial,
    thaw,
)
from derive.errors import DeriveError
from derive.gradient.rational import Fractions, exponentials, whole

MAX_TERMS = 40
"""A form with more terms than this is left as it is."""


@dataclass(frozen=True, slots=True)
class Solution:
    """`atom^power = above / below`, at the generic indices `parameters`."""

    atom: Atom
    power: int
    above: Polynomial
    below: Polynomial
    parameters: tuple[str, ...]


@dataclass
class Naming:
    """Writes forms of one engine with the names of what is stored."""

    engine: NormalForm
    solutions: list[Solution] = field(default_factory=list)

    def __post_init__(self) -> None:
        for key, definition in self.engine.context.definitions.items():
            if definition.squares:
                continue
            try:
                body = self.engine.definition(definition)
                solution = solve(key, body.form, body.parameters)
            except (DeriveError, sympy.PolynomialError):
                continue
            if solution is not None:
                self.solutions.append(solution)

    def named(self, form: Polynomial) -> Polynomial:
        """The form with stored values in the place of functions, where that makes it cheaper."""
        if len(form) > MAX_TERMS or "'exp'" not in "".join(serial(m) for m in form):
            return form
        try:
            new = self._rewritten(form)
        except (DeriveError, sympy.PolynomialError):
            return form
        return new if weight(new) < weight(form) else form

    # ---- one level -------------------------------------------------------------------------

    def _rewritten(self, form: Polynomial) -> Polynomial:
        total: Polynomial = {}
        for monomial, coefficient in form.items():
            product: Polynomial = {frozenset(p for p in monomial if p[0][0] != "sum"): coefficient}
            for atom, exponent in monomial:
                if atom[0] == "sum":
                    product = self.engine.algebra.multiply(product, self._sum(atom, exponent))
            add_into(total, product)
        return self._level(total)

    def _sum(self, atom: Atom, exponent: Rational) -> Polynomial:
        for solution in self.solutions:
            value = self._value(solution, atom) if solution.atom[0] == "sum" else None
            if value is not None:
                return self.engine.algebra.power(value[0], exponent)
        plain = all(factor[0] == "exp" for factor, _ in atom[2])
        if plain or "'exp'" not in serial(atom) or not whole(exponent) or exponent < 0:
            return of_atom(atom, exponent)
        algebra = self.engine.algebra
        ranges, factors = open_contraction(atom, algebra.fresh)
        algebra.ranges.update(ranges)
        body = self._rewritten({factors: 1})
        for index, limits in ranges.items():
            body = algebra.sum_over(body, index, limits)
        result = constant(1)
        for _ in range(int(exponent)):
            result = algebra.multiply(result, body)
        return result

    def _level(self, form: Polynomial) -> Polynomial:
        """Coefficients that are rational in exponentials and names, each brought to factors."""
        parts: dict[Monomial, Polynomial] = {}
        for monomial, coefficient in form.items():
            active = frozenset(p for p in monomial if self._is_active(p[0]))
            add_into(parts.setdefault(monomial - active, {}), {active: coefficient})
        total: Polynomial = {}
        for rest, part in parts.items():
            value = self._factored(part) if exponentials(part) else part
            add_into(total, multiply({rest: 1}, value))
        return total

    def _is_active(self, atom: Atom) -> bool:
        """Whether an exponential stands in the atom, or a name that one is solved for by."""
        if atom[0] == "entry":
            return any(atom[1] == _name_of(solution) for solution in self.solutions)
        return atom[0] == "exp" or (atom[0] == "power" and bool(exponentials(thaw(atom[1]))))

    def _factored(self, coefficient: Polynomial) -> Polynomial:
        fractions = Fractions()
        for atom in sorted(exponentials(coefficient), key=serial):
            for solution in (*self.solutions, *functions_of(atom, coefficient)):
                value = self._value(solution, atom)
                if value is not None:
                    fractions.replace(atom, solution.power, *value)
                    break
        return fractions.polynomial(fractions.expression(coefficient))

    def _value(self, solution: Solution, atom: Atom) -> tuple[Polynomial, Polynomial] | None:
        """What an atom is by a solution, as numerator and denominator; None if it is another."""
        if solution.atom[0] != atom[0]:
            return None
        sizes = self.engine.algebra.sizes
        free = sorted(str(i) for i in indices_of(atom) if i not in sizes)
        for chosen in permutations(free, len(solution.parameters)):
            names: dict[Index, Index] = dict(zip(solution.parameters, chosen, strict=True))
            if len(free) == len(chosen) and rename_atom(solution.atom, names) == atom:
                moves = {old: index_position(new) for old, new in names.items()}
                substitute = self.engine.algebra.substitute
                return substitute(solution.above, moves), substitute(solution.below, moves)
        return None


def _name_of(solution: Solution) -> str:
    """The key of the name that a solution is expressed by."""
    for monomial in (*solution.above, *solution.below):
        for atom, _ in monomial:
            if atom[0] == "entry" and solution.atom[0] == "exp":
                return str(atom[1])
    return ""


def weight(form: Polynomial) -> tuple[int, int, int]:
    """What a form costs: reductions, then functions to evaluate, then operations on entries.

    Stored values cost nothing but the operation that uses them.
    """
    text = "".join(sorted(serial(m) for m in form))
    functions = text.count("'exp'") + text.count("'call'")
    return text.count("'sum'"), functions, len(text)


# ---- solving ---------------------------------------------------------------------------------


def solve(key: str, form: Polynomial, parameters: tuple[str, ...]) -> Solution | None:
    """The definition `key = form` solved for its one exponential, or for the sum in its log."""
    name: Atom = ("entry", key, tuple(index_position(p) for p in parameters))
    found = _log_of_sum(form)
    if found is not None and _generic(found) == set(parameters):
        return Solution(found, 1, of_atom(("exp", frozenset([(name, 1)]))), constant(1), parameters)
    atoms = [atom for atom in exponentials(form) if _generic(atom) == set(parameters)]
    if len(atoms) != 1:
        return None
    (atom,) = atoms
    fractions = Fractions()
    symbol, value = fractions.symbol(atom), fractions.expression(form)
    above, below = sympy.fraction(sympy.together(value))
    equation = sympy.Poly(sympy.expand(above - fractions.symbol(name) * below), symbol)
    (top, *others) = sorted(((m[0], c) for m, c in equation.terms()), reverse=True)
    if top[0] == 0 or [m for m, _ in others] not in ([0], []):
        return None
    low = others[0][1] if others else sympy.S.Zero
    solved_above, solved_below = sympy.fraction(sympy.cancel(-low / top[1]))
    if solved_above == 0 or not _is_safe(solved_below, fractions.symbol(name)):
        return None
    return Solution(
        atom, top[0], fractions.expanded(solved_above), fractions.expanded(solved_below), parameters
    )


def _is_safe(below: sympy.Expr, name: sympy.Symbol) -> bool:
    """Whether a denominator is a product, or a sum of the name and numbers alone."""
    sums = [factor for factor in sympy.Mul.make_args(sympy.factor(below)) if factor.has(sympy.Add)]
    return all(factor.free_symbols <= {name} for factor in sums)


def _log_of_sum(form: Polynomial) -> Atom | None:
    """S when the form is `log S` for a single sum S."""
    if len(form) != 1:
        return None
    ((monomial, coefficient),) = form.items()
    if coefficient != 1 or len(monomial) != 1:
        return None
    ((atom, exponent),) = monomial
    if exponent != 1 or atom[:2] != ("call", "log"):
        return None
    inside = thaw(atom[3][0])
    ((only, factor),) = inside.items() if len(inside) == 1 else ((frozenset(), 0),)
    pairs = list(only)
    if factor != 1 or len(pairs) != 1 or pairs[0][1] != 1 or pairs[0][0][0] != "sum":
        return None
    found: Atom = pairs[0][0]
    return found


def _generic(atom: Atom) -> set[str]:
    return {str(index) for index in indices_of(atom) if str(index).startswith("$")}


def functions_of(atom: Atom, form: Polynomial) -> Iterator[Solution]:
    """The exponential of u by `sigmoid(u)` where `1 + exp u` is a factor of the form."""
    base = add_into(of_atom(atom), constant(1))
    if not any(power == ("power", freeze(base)) for monomial in form for power, _ in monomial):
        return
    sigmoid = of_atom(("call", "sigmoid", (), (freeze({atom[1]: 1}),)))
    free = tuple(sorted(str(i) for i in indices_of(atom)))
    yield Solution(atom, 1, sigmoid, add_into(constant(1), sigmoid, -1), free)
