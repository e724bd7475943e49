"""What a statement is for: told from its form and the names in force (language, section 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from derive.meaning.names import children, key_of, labelled_key, walk
from derive.meaning.subscripts import SIGNS, index_letter, split_items
from derive.reading import syntax as s

Kind = Literal[
    "declaration", "condition", "assumption", "equation", "formula", "not judged", "incomplete"
]
EQUALS = frozenset({"=", ":=", "\\coloneqq", "\\triangleq", "\\equiv", "\\overset{def}{=}"})
DEFINES_ANEW = frozenset({":=", "\\coloneqq"})
SELECTING = frozenset({"argmax", "argmin"})
"""Functions that pick a place; a statement with one is listed and not judged."""
MEMBER = frozenset({"\\in", ":"})


@dataclass(frozen=True, slots=True)
class Left:
    """The left side of a definition.

    `name` is the key, `indices` plain indices on it; `arguments` are set for a function;
    `squared` for `σ² = …`. `gradient` marks a name written `d y`; `label` is the key that the
    subscript gives when it is no index.
    """

    name: str
    indices: tuple[str, ...] = ()
    arguments: tuple[str, ...] | None = None
    squared: bool = False
    gradient: bool = False
    label: str | None = None
    node: s.Expr | None = None


def kind_of(body: s.Expr, is_variable: Callable[[str], bool], letters: frozenset[str]) -> Kind:
    """The kind of a statement; equations are sorted into definitions and claims later.

    `letters` are those that the document uses as indices.
    """
    if not isinstance(body, s.Chain):
        return "formula"
    signs = {relation.sign for relation in body.relations}
    if any(isinstance(node, s.Call) and node.function in SELECTING for node in walk(body)):
        return "not judged"
    if signs & MEMBER:
        return "declaration"
    if signs - EQUALS - set(SIGNS):
        return "not judged"
    if None in body.members and len(body.members) < 3:
        return "incomplete"
    if _is_condition(body, is_variable, letters):
        return "condition"
    return "equation" if signs & EQUALS else "assumption"


def why_not_judged(body: s.Chain) -> str:
    """What in a statement is listed and not judged."""
    for node in walk(body):
        if isinstance(node, s.Call) and node.function in SELECTING:
            return f"{node.function} is not judged"
    signs = [r.sign for r in body.relations if r.sign not in EQUALS | MEMBER | SIGNS.keys()]
    return f"{signs[0]} is not judged" if signs else "an inequality that is claimed is not judged"


def _is_condition(
    body: s.Chain, is_variable: Callable[[str], bool], letters: frozenset[str]
) -> bool:
    """Whether every member is a plain index, a size, a number or arithmetic on them.

    A letter beside a number only, as in `a > 0`, is an index when the document uses it as one.
    """
    found: set[str] = set()
    beside, bare = 0, True
    for member in body.members:
        for node in member.items if isinstance(member, s.List) else (member,):
            plain = None if node is None else _plain(node, is_variable)
            if plain is None:
                return False
            found |= {letter for letter in plain if letter.islower()}
            beside += node is not None and index_letter(node) is not None
            bare = bare and isinstance(node, s.Name | s.Number | s.Prime | s.Subscript)
    return (bool(found) and (beside > 1 or bool(found & letters))) or _is_range(body)


def _is_range(body: s.Chain) -> bool:
    """`1 \\le T \\le N` about a capital T."""
    letters = [index_letter(member) for member in body.members if member is not None]
    return len(letters) == 3 and letters[0] is None and bool(letters[1]) and bool(letters[2])


def _plain(node: s.Expr, is_variable: Callable[[str], bool]) -> set[str] | None:
    """The letters of plain arithmetic on indices and sizes; None when it is something else."""
    match node:
        case s.Number():
            return set()
        case s.Sum(terms=parts) | s.Product(factors=parts):
            found: set[str] = set()
            for part in parts:
                inner = _plain(part, is_variable)
                if inner is None:
                    return None
                found |= inner
            return found
        case s.Group(body=body):
            return _plain(body, is_variable)
        case s.Subscript(base=base) if is_variable(index_letter(base) or ""):
            return None
        case _:
            letter = index_letter(node)
            plain = letter is not None and letter[0].isascii() and letter[0].isalpha()
            return {letter} if letter and plain and not is_variable(letter) else None


def letters_used(exprs: Iterator[s.Expr]) -> frozenset[str]:
    """Single letters that stand in a subscript or under a sum anywhere."""
    found: set[str] = set()
    for expr in exprs:
        for node in walk(expr):
            items: tuple[s.Expr, ...] = ()
            if isinstance(node, s.Subscript):
                items = node.items
            elif isinstance(node, s.BigOperator):
                items = node.lower
            for item in items:
                found.update(x for inner in walk(item) for x in [index_letter(inner)] if x)
    return frozenset(found)


def left_side(expr: s.Expr) -> Left | None:
    """An expression as the left side of a definition, None when it cannot be one."""
    match expr:
        case s.Group(opening="{", body=body) | s.Underbrace(body=body, note=None):
            return left_side(body)
        case s.Power(base=base, exponent=s.Number(text="2"), operator=""):
            inner = left_side(base)
            if inner is None or inner.squared or inner.arguments is not None:
                return None
            return Left(
                inner.name, inner.indices, None, True, inner.gradient, inner.label, inner.node
            )
        case s.Product(factors=(s.Name(letter="d", accents=()), named), operators=("",)):
            inner = left_side(named)
            if inner is None or inner.arguments is not None:
                return None
            label = None if inner.label is None else "d" + inner.label
            return Left("d" + inner.name, inner.indices, None, inner.squared, True, label, named)
        case s.Product(factors=(head, argument), operators=("",)):
            return _function(head, argument)
        case s.Subscript(base=base, items=items):
            return _indexed(base, items, expr)
        case _:
            key = key_of(expr)
            return None if key is None else Left(key, node=expr)


def _indexed(base: s.Expr, items: tuple[s.Expr, ...], node: s.Expr) -> Left | None:
    key = key_of(base)
    if key is None or (isinstance(base, s.Name) and base.font == "mathbb" and base.letter in "EPV"):
        return None
    letters = [index_letter(part) for part in split_items(items, 9)]
    label = labelled_key(base, items)
    if None in letters or len(set(letters)) < len(letters):
        return None if label is None else Left(label, node=node)
    return Left(key, tuple(x for x in letters if x is not None), label=label, node=node)


def _function(head: s.Expr, argument: s.Expr) -> Left | None:
    key = key_of(head)
    if isinstance(head, s.Subscript) and not any(map(index_letter, head.items)):
        key = labelled_key(head.base, head.items)
    indices: tuple[str, ...] = ()
    if isinstance(argument, s.Subscript):
        letters = [index_letter(part) for part in split_items(argument.items, 9)]
        if None in letters:
            return None
        indices = tuple(x for x in letters if x is not None)
        argument = argument.base
    if key is None or not isinstance(argument, s.Group) or argument.opening != "(":
        return None
    body = argument.body
    keys = [key_of(item) for item in (body.items if isinstance(body, s.List) else (body,))]
    if None in keys or len(set(keys)) < len(keys):
        return None
    return Left(key, indices, tuple(k for k in keys if k is not None), node=head)


def mentions(expr: s.Node) -> frozenset[str]:
    """All keys that an expression may refer to: names, labelled names, `d`-names.

    The letters that a sum binds refer to nothing inside it.
    """
    found = {_own_key(expr)} if isinstance(expr, s.Name | s.Prime | s.Power) else set()
    match expr:
        case s.Subscript(base=base, items=items):
            found.add(labelled_key(base, items) or "")
        case s.Product(factors=factors):
            for first, second in pairwise(factors):
                if isinstance(first, s.Name) and first.letter == "d":
                    found.add("d" + (_stem(second) or ""))
        case s.Call(function=function):
            found.add(function)
        case _:
            pass
    inside = found.union(*(mentions(child) for child in children(expr)))
    if isinstance(expr, s.BigOperator):
        inside -= {_own_key(_bound(item)) for item in expr.lower}
    return frozenset(inside - {""})


def _own_key(node: s.Node) -> str:
    return key_of(node) or ""


def _bound(item: s.Expr) -> s.Node:
    """What an item below a sign binds: the first member of `k = 1`, or all of it."""
    first = item.members[0] if isinstance(item, s.Chain) else None
    return item if first is None else first


def _stem(expr: s.Expr) -> str | None:
    while isinstance(expr, s.Subscript | s.Power) and key_of(expr) is None:
        expr = expr.base
    return key_of(expr)
