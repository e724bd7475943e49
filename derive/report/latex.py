"""The report of a document in LaTeX: its text, each equation with its verdict, its gradients."""

from __future__ import annotations

import platform
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata, resources

from derive.gradient.steps import Gradient
from derive.judgement.check import Checked
from derive.judgement.verdict import Entries, Judgement, Witness
from derive.meaning.claims import Claim, Fact
from derive.meaning.to_syntax import name, to_syntax
from derive.reading.statements import Code, Formula, Heading, Paragraph, Prose, Statement
from derive.reading.syntax import Chain, Expr, Relation
from derive.report.pdf import compile_pdf
from derive.report.terminal import Story, equation
from derive.report.tex_lines import LINE, MARK, Line, plain_lines, width
from derive.report.tex_text import condition, formula, prose, remark, suggested
from derive.report.words import VERDICTS, entries, statement_of, telling
from derive.writing.to_latex import escaped, to_latex

__all__ = ["compile_pdf", "report"]

RULES = 5
"""How many rules are named under an equation."""
_COLOURS = {
    "proved": "proved",
    "refuted": "refuted",
    "ill-typed": "refuted",
    "undecided": "undecided",
    "unread": "undecided",
}
_GAP = 36.0
_LONGEST_CODE_LINE = 85
_KINDS = {"declaration": "Declared", "definition": "Defined", "assumption": "Assumed"}
_FOLLOWS = " (follows from the assumptions)"
_VERSIONED = ("derive", "sympy", "numpy")
_SPELT = {"derive": "derive", "sympy": "SymPy", "numpy": "NumPy"}


class Template(string.Template):
    """A template whose places are `@{name}`, a sign that LaTeX gives no meaning in a text."""

    delimiter = "@"


def report(
    checked: Checked,
    gradients: Sequence[Gradient] = (),
    crosscheck_rows: Sequence[Sequence[str]] = (),
    crosscheck_header: Sequence[str] = (),
) -> str:
    """The report as a LaTeX document; the same document gives the same text.

    `gradients` are shown with their steps; `crosscheck_rows` is a table under `crosscheck_header`.
    """
    page = Page(checked)
    parts = [page.notation(), *page.story(), page.remarks()]
    if gradients:
        parts.append("\\section{The gradients, derived}")
        parts += [derivation(gradient) for gradient in gradients]
    if crosscheck_rows:
        parts += ["\\section{Numeric cross-check}", table(crosscheck_rows, crosscheck_header)]
    text = resources.files("derive.report").joinpath("templates/report.tex")
    return Template(text.read_text(encoding="utf-8")).substitute(
        title=page.title(),
        summary=summary_line(checked),
        body="\n\n".join(part for part in parts if part),
        versions=versions(),
    )


def summary_line(checked: Checked) -> str:
    """`26 claims: 26 proved`, each count in the colour of its verdict."""
    counts = checked.counts
    total = sum(counts.values())
    if not total:
        return "no claims"
    listed = ", ".join(_coloured(v, f"{counts[v]} {v}") for v in VERDICTS if counts[v])
    return f"{total} claim{'s' * (total != 1)}: {listed}"


def versions() -> str:
    """The versions that judged."""
    shown = [f"{_SPELT[package]} {metadata.version(package)}" for package in _VERSIONED]
    shown.insert(1, f"Python {platform.python_version()}")
    return "Judged by " + ", ".join(escaped(item) for item in shown) + "."


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """A table of words; the first column to the left, the others to the right."""
    columns = max(len(row) for row in (*rows, header))
    lines = [" & ".join(map(prose, row)) + r" \\" for row in rows]
    head = [" & ".join(map(prose, header)) + r" \\", "\\midrule"] if header else []
    body = "\n".join(["\\toprule", *head, *lines, "\\bottomrule"])
    inner = f"\\begin{{tabular}}{{l{'r' * (columns - 1)}}}\n{body}\n\\end{{tabular}}"
    boxed = f"\\sbox0{{\\small {inner}}}"
    fitted = "\\ifdim\\wd0>\\linewidth \\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi"
    return f"\\begin{{center}}\n{boxed}\n{fitted}\n\\end{{center}}"


def display(lines: Sequence[Line], marks: Sequence[str] = ()) -> str:
    """Rows of an `align*`; `marks[k]` stands at the right of the row that completes link k."""
    rows = []
    for line in lines:
        known = line.link is not None and line.link < len(marks) and marks[line.link]
        rows.append(line.text + (f" \\tag*{{{marks[line.link or 0]}}}" if known else ""))
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def because(lines: Sequence[str]) -> str:
    """Small print under a display."""
    inner = "\\\\\n".join(line for line in lines if line)
    return f"\\begin{{smallprint}}\n{inner}\n\\end{{smallprint}}" if inner else ""


