"""What a notebook shows of a judged document and of a gradient: HTML with MathML, and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from derive.errors import printable
from derive.gradient.steps import Gradient
from derive.judgement.check import Checked
from derive.judgement.verdict import Judgement
from derive.meaning.claims import Claim, Unread
from derive.meaning.to_syntax import to_syntax
from derive.reading.statements import Heading, Prose
from derive.report.terminal import equation
from derive.report.words import because, statement_of, suggestion, summary, witness_text
from derive.writing.to_latex import to_latex
from derive.writing.to_mathml import to_mathml

_COLOURS = {
    "proved": "#2e6e46",
    "refuted": "#aa2828",
    "ill-typed": "#aa2828",
    "undecided": "#8a5a10",
    "unread": "#8a5a10",
}
_SMALL = "font-size:85%;opacity:.75"


def html(checked: Checked) -> str:
    """A self-contained fragment: title, summary, each claim with its verdict and its reasons."""
    verdicts = {id(claim): judgement for claim, judgement in checked.judged}
    rows = []
    for item in checked.meaning.items:
        if isinstance(item, Claim):
            rows.append(_claim(item, verdicts[id(item)]))
        elif isinstance(item, Unread) and item.has_relation:
            rows.append(f"<li>{_mark('unread')}{_small(str(item.error))}</li>")
    listed = f"<ol>{''.join(rows)}</ol>" if rows else ""
    head = f"<p><strong>{_title(checked)}</strong><br>{_text(summary(checked))}</p>"
    return f'<div class="derive">{head}{listed}</div>'


def latex(checked: Checked) -> str:
    r"""The claims in one `aligned` environment, each with its verdict, for MathJax."""
    rows = [
        f"{to_latex(claim.left)} &{to_latex(claim.relation)} {to_latex(claim.right)}"
        f" && \\text{{{judgement.verdict}}}"
        for claim, judgement in checked.judged
    ]
    return _environment(rows or ["\\text{no claims}"])


def gradient_html(gradient: Gradient) -> str:
    """The closed form, its steps folded away, as a self-contained fragment."""
    steps = "".join(
        f"<li>{to_mathml(equation(step.left, step.right))}"
        f"{_small(f'{step.rule}: {step.reason}' if step.reason else step.rule)}</li>"
        for step in gradient.steps
    )
    closed = to_mathml(equation(to_syntax(gradient.left), to_syntax(gradient.closed_form)))
    conditions = "; ".join(gradient.proof.side_conditions)
    where = _small(f"where {conditions}") if conditions else ""
    folded = f"<details><summary>Steps</summary><ol>{steps}</ol></details>" if steps else ""
    return f'<div class="derive">{closed}{_mark("proved")}{where}{folded}</div>'


def gradient_latex(gradient: Gradient) -> str:
    """The closed form in one `aligned` environment, for MathJax."""
    left, right = to_syntax(gradient.left), to_syntax(gradient.closed_form)
    return _environment([f"{to_latex(left)} &= {to_latex(right)}"])


def _environment(rows: list[str]) -> str:
    lines = " \\\\\n".join(rows)
    return f"$$\n\\begin{{aligned}}\n{lines}\n\\end{{aligned}}\n$$"


def _title(checked: Checked) -> str:
    """The first heading with its formulas, or the path."""
    document = checked.meaning.document
    for block in document.blocks:
        if isinstance(block, Heading):
            parts = []
            for piece in block.pieces:
                if isinstance(piece, Prose):
                    parts.append(_text(piece.text))
                    continue
                bodies = [s.body for s in piece.statements if s.body is not None]
                parts.append(", ".join(to_mathml(body, display=False) for body in bodies))
            return " ".join(parts)
    return _text(document.source.path)


def _claim(claim: Claim, judgement: Judgement) -> str:
    shown = to_mathml(statement_of(claim))
    return f"<li>{shown}{_mark(judgement.verdict)}{''.join(_reasons(judgement))}</li>"


def _reasons(judgement: Judgement) -> Iterator[str]:
    if judgement.verdict == "proved":
        yield _small(because(judgement.rules))
    if judgement.reading:
        yield _small(f"reading: {judgement.reading}")
    if judgement.side_conditions:
        yield _small("where " + "; ".join(judgement.side_conditions))
    if judgement.witness:
        yield _small("witness: " + witness_text(judgement.witness))
    for repair in judgement.repairs:
        yield _small(f"perhaps: {suggestion(repair)}")
    if judgement.reason:
        yield _small(judgement.reason)


def _mark(verdict: str) -> str:
    return f'<span style="color:{_COLOURS[verdict]}">{verdict}</span>'


def _small(text: str) -> str:
    return f'<div style="{_SMALL}">{_text(text)}</div>'


def _text(text: str) -> str:
    return escape(printable(text))
