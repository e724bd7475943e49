"""Heads: signs and functions among the factors of a product, before they take what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from derive.reading.syntax import Expr, Node


@dataclass(frozen=True, slots=True)
class FunctionHead(Node):
    r"""A known function before its argument: `\log`, `\tanh^2`, `\log_2`."""

    name: str
    font: str = ""
    power: Expr | None = None
    sub: Expr | None = None
    primes: int = 0


@dataclass(frozen=True, slots=True)
class BigHead(Node):
    r"""`\sum_{i=1}^{N}` before its body, with the sign that may follow it."""

    command: str
    lower: tuple[Expr, ...] = ()
    upper: Expr | None = None
    sign: str = ""


@dataclass(frozen=True, slots=True)
class DerivativeHead(Node):
    r"""`\frac{\partial}{\partial x}`, `\partial_x` or `\nabla_x` before its body."""

    by: tuple[tuple[Expr, int], ...]
    style: str
    sign: str
    order: int = 1
    command: str = "frac"


@dataclass(frozen=True, slots=True)
class Partial(Node):
    r"""A bare `\partial`, with its order: it has a meaning only inside a fraction."""

    order: int = 1


@dataclass(frozen=True, slots=True)
class Nabla(Node):
    r"""A bare `\nabla`, with its order."""

    order: int = 1


Head = FunctionHead | BigHead | DerivativeHead | Partial | Nabla
Factor = Expr | Head
Item = tuple[str, str, Factor]
"""Operator before the factor, sign of the factor, the factor."""


def is_head(factor: Factor) -> TypeGuard[Head]:
    return isinstance(factor, FunctionHead | BigHead | DerivativeHead | Partial | Nabla)
