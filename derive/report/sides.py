"""The two sides of a reading: their normal forms, their difference in factors, their ratio.

What is said about the sides is checked twice before it is shown, by the zero test and by exact
evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from time import monotonic

from derive.calculus.clearing import together
from derive.calculus.normal_form import NormalForm, to_position
from derive.calculus.piecewise import has_steps
from derive.calculus.polynomial import Polynomial, serial, subtract
from derive.errors import LimitError, SoundnessError, UnsupportedError
from derive.judgement.prove import apply_condition
from derive.judgement.refute import agrees, format_witness
from derive.judgement.verdict import Limits
from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.report.factors import Factors, collected, factored
from derive.report.folds import Fold, folds
from derive.report.phrases import NamedPhrasing, letters_for
from derive.writing.to_linear import linear

MOST_TERMS = 12
"""Terms of a normal form that are shown; the others are counted."""
LONGEST_RATIO = 30
"""A ratio with more characters than this is not simple."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A normal form for people: its first terms, and how many more there are."""

    term: t.Term
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Sides:
    """What the calculus makes of the two sides at one entry; `entry` are the letters of its axes.

    `inserted`: defined names were replaced by their definitions. `equal`: the sides agree.
    `difference` is left minus right in factors, `ratio` left over right where that is simple.
    """

    entry: tuple[str, ...]
    left: Shown
    right: Shown
    inserted: bool
    equal: bool
    difference: t.Term | None = None
    ratio: t.Term | None = None


