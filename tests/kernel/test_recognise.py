"""Logistic functions are recognised where they are the same numbers, and nowhere else."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import derive
from derive.kernel.entries import Apply, Entry, Load, Num, power, product, total
from derive.kernel.recognise import recognised

X = Load("x", ())
MINUS_X = product((Num(Fraction(-1)), X))
EXP = Apply("exp", (X,))
SUM = total((EXP, Num(Fraction(1))))


def sigmoid(argument: Entry) -> Entry:
    return Apply("sigmoid", (argument,))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Apply("log", (SUM,)), Apply("softplus", (X,))),
        (power(SUM, Fraction(-1)), sigmoid(MINUS_X)),
        (product((EXP, power(SUM, Fraction(-1)))), sigmoid(X)),
        (product((EXP, power(SUM, Fraction(-2)))), product((sigmoid(X), sigmoid(MINUS_X)))),
        (
            product((power(EXP, Fraction(3)), power(SUM, Fraction(-2)))),
            product((EXP, power(sigmoid(X), Fraction(2)))),
        ),
        (SUM, SUM),
        (power(SUM, Fraction(2)), power(SUM, Fraction(2))),
        (power(SUM, Fraction(-1, 2)), power(SUM, Fraction(-1, 2))),
        (product((EXP, SUM)), product((EXP, SUM))),
        (Apply("log", (total((EXP, Num(Fraction(2)))),)),) * 2,
        (power(total((EXP, Num(Fraction(-1)))), Fraction(-1)),) * 2,
    ],
)
def test_entries(entry: Entry, expected: Entry) -> None:
    assert recognised(entry) == expected


@cache
def kernel(name: str) -> object:
    return derive.load(name).kernel()


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu", "mish"])
@pytest.mark.filterwarnings("error")
def test_far_from_zero(name: str) -> None:
    """No warning and no NaN where the exponential overflows."""
    x = np.array([-2000.0, -100.0, 0.0, 100.0, 2000.0])
    others = () if name in ("sigmoid", "mish") else (1.0,)
    dx = kernel(name)(x, np.ones(5), *others).dx  # type: ignore[operator]
    assert dx[0] == 0
    assert np.isclose(dx[-1], 0 if name == "sigmoid" else 1)
    assert np.isfinite(dx).all()
