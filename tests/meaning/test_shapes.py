"""Words for shapes, broadcasting, and sets of declarations."""

from __future__ import annotations

import pytest

from derive.meaning.shapes import broadcast, describe, is_square, limits_of_set, shape_of_set
from derive.meaning.terms import Affine, Shape
from derive.reading.parse import parse_expression

N, D, ONE = Affine.name("N"), Affine.name("D"), Affine.number(1)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((), "a scalar"), ((N,), "shape (N)"), ((N, D), "shape (N, D)"), ((N + 1,), "shape (N+1)")],
)
def test_describe(shape: Shape, words: str) -> None:
    assert describe(shape) == words


@pytest.mark.parametrize(
    ("left", "right", "common"),
    [
        ((), (N,), (N,)),
        ((N, D), (D,), (N, D)),
        ((D,), (N, D), (N, D)),
        ((N, ONE), (N, D), (N, D)),
        ((ONE, D), (N, D), (N, D)),
        ((N, D), (N,), None),
        ((N,), (D,), None),
        ((N, D), (D, N), None),
    ],
)
def test_broadcast(left: Shape, right: Shape, common: Shape | None) -> None:
    assert broadcast(left, right) == common


@pytest.mark.parametrize(("shape", "square"), [((N, N), True), ((N, D), False), ((N,), False)])
def test_square(shape: Shape, square: bool) -> None:
    assert is_square(shape) is square


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (r"\mathbb{R}", ()),
        (r"\mathbb{R}^N", (N,)),
        (r"\mathbb{R}^{N \times D}", (N, D)),
        (r"\mathbb{R}^{N + 1}", (N + 1,)),
        (r"\mathbb{R}^{2 N}", (N * 2,)),
        (r"\mathbb{R}^{3}", (Affine.number(3),)),
        (r"\mathbb{R}^{d_k}", (Affine.name("d_{k}"),)),
        ("S", None),
        ("S^N", None),
        (r"\mathbb{R}^{N D}", None),
    ],
)
def test_sets(text: str, shape: Shape | None) -> None:
    assert shape_of_set(parse_expression(text)) == shape


@pytest.mark.parametrize(
    ("text", "positive"), [(r"\mathbb{R}_{>0}", True), (r"\mathbb{R}", False), ("S_N", False)]
)
def test_positive(text: str, positive: bool) -> None:
    assert any(sign == ">" for sign, _ in limits_of_set(parse_expression(text))) is positive
