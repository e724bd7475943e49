"""The tables of letters and signs, and small characters."""

from __future__ import annotations

import unicodedata

import pytest

from derive.reading.syntax import Name
from derive.reading.vocabulary import ACCENTS as READ_ACCENTS
from derive.reading.vocabulary import GREEK as READ_LETTERS
from derive.reading.vocabulary import OPERATORS as READ_OPERATORS
from derive.reading.vocabulary import RELATIONS as READ_RELATIONS
from derive.writing.symbols import (
    ACCENTS,
    ASCII_OPERATORS,
    ASCII_RELATIONS,
    GREEK,
    LETTERS,
    OPERATORS,
    RELATIONS,
    ascii_name,
    lifted,
    lowered,
    unicode_name,
)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("i", "ᵢ", "ⁱ"),
        ("i=1", "ᵢ₌₁", "ⁱ⁼¹"),
        ("−1/2", None, "⁻¹ᐟ²"),
        ("ij", "ᵢⱼ", "ⁱʲ"),
        ("b", None, "ᵇ"),
        ("N×D", None, "ᴺˣᴰ"),
        ("γ", "ᵧ", "ᵞ"),
        ("i,j", None, None),
        ("", None, None),
    ],
)
def test_small_characters(text: str, low: str | None, high: str | None) -> None:
    assert lowered(text) == low
    assert lifted(text) == high


@pytest.mark.parametrize(
    ("name", "unicode", "ascii"),
    [
        (Name("\\gamma"), "γ", "gamma"),
        (Name("γ"), "γ", "gamma"),
        (Name("x", "", ("hat",)), "x\u0302", "xhat"),
        (Name("x", "", ("bar", "hat")), "x\u0302\u0304", "xhatbar"),
        (Name("R", "mathbb"), "ℝ", "R"),
        (Name("1", "mathbb"), "𝟙", "1"),
        (Name("B", "mathcal"), "ℬ", "B"),
        (Name("x", "mathbf"), "𝐱", "x"),
        (Name("\\mu", "boldsymbol"), "𝛍", "mu"),
        (Name("rstd", "mathrm"), "rstd", "rstd"),
        (Name("ab", "", ("overline",)), "a\u0305b\u0305", "aboverline"),
    ],
)
def test_names(name: Name, unicode: str, ascii: str) -> None:
    assert unicode_name(name) == unicode
    assert ascii_name(name) == ascii


@pytest.mark.parametrize(("command", "letter"), GREEK.items())
def test_greek_letters_are_the_letters_they_are_called(command: str, letter: str) -> None:
    case = "CAPITAL" if command[0].isupper() else "SMALL"
    plain = command.removeprefix("var").lower()
    name = unicodedata.name(letter).replace("LAMDA", "LAMBDA")
    assert {"GREEK", plain.upper()} <= set(name.split())
    assert case in name or "SYMBOL" in name


def test_everything_that_is_read_can_be_written() -> None:
    assert set(LETTERS) >= READ_LETTERS
    assert set(ACCENTS) >= READ_ACCENTS
    assert set(READ_OPERATORS.values()) <= set(OPERATORS)
    assert set(READ_RELATIONS.values()) <= set(RELATIONS)


def test_every_sign_has_an_ascii_form() -> None:
    for signs, ascii in ((RELATIONS, ASCII_RELATIONS), (OPERATORS, ASCII_OPERATORS)):
        assert all(sign.isascii() or ascii[sign].isascii() for sign in signs.values())
