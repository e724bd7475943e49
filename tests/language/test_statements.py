"""The four kinds of statement, conditions, order and scope; what is listed and not judged."""

from __future__ import annotations

import pytest
from judging import display, judged, outcomes

AB = r"Let $a, b \in \mathbb{R}$, $x \in \mathbb{R}^N$ and $A \in \mathbb{R}^{N \times N}$."


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"z \in \mathbb{R}", "declaration"),
        (r"u, w \in \mathbb{R}^N", "declaration"),
        (r"f : \mathbb{R}^N \to \mathbb{R}", "declaration"),
        (r"z \in S", "unread"),
        (r"2 z \in \mathbb{R}", "unread"),
        (r"f : \mathbb{R}^N \to S", "unread"),
        (r"a > 0", "assumption"),
        (r"a \neq b", "assumption"),
        (r"0 < a < 1", "assumption"),
        (r"|a - b| < 1", "assumption"),
        (r"x \ge 0", "assumption"),
        (r"a > x^\top", "unread"),
        (r"A = A^\top", "assumption"),
        (r"m = a + b", "definition"),
        (r"m := a + b", "definition"),
        (r"m \triangleq a + b", "definition"),
        (r"m \equiv a + b", "definition"),
        (r"m_i = a x_i", "definition"),
        (r"h(t) = a t", "definition"),
        (r"m^2 = a^2", "definition"),
        (r"m_i = x_k", "ill-typed"),
        (r"a + b = b + a", "proved"),
        (r"a + b = b", "refuted"),
        (r"m = a + b = b + a", "definition, proved"),
        (r"m = a + b = b - a", "definition, refuted"),
        (r"x_{ij} = 0", "ill-typed"),
        (r"x_j", "formula"),
        (r"\frac{\partial f}{\partial Y}", "formula"),
        (r"a \approx b", "not judged"),
        (r"a \propto b", "not judged"),
        (r"x \sim \mathcal{N}(0, 1)", "not judged"),
        (r"a = b + O(h^2)", "unread"),
        (r"i \neq j", "condition"),
        (r"1 \le i, k \le N", "condition"),
        (r"a = ", "unread"),
    ],
)
def test_kinds(formula: str, expected: str) -> None:
    found = display(AB, formula)
    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$x_i x_j = x_j x_i \\quad i \\neq j$$", "proved, condition"),
        ("$$\\delta_{ij} x_i = 0, \\quad i \\neq j$$", "proved, condition"),
        ("$$\\delta_{ij} x_i = 0$$", "refuted"),
        ("$$\\delta_{ij} x_i = 0 \\text{ for } i \\neq j$$", "proved, condition"),
        ("$$\\delta_{ij} x_i = 0 \\text{ unless } i = j$$", "proved, condition"),
        ("$$\\delta_{ij} x_i = x_i \\text{ unless } i = j$$", "refuted, condition"),
        ("For $i \\neq j$ we have\n$$\\delta_{ij} x_i = 0.$$", "condition, proved"),
        ("For $i = j$ we have\n$$\\delta_{ij} x_i = 0.$$", "condition, refuted"),
        ("For $i \\neq j$:\n\n$$\\delta_{ij} x_i = 0$$\n\n$$\\delta_{ij} x_i = 0$$",
         "condition, proved, refuted"),
        ("$$\\delta_{ij} = \\begin{cases} 1 & i = j \\\\ 0 & i \\neq j \\end{cases}$$", "unread"),
        ("$$x_i \\delta_{ij} = \\begin{cases} x_j & i = j \\\\ 0 & i \\neq j \\end{cases}$$",
         "proved"),
        ("$$x_i \\delta_{ij} = \\begin{cases} 0 & i = j \\\\ x_j & i \\neq j \\end{cases}$$",
         "refuted"),
        ("$$x_i \\delta_{ij} = \\begin{cases} x_j & \\text{if } i = j \\\\ 0 & \\text{otherwise} "
         "\\end{cases}$$", "proved"),
        ("$$|a| = \\begin{cases} a & \\text{if } a \\ge 0, \\\\ -a & \\text{otherwise} "
         "\\end{cases}$$", "proved"),
        ("$$|a| = \\begin{cases} a & \\text{if } a \\le 0, \\\\ -a & \\text{otherwise} "
         "\\end{cases}$$", "refuted"),
        ("$$\\frac{\\partial x_i}{\\partial x_j} = \\begin{cases} 1 & i = j \\\\ 0 & i \\neq j "
         "\\end{cases} = \\delta_{ij}$$", "proved, proved"),
        ("$$\\frac{\\partial x_i}{\\partial x_j} = \\begin{cases} 1 & i = j \\\\ 0 & i \\neq j "
         "\\end{cases} = 1 - \\delta_{ij}$$", "proved, refuted"),
        ("$$|a| = \\begin{cases} a & a > 0 \\\\ -a & a < 0 \\end{cases}$$", "undecided"),
    ],
)  # fmt: skip
def test_conditions_on_indices(text: str, expected: str) -> None:
    assert outcomes(f"{AB}\n\n{text}\n", len(AB)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Let $a > 0$. $$|a| = a$$\n\n$$|a| = a$$", "assumption, proved, proved"),
        ("$$|a| = a$$\n\nLet $a > 0$.", "refuted, assumption"),
        ("$$|a| = a, \\quad a \\ge 0$$\n\n$$|a| = a$$", "proved, assumption, refuted"),
        ("$$a \\ge 0 \\implies |a| = a$$\n\n$$|a| = a$$", "assumption, proved, refuted"),
        ("$$|a| = a \\text{ if } a \\ge 0$$\n\n$$|a| = a$$", "proved, assumption, refuted"),
        ("$$|a| = a \\text{ unless } a < 0$$\n\n$$|a| = a$$", "proved, assumption, refuted"),
        ("$$|a| = a \\text{ unless } a > 0$$", "refuted, assumption"),
        ("If $a > 0$ then $|a| = a$. If $a < 0$ then $|a| = -a$.",
         "assumption, proved, assumption, proved"),
        ("If $a > 0$ then $|a| = a$. If $a < 0$ then $|a| = a$.",
         "assumption, proved, assumption, refuted"),
        ("We have $|a| = a$ for $a \\ge 0$. Then $|a| = a$.", "proved, assumption, refuted"),
        ("For $a \\ge 0$ we have\n\n$$|a| = a.$$\n\n$$|a| = a$$", "assumption, proved, refuted"),
        ("When $a = b$, $$a - b = 0.$$\n\n$$a - b = 0$$", "assumption, undecided, refuted"),
        ("$$a^2 = a \\text{ if } a = 1$$\n\n$$a^2 = a$$", "undecided, assumption, refuted"),
        ("For $\\epsilon > 0$ let $m = a^2 + \\epsilon$.\n\n$$|\\epsilon| = \\epsilon$$",
         "assumption, definition, proved"),
        ("Let $m = a^2 + 1$. Hence $m < 0$.\n\n$$|m| = -m$$",
         "definition, not judged, refuted"),
        ("$$m = \\sqrt{a}, \\quad a \\ge 0$$\n\n$$m^2 = |a|$$", "definition, assumption, proved"),
        ("Let $x > 0$.\n\n$$|x_i| = x_i$$", "assumption, proved"),
        ("Assume $\\sum_i x_i = 1$.\n\n$$\\sum_i 2 x_i = 2$$", "assumption, proved"),
        ("Then $\\sum_i x_i = 1$.\n\n$$\\sum_i 2 x_i = 2$$", "refuted, refuted"),
        ("Let $A = A^\\top$.\n\n$$A_{ij} - A_{ji} = 0$$", "assumption, proved"),
        ("Let $A = -A^\\top$.\n\n$$A_{ij} - A_{ji} = 0$$", "assumption, refuted"),
    ],
)  # fmt: skip
def test_assumptions(text: str, expected: str) -> None:
    assert outcomes(f"{AB}\n\n{text}\n", len(AB)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Let $s = a r$, where $r \\in \\mathbb{R}$. $$s = r a$$",
         "definition, declaration, proved"),
        ("$$s = a r$$\nwhere $r = 2 b$.\n\n$$s = 2 a b$$", "definition, definition, proved"),
        ("$$s = a r$$\n\nwhere $r = 2 b$.\n\n$$s = 2 a b$$", "definition, definition, proved"),
        ("$$s = a r$$\n\nHere $r = 3 b$.\n\n$$s = 2 a b$$", "definition, definition, refuted"),
        ("$$s = a r$$\n\nThe end.\n\n$$b - b = 0$$", "unread, proved"),
        ("Let $s = a$.\n\n$$s = b$$", "definition, refuted"),
        ("Let $s = a$.\n\n$$s := b$$\n\n$$s = b$$", "definition, definition, proved"),
        ("Let $s = a$.\n\n$$s := b$$\n\n$$s = a$$", "definition, definition, refuted"),
        ("Let $a > 0$.\n\nNow $a \\in \\mathbb{R}$.\n\n$$|a| = a$$",
         "assumption, declaration, refuted"),
        ("Let $s = a$ and $t = s + 1$.\n\n$$s := b$$\n\n$$t = b + 1$$",
         "definition, definition, definition, proved"),
    ],
)  # fmt: skip
def test_scope(text: str, expected: str) -> None:
    assert outcomes(f"{AB}\n\n{text}\n", len(AB)) == expected


