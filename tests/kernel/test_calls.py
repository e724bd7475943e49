"""Compiled kernels remember how a call was computed: later ones are as careful as the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiled import REFUSED, Kernel, arguments, kernel_of, laid_out
from require import require_backend

import derive


def available(backend: str) -> str:
    require_backend(backend)
    return backend


@pytest.fixture(scope="module", params=["c", "numba"])
def batchnorm(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    available(request.param)
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


@pytest.mark.parametrize("names", [("dbeta", "dx"), ("dgamma",), ("dbeta", "dgamma", "dx")])
@pytest.mark.parametrize("layout", ["C", "F", "every second"])
def test_given_arrays_are_taken_again(
    batchnorm: Kernel, names: tuple[str, ...], layout: str
) -> None:
    named = arguments((6, 4))
    right = batchnorm(**named)._asdict()
    for _ in range(3):
        before = remembered(batchnorm)
        out = {n: laid_out(np.full(right[n].shape, np.nan), layout) for n in names}
        found = batchnorm(**named, out=out)._asdict()
        assert all(found[n] is out[n] for n in names)
        assert all(np.allclose(found[n], right[n], rtol=1e-12, atol=1e-12) for n in right)
    assert remembered(batchnorm) == before


def test_given_arrays_are_looked_at_again(batchnorm: Kernel) -> None:
    named, out = arguments((6, 4)), {"dx": np.empty((6, 4)), "dbeta": np.empty(4)}
    for _ in range(2):
        batchnorm(**named, out=out)
    with pytest.raises(ValueError, match="dx overlaps"):
        batchnorm(**named, out=out | {"dx": named["x"]})
    with pytest.raises(ValueError, match="overlaps"):
        batchnorm(**named, out=out | {"dbeta": out["dx"][0]})
    with pytest.raises(ValueError, match="overlaps"):
        batchnorm(**named | {"gamma": out["dbeta"]}, out=out)
    out["dx"].flags.writeable = False
    with pytest.raises(ValueError, match="dx: is read-only"):
        batchnorm(**named, out=out)
    for wrong in ([], {"dz": out["dbeta"]}, {"dbeta": [0.0] * 4}):
        with pytest.raises(ValueError, match="out: "):
            batchnorm(**named, out=wrong)


@pytest.mark.parametrize("out", [False, True])
def test_a_repeated_call_is_not_looked_through_again(
    batchnorm: Kernel, out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = arguments((6, 4)) | ({"out": {"dx": np.empty((6, 4))}} if out else {})
    right = [np.copy(each) for each in batchnorm(**named)]
    monkeypatch.setitem(batchnorm.__globals__, "_wanted", None)
    assert all(np.array_equal(a, b) for a, b in zip(batchnorm(**named), right, strict=True))
    with pytest.raises(TypeError, match="not callable"):
        batchnorm(**named | {"dy": np.asfortranarray(named["dy"])})


class Disguised:
    """No array, but with the shape and the strides of one."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.strides = array.shape, array.strides


@pytest.mark.parametrize("name", ["x", "dy", "gamma"])
def test_each_array_is_looked_at_again(batchnorm: Kernel, name: str) -> None:
    """Also those that are laid out as in an earlier call but for one thing."""
    named = arguments((8, 6), "float64") | {"eps": 1e-3}
    right = batchnorm(**named)
    known = batchnorm(**named)
    assert np.array_equal(known.dx, right.dx)
    array = named[name]
    room = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), "float32")
    room[..., ::2] = array
    half = room[..., ::2]
    assert half.strides == array.strides
    refused = {
        "dtype": half,
        "NumPy array": Disguised(array),
        "plain": np.ma.masked_array(array),
        "axes": array[None],
        "shape|expected": array[..., :-1],
        "dtype float32 or float64": array.view("int64"),
    }
    for message, other in refused.items():
        with pytest.raises(ValueError, match=message):
            batchnorm(**named | {name: other})
    swapped = array.astype(array.dtype.newbyteorder())
    with pytest.raises(ValueError, match="dtype"):
        batchnorm(**named | {name: swapped})
    narrow = {n: v.astype("float32") if n in ("x", "dy", "gamma") else v for n, v in named.items()}
    for other in (narrow | {name: half}, narrow | {"eps": 0.1 + 1e-9}):
        for _ in range(2):
            found = batchnorm(**other)
            assert found.dx.dtype == np.float32
            exact = batchnorm(**named | {"eps": other["eps"]})
            assert np.allclose(found.dx, exact.dx, rtol=1e-4, atol=1e-5)
    assert np.array_equal(batchnorm(**named).dx, right.dx)


def test_memory_of_calls_has_an_end(batchnorm: Kernel) -> None:
    for columns in range(1, 300):
        batchnorm(**arguments((1, columns)))
    assert remembered(batchnorm) <= 256


# ---- assumptions about arrays -------------------------------------------------------------------


@pytest.fixture(scope="module", params=["c", "numba"])
def entropy(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The cross-entropy of a softmax: rows of t sum to 1."""
    found = available(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERIVE_KERNEL_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield derive.load("softmax_cross_entropy").kernel(found)


def targets(rows: int, columns: int, dtype: str = "float64") -> dict[str, Any]:
    random = np.random.default_rng(5)
    t = random.random((rows, columns)) + 0.1
    t /= t.sum(axis=1, keepdims=True)
    z, dh = random.standard_normal((rows, columns)), random.standard_normal(rows)
    return {"z": z.astype(dtype), "dh": dh.astype(dtype), "t": t.astype(dtype), "tau": 1.5}


@pytest.mark.parametrize("change", [0.5, np.nan, np.inf, -np.inf, 1e-11])
def test_arrays_are_tested_at_each_call(entropy: Kernel, change: float) -> None:
    named = targets(40, 6)
    entropy(**named)
    before = remembered(entropy)
    entropy(**named)
    assert before == remembered(entropy) > 0
    for row in (0, 39):
        wrong = named["t"].copy()
        wrong[row, 3] += change
        for _ in range(2):
            with pytest.raises(ValueError, match="t: must satisfy"):
                entropy(**named | {"t": wrong})
    assert np.isfinite(entropy(**named).dz).all()


@pytest.mark.parametrize("layout", ["C", "F", "every second", "reversed", "misaligned"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_are_tested_in_every_layout(entropy: Kernel, dtype: str, layout: str) -> None:
    named = targets(700, 300, dtype)
    wrong = named["t"].copy()
    wrong[-1, -1] += 1e-3
    for precise in (False, True):
        entropy(**named | {"t": laid_out(named["t"], layout)}, precise=precise)
        with pytest.raises(ValueError, match="t: must satisfy"):
            entropy(**named | {"t": laid_out(wrong, layout)}, precise=precise)


def test_numbers_are_tested_after_arrays(entropy: Kernel) -> None:
    named = targets(4, 3)
    entropy(**named)
    with pytest.raises(ValueError, match="tau: must satisfy"):
        entropy(**named | {"tau": -1.0})


def test_a_matrix_that_is_not_symmetric_is_refused() -> None:
    found = available("c")
    kernel = derive.load("rayleigh").kernel(found)
    random = np.random.default_rng(1)
    a = random.standard_normal((5, 5))
    values = {"a": a + a.T, "x": random.standard_normal(5), "dr": 1.0}
    kernel(**values)
    values["a"][4, 1] += 1.0
    with pytest.raises(ValueError, match="a: must satisfy"):
        kernel(**values)
