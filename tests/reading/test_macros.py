"""Macros: definition and formula, the tree or the error, and the place of what came out."""

from __future__ import annotations

import pytest

from derive.errors import ReadingError
from derive.reading.document import read_document
from derive.reading.macros import expand, find_macros
from derive.reading.parse import parse_expression
from derive.reading.span import Source
from derive.reading.statements import Formula, Paragraph, Statement


def only_statement(text: str) -> tuple[Source, Statement]:
    source = Source("a.tex", text)
    found = [
        statement
        for block in read_document(source).blocks
        if isinstance(block, Paragraph)
        for piece in block.pieces
        if isinstance(piece, Formula)
        for statement in piece.statements
    ]
    assert len(found) == 1
    return source, found[0]


RIGHT = [
    (r"\newcommand{\R}{\mathbb{R}} $x \in \R^N$", r"x \in \mathbb{R}^N"),
    (r"\newcommand\a{\alpha} $\a b$", r"\alpha b"),
    (r"\def\bx{\mathbf{x}} $\bx_i$", r"\mathbf{x}_i"),
    (r"\DeclareMathOperator{\rank}{rank} $\rank A$", r"\operatorname{rank} A"),
    (
        r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}} $\pd{f}{x_i} = \pd yx$",
        r"\frac{\partial f}{\partial x_i} = \frac{\partial y}{\partial x}",
    ),
    (r"\newcommand{\a}{x} \renewcommand{\a}{y} $\a$", "y"),
    (r"\newcommand{\a}{x} \newcommand{\b}{\a^2} $\b$", "x^2"),
    (r"\newcommand{\a}{x} $\a$ \renewcommand{\a}{y}", "x"),
]


@pytest.mark.parametrize(("text", "plain"), RIGHT)
def test_expansion(text: str, plain: str) -> None:
    _, statement = only_statement(text)
    assert statement.body == parse_expression(plain)


WRONG = [
    (r"\newcommand{\a}{\a b} $\a = 1$", "the macro \\a contains itself"),
    (r"\newcommand{\a}{\b} \newcommand{\b}{\a} $\a = 1$", "the macro \\a contains itself"),
    (r"\newcommand{\pd}[2]{#1#2} $= \pd{f}$", "expected an argument of the macro"),
    (r"$\a = 1$ \newcommand{\a}{x}", "unknown command \\a"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_macros(text: str, message: str) -> None:
    _, statement = only_statement(text)
    assert statement.error is not None
    assert statement.error.message == message
    assert statement.has_relation


def test_expansion_is_bounded() -> None:
    doubling = "".join(
        f"\\newcommand{{\\{chr(98 + k)}}}{{\\{chr(97 + k)}\\{chr(97 + k)}}}" for k in range(20)
    )
    text = "\\newcommand{\\a}{x}" + doubling + "\\u"
    macros, spans = find_macros(text)
    with pytest.raises(ReadingError, match="expand too far"):
        expand("\\u", spans[-1].end, macros, Source("a", text))


def test_expanded_text_has_the_place_of_its_call() -> None:
    source, statement = only_statement(r"\newcommand{\half}{\frac{1}{2}} $a = \half$")
    assert source.cut(statement.span) == r"a = \half"
