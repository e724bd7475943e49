"""Independent columns: which plans have them, and that pieces of columns give the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import TOLERANCE, apart, arguments, expected, kernel_of
from require import require

import derive
from derive.kernel.c_function import separable
from derive.kernel.plan import plan_of

COLUMNS = {
    "batchnorm": "D",
    "layernorm": None,  # sums run along the last axis
    "softmax": None,
    "groupnorm": None,
    "gelu": None,  # nothing is summed
    "attention": None,  # rows of a product depend on all columns
    "linear": None,
}


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
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require("gcc", any(map(shutil.which, ("cc", "gcc", "clang"))))
    folder = Path(tmp_path_factory.getbasetemp()) / "columns"
    monkeypatch.setenv("DERIVE_KERNEL_CACHE", str(folder))
    named = arguments(shape, dtype)
    kernel = kernel_of("batchnorm", "c")
    found = kernel(**named, threads=threads)
    right = expected(plan_for("batchnorm"), named)
    assert apart(found, right) <= 8 * TOLERANCE[dtype] * np.sqrt(shape[0])
    again = kernel(**named, threads=threads)
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))
