"""One claim in depth: how it was read, what its sides come to, what the verdict rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from derive.calculus.rules import RULES
from derive.errors import SoundnessError, UsageError
from derive.judgement.check import Judge
from derive.judgement.verdict import Judgement, Limits
from derive.meaning import terms as t
from derive.meaning.claims import Claim, Fact, Meaning, Unread
from derive.meaning.names import key_of, walk
from derive.meaning.setting import place_of
from derive.meaning.shapes import describe
from derive.meaning.to_syntax import to_syntax
from derive.meaning.walk import names_in, reach
from derive.reading import syntax as s
from derive.reading.parse import parse_formula
from derive.reading.span import Source, Span
from derive.reading.statements import Formula, Heading, Paragraph
from derive.report.sides import Comparer, Sides

_PLACE = re.compile(r"(.+?):([0-9]{1,9})(?::([0-9]{1,9}))?:?", re.DOTALL)
KINDS: dict[t.Role, str] = {
    "input": "input",
    "defined": "defined",
    "objective": "objective",
    "opaque": "function without a definition",
    "size": "size",
    "index": "index",
}
OTHER_WAY = {
    "products act element by element": "products are matrix products",
    "the dot between vectors acts element by element": (
        "the dot between vectors is the inner product"
    ),
    "derivatives are direct: other names are held": "derivatives are total: they follow every path",
}
"""What the first reading says where another one says the key."""


@dataclass(frozen=True, slots=True)
class NameShown:
    """A name that takes part in a claim; `occurs` when it stands in it itself."""

    symbol: t.Symbol
    occurs: bool
    definition: s.Expr | None = None
    line: int = 0
    outputs: tuple[t.Symbol, ...] = ()

    @property
    def kind(self) -> str:
        return KINDS[self.symbol.role]

    @property
    def shape(self) -> str:
        return describe(self.symbol.shape)


@dataclass(frozen=True, slots=True)
class ReadingShown:
    """One candidate reading, in words, and what became of it."""

    words: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Law:
    """A rule of the calculus with its law; `given` is what the law takes for granted."""

    name: str
    law: s.Expr
    given: tuple[s.Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A claim with everything that its judgement rests on.

    `line` is that of its relation sign. `reading` is the one under which it was judged. `sides`
    is a text where the calculus has no normal form to show.
    """

    source: Source
    item: Claim | Unread
    judgement: Judgement
    line: int
    column: int
    reading: t.Reading | None = None
    names: tuple[NameShown, ...] = ()
    readings: tuple[ReadingShown, ...] = ()
    assumptions: tuple[t.Assumption, ...] = ()
    rules: tuple[Law, ...] = ()
    sides: Sides | str = ""


def explain(
    meaning: Meaning, line: int, column: int | None = None, limits: Limits | None = None
) -> tuple[Explanation, ...]:
    """The claims on a line, in order; with a column, the one whose sign is nearest to it.

    Raises UsageError when no claim stands there, SoundnessError when the judges disagree.
    """
    found = claims_at(meaning, line)
    source = meaning.document.source
    if column is not None:
        found = [min(found, key=lambda item: _distance(source, item, line, column))]
    explainer = _Explainer(meaning, limits or Limits())
    return tuple(explainer.explain(item) for item in found)


def split_place(text: str) -> tuple[str, int, int | None]:
    """`FILE:LINE` or `FILE:LINE:COLUMN` in parts. Raises UsageError when it is neither."""
    parts = _PLACE.fullmatch(text)
    if parts is None:
        raise UsageError(
            f"a claim is named by its file and line, not {text!r}",
            advice="Write FILE:LINE or FILE:LINE:COLUMN, such as batchnorm:39.",
        )
    file, line, column = parts.group(1), int(parts.group(2)), parts.group(3)
    if line == 0 or (column is not None and int(column) == 0):
        raise UsageError(f"lines and columns are counted from 1, not {text!r}")
    return file, line, None if column is None else int(column)


# ---- which claims stand on a line -----------------------------------------------------------


