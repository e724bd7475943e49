"""Array expressions as ATen operations: a table over the calls of the NumPy text of a step."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from derive.errors import UnsupportedError

ALIKE = frozenset(
    ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt", "abs", "sign", "isfinite")
) | {"arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"}
"""Functions of one tensor, under one name in both."""

RENAMED: Mapping[str, str] = {
    "sum": "torch.sum",
    "max": "torch.amax",
    "min": "torch.amin",
    "prod": "_prod",
    "nanmax": "_nanmax",
    "nanmin": "_nanmin",
    "maximum": "torch.maximum",
    "minimum": "torch.minimum",
    "logaddexp": "torch.logaddexp",
    "where": "torch.where",
    "logical_and": "torch.logical_and",
    "all": "torch.all",
    "transpose": "torch.permute",
    "broadcast_to": "torch.broadcast_to",
    "clip": "torch.clamp",
    "einsum": "torch.einsum",
    "arange": "torch.arange",
}
TRUTHS = {"where": (0,), "logical_and": (0, 1), "all": (0,)}
VALUES = {
    "sum": (0,),
    "prod": (0,),
    "max": (0,),
    "min": (0,),
    "nanmax": (0,),
    "nanmin": (0,),
    "where": (1, 2),
    "maximum": (0, 1),
    "minimum": (0, 1),
    "logaddexp": (0, 1),
    "broadcast_to": (0,),
}
OWN = {
    "_sigmoid": "torch.sigmoid",
    "_erf": "torch.special.erf",
    **{name: name for name in ("_close", "_inverse", "_det", "_logdet", "_detsign")},
}
CONSTANTS = {"pi", "e", "nan"}


KNOWN = frozenset(("work", "device", "math", "torch"))
"""Names in an expression that hold no tensor; sizes are given beside them."""


def torch_text(text: str, sizes: Collection[str] = ()) -> str:
    """The expression with every NumPy call as one of ATen, and a tensor as its value.

    `device` and `work` name the device and the dtype in it, `sizes` those names that are whole
    numbers. Raises UnsupportedError for a function that the table has not.
    """
    tree = _Rewriter(frozenset(sizes) | KNOWN).value(ast.parse(text, mode="eval").body)
    return ast.unparse(ast.fix_missing_locations(tree))


class _Rewriter(ast.NodeTransformer):
    def __init__(self, numbers: frozenset[str]) -> None:
        self.numbers = numbers

    def value(self, node: ast.expr) -> ast.expr:
        """The rewritten expression as a tensor: a Python number becomes one."""
        made: ast.expr = self.visit(node)
        return made if self._is_tensor(made) else _call("_value", made, "work", "device")

    def _is_tensor(self, node: ast.expr) -> bool:
        """Whether an expression reads a tensor or makes one."""
        match node:
            case ast.Name(name):
                return name not in self.numbers
            case ast.Call(ast.Name(name), arguments):
                return name.startswith("_") or any(map(self._is_tensor, arguments))
            case ast.Attribute():
                return False
            case ast.Call(ast.Attribute(value, _)):
                from_torch = isinstance(value, ast.Name) and value.id == "torch"
                return from_torch or self._is_tensor(value)
            case _:
                inner = (n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr))
                return any(map(self._is_tensor, inner))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "numpy":
            if node.attr not in CONSTANTS:
                raise UnsupportedError(f"numpy.{node.attr} has no counterpart in PyTorch")
            return _named(f"math.{node.attr}")
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """`x ** 2` is a product, and `a ± b * c` one pass without a temporary array."""
        left, right = self.visit(node.left), self.visit(node.right)
        match node.op, left, right:
            case ast.Pow(), ast.Name(), ast.Constant(2):
                return ast.BinOp(left, ast.Mult(), left)
            case ast.Add() | ast.Sub(), _, ast.BinOp(_, ast.Mult(), _) if self._fusible(
                left, right
            ):
                return _fused(left, right, isinstance(node.op, ast.Sub))
            case ast.Add(), ast.BinOp(_, ast.Mult(), _), _ if self._fusible(right, left):
                return _fused(right, left, False)
            case _:
                return ast.BinOp(left, node.op, right)

    def _fusible(self, term: ast.expr, product: ast.BinOp) -> bool:
        return all(map(self._is_tensor, (term, product.left, product.right)))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node.func:
            case ast.Attribute(ast.Name("numpy"), name):
                return self._numpy(node, name)
            case ast.Attribute(value, "astype"):
                return ast.Call(ast.Attribute(self.value(value), "to", ast.Load()), node.args, [])
            case ast.Name(name) if name in OWN:
                return ast.Call(_named(OWN[name]), [self.value(a) for a in node.args], [])
            case _:
                return self.generic_visit(node)

    def _numpy(self, node: ast.Call, name: str) -> ast.Call:
        if name not in ALIKE and name not in RENAMED:
            raise UnsupportedError(f"numpy.{name} has no counterpart in PyTorch")
        values = (0,) if name in ALIKE else VALUES.get(name, ())
        truths = TRUTHS.get(name, ())
        arguments: list[ast.expr] = [
            self.value(a) if k in values else self._truth(a) if k in truths else self.visit(a)
            for k, a in enumerate(node.args)
        ]
        keywords = [
            ast.keyword("dim", self.visit(k.value)) for k in node.keywords if k.arg == "axis"
        ]
        if name == "arange":
            keywords.append(ast.keyword("device", _named("device")))
        return ast.Call(_named(RENAMED.get(name, f"torch.{name}")), arguments, keywords)

    def _truth(self, node: ast.expr) -> ast.expr:
        made: ast.expr = self.visit(node)
        sure = isinstance(made, ast.Compare) and self._is_tensor(made)
        return made if sure else _call("_truth", made, "device")


def _fused(term: ast.expr, product: ast.BinOp, minus: bool) -> ast.Call:
    """`term ± left * right`."""
    keywords = [ast.keyword("value", ast.Constant(-1))] if minus else []
    return ast.Call(_named("torch.addcmul"), [term, product.left, product.right], keywords)


def _call(function: str, argument: ast.expr, *names: str) -> ast.expr:
    return ast.Call(_named(function), [argument, *map(_named, names)], [])


def _named(dotted: str) -> ast.expr:
    return ast.parse(dotted, mode="eval").body
