"""Independent columns: which plans have them, and that pieces of columns give the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import TOLERANCE, apart, arguments, expected
from require import require_backend, require_compiler

import derive
from derive.kernel.columns import separable
from derive.kernel.front import load_kernel
from derive.kernel.plan import plan_of
from derive.kernel.to_c import emit_c
from derive.kernel.to_numba import emit_numba

COLUMNS = {
    "batchnorm": "D",
    "layernorm": None,  # sums run along the last axis
    "softmax": None,
    "groupnorm": None,
    "gelu": None,  # nothing is summed
    "attention": None,  # rows of a product depend on all columns
    "linear": None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of compiled kernels, where there is a compiler."""
    require_compiler()
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("kernels")
        patch.setenv("DERIVE_KERNEL_CACHE", str(path))
        yield path


@pytest.mark.parametrize("name", COLUMNS)
def test_which_plans_have_independent_columns(name: str) -> None:
    split = separable(derive.load(name).plan())
    assert (split and split.size) == COLUMNS[name]


def test_a_size_used_as_a_number_binds_the_columns() -> None:
    """A factor D makes each column depend on how many there are."""
    changed = BATCHNORM.replace("\\gamma (v", "D \\gamma (v")
    assert changed != BATCHNORM
    assert separable(plan_of(forms_of(BATCHNORM))) is not None
    assert separable(plan_of(forms_of(changed))) is None


@pytest.mark.parametrize("shape", [(64, 20000), (3, 4111), (200, 1030), (300, 640), (1, 70000)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_pieces_of_columns(
    shape: tuple[int, int],
    dtype: str,
    threads: int,
    folder: Path,
) -> None:
    named = arguments(shape, dtype)
    right = expected(plan_for("batchnorm"), named)
    text = emit_c(plan_for("batchnorm"), "backward")
    narrow, changes = re.subn(r"most < 16 \* line \|\| .* <= 2097152.0", "most < 4 * line", text)
    assert changes == 1
    for kernel in (load_kernel(text, "backward"), load_kernel(narrow, "backward")):
        found = kernel(**named, threads=threads)
        assert apart(found, right) <= 8 * TOLERANCE[dtype] * np.sqrt(shape[0])
        again = kernel(**named, threads=threads)
        assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize(("layer", "dtype"), [("batchnorm", "float32"), ("layernorm", "float64")])
def test_pieces_of_columns_in_numba(layer: str, dtype: str) -> None:
    """Rows of the layer normalisation are columns in Fortran's order."""
    require_backend("numba")
    text = emit_numba(plan_for(layer), "backward")
    narrow, changes = re.subn(r"most < 16 \* line or .* <= 1 << 21", "most < line", text)
    narrow, rooms = re.subn(r"int\(\(1 << 20\) / column\)", "int((1 << 16) / column)", narrow)
    assert changes == rooms == 1
    kernel = load_kernel(narrow, "backward")
    widths = list[int]()
    width = kernel.__globals__["_width"]
    kernel.__globals__["_width"] = lambda *known: widths.append(width(*known)) or widths[-1]
    for shape in ((64, 5000), (3, 4111), (200, 1030), (1, 7001)):
        named = arguments(shape if layer == "batchnorm" else shape[::-1], dtype)
        right = expected(plan_for(layer), named)
        if layer == "layernorm":
            named |= {n: np.asfortranarray(named[n]) for n in ("x", "dy")}
        for threads in (1, 2, 3):
            for _ in range(2):
                found = kernel(**named, threads=threads)
                assert apart(found, right) <= 8 * TOLERANCE[dtype] * np.sqrt(shape[0])
    assert len(widths) >= 9  # one column has C's order as well
    assert all(0 < each < 7001 for each in widths)


@pytest.mark.parametrize("layer", ["batchnorm", "layernorm"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (40, 64), (33, 1030), (257, 513)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_past_the_cache(
    layer: str, shape: tuple[int, int], dtype: str, folder: Path
) -> None:
    """Results that are streamed to memory are those that are not, wherever the array begins."""
    text = emit_c(plan_for(layer), "backward")
    streaming, tests = re.subn(r"bytes > 33554432.0 && .*(?=;)", "bytes > 0", text)
    streaming, jams = re.subn(r"bytes < 1048576.0 && length > 0", "0", streaming)
    assert tests == jams == 1
    named = arguments(shape, dtype)
    right = load_kernel(text, "backward")(**named, threads=2).dx
    kernel = load_kernel(streaming, "backward")
    for start in (0, 1, 3):
        room = np.full(shape[0] * shape[1] + 8, np.nan, dtype)
        out = room[start : start + right.size].reshape(shape)
        kernel(**named, threads=2, out={"dx": out})
        assert np.allclose(out, right, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        assert np.isnan(room[:start]).all() and np.isnan(room[start + right.size :]).all()


@pytest.mark.parametrize(("layer", "streams"), [("batchnorm", True), ("gelu", False)])
def test_where_functions_take_the_time_nothing_is_streamed(layer: str, streams: bool) -> None:
    """Also where the functions stand in definitions beside the result."""
    text = emit_c(derive.load(layer).plan(), "backward")
    assert ("if (streaming" in text) == streams
