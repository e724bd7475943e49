"""Where mathematics stands: Markdown, LaTeX, displays, layout, separators, macros, options."""

from __future__ import annotations

import pytest
from judging import display, last, outcomes

AB = r"Let $a, b, c \in \mathbb{R}$ and $x, y \in \mathbb{R}^N$."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$a + b = b + a$", "proved"),
        (r"\(a + b = b - a\)", "refuted"),
        ("$$a + b = b + a$$", "proved"),
        (r"\[a + b = b - a\]", "refuted"),
        ("\\begin{equation}\na + b = b + a\n\\end{equation}", "proved"),
        ("\\begin{equation*}\na + b = b - a\n\\end{equation*}", "refuted"),
        ("\\begin{align}\na + b &= b + a\\\\ a - b &= b - a\n\\end{align}", "proved, refuted"),
        ("\\begin{align*}\na + b &= b + a\\\\ &= a - b\n\\end{align*}", "proved, refuted"),
        ("$$\\begin{aligned}\na - a &= 0\\\\ b - b &= 1\n\\end{aligned}$$", "proved, refuted"),
        ("\\begin{gather}\na - a = 0\\\\ b - b = 1\n\\end{gather}", "proved, refuted"),
        ("$$\\begin{split}\na + b &= b\\\\ &\\quad + a\n\\end{split}$$", "proved"),
        ("$$\\begin{split}\na + b &= b\\\\ &\\quad - a\n\\end{split}$$", "refuted"),
        ("\\begin{multline}\na + b\\\\ = b + a\n\\end{multline}", "proved"),
        ("\\begin{multline*}\na + b\\\\ = b - a\n\\end{multline*}", "refuted"),
        ("\\begin{eqnarray}\na + b &=& b + a\\\\ &=& b - a\n\\end{eqnarray}", "proved, refuted"),
        ("\\begin{flalign}\na - a &= 0 & b - b = 1\n\\end{flalign}", "proved, refuted"),
        ("\\begin{alignat}{2}\na - a &= 0, \\quad & b &= b + 1\n\\end{alignat}", "proved, refuted"),
        ("`$a = b$` and\n\n```\n$$a = b$$\n```\n", ""),
        ("~~~\n$$a - a = 1$$\n~~~\n\n$a - a = 0$", "proved"),
        ("- first $a - a = 0$\n- then $a - a = 1$", "proved, refuted"),
        ("> $a - a = 1$", "refuted"),
        ("## A heading with $a - a = 1$", "refuted"),
        ("It costs \\$5 and \\$6.", ""),
    ],
)
def test_markdown(text: str, expected: str) -> None:
    assert outcomes(f"{AB}\n\n{text}\n", len(AB)) == expected


TEX = (
    "\\documentclass{article}\n%s\\begin{document}\n"
    "Let $a, b \\in \\mathbb{R}$.\n%s\n\\end{document}\n"
)


