"""Logarithms of products, roots of squares, and fractions under a sum."""

from __future__ import annotations

import pytest
from judging import judged

DECLARED = (
    r"$x, y, z \in \mathbb{R}$, $s, u \in \mathbb{R}$, $s > 0$, $u > 0$, "
    r"$w, h \in \mathbb{R}^N$. "
)

PROVED = (
    r"\log(su) = \log s + \log u",
    r"\log\frac{s}{u^2} = \log s - 2 \log u",
    r"\log(xy) = \log x + \log y",
    r"\log(x^2) = 2 \log x",
    r"\log 6 = \log 2 + \log 3",
    r"\log \sqrt{s} = \frac12 \log s",
    r"\log(1 + e^x) - x = \log(1 + e^{-x})",
    r"\log(1 - x^2) = \log(1 - x) + \log(1 + x)",
    r"\log \sum_i e^{w_i} = x + \log \sum_i e^{w_i - x}",
    r"e^{\log x} = x",
    r"e^{2 \log x + \log y} = x^2 y",
    r"s^{N+1} = s s^N",
    r"\sum_i \log(s e^{w_i}) = N \log s + \sum_i w_i",
    r"\sqrt{x^2} = |x|",
    r"\sqrt{(x - y)^2} = |y - x|",
    r"\sqrt{x^2 y^4} = |x| y^2",
    r"\frac{1}{\sqrt{x^2}} = \frac{1}{|x|}",
    r"|x y z| = |x| |y z|",
    r"|x^2 - 1| = |x - 1| |x + 1|",
    r"\operatorname{relu}(xy) = \operatorname{relu}(x) \operatorname{relu}(y) + "
    r"\operatorname{relu}(-x) \operatorname{relu}(-y)",
    r"\frac{1}{1 - \frac{1}{1 + e^{-x}}} = 1 + e^x",
    r"\sum_i \frac{w_i^2}{1 + w_i^2} = N - \sum_i \frac{1}{1 + w_i^2}",
    r"\sum_i \frac{h_i w_i e^{w_i}}{1 + e^{w_i}} + \sum_i \frac{h_i w_i}{1 + e^{w_i}} "
    r"= \sum_i h_i w_i",
    r"\sum_i \frac{w_i^2}{(1 + w_i^2)^{3/2}} = \sum_i (1 + w_i^2)^{-1/2} - "
    r"\sum_i (1 + w_i^2)^{-3/2}",
)

NOT_PROVED = (
    r"\log(1 - x) = \log(x - 1)",
    r"\log(-x) = \log x",
    r"\log(1 - x^2) = \log(x - 1) + \log(1 + x)",
    r"\log(xy) = \log(-x) + \log(-y)",
    r"\log(x^2) = 2 \log(-x) + 1",
    r"\log(s + u) = \log s + \log u",
    r"\log(su) = \log s \log u",
    r"\sqrt{e^{\log(x^2)}} = x",
    r"e^{\frac12 \log(x^2)} = x",
    r"\sqrt{x^2} = x",
    r"\sqrt{(x - y)^2} = x - y",
    r"((x - y)^2)^{\frac14} = (x - y)^{\frac12}",
    r"|x|^3 = x^3",
    r"|x + y| = |x| + |y|",
    r"\operatorname{relu}(xy) = \operatorname{relu}(x) \operatorname{relu}(y)",
    r"\sum_i \frac{w_i^2}{1 + w_i^2} = N + \sum_i \frac{1}{1 + w_i^2}",
    r"\sum_i \frac{w_i}{1 + w_i^2} = N - \sum_i \frac{1}{1 + w_i^2}",
)


@pytest.mark.parametrize("claim", PROVED)
def test_true_identities_are_proved(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict == "proved"


@pytest.mark.parametrize("claim", NOT_PROVED)
def test_false_identities_are_not_proved(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict in ("refuted", "undecided")


def test_the_domain_of_a_logarithm_is_a_side_condition() -> None:
    ((_, judgement),) = judged(rf"{DECLARED}$$\log(xy) = \log x + \log y$$").judged
    assert judgement.side_conditions == ("xy > 0", "x > 0", "y > 0")


def test_a_logarithm_elsewhere_says_nothing_about_this_claim() -> None:
    text = rf"{DECLARED}$$e^{{\log x}} = x$$ $$e^{{\frac12 \log(x^2)}} = x$$"
    assert [j.verdict for _, j in judged(text).judged] == ["proved", "refuted"]
