"""Judged documents and gradients that print themselves, in a terminal and in a notebook."""

from __future__ import annotations

from dataclasses import fields

from derive.gradient.steps import Gradient
from derive.judgement.check import Checked
from derive.report import notebook
from derive.report.words import statement_of, summary
from derive.writing.to_linear import linear


class CheckedView(Checked):
    """A judged document: its summary and what is not proved."""

    __slots__ = ()

    @classmethod
    def of(cls, checked: Checked) -> CheckedView:
        return cls(*(getattr(checked, f.name) for f in fields(checked)))

    def __repr__(self) -> str:
        source = self.meaning.document.source
        lines = [summary(self)]
        for claim, judgement in self.judged:
            if judgement.verdict != "proved":
                line, column = source.position(claim.relation.span.start)
                shown = linear(statement_of(claim))
                lines.append(f"{line}:{column}: {judgement.verdict}: {shown}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return notebook.html(self)

    def _repr_latex_(self) -> str:
        return notebook.latex(self)


class GradientView(Gradient):
    """A derived gradient: each step with its rule."""

    __slots__ = ()

    @classmethod
    def of(cls, gradient: Gradient) -> GradientView:
        return cls(*(getattr(gradient, f.name) for f in fields(gradient)))

    def __repr__(self) -> str:
        return "\n".join(
            f"{linear(step.left)} = {linear(step.right)}    ({step.rule})" for step in self.steps
        )

    def _repr_html_(self) -> str:
        return notebook.gradient_html(self)

    def _repr_latex_(self) -> str:
        return notebook.gradient_latex(self)
