"""Functions with a kink: what is proved, under which side conditions, and what is not."""

from __future__ import annotations

import pytest
from judging import judged

DECLARED = (
    r"$x, g \in \mathbb{R}^N$, $a, b \in \mathbb{R}$, $p \in \mathbb{R}$, $p > 0$, "
    r"$q \in \mathbb{R}$, $q \ge 0$, $y_i = \operatorname{relu}(x_i)$. "
)


def cases(*rows: str) -> str:
    return r"\begin{cases}" + r" \\ ".join(rows) + r"\end{cases}"


PROVED = (
    (r"\operatorname{relu}(a) - \operatorname{relu}(-a) = a", ()),
    (r"\operatorname{relu}(a) + \operatorname{relu}(-a) = |a|", ()),
    (r"\max(a, b) - \min(a, b) = |a - b|", ()),
    (r"\max(a, b) = \max(b, a)", ()),
    (r"\min(a, b) = -\max(-a, -b)", ()),
    (r"|2 a| = 2 |a|", ()),
    (r"|a|^2 = a^2", ()),
    (r"\operatorname{relu}(a) = " + cases("a & a > 0", r"0 & a \le 0"), ()),
    (r"\operatorname{relu}(a) = " + cases(r"a & a \ge 0", "0 & a < 0"), ()),
    (r"\max(a, b) = " + cases("a & a > b", r"b & a \le b"), ()),
    (r"\operatorname{sign}(a) = " + cases("1 & a > 0", "-1 & a < 0", r"0 & \text{otherwise}"), ()),
    (r"\sum_{i=1}^N \operatorname{relu}(2 x_i) = 2 \sum_{k=1}^N \operatorname{relu}(x_k)", ()),
    (r"\frac{\partial |a|}{\partial a} = \operatorname{sign}(a)", ("a ≠ 0",)),
    (
        r"\frac{\partial y_i}{\partial x_j} = \delta_{ij} "
        + cases("1 & x_i > 0", r"7 & x_i = 0", r"0 & \text{otherwise}"),
        ("xᵢ ≠ 0",),
    ),
    (
        r"\frac{\partial \max(a, b)}{\partial a} = " + cases(r"1 & a \ge b", "0 & a < b"),
        ("a − b ≠ 0",),
    ),
    (
        r"\frac{\partial}{\partial x_j} \sum_{i=1}^N |x_i| = \operatorname{sign}(x_j)",
        ("xᵢ ≠ 0",),
    ),
    (r"|p| = p", ()),
    (r"|q| = q", ()),
    (r"\operatorname{relu}(-p) = 0", ()),
    (r"\operatorname{sign}(p) = 1", ()),
    (r"\frac{\partial |p|}{\partial p} = 1", ("p ≠ 0 (follows from the assumptions)",)),
)

NOT_PROVED = (
    r"\operatorname{relu}(a) + \operatorname{relu}(-a) = a",
    r"\max(a, b) - \min(a, b) = |a + b|",
    r"|-2 a| = -2 |a|",
    r"|a|^3 = a^3",
    r"\operatorname{sign}(q) = 1",
    r"\operatorname{sign}(a) = " + cases("1 & a > 0", r"-1 & a \le 0"),
    cases("1 & a > 0", r"0 & a \le 0") + " = " + cases(r"1 & a \ge 0", "0 & a < 0"),
    cases("1 & a > 0", "0 & a < 0") + " = " + cases(r"1 & a \ge 0", "0 & a < 0"),
    r"\operatorname{relu}(a) = " + cases("a & a > -1", r"0 & a \le -1"),
    r"\max(a, b) = " + cases("a & a < b", r"b & a \ge b"),
    r"\frac{\partial |a|}{\partial a} = -\operatorname{sign}(a)",
    r"\frac{\partial |a|}{\partial a} = 1",
    r"\frac{\partial y_i}{\partial x_j} = \delta_{ij}",
    r"\frac{\partial y_i}{\partial x_j} = \delta_{ij} " + cases("0 & x_i > 0", r"1 & x_i \le 0"),
    r"\frac{\partial \max(a, b)}{\partial b} = " + cases("1 & a > b", r"0 & a \le b"),
    r"\frac{\partial}{\partial x_j} \sum_{i=1}^N |x_i| g_i = \operatorname{sign}(x_j)",
    r"\frac{\partial}{\partial a} \operatorname{relu}(a)^2 = \operatorname{relu}(a)",
    r"\frac{1}{\operatorname{sign}(a)} = \operatorname{sign}(a)",
    r"\frac{\partial}{\partial x_i} \sum_{j=1}^N |x_i - x_j| = 0",
    r"\frac{\partial |a - a|}{\partial a} = 1",
)

GIVEN = (
    (r"\max(a, b) = a \quad a > b", True),
    (r"\max(a, b) = b \quad a \le b", True),
    (r"\max(a, b) = a \quad a \le b", False),
    (r"|a| = -a \quad a \le 0", True),
    (r"|a| = a \quad a \le 0", False),
    (r"\operatorname{sign}(a) = -1 \quad a < 0", True),
    (r"\operatorname{sign}(a) = -1 \quad a \le 0", False),
    (r"\operatorname{sign}(a) = 1 \quad a \ge 0", False),
)


@pytest.mark.parametrize(("claim", "conditions"), PROVED)
def test_what_holds_is_proved_under_its_side_conditions(
    claim: str, conditions: tuple[str, ...]
) -> None:
    ((_, judgement),) = judged(f"{DECLARED} $${claim}$$").judged
    assert (judgement.verdict, judgement.side_conditions) == ("proved", conditions)


@pytest.mark.parametrize("claim", NOT_PROVED)
def test_what_fails_anywhere_is_not_proved(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED} $${claim}$$").judged
    assert judgement.verdict in ("refuted", "undecided")


@pytest.mark.parametrize(("claim", "holds"), GIVEN)
def test_an_assumption_decides_a_step(claim: str, holds: bool) -> None:
    ((_, judgement),) = judged(f"{DECLARED} $${claim}$$").judged
    assert (judgement.verdict == "proved") == holds


def test_a_layer_is_differentiated_under_its_sum() -> None:
    text = (
        r"$z \in \mathbb{R}^M$, $W \in \mathbb{R}^{N \times M}$, "
        r"$y_i = \operatorname{relu}(\sum_k W_{ik} z_k)$, $f : \mathbb{R}^N \to \mathbb{R}$. "
        r"$$\frac{\partial f}{\partial z_j} = \sum_{i=1}^N \frac{\partial f}{\partial y_i} W_{ij} "
        + cases(r"1 & \sum_k W_{ik} z_k > 0", r"0 & \text{otherwise}")
        + "$$ "
        r"$$\frac{\partial f}{\partial z_j} = "
        r"\sum_{i=1}^N \frac{\partial f}{\partial y_i} W_{ij}$$"
    )
    assert [j.verdict for _, j in judged(text).judged] == ["proved", "refuted"]
