"""For polynomial index expressions the normal form decides: equal forms, equal for all sizes."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from derive.calculus.normal_form import NormalForm
from derive.calculus.polynomial import Polynomial, subtract
from derive.meaning.terms import (
    Add,
    Affine,
    Bound,
    Context,
    Element,
    Multiply,
    Number,
    Sum,
    Symbol,
    Term,
    Variable,
)
from derive.oracle.evaluate import World, evaluate

N = Affine.name("N")
X, Y = (Symbol(key, (N,), "input", key) for key in "xy")
A = Symbol("A", (N, N), "input", "A")
CONTEXT = Context({s.key: s for s in (X, Y, A)}, {}, (), {}, ("N",))
FREE = ("i", "j")


def entry(symbol: Symbol, *indices: str) -> Term:
    return Element(Variable(symbol), tuple(Affine.name(i) for i in indices))


def summed(index: str, body: Term) -> Term:
    return Sum((Bound(index, Affine.number(1), N),), (), body)


@st.composite
def polynomials(draw: st.DrawFn, bound: tuple[str, ...] = (), depth: int = 3) -> Term:
    """A random index expression over x, y, A with free indices i, j and sums inside."""
    kinds = ["entry", "number"] if depth == 0 else ["entry", "add", "multiply", "sum"]
    match draw(st.sampled_from(kinds)):
        case "number":
            return Number(Fraction(draw(st.integers(-3, 3)), draw(st.integers(1, 2))))
        case "entry":
            letters = st.sampled_from(FREE + bound)
            if draw(st.booleans()):
                return entry(A, draw(letters), draw(letters))
            return entry(draw(st.sampled_from((X, Y))), draw(letters))
        case "add":
            parts = polynomials(bound=bound, depth=depth - 1)
            return Add((draw(parts), draw(parts)), ())
        case "multiply":
            parts = polynomials(bound=bound, depth=depth - 1)
            return Multiply((draw(parts), draw(parts)), ())
    index = f"k{len(bound)}"
    return summed(index, draw(polynomials(bound=(*bound, index), depth=depth - 1)))


def rewritten(term: Term, random: st.DataObject) -> Term:
    """The same expression with bound indices renamed, parts reordered, products distributed."""
    match term:
        case Add(parts, shape):
            moved = [rewritten(p, random) for p in parts]
            return Add(tuple(random.draw(st.permutations(moved))), shape)
        case Multiply((left, Add(parts, _)), shape) if random.draw(st.booleans()):
            return Add(tuple(rewritten(Multiply((left, p), shape), random) for p in parts), shape)
        case Multiply(parts, shape):
            moved = [rewritten(p, random) for p in parts]
            return Multiply(tuple(random.draw(st.permutations(moved))), shape)
        case Sum((bound,), condition, body):
            new = f"{bound.name}q"
            inner = rename(rewritten(body, random), bound.name, new)
            return Sum((Bound(new, bound.low, bound.high),), condition, inner)
    return term


def rename(term: Term, old: str, new: str) -> Term:
    match term:
        case Element(base, at):
            return Element(
                base, tuple(Affine.name(new) if p and p.single == old else p for p in at)
            )
        case Add(parts, shape):
            return Add(tuple(rename(p, old, new) for p in parts), shape)
        case Multiply(parts, shape):
            return Multiply(tuple(rename(p, old, new) for p in parts), shape)
        case Sum(bounds, condition, body):
            return Sum(bounds, condition, rename(body, old, new))
    return term


def form(term: Term) -> Polynomial:
    engine = NormalForm(CONTEXT)
    for index in FREE:
        engine.algebra.ranges[index] = (((), 1), ((("N", 1),), 0))
    return engine.of(engine.lowering.entry(term, ()))


def values(term: Term, size: int) -> list[object]:
    """The term at every pair of free indices, at inputs without coincidences."""
    primes = iter([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71] * 4)
    vector = [tuple(Fraction(next(primes)) for _ in range(size)) for _ in range(2)]
    matrix = tuple(tuple(Fraction(next(primes), 7) for _ in range(size)) for _ in range(size))
    inputs = {"x": vector[0], "y": vector[1], "A": matrix}
    world = World(CONTEXT, {"N": size}, inputs, {})
    places = itertools.product(range(1, size + 1), repeat=2)
    return [evaluate(term, world, {"i": i, "j": j}) for i, j in places]


@settings(max_examples=60, deadline=None)
@given(polynomials(), st.data())
def test_equal_expressions_have_one_normal_form(term: Term, data: st.DataObject) -> None:
    assert form(term) == form(rewritten(term, data))


@settings(max_examples=60, deadline=None)
@given(polynomials(), polynomials())
def test_the_normal_form_decides(left: Term, right: Term) -> None:
    same = not subtract(form(left), form(right))
    assert same == all(values(left, n) == values(right, n) for n in (1, 2, 3, 4))


@settings(max_examples=40, deadline=None)
@given(polynomials(), polynomials(depth=1))
def test_a_small_change_is_seen(term: Term, change: Term) -> None:
    changed = Add((term, change), ())
    same = not subtract(form(term), form(changed))
    assert same == all(values(term, n) == values(changed, n) for n in (1, 2, 3, 4))
