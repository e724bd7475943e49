"""Kernels in blocks: values against whole arrays, for all sizes, threads, layouts and wishes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

import derive
from derive.errors import UnsupportedError
from derive.kernel.blocks_program import Program
from derive.kernel.blocks_text import fitted
from derive.kernel.front import Front
from derive.kernel.plan import Plan
from derive.kernel.reference import reference
from derive.kernel.to_numpy import emit_numpy, load_kernel, parameter_names, result_names

Arrays = dict[str, Any]
BLOCKED = [
    "batchnorm",
    "batchnorm_double_backward",
    "gelu_tanh",
    "groupnorm",
    "huber",
    "kl_gaussian",
    "layernorm",
    "ridge",
    "sigmoid_bce",
    "sinkhorn_step",
    "softmax",
    "weightnorm",
]


@cache
def plan_of(name: str) -> Plan:
    return derive.load(name).plan()


@cache
def source_of(name: str) -> str:
    return emit_numpy(plan_of(name), f"{name}_backward")


def kernel_of(name: str, block: int = 0, wide: int = 4096) -> Callable[..., Any]:
    """The kernel; with blocks of few bytes, dealt out to threads however small, when asked."""
    kernel = load_kernel(source_of(name), f"{name}_backward")
    if block:
        kernel.__globals__.update(_BLOCK=block, _ALONE=0, _WIDE=wide)
    return kernel


def arguments(plan: Plan, size: Callable[[str], int], seed: int = 0) -> Arrays:
    """Positive random arrays, by the names of the plan's parameters."""
    random = np.random.default_rng(seed)
    sizes = {name: size(name) for name in plan.sizes}
    found: Arrays = {}
    for p in plan.parameters:
        shape = tuple(length.value(sizes) for length in p.symbol.shape)
        found[p.array] = random.uniform(0.1, 0.9, shape)
    return found


def called(kernel: Callable[..., Any], plan: Plan, held: Arrays, **options: Any) -> Any:
    names = parameter_names(plan)
    given = {names[a]: v if np.ndim(v) else float(v) for a, v in held.items()}
    return kernel(**given, **options)


def agree(plan: Plan, found: Any, expected: Mapping[str, Any], within: float) -> None:
    for array, name in result_names(plan).items():
        own = getattr(found, name)
        if own is not None:
            scale = max(float(np.abs(expected[array]).max()), 1e-3)
            assert own.shape == expected[array].shape
            assert np.abs(own - expected[array]).max() <= within * scale, name


# ---- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BLOCKED)
def test_blocks_give_what_whole_arrays_give(name: str) -> None:
    """Sizes that no block divides; blocks of 2 KB: several in each of several lists."""
    plan = plan_of(name)
    assert "_sweep(" in source_of(name)
    kernel = kernel_of(name, block=2048)
    for n, rest in ((1, 3), (67, 5), (150, 2)):
        held = arguments(plan, lambda size, n=n, rest=rest: n if size == "N" else rest)
        expected = reference(plan)(held)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            one = called(kernel, plan, held, threads=1)
        agree(plan, one, expected, 1e-12)
        three = called(kernel, plan, held, threads=3)
        for left, right in zip(one, three, strict=True):
            assert np.array_equal(left, right)


@pytest.mark.parametrize("name", ["batchnorm", "batchnorm_double_backward", "gelu_tanh"])
def test_long_rows_are_cut(name: str) -> None:
    """Strips of five columns, the last one shorter."""
    plan, kernel = plan_of(name), kernel_of(name, block=512, wide=5)
    held = arguments(plan, lambda size: 9 if size == "N" else 38)
    one, three = (called(kernel, plan, held, threads=threads) for threads in (1, 3))
    agree(plan, one, reference(plan)(held), 1e-12)
    assert all(np.array_equal(left, right) for left, right in zip(one, three, strict=True))
    alone = called(kernel, plan, held, want=one._fields[-1:])
    assert np.array_equal(alone[-1], one[-1])


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "groupnorm"])
@pytest.mark.parametrize("block", [0, 2048])
def test_each_result_alone(name: str, block: int) -> None:
    plan, kernel = plan_of(name), kernel_of(name, block)
    held = arguments(plan, lambda size: 41 if size == "N" else 3)
    every = called(kernel, plan, held)
    for wanted in every._fields:
        alone = called(kernel, plan, held, want=wanted)
        assert [f for f in alone._fields if getattr(alone, f) is not None] == [wanted]
        assert np.array_equal(getattr(alone, wanted), getattr(every, wanted))


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "softmax", "huber"])
def test_results_into_given_arrays(name: str) -> None:
    plan, kernel = plan_of(name), kernel_of(name, 2048)
    held = arguments(plan, lambda size: 53 if size == "N" else 4)
    fresh = called(kernel, plan, held)
    strided = {f: np.full((*v.shape, 2), np.nan)[..., 0] for f, v in fresh._asdict().items()}
    for out in ({f: np.empty_like(v) for f, v in fresh._asdict().items()}, strided):
        found = called(kernel, plan, held, out=out)
        for field, value in fresh._asdict().items():
            assert getattr(found, field) is out[field]
            assert np.allclose(out[field], value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "groupnorm"])
