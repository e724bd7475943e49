"""Names: letters, accents, fonts, labels, indices, constants and functions."""

from __future__ import annotations

import pytest
from judging import display

BOTH = (
    r"Let $x, y, w, \hat{x}, \bar x \in \mathbb{R}^N$, $A \in \mathbb{R}^{N \times N}$, "
    r"$X \in \mathbb{R}^{N \times D}$ and $a, b, \mu_{\mathcal{B}}, x_{\text{in}} \in \mathbb{R}$."
)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\hat{x}_i - \hat x_i = 0", "proved"),
        (r"\hat{x_i} = \hat{x}_i", "proved"),
        (r"\hat{x}_i - x_i = 0", "refuted"),
        (r"\bar{x}_i - \overline{x}_i = 0", "unread"),
        (r"\mathbf{x}_i - x_i = 0", "proved"),
        (r"\boldsymbol{x} - \mathbf x = 0", "proved"),
        (r"\mu_{\mathcal{B}} - \mu_{\mathcal B} = 0", "proved"),
        (r"2 \mu_\mathcal{B} - \mu_{\mathcal{B}} = 0", "refuted"),
        (r"x_{\text{in}} - x_{\mathrm{in}} = 0", "proved"),
        (r"x_{in} = 0", "ill-typed"),
        (r"A_{ij} - A_{i,j} = 0", "proved"),
        (r"A_{ij} - A_{ji} = 0", "refuted"),
        (r"A[i,j] - A_{ij} = 0", "proved"),
        (r"A[i][j] - A_{ij} = 0", "proved"),
        (r"A[j][i] - A_{ij} = 0", "refuted"),
        (r"A_{12} - A_{1,2} = 0", "proved"),
        (r"A_{12} - A_{21} = 0", "refuted"),
        (r"X_{i,:} - X_i = 0", "proved"),
        (r"X_{:,j} - X_j = 0", "ill-typed"),
        (r"(A^\top)_{jk} = A_{kj}", "proved"),
        (r"(A^\top)_{jk} = A_{jk}", "refuted"),
        (r"[A x]_i = \sum_{k=1}^{N} A_{ik} x_k", "proved"),
        (r"[A x]_i = \sum_{k=1}^{N} A_{ki} x_k", "refuted"),
        (r"(A x)_i = \sum_{k} A_{ik} x_k", "proved"),
        (r"x^2_i = x_i^2", "proved"),
        (r"x_i'^2 = x_i^2", "unread"),
        (r"q + a = a + q", "unread"),
        (r"x_i + z_i = z_i + x_i", "unread"),
        (r"x_{1:t} = 0", "unread"),
    ],
)
def test_subscripts_and_accents(formula: str, expected: str) -> None:
    assert display(BOTH, formula) == expected


