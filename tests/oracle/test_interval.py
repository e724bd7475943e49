"""Intervals enclose, and elementary functions enclose the values of an independent library."""

from fractions import Fraction

import mpmath
import pytest

from derive.errors import LimitError
from derive.oracle.elementary import ENCLOSURES, bernoulli, pi
from derive.oracle.interval import Interval, UndefinedHere, Unresolved, root_interval

REFERENCE = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "erf": mpmath.erf,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "gamma": mpmath.gamma,
    "digamma": mpmath.digamma,
    "trigamma": lambda x: mpmath.psi(1, x),
}
POINTS = [Fraction(text) for text in ("-7/3", "-1/3", "1/7", "3/4", "1", "5/2", "11")]
DOMAIN = {
    "log": lambda x: x > 0,
    "arcsin": lambda x: abs(x) <= 1,
    "arccos": lambda x: abs(x) <= 1,
    "arccosh": lambda x: x >= 1,
    "arctanh": lambda x: abs(x) < 1,
}


def real(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def test_every_function_has_a_reference():
    assert ENCLOSURES.keys() == REFERENCE.keys()


@pytest.mark.parametrize("bits", [64, 128])
@pytest.mark.parametrize("name", REFERENCE)
def test_a_value_is_enclosed_tightly(name, bits):
    for x in filter(DOMAIN.get(name, lambda x: True), POINTS):
        found = ENCLOSURES[name](x, bits)
        with mpmath.workdps(80):
            truth = REFERENCE[name](real(x))
            assert real(found.low) <= truth <= real(found.high), x
            assert real(found.high - found.low) <= max(abs(truth), 1) * mpmath.mpf(2) ** (
                20 - bits
            ), x


@pytest.mark.parametrize("name", REFERENCE)
def test_the_enclosure_of_an_interval_holds_the_values_of_its_points(name):
    low, high = (
        (Fraction(11, 10), Fraction(6, 5))
        if name == "arccosh"
        else (Fraction(1, 4), Fraction(3, 8))
    )
    found = ENCLOSURES[name](Interval(low, high), 64)
    with mpmath.workdps(40):
        for k in range(9):
            truth = REFERENCE[name](real(low + (high - low) * Fraction(k, 8)))
            assert real(found.low) <= truth <= real(found.high)


@pytest.mark.parametrize(
    ("name", "x", "error"),
    [
        ("log", 0, UndefinedHere),
        ("log", -1, UndefinedHere),
        ("arcsin", 2, UndefinedHere),
        ("arccosh", Fraction(1, 2), UndefinedHere),
        ("arctanh", 1, UndefinedHere),
        ("gamma", -2, UndefinedHere),
        ("digamma", 0, UndefinedHere),
        ("exp", 10**6, LimitError),
    ],
)
def test_no_value_outside_the_domain(name, x, error):
    with pytest.raises(error):
        ENCLOSURES[name](Fraction(x), 64)


def test_arithmetic_rounds_outward():
    third = Interval.around(Fraction(1, 3), Fraction(1, 3), 16)
    assert third.low < Fraction(1, 3) < third.high
    for found, truth in [
        (third + third, Fraction(2, 3)),
        (third * -3, Fraction(-1)),
        (1 / third, Fraction(3)),
        (1 - third, Fraction(2, 3)),
        (third**-2, Fraction(9)),
    ]:
        assert found.low < truth < found.high


@pytest.mark.parametrize(
    ("low", "high", "exponent", "expected"),
    [(-2, 1, 2, (0, 4)), (-2, 1, 3, (-8, 1)), (-3, -2, 2, (4, 9)), (-1, 1, 0, (1, 1))],
)
def test_powers_of_an_interval_around_zero(low, high, exponent, expected):
    found = Interval(Fraction(low), Fraction(high)) ** exponent
    assert (found.low, found.high) == expected


def test_zero_inside_cannot_be_told():
    around = Interval(Fraction(-1), Fraction(1))
    for attempt in (around.sign, lambda: 1 / around, lambda: root_interval(around, 2, 64)):
        with pytest.raises(Unresolved):
            attempt()


def test_constants():
    assert bernoulli(12) == Fraction(-691, 2730)
    with mpmath.workdps(60):
        found = pi(128)
        assert real(found.low) <= mpmath.pi <= real(found.high)
