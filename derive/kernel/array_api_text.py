"""Array expressions by the Python array API standard: a table over the NumPy text of a step.

JAX's namespace has the same functions under the same names, so that both back ends share it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from derive.errors import UnsupportedError

ALIKE = frozenset(
    ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt", "abs", "sign", "isfinite")
)
"""Functions of one array, under one name in both."""

RENAMED: Mapping[str, str] = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "sum": "sum",
    "max": "max",
    "min": "min",
    "prod": "prod",
    "maximum": "maximum",
    "minimum": "minimum",
    "logaddexp": "logaddexp",
    "where": "where",
    "logical_and": "logical_and",
    "all": "all",
    "transpose": "permute_dims",
    "broadcast_to": "broadcast_to",
    "clip": "clip",
    "arange": "arange",
}
UNARY = ALIKE | frozenset(name for name in RENAMED if name.startswith("arc"))
VALUES: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(UNARY, (0,)),
    **dict.fromkeys(("sum", "prod", "max", "min", "nanmax", "nanmin", "broadcast_to"), (0,)),
    **dict.fromkeys(("maximum", "minimum", "logaddexp"), (0, 1)),
    "where": (1, 2),
}
"""Which arguments must be arrays: a Python number among them becomes one."""

TRUTHS = {"where": (0,), "logical_and": (0, 1), "all": (0,)}
CONSTANTS = {"pi", "e", "nan"}
WORK = ast.Name("work", ast.Load())


@dataclass(frozen=True)
class Namespace:
    """What a back end calls its functions.

    `own` are helpers of the emitted module; `context` are the arguments that each takes first,
    `placed` the keywords of what makes an array.
    """

    name: str
    own: Mapping[str, str]
    context: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    known: frozenset[str] = field(default_factory=frozenset)

    def call(self, function: str, arguments: list[ast.expr]) -> ast.Call:
        """The call of a helper, or of a function that stands for one."""
        given = self.own[function]
        first = [_named(each) for each in self.context] if "." not in given else []
        return ast.Call(_named(given), [*first, *arguments], [])


HELPERS = (
    "_value",
    "_truth",
    "_gather",
    "_einsum",
    "_nanmax",
    "_nanmin",
    "_close",
    "_logdet",
    "_detsign",
)
STANDARD = Namespace(
    "xp",
    {name: name for name in (*HELPERS, "_sum", "_sigmoid", "_erf")}
    | {"_inverse": "xp.linalg.inv", "_det": "xp.linalg.det"},
    ("xp",),
    ("device",),
    frozenset(("xp", "device", "work", "math")),
)


def array_api_text(text: str, sizes: Collection[str] = (), target: Namespace = STANDARD) -> str:
    """The expression with every NumPy call as one of a namespace, and an array as its value.

    `work` and, for the standard, `xp` and `device` name the dtype, the namespace and the device in
    it, `sizes` those names that are whole numbers. Raises UnsupportedError for a function that
    the table has not.
    """
    tree = _Rewriter(target, frozenset(sizes)).value(ast.parse(text, mode="eval").body)
    return ast.unparse(ast.fix_missing_locations(tree))


class _Rewriter(ast.NodeTransformer):
    def __init__(self, target: Namespace, sizes: frozenset[str]) -> None:
        self.target, self.numbers = target, sizes | target.known

    def value(self, node: ast.expr) -> ast.expr:
        """The rewritten expression as an array: a Python number becomes one."""
        made: ast.expr = self.visit(node)
        return made if self._is_array(made) else self._made("_value", made)

    def _made(self, helper: str, node: ast.expr) -> ast.Call:
        places = [_named(each) for each in self.target.placed]
        work = [WORK] if helper == "_value" else []
        return self.target.call(helper, [node, *work, *places])

    def _is_array(self, node: ast.expr) -> bool:
        """Whether an expression reads an array or makes one."""
        match node:
            case ast.Name(name):
                return name not in self.numbers
            case ast.Call(ast.Name(name), arguments):
                return name.startswith("_") or any(map(self._is_array, arguments))
            case ast.Call(ast.Attribute()):
                return True
            case ast.Attribute(value, "T"):
                return self._is_array(value)
            case ast.Attribute():
                return False
            case _:
                inner = (n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr))
                return any(map(self._is_array, inner))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "numpy":
            if node.attr not in CONSTANTS:
                raise _unknown(f"numpy.{node.attr}")
            return _named(f"math.{node.attr}")
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """`x ** 2` is a product."""
        left, right = self.visit(node.left), self.visit(node.right)
        match node.op, left, right:
            case ast.Pow(), ast.Name(), ast.Constant(2):
                return ast.BinOp(left, ast.Mult(), left)
            case _:
                return ast.BinOp(left, node.op, right)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Entries picked one by one: an index is an array."""
        index = self.visit(node.slice)
        picked = index.elts if isinstance(index, ast.Tuple) else [index]
        value = self.visit(node.value)
        if not any(map(self._is_array, picked)):
            return ast.Subscript(value, index, ast.Load())
        return self.target.call("_gather", [value, *picked])

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node.func:
            case ast.Attribute(ast.Name("numpy"), name):
                return self._numpy(node, name)
            case ast.Attribute(value, "astype"):
                return self._call("astype", [self.value(value), WORK])
            case ast.Name(name) if name in self.target.own:
                return self.target.call(name, [self.value(a) for a in node.args])
            case ast.Name("max"):
                return self.generic_visit(node)
            case _:
                raise _unknown(ast.unparse(node.func))

    def _numpy(self, node: ast.Call, name: str) -> ast.Call:
        if name == "einsum":
            return self.target.call("_einsum", [self._operand(a) for a in node.args])
        values, truths = VALUES.get(name, ()), TRUTHS.get(name, ())
        arguments: list[ast.expr] = [
            self.value(a) if k in values else self._truth(a) if k in truths else self.visit(a)
            for k, a in enumerate(node.args)
        ]
        keywords = [k for k in node.keywords if k.arg == "axis"]
        if f"_{name}" in self.target.own:
            call = self.target.call(f"_{name}", arguments)
            return ast.Call(call.func, call.args, keywords)
        if name not in ALIKE and name not in RENAMED:
            raise _unknown(f"numpy.{name}")
        if name == "clip" and not self._is_array(arguments[0]):
            return ast.Call(ast.Name("min", ast.Load()), [_least(arguments), arguments[2]], [])
        if name == "arange":
            keywords += [ast.keyword(each, _named(each)) for each in self.target.placed]
        return self._call(RENAMED.get(name, name), arguments, keywords)

    def _operand(self, node: ast.expr) -> ast.expr:
        subscripts = isinstance(node, ast.Constant) and isinstance(node.value, str)
        return node if subscripts else self.value(node)

    def _call(
        self, name: str, arguments: list[ast.expr], keywords: list[ast.keyword] | None = None
    ) -> ast.Call:
        return ast.Call(_named(f"{self.target.name}.{name}"), arguments, keywords or [])

    def _truth(self, node: ast.expr) -> ast.expr:
        made: ast.expr = self.visit(node)
        return made if self._is_array(made) else self._made("_truth", made)


def _least(arguments: list[ast.expr]) -> ast.expr:
    return ast.Call(ast.Name("max", ast.Load()), arguments[:2], [])


def _unknown(name: str) -> UnsupportedError:
    return UnsupportedError(f"{name} has no counterpart in the array API standard")


def _named(dotted: str) -> ast.expr:
    return ast.parse(dotted, mode="eval").body
