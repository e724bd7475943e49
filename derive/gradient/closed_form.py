"""A polynomial as a typed term that reads well: common factors in front, sums named by letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.calculus.contraction import open_contraction
from derive.calculus.polynomial import (
    Atom,
    Index,
    Monomial,
    Polynomial,
    Position,
    Rational,
    add_into,
    freeze,
    index_position,
    indices_of_monomial,
    multiply,
    multiply_monomials,
    of_atom,
    rename_monomial,
    serial,
    thaw,
)
from derive.errors import UnsupportedError
from derive.meaning import terms as t

LETTERS = ("i", "j", "k", "l", "m", "n", "p", "q", "r", "s", "u", "w")


@dataclass
class Phrasing:
    """Turns polynomials into terms in the names of one context.

    `objective` is the key of the scalar whose derivatives the adjoint symbols stand for.
    """

    context: t.Context
    objective: str
    taken: frozenset[str] = frozenset()
    _fresh: Iterator[str] = field(default_factory=lambda: (f"~p{n}" for n in range(10**9)))

    def letters(self, used: frozenset[str]) -> Iterator[str]:
        """Index letters that are neither names of the context nor in use."""
        names = set(self.context.symbols) | set(self.context.sizes)
        small = {name.lower() for name in names}
        return (x for x in LETTERS if x not in used and x not in names and x not in small)

    def within(self, taken: frozenset[str]) -> Phrasing:
        """The same under a sum, where more letters are taken."""
        return replace(self, taken=taken)

    # ---- polynomials -----------------------------------------------------------------------

    def term(self, form: Polynomial) -> t.Term:
        """The term of a polynomial, its common monomial in front."""
        if not form:
            return t.Number(Fraction(0))
        coefficient, common, inner = self._split(form)
        if len(form) == 1:
            return self._product(common, coefficient)
        body = self._sum(inner)
        if not common and coefficient == 1:
            return body
        front = self._factors(common, coefficient)
        return t.Multiply((*front, body), ())

    def _split(self, form: Polynomial) -> tuple[Rational, Monomial, Polynomial]:
        """`coefficient · common · inner`; of a shared base the exponent nearest to 0 is common."""
        if len(form) == 1:
            ((only, factor),) = form.items()
            return factor, only, {frozenset(): 1}
        shared: dict[Atom, Rational] = {}
        first, *others = (dict(m) for m in form)
        for atom, exponent in first.items():
            exponents = [exponent, *(m.get(atom, 0) for m in others)]
            if all(e > 0 for e in exponents):
                shared[atom] = min(exponents)
            elif all(e < 0 for e in exponents) and atom[0] != "size":
                shared[atom] = max(exponents)
        values = {Fraction(c) for c in form.values()}
        coefficient: Rational = 1
        if all(abs(v) == abs(next(iter(values))) for v in values):
            coefficient = abs(next(iter(values)))
        inverse = frozenset((atom, -e) for atom, e in shared.items())
        inner: Polynomial = {}
        for monomial, c in form.items():
            reduced, extra = multiply_monomials(monomial, inverse)
            inner[reduced] = Fraction(c) * extra / coefficient
        return coefficient, frozenset(shared.items()), inner

    def _sum(self, form: Polynomial) -> t.Term:
        ordered = sorted(form.items(), key=lambda item: self._rank(item[0], item[1]))
        return t.Add(tuple(self._product(m, c) for m, c in ordered), ())

    def _rank(self, monomial: Monomial, coefficient: Rational) -> tuple[object, ...]:
        """Plain terms before sums, arrays before scalars, positive before negative."""
        sums = sum(atom[0] == "sum" for atom, _ in monomial)
        defined = sum(a[0] == "entry" and a[1] in self.context.definitions for a, _ in monomial)
        indices = len(indices_of_monomial(monomial))
        return sums, len(monomial), coefficient < 0, -indices, -defined, serial(monomial)

    # ---- monomials -------------------------------------------------------------------------

    def _product(self, monomial: Monomial, coefficient: Rational) -> t.Term:
        factors = self._factors(monomial, coefficient)
        if not factors:
            return t.Number(Fraction(1))
        return factors[0] if len(factors) == 1 else t.Multiply(tuple(factors), ())

    def _factors(self, monomial: Monomial, coefficient: Rational) -> list[t.Term]:
        """Factors in reading order: number, scalars, powers, entries, `1/N`, sums."""
        monomial = _turn_pairs(frozenset(conjugate(sorted(monomial, key=serial))))
        if coefficient < 0:
            monomial, coefficient = _turn_group(monomial, coefficient)
        sizes = {a: e for a, e in monomial if a[0] == "size"}
        plain = merged([(a, e) for a, e in monomial if a[0] not in ("size", "sum")])
        sums = [(a, e) for a, e in monomial if a[0] == "sum"]
        plain.sort(key=lambda pair: (self._kind(*pair), serial(pair[0])))
        sums.sort(key=serial)
        value = Fraction(coefficient)
        number = self._number(abs(value), sizes)
        shown = [self._power(a, e) for a, e in plain]
        folded = [self._power(a, e) for a, e in sums]
        if number is not None:
            mean = sums and plain and sizes
            shown = [*shown, number, *folded] if mean else [number, *shown, *folded]
        else:
            shown = [*shown, *folded]
        if value < 0:
            return [t.Number(Fraction(-1)), *shown]
        return shown

    def _kind(self, atom: Atom, exponent: Rational) -> int:
        """Scalars, entries and groups, what divides, functions and deltas, adjoints."""
        if atom[0] == "exponential":
            return 4
        has_index = any(i not in self.context.sizes for i in indices_of_monomial([(atom, 1)]))
        match atom[0]:
            case "prime" | "const":
                return 0
            case "entry" if str(atom[1]).startswith("∂"):
                return 5
            case "entry" | "power":
                return 3 if exponent < 0 else 2 if has_index or atom[0] == "power" else 1
        return 4

    def _number(self, value: Fraction, sizes: Mapping[Atom, Rational]) -> t.Term | None:
        """A rational times powers of sizes, as one fraction; None for 1."""
        above = self._sizes(value.numerator, {a: e for a, e in sizes.items() if e > 0})
        below = self._sizes(value.denominator, {a: -e for a, e in sizes.items() if e < 0})
        if below is None:
            return above
        return t.Divide(above or t.Number(Fraction(1)), below, ())

    def _sizes(self, number: int, sizes: Mapping[Atom, Rational]) -> t.Term | None:
        factors: list[t.Term] = [] if number == 1 else [t.Number(Fraction(number))]
        for atom, exponent in sorted(sizes.items(), key=serial):
            size = t.Position(t.Affine.name(atom[1]))
            whole = exponent == 1
            factors.append(size if whole else t.Power(size, t.Number(Fraction(exponent))))
        if not factors:
            return None
        return factors[0] if len(factors) == 1 else t.Multiply(tuple(factors), ())

    def _power(self, atom: Atom, exponent: Rational) -> t.Term:
        base = self._atom(atom)
        return base if exponent == 1 else t.Power(base, t.Number(Fraction(exponent)))

    def _atom(self, atom: Atom) -> t.Term:
        match atom[0]:
            case "entry":
                return self._entry(atom[1], atom[2])
            case "prime":
                return t.Number(Fraction(atom[1]))
            case "const":
                return t.Constant(atom[1])
            case "index":
                return t.Position(t.Affine.name(atom[1]))
            case "delta":
                sides = t.Position(affine(atom[1])), t.Position(affine(atom[2]))
                return t.Indicator((t.Comparison(sides[0], "==", sides[1]),))
            case "order":
                return t.Indicator((order(atom[1]),))
            case "step":
                above = t.Comparison(self.term(thaw(atom[1])), ">", t.Number(Fraction(0)))
                return t.Indicator((above,))
            case "power":
                return self._sum(thaw(atom[1]))
            case "exp":
                return t.Function("exp", (self._product(atom[1], 1),), ())
            case "exponential":
                return t.Function("exp", (self.term(thaw(atom[1])),), ())
            case "call":
                arguments = tuple(self.term(thaw(a)) for a in atom[3])
                if atom[2]:
                    orders = atom[2] if any(atom[2]) else ()
                    return t.Function(str(atom[1]), arguments, (), orders, opaque=True)
                return t.Function(FUNCTION_NAMES.get(str(atom[1]), str(atom[1])), arguments, ())
            case "sum":
                return self._contraction(atom)
            case "inverse":
                at = affine(atom[4]), affine(atom[5])
                return t.Element(t.Inverse(self._matrix(atom)), at)
            case "det":
                return t.MatrixFunction("det", self._matrix(atom), ())
        raise UnsupportedError(f"no notation for {atom[0]}")

    def _entry(self, key: str, positions: tuple[Position, ...]) -> t.Term:
        at = tuple(affine(p) for p in positions)
        if key.startswith("∂"):
            symbol = self.context.symbols[key.split("/", 1)[1]]
            objective = t.Variable(self.context.symbols[self.objective])
            return t.Derivative(objective, symbol, at, "total")
        variable = t.Variable(self.context.symbols[key])
        return t.Element(variable, at) if at else variable

    def _matrix(self, atom: Atom) -> t.Term:
        """The named matrix whose inverse or determinant an atom is."""
        row, column = (index_position(atom[2] + k) for k in (0, 1))
        for key, symbol in self.context.symbols.items():
            if len(symbol.shape) != 2:
                continue
            for order in ((row, column), (column, row)):
                if atom[1] == freeze(of_atom(("entry", key, order))):
                    matrix = t.Variable(symbol)
                    swapped = order == (column, row) and not (atom[0] == "inverse" and atom[6])
                    return t.Transposed(matrix) if swapped else matrix
        raise UnsupportedError("the inverse of a matrix without a name")

    def _contraction(self, atom: Atom) -> t.Term:
        used = frozenset(str(i) for i in indices_of_monomial([(atom, 1)])) | self.taken
        ranges, factors = open_contraction(atom, self._fresh)
        letters = self.letters(used)
        names: dict[Index, Index] = {old: next(letters) for old in ranges}
        inner = self.within(used | {str(n) for n in names.values()})
        body = inner._product(rename_monomial(factors, names), 1)
        bounds = tuple(
            t.Bound(str(names[old]), affine(low), affine(high))
            for old, (low, high) in ranges.items()
        )
        return t.Sum(bounds, (), body)


def merged(pairs: list[tuple[Atom, Rational]]) -> list[tuple[Atom, Rational]]:
    """The exponentials of a product as one: `exp(a)^2 exp(b)^{-1}` is `exp(2 a - b)`."""
    exponents: Polynomial = {atom[1]: e for atom, e in pairs if atom[0] == "exp"}
    if not exponents or exponents == {next(iter(exponents)): 1}:
        return pairs
    rest = [(atom, e) for atom, e in pairs if atom[0] != "exp"]
    return [*rest, (("exponential", freeze(exponents)), 1)]


def conjugate(pairs: list[tuple[Atom, Rational]]) -> list[tuple[Atom, Rational]]:
    """The factors with `(1 - y)(1 + y)` as `1 - y²`."""
    groups = [(a, e) for a, e in pairs if a[0] == "power" and e == 1 and len(a[1]) == 2]
    for k, (one, _) in enumerate(groups):
        for other, _ in groups[k + 1 :]:
            for sign in (1, -1):
                total = add_into(dict(thaw(one[1])), thaw(other[1]), sign)
                if set(total) == {frozenset()}:
                    both = multiply(thaw(one[1]), thaw(other[1]))
                    rest = [pair for pair in pairs if pair[0] not in (one, other)]
                    return [*rest, (("power", freeze(both)), 1)]
    return pairs


def _turn_pairs(monomial: Monomial) -> Monomial:
    """Write `(y - 1)(z - 1)` as `(1 - y)(1 - z)`."""
    below = [pair for pair in sorted(monomial, key=serial) if _is_below(*pair)]
    for atom, exponent in below[: len(below) // 2 * 2]:
        turned = ("power", frozenset((m, -c) for m, c in atom[1]))
        monomial = (monomial - {(atom, exponent)}) | {(turned, exponent)}
    return monomial


def _is_below(atom: Atom, exponent: Rational) -> bool:
    """Whether this is an odd power of a group with a negative number in it."""
    odd = Fraction(exponent).denominator == 1 and int(exponent) % 2 == 1
    return atom[0] == "power" and odd and any(c < 0 for m, c in atom[1] if not m)


def _turn_group(monomial: Monomial, coefficient: Rational) -> tuple[Monomial, Rational]:
    """Write `-2 (t - x)` as `2 (x - t)`, and `-(y - 1)` as `1 - y`."""
    for atom, exponent in sorted(monomial, key=serial):
        if atom[0] == "sum" and exponent == 1:
            inside, sign = _turn_group(frozenset(conjugate(sorted(atom[2], key=serial))), -1)
            if sign > 0:
                turned = (*atom[:2], inside, atom[3])
                return (monomial - {(atom, exponent)}) | {(turned, exponent)}, -coefficient
        if atom[0] != "power" or Fraction(exponent).denominator != 1 or int(exponent) % 2 == 0:
            continue
        alike = len({len(indices_of_monomial(m)) for m, _ in atom[1]}) == 1
        below = any(c < 0 for m, c in atom[1] if not m)
        if below or (alike and any(c < 0 for _, c in atom[1])):
            turned = ("power", frozenset((m, -c) for m, c in atom[1]))
            return (monomial - {(atom, exponent)}) | {(turned, exponent)}, -coefficient
    return monomial, coefficient


FUNCTION_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh"}


def affine(position: Position) -> t.Affine:
    """A polynomial's position as an affine expression."""
    terms, shift = position
    return t.Affine(tuple(sorted((str(index), c) for index, c in terms)), shift)


def order(position: Position) -> t.Comparison:
    """`a ≥ 1` without a minus sign: `i - j ≥ 1` is `i > j`."""
    terms, shift = position
    above = tuple((index, c) for index, c in terms if c > 0)
    below = tuple((index, -c) for index, c in terms if c < 0)
    left, right = affine((above, max(shift, 0))), affine((below, max(-shift, 0)))
    return t.Comparison(t.Position(left), ">", t.Position(right))
