"""Whole documents: text, the formulas and blocks found in it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from derive.errors import UsageError
from derive.reading.document import read_document, read_file
from derive.reading.span import Source
from derive.reading.statements import Code, Document, Formula, Heading, Paragraph, Prose
from derive.reading.syntax import Chain

LIBRARY = Path(__file__).parents[2] / "derive" / "library"


def read(text: str, path: str = "a.md") -> Document:
    return read_document(Source(path, text))


def formulas(document: Document) -> list[Formula]:
    return [
        piece
        for block in document.blocks
        if isinstance(block, Heading | Paragraph)
        for piece in block.pieces
        if isinstance(piece, Formula)
    ]


def summary(document: Document) -> list[str]:
    """Each formula's text in the source; `!` marks an unread one, `D` a display."""
    return [
        ("!" if any(s.error for s in f.statements) else "")
        + ("D " if f.display else "")
        + document.source.cut(f.span)
        for f in formulas(document)
    ]


MARKDOWN = [
    ("Let $x$ and \\(y\\).", ["$x$", "\\(y\\)"]),
    ("Let  $Y = 1 $ , $ y = 2 $ .", ["$Y = 1 $", "$ y = 2 $"]),
    ("It costs $5 and $6, or \\$7.", []),
    ("Only $5 here, $x$ there.", ["$x$"]),
    ("Code `$x$` and ``$y$`` no.", []),
    ("```\n$$a = b$$\n```\n\n~~~\n$x$\n~~~", []),
    ("Text.\n\n    $indented = code$\n", []),
    ("<!-- $x$ --> $y$", ["$y$"]),
    ("In text $$a = b$$ goes on.", ["D $$a = b$$"]),
    ("$$\na\n\n= b\n$$", ["D $$\na\n\n= b\n$$"]),
    ("$$\na\n- b\n+ c\n# d\n$$ and $x$", ["!D $$\na\n- b\n+ c\n# d\n$$", "$x$"]),
    ("\\[a = b\\] \\begin{align*}a &= b\\\\ &= c\\end{align*}",
     ["D \\[a = b\\]", "D \\begin{align*}a &= b\\\\ &= c\\end{align*}"]),
    ("- item $$a\n  = b$$\n1. $x$", ["D $$a\n  = b$$", "$x$"]),
    ("> Quoted $$a\n> = b$$", ["D $$a\n> = b$$"]),
    ("# Title $x$\n\nText", ["$x$"]),
    ("Open $a = b\n\nnext $x$.", ["!$a = b", "$x$"]),
    ("Open $a = b and $x$.", ["!$a = b and", "$x$"]),
    ("Open $$a =\n\nnext $$x$$ and $y$", ["!D $$a =", "D $$x$$", "$y$"]),
    ("$$a = b\n\n$$c = d$$", ["!D $$a = b", "D $$c = d$$"]),
    ("Last \\(a = b\n\n\\[ c = d", ["!\\(a = b", "!D \\[ c = d"]),
    ("\\begin{align} a\n\n$x$", ["!D \\begin{align} a", "$x$"]),
    ("where  $1 \\leq i$ k < N", ["$1 \\leq i$"]),
    ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MARKDOWN, ids=[t[:24] for t, _ in MARKDOWN])
def test_markdown_formulas(text: str, expected: list[str]) -> None:
    assert summary(read(text)) == expected


