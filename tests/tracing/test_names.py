"""Names of a program as names of a document."""

from __future__ import annotations

import pytest

from derive.tracing.names import Naming, latex_of


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("x", "x"),
        ("W", "W"),
        ("gamma", r"\gamma"),
        ("Sigma", r"\Sigma"),
        ("eps", r"\epsilon"),
        ("lambda_", r"\lambda"),
        ("x_hat", r"\hat{x}"),
        ("xhat", r"\hat{x}"),
        ("mu_bar", r"\bar{\mu}"),
        ("dx1", r"\mathrm{dx1}"),
        ("h_prev", r"\mathrm{hprev}"),
        ("what", r"\hat{w}"),
        ("chat_hat", r"\hat{\mathrm{chat}}"),
        ("μ", r"\mu"),
        ("σ_hat", r"\hat{\sigma}"),
        ("__", None),
        ("_x", "x"),
    ],
)
def test_latex(identifier: str, expected: str | None) -> None:
    assert latex_of(identifier) == expected


def test_each_name_is_given_once() -> None:
    """Capitals count as their small letters, which may stand for their entries."""
    naming = Naming()
    wishes = ["x", "X", "x", "e", "max", "log", "diag", "delta", "__", "μ", "mu"]
    expected = ["x", r"\mathrm{X1}", r"\mathrm{x2}", r"\mathrm{e1}", r"\mathrm{max1}"]
    expected += [r"\mathrm{log1}", r"\mathrm{diag1}", r"\mathrm{delta1}", r"\mathrm{v1}"]
    assert [naming.wish(name) for name in wishes] == [*expected, r"\mu", r"\mathrm{mu1}"]


def test_fresh_names_do_not_meet_the_others() -> None:
    naming = Naming()
    naming.wish("S")
    names = [naming.fresh() for _ in range(30)]
    assert "s" not in names
    assert len(set(names)) == 30
