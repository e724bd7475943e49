"""Kernels in C: right in every shape, layout and type, clear refusals, a careful compiler."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closed_forms import BATCHNORM, LAYERS, forms_of, plan_for
from compiled import (
    REFUSED,
    TOLERANCE,
    Kernel,
    apart,
    arguments,
    benign,
    code_of,
    dtypes,
    expected,
    given,
    kernel_of,
    laid_out,
    layouts,
    overlapping,
    shapes,
)
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st
from require import require_compiler
from test_to_numpy import HOSTILE, SQUARES, hostile_forms, renamed_inside

from derive.errors import UsageError
from derive.kernel.front import load_kernel
from derive.kernel.plan import plan_of
from derive.kernel.to_c import emit_c

SLOW_START = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    require_compiler()
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("kernels")
        patch.setenv("DERIVE_KERNEL_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def batchnorm() -> Kernel:
    return kernel_of("batchnorm", "c")


# ---- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_equals_the_reference(layer: str) -> None:
    plan, kernel = plan_for(layer), kernel_of(layer, "c")
    for case in benign(plan, "float64"):
        named = given(plan, case)
        assert apart(kernel(**named), expected(plan, named)) <= 1e-14, case.name


@SLOW_START
@drawn(shapes, layouts, layouts, dtypes, st.integers(1, 3))
def test_shapes_layouts_types(
    batchnorm: Kernel, shape: tuple[int, int], x: str, dy: str, dtype: str, threads: int
) -> None:
    """The result of any layout is that of the same entries in C order, and is right."""
    named = arguments(shape, dtype, seed=shape[0])
    named |= {"x": laid_out(named["x"], x), "dy": laid_out(named["dy"], dy)}
    found = batchnorm(**named, threads=threads)
    assert {value.dtype.name for value in found} == {dtype}
    right = expected(plan_for("batchnorm"), named)
    scale = np.abs(named["gamma"]).max() / np.sqrt(named["x"].astype(float).var(0) + 1e-5).min()
    assert np.abs(found.dx - right["dx"]).max() <= TOLERANCE[dtype] * scale * 4
    assert np.abs(found.dbeta - right["dbeta"]).max() <= TOLERANCE[dtype] * shape[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (1000, 3), (130, 257), (3000, 64)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_into_given_arrays(batchnorm: Kernel, shape: tuple[int, int], dtype: str) -> None:
    named = arguments(shape, dtype)
    plain = batchnorm(**named, threads=2)
    for layout in ("C", "F", "every second"):
        out = laid_out(np.full(shape, np.nan, dtype), layout)
        found = batchnorm(**named, threads=2, out={"dx": out})
        assert found.dx is out
        assert np.allclose(out, plain.dx, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_threads_change_rounding_only(batchnorm: Kernel) -> None:
    named = arguments((5000, 48), "float32")
    one, many = batchnorm(**named, threads=1), batchnorm(**named, threads=5)
    again = batchnorm(**named, threads=5)
    assert all(np.array_equal(a, b) for a, b in zip(many, again, strict=True))
    assert all(np.allclose(a, b, rtol=1e-5, atol=1e-5) for a, b in zip(one, many, strict=True))


def test_want(batchnorm: Kernel) -> None:
    everything = batchnorm(**arguments((5, 3)))
    for wanted in ("dx", "dgamma", "dbeta"):
        only = batchnorm(**arguments((5, 3)), want=(wanted,))
        assert np.array_equal(getattr(only, wanted), getattr(everything, wanted))
        assert sum(value is not None for value in only) == 1


def test_precise_rounds_once(batchnorm: Kernel) -> None:
    named = arguments((200, 5), "float32")
    wide = {n: v.astype(float) if isinstance(v, np.ndarray) else v for n, v in named.items()}
    right = batchnorm(**wide | {"eps": float(np.float32(1e-5))})
    found = batchnorm(**named, precise=True)
    for name in ("dx", "dgamma", "dbeta"):
        own, exact = getattr(found, name), getattr(right, name)
        assert own.dtype == np.float32
        assert np.abs(own - exact).max() <= np.spacing(np.float32(np.abs(exact).max()))


def test_nan_and_infinity_come_out(batchnorm: Kernel) -> None:
    named = arguments((6, 3))
    named["x"][2, 1] = np.nan
    found = batchnorm(**named)
    assert np.isnan(found.dx[:, 1]).all() and np.isfinite(found.dx[:, [0, 2]]).all()


def test_many_callers_at_once(batchnorm: Kernel) -> None:
    named = [arguments((400, 30), seed=seed) for seed in range(8)]
    right = [batchnorm(**each).dx for each in named]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: batchnorm(**each).dx, named * 3))
    assert all(np.allclose(a, b, rtol=1e-12) for a, b in zip(found, right * 3, strict=True))


def test_a_forked_child_computes() -> None:
    """Threads of OpenMP do not survive a fork; the child computes without them."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    source = emit_c(plan_for("batchnorm"), "kernel")
    program = source + (
        "\nx = numpy.random.default_rng(0).standard_normal((4000, 64))\n"
        "right = kernel(x, x, x[0].copy(), 1.0, threads=2).dx\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    found = kernel(x, x, x[0].copy(), 1.0, threads=2).dx\n"
        "    os._exit(0 if numpy.allclose(found, right) else 1)\n"
        "raise SystemExit(os.waitpid(child, 0)[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == 0


# ---- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_refusals_name_the_argument(
    batchnorm: Kernel, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        batchnorm(**arguments((5, 3)) | changed)


@pytest.mark.parametrize("number", range(len(overlapping())))
def test_overlap_is_refused_before_any_work(batchnorm: Kernel, number: int) -> None:
    name, named = overlapping()[number]
    before = {n: v.copy() for n, v in named.items() if isinstance(v, np.ndarray)}
    with pytest.raises(ValueError, match="overlaps another array"):
        batchnorm(**named)
    assert all(np.array_equal(named[n], v) for n, v in before.items()), name


def test_interleaved_is_no_overlap(batchnorm: Kernel) -> None:
    named = arguments((5, 3))
    both = np.zeros((5, 6))
    both[:, ::2] = named["x"]
    found = batchnorm(**named | {"x": both[:, ::2]}, out={"dx": both[:, 1::2]})
    assert np.allclose(found.dx, batchnorm(**named).dx)


# ---- compiler and cache -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compiler", "message"),
    [
        ("/no/such/cc", r"CC = '/no/such/cc' is not there: install gcc or clang"),
        ("false", r"cannot compile the kernel"),
    ],
)
def test_a_compiler_that_does_not_work(
    monkeypatch: pytest.MonkeyPatch, compiler: str, message: str
) -> None:
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(RuntimeError, match=message):
        kernel_of("sigmoid", "c")(np.ones(3), np.ones(3))


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="no C compiler was found: install gcc or clang"):
        kernel_of("sigmoid", "c")(np.ones(3), np.ones(3))


