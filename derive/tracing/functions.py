"""Which NumPy function is which node: tables from the functions themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from derive.tracing import products, reductions
from derive.tracing.build import Build, Value
from derive.tracing.nodes import Node
from derive.tracing.places import failed

Rule = Callable[..., Node]


def _two(operation: str) -> Rule:
    def rule(build: Build, left: Value, right: Value) -> Node:
        made: Node = getattr(build, operation)(left, right)
        return made

    return rule


def _larger(name: Literal["max", "min"]) -> Rule:
    return lambda build, left, right: build.elementwise(name, left, right)


def _known(name: str) -> Rule:
    return lambda build, value: build.apply(name, value)


def _compared(sign: Literal["==", "!=", "<", "<=", ">", ">="]) -> Rule:
    return lambda build, left, right: build.compare(sign, left, right)


def _joined(how: Literal["and", "or"]) -> Rule:
    return lambda build, left, right: build.join(how, left, right)


def _power(build: Build, base: Value, exponent: Value) -> Node:
    return build.power(base, exponent)


def _logaddexp(build: Build, left: Value, right: Value) -> Node:
    return build.apply("log", build.add(build.apply("exp", left), build.apply("exp", right)))


def _log_to(base: int) -> Rule:
    return lambda build, x: build.divide(build.apply("log", x), build.apply("log", base))


UFUNCS: Mapping[str, Rule] = {
    "add": _two("add"),
    "subtract": _two("subtract"),
    "multiply": _two("multiply"),
    "divide": _two("divide"),
    "true_divide": _two("divide"),
    "power": _power,
    "float_power": _power,
    "negative": lambda build, x: build.negative(x),
    "positive": lambda build, x: build.node(x),
    "square": lambda build, x: build.power(x, 2),
    "sqrt": lambda build, x: build.root(x),
    "reciprocal": lambda build, x: build.divide(1, x),
    "exp": _known("exp"),
    "exp2": lambda build, x: build.power(2, x),
    "expm1": lambda build, x: build.subtract(build.apply("exp", x), 1),
    "log": _known("log"),
    "log1p": lambda build, x: build.apply("log", build.add(1, x)),
    "log2": _log_to(2),
    "log10": _log_to(10),
    "logaddexp": _logaddexp,
    "absolute": _known("abs"),
    "fabs": _known("abs"),
    "sign": _known("sign"),
    "maximum": _larger("max"),
    "minimum": _larger("min"),
    "fmax": _larger("max"),
    "fmin": _larger("min"),
    "erf": _known("erf"),
    "expit": _known("sigmoid"),
    **{
        name: _known(name)
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan")
    },
    **{name: _known(name) for name in ("arcsinh", "arccosh", "arctanh")},
    "greater": _compared(">"),
    "greater_equal": _compared(">="),
    "less": _compared("<"),
    "less_equal": _compared("<="),
    "equal": _compared("=="),
    "not_equal": _compared("!="),
    "logical_and": _joined("and"),
    "logical_or": _joined("or"),
    "bitwise_and": _joined("and"),
    "bitwise_or": _joined("or"),
    "logical_not": lambda build, x: build.deny(x),
    "invert": lambda build, x: build.deny(x),
    "matmul": products.matmul,
}
"""Element by element, by the name of the ufunc: SciPy's own go by their names too."""

CONDITIONS = frozenset({"bitwise_and", "bitwise_or", "invert"})
"""Ufuncs that are logical for conditions only."""


def _where(build: Build, condition: Value, *sides: Value) -> Node:
    if len(sides) != 2:
        raise failed("where is traced with three arguments", advice="np.where(condition, a, b)")
    return build.choose(condition, *sides)


def _clip(build: Build, a: Value, a_min: Value, a_max: Value) -> Node:
    value = build.node(a)
    if a_min is not None:
        value = build.elementwise("max", value, a_min)
    return value if a_max is None else build.elementwise("min", value, a_max)


def _copy(build: Build, a: Value, order: object = "K") -> Node:
    return build.node(a)


FUNCTIONS: Mapping[Any, Rule] = {
    np.sum: reductions.total,
    np.mean: reductions.mean,
    np.var: reductions.var,
    np.std: reductions.std,
    np.max: reductions.largest,
    np.amax: reductions.largest,
    np.min: reductions.smallest,
    np.amin: reductions.smallest,
    np.linalg.norm: reductions.norm,
    np.transpose: reductions.transpose,
    np.swapaxes: reductions.swapaxes,
    np.moveaxis: reductions.moveaxis,
    np.expand_dims: reductions.expand_dims,
    np.squeeze: reductions.squeeze,
    np.reshape: reductions.reshape,
    np.ravel: reductions.ravel,
    np.broadcast_to: reductions.broadcast_to,
    np.ones_like: reductions.ones_like,
    np.zeros_like: reductions.zeros_like,
    np.full_like: reductions.full_like,
    np.dot: products.dot,
    np.inner: products.inner,
    np.vdot: products.vdot,
    np.outer: products.outer,
    np.tensordot: products.tensordot,
    np.trace: products.trace,
    np.diagonal: products.diagonal,
    np.einsum: products.einsum,
    np.where: _where,
    np.clip: _clip,
    np.copy: _copy,
}

VIEWS: frozenset[Any] = frozenset(
    (
        *(np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze),
        *(np.reshape, np.ravel, np.broadcast_to, np.diagonal),
    )
)
"""Functions whose result shares memory with their argument."""

METHODS: Mapping[str, Any] = {
    "sum": np.sum,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "max": np.max,
    "min": np.min,
    "dot": np.dot,
    "trace": np.trace,
    "diagonal": np.diagonal,
    "swapaxes": np.swapaxes,
    "squeeze": np.squeeze,
    "ravel": np.ravel,
    "clip": np.clip,
    "copy": np.copy,
}
"""Methods of an array that are a function with the array as its first argument."""
