"""Judge a whole document: each claim in turn, every proof cross-examined by the oracle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from derive.errors import DeriveError, IllTypedError, SoundnessError
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import agrees, format_witness, refute
from derive.judgement.repair import repairs as nearest
from derive.judgement.verdict import Judgement, Limits, VerdictName, Witness
from derive.meaning.claims import Claim, Meaning, Unread
from derive.meaning.terms import Context, Reading

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """A document with the judgement of each claim, in document order."""

    meaning: Meaning
    judged: tuple[tuple[Claim, Judgement], ...]
    seconds: float

    @property
    def counts(self) -> Counter[VerdictName]:
        """How many claims have each verdict; unread statements with a relation count too."""
        counts = Counter(judgement.verdict for _, judgement in self.judged)
        counts["unread"] += sum(item.has_relation for item in self.unread)
        return counts

    @property
    def unread(self) -> tuple[Unread, ...]:
        return tuple(item for item in self.meaning.items if isinstance(item, Unread))

    @property
    def exit_code(self) -> int:
        """0 all proved; 1 something refuted or ill-typed; 3 undecided or unread."""
        counts = self.counts
        if counts["refuted"] or counts["ill-typed"]:
            return 1
        return 3 if counts["undecided"] or counts["unread"] else 0


def check(
    meaning: Meaning,
    limits: Limits | None = None,
    progress: Progress | None = None,
    repairs: bool = False,
) -> Checked:
    """Judge every claim of a document.

    `progress` is called with the number of claims judged and their total. With `repairs`, what
    is not true gets the nearest equations that are. Raises SoundnessError when the oracle
    contradicts a proof.
    """
    start = time.perf_counter()
    judge = Judge(limits or Limits(), repairs)
    judged: list[tuple[Claim, Judgement]] = []
    for claim in meaning.claims:
        judged.append((claim, judge.judge(claim)))
        if progress:
            progress(len(judged), len(meaning.claims))
    return Checked(meaning, tuple(judged), time.perf_counter() - start)


@dataclass
class Judge:
    """Judges claims; what a context needs is worked out once."""

    limits: Limits
    repairs: bool = False
    _provers: dict[int, Prover] = field(default_factory=dict)

    def judge(self, claim: Claim) -> Judgement:
        """The verdict on one claim."""
        start = time.perf_counter()
        judgement = self._judge(claim)
        if self.repairs and _wants_repair(judgement):
            near = nearest(claim, self._prover(claim.context))
            judgement = replace(judgement, repairs=tuple(repair.text for repair in near))
        return replace(judgement, seconds=time.perf_counter() - start)

    def _judge(self, claim: Claim) -> Judgement:
        if not claim.readings:
            verdict: VerdictName = (
                "ill-typed" if isinstance(claim.error, IllTypedError) else "unread"
            )
            return Judgement(verdict, reason=_reason(claim.error))
        reasons = []
        for reading in claim.readings:
            outcome = self._prover(claim.context).prove(reading)
            if isinstance(outcome, Proof):
                return self._cross_examined(claim, reading, outcome)
            reasons.append(outcome)
        return self._refuted(claim, reasons)

    def _prover(self, context: Context) -> Prover:
        key = id(context)
        if key not in self._provers:
            self._provers[key] = Prover(context, self.limits)
        return self._provers[key]

    def _cross_examined(self, claim: Claim, reading: Reading, proof: Proof) -> Judgement:
        contradiction = agrees(reading, claim.context)
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

    def _refuted(self, claim: Claim, reasons: list[str]) -> Judgement:
        """Refuted only if every candidate reading has a witness."""
        first: Witness | None = None
        for reading, reason in zip(claim.readings, reasons, strict=True):
            outcome = refute(reading, claim.context, self.limits)
            if not isinstance(outcome, Witness):
                trials = f"; {outcome} exact random trials agreed" if outcome else ""
                return Judgement("undecided", reading.note, reason=reason + trials)
            first = first or outcome
        return Judgement("refuted", claim.readings[0].note, witness=first)


def _wants_repair(judgement: Judgement) -> bool:
    """Whether a claim is wrong; cases that leave out some indices are a slip as well."""
    gap = judgement.reason.startswith("the cases leave out")
    return judgement.verdict in ("refuted", "ill-typed") or gap


def _reason(error: DeriveError | None) -> str:
    return error.message if error else "the claim has no reading"
