"""Boxes of text: the two-dimensional layout of a formula in a terminal.

A box is a rectangle of characters with a baseline, the row on which its neighbours stand. Widths
are in terminal cells: a combining mark has none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_GROWN = {
    "(": "⎛⎜⎝",
    ")": "⎞⎟⎠",
    "[": "⎡⎢⎣",
    "]": "⎤⎥⎦",
    "⌊": "⎢⎢⎣",
    "⌋": "⎥⎥⎦",
    "⌈": "⎡⎢⎢",
    "⌉": "⎤⎥⎥",
    "|": "│││",
    "‖": "‖‖‖",
}
"""Top, middle and bottom of a bracket that is taller than a line."""

_BRACES = {"{": ("⎧⎪⎨⎩", "⎰⎱"), "}": ("⎫⎪⎬⎭", "⎱⎰"), "⟨": ("╱╱⟨╲", "╱╲"), "⟩": ("╲╲⟩╱", "╲╱")}
"""Top, filling, middle and bottom of a bracket with a point, and its form in two rows."""


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cell_width(text: str) -> int:
    """How many terminal cells the text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_width(text))


@dataclass(frozen=True, slots=True)
class Box:
    """Rows of equal width; `baseline` is the index of the row on which neighbours stand."""

    rows: tuple[str, ...]
    baseline: int = 0

    @staticmethod
    def of(rows: Sequence[str], baseline: int = 0) -> Box:
        """A box of these rows, padded to the widest."""
        width = max(map(cell_width, rows), default=0)
        return Box(tuple(_padded(row, width) for row in rows), baseline)

    @staticmethod
    def line(text: str) -> Box:
        """A box of one row."""
        return Box((text,))

    @property
    def width(self) -> int:
        return cell_width(self.rows[0])

    @property
    def height(self) -> int:
        return len(self.rows)

    @property
    def below(self) -> int:
        """How many rows stand below the baseline."""
        return self.height - self.baseline - 1

    def __str__(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows)

    def to_height(self, above: int, below: int) -> Box:
        """The box with blank rows so that this many stand above and below its baseline."""
        blank = (" " * self.width,)
        top, bottom = max(0, above - self.baseline), max(0, below - self.below)
        return Box(blank * top + self.rows + blank * bottom, self.baseline + top)

    def centred(self, width: int) -> Box:
        """The box in the middle of this width; an odd space goes to the right."""
        spare = max(0, width - self.width)
        left, right = " " * (spare // 2), " " * (spare - spare // 2)
        return Box(tuple(left + row + right for row in self.rows), self.baseline)


def beside(*boxes: Box) -> Box:
    """The boxes from left to right on one baseline."""
    above = max(box.baseline for box in boxes)
    below = max(box.below for box in boxes)
    level = [box.to_height(above, below).rows for box in boxes]
    return Box(tuple(map("".join, zip(*level, strict=True))), above)


def stacked(boxes: Sequence[Box], base: int, *, centre: bool = True) -> Box:
    """The boxes from top to bottom; the baseline is that of the box with index `base`."""
    width = max(box.width for box in boxes)
    rows = [row for b in boxes for row in (b.centred(width).rows if centre else b.rows)]
    return Box.of(rows, sum(box.height for box in boxes[:base]) + boxes[base].baseline)


def fraction(top: Box, bottom: Box) -> Box:
    """One box over another; the bar is longer than the bars of fractions inside."""
    nested = top.height > 2 or bottom.height > 2
    width = max(top.width, bottom.width) + 2 * nested
    return stacked([top, Box.line("─" * width), bottom], 1)


def enclosed(left: str, box: Box, right: str) -> Box:
    """The box between two brackets, which grow from three rows on; either may be empty."""
    if box.height < 3:
        return beside(Box.line(left), box, Box.line(right))
    return beside(_bracket(left, box), box, _bracket(right, box))


def _bracket(sign: str, beside_box: Box) -> Box:
    height, baseline = beside_box.height, beside_box.baseline
    if sign in _GROWN:
        top, middle, bottom = tuple(_GROWN[sign])
        return Box((top, *(middle * (height - 2)), bottom), baseline)
    if sign in _BRACES:
        return Box(tuple(pointed(sign, height, baseline)), baseline)
    return Box((sign,))


def pointed(sign: str, height: int, point: int) -> str:
    """The characters of a brace from top to bottom, its point in the row `point`."""
    forms, short = _BRACES[sign]
    top, filling, middle, bottom = tuple(forms)
    if height < 3:
        return short[:height] if height == 2 else sign
    point = min(max(1, point), height - 2)
    lower = bottom if sign in "⟨⟩" else filling
    return top + filling * (point - 1) + middle + lower * (height - point - 2) + bottom


def rooted(box: Box, degree: str = "") -> Box:
    """The box under a root sign; `degree` stands before it in small characters."""
    lead = cell_width(degree)
    if box.height == 1:
        top = " " * (lead + 1) + "▁" * box.width
        return Box.of([top, f"{degree}√{box.rows[0]}"], 1)
    top = " " * lead + "┌" + "─" * box.width
    sides = [" " * lead + "│"] * (box.height - 1) + [degree + "⎷"]
    rows = [side + row for side, row in zip(sides, box.rows, strict=True)]
    return Box.of([top, *rows], box.baseline + 1)


def braced(box: Box, note: Box | None, *, under: bool) -> Box:
    """The box with a horizontal brace under or over it, and a note beyond the brace."""
    inner = max(box.width, 3) - 3
    left, middle, right = "╰┬╯" if under else "╭┴╮"
    arms = "─" * (inner // 2), "─" * (inner - inner // 2)
    brace = Box.line(left + arms[0] + middle + arms[1] + right)
    parts = [box, brace] + ([note] if note else [])
    return stacked(parts, 0) if under else stacked(parts[::-1], len(parts) - 1)


def big_sign(command: str) -> Box | None:
    """A sum or product sign of three rows; None for another command."""
    match command:
        case "sum":
            return Box(("╲▔▔", " > ", "╱▁▁"), 1)
        case "prod":
            return Box(("┬─┬", "│ │", "┴ ┴"), 1)
        case _:
            return None
