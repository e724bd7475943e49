"""The numeric cross-check as a table and a plot."""

from __future__ import annotations

import sys
from typing import Literal

from rich import box
from rich.table import Table

from derive.errors import UsageError
from derive.kernel.crosscheck import CrossCheck, Row
from derive.kernel.plot import plot_text
from derive.report.terminal import Screen
from derive.report.words import to_ascii

HEADER = ("input", "shape", "dtype", "gradient", "exact", "complex", "central")
NOTE = (
    "Largest error of the exported kernel in ulps of the largest entry, against the exact value, "
    "the complex step and central differences."
)


def rows(check: CrossCheck) -> list[tuple[str, ...]]:
    """The table as text, one row for each input, dtype and gradient."""
    return [
        (r.input, r.shape, r.dtype, r.output, *(figure(v) for v in errors(r))) for r in check.rows
    ]


def errors(row: Row) -> tuple[float | None, float | None, float | None]:
    return row.exact, row.complex_step, row.central


def figure(value: float | None) -> str:
    """An error in ulps with two digits; a dash where the witness is silent."""
    if value is None:
        return "–"
    return f"{value:.2g}" if value < 1000 else f"{value:.1e}"


def _table(check: CrossCheck, dtype: str, ascii: bool) -> Table:
    """The rows of one dtype; an input is named once."""
    table = Table(box=box.ASCII2 if ascii else box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in (*HEADER[:2], *HEADER[3:]):
        side: Literal["left", "right"] = "left" if title in HEADER[:4] else "right"
        table.add_column(title, justify=side, no_wrap=True, overflow="crop")
    seen = ""
    for row in check.rows:
        if row.dtype == dtype:
            shown = "" if row.input == seen else row.input
            shape = "" if row.input == seen else row.shape
            seen = row.input
            values = (figure(value) for value in errors(row))
            table.add_row(
                *(to_ascii(t) if ascii else t for t in (shown, shape, row.output, *values))
            )
    return table


def print_crosscheck(check: CrossCheck, screen: Screen) -> None:
    """The table, what was left out, and the plot of error against step size."""
    for dtype in dict.fromkeys(row.dtype for row in check.rows):
        screen.line(dtype, "bold")
        screen.console.print(_table(check, dtype, screen.ascii))
    screen.wrapped(NOTE, "dim")
    for text in check.silent:
        screen.wrapped(text, "yellow")
    screen.line()
    try:
        if screen.ascii:
            raise UsageError("the plot needs a terminal that shows Unicode")
        colour = screen.console.is_terminal and not screen.console.no_color
        width = min(screen.console.width, 100)
        sys.stdout.write(plot_text(check, width, 22, colour) + "\n")
    except UsageError as error:
        screen.wrapped(f"{error.message}. {error.advice}".rstrip(), "dim")
    screen.line()
    if check.agrees:
        screen.line(f"✓ within rounding of the exact values (at most {check.worst:.2g} ulps)")
    else:
        screen.line("✗ the kernel misses exact values by more than rounding", "red")