@dataclass
class Comparer:
    """Compares the sides of readings in one context."""

    context: t.Context
    limits: Limits = field(default_factory=Limits)
    _engines: dict[bool, NormalForm] = field(default_factory=dict)
    _folds: dict[bool, tuple[Fold, ...]] = field(default_factory=dict)

    def compare(self, reading: t.Reading) -> Sides | str:
        """Both sides in the first kind of normal form that shows them equal, or else the first.

        A text says why there is no normal form. Raises SoundnessError when exact evaluation
        contradicts what would be shown.
        """
        first: Sides | str = ""
        for keep_names in (True, False):
            try:
                found = self._compared(reading, keep_names)
            except (UnsupportedError, LimitError) as error:
                first = first or error.message
                continue
            except RecursionError:
                first = first or "the limit of nesting for one claim"
                continue
            if found.equal:
                return found
            first = found if isinstance(first, str) else first
        return first

    def _engine(self, keep_names: bool) -> NormalForm:
        deadline = monotonic() + self.limits.seconds
        if keep_names not in self._engines:
            engine = NormalForm(self.context, keep_names, max_terms=self.limits.terms)
            engine.algebra.deadline = deadline
            engine.prepare()
            self._folds[keep_names] = folds(engine)
            self._engines[keep_names] = engine
        self._engines[keep_names].algebra.deadline = deadline
        return self._engines[keep_names]

    def _compared(self, reading: t.Reading, keep_names: bool) -> Sides:
        engine = self._engine(keep_names)
        scalar, letters = self._at_an_entry(reading)
        left, right = (self._form(engine, scalar, side) for side in (scalar.left, scalar.right))
        taken = frozenset(bound.name for bound in scalar.free)
        phrasing = NamedPhrasing(self.context, "", taken, folds=self._folds[keep_names])
        shown = _cut(phrasing, left), _cut(phrasing, right)
        if all(isinstance(one.term, t.Variable | t.Element) for one in shown):
            # Two bare names say nothing; what they stand for does.
            phrasing = replace(phrasing, folds=())
            shown = _cut(phrasing, left), _cut(phrasing, right)
        for form, side, one in zip((left, right), (scalar.left, scalar.right), shown, strict=True):
            if not one.left_out and not self._holds(engine, scalar, form, side, one.term):
                raise UnsupportedError("a normal form has no faithful notation")
        difference = subtract(left, right)
        inserted = not keep_names and bool(self.context.definitions)
        if engine.is_zero(difference):
            return Sides(letters, *shown, inserted, True)
        gap = self._difference(engine, phrasing, scalar, difference)
        ratio = self._ratio(engine, phrasing, scalar, left, right)
        return Sides(letters, *shown, inserted, False, gap, ratio)

    def _at_an_entry(self, reading: t.Reading) -> tuple[t.Reading, tuple[str, ...]]:
        """An array claim as the claim about its general entry."""
        shape = max(reading.left.shape, reading.right.shape, key=len)
        taken = frozenset(bound.name for bound in reading.free)
        letters = letters_for(self.context, taken, len(shape))
        one = t.Affine.number(1)
        axes = tuple(t.Bound(x, one, n) for x, n in zip(letters, shape, strict=True))
        left, right = (_entry(side, letters) for side in (reading.left, reading.right))
        free = reading.free + axes
        return t.Reading(left, right, free, reading.condition, sign=reading.sign), letters

    def _form(self, engine: NormalForm, reading: t.Reading, side: t.Term) -> Polynomial:
        """The normal form of one side under the conditions and the assumptions on signs."""
        algebra = engine.algebra
        for bound in reading.free:
            algebra.ranges[bound.name] = (to_position(bound.low), to_position(bound.high))
        form = engine.of(engine.lowering.entry(side, ()))
        form = apply_condition(engine, form, reading.condition)
        if has_steps(form):
            given = tuple(
                t.Comparison(a.left, a.sign, a.right)
                for a in self.context.assumptions
                if not a.left.shape
            )
            form = apply_condition(engine, form, given)
        return algebra.identify(form)

    # ---- difference and ratio --------------------------------------------------------------

    def _difference(
        self, engine: NormalForm, phrasing: NamedPhrasing, reading: t.Reading, form: Polynomial
    ) -> t.Term | None:
        """Left minus right: over a common denominator, in factors, or collected, the shortest."""
        form = engine.algebra.identify(form)
        ways = (
            [factored(*together(engine.algebra.multiply, form))],
            [factored(form)],
            collected(form),
        )
        terms = [phrasing.total(way) for way in ways]
        term = min(terms, key=lambda one: len(linear(to_syntax(one))))
        minus = t.Multiply((t.Number(Fraction(-1)), reading.right), ())
        gap = t.Add((reading.left, minus), ())
        return term if self._holds(engine, reading, form, gap, term) else None

    def _ratio(
        self,
        engine: NormalForm,
        phrasing: NamedPhrasing,
        reading: t.Reading,
        left: Polynomial,
        right: Polynomial,
    ) -> t.Term | None:
        """Left over right; None where it is not simple or a side is zero."""
        if not left or not right:
            return None
        multiply = engine.algebra.multiply
        above, below = (factored(*together(multiply, form)) for form in (left, right))
        quotient = above.over(below)
        if quotient is None or not _is_simple(quotient, above, below):
            return None
        term = phrasing.product(quotient)
        if len(linear(to_syntax(term))) > LONGEST_RATIO:
            return None
        product = t.Multiply((term, reading.right), ())
        return term if self._holds(engine, reading, left, reading.left, product) else None

    def _holds(
        self,
        engine: NormalForm,
        reading: t.Reading,
        form: Polynomial,
        wanted: t.Term,
        shown: t.Term,
    ) -> bool:
        """Whether what is about to be shown is proved to have the form that was worked out.

        Raises SoundnessError when exact evaluation tells `shown` from `wanted`.
        """
        claim = t.Reading(wanted, shown, reading.free, reading.condition)
        witness = agrees(claim, self.context, trials=1)
        if witness is not None:
            raise SoundnessError(
                "what a side comes to is contradicted by exact evaluation: "
                + format_witness(witness),
                advice="This is a bug of derive; please report the document.",
            )
        return engine.is_zero(subtract(self._form(engine, reading, shown), form))


def _entry(side: t.Term, letters: tuple[str, ...]) -> t.Term:
    """The general entry of a side, its axes aligned with the last letters."""
    if not side.shape:
        return side
    return t.Element(side, tuple(map(t.Affine.name, letters[len(letters) - len(side.shape) :])))


def _is_simple(quotient: Factors, above: Factors, below: Factors) -> bool:
    """Whether a ratio says something: few plain factors, and fewer than the sides have apart."""
    kinds = {atom[0] for atom, _ in quotient.monomial}
    apart = above.monomial and below.monomial
    shorter = len(quotient.monomial) < len(above.monomial) + len(below.monomial) or not apart
    return not quotient.groups and len(quotient.monomial) <= 4 and "sum" not in kinds and shorter


def _cut(phrasing: NamedPhrasing, form: Polynomial) -> Shown:
    if len(form) <= MOST_TERMS:
        return Shown(phrasing.term(form))
    kept = sorted(form.items(), key=lambda item: (len(serial(item[0])), serial(item[0])))
    return Shown(phrasing.term(dict(kept[:MOST_TERMS])), len(form) - MOST_TERMS)
