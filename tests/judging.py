"""Judging a text, for tests."""

from __future__ import annotations

from importlib import resources

from derive.judgement.check import Checked, check
from derive.judgement.verdict import Judgement
from derive.meaning.claims import Fact, Meaning
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source


def understood(text: str, path: str = "test.md") -> Meaning:
    return understand(read_document(Source(path, text)))


def judged(text: str, path: str = "test.md") -> Checked:
    return check(understood(text, path))


def library_text(name: str) -> str:
    return resources.files("derive.library").joinpath(f"{name}.md").read_text(encoding="utf-8")


def outcomes(text: str, start: int = 0, path: str = "test.md") -> str:
    """What became of each statement from a place on: the kind of a fact, the verdict of a claim."""
    checked = judged(text, path)
    verdicts = {id(claim): judgement.verdict for claim, judgement in checked.judged}
    found = (
        item.kind if isinstance(item, Fact) else verdicts.get(id(item), "unread")
        for item in checked.meaning.items
        if item.span.start >= start
    )
    return ", ".join(found)


def display(setup: str, formula: str) -> str:
    """The outcomes of one display below a paragraph."""
    return outcomes(f"{setup}\n\n$$\n{formula}\n$$\n", len(setup))


def last(text: str, path: str = "test.md") -> Judgement:
    """The judgement of the last claim of a text."""
    return judged(text, path).judged[-1][1]


def finding(text: str, path: str = "test.md") -> str:
    """The first finding as people see it: `line:column: verdict: message`, and the advice."""
    checked = judged(text, path)
    verdicts = {id(claim): judgement.verdict for claim, judgement in checked.judged}
    for item in checked.meaning.items:
        error = None if isinstance(item, Fact) else item.error
        if error is not None and not isinstance(item, Fact):
            place = f"{error.place.line}:{error.place.column}" if error.place else "nowhere"
            advice = f" | {error.advice}" if error.advice else ""
            return f"{place}: {verdicts.get(id(item), 'unread')}: {error.message}{advice}"
    return ""
