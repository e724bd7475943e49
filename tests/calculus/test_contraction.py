"""A contraction has one name however its bound indices are called and ordered."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.calculus.contraction import contraction, open_contraction
from derive.calculus.polynomial import Atom, Monomial, index_position, indices_of, serial
from derive.errors import LimitError

WHOLE = (((), 1), ((("N", 1),), 0))


def entry(key: str, *indices: str) -> Atom:
    return ("entry", key, tuple(index_position(i) for i in indices))


def name(factors: list[tuple[Atom, int]], bound: list[str]) -> Atom:
    return contraction(dict.fromkeys(bound, WHOLE), frozenset(factors))


SHAPES = [
    [("x", "a"), ("A", "ab"), ("y", "b")],
    [("A", "ab"), ("A", "bc"), ("A", "ca")],
    [("A", "ab"), ("B", "ab")],
    [("A", "ab"), ("A", "ba")],
    [("A", "ab"), ("A", "ac"), ("A", "ad")],
    [("x", "a"), ("T", "abc"), ("T", "cba"), ("y", "b")],
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_renaming_bound_indices_keeps_the_name(shape: list[tuple[str, str]]) -> None:
    bound = sorted({letter for _, letters in shape for letter in letters})
    names = set()
    for order in permutations(bound):
        new = dict(zip(bound, order, strict=True))
        factors = [(entry(key, *(new[c] for c in letters)), 1) for key, letters in shape]
        names.add(name(factors, list(order)))
    assert len(names) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("A", "ab"), ("A", "ab")], [("A", "ab"), ("A", "ba")]),
        ([("A", "ab"), ("B", "bc"), ("C", "ca")], [("A", "ab"), ("B", "bc"), ("C", "ac")]),
        ([("A", "ab"), ("x", "a")], [("A", "ab"), ("x", "b")]),
        ([("A", "ai"), ("x", "a")], [("A", "ia"), ("x", "a")]),
        ([("A", "ai"), ("x", "a")], [("A", "aj"), ("x", "a")]),
    ],
    ids=str,
)
def test_different_graphs_have_different_names(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    def named(shape: list[tuple[str, str]]) -> Atom:
        counted: dict[Atom, int] = {}
        for key, letters in shape:
            atom = entry(key, *letters)
            counted[atom] = counted.get(atom, 0) + 1
        bound = sorted({c for _, letters in shape for c in letters if c in "abc"})
        return name(list(counted.items()), bound)

    assert named(one) != named(other)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5), st.data())
def test_random_graphs_are_named_up_to_isomorphism(
    edges: list[tuple[int, int]], data: st.DataObject
) -> None:
    nodes = sorted({n for edge in edges for n in edge})
    shuffled = data.draw(st.permutations(nodes))
    new = dict(zip(nodes, shuffled, strict=True))

    def named(moved: dict[int, int]) -> Atom:
        counted: dict[Atom, int] = {}
        for a, b in edges:
            atom = entry("A", f"n{moved[a]}", f"n{moved[b]}")
            counted[atom] = counted.get(atom, 0) + 1
        return name(list(counted.items()), [f"n{moved[n]}" for n in nodes])

    assert named({n: n for n in nodes}) == named(new)


def test_opening_and_closing_is_the_identity() -> None:
    atom = name([(entry("A", "a", "b"), 2), (entry("x", "b"), 1), (entry("y", "i"), 1)], ["a", "b"])
    ranges, factors = open_contraction(atom, iter(["p", "q"]))
    assert contraction(ranges, factors) == atom
    assert {i for f, _ in factors for i in indices_of(f)} >= {"p", "q", "i"}


def test_a_contraction_with_too_many_symmetries_is_refused() -> None:
    factors: Monomial = frozenset((entry("x", f"k{n}"), 1) for n in range(9))
    with pytest.raises(LimitError):
        contraction({f"k{n}": WHOLE for n in range(9)}, factors)


def test_serial_does_not_depend_on_hashing() -> None:
    atom = name([(entry("A", "a", "b"), 1), (entry("x", "a"), 1)], ["a", "b"])
    assert serial(atom) == serial(
        name([(entry("x", "u"), 1), (entry("A", "u", "v"), 1)], ["v", "u"])
    )
