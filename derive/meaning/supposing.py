"""Assumptions that hold for a sentence or a display only: `if $a > 0$ then`, `…, \\quad a > 0`.

An assumption about names that are known already is local where its words say *if*, *for* or
*when*, and where it stands in one formula with a claim. Every other one holds from there on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from derive.meaning.classify import DEFINES_ANEW, left_side, mentions
from derive.meaning.force import Force
from derive.meaning.names import bare_key
from derive.meaning.stated import SENTENCE_ENDS, Stated, opposite
from derive.reading import syntax as s
from derive.reading.statements import Block, Formula, Heading, Paragraph, Prose

_ONLY_IF = re.compile(
    r"\b(for|at|around|near|if|when|whenever|unless|provided|because|as long as|in case|case)"
    r"( that)?( all| any| every)?( of)?\s*$",
    re.I,
)
_FULL_STOP = re.compile(r"(?<!\.)\.\s*(\$\$|\\\]|(\\end\{[a-z*]+\}\s*(\$\$|\\\])?)+)?\s*$")
_IF = re.compile(r"\b(if|when|whenever|unless|provided|in case|case)( that)?\s*$", re.I)
_UNLESS = re.compile(r"\bunless\s*$", re.I)
_FOLLOWS = frozenset(
    ("then", "hence", "thus", "therefore", "follows", "obtain", "conclude", "implies", "get")
)
_SUPPOSES = frozenset(
    ("let", "assume", "assuming", "where", "given", "suppose", "supposing", "with", "if", "for")
)


class Supposing:
    """Marks the local assumptions of a group of blocks, and what each of them holds for."""

    def __init__(self, force: Force, letters: frozenset[str]) -> None:
        self._force = force
        self._letters = letters
        self._ahead: list[Stated] = []
        self._defined: frozenset[str] = frozenset()

    def take(self, blocks: Sequence[Block], stated: Sequence[Stated]) -> None:
        """Mark every assumption that is local, or that is no assumption but a claim."""
        by_formula: dict[int, list[Stated]] = {}
        for item in stated:
            by_formula.setdefault(id(item.formula), []).append(item)
        names = _defined_in(stated)
        self._defined = frozenset(name for name in names if not self._force.is_variable(name))
        for block in blocks:
            pieces = block.pieces if isinstance(block, Paragraph | Heading) else ()
            if not pieces or isinstance(pieces[0], Prose):
                self._ahead = []
            before: list[Stated] = []
            words = ""
            for piece in pieces:
                if isinstance(piece, Prose):
                    words = piece.text
                    if SENTENCE_ENDS.search(words):
                        self._ahead, before = [], []
                    continue
                items = by_formula.get(id(piece), [])
                self._formula(piece, items, before, words)
                before = [i for i in items if i.kind == "equation"] or before
                if piece.display and self._ends_sentence(piece):
                    self._ahead, before = [], []
                words = ""

    def _formula(
        self,
        formula: Formula,
        items: list[Stated],
        before: list[Stated],
        words: str,
    ) -> None:
        for position, item in enumerate(items):
            said = item.statement.words or (words if position == 0 else "")
            if item.kind == "equation" and self._restricts(item, said):
                item.kind = "assumption"
        equations = [item for item in items if item.kind == "equation"]
        claims = any(self._claims(item) for item in equations)
        for item in equations:
            item.supposed += tuple(self._ahead)
        for position, item in enumerate(items):
            if item.kind != "assumption" or not self._known(item):
                continue
            said = item.statement.words or (words if position == 0 else "")
            if _UNLESS.search(said):
                _turn(item)
            if claims:
                _hold(item, equations)
            elif _ONLY_IF.search(said) and before and not formula.display:
                _hold(item, before)
            elif _ONLY_IF.search(said):
                _hold(item, [])
                self._ahead.append(item)
            elif _is_claimed(item.sentence):
                item.kind = "not judged"

    def _ends_sentence(self, formula: Formula) -> bool:
        source = self._force.source
        return source is not None and _FULL_STOP.search(source.cut(formula.span)) is not None

    def _restricts(self, item: Stated, said: str) -> bool:
        """Whether an equation of known names says where a claim holds: `if $a = b$`."""
        body = item.statement.body
        if not _ONLY_IF.search(said) or not isinstance(body, s.Chain) or not self._known(item):
            return False
        sides = [member for member in body.members if member is not None]
        left = left_side(sides[0])
        if left is None or left.name in self._defined:
            return False
        return bool(_IF.search(said)) or (_is_plain(sides[0]) and _is_number(sides[-1]))

    def _claims(self, item: Stated) -> bool:
        """Whether an equation states something about known names."""
        body = item.statement.body
        if not isinstance(body, s.Chain) or body.members[0] is None:
            return True
        left = left_side(body.members[0])
        if left is None:
            return True
        known = self._force.is_variable(left.name) or bare_key(left.name)[:1].isdigit()
        return known and body.relations[0].sign not in DEFINES_ANEW

    def _known(self, item: Stated) -> bool:
        """Whether all names of an assumption are in force: it declares none."""
        body, force = item.statement.body, self._force
        if body is None or item.error is not None:
            return False
        keys = {key for key in mentions(body) if key not in self._letters and key not in _CONSTANTS}
        names = [key for key in keys if "_{" not in key]
        known = force.sizes | self._defined
        return all(force.stem(key) is not None or key in known for key in names)


def _is_plain(expr: s.Expr) -> bool:
    """A name or an entry of one."""
    return isinstance(expr, s.Name) or (
        isinstance(expr, s.Subscript) and isinstance(expr.base, s.Name)
    )


def _is_number(expr: s.Expr) -> bool:
    return isinstance(expr.terms[0] if isinstance(expr, s.Sum) else expr, s.Number)


def _defined_in(stated: Sequence[Stated]) -> Iterator[str]:
    """The names on the left sides of a group's equations that are plain names."""
    for item in stated:
        body = item.statement.body
        if item.kind == "equation" and isinstance(body, s.Chain) and body.members[0] is not None:
            left = left_side(body.members[0])
            if left is not None and not isinstance(body.members[0], s.Number):
                yield left.name


_CONSTANTS = frozenset({"\\pi", "e"})


def _hold(item: Stated, statements: Sequence[Stated]) -> None:
    item.local = True
    for other in statements:
        if item not in other.supposed:
            other.supposed += (item,)


def _turn(item: Stated) -> None:
    """`unless a = 0` supposes the opposite."""
    body = item.statement.body
    turned = None if body is None else opposite(body)
    if turned is not None:
        item.statement = replace(item.statement, body=turned)


def _is_claimed(sentence: str) -> bool:
    """Whether the last telling word before an inequality says that it follows."""
    words = [word.strip(".,:;()") for word in sentence.split()]
    telling = [word for word in words if word in _FOLLOWS | _SUPPOSES]
    return bool(telling) and telling[-1] in _FOLLOWS
