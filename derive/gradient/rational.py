"""Polynomials over atoms as rational functions, factored by SymPy, and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import sympy

from derive.calculus.polynomial import (
    Atom,
    Monomial,
    Polynomial,
    Rational,
    constant,
    freeze,
    multiply,
    of_atom,
    serial,
    thaw,
    tidy,
)
from derive.errors import UnsupportedError


def whole(exponent: Rational) -> bool:
    """Whether an exponent is an integer."""
    return Fraction(exponent).denominator == 1


def exponentials(form: Polynomial) -> set[Atom]:
    """The exponentials that are factors of a form, also inside its whole powers."""
    found: set[Atom] = set()
    for monomial in form:
        for atom, _ in monomial:
            if atom[0] == "exp":
                found.add(atom)
            elif atom[0] == "power":
                found |= exponentials(thaw(atom[1]))
    return found


@dataclass
class Fractions:
    """One symbol for each atom; `replace` says what a power of an atom is."""

    symbols: dict[Atom, sympy.Symbol] = field(default_factory=dict)
    values: dict[Atom, tuple[int, sympy.Expr]] = field(default_factory=dict)

    def symbol(self, atom: Atom) -> sympy.Symbol:
        """The symbol that stands for an atom."""
        if atom not in self.symbols:
            self.symbols[atom] = sympy.Dummy(f"a{len(self.symbols)}", positive=True)
        return self.symbols[atom]

    def replace(self, atom: Atom, power: int, above: Polynomial, below: Polynomial) -> None:
        """From now on `atom^power` is `above / below`."""
        self.values[atom] = power, self.expression(above) / self.expression(below)

    def expression(self, form: Polynomial) -> sympy.Expr:
        """The form as a SymPy expression; bases of whole powers with exponentials are opened."""
        terms = []
        for monomial, coefficient in sorted(form.items(), key=lambda item: serial(item[0])):
            value = Fraction(coefficient)
            factors = [self._power(a, e) for a, e in sorted(monomial, key=serial)]
            terms.append(sympy.Mul(sympy.Rational(value.numerator, value.denominator), *factors))
        return sympy.Add(*terms)

    def _power(self, atom: Atom, exponent: Rational) -> sympy.Expr:
        power = Fraction(exponent)
        if atom[0] == "power" and power.denominator == 1:
            base = thaw(atom[1])
            if exponentials(base):
                return self.expression(base) ** int(power)
        if atom in self.values:
            unit, value = self.values[atom]
            if (power / unit).denominator != 1:
                raise UnsupportedError("a root of what stands for an exponential")
            return value ** int(power / unit)
        return self.symbol(atom) ** sympy.Rational(power.numerator, power.denominator)

    # ---- back ------------------------------------------------------------------------------

    def polynomial(self, expression: sympy.Expr) -> Polynomial:
        """The expression, in lowest terms and factored, as one product with groups in it."""
        above, below = sympy.fraction(sympy.cancel(sympy.together(expression)))
        (lead, powers), (under, lower) = _factors(above), _factors(below)
        factors = [*powers, *((base, -times) for base, times in lower)]
        result = constant(_rational(lead / under))
        for base, times in factors:
            polynomial = self.expanded(base)
            if len(polynomial) == 1:
                ((monomial, coefficient),) = polynomial.items()
                raised: Monomial = frozenset((a, tidy(Fraction(e) * times)) for a, e in monomial)
                result = multiply(result, {raised: Fraction(coefficient) ** times})
            else:
                result = multiply(result, of_atom(("power", freeze(polynomial)), times))
        return result

    def expanded(self, expression: sympy.Expr) -> Polynomial:
        """A polynomial expression in the symbols, multiplied out."""
        atoms = {symbol: atom for atom, symbol in self.symbols.items()}
        total: Polynomial = {}
        for term in sympy.Add.make_args(sympy.expand(expression)):
            number, rest = term.as_coeff_Mul()
            monomial: dict[Atom, Rational] = {}
            for factor in sympy.Mul.make_args(rest):
                base, exponent = factor.as_base_exp()
                if factor is sympy.S.One:
                    continue
                if base not in atoms:
                    raise UnsupportedError("what is no product of the symbols")
                monomial[atoms[base]] = _rational(exponent)
            total[frozenset(monomial.items())] = _rational(number)
        return total


def _factors(expression: sympy.Expr) -> tuple[sympy.Expr, list[tuple[sympy.Expr, int]]]:
    if expression.is_number:
        return expression, []
    lead, factors = sympy.factor_list(expression)
    turned = []
    for base, times in factors:
        backward = base.is_Add and base.as_coeff_Add()[0].is_negative
        lead *= (-1) ** times if backward else 1
        turned.append((sympy.expand(-base) if backward else base, int(times)))
    return lead, turned


def _rational(value: sympy.Expr) -> Rational:
    if not value.is_Rational:
        raise UnsupportedError("a number that is not rational")
    return tidy(Fraction(int(value.p), int(value.q)))
