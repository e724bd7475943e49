"""The report as one HTML page: well-formed, escaped, complete, the same every time."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from judging import judged

import derive
from derive.report.html import page

WRONG = sorted((Path(__file__).parents[1] / "documents" / "wrong").glob("*.md"))[:6]
XHTML = "{http://www.w3.org/1999/xhtml}"


def parsed(text: str) -> ElementTree.Element:
    """The page as XML; the parser refuses what is not well-formed."""
    return ElementTree.fromstring(text.replace("<!DOCTYPE html>", "", 1))


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.name)
def test_every_claim_has_its_verdict(path: Path) -> None:
    checked = judged(path.read_text(encoding="utf-8"), path.name)
    root = parsed(page(checked))
    anchors = [e.get("id", "") for e in root.iter() if e.get("id", "").startswith("claim-")]
    stated = len(checked.judged) + len(checked.unread)
    assert len(anchors) == len(set(anchors)) == stated
    badges = [e for e in root.iter(f"{XHTML}span") if "badge" in e.get("class", "")]
    shown = [str(badge.get("class")).split()[1] for badge in badges]
    for _, judgement in checked.judged:
        assert judgement.verdict in shown


def test_links_lead_to_what_is_there() -> None:
    root = parsed(page(judged(WRONG[0].read_text(encoding="utf-8"))))
    anchors = {e.get("id") for e in root.iter()}
    links = [e.get("href", "") for e in root.iter(f"{XHTML}a")]
    assert links
    assert all(link[1:] in anchors for link in links if link.startswith("#"))


def test_words_of_a_document_are_not_obeyed() -> None:
    text = (
        '# A &lt;script&gt;alert("t")&lt;/script&gt; &amp; more\n\n'
        'Let $x \\in \\mathbb{R}$, says <img src="x" onerror="alert(1)">.\n\n'
        "$$x = \\text{<b>} x$$\n\n$$x < 2 = \\frac{1$$\n"
    )
    written = page(judged(text, '<"&>.md'))
    parsed(written)
    for dangerous in ("<script", "<img", "<b>"):
        assert dangerous not in written
    assert "&lt;&quot;&amp;&gt;.md" in written


def test_nothing_is_fetched() -> None:
    written = page(judged(WRONG[0].read_text(encoding="utf-8")))
    assert "http" not in written.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert "src=" not in written


def test_the_report_of_a_library_document_is_the_same_every_time() -> None:
    first = derive.load("tanh").report("html")
    assert first == derive.load("tanh").report("html")
    assert "The gradients, derived" in first
    parsed(first)
