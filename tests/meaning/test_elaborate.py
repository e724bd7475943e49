"""Expressions as typed terms: shapes that fit, and messages for those that do not."""

from __future__ import annotations

from fractions import Fraction

import pytest
from short_documents import understood

from derive.errors import IllTypedError, MeaningError
from derive.meaning import terms as t
from derive.meaning.claims import Claim

N, D = t.Affine.name("N"), t.Affine.name("D")
DECLARED = (
    r"Let $A \in \mathbb{R}^{N \times D}$, $S \in \mathbb{R}^{N \times N}$, "
    r"$x, y \in \mathbb{R}^N$, $w \in \mathbb{R}^D$ and $c, t \in \mathbb{R}$."
)


def only(claim: str, declared: str = DECLARED) -> Claim:
    claims = understood(declared, claim).claims
    assert len(claims) == 1
    return claims[0]


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("x + y", (N,)),
        ("2 x", (N,)),
        ("A w", (N,)),
        (r"A^\top x", (D,)),
        (r"x^\top y", ()),
        (r"x^\top A w", ()),
        (r"x w^\top", (N, D)),
        (r"A A^\top", (N, N)),
        ("A + w", (N, D)),
        ("S^{-1} x", (N,)),
        ("S^2", (N, N)),
        ("x^2", (N,)),
        (r"x \odot y", (N,)),
        ("A_i", (D,)),
        ("A_{i,:}", (D,)),
        ("A_{:,j}", (N,)),
        ("A_{ij}", ()),
        ("(A^\\top)_{jk}", ()),
        ("x_{i+1}", ()),
        (r"\frac{\partial x}{\partial y}", (N, N)),
        (r"\frac{\partial c}{\partial A}", (N, D)),
        (r"\frac{\partial x_i}{\partial x_j}", ()),
        (r"\sum_i x_i", ()),
        (r"\sum_{i=1}^{N} A_i", (D,)),
        (r"\|x\|^2", ()),
        (r"\exp(x)", (N,)),
        (r"\operatorname{tr}(S)", ()),
        (r"\operatorname{diag}(x)", (N, N)),
        (r"\max(x)", ()),
        (r"x / c", (N,)),
        (r"\frac{1}{N} x", (N,)),
        (r"\delta_{ij} x_i x_j", ()),
    ],
)
def test_shape(expression: str, shape: t.Shape) -> None:
    claim = only(f"{expression} = {expression}")
    assert claim.error is None
    assert claim.readings[0].left.shape == shape


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("A x = y", "cannot multiply shape (N, D) by shape (N)"),
        ("x + w = x", "cannot add shape (N) and shape (D)"),
        ("x = w", "left side has shape (N), right side has shape (D)"),
        ("x + y = c", "left side has shape (N), right side is a scalar"),
        (r"x^\top w = c", "no inner product of shape (N) and shape (D)"),
        (r"c t = x_i", "the index i is free on the right side and not on the left"),
        ("c_i + 1 = t", "c_i has 1 index, but what it indexes is a scalar"),
        ("x_{ij} + 1 = x_i", "x_{ij} has 2 indices, but what it indexes is shape (N)"),
        (r"\sum_{i=1}^{N} x_{i+1} = c", "index i+1 leaves its axis, which has size N"),
        (r"\sum_{i=1}^{D} x_i = c", "index i leaves its axis, which has size N"),
        ("x_i w_i = 0", "the index i runs over two axes, of sizes N and D"),
        (r"\operatorname{tr}(A) = c", "trace of shape (N, D), not a square matrix"),
        ("c^{x} = c", "an exponent must be a scalar, but has shape (N)"),
    ],
)
def test_ill_typed(claim: str, message: str) -> None:
    found = only(claim)
    assert found.readings == ()
    assert isinstance(found.error, IllTypedError)
    assert found.error.message == message
    assert found.error.place is not None


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("x + z = x", "z is not declared"),
        (r"\frac{\partial x}{\partial (x + y)} = 1", "a derivative by an expression is not read"),
        (r"\frac{\partial x}{\partial q} = 1", "q is not declared"),
        (r"\sum_k c = c", "the range of the index k is not known"),
        (r"\delta_{1k} = c", "the range of the index k is not known"),
        (r"c \delta_{k,m+1} = c", "the range of the index k is not known"),
        (r"2 \dots = c", "dots leave open what is meant"),
    ],
)
def test_no_meaning(claim: str, message: str) -> None:
    found = only(claim)
    assert isinstance(found.error, MeaningError)
    assert not isinstance(found.error, IllTypedError)
    assert found.error.message == message


def test_decimals_are_exact() -> None:
    claim = only("c + 0 = 0.1")
    assert claim.readings[0].right == t.Number(Fraction(1, 10))


@pytest.mark.parametrize("number", ["0", "1", "-2", r"\frac{1}{N}"])
def test_a_number_stands_for_an_array(number: str) -> None:
    claim = only(f"x + y = {number}")
    assert claim.readings[0].right.shape == (N,)


def test_a_sum_from_zero_counts_from_one() -> None:
    claim = only(r"\sum_{i=0}^{N-1} i x_i = 0")
    total = claim.readings[0].left
    assert isinstance(total, t.Sum)
    assert total.bounds == (t.Bound("i", t.Affine.number(1), N),)
    assert total.body == t.Multiply(
        (
            t.Position(t.Affine.name("i") - 1),
            t.Element(t.Variable(t.Symbol("x", (N,), "input")), (t.Affine.name("i"),)),
        ),
        (),
    )


@pytest.mark.parametrize(
    ("lower", "bound", "conditions"),
    [
        (r"k \neq j", ["k"], 1),
        ("i < k", ["i", "k"], 1),
        ("i, k", ["i", "k"], 0),
        ("i", ["i"], 0),
    ],
)
def test_bounds(lower: str, bound: list[str], conditions: int) -> None:
    claim = only(rf"x_j \sum_{{{lower}}} x_i x_k y_k = x_j")
    total = claim.readings
    if "i" not in bound or "k" not in bound:
        assert claim.error is None
    assert total
    left = total[0].left
    assert isinstance(left, t.Multiply)
    inner = left.factors[-1]
    assert isinstance(inner, t.Sum)
    assert [index.name for index in inner.bounds] == bound
    assert len(inner.condition) == conditions


def test_a_defined_function_is_applied_without_capture() -> None:
    text = DECLARED + r" Define $g(c) = \sum_{j=1}^{N} c y_j$."
    meaning = understood(text, r"\sum_{j=1}^{N} g(x_j) = 0")
    outer = meaning.claims[0].readings[0].left
    assert isinstance(outer, t.Sum)
    assert isinstance(outer.body, t.Sum)
    assert outer.bounds[0].name != outer.body.bounds[0].name


def test_opaque_functions() -> None:
    claim = only("g(c) = g'(c) + 1")
    reading = claim.readings[0]
    assert isinstance(reading.left, t.Function)
    assert reading.left.opaque
    assert isinstance(reading.right, t.Add)
    prime = reading.right.terms[0]
    assert isinstance(prime, t.Function)
    assert prime.orders == (1,)
