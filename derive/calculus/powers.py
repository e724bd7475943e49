"""Products, powers and signs of polynomials."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from fractions import Fraction

from derive.calculus.clearing import together
from derive.calculus.factoring import content_and_common, irreducible_factors, prime_powers
from derive.calculus.polynomial import (
    Atom,
    Frozen,
    Monomial,
    Polynomial,
    Rational,
    constant,
    freeze,
    multiply,
    normalise,
    of_atom,
    scale,
    thaw,
    tidy,
)
from derive.calculus.rules import Trace
from derive.errors import LimitError, UnsupportedError

MAX_EXPANDED_POWER = 12


@dataclass
class Powers:
    """Products and powers under known signs. `max_terms` and `deadline` bound every result.

    `nonnegative` holds the names whose entries are never negative, `positive` those whose entries
    are above zero, `log_domain` the polynomials whose logarithm the claim takes. With
    `keep_groups`, a sum of plain entries such as `x_i - μ` stays one factor.
    """

    nonnegative: frozenset[str] = frozenset()
    positive: frozenset[str] = frozenset()
    trace: Trace = field(default_factory=Trace)
    max_terms: int = 20_000
    deadline: float = math.inf
    keep_groups: bool = False
    log_domain: set[Frozen] = field(default_factory=set)

    def multiply(self, left: Polynomial, right: Polynomial) -> Polynomial:
        if len(left) * len(right) > self.max_terms:
            raise LimitError(f"more than {self.max_terms} terms in a product")
        if time.monotonic() > self.deadline:
            raise LimitError("the time limit for one claim")
        return multiply(left, right)

    def power(self, base: Polynomial, exponent: Rational) -> Polynomial:
        """`base ** exponent` for a rational exponent; real, with non-negative roots.

        Raises UnsupportedError when it divides by zero or takes a root of a negative number.
        """
        if exponent == 0:
            return constant(1)
        if self.keep_groups and is_group(base):
            return self._primitive_power(base, exponent, Fraction(exponent).denominator == 1)
        if exponent == 1 or (not base and exponent > 0):
            return base
        if not base:
            raise UnsupportedError("division by zero")
        whole = Fraction(exponent).denominator == 1
        if not whole:
            refuse_complex(base)
        if len(base) == 1:
            return self._monomial_power(base, exponent, whole)
        if whole and 0 < exponent <= MAX_EXPANDED_POWER:
            result = base
            for _ in range(int(exponent) - 1):
                result = self.multiply(result, base)
            return result
        if not self.keep_groups:
            above, outside = together(self.multiply, base)
            if outside and (whole or all(self.is_nonnegative(a) for a, _ in outside)):
                return self.multiply(
                    self.power({outside: 1}, exponent), self.power(above, exponent)
                )
        return self._primitive_power(base, exponent, whole)

    def _monomial_power(self, base: Polynomial, exponent: Rational, whole: bool) -> Polynomial:
        ((monomial, coefficient),) = base.items()
        monomial = self._power_of_indicators(monomial, exponent)
        if whole:
            factors, number = normalise({a: e * exponent for a, e in monomial})
            number *= Fraction(coefficient) ** int(exponent)
            return {factors: tidy(number)} if number else {}
        outside = frozenset((a, e * exponent) for a, e in monomial if self.is_nonnegative(a))
        inside = frozenset((a, e) for a, e in monomial if not self.is_nonnegative(a))
        sign = 1 if coefficient > 0 else -1
        if inside and sign > 0 and all(_is_even(e) and _is_whole(e * exponent) for _, e in inside):
            result = multiply({outside: 1}, self._root_of_number(coefficient, exponent))
            for atom, e in inside:
                result = self.multiply(result, self._magnitude(of_atom(atom), e * exponent))
            return result
        if not inside and sign < 0:
            raise UnsupportedError("root of a negative number")
        result = multiply({outside: 1}, self._root_of_number(sign * coefficient, exponent))
        if inside or sign < 0:
            atom = ("power", freeze({inside: sign}))
            result = multiply(result, of_atom(atom, exponent))
        return result

    def _magnitude(self, base: Polynomial, exponent: Rational) -> Polynomial:
        """A whole power of `|p|`, as the root of an even power is."""
        if _is_even(exponent):
            return self.power(base, exponent)
        return self.multiply(self.power(base, exponent - 1), self.absolute(base))

    def absolute(self, base: Polynomial) -> Polynomial:
        """`|p|`."""
        return of_atom(("power", freeze(multiply(base, base))), Fraction(1, 2))

    @staticmethod
    def _power_of_indicators(monomial: Monomial, exponent: Rational) -> Monomial:
        """A power of 0 or 1 is itself; its exponent is set so that the power comes out as 1."""
        if not any(atom[0] in _INDICATORS for atom, _ in monomial):
            return monomial
        if exponent < 0:
            raise UnsupportedError("division by what may be zero")
        return frozenset(
            (a, Fraction(1) / exponent if a[0] in _INDICATORS else e) for a, e in monomial
        )

    @staticmethod
    def _root_of_number(number: Rational, exponent: Rational) -> Polynomial:
        result: Polynomial = constant(1)
        for prime, times in prime_powers(number):
            total: Rational = exponent * times
            whole = math.floor(total)
            result = scale(result, Fraction(prime) ** whole)
            if total != whole:
                result = multiply(result, of_atom(("prime", prime), total - whole))
        return result

    def _primitive_power(self, base: Polynomial, exponent: Rational, whole: bool) -> Polynomial:
        content, common, primitive = content_and_common(base)
        if not whole:
            kept = frozenset(p for p in common if not self.is_nonnegative(p[0]))
            primitive = multiply(primitive, {kept: 1})
            common -= kept
            if content < 0:
                content, primitive = -content, scale(primitive, -1)
        outside = self.power({common: content}, exponent)
        factors = irreducible_factors(primitive)
        square = all(_is_even(times) and _is_whole(exponent * times) for _, times in factors)
        if not whole and not square:
            factors = [(primitive, 1)]
        for factor, times in factors:
            if not whole and square:
                inside = self._magnitude(factor, exponent * times)
            elif len(factor) == 1:
                inside = self.power(factor, exponent * times)
            else:
                inside = of_atom(("power", freeze(factor)), exponent * times)
            outside = multiply(outside, inside)
        return outside

    def is_nonnegative(self, atom: Atom) -> bool:
        """Whether the atom is known never to be negative."""
        match atom[0]:
            case "entry":
                return atom[1] in self.nonnegative
            case "size" | "prime" | "const" | "exp" | "delta" | "order" | "step" | "kink":
                return True
            case "sum":
                return self.monomial_is_nonnegative(atom[2])
            case "prod":
                return all(c > 0 and self.monomial_is_nonnegative(m) for m, c in atom[2])
            case "power":
                return all(c > 0 and self.monomial_is_nonnegative(m) for m, c in atom[1])
        return False

    def monomial_is_nonnegative(self, monomial: Monomial) -> bool:
        return all(self.is_nonnegative(atom) or _is_even(e) for atom, e in monomial)

    def log_of_product(self, atom: Atom) -> Polynomial:
        """The logarithm of a product over an index."""
        raise UnsupportedError("the logarithm of a product over an index")

    def exponential(self, argument: Polynomial) -> Polynomial:
        """`exp` of a sum is the product of powers of `exp` of its monomials.

        `exp(c log p) = p^c` where log p is taken, so that p is positive.
        """
        result = constant(1)
        for monomial, coefficient in argument.items():
            base = self._exponentiated(monomial)
            if base is not None:
                result = self.multiply(result, self.power(base, coefficient))
            else:
                atom = ("exp", monomial) if monomial else ("const", "e")
                result = multiply(result, of_atom(atom, coefficient))
        return result

    def _exponentiated(self, monomial: Monomial) -> Polynomial | None:
        """p when the monomial is log p and p is positive in the claim."""
        if len(monomial) != 1:
            return None
        ((atom, exponent),) = monomial
        if exponent != 1 or atom[:2] != ("call", "log"):
            return None
        base = thaw(atom[3][0])
        positive = atom[3][0] in self.log_domain or all(
            c > 0 and self.monomial_is_nonnegative(m) for m, c in base.items()
        )
        return base if positive else None


def refuse_complex(form: Polynomial) -> None:
    """Raise UnsupportedError where a sign or a root would be that of a complex form."""
    if any(atom[0] in _COMPLEX for monomial in form for atom, _ in monomial):
        raise UnsupportedError("a sign, a root or a logarithm of a trigonometric function")


def _is_whole(exponent: Rational) -> bool:
    return Fraction(exponent).denominator == 1


def _is_even(exponent: Rational) -> bool:
    return _is_whole(exponent) and int(exponent) % 2 == 0


def is_group(polynomial: Polynomial) -> bool:
    """Whether this is a sum of products of entries, sizes and numbers, as an author groups them."""
    return len(polynomial) > 1 and all(
        atom[0] in _PLAIN and not str(atom[1]).startswith("∂")
        for monomial in polynomial
        for atom, _ in monomial
    )


_COMPLEX = frozenset(["cis", "i"])
_INDICATORS = frozenset(["step", "kink", "any"])
_PLAIN = frozenset(["entry", "size", "const", "prime", "index"])
