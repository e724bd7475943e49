"""Nodes as typed terms: one entry of an array in index notation, named nodes by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from derive.errors import LimitError, UnsupportedError
from derive.gradient.closed_form import LETTERS
from derive.meaning import terms as t
from derive.tracing import nodes as n
from derive.tracing.polynomials import Polynomial

MOST_PARTS = 20_000

INDICES = (*LETTERS, "o", "t", "v", "z", "a", "b", "c", "g", "h", "y")
"""Index letters in the order in which they are taken; names are left out."""

At = tuple[t.Affine, ...]
"""The index into each axis of a node; 1 for axes of length 1."""


@dataclass(frozen=True, slots=True)
class Label:
    """What stands for a node: a name, or the derivative of `objective` by it.

    `axes` are the axes of the node that the name has.
    """

    symbol: t.Symbol
    axes: tuple[int, ...]
    objective: t.Symbol | None = None

    def entry(self, at: tuple[t.Affine | None, ...]) -> t.Term:
        """The entry, or part, of it at an index into the node."""
        mine = tuple(at[axis] for axis in self.axes)
        if self.objective is not None:
            return t.Derivative(t.Variable(self.objective), self.symbol, mine, "total")
        whole = t.Variable(self.symbol)
        return t.Element(whole, mine) if mine else whole


def visible(shape: n.Shape) -> tuple[int, ...]:
    """The axes that are worth an index: all but those of length 1."""
    return tuple(axis for axis, length in enumerate(shape) if length != n.ONE)


def affine(length: Polynomial) -> t.Affine:
    """A length as a position; a product of sizes is none."""
    found = length.affine
    if found is None:
        raise UnsupportedError(f"an axis of length {length} has no index")
    return found


def letters_of(lengths: Iterable[Polynomial]) -> dict[Polynomial, str]:
    """A letter for each length, in order: the first is always indexed by i, the next by j."""
    return dict(zip(dict.fromkeys(lengths), INDICES, strict=False))


@dataclass
class Phrasing:
    """Turns nodes into terms.

    `labels` go by the serial of a node, `avoid` are letters in use, `letters` the letter that an
    axis of a length is indexed by where it is free.
    """

    labels: Mapping[int, Label]
    avoid: frozenset[str] = frozenset()
    letters: Mapping[Polynomial, str] = field(default_factory=dict)
    _parts: int = field(default=0)

    def general(self, node: n.Node, own: bool = True) -> tuple[At, t.Term]:
        """The general entry of a node and its indices; `own` from its operands, not its label."""
        used: set[str] = set()
        at = tuple(
            t.Affine.number(1) if k == n.ONE else t.Affine.name(self._letter(k, used))
            for k in node.shape
        )
        inside = Phrasing(self.labels, self.avoid | used, self.letters)
        return at, inside.made(node, at) if own else inside.entry(node, at)

    def _letter(self, length: Polynomial, used: set[str]) -> str:
        """A free letter for an axis, noted as used: its own, one of no axis, or any."""
        mine, others = self.letters.get(length, ""), set(self.letters.values())
        wishes = [mine, *(x for x in INDICES if x not in others), *INDICES]
        for letter in wishes:
            if letter and letter not in self.avoid and letter not in used:
                used.add(letter)
                return letter
        raise UnsupportedError("a formula needs more index letters than there are")

    def entry(self, node: n.Node, at: At) -> t.Term:
        """One entry of a node: its label, or what it is made of."""
        label = self.labels.get(node.serial)
        return self.made(node, at) if label is None else label.entry(at)

    def made(self, node: n.Node, at: At) -> t.Term:
        """One entry of a node from its operands."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise LimitError("the formula of the function is too long")
        match node:
            case n.Input(name):
                raise UnsupportedError(f"{name} has no name in the document")
            case n.Number(value):
                return t.Number(value)
            case n.Constant(name):
                return t.Constant(name)
            case n.Extent(value):
                return _extent(value)
            case n.Elementwise():
                return self._elementwise(node, at)
            case n.Applied(name, argument):
                return t.Function(name, (self.entry(argument, at),), ())
            case n.Chosen(condition, then, otherwise):
                return self._chosen(condition, then, otherwise, at)
            case n.Moved(base, _, puts):
                return self.entry(base, tuple(_place(put, at) for put in puts))
            case n.Contracted():
                return self._contracted(node, at)
            case n.Extreme():
                return self._extreme(node, at)
            case n.Compared() | n.Joined():
                raise UnsupportedError("a condition is no number")
            case _:
                assert_never(node)

    # ---- entry by entry --------------------------------------------------------------------

    def _elementwise(self, node: n.Elementwise, at: At) -> t.Term:
        left, right = self.entry(node.left, at), self.entry(node.right, at)
        match node.operation:
            case "add":
                terms = (*_terms(left), *_terms(right))
                # A sum reads better when it does not begin with a minus sign.
                return t.Add(tuple(sorted(terms, key=_negative)), ())
            case "multiply":
                return product((left, right))
            case "divide":
                return quotient(left, right)
            case "power":
                return t.Power(left, right)
            case "max" | "min":
                return t.Function(node.operation, (left, right), ())
            case _:
                assert_never(node.operation)

    def _chosen(self, condition: n.Node, then: n.Node, otherwise: n.Node, at: At) -> t.Term:
        assert isinstance(condition, n.Compared)
        sides = self.entry(condition.left, at), self.entry(condition.right, at)
        test = (t.Comparison(sides[0], condition.sign, sides[1]),)
        value, rest = self.entry(then, at), self.entry(otherwise, at)
        if value == t.Number(Fraction(1)) and rest == t.Number(Fraction(0)):
            return t.Indicator(test)
        return t.Cases(((value, test), (rest, None)), ())

    # ---- over axes -------------------------------------------------------------------------

    def _contracted(self, node: n.Contracted, at: At) -> t.Term:
        lengths, free = node.axes, dict(zip(node.out, at, strict=True))
        used = {name for i in at for name in i.names}
        bounds: list[t.Bound] = []
        for label, length in lengths.items():
            if label in free:
                continue
            if length == n.ONE:
                free[label] = t.Affine.number(1)
                continue
            letter = self._letter(length, used)
            free[label] = t.Affine.name(letter)
            bounds.append(t.Bound(letter, t.Affine.number(1), affine(length)))
        avoid = self.avoid | {bound.name for bound in bounds}
        inner = Phrasing(self.labels, avoid, self.letters, self._parts)
        factors = tuple(
            inner.entry(operand, tuple(free[label] for label in labels))
            for operand, labels in zip(node.operands, node.labels, strict=True)
        )
        self._parts = inner._parts
        body = product(factors)
        for bound in reversed(bounds):
            body = t.Sum((bound,), (), body)
        return body

    def _extreme(self, node: n.Extreme, at: At) -> t.Term:
        base = node.base
        puts = tuple(n.Put(k) for k in range(len(base.shape)))
        if isinstance(base, n.Moved) and base.serial not in self.labels:
            puts, base = base.puts, base.base
        label = self.labels.get(base.serial)
        if label is None or label.objective is not None:
            raise UnsupportedError("the largest entry is taken of an array without a name")
        rest = iter(at)
        inside = [None if k in node.axes else next(rest) for k in range(len(node.base.shape))]
        parts = tuple(_part(put, inside) for put in puts)
        return t.Function(node.name, (label.entry(parts),), ())


