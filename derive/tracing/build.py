"""Makes nodes: broadcasting, views and sums with NumPy's rules, for symbolic sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import count
from typing import Literal

from derive.tracing.nodes import (
    ONE,
    Applied,
    Chosen,
    Compared,
    Constant,
    Contracted,
    Elementwise,
    Extent,
    Extreme,
    Input,
    Joined,
    Moved,
    Node,
    Number,
    Operation,
    Pool,
    Put,
    Shape,
    Some,
)
from derive.tracing.numbers import Exact, exact, is_number
from derive.tracing.places import failed
from derive.tracing.polynomials import Polynomial, constant

Value = object
"""A node, a polynomial, or a plain number."""

_FLIPPED: dict[str, Literal["==", "!=", "<", "<=", ">", ">="]] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
}


def shown(shape: Shape) -> str:
    """A shape as NumPy writes it, `(N, 1)`."""
    inside = ", ".join(map(str, shape))
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def broadcast(*shapes: Shape) -> Shape:
    """The common shape; an error unless it is the same one for all sizes."""
    common: list[Polynomial] = []
    for place in range(1, max(map(len, shapes), default=0) + 1):
        lengths = {s[-place] for s in shapes if len(s) >= place} - {ONE}
        if len(lengths) > 1:
            listed = " and ".join(map(shown, shapes))
            raise failed(f"the shapes {listed} do not broadcast for all sizes")
        common.append(lengths.pop() if lengths else ONE)
    return tuple(reversed(common))


class Build:
    """The nodes of one trace and how they are made."""

    def __init__(self) -> None:
        self._pool = Pool()
        self._labels = count()

    def _unique(self, node: Some) -> Some:
        return self._pool.unique(node)

    # ---- leaves ----------------------------------------------------------------------------

    def input(self, name: str, shape: Shape) -> Node:
        """A parameter."""
        return self._unique(Input(name, shape))

    def node(self, value: Value) -> Node:
        """A value as a node; a condition counts 1 where it holds and 0 elsewhere."""
        if isinstance(value, Compared | Joined):
            return self.choose(value, self.node(1), self.node(0))
        if isinstance(value, Node):
            return value
        if isinstance(value, Polynomial):
            fixed = value.number
            return self._unique(Extent(value)) if fixed is None else self.node(fixed)
        if is_number(value):
            return self._unique(Constant("e")) if value == math.e else self._number(exact(value))
        raise failed(
            f"a {type(value).__name__} is not traced here",
            advice="Pass arrays as parameters, so that they get a name and a shape.",
        )

    def _number(self, value: Exact) -> Node:
        factor: Node = self._unique(Number(value.factor))
        root: Node = self._unique(Number(value.root))
        half: Node = self._unique(Number(Fraction(1, 2)))
        if value.root != 1:
            factor = self.multiply(factor, self._unique(Elementwise("power", root, half)))
        if value.pi:
            power: Node = self._unique(Number(value.pi))
            pi: Node = self._unique(Constant("pi"))
            factor = self.multiply(factor, self.power(pi, power))
        return factor

    # ---- views -----------------------------------------------------------------------------

    def moved(self, base: Node, shape: Shape, puts: tuple[Put, ...]) -> Node:
        """A view of a base; views of views are one, and the identity is the base."""
        match base:
            case Compared(sign, left, right):
                sides = self.moved(left, shape, puts), self.moved(right, shape, puts)
                return self._unique(Compared(sign, *sides))
            case Joined(how, left, right):
                sides = self.moved(left, shape, puts), self.moved(right, shape, puts)
                return self._unique(Joined(how, *sides))
            case Moved(inner, _, first):
                return self.moved(inner, shape, tuple(_after(put, puts) for put in first))
        same = tuple(Put(axis) for axis in range(len(shape)))
        if puts == same and base.shape == shape:
            return base
        return self._unique(Moved(base, shape, puts))

    def spread(self, base: Node, shape: Shape) -> Node:
        """A base broadcast to a shape."""
        extra = len(shape) - len(base.shape)
        lengths = zip(base.shape, shape[extra:], strict=True)
        puts = tuple(
            Put(None, ONE) if mine == ONE and wanted != ONE else Put(extra + axis)
            for axis, (mine, wanted) in enumerate(lengths)
        )
        return self.moved(base, shape, puts)

    def permuted(self, base: Node, order: Sequence[int]) -> Node:
        """Axis k of the result is axis order[k] of the base."""
        shape = tuple(base.shape[k] for k in order)
        return self.moved(base, shape, tuple(Put(order.index(k)) for k in range(len(order))))

    def regrouped(self, base: Node, shape: Shape) -> Node:
        """A reshape that only adds or drops axes of length 1."""
        mine = [k for k, n in enumerate(base.shape) if n != ONE]
        theirs = [k for k, n in enumerate(shape) if n != ONE]
        if [base.shape[k] for k in mine] != [shape[k] for k in theirs]:
            raise failed(
                f"a reshape of {shown(base.shape)} to {shown(shape)} mixes axes",
                advice="Only axes of length 1 can be added or dropped.",
            )
        to = dict(zip(mine, theirs, strict=True))
        places = range(len(base.shape))
        return self.moved(
            base, shape, tuple(Put(to[k]) if k in to else Put(None, ONE) for k in places)
        )

    # ---- entry by entry --------------------------------------------------------------------

    def elementwise(self, operation: Operation, left: Value, right: Value) -> Node:
        """An operation with broadcasting; adding 0 and multiplying by 1 is dropped."""
        a, b = self.node(left), self.node(right)
        shape = broadcast(a.shape, b.shape)
        neutral = {"add": 0, "multiply": 1}.get(operation)
        if neutral is not None and _is(a, neutral) and b.shape == shape:
            return b
        if neutral is None:
            neutral = {"divide": 1, "power": 1}.get(operation)
        if neutral is not None and _is(b, neutral) and a.shape == shape:
            return a
        folded = _folded(operation, _uniform(a), _uniform(b))
        if folded is not None:
            return self.spread(self.node(folded), shape)
        return self._unique(Elementwise(operation, self.spread(a, shape), self.spread(b, shape)))

    def add(self, left: Value, right: Value) -> Node:
        return self.elementwise("add", left, right)

    def multiply(self, left: Value, right: Value) -> Node:
        return self.elementwise("multiply", left, right)

    def divide(self, left: Value, right: Value) -> Node:
        return self.elementwise("divide", left, right)

    def power(self, left: Value, right: Value) -> Node:
        return self.elementwise("power", left, right)

    def negative(self, value: Value) -> Node:
        return self.multiply(-1, value)

    def subtract(self, left: Value, right: Value) -> Node:
        return self.add(left, self.negative(right))

    def root(self, value: Value) -> Node:
        return self.power(value, Fraction(1, 2))

    def apply(self, name: str, value: Value) -> Node:
        """A known function of each entry."""
        return self._unique(Applied(name, self.node(value)))

    # ---- conditions ------------------------------------------------------------------------

    def compare(
        self, sign: Literal["==", "!=", "<", "<=", ">", ">="], left: Value, right: Value
    ) -> Node:
        """A condition on each entry."""
        a, b = self.node(left), self.node(right)
        shape = broadcast(a.shape, b.shape)
        return self._unique(Compared(sign, self.spread(a, shape), self.spread(b, shape)))

    def condition(self, value: Value) -> Compared | Joined:
        """A value as a condition: what is not one holds where it is not 0."""
        if not isinstance(value, Compared | Joined):
            value = self.compare("!=", value, 0)
        assert isinstance(value, Compared | Joined)
        return value

    def join(self, how: Literal["and", "or"], left: Value, right: Value) -> Node:
        """Both conditions, or at least one of them."""
        a, b = self.condition(left), self.condition(right)
        shape = broadcast(a.shape, b.shape)
        return self._unique(Joined(how, self.spread(a, shape), self.spread(b, shape)))

    def deny(self, value: Value) -> Node:
        """Where a condition does not hold."""
        match self.condition(value):
            case Compared(sign, left, right):
                return self._unique(Compared(_FLIPPED[sign], left, right))
            case Joined(how, left, right):
                return self.join("or" if how == "and" else "and", self.deny(left), self.deny(right))

    def choose(self, condition: Value, then: Value, otherwise: Value) -> Node:
        """`then` where the condition holds, else `otherwise`; conditions joined are nested."""
        test, a, b = self.condition(condition), self.node(then), self.node(otherwise)
        shape = broadcast(test.shape, a.shape, b.shape)
        match self.spread(test, shape):
            case Joined("and", left, right):
                return self.choose(left, self.choose(right, a, b), b)
            case Joined("or", left, right):
                return self.choose(left, a, self.choose(right, a, b))
            case single:
                sides = self.spread(a, shape), self.spread(b, shape)
                return self._unique(Chosen(single, *sides))

    # ---- over axes -------------------------------------------------------------------------

    def contract(
        self, operands: Sequence[Node], labels: Sequence[Sequence[int]], out: Sequence[int]
    ) -> Node:
        """The sum over all labels that are not kept of the product of the operands."""
        lengths: dict[int, Polynomial] = {}
        for operand, mine in zip(operands, labels, strict=True):
            for label, length in zip(mine, operand.shape, strict=True):
                if lengths.setdefault(label, length) != length:
                    raise failed(
                        f"an axis of length {lengths[label]} meets one of length {length}",
                        advice="Both must have the same length for all sizes.",
                    )
        rows = tuple(tuple(row) for row in labels)
        return self._unique(Contracted(tuple(operands), rows, tuple(out)))

    def total(self, base: Node, axes: Sequence[int]) -> Node:
        """The sum over some axes, which are dropped; over none, the base."""
        if not axes:
            return base
        every = tuple(range(len(base.shape)))
        return self.contract([base], [every], [k for k in every if k not in axes])

    def extreme(self, name: Literal["max", "min"], base: Node, axes: Sequence[int]) -> Node:
        """The largest or smallest entry along some axes, which are dropped."""
        return self._unique(Extreme(name, base, tuple(axes))) if axes else base

    def kept(self, reduced: Node, whole: Shape, axes: Sequence[int]) -> Node:
        """A reduced array with its axes put back with length 1."""
        shape = tuple(ONE if k in axes else n for k, n in enumerate(whole))
        left = [k for k in range(len(whole)) if k not in axes]
        return self.moved(reduced, shape, tuple(Put(k) for k in left))

    @staticmethod
    def length(shape: Shape, axes: Sequence[int]) -> Polynomial:
        """How many entries stand along some axes."""
        total = constant(1)
        for axis in axes:
            total = total * shape[axis]
        return total


def _after(first: Put, then: tuple[Put, ...]) -> Put:
    """An index into the base of a view, by the indices of a view of that view."""
    if first.axis is None:
        return first
    second = then[first.axis]
    if first.sign == 1:
        return Put(second.axis, second.shift + first.shift, second.sign)
    return Put(second.axis, first.shift - second.shift, 1 if second.sign == -1 else -1)


def _uniform(node: Node) -> Node:
    """The number that an array is filled with; any other node itself."""
    return node.base if isinstance(node, Moved) and isinstance(node.base, Number) else node


def _is(node: Node, value: int) -> bool:
    inner = _uniform(node)
    return isinstance(inner, Number) and inner.value == value


LARGEST_EXPONENT = 64


def _folded(operation: Operation, left: Node, right: Node) -> Fraction | None:
    """The value of an operation on two plain numbers, where it is one."""
    match operation, left, right:
        case "add", Number(a), Number(b):
            return a + b
        case "multiply", Number(a), Number(b):
            return a * b
        case "divide", Number(a), Number(b) if b:
            return a / b
        case "power", Number(a), Number(b) if b.denominator == 1 and abs(b) <= LARGEST_EXPONENT:
            return a**b.numerator if a or b > 0 else None
        case _:
            return None
