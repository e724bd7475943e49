"""Backward functions: the right ones are proved for all sizes, the wrong ones refuted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derive.api import Derivation, from_function, load
from derive.errors import DeriveError, LimitError
from derive.meaning.walk import names_in
from derive.reading.document import read_document
from derive.reading.span import Source
from derive.tracing.loading import load_function
from derive.tracing.verify import Verified

HERE = Path(__file__).parent
BATCHNORM = str(HERE / "documents" / "batchnorm.md")
CACHE = {"cache": "x,x_hat,mu,v,gamma,eps"}


def verified(function: str, document: str, wanted: str, **maps: str) -> Verified:
    kernel = load_function(str(HERE / "functions" / function))
    own = HERE / "documents" / f"{document}.md"
    derivation = load(str(own) if own.exists() else document)
    return derivation.verify_kernel(kernel, *wanted.split(), maps=maps)


RIGHT = [
    ("batchnorm_staged", "batchnorm", "x gamma beta"),
    ("batchnorm_closed", "batchnorm", "x"),
    ("batchnorm_einsum", "batchnorm", "x gamma beta"),
    ("layernorm_staged", "layernorm", "x"),
    ("layernorm_closed", "layernorm", "x"),
    ("layernorm_einsum", "layernorm", "x"),
    ("softmax_staged", "softmax", "z"),
    ("softmax_closed", "softmax", "z"),
    ("softmax_einsum", "softmax", "z"),
    ("linear_staged", "linear", "x W b"),
    ("linear_closed", "linear", "x W b"),
    ("linear_einsum", "linear", "x W b"),
    ("rmsnorm_staged", "rmsnorm", "x g"),
    ("rmsnorm_closed", "rmsnorm", "x"),
    ("rmsnorm_einsum", "rmsnorm", "x"),
    ("squares", "squares", "y"),
    ("attention", "attention", "Q K V"),
    ("gelu_tanh", "gelu_tanh", "x"),
]


@pytest.mark.parametrize(("function", "document", "wanted"), RIGHT, ids=lambda x: x)
def test_right(function: str, document: str, wanted: str) -> None:
    maps = CACHE if function == "batchnorm_staged" else {}
    found = verified(f"right.py:{function}", document, wanted, **maps)
    assert [r.judgement.verdict for r in found.results] == ["proved"] * len(wanted.split())
    assert found.exit_code == 0


WRONG = [
    ("batchnorm_without_mean", "batchnorm", "x"),
    ("batchnorm_without_projection", "batchnorm", "x"),
    ("batchnorm_without_count", "batchnorm", "x"),
    ("batchnorm_unbiased", "batchnorm", "x"),
    ("batchnorm_without_eps", "batchnorm", "x"),
    ("batchnorm_without_gamma", "batchnorm", "x"),
    ("batchnorm_wrong_sign", "batchnorm", "x"),
    ("batchnorm_eps_outside", "batchnorm", "x"),
    ("layernorm_wrong_axis", "layernorm", "x"),
    ("layernorm_gamma_late", "layernorm", "x"),
    ("softmax_elementwise", "softmax", "z"),
    ("softmax_wrong_sign", "softmax", "z"),
    ("linear_mean", "linear", "W"),
    ("rmsnorm_without_projection", "rmsnorm", "x"),
    ("rmsnorm_wrong_power", "rmsnorm", "x"),
    ("squares_without_count", "squares", "y"),
    ("gelu_with_rounded_constant", "gelu_tanh", "x"),
]


@pytest.mark.parametrize(("function", "document", "wanted"), WRONG, ids=lambda x: x)
def test_wrong(function: str, document: str, wanted: str) -> None:
    (result,) = verified(f"wrong.py:{function}", document, wanted).results
    assert result.judgement.verdict == "refuted"
    assert result.judgement.witness is not None


MISSHAPEN = [
    ("bias_wrong_axis", "linear", "b", "the shape (N,), the input has (M,)"),
    ("bias_keepdims", "linear", "b", "the shape (1, M), the input has (M,)"),
    ("gamma_not_summed", "batchnorm", "gamma", "the shape (N, D), the input has (D,)"),
]


@pytest.mark.parametrize(("function", "document", "wanted", "reason"), MISSHAPEN)
def test_wrong_shape(function: str, document: str, wanted: str, reason: str) -> None:
    found = verified(f"wrong.py:{function}", document, wanted)
    assert [r.judgement.verdict for r in found.results] == ["ill-typed"]
    assert reason in found.results[0].judgement.reason
    assert found.exit_code == 1


def test_variables_that_are_names_of_the_document_are_written_as_such() -> None:
    (result,) = verified("right.py:layernorm_staged", "layernorm", "x").results
    assert result.claim is not None
    assert "\\mu" in names_in(result.claim.readings[0].right)


def mistaken(dy, x, gamma, v, eps):  # type: ignore[no-untyped-def]
    mu = x.sum(axis=0)
    return gamma / np.sqrt(v + eps) * (dy - mu)


def test_a_variable_that_only_has_the_name_is_not() -> None:
    (result,) = load(BATCHNORM).verify_kernel(mistaken, "x").results
    assert result.claim is not None
    assert "\\mu" not in names_in(result.claim.readings[0].right)
    assert result.judgement.verdict == "refuted"


ENDINGS = [
    "For $i \\neq j$",
    "For $i = 1$",
    "Let $1 \\le i \\le 2$, and so",
    "where $i \\neq j$,",
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_last_words_of_a_document_do_not_weaken_the_claim(ending: str) -> None:
    """The wrong gradient of a sum of squares, right off the diagonal, is not proved."""
    text = (
        "Let $x \\in \\mathbb{R}^{N \\times N}$ and $y_j = \\sum_{i=1}^{N} x_{ij} \\delta_{ij}$. "
        f"A loss $f : \\mathbb{{R}}^N \\to \\mathbb{{R}}$ is taken of $y$.\n\n{ending}"
    )
    derivation = Derivation(read_document(Source("test.md", text)))
    (result,) = derivation.verify_kernel(lambda x: np.zeros_like(x), "x").results
    assert result.judgement.verdict == "refuted"


def test_the_gradient_is_along_every_path() -> None:
    """Reading ∂ as the explicit dependence only would prove the first."""
    text = "Let $z \\in \\mathbb{R}^N$, $p_i = \\exp(z_i)$, $L = \\sum_i p_i + \\sum_i z_i$."
    direct = "---\nderive:\n  partials: direct\n---\n\n" + text
    for document in (text, direct):
        derivation = Derivation(read_document(Source("test.md", document)))
        verdicts = [
            derivation.verify_kernel(kernel, "z").results[0].judgement.verdict
            for kernel in (lambda z: np.ones_like(z), lambda p: p + 1)
        ]
        assert verdicts == ["refuted", "proved"]


def nested(depth: int) -> Callable[..., Any]:
    def backward(dy: Any, x: Any) -> Any:
        for _ in range(depth):
            x = np.tanh(x)
        return dy * x

    return backward


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (80, "the formula of the function cannot be read: brackets are nested"),
        (700, "the formula of the function is nested too deeply"),
    ],
)
def test_limits(depth: int, message: str) -> None:
    with pytest.raises(LimitError) as caught:
        load(BATCHNORM).verify_kernel(nested(depth), "x")
    assert message in caught.value.message


def test_limit_of_a_document() -> None:
    with pytest.raises(LimitError, match="the function has more than 200 steps"):
        from_function(nested(250), x=("N",), dy=("N",))


MACROS = r"""\documentclass{article}
\newcommand{\vx}{\mathbf{x}}\newcommand{\loss}{\mathcal{L}}\renewcommand{\sum}{\prod}
\begin{document}
Let $\vx \in \mathbb{R}^{N \times D}$ and $\gamma \in \mathbb{R}^D$.
\[ y_{ij} = \gamma_j \vx_{ij} \]
A loss $\loss : \mathbb{R}^{N \times D} \to \mathbb{R}$ is taken of $y$.
\end{document}
"""


def test_macros_of_a_document_do_not_change_the_equation() -> None:
    derivation = Derivation(read_document(Source("test.tex", MACROS)))
    right, wrong = (
        derivation.verify_kernel(kernel, "gamma").results[0].judgement.verdict
        for kernel in (lambda dy, x: (dy * x).sum(0), lambda dy, x: (dy * x).mean(0))
    )
    assert (right, wrong) == ("proved", "refuted")


def layernorm_keepdims(dy, x, mu, v, gamma, eps):  # type: ignore[no-untyped-def]
    inv = 1 / np.sqrt(v + eps)
    g, x_hat = dy * gamma, (x - mu) * inv
    share = (g * x_hat).mean(-1, keepdims=True)
    return inv * (g - g.mean(-1, keepdims=True) - x_hat * share)


def test_cached_arrays_with_axes_of_length_1() -> None:
    derivation = load(str(HERE / "documents" / "layernorm.md"))
    shapes = {"mu": "N,1", "v": "N,1"}
    found = derivation.verify_kernel(layernorm_keepdims, "x", shapes=shapes)
    assert repr(found) == "<Verified layernorm_keepdims: x proved>"
    with pytest.raises(DeriveError, match="do not broadcast for all sizes"):
        derivation.verify_kernel(layernorm_keepdims, "x")


@pytest.mark.parametrize(
    "formula", ["z_i = \\unknowncommand{x_i}", "z_i = 2 q_i", "x_i = \\gamma", "y_i = = 2"]
)
def test_a_document_that_is_not_understood_is_no_yardstick(formula: str) -> None:
    text = (
        "Let $x \\in \\mathbb{R}^N$ and $\\gamma \\in \\mathbb{R}^2$. Let $y_i = 2 x_i$.\n\n"
        f"$${formula}$$\n\nA loss $f : \\mathbb{{R}}^N \\to \\mathbb{{R}}$ is taken of $y$.\n"
    )
    derivation = Derivation(read_document(Source("test.md", text)))
    with pytest.raises(DeriveError, match="a formula without a meaning") as caught:
        derivation.verify_kernel(lambda dy: 2 * dy, "x")
    assert caught.value.place is not None
    assert caught.value.place.line == 3
