"""Names and their subscripts: index or label, entry or row, capital or small letter."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from derive.meaning import terms as t
from derive.meaning.advice import of_sign
from derive.meaning.names import capital_of, children, key_of, labelled_key, name_latex
from derive.meaning.setting import Setting, Typed
from derive.meaning.shapes import describe
from derive.reading import syntax as s

_ONES = frozenset({"1", "\\mathbb{1}"})
_IDENTITIES = frozenset({"I", "\\mathbb{I}"})
Positions = tuple[t.Affine | None, ...]
Sign = Literal["==", "!=", "<", "<=", ">", ">="]


def index_letter(expr: s.Node) -> str | None:
    """The letter when an expression is spelled like an index: `i`, `i'`, `i_1`."""
    match expr:
        case s.Name(letter=letter, font="", accents=()) if len(letter) == 1:
            return letter
        case s.Prime(base=s.Name(letter=letter, font="", accents=()), count=count):
            return letter + "'" * count if len(letter) == 1 else None
        case s.Subscript(base=s.Name() as base, items=(s.Number(text=text),)):
            inner = index_letter(base)
            return None if inner is None else f"{inner}_{{{text}}}"
        case _:
            return None


def free_letters(expr: s.Node, bound: frozenset[str] = frozenset(), both: bool = False) -> set[str]:
    r"""Letters that stand as indices in an expression and that nothing in it binds.

    With `both`, `\sum_{i \neq j}` binds i and j.
    """
    found: set[str] = set()
    match expr:
        case s.Subscript(items=items):
            for item in items:
                found |= {letter for letter in _letters(item) if letter not in bound}
            found |= free_letters(expr.base, bound, both)
        case s.BigOperator(lower=lower):
            inner = bound | set(bound_letters(lower, both))
            found |= free_letters(expr.body, inner, both)
            for item in () if both else lower:
                if isinstance(item, s.Chain) and item.relations[0].sign in ("\\neq", "\\ne"):
                    found |= {
                        letter
                        for member in item.members[1:]
                        if member is not None
                        for letter in _letters(member)
                        if letter not in inner
                    }
        case _:
            for child in children(expr):
                found |= free_letters(child, bound, both)
    return found


def bound_letters(lower: tuple[s.Expr, ...], both: bool = False) -> list[str]:
    """The letters that the lower line of a sum binds whatever stands around it."""
    letters: list[str] = []
    for item in lower:
        members = item.members if isinstance(item, s.Chain) else (item,)
        one = ("=", "\\in") if both else ("=", "\\neq", "\\ne", "\\in")
        if isinstance(item, s.Chain) and item.relations[0].sign in one:
            members = members[:1]
        letters += [x for m in members if m is not None for x in [index_letter(m)] if x]
    return letters


def _letters(item: s.Node) -> Iterator[str]:
    letter = index_letter(item)
    if letter is not None:
        yield letter
        return
    for child in children(item):
        yield from _letters(child)


def is_index(setting: Setting, letter: str, *, subscript: bool) -> bool:
    """Whether a letter is an index here; in a subscript any free small letter is."""
    names = setting.names
    if setting.indices.is_bound(setting.rename.get(letter, letter)) or letter in names.ranges:
        return True
    if letter in names.symbols or letter in setting.local:
        return False
    if subscript:
        return letter.islower() or letter in setting.indices.free
    return letter in setting.outer and letter.islower()


def affine(setting: Setting, expr: s.Expr) -> t.Affine | None:
    """An index position or a size, `i + 1`, `N`, `2`; None when it is something else."""
    match expr:
        case s.Number(text=text):
            return t.Affine.number(int(text)) if text.isdigit() and len(text) < 10 else None
        case s.Group(body=body):
            return affine(setting, body)
        case s.Sum(signs=signs, terms=parts):
            total = t.Affine()
            for sign, part in zip(signs, parts, strict=True):
                value = affine(setting, part)
                if value is None:
                    return None
                total = total - value if sign == "-" else total + value
            return total
        case s.Product(factors=(s.Number(text=text), other)) if text.isdigit():
            value = affine(setting, other)
            return None if value is None else value * int(text)
        case _:
            return _single(setting, expr)


def _single(setting: Setting, expr: s.Expr) -> t.Affine | None:
    letter = index_letter(expr)
    if letter is not None and is_index(setting, letter, subscript=True):
        return t.Affine.name(setting.rename.get(letter, letter))
    key = key_of(expr)
    if key is None and isinstance(expr, s.Subscript):
        key = labelled_key(expr.base, expr.items)
    return t.Affine.name(key) if key is not None and key in setting.names.sizes else None


def split_items(items: tuple[s.Expr, ...], rank: int) -> tuple[s.Expr, ...]:
    """`x_{ij}` as two indices, `x_{12}` too where the rank asks for it; `x_{2i}` stays one."""
    if len(items) != 1:
        return items
    match items[0]:
        case s.Product(factors=factors, operators=operators) if not any(operators):
            plain = not any(isinstance(factor, s.Number) for factor in factors)
            return factors if plain or len(factors) <= rank else items
        case s.Number(text=text) if rank > 1 and len(text) == rank:
            return tuple(s.Number(digit, span=items[0].span) for digit in text)
        case s.List(items=inner):
            return inner
        case _:
            return items


def positions(setting: Setting, items: tuple[s.Expr, ...], rank: int) -> Positions | None:
    """What a subscript selects, one entry per axis; None when it is no list of indices."""
    found: list[t.Affine | None] = []
    parts = split_items(items, rank)
    if setting.dropped and len(parts) > rank:
        parts = tuple(p for p in parts if index_letter(p) not in setting.dropped)
    for part in parts:
        if isinstance(part, s.Slice):
            found.append(None)
            continue
        at = affine(setting, part)
        if at is None:
            return None
        found.append(at)
    return tuple(found)


def select(setting: Setting, base: Typed, at: Positions, node: s.Node) -> Typed:
    """`base[at]`, with its ranges noted; nested entries are joined."""
    if not at:
        return base
    if len(at) > len(base.shape):
        what = setting.text(node)
        raise setting.ill_typed(
            f"{what} has {len(at)} {'index' if len(at) == 1 else 'indices'}, "
            f"but what it indexes is {describe(base.shape)}",
            node,
        )
    for position, size in zip(at, base.shape, strict=False):
        if position is not None:
            setting.use(position, size, node)
    if isinstance(base.term, t.Element) and None not in base.term.at:
        return Typed(t.Element(base.term.base, base.term.at + at))
    return Typed(t.Element(base.term, at), base.row and None in at)


def subscript(setting: Setting, node: s.Subscript) -> Typed:
    """A name or a bracketed expression with its subscript."""
    key = key_of(node.base)
    if key is None:
        return _on_expression(setting, node)
    special = _special(setting, key, node)
    if special is not None:
        return special
    label = labelled_key(node.base, node.items)
    if label is not None and known(setting, label):
        return variable(setting, label, node)
    base = _base(setting, key, node)
    if base is None:
        raise undeclared(setting, key, node)
    at = positions(setting, node.items, len(base.shape))
    if at is None and any(isinstance(item, s.Chain) for item in node.items):
        advice = "Write a colon alone for a whole axis, or a sum over the entries meant."
        what = setting.text(node)
        raise setting.error(f"{what} is not read: a slice has no bounds", node, advice)
    if at is None:
        raise undeclared(setting, label or key, node)
    return select(setting, base, at, node)


def _on_expression(setting: Setting, node: s.Subscript) -> Typed:
    base = setting.term(node.base)
    at = positions(setting, node.items, len(base.shape))
    if at is None:
        raise setting.error("this subscript is no index", node)
    return select(setting, base, at, node)


def _base(setting: Setting, key: str, node: s.Subscript) -> Typed | None:
    """What a subscripted name stands for: itself, or its capital."""
    if known(setting, key):
        return variable(setting, key, node.base)
    big = capital_of(setting.key(key))
    if big is not None and (big in setting.aliases or setting.names.capital(setting.key(key))):
        return variable(setting, big, node.base)
    derived = d_variable(setting, key)
    return derived


def known(setting: Setting, key: str) -> bool:
    """Whether a key is a declared or defined name here."""
    return key in setting.local or setting.key(key) in setting.names.symbols


def variable(setting: Setting, key: str, node: s.Node) -> Typed:
    """The value of a declared or defined name."""
    if key in setting.local:
        return setting.local[key]
    symbol = setting.names.symbols[setting.key(key)]
    if symbol.role == "opaque":
        raise setting.error(f"{key} is a function and stands here without an argument", node)
    hidden = setting.names.hidden.get(symbol.key, ())
    base = Typed(t.Variable(symbol))
    return select(setting, base, tuple(t.Affine.name(h) for h in hidden), node) if hidden else base


def name(setting: Setting, node: s.Expr) -> Typed:
    """A bare name: a variable, an index or size as a number, a constant, ones, the identity."""
    key = key_of(node)
    if key is None:
        raise setting.error("this is no name", node)
    letter = index_letter(node)
    if letter is not None and setting.indices.is_bound(setting.rename.get(letter, letter)):
        return _number_of(setting, setting.rename.get(letter, letter))
    if known(setting, key):
        return variable(setting, key, node)
    if key in setting.names.sizes:
        return Typed(t.Position(t.Affine.name(key)))
    if letter is not None and is_index(setting, letter, subscript=False):
        return _number_of(setting, letter)
    if key in ("\\pi", "e"):
        return Typed(t.Constant("pi" if key == "\\pi" else "e"))
    derived = d_variable(setting, key)
    if derived is not None:
        return derived
    constant = _ones(setting, key)
    if constant is not None:
        return constant
    raise undeclared(setting, key, node)


def _basis_vector(setting: Setting, node: s.Subscript) -> Typed | None:
    r"""`e_i` where the text says that it is a basis vector: a row of the identity."""
    at = positions(setting, node.items, 1)
    whole = _ones(setting, "I")
    if at is None or at[0] is None or whole is None:
        return None
    return select(setting, whole, at, node)


def _ones(setting: Setting, key: str, size: t.Affine | None = None) -> Typed | None:
    """Ones or the identity; a size that is not written is one of the reading's choices."""
    if key not in _ONES | _IDENTITIES:
        return None
    unsized = size is None
    if size is None:
        if not setting.choices.size:
            return None
        setting.met.add("size")
        size = t.Affine.name(setting.choices.size)
    if key in _ONES:
        return Typed(t.Filled(Fraction(1), (size,)))
    return Typed(t.Identity(size), unsized=unsized)


