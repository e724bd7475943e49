"""Hostile names and formulas are refused cleanly, fast, and reach no code."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from judging import judged

SCALAR = "$x \\in \\mathbb{R}$.\n\n"

HOSTILE = [
    "$$\\text{__import__('os').system('touch pwned')} = x$$",
    "$$\\mathrm{__import__} = x$$",
    "$$x = `touch pwned`$$",
    "$$\\input{/etc/passwd} = x$$",
    "$$\\include{x} = x$$",
    "$$\\write18{touch pwned} = x$$",
    "$$\\catcode`\\@=11 x = x$$",
    "$$\\csname input\\endcsname{/etc/passwd} = x$$",
    "$$" + "(" * 500 + "x" + ")" * 500 + " = 1$$",
    "$$" + "{" * 500 + "x" + "}" * 500 + " = 1$$",
    "$$" + "\\sqrt{" * 500 + "x" + "}" * 500 + " = 1$$",
    "$$" + "-" * 5000 + "x = 1$$",
    "$$x + 2 = 9^{9^{9}}$$",
    "$$x^{9^9} = x^{9^{9}}$$",
    "$$x^{1000000} = (x + 1)^{100000}$$",
    "$$((((x^{4000})^{4000})^{4000})^{4000}) = 2^{4000^{4000}}$$",
    "$$x + 1" + "0" * 60 + " = x$$",
    "$$x = x " + "+ x" * 30_000 + "$$",
    "$$" + "\\frac{1}{" * 60 + "x" + "}" * 60 + " = 1$$",
    "\\newcommand{\\a}{\\a\\a}\n\n$$\\a = x$$",
]


@pytest.mark.parametrize("formula", HOSTILE, ids=lambda text: text[:24])
def test_hostile_formulas_are_refused_fast(
    formula: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    checked = judged(SCALAR + formula)
    assert time.monotonic() - start < 5
    assert checked.counts["proved"] == 0
    assert sum(checked.counts.values()) + len(checked.meaning.items) > 1
    assert list(tmp_path.iterdir()) == []


def test_a_document_of_many_formulas_is_read_in_reasonable_time() -> None:
    start = time.monotonic()
    checked = judged(SCALAR + "$$x = x + 1$$\n\n" + "$x + 1$ and $x$.\n\n" * 3000)
    assert time.monotonic() - start < 10
    assert sum(checked.counts.values()) <= 1
