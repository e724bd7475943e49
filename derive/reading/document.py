"""A file → a `Document`: Markdown or LaTeX, blocks in order, chains joined over displays."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from derive.errors import UsageError
from derive.reading.markdown import read_markdown
from derive.reading.parse import begins_open, ends_open, join, joinable
from derive.reading.span import Source
from derive.reading.statements import Block, Document, Formula, Heading, Paragraph, Prose
from derive.reading.tex import read_tex

MAX_BYTES = 4 * 1024 * 1024
_TEX = re.compile(r"^[^%\n]*\\(?:documentclass|begin\{document\})", re.MULTILINE)


def read_file(path: str) -> Document:
    """Read a file. Raises UsageError when it cannot be had as UTF-8 text of at most 4 MB."""
    try:
        if os.path.isdir(path):
            raise UsageError(f"{path} is a directory", advice="name a Markdown or LaTeX file")
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path} is larger than 4 MB", advice="divide it into several files")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start})", advice="save it as UTF-8"
        ) from None
    return read_document(Source(path, text.replace("\r\n", "\n").replace("\r", "\n")))


def read_document(source: Source) -> Document:
    """Read a text as LaTeX (by its path or `\\documentclass`), else as Markdown."""
    is_tex = source.path.lower().endswith(".tex") or _TEX.search(source.text)
    document = read_tex(source) if is_tex else read_markdown(source)
    return replace(document, blocks=_joined(document.blocks))


def _joined(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Chains over several displays become one statement, that of their first member.

    A heading ends a chain.
    """
    pieces: list[list[Prose | Formula]] = [
        list(block.pieces) if isinstance(block, Heading | Paragraph) else [] for block in blocks
    ]
    last: tuple[int, int] | None = None
    for b, block in enumerate(blocks):
        if isinstance(block, Heading):
            last = None
        for p, piece in enumerate(pieces[b]):
            if not isinstance(piece, Formula) or not piece.display:
                continue
            if last is not None:
                earlier = pieces[last[0]][last[1]]
                assert isinstance(earlier, Formula)
                earlier, piece = _continued(earlier, piece)
                pieces[last[0]][last[1]], pieces[b][p] = earlier, piece
            if piece.statements or not piece.continues:
                last = (b, p)
    return tuple(
        replace(block, pieces=tuple(pieces[b])) if isinstance(block, Heading | Paragraph) else block
        for b, block in enumerate(blocks)
    )


def _continued(earlier: Formula, later: Formula) -> tuple[Formula, Formula]:
    """Both displays after the chain of the first took what the second begins with."""
    if not earlier.statements or not later.statements:
        return earlier, later
    left, right = earlier.statements[-1], later.statements[0]
    if not joinable(left, right) or not (ends_open(left) or begins_open(right)):
        return earlier, later
    chain = join(left, right)
    return (
        replace(earlier, statements=(*earlier.statements[:-1], chain)),
        replace(later, statements=later.statements[1:], continues=True),
    )
