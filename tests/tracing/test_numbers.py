"""Floats as the exact numbers that a program means by them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from derive.errors import DeriveError
from derive.tracing.numbers import Exact, exact, is_number

ROOT2 = Exact(Fraction(1), Fraction(2))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Exact(Fraction(3))),
        (True, Exact(Fraction(1))),
        (0.0, Exact(Fraction(0))),
        (0.1, Exact(Fraction(1, 10))),
        (1 / 3, Exact(Fraction(1, 3))),
        (-2 / 7, Exact(Fraction(-2, 7))),
        (1e-5, Exact(Fraction(1, 10**5))),
        (1e-12, Exact(Fraction(1, 10**12))),
        (1e22, Exact(Fraction(10**22))),
        (np.float64(0.5), Exact(Fraction(1, 2))),
        (np.array(0.25), Exact(Fraction(1, 4))),
        (0.044715, Exact(Fraction(44715, 10**6))),
        (math.sqrt(2), ROOT2),
        (1 / math.sqrt(2), Exact(Fraction(1), Fraction(1, 2))),
        (-(3**0.5), Exact(Fraction(-1), Fraction(3))),
        (math.pi, Exact(Fraction(1), pi=Fraction(1))),
        (math.pi / 4, Exact(Fraction(1, 4), pi=Fraction(1))),
        (1 / math.pi, Exact(Fraction(1), pi=Fraction(-1))),
        (math.sqrt(2 / math.pi), Exact(Fraction(1), Fraction(2), Fraction(-1, 2))),
        (1 / math.sqrt(2 * math.pi), Exact(Fraction(1), Fraction(1, 2), Fraction(-1, 2))),
        # Rounded by hand, so not the number that it is near to.
        (1.4142, Exact(Fraction("1.4142"))),
        (0.7978845608, Exact(Fraction("0.7978845608"))),
        (3.14159265, Exact(Fraction("3.14159265"))),
        (math.sqrt(2) * (1 + 1e-14), Exact(Fraction(repr(math.sqrt(2) * (1 + 1e-14))))),
    ],
)
def test_exact(value: Any, expected: Exact) -> None:
    assert exact(value) == expected


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, np.float64("nan")])
def test_infinite(value: float) -> None:
    with pytest.raises(DeriveError, match="has no place in a formula"):
        exact(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, True),
        (np.int64(2), True),
        (np.array(1.0), True),
        (np.array([1.0]), False),
        ("1", False),
        (None, False),
        (1j, False),
        (np.array("x"), False),
    ],
)
def test_is_number(value: object, expected: bool) -> None:
    assert is_number(value) is expected
