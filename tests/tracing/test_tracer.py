"""NumPy on symbolic arrays: each function as NumPy computes it, or an error at the user's line.

A traced document is compared with its function on numbers before it is returned, so that a wrong
formula is an error here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from derive.api import from_function
from derive.errors import DeriveError
from derive.tracing.tracer import Trace

Function = Callable[..., Any]

OF_A_MATRIX: list[Function] = [
    lambda x: x + 1 - 2 * x / 3,
    lambda x: 2 - x,
    lambda x: 1 / (1 + x**2),
    lambda x: np.reciprocal(2 + np.square(x)) - (-x),
    lambda x: 2.0**x,
    lambda x: np.exp2(x) + np.float64(0.5) * x,
    lambda x: np.exp(x) + np.expm1(x) + np.log(1 + np.exp(x)) + np.log1p(x * x),
    lambda x: np.log2(1 + x * x) - np.log10(2 + x * x) + np.logaddexp(x, 0),
    lambda x: np.sqrt(1 + x * x) + abs(x) + np.fabs(x) + np.sign(x),
    lambda x: np.tanh(x) + np.sinh(x / 4) + np.cosh(x / 4) + np.sin(x) * np.cos(x),
    lambda x: np.arctan(x) + np.arcsinh(x),
    lambda x: np.maximum(x, 0) + np.minimum(x, 1) + np.clip(x, -1, 1) + x.clip(0, None),
    lambda x: np.where(x > 0, x, 0.01 * x),
    lambda x: np.where((x > 0) & (x < 1), x, 0) + np.where((x < -1) | ~(x <= 1), 2, x),
    lambda x: np.where(np.logical_not(np.logical_or(x >= 1, x == 0)), x, 1),
    lambda x: (x > 0) * x + ((x > 0) + (x < 1)) * 2 + ((x > 0) * (x < 1)) * 3,
    lambda x: (x > 0).sum(axis=0) + (x != 0).mean() + np.sum(x <= 0, axis=0),
    lambda x: (x > 0).astype(float) * x,
    lambda x: x.sum() + x.sum(axis=0) - x.mean(axis=-2) + np.mean(x, 0),
    lambda x: x.sum(axis=(0, 1), keepdims=True) * x - np.sum(x, axis=-1, keepdims=True),
    lambda x: x.var() + x.std(axis=0) + np.var(x, axis=0, ddof=0) + 1e-3,
    lambda x: x.max(axis=0) - np.min(x, axis=0) + np.max(x) - np.amin(x),
    lambda x: np.exp(x - x.max(axis=1, keepdims=True)),
    lambda x: np.max(x.T, axis=0),
    lambda x: np.max(x[:, None, :], axis=(1, 2)),
    lambda x: x / (1 + np.linalg.norm(x)) + np.linalg.norm(x, axis=0),
    lambda x: np.linalg.norm(x, 1, axis=1) + np.linalg.norm(x, ord=2, axis=-1),
    lambda x: np.linalg.norm(x, "fro"),
    lambda x: x.T @ x,
    lambda x: x @ x.T @ x,
    lambda x: np.dot(x.T, x) + x.T.dot(x),
    lambda x: np.matmul(x.T, x),
    lambda x: np.transpose(x) + x.transpose(1, 0) + np.swapaxes(x, 0, 1) + x.swapaxes(-1, 0),
    lambda x: np.moveaxis(x, 0, 1),
    lambda x: np.outer(x[0], x[-1]),
    lambda x: np.inner(x, x) + np.tensordot(x, x, axes=([1], [1])),
    lambda x: np.tensordot(x, x, axes=2) + np.vdot(x, x),
    lambda x: np.einsum("ij->ji", x),
    lambda x: np.einsum("ij,ij->i", x, x),
    lambda x: np.einsum("ij,kj", x, x),
    lambda x: np.einsum("...j,...j->...", x, x),
    lambda x: np.einsum("ij,kj,k->i", x, x, x[:, 0], optimize=True),
    lambda x: np.trace(x.T @ x) + np.diagonal(x.T @ x),
    lambda x: np.einsum("ii->i", x @ x.T),
    lambda x: x[0] + x[-1],
    lambda x: x[:, 0] * x[..., -1],
    lambda x: x[None, :, :] * x[:, None, :],
    lambda x: x[1:] * x[:-1],
    lambda x: x[:, ::-1] + x[::-1],
    lambda x: x[x.shape[0] - 1],
    lambda x: np.expand_dims(x, 1).squeeze(1) + np.squeeze(x[:, :, None], axis=-1),
    lambda x: x.reshape(x.shape[0], 1, -1)[:, 0] + np.reshape(x[..., None], x.shape),
    lambda x: x[0].reshape(-1, 1) * x[1 - 1].ravel() + x[0].flatten(),
    lambda x: np.broadcast_to(x[0], x.shape) + np.ones_like(x) - 2 * np.zeros_like(x),
    lambda x: np.full_like(x, 3) + x.copy() + np.copy(x) + x.astype(np.float64),
    lambda x: x.sum(0) / x.shape[0] + x.sum(0) / len(x) + x.shape[0] * x.shape[1] / x.size,
    lambda x: x / np.sqrt(x.shape[1]) + x.shape[0] ** -0.5 + x.shape[0] ** 2 + 2 ** x.shape[1],
    lambda x: (x.shape[0] - 1) * x + (1 - x.shape[0]) + x.shape[0] * 0.5 - np.shape(x)[1],
    lambda x: x + (x.ndim - 2) + np.ndim(x) + np.size(x, 0) + np.size(x),
    lambda x: x * np.pi + np.e + 0.1 + 1 / 3 + True,
    lambda x: np.add.reduce(x) + np.add.reduce(x, axis=0),
    lambda x: x if x.shape == x.shape and x.shape[0] >= 1 and x.shape[0] + 1 > 1 else -x,
    lambda x: {"a": x, "b": 2 * x},
    lambda x: (x, 2 * x, x.mean(), 3),
    lambda x: (2 * x, (x, x + 1)),
]


def source(function: Function) -> str:
    return inspect.getsource(function).strip().removeprefix("lambda x: ").rstrip(",")


@pytest.mark.parametrize("function", OF_A_MATRIX, ids=source)
def test_as_numpy_computes(function: Function) -> None:
    assert "## Steps" in from_function(function, x=("N", "D")).document.source.text


def sequence(x: Any) -> Any:
    a, b = x
    total = a + b
    for row in x:
        total = total + row * row
    return total


def helper(x: Any) -> Any:
    return x / len(x)


def calls(x: Any, *, scale: Any = 2.0) -> Any:
    return helper(x) * scale


def positional(x: Any, /, y: Any) -> Any:
    y += x
    return y


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (sequence, {"x": (2, "N")}),
        (calls, {"x": ("N",)}),
        (calls, {"x": ("N",), "scale": ()}),
        (positional, {"x": ("N",), "y": ("N",)}),
    ],
)
def test_other_shapes(function: Function, shapes: dict[str, Any]) -> None:
    assert "## Steps" in from_function(function, **shapes).document.source.text


# ---- what has no formula ------------------------------------------------------------------------


def branch(x: Any) -> Any:
    y = 2 * x
    if y.sum() > 0:  # here
        return x
    return y


def by_size(x: Any) -> Any:
    return x if x.shape[0] > 2 else -x  # here


def loop(x: Any) -> Any:
    total = 0
    for k in range(x.shape[0]):  # here
        total = total + x[k]
    return total


def rows(x: Any) -> Any:
    return sum(row for row in x)  # here


def written(x: Any) -> Any:
    out = np.zeros_like(x)
    out[0] = x[-1]  # here
    return out


def shared(x: Any) -> Any:
    first = x[0]
    x += 1  # here
    return first


def as_float(x: Any) -> Any:
    return x * float(x.shape[0])  # here


def as_int(x: Any) -> Any:
    return x * int(x.sum())  # here


def random(x: Any) -> Any:
    return x * np.random.rand(*x.shape)  # here


def shaped(x: Any) -> Any:
    return x + np.zeros(x.shape)  # here


def unknown(x: Any) -> Any:
    return np.cumsum(x, axis=0)  # here


def method(x: Any) -> Any:
    return x.argmax()  # here


def array(x: Any) -> Any:
    return np.asarray(x) + 1  # here


def mixed(x: Any) -> Any:
    return x.reshape(-1)  # here


def mask(x: Any) -> Any:
    return x[x > 0]  # here


def outside(x: Any) -> Any:
    return x[1]  # here


def concrete(x: Any) -> Any:
    return x + np.array([1.0, 2.0])  # here


def infinite(x: Any) -> Any:
    return np.where(x > 0, x, -np.inf)  # here


def integer(x: Any) -> Any:
    return x.astype(int)  # here


def integer_sum(x: Any) -> Any:
    return x.sum(0, dtype=np.int64)  # here


def meets(x: Any) -> Any:
    return x @ x  # here


def fails(x: Any) -> Any:
    return x + undefined  # type: ignore[name-defined]  # noqa: F821  # here


def caught(x: Any) -> Any:
    try:
        return x if x.sum() > 0 else 2 * x  # here
    except DeriveError:
        return 3 * x


def out_argument(x: Any) -> Any:
    y = np.ones_like(x)
    np.sum(x, axis=0, out=y[0])  # here
    return y


def of_where(x: Any) -> Any:
    return np.sum(x, axis=0, where=x > 0)  # here


def accumulate(x: Any) -> Any:
    return np.multiply.reduce(x)  # here


def remainder(x: Any) -> Any:
    return x % 2  # here


def halves(x: Any) -> Any:
    return x[: x.shape[0] // 2]  # here


def squeezed(x: Any) -> Any:
    return x[:, None].squeeze()  # here


REFUSED = [
    (squeezed, "squeeze drops every axis whose size happens to be 1"),
    (branch, "a branch depends on the values of an array"),
    (by_size, "how N compares with 2 depends on the sizes"),
    (loop, "the size N has no value while the function is traced"),
    (rows, "a loop over an axis of length N has no single formula"),
    (written, "a write into a part of an array is not traced"),
    (shared, "a write in place changes a view of the same array too"),
    (as_float, "the size N has no value while the function is traced"),
    (as_int, "a traced array is no number"),
    (random, "the size N has no value while the function is traced"),
    (shaped, "the size N has no value while the function is traced"),
    (unknown, "np.cumsum is not traced"),
    (method, "AttributeError: ndarray.argmax is not traced"),
    (array, "a traced array has no numbers to make an array of"),
    (mixed, "a reshape of (N, D) to (D*N,) mixes axes"),
    (mask, "an index must be a plain number"),
    (outside, "index 1 is not inside an axis of length N for all sizes"),
    (concrete, "a ndarray is not traced here"),
    (infinite, "-inf has no place in a formula"),
    (integer, "a conversion to int64 changes values"),
    (integer_sum, "a conversion to int64 changes values"),
    (meets, "an axis of length D meets one of length N"),
    (fails, "NameError: name 'undefined' is not defined"),
    (caught, "a branch depends on the values of an array"),
    (out_argument, "np.sum with out= writes into an array"),
    (of_where, "np.sum is not traced with these arguments"),
    (accumulate, "np.multiply.reduce is not traced"),
    (remainder, "np.remainder is not traced"),
    (halves, "the size N has no value while the function is traced"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED, ids=lambda x: getattr(x, "__name__", ""))
def test_refused(function: Function, message: str) -> None:
    with pytest.raises(DeriveError) as caught:
        from_function(function, x=("N", "D"))
    lines, first = inspect.getsourcelines(function)
    (line,) = (k for k, text in enumerate(lines, first) if text.rstrip().endswith("# here"))
    place = caught.value.place
    assert message in caught.value.message
    assert place is not None
    assert (place.line, place.path.endswith("test_tracer.py")) == (line, True)
    assert str(caught.value).startswith(f"{place.path}:{line}:{place.column}: ")


def starred(*x: Any) -> Any:
    return x[0]


def nothing(x: Any) -> None:
    x + 1


def conditions(x: Any) -> Any:
    return x > 0


def text(x: Any) -> Any:
    return "x"


def cache_only(x: Any) -> Any:
    return ((x, x),)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (starred, "the function takes *x"),
        (nothing, "the function returns a NoneType, not an array"),
        (conditions, "the function returns conditions, not numbers"),
        (text, "the function returns a str, not an array"),
        (cache_only, "the function returns no array"),
    ],
)
def test_refused_as_a_whole(function: Function, message: str) -> None:
    with pytest.raises(DeriveError) as caught:
        from_function(function, x=("N", "D"))
    assert message in caught.value.message
    assert caught.value.place is not None


def test_sizes_compare_where_the_answer_is_the_same_for_all() -> None:
    trace = Trace()
    n, d = (trace.size(length) for length in sizes())
    assert (n >= 1, n > 0, n == n, n + 1 != n, n - 1 < n, bool(n * d)) == (True,) * 6
    for unknown_ in (lambda: n > 1, lambda: n == d, lambda: n < d, lambda: n == 1, lambda: n > 1.5):
        with pytest.raises(DeriveError, match="depends on the sizes"):
            unknown_()
    assert (str(n * d - 1), n - n, str(2 * n + n)) == ("D*N-1", 0, "3*N")


def sizes() -> tuple[Any, Any]:
    from derive.tracing.polynomials import named

    return named("N"), named("D")
