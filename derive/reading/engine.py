"""The LALR parser, built from the grammar at the first parse.

Building takes about 35 ms, so no table is kept on disk: there is no cache file to trust.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast

import lark
from lark.lexer import Lexer

from derive.reading.build import Builder, Seq
from derive.reading.span import Span
from derive.reading.tokens import MisplacedError, Token

GRAMMAR = Path(__file__).with_name("grammar.lark")

_BEGINS = frozenset({"ATOM", "FRAC", "LBRACE", "LPAR", "LBAR"})
_NAMED = {
    "RBRACE": "a closing brace", "RPAR": "a closing bracket", "RBAR": "a closing bar",
    "ENDCASES": "\\end{cases}", "ROPT": "a closing bracket ]",
}  # fmt: skip


class _TokenLexer(Lexer):
    """Hands tokens that exist already to the parser."""

    __future_interface__: ClassVar[int] = 0

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, lexer_state: Any, parser_state: Any = None) -> Iterator[Any]:
        return iter(lexer_state)


@lru_cache(maxsize=1)
def _parser() -> lark.Lark:
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return lark.Lark(grammar, parser="lalr", lexer=_TokenLexer, transformer=Builder())


def parse_tokens(tokens: Sequence[Token], span: Span) -> Seq:
    """What the tokens of one statement say. Raises MisplacedError with a place in the source."""
    for token in tokens:
        if token.type == "ERROR":
            raise MisplacedError(token.value.message, token.span, token.value.advice)
    try:
        return cast(Seq, _parser().parse(cast(Any, tokens)))
    except lark.exceptions.UnexpectedToken as error:
        token = error.token
        expected = frozenset(error.accepts or error.expected)
        if token.type == "$END":
            raise MisplacedError(_missing(expected), Span(span.end - 1, span.end)) from None
        raise MisplacedError(_unexpected(token, expected), token.span) from None


def _missing(expected: frozenset[str]) -> str:
    if expected & _BEGINS == _BEGINS and not expected & _NAMED.keys():
        return "expected an expression, the formula ends here"
    return f"expected {_expected(expected)}, the formula ends here"


def _unexpected(token: Any, expected: frozenset[str]) -> str:
    shown = {"RBRACE": "}", "CASES": "\\begin{cases}", "ENDCASES": "\\end{cases}"}
    sign = shown.get(token.type) or str(token.value)
    match token.type:
        case "RPAR" | "RBRACE" | "RBAR" if token.type not in expected:
            if expected <= {"$END"}:
                return f"{sign} closes nothing"
        case "ATOM":
            sign = "a name or number"
        case "WORDS":
            sign = f"the words {token.value!r}"
    return f"expected {_expected(expected)}, not {sign}"


def _expected(expected: frozenset[str]) -> str:
    """What may come next, in plain words: the closing bracket if one may, else an expression."""
    for kind, name in _NAMED.items():
        if kind in expected and "SUB" in expected:
            return name
    if expected >= _BEGINS:
        return "an expression"
    if expected >= {"ATOM", "LBRACE"}:
        return "an argument"
    if "LBRACE" in expected:
        return "an opening brace"
    return next((name for kind, name in _NAMED.items() if kind in expected), "an operator")
