"""Plans for arrays in Fortran order: their own inverse, and right when compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from closed_forms import plan_for
from compiled import TOLERANCE, arguments, expected, kernel_of
from require import require_compiler

import derive
from derive.kernel.turned import turned


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "groupnorm", "softmax", "kl_gaussian"])
def test_turned_twice_is_the_plan(name: str) -> None:
    plan = derive.load(name).plan()
    once = turned(plan)
    assert once is not None
    assert once.steps != plan.steps
    twice = turned(once)
    assert twice is not None
    assert (twice.steps, twice.parameters) == (plan.steps, plan.parameters)


@pytest.mark.parametrize("name", ["linear", "attention"])
def test_products_of_matrices_stay(name: str) -> None:
    assert turned(derive.load(name).plan()) is None


@pytest.fixture(scope="module")
def compilers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    require_compiler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERIVE_KERNEL_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


@pytest.mark.parametrize("layer", ["batchnorm", "layernorm"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 5), (7, 1), (300, 40), (33, 1500), (20000, 3)])
def test_fortran_order(compilers: Any, layer: str, dtype: str, shape: tuple[int, int]) -> None:
    """The same gradients, themselves in that order, into results of either order."""
    named = arguments(shape, dtype)
    kernel, right = kernel_of(layer, "c"), expected(plan_for(layer), named)
    other = {
        key: np.asfortranarray(value) if isinstance(value, np.ndarray) else value
        for key, value in named.items()
    }
    limit = 8 * TOLERANCE[dtype] * max(1.0, np.abs(right["dx"]).max())
    for threads in (1, 3):
        found = kernel(**other, threads=threads)
        assert found.dx.flags.f_contiguous
        assert np.abs(found.dx - right["dx"]).max() <= limit
        given = kernel(**other, threads=threads, out={"dx": np.empty(shape, dtype)})
        assert np.abs(given.dx - right["dx"]).max() <= limit
