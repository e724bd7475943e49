"""Elementary functions with proved error bounds: a rational point or an interval → an enclosure.

Series are summed in integers or intervals, with the remainder bounded: geometrically for exp and
log, by the next term where signs alternate (sin, cos, arctan, erf), by the enveloping property of
Stirling's series for gamma and digamma (Whittaker and Watson, §12.33).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import comb

from derive.errors import LimitError
from derive.oracle.interval import (
    Interval,
    Real,
    UndefinedHere,
    Unresolved,
    as_interval,
    root_interval,
)

Point = Callable[[Fraction, int], Interval]

LARGEST_ARGUMENT = 2000
GUARD = 16


def _checked(x: Fraction, bound: int = LARGEST_ARGUMENT) -> None:
    if abs(x) > bound:
        raise LimitError(f"an argument beyond {bound} is not evaluated")


def exp_at(x: Fraction, bits: int) -> Interval:
    """e^x: Taylor's series of x / 2^m < 1/4 in integers, then m squarings."""
    _checked(x)
    if x < 0:
        return 1 / exp_at(-x, bits)
    halvings = max(0, x.numerator.bit_length() - x.denominator.bit_length() + 3)
    width = bits + GUARD + 2 * halvings
    small = (x.numerator << width) // (x.denominator << halvings)
    term = total = 1 << width
    steps = 0
    while term:
        steps += 1
        term = term * small // (steps << width)
        total += term
    # Each term is floored (below 2 units lost), the argument too, and the tail is below 4 units.
    result = Interval(_scaled(total, width), _scaled(total + 2 * steps + 8, width), width)
    for _ in range(halvings):
        result = result * result
    return Interval.around(result.low, result.high, bits)


def _scaled(value: int, width: int) -> Fraction:
    return Fraction(value, 1 << width)


def _artanh_small(z: Fraction, bits: int) -> Interval:
    """artanh for 0 ≤ z ≤ 1/3 in integers; each of the terms loses at most 3 units."""
    width = bits + GUARD
    power = (z.numerator << width) // z.denominator
    square = (power * power) >> width
    total, steps = 0, 0
    while power:
        total += power // (2 * steps + 1)
        power = (power * square) >> width
        steps += 1
    return Interval(_scaled(total, width), _scaled(total + 3 * steps + 8, width), width)


@lru_cache(maxsize=16)
def log_two(bits: int) -> Interval:
    """log 2 = 2 artanh(1/3)."""
    return 2 * _artanh_small(Fraction(1, 3), bits)


def log_at(x: Fraction, bits: int) -> Interval:
    """The natural logarithm of a positive rational."""
    if x <= 0:
        raise UndefinedHere("logarithm of a number that is not positive")
    shift = x.numerator.bit_length() - x.denominator.bit_length()
    mantissa = x / Fraction(2) ** shift
    if mantissa > Fraction(4, 3):
        mantissa, shift = mantissa / 2, shift + 1
    elif mantissa < Fraction(2, 3):
        mantissa, shift = mantissa * 2, shift - 1
    ratio = (mantissa - 1) / (mantissa + 1)
    series = 2 * _artanh_small(abs(ratio), bits)
    whole = (series if ratio >= 0 else -series) + shift * log_two(bits + shift.bit_length())
    return Interval.around(whole.low, whole.high, bits)


def _alternating(first: Interval, ratio: Callable[[int], Interval], bits: int) -> Interval:
    """Σ (−1)^k t_k, t_0 = `first`, t_k = t_{k−1} · ratio(k), until the terms vanish."""
    total, term, sign, k = first, first, 1, 0
    tiny = Fraction(1, 1 << bits)
    while True:
        k += 1
        step = ratio(k)
        term = term * step
        sign = -sign
        if term.magnitude < tiny and step.magnitude < Fraction(1, 2):
            return total + Interval(-term.magnitude, term.magnitude, first.bits)
        total = total + (term if sign > 0 else -term)


def _trigonometric(x: Fraction, bits: int, odd: int) -> Interval:
    """sin (`odd` = 1) or cos (`odd` = 0) by Taylor's series; cancellation costs 3|x| bits."""
    _checked(x, 128)
    width = bits + GUARD + 3 * int(abs(x))
    square = as_interval(x * x, width)
    first = as_interval(x if odd else 1, width)
    return _alternating(first, lambda k: square / ((2 * k + odd) * (2 * k + odd - 1)), bits + GUARD)


def _arctan_series(x: Interval, bits: int) -> Interval:
    square = x * x
    power, total, k = x, x, 0
    tiny = Fraction(1, 1 << bits)
    while True:
        k += 1
        power = power * square
        term = power / (2 * k + 1)
        if term.magnitude < tiny:
            return total + Interval(-term.magnitude, term.magnitude, x.bits)
        total = total - term if k % 2 else total + term


@lru_cache(maxsize=16)
def pi(bits: int) -> Interval:
    """π by Machin's formula."""
    width = bits + GUARD
    fifth, small = (as_interval(Fraction(1, n), width) for n in (5, 239))
    return 16 * _arctan_series(fifth, width) - 4 * _arctan_series(small, width)


