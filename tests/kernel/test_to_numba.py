"""Kernels by numba: right in every shape, layout and type, compiled only when called."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import (
    LAYOUTS,
    REFUSED,
    Kernel,
    apart,
    arguments,
    benign,
    code_of,
    expected,
    given,
    kernel_of,
    laid_out,
    overlapping,
)
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st
from require import require
from test_to_numpy import HOSTILE, SQUARES, hostile_forms, renamed_inside
from torch_processes import loaded

from derive.errors import UsageError
from derive.kernel.front import load_kernel
from derive.kernel.plan import plan_of
from derive.kernel.to_numba import emit_numba

SLOW_START = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.fixture(scope="module", autouse=True)
def _numba() -> None:
    require("numba", importlib.util.find_spec("numba") is not None)


@pytest.fixture(scope="module")
def batchnorm() -> Kernel:
    return kernel_of("batchnorm", "numba")


@pytest.fixture(scope="module")
def layernorm() -> Kernel:
    return kernel_of("layernorm", "numba")


# ---- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["layernorm", "softmax", "relu"])
def test_equals_the_reference(layer: str) -> None:
    plan, kernel = plan_for(layer), kernel_of(layer, "numba")
    for case in benign(plan, "float64"):
        named = given(plan, case)
        assert apart(kernel(**named), expected(plan, named)) <= 1e-14, case.name


@SLOW_START
@drawn(
    st.tuples(st.integers(2, 300), st.integers(2, 40)),
    st.sampled_from(["F", "every second", "reversed"]),
    st.sampled_from(LAYOUTS),
)
def test_shapes_and_layouts(layernorm: Kernel, shape: tuple[int, int], x: str, dy: str) -> None:
    named = arguments(shape, seed=shape[0])
    named |= {"x": laid_out(named["x"], x)[::-1], "dy": laid_out(named["dy"], dy)}
    found = layernorm(**named, threads=1)
    right = expected(plan_for("layernorm"), named)
    scale = 1 / np.sqrt(named["x"].var(1) + 1e-5).min()
    assert np.abs(found.dx - right["dx"]).max() <= 1e-13 * scale * np.abs(right["dx"]).max() + 1e-12


@pytest.mark.parametrize("outliers", [0.0, 1e4])
def test_threads_and_given_arrays(batchnorm: Kernel, outliers: float) -> None:
    """With outliers in the first rows the shift is found anew."""
    named = arguments((3000, 64))
    named["x"][:16] += outliers
    out = np.full((3000, 64), np.nan)
    found = batchnorm(**named, threads=2, out={"dx": out})
    assert found.dx is out
    right = expected(plan_for("batchnorm"), named)
    assert all(np.allclose(getattr(found, n), v, rtol=1e-9, atol=1e-11) for n, v in right.items())
    only = batchnorm(**named, threads=2, want="dbeta")
    assert only.dx is None and np.array_equal(only.dbeta, found.dbeta)


def test_digits_survive_an_offset(layernorm: Kernel) -> None:
    named = arguments((200, 80), "float32")
    named["x"] += np.float32(1e4)
    wide = {n: v.astype(float) if isinstance(v, np.ndarray) else v for n, v in named.items()}
    right = expected(plan_for("layernorm"), wide | {"eps": float(np.float32(1e-5))})["dx"]
    found = layernorm(**named, threads=1).dx
    assert found.dtype == np.float32
    assert (np.abs(found - right) / np.sqrt((right**2).mean(1, keepdims=True))).max() <= 3e-6


# ---- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_refusals_name_the_argument(
    batchnorm: Kernel, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        batchnorm(**arguments((5, 3)) | changed)


@pytest.mark.parametrize("number", range(len(overlapping())))
def test_overlap_is_refused(batchnorm: Kernel, number: int) -> None:
    with pytest.raises(ValueError, match="overlaps another array"):
        batchnorm(**overlapping()[number][1])


# ---- compiling ----------------------------------------------------------------------------------


@pytest.fixture
def exported(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "sigmoid_kernel.py"
    path.write_text(emit_numba(plan_for("sigmoid"), "kernel"), encoding="utf-8")
    yield path


PROGRAM = """
import numba, numba.core.dispatcher as d, numpy
before = []
plain = d.Dispatcher.compile
d.Dispatcher.compile = lambda self, sig: before.append(sig) or plain(self, sig)
import sigmoid_kernel
print(len(before), end=" ")
sigmoid_kernel.warmup(("float64",), parallel=False)
built = len(before)
sigmoid_kernel.kernel(numpy.ones(3), numpy.ones(3))
print(built > 0, len(before) == built, end=" ")
try:
    sigmoid_kernel.warmup(("int64",))
