"""The definitions of a context on NumPy arrays, real or complex: the forward pass as written.

This follows the typed terms one by one and knows no plan, so that differences along an imaginary
or a real step are a witness of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.errors import UnsupportedError
from derive.meaning import terms as t

Array = np.ndarray[Any, Any]
At = dict[str, int]

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _flip(z: Array) -> Array:
    return np.asarray(np.where(z.real < 0, -z, z))


def _erf(z: Array) -> Array:
    """The error function, to first order along the imaginary axis."""
    real = np.asarray(np.vectorize(math.erf, otypes=[float])(z.real))
    if not np.iscomplexobj(z):
        return real
    return np.asarray(real + 1j * z.imag * 2 / math.sqrt(math.pi) * np.exp(-(z.real**2)))


def _softplus(z: Array) -> Array:
    return np.asarray(np.log1p(np.exp(-_flip(z))) + np.where(z.real > 0, z, 0))


FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "erf": _erf,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": _softplus,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "abs": _flip,
    "sign": lambda z: np.sign(z.real).astype(z.dtype),
}


@dataclass
class Forward:
    """Values of names at given inputs; `sizes` of the axes, inputs by symbol key."""

    context: t.Context
    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    _known: dict[str, Array] = field(default_factory=dict)

    def name(self, key: str) -> Array:
        """The value of an input or of a defined name."""
        if key in self.inputs:
            return self.inputs[key]
        if key not in self._known:
            if key not in self.context.definitions:
                raise UnsupportedError(f"the value of {key} is not known")
            self._known[key] = self._defined(self.context.definitions[key])
        return self._known[key]

    def _defined(self, definition: t.Definition) -> Array:
        lengths = [size.value(self.sizes) for size in definition.symbol.shape]
        leading = lengths[: len(definition.parameters)]
        found = []
        for place in np.ndindex(*leading):
            at = dict(zip(definition.parameters, (k + 1 for k in place), strict=True))
            found.append(self.value(definition.body, {**self.sizes, **at}))
        value = np.array(found).reshape(lengths) if leading else np.broadcast_to(found[0], lengths)
        return np.sqrt(value) if definition.squares else value

    def value(self, term: t.Term, at: At) -> Array:
        """The value of a term at given sizes and indices."""
        return np.asarray(RULES[type(term)](self, term, at))

    def holds(self, condition: t.Condition, at: At) -> bool:
        """Whether a condition is true; complex values count by their real parts."""
        return all(
            COMPARISONS[c.sign](self.value(c.left, at).real, self.value(c.right, at).real)
            for c in condition
        )


def _element(to: Forward, term: t.Element, at: At) -> Array:
    base = to.value(term.base, at)
    places = tuple(slice(None) if p is None else p.value(at) - 1 for p in term.at)
    if any(
        not isinstance(p, slice) and not 0 <= p < n
        for p, n in zip(places, base.shape, strict=False)
    ):
        raise UnsupportedError("an element outside its array")
    return np.asarray(base[places])


def assignments(bounds: tuple[t.Bound, ...], at: At) -> Iterator[At]:
    """Every value of the indices, added to the sizes and indices given."""
    if not bounds:
        yield at
        return
    for k in range(bounds[0].low.value(at), bounds[0].high.value(at) + 1):
        yield from assignments(bounds[1:], {**at, bounds[0].name: k})


def _sum(to: Forward, term: t.Sum, at: At) -> Array:
    start = np.ones if term.product else np.zeros
    result = start([size.value(to.sizes) for size in term.shape])
    for inner in assignments(term.bounds, at):
        if to.holds(term.condition, inner):
            value = to.value(term.body, inner)
            result = result * value if term.product else result + value
    return result


def _cases(to: Forward, term: t.Cases, at: At) -> Array:
    for value, condition in term.rows:
        if condition is None or to.holds(condition, at):
            return to.value(value, at)
    raise UnsupportedError("no row of the cases holds")


def _multiply(to: Forward, term: t.Multiply, at: At) -> Array:
    result = np.asarray(1.0)
    for factor in term.factors:
        result = result * to.value(factor, at)
    return result


def _power(to: Forward, term: t.Power, at: At) -> Array:
    base, exponent = to.value(term.base, at), to.value(term.exponent, at)
    if not np.iscomplexobj(exponent) and float(exponent).is_integer():
        return np.asarray(np.power(base, int(exponent) if exponent >= 0 else float(exponent)))
    return np.asarray(np.sqrt(base) if exponent == 0.5 else np.power(base, exponent))


def _matrix_function(to: Forward, term: t.MatrixFunction, at: At) -> Array:
    argument = to.value(term.argument, at)
    match term.name:
        case "trace":
            return np.asarray(np.trace(argument))
        case "det":
            return np.asarray(np.linalg.det(argument))
        case "diag":
            return np.asarray(np.diag(argument))
        case "norm":
            return np.asarray(np.sqrt(np.sum(argument * argument)))


def _function(to: Forward, term: t.Function, at: At) -> Array:
    values = [to.value(argument, at) for argument in term.arguments]
    if term.opaque or any(term.orders):
        raise UnsupportedError(f"the function {term.name} has no forward value")
    if term.name in ("max", "min"):
        return _extreme(term, values)
    if term.name in ("softmax", "logsumexp"):
        return _over_last_axis(term.name, values[0])
    if term.name not in FUNCTIONS:
        raise UnsupportedError(f"the function {term.name} has no forward value")
    return FUNCTIONS[term.name](values[0])


def _extreme(term: t.Function, values: list[Array]) -> Array:
    better = np.greater_equal if term.name == "max" else np.less_equal
    if len(values) == 1:
        rank = len(term.shape)
        values = list(np.moveaxis(values[0].reshape(*values[0].shape[:rank], -1), -1, 0))
    result = values[0]
    for value in values[1:]:
        result = np.where(better(result.real, value.real), result, value)
    return result


def _over_last_axis(name: str, value: Array) -> Array:
    shifted = value - value.real.max(axis=-1, keepdims=True)
    top = np.exp(shifted)
    total = top.sum(axis=-1, keepdims=True)
    if name == "softmax":
        return np.asarray(top / total)
    return np.asarray(np.log(total[..., 0]) + value.real.max(axis=-1))


def _derivative(to: Forward, term: t.Derivative, at: At) -> Array:
    raise UnsupportedError("a definition holds a derivative")


RULES: Mapping[type, Callable[[Forward, Any, At], Any]] = {
    t.Number: lambda to, term, at: float(term.value),
    t.Constant: lambda to, term, at: math.pi if term.name == "pi" else math.e,
    t.Position: lambda to, term, at: float(term.at.value(at)),
    t.Variable: lambda to, term, at: to.name(term.symbol.key),
    t.Element: _element,
    t.Add: lambda to, term, at: sum(to.value(part, at) for part in term.terms),
    t.Multiply: _multiply,
    t.Divide: lambda to, term, at: to.value(term.numerator, at) / to.value(term.denominator, at),
    t.Power: _power,
    t.MatrixProduct: lambda to, term, at: to.value(term.left, at) @ to.value(term.right, at),
    t.Outer: lambda to, term, at: np.outer(to.value(term.left, at), to.value(term.right, at)),
    t.Transposed: lambda to, term, at: to.value(term.base, at).T,
    t.Inverse: lambda to, term, at: np.linalg.inv(to.value(term.base, at)),
    t.MatrixFunction: _matrix_function,
    t.Identity: lambda to, term, at: np.eye(term.size.value(at)),
    t.Filled: lambda to, term, at: np.full([s.value(at) for s in term.shape], float(term.value)),
    t.Sum: _sum,
    t.Indicator: lambda to, term, at: float(to.holds(term.condition, at)),
    t.Cases: _cases,
    t.Function: _function,
    t.Derivative: _derivative,
}
