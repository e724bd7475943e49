"""Sums of square roots are compared exactly."""

from fractions import Fraction
from itertools import combinations

import pytest

from derive.errors import UnsupportedError
from derive.oracle.exact import (
    Interval,
    Surd,
    known_function,
    power,
    quotient,
    root,
    sign,
    square_free,
)
from derive.oracle.interval import UndefinedHere


def sqrt(value):
    return root(Fraction(value), 2, 64)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (sqrt("9/4"), Fraction(3, 2)),
        (sqrt(8), 2 * sqrt(2)),
        (sqrt("1/2"), sqrt(2) / Fraction(2)),
        (sqrt(2) * sqrt(3), sqrt(6)),
        (sqrt(2) * sqrt(2), Fraction(2)),
        (power(sqrt(2) + sqrt(3), Fraction(2), 64), 5 + 2 * sqrt(6)),
        (1 / (sqrt(2) + sqrt(3)), sqrt(3) - sqrt(2)),
        (power(Fraction(12), Fraction(-3, 2), 64), sqrt(3) / Fraction(72)),
        (power(Fraction(8), Fraction(2, 3), 64), Fraction(4)),
        (power(Fraction(0), Fraction(0), 64), Fraction(1)),
        ((1 + sqrt(5)) * (1 - sqrt(5)), Fraction(-4)),
    ],
)
def test_equal_numbers_are_equal(left, right):
    assert left == right
    assert sign(left - right) == 0


def test_sums_of_different_roots_differ():
    roots = [sqrt(n) for n in (1, 2, 3, 5, 6, 10)]
    for left, right in combinations(roots, 2):
        assert left != right
        assert sign(left - right) == -1


def test_close_numbers_are_told_apart():
    near = Fraction(665857, 470832)
    assert sign(near - sqrt(2)) == 1
    assert sign(sqrt(2) - (near - Fraction(1, 10**11))) == 1


def test_every_inverse_is_one():
    for parts in ({2: 1, 3: 1, 5: 1}, {1: 1, 6: 2, 35: -1}, {2: 3}):
        value = Surd({r: Fraction(q) for r, q in parts.items()})
        assert value * value.inverse() == 1


def test_too_many_radicals_become_an_interval():
    total = Fraction(1)
    for prime in (2, 3, 5, 7, 11, 13, 17):
        total = total * (1 + sqrt(prime))
    assert isinstance(total, Interval)


@pytest.mark.parametrize(
    ("number", "parts"), [(1, (1, 1)), (72, (6, 2)), (10007**2 * 3, (10007, 3)), (10**40 + 7, None)]
)
def test_square_free(number, parts):
    assert square_free(number) == parts


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: sqrt(-1),
        lambda: root(1 - sqrt(2), 2, 64),
        lambda: quotient(Fraction(1), Fraction(0)),
        lambda: quotient(sqrt(2), sqrt(8) - 2 * sqrt(2)),
        lambda: power(Fraction(0), Fraction(-1, 2), 64),
    ],
)
def test_what_has_no_value(attempt):
    with pytest.raises(UndefinedHere):
        attempt()


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", 0, 1),
        ("log", 1, 0),
        ("cos", 0, 1),
        ("sigmoid", 0, Fraction(1, 2)),
        ("gamma", 5, 24),
        ("relu", -3, 0),
        ("relu", 3, 3),
        ("abs", -2, 2),
        ("sign", 0, 0),
    ],
)
def test_rational_values_stay_rational(name, x, expected):
    assert known_function(name, Fraction(x), 64) == expected


def test_an_unknown_function_is_refused():
    with pytest.raises(UnsupportedError):
        known_function("besselj", Fraction(1), 64)


@pytest.mark.parametrize(
    ("value", "text"),
    [(sqrt(3) / Fraction(2), "1/2·√3"), (1 - sqrt(2), "1 − √2"), (-2 * sqrt(3), "−2·√3")],
)
def test_text(value, text):
    assert str(value) == text