def test_layouts(name: str) -> None:
    """Arrays in Fortran order, of every other entry, backwards."""
    plan, kernel = plan_of(name), kernel_of(name, 2048)
    held = arguments(plan, lambda size: 37 if size == "N" else 4)
    expected = reference(plan)(held)
    others: list[Callable[[Any], Any]] = [
        np.asfortranarray,
        lambda v: np.repeat(v, 2, axis=-1)[..., ::2],
        lambda v: np.ascontiguousarray(v[::-1])[::-1],
    ]
    for change in others:
        changed = {a: change(v) if np.ndim(v) else v for a, v in held.items()}
        agree(plan, called(kernel, plan, changed), expected, 1e-12)


@pytest.mark.parametrize("name", ["batchnorm", "layernorm"])
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])
@pytest.mark.parametrize("shape", [(4096, 8), (1500, 300)])
def test_errors_of_float32(name: str, offset: float, shape: tuple[int, int]) -> None:
    """Correlated gradients, far from zero: as exact as the same in float64, to 3e-6."""
    random = np.random.default_rng(5)
    noise = random.standard_normal(shape)
    x = (offset + noise).astype(np.float32)
    dy = (random.standard_normal(shape) + noise).astype(np.float32)
    gamma = np.ones(shape[1], np.float32)
    kernel = kernel_of(name)
    found = kernel(x, dy, gamma, 1e-5)
    exact = kernel(x.astype(float), dy.astype(float), gamma.astype(float), 1e-5)
    error = np.abs(found.dx - exact.dx).max(axis=0) / np.sqrt(np.mean(exact.dx**2, axis=0))
    assert error.max() <= 3e-6
    precise = kernel(x, dy, gamma, 1e-5, precise=True)
    assert precise.dx.dtype == np.float32
    assert np.abs(precise.dx - exact.dx).max() <= 1e-6 * np.abs(exact.dx).max()


def test_a_shift_far_from_the_mean_is_replaced() -> None:
    """The first rows are far from the others: the sweep is repeated with the mean."""
    random = np.random.default_rng(2)
    x = random.standard_normal((5000, 3)).astype(np.float32)
    x[:16] += 1e5
    dy = random.standard_normal((5000, 3)).astype(np.float32)
    kernel = kernel_of("batchnorm")
    found = kernel(x, dy, np.ones(3, np.float32), 1e-5)
    exact = kernel(x.astype(float), dy.astype(float), np.ones(3), 1e-5)
    assert np.abs(found.dx - exact.dx).max() <= 3e-6 * np.sqrt(np.mean(exact.dx**2, axis=0)).max()


def test_errors_in_threads_are_raised() -> None:
    together = kernel_of("batchnorm").__globals__["_together"]
    turns = iter([0, 1])

    def job() -> None:
        raise ArithmeticError(str(next(turns)))

    with pytest.raises(ArithmeticError):
        together(job, 2)


# ---- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*BLOCKED, "conv1d"])
def test_lines_are_short(name: str) -> None:
    lines = [line for line in source_of(name).splitlines() if not line.startswith("__all__")]
    assert max(map(len, lines)) <= 100


def test_short_rows_are_laid_side_by_side_where_columns_are_independent() -> None:
    assert "repeated=" in source_of("batchnorm")
    assert "repeated=" not in source_of("layernorm").split("def layernorm_forward")[0]


@pytest.mark.parametrize("name", ["linear", "attention", "rayleigh"])
def test_whole_arrays(name: str) -> None:
    plan = plan_of(name)
    with pytest.raises(UnsupportedError):
        Program(plan, Front(plan, "kernel", ""), "kernel")
    backward = source_of(name).split(f"def {name}_forward")[0]
    assert "_sweep(" not in backward


def test_matrix_products_are_handed_on() -> None:
    """Every product of a linear layer is one call."""
    plan = plan_of("linear")
    assert "numpy.matmul(" in source_of("linear") and "einsum" not in source_of("linear")
    held = arguments(plan, lambda size: 3 + len(size) + ord(size[0]) % 5)
    agree(plan, called(kernel_of("linear"), plan, held), reference(plan)(held), 1e-12)


BROKEN = [
    ("a = b", ["a = b"]),
    (
        "    value = left + right + more",
        ["    value = (", "        left + right +", "        more", "    )"],
    ),
    ("call(first, second, third, x)", ["call(", "    first, second,", "    third, x", ")"]),
    ("call(first, second, third, x),", ["call(", "    first, second,", "    third, x", "),"]),
    ("# a comment longer than the width", ["# a comment longer than the width"]),
]


@pytest.mark.parametrize(("line", "expected"), BROKEN)
def test_long_statements_are_broken(line: str, expected: list[str]) -> None:
    assert list(fitted([line], 24)) == expected
