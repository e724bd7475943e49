"""Entries as SymPy expressions over internal symbols, which SymPy prints and lambdifies.

Loads and positions are symbols `v0`, `v1`, …: no text of a document reaches SymPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np
import sympy as sp
from sympy.printing.numpy import NumPyPrinter
from sympy.printing.precedence import PRECEDENCE

from derive.errors import UnsupportedError
from derive.kernel.elementary_array import definition
from derive.kernel.entries import (
    Apply,
    Condition,
    Const,
    Entry,
    Load,
    Num,
    Place,
    Pow,
    Reduce,
    Times,
    Total,
    Where,
)
from derive.meaning.terms import Affine


@dataclass(frozen=True, slots=True)
class Index:
    """A position that is compared, as a whole number."""

    at: Affine


Atom = Load | Place | Const | Index

CLASSES: Mapping[str, Callable[..., sp.Expr]] = {
    "exp": sp.exp,
    "log": sp.log,
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "tanh": sp.tanh,
    "arcsin": sp.asin,
    "arccos": sp.acos,
    "arctan": sp.atan,
    "arcsinh": sp.asinh,
    "arccosh": sp.acosh,
    "arctanh": sp.atanh,
    "power": sp.Pow,
}
"""Functions that SymPy prints for NumPy itself."""


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(−x)) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def erf(x: Any) -> Any:
    """The error function, entry by entry in double precision."""
    import math

    x = np.asarray(x)
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


def close(left: Any, right: Any) -> Any:
    """Equality up to a hundred roundings."""
    kind = np.result_type(left, right)
    within = 100 * np.finfo(kind if kind.kind == "f" else float).eps
    return np.isclose(left, right, rtol=within, atol=within)


@dataclass(frozen=True)
class Own:
    """A function that SymPy has no NumPy for: its Python text, its value, its helper's source."""

    text: str
    value: Callable[..., Any]
    helper: str = ""


SIGMOID = """
def _sigmoid(x):
    e = numpy.exp(-numpy.abs(x))
    return numpy.where(x >= 0, 1, e) / (1 + e)
"""
ERF = definition("erf", "numpy")
CLOSE = """
def _close(left, right):
    kind = numpy.result_type(left, right)
    within = 100 * numpy.finfo(kind if kind.kind == "f" else float).eps
    return (left == right) | (abs(left - right) <= within * (1 + abs(right)))
"""

OWN: Mapping[str, Own] = {
    "abs": Own("numpy.abs({})", np.abs),
    "sign": Own("numpy.sign({})", np.sign),
    "relu": Own("numpy.maximum({}, 0)", lambda x: np.maximum(x, 0)),
    "softplus": Own("numpy.logaddexp(0, {})", lambda x: np.logaddexp(0, x)),
    "sigmoid": Own("_sigmoid({})", sigmoid, SIGMOID),
    "erf": Own("_erf({})", erf, ERF),
    "max": Own("numpy.maximum({}, {})", np.maximum),
    "min": Own("numpy.minimum({}, {})", np.minimum),
    "where": Own("numpy.where({}, {}, {})", np.where),
    "and": Own("numpy.logical_and({}, {})", np.logical_and),
    "close": Own("_close({}, {})", close, CLOSE),
    "==": Own("({} == {})", np.equal),
    "!=": Own("({} != {})", np.not_equal),
    "<": Own("({} < {})", np.less),
    "<=": Own("({} <= {})", np.less_equal),
    ">": Own("({} > {})", np.greater),
    ">=": Own("({} >= {})", np.greater_equal),
}
_INTERNAL = {name: f"k{number}" for number, name in enumerate(OWN)}
FUNCTIONS: Mapping[str, sp.Function] = {name: sp.Function(k) for name, k in _INTERNAL.items()}
VALUES: Mapping[str, Callable[..., Any]] = {_INTERNAL[n]: own.value for n, own in OWN.items()}
_NAMES = {internal: name for name, internal in _INTERNAL.items()}


