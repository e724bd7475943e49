"""The report of a document as one HTML page: nothing is fetched, no script is needed to read it."""

from __future__ import annotations

import platform
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata, resources

from derive.gradient.steps import Gradient
from derive.judgement.check import Checked
from derive.judgement.verdict import Judgement
from derive.meaning.claims import Claim, Fact, Unread
from derive.meaning.to_syntax import name, to_syntax
from derive.reading.statements import Code, Formula, Heading, Paragraph, Prose, Statement
from derive.reading.syntax import Chain
from derive.report.html_text import display, inline, remark, words
from derive.report.html_verdict import badge, verdict
from derive.report.terminal import Story, equation
from derive.report.words import VERDICTS, statement_of
from derive.writing.to_linear import linear

_VERSIONED = {"derive": "derive", "SymPy": "sympy", "NumPy": "numpy"}
_GRADIENTS, _CROSSCHECK, _REMARKS = "gradients", "crosscheck", "remarks"


def page(
    checked: Checked,
    gradients: Sequence[Gradient] = (),
    crosscheck_rows: Sequence[Sequence[str]] = (),
    crosscheck_header: Sequence[str] = (),
) -> str:
    """The report as HTML that is XML as well; the same document gives the same text.

    `gradients` are shown with their steps; `crosscheck_rows` is a table under `crosscheck_header`.
    """
    written = Page(checked)
    parts = list(written.story())
    if gradients:
        parts.append(written.heading(2, "The gradients, derived", _GRADIENTS))
        parts += [derivation(gradient) for gradient in gradients]
    if crosscheck_rows:
        parts.append(written.heading(2, "Numeric cross-check", _CROSSCHECK))
        parts.append(table(crosscheck_rows, crosscheck_header))
    parts += written.remarks()
    template = resources.files("derive.report").joinpath("templates/report.html")
    return string.Template(template.read_text(encoding="utf-8")).substitute(
        name=words(written.name()),
        title=written.title(),
        summary=written.summary(),
        contents=written.contents(),
        body="\n".join(part for part in parts if part),
        versions=versions(),
    )


