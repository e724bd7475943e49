"""Declarations: `x, y ∈ ℝ^N`, `f : A → ℝ`, and what they change among the names in force."""

from __future__ import annotations

import re

from derive.errors import MeaningError
from derive.meaning import terms as t
from derive.meaning.claims import Note
from derive.meaning.force import Force
from derive.meaning.names import DISTINCT_FONTS, key_of, labelled_key, span_of
from derive.meaning.records import Given, Objective
from derive.meaning.setting import place_of
from derive.meaning.shapes import ONE, Limit, describe, limits_of_set, shape_of_set, size_of
from derive.meaning.subscripts import index_letter
from derive.reading import syntax as s
from derive.reading.span import Span

_WEIGHT = re.compile(r"\\(math|text|boldsymbol|bm\b|pmb|operatorname|sym)")
"""A font of a letter, in the source of a name."""


class Declaring:
    """Collects the declarations of a paragraph, then puts them in force together."""

    def __init__(self, force: Force) -> None:
        self._force = force
        self._shapes: dict[str, t.Shape] = {}
        self._spans: dict[str, Span] = {}
        self.notes: list[Note] = []

    def read(self, chain: s.Chain, before: tuple[s.Expr, ...] = ()) -> None:
        """Take in one declaration; `before` are names listed to its left. Raises MeaningError."""
        names = [*before, *_items(chain.members[0])]
        if any(isinstance(name, s.Dots) for name in names):
            self._counted(names, chain)
            return
        for position, relation in enumerate(chain.relations):
            kind = chain.members[position + 1]
            if kind is None:
                raise self._error("this declaration says no set", chain)
            if isinstance(kind, s.Mapping):
                self._mapping(names, kind)
            elif relation.sign in ("\\in", ":"):
                self._membership(names, kind)
            else:
                raise self._error("a declaration stands by itself", chain)

    def _membership(self, names: list[s.Expr], kind: s.Expr) -> None:
        if self._index_range(names, kind):
            return
        shape = shape_of_set(kind)
        if shape is None:
            raise self._error(
                "this set is not read", kind, "Write a set such as \\mathbb{R}^{N \\times D}."
            )
        for expr in names:
            self._name(expr, shape, limits_of_set(kind))
        self._sizes(shape)

    def _counted(self, names: list[s.Expr], chain: s.Chain) -> None:
        r"""`x_1, \dots, x_N \in S` declares x, whose entries or rows these are."""
        first, last, kind = names[0], names[-1], chain.members[-1]
        shape = None if kind is None else shape_of_set(kind)
        size = None
        if isinstance(first, s.Subscript) and isinstance(last, s.Subscript):
            begins = [size_of(item) for item in first.items]
            ends = [size_of(item) for item in last.items]
            if begins == [ONE] and len(ends) == 1 and first.base == last.base:
                size = ends[0]
        key = key_of(first.base) if isinstance(first, s.Subscript) else None
        rest = names[1:-1]
        written = len(chain.relations) == 1 and isinstance(rest[-1], s.Dots)
        if shape is None or size is None or key is None or kind is None or not written:
            raise self._error(
                "this list of names is not read",
                chain,
                "Declare one array, $x \\in \\mathbb{R}^N$, or write x_1, \\dots, x_N.",
            )
        assert isinstance(first, s.Subscript)
        self._name(first.base, (size, *shape), limits_of_set(kind))
        self._sizes((size, *shape))

    def _index_range(self, names: list[s.Expr], kind: s.Expr) -> bool:
        r"""`i \in \{1, \dots, N\}` declares the range of an index."""
        if not isinstance(kind, s.Group) or kind.opening != "\\{":
            return False
        items = kind.body.items if isinstance(kind.body, s.List) else (kind.body,)
        low, high = size_of(items[0]), size_of(items[-1])
        if len(items) < 2 or low is None or high is None:
            return False
        for expr in names:
            letter = index_letter(expr)
            if letter is not None and low == ONE and not self._force.is_variable(letter):
                self._force.sizes |= high.names
                if letter.isupper():
                    self._force.ranges[letter] = t.Bound(letter, low, high)
                self._force.changed = True
        return True

    def _name(self, expr: s.Expr, shape: t.Shape, limits: tuple[Limit, ...]) -> None:
        key = key_of(expr)
        if key is None and isinstance(expr, s.Subscript):
            key = labelled_key(expr.base, expr.items)
            inner = key_of(expr.base)
            if inner is not None and all(index_letter(i) for i in expr.items):
                stem = self._force.stem(inner)
                if stem is not None or inner in self._shapes:
                    return
        if key is None:
            raise self._error("only a name can be declared", expr)
        self._refuse_two_fonts(key, expr)
        self._shapes[key] = shape
        self._spans[key] = span_of(expr)
        self._spell(key, expr)
        for sign, number in limits:
            limit = Given(expr, sign, number, self._text(expr), frozenset({key}), span_of(expr))
            self._force.given.append(limit)

    def _refuse_two_fonts(self, key: str, expr: s.Expr) -> None:
        r"""`x` and `\mathbf{x}` have one key; declared both, they would be mixed up."""
        earlier = self._force.spelled.get(key)
        known = key in self._shapes or self._force.is_variable(key)
        if earlier is None or not known or not isinstance(expr, s.Name):
            return
        word = len(expr.letter) > 1 and not expr.letter.startswith("\\")
        if word or expr.font in DISTINCT_FONTS:
            return
        if bool(expr.font) != bool(_WEIGHT.search(earlier)):
            self._shapes.pop(key, None)
            self._force.declared.pop(key, None)
            self._force.gone[key] = "it is declared in two fonts"
            self._force.changed = True
            raise self._error(
                f"{earlier} is declared too, and differs in its font alone",
                expr,
                "Use another letter for one of them.",
            )

    def _text(self, expr: s.Expr) -> str:
        source, span = self._force.source, span_of(expr)
        return source.cut(span) if source is not None and span.start >= 0 else ""

    def _spell(self, key: str, expr: s.Expr) -> None:
        source, span = self._force.source, span_of(expr)
        if source is not None and span.start >= 0:
            self._force.spelled.setdefault(key, source.cut(span).strip())

    def _sizes(self, shape: t.Shape) -> None:
        for size in shape:
            for name in size.names:
                if name not in self._force.objectives:
                    self._force.sizes.add(name)

    def _mapping(self, names: list[s.Expr], kind: s.Mapping) -> None:
        codomain = shape_of_set(kind.codomain)
        if codomain is None:
            raise self._error("the values of this function are no set that is read", kind.codomain)
        domain = shape_of_set(kind.domain)
        for expr in names:
            key = key_of(expr)
            if key is None:
                raise self._error("only a name can be declared", expr)
            if codomain:
                raise self._error("a function with array values is not read", kind)
            self._spell(key, expr)
            self._force.objectives[key] = Objective(domain)
            self._force.declared.pop(key, None)
            self._force.changed = True
        self._sizes(domain or ())

    def apply(self) -> None:
        """Put what was collected in force: columns, rows, restated shapes, new inputs."""
        force, new = self._force, self._shapes
        if not new:
            return
        if force.returning(new):
            back = ", ".join(force.away)
            self._note(f"{back} are in force again, with their definitions", next(iter(new)))
            force.bring_back(new)
        pairs = force.columns(new)
        for key, shape in new.items():
            self._restate(key, shape)
        if pairs:
            self._columns(pairs)
        force.declared.update(new)
        for key in new:
            force.gone.pop(key, None)
            force.lost.discard(key)
        force.changed = True

    def _restate(self, key: str, shape: t.Shape) -> None:
        force = self._force
        force.forget_guess(key)
        old = force.shape(key)
        if key in force.records:
            if old is not None and old != shape:
                line = force.records[key].line
                self._note(
                    f"{key} is restated as {describe(shape)}; its definition in line {line} "
                    "is read again under the shapes now in force",
                    key,
                )
        elif key in force.declared:
            if force.declared[key] != shape:
                self._note(f"{key} is declared anew as {describe(shape)}", key)
            span = self._spans[key]
            force.given = [g for g in force.given if key not in g.mentions or g.span == span]

    def _columns(self, pairs: dict[str, str]) -> None:
        line = self._line(next(iter(pairs.values())))
        derived = self._force.retire(pairs, line)
        for big, small in pairs.items():
            text = f"{small} is one column or row of {big}, which is out of force from here"
            if small in derived:
                text += f"; it takes the definition of {big}"
            self._note(text, small)

    def _line(self, key: str) -> int:
        source, span = self._force.source, self._spans.get(key)
        return source.position(span.start)[0] if source and span and span.start >= 0 else 0

    def _note(self, text: str, key: str) -> None:
        self.notes.append(Note(text, self._spans.get(key, Span(0, 0))))

    def _error(self, message: str, node: s.Node, advice: str = "") -> MeaningError:
        place = place_of(self._force.source, span_of(node))
        return MeaningError(message, place=place, advice=advice)


def _items(expr: s.Expr | None) -> tuple[s.Expr, ...]:
    if expr is None:
        return ()
    return expr.items if isinstance(expr, s.List) else (expr,)