def derivation(gradient: Gradient) -> str:
    """The closed form of a gradient and the steps that lead to it."""
    left = to_syntax(gradient.left)
    closed = equation(left, to_syntax(gradient.closed_form))
    shown = [
        f"\\subsection{{The gradient with respect to ${to_latex(name(gradient.target.latex))}$}}",
        display(plain_lines(closed, LINE - MARK), [_coloured("proved", "proved")]),
    ]
    shown.append(because([_conditions(gradient.proof.side_conditions)]))
    shown.append("Step by step:")
    for step in gradient.steps:
        why = f"\\textit{{{remark(step.rule)}}}"
        why += f": {remark(step.reason)}" if step.reason else ""
        shown.append(display(plain_lines(equation(step.left, step.right), LINE)))
        shown.append(because([why]))
    return "\n".join(part for part in shown if part)


def witness(found: Witness) -> str:
    """The witness as a phrase: sizes, values, functions and indices, then both sides."""
    parts = [f"{formula(size)} = {value}" for size, value in found.sizes.items()]
    parts += [f"{to_latex(name(key))} = {_entries(value)}" for key, value in found.values.items()]
    for key, text in found.functions.items():
        parts.append(f"{to_latex(name(key))}(t) = {formula(text)}")
    parts += [f"{formula(index)} = {value}" for index, value in found.indices.items()]
    at = ", ".join(f"${part}$" for part in parts)
    sides = f"left ${formula(found.left)}$, right ${formula(found.right)}$"
    return f"{at}: {sides}" if at else sides


def _entries(value: Entries) -> str:
    return formula(entries(value)).replace(", ", ",\\allowbreak\\; ")


def _coloured(verdict: str, text: str) -> str:
    return f"\\verdict{{{_COLOURS[verdict]}}}{{{escaped(text)}}}"


def _conditions(conditions: Sequence[str]) -> str:
    """Side conditions, those that follow from the assumptions together and last."""
    stated = [condition(text) for text in conditions if not text.endswith(_FOLLOWS)]
    implied = [
        condition(text.removesuffix(_FOLLOWS)) for text in conditions if text.endswith(_FOLLOWS)
    ]
    parts = [", ".join(stated)] if stated else []
    if implied:
        verb = "follows" if len(implied) == 1 else "follow"
        parts.append(f"{', '.join(implied)} {verb} from the assumptions")
    return "where " + "; ".join(parts) if parts else ""


def explanation(judgement: Judgement) -> Iterator[str]:
    """The small print on one verdict: rules, reading, side conditions, witness, repairs."""
    if judgement.verdict == "proved":
        yield f"\\textit{{{_rules(judgement.rules)}}}"
    if judgement.reading:
        yield f"reading: {remark(judgement.reading)}"
    if judgement.side_conditions:
        yield _conditions(judgement.side_conditions)
    if judgement.witness:
        yield f"witness: {witness(judgement.witness)}"
    for repair in judgement.repairs:
        yield f"perhaps: {suggested(repair)}"
    if judgement.reason:
        yield remark(judgement.reason)


def _rules(fired: Sequence[str]) -> str:
    if not fired:
        return "both sides are the same expression"
    chosen, more = telling(fired, RULES)
    return "; ".join(map(prose, chosen)) + (f"; and {more} more" if more else "")


