"""Derivatives that a claim mentions stay numbers: what follows is proved, what does not is not."""

from __future__ import annotations

import re

import pytest
from judging import judged, understood

from derive.calculus.accumulate import frontier

CHAIN = r"""Let $x \in \mathbb{R}^N$.

$$u_i = \exp(x_i) / \sum_{k=1}^N \exp(x_k)$$

$$y_i = x_i \tanh(u_i)$$

$$s = \sum_{i=1}^N y_i^3 + \sum_{i=1}^N u_i$$
"""
LOSS = r"""Let $x \in \mathbb{R}^N$.

$$\mu = \frac{1}{N} \sum_{i=1}^N x_i$$

$$\sigma^2 = \sum_{i=1}^N (x_i - \mu)^2$$

$$y_i = (x_i - \mu) / \sigma$$

A loss $f : \mathbb{R}^N \to \mathbb{R}$ is taken of $y$.
"""
TWO = r"""Let $x \in \mathbb{R}^N$, $r > 0$.

$$y_i = x_i^2$$

$$z_i = \tanh(y_i)$$

$$L = \ell(y, z)$$
"""
INSIDE = r"""Let $x \in \mathbb{R}^N$, $r > 0$.

$$y_i = r x_i^2$$

A loss $f : \mathbb{R}^N \to \mathbb{R}$ is taken of $y$.

$$J = f + \sum_{i=1}^N x_i$$
"""


def with_claim(text: str, claim: str) -> str:
    """A document that ends in a claim; `<a|b>` is the derivative of a by b."""
    whole = f"{text}\n$${claim}$$"
    return re.sub(r"<(\S+?)\|(\S+?)>", r"\\frac{\\partial \1}{\\partial \2}", whole)


PROVED = [
    (CHAIN, r"<s|x_j> = \tanh(u_j) <s|y_j> + u_j <s|u_j> - u_j \sum_k u_k <s|u_k>"),
    (CHAIN, r"<s|u_j> = x_j (1 - \tanh(u_j)^2) <s|y_j> + 1"),
    (LOSS, r"<f|x_j> = <f|y_j> / \sigma + \frac{1}{N} <f|\mu> + <f|\sigma> (x_j - \mu) / \sigma"),
    (TWO, r"<L|x_j> = 2 x_j <L|y_j> + 2 x_j (1 - z_j^2) <L|z_j>"),
    (TWO, r"<L|x_j> = 2 x_j <L|y_j> + 2 x_j (1 - z_j^2) <L|z_j> + 0 <L|r>"),
    (LOSS, r"<f|\sigma> = -\frac{1}{\sigma} \sum_i y_i <f|y_i>"),
    (
        LOSS,
        r"<y_i|x_j> = \frac{\delta_{ij}}{\sigma} + \frac{1}{N} <y_i|\mu>"
        r" + <y_i|\sigma> (x_j - \mu) / \sigma",
    ),
]
WRONG = [
    (CHAIN, r"<s|x_j> = \tanh(u_j) <s|y_j>"),
    (CHAIN, r"<s|x_j> = \tanh(u_j) <s|y_j> + u_j <s|u_j>"),
    (CHAIN, r"<s|u_j> = x_j (1 - \tanh(u_j)^2) <s|y_j>"),
    (LOSS, r"<f|x_j> = <f|y_j> / \sigma + <f|\mu>"),
    (LOSS, r"<f|\sigma> = \frac{1}{\sigma} \sum_i y_i <f|y_i>"),
    (TWO, r"<L|x_j> = 2 x_j <L|y_j> + 0 <L|r>"),
    (TWO, r"<L|y_j> = <L|y_j> + (1 - z_j^2) <L|z_j>"),
    (INSIDE, r"<J|x_j> = 1 + 0 <J|r>"),
    (INSIDE, r"<J|r> = 0 <J|y_1>"),
]


@pytest.mark.parametrize(("text", "claim"), PROVED)
def test_what_follows_is_proved(text: str, claim: str) -> None:
    ((_, judgement),) = judged(with_claim(text, claim)).judged
    assert judgement.verdict == "proved"


@pytest.mark.parametrize(("text", "claim"), WRONG)
def test_what_does_not_follow_is_not(text: str, claim: str) -> None:
    assert not judged(with_claim(text, claim)).counts["proved"]


@pytest.mark.parametrize(
    ("text", "claim", "pairs"),
    [
        (CHAIN, PROVED[0][1], {("s", "y"), ("s", "u")}),
        (CHAIN, "<s|u_j> = 3", set()),
        (LOSS, PROVED[5][1], set()),
        (TWO, WRONG[5][1], {("L", "r")}),
        (INSIDE, WRONG[7][1], set()),
        (LOSS + "\n$$g_j = <f|x_j>$$\n", PROVED[2][1], set()),
    ],
)
def test_the_frontier(text: str, claim: str, pairs: set[tuple[str, str]]) -> None:
    claimed = understood(with_claim(text, claim)).claims[-1]
    assert frontier(claimed.readings[0], claimed.context) == pairs
