"""The layers that the modules for PyTorch are tried on: of the library, and one of two outputs."""

from __future__ import annotations

from functools import cache

from closed_forms import forms_of

import derive
from derive.kernel.plan import Plan, plan_of

TWO_OUTPUTS = r"""
Let $X \in \mathbb{R}^{N \times D}$, $w \in \mathbb{R}^D$ and

$$u_{ij} = w_j x_{ij}^2, \qquad v_i = \sum_{j=1}^{D} \sin x_{ij}$$

A loss $f : \mathbb{R}^{N \times D} \times \mathbb{R}^N \to \mathbb{R}$ is taken of $u$ and $v$.

$$\frac{\partial f}{\partial x_{ij}} = 2 w_j x_{ij} \frac{\partial f}{\partial u_{ij}} +
\cos(x_{ij}) \frac{\partial f}{\partial v_i}$$

$$\frac{\partial f}{\partial w_j} = \sum_{i=1}^{N} x_{ij}^2 \frac{\partial f}{\partial u_{ij}}$$
"""


@cache
def planned(layer: str) -> Plan:
    """The plan of a document of the library, or of `two_outputs`."""
    if layer == "two_outputs":
        return plan_of(forms_of(TWO_OUTPUTS))
    return derive.load(layer).plan()
