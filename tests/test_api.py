"""The Python interface: loading, what can be done, how results print, what is refused."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import derive
from derive.errors import UsageError

FALSE = r"Let $x \in \mathbb{R}^N$." + "\n\n" + r"$$\sum_{i=1}^{N} x_i^2 = 3$$" + "\n"


@pytest.fixture(scope="module")
def batchnorm() -> derive.Derivation:
    return derive.load("batchnorm")


@pytest.fixture
def slip(tmp_path: Path) -> derive.Derivation:
    path = tmp_path / "slip.md"
    path.write_text(FALSE, encoding="utf-8")
    return derive.load(path)


def test_the_library_lists_its_documents() -> None:
    assert "batchnorm" in derive.documents()


def test_check(batchnorm: derive.Derivation) -> None:
    checked = batchnorm.check()
    assert checked.exit_code == 0
    assert checked.counts["proved"] == len(checked.judged)
    assert (
        repr(checked) == f"batchnorm.md: {len(checked.judged)} claims: {len(checked.judged)} proved"
    )


def test_a_finding_shows_in_the_representation(slip: derive.Derivation) -> None:
    assert "3:24: refuted: ∑ᵢ₌₁ᴺ xᵢ² = 3" in repr(slip.check())


def test_grad(batchnorm: derive.Derivation) -> None:
    gradient = batchnorm.grad("beta")
    assert repr(gradient).startswith("∂f/∂βⱼ = ∑ᵢ₌₁ᴺ ∂f/∂Yᵢⱼ")
    assert "\\begin{aligned}" in gradient._repr_latex_()
    ElementTree.fromstring(gradient._repr_html_().replace("<br>", "<br/>"))


def test_kernel(batchnorm: derive.Derivation) -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))
    gamma = rng.normal(size=3)
    result = batchnorm.kernel()(x, dy, gamma, 1e-5)
    scale = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    z = (x - x.mean(axis=0)) * scale
    expected = gamma * scale * (dy - dy.mean(axis=0) - z * (dy * z).mean(axis=0))
    np.testing.assert_allclose(result.dx, expected, rtol=1e-12)
    np.testing.assert_allclose(result.dgamma, (dy * z).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.dbeta, dy.sum(axis=0), rtol=1e-12)


def test_what_is_displayed_is_well_formed(batchnorm: derive.Derivation) -> None:
    ElementTree.fromstring(batchnorm._repr_html_().replace("<br>", "<br/>"))
    assert batchnorm._repr_latex_().startswith("$$")
    assert repr(batchnorm).startswith("<Derivation batchnorm: ")


@pytest.mark.parametrize("name", ["nowhere.md", "batchnrm", "", "a/b", "__import__('os')"])
def test_what_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        derive.load(name)


def test_a_document_without_a_proved_form_has_no_kernel(slip: derive.Derivation) -> None:
    with pytest.raises(UsageError, match="no closed form"):
        slip.kernel()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute"):
        derive.nothing  # noqa: B018
