"""Markdown → blocks. The mathematics is found in the source itself, so its places are exact.

Displays are masked before the block structure is read: what stands in them never looks like a
list or a heading.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING

from derive.reading.finding import Island, find_islands
from derive.reading.macros import find_macros
from derive.reading.options import front_matter
from derive.reading.prose import Page, blank
from derive.reading.span import Source, Span
from derive.reading.statements import Block, Code, Document, Heading, Paragraph

if TYPE_CHECKING:
    from markdown_it.token import Token

_FENCE = re.compile(r"^[ \t>]*(?P<mark>`{3,}|~{3,})", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CODE = re.compile(
    r"(?<![\\`])(?P<mark>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=mark)(?!`)", re.DOTALL
)
_QUOTE = re.compile(r"^[ ]{0,3}(?:>[ ]?)+")
_PREFIX = re.compile(r"^\s*(?:#{1,6}\s|(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?)?")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_EMPHASIS = re.compile(r"\*+|(?<![A-Za-z0-9])_+(?=\S)|(?<=\S)_+(?![A-Za-z0-9])|`+")


def read_markdown(source: Source) -> Document:
    """The document of a Markdown text. Raises UsageError for a wrong option."""
    options, begin = front_matter(source)
    hidden = [Span(0, begin)] if begin else []
    readable = _unquoted(blank(source.text, hidden + _code(source.text, begin)))
    macros, definitions = find_macros(readable)
    readable = blank(readable, definitions)
    islands = find_islands(readable)
    page = Page(source, readable, islands, macros, plain_text)
    structure = _masked(blank(source.text, hidden), islands)
    return Document(source, tuple(_blocks(page, structure)), options)


def _code(text: str, begin: int) -> list[Span]:
    """Fences, code spans and comments: nothing in them is read."""
    spans: list[Span] = []
    at = begin
    while match := _FENCE.search(text, at):
        mark = match.group("mark")
        close = re.compile(rf"^[ \t>]*{re.escape(mark)}[{mark[0]}]*[ \t]*$", re.MULTILINE)
        end = close.search(text, match.end())
        at = end.end() if end else len(text)
        spans.append(Span(match.start(), at))
    rest = blank(text, spans)
    for pattern in (_COMMENT, _CODE):
        found = [Span(*m.span()) for m in pattern.finditer(rest, begin)]
        rest = blank(rest, found)
        spans += found
    return spans


def _unquoted(text: str) -> str:
    """The text with the marks of quotations as spaces."""
    lines, quoted, free = [], False, True
    for line in text.split("\n"):
        match = _QUOTE.match(line) if quoted or free else None
        if match:
            line = " " * match.end() + line[match.end() :]
        quoted, free = match is not None, not line.strip() and match is None
        lines.append(line)
    return "\n".join(lines)


def _masked(text: str, islands: list[Island]) -> str:
    """The text with its mathematics as letters, line for line."""
    pieces: list[str] = []
    at = 0
    for island in islands:
        pieces.append(text[at : island.span.start])
        inside = text[island.span.start : island.span.end].split("\n")
        pieces.append("\n".join("x" * max(1, len(line)) for line in inside))
        at = island.span.end
    return "".join(pieces) + text[at:]


def _blocks(page: Page, structure: str) -> list[Block]:
    from markdown_it import MarkdownIt  # kept out of start-up

    tokens = MarkdownIt("commonmark").parse(structure)
    lines = page.text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    blocks: list[Block] = []
    for token in tokens:
        if token.map is None:
            continue
        first, last = token.map
        span = Span(starts[first], min(starts[min(last, len(starts) - 1)], len(page.text)))
        block = _block(token, page, _trimmed(page, span))
        if block is not None:
            blocks.append(block)
    return blocks


def _trimmed(page: Page, span: Span) -> Span:
    """Without the line breaks at the end."""
    text = page.source.text[span.start : span.end]
    return Span(span.start, span.start + len(text.rstrip()))


def _block(token: Token, page: Page, span: Span) -> Block | None:
    match token.type:
        case "heading_open":
            return Heading(int(token.tag[1:]), page.pieces(span), span)
        case "paragraph_open" | "html_block":
            pieces = page.pieces(span)
            return Paragraph(pieces, span) if pieces else None
        case "fence" | "code_block":
            return Code(token.content, span)
        case _:
            return None


def plain_text(text: str) -> str:
    """Running text without marks of lists, emphasis and links, spaces folded."""
    text = _PREFIX.sub("", text) if text[:1] in "#-*+ \t0123456789\n" else text
    text = _TAG.sub(" ", _LINK.sub(r"\1", text))
    return " ".join(_EMPHASIS.sub("", text).split())
