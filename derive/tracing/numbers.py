"""A number of the program as an exact one: `0.1` is 1/10, `np.sqrt(2)` is √2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from derive.tracing.places import failed

LARGEST_DENOMINATOR = 10**6
SMALL = 1000
"""The largest numerator and denominator under a root or beside π."""
ROUNDING = 9e-16
"""Relative error of a handful of operations in double precision."""


def is_number(value: object) -> bool:
    """Whether a value is a plain number, also an array of no axes."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return isinstance(value, int | float | Fraction | np.bool_ | np.integer | np.floating)


@dataclass(frozen=True, slots=True)
class Exact:
    """`factor · √root · π^pi`, what a plain number stands for."""

    factor: Fraction
    root: Fraction = Fraction(1)
    pi: Fraction = Fraction(0)


def exact(value: object) -> Exact:
    """A plain number exactly: of a float, the simplest number that it may have come from.

    A fraction with a small denominator that rounds to it; a multiple of π, or a square root of a
    small fraction or of a multiple of π or 1/π, within the rounding of a few operations; else the
    shortest decimal, which is what the program's text says. So `0.1` is 1/10, `1 / 3` is 1/3,
    `np.sqrt(2 / np.pi)` is √(2/π). Raises TracingError for infinities.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, int | Fraction):
        return Exact(Fraction(value))
    if not isinstance(value, float) or not math.isfinite(value):
        raise failed(f"{value} has no place in a formula")
    simple = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    if not value or (simple and float(simple) == value):
        return Exact(simple)
    return _irrational(value) or Exact(Fraction(repr(value)))


def _irrational(value: float) -> Exact | None:
    for pi in (Fraction(k, 2) for k in (2, -2, 0, 1, -1)):
        rest = value / math.pi ** float(pi)
        factor = _small(rest)
        if factor is not None and pi:
            return Exact(factor, pi=pi)
        square = _small(rest * rest)
        if square is not None:
            return Exact(Fraction(1 if value > 0 else -1), square, pi)
    return None


def _small(value: float) -> Fraction | None:
    """The small fraction that a float is, up to rounding."""
    near = Fraction(value).limit_denominator(SMALL)
    close = near and abs(float(near) - value) <= ROUNDING * abs(value)
    return near if close and abs(near.numerator) <= SMALL else None
