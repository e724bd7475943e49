"""Judge the corpus and single random edits of its true claims; writes reports/soundness.md.

    python scripts/soundness.py [--variants 2000] [--seed 0]

A proved variant is looked at by the oracle at sizes up to 4: a witness there is a soundness bug.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from derive.errors import SoundnessError
from derive.judgement.check import Judge, check
from derive.judgement.refute import refute
from derive.judgement.verdict import Limits
from derive.judgement.witness import format_witness
from derive.meaning.claims import Meaning
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("right", "wrong", "open")
LIMITS = Limits(seconds=2.0)
EDITS: tuple[tuple[str, str, str], ...] = (
    ("sign", r" - ", " + "),
    ("sign", r" \+ ", " - "),
    ("factor", r"= ", "= 2 "),
    ("factor", r"\\frac\{1\}\{[ND]\}", ""),
    ("factor", r"\\frac\{2\}", r"\\frac{1}"),
    ("exponent", r"\^2", "^3"),
    ("exponent", r"\^3", "^2"),
    ("index", r"_i\b", "_j"),
    ("index", r"_j\b", "_i"),
    ("index", r"_\{ij\}", "_{ji}"),
    ("index", r"_\{ik\}", "_{ki}"),
    ("name", r"\bx_", "y_"),
    ("name", r"\bp_", "x_"),
    ("case", r" \\neq ", " = "),
    ("sum dropped", r"\\sum_\{i=1\}\^\{[NDM]\}", ""),
    ("sum dropped", r"\\sum_\{k=1\}\^\{[NDMK]\}", ""),
)
Place = tuple[str, int, int, int]
"""A document, the offset of a claim, and the start of an edit with its number."""


def documents(folder: str) -> list[Path]:
    files = (ROOT / "tests" / "documents" / folder).iterdir()
    return sorted(path for path in files if path.suffix in (".md", ".tex"))


def read(path: str, text: str) -> Meaning:
    return understand(read_document(Source(path, text)))


def measure(path: Path) -> tuple[Counter[str], list[str], list[Place]]:
    """Verdicts, undecided claims with reasons, and the places of edits in the proved claims."""
    meaning = read(path.name, path.read_text(encoding="utf-8"))
    checked, source = check(meaning), meaning.document.source
    open_claims, places = [], []
    for claim, judgement in checked.judged:
        if judgement.verdict == "undecided":
            open_claims.append(f"{path.name}: `{source.cut(claim.span)}`: {judgement.reason}")
        if judgement.verdict == "proved":
            for number, (_, pattern, _) in enumerate(EDITS):
                for hit in re.finditer(pattern, source.text[claim.span.start : claim.span.end]):
                    at = claim.span.start + hit.start()
                    places.append((str(path), claim.span.start, at, number))
    return checked.counts, open_claims, places


def judge_variant(place: Place) -> tuple[str, str, str]:
    """The kind of edit, the outcome, and what is to be told about it."""
    path, start, at, number = place
    kind, pattern, new = EDITS[number]
    text = Path(path).read_text(encoding="utf-8")
    text = text[:at] + re.sub(pattern, new, text[at:], count=1)
    claims = [c for c in read(path, text).claims if c.span.start == start]
    for claim in claims:
        shown = text[claim.span.start : claim.span.end]
        try:
            judgement = Judge(LIMITS).judge(claim)
        except SoundnessError as error:
            return kind, "soundness bug", f"{Path(path).name}: `{shown}`: {error.message}"
        if judgement.proved_as is not None:
            witness = refute(judgement.proved_as, claim.context, LIMITS)
            if not isinstance(witness, int):
                told = f"{Path(path).name}: `{shown}`: {format_witness(witness)}"
                return kind, "soundness bug", told
        return kind, judgement.verdict, ""
    return kind, "no claim", ""


def table(head: str, rows: dict[str, Counter[str]]) -> list[str]:
    names = sorted({name for counts in rows.values() for name in counts})
    lines = [f"| {head} | {' | '.join(names)} | all |", "|---" * (len(names) + 2) + "|"]
    for row, counts in rows.items():
        cells = " | ".join(str(counts[name]) for name in names)
        lines.append(f"| {row} | {cells} | {counts.total()} |")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description="Measure soundness on the corpus.")
    options.add_argument("--variants", type=int, default=2000)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    folders: dict[str, Counter[str]] = {}
    kinds: dict[str, Counter[str]] = {}
    undecided, places, bugs = [], [], []
    with ProcessPoolExecutor(2) as pool:
        for folder in FOLDERS:
            folders[folder] = Counter()
            for counts, claims, found in pool.map(measure, documents(folder)):
                folders[folder] += counts
                undecided += claims
                places += found
        chosen = random.Random(given.seed).sample(places, min(given.variants, len(places)))
        for kind, outcome, told in pool.map(judge_variant, chosen, chunksize=8):
            kinds.setdefault(kind, Counter())[outcome] += 1
            bugs += [told] if outcome == "soundness bug" else []
    lines = ["# Soundness", "", "## The corpus", "", *table("folder", folders), ""]
    lines += [f"## {len(chosen)} edited claims, seed {given.seed}", "", *table("edit", kinds), ""]
    lines += [f"## Soundness bugs: {len(bugs)}", "", *(f"- {bug}" for bug in bugs), ""]
    lines += ["## Undecided", "", *(f"- {claim}" for claim in undecided), ""]
    (ROOT / "reports" / "soundness.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
