"""Where an expression needs brackets that its tree does not show.

A tree that was read holds its brackets as `Group` nodes and needs none of these. A tree that was
built (a repair, a gradient) may hold a sum as a factor; these functions then put it in a `Group`,
so that every writer prints the same, right brackets.
"""

from __future__ import annotations

from derive.reading.syntax import (
    Bars,
    BigOperator,
    Call,
    Cases,
    Chain,
    Derivative,
    Expr,
    Frac,
    Group,
    List,
    Mapping,
    Name,
    Number,
    Power,
    Prime,
    Product,
    Root,
    Star,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
)

_ASSOCIATIVE = {"", "\\cdot"}


def bracketed(node: Expr) -> Group:
    """The expression in round brackets."""
    return Group("(", ")", node)


def as_term(node: Expr) -> Expr:
    """The expression as one term of a sum."""
    return bracketed(node) if isinstance(node, Sum | Chain | List | Mapping) else node


def flat(product: Product) -> tuple[tuple[Expr, ...], tuple[str, ...]]:
    """The factors, in brackets where they need them, and the operators between them.

    A product inside a product is laid flat where that cannot change its value.
    """
    mixed = not _ASSOCIATIVE.issuperset(product.operators)
    factors: list[Expr] = []
    operators: list[str] = []
    for operator, node in zip(("", *product.operators), product.factors, strict=True):
        operators.append(operator)
        if isinstance(node, Product) and not mixed and _ASSOCIATIVE.issuperset(node.operators):
            inner, between = flat(node)
            factors.extend(inner)
            operators.extend(between)
        else:
            factors.append(node)
    followers = (*factors[1:], None)
    after = (*operators[1:], "")
    return tuple(map(_as_factor, factors, after, followers)), tuple(operators[1:])


def _as_factor(node: Expr, operator: str, follower: Expr | None) -> Expr:
    """A factor of a product; what is open to the right needs brackets unless it is the last."""
    match node:
        case Sum() | Product() | Chain() | List() | Mapping():
            return bracketed(node)
        case BigOperator() | Cases():
            return bracketed(node) if follower else node
        case Derivative() if follower and is_open(node):
            ends = isinstance(follower, Derivative) and is_open(follower)
            return node if ends else bracketed(node)
        case Call(parenthesised=False) if follower and not operator:
            ends = isinstance(core(follower), Group | Call)
            return node if ends else bracketed(node)
        case _:
            return node


def as_body(node: Expr) -> Expr:
    """What stands to the right of a big operator or a derivative sign: one sign is allowed."""
    match node:
        case Sum(terms=(_,)):
            return node
        case Sum() | Chain() | List() | Mapping():
            return bracketed(node)
        case _:
            return node


def as_base(node: Expr) -> Expr:
    """What carries an exponent, a transpose or a prime."""
    match node:
        case Name() | Number() | Subscript() | Group() | Bars() | Prime() | Star():
            return node
        case Frac() | Derivative(style="frac") | Call(parenthesised=True):
            return node
        case _:
            return bracketed(node)


def as_indexed(node: Expr, *, square: bool) -> Expr:
    """What carries a subscript; `x[i]` may carry another one in square brackets."""
    match node:
        case Name() | Number() | Group() | Prime() | Call(parenthesised=True):
            return node
        case Subscript() if square:
            return node
        case _:
            return bracketed(node)


def as_varied(node: Expr) -> Expr:
    r"""What a derivative is taken by, or of, right after its sign: `x_j`, `\sigma^2`."""
    simple = isinstance(node, Power) and isinstance(node.base, Name | Subscript)
    return node if simple else as_base(node)


def core(node: Expr) -> Expr:
    """What carries the scripts of an expression."""
    while isinstance(node, Subscript | Power | Transpose | Prime):
        node = node.base
    return node


def is_open(node: Derivative) -> bool:
    """Whether what is differentiated stands to the right of the sign and may go on."""
    return node.style in ("operator", "subscript", "nabla")


def is_tall(node: Expr | None) -> bool:
    """Whether the expression is clearly higher than a line, so that brackets must grow."""
    match node:
        case Frac() | BigOperator() | Cases() | Underbrace():
            return True
        case Derivative(style=style, of=of):
            return style in ("frac", "operator") or is_tall(of)
        case Sum(terms=parts) | Product(factors=parts) | List(items=parts):
            return any(map(is_tall, parts))
        case Chain(members=members):
            return any(map(is_tall, members))
        case Group(body=body) | Bars(body=body) | Root(body=body):
            return is_tall(body)
        case Power(base=base) | Subscript(base=base) | Transpose(base=base) | Prime(base=base):
            return is_tall(base)
        case Call(argument=argument):
            return is_tall(argument)
        case _:
            return False
