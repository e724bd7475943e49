"""Keys of names; capitals and their small letters; what a definition mentions."""

from __future__ import annotations

import pytest

from derive.meaning.classify import left_side, mentions
from derive.meaning.names import capital_of, key_of, small_of
from derive.meaning.subscripts import free_letters
from derive.reading.parse import parse_expression


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x", "x"),
        (r"\mathbf{x}", "x"),
        (r"\hat{x}", r"\hat{x}"),
        (r"\boldsymbol{\mu}", r"\mu"),
        (r"\mathcal{L}", r"\mathcal{L}"),
        (r"\text{rstd}", "rstd"),
        ("x'", "x'"),
        ("x^*", "x^*"),
        ("x + y", None),
        ("2", None),
    ],
)
def test_key(text: str, key: str | None) -> None:
    assert key_of(parse_expression(text)) == key


@pytest.mark.parametrize(
    ("small", "capital"),
    [
        ("x", "X"),
        (r"\hat{x}", r"\hat{X}"),
        (r"\gamma", r"\Gamma"),
        (r"\beta", None),
        ("X", None),
        ("rstd", None),
    ],
)
def test_capital(small: str, capital: str | None) -> None:
    assert capital_of(small) == capital
    if capital is not None:
        assert small_of(capital) == small


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("x_i", {"i"}),
        ("x_{ij} y_k", {"i", "j", "k"}),
        (r"\sum_{i=1}^{N} x_i y_j", {"j"}),
        (r"\sum_{k \neq j} x_k", {"j"}),
        (r"\sum_{i < j} x_i x_j", set()),
        (r"\frac{\partial y}{\partial x_j}", {"j"}),
        ("x + N", set()),
    ],
)
def test_free_letters(text: str, letters: set[str]) -> None:
    assert free_letters(parse_expression(text)) == letters


@pytest.mark.parametrize(
    ("text", "name", "indices"),
    [
        (r"\mu", r"\mu", ()),
        (r"\hat{x}_i", r"\hat{x}", ("i",)),
        ("y_{ij}", "y", ("i", "j")),
        (r"\sigma^2", r"\sigma", ()),
        ("d x_i", "dx", ("i",)),
        ("c_1", "c_{1}", ()),
        (r"x_{\text{in}}", "x_{in}", ()),
    ],
)
def test_left_side(text: str, name: str, indices: tuple[str, ...]) -> None:
    left = left_side(parse_expression(text))
    assert left is not None
    assert (left.name, left.indices) == (name, indices)


@pytest.mark.parametrize("text", ["x + y", "2 x", "x_i y_i", r"\frac{x}{y}", "x^3", "f(x + 1)"])
def test_no_left_side(text: str) -> None:
    assert left_side(parse_expression(text)) is None


def test_mentions() -> None:
    found = mentions(parse_expression(r"\frac{\hat{x}_i - \mu_{B}}{d y_i}"))
    assert {r"\hat{x}", r"\mu", r"\mu_{B}", "dy", "y"} <= found
    assert r"\sigma" not in found
