"""The gradients of a traced function, stated at the end of its document.

Each was derived from the steps and proved, so that the document can be checked and exported.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from derive.errors import DeriveError
from derive.gradient.steps import derive_gradient
from derive.meaning.claims import Claim, Fact
from derive.meaning.scope import understand
from derive.meaning.to_syntax import to_syntax
from derive.reading import syntax as s
from derive.reading.document import read_document
from derive.reading.span import Source
from derive.reading.statements import Document
from derive.writing.to_latex import to_latex

SECONDS = 10.0
"""After so much time no further gradient is derived."""
HEADING = "## The gradients\n\nDerived from the steps, by every path to the loss.\n\n"


def with_gradients(document: Document, inputs: Sequence[str]) -> Document:
    """The document with the gradient by each input (a key) for which one is found and proved."""
    stated = list(_stated(document, inputs))
    if not stated:
        return document
    equations = "\n\n".join(f"$${equation}$$" for equation in stated)
    text = f"{document.source.text}\n{HEADING}{equations}\n"
    longer = read_document(Source(document.source.path, text))
    items = understand(longer).items
    claims = [item for item in items if isinstance(item, Claim) and item.readings]
    facts = [item for item in items if isinstance(item, Fact)]
    whole = len(claims) == len(stated) and len(claims) + len(facts) == len(items)
    return longer if whole else document


def _stated(document: Document, inputs: Sequence[str]) -> Iterator[str]:
    meaning = understand(document)
    start = time.monotonic()
    for wanted in inputs:
        if time.monotonic() - start > SECONDS:
            return
        try:
            gradient = derive_gradient(meaning, wanted)
        except DeriveError:
            # It is not stated; asking for it says why.
            continue
        sides = to_syntax(gradient.left), to_syntax(gradient.closed_form)
        yield to_latex(s.Chain(sides, (s.Relation("="),)))
