"""The same slip in several places: a name or an index letter exchanged throughout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import combinations
from typing import Any, TypeVar

from derive.judgement.vocabulary import Vocabulary
from derive.meaning.names import bare_key, key_of, walk
from derive.meaning.to_syntax import name
from derive.reading import syntax as s
from derive.writing.to_latex import to_latex

_N = TypeVar("_N", bound=s.Node)
Changed = tuple[s.Expr, s.Expr, str, int]
"""Both sides, what was changed in words, and how unlikely that slip is."""


def throughout(left: s.Expr, right: s.Expr, words: Vocabulary) -> Iterator[Changed]:
    """A name with another accent everywhere; two index letters exchanged on one side."""
    used = Counter(key_of(n) for side in (left, right) for n in walk(side) if isinstance(n, s.Name))
    symbols = words.context.symbols
    for key, count in used.items():
        own = symbols.get(key or "")
        if own is None or count < 2:
            continue
        for other in symbols.values():
            akin = bare_key(other.key) == bare_key(own.key)
            if other.key == own.key or not akin or other.shape != own.shape:
                continue
            new = name(other.latex or other.key)
            move = _renaming(key, new)
            said = f"{to_latex(name(own.latex or own.key))} → {to_latex(new)} throughout"
            sides = rewritten(left, move), rewritten(right, move)
            yield (*sides, said, 2)
            yield left, sides[1], f"right side: {said}", 2
            yield sides[0], right, f"left side: {said}", 2
    for first, second in combinations(words.letters, 2):
        move = _exchange(first, second)
        said = f"{first} and {second} change places"
        yield left, rewritten(right, move), f"right side: {said}", 3
        yield rewritten(left, move), right, f"left side: {said}", 3


def _renaming(key: str | None, new: s.Expr) -> Callable[[s.Node], s.Node | None]:
    return lambda node: new if isinstance(node, s.Name) and key_of(node) == key else None


def _exchange(one: str, other: str) -> Callable[[s.Node], s.Node | None]:
    moves = {one: s.Name(other), other: s.Name(one)}
    plain = s.Name

    def move(node: s.Node) -> s.Node | None:
        if isinstance(node, plain) and not node.accents and not node.font:
            return moves.get(node.letter)
        return None

    return move


def rewritten(node: _N, move: Callable[[s.Node], s.Node | None]) -> _N:
    """The tree with what `move` gives for a node in its place, wherever it gives something."""
    changes: dict[str, Any] = {
        field.name: _moved(getattr(node, field.name), move)
        for field in fields(node)
        if field.name != "span"
    }
    return replace(node, **changes)


def _moved(value: object, move: Callable[[s.Node], s.Node | None]) -> object:
    match value:
        case s.Node():
            new = move(value)
            return rewritten(value, move) if new is None else new
        case tuple():
            return tuple(_moved(item, move) for item in value)
        case _:
            return value
