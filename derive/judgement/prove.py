"""Prove a reading for all sizes: the normal form of left minus right is zero."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

from derive.calculus.accumulate import AccumulatedForm, frontier
from derive.calculus.assumptions import Signs, discharges, unconditional
from derive.calculus.lower import Obligation
from derive.calculus.normal_form import NormalForm, to_position
from derive.calculus.piecewise import assume, has_steps
from derive.calculus.polynomial import (
    Index,
    Polynomial,
    Position,
    add_into,
    delta,
    plain_index,
    subtract,
)
from derive.calculus.rules import CONDITION, EQUAL_INDICES, Trace
from derive.errors import LimitError, UnsupportedError
from derive.judgement.verdict import Limits
from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.reading import syntax as s
from derive.writing.to_linear import linear

PREPARING = 0.25
"""The share of a claim's time that the definitions before it may take."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a reading holds for all sizes: the rules that fired and the side conditions."""

    rules: tuple[str, ...]
    side_conditions: tuple[str, ...]


@dataclass
class Prover:
    """Proofs in one context; definitions and Jacobians are worked out once."""

    context: t.Context
    limits: Limits = field(default_factory=Limits)
    _engines: dict[tuple[bool, bool], NormalForm] = field(default_factory=dict)
    _begun: set[tuple[bool, bool]] = field(default_factory=set)
    _described: dict[Obligation, str] = field(default_factory=dict)
    _accumulated: dict[bool, AccumulatedForm] = field(default_factory=dict)

    def prove(self, reading: t.Reading, seconds: float | None = None) -> Proof | str:
        """A proof, or the reason why there is none. Names are inserted only when needed.

        `seconds` bounds this proof where the limits allow more.
        """
        reason = ""
        allowed = self.limits.seconds if seconds is None else min(seconds, self.limits.seconds)
        deadline = time.monotonic() + allowed
        proof = self._by_accumulation(reading, time.monotonic() + allowed / 2)
        if proof is not None:
            return proof
        for keep_names, thorough in ((True, False), (False, False), (False, True)):
            if thorough and not self._engines[False, False].algebra.left_over:
                break
            trace = Trace()
            try:
                engine = self._engine(keep_names, thorough, deadline)
                engine.watch(trace)
                if self._difference_vanishes(engine, reading):
                    self._refuse_the_impossible(engine)
                    return Proof(trace.names, self._side_conditions(engine))
                reason = "the two sides have different normal forms"
            except (UnsupportedError, LimitError) as error:
                reason = error.message
        return reason

    def _by_accumulation(self, reading: t.Reading, deadline: float) -> Proof | None:
        """A proof in which the derivatives on the right side stay what they are, whatever that is.

        Names stay what they are at first; then the definitions on the way take part, then all.
        """
        stop = frontier(reading, self.context)
        if not stop:
            return None
        opaque = self._accumulating(True, deadline)
        proof = self._proof_by(opaque, reading, stop)
        if proof is None and opaque.passed:
            proof = self._proof_by(opaque, reading, stop, frozenset(opaque.passed))
        if proof is None:
            proof = self._proof_by(self._accumulating(False, deadline), reading, stop)
        return proof

    def _proof_by(
        self,
        engine: AccumulatedForm,
        reading: t.Reading,
        stop: frozenset[tuple[str, str]],
        unfold: frozenset[str] = frozenset(),
    ) -> Proof | None:
        trace = Trace()
        engine.stop_at(stop, unfold)
        engine.watch(trace)
        engine.lowering.obligations.clear()
        engine.algebra.log_domain.clear()
        try:
            if not self._difference_vanishes(engine, reading):
                return None
            self._refuse_the_impossible(engine)
        except (UnsupportedError, LimitError):
            return None
        return Proof(trace.names, self._side_conditions(engine))

    def _accumulating(self, opaque: bool, deadline: float) -> AccumulatedForm:
        engine = self._accumulated.get(opaque)
        if engine is None:
            engine = AccumulatedForm(
                self.context, not opaque, max_terms=self.limits.terms, opaque=opaque
            )
            self._accumulated[opaque] = engine
            self._prepare(engine, deadline)
        engine.algebra.deadline = deadline
        return engine

    def interrupted(self) -> None:
        """Forget what a proof that was broken off in the middle may have left half done."""
        self._engines.clear()
        self._accumulated.clear()

    def _engine(self, keep_names: bool, thorough: bool, deadline: float) -> NormalForm:
        kind = keep_names, thorough
        if kind not in self._engines:
            engine = NormalForm(self.context, keep_names, thorough, self.limits.terms)
            self._engines[kind] = engine
            if kind not in self._begun:
                self._begun.add(kind)
                self._prepare(engine, deadline)
        engine = self._engines[kind]
        engine.algebra.deadline = deadline
        engine.lowering.obligations.clear()
        engine.algebra.log_domain.clear()
        return engine

    def _prepare(self, engine: NormalForm, deadline: float) -> None:
        """Take the definitions; one past the limits is left to the claims that need it."""
        now = time.monotonic()
        engine.algebra.deadline = now + PREPARING * (deadline - now)
        with contextlib.suppress(LimitError):
            engine.prepare()

    def _difference_vanishes(self, engine: NormalForm, reading: t.Reading) -> bool:
        if reading.sign != "==":
            raise UnsupportedError("only equations are proved")
        algebra = engine.algebra
        for bound in reading.free:
            algebra.ranges[bound.name] = (to_position(bound.low), to_position(bound.high))
        shape = max(reading.left.shape, reading.right.shape, key=len)
        axes = tuple(f"@{axis}" for axis in range(len(shape)))
        for axis, extent in zip(axes, shape, strict=True):
            algebra.ranges[axis] = (((), 1), to_position(extent))
        at = tuple(t.Affine.name(axis) for axis in axes)
        lower = engine.lowering
        left, right = (
            engine.of(lower.entry(side, at[len(at) - len(side.shape) :]))
            for side in (reading.left, reading.right)
        )
        difference = apply_condition(engine, subtract(left, right), reading.condition)
        return engine.is_zero(self._assumed(engine, difference))

    def _assumed(self, engine: NormalForm, form: Polynomial) -> Polynomial:
        """The form with the steps that an assumption about numbers decides."""
        for given in unconditional(self.context):
            if has_steps(form):
                form = _apply_sign(engine, form, t.Comparison(given.left, given.sign, given.right))
        return form

    def _refuse_the_impossible(self, engine: NormalForm) -> None:
        """What holds only where the assumptions forbid it is not proved."""
        signs = Signs(self.context)
        for obligation in engine.lowering.obligations:
            if obligation.kind != "nonzero" and signs.is_negative(obligation.term):
                raise UnsupportedError(f"{describe(obligation, signs)} contradicts the assumptions")

    def _side_conditions(self, engine: NormalForm) -> tuple[str, ...]:
        """What the proof passed, the strongest condition on each term."""
        strongest: dict[t.Term, Obligation] = {}
        for obligation in engine.lowering.obligations:
            seen = strongest.get(obligation.term)
            if seen is None or STRENGTH[obligation.kind] > STRENGTH[seen.kind]:
                strongest[obligation.term] = obligation
        shown = (self._describe(obligation) for obligation in strongest.values())
        return tuple(dict.fromkeys(text for text in shown if text))

    def _describe(self, obligation: Obligation) -> str:
        if obligation not in self._described:
            self._described[obligation] = describe(obligation, Signs(self.context))
        return self._described[obligation]


