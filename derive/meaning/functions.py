"""Functions: known ones, those that the document defines, and opaque ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from derive.meaning import terms as t
from derive.meaning.products import power
from derive.meaning.setting import FunctionDefinition, Setting, Typed
from derive.meaning.shapes import broadcast, describe, is_square
from derive.meaning.subscripts import positions
from derive.reading import syntax as s

KNOWN = frozenset(
    [
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "arcsin",
        "arccos",
        "arctan",
        "arcsinh",
        "arccosh",
        "arctanh",
        "erf",
        "sigmoid",
        "softplus",
        "relu",
        "abs",
        "sign",
        "max",
        "min",
        "gamma",
        "digamma",
        "softmax",
        "logsumexp",
    ]
)
_SPELLED = {
    "ln": "log",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "arsinh": "arcsinh",
    "arcosh": "arccosh",
    "artanh": "arctanh",
    "sgn": "sign",
    "lse": "logsumexp",
    "psi": "digamma",
}
_INVERSE = {
    "sin": "arcsin",
    "cos": "arccos",
    "tan": "arctan",
    "sinh": "arcsinh",
    "cosh": "arccosh",
    "tanh": "arctanh",
}
MATRIX = {"tr": "trace", "trace": "trace", "det": "det", "diag": "diag", "norm": "norm"}
_OVER_AXIS = frozenset({"softmax"})
_TO_SCALAR = frozenset({"logsumexp"})
MAX_DEPTH = 16


def known_function(word: str) -> str | None:
    """The function that a word spells, `ReLU` or `exp`, else None."""
    spelled = word.lstrip("\\")
    if spelled in ("Gamma",):
        return "gamma"
    lower = spelled.lower()
    lower = _SPELLED.get(lower, lower)
    if lower in ("psi", "gamma") and spelled[:1].islower() and word.startswith("\\"):
        return "digamma" if lower == "psi" else None
    if lower in KNOWN or lower in MATRIX or lower == "sqrt":
        return lower
    return None


def call(setting: Setting, node: s.Call) -> Typed:
    """A known function applied, with what stands on its name."""
    name = known_function(node.function)
    defined = setting.names.functions.get(node.function)
    arguments = arguments_of(node.argument)
    if defined is not None:
        return _with_power(setting, node, apply_definition(setting, defined, arguments, (), node))
    if name is None:
        return _with_power(setting, node, opaque(setting, node.function, arguments, 0, node))
    values = [setting.term(argument) for argument in arguments]
    exponent = node.power
    if name in _INVERSE and exponent is not None and _is_minus_one(exponent):
        return function(setting, _INVERSE[name], values, node)
    result = function(setting, name, values, node)
    if node.sub is not None:
        if name != "log":
            raise setting.error(f"a subscript on {name} is not read", node)
        base = t.Function("log", (setting.scalar(node.sub, "the base of a logarithm"),), ())
        result = Typed(t.Divide(result.term, base, result.shape), result.row)
    return _with_power(setting, node, result)


def _is_minus_one(expr: s.Expr) -> bool:
    match expr:
        case s.Sum(signs=("-",), terms=(s.Number(text="1"),)):
            return True
        case s.Group(body=body):
            return _is_minus_one(body)
        case _:
            return False


def _with_power(setting: Setting, node: s.Call, value: Typed) -> Typed:
    if node.power is None:
        return value
    return power(setting, value, setting.scalar(node.power, "an exponent"), node, entries=True)


def arguments_of(expr: s.Expr) -> tuple[s.Expr, ...]:
    match expr:
        case s.List(items=items):
            return items
        case s.Group(body=body):
            return arguments_of(body)
        case _:
            return (expr,)


def function(setting: Setting, name: str, values: list[Typed], node: s.Node) -> Typed:
    """A known function of its arguments."""
    if name in MATRIX:
        return _matrix_function(setting, MATRIX[name], values, node)
    if name == "sqrt":
        return Typed(t.Power(values[0].term, t.Number(Fraction(1, 2))), values[0].row)
    if len(values) != 1 and name not in ("max", "min"):
        raise setting.error(f"{name} takes one argument, not {len(values)}", node)
    terms = tuple(value.term for value in values)
    if name in ("max", "min") and len(values) == 1:
        return Typed(t.Function(name, terms, ()))
    if name in _TO_SCALAR:
        return Typed(t.Function(name, terms, values[0].shape[:-1]))
    shape: t.Shape = ()
    for value in values:
        common = broadcast(shape, value.shape)
        if common is None:
            raise setting.ill_typed(
                f"arguments of {name} differ: {describe(shape)} and {describe(value.shape)}", node
            )
        shape = common
    return Typed(t.Function(name, terms, shape), values[0].row)


def _matrix_function(setting: Setting, name: str, values: list[Typed], node: s.Node) -> Typed:
    if len(values) != 1:
        raise setting.error(f"{name} takes one argument", node)
    value = values[0]
    if name in ("trace", "det") and not is_square(value.shape):
        raise setting.ill_typed(f"{name} of {describe(value.shape)}, not a square matrix", node)
    match name:
        case "trace":
            return Typed(t.MatrixFunction("trace", value.term, ()))
        case "det":
            return Typed(t.MatrixFunction("det", value.term, ()))
        case "norm":
            return Typed(t.MatrixFunction("norm", value.term, ()))
        case _:
            if len(value.shape) == 1:
                return Typed(t.MatrixFunction("diag", value.term, value.shape * 2))
            if not is_square(value.shape):
                raise setting.ill_typed(f"diag of {describe(value.shape)}", node)
            return Typed(t.MatrixFunction("diag", value.term, value.shape[:1]))


def opaque(
    setting: Setting, key: str, arguments: tuple[s.Expr, ...], primes: int, node: s.Node
) -> Typed:
    """A function without a definition, entry by entry; primes are its derivatives."""
    values = [setting.term(argument) for argument in arguments]
    arity = setting.names.arities.get(key, len(values))
    if arity != len(values):
        raise setting.error(
            f"{key} takes {arity} arguments above and {len(values)} here", node,
            "Write all its arguments; write its derivative as a fraction.",
        )  # fmt: skip
    if primes and len(values) != 1:
        raise setting.error("a prime on a function of several arguments is not read", node)
    shape: t.Shape = ()
    for value in values:
        common = broadcast(shape, value.shape)
        if common is None:
            raise setting.ill_typed(f"arguments of {key} have different shapes", node)
        shape = common
    terms = tuple(value.term for value in values)
    orders = (primes,) if primes else ()
    return Typed(t.Function(key, terms, shape, orders, opaque=True))


def apply_definition(
    setting: Setting,
    defined: FunctionDefinition,
    arguments: tuple[s.Expr, ...],
    items: tuple[s.Expr, ...],
    node: s.Node,
) -> Typed:
    """A defined function with its arguments put in; its own bound indices are renamed apart."""
    if len(arguments) != len(defined.parameters):
        raise setting.error(
            f"this function takes {len(defined.parameters)} arguments, not {len(arguments)}", node
        )
    if setting.depth >= MAX_DEPTH:
        raise setting.error("functions are applied too deep, perhaps in a circle", node)
    values = [setting.term(argument) for argument in arguments]
    local = dict(zip(defined.parameters, values, strict=True))
    rename: dict[str, str] = {}
    at = positions(setting, items, len(defined.indices)) if items else ()
    body = defined.body
    if defined.indices:
        if at is None or len(at) != len(defined.indices):
            raise setting.error("write this function with its index", node)
        for letter, position in zip(defined.indices, at, strict=True):
            if position is None or position.single is None:
                raise setting.error("the index of this function must be one letter", node)
            rename[letter] = position.single
    elif items:
        body = _push(body, items)
    inner = replace(setting, local=setting.local | local, rename=rename, depth=setting.depth + 1)
    for letter in rename.values():
        setting.indices.find(letter)
    return inner.term(body)


def _push(body: s.Expr, items: tuple[s.Expr, ...]) -> s.Expr:
    """The subscript put on the last factor of an application, else on the whole."""
    match body:
        case s.Product(factors=(head, s.Group() as argument), operators=("",)):
            return s.Product((head, s.Subscript(argument, items, span=body.span)), ("",))
        case _:
            return s.Subscript(s.Group("(", ")", body, span=body.span), items, span=body.span)
