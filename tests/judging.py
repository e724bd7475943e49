"""Judging a text, for tests."""

from __future__ import annotations

from importlib import resources

from derive.judgement.check import Checked, check
from derive.meaning.claims import Meaning
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source


def understood(text: str, path: str = "test.md") -> Meaning:
    return understand(read_document(Source(path, text)))


def judged(text: str, path: str = "test.md") -> Checked:
    return check(understood(text, path))


def library_text(name: str) -> str:
    return resources.files("derive.library").joinpath(f"{name}.md").read_text(encoding="utf-8")
