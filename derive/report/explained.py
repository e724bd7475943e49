"""Explanations of claims in a terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from derive.meaning import terms as t
from derive.meaning.claims import Claim, Unread
from derive.meaning.shapes import describe
from derive.meaning.to_syntax import name, position, to_syntax
from derive.reading import syntax as s
from derive.report.explain import Explanation, Law, NameShown, sides_of
from derive.report.machine import SCHEMA, claim_entry, unread_entry
from derive.report.sides import Shown, Sides
from derive.report.terminal import COLOURS, INDENT, Screen
from derive.report.words import MARKS, readable, statement_of, suggestion, witness_text
from derive.writing.to_latex import to_latex
from derive.writing.to_linear import linear
from derive.writing.to_unicode import to_unicode

PATHS = {
    "total": "∂ is total: it follows every path of the definitions",
    "direct": "∂ is direct: the other names in a definition are held",
}


def print_explanations(explanations: Sequence[Explanation], screen: Screen) -> None:
    """Each claim in turn, a blank line between its parts."""
    for number, explanation in enumerate(explanations, 1):
        of = f", claim {number} of {len(explanations)}" if len(explanations) > 1 else ""
        if number > 1:
            screen.line()
        _Printer(screen, explanation).print(of)


@dataclass
class _Printer:
    """Prints one explanation."""

    screen: Screen
    of: Explanation

    def print(self, label: str) -> None:
        where = f"{self.of.source.path}:{self.of.line}:{self.of.column}"
        self.screen.line(where + label, "bold")
        self.screen.line()
        item = self.of.item
        if isinstance(item, Unread):
            self._verdict()
            self._error(item)
            return
        self.screen.display(self._equation(item))
        self._verdict()
        self._error(item)
        self._names()
        self._reading(item)
        self._sides()
        self._why_false()
        self._repairs()
        self._rules()
        self._conditions()

    def _equation(self, claim: Claim) -> s.Expr:
        """The link, its conditions behind it where they fit."""
        link = statement_of(claim)
        whole = s.List((link, *claim.condition))
        fits = to_unicode(whole).width <= self.screen.width - INDENT
        return whole if claim.condition and fits else link

    def _verdict(self) -> None:
        verdict = self.of.judgement.verdict
        self.screen.wrapped(f"{MARKS[verdict]} {verdict}", COLOURS[verdict], indent=INDENT)
        if self.of.judgement.reason and not self._has_error():
            self._line(readable(self.of.judgement.reason))

    def _has_error(self) -> bool:
        return isinstance(self.of.item, Unread) or self.of.item.error is not None

    def _error(self, item: Claim | Unread) -> None:
        """What could not be read, with its caret, and the shapes of the two sides."""
        error = item.error
        if error is None:
            return
        self._line(readable(error.message))
        if error.place is not None:
            for row in error.place.caret(self.screen.width - INDENT).splitlines():
                self.screen.line(f"{'':{INDENT}}{row}")
        if error.advice:
            self._line(error.advice)
        sides = sides_of(item) if isinstance(item, Claim) else None
        if sides is not None and "left side" not in error.message:
            self._line(f"left side: {sides[0]}")
            self._line(f"right side: {sides[1]}")

    # ---- parts -----------------------------------------------------------------------------

    def _title(self, text: str) -> None:
        self.screen.line()
        self.screen.line(text, "bold")

    def _line(self, text: str, style: str = "") -> None:
        self.screen.wrapped(text, style, indent=INDENT, hang=4)

    def _names(self) -> None:
        rows = self.of.names
        if not rows:
            return
        wide = max(cell_len(self._linear(_spelled(row.symbol))) for row in rows)
        self._title("Names")
        for occurs in (True, False):
            chosen = [row for row in rows if row.occurs == occurs]
            if chosen and not occurs:
                self._line("and those on which they depend:", "dim")
            for row in chosen:
                shown = self._linear(_spelled(row.symbol))
                gap = " " * (wide - cell_len(shown) + 2)
                text = f"{shown}{gap}{self._kind(row)}"
                self.screen.wrapped(text, indent=INDENT, hang=wide + 2)

    def _kind(self, row: NameShown) -> str:
        text = f"{row.shape}, {row.kind}"
        if row.definition is not None:
            return f"{text} on line {row.line}: {self._linear(row.definition)}"
        if row.outputs:
            text += " of " + ", ".join(self._linear(_spelled(o)) for o in row.outputs)
        return text

    def _reading(self, claim: Claim) -> None:
        reading = self.of.reading
        if reading is None:
            return
        self._title("Reading")
        self._line(f"each side: {describe(reading.left.shape)}")
        if reading.free:
            self._line("for all " + ", ".join(map(self._range, reading.free)))
        for condition in claim.condition:
            self._line(f"on condition that {self._linear(condition)}")
        for given in self.of.assumptions:
            self._line(f"assumed: {self._linear(_comparison(given))}")
        if reading.partials is not None and not self.of.readings:
            self._line(PATHS[reading.partials])
        for number, tried in enumerate(self.of.readings, 1):
            self._line(f"reading {number}, {tried.words}: {tried.outcome}")

    def _range(self, bound: t.Bound) -> str:
        low, high = (self._linear(position(at)) for at in (bound.low, bound.high))
        return f"{self._linear(name(bound.name))} = {low} … {high}"

    def _sides(self) -> None:
        """The normal form of each side, once where both are the same."""
        sides = self.of.sides
        if not sides:
            return
        self._title("Worked out")
        if isinstance(sides, str):
            self._line(f"no normal form: {readable(sides)}")
            return
        entry = f", at the entry {', '.join(sides.entry)}" if sides.entry else ""
        inserted = ", with the definitions inserted" if sides.inserted else ""
        if sides.equal and sides.left == sides.right:
            self._form(f"both sides{entry}{inserted}", sides.left)
        else:
            self._form(f"left side{entry}{inserted}", sides.left)
            self.screen.line()
            self._form(f"right side{entry}{inserted}", sides.right)

    def _form(self, label: str, shown: Shown) -> None:
        self._line(f"{label}:", "dim")
        self.screen.display(to_syntax(shown.term))
        if shown.left_out:
            self._line(f"and {shown.left_out} more terms", "dim")

    def _why_false(self) -> None:
        """Where the sides differ, and by what."""
        judgement, sides = self.of.judgement, self.of.sides
        gap = sides if isinstance(sides, Sides) and not sides.equal else None
        if judgement.verdict not in ("refuted", "undecided") or not (gap or judgement.witness):
            return
        self._title("How the sides differ")
        if judgement.witness:
            self._line(f"witness: {witness_text(judgement.witness)}")
        if gap is not None and gap.ratio is not None:
            factor = self._linear(to_syntax(gap.ratio))
            self._line(f"left side = {factor} × right side")
        if gap is not None and gap.difference is not None:
            self._line("left side − right side =", "dim")
            self.screen.display(to_syntax(gap.difference))

    def _repairs(self) -> None:
        if not self.of.judgement.repairs:
            return
        self._title("Nearest true equations")
        for repair in self.of.judgement.repairs:
            self._line(suggestion(repair))

    def _rules(self) -> None:
        if self.of.judgement.verdict != "proved":
            return
        self._title("Rules of the proof, in the order in which they were first used")
        if not self.of.rules:
            self._line("none: both sides are the same expression")
        for number, law in enumerate(self.of.rules, 1):
            self._line(f"{number}. {law.name}: {self._law(law)}")

    def _law(self, law: Law) -> str:
        text = self._linear(law.law)
        if not law.given:
            return text
        return f"{text}, where {', '.join(map(self._linear, law.given))}"

    def _conditions(self) -> None:
        if not self.of.judgement.side_conditions:
            return
        self._title("Side conditions")
        for condition in self.of.judgement.side_conditions:
            self._line(condition)

    def _linear(self, node: s.Expr) -> str:
        return linear(node, ascii=self.screen.ascii)


def _spelled(symbol: t.Symbol) -> s.Expr:
    return name(symbol.latex or symbol.key)


SIGNS = {"==": "=", "!=": "\\neq", "<": "<", "<=": "\\le", ">": ">", ">=": "\\ge"}


def _comparison(given: t.Assumption) -> s.Expr:
    sides = to_syntax(given.left), to_syntax(given.right)
    return s.Chain(sides, (s.Relation(SIGNS[given.sign]),))


# ---- JSON -----------------------------------------------------------------------------------


def explanations_to_json(explanations: Sequence[Explanation]) -> str:
    """The explanations as one JSON text: the entry of each claim with what explains it."""
    whole = {
        "schema": SCHEMA,
        "path": explanations[0].source.path,
        "claims": [dict(_entry(explanation)) for explanation in explanations],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)


def _entry(of: Explanation) -> Iterator[tuple[str, Any]]:
    if isinstance(of.item, Unread):
        yield from unread_entry(of.source, of.item).items()
    else:
        yield from claim_entry(of.source, of.item, of.judgement).items()
    yield "names", [_name_entry(row) for row in of.names]
    yield "indices", [_range_entry(bound) for bound in (of.reading.free if of.reading else ())]
    conditions = of.item.condition if isinstance(of.item, Claim) else ()
    yield "conditions", [to_latex(condition) for condition in conditions]
    yield "assumptions", [to_latex(_comparison(given)) for given in of.assumptions]
    yield "partials", of.reading.partials if of.reading else None
    yield "readings", [{"reading": r.words, "outcome": r.outcome} for r in of.readings]
    yield "laws", [{"rule": law.name, "law": to_latex(law.law)} for law in of.rules]
    yield "sides", _sides_entry(of.sides) if isinstance(of.sides, Sides) else None
    yield "no_sides", of.sides if isinstance(of.sides, str) else ""


def _name_entry(row: NameShown) -> dict[str, Any]:
    return {
        "name": to_latex(_spelled(row.symbol)),
        "kind": row.kind,
        "shape": [str(size) for size in row.symbol.shape],
        "occurs": row.occurs,
        "definition": None if row.definition is None else to_latex(row.definition),
        "line": row.line or None,
    }


def _range_entry(bound: t.Bound) -> dict[str, str]:
    return {"name": bound.name, "low": str(bound.low), "high": str(bound.high)}


def _sides_entry(sides: Sides) -> dict[str, Any]:
    """Terms as LaTeX; `more` counts the terms of each side that are left out."""
    difference, ratio = (
        None if term is None else to_latex(to_syntax(term))
        for term in (sides.difference, sides.ratio)
    )
    return {
        "entry": list(sides.entry),
        "left": to_latex(to_syntax(sides.left.term)),
        "right": to_latex(to_syntax(sides.right.term)),
        "more": [sides.left.left_out, sides.right.left_out],
        "definitions_inserted": sides.inserted,
        "difference": difference,
        "ratio": ratio,
    }