def arctan_at(x: Fraction, bits: int) -> Interval:
    """arctan: inverted above 1, halved twice, then the series."""
    if x < 0:
        return -arctan_at(-x, bits)
    if x > 1:
        return pi(bits) / 2 - arctan_at(1 / x, bits)
    width = bits + GUARD
    halved = as_interval(x, width)
    for _ in range(2):
        halved = halved / (1 + root_interval(1 + halved * halved, 2, width))
    return 4 * _arctan_series(halved, width)


def arcsin_at(x: Fraction, bits: int) -> Interval:
    """arcsin x = arctan(x / √(1 − x²))."""
    if abs(x) > 1:
        raise UndefinedHere("arcsin outside [−1, 1]")
    if abs(x) == 1:
        return x.numerator * pi(bits) / 2
    width = bits + GUARD
    return arctan(x / root_interval(1 - x * x, 2, width), width)


def erf_at(x: Fraction, bits: int) -> Interval:
    """erf: Maclaurin's series, cancellation costs 3x² bits; beyond 12, 1 − e^{−x²} < erf x < 1."""
    if x < 0:
        return -erf_at(-x, bits)
    if x > 12:
        _checked(x * x)
        return Interval.around(1 - exp_at(-x * x, bits).high, Fraction(1), bits)
    width = bits + GUARD + 3 * int(x * x + 1)
    square = as_interval(x * x, width)
    series = _alternating(
        as_interval(x, width),
        lambda k: square * Fraction(2 * k - 1, k * (2 * k + 1)),
        bits + GUARD,
    )
    return 2 * series / root_interval(pi(width), 2, width)


@lru_cache(maxsize=256)
def bernoulli(n: int) -> Fraction:
    """The Bernoulli number B_n, B_1 = −1/2."""
    if n == 0:
        return Fraction(1)
    return -sum((comb(n + 1, k) * bernoulli(k) for k in range(n)), Fraction(0)) / (n + 1)


def _stirling(z: Fraction, bits: int, term: Callable[[int], Fraction]) -> Interval:
    """Σ_{k≥1} term(k) of an enveloping series: the error is below the first omitted term."""
    total, width = as_interval(0, bits + GUARD), bits + GUARD
    for k in range(1, 120):
        size = term(k)
        if abs(size) < Fraction(1, 1 << width):
            return total + Interval(-abs(size), abs(size), width)
        total = total + size
    raise Unresolved("Stirling's series is too short here")


