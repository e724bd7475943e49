"""Closed forms read from short documents, for the tests of the kernel."""

from __future__ import annotations

from functools import cache

from derive.kernel.plan import ClosedForm, Plan, plan_of
from derive.meaning import terms as t
from derive.meaning.claims import Claim
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source

BATCHNORM = r"""
Let $X \in \mathbb{R}^{N \times D}$, $\gamma, \beta, \mu, v \in \mathbb{R}^D$ and
$\epsilon > 0$, with
$$\mu = \frac{1}{N} \sum_{i=1}^{N} x_i, \qquad v = \frac{1}{N} \sum_{i=1}^{N} (x_i - \mu)^2$$
$$\hat{X} = \frac{X - \mu}{\sqrt{v + \epsilon}}, \qquad Y = \gamma \hat{X} + \beta$$
For a loss $f : \mathbb{R}^{N \times D} \to \mathbb{R}$
$$\frac{\partial f}{\partial X} = \gamma (v + \epsilon)^{-\frac{1}{2}} \left( -\frac{1}{N}
\sum_{i=1}^{N} \frac{\partial f}{\partial y_i} - (X - \mu) (v + \epsilon)^{-1} \frac{1}{N}
\sum_{i=1}^{N} (x_i - \mu) \frac{\partial f}{\partial y_i} + \frac{\partial f}{\partial Y} \right)$$
$$\frac{\partial f}{\partial \gamma_j} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_{ij}}
\hat{x}_{ij}, \qquad \frac{\partial f}{\partial \beta_j} = \sum_{i=1}^{N}
\frac{\partial f}{\partial y_{ij}}$$
"""

LAYERNORM = r"""
Rows $X \in \mathbb{R}^{N \times D}$, scale and shift $\gamma, \beta \in \mathbb{R}^D$,
$\epsilon > 0$:
$$\mu_i = \frac{1}{D} \sum_{k=1}^{D} x_{ik}, \qquad
v_i = \frac{1}{D} \sum_{k=1}^{D} (x_{ik} - \mu_i)^2, \qquad
\hat{x}_{ij} = \frac{x_{ij} - \mu_i}{\sqrt{v_i + \epsilon}}, \qquad
y_{ij} = \gamma_j \hat{x}_{ij} + \beta_j$$
with $\mu, v \in \mathbb{R}^N$, $\hat{X}, Y \in \mathbb{R}^{N \times D}$ and a loss
$f : \mathbb{R}^{N \times D} \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial x_{ij}} = (v_i + \epsilon)^{-\frac12} \left(
\gamma_j \frac{\partial f}{\partial y_{ij}}
- \frac1D \sum_{k=1}^{D} \gamma_k \frac{\partial f}{\partial y_{ik}}
- \hat{x}_{ij} \frac1D \sum_{k=1}^{D} \gamma_k \hat{x}_{ik} \frac{\partial f}{\partial y_{ik}}
\right)$$
"""

SOFTMAX = r"""
Let $z \in \mathbb{R}^{N}$, and
$$ p_i = \frac{\exp(z_i)}{\sum_{k=1}^{N} \exp(z_k)} $$
for a loss $f : \mathbb{R}^N \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial z_j} = p_j \left(\frac{\partial f}{\partial p_j}
- \sum_{i=1}^{N} \frac{\partial f}{\partial p_i} p_i\right)$$
"""

LINEAR = r"""
Let $X \in \mathbb{R}^{N \times D}$, $W \in \mathbb{R}^{D \times M}$, $b \in \mathbb{R}^M$ and
$$Y = X W + b$$
for a loss $f : \mathbb{R}^{N \times M} \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial X} = \frac{\partial f}{\partial Y} W^\top, \qquad
\frac{\partial f}{\partial W} = X^\top \frac{\partial f}{\partial Y}, \qquad
\frac{\partial f}{\partial b_j} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_{ij}}$$
"""

NEIGHBOURS = r"""
Let $x \in \mathbb{R}^{N}$ and $s = \frac12 \sum_{i=1}^{N-1} (x_{i+1} - x_i)^2$ for a loss
$f : \mathbb{R} \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial x_j} = \frac{\partial f}{\partial s} \sum_{i=1}^{N-1}
(x_{i+1} - x_i) (\delta_{i+1,j} - \delta_{ij})$$
"""

SIGMOID = r"""
Let $x, y \in \mathbb{R}^{N}$ and $y_i = \operatorname{sigmoid}(x_i)$ for a loss
$f : \mathbb{R}^N \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial x_j} = \frac{\partial f}{\partial y_j} y_j (1 - y_j)$$
"""

RELU = r"""
Let $x, y \in \mathbb{R}^{N}$ and $y_i = \max(0, x_i)$ for a loss
$f : \mathbb{R}^N \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial x_j} = \frac{\partial f}{\partial y_j}
\begin{cases} 1 & x_j > 0 \\ 0 & x_j \le 0 \end{cases}$$
"""

LAYERS = {
    "batchnorm": BATCHNORM,
    "layernorm": LAYERNORM,
    "softmax": SOFTMAX,
    "linear": LINEAR,
    "neighbours": NEIGHBOURS,
    "sigmoid": SIGMOID,
    "relu": RELU,
}


def forms_of(text: str) -> tuple[ClosedForm, ...]:
    """Every claim ∂objective/∂input = … of a document, as a closed form."""
    claims = understand(read_document(Source("test.md", text))).claims
    return tuple(form for claim in claims if (form := _form(claim)) is not None)


def _form(claim: Claim) -> ClosedForm | None:
    reading = claim.readings[0]
    left = reading.left
    if not isinstance(left, t.Derivative) or not isinstance(left.of, t.Variable):
        return None
    free = tuple(bound.name for bound in reading.free)
    latex = claim.context.symbols[left.target.key].latex
    return ClosedForm(
        left.of.symbol, left.target, free, reading.right, claim.context, latex, "test.md:1"
    )


@cache
def plan_for(layer: str) -> Plan:
    """The plan of one of the layers above."""
    return plan_of(forms_of(LAYERS[layer]))
