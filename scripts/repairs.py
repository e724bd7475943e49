"""Repair true claims made wrong by single edits; writes reports/repairs.md.

    python scripts/repairs.py [--variants 600] [--seed 0] [--processes 2] [--output FILE]

The claims are those of the library and of tests/documents/right that are proved. An edit counts as
repaired when one of the suggestions, at most three, says what the claim said: it is that claim, or
it keeps the side that the edit left alone, so that its other side is equal to the claim's. Every
suggestion is proved again by a fresh prover and put to the oracle at sizes up to 4.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from time import perf_counter

from variants import Variant, variants

from derive.errors import DeriveError
from derive.judgement.check import Judge
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import agrees, refute
from derive.judgement.repair import Repair, repairs
from derive.judgement.verdict import Limits, Witness
from derive.meaning.claims import Claim, Meaning
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("derive/library", "tests/documents/right")
LIMITS = Limits(seconds=2.0)
OUTCOMES = ("original", "equal", "other", "none")
MOST_EXAMPLES = 60
BATCH = 130
"""Variants after which the report is written anew."""

Place = tuple[str, int, int, str]
"""A document, the numbers of a claim and of its variant, and the kind of the edit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one wrong variant: the best suggestion, how many were shown and held."""

    kind: str
    text: str
    found: str
    at: int
    shown: int
    false: tuple[str, ...]
    seconds: float


# ---- the variants -------------------------------------------------------------------------------


def documents() -> list[str]:
    found = (path for folder in FOLDERS for path in sorted((ROOT / folder).iterdir()))
    return [str(path.relative_to(ROOT)) for path in found if path.suffix in (".md", ".tex")]


@lru_cache(maxsize=4)
def meaning_of(document: str) -> Meaning:
    text = (ROOT / document).read_text(encoding="utf-8")
    return understand(read_document(Source(document, text)))


def places_in(document: str) -> list[Place]:
    """Every variant of the claims of a document that are proved."""
    judge = Judge(LIMITS)
    return [
        (document, number, at, variant.kind)
        for number, claim in enumerate(meaning_of(document).claims)
        if claim.reread is not None and judge.judge(claim).verdict == "proved"
        for at, variant in enumerate(variants(claim))
    ]


def in_turn(places: list[Place], seed: int) -> list[Place]:
    """The variants in an order in which kinds and documents take turns."""
    shuffled = random.Random(seed).sample(places, len(places))
    groups: dict[tuple[str, str], list[Place]] = {}
    for place in shuffled:
        groups.setdefault((place[3], place[0]), []).append(place)
    kinds: dict[str, list[list[Place]]] = {}
    for (kind, _), found in groups.items():
        kinds.setdefault(kind, []).append(found)
    mixed = ([p for row in zip_longest(*g) for p in row if p] for _, g in sorted(kinds.items()))
    return [place for row in zip_longest(*mixed) for place in row if place]


# ---- one variant --------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def judge_of(document: str, again: bool) -> Judge:
    """A judge for a document; the one that looks again shares nothing with the first."""
    return Judge(LIMITS)


def outcome_of(place: Place) -> Outcome | None:
    """What is suggested for a variant; None for one that is not wrong."""
    document, number, at, _ = place
    claim = meaning_of(document).claims[number]
    variant = next(v for k, v in enumerate(variants(claim)) if k == at)
    wrong = changed(claim, variant)
    judge = judge_of(document, again=False)
    if wrong is None or judge.judge(wrong).verdict not in ("refuted", "ill-typed"):
        return None
    start = perf_counter()
    shown = repairs(wrong, judge._prover(claim.context))
    seconds = perf_counter() - start
    ranked = [ranking(claim, variant, repair) for repair in shown]
    found = min(ranked, key=OUTCOMES.index, default="none")
    told = f"{document}: `{variant.text}`"
    second = judge_of(document, again=True)
    false = tuple(f"{told}: {r.text}" for r in shown if not holds(r, second._prover(r.context)))
    first = ranked.index(found) + 1 if shown else 0
    return Outcome(variant.kind, told, found, first, len(shown), false, seconds)


def changed(claim: Claim, variant: Variant) -> Claim | None:
    """The claim with the sides of a variant, read in its place."""
    assert claim.reread is not None
    try:
        readings, error = claim.reread(variant.left, variant.right)
    except DeriveError:
        return None
    left, right = variant.left, variant.right
    return replace(claim, left=left, right=right, readings=readings, error=error)


def ranking(claim: Claim, variant: Variant, repair: Repair) -> str:
    """Whether a suggestion is the claim, equal to it side by side, or another true equation."""
    sides = repair.reading.left, repair.reading.right
    if repair.context is not claim.context or repair.words.startswith("holds if"):
        return "other"
    if (repair.left, repair.right) == (claim.left, claim.right):
        return "original"
    if sides in [(reading.left, reading.right) for reading in claim.readings]:
        return "original"
    kept = repair.right == claim.right if variant.side == "left" else repair.left == claim.left
    return "equal" if kept else "other"


def holds(repair: Repair, prover: Prover) -> bool:
    """Whether a fresh proof and a longer look of the oracle agree that a suggestion is true."""
    reading, context = repair.reading, repair.context
    proved = isinstance(prover.prove(reading), Proof)
    if not proved or agrees(reading, context, trials=6) is not None:
        return False
    return not isinstance(refute(reading, context, Limits(seconds=0.25)), Witness)


# ---- the report ---------------------------------------------------------------------------------


def report(outcomes: list[Outcome], seed: int, claims: int, seconds: float) -> Iterator[str]:
    shown = sum(outcome.shown for outcome in outcomes)
    false = [text for outcome in outcomes for text in outcome.false]
    times = sorted(outcome.seconds for outcome in outcomes)
    repaired = sum(outcome.found in ("original", "equal") for outcome in outcomes)
    first = sum(o.found in ("original", "equal") and o.at == 1 for o in outcomes)
    total = len(outcomes)
    yield from ("# Repairs", "")
    yield f"{total:,} equations, each one edit away from one of {claims} proved claims, and refuted"
    yield "or ill-typed, were given to `repairs`. `python scripts/repairs.py --variants"
    yield f"{total} --seed {seed}` repeats this; it took {seconds / 60:.0f} minutes."
    yield from (
        "",
        f"- {repaired} of {total} ({repaired / total:.1%}) have the claim itself, or one",
    )
    yield f"  equal to it side by side, among the first three suggestions; {first} as the first."
    yield f"- {shown} suggestions were shown; {shown - len(false)} of them were proved again and"
    yield "  agreed with the oracle at sizes up to 4."
    yield f"- Time per claim: median {times[total // 2]:.2f} s, 95 % below"
    yield f"  {times[int(total * 0.95)]:.2f} s, at most {times[-1]:.2f} s (elapsed, on a shared"
    yield "  machine)."
    yield from ("", *table(outcomes), "", f"## Suggestions that do not hold: {len(false)}", "")
    yield from (f"- {text}" for text in false)
    for name, said in (("other", "Another true equation only"), ("none", "No suggestion")):
        found = [outcome for outcome in outcomes if outcome.found == name]
        yield from ("", f"## {said}: {len(found)}", "")
        yield from (f"- {o.kind}: {o.text}" for o in found[:MOST_EXAMPLES])


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Counts by kind: *original* is the claim itself, *equal* has the same value on each side."""
    yield "| edit | original | equal | other | none | all | repaired | mean s |"
    yield "|---|" + "---:|" * 7
    kinds = sorted({outcome.kind for outcome in outcomes})
    for kind in (*kinds, "all"):
        chosen = [outcome for outcome in outcomes if kind in (outcome.kind, "all")]
        counts = Counter(outcome.found for outcome in chosen)
        share = (counts["original"] + counts["equal"]) / len(chosen)
        mean = sum(outcome.seconds for outcome in chosen) / len(chosen)
        cells = " | ".join(str(counts[name]) for name in OUTCOMES)
        yield f"| {kind} | {cells} | {len(chosen)} | {share:.0%} | {mean:.2f} |"


def main() -> None:
    options = argparse.ArgumentParser(description="Measure repairs on edited claims.")
    options.add_argument("--variants", type=int, default=600)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--output", type=Path, default=ROOT / "reports" / "repairs.md")
    given = options.parse_args()
    start = perf_counter()
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(given.processes) as pool:
        places = [place for found in pool.map(places_in, documents()) for place in found]
        waiting = in_turn(places, given.seed)
        claims = len({(document, claim) for document, claim, _, _ in places})
        while waiting and len(outcomes) < given.variants:
            batch, waiting = sorted(waiting[:BATCH]), waiting[BATCH:]
            outcomes += [found for found in pool.map(outcome_of, batch, chunksize=8) if found]
            outcomes = outcomes[: given.variants]
            lines = list(report(outcomes, given.seed, claims, perf_counter() - start))
            given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(len(outcomes), Counter(outcome.found for outcome in outcomes), flush=True)


if __name__ == "__main__":
    main()