except ValueError as error:
    print(error)
sigmoid_kernel.warmup("float64", functions="kernel")
"""


def test_importing_compiles_nothing_and_warmup_everything(exported: Path) -> None:
    expecting = "0 True True dtypes: expected float32 or float64, got 'int64'\n"
    assert _printed(PROGRAM, exported.parent) == (expecting, "")
    kept = [path.name for path in (exported.parent / "__pycache__").glob("*kernel_loops*.nbi")]
    assert sorted("_parallel" in name for name in kept) == [False, True]  # no thread is lost


def _printed(program: str, folder: Path) -> tuple[str, str]:
    """What a program that can import from a folder prints and complains."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(folder)},
        timeout=120,
    )
    return done.stdout, done.stderr


LOADED = """
import importlib.util, numpy, sys
spec = importlib.util.spec_from_file_location("{name}", "{path}")
module = importlib.util.module_from_spec(spec)
if {known}:
    sys.modules["{name}"] = module
spec.loader.exec_module(module)
print(module.kernel(numpy.ones(3), numpy.ones(3)).dx.sum() > 0)
"""


def test_what_is_kept_serves_whoever_loads_the_file(exported: Path) -> None:
    """From a module that nobody can import again, or that has another name, nothing is taken."""
    for name, known in (("one", False), ("one", False), ("one", True), ("two", True)):
        program = LOADED.format(name=name, path=exported, known=known)
        assert _printed(program, exported.parent) == ("True\n", "")
        kept = [path.name for path in exported.parent.glob("__pycache__/*kernel_loops*.nbi")]
        assert bool(kept) == known and any(f"_{name}_" in path for path in kept) == known


def test_loops_are_compiled_for_what_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "batchnorm_wanted.py"
    path.write_text(emit_numba(plan_for("batchnorm"), "kernel"), encoding="utf-8")
    module = loaded(path)
    module.warmup("float64", parallel=False, functions="kernel", want=("dgamma", "dbeta"))
    built = set(module._COMPILED)
    named = arguments((7, 3))
    some = module.kernel(**named, want=("dgamma", "dbeta"))
    assert set(module._COMPILED) == built and some.dx is None
    every = module.kernel(**named)
    assert len(module._COMPILED) == len(built) + 1
    assert np.array_equal(some.dgamma, every.dgamma) and np.array_equal(some.dbeta, every.dbeta)


def test_output_is_deterministic() -> None:
    assert emit_numba(plan_for("layernorm"), "k") == emit_numba(plan_for("layernorm"), "k")


@pytest.mark.parametrize("name", ["", "a b", "os.abort()", "class", "warmup"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_numba(plan_for("softmax"), name)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    """Claims, sources, conditions and names as documents write them change no code."""
    honest = emit_numba(plan_of(forms_of(BATCHNORM)), "kernel", version="1")
    source = emit_numba(plan_of(hostile_forms(text)), "kernel", version=text)
    assert code_of(source) == code_of(honest)


@pytest.mark.parametrize("key", ["N_{0}", 'N"', "N\\", "class", "int", "k", "n\n", "'''"])
def test_hostile_sizes(key: str) -> None:
    (form, *_) = forms_of(SQUARES.replace("N", "M"))
    source = emit_numba(plan_of((renamed_inside(form, "M", key),)), "squares")
    squares = load_kernel(source, "squares")
    with pytest.raises(ValueError, match="dy: expected shape"):
        squares(np.ones(2), np.ones(3))
