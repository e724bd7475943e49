"""The error of differences against step size: why the kernel is compared with exact values.

Central differences lose to truncation on one side and to cancellation on the other; a complex
step only to truncation. matplotlib and plotext are optional (`pip install "derive[plot]"`).
"""

from __future__ import annotations

import importlib
import io
import math
from collections.abc import Sequence
from typing import Any

from derive.errors import UsageError
from derive.kernel.crosscheck import CrossCheck, StepError

FLOOR = 1e-17
TITLE = "Error of a numerical derivative against its step size"
ACROSS, UP = "step size h", "error / largest entry"
SERIES = ("central differences", "complex step")


def svg_plot(check: CrossCheck) -> str:
    """The plot as the text of an SVG file.

    Raises UsageError when matplotlib is not installed or when there is nothing to plot.
    """
    figures = _required("matplotlib.figure")
    matplotlib = _required("matplotlib")
    central, imaginary = _series(check.steps)
    written = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "derive", "svg.fonttype": "none"}):
        figure = figures.Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        axes.loglog(*central, marker="o", markersize=4, label=SERIES[0])
        axes.loglog(*imaginary, marker="s", markersize=4, label=SERIES[1])
        axes.set(title=TITLE, xlabel=ACROSS, ylabel=UP)
        axes.grid(True, alpha=0.3)
        axes.legend()
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def plot_text(check: CrossCheck, width: int = 80, height: int = 24, colour: bool = True) -> str:
    """The plot as text, at most as wide and high as given or as the terminal is.

    Raises UsageError when plotext is not installed or when there is nothing to plot.
    """
    figure: Any = getattr(_required("plotext"), "figure", None)
    if not hasattr(figure, "signal"):
        raise UsageError(
            "a plot in the terminal needs plotext 6 or newer",
            advice='Upgrade it with: pip install --upgrade "derive[plot]"',
        )
    central, imaginary = _series(check.steps)
    figure.clear()
    figure.plot_size(width, height)
    for (steps, errors), label, marker in zip((central, imaginary), SERIES, "o+", strict=True):
        heights = [math.log10(error) for error in errors]
        signal = figure.signal([math.log10(h) for h in steps], heights, marker=marker)
        signal.label(label)
        figure.draw(signal)
    figure.title(f"log10 of {UP}, against log10 of {ACROSS}")
    text = figure.build().string(colorless=not colour)
    figure.clear()
    return str(text)


def _series(
    steps: Sequence[StepError],
) -> tuple[tuple[list[float], list[float]], tuple[list[float], list[float]]]:
    """Steps and errors of both differences; an infinite error is left out, zero is the floor."""
    central = [(s.h, max(s.central, FLOOR)) for s in steps if math.isfinite(s.central)]
    imaginary = [(s.h, max(s.complex_step, FLOOR)) for s in steps if math.isfinite(s.complex_step)]
    if not central or not imaginary:
        raise UsageError("there are no errors against step size to plot")
    return _columns(central), _columns(imaginary)


def _columns(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [first for first, _ in pairs], [second for _, second in pairs]


def _required(module: str) -> Any:
    """An optional module, or a UsageError that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        package = module.partition(".")[0]
        raise UsageError(
            f"a plot needs {package}, which is not installed",
            advice='Install it with: pip install "derive[plot]"',
        ) from missing
