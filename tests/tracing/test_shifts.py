"""A largest entry that does not matter is left out; one that does stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from derive.api import from_function
from derive.tracing.shifts import NOTE

Function = Callable[..., Any]


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def logsumexp(z: Any) -> Any:
    m = z.max(axis=1)
    return np.log(np.exp(z - m[:, None]).sum(axis=1)) + m


def centred_twice(z: Any) -> Any:
    z = z - z.min()
    return softmax(z)


def shifted_above_only(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / np.exp(z).sum(axis=1, keepdims=True)


def over_the_largest(z: Any) -> Any:
    return z / z.max()


def scaled_away(z: Any) -> Any:
    """Where m = 0 there is no value, so m cannot be left out."""
    m = z.max()
    return (z * m) / m


def above_zero(z: Any) -> Any:
    """Steps in m: constant in between, but not the same everywhere."""
    return np.where(z.max() > 0, z, 2 * z)


@pytest.mark.parametrize("function", [softmax, logsumexp, centred_twice], ids=lambda f: f.__name__)
def test_left_out(function: Function) -> None:
    layer = from_function(function, z=("N", "K"))
    text = layer.document.source.text
    assert NOTE in text
    assert "\\max" not in text and "\\min" not in text
    assert layer.grad("z").steps


@pytest.mark.parametrize(
    "function",
    [shifted_above_only, over_the_largest, scaled_away, above_zero],
    ids=lambda f: f.__name__,
)
def test_kept(function: Function) -> None:
    text = from_function(function, z=("N", "K")).document.source.text
    assert NOTE not in text
    assert "\\max" in text
