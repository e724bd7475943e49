"""A derived gradient in LaTeX: its text with verdicts, to be printed and to be checked again."""

from __future__ import annotations

import re
from importlib import resources

from derive.judgement.check import Checked
from derive.report.latex import Page, Template, summary_line, versions

_BROKEN = re.compile(r" \\\\\n&\\qquad \\quad ([+-]) ")
_JOINED = r" \1 \\\\\n&" + r"\\;" * 11 + " "
"""A sign at the end of a row says that the expression goes on; a wide space ends a statement."""
_SMALL = re.compile(r"\\begin\{smallprint\}.*?\\end\{smallprint\}\n?", re.DOTALL)
"""Rules and side conditions under a display, which a reader of the text would take for claims."""


def derivation_tex(checked: Checked) -> str:
    """The document as LaTeX; `derive check` reads it as it reads the Markdown."""
    page = Page(checked)
    body = "\n\n".join(part for part in (*page.story(), page.remarks()) if part)
    text = resources.files("derive.report").joinpath("templates/report.tex")
    return Template(text.read_text(encoding="utf-8")).substitute(
        title=page.title(),
        summary=summary_line(checked),
        body=_BROKEN.sub(_JOINED, _SMALL.sub("", body)),
        versions=versions(),
    )
