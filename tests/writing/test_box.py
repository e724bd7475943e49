"""Boxes: widths in cells, growing brackets, baselines."""

from __future__ import annotations

import pytest

from derive.writing.box import Box, beside, braced, cell_width, enclosed, fraction, rooted, stacked


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("x\u0302", 1), ("\u03bc\u0304\u0302", 1), ("漢", 2), ("", 0), ("𝐱", 1), ("⎛", 1)],
)
def test_cell_width(text: str, width: int) -> None:
    assert cell_width(text) == width


def tower(height: int, baseline: int) -> Box:
    return Box(("x",) * height, baseline)


@pytest.mark.parametrize(
    ("left", "right", "height", "rows"),
    [
        ("(", ")", 1, ["(x)"]),
        ("(", ")", 3, ["⎛x⎞", "⎜x⎟", "⎝x⎠"]),
        ("[", "]", 4, ["⎡x⎤", "⎢x⎥", "⎢x⎥", "⎣x⎦"]),
        ("{", "}", 5, ["⎧x⎫", "⎪x⎪", "⎨x⎬", "⎪x⎪", "⎩x⎭"]),
        ("⟨", "⟩", 3, ["╱x╲", "⟨x⟩", "╲x╱"]),
        ("|", "|", 3, ["│x│", "│x│", "│x│"]),
        ("", "", 3, ["x", "x", "x"]),
    ],
)
def test_enclosed(left: str, right: str, height: int, rows: list[str]) -> None:
    box = enclosed(left, tower(height, height // 2), right)
    assert list(box.rows) == rows
    assert box.baseline == height // 2


def test_a_brace_points_at_the_baseline_where_it_can() -> None:
    assert [row[0] for row in enclosed("{", tower(5, 1), "}").rows] == list("⎧⎨⎪⎪⎩")
    assert [row[0] for row in enclosed("{", tower(4, 0), "}").rows] == list("⎧⎨⎪⎩")


def test_beside_aligns_baselines() -> None:
    box = beside(Box(("a", "b"), 0), Box(("c", "d"), 1))
    assert box.rows == (" c", "ad", "b ")
    assert box.baseline == 1


def test_stacked_keeps_the_chosen_baseline() -> None:
    box = stacked([Box.line("abc"), tower(3, 1), Box.line("z")], 1)
    assert box.baseline == 2
    assert box.rows == ("abc", " x ", " x ", " x ", " z ")


def test_a_bar_is_longer_than_the_bar_inside() -> None:
    inner = fraction(Box.line("1"), Box.line("ab"))
    outer = fraction(Box.line("1"), inner)
    assert inner.rows[1] == "──"
    assert outer.rows[1] == "────"


def test_roots_and_braces() -> None:
    assert str(rooted(Box.line("a + b"), "³")) == "  ▁▁▁▁▁\n³√a + b"
    assert str(rooted(tower(3, 1))) == "┌─\n│x\n│x\n⎷x"
    assert str(braced(Box.line("abcde"), Box.line("n"), under=True)) == "abcde\n╰─┬─╯\n  n"
    assert braced(Box.line("a"), Box.line("n"), under=False).baseline == 2