def _number_of(setting: Setting, letter: str) -> Typed:
    return Typed(t.Position(setting.indices.value(letter)))


def d_variable(setting: Setting, key: str) -> Typed | None:
    r"""`\mathbf{dy}`: the gradient of the objective with respect to `y`."""
    if len(key) < 2 or not key.startswith("d"):
        return None
    target = setting.names.symbols.get(key[1:])
    objectives = setting.names.objectives
    if target is None or len(objectives) != 1:
        return None
    return Typed(t.Derivative(t.Variable(objectives[0]), target, (), "total"))


def _special(setting: Setting, key: str, node: s.Subscript) -> Typed | None:
    r"""Kronecker's delta, indicators, entries of ones and of the identity."""
    if known(setting, key):
        return None
    ones = key in _ONES
    size = key_of(node.items[0]) if len(node.items) == 1 else None
    if size in setting.names.sizes and size and not setting.indices.is_bound(size):
        return _ones(setting, key, t.Affine.name(size))
    test = node.items[0].body if isinstance(node.items[0], s.Group) else node.items[0]
    if ones and len(node.items) == 1 and isinstance(test, s.Chain):
        return Typed(t.Indicator(condition(setting, test)))
    if ones and positions(setting, node.items, 1) is not None:
        return Typed(t.Number(Fraction(1)))
    if key == "e" and setting.names.basis and len(node.items) == 1:
        return _basis_vector(setting, node)
    if key != "\\delta" and key not in _IDENTITIES:
        return None
    at = positions(setting, node.items, 2)
    if at is None or len(at) != 2 or at[0] is None or at[1] is None:
        if known(setting, labelled_key(node.base, node.items) or ""):
            return None
        raise setting.ill_typed(
            f"{key} is not declared, and as Kronecker's takes two indices", node
        )
    return Typed(t.Indicator((compare_positions(setting, at[0], "==", at[1]),)))


