"""A hand-written backward function against a document: traced, transcribed, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from derive.errors import Place, SoundnessError, UsageError
from derive.judgement.check import Progress, check
from derive.judgement.sampling import draw, needs_of
from derive.judgement.verdict import Judgement, Limits
from derive.meaning import terms as t
from derive.meaning.claims import Claim, Fact, Meaning, Unread
from derive.oracle.arrays import Array, build
from derive.oracle.evaluate import UndefinedHere, Unresolved, World, evaluate
from derive.oracle.fields import FLOAT
from derive.tracing.build import shown
from derive.tracing.equation import Transcription, with_equations, writable
from derive.tracing.matching import Given, Matching, Meant, Names, match, polynomial
from derive.tracing.nodes import Input, Node, Shape
from derive.tracing.phrase import Label
from derive.tracing.places import TracingError, bounded
from derive.tracing.polynomials import Polynomial
from derive.tracing.recognise import recognise
from derive.tracing.record import Traced, argument, parameters, run
from derive.tracing.rehearse import LENGTHS, called, same
from derive.tracing.shifts import without_shifts
from derive.tracing.tracer import Trace

SEEDS = 4
"""Points that the function is tried at, for each choice of lengths."""
PLENTY = 4
"""The level of values that points are drawn from: fractions of both signs."""
SKIPPED = "_"
"""Stands for a returned value that is not looked at."""


@dataclass(frozen=True)
class Result:
    """One returned array: whose gradient it is meant to be, and the judgement of that.

    `claim` is the equation; there is none where already the shapes differ.
    """

    target: t.Symbol
    judgement: Judgement
    claim: Claim | None = None


@dataclass(frozen=True)
class Verified:
    """A backward function and the judgement of each of its gradients."""

    function: str
    place: Place | None
    document: str
    matching: Matching
    results: tuple[Result, ...]

    def __repr__(self) -> str:
        parts = [f"{r.target.latex or r.target.key} {r.judgement.verdict}" for r in self.results]
        return f"<Verified {self.function}: {', '.join(parts)}>"

    @property
    def exit_code(self) -> int:
        """0 all proved; 1 something refuted or of another shape; 3 something undecided."""
        verdicts = {result.judgement.verdict for result in self.results}
        if verdicts & {"refuted", "ill-typed"}:
            return 1
        return 0 if verdicts == {"proved"} else 3


@dataclass
class Verification:
    """What a function is verified against. `maps` and `shapes` are what the user says of it."""

    meaning: Meaning
    maps: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = None
    progress: Progress | None = None
    repairs: bool = False

    def verify(self, function: Callable[..., Any], wanted: Sequence[str]) -> Verified:
        """Judge that the function returns the gradients by the wanted inputs, in this order.

        Raises UsageError where names do not fit, TracingError for what has no formula.
        """
        if not self.meaning.contexts:
            raise UsageError("the document is empty")
        with bounded():
            return self._verified(function, wanted)

    def _verified(self, function: Callable[..., Any], wanted: Sequence[str]) -> Verified:
        self._check_document()
        names = Names.of(self.meaning.contexts[-1])
        targets = [self._target(names, text) for text in wanted]
        if not any(targets):
            raise UsageError("no input is named", advice=f"Its names: {names.known()}.")
        matching = match(parameters(function), names, self.maps, self.shapes)
        labels: dict[int, Label] = {}
        inputs: dict[str, Input] = {}
        traced = run(function, lambda trace: dict(_arguments(trace, matching, labels, inputs)))
        traced, _ = without_shifts(traced, inputs, ())
        returned = _returned(traced, targets)
        scribe = Transcription(names, labels)
        recognise(self.meaning.document, scribe, traced.names)
        results = self._judged(function, matching, scribe, returned)
        path = self.meaning.document.source.path
        return Verified(traced.name, traced.place, path, matching, results)

    def _check_document(self) -> None:
        """Raises UsageError when a formula has no meaning: it may be a definition."""
        for item in self.meaning.items:
            unread = isinstance(item, Unread) and item.has_relation
            if unread or (isinstance(item, Claim) and not item.readings):
                error = None if isinstance(item, Fact) else item.error
                raise UsageError(
                    "the document holds a formula without a meaning"
                    + (f": {error.message}" if error else ""),
                    place=error.place if error else None,
                    advice="A definition may be missing; `derive check` shows every such formula.",
                )

    def _target(self, names: Names, text: str) -> t.Symbol | None:
        if text == SKIPPED:
            return None
        found = names.find(text)
        if found is None or found.objective is not None:
            raise UsageError(
                f"{text or 'nothing'} is no name of the document",
                advice=f"Its names: {names.known()}.",
            )
        return found.symbol

    def _judged(
        self,
        function: Callable[..., Any],
        matching: Matching,
        scribe: Transcription,
        returned: Sequence[tuple[int, t.Symbol, Node]],
    ) -> tuple[Result, ...]:
        fitting = [(at, s, node) for at, s, node in returned if _misfit(s, node) is None]
        equations = [scribe.equation(symbol, node) for _, symbol, node in fitting]
        judged: dict[int, Result] = {}
        if equations:
            meaning, claims = with_equations(self.meaning.document, equations)
            part = replace(meaning, items=claims)
            checked = check(part, self.limits, self.progress, self.repairs)
            pairs = zip(fitting, checked.judged, strict=True)
            for (at, symbol, _), (claim, judgement) in pairs:
                _check_left(claim, symbol, scribe.names.objective)
                trial = _Trial(function, matching, at, claim, judgement)
                trial.run()
                judged[at] = Result(symbol, judgement, claim)
        for at, symbol, node in returned:
            judged.setdefault(
                at, Result(symbol, Judgement("ill-typed", reason=_misfit(symbol, node) or ""))
            )
        return tuple(judged[at] for at in sorted(judged))


def _check_left(claim: Claim, symbol: t.Symbol, objective: t.Symbol) -> None:
    """Raises SoundnessError unless every reading is of the gradient that is meant."""
    for reading in claim.readings:
        left = reading.left
        of = left.of if isinstance(left, t.Derivative) else None
        is_loss = isinstance(of, t.Variable) and of.symbol.key == objective.key
        if not (is_loss and isinstance(left, t.Derivative) and left.target.key == symbol.key):
            raise SoundnessError("an equation of a traced function is read as one of another name")


def _returned(
    traced: Traced, targets: Sequence[t.Symbol | None]
) -> list[tuple[int, t.Symbol, Node]]:
    """Place, name and value of each returned array that is looked at."""
    if len(traced.outputs) != len(targets):
        arrays = len(traced.outputs)
        raise TracingError(
            f"the function returns {arrays} array{'s' * (arrays != 1)}, "
            f"and {len(targets)} name{'s are' if len(targets) != 1 else ' is'} given",
            place=traced.place,
            advice=f"Name an input for each, {SKIPPED} for one that is not looked at.",
        )
    both = zip(targets, traced.outputs, strict=True)
    return [(at, s, node) for at, (s, (_, node)) in enumerate(both) if s is not None]


def _misfit(symbol: t.Symbol, node: Node) -> str | None:
    """How the shape of a returned array differs from that of the input."""
    wanted: Shape = tuple(polynomial(length) for length in symbol.shape)
    if node.shape == wanted:
        return None
    return f"the function returns the shape {shown(node.shape)}, the input has {shown(wanted)}"


# ---- arguments ----------------------------------------------------------------------------------


def _arguments(
    trace: Trace, matching: Matching, labels: dict[int, Label], inputs: dict[str, Input]
) -> Iterator[tuple[str, Any]]:
    """A symbolic array for each array of the document, the same one wherever it is passed."""

    def made(meant: Meant, name: str) -> Any:
        match meant:
            case Given(symbol, shape, axes, objective):
                tracer = argument(trace, name, shape)
                assert isinstance(tracer.node, Input)
                inputs[name] = tracer.node
                loss = None if objective is None else writable(objective)
                labels[tracer.node.serial] = Label(writable(symbol), axes, loss)
                return tracer
            case tuple():
                return tuple(made(part, f"{name}[{k}]") for k, part in enumerate(meant))
            case Polynomial():
                return trace.size(meant)
            case Fraction():
                return int(meant) if meant.denominator == 1 else float(meant)

    for name, meant in matching.given.items():
        yield name, made(meant, name)
    yield from matching.defaults.items()


# ---- the function itself, on numbers -------------------------------------------------------------


@dataclass
class _Trial:
    """The right side of a claim beside what the function returns: they must be one.

    This is no part of the proof; it guards the way from the program to the equation.
    """

    function: Callable[..., Any]
    matching: Matching
    at: int
    claim: Claim
    judgement: Judgement

    def run(self) -> None:
        """Raises TracingError where the two differ, or where no point could be compared."""
        reading = self.judgement.proved_as or next(iter(self.claim.readings), None)
        if reading is None:
            return
        terms = [given.term for given in self.matching.arrays]
        context = self.claim.context
        needs = needs_of([reading.left, reading.right, *terms], reading.free, context)
        compared = 0
        for lengths in LENGTHS:
            sizes = {name: lengths[k % len(lengths)] for k, name in enumerate(needs.sizes)}
            for seed in range(SEEDS):
                point = draw(needs, context, sizes, f"{seed}", PLENTY)
                compared += point is not None and self._compare(reading, point.world())
        if not compared:
            raise TracingError(
                "the function could be compared with its formula at no point",
                advice="It has no value at the points that were tried.",
            )

    def _compare(self, reading: t.Reading, world: World) -> bool:
        try:
            ours = _side(reading, world)
            passed = {name: _number(m, world) for name, m in self.matching.given.items()}
        except (UndefinedHere, Unresolved, OverflowError):
            return False
        theirs = called(self.function, {**passed, **self.matching.defaults})
        if self.at >= len(theirs):
            raise TracingError("the function returns another number of arrays when it gets numbers")
        other = theirs[self.at]
        if not np.all(np.isfinite(other)):
            return False
        same(np.asarray(ours, dtype=float), other, world.sizes)
        return True


def _side(reading: t.Reading, world: World) -> Array:
    """The right side of a claim, one axis for each free index of the left side in its order."""
    assert isinstance(reading.left, t.Derivative)
    highs = {bound.name: bound.high.value(world.sizes) for bound in reading.free}
    letters = [at.single for at in reading.left.at if at is not None and at.single in highs]
    names = [letter for letter in letters if letter is not None]

    def entry(at: tuple[int, ...]) -> Array:
        indices = {name: k + 1 for name, k in zip(names, at, strict=True)}
        return evaluate(reading.right, world, indices, FLOAT)

    return build([highs[name] for name in names], entry)


def _number(meant: Meant, world: World) -> Any:
    """What the function gets for a parameter: floats."""
    match meant:
        case Given():
            value = np.asarray(evaluate(meant.term, world, {}, FLOAT), dtype=float)
            if not meant.shape:
                return float(value)
            kept = iter(value.shape)
            axes = range(len(meant.shape))
            return value.reshape([next(kept) if k in meant.axes else 1 for k in axes])
        case tuple():
            return tuple(_number(part, world) for part in meant)
        case Polynomial():
            return meant.value(world.sizes)
        case Fraction():
            return int(meant) if meant.denominator == 1 else float(meant)
