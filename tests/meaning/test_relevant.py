"""What of a context bears on a claim."""

from __future__ import annotations

import pytest
from judging import judged, understood

from derive.meaning.relevant import relevant

TEXT = r"""
Let $x, t \in \mathbb{R}^N$, $a \in \mathbb{R}$, $\sum_i t_i = 1$, $a > 0$, and
$f : \mathbb{R}^N \to \mathbb{R}$. Let $m = \sum_i x_i$, $q = \sum_i t_i x_i$ and $y_i = m x_i$.
"""

CASES = (
    ("m = m", {"m"}, 0),
    ("q = q", {"q"}, 1),
    ("a = a", set(), 1),
    (r"\frac{\partial f}{\partial x_i} = 0", {"y", "m"}, 0),
    (r"y_i = 0 \quad i \neq 1", {"m", "y"}, 0),
)


@pytest.mark.parametrize(("claim", "definitions", "assumptions"), CASES)
def test_the_names_that_are_reached(claim: str, definitions: set[str], assumptions: int) -> None:
    (found,) = understood(f"{TEXT}\n$${claim}$$").claims
    reading = found.readings[0]
    context = relevant(found.context, (reading.left, reading.right))
    assert set(context.definitions) == definitions
    assert len(context.assumptions) == assumptions


def test_a_name_with_a_new_shape_is_another_name() -> None:
    text = (
        r"Let $x \in \mathbb{R}^N$. $$\sum_{i=1}^N \frac{\partial x_i}{\partial x_i} = N$$ "
        "\n\n"
        r"Now let $x \in \mathbb{R}^{N \times D}$. "
        r"$$\sum_{i=1}^N \sum_{k=1}^D \frac{\partial x_{ik}}{\partial x_{ik}} = N D$$ "
        r"$$\sum_{i=1}^N \sum_{k=1}^D \frac{\partial x_{ik}}{\partial x_{ik}} = N$$"
    )
    assert [j.verdict for _, j in judged(text).judged] == ["proved", "proved", "refuted"]


def test_a_new_definition_takes_over() -> None:
    text = (
        r"Let $x \in \mathbb{R}$. Let $y = 2 x$. $$\frac{\partial y}{\partial x} = 2$$ "
        "\n\n"
        r"Let $y := 3 x$. $$\frac{\partial y}{\partial x} = 3$$ "
        r"$$\frac{\partial y}{\partial x} = 2$$"
    )
    assert [j.verdict for _, j in judged(text).judged] == ["proved", "proved", "refuted"]
