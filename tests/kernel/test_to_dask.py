"""Modules for Dask: the library against the NumPy kernels, refusals, a cluster short of memory."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from require import require

import derive
from derive.errors import UnsupportedError
from derive.kernel.front import load_kernel
from derive.kernel.inputs import cases
from derive.kernel.outputs import forward_name
from derive.kernel.plan import Plan
from derive.kernel.to_dask import emit_dask
from derive.kernel.to_numpy import emit_numpy

LIBRARY = (
    "attention",
    "batchnorm",
    "batchnorm_double_backward",
    "conv1d",
    "gelu",
    "groupnorm",
    "label_smoothing",
    "layernorm",
    "linear",
    "logsumexp",
    "lstm_cell",
    "rmsnorm",
    "softmax_cross_entropy",
    "weightnorm",
)


def dask_array() -> ModuleType:
    require("dask", importlib.util.find_spec("dask") is not None)
    return importlib.import_module("dask.array")


@cache
def plan_of(name: str) -> Plan:
    return derive.load(name).plan()


@cache
def kernel(name: str) -> Any:
    dask_array()
    return load_kernel(emit_dask(plan_of(name), "kernel"), "kernel")


@pytest.mark.parametrize("name", LIBRARY)
def test_equals_the_numpy_kernel(name: str) -> None:
    da = dask_array()
    plan = plan_of(name)
    case = next(iter(cases(plan, "float64")))
    held = [
        (case.inputs if p.kind == "input" else case.upstream)[p.symbol.key] for p in plan.parameters
    ]
    expected = load_kernel(emit_numpy(plan, "kernel"), "kernel")(
        *(value if value.ndim else float(value) for value in held)
    )
    found = kernel(name)(
        *(da.from_array(value, chunks=2) if value.ndim else float(value) for value in held)
    )
    for field, value in zip(expected._fields, expected, strict=True):
        lazy = getattr(found, field)
        computed = lazy.compute(scheduler="sync")
        assert lazy.shape == computed.shape == value.shape
        assert lazy.dtype == computed.dtype
        np.testing.assert_allclose(computed, value, rtol=1e-11, atol=1e-13)


def drawn(rows: int = 12, dtype: str = "float32", offset: float = 0.0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(1)
    x, dy = random.standard_normal((2, rows, 4)).astype(dtype)
    return x + np.asarray(offset, dtype), dy, np.ones(4, dtype)


def test_far_from_zero_and_blocks_of_other_sizes() -> None:
    """Float32 around 10⁶ keeps its digits, in blocks of any size."""
    da = dask_array()
    x, dy, gamma = drawn(1000, offset=1e6)
    wide = [value.astype(float) for value in (x, dy, gamma)]
    exact = load_kernel(emit_numpy(plan_of("batchnorm"), "kernel"), "kernel")(*wide, 1e-5).dx
    blocks = da.from_array(x, chunks=(170, 3)), da.from_array(dy, chunks=(400, 4))
    found = kernel("batchnorm")(*blocks, gamma, 1e-5, want="dx").dx.compute(scheduler="threads")
    assert found.dtype == np.float32
    assert np.max(np.abs(found - exact)) <= 3e-6 * np.sqrt((exact**2).mean())


def test_forward() -> None:
    da = dask_array()
    source = emit_dask(plan_of("layernorm"), "layernorm_backward")
    forward = load_kernel(source, forward_name("layernorm_backward"))
    x, beta, gamma = drawn(dtype="float64")
    y = forward(da.from_array(x, chunks=5), gamma, beta[0], 1e-5).y.compute(scheduler="sync")
    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    np.testing.assert_allclose(y, gamma * (x - mean) / np.sqrt(var + 1e-5) + beta[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda da, x, dy, g: (np.ones((4, 2)), dy, g, 1e-5), "x: expected a Dask array"),
        (lambda da, x, dy, g: (x, dy[:5], g, 1e-5), "dy: expected shape"),
        (lambda da, x, dy, g: (x, dy.astype("float64"), g, 1e-5), "dy: dtype float64"),
        (lambda da, x, dy, g: (x.astype("int32"), dy, g, 1e-5), "x: expected dtype"),
        (lambda da, x, dy, g: (x[x[:, 0] > 0], dy, g, 1e-5), "x: chunks of unknown length"),
        (lambda da, x, dy, g: (x[:0], dy[:0], g, 1e-5), "x: every axis needs"),
        (lambda da, x, dy, g: (x[0], dy, g, 1e-5), "x: expected 2 axes"),
        (lambda da, x, dy, g: (x, dy, [1.0] * 4, 1e-5), "gamma: expected a Dask or NumPy array"),
        (lambda da, x, dy, g: (x, dy, g, 0.0), "eps: must satisfy"),
        (lambda da, x, dy, g: (x, dy, g, "small"), "eps: expected a real number"),
    ],
)
def test_refusals(change: Any, message: str) -> None:
    da = dask_array()
    x, dy, gamma = drawn()
    with pytest.raises(ValueError, match=message):
        kernel("batchnorm")(*change(da, da.from_array(x, chunks=4), da.from_array(dy), gamma))


def test_unknown_result() -> None:
    da = dask_array()
    x, dy, gamma = drawn()
    with pytest.raises(ValueError, match="want: expected some of"):
        kernel("batchnorm")(da.from_array(x), da.from_array(dy), gamma, 1e-5, want="dz")


def test_pairs_of_rows_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="in pairs"):
        emit_dask(plan_of("rayleigh"), "kernel")


def test_lines_fit() -> None:
    for name in LIBRARY:
        lines = emit_dask(plan_of(name), f"{name}_backward").splitlines()
        assert [line for line in lines if len(line) > 110] == []


def test_a_cluster_with_less_memory_than_the_arrays(tmp_path: Any) -> None:
    """Two workers with 512 MB together on two arrays of 300 MB each."""
    da = dask_array()
    require("dask", importlib.util.find_spec("distributed") is not None)
    import dask
    from distributed import Client, LocalCluster

    path = tmp_path / "batchnorm_on_dask.py"
    path.write_text(emit_dask(plan_of("batchnorm"), "kernel"), encoding="utf-8")
    dask.config.set({"distributed.worker.memory.terminate": False})
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit="256MB",
        dashboard_address=None,
        local_directory=str(tmp_path),
        silence_logs=50,
    )
    with cluster, Client(cluster) as client:
        client.upload_file(str(path))
        spec = importlib.util.spec_from_file_location("batchnorm_on_dask", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        importlib.import_module("sys").modules["batchnorm_on_dask"] = module
        spec.loader.exec_module(module)
        random = da.random.default_rng(3)
        shape, chunks = (600_000, 128), (20_000, 128)
        x = random.standard_normal(shape, dtype="float32", chunks=chunks) + np.float32(100)
        dy = random.standard_normal(shape, dtype="float32", chunks=chunks)
        assert x.nbytes + dy.nbytes > 512e6
        found = module.kernel(x, dy, np.ones(128, np.float32), 1e-5)
        total, mean, dbeta, expected = dask.compute(
            found.dx.sum(axis=0, dtype="float64"),
            (found.dx * dy).mean(dtype="float64"),
            found.dbeta,
            dy.sum(axis=0, dtype="float64"),
        )
    assert np.max(np.abs(total)) < 0.1  # each column of dx adds up to nothing
    assert mean == pytest.approx(1, abs=1e-3)  # σ is one, and dy is independent of x
    np.testing.assert_allclose(dbeta, expected, rtol=1e-5, atol=1e-3)