TEX = [
    ("a $x$ % $y$\n% $z$\nb \\% $t$", ["$x$", "$t$"]),
    ("\\documentclass{a}$no$\\begin{document}$yes$\\end{document}$no$", ["$yes$"]),
    ("\\begin{verbatim}\n$x$\n\\end{verbatim} \\verb|$y$| $z$", ["$z$"]),
    ("$$a % c\n= b$$", ["D $$a % c\n= b$$"]),
    ("\\begin{equation}a\n% only\n= b\\end{equation}",
     ["D \\begin{equation}a\n% only\n= b\\end{equation}"]),
    ("\\input{/etc/hostname} $x$", ["$x$"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TEX, ids=[t[:24] for t, _ in TEX])
def test_tex_formulas(text: str, expected: list[str]) -> None:
    assert summary(read(text, "a.tex")) == expected


def test_blocks_of_markdown() -> None:
    document = read("# One\n\nText *it* $x$\nmore.\n\n```py\ncode\n```\n\n- item\n")
    kinds = [type(block) for block in document.blocks]
    assert kinds == [Heading, Paragraph, Code, Paragraph]
    paragraph = document.blocks[1]
    assert isinstance(paragraph, Paragraph)
    assert [p.text for p in paragraph.pieces if isinstance(p, Prose)] == ["Text it", "more."]
    assert document.title == "One"


def test_blocks_of_tex() -> None:
    text = "\\section{One}\nText $x$.\n\nNext\n\\begin{verbatim}\nc\n\\end{verbatim}\nlast"
    document = read(text, "a.tex")
    kinds = [type(block) for block in document.blocks]
    assert kinds == [Heading, Paragraph, Paragraph, Code, Paragraph]
    assert document.title == "One"


CHAINS = [
    ("$$a = b =$$\n\n$$c$$", [3]),
    ("$$a = b$$\n\n$$= c$$", [3]),
    ("$$a = b =$$\nso\n$$c = d$$", [4]),
    ("$$a = b$$\nand so\n$$c = d$$", [2, 2]),
    ("$$a = b$$\n\n## H\n\n$$= c$$", [2, 2]),
    ("$$a = $$\n\n$$b =$$\n\n$$c$$", [3]),
    ("$$a = \\foo$$\n\n$$= c$$", [2]),
]


@pytest.mark.parametrize(("text", "lengths"), CHAINS, ids=[t for t, _ in CHAINS])
def test_chains_over_displays(text: str, lengths: list[int]) -> None:
    chains = [s.body for f in formulas(read(text)) for s in f.statements if s.body is not None]
    assert [len(c.members) for c in chains if isinstance(c, Chain)] == lengths


def test_a_display_that_only_continues_says_so() -> None:
    first, second = formulas(read("$$a = b$$\n\n$$= c, \\quad d = 1$$"))
    assert (first.continues, second.continues) == (False, True)
    assert len(second.statements) == 1


OPTIONS = [
    ("---\ntitle: t\nderive:\n  summation: einstein\n---\n$x$", {"summation": "einstein"}),
    ("---\nderive:\n  partials: total\n  assume: [\\epsilon > 0, x_{i,j} > 0]\n---\n",
     {"partials": "total", "assume": ("\\epsilon > 0", "x_{i,j} > 0")}),
    ("---\nderive:\n  assume:\n    - \"$a > 0$\"\n    - b > 0\n---\n",
     {"assume": ("a > 0", "b > 0")}),
    ("% derive: summation=explicit; partials=direct\n\\begin{document}\\end{document}",
     {"summation": "explicit", "partials": "direct"}),
    ("no options", {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), OPTIONS)
def test_options(text: str, expected: dict[str, object]) -> None:
    assert read(text).options == expected


WRONG_OPTIONS = [
    ("---\nderive:\n  sumation: einstein\n---\n", "unknown option 'sumation'", "assume"),
    ("---\nderive:\n  summation: maybe\n---\n", "unknown value 'maybe' of option summation",
     "einstein"),
    ("---\nderive:\n  what\n---\n", "expected an option `key: value`", ""),
    ("% derive: partials=all\n\\begin{document}", "unknown value 'all' of option partials",
     "direct"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "advice"), WRONG_OPTIONS)
def test_wrong_options(text: str, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.message == message
    assert advice in caught.value.advice
    assert caught.value.place is not None


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.md"
    bad.write_bytes(b"abc \xff")
    large = tmp_path / "large.md"
    large.write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    table = [
        (tmp_path / "none.md", "there is no file"),
        (tmp_path, "is a directory"),
        (bad, "is not UTF-8 text (byte 4)"),
        (large, "is larger than 4 MB"),
        ("a\0b", "cannot be read"),
    ]
    for path, message in table:
        with pytest.raises(UsageError) as caught:
            read_file(str(path))
        assert message in caught.value.message


def test_an_empty_file_has_no_blocks(tmp_path: Path) -> None:
    path = tmp_path / "empty.md"
    path.write_text("")
    assert read_file(str(path)).blocks == ()


def test_the_library_reads() -> None:
    document = read_file(str(LIBRARY / "batchnorm.md"))
    statements = [s for f in formulas(document) for s in f.statements]
    assert len(statements) == 49
    assert [s.error for s in statements if s.error] == []


@pytest.mark.parametrize("text", ["> " * 500 + "$x$", "$a " * 3000, "`a" * 3000, "$$" * 3000])
def test_hostile_text_is_read_in_little_time(text: str) -> None:
    start = time.perf_counter()
    read(text)
    assert time.perf_counter() - start < 2
