"""Whole documents: every claim of `right` is proved, every marked claim of `wrong` is found.

A claim whose verdict is not *proved* carries the verdict at the end of the line of its relation
sign: `<!-- refuted -->` in Markdown, `% refuted` in LaTeX (also `ill-typed`, `undecided`). Claims
that are true and not decided yet are in `open`, marked `undecided`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from judging import judged

FOLDER = Path(__file__).parent / "documents"
DOCUMENTS = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".md", ".tex"))
MARK = re.compile(r"(?:<!--|%) (refuted|ill-typed|undecided)(?: -->)?$")


def expected(line: str) -> str:
    mark = MARK.search(line)
    return mark.group(1) if mark else "proved"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_claim_has_the_marked_verdict(path: Path) -> None:
    checked = judged(path.read_text(encoding="utf-8"), path.name)
    source = checked.meaning.document.source
    found, marked = [], []
    for claim, judgement in checked.judged:
        number, _ = source.position(claim.relation.span.start)
        found.append((number, judgement.verdict))
        marked.append((number, expected(source.line(number))))
    assert found == marked
    assert found
    assert not checked.unread


@pytest.mark.parametrize(("folder", "verdicts"), [("right", set()), ("open", {"undecided"})])
def test_marks_fit_their_folder(folder: str, verdicts: set[str]) -> None:
    texts = [p.read_text(encoding="utf-8") for p in DOCUMENTS if p.parent.name == folder]
    marks = {expected(line) for text in texts for line in text.split("\n")}
    assert marks - {"proved"} <= verdicts
