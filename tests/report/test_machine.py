"""The JSON report: the place, the verdict and the witness of each link."""

from __future__ import annotations

import json
from typing import Any

import pytest
from judging import judged

from derive.report.machine import to_json

VECTOR = "$x \\in \\mathbb{R}^N$ and $m = \\frac{1}{N} \\sum_{i=1}^{N} x_i$.\n\n"


def report(*texts: str) -> Any:
    return json.loads(to_json([judged(text) for text in texts]))


@pytest.mark.parametrize(
    ("display", "places"),
    [
        ("$$N m = \\sum_i x_i$$", [(3, 7, 3, 19, "proved")]),
        ("$$m = 2 m$$", [(3, 5, 3, 10, "refuted")]),
        ("$$m = m = 2 m$$", [(3, 5, 3, 8, "proved"), (3, 9, 3, 14, "refuted")]),
        ("$$\nm\n= m\n= x\n$$", [(5, 1, 5, 4, "proved"), (6, 1, 6, 4, "ill-typed")]),
        ("$$m = (m$$", [(3, 8, 3, 9, "unread")]),
    ],
)
def test_places(display: str, places: list[tuple[int, int, int, int, str]]) -> None:
    claims = report(VECTOR + display)["documents"][0]["claims"]
    keys = ("line", "column", "end_line", "end_column", "verdict")
    assert [tuple(claim[key] for key in keys) for claim in claims] == places


def test_latex_is_printed_from_the_syntax() -> None:
    (claim,) = report(VECTOR + "$$N  m=\\sum_{i} {x}_{i}$$")["documents"][0]["claims"]
    assert claim["latex"] == "Nm = \\sum_{i} {x}_i"


def test_a_witness_is_exact_text() -> None:
    (claim,) = report(VECTOR + "$$x_i - m = \\frac{1}{2}$$")["documents"][0]["claims"]
    witness = claim["witness"]
    assert set(witness) == {"sizes", "values", "indices", "left", "right"}
    assert all(isinstance(value, str) for value in witness["values"]["x"])
    assert witness["indices"].keys() == {"i"}
    assert witness["left"] != witness["right"]


def test_several_documents_are_counted_together() -> None:
    whole = report(VECTOR + "$$m = m$$", VECTOR + "$$m = 2 m$$", "")
    assert [len(d["claims"]) for d in whole["documents"]] == [1, 1, 0]
    assert [len(d["findings"]) for d in whole["documents"]] == [0, 1, 0]
    assert whole["summary"]["documents"] == 3
    assert (whole["summary"]["proved"], whole["summary"]["refuted"]) == (1, 1)
