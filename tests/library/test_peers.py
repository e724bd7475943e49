"""The library's closed forms beside the automatic derivatives of PyTorch and JAX."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import pytest
from closed_values import PEERS, Point, apart, by_kernels, point_for
from library_documents import NAMES, judged
from require import require

from derive.kernel.proved import ClosedForm, proved_forms

TOLERANCE = 1e-10
IN_JAX = ("attention", "batchnorm_double_backward", "huber", "lstm_cell", "softmax_cross_entropy")
"""The script compares all of them with JAX; compiling them takes a minute."""


def setting(name: str) -> tuple[list[ClosedForm], Point]:
    forms = proved_forms(judged(name))
    return forms, point_for(forms)


def largest_difference(peer: str, name: str, forms: Sequence[ClosedForm], point: Point) -> float:
    require(peer, find_spec(peer) is not None)
    found = PEERS[peer](name, point, [form.target.key for form in forms])
    return max(apart(point.closed(form), found[form.target.key]) for form in forms)


@pytest.mark.parametrize("name", NAMES)
def test_closed_forms_agree_with_torch(name: str) -> None:
    assert largest_difference("torch", name, *setting(name)) < TOLERANCE


@pytest.mark.parametrize("name", IN_JAX)
def test_closed_forms_agree_with_jax(name: str) -> None:
    assert largest_difference("jax", name, *setting(name)) < TOLERANCE


@pytest.mark.parametrize("name", NAMES)
def test_exported_kernels_agree_with_closed_forms(name: str) -> None:
    forms, point = setting(name)
    computed = by_kernels(forms, point)
    for form in forms:
        assert apart(computed[form.target.key], point.closed(form)) < TOLERANCE


def test_another_point_is_told_apart() -> None:
    forms, point = setting("layernorm")
    other = point_for(forms, seed=1)
    assert largest_difference("torch", "layernorm", forms, other) < TOLERANCE
    require("torch", find_spec("torch") is not None)
    found = PEERS["torch"]("layernorm", other, ["X"])["X"]
    assert apart(point.closed(next(f for f in forms if f.target.key == "X")), found) > 0.1


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.0], [1.0, 4.0], 0.5),
        ([0.0], [0.0], 0.0),
        ([1.0], [1.0, 1.0], float("inf")),
        ([float("nan")], [1.0], float("inf")),
    ],
)
def test_difference(value: list[float], other: list[float], expected: float) -> None:
    assert apart(np.array(value), np.array(other)) == expected
