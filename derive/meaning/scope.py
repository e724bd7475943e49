"""Understand a document: paragraph by paragraph, what it declares, defines, assumes and claims."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from derive.errors import DeriveError, IllTypedError, MeaningError
from derive.meaning.claims import Claim, Fact, Meaning, Note, Unread
from derive.meaning.classify import kind_of, letters_used, why_not_judged
from derive.meaning.declare import Declaring
from derive.meaning.define import Defining
from derive.meaning.force import Force
from derive.meaning.given import Assuming, of_options
from derive.meaning.links import Link, links
from derive.meaning.names import key_of, walk
from derive.meaning.readings import Equation, Partials, read_equation
from derive.meaning.said import take_words
from derive.meaning.setting import place_of
from derive.meaning.stated import SENTENCE_ENDS, Stated, listed_before, opposite, stated_in
from derive.meaning.subscripts import SIGNS
from derive.meaning.supposing import Supposing
from derive.meaning.terms import Bound, Context, Reading
from derive.reading import syntax as s
from derive.reading.statements import Block, Document, Formula, Heading, Paragraph, Prose

_JOINS = re.compile(r"^\s*(where|here|with)\b", re.IGNORECASE)
_PRIME = re.compile(
    r"\bprime (is|means|denotes|stands for) (the )?(derivative|differentiation)"
    r" (by|with respect to|w\.r\.t\.)\s*$",
    re.I,
)
_TAKEN = re.compile(r"\b(taken|function|depends) (of|on)( the)?( layer)?( output)?\s*$", re.I)
_AND = re.compile(r"\s*(,|and|, and)\s*$", re.I)
_LOSS = re.compile(r"\b(loss|objective)\b", re.I)
_BASIS = re.compile(r"\b(basis|one-hot) vectors?\b|\bstandard basis\b", re.I)
_UNLESS = re.compile(r"\bunless\s*$", re.I)
_AFTER = re.compile(r"\b(for|if|when|whenever|unless|provided)( all| any| every)?\s*$", re.I)


def understand(document: Document) -> Meaning:
    """What a document states and claims; a bad statement becomes a finding, never an exception."""
    walk = _Walk(document)
    for group in _groups(document.blocks):
        walk.group(group)
    walk.finish()
    return Meaning(document, tuple(walk.items), tuple(walk.notes), tuple(walk.contexts))


def _groups(blocks: tuple[Block, ...]) -> Iterator[list[Block]]:
    """Blocks that belong together: *where*, *here*, *with* right after a display joins it."""
    group: list[Block] = []
    for block in blocks:
        if group and not (_joins(block) and _ends_in_display(group[-1])):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _joins(block: Block) -> bool:
    if not isinstance(block, Paragraph) or not block.pieces:
        return False
    first = block.pieces[0]
    return isinstance(first, Prose) and _JOINS.match(first.text) is not None


def _ends_in_display(block: Block) -> bool:
    if not isinstance(block, Paragraph):
        return False
    formulas = [piece for piece in block.pieces if isinstance(piece, Formula)]
    last = block.pieces[-1] if block.pieces else None
    short = isinstance(last, Prose) and len(last.text.strip()) <= 1
    return bool(formulas) and formulas[-1].display and (last is formulas[-1] or short)


@dataclass(slots=True)
class _Walk:
    document: Document
    force: Force = field(init=False)
    items: list[Fact | Claim | Unread] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    letters: frozenset[str] = frozenset()
    leading: tuple[s.Expr, ...] = ()
    waiting: list[tuple[int, str, Stated]] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    output_named: tuple[str, ...] = ()
    assuming: Assuming = field(init=False)
    supposing: Supposing = field(init=False)

    def __post_init__(self) -> None:
        self.force = Force(self.document.source)
        source, options = self.document.source, list(of_options(self.document))
        self.assuming = Assuming(self.force, source, options)
        self.force.einstein = self.document.options.get("summation") == "einstein"
        bodies = (
            statement.body
            for block in self.document.blocks
            for formula in _formulas(block)
            for statement in formula.statements
            if statement.body is not None
        )
        self.letters = letters_used(bodies)
        self.supposing = Supposing(self.force, self.letters)

    @property
    def partials(self) -> Partials:
        match self.document.options.get("partials"):
            case "total":
                return "total"
            case "direct":
                return "direct"
            case _:
                return "either"

    def group(self, blocks: list[Block]) -> None:
        """Understand one paragraph, or several that belong together."""
        stated = list(stated_in(blocks))
        declaring = Declaring(self.force)
        self._words(blocks)
        self._sort(stated)
        self._declare(stated, declaring)
        self._sizes(stated)
        self._name_output(stated)
        self._sort(stated)
        self._conditions(blocks, stated)
        self.supposing.take(blocks, stated)
        self.force.lose(item.statement for item in stated)
        defining = Defining(self.force, self.letters)
        defining.take(stated)
        self.assuming.take_options()
        self.force.rebuild()
        self.force.mark_early()
        self.replaced |= defining.replaced
        self.notes += declaring.notes + defining.notes
        for item in stated:
            self.items.extend(self._understood(item))
        self.contexts += [self.force.context] * len(blocks)

    def finish(self) -> None:
        """A definition that needs names defined further down has its meaning from there on.

        When the name is defined again before that, the early definition is a claim.
        """
        for position, key, item in self.waiting:
            finding, body = self.items[position], item.statement.body
            if isinstance(finding, Fact) or isinstance(finding.error, IllTypedError):
                continue
            if key not in self.force.read or not isinstance(body, s.Chain):
                continue
            span = item.statement.span
            text = f"{key} is defined by names that are defined further down"
            if key in self.replaced:
                self.items[position] = self._claim(item, next(links(body)))
                text += ", where it is defined too; this line is judged at the end"
            else:
                self.items[position] = Fact("definition", item.statement, span)
            self.notes.append(Note(text, span))
        self.items += self.assuming.findings()

    def _sort(self, stated: list[Stated]) -> None:
        for item in stated:
            body = item.statement.body
            if body is not None:
                item.kind = kind_of(body, self.force.is_variable, self.letters)

    def _sizes(self, stated: list[Stated]) -> None:
        """Names above a sum sign are sizes unless declared otherwise, or small index letters."""
        for item in stated:
            for node in () if item.statement.body is None else walk(item.statement.body):
                upper = node.upper if isinstance(node, s.BigOperator) else None
                for name in () if upper is None else walk(upper):
                    key = key_of(name) if isinstance(name, s.Name) else None
                    index = key in self.letters and key is not None and key.islower()
                    if key is not None and not index and not self.force.is_variable(key):
                        self.force.add_size(key)

    def _words(self, blocks: list[Block]) -> None:
        """What words say: of a loss, and `a prime is the derivative by $x_j$`."""
        for block in blocks:
            pieces = block.pieces if isinstance(block, Paragraph | Heading) else ()
            if any(isinstance(p, Prose) and _LOSS.search(p.text) for p in pieces):
                self.force.loss_named = True
            if any(isinstance(p, Prose) and _BASIS.search(p.text) for p in pieces):
                self.force.basis = self.force.changed = True
            if isinstance(block, Paragraph | Heading):
                take_words(self.force, block)
            naming = False
            for words, formula in pairwise(pieces):
                if not isinstance(words, Prose) or not isinstance(formula, Formula):
                    continue
                body = formula.statements[0].body if formula.statements else None
                if body is not None and _PRIME.search(words.text):
                    self.force.prime, self.force.changed = body, True
                key = None if body is None else key_of(body)
                naming = bool(_TAKEN.search(words.text) or (naming and _AND.match(words.text)))
                if key is not None and naming:
                    self.output_named += (key,)

    def _name_output(self, stated: list[Stated]) -> None:
        """`f : A \\to \\mathbb{R}`, taken of `y` and `z`, names the outputs that f depends on."""
        if not self.output_named:
            return
        for item in stated:
            body = item.statement.body
            if item.kind == "declaration" and isinstance(body, s.Chain) and body.members[0]:
                objective = self.force.objectives.get(key_of(body.members[0]) or "")
                if objective is not None:
                    objective.named = self.output_named
        self.output_named = ()

    def _declare(self, stated: list[Stated], declaring: Declaring) -> None:
        for position, item in enumerate(stated):
            body = item.statement.body
            if item.kind == "declaration" and isinstance(body, s.Chain):
                try:
                    declaring.read(body, tuple(listed_before(stated[:position], item)))
                except MeaningError as error:
                    item.error = error
        declaring.apply()

    def _conditions(self, blocks: list[Block], stated: list[Stated]) -> None:
        """Give each statement the conditions of its display and of the sentence around it."""
        by_formula: dict[int, list[Stated]] = {}
        for item in stated:
            by_formula.setdefault(id(item.formula), []).append(item)
        for block in blocks:
            pieces = () if not isinstance(block, Paragraph | Heading) else block.pieces
            if not pieces or isinstance(pieces[0], Prose):
                self.leading = ()
            last: list[Stated] = []
            words = ""
            for piece in pieces:
                if isinstance(piece, Prose):
                    words = piece.text
                    if SENTENCE_ENDS.search(words):
                        self.leading, last = (), []
                    continue
                last = self._formula(piece, by_formula.get(id(piece), []), last, words)
                words = ""

    def _half_ranges(self, items: list[Stated]) -> None:
        """Note a range such as `1 \\le i`, of which the other end is missing."""
        for item in items:
            match item.statement.body:
                case s.Chain((s.Number("1"), s.Name()), (s.Relation("\\le" | "<"),)) if (
                    item.kind == "condition"
                ):
                    text = "this range has a lower end only, and restricts nothing"
                    self.notes.append(Note(text, item.statement.span))

    def _formula(
        self, piece: Formula, items: list[Stated], last: list[Stated], words: str
    ) -> list[Stated]:
        """Conditions around one formula; returns the claims a later condition may restrict."""
        own = tuple(
            condition
            for item in items
            if item.kind == "condition"
            for condition in [self._condition(item, words)]
            if condition is not None
        )
        self._half_ranges(items)
        given = [item for item in items if item.kind == "assumption"]
        rest = [item for item in items if item.kind == "equation"]
        for item in rest:
            item.conditions = (self.leading if piece.display else ()) + own
        for item in (*given, *rest):
            item.restricted = self.leading + own
        if piece.display:
            self.leading = ()
            return rest + given
        if own and not rest and not given:
            if last and _AFTER.search(words):
                for item in last:
                    item.conditions += own
                    item.restricted += own
            else:
                self.leading += own
            return []
        return (rest or [item for item in last if item.kind == "equation"]) + given

    def _condition(self, item: Stated, words: str) -> s.Expr | None:
        """The condition that a relation of indices states; `unless` states its opposite."""
        body = item.statement.body
        if body is None or not _UNLESS.search(item.statement.words or words):
            return body
        turned = opposite(body)
        if turned is None:
            place = place_of(self.document.source, item.statement.span)
            item.error = MeaningError("this exception is not read", place=place)
        return turned

    def _understood(self, item: Stated) -> Iterator[Fact | Claim | Unread]:
        statement = item.statement
        body, span = statement.body, statement.span
        if body is None:
            error = statement.error or MeaningError("this formula could not be read")
            yield Unread(statement, span, error, statement.has_relation)
            return
        if item.error is not None:
            yield Unread(statement, span, item.error, True)
            return
        match item.kind:
            case "equation" if isinstance(body, s.Chain):
                yield from self._equation(item, body)
            case "not judged" if isinstance(body, s.Chain):
                yield Fact("not judged", statement, span, why_not_judged(body))
            case "incomplete":
                place = place_of(self.document.source, span)
                message = "one side of this relation is missing"
                yield Unread(statement, span, MeaningError(message, place=place), True)
            case "assumption":
                yield self.assuming.fact(item)
            case "equation" | "not judged":
                yield Fact("formula", statement, span)
            case _:
                yield Fact(item.kind, statement, span)

    def _equation(self, item: Stated, body: s.Chain) -> Iterator[Fact | Claim | Unread]:
        """A definition, an assumption, and the claims of the links that are neither."""
        statement, first = item.statement, 0
        if item.assumed:
            yield Fact("assumption", statement, statement.span)
            return
        if item.defines is not None:
            first = 1
            failed = self.force.failed.get(item.defines)
            if failed is None:
                yield Fact("definition", statement, statement.span)
            else:
                self.waiting.append((len(self.items), item.defines, item))
                yield self._failed(item, body, failed)
        ranges: dict[str, Bound] = {}
        for link in links(body, first):
            claim = self._claim(item, link, ranges)
            ranges |= {bound.name: bound for r in claim.readings[:1] for bound in r.free}
            yield claim

    def _failed(self, item: Stated, body: s.Chain, error: MeaningError) -> Claim | Unread:
        left, right = body.members[0], body.members[1]
        if left is None or right is None:
            return Unread(item.statement, item.statement.span, error, True)
        return Claim(
            left,
            right,
            body.relations[0],
            item.statement.span,
            item.statement,
            self.assuming.context(item),
            (),
            error,
        )

    def _claim(self, item: Stated, link: Link, ranges: Mapping[str, Bound] | None = None) -> Claim:
        """The claim of one link; `ranges` are those of the indices in the links before it."""
        conditions = item.conditions + link.conditions
        sign = SIGNS.get(link.relation.sign, "==")
        names, source, partials = self.force.names, self.document.source, self.partials
        names = replace(names, ranges=dict(names.ranges), functions=dict(names.functions))

        def reread(left: s.Expr, right: s.Expr) -> tuple[tuple[Reading, ...], DeriveError | None]:
            first = left if link.first is link.left else link.first
            equation = Equation(left, right, sign, conditions, link.span, first)
            return read_equation(names, source, equation, partials)

        readings, error = reread(link.left, link.right)
        if ranges and error is not None and not isinstance(error, IllTypedError):
            names = replace(names, ranges={**ranges, **names.ranges})
            readings, error = reread(link.left, link.right)
        return Claim(
            link.left,
            link.right,
            link.relation,
            link.span,
            item.statement,
            self.assuming.context(item),
            readings,
            error,
            conditions,
            reread,
        )


def _formulas(block: Block) -> Iterator[Formula]:
    if isinstance(block, Paragraph | Heading):
        for piece in block.pieces:
            if isinstance(piece, Formula):
                yield piece
