"""Judge one claim within its limits: proved and cross-examined, or refuted, or neither."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from derive.errors import (
    DeriveError,
    IllTypedError,
    LimitError,
    SoundnessError,
    UnsupportedError,
)
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import agrees, format_witness, refute
from derive.judgement.repair import SECONDS as REPAIR_SECONDS
from derive.judgement.repair import repairs as nearest
from derive.judgement.timer import OutOfTime, alarm
from derive.judgement.verdict import Judgement, Limits, VerdictName, Witness
from derive.meaning.claims import Claim
from derive.meaning.relevant import relevant
from derive.meaning.terms import Context, Reading, Term

PROVING = 0.6
"""The share of a claim's time that its proofs may take; the rest is for a witness."""
TIME = "the time limit for one claim"
MEMORY = "the memory limit for one claim"
DEPTH = "the limit of nesting for one claim"


@dataclass
class Judge:
    """Judges claims; what a context needs is worked out once."""

    limits: Limits
    repairs: bool = False
    _provers: dict[int, Prover] = field(default_factory=dict)
    _shared: dict[object, Prover] = field(default_factory=dict)

    def judge(self, claim: Claim) -> Judgement:
        """The verdict on one claim, within the limits."""
        start, deadline = time.perf_counter(), time.monotonic() + self.limits.seconds
        judgement = self._within_memory(claim, lambda: self._judge(claim, deadline))
        if isinstance(judgement, str):
            judgement = Judgement("undecided", reason=judgement)
        if self.repairs and _wants_repair(judgement):
            judgement = replace(judgement, repairs=self._repairs(claim, deadline))
        return replace(judgement, seconds=time.perf_counter() - start)

    def _within_memory(self, claim: Claim, work: Callable[[], Judgement]) -> Judgement | str:
        """What the work says, or the limit of memory or depth that it hit."""
        try:
            return work()
        except MemoryError:
            reason = MEMORY
        except RecursionError:
            reason = DEPTH
        self._prover_of(claim).interrupted()
        return reason

    def _judge(self, claim: Claim, deadline: float) -> Judgement:
        if not claim.readings:
            verdict: VerdictName = (
                "ill-typed" if isinstance(claim.error, IllTypedError) else "unread"
            )
            return Judgement(verdict, reason=_reason(claim.error))
        reasons = []
        proving = time.monotonic() + PROVING * self.limits.seconds
        prover = self._prover_of(claim)
        for reading in claim.readings:
            outcome = self._proof(prover, reading, proving - time.monotonic())
            if isinstance(outcome, Proof):
                return self._cross_examined(claim, reading, outcome, deadline)
            reasons.append(outcome)
        return self._refuted(claim, reasons, deadline)

    def _proof(self, prover: Prover, reading: Reading, seconds: float) -> Proof | str:
        try:
            with alarm(seconds):
                return prover.prove(reading, seconds)
        except OutOfTime:
            prover.interrupted()
            return TIME

    def _prover_of(self, claim: Claim) -> Prover:
        """The prover for what bears on a claim, shared with claims about the same names."""
        terms = tuple(term for r in claim.readings for term in _terms(r))
        context = relevant(claim.context, terms)
        kept = (*context.definitions.values(), *context.assumptions)
        key = (
            tuple(id(part) for part in kept),
            tuple(context.symbols.items()),
            tuple(context.sizes),
        )
        if key not in self._shared:
            self._shared[key] = Prover(context, self.limits)
        return self._shared[key]

    def _prover(self, context: Context) -> Prover:
        key = id(context)
        if key not in self._provers:
            self._provers[key] = Prover(context, self.limits)
        return self._provers[key]

    def _cross_examined(
        self, claim: Claim, reading: Reading, proof: Proof, deadline: float
    ) -> Judgement:
        contradiction: Witness | None = None
        try:
            with alarm(deadline - time.monotonic()):
                contradiction = agrees(reading, claim.context)
        except OutOfTime:
            pass  # as where the oracle cannot evaluate: the proof stands on its own
        if contradiction is not None:
            place = claim.statement.error.place if claim.statement.error else None
            raise SoundnessError(
                "a proof is contradicted by exact evaluation: " + format_witness(contradiction),
                place=place,
                advice="This is a bug of derive; please report the document.",
            )
        return Judgement(
            "proved",
            reading=reading.note,
            rules=proof.rules,
            side_conditions=proof.side_conditions,
            proved_as=reading,
        )

    def _refuted(self, claim: Claim, reasons: list[str], deadline: float) -> Judgement:
        """Refuted only if every candidate reading has a witness."""
        first: Witness | None = None
        for reading, reason in zip(claim.readings, reasons, strict=True):
            outcome = self._witness(claim, reading, deadline - time.monotonic())
            if not isinstance(outcome, Witness):
                note = f"; {outcome} exact random trials agreed" if outcome else ""
                if time.monotonic() > deadline:
                    note = f"; {TIME} ended the search for a witness"
                return Judgement("undecided", reading.note, reason=reason + note)
            first = first or outcome
        return Judgement("refuted", claim.readings[0].note, witness=first)

    def _witness(self, claim: Claim, reading: Reading, seconds: float) -> Witness | int:
        """A witness, or the number of exact trials that agreed."""
        try:
            with alarm(seconds):
                return refute(reading, claim.context, replace(self.limits, seconds=seconds))
        except (OutOfTime, UnsupportedError, LimitError):
            return 0

    def _repairs(self, claim: Claim, deadline: float) -> tuple[str, ...]:
        prover = self._prover(claim.context)
        seconds = min(REPAIR_SECONDS, deadline - time.monotonic())
        try:
            with alarm(seconds):
                return tuple(repair.text for repair in nearest(claim, prover, seconds))
        except OutOfTime:
            prover.interrupted()
            return ()


def _terms(reading: Reading) -> tuple[Term, ...]:
    """All terms of a reading, those of its condition included."""
    compared = [side for c in reading.condition for side in (c.left, c.right)]
    return (reading.left, reading.right, *compared)


def _wants_repair(judgement: Judgement) -> bool:
    """Whether a claim is wrong; cases that leave out some indices are a slip as well."""
    gap = judgement.reason.startswith("the cases leave out")
    return judgement.verdict in ("refuted", "ill-typed") or gap


def _reason(error: DeriveError | None) -> str:
    return error.message if error else "the claim has no reading"
