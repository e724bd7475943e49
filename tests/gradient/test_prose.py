"""What a derivation says between its equations."""

from __future__ import annotations

import pytest
from gradient.test_derived import derived


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("attention", "; then the adjoint of $P$ is inserted, and $O$ is written in place of its"),
        ("batchnorm", "; then the adjoints of $\\hat{X}$, $\\mu$ and $v$ are inserted:"),
        ("batchnorm", "The lemma is used; then the adjoint of $\\hat{X}$ is inserted."),
        ("softmax", "What is cheap to work out again is inserted, and common factors stand"),
    ],
)
def test_a_step_says_what_it_inserts(name: str, sentence: str) -> None:
    assert sentence in derived(name).text


@pytest.mark.parametrize(("name", "options"), [("mse", {}), ("softmax", {"of": "p"})])
def test_nothing_inserted_is_not_said(name: str, options: dict[str, str]) -> None:
    assert "; then the adjoint" not in derived(name, "x", **options).text
