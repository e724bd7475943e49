"""Every writer prints every tree: whatever is built, nothing fails, is cut or is misaligned."""

from __future__ import annotations

from typing import get_args
from xml.etree import ElementTree

from formula_trees import chain, n, num
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.reading.syntax import (
    Bars,
    BigOperator,
    Call,
    Cases,
    Derivative,
    Dots,
    Expr,
    Frac,
    Group,
    List,
    Mapping,
    Power,
    Prime,
    Product,
    Root,
    Row,
    Slice,
    Star,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
    Words,
)
from derive.writing.box import cell_width
from derive.writing.to_latex import to_latex
from derive.writing.to_linear import linear
from derive.writing.to_mathml import to_mathml
from derive.writing.to_unicode import render, to_unicode

LEAVES: list[Expr] = [
    n("x"),
    n("\\gamma"),
    n("x", "hat"),
    n("rstd", font="mathrm"),
    num(2),
    Star(),
    Slice(),
    Dots("\\dots"),
    Words("when x"),
]


def _larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    pair = st.tuples(inner, inner)
    styles = st.sampled_from(["frac", "slash", "operator", "subscript", "nabla"])
    brackets = st.sampled_from([("(", ")"), ("[", "]"), ("\\{", "\\}"), ("{", "}")])
    return st.one_of(
        st.builds(lambda p: Subscript(p[0], (p[1],)), pair),
        st.builds(lambda p, square: Subscript(p[0], (p[1], num(1)), square), pair, st.booleans()),
        st.builds(lambda p: Power(*p), pair),
        st.builds(lambda p, signs: Sum(signs, p), pair, st.sampled_from([("", "+"), ("-", "-")])),
        st.builds(
            lambda p, operator: Product(p, (operator,)), pair, st.sampled_from(["", "/", "\\cdot"])
        ),
        st.builds(lambda p: Frac(*p), pair),
        st.builds(lambda p, style: Derivative(p[0], ((p[1], 1),), style), pair, styles),
        st.builds(lambda p: BigOperator("sum", (chain(n("i"), "=", p[0]),), p[0], p[1]), pair),
        st.builds(lambda e, b: Group(*b, e), inner, brackets),
        st.builds(lambda e, double: Bars(e, double), inner, st.booleans()),
        st.builds(lambda e, p: Call("log", e, parenthesised=p), inner, st.booleans()),
        st.builds(lambda p: Root(p[0], p[1]), pair),
        st.builds(lambda p: Cases((Row(p[0], chain(p[1], "<", p[0])), Row(p[1], None))), pair),
        st.builds(lambda p, under: Underbrace(*p, under), pair, st.booleans()),
        st.builds(lambda p: List(p), pair),
        st.builds(lambda p: Mapping(*p), pair),
        st.builds(lambda e: Prime(Transpose(e, "\\top"), 1), inner),
        st.builds(lambda p: chain(p[0], "=", p[1], "\\le", None), pair),
    )


TREES = st.recursive(st.sampled_from(LEAVES), _larger, max_leaves=8)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(TREES)
def test_two_dimensions(tree: Expr) -> None:
    for width in (None, 40, 12):
        box = to_unicode(tree, width)
        assert {cell_width(row) for row in box.rows} == {box.width}
        assert 0 <= box.baseline < box.height
    assert render(tree, ascii=True).isascii()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(TREES)
def test_one_line(tree: Expr) -> None:
    assert "\n" not in linear(tree)
    assert linear(tree, ascii=True).isascii()
    latex = to_latex(tree)
    assert latex.count("{") == latex.count("}")
    assert latex.count("\\left") == latex.count("\\right")
    ElementTree.fromstring(to_mathml(tree))


def test_the_trees_cover_every_node() -> None:
    missing = {"Name", "Number", "Chain"}
    covered = missing | {name for name in globals() if name[0].isupper()}
    assert {node.__name__ for node in get_args(Expr)} <= covered
