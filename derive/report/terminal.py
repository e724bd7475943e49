"""Derivations, findings and gradients in a terminal."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from derive.errors import printable
from derive.gradient.steps import Gradient
from derive.judgement.check import Checked
from derive.judgement.check import Progress as Callback
from derive.judgement.verdict import Judgement
from derive.meaning.claims import Claim, Fact, Unread
from derive.reading.span import Source
from derive.reading.statements import Code, Formula, Heading, Paragraph, Prose, Statement
from derive.reading.syntax import Chain, Expr, List, Relation
from derive.report.words import (
    MARKS,
    because,
    chains,
    readable,
    statement_of,
    suggestion,
    summary,
    to_ascii,
    witness_text,
)
from derive.writing.to_linear import linear
from derive.writing.to_unicode import render

COLOURS = {
    "proved": "green",
    "refuted": "red",
    "ill-typed": "red",
    "undecided": "yellow",
    "unread": "yellow",
}
WIDEST = 100
INDENT = 4
DELAY = 1.0
"""Seconds after which work shows its progress."""


@dataclass
class Screen:
    """Prints to a console; plain ASCII where its encoding carries nothing else."""

    console: Console
    all_rules: bool = False

    @property
    def ascii(self) -> bool:
        return not (self.console.encoding or "").lower().replace("-", "").startswith("utf")

    @property
    def width(self) -> int:
        return min(self.console.width, WIDEST)

    def line(self, text: str = "", style: str = "") -> None:
        shown = to_ascii(printable(text)) if self.ascii else printable(text)
        self.console.print(Text(shown, style=style), soft_wrap=True)

    def wrapped(self, text: str, style: str = "", indent: int = 0, hang: int = 0) -> None:
        """Running text, wrapped to the width."""
        for row in textwrap.wrap(
            text,
            self.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + hang),
            break_long_words=False,
            break_on_hyphens=False,
        ):
            self.line(row, style)

    def display(self, node: Expr) -> None:
        """A formula set in two dimensions, indented."""
        drawn = render(node, width=self.width - INDENT, ascii=self.ascii)
        self.line(textwrap.indent(drawn, " " * INDENT, lambda row: bool(row.strip())))

    # ---- the whole derivation --------------------------------------------------------------

    def show(self, checked: Checked) -> None:
        """The document as a person reads it, with the verdict under each equation."""
        story = Story(checked)
        for block in checked.meaning.document.blocks:
            match block:
                case Heading(level, pieces):
                    self._heading(level, self._inline(pieces, story.source))
                case Code(text):
                    self.line(textwrap.indent(text.rstrip(), " " * INDENT), "dim")
                    self.line()
                case Paragraph(pieces):
                    self._paragraph(pieces, story)
        self._notes(checked)
        self.line(summary(checked), "bold")

    def _notes(self, checked: Checked) -> None:
        """How names were understood, and what was left without a judgement."""
        notes = [
            (note.span.start, f"note, line {{}}: {note.text}") for note in checked.meaning.notes
        ]
        for item in checked.meaning.items:
            if isinstance(item, Fact) and item.kind == "not judged" and item.statement.body:
                shown = linear(item.statement.body, ascii=self.ascii)
                because_of = f" ({item.reason})" if item.reason else ""
                notes.append((item.span.start, f"not judged, line {{}}: {shown}{because_of}"))
        for start, text in sorted(notes):
            line, _ = checked.meaning.document.source.position(start)
            self.wrapped(text.replace("{}", str(line), 1), "dim", hang=6)
        if notes:
            self.line()

    def _heading(self, level: int, text: str) -> None:
        self.line(text, "bold")
        self.line(("═" if level == 1 else "─") * min(len(text), self.width), "bold")
        self.line()

    def _inline(self, pieces: Sequence[Prose | Formula], source: Source) -> str:
        """Prose with its inline formulas on one line, spaced as in the source."""
        parts: list[str] = []
        for piece in pieces:
            before = source.text[piece.span.start - 1 : piece.span.start]
            if before.isspace() or (isinstance(piece, Prose) and self._spaced(piece, source)):
                parts.append(" ")
            parts.append(self._piece(piece))
        return " ".join("".join(parts).split())

    @staticmethod
    def _spaced(piece: Prose, source: Source) -> bool:
        return source.text[piece.span.start : piece.span.start + 1].isspace()

    def _piece(self, piece: Prose | Formula) -> str:
        if isinstance(piece, Prose):
            return piece.text
        bodies = [s.body for s in piece.statements if s.body is not None]
        return ", ".join(linear(body, ascii=self.ascii) for body in bodies)

    def _paragraph(self, pieces: Sequence[Prose | Formula], story: Story) -> None:
        running: list[Prose | Formula] = []
        for piece in pieces:
            if isinstance(piece, Formula) and (piece.display or story.judges(piece)):
                self._flush(running, story.source)
                self._formula(piece, story)
            else:
                running.append(piece)
        self._flush(running, story.source)

    def _flush(self, running: list[Prose | Formula], source: Source) -> None:
        text = self._inline(running, source)
        running.clear()
        if text:
            self.wrapped(text)
            self.line()

    def _formula(self, formula: Formula, story: Story) -> None:
        shown = [s for s in formula.statements if not story.is_condition(s)]
        for statement in shown:
            if statement.body is None:
                self._unread(statement)
                continue
            self.display(story.with_conditions(statement, formula))
            judgements = story.of(statement)
            for number, (_, judgement) in enumerate(judgements, 1):
                self.verdict(judgement, f"({number}) " if len(judgements) > 1 else "")
            self.line()

    def _unread(self, statement: Statement) -> None:
        self.line(f"{'':{INDENT}}? unread", COLOURS["unread"])
        if statement.error:
            self.line(textwrap.indent(str(statement.error), " " * INDENT))
        self.line()

    def verdict(self, judgement: Judgement, label: str) -> None:
        """The verdict, how it was reached, and the side conditions."""
        head = f"{MARKS[judgement.verdict]} {label}{judgement.verdict}"
        self.wrapped(head, COLOURS[judgement.verdict], indent=INDENT)
        for text in explanation(judgement, self.all_rules):
            self.wrapped(text, "dim", indent=INDENT + 2, hang=2)

    # ---- findings --------------------------------------------------------------------------

    def findings(self, checked: Checked) -> None:
        """What is not proved, each with its place, then one summary line."""
        source = checked.meaning.document.source
        verdicts = {id(claim): judgement for claim, judgement in checked.judged}
        for item in checked.meaning.items:
            if isinstance(item, Claim) and verdicts[id(item)].verdict != "proved":
                line, column = source.position(item.relation.span.start)
                judgement = verdicts[id(item)]
                shown = linear(statement_of(item), ascii=self.ascii)
                self.line(
                    f"{source.path}:{line}:{column}: {judgement.verdict}: {shown}",
                    COLOURS[judgement.verdict],
                )
                for text in explanation(judgement, self.all_rules):
                    self.wrapped(text, indent=INDENT, hang=2)
            elif isinstance(item, Unread) and item.has_relation:
                self.line(str(item.error), COLOURS["unread"])
        self.line(summary(checked), "bold")

    # ---- gradients -------------------------------------------------------------------------

    def gradient(self, gradient: Gradient, place: str) -> None:
        """Each step with its rule, then the closed form and what it equals."""
        for step in gradient.steps:
            self.display(equation(step.left, step.right))
            because_of = f"{step.rule}: {step.reason}" if step.reason else step.rule
            self.wrapped(because_of, "dim", indent=INDENT + 2, hang=2)
            self.line()
        conditions = "; ".join(gradient.proof.side_conditions)
        if conditions:
            self.wrapped(f"where {conditions}", "dim")
        self.line("✓ proved for all sizes: the last line is the total derivative", "green")
        if gradient.agrees_with is not None:
            self.line(f"✓ proved equal to the document's closed form at {place}", "green")
        else:
            self.line("the document states no closed form of this gradient that equals it")


def equation(left: Expr, right: Expr) -> Chain:
    return Chain((left, right), (Relation("="),))


def explanation(judgement: Judgement, all_rules: bool) -> Iterator[str]:
    """The lines under a verdict."""
    if judgement.verdict == "proved":
        yield because(judgement.rules, limit=99 if all_rules else 4)
    if judgement.reading:
        yield f"reading: {readable(judgement.reading)}"
    if judgement.side_conditions:
        yield "where " + "; ".join(judgement.side_conditions)
    if judgement.witness:
        yield "witness: " + witness_text(judgement.witness)
    for repair in judgement.repairs:
        yield f"perhaps: {suggestion(repair)}"
    if judgement.reason:
        yield readable(judgement.reason)


class Story:
    """Which claims and facts belong to which statement."""

    def __init__(self, checked: Checked) -> None:
        self.source = checked.meaning.document.source
        self._judged: dict[int, list[tuple[Claim, Judgement]]] = {}
        for group in chains(checked):
            for number in group:
                claim, judgement = checked.judged[number]
                self._judged.setdefault(id(claim.statement), []).append((claim, judgement))
        self._conditions = {
            id(item.statement)
            for item in checked.meaning.items
            if isinstance(item, Fact) and item.kind == "condition"
        }

    def of(self, statement: Statement) -> list[tuple[Claim, Judgement]]:
        return self._judged.get(id(statement), [])

    def judges(self, formula: Formula) -> bool:
        """Whether a formula holds a claim."""
        return any(self.of(statement) for statement in formula.statements)

    def is_condition(self, statement: Statement) -> bool:
        return id(statement) in self._conditions

    def with_conditions(self, statement: Statement, formula: Formula) -> Expr:
        """The statement with the conditions of its display behind it."""
        assert statement.body is not None
        conditions = [s for s in formula.statements if self.is_condition(s) and s.body is not None]
        if not conditions or not self.of(statement):
            return statement.body
        bodies = tuple(s.body for s in conditions if s.body is not None)
        return List((statement.body, *bodies))


@contextmanager
def progress(label: str) -> Iterator[Callback]:
    """A progress bar on stderr, shown once the work has taken longer than a second."""
    start = time.monotonic()
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=None)
    started = False

    def step(done: int, total: int) -> None:
        nonlocal started
        if not started and time.monotonic() - start > DELAY:
            bar.start()
            started = True
        if started:
            bar.update(task, completed=done, total=total)

    try:
        yield step
    finally:
        if started:
            bar.stop()
