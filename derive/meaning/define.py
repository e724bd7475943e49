"""Definitions and assumptions of a paragraph: which equations define, and what they define."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from derive.meaning.claims import Note
from derive.meaning.classify import DEFINES_ANEW, EQUALS, Kind, Left, left_side, mentions
from derive.meaning.force import Force, sibling_shape
from derive.meaning.functions import known_function
from derive.meaning.given import comparisons
from derive.meaning.names import bare_key, capital_of, key_of, span_of, walk
from derive.meaning.records import Objective, Record
from derive.meaning.setting import FunctionDefinition
from derive.meaning.subscripts import free_letters, index_letter, split_items
from derive.meaning.terms import Affine, Bound
from derive.reading import syntax as s
from derive.reading.statements import Statement

_GIVEN_WORDS = frozenset(["let", "assume", "assuming", "where", "given", "suppose", "supposing"])
_CLAIM_WORDS = frozenset(
    (
        *("then", "hence", "so", "thus", "therefore", "show", "prove", "derive", "verify", "note"),
        *("see", "we", "us", "get", "have", "obtain", "find", "compute", "check", "follows"),
    )
)
_LOSSES = frozenset({"\\ell", "l", "L", "\\mathcal{L}", "loss", "J", "E", "\\mathcal{E}", "f"})
_PLAIN_LOSSES = frozenset({"\\ell", "\\mathcal{L}", "loss", "\\mathcal{E}"})
"""Losses by any author; the other letters are losses where the left side is one too."""


class StatedLike(Protocol):
    """What this module needs of a statement where it stands."""

    statement: Statement
    kind: Kind
    sentence: str
    restricted: tuple[s.Expr, ...]
    defines: str | None
    assumed: bool
    local: bool


class Defining:
    """Takes the definitions and assumptions of a paragraph into force."""

    def __init__(self, force: Force, letters: frozenset[str]) -> None:
        self._force = force
        self._letters = letters
        self.replaced: set[str] = set()
        self.notes: list[Note] = []

    def take(self, stated: Sequence[StatedLike]) -> None:
        """Definitions first, then assumptions, then the outputs of the objective."""
        earlier = list(self._force.records)
        self._ranges(stated)
        self._loss_in_words(stated)
        for item in stated:
            if item.kind == "formula" and isinstance(item.statement.body, s.Product):
                self._imply(item.statement, item.statement.body)
        for item in stated:
            body = item.statement.body
            if item.kind == "equation" and isinstance(body, s.Chain):
                self._equation(item, body)
        self._siblings()
        for item in stated:
            body = item.statement.body
            if item.kind == "assumption" and not item.local and isinstance(body, s.Chain):
                self._assume(item, body)
        self._outputs(stated, earlier)

    def _imply(self, statement: Statement, body: s.Product) -> None:
        """`u(x, y)` about an undeclared u says that it depends on x and y in an unknown way."""
        left, force = left_side(body), self._force
        if left is None or not left.arguments or left.indices or left.gradient:
            return
        taken = force.is_variable(left.name) and left.name not in force.guessed
        taken = taken or left.name in force.sizes
        if taken or known_function(left.name) or left.name in left.arguments:
            return
        if left.name in _LOSSES and all(key in force.records for key in left.arguments):
            force.objectives[left.name] = Objective(None, left.arguments)
        else:
            implied = Record(
                Left(left.name), body, 0, statement.span, frozenset(left.arguments), implied=True
            )
            force.records[left.name] = implied
            for key in left.arguments:
                if force.stem(key) is None and key not in force.sizes:
                    force.declared[key] = ()
                    force.guessed.add(key)
        force.declared.pop(left.name, None)
        force.guessed.discard(left.name)
        force.changed = True

    # ---- definitions -----------------------------------------------------------------------------

    def _equation(self, item: StatedLike, body: s.Chain) -> None:
        first, second, sign = body.members[0], body.members[1], body.relations[0].sign
        if first is None or second is None or sign not in EQUALS:
            return
        left = left_side(first)
        if isinstance(first, s.Prime) and self._force.prime is not None:
            left = None
        if left is not None:
            left = self._defines(left, second, sign in DEFINES_ANEW)
        if left is not None:
            self._define(item, left, second)
        elif self._is_given(item, body):
            item.assumed = True
            self._given(item, body)

    def _defines(self, left: Left, right: s.Expr, anew: bool) -> Left | None:
        """What the left side defines, its subscript sorted out; None when it is a claim."""
        force = self._force
        if bare_key(left.name)[:1].isdigit() or left.name[:1].isdigit():
            return None
        if left.arguments is not None:
            taken = force.is_variable(left.name) and left.name not in force.said
            taken = taken or bool(known_function(left.name)) or left.name in mentions(right)
            if isinstance(left.node, s.Prime):
                base = key_of(left.node.base) or ""
                if base in force.functions or base in mentions(right) or known_function(base):
                    return None
            return left if anew or not taken else None
        if left.name in force.lost and not anew:
            return None
        if left.name.startswith("e^{(") and not force.is_variable("e"):
            return None
        shape = force.declared.get(left.name)
        if shape is not None and len(left.indices) > len(shape) and left.name not in force.records:
            return None
        if not anew and _is_delta(left, force):
            return None
        if left.label is not None and left.label in force.records:
            return replace(left, name=left.label, indices=()) if anew else None
        if self._is_entry(left) and not anew:
            return None
        left = self._sorted(left, right)
        if anew:
            return left
        old = force.records.get(left.name)
        kept = old is not None and not old.implied and not old.early
        if kept or left.name in force.sizes or left.name in force.ranges:
            return None
        if self._is_gradient(left) or left.name in {force.stem(key) for key in mentions(right)}:
            return None
        if left.name == "\\delta" and len(left.indices) == 2:
            return None
        return left

    def _is_entry(self, left: Left) -> bool:
        """`x_1` of a declared array x: a number in a subscript is an index, not a label."""
        if not isinstance(left.node, s.Subscript) or left.indices:
            return False
        base = key_of(left.node.base)
        record = self._force.records.get(base or "")
        indexed = record is not None and bool(record.left.indices)
        declared = base is not None and bool(self._force.declared.get(base))
        return (declared or indexed) and left.name not in self._force.declared

    def _sorted(self, left: Left, right: s.Expr) -> Left:
        """The subscript as indices of the name, or of its capital, or as a label of the name."""
        force = self._force
        if not left.indices or left.name in force.records:
            return left
        if left.label is not None and left.label in force.declared:
            return replace(left, name=left.label, indices=())
        shape = force.declared.get(left.name)
        if shape is None:
            big = capital_of(left.name)
            if big is not None and force.is_variable(big) and not left.gradient:
                return replace(left, name=big)
        used = free_letters(right)
        if all(letter in used or shape for letter in left.indices):
            return left
        return left if left.label is None else replace(left, name=left.label, indices=())

    def _is_gradient(self, left: Left) -> bool:
        """Whether `dy` is the gradient of the one objective by a name in force."""
        if not left.name.startswith("d") or len(left.name) < 2 or len(self._force.objectives) != 1:
            return False
        return self._force.stem(left.name[1:]) is not None

    def _define(self, item: StatedLike, left: Left, right: s.Expr) -> None:
        force, statement, item.defines = self._force, item.statement, left.name
        force.forget_said(left.name)
        line = force.source.position(statement.span.start)[0] if force.source else 0
        if left.arguments is not None:
            definition = FunctionDefinition(left.arguments, left.indices, right)
            force.functions[left.name] = definition
            force.changed = True
            return
        force.forget_guess(left.name)
        old = force.records.pop(left.name, None)
        if old is not None and old.early:
            self.replaced.add(left.name)
        elif old is not None:
            force.given = [given for given in force.given if left.name not in given.mentions]
            text = f"{left.name} is defined anew; its definition in line {old.line} is dropped"
            self.notes.append(Note(text, statement.span))
        self._spell(left)
        if self._loss(left, right):
            return
        force.records[left.name] = Record(left, right, line, statement.span, mentions(right))
        force.changed = True

    def _spell(self, left: Left) -> None:
        force = self._force
        if left.node is None or force.source is None:
            return
        base = left.node
        if isinstance(base, s.Subscript) and (left.indices or left.name != left.label):
            base = base.base
        span = span_of(base)
        if span.start >= 0 and not left.gradient and key_of(base) == left.name:
            force.spelled.setdefault(left.name, force.source.cut(span).strip())

    def _loss(self, left: Left, right: s.Expr) -> bool:
        r"""`L = \ell(y)` makes L an objective that depends on y."""
        if not isinstance(right, s.Product) or right.operators != ("",) or left.indices:
            return False
        head, argument = right.factors
        key = key_of(head)
        if key not in _LOSSES or self._force.is_variable(key) or not isinstance(argument, s.Group):
            return False
        if key not in _PLAIN_LOSSES and left.name not in _LOSSES:
            return False
        body = argument.body
        keys = [key_of(x) for x in (body.items if isinstance(body, s.List) else (body,))]
        names = tuple(k for k in keys if k is not None)
        if len(names) != len(keys) or self._force.declared.get(left.name):
            return False
        self._force.objectives[left.name] = Objective(None, names, (), key)
        self._force.declared.pop(left.name, None)
        self._force.changed = True
        return True

    def _loss_in_words(self, stated: Sequence[StatedLike]) -> None:
        """A text that speaks of a loss and writes `dy` has one objective without a name."""
        force = self._force
        if force.objectives or not force.loss_named:
            return
        for item in stated:
            body = item.statement.body
            keys = frozenset() if body is None else mentions(body)
            if any(key[:1] == "d" and key[1:] in force.records for key in keys):
                force.objectives["\\mathcal{L}"] = Objective(None)
                force.changed = True
                text = "the loss has no name here; gradients such as dy are those of one objective"
                self.notes.append(Note(text, item.statement.span))
                return

    def _siblings(self) -> None:
        """An undeclared name takes the shape of a declared one with the same letter."""
        force = self._force
        for record in list(force.records.values()):
            for key in sorted(record.mentions):
                plain = bare_key(key) == key and len(key) == 1 and key.isupper()
                if not plain or force.is_variable(key) or key in force.sizes or key in force.gone:
                    continue
                found = sibling_shape(force, key)
                if found is not None:
                    force.declared[key] = found[1]
                    force.changed = True
                    text = f"{key} is not declared; it is taken with the shape of {found[0]}"
                    self.notes.append(Note(text, record.span))

    # ---- assumptions -----------------------------------------------------------------------------

    def _is_given(self, item: StatedLike, body: s.Chain) -> bool:
        """Whether an equation states a property of inputs, as in `A = A^\\top`."""
        force = self._force
        keys = {force.stem(key) for key in mentions(body)} - {None}
        known = keys & (force.declared.keys() | force.records.keys() | force.objectives.keys())
        inputs = bool(known) and not (known & (force.records.keys() | force.objectives.keys()))
        if not inputs or any(isinstance(node, s.Derivative) for node in walk(body)):
            return False
        said = _told(item.sentence)
        return said in _GIVEN_WORDS or (_is_symmetry(body) and said not in _CLAIM_WORDS)

    def _assume(self, item: StatedLike, body: s.Chain) -> None:
        force = self._force
        for node in walk(body):
            key = key_of(node) if isinstance(node, s.Name) else None
            if key is None or force.stem(key) is not None or key in force.sizes:
                continue
            if key in self._letters:
                continue
            if not _is_subscripted(body, node) and key not in ("\\pi", "e"):
                force.declared[key] = ()
                force.gone.pop(key, None)
                force.changed = True
        self._given(item, body)

    def _given(self, item: StatedLike, body: s.Chain) -> None:
        force = self._force
        force.given += comparisons(body, item.statement.span, force.source, item.restricted)
        force.changed = True

    def _ranges(self, stated: Sequence[StatedLike]) -> None:
        """`1 \\le T \\le N` about a capital T declares a fixed index."""
        for item in stated:
            body = item.statement.body
            if item.kind != "condition" or not isinstance(body, s.Chain):
                continue
            match body.members:
                case (s.Number(text="1"), s.Name() as middle, s.Name() as last):
                    letter, size = index_letter(middle), key_of(last)
                    if letter and letter.isupper() and size in self._force.sizes and size:
                        high = Affine.name(size)
                        self._force.ranges[letter] = Bound(letter, Affine.number(1), high)
                        self._force.changed = True
                case _:
                    pass

    # ---- outputs ---------------------------------------------------------------------------------

    def _outputs(self, stated: Sequence[StatedLike], earlier: list[str]) -> None:
        """Settle the outputs at the first statement that mentions a derivative of an objective."""
        force = self._force
        if all(objective.outputs is not None for objective in force.objectives.values()):
            return
        eligible = list(earlier)
        force.rebuild()
        for item in stated:
            body = item.statement.body
            if body is not None and self._mentions_gradient(body, mentions(body)):
                upstream = self._upstream()
                if not set(eligible) - upstream:
                    eligible = list(force.records)
                force.settle_outputs(eligible, upstream)
                return
            if item.defines is not None and item.defines in force.records:
                eligible.append(item.defines)

    def _mentions_gradient(self, body: s.Expr, keys: frozenset[str]) -> bool:
        force = self._force
        if not keys & force.objectives.keys() and not any(key[:1] == "d" for key in keys):
            return False
        for node in walk(body):
            if isinstance(node, s.Derivative) and key_of(node.of) in force.objectives:
                return True
        return any(
            key.startswith("d") and len(key) > 1 and force.stem(key[1:]) is not None
            for key in keys
            if key not in force.records
        )

    def _upstream(self) -> frozenset[str]:
        """Definitions that depend on a derivative of an objective."""
        force = self._force
        found = {
            key
            for key, record in force.records.items()
            if record.mentions & force.objectives.keys()
            or self._mentions_gradient(record.body, record.mentions)
        }
        while True:
            more = {key for key, record in force.records.items() if record.mentions & found} - found
            if not more:
                return frozenset(found)
            found |= more


def _is_delta(left: Left, force: Force) -> bool:
    """`δ_{jk}`, `δ_{12}` or `I_{jj}`: an entry of what is known without a declaration."""
    match left.node:
        case s.Subscript(base=s.Name(letter="\\delta" | "I" as name, font=""), items=items):
            parts = split_items(items, 9)
            plain = all(isinstance(part, s.Number) or index_letter(part) for part in parts)
            return len(parts) == 2 and plain and not force.is_variable(name)
        case _:
            return False


def _told(sentence: str) -> str:
    """The last word before a formula that tells whether it supposes or claims; empty without."""
    words = [word.strip(".,:;()") for word in sentence.split()]
    return next((word for word in reversed(words) if word in _GIVEN_WORDS | _CLAIM_WORDS), "")


def _is_symmetry(body: s.Chain) -> bool:
    """`A = A^\\top` or `A = -A^\\top`."""
    first, second = body.members[0], body.members[-1]
    if isinstance(second, s.Sum) and second.signs == ("-",):
        second = second.terms[0]
    plain = len(body.members) == 2 and isinstance(first, s.Name)
    return plain and isinstance(second, s.Transpose) and second.base == first


def _is_subscripted(body: s.Expr, name: s.Node) -> bool:
    """Whether a name stands in a subscript or under one in an expression."""

    def inside() -> Iterator[s.Node]:
        for node in walk(body):
            if isinstance(node, s.Subscript):
                yield from walk(node)

    return any(node is name for node in inside())