@dataclass
class Page:
    """The text of one document in LaTeX."""

    checked: Checked
    _story: Story = field(init=False)

    def __post_init__(self) -> None:
        self._story = Story(self.checked)

    def title(self) -> str:
        """The first heading, or the path of the document."""
        for block in self.checked.meaning.document.blocks:
            if isinstance(block, Heading):
                return self._inline(block.pieces)
        return prose(self.checked.meaning.document.source.path)

    # ---- what is taken, not judged -----------------------------------------------------------

    def notation(self) -> str:
        """What the document declares, defines and assumes, in document order."""
        lines = []
        for kind, label in _KINDS.items():
            shown = list(
                dict.fromkeys(
                    f"${to_latex(item.statement.body)}$"
                    for item in self.checked.meaning.items
                    if isinstance(item, Fact) and item.kind == kind and item.statement.body
                )
            )
            if shown:
                lines.append(f"\\item[{label}] {', '.join(shown)}.")
        if not lines:
            return ""
        listed = "\n".join(lines)
        return f"{{\\small\\begin{{description}}\n{listed}\n\\end{{description}}}}"

    def remarks(self) -> str:
        """How names were understood, and what was left without a judgement."""
        source = self.checked.meaning.document.source
        notes = [(note.span.start, remark(note.text)) for note in self.checked.meaning.notes]
        for item in self.checked.meaning.items:
            if isinstance(item, Fact) and item.kind == "not judged" and item.statement.body:
                why = f" ({remark(item.reason)})" if item.reason else ""
                text = f"not judged: ${to_latex(item.statement.body)}${why}"
                notes.append((item.span.start, text))
        if not notes:
            return ""
        rows = [f"Line {source.position(start)[0]}: {text}." for start, text in sorted(notes)]
        return "\\section{Remarks}\n{\\small\n" + "\n\n".join(rows) + "\n\n}"

    # ---- the document, block by block --------------------------------------------------------

    def story(self) -> Iterator[str]:
        """Headings, prose and displays with their verdicts; the title is not repeated."""
        titled = False
        for block in self.checked.meaning.document.blocks:
            match block:
                case Heading(level=level, pieces=pieces):
                    command = "section" if level <= 2 else "subsection"
                    if titled:
                        yield f"\\{command}{{{self._inline(pieces)}}}"
                    titled = True
                case Code(text=text):
                    yield _code(text)
                case Paragraph(pieces=pieces):
                    yield from self._paragraph(pieces)

    def _paragraph(self, pieces: Sequence[Prose | Formula]) -> Iterator[str]:
        running: list[Prose | Formula] = []
        for piece in pieces:
            if isinstance(piece, Formula) and (piece.display or self._story.judges(piece)):
                yield self._inline(running)
                running = []
                yield "\n".join(self._formula(piece))
            else:
                running.append(piece)
        yield self._inline(running)

    def _inline(self, pieces: Sequence[Prose | Formula]) -> str:
        """Prose with its inline formulas, spaced as in the source."""
        source = self._story.source.text
        parts: list[str] = []
        for piece in pieces:
            start = piece.span.start
            inside = source[start : start + 1] if isinstance(piece, Prose) else ""
            if source[start - 1 : start].isspace() or inside.isspace():
                parts.append(" ")
            parts.append(prose(piece.text) if isinstance(piece, Prose) else _inline_formula(piece))
        return " ".join("".join(parts).split())

    def _formula(self, piece: Formula) -> Iterator[str]:
        shown = [s for s in piece.statements if not self._story.is_condition(s)]
        waiting: list[Expr] = []
        for statement in shown:
            if statement.body is not None and not self._story.of(statement):
                waiting.append(statement.body)
                continue
            yield from _side_by_side(waiting)
            waiting = []
            yield from self._statement(statement, piece)
        yield from _side_by_side(waiting)

    def _statement(self, statement: Statement, piece: Formula) -> Iterator[str]:
        """One display with its marks, and the small print under it."""
        if statement.body is None:
            yield _unread(statement)
            return
        judged = self._story.of(statement)
        lines = plain_lines(statement.body, LINE - MARK)
        conditions = [
            s.body for s in piece.statements if self._story.is_condition(s) and s.body is not None
        ]
        if conditions:
            said = ", ".join(map(to_latex, conditions))
            lines[-1] = Line(f"{lines[-1].text} \\quad \\text{{for }} {said}", lines[-1].link)
        signs = statement.body.relations if isinstance(statement.body, Chain) else ()
        marks, small = _marks(signs, judged)
        yield display(lines, marks)
        yield because(small)


def _marks(
    signs: Sequence[Relation], judged: Sequence[tuple[Claim, Judgement]]
) -> tuple[list[str], list[str]]:
    """A mark for each link of a chain, and the small print on all its claims."""
    marks = [""] * len(signs)
    small = []
    places = {sign.span: number for number, sign in enumerate(signs)}
    for number, (claim, judgement) in enumerate(judged, 1):
        label = f" ({number})" if len(judged) > 1 else ""
        place = places.get(claim.relation.span)
        text = "; ".join(explanation(judgement))
        if place is None or marks[place]:
            inner = f"${to_latex(statement_of(claim))}$: "
            text = inner + _coloured(judgement.verdict, judgement.verdict) + "; " + text
        else:
            marks[place] = _coloured(judgement.verdict, judgement.verdict + label)
        small.append(f"{label.strip()} {text}".strip())
    return marks, small


def _side_by_side(bodies: Sequence[Expr]) -> Iterator[str]:
    """Statements that are not judged, beside each other where they fit."""
    groups: list[list[Expr]] = []
    taken = 0.0
    for body in bodies:
        size = width(body) + _GAP
        if groups and taken + size < LINE:
            groups[-1].append(body)
            taken += size
        else:
            groups.append([body])
            taken = size
    for group in groups:
        if len(group) > 1:
            yield "\\[\n" + " \\qquad\n".join(map(to_latex, group)) + "\n\\]"
        else:
            yield display(plain_lines(group[0], LINE))


def _inline_formula(piece: Formula) -> str:
    bodies = [s.body for s in piece.statements if s.body is not None]
    return ", ".join(f"${to_latex(body)}$" for body in bodies) or "\\textit{(unread)}"


def _unread(statement: Statement) -> str:
    """A formula that could not be read: where it stands and why, never its text."""
    error = statement.error
    where = f"line {error.place.line}: " if error and error.place else ""
    why = prose(error.message) if error else "it could not be read"
    return f"{_coloured('unread', 'unread')}, {where}{why}"


def _code(text: str) -> str:
    """A code block, its lines cut to the page."""
    rows = []
    for row in text.expandtabs(4).rstrip().splitlines():
        cut = row if len(row) <= _LONGEST_CODE_LINE else row[: _LONGEST_CODE_LINE - 3] + "..."
        rows.append("\\mbox{}" + escaped(cut).replace(" ", "~"))
    return "{\\small\\ttfamily\\raggedright\n" + "\\\\\n".join(rows) + "\\par}"
