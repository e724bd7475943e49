"""Shapes: words for them, broadcasting, and the sets of a declaration."""

from __future__ import annotations

from typing import Literal

from derive.meaning.names import key_of, labelled_key
from derive.meaning.terms import Affine, Shape
from derive.reading import syntax as s

ONE = Affine.number(1)


def describe(shape: Shape) -> str:
    """A shape in words: `a scalar`, `shape (N)`, `shape (N, D)`."""
    if not shape:
        return "a scalar"
    return f"shape ({', '.join(map(str, shape))})"


def broadcast(left: Shape, right: Shape) -> Shape | None:
    """The common shape against trailing axes (NumPy's rule), or None when there is none."""
    if left == right or not right:
        return left
    if not left:
        return right
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    offset = len(longer) - len(shorter)
    sizes = list(longer)
    for position, size in enumerate(shorter, offset):
        if sizes[position] == ONE:
            sizes[position] = size
        elif size not in (sizes[position], ONE):
            return None
    return tuple(sizes)


def is_square(shape: Shape) -> bool:
    """Whether a shape is that of a square matrix."""
    return len(shape) == 2 and shape[0] == shape[1]


def size_of(expr: s.Expr) -> Affine | None:
    """A size as written in a declaration: `N`, `2 N + 1`, `d_k`; None when it is none."""
    match expr:
        case s.Number(text=text):
            return Affine.number(int(text)) if text.isdigit() else None
        case s.Name():
            key = key_of(expr)
            return None if key is None else Affine.name(key)
        case s.Subscript(base=base, items=items):
            key = labelled_key(base, items)
            return None if key is None else Affine.name(key)
        case s.Group(body=body):
            return size_of(body)
        case s.Sum(signs=signs, terms=terms):
            total = Affine()
            for sign, term in zip(signs, terms, strict=True):
                size = size_of(term)
                if size is None:
                    return None
                total = total - size if sign == "-" else total + size
            return total
        case s.Product(factors=factors):
            return _product_of_sizes([size_of(factor) for factor in factors])
        case _:
            return None


def _product_of_sizes(sizes: list[Affine | None]) -> Affine | None:
    total = Affine.number(1)
    for size in sizes:
        if size is None:
            return None
        if not total.terms:
            total = size * total.constant
        elif not size.terms:
            total = total * size.constant
        else:
            return None
    return total


def _axes(expr: s.Expr) -> Shape | None:
    if isinstance(expr, s.Group):
        return _axes(expr.body)
    if isinstance(expr, s.Product) and set(expr.operators) <= {"\\times"}:
        sizes = [size_of(factor) for factor in expr.factors]
    elif isinstance(expr, s.List):
        sizes = [size_of(item) for item in expr.items]
    else:
        sizes = [size_of(expr)]
    return None if None in sizes else tuple(size for size in sizes if size is not None)


_NUMBERS = frozenset({"R", "Q", "Z", "N"})


def _is_number_set(expr: s.Expr) -> bool:
    """`\\mathbb{R}`, also with a label such as `_{>0}` or `_+`."""
    if isinstance(expr, s.Subscript):
        return _is_number_set(expr.base)
    if not isinstance(expr, s.Name) or expr.accents:
        return False
    if expr.letter in ("\\R", "\\Reals", "\\reals"):
        return True
    return expr.font in ("mathbb", "Bbb", "mathbf", "mathds") and expr.letter in _NUMBERS


def shape_of_set(expr: s.Expr) -> Shape | None:
    r"""The shape that `\mathbb{R}^{N \times D}` declares; None when it is no such set."""
    if _is_number_set(expr):
        return ()
    match expr:
        case s.Power(base=base, exponent=s.Star() | s.Name(letter="+" | "++")):
            return shape_of_set(base)
        case s.Power(base=base, exponent=exponent) if _is_number_set(base):
            return _axes(exponent)
        case s.Subscript(base=s.Power() as base):
            return shape_of_set(base)
        case s.Power(base=s.Group(opening="(" | "[", body=s.List(items=(_, _))), exponent=exponent):
            return _axes(exponent)
        case s.Group(opening="(" | "[", body=s.List(items=(_, _))):
            return ()
        case s.Group(opening="{", body=body):
            return shape_of_set(body)
        case s.List(items=(s.Number(), s.Number())):
            return ()
        case _:
            return None


Limit = tuple[Literal["!=", "<", "<=", ">", ">="], s.Expr]
_SIGNS: dict[str, Literal["!=", "<", "<=", ">", ">="]] = {
    "\\neq": "!=", "<": "<", "\\le": "<=", ">": ">", "\\ge": ">="
}  # fmt: skip
_ZERO = s.Number("0")
_SIGNED: dict[str, Limit] = {"+": (">=", _ZERO), "++": (">", _ZERO)}


def limits_of_set(expr: s.Expr) -> tuple[Limit, ...]:
    r"""What a set says of its numbers: `\mathbb{R}_{>0}`, `\mathbb{R}^+`, `[0, 1)`."""
    match expr:
        case s.Power(base=base, exponent=s.Name(letter="+" | "++" as sign)):
            return (*limits_of_set(base), _SIGNED[sign])
        case s.Power(base=base):
            return limits_of_set(base)
        case s.Subscript(base=base, items=items):
            return limits_of_set(base) + tuple(x for item in items for x in _limits(item))
        case s.Group(opening="(" | "[", body=s.List(items=(low, high))):
            below: Limit = (">" if expr.opening == "(" else ">=", low)
            above: Limit = ("<" if expr.closing == ")" else "<=", high)
            return tuple(limit for limit in (below, above) if not _is_infinite(limit[1]))
        case _:
            return ()


def _limits(item: s.Expr) -> tuple[Limit, ...]:
    match item:
        case s.Name(letter="+" | "++" as sign):
            return (_SIGNED[sign],)
        case s.Chain(members=(None, number), relations=(relation,)) if number is not None:
            sign_of = _SIGNS.get(relation.sign)
            return () if sign_of is None else ((sign_of, number),)
        case _:
            return ()


def _is_infinite(expr: s.Expr) -> bool:
    inner = expr.terms[0] if isinstance(expr, s.Sum) and len(expr.terms) == 1 else expr
    return isinstance(inner, s.Name) and inner.letter == "\\infty"