STRENGTH = {"nonnegative": 0, "nonzero": 1, "positive": 2}


def apply_condition(engine: NormalForm, form: Polynomial, condition: t.Condition) -> Polynomial:
    """Use the conditions on indices: equal ones are identified, deltas of unequal ones vanish."""
    for comparison in condition:
        left, right = comparison.left, comparison.right
        if not (isinstance(left, t.Position) and isinstance(right, t.Position)):
            form = _apply_sign(engine, form, comparison)
            continue
        a, b = to_position(left.at), to_position(right.at)
        if comparison.sign == "==":
            form = _identify(engine, form, a, b)
        elif comparison.sign in ("!=", "<", ">"):
            form = _drop_delta(engine, form, a, b)
    return form


def _apply_sign(engine: NormalForm, form: Polynomial, comparison: t.Comparison) -> Polynomial:
    """Use a condition on values: steps at its sign are decided."""
    left, right = comparison.left, comparison.right
    indices = isinstance(left, t.Position) or isinstance(right, t.Position)
    if indices or left.shape or right.shape:
        return form
    try:
        sides = [engine.of(engine.lowering.entry(side, ())) for side in (left, right)]
    except UnsupportedError:
        return form
    return assume(engine.algebra, form, subtract(*sides), comparison.sign)


def _identify(engine: NormalForm, form: Polynomial, a: Position, b: Position) -> Polynomial:
    for here, there in ((a, b), (b, a)):
        index = plain_index(here)
        if index is not None and index not in engine.context.sizes:
            engine.trace.fire(EQUAL_INDICES)
            moves: dict[Index, Position] = {index: there}
            return engine.algebra.substitute(form, moves)
    return form


def _drop_delta(engine: NormalForm, form: Polynomial, a: Position, b: Position) -> Polynomial:
    symbol = delta(a, b)
    ((monomial, _),) = symbol.items() if symbol else ((frozenset(), 1),)
    kept: Polynomial = {}
    for product, coefficient in form.items():
        if monomial and monomial <= product:
            engine.trace.fire(CONDITION)
        else:
            add_into(kept, {product: coefficient})
    return kept


def describe(obligation: Obligation, signs: Signs) -> str:
    """A side condition in words of mathematics; one about a number is not worth a line."""
    term = obligation.term
    if isinstance(term, t.Number):
        return ""
    if isinstance(term, t.Position):
        return f"{linear(to_syntax(term))} ≥ 1" if obligation.kind == "nonzero" else ""
    relation = {"positive": ">", "nonnegative": "\\ge", "nonzero": "\\neq"}[obligation.kind]
    follows = discharges(signs.of(term), obligation.kind)
    shown = s.Chain((to_syntax(term), s.Number("0")), (s.Relation(relation),))
    return linear(shown) + (" (follows from the assumptions)" if follows else "")