@pytest.mark.parametrize(
    ("preamble", "body", "expected"),
    [
        ("", "$a - a = 0$", "proved"),
        ("", "\\[a - a = 1\\]", "refuted"),
        ("$a - a = 1$\n", "$a - a = 0$", "proved"),
        ("", "% $a - a = 1$\n$a - a = 0$", "proved"),
        ("", "$a - a % + 1\n = 0$", "proved"),
        ("", "\\verb|$a - a = 1$|", ""),
        ("", "\\begin{verbatim}\n$a - a = 1$\n\\end{verbatim}", ""),
        ("", "\\begin{align}a - a &= 0 \\label{e} \\\\ b &= b + 1 \\nonumber\\end{align}",
         "proved, refuted"),
        ("\\newcommand{\\half}{\\frac12}\n", "$\\half a + \\half a = a$", "proved"),
        ("\\newcommand{\\half}{\\frac13}\n", "$\\half a + \\half a = a$", "refuted"),
        ("\\newcommand{\\sq}[1]{#1^2}\n", "$\\sq{a} = a a$", "proved"),
        ("\\newcommand{\\sq}[1]{#1^3}\n", "$\\sq{a} = a a$", "refuted"),
        ("\\def\\twice#1{2 #1}\n", "$\\twice{a} = a + a$", "proved"),
        ("\\DeclareMathOperator{\\relu}{relu}\n", "$\\relu(a) = \\max(a, 0)$", "proved"),
        ("\\DeclareMathOperator{\\relu}{relu}\n", "$\\relu(a) = \\max(a, 1)$", "refuted"),
        ("\\newcommand{\\loop}{\\loop + 1}\n", "$\\loop = a$\n\n$b - b = 0$", "unread, proved"),
        ("\\newcommand{\\p}{\\q}\\newcommand{\\q}{\\p}\n", "$\\p = a$\n\n$b - b = 1$",
         "unread, refuted"),
        ("% derive: partials=direct\n", "Let $u = a^2$ and $w = u + a$.\n\n"
         "$\\frac{\\partial w}{\\partial a} = 1$", "definition, definition, proved"),
        ("% derive: partials=total\n", "Let $u = a^2$ and $w = u + a$.\n\n"
         "$\\frac{\\partial w}{\\partial a} = 1$", "definition, definition, refuted"),
    ],
)  # fmt: skip
def test_tex(preamble: str, body: str, expected: str) -> None:
    text = TEX % (preamble, body)
    found = outcomes(text, path="paper.tex").split(", ", 1)
    assert found[0] == "declaration"
    assert "".join(found[1:]) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\left( a + b \right)^2 = a^2 + 2 a b + b^2", "proved"),
        (r"\left( a + b \right)^2 = a^2 + b^2", "refuted"),
        (r"\big( a \big) \, b \; = \quad b \> a", "proved"),
        (r"\displaystyle \frac{a}{2} = \tfrac12 a", "proved"),
        (r"\dfrac{a}{2} = \cfrac{a}{3}", "refuted"),
        (r"a - a = 0 \tag{1}", "proved"),
        (r"a - a = 1 \label{eq:a}", "refuted"),
        (r"{\color{red} a} - a = 0", "proved"),
        (r"\boxed{a - a = 1}", "refuted"),
        (r"\boxed{a - a} = 0", "proved"),
        (r"\underbrace{a - a}_{\text{zero}} + b = b", "proved"),
        (r"\underbrace{a - a}_{=\,0} + b = b", "proved, proved"),
        (r"\underbrace{a - a}_{=\,1} + b = b", "refuted, proved"),
        (r"\underbrace{a - a}_{=\,1} + b = b + 1", "refuted, refuted"),
        (r"\overbrace{a + b}^{\text{sum}} = b + a", "proved"),
        (r"a \stackrel{(1)}{=} a", "proved"),
        (r"a + b \overset{(a)}{=} b - a", "refuted"),
        (r"|a| \overset{(a)}{\ge} 0", "assumption"),
        (r"a \overset{!}{=} b", "not judged"),
        (r"s \overset{\text{def}}{=} a + b \\ s = b + a", "definition, proved"),
        (r"a + b =: s \\ s = b + a", "definition, proved"),
        (r"a + b =: s \\ s = b - a", "definition, refuted"),
        (r"\mathop{a} = a \mathrel{+} 0", "proved"),
    ],
)
def test_layout(formula: str, expected: str) -> None:
    assert display(AB, formula) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"a - a = 0 \\ b - b = 1", "proved, refuted"),
        (r"a - a = 0 \quad b - b = 1", "proved, refuted"),
        (r"a - a = 1, \qquad b - b = 0", "refuted, proved"),
        (r"a - a = 0, b - b = 1", "proved, refuted"),
        (r"a - a = 0; b - b = 1", "proved, refuted"),
        (r"a - a = 0 \Rightarrow b - b = 1", "proved, refuted"),
        (r"a - a = 0 \implies b - b = 1", "proved, refuted"),
        (r"a - a = 0 \iff b - b = 0", "proved, proved"),
        (r"\therefore a - a = 1", "refuted"),
        (r"a - a = 0 \text{ and } b - b = 1", "proved, refuted"),
        (r"a s = s a \text{ with } s = a + b", "proved, definition"),
        (r"s = a + b \text{ where } t = a - b", "definition, definition"),
        (r"a + b = b + a = a - b", "proved, refuted"),
        (r"(a, b) = (b, a)", "unread"),
    ],
)
def test_statements_of_one_display(formula: str, expected: str) -> None:
    assert display(AB, formula) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$a + b =$$\n\n$$b + a$$", "proved"),
        ("$$a + b =$$\n\n$$b - a$$", "refuted"),
        ("$$a + b$$\n\nwhich is\n\n$$= b + a$$", "proved"),
        ("$$a + b = b + a$$\n\n$$= a - b$$", "proved, refuted"),
        ("$$a + b = b + a$$\n\n$$a = a$$", "proved, proved"),
        ("$$a + b =$$\n\n## A heading ends the chain\n\n$$b + a$$", "unread, formula"),
        ("$$= a + b$$", "unread"),
    ],
)
def test_chains_over_displays(text: str, expected: str) -> None:
    assert outcomes(f"{AB}\n\n{text}\n", len(AB)) == expected


FRONT = "---\ntitle: A note\nderive:\n  %s\n---\nLet $a, b \\in \\mathbb{R}$.\n\n$%s$\n"


@pytest.mark.parametrize(
    ("option", "claim", "verdict"),
    [
        ("assume: [a > 0]", "|a| = a", "proved"),
        ("assume: [a < 0]", "|a| = a", "refuted"),
        ("assume: [b > 0]", "|a| = a", "refuted"),
        ('assume: ["$a \\\\ge 0$", "$b > 0$"]', "|a| |b| = a b", "proved"),
        ("assume:\n  - $a \\ge 0$\n  - $b > 0$", "|a| + |b| = a + b", "proved"),
        ("assume:\n  - $a \\ge 0$", "|a| + |b| = a + b", "refuted"),
        ("summation: explicit", "a - a = 0", "proved"),
    ],
)
def test_options(option: str, claim: str, verdict: str) -> None:
    assert last(FRONT % (option, claim)).verdict == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Let $x, y \\in \\mathbb{R}^N$ and $s = x_i y_i$.\n\n$s = \\sum_j x_j y_j$", "proved"),
        ("Let $x, y \\in \\mathbb{R}^N$ and $s = x_i y_i$.\n\n$s = \\sum_j x_j x_j$", "refuted"),
    ],
)
def test_summation_convention(text: str, verdict: str) -> None:
    assert last(f"---\nderive:\n  summation: einstein\n---\n{text}\n").verdict == verdict
