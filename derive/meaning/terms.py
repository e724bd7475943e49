"""Typed terms: what an expression means once names, shapes and indices are known.

A term keeps array operations as operations on arrays (`MatrixProduct`, broadcasting `Add`): each
judge interprets them for itself, so a mistake of one is seen by the other. Nothing here
simplifies. Bound indices keep the author's letters; inner ones shadow outer ones.

Shapes are tuples of `Affine` sizes. A term may also have free indices; these are the index names
in its `Affine` positions that no `Sum` around them binds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class Affine:
    """An integer-affine expression over index and size names: `i`, `N`, `i + 1`, `2 N - 1`.

    `terms` is sorted by name and holds no zero coefficient. Indices count from 1.
    """

    terms: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    @staticmethod
    def name(name: str) -> Affine:
        return Affine(((name, 1),))

    @staticmethod
    def number(value: int) -> Affine:
        return Affine((), value)

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.terms, self.constant + other)
        total = dict(self.terms)
        for name, coefficient in other.terms:
            total[name] = total.get(name, 0) + coefficient
        kept = tuple(sorted((n, c) for n, c in total.items() if c))
        return Affine(kept, self.constant + other.constant)

    def __mul__(self, factor: int) -> Affine:
        if factor == 0:
            return Affine()
        return Affine(tuple((n, c * factor) for n, c in self.terms), self.constant * factor)

    def __sub__(self, other: Affine | int) -> Affine:
        return self + (-other if isinstance(other, int) else other * -1)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.terms)

    @property
    def single(self) -> str | None:
        """The name when this is exactly one name, else None."""
        if self.constant == 0 and len(self.terms) == 1 and self.terms[0][1] == 1:
            return self.terms[0][0]
        return None

    def value(self, at: Mapping[str, int]) -> int:
        """The integer it is when each name has the value given."""
        return self.constant + sum(c * at[n] for n, c in self.terms)

    def __str__(self) -> str:
        parts = [f"{'' if c == 1 else '-' if c == -1 else c}{n}" for n, c in self.terms]
        if self.constant or not parts:
            parts.append(str(self.constant))
        return "+".join(parts).replace("+-", "-")


Shape = tuple[Affine, ...]

Role = Literal["input", "defined", "objective", "opaque", "size", "index"]


@dataclass(frozen=True, slots=True)
class Symbol:
    r"""A name in force. `key` is canonical and unique in a context (`x`, `\hat{x}`, `\mu_{B}`).

    `latex` is how the author writes it. An `input` is free to vary, a `defined` name has a
    `Definition`, an `objective` is a scalar that depends on the outputs of the graph in an
    unknown way, an `opaque` name is a function without a definition.
    """

    key: str
    shape: Shape
    role: Role
    latex: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound index with its inclusive range, counted from 1."""

    name: str
    low: Affine
    high: Affine


# ---- terms: every class has a `shape` -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """A rational constant."""

    value: Fraction

    @property
    def shape(self) -> Shape:
        return ()


@dataclass(frozen=True, slots=True)
class Constant:
    """`pi` or `e`."""

    name: Literal["pi", "e"]

    @property
    def shape(self) -> Shape:
        return ()


@dataclass(frozen=True, slots=True)
class Position:
    """A size or an index used as a number: the N of `1/N`."""

    at: Affine

    @property
    def shape(self) -> Shape:
        return ()


@dataclass(frozen=True, slots=True)
class Variable:
    """A whole named array or scalar; its value is an input's, or that of its definition."""

    symbol: Symbol

    @property
    def shape(self) -> Shape:
        return self.symbol.shape


@dataclass(frozen=True, slots=True)
class Element:
    """`base[at]`: one entry of `at` per leading axis, None for a slice; the rest is kept."""

    base: Term
    at: tuple[Affine | None, ...]

    @property
    def shape(self) -> Shape:
        whole = self.base.shape
        kept = tuple(size for size, at in zip(whole, self.at, strict=False) if at is None)
        return kept + whole[len(self.at) :]


