"""Assumptions: those of the text, those that hold for one statement only, those of the options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from derive.errors import MeaningError
from derive.meaning.claims import Fact, Unread
from derive.meaning.classify import kind_of, mentions
from derive.meaning.force import Force
from derive.meaning.readings import Equation, read_assumption, read_equation
from derive.meaning.records import Given
from derive.meaning.setting import place_of
from derive.meaning.stated import Stated
from derive.meaning.subscripts import SIGNS
from derive.meaning.terms import Assumption, Context
from derive.reading import syntax as s
from derive.reading.parse import parse_formula
from derive.reading.span import Source, Span
from derive.reading.statements import Document, Statement


def comparisons(
    body: s.Expr, span: Span, source: Source | None, conditions: tuple[s.Expr, ...] = ()
) -> tuple[Given, ...]:
    """What an assumption gives, one entry for each of its relation signs."""
    if not isinstance(body, s.Chain):
        return ()
    latex = "" if source is None else source.cut(span)
    found = []
    for left, right, relation in zip(body.members, body.members[1:], body.relations, strict=False):
        sign = SIGNS.get(relation.sign, "==")
        if left is not None and right is not None:
            names = mentions(left) | mentions(right)
            found.append(Given(left, sign, right, latex, names, span, conditions))
    return tuple(found)


def of_options(document: Document) -> Iterator[Statement]:
    """The statements of the option `assume`, at their places in the text."""
    texts = document.options.get("assume", ())
    for text in (texts,) if isinstance(texts, str) else texts:
        at = max(document.source.text.find(text), document.source.text.find("assume"), 0)
        yield from parse_formula(text, document.source, at)


@dataclass(slots=True)
class Assuming:
    """The assumptions of a document beside the names in force.

    `options` are those of the options whose names are not all known yet.
    """

    force: Force
    source: Source
    options: list[Statement]
    _narrowed: dict[tuple[int, tuple[int, ...]], Context] = field(default_factory=dict)

    def context(self, item: Stated) -> Context:
        """The names in force, with the assumptions that hold for this statement only."""
        context = self.force.context
        found = tuple(read for other in item.supposed for read in self._local(other))
        if not found:
            return context
        key = (id(context), tuple(id(other) for other in item.supposed))
        if key not in self._narrowed:
            self._narrowed[key] = replace(context, assumptions=context.assumptions + found)
        return self._narrowed[key]

    def _local(self, item: Stated) -> Iterator[Assumption]:
        for given in self._given(item):
            read = read_assumption(self.force.names, self.source, given)
            if read is not None:
                yield read

    def _given(self, item: Stated) -> tuple[Given, ...]:
        body, span = item.statement.body, item.statement.span
        return () if body is None else comparisons(body, span, self.source, item.restricted)

    def fact(self, item: Stated) -> Fact | Unread:
        """An assumption as a fact, or the finding that it is not understood where it stands."""
        span = item.statement.span
        for given in self._given(item):
            equation = Equation(given.left, given.right, given.sign, given.conditions, span)
            readings, error = read_equation(self.force.names, self.source, equation, "total")
            if not readings and error is not None:
                return Unread(item.statement, span, error, True)
        return Fact("assumption", item.statement, span)

    def take_options(self) -> None:
        """Put the assumptions of the options in force once all their names are."""
        for statement in list(self.options):
            body = statement.body
            if body is None or self._kind(body) not in ("assumption", "equation"):
                continue
            if all(self.force.stem(key) or key in self.force.sizes for key in mentions(body)):
                self.options.remove(statement)
                self.force.given += comparisons(body, statement.span, self.source)
                self.force.changed = True

    def _kind(self, body: s.Expr) -> str:
        return kind_of(body, self.force.is_variable, frozenset())

    def findings(self) -> Iterator[Unread]:
        """The assumptions of the options that never came to hold."""
        for statement in self.options:
            place = place_of(self.source, statement.span)
            error = statement.error or MeaningError(
                "this assumption of the options names nothing that the text declares"
                if statement.body is not None and self._kind(statement.body) != "formula"
                else "this option states no assumption",
                place=place,
            )
            yield Unread(statement, statement.span, error, True)