def test_loading_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/no/such/cc")
    kernel = kernel_of("sigmoid", "c")
    with pytest.raises(ValueError, match="x: expected a NumPy array"):
        kernel([1.0], np.ones(1))


def test_the_second_process_builds_nothing(
    batchnorm: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    batchnorm(**arguments((2, 2)))
    before = sorted(Path(os.environ["DERIVE_KERNEL_CACHE"]).iterdir())
    monkeypatch.setattr(subprocess, "run", None)
    kernel_of("batchnorm", "c")(**arguments((2, 2)))
    assert sorted(Path(os.environ["DERIVE_KERNEL_CACHE"]).iterdir()) == before


def test_a_cache_that_others_can_write_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(stat.S_IRWXU | stat.S_IWOTH | stat.S_IXOTH)
    monkeypatch.setenv("DERIVE_KERNEL_CACHE", str(shared))
    kernel_of("sigmoid", "c")(np.ones(3), np.ones(3))
    assert list(shared.iterdir()) == []


# ---- the text -----------------------------------------------------------------------------------


def test_output_is_deterministic() -> None:
    assert emit_c(plan_for("layernorm"), "kernel") == emit_c(plan_for("layernorm"), "kernel")


def test_no_warning_of_a_strict_compiler(tmp_path: Path) -> None:
    text = emit_c(plan_for("softmax"), "k")
    prelude, *functions = re.findall(r" = r'''\n(.*?)\n'''", text, re.DOTALL)
    assert len(functions) == 2
    (tmp_path / "k.c").write_text(f"{prelude}\n{functions[0]}\n", encoding="ascii")
    command = ["cc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-O1", "-fopenmp", "-DUNIT"]
    command += ["-DREAL=float", "-DSTORE=float", "-DHEAD=16", "-DWANT=1", "-c", "k.c", "-o", "k.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["", "a b", "os.abort()", "class"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_c(plan_for("softmax"), name)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    """Claims, sources, conditions and names as documents write them change no code."""
    honest = emit_c(plan_of(forms_of(BATCHNORM)), "kernel", version="1")
    source = emit_c(plan_of(hostile_forms(text)), "kernel", version=text)
    assert code_of(source) == code_of(honest)


@pytest.mark.parametrize("key", ["N_{0}", 'N"', "N\\", "class", "int", "k", "n\n", "'''"])
def test_hostile_sizes(key: str) -> None:
    (form, *_) = forms_of(SQUARES.replace("N", "M"))
    source = emit_c(plan_of((renamed_inside(form, "M", key),)), "squares")
    squares = load_kernel(source, "squares")
    with pytest.raises(ValueError, match="dy: expected shape"):
        squares(np.ones(2), np.ones(3))
    assert squares(np.array([1.0, 2.0]), np.ones(2)).dx.tolist() == [2.0, 4.0]
