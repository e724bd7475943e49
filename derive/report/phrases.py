"""Normal forms in the author's names: fractions, collected sums, powers that have a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from derive.calculus.contraction import open_contraction
from derive.calculus.lower import upstream_key
from derive.calculus.polynomial import (
    Atom,
    Frozen,
    Index,
    Monomial,
    Polynomial,
    Position,
    Rational,
    indices_of_monomial,
    rename_monomial,
    serial,
    thaw,
    tidy,
)
from derive.errors import UnsupportedError
from derive.gradient.closed_form import Phrasing, affine
from derive.meaning import terms as t
from derive.report.factors import Factors, collected, common_front
from derive.report.folds import Fold, named


@dataclass
class NamedPhrasing(Phrasing):
    """Terms of one context in which a power that has a name is called by it."""

    folds: tuple[Fold, ...] = ()

    # ---- sums and products -----------------------------------------------------------------

    def term(self, form: Polynomial) -> t.Term:
        """The form with its terms collected and what they share in front."""
        return self.total(collected(form))

    def total(self, products: Sequence[Factors]) -> t.Term:
        """The sum of some products."""
        pieces = [self._named(product) for product in products]
        if not pieces:
            return t.Number(Fraction(0))
        if len(pieces) == 1:
            bare = _is_bare(pieces[0]) and abs(pieces[0].content) == 1
            return self._added(pieces) if bare else self.product(pieces[0])
        front, rest = common_front(pieces)
        inner = self._added(rest)
        if front == Factors(1, frozenset()):
            return inner
        return t.Multiply((*self._parts(front), inner), ())

    def _ordered(self, pieces: list[Factors]) -> list[Factors]:
        """Plain terms before sums, short ones first, and a positive one at the head."""
        ordered = sorted(pieces, key=lambda p: (*self._rank(p.monomial, p.content), serial(p)))
        head = next((k for k, piece in enumerate(ordered) if piece.content > 0), 0)
        return [ordered[head], *ordered[:head], *ordered[head + 1 :]]

    def _added(self, pieces: list[Factors]) -> t.Term:
        """The sum of products; one that is a bare group gives its terms."""
        flat = [
            term
            for piece in pieces
            for term in (_terms(piece) if _is_bare(piece) else [self._named(piece)])
        ]
        return t.Add(tuple(self.product(piece) for piece in self._ordered(flat)), ())

    def _sum(self, form: Polynomial) -> t.Term:
        return self._added([Factors(c, m) for m, c in form.items()])

    def product(self, of: Factors) -> t.Term:
        """One product, its groups behind the common monomial."""
        parts = self._parts(self._named(of))
        if not parts:
            return t.Number(Fraction(1))
        return parts[0] if len(parts) == 1 else t.Multiply(tuple(parts), ())

    def _parts(self, of: Factors) -> list[t.Term]:
        of = _turned(of)
        parts = self._factors(of.monomial, of.content)
        for base, times in of.groups:
            group = self._group(base)
            parts.append(group if times == 1 else t.Power(group, t.Number(Fraction(times))))
        return parts

    def _group(self, base: Frozen) -> t.Term:
        """A group with its terms collected; what stands in front of it stays inside."""
        pieces = collected(thaw(base))
        if len(pieces) == 1:
            return self._sum(thaw(base))
        return self._added(pieces)

    def _factors(self, monomial: Monomial, coefficient: Rational) -> list[t.Term]:
        """Factors in reading order: sign, one fraction, given derivatives, sums."""
        value = Fraction(coefficient)
        plain = [pair for pair in monomial if self._kind(*pair) != 5 and pair[0][0] != "sum"]
        behind = [p for p in monomial if p not in plain and p[1] > 0]
        lower = [(a, -e) for a, e in monomial if e < 0]
        above = self._line(abs(value.numerator), [p for p in plain if p[1] > 0])
        below = self._line(value.denominator, lower)
        if below:
            front = above or [t.Number(Fraction(1))]
            above = [t.Divide(_joined(front), _joined(below), ())]
        behind.sort(key=lambda pair: (pair[0][0] == "sum", serial(pair[0])))
        sign = [t.Number(Fraction(-1))] if value < 0 else []
        return [*sign, *above, *(self._power(a, e) for a, e in behind)]

    def _line(self, number: int, pairs: list[tuple[Atom, Rational]]) -> list[t.Term]:
        """One line of a fraction: its number, sizes, then the other factors."""

        def key(pair: tuple[Atom, Rational]) -> tuple[object, ...]:
            return pair[0][0] != "size", self._kind(*pair), serial(pair[0])

        shown = [self._power(atom, e) for atom, e in sorted(pairs, key=key)]
        return shown if number == 1 else [t.Number(Fraction(number)), *shown]

    def _named(self, of: Factors) -> Factors:
        return named(of, self.folds, frozenset(self.context.sizes))

    def _power(self, atom: Atom, exponent: Rational) -> t.Term:
        if atom[0] == "exp" and exponent != 1:
            return t.Function("exp", (self._product(atom[1], exponent),), ())
        return super()._power(atom, exponent)

    # ---- atoms -----------------------------------------------------------------------------

    def _atom(self, atom: Atom) -> t.Term:
        match atom[0]:
            case "size":
                return t.Position(t.Affine.name(atom[1]))
            case "order":
                return t.Indicator((_order(atom[1]),))
            case "step":
                zero = t.Number(Fraction(0))
                return t.Indicator((t.Comparison(self.term(thaw(atom[1])), ">", zero),))
            case "kink":
                zero, side = t.Number(Fraction(0)), self.term(thaw(atom[1]))
                both = t.Comparison(side, ">=", zero), t.Comparison(side, "<=", zero)
                return t.Indicator(both)
            case "any":
                raise UnsupportedError("a derivative at a kink has no value")
            case "extreme":
                return self._extreme(str(atom[1]), atom[3][0])
        return super()._atom(atom)

    def _extreme(self, which: str, entry: Frozen) -> t.Term:
        """`max(x)`; the largest entry of anything but a name has no notation here."""
        for monomial, coefficient in entry:
            for atom, exponent in monomial if len(entry) == 1 else ():
                if coefficient == exponent == len(monomial) == 1 and atom[0] == "entry":
                    variable = t.Variable(self.context.symbols[atom[1]])
                    if len(variable.shape) == len(atom[2]):
                        return t.Function(which, (variable,), ())
        raise UnsupportedError("no notation for the largest entry of an expression")

    def _entry(self, key: str, positions: tuple[Position, ...]) -> t.Term:
        if key in self.context.symbols:
            return super()._entry(key, positions)
        for objective, outputs in self.context.outputs.items():
            for output in outputs:
                if key == upstream_key(objective, output.key):
                    of = t.Variable(self.context.symbols[objective])
                    return t.Derivative(of, output, tuple(map(affine, positions)), "total")
        raise UnsupportedError("a name that is not in force any more")

    def _contraction(self, atom: Atom) -> t.Term:
        used = frozenset(str(i) for i in indices_of_monomial([(atom, 1)])) | self.taken
        ranges, factors = open_contraction(atom, self._fresh)
        letters = list(self.letters(used))
        if len(letters) < len(ranges):
            raise UnsupportedError("more nested sums than there are index letters")
        names: dict[Index, Index] = dict(zip(ranges, letters, strict=False))
        taken = used | {str(name) for name in names.values()}
        inner = NamedPhrasing(self.context, self.objective, taken, self._fresh, self.folds)
        bounds = tuple(
            t.Bound(str(names[old]), affine(low), affine(high))
            for old, (low, high) in ranges.items()
        )
        body = inner.product(Factors(1, rename_monomial(factors, names)))
        return t.Sum(bounds, (), body)


def _is_bare(piece: Factors) -> bool:
    """Whether a product is one group and a number."""
    return not piece.monomial and len(piece.groups) == 1 and piece.groups[0][1] == 1


def _turned(of: Factors) -> Factors:
    """`-p (a - b)` as `p (b - a)`."""
    for place, (base, times) in enumerate(of.groups if of.content < 0 else ()):
        if times % 2 and any(c < 0 for _, c in base):
            turned = (frozenset((m, -c) for m, c in base), times)
            groups = (*of.groups[:place], turned, *of.groups[place + 1 :])
            return Factors(-of.content, of.monomial, groups)
    return of


def _terms(piece: Factors) -> list[Factors]:
    """The terms of a group that stands alone."""
    ((base, _),) = piece.groups
    return [Factors(tidy(Fraction(piece.content) * Fraction(c)), m) for m, c in base]


def _joined(factors: list[t.Term]) -> t.Term:
    return factors[0] if len(factors) == 1 else t.Multiply(tuple(factors), ())


def _order(position: Position) -> t.Comparison:
    """`a ≥ 1` without a minus sign: `i - j ≥ 1` is `i > j`."""
    terms, shift = position
    above = tuple((index, c) for index, c in terms if c > 0)
    below = tuple((index, -c) for index, c in terms if c < 0)
    left, right = affine((above, max(shift, 0))), affine((below, max(-shift, 0)))
    return t.Comparison(t.Position(left), ">", t.Position(right))


def letters_for(context: t.Context, taken: frozenset[str], count: int) -> tuple[str, ...]:
    """Index letters for the axes of an array claim."""
    pool = Phrasing(context, "").letters(taken)
    letters = tuple(letter for letter, _ in zip(pool, range(count), strict=False))
    if len(letters) < count:
        raise UnsupportedError("more axes than there are index letters")
    return letters