FORWARD = (
    r"Let $X \in \mathbb{R}^{N \times D}$, $\mu = \frac1N \sum_{i=1}^N x_i$ "
    r"and $\hat X = X - \mu$."
)


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        (r"Take $x \in \mathbb{R}^N$ and $\mu \in \mathbb{R}$." + "\n\n"
         r"$$\mu = \frac1N \sum_i x_i$$", "declaration, declaration, proved", "read again"),
        (r"Take $x \in \mathbb{R}^N$ and $\mu \in \mathbb{R}$." + "\n\n"
         r"$$\mu = \sum_i x_i$$", "declaration, declaration, refuted", "restated as a scalar"),
        (r"Take $x, \hat x \in \mathbb{R}^N$ and $\mu \in \mathbb{R}$." + "\n\n"
         r"$$\hat x_i = x_i - \mu$$", "declaration, declaration, proved", "takes the definition"),
        (r"Take $x, \hat x \in \mathbb{R}^N$ and $\mu \in \mathbb{R}$." + "\n\n"
         r"$$\hat x_i = x_i + \mu$$", "declaration, declaration, refuted", "takes the definition"),
        (r"Now $\mu := 0$.", "definition", "defined anew"),
        (r"Now $X \in \mathbb{R}^{N}$.", "declaration", "declared anew as shape (N)"),
    ],
)  # fmt: skip
def test_notes(text: str, expected: str, note: str) -> None:
    whole = f"{FORWARD}\n\n{text}\n"
    assert outcomes(whole, len(FORWARD)) == expected
    assert any(note in found.text for found in judged(whole).meaning.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Let $s = c_0 + a$.\n\n$$s + s = 2 s$$\n\n$$a - a = 0$$", "unread, unread, proved"),
        ("Let $p = q + 1$ and $q = p - 1$.\n\n$$p - q = 1$$", "unread, unread, unread"),
        ("Let $s = \\foo a$.\n\n$$s = a$$", "unread, unread"),
        ("Let $s = \\lim a$.\n\n$$2 s = s + s$$", "unread, unread"),
        ("Let $u = w_k x$.\n\n$$u + u = 2 u$$\n\n$$a = b$$", "unread, unread, refuted"),
    ],
)
def test_a_definition_that_is_not_read_is_not_guessed(text: str, expected: str) -> None:
    setup = r"Let $b \in \mathbb{R}$ and $x \in \mathbb{R}^N$, and $a = b + 1$."
    assert outcomes(f"{setup}\n\n{text}\n", len(setup)) == expected


