"""Each document of the library: proved in full, with every gradient, its behaviour and sources."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from judging import understood
from library_documents import NAMES, inputs, judged, stated, text

from derive import api
from derive.gradient.stated import stated_forms
from derive.judgement.prove import Proof, Prover

SECTIONS = ("Numerical behaviour", "Sources")


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_is_proved(name: str, record_property: Callable[[str, object], None]) -> None:
    checked = judged(name)
    record_property("seconds", round(sum(j.seconds for _, j in checked.judged), 2))
    assert not checked.unread
    assert checked.judged
    place = checked.meaning.document.source.position
    open_ = [
        (place(claim.relation.span.start)[0], judgement.verdict, judgement.reason)
        for claim, judgement in checked.judged
        if judgement.verdict != "proved"
    ]
    assert open_ == []


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_by_every_input_is_stated(name: str) -> None:
    forms = stated(name)
    assert {form.target.key for form in forms} >= inputs(forms[-1].context)


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_gradient_is_not_proved(name: str) -> None:
    form = stated(name)[-1]
    whole, start = text(name), form.links[-1].relation.span.start
    changed = understood(f"{whole[:start]}= 1 +{whole[start + 1 :]}", f"{name}.md")
    claims = [claim for claim in changed.claims if claim.relation.span.start == start]
    assert claims
    for claim in claims:
        for reading in claim.readings:
            assert not isinstance(Prover(claim.context).prove(reading), Proof)


@pytest.mark.parametrize("name", NAMES)
def test_title_and_sections(name: str) -> None:
    lines = text(name).splitlines()
    assert re.fullmatch(r"# \S.{10,90}\S", lines[0])
    assert len(lines[2]) > 60, "what it is for stands under the title"
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert tuple(headings[-2:]) == SECTIONS
    sources = [line for line in lines[lines.index("## Sources") :] if line.startswith("- ")]
    assert sources
    for source in sources:
        assert re.search(r"\*.+\*.*\b(1[89]|20)\d\d\b", source), source


def test_titles_differ() -> None:
    titles = api.documents()
    assert len(set(titles.values())) == len(titles)


def test_a_form_with_another_gradient_inside_is_not_closed() -> None:
    document = (
        "Let $x \\in \\mathbb{R}^N$, $u_i = x_i^2$, $y_i = u_i^2$ and $f : \\mathbb{R}^N \\to "
        "\\mathbb{R}$.\n\n$$\\frac{\\partial f}{\\partial x_i} = "
        "2 x_i \\frac{\\partial f}{\\partial u_i}$$"
    )
    assert list(stated_forms(understood(document))) == []
