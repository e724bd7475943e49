"""Variables of a function that are names of the document: used as such once they are proved equal.

An equation in the names of the document is shorter, and a reader finds its way in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from derive.errors import DeriveError
from derive.judgement.check import check
from derive.judgement.verdict import Limits
from derive.meaning import terms as t
from derive.reading.statements import Document
from derive.tracing import nodes as n
from derive.tracing.document import core, worth_a_name
from derive.tracing.equation import Transcription, with_equations, writable
from derive.tracing.matching import polynomial
from derive.tracing.phrase import Label, visible
from derive.tracing.shifts import everywhere

SECONDS = 2.0
"""For each variable; one that takes longer is written out."""


def recognise(
    document: Document, scribe: Transcription, names: Sequence[tuple[str, n.Node]]
) -> None:
    """Label what is proved, without further conditions, to be the defined name it is called by."""
    for symbol, node in _candidates(scribe, names):
        label = Label(writable(symbol), visible(node.shape))
        try:
            meaning, claims = with_equations(document, [scribe.definition(label, node)])
        except DeriveError:
            continue
        checked = check(replace(meaning, items=claims), Limits(seconds=SECONDS))
        if all(j.verdict == "proved" and everywhere(j) for _, j in checked.judged):
            scribe.labels[node.serial] = label


def _candidates(
    scribe: Transcription, names: Sequence[tuple[str, n.Node]]
) -> Iterator[tuple[t.Symbol, n.Node]]:
    """Variables with the name and, apart from axes of length 1, the shape of a defined name."""
    seen: set[int] = set()
    for name, value in names:
        node = core(value)
        if node.serial in seen or node.serial in scribe.labels or not worth_a_name(node):
            continue
        seen.add(node.serial)
        try:
            found = scribe.names.find(name)
        except DeriveError:
            continue
        if found is None or found.objective is not None or found.symbol.role != "defined":
            continue
        shape = tuple(node.shape[axis] for axis in visible(node.shape))
        if shape == tuple(polynomial(length) for length in found.symbol.shape):
            yield found.symbol, node
