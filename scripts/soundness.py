"""Judge true claims made false by single edits, by both judges apart; writes reports/soundness.md.

    python scripts/soundness.py [--variants 2000] [--seed 0] [--output reports/soundness.md]

The claims are those of the library and the true ones of tests/documents. Each variant is judged by
the prover and by the oracle, neither knowing of the other. A reading that is proved and has a
witness at sizes up to 4 is a soundness bug.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from time import perf_counter

import corpus
from variants import Variant, variants

from derive.errors import DeriveError, IllTypedError
from derive.judgement.check import Judge
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import reevaluate, refute
from derive.judgement.verdict import Limits, Witness
from derive.judgement.witness import format_witness
from derive.meaning.claims import Claim, Meaning
from derive.meaning.scope import understand
from derive.meaning.terms import Reading
from derive.reading.document import read_document
from derive.reading.span import Source

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("derive/library", "tests/documents/right", "tests/documents/wrong")
LIMITS = Limits(seconds=1.0)
LONGER = Limits(seconds=5.0)
MOST_REASONS = 25
OUTCOMES = ("refuted", "ill-typed", "proved, equal", "undecided", "unread", "bug")

Task = tuple[str, tuple[tuple[int, int], ...]]
"""A document, and the numbers of its claims and of their variants."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one variant; `reason` says why it is not judged or what the bug is."""

    kind: str
    verdict: str
    text: str
    reason: str = ""


# ---- the variants -------------------------------------------------------------------------------


def documents() -> list[str]:
    found = (path for folder in FOLDERS for path in sorted((ROOT / folder).iterdir()))
    return [str(path.relative_to(ROOT)) for path in found if path.suffix in (".md", ".tex")]


@lru_cache(maxsize=4)
def meaning_of(document: str) -> Meaning:
    text = (ROOT / document).read_text(encoding="utf-8")
    return understand(read_document(Source(document, text)))


def places_in(document: str) -> list[tuple[str, int, int, str]]:
    """The document, claim, number and kind of each variant of the claims that are proved."""
    judge = Judge(LONGER)
    return [
        (document, number, at, variant.kind)
        for number, claim in enumerate(meaning_of(document).claims)
        if claim.reread is not None and judge.judge(claim).verdict == "proved"
        for at, variant in enumerate(variants(claim))
    ]


def sample(places: list[tuple[str, int, int, str]], most: int, seed: int) -> list[Task]:
    """At most so many variants, the kinds in turn, together by documents."""
    shuffled = random.Random(seed).sample(places, len(places))
    by_kind: dict[str, list[tuple[str, int, int]]] = {}
    for document, claim, at, kind in shuffled:
        by_kind.setdefault(kind, []).append((document, claim, at))
    turns = (place for row in zip_longest(*by_kind.values()) for place in row if place is not None)
    chosen = [place for place, _ in zip(turns, range(most), strict=False)]
    tasks: dict[str, list[tuple[int, int]]] = {}
    for document, claim, at in sorted(chosen):
        tasks.setdefault(document, []).append((claim, at))
    return [
        (document, tuple(wanted[start : start + 100]))
        for document, wanted in tasks.items()
        for start in range(0, len(wanted), 100)
    ]


# ---- the judges ---------------------------------------------------------------------------------


def judge_task(task: Task) -> list[Outcome]:
    document, wanted = task
    claims = meaning_of(document).claims
    provers: dict[int, Prover] = {}
    outcomes = []
    for number in dict.fromkeys(claim for claim, _ in wanted):
        claim, numbers = claims[number], {at for c, at in wanted if c == number}
        prover = provers.setdefault(id(claim.context), Prover(claim.context, LIMITS))
        for at, variant in enumerate(variants(claim)):
            if at in numbers:
                outcomes.append(judge_variant(claim, variant, prover, document))
    return outcomes


def judge_variant(claim: Claim, variant: Variant, prover: Prover, document: str) -> Outcome:
    """Both judges on every reading of a variant."""
    told = f"{document}: `{variant.text}`"
    try:
        verdict, reason = _verdict(claim, variant, prover)
    except Exception as error:
        verdict, reason = "bug", f"{type(error).__name__}: {error}"
    return Outcome(variant.kind, verdict, told, reason)


