"""Gradients derived from the definitions alone are the closed forms that the documents state."""

from __future__ import annotations

import pytest
from judging import understood
from library_documents import NAMES, loaded, stated

from derive.gradient.stated import extends
from derive.gradient.steps import derive_gradient

NOT_DERIVED = frozenset([("huber", "\\kappa")])
"""Proved in the document, and not yet derived: the definition has a kink in both of two names."""
CASES = [
    (name, key)
    for name in NAMES
    for key in dict.fromkeys(form.target.key for form in stated(name))
    if (name, key) not in NOT_DERIVED
]


@pytest.mark.parametrize(("name", "key"), CASES)
def test_the_derived_gradient_is_the_stated_one(name: str, key: str) -> None:
    gradient = derive_gradient(loaded(name).meaning, key)
    assert gradient.agrees_with is not None


FORM = (
    "Let $x, a \\in \\mathbb{R}^N$, $u_i = x_i^2$, $y_i = a_i u_i$ and $f : \\mathbb{R}^N \\to "
    "\\mathbb{R}$ be taken of $y$.\n\n$$\\frac{\\partial f}{\\partial x_i} = "
    "2 a_i x_i \\frac{\\partial f}{\\partial y_i}$$\n\n"
)


@pytest.mark.parametrize(
    ("later", "same"),
    [
        ("", True),
        ("Let $w_i = a_i^2$.", True),
        ("Let $u_i := x_i^3$.", False),
        ("Let $x \\in \\mathbb{R}^{N \\times M}$ and $u_{ij} := x_{ij}$.", False),
    ],
)
def test_a_form_counts_while_its_names_keep_their_meaning(later: str, same: bool) -> None:
    contexts = understood(f"{FORM}{later}\n").contexts
    assert extends(contexts[-1], contexts[1]) is same
