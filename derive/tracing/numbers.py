"""A number of the program as an exact one: a float is the simplest fraction that rounds to it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from derive.tracing.nodes import Constant, Node, Number
from derive.tracing.places import failed

LARGEST_DENOMINATOR = 10**6


def is_number(value: object) -> bool:
    """Whether a value is a plain number, also an array of no axes."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return isinstance(value, int | float | Fraction | np.bool_ | np.integer | np.floating)


def number(value: object) -> Node:
    """The node of a plain number; π and e are themselves.

    Raises TracingError for infinities and for what is not a number.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    if isinstance(value, float):
        if value == math.pi:
            return Constant("pi")
        if value == math.e:
            return Constant("e")
        if not math.isfinite(value):
            raise failed(f"{value} has no place in a formula")
        return Number(rational(value))
    if isinstance(value, int | Fraction):
        return Number(Fraction(value))
    raise failed(f"a {type(value).__name__} has no place in a formula")


def rational(value: float) -> Fraction:
    """The fraction that a person meant by a float: `0.1` is 1/10, `1 / 3` is 1/3.

    Of the fractions that round to the float, one with a small denominator, else the shortest
    decimal, which is what the program's text says.
    """
    simple = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    return simple if simple and float(simple) == value else Fraction(repr(value))
