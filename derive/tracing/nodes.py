"""What a traced function computes: a closed set of nodes over symbolic shapes.

A node is one array. Nodes of one trace are unique, so equal steps are the same node. Shapes are
tuples of axes; an axis is a number or a `Size`. Indices count from 1.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, fields
from fractions import Fraction
from itertools import count
from typing import Literal, TypeVar

from derive.tracing.polynomials import ZERO, Polynomial, constant

Shape = tuple[Polynomial, ...]
ONE = constant(1)

_serial = count()


@dataclass(frozen=True, eq=False, slots=True)
class Base:
    """Base of the nodes; `serial` tells the order in which they were made."""

    serial: int = field(default_factory=lambda: next(_serial), kw_only=True)


@dataclass(frozen=True, eq=False, slots=True)
class Input(Base):
    """A parameter of the function."""

    name: str
    shape: Shape


@dataclass(frozen=True, eq=False, slots=True)
class Number(Base):
    """A rational constant."""

    value: Fraction

    @property
    def shape(self) -> Shape:
        return ()


@dataclass(frozen=True, eq=False, slots=True)
class Constant(Base):
    """π or e."""

    name: Literal["pi", "e"]

    @property
    def shape(self) -> Shape:
        return ()


@dataclass(frozen=True, eq=False, slots=True)
class Extent(Base):
    """A size used as a number."""

    value: Polynomial

    @property
    def shape(self) -> Shape:
        return ()


Operation = Literal["add", "multiply", "divide", "power", "max", "min"]
"""Element by element, of operands of one shape."""


@dataclass(frozen=True, eq=False, slots=True)
class Elementwise(Base):
    """An operation of two operands of the same shape."""

    operation: Operation
    left: Node
    right: Node

    @property
    def shape(self) -> Shape:
        return self.left.shape


@dataclass(frozen=True, eq=False, slots=True)
class Applied(Base):
    """A known function of each entry; `name` as in `derive.meaning.terms.Function`."""

    name: str
    argument: Node

    @property
    def shape(self) -> Shape:
        return self.argument.shape


@dataclass(frozen=True, eq=False, slots=True)
class Compared(Base):
    """`left sign right`, entry by entry: a condition."""

    sign: Literal["==", "!=", "<", "<=", ">", ">="]
    left: Node
    right: Node

    @property
    def shape(self) -> Shape:
        return self.left.shape


@dataclass(frozen=True, eq=False, slots=True)
class Joined(Base):
    """Both conditions, or at least one of them, entry by entry."""

    how: Literal["and", "or"]
    left: Node
    right: Node

    @property
    def shape(self) -> Shape:
        return self.left.shape


@dataclass(frozen=True, eq=False, slots=True)
class Chosen(Base):
    """`where(condition, then, otherwise)`; all of one shape."""

    condition: Node
    then: Node
    otherwise: Node

    @property
    def shape(self) -> Shape:
        return self.then.shape


@dataclass(frozen=True, slots=True)
class Put:
    """The index into one axis: `sign · (index of axis `axis`) + shift`; `axis` None for none."""

    axis: int | None
    shift: Polynomial = ZERO
    sign: Literal[1, -1] = 1


@dataclass(frozen=True, eq=False, slots=True)
class Moved(Base):
    """Another view of a base: transposed, sliced, broadcast, axes of length 1 added or dropped."""

    base: Node
    shape: Shape
    puts: tuple[Put, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Contracted(Base):
    """A sum over products: `labels` name the axes of each operand, `out` the axes that are kept."""

    operands: tuple[Node, ...]
    labels: tuple[tuple[int, ...], ...]
    out: tuple[int, ...]

    @property
    def axes(self) -> dict[int, Polynomial]:
        """The length of each label."""
        found: dict[int, Polynomial] = {}
        for operand, labels in zip(self.operands, self.labels, strict=True):
            found.update(zip(labels, operand.shape, strict=True))
        return found

    @property
    def shape(self) -> Shape:
        axes = self.axes
        return tuple(axes[label] for label in self.out)


@dataclass(frozen=True, eq=False, slots=True)
class Extreme(Base):
    """The largest or smallest entry along some axes, which are dropped."""

    name: Literal["max", "min"]
    base: Node
    axes: tuple[int, ...]

    @property
    def shape(self) -> Shape:
        return tuple(n for k, n in enumerate(self.base.shape) if k not in self.axes)


Node = (
    Input
    | Number
    | Constant
    | Extent
    | Elementwise
    | Applied
    | Compared
    | Joined
    | Chosen
    | Moved
    | Contracted
    | Extreme
)

Some = TypeVar("Some", bound=Node)


class Pool:
    """The nodes of one trace: what is equal is made once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Node] = {}

    def unique(self, node: Some) -> Some:
        """The node of the pool that is equal to this one."""
        parts = tuple(_key(getattr(node, f.name)) for f in fields(node) if f.name != "serial")
        found = self._known.setdefault((type(node), parts), node)
        assert type(found) is type(node)
        return found


def _key(value: object) -> Hashable:
    if isinstance(value, Base):
        return id(value)
    if isinstance(value, tuple):
        return tuple(_key(item) for item in value)
    assert isinstance(value, Hashable)
    return value


def operands(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node."""
    match node:
        case Elementwise(_, left, right) | Compared(_, left, right) | Joined(_, left, right):
            return left, right
        case Chosen(condition, then, otherwise):
            return condition, then, otherwise
        case Applied(_, argument):
            return (argument,)
        case Moved(base) | Extreme(_, base):
            return (base,)
        case Contracted(inside):
            return inside
        case _:
            return ()


def below(tops: tuple[Node, ...]) -> list[Node]:
    """Every node that the tops are made of, in the order in which they were made."""
    found: dict[int, Node] = {}
    stack = list(tops)
    while stack:
        node = stack.pop()
        if node.serial not in found:
            found[node.serial] = node
            stack += operands(node)
    return [found[serial] for serial in sorted(found)]
