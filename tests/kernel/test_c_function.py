"""Independent columns: which plans have them, and that pieces of columns give the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import TOLERANCE, apart, arguments, expected, kernel_of
from require import require_compiler

import derive
from derive.kernel.c_function import separable
from derive.kernel.front import load_kernel
from derive.kernel.plan import plan_of
from derive.kernel.to_c import emit_c

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
    kernel = kernel_of("batchnorm", "c")
    found = kernel(**named, threads=threads)
    right = expected(plan_for("batchnorm"), named)
    assert apart(found, right) <= 8 * TOLERANCE[dtype] * np.sqrt(shape[0])
    again = kernel(**named, threads=threads)
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


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