@pytest.mark.parametrize(
    ("setup", "formula", "expected"),
    [
        ("$X \\in \\mathbb{R}^{N \\times D}$", r"\sum_j x_{ij} = \sum_j X_{ij}", "proved"),
        ("$X \\in \\mathbb{R}^{N \\times D}$", r"x_{ij} - X_{ij} = 1", "refuted"),
        ("$X \\in \\mathbb{R}^{N \\times D}$", r"x_i^\top x_k = \sum_j X_{ij} X_{kj}", "proved"),
        ("$X \\in \\mathbb{R}^{N \\times D}$", r"x_i^\top x_k = \sum_j X_{ji} X_{jk}", "ill-typed"),
        ("$x, \\mathcal{x} \\in \\mathbb{R}$", r"\mathcal{x} - x = 0", "refuted"),
        ("$x', x^* \\in \\mathbb{R}$", r"x' - x^* = 0", "refuted"),
        ("$x', x^* \\in \\mathbb{R}$", r"x' + x^* = x^\star + x'", "proved"),
        ("$x^{(1)}, x^{(2)} \\in \\mathbb{R}^N$", r"x^{(1)}_i - x^{(1)}_i = 0", "proved"),
        ("$x^{(1)}, x^{(2)} \\in \\mathbb{R}^N$", r"x^{(1)}_i - x^{(2)}_i = 0", "refuted"),
        ("$x^{(1)} \\in \\mathbb{R}^N$", r"x^{(1)} + x^{(3)} = 0", "unread"),
        ("$x \\in \\mathbb{R}$", r"\sum_{i=1}^{N} x^{(i)} = \sum_{i=1}^{N} x^i", "unread"),
        ("$x \\in \\mathbb{R}$", r"x^{(i+1)} = x^{i+1}", "unread"),
        ("$x \\in \\mathbb{R}$", r"x^{(n + 1)} = x x^n", "unread"),
        ("$x \\in \\mathbb{R}$", r"x^{(2 - 1)} = x", "proved"),
        ("$\\hat x^{(t)} \\in \\mathbb{R}$", r"(\hat x^{(t)})^2 = \hat x^{(t)} \hat{x}^{(t)}",
         "proved"),
        ("$v \\in \\mathbb{R}$, $v > 0$, $\\sigma^2 = v$", r"\sigma = \sqrt{v}", "proved"),
        ("$v \\in \\mathbb{R}$, $v > 0$, $\\sigma^2 = v$", r"\sigma = -\sqrt{v}", "refuted"),
        ("$v \\in \\mathbb{R}$, $v > 0$, $\\sigma^2 = v$", r"\sigma^4 = v^2", "proved"),
        ("$\\alpha_1, \\alpha_2 \\in \\mathbb{R}$", r"\alpha_1 + \alpha_2 = \alpha_2 + \alpha_1",
         "proved"),
        ("$\\alpha_1, \\alpha_2 \\in \\mathbb{R}$", r"\alpha_1 - \alpha_2 = 0", "refuted"),
        ("$W_q, W_k \\in \\mathbb{R}^{D \\times D}$", r"W_q W_k - W_q W_k = 0", "proved"),
        ("$W_q, W_k \\in \\mathbb{R}^{D \\times D}$", r"W_q W_k = W_k W_q", "refuted"),
        ("$\\mathrm{rstd} \\in \\mathbb{R}$", r"\mathrm{rstd} \cdot 2 = 2 \text{rstd}", "proved"),
        ("$\\operatorname{acc} \\in \\mathbb{R}$", r"\mathrm{acc}^2 = 2 \mathrm{acc}", "refuted"),
    ],
)  # fmt: skip
def test_labels(setup: str, formula: str, expected: str) -> None:
    assert display(f"Let {setup}.", formula) == expected


