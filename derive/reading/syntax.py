"""The syntax tree: a closed set of frozen nodes that keep what the author wrote.

Nothing here simplifies, reorders or decides a meaning. Spans do not take part in equality.
Juxtaposition stays a flat list; whether `a (b)` is a product or an application, and whether a
subscript is an index or a label, is decided by the declarations (`derive.meaning`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from derive.reading.span import NOWHERE, Span


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes."""

    span: Span = field(default=NOWHERE, compare=False, kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as written, `2` or `0.5`."""

    text: str

    @property
    def value(self) -> Fraction:
        return Fraction(self.text)


@dataclass(frozen=True, slots=True)
class Name(Node):
    r"""A letter, a Greek letter (`\gamma`), or a word (`rstd`), with its accents and font.

    `letter` is `x`, `\gamma`, or the letters of a word; `font` is the command without its
    backslash (`mathbf`, `text`, `operatorname`) or empty; `accents` are `hat`, `bar`, …, the
    outermost first. A word always has a font.
    """

    letter: str
    font: str = ""
    accents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscript(Node):
    """`base_{a, b}`, also `base[a, b]`. Items are expressions, `Slice`, or a `Chain` (`1_{i=j}`).

    `x_{ij}` has the single item `Product(i, j)`. `bracketed` marks the spelling `x[i, j]`.
    """

    base: Expr
    items: tuple[Expr, ...]
    bracketed: bool = False


@dataclass(frozen=True, slots=True)
class Power(Node):
    """`base^{exponent}`; the exponent of a label such as `x^{(t)}` is a `Group`, of `x^*` a `Star`.

    `operator` is the operator inside the exponent of `x^{\\odot 2}`, else empty.
    """

    base: Expr
    exponent: Expr
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Star(Node):
    """The star of `x^*`."""


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """The colon of `X_{i,:}`."""


@dataclass(frozen=True, slots=True)
class Dots(Node):
    r"""`\dots`, `\ldots`, `\cdots`."""

    command: str


@dataclass(frozen=True, slots=True)
class Transpose(Node):
    r"""`base^\top`; `mark` is the exponent as written: `\top`, `T`, `\intercal`, `-\top`."""

    base: Expr
    mark: str


@dataclass(frozen=True, slots=True)
class Prime(Node):
    """`base'`: part of a name, or the derivative of a function; the meaning decides."""

    base: Expr
    count: int


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """Terms with their signs, `-a + b - c`. The first sign may be empty; others are `+` or `-`."""

    signs: tuple[str, ...]
    terms: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Product(Node):
    r"""A flat list of factors; `operators[k]` stands before `factors[k + 1]`.

    An operator is empty (juxtaposition), `\cdot`, `\times`, `\odot`, `\circ`, `*`, `\otimes`, or
    `/` (which divides what stands to its left by the next factor).
    """

    factors: tuple[Expr, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frac(Node):
    r"""`\frac{a}{b}`; `command` is `frac`, `dfrac`, `tfrac`, `cfrac`."""

    numerator: Expr
    denominator: Expr
    command: str = "frac"


@dataclass(frozen=True, slots=True)
class Derivative(Node):
    r"""`\frac{\partial of}{\partial by}` and its other spellings.

    `style`: `frac` (`\frac{\partial y}{\partial x}`), `slash` (`\partial y / \partial x`),
    `operator` (`\frac{\partial}{\partial x} body`), `subscript` (`\partial_x body`),
    `nabla` (`\nabla_x body`). `sign` is `\partial`, `d` or `\mathrm{d}`; `by` has one entry for
    each variable in the denominator, with its order (`\partial x^2` is `(x, 2)`); `order` is the
    exponent of the sign in the numerator. `command` is the fraction's command.
    """

    of: Expr
    by: tuple[tuple[Expr, int], ...]
    style: str = "frac"
    sign: str = "\\partial"
    order: int = 1
    command: str = "frac"


@dataclass(frozen=True, slots=True)
class BigOperator(Node):
    r"""`\sum_{lower}^{upper} body` or `\prod`. The body is the whole product to its right.

    `lower` lists what stands below the sign, split at commas: names (`i`), a `Chain` (`i = 1`,
    `k \neq j`, `i < j`, `k \in S`); `upper` is None when absent. `command` is `sum` or `prod`
    (also `max`, `min` with a subscript).
    """

    command: str
    lower: tuple[Expr, ...]
    upper: Expr | None
    body: Expr


@dataclass(frozen=True, slots=True)
class Group(Node):
    r"""A bracketed expression, brackets as written: `(`, `[`, `\{`, or `{` (invisible in TeX)."""

    opening: str
    closing: str
    body: Expr


@dataclass(frozen=True, slots=True)
class Bars(Node):
    r"""`|x|` (`double` false) or `\|x\|`; `sub` is the label of a norm, `F` or `2`."""

    body: Expr
    double: bool = False
    sub: Expr | None = None


@dataclass(frozen=True, slots=True)
class Call(Node):
    r"""A known function with its argument: `\exp(x)`, `\log x`, `\tanh^2 x`, `\max(0, x)`.

    `function` is the name without backslash; `font` as in `Name` (empty for `\exp`);
    `power` the exponent on the name; `sub` its subscript (`\log_2`). `parenthesised` tells the
    two spellings apart; several arguments are a `List`.
    """

    function: str
    argument: Expr
    font: str = ""
    power: Expr | None = None
    sub: Expr | None = None
    parenthesised: bool = True


@dataclass(frozen=True, slots=True)
class Root(Node):
    r"""`\sqrt[degree]{body}`."""

    body: Expr
    degree: Expr | None = None


@dataclass(frozen=True, slots=True)
class Row(Node):
    r"""A row of `cases`: its value (possibly a `Chain`), and its condition (None: `otherwise`).

    The condition is a `Chain` or a `List` of chains; `words` keeps the text before it (`if`).
    """

    value: Expr
    condition: Expr | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Cases(Node):
    """Rows under one brace."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Underbrace(Node):
    r"""`\underbrace{body}_{note}` (`under` true) or `\overbrace`; the note may be a `Chain`."""

    body: Expr
    note: Expr | None
    under: bool = True


@dataclass(frozen=True, slots=True)
class List(Node):
    """Expressions separated by commas: `x, y`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Mapping(Node):
    r"""The right side of `f : A \to B`."""

    domain: Expr
    codomain: Expr


@dataclass(frozen=True, slots=True)
class Words(Node):
    r"""Words inside a formula, `\text{otherwise}`."""

    text: str


@dataclass(frozen=True, slots=True)
class Relation(Node):
    r"""A relation sign: `=`, `:=`, `\neq`, `<`, `\le`, `\in`, `\approx`, `:` (before a mapping)."""

    sign: str


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`a = b = c`: one more member than relations.

    The first member is None when the chain continues an earlier one (`&= b`), the last is None
    when a next display continues it (`a =`).
    """

    members: tuple[Expr | None, ...]
    relations: tuple[Relation, ...]


Expr = (
    Number
    | Name
    | Subscript
    | Power
    | Star
    | Slice
    | Dots
    | Transpose
    | Prime
    | Sum
    | Product
    | Frac
    | Derivative
    | BigOperator
    | Group
    | Bars
    | Call
    | Root
    | Cases
    | Underbrace
    | List
    | Mapping
    | Words
    | Chain
)