SIGNS: dict[str, Sign] = {
    "=": "==",
    "\\neq": "!=",
    "\\ne": "!=",
    "<": "<",
    "\\lt": "<",
    "\\le": "<=",
    "\\leq": "<=",
    "\\leqslant": "<=",
    ">": ">",
    "\\gt": ">",
    "\\ge": ">=",
    "\\geq": ">=",
    "\\geqslant": ">=",
}


def compare_positions(
    setting: Setting,
    left: t.Affine,
    sign: Sign,
    right: t.Affine,
) -> t.Comparison:
    setting.indices.compare(left, right)
    return t.Comparison(t.Position(left), sign, t.Position(right))


def condition(setting: Setting, expr: s.Expr) -> t.Condition:
    """A chain of relations, or a list of them, as a conjunction."""
    if isinstance(expr, s.List):
        return tuple(c for item in expr.items for c in condition(setting, item))
    if not isinstance(expr, s.Chain):
        raise setting.error("this is no condition", expr)
    found = []
    for left, right, relation in zip(expr.members, expr.members[1:], expr.relations, strict=False):
        sign = SIGNS.get(relation.sign)
        if left is None or right is None or sign is None:
            raise setting.error(f"{relation.sign} is no condition that can be tested", relation)
        found.append(_comparison(setting, left, sign, right))
    return tuple(found)


def _comparison(setting: Setting, left: s.Expr, sign: Sign, right: s.Expr) -> t.Comparison:
    one, other = affine(setting, left), affine(setting, right)
    if one is not None and other is not None and (one.terms or other.terms):
        return compare_positions(setting, one, sign, other)
    return t.Comparison(
        setting.scalar(left, "a side of a condition"),
        sign,
        setting.scalar(right, "a side of a condition"),
    )


def undeclared(setting: Setting, key: str, node: s.Node) -> Exception:
    """The error for a name that is not in force, with what to do about it."""
    gone = setting.names.gone.get(key)
    if gone is not None:
        return setting.error(f"{key} is out of force here: {gone}", node)
    known_sign = of_sign(key if key != "e" or isinstance(node, s.Subscript) else "")
    if known_sign is not None:
        return setting.error(known_sign[0], node, known_sign[1])
    shown = name_latex(key)
    return setting.error(
        f"{key} is not declared",
        node,
        advice=f"Declare it before this line, for example $ {shown} \\in \\mathbb{{R}} $, "
        "or define it by an equation.",
    )
