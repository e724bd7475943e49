"""Functions with a kink: everything rests on one, `relu(p)`, and on the indicator of `p > 0`.

    |x| = 2 relu(x) - x,   max(a, b) = b + relu(a - b),   min(a, b) = a - relu(a - b).

In a normal form `("step", c)` is 1 where c > 0 and `("kink", c)` is 1 where c = 0, for a primitive
polynomial c whose leading sign is positive; so a step keeps its value at the kink itself:
`step(-c) = 1 - step(c) - kink(c)`. A derivative at a kink is undefined: it is given the value of
the atom `("any",)` there, and the zero test leaves out where that value matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from typing import Any

from sympy import Expr

from derive.calculus.factoring import content_and_common, irreducible_factors
from derive.calculus.polynomial import (
    Atom,
    Monomial,
    Polynomial,
    Rational,
    add_into,
    constant,
    freeze,
    multiply,
    of_atom,
    scale,
    serial,
    subtract,
    thaw,
)
from derive.calculus.powers import Powers, refuse_complex
from derive.errors import UnsupportedError
from derive.meaning import terms as t

MAX_FACTORS = 4
ANY: Atom = ("any",)


class Piecewise(Expr):  # type: ignore[misc]
    """A function of its argument that is smooth away from zero; `term` is what the author wrote."""

    __slots__ = ("term",)
    is_commutative = True
    is_real = True
    term: t.Term

    def __new__(cls, argument: Expr, term: t.Term) -> Piecewise:
        node: Piecewise = Expr.__new__(cls, argument)
        node.term = term
        return node

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*self.args, self.term)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self.args, self.term)

    @property
    def argument(self) -> Expr:
        return self.args[0]


class Ramp(Piecewise):
    """`relu(p)`: p where it is positive, else 0."""


class Step(Piecewise):
    """1 where p > 0, else 0."""


class Undefined(Piecewise):
    """0 where p is not zero; where it is, a value that no claim may depend on."""


def slope(node: Piecewise) -> Expr:
    """The derivative by the argument; it is undefined where that is zero."""
    gap = Undefined(node.argument, node.term)
    match node:
        case Ramp():
            return Step(node.argument, node.term) + gap
        case Step():
            return gap
    raise UnsupportedError("a second derivative at a kink")


def lowered(name: str, arguments: list[Expr], terms: tuple[t.Term, ...]) -> Expr | None:
    """The index expression of a function with a kink, None for any other function."""
    match name, arguments:
        case "relu", [x]:
            return Ramp(x, terms[0])
        case "abs", [x]:
            return 2 * Ramp(x, terms[0]) - x
        case "sign", [x]:
            return Step(x, terms[0]) - Step(-x, terms[0])
        case "max", [a, b]:
            return b + Ramp(a - b, minus(*terms))
        case "min", [a, b]:
            return a - Ramp(a - b, minus(*terms))
    return None


def minus(left: t.Term, right: t.Term) -> t.Term:
    """The term `left - right`, of two scalars or two arrays of one shape."""
    shape = max(left.shape, right.shape, key=len)
    return t.Add((left, t.Multiply((t.Number(Fraction(-1)), right), right.shape)), shape)


def compared(sign: str, left: Expr, right: Expr, term: t.Term) -> Expr:
    """The indicator of a comparison of two values."""
    match sign:
        case ">":
            return Step(left - right, term)
        case "<":
            return Step(right - left, term)
        case ">=":
            return 1 - Step(right - left, term)
        case "<=":
            return 1 - Step(left - right, term)
        case "!=":
            return Step(left - right, term) + Step(right - left, term)
    return 1 - Step(left - right, term) - Step(right - left, term)


# ---- normal forms ----------------------------------------------------------------------------


def ramp(algebra: Powers, p: Polynomial) -> Polynomial:
    """`relu(p)`: at the kink the factor p is zero, so any value of the step will do."""
    positive, core = _oriented(algebra, p)
    if not core:
        return {}
    sign = constant(1 if positive else -1)
    for factor in _odd_factors(core):
        sign = algebra.multiply(sign, _sign(algebra, factor))
    return algebra.multiply(p, scale(add_into(sign, constant(1)), Fraction(1, 2)))


def _sign(algebra: Powers, factor: Polynomial) -> Polynomial:
    """1 or -1 by the sign of a factor; at zero either will do."""
    positive, core = _oriented(algebra, factor)
    sign = add_into(scale(_step(algebra, core), 2), constant(1), -1)
    return sign if positive else scale(sign, -1)


def _odd_factors(core: Polynomial) -> list[Polynomial]:
    """The factors that decide the sign away from zero; the polynomial itself if they are many."""
    _, common, primitive = content_and_common(core)
    if any(Fraction(e).denominator != 1 for _, e in common):
        return [core]
    odd = [of_atom(atom) for atom, e in sorted(common, key=serial) if int(e) % 2]
    odd += [factor for factor, times in irreducible_factors(primitive) if times % 2]
    return odd if len(odd) <= MAX_FACTORS else [core]


def step(algebra: Powers, p: Polynomial) -> Polynomial:
    """The indicator of `p > 0`."""
    positive, core = _oriented(algebra, p)
    if not core:
        return {}
    if positive:
        return _step(algebra, core, exact=True)
    below = subtract(constant(1), _step(algebra, core, exact=True))
    return add_into(below, kink(algebra, core), -1)


def kink(algebra: Powers, p: Polynomial) -> Polynomial:
    """The indicator of `p = 0`."""
    _, core = _oriented(algebra, p)
    if not core:
        return constant(1)
    return {} if _surely(algebra, core, strict=True) else of_atom(("kink", freeze(core)))


def undefined(algebra: Powers, p: Polynomial) -> Polynomial:
    """An unknown value where p is zero, 0 elsewhere."""
    if not p:
        raise UnsupportedError("a derivative at a kink")
    return multiply(kink(algebra, p), of_atom(ANY))


def _step(algebra: Powers, core: Polynomial, exact: bool = False) -> Polynomial:
    if core and _surely(algebra, core, strict=True):
        return constant(1)
    if _surely(algebra, core, strict=False):
        return subtract(constant(1), kink(algebra, core)) if exact else constant(1)
    return of_atom(("step", freeze(core)))


def _oriented(algebra: Powers, p: Polynomial) -> tuple[bool, Polynomial]:
    """The sign of p relative to its core, without content and without surely positive factors."""
    if not p:
        return True, {}
    refuse_complex(p)
    content, common, primitive = content_and_common(p)
    kept = frozenset(pair for pair in common if not is_positive(algebra, pair[0]))
    return content > 0, multiply(primitive, {kept: 1})


def is_positive(algebra: Powers, atom: Atom) -> bool:
    """Whether an atom is surely above zero."""
    match atom[0]:
        case "size" | "prime" | "const" | "exp":
            return True
        case "entry":
            return atom[1] in algebra.positive
        case "power":
            return _surely(algebra, thaw(atom[1]), strict=True)
    return False


def _surely(algebra: Powers, p: Polynomial, strict: bool) -> bool:
    """Whether a polynomial is surely positive (strict) or surely not negative."""
    if not all(c > 0 and algebra.monomial_is_nonnegative(m) for m, c in p.items()):
        return False
    return not strict or any(all(is_positive(algebra, atom) for atom, _ in m) for m in p)


def has_steps(form: Polynomial) -> bool:
    """Whether a step or a kink is a factor of a term."""
    return any(atom[0] in ("step", "kink") for monomial in form for atom, _ in monomial)


def assume(algebra: Powers, form: Polynomial, p: Polynomial, sign: str) -> Polynomial:
    """The form where `p` stands in the given relation to zero; steps of p take their value."""
    positive, core = _oriented(algebra, p)
    if not core:
        return form
    frozen = freeze(core)
    values: dict[Atom, int] = {}
    if sign in (">", "<", "!="):
        values["kink", frozen] = 0
    if sign == "==":
        values = {("kink", frozen): 1, ("step", frozen): 0}
    elif sign in (">", "<"):
        values["step", frozen] = int((sign == ">") == positive)
    elif sign in (">=", "<=") and (sign == "<=") == positive:
        values["step", frozen] = 0
    total: Polynomial = {}
    for monomial, coefficient in form.items():
        factor = math.prod(values.get(atom, 1) for atom, _ in monomial)
        kept = frozenset(pair for pair in monomial if pair[0] not in values)
        add_into(total, {kept: coefficient}, factor)
    return total


# ---- several signs at once -------------------------------------------------------------------


def compatible(algebra: Powers, form: Polynomial) -> Polynomial:
    """The form without steps and kinks that another one in the same term decides."""
    total: Polynomial = {}
    for monomial, coefficient in form.items():
        atoms = sorted((a for a, e in monomial if a[0] in ("step", "kink") and e == 1), key=serial)
        for one, other in permutations(atoms, 2):
            product = _decided(algebra, one, other)
            if product is not None:
                rest = monomial - {(one, 1), (other, 1)}
                simpler = multiply({rest: coefficient}, product)
                add_into(total, compatible(algebra, simpler))
                break
        else:
            add_into(total, {monomial: coefficient})
    return total


def _decided(algebra: Powers, one: Atom, other: Atom) -> Polynomial | None:
    """The product of the indicators of `p > 0` or `p = 0` and of `q > 0` or `q = 0`.

    Where q - p is positive, `p > 0` and `p = 0` each give `q > 0`. Where p + q is positive, one of
    both is: `[p > 0] [q > 0] = [p > 0] + [q > 0] - 1`. Where it is negative, one of both is not.
    """
    p, q = thaw(one[1]), thaw(other[1])
    first, second = of_atom(one), of_atom(other)
    both = add_into(dict(p), q)
    if _surely(algebra, subtract(q, p), strict=True):
        return first if other[0] == "step" else {}
    if _surely(algebra, both, strict=True):
        if one[0] == other[0] == "step":
            return add_into(add_into(dict(first), second), constant(1), -1)
        return first if other[0] == "step" else {} if one[0] == "kink" else None
    if _surely(algebra, scale(both, -1), strict=True):
        return {}
    return None


# ---- zero ------------------------------------------------------------------------------------


def settled(algebra: Powers, form: Polynomial) -> Polynomial:
    """The form without what vanishes at a kink and without what is undefined there.

    Raises UnsupportedError when it is undefined everywhere.
    """
    form = compatible(algebra, form)
    voids = [_without_any(m) for m in form if _mentions(m, "any")]
    if not all(_mentions(v, "kink") for v in voids):
        raise UnsupportedError("a derivative at a kink")
    kept: Polynomial = {
        m: c
        for m, c in form.items()
        if not _mentions(m, "any") and not (_mentions(m, "kink") and any(v <= m for v in voids))
    }
    kinks = {atom for m in kept for atom, _ in m if atom[0] == "kink"}
    for atom in sorted(kinks, key=serial):
        kept = _at_kink(algebra, kept, atom)
    return kept


def _mentions(monomial: Monomial, kind: str) -> bool:
    """Whether an atom of a kind is a factor, also of the body of a sum."""
    return any(
        atom[0] == kind or (atom[0] == "sum" and _mentions(atom[2], kind)) for atom, _ in monomial
    )


def _without_any(monomial: Monomial) -> Monomial:
    return frozenset(
        (("sum", atom[1], _without_any(atom[2]), atom[3]) if atom[0] == "sum" else atom, exponent)
        for atom, exponent in monomial
        if atom != ANY
    )


def _at_kink(algebra: Powers, form: Polynomial, atom: Atom) -> Polynomial:
    """Leave out the terms at a kink if, with its polynomial set to zero, they cancel."""
    group = {m - {(atom, 1)}: c for m, c in form.items() if (atom, 1) in m}
    rest = {m: c for m, c in form.items() if (atom, 1) not in m}
    solved = _solved(thaw(atom[1]))
    if solved is None:
        return form
    name, value = solved
    total: Polynomial = {}
    for monomial, coefficient in group.items():
        exponent: Rational = dict(monomial).get(name, 0)
        if exponent < 0 or Fraction(exponent).denominator != 1:
            return form
        others = {frozenset(p for p in monomial if p[0] != name): coefficient}
        add_into(total, algebra.multiply(others, algebra.power(value, exponent)))
    return form if total else rest


def _solved(core: Polynomial) -> tuple[Atom, Polynomial] | None:
    """An entry that the polynomial is linear in, and its value where the polynomial is zero."""
    for monomial in sorted(core, key=serial):
        if len(monomial) == 1:
            ((atom, exponent),) = monomial
            rest = {m: c for m, c in core.items() if m != monomial}
            once = all(atom not in dict(m) for m in rest)
            if atom[0] == "entry" and exponent == 1 and once:
                return atom, scale(rest, Fraction(-1) / core[monomial])
    return None


Oblige = Callable[[t.Term], None]


def refuse(term: t.Term) -> None:
    """Where nothing can record a side condition there is no derivative at a kink."""
    raise UnsupportedError("a derivative at a kink")
