"""The nearest true equations for a claim that is false or does not fit together.

Candidates are edits of one side, the likeliest slip first; where none of them is true, two edits.
Each is read in the claim's own context, screened by the oracle, and proved before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from time import monotonic

from derive.errors import DeriveError, SoundnessError
from derive.judgement.candidates import Candidate, search
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import agrees, format_witness, refute, survives
from derive.judgement.screening import Screen, screen_of
from derive.judgement.suppositions import Supposition, suppositions
from derive.judgement.timer import OutOfTime
from derive.judgement.verdict import Limits, Witness
from derive.meaning import terms as t
from derive.meaning.claims import Claim
from derive.meaning.classify import EQUALS
from derive.meaning.graph import subterms, symbols_in
from derive.meaning.names import key_of, walk
from derive.reading import syntax as s
from derive.writing.to_latex import to_latex

SECONDS = 2.0
MOST_CANDIDATES = 400
"""Candidates of one kind that are looked at once they agree at the point of the screen."""
MOST_SHOWN = 3
MOST_OF_ONE_SIDE = 2
MOST_NODES = 600
"""Longer equations are left alone: their edits are too many to look at."""
SUPPOSING = 0.7
"""Seconds for assumptions that may be missing."""
TRYING = 0.5
"""Seconds for a look at whether an assumption leaves any inputs."""
STUMBLES = (MemoryError, RecursionError, TypeError)
"""What a proof of an odd equation may die of, in SymPy too; such an equation is not offered."""
SPREAD = 1
"""How much farther than the nearest repair of the same side another one may be."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A true equation near a claim, or the claim under an assumption that is not stated.

    It is proved under `reading` in `context`, which holds that assumption.
    """

    left: s.Expr
    right: s.Expr
    sign: s.Relation
    words: str
    cost: int
    reading: t.Reading
    context: t.Context

    @property
    def text(self) -> str:
        """The equation in LaTeX, and what was changed."""
        equation = s.Chain((self.left, self.right), (self.sign,))
        return f"{to_latex(equation)} ({self.words})"


def repairs(claim: Claim, prover: Prover, seconds: float = SECONDS) -> tuple[Repair, ...]:
    """At most three proved equations near a claim, the nearest first.

    Raises SoundnessError when the oracle contradicts the proof of one.
    """
    nodes = sum(1 for side in (claim.left, claim.right) for _ in walk(side))
    equation = claim.relation.sign in EQUALS
    if claim.reread is None or not equation or nodes > MOST_NODES:
        return ()
    found = _Found(claim, prover, monotonic() + seconds)
    try:
        found.look()
    except OutOfTime:
        prover.interrupted()
    return found.shown()


@dataclass(slots=True)
class _Found:
    """The repairs found so far, by the side that they change."""

    claim: Claim
    prover: Prover
    deadline: float
    screen: Screen | None = None
    begun: float = field(default_factory=monotonic)
    sides: dict[str, list[Repair]] = field(default_factory=dict)

    def look(self) -> None:
        """Single edits; two of them where no single one is true."""
        self.screen = screen_of(self.claim)
        near = search(self.claim, self.screen, self.deadline)
        self._suppose()
        for stage in (near.near, near.pairs, near.twice):
            self._take(stage(), single=stage == near.near)
            if self.sides or monotonic() > self.deadline:
                return

    def _suppose(self) -> None:
        """The claim as it stands, under an assumption that is not stated."""
        claim = self.claim
        for reading in claim.readings:
            for given in suppositions(reading, claim.context):
                if monotonic() > min(self.deadline, self.begun + SUPPOSING):
                    return
                if _holds_under(claim, given, self.deadline):
                    self.sides["given"] = [
                        Repair(
                            claim.left,
                            claim.right,
                            claim.relation,
                            given.words,
                            given.cost,
                            given.reading,
                            given.context,
                        )
                    ]
                    return

    def _take(self, candidates: Iterator[Candidate], *, single: bool) -> None:
        for candidate in islice(candidates, MOST_CANDIDATES):
            if monotonic() > self.deadline or self._enough(candidate.cost):
                return
            held = self.sides.get(candidate.side, [])
            if any(
                _names(r.left, r.right) == _names(candidate.left, candidate.right) for r in held
            ):
                continue  # what is true about one side has one value: another way to write it
            if len(held) < MOST_OF_ONE_SIDE and not (
                held and candidate.cost > held[0].cost + SPREAD
            ):
                reading = _true_reading(self.claim, candidate, self.prover, self.deadline)
                if reading is not None and self._says_something(reading, single):
                    self.sides.setdefault(candidate.side, []).append(
                        Repair(
                            candidate.left,
                            candidate.right,
                            self.claim.relation,
                            candidate.words,
                            candidate.cost,
                            reading,
                            self.claim.context,
                        )
                    )

    def _has_room(self, candidate: Candidate) -> bool:
        """Whether a candidate is near enough and no other way to write one that is held.

        What is true about one side has one value, so it must have other names in it.
        """
        held = self.sides.get(candidate.side, [])
        names = _names(candidate.left, candidate.right)
        if any(_names(repair.left, repair.right) == names for repair in held):
            return False
        near = not held or candidate.cost <= held[0].cost + SPREAD
        return near and len(held) < MOST_OF_ONE_SIDE

    def _says_something(self, reading: t.Reading, single: bool) -> bool:
        """Whether an equation is more than that nothing depends directly on something.

        After two edits it also must not hold whatever the names stand for.
        """
        if not single and survives(reading, _undefined(self.claim.context)):
            return False
        if reading.partials != "direct" or self.screen is None:
            return True
        written = any(side == s.Number("0") for side in (self.claim.left, self.claim.right))
        return written or not self.screen.is_zero(self.screen.of(reading.left))

    def _enough(self, cost: int) -> bool:
        """Whether no later candidate of a cost can be among those shown."""
        held = [self.sides.get(side, []) for side in ("left", "right")]
        return all(
            len(one) == MOST_OF_ONE_SIDE or (one and cost > one[0].cost + SPREAD) for one in held
        )

    def shown(self) -> tuple[Repair, ...]:
        """The nearest of each side, then the next ones, in the order of their cost."""
        groups = self.sides.values()
        ranked = [(at, repair) for group in groups for at, repair in enumerate(group)]
        ranked.sort(key=lambda entry: (entry[0], entry[1].cost))
        chosen = [repair for _, repair in ranked[:MOST_SHOWN]]
        return tuple(sorted(chosen, key=lambda repair: repair.cost))


def _names(left: s.Expr, right: s.Expr) -> frozenset[str]:
    """The names that stand in an equation."""
    found = (key_of(part) for side in (left, right) for part in walk(side))
    return frozenset(key for key in found if key is not None)


def _holds_under(claim: Claim, given: Supposition, deadline: float) -> bool:
    """Whether a claim is proved under an assumption that some inputs meet.

    Raises SoundnessError when the oracle contradicts the proof.
    """
    reading, context = given.reading, given.context
    try:
        if not survives(reading, context):
            return False
        prover = Prover(context)
        if not isinstance(prover.prove(reading, max(0.1, deadline - monotonic())), Proof):
            return False
        _examine(claim, reading, context, f" ({given.words})")
        tried = refute(reading, context, Limits(seconds=TRYING))
        if isinstance(tried, Witness):
            raise _contradiction(claim, tried, f" ({given.words})")
        return tried > 0
    except SoundnessError:
        raise
    except (DeriveError, *STUMBLES):
        return False


def _true_reading(
    claim: Claim, candidate: Candidate, prover: Prover, deadline: float
) -> t.Reading | None:
    """The first reading under which a candidate is proved; None without.

    An equation that holds because a new derivative vanishes in it, or because both sides are the
    same, says nothing and does not count. Raises SoundnessError when the oracle contradicts a
    proof.
    """
    assert claim.reread is not None
    try:
        readings, _ = claim.reread(candidate.left, candidate.right)
        for reading in readings:
            if reading.left == reading.right or not survives(reading, claim.context):
                continue
            if _vanishing(reading, claim.context) - _known(claim):
                continue
            seconds = max(0.1, deadline - monotonic())
            if isinstance(prover.prove(reading, seconds), Proof):
                near = replace(claim, left=candidate.left, right=candidate.right)
                _examine(near, reading, claim.context)
                return reading
    except SoundnessError:
        raise
    except DeriveError:
        return None
    except STUMBLES:
        prover.interrupted()
    return None


def _examine(claim: Claim, reading: t.Reading, context: t.Context, given: str = "") -> None:
    """Raise SoundnessError when exact numbers contradict a proof."""
    witness = agrees(reading, context)
    if witness is not None:
        raise _contradiction(claim, witness, given)


def _contradiction(claim: Claim, witness: Witness, given: str) -> SoundnessError:
    equation = s.Chain((claim.left, claim.right), (claim.relation,))
    return SoundnessError(
        f"the proof of a suggestion, {to_latex(equation)}{given}, is contradicted by exact"
        f" evaluation: {format_witness(witness)}",
        place=claim.statement.error.place if claim.statement.error else None,
        advice="This is a bug of derive; please report the document.",
    )


def _undefined(context: t.Context) -> t.Context:
    """The context with every name an input."""
    symbols = {
        key: replace(symbol, role="input") if symbol.role == "defined" else symbol
        for key, symbol in context.symbols.items()
    }
    return replace(context, symbols=symbols, definitions={})


def _known(claim: Claim) -> frozenset[t.Derivative]:
    return frozenset().union(*(_vanishing(reading, claim.context) for reading in claim.readings))


def _vanishing(reading: t.Reading, context: t.Context) -> frozenset[t.Derivative]:
    """Derivatives of a reading that are nothing: by what does not matter, of a name by itself."""
    return frozenset(
        part
        for side in (reading.left, reading.right)
        for part in subterms(side)
        if isinstance(part, t.Derivative)
        and (part.of == t.Variable(part.target) or part.target.key not in _reach(part.of, context))
    )


def _reach(term: t.Term, context: t.Context) -> set[str]:
    """The keys of all names on which a term depends, directly or through others."""
    reached: set[str] = set()
    waiting = symbols_in(term)
    while waiting:
        key = waiting.pop()
        if key in reached:
            continue
        reached.add(key)
        if key in context.definitions:
            waiting |= symbols_in(context.definitions[key].body)
        waiting |= {symbol.key for symbol in context.outputs.get(key, ())}
    return reached
