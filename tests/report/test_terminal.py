"""What a terminal is given: plain text of its width, and nothing that it would obey."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from judging import judged
from rich.console import Console

from derive.judgement.check import Checked
from derive.report.terminal import Screen

VECTOR = "$x \\in \\mathbb{R}^N$ and $m = \\frac{1}{N} \\sum_{i=1}^{N} x_i$.\n\n"


def printed(text: str, write: Callable[[Screen, Checked], None] = Screen.show) -> str:
    """What is printed of a document on 60 columns without colour."""
    out = io.StringIO()
    write(
        Screen(Console(file=out, width=60, highlight=False, markup=False, emoji=False)),
        judged(text),
    )
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# A title\n", "A title\n═══════\n"),
        (VECTOR + "$$\\sum_i x_i = N m$$", "✓ proved\n"),
        (VECTOR + "$$\\sum_i x_i = N m = 2 m$$", "    ✓ (1) proved\n"),
        (VECTOR + "$$\\sum_i x_i = N m = 2 m$$", "    ✗ (2) refuted\n      witness: N = 1"),
        (VECTOR + "$$\\frac{\\partial m}{\\partial x} = x_i$$", "✗ ill-typed\n      the index i"),
        (VECTOR + "$$\\frac{m}{m = 1$$\n\nNext.", "formula ends here\n"),
        (VECTOR + "Also $m \\approx 3$.", "not judged, line 3: m ≈ 3"),
        (VECTOR + "    code *here*\n", "code *here*"),
    ],
)
def test_show(text: str, wanted: str) -> None:
    assert wanted in printed(text)


def test_prose_is_wrapped_to_the_width() -> None:
    lines = printed("word " * 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert len([line for line in lines if line]) > 4


@pytest.mark.parametrize("write", [Screen.show, Screen.findings])
@pytest.mark.parametrize("evil", ["\x1b[2J", "\x1b]0;title\x07", "\u202e", "\x9b31m", "[red]"])
def test_nothing_is_obeyed(evil: str, write: Callable[[Screen, Checked], None]) -> None:
    text = f"# T {evil}\n\nword {evil} word\n\n    {evil}\n\n$$a = \\foo {evil}$$\n"
    shown = printed(text, write)
    assert not set(shown) & set("\x1b\x07\u202e\x9b")
    assert "\ufffd" in shown or evil in shown


@pytest.mark.parametrize(
    ("claim", "wanted"),
    [
        ("N m = \\sum_i x_i", "test.md: 1 claim: 1 proved\n"),
        ("m = 2 m", "test.md:3:5: refuted: m = 2m\n    witness: N = 1"),
        ("m = x", "test.md:3:5: ill-typed: m = x\n"),
        ("m = (x", "test.md:3:"),
    ],
)
def test_findings(claim: str, wanted: str) -> None:
    assert printed(VECTOR + f"$${claim}$$", Screen.findings).startswith(wanted)
