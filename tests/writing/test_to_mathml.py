"""MathML: well formed, escaped, limits where they belong."""

from __future__ import annotations

from xml.etree import ElementTree

import formula_trees as t
import pytest

from derive.reading.syntax import (
    Bars,
    Call,
    Expr,
    Name,
    Number,
    Power,
    Relation,
    Root,
    Row,
    Transpose,
    Underbrace,
    Words,
)
from derive.writing.to_mathml import to_mathml

FORMULAS = [
    t.mean,
    t.chain_rule,
    t.quotient,
    t.square_rows,
    t.closed_form,
    Root(t.x, t.num(3)),
    Bars(t.x, True, t.num(2)),
    Transpose(t.n("A"), "-\\top"),
    Call("log", t.x, sub=t.num(2), power=t.num(3)),
    Underbrace(t.x, t.chain(None, "=", t.num(1))),
]

TABLE: list[tuple[Expr, str]] = [
    (Power(t.x_i, t.num(2)), "<msubsup><mrow><mi>x</mi></mrow>"),
    (t.n("\\mu", "bar"), '<mover accent="true"><mi>μ</mi><mo stretchy="false">¯</mo></mover>'),
    (t.n("R", font="mathbb"), "<mi>ℝ</mi>"),
    (t.negative(t.x), "<mo>−</mo><mi>x</mi>"),
    (t.minus(t.x, t.minus(t.y, t.v)), '<mo stretchy="true" fence="true">(</mo><mi>y</mi>'),
    (t.d(t.f, t.x), "<mfrac><mrow><mo>∂</mo><mi>f</mi></mrow><mrow><mo>∂</mo><mi>x</mi></mrow>"),
    (t.mean, "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow>"),
    (t.identity, '<mtable columnalign="left left"><mtr><mtd>'),
]


@pytest.mark.parametrize(("tree", "part"), TABLE)
def test_contains(tree: Expr, part: str) -> None:
    assert part in to_mathml(tree)


@pytest.mark.parametrize("tree", FORMULAS)
@pytest.mark.parametrize("display", [True, False])
def test_well_formed(tree: Expr, display: bool) -> None:
    root = ElementTree.fromstring(to_mathml(tree, display))
    assert root.get("display") == ("block" if display else "inline")
    arity = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "munderover": 3}
    for element in root.iter():
        tag = element.tag.split("}")[-1]
        assert len(element) == arity.get(tag, len(element)), tag


HOSTILE = '<script>alert("1")</script>&]]>\x00\x1b\ud800'


@pytest.mark.parametrize(
    "tree",
    [
        Words(HOSTILE),
        Name(HOSTILE, "text"),
        Number(HOSTILE),
        Row(t.x, None, HOSTILE),
        Call(HOSTILE, t.x, font="text"),
        Relation(HOSTILE),
        t.n("x", HOSTILE),
    ],
)
def test_hostile_text_is_escaped(tree: Expr) -> None:
    text = to_mathml(tree)
    assert "<script" not in text
    root = ElementTree.fromstring(text)
    assert all(not element.tag.endswith("script") for element in root.iter())
