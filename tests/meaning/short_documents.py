"""Short documents, understood."""

from __future__ import annotations

from derive.meaning.claims import Claim, Meaning
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source


def understood(text: str, *displays: str) -> Meaning:
    """Understand a Markdown text and the displays after it, each a paragraph of its own."""
    shown = "".join(f"\n\n$$ {display} $$" for display in displays)
    return understand(read_document(Source("test.md", text + shown + "\n")))


def claims_of(text: str, *displays: str) -> tuple[Claim, ...]:
    return understood(text, *displays).claims
