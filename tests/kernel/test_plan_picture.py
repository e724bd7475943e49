"""Pictures of plans: one box for each pass, text that neither overlaps nor leaves the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

import derive
from derive.cli import cli
from derive.errors import UsageError
from derive.kernel.costs import costs_of
from derive.kernel.plan_picture import LINE, WIDTH, plan_picture

NAMES = ("attention", "batchnorm", "gelu", "groupnorm", "linear", "softmax_cross_entropy")
SVG = "{http://www.w3.org/2000/svg}"
LETTER = 7.9
"""Pixels of a letter of 13 pixels in a monospaced font."""


@pytest.mark.parametrize("name", NAMES)
def test_boxes_and_text(name: str) -> None:
    costs = costs_of(derive.load(name).plan())
    root = ElementTree.fromstring(plan_picture(costs, name))
    boxes = [r for r in root.iter(f"{SVG}rect") if "box" in r.get("class", "")]
    assert len(boxes) == len(costs.passes)
    products = [r for r in boxes if "product" in r.get("class", "")]
    assert len(products) == sum(each.product for each in costs.passes)
    rows = [(int(t.get("y", "0")), int(t.get("x", "0")), t.text) for t in root.iter(f"{SVG}text")]
    assert all(x + LETTER * len(text or "") <= WIDTH for _, x, text in rows)
    heights = sorted(y for y, _, _ in rows)
    assert all(b - a >= LINE - 3 for a, b in pairwise(heights))
    assert heights[-1] < int(root.get("height", "0"))


def test_command(tmp_path: Path) -> None:
    out = tmp_path / "plan.svg"
    arguments = ["plan", "batchnorm", "--sizes", "N=8192,D=512", "--svg", str(out)]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and done.output.endswith(f"wrote {out}\n")
    assert "read again: " in done.output
    assert "along N: 2, then 3 partial results merged" in done.output
    assert "moves 83.93 MB" in out.read_text(encoding="utf-8")


def test_products_are_passes(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "linear"], catch_exceptions=False)
    assert done.output.count("a matrix product of the back end's") == 2


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "softmax", "--svg", str(tmp_path / "no" / "p.svg")])
    assert isinstance(done.exception, UsageError)