@dataclass(frozen=True, slots=True)
class Add:
    """Sum of terms with NumPy broadcasting against trailing axes."""

    terms: tuple[Term, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Multiply:
    """Element-wise product with NumPy broadcasting."""

    factors: tuple[Term, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Divide:
    """Element-wise quotient with NumPy broadcasting."""

    numerator: Term
    denominator: Term
    shape: Shape


@dataclass(frozen=True, slots=True)
class Power:
    """Element-wise power; the exponent is a scalar. `x^{1/2}` is the non-negative root."""

    base: Term
    exponent: Term

    @property
    def shape(self) -> Shape:
        return self.base.shape


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """`left @ right` for ranks 1 and 2: the last axis of `left` meets the first of `right`.

    Two vectors give the inner product.
    """

    left: Term
    right: Term

    @property
    def shape(self) -> Shape:
        return self.left.shape[:-1] + self.right.shape[1:]


@dataclass(frozen=True, slots=True)
class Outer:
    """`a b^T` of two vectors."""

    left: Term
    right: Term

    @property
    def shape(self) -> Shape:
        return self.left.shape + self.right.shape


@dataclass(frozen=True, slots=True)
class Transposed:
    """The transpose of a matrix; of a vector or a scalar, itself."""

    base: Term

    @property
    def shape(self) -> Shape:
        return tuple(reversed(self.base.shape))


@dataclass(frozen=True, slots=True)
class Inverse:
    """The inverse of a square matrix."""

    base: Term

    @property
    def shape(self) -> Shape:
        return self.base.shape


@dataclass(frozen=True, slots=True)
class MatrixFunction:
    """`trace`, `det`, `diag` (vector ↔ matrix), `norm` (root of the sum of squares)."""

    name: Literal["trace", "det", "diag", "norm"]
    argument: Term
    shape: Shape


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity matrix."""

    size: Affine

    @property
    def shape(self) -> Shape:
        return (self.size, self.size)


@dataclass(frozen=True, slots=True)
class Filled:
    """An array of one number, such as ones."""

    value: Fraction
    shape: Shape


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum (or product, when `product`) of `body` over the bounds where `condition` holds."""

    bounds: tuple[Bound, ...]
    condition: Condition
    body: Term
    product: bool = False

    @property
    def shape(self) -> Shape:
        return self.body.shape


@dataclass(frozen=True, slots=True)
class Indicator:
    """1 where the condition holds, else 0. Kronecker's delta is the indicator of `i = j`."""

    condition: Condition

    @property
    def shape(self) -> Shape:
        return ()


@dataclass(frozen=True, slots=True)
class Cases:
    """The first row whose condition holds; a condition of None always holds."""

    rows: tuple[tuple[Term, Condition | None], ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Function:
    """A known function, element by element, or an opaque one of scalars.

    Known: exp log sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh erf
    sigmoid softplus relu abs sign max min gamma digamma. `softmax`, `logsumexp`: the last axis.
    `orders` counts derivatives by each argument (`f'` is `(1,)`); empty means none.
    """

    name: str
    arguments: tuple[Term, ...]
    shape: Shape
    orders: tuple[int, ...] = ()
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Derivative:
    """`∂of/∂target[at]`; shape is `of`'s followed by the kept axes of the target.

    The target is an input, a defined name, or a name of the objective's graph. `reading`:
    *total* follows every path of definitions from the target to `of` (a defined target varies
    freely); *direct* follows only explicit occurrences in `of` itself, or, when `of` is a defined
    name or an entry of one, in that name's definition; other names are held.
    A derivative of an objective is total whatever `reading` says. By one of the graph's outputs it
    is the given upstream gradient.
    """

    of: Term
    target: Symbol
    at: tuple[Affine | None, ...]
    reading: Literal["total", "direct"]

    @property
    def shape(self) -> Shape:
        return self.of.shape + Element(Variable(self.target), self.at).shape


@dataclass(frozen=True, slots=True)
class Comparison:
    """A relation between scalars: `==`, `!=`, `<`, `<=`, `>`, `>=`; on positions or on values."""

    left: Term
    sign: Literal["==", "!=", "<", "<=", ">", ">="]
    right: Term


Condition = tuple[Comparison, ...]
"""A conjunction; the empty one always holds."""


Term = (
    Number
    | Constant
    | Position
    | Variable
    | Element
    | Add
    | Multiply
    | Divide
    | Power
    | MatrixProduct
    | Outer
    | Transposed
    | Inverse
    | MatrixFunction
    | Identity
    | Filled
    | Sum
    | Indicator
    | Cases
    | Function
    | Derivative
)


# ---- what is in force where a claim stands ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Definition:
    """`symbol[parameters] := body`; parameters are index names, body has the remaining shape.

    `squares` is set for `σ² = …`: then the body is the square of the symbol, which is its
    non-negative root.
    """

    symbol: Symbol
    parameters: tuple[str, ...]
    body: Term
    line: int = 0
    squares: bool = False


@dataclass(frozen=True, slots=True)
class Assumption:
    """A comparison that is given, entry by entry for arrays, or an equation between terms.

    It holds for those values of the `free` indices that meet `condition`; of `fixed` indices for
    the one value that they have.
    """

    left: Term
    sign: Literal["==", "!=", "<", "<=", ">", ">="]
    right: Term
    latex: str = ""
    condition: Condition = ()
    free: tuple[Bound, ...] = ()
    fixed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """The names in force at a claim. Definitions are acyclic and stand in order of dependence.

    `outputs` are the names that the objectives depend on. Every size is an integer of at least 1.
    """

    symbols: Mapping[str, Symbol]
    definitions: Mapping[str, Definition]
    assumptions: tuple[Assumption, ...] = ()
    outputs: Mapping[str, tuple[Symbol, ...]] = field(default_factory=dict)
    sizes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One candidate meaning of an equation.

    `free` lists the free indices with their ranges: the claim is for all of them that meet the
    claim's `condition`. `note` names the reading for people, empty for the first one.
    `partials` is the reading of ∂ in it, None when it has no ambiguous derivative.
    """

    left: Term
    right: Term
    free: tuple[Bound, ...]
    condition: Condition
    note: str = ""
    partials: Literal["total", "direct"] | None = None
    sign: Literal["==", "!=", "<", "<=", ">", ">="] = "=="