def _part(put: n.Put, inside: list[t.Affine | None]) -> t.Affine | None:
    if put.axis is None:
        return affine(put.shift)
    index = inside[put.axis]
    if index is None:
        if put != n.Put(put.axis):
            raise UnsupportedError("the largest entry is taken of a part of an array")
        return None
    return _place(put, tuple(i or t.Affine() for i in inside))


def _place(put: n.Put, at: At) -> t.Affine:
    shift = affine(put.shift)
    return shift if put.axis is None else at[put.axis] * put.sign + shift


def _extent(value: Polynomial) -> t.Term:
    single = value.affine
    if single is not None:
        return t.Position(single)
    terms = []
    for monomial, coefficient in value.terms:
        sizes: tuple[t.Term, ...] = tuple(t.Position(t.Affine.name(name)) for name in monomial)
        front = () if coefficient == 1 and sizes else (t.Number(Fraction(coefficient)),)
        terms.append(product((*front, *sizes)))
    return terms[0] if len(terms) == 1 else t.Add(tuple(terms), ())


# ---- plain arithmetic of terms ------------------------------------------------------------------


def _terms(term: t.Term) -> tuple[t.Term, ...]:
    return term.terms if isinstance(term, t.Add) else (term,)


def _negative(term: t.Term) -> bool:
    match term:
        case t.Number(value) | t.Multiply((t.Number(value), *_)):
            return value < 0
        case _:
            return False


def product(factors: tuple[t.Term, ...]) -> t.Term:
    """A flat product, its numbers gathered in front."""
    flat = [f for factor in factors for f in _factors(factor)]
    number = Fraction(1)
    rest: list[t.Term] = []
    for factor in flat:
        if isinstance(factor, t.Number):
            number *= factor.value
        else:
            rest.append(factor)
    if not rest:
        return t.Number(number)
    if number != 1:
        rest.insert(0, t.Number(number))
    return rest[0] if len(rest) == 1 else t.Multiply(tuple(rest), ())


def _factors(term: t.Term) -> tuple[t.Term, ...]:
    return term.factors if isinstance(term, t.Multiply) else (term,)


def quotient(above: t.Term, below: t.Term) -> t.Term:
    """A fraction; a sum over an index is written behind it, `1/N · Σ`."""
    one = t.Number(Fraction(1))
    if isinstance(above, t.Sum) or (
        isinstance(above, t.Multiply) and any(isinstance(f, t.Sum) for f in above.factors)
    ):
        return product((t.Divide(one, below, ()), above))
    if isinstance(above, t.Multiply) and isinstance(above.factors[0], t.Number):
        first, *rest = above.factors
        if isinstance(first, t.Number) and first.value < 0:
            positive = product((t.Number(-first.value), *rest))
            return product((t.Number(Fraction(-1)), t.Divide(positive, below, ())))
    return t.Divide(above, below, ())
