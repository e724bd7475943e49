"""LaTeX → blocks: sections, paragraphs at blank lines, displays; comments skipped."""

from __future__ import annotations

import re

from derive.reading.finding import find_islands
from derive.reading.macros import braced_end, find_macros
from derive.reading.options import comment_options
from derive.reading.prose import Page, blank
from derive.reading.span import Source, Span
from derive.reading.statements import Block, Code, Document, Heading, Paragraph

_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*(?P<comment>%[^\n]*)")
_VERBATIM = re.compile(
    r"\\begin\{(?P<name>(?:verbatim|lstlisting|minted|comment)\*?)\}(?P<body>.*?)\\end\{(?P=name)\}"
    r"|\\(?:verb|lstinline)\*?(?P<mark>[^A-Za-z\s{*]).*?(?P=mark)",
    re.DOTALL,
)
_LEVELS = {"part": 1, "chapter": 1, "section": 1, "subsection": 2, "subsubsection": 3,
           "paragraph": 4, "subparagraph": 5}  # fmt: skip
_SECTION = re.compile(r"\\(?P<name>" + "|".join(_LEVELS) + r")\*?\s*(?:\[[^\]]*\])?\s*(?=\{)")
_BREAK = re.compile(r"\n[ \t]*(?=\n)|\\par\b|\\item\b|\\(?:begin|end)\{(?:itemize|enumerate)\}")
_COMMAND = re.compile(
    r"\\(?:begin|end|label|ref|eqref|cite\w*|vspace|hspace)\*?\s*(?:\[[^\]]*\])?\{[^{}]*\}(?:\[\w*\])?"
    r"|\\(?:emph|text\w*)\s*(?=\{)|\\[A-Za-z]+\*?|\\.|[{}~]"
)


def read_tex(source: Source) -> Document:
    """The document of a LaTeX text. Raises UsageError for a wrong option."""
    options = comment_options(source)
    text = source.text
    verbatim = [Span(*m.span()) for m in _VERBATIM.finditer(text)]
    text = _without_comments(blank(text, verbatim))
    macros, definitions = find_macros(text)
    text = blank(text, definitions)
    start, end = _body(text)
    text = blank(text, [Span(0, start), Span(end, len(text))])
    page = Page(source, text, find_islands(text), macros, plain_text)
    codes = [span for span in verbatim if source.text.startswith("\\begin", span.start)]
    return Document(source, tuple(_blocks(page, Span(start, end), codes)), options)


def _without_comments(text: str) -> str:
    """Comments as spaces; a line that is only a comment does not end a paragraph."""
    spans: list[Span] = []
    for match in _COMMENT.finditer(text):
        begin, end = match.span("comment")
        line_start = text.rfind("\n", 0, begin) + 1
        alone = not text[line_start:begin].strip()
        spans.append(Span(begin, min(end + 1, len(text)) if alone else end))
    return blank(text, spans, newlines=False)


def _body(text: str) -> tuple[int, int]:
    """The range between `\\begin{document}` and `\\end{document}` where they stand."""
    begin = text.find("\\begin{document}")
    start = 0 if begin < 0 else begin + len("\\begin{document}")
    end = text.find("\\end{document}", start)
    return start, len(text) if end < 0 else end


def _blocks(page: Page, body: Span, codes: list[Span]) -> list[Block]:
    """Headings, code and paragraphs in order; a break inside mathematics is none."""
    cuts: list[tuple[Span, Block | None]] = [
        (span, Code(page.source.cut(span), span))
        for span in codes
        if body.start <= span.start < body.end
    ]
    for match in _SECTION.finditer(page.text, body.start, body.end):
        end = braced_end(page.text, match.end())
        if end > 0:
            inside = Span(match.end() + 1, end - 1)
            level = _LEVELS[match.group("name")]
            cuts.append((Span(match.start(), end), Heading(level, page.pieces(inside), inside)))
    for match in _BREAK.finditer(page.text, body.start, body.end):
        if not any(match.start() < code.end and code.start < match.end() for code in codes):
            cuts.append((Span(*match.span()), None))
    inside_math = [island.span for island in page.islands]
    blocks: list[Block] = []
    at = body.start
    for span, block in sorted(cuts, key=lambda cut: cut[0].start):
        if span.start < at or any(s.start <= span.start < s.end for s in inside_math):
            continue
        _add_paragraph(blocks, page, Span(at, span.start))
        if block is not None:
            blocks.append(block)
        at = span.end
    _add_paragraph(blocks, page, Span(at, body.end))
    return blocks


def _add_paragraph(blocks: list[Block], page: Page, span: Span) -> None:
    text = page.text[span.start : span.end]
    start = span.start + len(text) - len(text.lstrip())
    span = Span(start, max(start, span.start + len(text.rstrip())))
    pieces = page.pieces(span)
    if pieces:
        blocks.append(Paragraph(pieces, span))


def plain_text(text: str) -> str:
    """Running text without commands, spaces folded."""
    return " ".join(_COMMAND.sub(" ", text).split())