def claims_at(meaning: Meaning, line: int) -> list[Claim | Unread]:
    """The claims whose sign stands on the line, else those that span it, else its display's."""
    source = meaning.document.source
    last = _last_line(source)
    if line > last:
        raise UsageError(f"{source.path} ends at line {last}; there is no line {line}")
    items = list(_judged(meaning))
    on_line = [item for item in items if place(source, item)[0] == line]
    if not on_line:
        on_line = [item for item in items if _covers(source, item.span, line)]
    if not on_line:
        around = [f.span for f in _formulas(meaning) if _covers(source, f.span, line)]
        on_line = [i for i in items if any(_inside(i.span, span) for span in around)]
    if not on_line:
        raise _no_claim(meaning, line, items)
    return on_line


def place(source: Source, item: Claim | Unread) -> tuple[int, int]:
    """Line and column of a claim's sign; of an unread one, where reading stopped."""
    if isinstance(item, Claim):
        return source.position(item.relation.span.start)
    where = item.error.place
    return (where.line, where.column) if where else source.position(item.span.start)


def _judged(meaning: Meaning) -> Iterator[Claim | Unread]:
    for item in meaning.items:
        if isinstance(item, Claim) or (isinstance(item, Unread) and item.has_relation):
            yield item


def _last_line(source: Source) -> int:
    return source.position(len(source.text.rstrip("\n")))[0]


def _covers(source: Source, span: Span, line: int) -> bool:
    return source.position(span.start)[0] <= line <= source.position(span.end)[0]


def _inside(span: Span, other: Span) -> bool:
    return other.start <= span.start < other.end


def _formulas(meaning: Meaning) -> Iterator[Formula]:
    for block in meaning.document.blocks:
        if isinstance(block, Paragraph | Heading):
            yield from (piece for piece in block.pieces if isinstance(piece, Formula))


def _distance(source: Source, item: Claim | Unread, line: int, column: int) -> tuple[int, int]:
    at_line, at_column = place(source, item)
    return abs(at_line - line), abs(at_column - column)


def _no_claim(meaning: Meaning, line: int, items: Sequence[Claim | Unread]) -> UsageError:
    source = meaning.document.source
    kinds = dict.fromkeys(
        item.kind
        for item in meaning.items
        if isinstance(item, Fact) and item.kind != "formula" and _covers(source, item.span, line)
    )
    held = f", which holds {' and '.join(map(_with_article, kinds))}" if kinds else ""
    lines = sorted({place(source, item)[0] for item in items})
    near = [*[n for n in lines if n < line][-1:], *[n for n in lines if n > line][:1]]
    if not near:
        advice = "The document makes no claim."
    else:
        word = "lines" if len(near) > 1 else "line"
        advice = f"The nearest claims stand on {word} {' and '.join(map(str, near))}."
    return UsageError(f"no claim stands on line {line} of {source.path}{held}", advice=advice)


def _with_article(kind: str) -> str:
    if kind == "not judged":
        return "a relation that is not judged"
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


# ---- the explanation ------------------------------------------------------------------------


@dataclass
class _Explainer:
    """Explains claims of one document; what a context needs is worked out once."""

    meaning: Meaning
    limits: Limits
    _comparers: dict[int, Comparer] = field(default_factory=dict)
    _judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        self._judge = Judge(self.limits, repairs=True)

    def explain(self, item: Claim | Unread) -> Explanation:
        source = self.meaning.document.source
        line, column = place(source, item)
        if isinstance(item, Unread):
            judgement = Judgement("unread", reason=item.error.message)
            return Explanation(source, item, judgement, line, column)
        judgement = self._judge.judge(item)
        reading = judgement.proved_as or next(iter(item.readings), None)
        return Explanation(
            source,
            item,
            judgement,
            line,
            column,
            reading,
            tuple(_names(item)),
            tuple(_readings(item, judgement)),
            tuple(_assumptions(item)),
            tuple(_law(rule) for rule in judgement.rules),
            self._sides(item, judgement, reading),
        )

    def _sides(self, claim: Claim, judgement: Judgement, reading: t.Reading | None) -> Sides | str:
        """Both sides worked out; sides that a witness tells apart are never equal."""
        if reading is None:
            return ""
        sides = self._comparer(claim.context).compare(reading)
        if isinstance(sides, Sides) and sides.equal and judgement.verdict == "refuted":
            raise SoundnessError(
                "a claim that a witness refutes has sides with the same normal form",
                place=place_of(self.meaning.document.source, claim.span),
                advice="This is a bug of derive; please report the document.",
            )
        return sides

    def _comparer(self, context: t.Context) -> Comparer:
        return self._comparers.setdefault(id(context), Comparer(context, self.limits))


