"""Compiled kernels remember how a call was computed: later ones are as careful as the first."""

from __future__ import annotations

import importlib.util
import shutil
from typing import Any

import numpy as np
import pytest
from compiled import REFUSED, Kernel, arguments, kernel_of, laid_out
from require import require


@pytest.fixture(scope="module", params=["c", "numba"])
def batchnorm(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if request.param == "c":
        require("gcc", any(map(shutil.which, ("cc", "gcc", "clang"))))
    else:
        require("numba", importlib.util.find_spec("numba") is not None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERIVE_KERNEL_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield kernel_of("batchnorm", request.param)


def remembered(kernel: Kernel) -> int:
    return len(kernel.__globals__["_CALLS"])


def test_the_second_call_gives_what_the_first_gave(batchnorm: Kernel) -> None:
    named = arguments((6, 4), "float32") | {"eps": 1e-3}
    first = batchnorm(**named)
    before = remembered(batchnorm)
    second = batchnorm(**named)
    assert before == remembered(batchnorm) > 0
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not any(np.shares_memory(a, b) for a, b in zip(first, second, strict=True))
    assert type(first) is type(second)


def test_entries_and_numbers_are_taken_anew(batchnorm: Kernel) -> None:
    named = arguments((6, 4))
    batchnorm(**named)
    other = arguments((6, 4), seed=2) | {"eps": 0.5}
    known = batchnorm(**other)
    batchnorm.__globals__["_CALLS"].clear()
    assert all(np.array_equal(a, b) for a, b in zip(known, batchnorm(**other), strict=True))


def test_what_is_not_wanted_is_none_again(batchnorm: Kernel) -> None:
    named = arguments((6, 4))
    for _ in range(2):
        found = batchnorm(**named, want=("dx", "dbeta"))
        assert found.dgamma is None
        assert found.dx.shape == (6, 4)
    assert batchnorm(**named).dgamma is not None


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_refusals_stay(batchnorm: Kernel, change: dict[str, Any], message: str) -> None:
    named = arguments((5, 3))
    batchnorm(**named)
    with pytest.raises(ValueError, match=message):
        batchnorm(**named | change)


@pytest.mark.parametrize("layout", ["F", "every second", "reversed", "broadcast", "misaligned"])
def test_other_layouts_are_other_calls(batchnorm: Kernel, layout: str) -> None:
    named = arguments((8, 6))
    batchnorm(**named)
    x = laid_out(named["x"], layout)
    for _ in range(2):
        own = batchnorm(**named | {"x": x})
        right = batchnorm(**named | {"x": np.array(x, order="C")})
        assert np.allclose(own.dx, right.dx, rtol=1e-12, atol=1e-12)
    assert own.dx.flags.c_contiguous


def test_arrays_of_other_kinds_are_refused_again(batchnorm: Kernel) -> None:
    named = arguments((5, 3))
    batchnorm(**named)
    for x in (named["x"].tolist(), np.ma.masked_array(named["x"]), np.asmatrix(named["x"])):
        with pytest.raises(ValueError, match="x: expected"):
            batchnorm(**named | {"x": x})


def test_into_given_arrays_after_a_call_without(batchnorm: Kernel) -> None:
    named = arguments((5, 3))
    plain, out = batchnorm(**named), np.full((5, 3), np.nan)
    assert batchnorm(**named, out={"dx": out}).dx is out
    assert np.array_equal(out, plain.dx)
    with pytest.raises(ValueError, match="overlaps"):
        batchnorm(**named, out={"dx": named["x"]})


def test_memory_of_calls_has_an_end(batchnorm: Kernel) -> None:
    for columns in range(1, 300):
        batchnorm(**arguments((1, columns)))
    assert remembered(batchnorm) <= 256