def _verdict(claim: Claim, variant: Variant, prover: Prover) -> tuple[str, str]:
    assert claim.reread is not None
    try:
        readings, error = claim.reread(variant.left, variant.right)
    except DeriveError as caught:
        return "unread", caught.message
    if not readings:
        said = error.message if error else "no reading"
        return ("ill-typed" if isinstance(error, IllTypedError) else "unread"), said
    found = [(reading, prover.prove(reading)) for reading in readings]
    looked = [refute(reading, claim.context, LIMITS) for reading in readings]
    for (_, proof), witness in zip(found, looked, strict=True):
        if isinstance(proof, Proof) and isinstance(witness, Witness):
            return "bug", f"proved, and {format_witness(witness)}"
    if any(isinstance(proof, Proof) for _, proof in found):
        return "proved, equal", ""
    return _unproved(claim, found, looked)


def _unproved(
    claim: Claim, found: list[tuple[Reading, Proof | str]], looked: list[Witness | int]
) -> tuple[str, str]:
    """Refuted if each reading has a witness that holds when it is evaluated again."""
    for (reading, reason), witness in zip(found, looked, strict=True):
        if isinstance(witness, Witness):
            again = reevaluate(witness, reading, claim.context)
            if again is not None and again[0] == again[1]:
                return "bug", f"both sides are {again[0]} at {format_witness(witness)}"
            continue
        longer = refute(reading, claim.context, LONGER)
        differs = " (different after a longer look)" if isinstance(longer, Witness) else ""
        trials = "no admissible point" if witness == 0 else "exact trials agreed"
        return "undecided", f"{reason}; {trials}{differs}"
    return "refuted", ""


# ---- the report ---------------------------------------------------------------------------------


def report(outcomes: list[Outcome], seed: int, count: int, seconds: float) -> Iterator[str]:
    kinds: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        kinds.setdefault(outcome.kind, Counter())[outcome.verdict] += 1
    bugs = [outcome for outcome in outcomes if outcome.verdict == "bug"]
    yield from ("# Soundness", "")
    yield f"{len(outcomes):,} equations, each one edit away from one of {count} proved claims, were"
    yield "judged by the prover and by the oracle apart, at sizes up to 4. `python"
    yield f"scripts/soundness.py --variants {len(outcomes)} --seed {seed}` repeats this; it took"
    yield f"{seconds / 60:.0f} minutes on two processes. *Proved, equal*: the prover proves it and"
    yield "the oracle finds no difference. *Bug*: proved and different, or an exception."
    yield from ("", *table(kinds), "", "## The corpus, as marked", "", *corpus.table())
    yield from ("", f"## Bugs: {len(bugs)}", "")
    yield from (f"- {bug.text}: {bug.reason}" for bug in bugs)
    for verdict in ("undecided", "unread"):
        found = [outcome for outcome in outcomes if outcome.verdict == verdict]
        yield from ("", f"## {verdict.capitalize()}: {len(found)}", "", *reasons(found))


def table(kinds: dict[str, Counter[str]]) -> Iterator[str]:
    total = sum(kinds.values(), Counter[str]())
    names = [name for name in OUTCOMES if total[name] or name == "bug"]
    yield f"| edit | {' | '.join(names)} | all |"
    yield "|---|" + "---:|" * (len(names) + 1)
    for kind, counts in (*sorted(kinds.items(), key=lambda item: -item[1].total()), ("all", total)):
        yield f"| {kind} | {' | '.join(str(counts[name]) for name in names)} | {counts.total()} |"


def reasons(found: list[Outcome]) -> Iterator[str]:
    """How often each reason occurs, with up to three examples."""
    counts = Counter(re.sub(r"\d+", "n", outcome.reason) for outcome in found)
    for reason, count in counts.most_common(MOST_REASONS):
        yield f"- {count} × {reason}"
        fitting = (o.text for o in found if re.sub(r"\d+", "n", o.reason) == reason)
        yield from (f"  - {text}" for text, _ in zip(fitting, range(3), strict=False))


def main() -> None:
    options = argparse.ArgumentParser(description="Measure soundness on edited claims.")
    options.add_argument("--variants", type=int, default=2000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--output", type=Path, default=ROOT / "reports" / "soundness.md")
    given = options.parse_args()
    start = perf_counter()
    with ProcessPoolExecutor(2) as pool:
        places = [place for found in pool.map(places_in, documents()) for place in found]
        tasks = sample(places, given.variants, given.seed)
        outcomes = [outcome for found in pool.map(judge_task, tasks) for outcome in found]
    count = len({(document, claim) for document, claim, _, _ in places})
    lines = list(report(outcomes, given.seed, count, perf_counter() - start))
    given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(len(places), "variants;", Counter(outcome.verdict for outcome in outcomes))


if __name__ == "__main__":
    main()