SCALARS = r"Let $a, b \in \mathbb{R}$, $p > 0$, $q > 0$ and $x, y \in \mathbb{R}^N$."


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"0.5 a = \frac12 a", "proved"),
        (r"0.1 a + 0.2 a = 0.3 a", "proved"),
        (r"0.33 a = \frac13 a", "refuted"),
        (r"10^{-5} a = \frac{a}{100000}", "proved"),
        (r"1e-5 a = 10^{-5} a", "proved"),
        (r"1e-5 a = 10^{-4} a", "refuted"),
        (r"2.5e3 a = 2500 a", "proved"),
        (r"2 e a = 2 a \exp(1)", "proved"),
        (r"e^{a + b} = e^a e^b", "proved"),
        (r"e^{a b} = e^a e^b", "refuted"),
        (r"e^{(a)} = \exp(a)", "proved"),
        (r"\frac{\partial}{\partial a} \sin(\pi a) = \pi \cos(\pi a)", "proved"),
        (r"\pi a = 3 a", "refuted"),
        (r"\delta_{ij} = \delta_{ji}", "unread"),
        (r"x_i \delta_{ij} = x_j \delta_{ji}", "proved"),
        (r"\sum_j \delta_{ij} x_j = x_i", "proved"),
        (r"\sum_j \delta_{ij} x_j = x_1", "refuted"),
        (r"\mathbb{1}[i = j] = \delta_{ij}", "unread"),
        (r"x_i \mathbb{1}[i = j] = x_j \delta_{ij}", "proved"),
        (r"x_i \mathbb{1}_{i = j} = x_i", "refuted"),
        (r"x_i \mathbb{1}_{\{i = j\}} = x_j \delta_{ij}", "proved"),
        (r"x_i \mathbb{1}_{\{i = j\}} = x_i", "refuted"),
        (r"x_i \mathbf{1}\{i = j\} = x_j \delta_{ij}", "proved"),
        (r"I_{ij} x_j = \delta_{ij} x_i", "proved"),
        (r"I x = x", "proved"),
        (r"\mathbf{1}^\top x = \sum_i x_i", "proved"),
        (r"\mathbf 1_N^\top x = \sum_i x_i", "proved"),
        (r"\mathbf 1_N^\top x = N", "refuted"),
        (r"\mathbf{1}^\top \mathbf{1} = N", "proved"),
        (r"e_i^\top x = x_i", "unread"),
        (r"\sum_i e_i = 1", "unread"),
    ],
)
def test_constants(formula: str, expected: str) -> None:
    assert display(SCALARS, formula) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"e_i^\top x = x_i", "proved"),
        (r"e_i^\top x = x_1", "refuted"),
        (r"A e_j = A_{:,j}", "proved"),
        (r"A e_j = A_{j,:}", "refuted"),
        (r"e_i^\top A e_j = A_{ij}", "proved"),
        (r"e_i^\top A e_j = A_{ji}", "refuted"),
    ],
)
def test_basis_vectors_that_the_text_names(formula: str, expected: str) -> None:
    setup = r"Let $x \in \mathbb{R}^N$, $A \in \mathbb{R}^{N \times N}$; $e_i$ are basis vectors."
    assert display(setup, formula) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\exp(a) \exp(b) = \exp(a + b)", "proved"),
        (r"\exp(a) + \exp(b) = \exp(a + b)", "refuted"),
        (r"\log(p q) = \log p + \log q", "proved"),
        (r"\ln(p q) = \ln p \ln q", "refuted"),
        (r"\log_2(p) \log 2 = \log p", "proved"),
        (r"\log_2 p = \log p", "refuted"),
        (r"\sqrt{p} \sqrt{p} = p", "proved"),
        (r"\sqrt[3]{p}^3 = p", "proved"),
        (r"\sqrt[3]{p}^2 = p", "refuted"),
        (r"\sin^2 a = \sin(a) \sin(a)", "proved"),
        (r"\sin^2 a - \cos^2 a = 1", "refuted"),
        (r"\tan a \cos a = \sin a", "proved"),
        (r"\cosh^2 a - \sinh^2 a = 1", "proved"),
        (r"1 - \tanh^2 a = \frac{1}{\cosh^2 a}", "proved"),
        (r"1 - \tanh a = \frac{1}{\cosh^2 a}", "refuted"),
        (r"\operatorname{sigmoid}(a) = \frac{1}{1 + e^{-a}}", "proved"),
        (r"\operatorname{sigmoid}(a) = \frac{1}{1 + e^{a}}", "refuted"),
        (r"\operatorname{relu}(a) = \max(0, a)", "proved"),
        (r"\operatorname{ReLU}(a) = \min(0, a)", "refuted"),
        (r"|a| = \max(a, -a)", "proved"),
        (r"|a| = \operatorname{sign}(a) a", "proved"),
        (r"|a| = \operatorname{sign}(a)", "refuted"),
        (r"\operatorname{softmax}(x)_i = \frac{e^{x_i}}{\sum_k e^{x_k}}", "proved"),
        (r"\operatorname{softmax}(x)_i = \frac{e^{x_i}}{\sum_k e^{-x_k}}", "refuted"),
        (r"\operatorname{softmax}(x)_i = \frac{e^{x_i}}{\sum_k e^{x_i}}", "unread"),
        (r"\operatorname{logsumexp}(x) = \log \sum_k e^{x_k}", "proved"),
        (r"\operatorname{softplus}(a) = \log(1 + e^a)", "proved"),
        (r"\operatorname{erf}(a) = a", "refuted"),
        (r"\arctan(a) = \tan^{-1}(a)", "proved"),
        (r"\tan^{-1}(a) = \frac{1}{\tan a}", "refuted"),
        (r"\operatorname{tr}(x y^\top) = x^\top y", "proved"),
        (r"\operatorname{tr}(x y^\top) = \sum_i x_i", "refuted"),
        (r"\operatorname{diag}(x)_{ij} = x_i \delta_{ij}", "proved"),
        (r"\operatorname{diag}(x) y = x \odot y", "proved"),
        (r"\operatorname{diag}(x) y = x + y", "refuted"),
        (r"\Gamma(p + 1) = p", "refuted"),
        (r"g(a) + g(b) = g(b) + g(a)", "proved"),
        (r"g(a) = g(b)", "refuted"),
        (r"2 g(a) = g(2 a)", "refuted"),
        (r"\frac{\partial}{\partial a} g(a) = g'(a)", "proved"),
        (r"g'(a) + g(a) = 2 g(a)", "refuted"),
    ],
)
def test_functions(formula: str, expected: str) -> None:
    assert display(SCALARS, formula) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\|x\|_2^2 = \sum_i x_i^2", "proved"),
        (r"\|x\|_2^2 = \sum_i x_i", "refuted"),
        (r"\|x\|^2 = x^\top x", "proved"),
        (r"\frac{1}{2} \|x\|^2 = \frac12 x^\top x", "proved"),
        (r"\lVert x \rVert_1 = \sum_i |x_i|", "proved"),
        (r"\|x\|_1 = \sum_i x_i", "refuted"),
        (r"\|x\|_\infty = \max_i |x_i|", "proved"),
        (r"\|x\|_\infty = |x_1|", "refuted"),
        (r"\|x\|_3 = 0", "unread"),
        (r"\|A\|_F^2 = \sum_{i,j} A_{ij}^2", "proved"),
        (r"\|A\|_F^2 = \operatorname{tr}(A^\top A)", "proved"),
        (r"\|A\|_F^2 = \operatorname{tr}(A A)", "refuted"),
        (r"\|A\|_2^2 = \sum_{i,j} A_{ij}^2", "unread"),
        (r"\|A\|_1 = 0", "unread"),
        (r"\langle x, y \rangle = \sum_i x_i y_i", "proved"),
        (r"\langle x, y \rangle = x y^\top", "ill-typed"),
        (r"\langle x + y, x \rangle = x^\top x + y^\top x", "proved"),
        (r"\langle x + y, x \rangle = x^\top x", "refuted"),
        (r"\langle A, A \rangle = \|A\|_F^2", "proved"),
        (r"\langle A, x \rangle = 0", "ill-typed"),
        (r"\langle x \rangle = 0", "unread"),
    ],
)
def test_norms_and_inner_products(formula: str, expected: str) -> None:
    setup = r"Let $x, y \in \mathbb{R}^N$ and $A \in \mathbb{R}^{N \times N}$."
    assert display(setup, formula) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\max_i x_i = \max(x)", "proved"),
        (r"\max_i x_i = \max_k x_k", "proved"),
        (r"\max_i x_i = x_1", "refuted"),
        (r"\min_i x_i = \max_i x_i", "refuted"),
        (r"\max_j B_{ij} = \max(B_i)", "proved"),
        (r"\max_j B_{ij} = \max_k B_{ki}", "ill-typed"),
        (r"\max_i (x_i + 1) - \max_i (1 + x_i) = 0", "proved"),
        (r"\max_i x_i^2 = \max_i x_i", "refuted"),
        (r"\max_{i \neq 1} x_i = x_1", "unread"),
        (r"\frac{\partial}{\partial x_j} \max_i x_i = 0", "refuted"),
        (r"k = \arg\max_i x_i", "not judged"),
        (r"\hat y = \operatorname{argmin}_{y} \|x - y\|", "not judged"),
        (r"\arg x = 0", "unread"),
    ],
)
def test_largest_entries(formula: str, expected: str) -> None:
    setup = r"Let $x \in \mathbb{R}^N$ and $B \in \mathbb{R}^{N \times D}$."
    assert display(setup, formula) == expected


