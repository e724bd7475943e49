"""Plans for arrays in Fortran order: their own inverse, and right when compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from closed_forms import plan_for
from compiled import TOLERANCE, apart, arguments, benign, expected, given, kernel_of
from layers import LAYERS, planned
from require import require_backend, require_compiler

import derive
from derive.kernel.backends import emitter
from derive.kernel.front import load_kernel
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


def in_fortran(named: dict[str, Any]) -> dict[str, Any]:
    """The same arguments, arrays in Fortran's order."""
    return {n: np.asfortranarray(v) if np.ndim(v) else v for n, v in named.items()}


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
    other = in_fortran(named)
    limit = 8 * TOLERANCE[dtype] * max(1.0, np.abs(right["dx"]).max())
    for threads in (1, 3):
        found = kernel(**other, threads=threads)
        assert found.dx.flags.f_contiguous
        assert np.abs(found.dx - right["dx"]).max() <= limit
        taken = kernel(**other, threads=threads, out={"dx": np.empty(shape, dtype)})
        assert np.abs(taken.dx - right["dx"]).max() <= limit


@pytest.mark.parametrize(("layer", "dtype"), [("batchnorm", "float32"), ("layernorm", "float64")])
def test_fortran_order_in_numba(layer: str, dtype: str) -> None:
    """Alone and on several threads, the first time and again, by loops of its own."""
    require_backend("numba")
    kernel = kernel_of(layer, "numba")
    for shape in ((33, 7), (300, 700) if layer == "batchnorm" else (40, 9)):  # alone is enough
        named = arguments(shape, dtype)
        other = in_fortran(named)
        right = expected(plan_for(layer), named)
        limit = 8 * TOLERANCE[dtype] * max(1.0, np.abs(right["dx"]).max())
        for _ in range(2):
            found = kernel(**other, threads=2)
            assert found.dx.flags.f_contiguous
            assert np.abs(found.dx - right["dx"]).max() <= limit
    used = {key[0]: key[3] for key in kernel.__globals__["_COMPILED"]}
    assert used == {"kernel_turned": "C"}


@pytest.mark.parametrize("layer", LAYERS)
def test_fortran_order_in_numpy(layer: str) -> None:
    """Every document in blocks of few rows; results have the arguments' order."""
    plan = planned(layer)
    kernel = load_kernel(emitter("numpy")(plan, "kernel"), "kernel")
    kernel.__globals__.update(_BLOCK=1 << 8, _ALONE=1, _WIDE=4)
    for case in benign(plan, "float64"):
        named = given(plan, case)
        other = in_fortran(named)
        found = kernel(**other, threads=2)
        assert apart(found, expected(plan, named)) <= 1e-10
        if "_kernel_turned" in kernel.__globals__:
            assert all(each.flags.f_contiguous for each in found)


@pytest.mark.parametrize("layer", ["batchnorm", "layernorm", "groupnorm", "softmax", "mse"])
def test_numpy_has_blocks_for_fortran_order(layer: str) -> None:
    assert "def _kernel_turned(" in emitter("numpy")(planned(layer), "kernel")
