"""A note as it was published, slips included: every relation is judged, every slip is repaired.

The document of our own in `documents/wrong` has the same equations and the same slips. The
published text itself is used where it lies beside the project.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import understood

from derive.judgement.check import Checked, check

OWN = Path(__file__).parent / "documents" / "wrong" / "batchnorm-note.md"
PUBLISHED = Path(__file__).parents[2] / "shared" / "seed" / "batchnorm_note.txt"

SLIPS = {
    24: r"\frac{\partial y_i}{\partial \hat{x}_i} = \gamma",
    26: r"\frac{\partial \hat{x}_i}{\partial x_j} = ",
    36: r"i \neq j",
    54: r"\frac{\partial y_i}{\partial \hat{x}_i}",
}
"""The line of each slip in the published note, and what a repair of it says."""


def checked(path: Path) -> Checked:
    meaning = understood(path.read_text(encoding="utf-8"), path.name)
    return check(meaning, repairs=True)


@pytest.fixture(scope="module")
def own() -> Checked:
    return checked(OWN)


def test_each_slip_has_a_witness_and_the_repair_that_was_meant(own: Checked) -> None:
    wrong = [j for _, j in own.judged if j.verdict != "proved"]
    assert [j.verdict for j in wrong] == ["ill-typed", *["refuted"] * 4]
    assert all(j.witness for j in wrong[1:])
    for judgement, meant in zip(wrong, [*SLIPS.values(), SLIPS[54]], strict=True):
        assert any(meant in repair for repair in judgement.repairs)


def test_what_is_redefined_and_what_is_broken_is_noted(own: Checked) -> None:
    notes = "\n".join(note.text for note in own.meaning.notes)
    for said in ("y is one column or row of Y", r"\gamma is declared anew", r"\mu is restated"):
        assert said in notes
    assert "v is restated as shape (D)" in notes
    assert "a lower end only" in notes


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published note is not here")
def test_the_note_as_it_was_published() -> None:
    found = checked(PUBLISHED)
    source = found.meaning.document.source
    lines = [source.position(claim.relation.span.start)[0] for claim, _ in found.judged]
    judgements = [judgement for _, judgement in found.judged]
    assert len(judgements) == 21 and not found.unread
    for line, judgement in zip(lines, judgements, strict=True):
        if judgement.verdict == "proved":
            continue
        assert judgement.verdict == ("ill-typed" if line == 24 else "refuted")
        assert any(SLIPS[line] in repair for repair in judgement.repairs)
    assert sum(judgement.verdict != "proved" for judgement in judgements) == 5