@pytest.mark.parametrize(
    ("setup", "formula", "expected"),
    [
        ("", r"\log p_\theta(a) = \log p_{\theta}(a)", "proved"),
        ("", r"\log p_\theta(a) = \log p_{\phi}(a)", "refuted"),
        ("", r"\log p_\theta(a) = \log p(a)", "refuted"),
        ("", r"\frac{\partial}{\partial a} \log p_\theta(a) = "
         r"\frac{1}{p_\theta(a)} \frac{\partial p_\theta(a)}{\partial a}", "proved"),
        ("", r"\frac{\partial}{\partial a} \log p_\theta(a) = "
         r"\frac{\partial p_\theta(a)}{\partial a}", "refuted"),
        ("$\\theta \\in \\mathbb{R}$.", r"\frac{\partial}{\partial \theta} p_\theta(a) = 0",
         "refuted"),
        ("$\\theta_1 \\in \\mathbb{R}$.", r"\frac{\partial}{\partial \theta_1} p_{\theta_1}(a) = 0",
         "refuted"),
        ("$\\theta_1 \\in \\mathbb{R}^D$.", r"p_{\theta_1}(a) - a = 0", "ill-typed"),
        ("$\\theta \\in \\mathbb{R}^D$.", r"p_\theta(a) + a = a + p_\theta(a)", "ill-typed"),
        ("$f_\\theta(u) = \\theta u$, $\\theta \\in \\mathbb{R}$.", r"f_\theta(a) = \theta a",
         "proved"),
        ("$f_\\theta(u) = \\theta u$, $\\theta \\in \\mathbb{R}$.", r"f_\theta(a) = a", "refuted"),
        ("$f_1(u) = u^2$, $f_2(u) = u^3$.", r"f_1(a) f_2(a) = a^5", "proved"),
        ("$f_1(u) = u^2$, $f_2(u) = u^3$.", r"f_1(a) f_2(a) = a^6", "refuted"),
        ("$h(u) = u^2 + 1$.", r"h(a) - 1 = a^2", "proved"),
        ("$h(u) = u^2 + 1$.", r"h(a + b) = h(a) + h(b)", "refuted"),
        ("$h(u) = u^2 + 1$.", r"h(a, b) = 0", "unread"),
        ("$m = f(a; b)$.", r"\frac{\partial m}{\partial a} = \frac{\partial f(a; b)}{\partial a}",
         "proved"),
        ("$m = f(a; b)$.", r"\frac{\partial m}{\partial a} = f'(a)", "unread"),
    ],
)  # fmt: skip
def test_functions_with_parameters(setup: str, formula: str, expected: str) -> None:
    assert display(rf"Let $a, b \in \mathbb{{R}}$. {setup}", formula) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\operatorname{vec}(A) + b = b", "unread"),
        (r"b = \operatorname{vec}(A)", "unread"),
        (r"m = \operatorname{mean}(x)", "unread"),
        (r"\operatorname{Var}(x) + b = b", "unread"),
        (r"\mathbb{E}[x] = 0", "unread"),
        (r"m = \mathbb{E}_{x \sim p}[x]", "unread"),
        (r"y = \operatorname{LayerNorm}(x)", "unread"),
        (r"y = \mathrm{LN}(x)", "unread"),
        (r"L = \operatorname{MSE}(x, y)", "unread"),
        (r"\operatorname{mean}(u) = \frac{1}{N} \sum_{i=1}^{N} u_i \\ "
         r"\operatorname{mean}(x) = \frac{1}{N} \sum_{i=1}^{N} x_i", "definition, proved"),
        (r"\operatorname{mean}(u) = \frac{1}{N} \sum_{i=1}^{N} u_i \\ "
         r"\operatorname{mean}(x) = \sum_{i=1}^{N} x_i", "definition, refuted"),
        (r"x \star y = x", "unread"),
        (r"x \odot y = y \odot x", "proved"),
        (r"x \oslash y = x / y", "proved"),
        (r"x \oslash y = y / x", "refuted"),
        (r"x \circ y = x \odot y", "proved"),
        (r"x * y = x \odot y", "proved"),
        (r"x \otimes y = x y^\top", "proved"),
        (r"x \otimes y = y x^\top", "refuted"),
        (r"A \otimes A = A", "ill-typed"),
        (r"x_1 + x_2 + \ldots + x_N = \sum_i x_i", "unread"),
        (r"x_1 \cdots x_N = \prod_i x_i", "unread"),
        (r"\mathrm{d}L = 2 x \mathrm{d}x", "unread"),
    ],
)  # fmt: skip
def test_what_is_not_read_says_so(formula: str, expected: str) -> None:
    setup = r"Let $x \in \mathbb{R}^N$, $b \in \mathbb{R}$, $A \in \mathbb{R}^{N \times N}$."
    setup += r" Let $y \in \mathbb{R}^N$ and $L = \sum_i x_i^2$." if "mathrm{d}" in formula else (
        "" if formula[0] in "y" else r" Let $y \in \mathbb{R}^N$."
    )  # fmt: skip
    assert display(setup, formula) == expected