def _lifted(x: Fraction, bits: int) -> int:
    """How far to raise the argument before Stirling's series is sharp enough."""
    if x.denominator == 1 and x <= 0:
        raise UndefinedHere("gamma has a pole at this integer")
    _checked(x, 128)
    return max(0, bits // 4 + 12 - int(x))


def gamma_at(x: Fraction, bits: int) -> Interval:
    """Γ by its recurrence and Stirling's series."""
    width = bits + GUARD
    lift = _lifted(x, width)
    z = x + lift
    series = _stirling(
        z, width, lambda k: bernoulli(2 * k) / (2 * k * (2 * k - 1) * z ** (2 * k - 1))
    )
    half_log = log(2 * pi(width), width) / 2
    logarithm = (z - Fraction(1, 2)) * log_at(z, width + 8) - z + half_log + series
    value = exp(logarithm, width)
    for k in range(lift):
        value = value / (x + k)
    return value


def digamma_at(x: Fraction, bits: int) -> Interval:
    """ψ by its recurrence and the derivative of Stirling's series."""
    width = bits + GUARD
    lift = _lifted(x, width)
    z = x + lift
    series = _stirling(z, width, lambda k: -bernoulli(2 * k) / (2 * k * z ** (2 * k)))
    value = log_at(z, width) - 1 / (2 * z) + series
    return value - sum((1 / (x + k) for k in range(lift)), Fraction(0))


def trigamma_at(x: Fraction, bits: int) -> Interval:
    """ψ′ likewise."""
    width = bits + GUARD
    lift = _lifted(x, width)
    z = x + lift
    series = _stirling(z, width, lambda k: bernoulli(2 * k) / z ** (2 * k + 1))
    value = 1 / z + 1 / (2 * z * z) + series
    return value + sum((1 / (x + k) ** 2 for k in range(lift)), Fraction(0))


def _tanh_at(x: Fraction, bits: int) -> Interval:
    return 1 - 2 / (exp_at(2 * x, bits + GUARD) + 1)


def _sinh_at(x: Fraction, bits: int) -> Interval:
    return (exp_at(x, bits + GUARD) - exp_at(-x, bits + GUARD)) / 2


def _arctanh_at(x: Fraction, bits: int) -> Interval:
    if abs(x) >= 1:
        raise UndefinedHere("arctanh outside (−1, 1)")
    return log_at((1 + x) / (1 - x), bits) / 2


def _arcsinh_at(x: Fraction, bits: int) -> Interval:
    if x < 0:
        return -_arcsinh_at(-x, bits)
    return log(x + root_interval(x * x + 1, 2, bits + GUARD), bits + GUARD)


def _arccosh_at(x: Fraction, bits: int) -> Interval:
    if x < 1:
        raise UndefinedHere("arccosh below 1")
    return log(x + root_interval(x * x - 1, 2, bits + GUARD), bits + GUARD)


def _increasing(at: Point, value: Real, bits: int) -> Interval:
    whole = as_interval(value, bits)
    low = at(whole.low, bits)
    high = low if whole.is_point else at(whole.high, bits)
    return Interval.around(low.low, high.high, bits)


def _positive_only(at: Point) -> Point:
    def checked(x: Fraction, bits: int) -> Interval:
        if x <= 0:
            raise LimitError("gamma functions of an interval that reaches below zero")
        return at(x, bits)

    return checked


def exp(value: Real, bits: int) -> Interval:
    """An enclosure of e to the power of an enclosure."""
    return _increasing(exp_at, value, bits)


def log(value: Real, bits: int) -> Interval:
    """An enclosure of the logarithm; `Unresolved` when the argument is not separated from 0."""
    whole = as_interval(value, bits)
    if whole.low <= 0 < whole.high:
        raise Unresolved("a logarithm's argument is not separated from zero")
    return _increasing(log_at, whole, bits)


def arctan(value: Real, bits: int) -> Interval:
    """An enclosure of the arc tangent."""
    return _increasing(arctan_at, value, bits)


def _lipschitz(at: Point, value: Real, bits: int) -> Interval:
    """sin and cos of an interval: the value at its middle, widened by its radius."""
    whole = as_interval(value, bits)
    middle = round((whole.low + whole.high) / 2 * (1 << bits)) / Fraction(1 << bits)
    if whole.is_point:
        middle = whole.low
    radius = max(whole.high - middle, middle - whole.low)
    centre = at(middle, bits)
    low, high = centre.low - radius, centre.high + radius
    return Interval.around(max(low, Fraction(-1)), min(high, Fraction(1)), bits)


def sin(value: Real, bits: int) -> Interval:
    """An enclosure of the sine."""
    return _lipschitz(lambda x, b: _trigonometric(x, b, 1), value, bits)


def cos(value: Real, bits: int) -> Interval:
    """An enclosure of the cosine."""
    return _lipschitz(lambda x, b: _trigonometric(x, b, 0), value, bits)


def _gamma(value: Real, bits: int) -> Interval:
    whole = as_interval(value, bits)
    if whole.is_point:
        return gamma_at(whole.low, bits)
    if whole.low >= 2:
        return _increasing(gamma_at, whole, bits)
    if whole.low > 0 and whole.high <= Fraction(7, 5):
        return _decreasing(gamma_at, whole, bits)
    raise LimitError("gamma of an interval around its minimum")


def _decreasing(at: Point, value: Real, bits: int) -> Interval:
    whole = as_interval(value, bits)
    return Interval.around(at(whole.high, bits).low, at(whole.low, bits).high, bits)


def _gamma_like(at: Point, spread: Callable[[Point, Real, int], Interval]) -> Enclosure:
    def enclosure(value: Real, bits: int) -> Interval:
        whole = as_interval(value, bits)
        if whole.is_point:
            return at(whole.low, bits)
        return spread(_positive_only(at), whole, bits)

    return enclosure


def _rising(at: Point) -> Enclosure:
    return lambda value, bits: _increasing(at, value, bits)


Enclosure = Callable[[Real, int], Interval]

ENCLOSURES: Mapping[str, Enclosure] = {
    "exp": exp,
    "log": log,
    "sin": sin,
    "cos": cos,
    "tan": lambda x, bits: sin(x, bits) / cos(x, bits),
    "sinh": _rising(_sinh_at),
    "cosh": lambda x, bits: (exp(x, bits) + 1 / exp(x, bits)) / 2,
    "tanh": _rising(_tanh_at),
    "arcsin": _rising(arcsin_at),
    "arccos": lambda x, bits: pi(bits) / 2 - _increasing(arcsin_at, x, bits),
    "arctan": arctan,
    "arcsinh": _rising(_arcsinh_at),
    "arccosh": _rising(_arccosh_at),
    "arctanh": _rising(_arctanh_at),
    "erf": _rising(erf_at),
    "sigmoid": lambda x, bits: 1 / (1 + exp(-as_interval(x, bits), bits)),
    "softplus": lambda x, bits: log(1 + exp(x, bits), bits),
    "gamma": _gamma,
    "digamma": _gamma_like(digamma_at, _increasing),
    "trigamma": _gamma_like(trigamma_at, _decreasing),
}

RATIONAL_VALUES: Mapping[tuple[str, int], Fraction] = {
    **{
        (name, 0): Fraction(0)
        for name in ["sin", "tan", "sinh", "tanh", "arcsin", "arctan", "arcsinh", "arctanh", "erf"]
    },
    **{(name, 0): Fraction(1) for name in ("exp", "cos", "cosh")},
    ("sigmoid", 0): Fraction(1, 2),
    ("log", 1): Fraction(0),
    ("arccos", 1): Fraction(0),
    ("arccosh", 1): Fraction(0),
}
"""Rational values at rational points, which keep small witnesses free of intervals."""
