"""A NumPy-style function becomes the document that a person would write of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derive
from derive.api import from_function
from derive.errors import DeriveError
from derive.reading.document import read_document
from derive.reading.span import Source

Shapes = dict[str, Any]


def batchnorm(x: Any, gamma: Any, beta: Any, eps: Any = 1e-5) -> Any:
    mu = x.mean(axis=0)
    v = x.var(axis=0)
    x_hat = (x - mu) / np.sqrt(v + eps)
    return gamma * x_hat + beta


def rmsnorm(x: Any, g: Any, eps: Any) -> Any:
    r = 1.0 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    return g * x * r


def attention(Q: Any, K: Any, V: Any) -> Any:  # noqa: N803
    S = np.einsum("qd,kd->qk", Q, K) / np.sqrt(Q.shape[-1])  # noqa: N806
    E = np.exp(S)  # noqa: N806
    return E / E.sum(axis=-1)[:, None] @ V


def relu(x: Any) -> Any:
    return np.where(x > 0, x, 0)


def squared(y: Any, t: Any) -> Any:
    error = y - t
    return np.sum(error * error) / (2 * len(y))


def again(x: Any) -> Any:
    x = x - x.mean()
    x = 2 * x
    return x


def in_place(x: Any) -> Any:
    out = np.zeros_like(x)
    same = out
    out += x
    out *= 2
    return same


def shifts(x: Any) -> Any:
    return x[1:] - x[:-1]


def turned(x: Any) -> Any:
    return x[::-1].T


DOCUMENTS: list[tuple[Callable[..., Any], Shapes, list[str]]] = [
    (
        batchnorm,
        {"x": ("N", "D"), "gamma": ("D",), "beta": ("D",), "eps": ()},
        [
            r"\mu_j = \frac{1}{N} \sum_{i=1}^{N} x_{ij}",
            r"v_j = \frac{1}{N} \sum_{i=1}^{N} (x_{ij} - \mu_j)^2",
            r"\hat{x}_{ij} = \frac{x_{ij} - \mu_j}{(v_j + \epsilon)^{\frac{1}{2}}}",
            r"y_{ij} = \gamma_j \hat{x}_{ij} + \beta_j",
        ],
    ),
    (
        batchnorm,
        {"x": ("N", 3), "gamma": (3,), "beta": (3,)},
        [
            r"\mu_j = \frac{1}{N} \sum_{i=1}^{N} x_{ij}",
            r"v_j = \frac{1}{N} \sum_{i=1}^{N} (x_{ij} - \mu_j)^2",
            r"\hat{x}_{ij} = \frac{x_{ij} - \mu_j}"
            r"{\left( v_j + \frac{1}{100000} \right)^{\frac{1}{2}}}",
            r"y_{ij} = \gamma_j \hat{x}_{ij} + \beta_j",
        ],
    ),
    (
        rmsnorm,
        {"x": ("N", "D"), "g": ("D",), "eps": ()},
        [
            r"r_i = \frac{1}{\left( \frac{1}{D} \sum_{j=1}^{D} x_{ij}^2 + \epsilon \right)"
            r"^{\frac{1}{2}}}",
            r"y_{ij} = g_j x_{ij} r_i",
        ],
    ),
    (
        attention,
        {"Q": ("M", "D"), "K": ("N", "D"), "V": ("N", "P")},
        [
            r"S_{ir} = \frac{1}{D^{\frac{1}{2}}} \sum_{j=1}^{D} Q_{ij} K_{rj}",
            r"E_{ir} = \exp(S_{ir})",
            r"y_{il} = \sum_{r=1}^{N} \frac{E_{ir}}{\sum_{u=1}^{N} E_{iu}} V_{rl}",
        ],
    ),
    (
        relu,
        {"x": ("N",)},
        [r"y_i = \begin{cases} x_i & x_i > 0 \\ 0 & \text{otherwise} \end{cases}"],
    ),
    (
        squared,
        {"y": ("N",), "t": ("N",)},
        [
            r"\mathrm{error}_i = y_i - t_i",
            r"\mathrm{y1} = \frac{1}{2 N} \sum_{i=1}^{N} \mathrm{error}_i \mathrm{error}_i",
        ],
    ),
    (
        again,
        {"x": ("N",)},
        [
            r"\mathrm{x1}_i = x_i - \frac{1}{N} \sum_{j=1}^{N} x_j",
            r"\mathrm{x2}_i = 2 \mathrm{x1}_i",
        ],
    ),
    (in_place, {"x": ("N",)}, [r"\mathrm{out}_i = 2 x_i"]),
    (shifts, {"x": ("N",)}, [r"y_j = x_{j+1} - x_j"]),
    (turned, {"x": ("N", "D")}, [r"y_{ji} = x_{N-i+1,j}"]),
]


@pytest.mark.parametrize(
    ("function", "shapes", "expected"), DOCUMENTS, ids=lambda f: getattr(f, "__name__", "")
)
def test_document(function: Callable[..., Any], shapes: Shapes, expected: list[str]) -> None:
    text = from_function(function, **shapes).document.source.text.split("## The loss")[0]
    assert re.findall(r"^\$\$(.*)\$\$$", text, re.M) == expected


TEXTBOOK = r"""
$$\frac{\partial f}{\partial x_{ij}} = \gamma_j (v_j + \epsilon)^{-\frac{1}{2}} \left(
\frac{\partial f}{\partial y_{ij}} - \frac{1}{N} \sum_{k=1}^{N} \frac{\partial f}{\partial y_{kj}}
- \frac{\hat{x}_{ij}}{N} \sum_{k=1}^{N} \hat{x}_{kj} \frac{\partial f}{\partial y_{kj}} \right)$$
"""


def test_the_gradients_are_stated_and_are_the_textbook_ones() -> None:
    layer = from_function(batchnorm, x=("N", "D"), gamma=("D",), beta=("D",), eps=())
    text = layer.document.source.text
    for claim, last in (
        (TEXTBOOK, "proved"),
        (TEXTBOOK.replace("x}_{ij}}{N}", "x}_{ij}}{1}"), "refuted"),
    ):
        judged = derive.Derivation(read_document(Source("test.md", text + claim))).check().judged
        assert [j.verdict for _, j in judged] == ["proved", "proved", "proved", last]


def test_the_kernel_is_the_derivative() -> None:
    """Central differences of the very function that was traced."""
    kernel = from_function(batchnorm, x=("N", "D"), gamma=("D",), beta=("D",), eps=()).kernel()
    rng = np.random.default_rng(0)
    x, dy, gamma, beta = (rng.normal(size=s) for s in ((5, 2), (5, 2), 2, 2))
    step = 1e-6 * rng.normal(size=x.shape)
    ahead, behind = (np.sum(dy * batchnorm(x + k * step, gamma, beta)) for k in (1, -1))
    dx = kernel(x=x, dy=dy, gamma=gamma, eps=1e-5).dx
    assert np.isclose(np.sum(dx * step), (ahead - behind) / 2, rtol=1e-5)


def refused(function: Callable[..., Any], **shapes: Any) -> str:
    with pytest.raises(DeriveError) as caught:
        from_function(function, **shapes)
    return str(caught.value)


def test_shapes_are_checked() -> None:
    cases: list[tuple[Shapes, str]] = [
        ({"x": ("N", "D")}, "needs the shape of gamma"),
        ({"x": ("N", "D"), "gamma": ("D",), "beta": ("D",), "z": ()}, "no parameter z"),
        ({"x": ("N", 0), "gamma": ("D",), "beta": ("D",)}, "0 in the shape of x is no size"),
        ({"x": ("batch",), "gamma": (), "beta": ()}, "'batch' in the shape of x is no size"),
        ({"x": ("N", "D"), "gamma": ("N",), "beta": ("D",)}, "do not broadcast for all sizes"),
    ]
    for shapes, message in cases:
        assert message in refused(batchnorm, **shapes)


def test_a_function_of_more_than_its_arguments_is_refused() -> None:
    state = [0.0]

    def counting(x: Any) -> Any:
        state[0] += 1
        return x * state[0]

    def noisy(x: Any) -> Any:
        return x + np.random.default_rng().normal()

    def by_kind(x: Any) -> Any:
        return x if isinstance(x, np.ndarray) else 2 * x

    assert "computes something else when it is run again" in refused(counting, x=("N",))
    assert "computes something else when it is run again" in refused(noisy, x=("N",))
    assert "differ on numbers" in refused(by_kind, x=("N",))
