"""Witnesses, summaries and rules in words."""

from __future__ import annotations

from fractions import Fraction

import pytest
from judging import judged

from derive.calculus import rules
from derive.judgement.verdict import Entries, Witness
from derive.report.words import because, entries, summary, to_ascii, witness_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(-1, 2), "−1/2"),
        ((Fraction(0), Fraction(1)), "(0, 1)"),
        (((Fraction(0), Fraction(1)), (Fraction(-1), Fraction(2))), "((0, 1), (−1, 2))"),
        ((), "()"),
    ],
)
def test_entries(value: Entries, text: str) -> None:
    assert entries(value) == text


def test_a_witness_names_all_that_was_chosen() -> None:
    witness = Witness({"N": 2}, {"\\gamma": Fraction(1)}, {"j": 1}, "1/2", "−1/2", {"h": "1 + 2·t"})
    assert witness_text(witness) == ("N = 2, γ = 1, h(t) = 1 + 2·t, j = 1: left 1/2, right −1/2")


@pytest.mark.parametrize(
    ("fired", "limit", "text"),
    [
        ((), 4, "both sides are the same expression"),
        (("a law",), 4, "a law"),
        (("a law", "another"), 1, "a law; and 1 more"),
        (("a law", rules.DELTA_PICKS.name), 1, f"{rules.DELTA_PICKS.name}; and 1 more"),
        (("a law", rules.DELTA_PICKS.name), 2, f"a law; {rules.DELTA_PICKS.name}"),
    ],
)
def test_because_names_what_says_most(fired: tuple[str, ...], limit: int, text: str) -> None:
    assert because(fired, limit) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "test.md: no claims"),
        ("$$1 = 1$$", "test.md: 1 claim: 1 proved"),
        ("$$1 = 1$$\n\n$$1 = 2$$", "test.md: 2 claims: 1 proved, 1 refuted"),
    ],
)
def test_summary(text: str, line: str) -> None:
    assert summary(judged(text)) == line


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("v + ε > 0", "v + epsilon > 0"),
        ("N ≥ 1", "N >= 1"),
        ("−1/2", "-1/2"),
        ("✓ proved", "ok proved"),
        ("Δ", "Delta"),
        ("\ufffd", ""),
        ("plain", "plain"),
    ],
)
def test_to_ascii(text: str, plain: str) -> None:
    assert to_ascii(text) == plain
