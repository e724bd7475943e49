"""What a place of one side should hold so that both sides agree.

A side is affine in each of its factors and terms: `a s + b` at every place looked at. From its
values with 0, 1 and one more in place of `s`, and from those of the other side, follows what
should stand there: a factor, one more term, or something else. What is found that way is
looked up among the expressions that the document uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from derive.judgement.missing import substituted
from derive.judgement.screening import Entry, Screen, Values, combined
from derive.judgement.slots import slots
from derive.judgement.vocabulary import Edit, Vocabulary
from derive.meaning import terms as t
from derive.meaning.names import walk
from derive.meaning.subscripts import free_letters
from derive.meaning.to_syntax import name
from derive.reading import syntax as s
from derive.writing.brackets import as_term
from derive.writing.to_latex import to_latex

ZERO, ONE, TWO = s.Number("0"), s.Number("1"), s.Number("2")
MOST_WORDS = 90
MOST_NODES = 24
"""Nodes of the longest expression that is offered as a missing factor or term."""
MOST_PER_PLACE, MOST_WHOLE = 4, 3
"""Words that are tried at a place, and the cost of the rarest one for a whole side."""
SHORT, MOST_FACTORS = 8, 30
"""Nodes of the longest expressions, and how many of them, that are multiplied with each other."""


@dataclass(frozen=True, slots=True)
class Word:
    """An expression with its values; `cost` says how likely it was forgotten."""

    expr: s.Expr
    values: Values
    cost: int


@dataclass(frozen=True, slots=True)
class Hole:
    """A place of a side; `inside` is what it stands in."""

    node: s.Expr
    put: Callable[[s.Expr], s.Expr]
    inside: s.Expr | None


# ---- the dictionary -----------------------------------------------------------------------------


@dataclass(slots=True)
class Dictionary:
    """Expressions by their values."""

    screen: Screen
    words: list[Word]
    _by_key: dict[tuple[object, ...], list[Word]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for word in self.words:
            self._by_key.setdefault(self.screen.key(word.values), []).append(word)

    def having(self, wanted: Values, other: s.Expr) -> list[Word]:
        """The words with the values wanted, the likeliest first, but those that hold `other`."""
        if all(entry is not None for entry in wanted):
            found = self._by_key.get(self.screen.key(wanted), [])
        else:
            found = [word for word in self.words if self.screen.agree(wanted, word.values)]
        told = [word for word in found if other not in walk(word.expr)]
        return sorted(told, key=lambda word: word.cost)[:MOST_PER_PLACE]


def dictionary(screen: Screen, words: Vocabulary) -> Dictionary:
    """Numbers, sizes, names at the indices in use, parts of both sides; quotients and products."""
    small = [_word(screen, expr, cost) for expr, cost in _numbers(words)]
    numbers = [word for word in small if word is not None]
    parts = [_word(screen, expr, cost) for expr, cost in _parts(screen, words)]
    single = list(dict.fromkeys(word for word in parts if word is not None))[:MOST_WORDS]
    inverse = [new for word in single if (new := _inverse(screen, word)) is not None]
    scaled = [
        new
        for scale, word in product(numbers, (*single, *inverse))
        if scale.cost <= 2 and (new := _product(screen, scale, word)) is not None
    ]
    short = [word for word in single if _length(word.expr) <= SHORT][:MOST_FACTORS]
    pairs = [
        new
        for at, word in enumerate(short)
        for other in short[at:]
        if (new := _product(screen, word, other)) is not None
    ]
    ones = [word for word in (*numbers, *single) if _is_number(word.expr, (1,)) or _is_delta(word)]
    sums = [new for one in ones for word in short for new in _sums(screen, one, word)]
    return Dictionary(screen, [*numbers, *single, *inverse, *scaled, *pairs, *sums])


def _is_delta(word: Word) -> bool:
    return isinstance(word.expr, s.Subscript) and word.expr.base == s.Name("\\delta")


def _sums(screen: Screen, one: Word, word: Word) -> Iterator[Word]:
    """`1 - y`, `\\delta_{ij} - p_j` and the same with a plus sign."""
    if isinstance(word.expr, s.Sum | s.Group | s.Number) or word.expr == one.expr:
        return
    pairs = list(zip(one.values, word.values, strict=True))
    negative = [combined(screen.arithmetic.subtract, 0, b) for _, b in pairs]
    less = tuple(combined(screen.arithmetic.subtract, a, b) for a, b in pairs)
    more = tuple(
        combined(screen.arithmetic.subtract, a, b)
        for (a, _), b in zip(pairs, negative, strict=True)
    )
    yield Word(s.Sum(("", "-"), (one.expr, word.expr)), less, word.cost + 1)
    yield Word(s.Sum(("", "+"), (one.expr, word.expr)), more, word.cost + 1)


def _length(expr: s.Expr) -> int:
    return sum(1 for _ in walk(expr))


def _numbers(words: Vocabulary) -> Iterator[tuple[s.Expr, int]]:
    yield from ((s.Number(text), 2) for text in ("0", "1", "2"))
    yield from ((s.Number(text), 3) for text in ("3", "4", "6", "8"))
    yield s.Frac(ONE, TWO), 2
    yield s.Sum(("-",), (ONE,)), 2
    yield from ((s.Frac(ONE, s.Number(text)), 3) for text in ("3", "4", "6", "8"))
    sizes = [name(size) for size in words.context.sizes]
    for size in sizes:
        yield from (((size, 2), (s.Frac(ONE, size), 2), (s.Frac(TWO, size), 2)))
        square = s.Power(size, TWO)
        yield from ((square, 3), (s.Frac(ONE, square), 3), (s.Frac(size, TWO), 3))
        yield s.Frac(s.Number("4"), square), 4
        yield s.Sum(("", "-"), (ONE, s.Frac(ONE, size))), 3
        yield s.Sum(("", "-"), (size, ONE)), 3
        for other in sizes:
            if other is not size:
                both = s.Product((size, other), ("",))
                yield from ((both, 3), (s.Frac(ONE, both), 3), (s.Frac(size, other), 3))
                yield s.Frac(TWO, both), 3
                yield s.Frac(s.Number("4"), s.Power(both, TWO)), 4


def _parts(screen: Screen, words: Vocabulary) -> Iterator[tuple[s.Expr, int]]:
    """Names at the indices in use, deltas, and parts of both sides, also at other indices."""
    yield from _names(screen, words)
    yield from _upstream(screen, words)
    for one, other in product(screen.bounds.values(), repeat=2):
        if one.name < other.name and one.high == other.high:
            pair = s.Product((s.Name(one.name), s.Name(other.name)), ("",))
            delta = s.Subscript(s.Name("\\delta"), (pair,))
            yield delta, 3
            yield s.Sum(("", "-"), (ONE, delta)), 4
    for side in (screen.claim.left, screen.claim.right):
        for hole in holes(side):
            count = _length(hole.node)
            if count <= MOST_NODES and not isinstance(hole.node, s.Cases):
                for expr in _at_letters(hole.node, screen):
                    yield expr, 3 if count <= 8 else 4


def _at_letters(node: s.Expr, screen: Screen) -> Iterator[s.Expr]:
    """An expression, its letters that are bound outside of it replaced by each free one."""
    loose = sorted(free_letters(node) - screen.bounds.keys())
    if not loose:
        yield node
        return
    if len(loose) == 1:
        for letter in screen.bounds:
            yield substituted(node, {loose[0]: s.Name(letter)})


BOUND_LETTERS = (*"iklnjmpqrst", *(f"k_{n}" for n in range(100)))
"""Letters for an index that a suggestion sums over."""


def _names(screen: Screen, words: Vocabulary) -> Iterator[tuple[s.Expr, int]]:
    for symbol in words.context.symbols.values():
        if symbol.role not in ("input", "defined"):
            continue
        base = name(symbol.latex or symbol.key)
        for letters in _letters(symbol.shape, screen):
            if not letters:
                yield base, 3
                yield s.Power(base, TWO), 4
            elif len(letters) == 1:
                yield s.Subscript(base, (s.Name(letters[0]),)), 3
            else:
                items = tuple(s.Name(letter) for letter in letters)
                pair = s.Product(items, ("",) * (len(items) - 1))
                yield s.Subscript(base, (pair,)), 3
        if symbol.shape:
            yield base, 4
        if len(symbol.shape) == 2:
            yield s.Transpose(base, "\\top"), 4
        if len(symbol.shape) == 1:
            letter = s.Name(next(x for x in BOUND_LETTERS if x not in screen.bounds))
            entry = s.Subscript(base, (letter,))
            yield s.BigOperator("sum", (letter,), None, entry), 4
            yield s.BigOperator("sum", (letter,), None, s.Power(entry, TWO)), 4


def _upstream(screen: Screen, words: Vocabulary) -> Iterator[tuple[s.Expr, int]]:
    """The given derivatives of an objective by its outputs, at the indices in use."""
    for objective, outputs in words.context.outputs.items():
        of = words.context.symbols.get(objective)
        if of is None:
            continue
        for symbol in outputs:
            for letters in _letters(symbol.shape, screen):
                by = name(symbol.latex or symbol.key)
                if letters:
                    items = tuple(s.Name(letter) for letter in letters)
                    pair = s.Product(items, ("",) * (len(items) - 1))
                    by = s.Subscript(by, items if len(items) == 1 else (pair,))
                yield s.Derivative(name(of.latex or of.key), ((by, 1),)), 3


def _letters(shape: t.Shape, screen: Screen) -> Iterator[tuple[str, ...]]:
    """The indices that fit the axes of a name, each at most once."""
    if len(shape) > 4:
        return
    bounds = screen.bounds.values()
    choices = [[bound.name for bound in bounds if bound.high == axis] for axis in shape]
    for letters in product(*choices):
        if len(set(letters)) == len(letters):
            yield letters


def _word(screen: Screen, expr: s.Expr, cost: int) -> Word | None:
    values = screen.values(expr)
    return Word(expr, values[0], cost) if values else None


def _inverse(screen: Screen, word: Word) -> Word | None:
    values = tuple(_quotient(screen, 1, entry) for entry in word.values)
    if any(entry is None for entry in values):
        return None
    return Word(s.Frac(ONE, word.expr), values, word.cost + 1)


def _product(screen: Screen, scale: Word, word: Word) -> Word | None:
    if isinstance(scale.expr, s.Number) and scale.expr.value in (0, 1):
        return None
    multiply = screen.arithmetic.multiply
    pairs = zip(scale.values, word.values, strict=True)
    values = tuple(combined(multiply, a, b) for a, b in pairs)
    if isinstance(word.expr, s.Frac) and word.expr.numerator == ONE and scale.expr == TWO:
        return Word(s.Frac(TWO, word.expr.denominator), values, word.cost + 1)
    if isinstance(scale.expr, s.Sum):
        return Word(s.Sum(("-",), (as_term(word.expr),)), values, word.cost + 1)
    return Word(_times(scale.expr, word.expr), values, word.cost + max(1, scale.cost - 1))


def _times(factor: s.Expr, expr: s.Expr) -> s.Expr:
    if expr == ONE:
        return factor
    if isinstance(expr, s.Product):
        return s.Product((as_term(factor), *expr.factors), ("", *expr.operators))
    return s.Product((as_term(factor), as_term(expr)), ("",))


# ---- the places ---------------------------------------------------------------------------------


def holes(side: s.Expr) -> Iterator[Hole]:
    """Every place of a side that has a value, the side itself first."""
    yield from _holes(Hole(side, lambda new: new, None), "value")


def _holes(hole: Hole, place: str) -> Iterator[Hole]:
    if place == "value":
        yield hole
    for child, rebuilt, inner in slots(hole.node, place):
        if inner in ("value", "base"):
            put = partial(_nested, hole.put, rebuilt)
            yield from _holes(Hole(child, put, hole.node), inner)


def _nested(
    outer: Callable[[s.Expr], s.Expr], rebuilt: Callable[[s.Expr], s.Expr], new: s.Expr
) -> s.Expr:
    return outer(rebuilt(new))


def filled(side: s.Expr, other: s.Expr, target: Values, known: Dictionary) -> Iterator[Edit]:
    """Edits of a side after which it should have the values of the other side, `target`."""
    screen = known.screen
    for now in screen.values(side)[:1]:
        for hole in holes(side):
            yield from _filled(hole, now, target, known, other)


def _filled(
    hole: Hole, now: Values, target: Values, known: Dictionary, other: s.Expr
) -> Iterator[Edit]:
    screen, node = known.screen, hole.node
    factor = isinstance(hole.inside, s.Product)
    if isinstance(node, s.Cases):
        return
    without = next(iter(screen.values(hole.put(ZERO))), None)
    bracket = isinstance(hole.inside, s.Group)
    if without is not None and not factor and not bracket:
        for word in known.having(_solved(screen, target, without, now) or (), other):
            if not _is_number(word.expr, (1,)) and not screen.is_zero(word.values):
                new = hole.put(_times(word.expr, node))
                yield Edit(new, f"× {_inline(word.expr)} is missing", word.cost)
    if without is not None and not bracket:
        single = next(iter(screen.values(hole.put(ONE))), None)
        for word in known.having(_solved(screen, target, without, single) or (), other):
            nothing = _is_number(word.expr, (0,)) and not isinstance(hole.inside, s.Cases | None)
            rare = hole.inside is None and word.cost > MOST_WHOLE
            if word.expr != node and not nothing and not rare:
                expr = as_term(word.expr) if hole.inside is not None else word.expr
                new = hole.put(expr)
                said = to_latex(word.expr)
                said = (
                    f"{to_latex(node)} → {said}" if hole.inside is not None else f"should be {said}"
                )
                yield Edit(new, said, word.cost + 1, replaces=True)
    if not factor and not isinstance(hole.inside, s.Sum) and not isinstance(node, s.Group):
        more = next(iter(screen.values(hole.put(_plus(node, "+", ONE)))), None)
        yield from _added(hole, _solved(screen, target, now, more) or (), known, other)


def _added(hole: Hole, wanted: Values, known: Dictionary, other: s.Expr) -> Iterator[Edit]:
    screen = known.screen
    minus = tuple(combined(screen.arithmetic.subtract, 0, entry) for entry in wanted)
    for sign, values in (("+", wanted), ("-", minus)):
        for word in known.having(values, other):
            cancels = word.expr in (node.terms if isinstance(node := hole.node, s.Sum) else (node,))
            if not (_is_number(word.expr, (0,)) or isinstance(word.expr, s.Sum) or cancels):
                new = hole.put(_plus(hole.node, sign, word.expr))
                said = f"the term {'+' if sign == '+' else '−'} {to_latex(word.expr)} is missing"
                yield Edit(new, said, word.cost + 1)


def _plus(node: s.Expr, sign: str, term: s.Expr) -> s.Expr:
    if isinstance(node, s.Sum):
        return s.Sum((*node.signs, sign), (*node.terms, as_term(term)))
    return s.Sum(("", sign), (node, as_term(term)))


def _solved(screen: Screen, target: Values, low: Values, high: Values | None) -> Values | None:
    """`(target − low) / (high − low)`; None at a place where everything does, if all are right."""
    if high is None:
        return None
    found: list[Entry] = []
    for wanted, zero, one in zip(target, low, high, strict=True):
        if wanted is None:
            found.append(None)
            continue
        above = combined(screen.arithmetic.subtract, wanted, zero)
        below = combined(screen.arithmetic.subtract, one, zero)
        if above is None or below is None:
            return None
        if _vanishes(screen, below):
            if not _vanishes(screen, above):
                return None
            found.append(None)
            continue
        entry = _quotient(screen, above, below)
        if entry is None:
            return None
        found.append(entry)
    return tuple(found) if any(entry is not None for entry in found) else None


def _vanishes(screen: Screen, entry: Entry) -> bool:
    entries = entry if isinstance(entry, tuple) else (entry,)
    return all(value is not None and screen.arithmetic.same(value, 0) for value in entries)


def _quotient(screen: Screen, above: Entry, below: Entry) -> Entry:
    """A quotient of entries; None where it has no value."""
    try:
        found = combined(screen.arithmetic.divide, above, below)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    same = screen.arithmetic.same
    if isinstance(found, tuple) and found and all(same(value, found[0]) for value in found):
        return found[0]
    return found


def _is_number(expr: s.Expr, values: tuple[int, ...]) -> bool:
    return isinstance(expr, s.Number) and expr.value in values


def _inline(factor: s.Expr) -> str:
    """A factor in one line, `1/N`."""
    match factor:
        case s.Frac(numerator=over, denominator=under) if not isinstance(under, s.Product):
            return f"{to_latex(over)}/{to_latex(under)}"
        case _:
            return to_latex(factor)