def _keys(claim: Claim) -> list[str]:
    """The names that stand in a claim, in the order in which they are written."""
    typed = frozenset().union(
        *(names_in(side) for r in claim.readings for side in (r.left, r.right))
    )
    nodes = (node for side in (claim.left, claim.right) for node in walk(side))
    spelled = (key_of(node) for node in nodes if isinstance(node, s.Expr))
    written = [key for key in dict.fromkeys(spelled) if key in claim.context.symbols]
    kept = [key for key in written if key is not None and (not typed or key in typed)]
    return [*kept, *sorted(typed - set(kept))]


def _names(claim: Claim) -> Iterator[NameShown]:
    """The names in a claim, then those on which they depend through definitions."""
    context = claim.context
    direct = [key for key in _keys(claim) if key in context.symbols]
    below = reach(context)
    further = frozenset().union(*(below.get(key, frozenset()) for key in direct))
    order = [key for key in context.symbols if key in further and key not in direct]
    for key in (*direct, *order):
        symbol, definition = context.symbols[key], context.definitions.get(key)
        outputs = context.outputs.get(key, ())
        shown = None if definition is None else _definition(definition)
        line = 0 if definition is None else definition.line
        yield NameShown(symbol, key in direct, shown, line, outputs)


def _definition(definition: t.Definition) -> s.Expr:
    """`x̂_i = (x_i − μ)/σ`; `σ² = …` where the square is what is defined."""
    at = tuple(map(t.Affine.name, definition.parameters))
    variable: t.Term = t.Variable(definition.symbol)
    left = to_syntax(t.Element(variable, at) if at else variable)
    if definition.squares:
        left = s.Power(left, s.Number("2"))
    return s.Chain((left, to_syntax(definition.body)), (s.Relation("="),))


def _readings(claim: Claim, judgement: Judgement) -> Iterator[ReadingShown]:
    """Each candidate with its outcome; a single one needs no words."""
    if len(claim.readings) < 2:
        return
    said = [part for reading in claim.readings for part in reading.note.split("; ") if part]
    first = "; ".join(OTHER_WAY.get(part, f"not: {part}") for part in dict.fromkeys(said))
    done = False
    for reading in claim.readings:
        if done:
            outcome = "not needed"
        elif judgement.verdict == "proved":
            done = reading == judgement.proved_as
            outcome = "proved" if done else "not proved"
        else:
            outcome = "refuted" if judgement.verdict == "refuted" else "not proved"
        yield ReadingShown(reading.note or first, outcome)


def _assumptions(claim: Claim) -> Iterator[t.Assumption]:
    """The assumptions in force about names that take part in the claim."""
    keys = {shown.symbol.key for shown in _names(claim)}
    for given in claim.context.assumptions:
        if (names_in(given.left) | names_in(given.right)) & keys:
            yield given


def _law(rule: str) -> Law:
    """A rule by its name, its law read from the document that states it."""
    before, law, _ = next(r.law for r in RULES if r.name == rule).split("$$")
    given = [text for text in before.split("$")[1::2] if "\\in" not in text and ":" not in text]
    return Law(rule, _formula(law), tuple(map(_formula, given)))


def _formula(text: str) -> s.Expr:
    bodies = [statement.body for statement in parse_formula(text, Source("<law>", text), 0)]
    read = tuple(body for body in bodies if body is not None)
    return read[0] if len(read) == 1 else s.List(read)


def sides_of(claim: Claim) -> tuple[str, str] | None:
    """Shape and free indices of each side of a claim that has no reading, where each has one."""
    words = []
    for side in (claim.left, claim.right):
        readings, _ = claim.reread(side, side) if claim.reread else ((), None)
        if not readings:
            return None
        free = [bound.name for bound in readings[0].free]
        indices = f" with the free ind{'ex' if len(free) == 1 else 'ices'} {', '.join(free)}"
        words.append(describe(readings[0].left.shape) + (indices if free else ""))
    return words[0], words[1]
