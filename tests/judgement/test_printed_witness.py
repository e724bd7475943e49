"""A witness as it is printed, read back, and evaluated by the oracle again."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from judging import judged

from derive.judgement.refute import format_witness, reevaluate
from derive.judgement.verdict import Entries, Witness
from derive.meaning import terms as t

DOCUMENTS = sorted(
    path
    for path in (Path(__file__).parents[1] / "documents" / "wrong").iterdir()
    if path.suffix in (".md", ".tex")
)


def read_entries(text: str) -> Entries:
    """`((1,0),(1/2,−1))` as nested tuples of fractions."""
    text = text.strip()
    if text.startswith("("):
        return tuple(read_entries(part) for part in split(text[1:-1]))
    return Fraction(text.replace("−", "-"))


def split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "({") - (character in ")}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def read_witness(text: str, context: t.Context) -> Witness:
    """The witness that was printed; functions without a definition are named by their formula."""
    head, _, sides = text.rpartition("left ")
    left, right = sides.split(", right ")
    sizes: dict[str, int] = {}
    values: dict[str, Entries] = {}
    indices: dict[str, int] = {}
    functions: dict[str, str] = {}
    inputs = {s.latex or key for key, s in context.symbols.items() if s.role != "size"}
    for item in split(head.rstrip(": ")) if head else []:
        name, _, value = item.rpartition("=")
        if name.endswith("(t)"):
            functions[name[:-3]] = value
        elif name in context.sizes:
            sizes[name] = int(value)
        elif name in inputs or name.startswith(r"\frac{\partial"):
            values[name] = read_entries(value)
        else:
            indices[name] = int(value)
    return Witness(sizes, values, indices, left, right, functions)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_printed_is_a_witness(path: Path) -> None:
    refuted = [
        (claim, judgement.witness)
        for claim, judgement in judged(path.read_text(encoding="utf-8"), path.name).judged
        if judgement.witness is not None
    ]
    assert refuted
    for claim, witness in refuted:
        printed = read_witness(format_witness(witness), claim.context)
        again = reevaluate(printed, claim.readings[0], claim.context)
        assert again == (witness.left, witness.right)
        assert printed.left != printed.right


def test_a_changed_witness_is_noticed() -> None:
    text = r"Let $x \in \mathbb{R}^N$. $$\sum_i x_i = x_1$$"
    ((claim, judgement),) = judged(text).judged
    assert judgement.witness is not None
    shown = format_witness(judgement.witness)
    changed = re.sub(r"x=\([^)]*\)", "x=(3,5)", shown)
    assert changed != shown
    printed = read_witness(changed, claim.context)
    assert reevaluate(printed, claim.readings[0], claim.context) != (printed.left, printed.right)


def test_an_upstream_gradient_that_plays_no_part_is_not_needed() -> None:
    text = (
        r"Let $a, b \in \mathbb{R}^N$, $y_i = a_i^2$, $z_i = b_i^2$, "
        r"$f : \mathbb{R}^N \times \mathbb{R}^N \to \mathbb{R}$. It is taken of $y$ and $z$. "
        r"$$\frac{\partial f}{\partial a_i} = \frac{\partial f}{\partial y_i} a_i$$"
    )
    ((claim, judgement),) = judged(text).judged
    assert judgement.witness is not None
    assert r"\frac{\partial f}{\partial z}" not in judgement.witness.values
    printed = read_witness(format_witness(judgement.witness), claim.context)
    again = reevaluate(printed, claim.readings[0], claim.context)
    assert again == (judgement.witness.left, judgement.witness.right)