def versions() -> str:
    """The versions that judged."""
    shown = [f"{label} {metadata.version(package)}" for label, package in _VERSIONED.items()]
    shown.insert(1, f"Python {platform.python_version()}")
    return words(f"Judged by {', '.join(shown)}.")


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """A table of words, the first column to the left."""
    head = "".join(f'<th scope="col">{words(cell)}</th>' for cell in header)
    lines = ["".join(f"<td>{words(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    shown = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="numbers">{shown}</table></div>'


def derivation(gradient: Gradient) -> str:
    """The closed form of a gradient, with the steps that lead to it folded away."""
    closed = equation(to_syntax(gradient.left), to_syntax(gradient.closed_form))
    by = inline(name(gradient.target.latex))
    parts = [f"<h3>The gradient with respect to {by}</h3>", display(closed)]
    conditions = "; ".join(gradient.proof.side_conditions)
    where = f' <span class="why">where {words(conditions)}</span>' if conditions else ""
    parts.append(f'<div class="claim">{badge("proved")}{where}</div>')
    steps = []
    for step in gradient.steps:
        why = f"{step.rule}: {step.reason}" if step.reason else step.rule
        steps.append(display(equation(step.left, step.right)))
        steps.append(f'<p class="small">{remark(why)}</p>')
    if steps:
        folded = f"<summary>{len(gradient.steps)} steps</summary>{''.join(steps)}"
        parts.append(f'<details class="claim">{folded}</details>')
    return "\n".join(parts)


@dataclass
class Page:
    """The text of one document in HTML."""

    checked: Checked
    _story: Story = field(init=False)
    _anchors: dict[int, str] = field(init=False)
    _unread: dict[int, Unread] = field(init=False)
    _shown: set[int] = field(init=False, default_factory=set)
    _sections: list[tuple[int, str, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._story = Story(self.checked)
        stated = [item for item in self.checked.meaning.items if not isinstance(item, Fact)]
        self._anchors = {id(item): f"claim-{at}" for at, item in enumerate(stated, 1)}
        self._unread = {
            id(item.statement): item
            for item in stated
            if isinstance(item, Unread) and item.has_relation
        }

    # ---- the head ----------------------------------------------------------------------------

    def title(self) -> str:
        """The first heading, or the path of the document."""
        heading = self._title()
        return self._inline(heading.pieces) if heading else words(self._story.source.path)

    def name(self) -> str:
        """The title in plain words."""
        heading = self._title()
        return self._plain(heading.pieces) if heading else self._story.source.path

    def _title(self) -> Heading | None:
        blocks = self.checked.meaning.document.blocks
        return next((block for block in blocks if isinstance(block, Heading)), None)

    def summary(self) -> str:
        """How many claims have which verdict, and a link to each that is not proved."""
        counts = self.checked.counts
        total = sum(counts.values())
        listed = ", ".join(
            badge(v).replace("> ", ">") + f" {counts[v]}" for v in VERDICTS if counts[v]
        )
        said = f"{total} claim{'s' * (total != 1)}: {listed}" if total else "no claims"
        links = "".join(f"<li>{link}</li>" for link in self._findings())
        path = f'<p class="source">{words(self._story.source.path)}</p>'
        found = f"<ul>{links}</ul>" if links else ""
        return f'<div class="verdicts">{path}<p>{said}</p>{found}</div>'

    def _findings(self) -> Iterator[str]:
        verdicts = {id(claim): judgement.verdict for claim, judgement in self.checked.judged}
        for item in self.checked.meaning.items:
            if isinstance(item, Claim) and verdicts[id(item)] != "proved":
                mark, shown = badge(verdicts[id(item)]), inline(statement_of(item))
                start = item.relation.span.start
            elif isinstance(item, Unread) and item.has_relation:
                mark, shown = badge("unread"), words(item.error.message)
                start = item.span.start
            else:
                continue
            line, _ = self._story.source.position(start)
            yield f'<a href="#{self._anchors[id(item)]}">line {line}</a> {mark} {shown}'

    def contents(self) -> str:
        """Links to the sections, once there are two."""
        if len(self._sections) < 2:
            return ""
        rows = "".join(
            f"<li{' class=' + chr(34) + 'deeper' + chr(34) if level > 2 else ''}>"
            f'<a href="#{anchor}">{shown}</a></li>'
            for level, anchor, shown in self._sections
        )
        return f'<nav aria-label="Contents"><strong>Contents</strong><ul>{rows}</ul></nav>'

    def heading(self, level: int, shown: str, anchor: str = "") -> str:
        """A heading, noted for the table of contents."""
        anchor = anchor or f"section-{len(self._sections) + 1}"
        self._sections.append((level, anchor, shown))
        tag = "h2" if level <= 2 else "h3"
        return f'<{tag} id="{anchor}">{shown}</{tag}>'

    # ---- the document, block by block --------------------------------------------------------

    def story(self) -> Iterator[str]:
        """Headings, prose and displays with their verdicts; the title is not repeated."""
        title = self._title()
        for block in self.checked.meaning.document.blocks:
            match block:
                case Heading(level=level, pieces=pieces):
                    if block is not title:
                        yield self.heading(level, self._inline(pieces))
                    yield from self._stated_in(pieces)
                case Code(text=text):
                    yield f"<pre><code>{words(text.expandtabs(4).rstrip())}</code></pre>"
                case Paragraph(pieces=pieces):
                    yield from self._paragraph(pieces)
        yield from self._left_over()

    def _stated_in(self, pieces: Sequence[Prose | Formula]) -> Iterator[str]:
        """What a heading claims, below it."""
        for piece in pieces:
            if isinstance(piece, Formula) and self._is_judged(piece):
                yield from self._formula(piece)

    def _left_over(self) -> Iterator[str]:
        """Claims that stand in no block, so that none is lost."""
        for claim, judgement in self.checked.judged:
            if id(claim) not in self._shown:
                yield self._verdict(claim, judgement, "", singled_out=False)
        for item in self._unread.values():
            if id(item) not in self._shown:
                yield self._not_read(item)

    def _paragraph(self, pieces: Sequence[Prose | Formula]) -> Iterator[str]:
        running: list[Prose | Formula] = []
        for piece in pieces:
            if isinstance(piece, Formula) and (piece.display or self._is_judged(piece)):
                yield self._flushed(running)
                yield from self._formula(piece)
            else:
                running.append(piece)
        yield self._flushed(running)

    def _flushed(self, running: list[Prose | Formula]) -> str:
        text = self._inline(running)
        running.clear()
        return f"<p>{text}</p>" if text else ""

    def _is_judged(self, piece: Formula) -> bool:
        unread = any(id(statement) in self._unread for statement in piece.statements)
        return unread or self._story.judges(piece)

    def _inline(self, pieces: Sequence[Prose | Formula]) -> str:
        """Prose with its inline formulas, spaced as in the source."""
        return self._spaced([(piece, _piece(piece)) for piece in pieces])

    def _plain(self, pieces: Sequence[Prose | Formula]) -> str:
        return self._spaced([(piece, _plain_piece(piece)) for piece in pieces])

    def _spaced(self, shown: Sequence[tuple[Prose | Formula, str]]) -> str:
        source, text = self._story.source.text, ""
        for piece, written in shown:
            start = piece.span.start
            inside = source[start : start + 1] if isinstance(piece, Prose) else ""
            text += " " if source[start - 1 : start].isspace() or inside.isspace() else ""
            text += written
        return text.strip()

    def _formula(self, piece: Formula) -> Iterator[str]:
        conditions = [s.body for s in piece.statements if self._story.is_condition(s) and s.body]
        for statement in piece.statements:
            if self._story.is_condition(statement):
                continue
            judged = self._story.of(statement)
            if statement.body is not None:
                beside = conditions if judged else ()
                yield display(statement.body, beside, _numbers(statement, judged))
            yield from self._verdicts(statement, judged)
            if id(statement) in self._unread:
                yield self._not_read(self._unread[id(statement)])

    def _verdicts(
        self, statement: Statement, judged: Sequence[tuple[Claim, Judgement]]
    ) -> Iterator[str]:
        """A verdict for each claim of a statement; one inside a case is shown with it."""
        signs = statement.body.relations if isinstance(statement.body, Chain) else ()
        places = {sign.span for sign in signs}
        for number, (claim, judgement) in enumerate(judged, 1):
            label = f"({number})" if len(judged) > 1 else ""
            yield self._verdict(claim, judgement, label, claim.relation.span in places)

    def _verdict(self, claim: Claim, judgement: Judgement, label: str, singled_out: bool) -> str:
        self._shown.add(id(claim))
        shown = "" if singled_out else inline(statement_of(claim))
        return verdict(judgement, self._anchors[id(claim)], label, shown)

    def _not_read(self, item: Unread) -> str:
        self._shown.add(id(item))
        anchor = self._anchors[id(item)]
        said = f"<pre>{words(str(item.error))}</pre>"
        return f'<div class="claim" id="{anchor}">{badge("unread")}{said}</div>'

    def remarks(self) -> Iterator[str]:
        """How names were understood, and what was left without a judgement."""
        notes = [(note.span.start, remark(note.text)) for note in self.checked.meaning.notes]
        for item in self.checked.meaning.items:
            if isinstance(item, Fact) and item.kind == "not judged" and item.statement.body:
                why = f" ({remark(item.reason)})" if item.reason else ""
                notes.append((item.span.start, f"not judged: {inline(item.statement.body)}{why}"))
        if notes:
            yield self.heading(2, "Remarks", _REMARKS)
        for start, text in sorted(notes):
            yield f'<p class="small">Line {self._story.source.position(start)[0]}: {text}.</p>'


def _numbers(statement: Statement, judged: Sequence[tuple[Claim, Judgement]]) -> list[str]:
    """The label of the verdict on each link of a chain, where there are several."""
    if not isinstance(statement.body, Chain) or len(judged) < 2:
        return []
    labels = {claim.relation.span: f"({at})" for at, (claim, _) in enumerate(judged, 1)}
    return [labels.get(sign.span, "") for sign in statement.body.relations]


def _piece(piece: Prose | Formula) -> str:
    if isinstance(piece, Prose):
        return words(piece.text)
    bodies = [s.body for s in piece.statements if s.body is not None]
    return ", ".join(map(inline, bodies)) or badge("unread")


def _plain_piece(piece: Prose | Formula) -> str:
    if isinstance(piece, Prose):
        return piece.text
    return ", ".join(linear(s.body) for s in piece.statements if s.body is not None)
