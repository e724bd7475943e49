"""What kernels of every compiled back end are tried on: arguments, layouts, refusals."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from closed_forms import plan_for
from hypothesis import strategies as st

from derive.kernel.backends import emitter
from derive.kernel.front import load_kernel, parameter_names, result_names
from derive.kernel.inputs import Case, cases
from derive.kernel.plan import Plan
from derive.kernel.reference import reference

Kernel = Callable[..., Any]
TOLERANCE = {"float32": 3e-6, "float64": 1e-13}
LAYOUTS = ("C", "F", "every second", "reversed", "broadcast", "misaligned")


def kernel_of(layer: str, backend: str) -> Kernel:
    """The kernel of one of the layers for a back end."""
    return load_kernel(emitter(backend)(plan_for(layer), "kernel"), "kernel")


def laid_out(value: Any, layout: str) -> Any:
    """An array with the same entries in another layout; `broadcast` repeats the first row."""
    match layout:
        case "F":
            return np.asfortranarray(value)
        case "every second":
            return np.repeat(value, 2, axis=-1)[..., ::2]
        case "reversed":
            return np.ascontiguousarray(value[::-1, ...])[::-1, ...]
        case "broadcast":
            return np.broadcast_to(value[:1], value.shape)
        case "misaligned":
            raw = np.empty(value.nbytes + 1, np.uint8)[1:].view(value.dtype).reshape(value.shape)
            raw[...] = value
            return raw
        case _:
            return value


def arguments(shape: tuple[int, int], dtype: str = "float64", seed: int = 1) -> dict[str, Any]:
    """Arguments of the batch and layer normalisation."""
    random = np.random.default_rng(seed)
    return {
        "x": random.standard_normal(shape).astype(dtype),
        "dy": random.standard_normal(shape).astype(dtype),
        "gamma": random.standard_normal(shape[1]).astype(dtype),
        "eps": 1e-5,
    }


def given(plan: Plan, case: Case) -> dict[str, Any]:
    """The arguments of a case, by name."""
    held = {
        p.array: (case.inputs if p.kind == "input" else case.upstream)[p.symbol.key]
        for p in plan.parameters
    }
    names = parameter_names(plan)
    return {n: held[a] if held[a].ndim else float(held[a]) for a, n in names.items()}


def expected(plan: Plan, named: dict[str, Any]) -> dict[str, Any]:
    """The results of the reference in float64, by name."""
    held = {a: np.asarray(named[n], float) for a, n in parameter_names(plan).items()}
    found = reference(plan)(held)
    return {name: found[array] for array, name in result_names(plan).items()}


def apart(found: Any, right: dict[str, Any]) -> float:
    """The largest error as a share of the largest entry of a result."""
    worst = 0.0
    for name, value in right.items():
        own = getattr(found, name)
        assert own.shape == value.shape
        worst = max(worst, float(np.abs(own - value).max()) / max(1e-300, np.abs(value).max()))
    return worst


def benign(plan: Plan, dtype: str) -> list[Case]:
    """The cases on which no cancellation is expected."""
    return [case for case in cases(plan, dtype) if not case.hard]


def code_of(source: str) -> str:
    """The syntax tree of a module without its texts, but with the C that it holds."""
    tree = ast.parse(source)
    held = re.findall(r" = r'''(.*?)'''", source, re.DOTALL)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree) + "".join(held)


shapes = st.tuples(st.integers(1, 300), st.integers(1, 40))
layouts = st.sampled_from(LAYOUTS)
dtypes = st.sampled_from(["float32", "float64"])

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"x": [[1.0]]}, "x: expected a NumPy array, got list"),
    ({"x": np.ones(5)}, r"x: expected 2 axes, got shape \(5,\)"),
    ({"dy": np.ones((5, 2))}, r"dy: expected shape \(N, D\) = \(5, 3\), got \(5, 2\)"),
    ({"gamma": np.ones(1)}, r"gamma: expected shape \(D,\) = \(3,\), got \(1,\)"),
    ({"x": np.ones((5, 3), int)}, "x: expected dtype float32 or float64, got int64"),
    ({"x": np.ones((5, 3), ">f8")}, "x: expected dtype float32 or float64, got >f8"),
    ({"dy": np.ones((5, 3), np.float32)}, "dy: dtype float32, while x has float64"),
    ({"x": np.ones((0, 3)), "dy": np.ones((0, 3))}, "x: every axis needs at least one entry"),
    ({"x": np.ones((5, 0)), "dy": np.ones((5, 0))}, r"gamma: expected shape \(D,\) = \(0,\)"),
    ({"eps": 0.0}, "eps: must satisfy"),
    ({"eps": float("nan")}, "eps: must satisfy"),
    ({"eps": "1e-5"}, "eps: expected a real number, got str"),
    ({"want": ("dz",)}, "want: expected some of"),
    ({"threads": -1}, "threads: expected a whole number from 0, got -1"),
    ({"threads": 1.5}, "threads: expected a whole number"),
    ({"check_finite": True, "x": np.full((5, 3), np.nan)}, "x: holds a value that is not finite"),
    ({"out": [1]}, "out: expected a dictionary of arrays, got list"),
    ({"out": {"dz": np.ones((5, 3))}}, "out: 'dz' is not one of the wanted"),
    ({"out": {"dx": np.ones((5, 3))}, "want": "dbeta"}, "out: 'dx' is not one of the wanted"),
    ({"out": {"dx": [1.0]}}, "out: dx: expected a NumPy array, got list"),
    ({"out": {"dx": np.ones((5, 2))}}, r"out: dx: expected shape \(5, 3\) and float64, got"),
    ({"out": {"dx": np.ones((5, 3), np.float32)}}, "out: dx: expected shape .* got .*float32"),
    ({"out": {"dx": np.broadcast_to(1.0, (5, 3))}}, "out: dx: is read-only"),
    (
        {"out": {"dx": np.lib.stride_tricks.as_strided(np.ones(9), (5, 3), (8, 8))}},
        "out: dx: entries share memory",
    ),
    ({"out": {"dx": laid_out(np.ones((5, 3)), "misaligned")}}, "out: dx: entries are not aligned"),
]


def overlapping() -> list[tuple[str, dict[str, Any]]]:
    """Arguments of which a result would overwrite another array."""
    base, line = arguments((5, 3)), np.ones(40)
    inside = line[:15].reshape(5, 3)
    return [
        ("dx", base | {"out": {"dx": base["x"]}}),
        ("dx", base | {"out": {"dx": base["dy"].T.reshape(3, 5).T}}),
        ("dgamma", base | {"out": {"dgamma": base["gamma"][::-1]}}),
        ("dgamma", base | {"dy": inside, "out": {"dgamma": line[14:17]}}),
        ("dx", base | {"out": {"dx": inside, "dbeta": line[3:6]}}),
    ]