@dataclass
class Expressions:
    """Builds SymPy expressions; `atoms` says what each internal symbol stands for."""

    atoms: dict[sp.Symbol, Atom] = field(default_factory=dict)
    _symbols: dict[Atom, sp.Symbol] = field(default_factory=dict)

    def of(self, entry: Entry) -> sp.Expr:
        """The SymPy expression of an entry without reductions."""
        match entry:
            case Num(value):
                return sp.Rational(value.numerator, value.denominator)
            case Const("pi"):
                return sp.pi
            case Const("e"):
                return sp.E
            case Const() | Place() | Load():
                return self._symbol(entry)
            case Total(terms):
                return sp.Add(*(self.of(term) for term in terms))
            case Times(factors):
                return sp.Mul(*(self.of(factor) for factor in factors))
            case Pow(base, exponent):
                ratio = sp.Rational(exponent.numerator, exponent.denominator)
                return sp.Pow(self.of(base), ratio)
            case Apply(function, arguments, orders):
                return self._apply(function, [self.of(a) for a in arguments], orders)
            case Where(condition, yes, no):
                return FUNCTIONS["where"](self.condition(condition), self.of(yes), self.of(no))
            case Reduce():
                raise AssertionError("reductions are steps of their own")
            case _:
                assert_never(entry)

    def condition(self, condition: Condition) -> sp.Expr:
        """A conjunction; the empty one is 1."""
        result: sp.Expr | None = None
        for left, sign, right in condition:
            one = FUNCTIONS[sign](self._side(left), self._side(right))
            result = one if result is None else FUNCTIONS["and"](result, one)
        return sp.Integer(1) if result is None else result

    def _side(self, side: Entry) -> sp.Expr:
        return self._symbol(Index(side.at)) if isinstance(side, Place) else self.of(side)

    def _symbol(self, atom: Atom) -> sp.Symbol:
        if atom not in self._symbols:
            symbol = sp.Symbol(f"v{len(self._symbols)}", real=True)
            self._symbols[atom] = symbol
            self.atoms[symbol] = atom
        return self._symbols[atom]

    def _apply(self, name: str, arguments: list[sp.Expr], orders: tuple[int, ...]) -> sp.Expr:
        if any(orders):
            return _derived(name, arguments, orders)
        return _function(name, arguments)


def _function(name: str, arguments: list[sp.Expr]) -> sp.Expr:
    if name in CLASSES:
        return CLASSES[name](*arguments)
    if name in ("max", "min") and len(arguments) > 2:
        return FUNCTIONS[name](arguments[0], _function(name, arguments[1:]))
    if name not in FUNCTIONS:
        raise UnsupportedError(f"the function {name} cannot be exported")
    return FUNCTIONS[name](*arguments)


def _derived(name: str, arguments: list[sp.Expr], orders: tuple[int, ...]) -> sp.Expr:
    """A derivative of a known function of one number."""
    (order,) = orders if len(orders) == 1 else (0,)
    if order == 0:
        raise UnsupportedError(f"the derivative of {name} cannot be exported")
    (argument,) = arguments
    at = sp.Dummy(real=True)
    first = _first_derivative(name, at)
    return sp.diff(first, at, order - 1).subs(at, argument)


def _first_derivative(name: str, at: sp.Symbol) -> sp.Expr:
    match name:
        case "abs":
            return FUNCTIONS["sign"](at)
        case "relu":
            return FUNCTIONS["where"](FUNCTIONS[">"](at, 0), 1, 0)
        case "sign":
            return sp.Integer(0)
        case "softplus":
            return 1 / (1 + sp.exp(-at))
        case "sigmoid":
            return sp.exp(-at) / (1 + sp.exp(-at)) ** 2
        case "erf":
            return 2 / sp.sqrt(sp.pi) * sp.exp(-(at**2))
        case _ if name in CLASSES and name != "power":
            return sp.diff(CLASSES[name](at), at)
    raise UnsupportedError(f"the derivative of {name} cannot be exported")


class Printer(NumPyPrinter):  # type: ignore[misc]
    """SymPy's NumPy printer, with the texts of the internal symbols and of our own functions."""

    def __init__(self, texts: Mapping[sp.Symbol, str]) -> None:
        super().__init__({"fully_qualified_modules": True})
        self.texts = texts
        self.helpers = set[str]()

    def _print_Symbol(self, expr: sp.Symbol) -> str:  # noqa: N802 - SymPy's naming
        return self.texts[expr]

    def _print_Function(self, expr: sp.Function) -> str:  # noqa: N802 - SymPy's naming
        if expr.func.__name__ not in _NAMES:
            return str(super()._print_Function(expr))
        own = OWN[_NAMES[expr.func.__name__]]
        if own.helper:
            self.helpers.add(own.helper)
        level = PRECEDENCE["Add"] if own.text.startswith("(") else 0
        return own.text.format(*(self.parenthesize(part, level) for part in expr.args))

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:  # noqa: N802
        if expr.exp.is_Integer and expr.exp < 0:
            whole = "" if expr.exp == -1 else f"**{-int(expr.exp)}"
            return f"(1/{self.parenthesize(expr.base, PRECEDENCE['Atom'])}{whole})"
        return str(super()._print_Pow(expr, rational=rational))
