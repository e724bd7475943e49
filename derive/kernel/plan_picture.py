"""The passes of a plan as a picture: what each reads, computes and writes, and what moves."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape

from derive.kernel.costs import Costs, Pass, amount_of, amount_text
from derive.meaning.terms import Affine

WIDTH, MARGIN, LINE, PAD = 860, 24, 19, 14
TEXT = 96
"""Letters in a line of a box."""
NOMINAL = 1000
"""The length of every size where none is given."""
STYLE = """
svg { background: #ffffff; --ink: #1c2430; --soft: #5b6675; --line: #9aa5b4; --box: #f4f6f9;
  --product: #fff4e0; --moved: #4878cf; --least: #6acc64; }
@media (prefers-color-scheme: dark) { svg { background: #14181f; --ink: #e6e9ee;
  --soft: #a5afbd; --line: #667181; --box: #1f2630; --product: #33291a; } }
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.soft { fill: var(--soft); }
.head { font-weight: 600; }
rect.box { fill: var(--box); stroke: var(--line); }
rect.product { fill: var(--product); }
path { stroke: var(--line); fill: none; }
"""


def plan_picture(costs: Costs, title: str, sizes: Mapping[str, int] | None = None) -> str:
    """A standalone SVG; bytes of float32 at the given sizes, formulas where there are none."""
    drawn, y = list[str](), MARGIN + LINE
    drawn.append(_text(MARGIN, y, title, "head"))
    y += LINE
    for number, each in enumerate(costs.passes, 1):
        if number > 1:
            drawn.append(_arrow(y))
            y += 26
        lines = list(_lines(each, number, sizes))
        height = 2 * PAD + LINE * len(lines) - 6
        kind = "box product" if each.product else "box"
        drawn.append(
            f'<rect class="{kind}" x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}"'
            f' height="{height}" rx="6"/>'
        )
        for k, (text, style) in enumerate(lines):
            drawn.append(_text(MARGIN + PAD, y + PAD + 11 + k * LINE, text, style))
        y += height
    y += 30
    for line in _notes(costs):
        drawn.append(_text(MARGIN, y, line, "soft"))
        y += LINE
    drawn += _bars(costs, sizes, y)
    height = y + 4 * LINE + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="{escape(title)}">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", *drawn, "</svg>", ""])


def _lines(each: Pass, number: int, sizes: Mapping[str, int] | None) -> Iterator[tuple[str, str]]:
    over = " × ".join(str(length) for length in each.over) or "1"
    yield f"pass {number}   over {over}", "head"
    for line in _wrapped(", ".join(each.computes)):
        yield line, ""
    for word, names, amount in (
        ("reads", each.reads, each.read),
        ("writes", each.writes, each.written),
    ):
        for line in _wrapped(f"{word} {', '.join(names) or 'nothing'}: {_amount(amount, sizes)}"):
            yield line, "soft"
    yield f"operations {_operations(each, sizes)}", "soft"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, TEXT, subsequent_indent="  ", break_on_hyphens=False) or [""]


def _amount(amount: Mapping[tuple[Affine, ...], int], sizes: Mapping[str, int] | None) -> str:
    counted = Counter(amount)
    if sizes is None:
        return f"{amount_text(counted)} entries"
    return f"{4e-6 * amount_of(counted, sizes):.4g} MB"


def _operations(each: Pass, sizes: Mapping[str, int] | None) -> str:
    if sizes is None:
        return amount_text(each.operations)
    return f"{1e-6 * amount_of(each.operations, sizes):.4g} million"


def _notes(costs: Costs) -> Iterator[str]:
    notes = [f"{text}, from at most 16 entries, checked after its pass" for text in costs.sampled]
    if costs.again:
        notes.append(f"read again: {', '.join(costs.again)}")
    notes.append(f"shared among blocks, workers, processes {costs.split}")
    for note in notes:
        yield from _wrapped(note)


def _bars(costs: Costs, sizes: Mapping[str, int] | None, y: int) -> Iterator[str]:
    """Two bars: what is moved, and what has to be."""
    names = {
        name
        for amount in (costs.moved, costs.least)
        for key in amount
        for n in key
        for name in n.names
    }
    at = sizes or dict.fromkeys(names, NOMINAL)
    moved, least = (amount_of(amount, at) for amount in (costs.moved, costs.least))
    longest = max(moved, least, 1)
    for k, (word, amount, length, fill) in enumerate(
        (("moves", costs.moved, moved, "moved"), ("at least", costs.least, least, "least"))
    ):
        top = y + 6 + k * 2 * LINE
        width = round((WIDTH - 2 * MARGIN) * length / longest)
        shown = f"{word} {_amount(amount, sizes)}"
        yield _text(MARGIN, top + 10, _wrapped(shown)[0], "")
        yield (
            f'<rect x="{MARGIN}" y="{top + 15}" width="{max(width, 1)}" height="8" rx="2"'
            f' style="fill: var(--{fill})"/>'
        )


def _text(x: int, y: int, text: str, style: str) -> str:
    own = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}" xml:space="preserve"{own}>{escape(text)}</text>'


def _arrow(y: int) -> str:
    middle = WIDTH // 2
    return f'<path d="M{middle} {y + 2} v20 m-5 -6 l5 6 l5 -6"/>'
