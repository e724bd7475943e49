"""Bad input: one finding each, with line, column and advice; the other claims are still judged."""

from __future__ import annotations

import pytest
from judging import finding, outcomes

SETUP = "Let $x, y \\in \\mathbb{R}^N$, $a \\in \\mathbb{R}$.\n"


@pytest.mark.parametrize(
    ("formula", "place", "message"),
    [
        (r"\frac{a}{ = a", "2:15", "expected a closing brace"),
        (r"a + = a", "2:7", "expected an expression, not ="),
        (r"(a + a = 2 a", "2:", "closing bracket"),
        (r"a + a) = 2 a", "2:8", ") closes nothing"),
        (r"\foo{a} = a", "2:3", "unknown command \\foo"),
        (r"a = \begin{tikzpicture} a & b \\ c \end{tikzpicture}", "2:7", "'tikzpicture'"),
        (r"a = \begin{pmatrix} a & a \\ a & a \end{pmatrix}", "2:7", "A_{11} = a"),
        (r"a \pm a = 0", "2:5", "Write one equation for each sign"),
        (r"\lim a = a", "2:3", "Give the limit a name"),
        (r"\int a = a", "2:3", "Give the integral a name"),
        (r"q_k = q_k + a", "2:", "q is not declared"),
        (r"2 q = a", "2:5", "Declare it before this line"),
        (r"a + x_{1:3} = a", "2:7", "a slice has no bounds"),
        (r"\left. a \right|_{a=0} = 0", "2:18", "Define a function, f(x)"),
        (r"a \star a = a", "2:5", "Write \\odot"),
        (r"\mathbb{E}[x] = a", "2:3", "an expectation is not read"),
        (r"2 \operatorname{Var}(x) = a", "2:5", "Write the sum"),
        (r"\operatorname{vec}(x) - x = x", "2:3", "entry by entry"),
        (r"x_1 + \dots + x_N = a", "2:9", "Write the sum with its sign"),
        (r"\|x\|_7 = a", "2:3", "the norms 1, 2 and \\infty"),
        (r"\max_{i,j} x_i = a", "2:3", "\\max_i x_i"),
        (r"\sum_{i \in S} x_i = a", "2:9", "Declare a mask"),
        (r"\sum x_i = a", "2:3", "Write its index below it"),
        (r"\partial a = 1", "2:3", "∂ stands outside a derivative"),
        (r"\frac{\partial a}{\partial (a + 1)} = 1", "2:30", "Define a name"),
        (r"2 x^{(k)} = 0", "2:5", "not read as a power"),
        (r"a_1_2 = 0", "2:6", "a second subscript"),
        (r"a^1^2 = 0", "2:6", "a second exponent"),
        (r"a = a' + 1", "2:7", "a' is not declared"),
        (r"x_i = x_j", "2:3", "Sum over j"),
        (r"x = a x^\top x x^\top y + A", "2:29", "A is not declared"),
        (r"\hat{x + y} = 0", "2:3", "\\hat stands on something other than a name"),
        (r"a \not a = 0", "2:5", "\\not before something other than a relation"),
        ("a = " + "{" * 80 + "a" + "}" * 80, "2:", "nested more than 64 deep"),
        ("a = " + "9" * 50, "2:7", "more than 40 digits"),
        (r"a^{1000000} = a^{999999} a \\ x = ", "2:", "missing"),
    ],
)
def test_finding(formula: str, place: str, message: str) -> None:
    found = finding(f"{SETUP}$${formula}$$\n")
    assert found.startswith(place)
    assert message in found


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{a}{ = a",
        r"\foo{a} = a",
        r"a = \begin{pmatrix} a & a \\ a & a \end{pmatrix}",
        r"a + q = a",
        r"\sum_{i \in S} x_i = a",
        r"x_{i} + y_{1:2} = 0",
        r"\begin{align} a &= \foo \end{align}",
        r"\mathbb{E}[x] = a",
        r"x + a^\top = \begin{cases} 1 \\",
    ],
)
def test_the_rest_is_judged(formula: str) -> None:
    text = f"{SETUP}\n$${formula}$$\n\n$$a + a = 2 a$$\n\n$$a + a = a$$\n"
    found = outcomes(text, len(SETUP)).split(", ")
    assert found[0] == "unread"
    assert found[-2:] == ["proved", "refuted"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Then $a = b and no more.\n", "1:6"),
        ("Then \\(a = b and no more.\n", "1:6"),
        ("$$a = b\n\nand no more.\n", "1:1"),
        ("\\begin{align}\na &= b\n\nand no more.\n", "1:1"),
    ],
)
def test_mathematics_that_is_not_closed(text: str, place: str) -> None:
    assert finding(text).startswith(f"{place}: unread: ")
