"""NumPy's products of arrays as contractions: `@`, dot, outer, tensordot, einsum, trace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count

from derive.tracing.build import Build, Value, broadcast
from derive.tracing.nodes import Node
from derive.tracing.places import failed
from derive.tracing.reductions import axes_of


def matmul(build: Build, left: Value, right: Value) -> Node:
    """The last axis of the left meets the last but one of the right; axes before broadcast."""
    a, b = build.node(left), build.node(right)
    if not a.shape or not b.shape:
        raise failed("@ needs arrays, not numbers")
    if len(a.shape) <= 2 and len(b.shape) <= 2:
        return _meet(build, a, b, len(a.shape) - 1, max(0, len(b.shape) - 2))
    if len(a.shape) < 2 or len(b.shape) < 2:
        return _meet(build, a, b, len(a.shape) - 1, max(0, len(b.shape) - 2))
    front = broadcast(a.shape[:-2], b.shape[:-2])
    a, b = build.spread(a, front + a.shape[-2:]), build.spread(b, front + b.shape[-2:])
    lead = tuple(range(len(front)))
    row, inner, column = (len(front) + k for k in range(3))
    return build.contract(
        [a, b], [(*lead, row, inner), (*lead, inner, column)], (*lead, row, column)
    )


def _meet(build: Build, a: Node, b: Node, mine: int, theirs: int) -> Node:
    """The product summed over one axis of each."""
    left = list(range(len(a.shape)))
    right = list(range(len(left), len(left) + len(b.shape)))
    right[theirs] = left[mine]
    kept = [k for k in left if k != left[mine]] + [k for k in right if k != left[mine]]
    return build.contract([a, b], [left, right], kept)


def dot(build: Build, a: Value, b: Value) -> Node:
    left, right = build.node(a), build.node(b)
    if not left.shape or not right.shape:
        return build.multiply(left, right)
    return _meet(build, left, right, len(left.shape) - 1, max(0, len(right.shape) - 2))


def inner(build: Build, a: Value, b: Value) -> Node:
    left, right = build.node(a), build.node(b)
    if not left.shape or not right.shape:
        return build.multiply(left, right)
    return _meet(build, left, right, len(left.shape) - 1, len(right.shape) - 1)


def vdot(build: Build, a: Value, b: Value) -> Node:
    left, right = build.node(a), build.node(b)
    if left.shape != right.shape:
        raise failed("vdot needs two arrays of one shape")
    every = tuple(range(len(left.shape)))
    return build.contract([left, right], [every, every], ())


def outer(build: Build, a: Value, b: Value) -> Node:
    left, right = build.node(a), build.node(b)
    if len(left.shape) != 1 or len(right.shape) != 1:
        raise failed("outer is traced for two vectors")
    return build.contract([left, right], [(0,), (1,)], (0, 1))


def tensordot(build: Build, a: Value, b: Value, axes: object = 2) -> Node:
    left, right = build.node(a), build.node(b)
    if isinstance(axes, int):
        meet = (
            tuple(range(len(left.shape) - axes, len(left.shape))),
            tuple(range(axes)),
        )
    elif isinstance(axes, tuple | list) and len(axes) == 2:
        meet = (axes_of(axes[0], len(left.shape)), axes_of(axes[1], len(right.shape)))
    else:
        raise failed("the axes of tensordot are a number or two lists")
    if len(meet[0]) != len(meet[1]):
        raise failed("tensordot needs as many axes on both sides")
    mine = list(range(len(left.shape)))
    theirs = list(range(len(mine), len(mine) + len(right.shape)))
    for one, two in zip(*meet, strict=True):
        theirs[two] = mine[one]
    kept = [k for k in mine if k not in theirs] + [k for k in theirs if k not in mine]
    return build.contract([left, right], [mine, theirs], kept)


def trace(build: Build, a: Value) -> Node:
    return build.contract([_matrix(build, a)], [(0, 0)], ())


def diagonal(build: Build, a: Value) -> Node:
    return build.contract([_matrix(build, a)], [(0, 0)], (0,))


def _matrix(build: Build, a: Value) -> Node:
    base = build.node(a)
    if len(base.shape) != 2:
        raise failed("the diagonal is traced for a matrix")
    return base


_TERMS = re.compile(r"[A-Za-z.]*(,[A-Za-z.]*)*(->[A-Za-z.]*)?")


def einsum(build: Build, subscripts: object, *arrays: Value, optimize: object = False) -> Node:
    """`einsum("ij,jk->ik", a, b)`, also with `...`; what the output leaves out is summed."""
    if not isinstance(subscripts, str) or not _TERMS.fullmatch(subscripts.replace(" ", "")):
        raise failed("einsum is traced with its subscripts as text, such as 'ij,jk->ik'")
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    nodes = [build.node(array) for array in arrays]
    if len(terms) != len(nodes):
        raise failed(f"einsum names {len(terms)} arrays and gets {len(nodes)}")
    rest = max((_ellipsis(term, len(n.shape)) for term, n in zip(terms, nodes, strict=True)))
    letters = [_expanded(term, len(n.shape)) for term, n in zip(terms, nodes, strict=True)]
    if arrow:
        wanted = _expanded(output, rest + len(output.replace("...", "")))
    else:
        wanted = _implied(letters)
    numbers = count()
    number = {letter: next(numbers) for row in letters for letter in row}
    if len(set(wanted)) != len(wanted) or not set(wanted) <= number.keys():
        raise failed("the output of einsum names an axis twice, or one that no array has")
    rows = [[number[letter] for letter in row] for row in letters]
    return build.contract(nodes, rows, [number[letter] for letter in wanted])


def _ellipsis(term: str, rank: int) -> int:
    """How many axes `...` stands for in a term."""
    named = len(term.replace("...", ""))
    if ("..." not in term and named != rank) or named > rank:
        raise failed(f"einsum's {term!r} does not fit an array of {rank} axes")
    return rank - named


def _expanded(term: str, rank: int) -> Sequence[str]:
    """One label for each axis; those of `...` are counted from the right."""
    if "..." not in term:
        return list(term)
    before, _, after = term.partition("...")
    if "." in before + after:
        raise failed("einsum's ellipsis is three dots")
    left = rank - len(before) - len(after)
    return [*before, *(f".{left - k}" for k in range(left)), *after]


def _implied(letters: Sequence[Sequence[str]]) -> Sequence[str]:
    """Without `->`: the axes of `...`, then every letter that occurs once, in order."""
    every = [letter for row in letters for letter in row]
    dots = sorted({x for x in every if x[0] == "."}, key=lambda x: -int(x[1:]))
    return [*dots, *sorted(x for x in set(every) if x[0] != "." and every.count(x) == 1)]