@pytest.mark.parametrize(
    ("declaration", "formula", "expected"),
    [
        (r"$x \in \mathbb{R}_{>0}$", r"|x| = x", "proved"),
        (r"$x \in \mathbb{R}_{\ge 0}$", r"|x| = x", "proved"),
        (r"$x \in \mathbb{R}_{\le 0}$", r"|x| = x", "refuted"),
        (r"$x \in \mathbb{R}_+$", r"|x| = x", "proved"),
        (r"$x \in \mathbb{R}^+$", r"|x| = x", "proved"),
        (r"$x \in \mathbb{R}_{++}$", r"|x| = x", "proved"),
        (r"$x \in \mathbb{R}$", r"|x| = x", "refuted"),
        (r"$x \in (0, 1)$", r"|1 - x| = 1 - x", "proved"),
        (r"$x \in (0, 2)$", r"|1 - x| = 1 - x", "refuted"),
        (r"$x \in [0, \infty)$", r"|x| = x", "proved"),
        (r"$x \in (-\infty, 0]$", r"|x| = x", "refuted"),
        (r"$x \in [0, 1]^N$", r"|x_i| = x_i", "proved"),
        (r"$x \in [-1, 1]^N$", r"|x_i| = x_i", "refuted"),
        (r"$x_1, \dots, x_N \in \mathbb{R}$", r"\sum_{i=1}^N x_i = \sum_i x_i", "proved"),
        (r"$x_1, \dots, x_N \in \mathbb{R}$", r"\sum_{i=1}^N x_i = x_1", "refuted"),
        (r"$x_1, \dots, x_N \in \mathbb{R}^D$", r"x_i^\top x_k = \sum_j x_{ij} x_{kj}", "proved"),
        (r"$A \in \mathbb{R}^{N \times N}$ be symmetric", r"A_{ij} - A_{ji} = 0", "proved"),
        (r"$A \in \mathbb{R}^{N \times N}$", r"A_{ij} - A_{ji} = 0", "refuted"),
        (r"$A \in \mathbb{R}^{N \times N}$. If $A$ is symmetric, all is well",
         r"A_{ij} - A_{ji} = 0", "refuted"),
        (r"$A \in \mathbb{R}^{N \times N}$, where $A$ is not symmetric", r"A_{ij} - A_{ji} = 0",
         "refuted"),
        (r"$x \in \mathbb{R}$, $y = 2 x$ and let $L$ be a scalar loss",
         r"\frac{\partial L}{\partial x} = 2 \frac{\partial L}{\partial y}", "proved"),
        (r"$x \in \mathbb{R}$, $y = 2 x$ and the loss $L$",
         r"\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}", "refuted"),
        (r"$x \in \mathbb{R}$. The loss $L$ is $L(x) = x^2$",
         r"\frac{\partial L(x)}{\partial x} = 2 x", "proved"),
        (r"$x \in \mathbb{R}$. The loss $L$ is $L = x^2$",
         r"\frac{\partial L}{\partial x} = x", "refuted"),
    ],
)  # fmt: skip
def test_what_a_declaration_and_its_words_say(
    declaration: str, formula: str, expected: str
) -> None:
    assert display(f"Let {declaration}.", formula) == expected


def test_an_entry_of_a_name_without_a_readable_definition_is_unread() -> None:
    text = r"""Let $x \in \mathbb{R}^N$ and $q_i = 2 x_i + z$.

$$q_1 = 3$$

$$\sum_i q_i = 2$$
"""
    judgements = [judgement for _, judgement in judged(text).judged]
    assert [j.verdict for j in judgements] == ["unread", "unread", "unread"]


def test_an_entry_of_a_defined_array_is_no_new_name() -> None:
    text = r"""Let $x \in \mathbb{R}^N$ and $q_i = 2 x_i$.

$$q_1 = 3$$

$$q_1 = 2 x_1$$
"""
    assert [j.verdict for _, j in judged(text).judged] == ["refuted", "proved"]


def test_a_bound_letter_is_no_row_of_a_capital() -> None:
    text = r"""Let $X \in \mathbb{R}^{N \times D}$.

$$S_{ij} = \sum_{k=1}^{D} X_{ik} X_{jk}, \qquad K_{ij} = \exp(-S_{ij})$$

$$K_{ij} = K_{ji}$$
"""
    assert [j.verdict for _, j in judged(text).judged] == ["proved"]
