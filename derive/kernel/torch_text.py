"""Array expressions as ATen operations: a table over the calls of the NumPy text of a step."""

from __future__ import annotations

import ast
from collections.abc import Mapping

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
OWN = {"_sigmoid": "torch.sigmoid", "_erf": "torch.special.erf", "_close": "_close"}
CONSTANTS = {"pi", "e", "nan"}


def torch_text(text: str) -> str:
    """The expression with every NumPy call as one of ATen.

    `device` and `work` name the device and the dtype in it. Raises UnsupportedError for a function
    that the table has not.
    """
    tree = ast.parse(text, mode="eval")
    return ast.unparse(ast.fix_missing_locations(_Rewriter().visit(tree)))


class _Rewriter(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "numpy":
            if node.attr not in CONSTANTS:
                raise UnsupportedError(f"numpy.{node.attr} has no counterpart in PyTorch")
            return _named(f"math.{node.attr}")
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node.func:
            case ast.Attribute(ast.Name("numpy"), name):
                return self._numpy(node, name)
            case ast.Attribute(value, "astype"):
                return ast.Call(ast.Attribute(self.visit(value), "to", ast.Load()), node.args, [])
            case ast.Name(name) if name in OWN:
                arguments = [_value(self.visit(a)) for a in node.args]
                return ast.Call(_named(OWN[name]), arguments, [])
            case _:
                return self.generic_visit(node)

    def _numpy(self, node: ast.Call, name: str) -> ast.Call:
        if name not in ALIKE and name not in RENAMED:
            raise UnsupportedError(f"numpy.{name} has no counterpart in PyTorch")
        arguments = [self.visit(a) for a in node.args]
        values = (0,) if name in ALIKE else VALUES.get(name, ())
        arguments = [_value(a) if k in values else a for k, a in enumerate(arguments)]
        truths = TRUTHS.get(name, ())
        arguments = [
            _call("_truth", a, "device") if k in truths else a for k, a in enumerate(arguments)
        ]
        keywords = [
            ast.keyword("dim", self.visit(k.value)) for k in node.keywords if k.arg == "axis"
        ]
        if name == "arange":
            keywords.append(ast.keyword("device", _named("device")))
        return ast.Call(_named(RENAMED.get(name, f"torch.{name}")), arguments, keywords)


def _value(argument: ast.expr) -> ast.expr:
    """A tensor as it is, a Python number as one of the working dtype."""
    return _call("_value", argument, "work", "device")


def _call(function: str, argument: ast.expr, *names: str) -> ast.expr:
    return ast.Call(_named(function), [argument, *map(_named, names)], [])


def _named(dotted: str) -> ast.expr:
    return ast.parse(dotted, mode="eval").body


HELPERS = '''
def _work(dtype):
    """The dtype that is computed in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _value(value, work, device):
    """A tensor as it is, a Python number as a tensor of the working dtype."""
    if isinstance(value, torch.Tensor):
        return value
    return torch.full((), value, dtype=work, device=device)


def _truth(value, device):
    """A truth value as a tensor."""
    if isinstance(value, torch.Tensor):
        return value.to(torch.bool)
    return torch.full((), bool(value), dtype=torch.bool, device=device)


def _prod(value, dim=None):
    """The product over one axis or several."""
    axes = range(value.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    for axis in sorted(axes, reverse=True):
        value = torch.prod(value, dim=axis)
    return value


def _nanmax(value, dim=()):
    """The largest of the entries that are numbers."""
    return torch.amax(torch.where(torch.isnan(value), -math.inf, value), dim=dim)


def _nanmin(value, dim=()):
    """The smallest of the entries that are numbers."""
    return torch.amin(torch.where(torch.isnan(value), math.inf, value), dim=dim)


def _close(left, right):
    """Equality up to a hundred roundings."""
    within = 100 * torch.finfo(torch.promote_types(left.dtype, right.dtype)).eps
    return torch.isclose(left, right, rtol=within, atol=within)


def _tensor(name, value, rank):
    """Refuse what is not a tensor of real numbers with `rank` axes, none of length zero."""
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"{name}: expected a tensor, got {type(value).__name__}")
    if value.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise ValueError(f"{name}: expected a floating dtype, got {value.dtype}")
    if value.ndim != rank:
        raise ValueError(f"{name}: expected {rank} axes, got shape {tuple(value.shape)}")
    if 0 in value.shape:
        raise ValueError(
            f"{name}: every axis needs at least one entry, got shape {tuple(value.shape)}"
        )


def _alike(name, value, first, other):
    """Refuse a dtype or a device that is not the first tensor's."""
    if value.dtype != other.dtype:
        raise ValueError(f"{name}: dtype {value.dtype}, while {first} has {other.dtype}")
    if value.device != other.device:
        raise ValueError(f"{name}: on {value.device}, while {first} is on {other.device}")


def _number(name, value):
    """Refuse what is not a real number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: expected a real number, got {type(value).__name__}")
'''
