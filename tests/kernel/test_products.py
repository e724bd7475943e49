"""Matrix products of compiled kernels are NumPy's; what lies between them stays compiled loops."""

from __future__ import annotations

import importlib.util
import shutil
from functools import cache
from typing import Any

import numpy as np
import pytest
from require import require

import derive
from derive.kernel.backends import emitter
from derive.kernel.front import load_kernel
from derive.kernel.inputs import cases
from derive.kernel.plan import Plan
from derive.kernel.products import without_products

LAYERS = ("linear", "swiglu", "attention", "conv1d", "lstm_cell")


@cache
def plan_of(name: str) -> Plan:
    return derive.load(name).plan()


@cache
def kernel(name: str, backend: str) -> Any:
    if backend == "c":
        require("gcc", any(map(shutil.which, ("cc", "gcc", "clang"))))
    if backend == "numba":
        require("numba", importlib.util.find_spec("numba") is not None)
    return load_kernel(emitter(backend)(plan_of(name), "kernel"), "kernel")


def arguments(name: str, dtype: str, case: int) -> list[Any]:
    plan = plan_of(name)
    found = list(cases(plan, dtype))[case]
    values = [
        (found.inputs if p.kind == "input" else found.upstream)[p.symbol.key]
        for p in plan.parameters
    ]
    return [value if value.ndim else float(value) for value in values]


def wide(values: list[Any]) -> list[Any]:
    return [v if isinstance(v, float) else v.astype(float) for v in values]


def agree(found: Any, expected: Any, dtype: str) -> None:
    for name, value in zip(expected._fields, expected, strict=True):
        part = getattr(found, name)
        if part is not None:
            assert part.dtype == dtype
            bound = 1e-12 if dtype == "float64" else 2e-5
            assert np.max(np.abs(part - value)) <= bound * np.max(np.abs(value))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "backend"), [*((layer, "c") for layer in LAYERS), ("swiglu", "numba")]
)
def test_equals_the_numpy_kernel(name: str, backend: str, dtype: str) -> None:
    """Also one result alone, into a given array, in Fortran order, and `precise`."""
    function = kernel(name, backend)
    for case in (0, 2):
        values = arguments(name, dtype, case)
        expected = kernel(name, "numpy")(*wide(values))
        agree(function(*values), expected, dtype)
        agree(function(*values, precise=True), expected, dtype)
        turned = [v if isinstance(v, float) else np.asfortranarray(v) for v in values]
        agree(function(*turned), expected, dtype)
        for field, value in zip(expected._fields, expected, strict=True):
            agree(function(*values, want=field), expected, dtype)
            into = np.full(value.shape, np.nan, dtype)
            found = function(*values, want=field, out={field: into})
            assert getattr(found, field) is into
            agree(found, expected, dtype)
            assert [n for n in expected._fields if getattr(found, n) is not None] == [field]


@pytest.mark.parametrize(
    ("name", "calls"), [("batchnorm", 0), ("softmax", 0), ("linear", 2), ("swiglu", 6)]
)
def test_calls_of_matmul(name: str, calls: int) -> None:
    plan = plan_of(name)
    assert without_products(plan) == (calls == 0)
    source = emitter("c")(plan, "kernel").partition("def kernel_forward(")[0]
    assert source.count("numpy.matmul(") == calls
