"""The plots of error against step size, and what is said where one cannot be drawn."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from xml.etree import ElementTree

import pytest

from derive.errors import UsageError
from derive.kernel.crosscheck import CrossCheck, StepError
from derive.kernel.plot import plot_text, svg_plot

Optional = Callable[[str], ModuleType]
Draw = Callable[[CrossCheck], str]
CHECK = CrossCheck((), tuple(StepError(10.0**k, 10.0 ** (2 * k), 0.0) for k in range(-9, 0)), 0.0)
PACKAGES: list[tuple[str, Draw]] = [("matplotlib", svg_plot), ("plotext", plot_text)]


def test_svg_plot(optional: Optional) -> None:
    optional("matplotlib")
    text = svg_plot(CHECK)
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "complex step" in text and "central differences" in text
    assert text == svg_plot(CHECK)


def test_plot_text(optional: Optional) -> None:
    optional("plotext")
    text = plot_text(CHECK, 70, 20, colour=False)
    assert "complex step" in text and "\x1b[" not in text
    assert max(map(len, text.splitlines())) <= 70


NOTHING = [(), (StepError(0.1, float("inf"), 0.0),), (StepError(0.1, 0.0, float("nan")),)]


@pytest.mark.parametrize("steps", NOTHING)
@pytest.mark.parametrize(("package", "draw"), PACKAGES)
def test_nothing_to_plot(
    package: str, draw: Draw, steps: tuple[StepError, ...], optional: Optional
) -> None:
    optional(package)
    with pytest.raises(UsageError, match="no errors against step size"):
        draw(CrossCheck((), steps, 0.0))


@pytest.mark.parametrize(("package", "draw"), PACKAGES)
def test_missing_packages_are_explained(
    package: str, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=package) as refused:
        draw(CHECK)
    assert 'pip install "derive[plot]"' in refused.value.advice
