"""What a notebook is given: well-formed fragments in which no word of a document is obeyed."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from judging import judged, library_text

from derive.gradient.steps import Gradient, derive_gradient
from derive.report.notebook import gradient_html, gradient_latex, html, latex

VECTOR = "$x \\in \\mathbb{R}^N$ and $m = \\frac{1}{N} \\sum_{i=1}^{N} x_i$.\n\n"
FALSE = VECTOR + "$$\\sum_i x_i = m$$\n"
HOSTILE = (
    '# <script>alert(1)</script> & "quotes" $\\text{<b>}$\n\n'
    + VECTOR
    + "$$\\sum_i x_i = N m \\text{<script>}$$\n\n$$\\frac{m}{<img = 1$$\n"
)


@pytest.fixture(scope="module")
def gradient() -> Gradient:
    return derive_gradient(judged(library_text("batchnorm")).meaning, "X")


def well_formed(fragment: str) -> str:
    ElementTree.fromstring(fragment.replace("<br>", "<br/>"))
    return fragment


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (VECTOR + "$$\\sum_i x_i = N m$$", ">proved</span>"),
        (FALSE, ">refuted</span>"),
        (FALSE, "witness: N = 2, x = (1, 0): left 1, right 1/2"),
        (FALSE, "1 claim: 1 refuted"),
        (VECTOR + "$$\\frac{\\partial m}{\\partial x} = x_i$$", ">ill-typed</span>"),
        (VECTOR + "$$\\frac{m}{m = 1$$\n\nNext.", ">unread</span>"),
        ("", "no claims"),
        (HOSTILE, "alert(1) &amp; &quot;quotes&quot;"),
    ],
)
def test_html_says(text: str, wanted: str) -> None:
    assert wanted in well_formed(html(judged(text)))


@pytest.mark.parametrize("forbidden", ["<script", "<b>", "<img"])
def test_html_obeys_no_word(forbidden: str) -> None:
    assert forbidden not in html(judged(HOSTILE))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (FALSE, "\\sum_{i} x_i &= m && \\text{refuted}"),
        (VECTOR + "$$\\sum_i x_i = N m$$", "&= Nm && \\text{proved}"),
        ("", "\\text{no claims}"),
    ],
)
def test_latex_says(text: str, wanted: str) -> None:
    written = latex(judged(text))
    assert wanted in written
    assert written.startswith("$$\n\\begin{aligned}")
    assert written.endswith("\\end{aligned}\n$$")


def test_gradient(gradient: Gradient) -> None:
    assert "<math" in well_formed(gradient_html(gradient))
    assert gradient_html(gradient).count("<li>") == len(gradient.steps)
    assert "\\frac{\\partial f}{\\partial" in gradient_latex(gradient)
    assert gradient_html(gradient) == gradient_html(gradient)
