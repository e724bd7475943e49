"""Single edits of a claim's two sides, on the syntax tree: what a slip of the pen may look like.

Nothing here knows what is true or what fits together: most variants are false, some are ill-typed,
a few are true. The edits are written apart from those that suggest repairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from places import children, put, without

from derive.meaning.claims import Claim
from derive.meaning.names import key_of, labelled_key, walk
from derive.meaning.subscripts import free_letters, index_letter
from derive.meaning.terms import Symbol
from derive.meaning.to_syntax import name, number
from derive.reading import syntax as s
from derive.writing.brackets import as_term, bracketed
from derive.writing.to_latex import to_latex

Side = Literal["left", "right"]
Edited = tuple[str, s.Expr]
"""The kind of an edit and what it makes of a node."""

ONE, TWO = s.Number("1"), s.Number("2")
MINUS_ONE = s.Sum(("-",), (ONE,))
HALF = s.Frac(ONE, TWO)
FUNCTIONS = (
    ("exp", "log"),
    ("log", "exp"),
    ("ln", "exp"),
    ("sin", "cos"),
    ("cos", "sin"),
    ("tan", "tanh"),
    ("tanh", "sigmoid"),
    ("sigmoid", "tanh"),
    ("sinh", "cosh"),
    ("cosh", "sinh"),
    ("max", "min"),
    ("min", "max"),
    ("relu", "sign"),
    ("sign", "relu"),
    ("arctan", "tanh"),
    ("erf", "tanh"),
)
OPERATORNAMES = frozenset({"sigmoid", "relu", "sign", "erf"})
_OPPOSITE = {"=": "\\neq", "\\neq": "=", "\\ne": "=", "<": "\\ge", ">": "\\le"}
_OPPOSITE |= {"\\le": ">", "\\leq": ">", "\\ge": "<", "\\geq": "<"}
_BESIDE = frozenset({"", "\\cdot"})


@dataclass(frozen=True, slots=True)
class Variant:
    """An equation one edit away from a claim; `side` is the side that was edited."""

    kind: str
    side: Side
    left: s.Expr
    right: s.Expr
    relation: s.Relation

    @property
    def text(self) -> str:
        """The equation in LaTeX."""
        return to_latex(s.Chain((self.left, self.right), (self.relation,)))


@dataclass(frozen=True, slots=True)
class Words:
    """What edits put in: names, index letters in use, those free here alone, and scales."""

    names: Mapping[str, Symbol]
    letters: tuple[str, ...]
    loose: tuple[str, ...]
    scales: tuple[s.Expr, ...]


def variants(claim: Claim, names: Mapping[str, Symbol] | None = None) -> Iterator[Variant]:
    """Every single edit of each side, each equation once, the claim itself left out.

    `names` are the names an edit may put in, by default all in force at the claim.
    """
    left, right = claim.left, claim.right
    known = claim.context.symbols if names is None else names
    letters = _letters(left, right)
    seen = {(left, right)}
    sides: tuple[tuple[Side, s.Expr, s.Expr], ...] = (("left", left, right), ("right", right, left))
    for side, here, there in sides:
        loose = tuple(sorted(free_letters(here) - free_letters(there)))
        for kind, new in _edits(here, Words(known, letters, loose, _scales(claim)), "value"):
            pair = (new, right) if side == "left" else (left, new)
            if pair not in seen:
                seen.add(pair)
                yield Variant(kind, side, *pair, claim.relation)


def _scales(claim: Claim) -> tuple[s.Expr, ...]:
    sizes = [name(size) for size in claim.context.sizes]
    shares = [s.Frac(ONE, size) for size in sizes]
    return (TWO, HALF, *sizes, *shares, MINUS_ONE)


def _letters(*sides: s.Expr) -> tuple[str, ...]:
    """The letters that stand as indices somewhere in the equation."""
    items = (
        item
        for side in sides
        for node in walk(side)
        if isinstance(node, s.Subscript)
        for item in node.items
    )
    found = {index_letter(node) for item in items for node in walk(item)}
    return tuple(sorted(letter for letter in found if letter is not None))


# ---- the tree -----------------------------------------------------------------------------------


def _edits(node: s.Expr, words: Words, place: str) -> Iterator[Edited]:
    """Edits at a node and everywhere below it; `place` is `value`, `index` or `varied`."""
    if place == "index":
        yield from _index(node, words)
    else:
        yield from _names(node, words)
    if place == "value":
        yield from _scaled(node, words)
        yield from _at(node, words)
    for child, rebuilt, inner in children(node, place):
        for kind, new in _edits(child, words, inner):
            if isinstance(node, s.Derivative) and inner == "varied" and kind.startswith("name"):
                kind = "derivative by another name"
            yield kind, rebuilt(new)


# ---- names and indices --------------------------------------------------------------------------


def _names(node: s.Expr, words: Words) -> Iterator[Edited]:
    """Another name in place of a name; the accents of a name left out."""
    key = labelled_key(node.base, node.items) if isinstance(node, s.Subscript) else key_of(node)
    own = words.names.get(key or "")
    for accent in _accents(node):
        yield "accent dropped", accent
    if own is None:
        return
    for other in words.names.values():
        if other.key != own.key and other.role != "index":
            same = other.shape == own.shape
            kind = "name of the same shape" if same else "name of another shape"
            yield kind, name(other.latex or other.key)


def _accents(node: s.Expr) -> Iterator[s.Expr]:
    if isinstance(node, s.Name) and node.accents:
        yield replace(node, accents=node.accents[1:])
    if isinstance(node, s.Prime):
        yield node.base


def _index(node: s.Expr, words: Words) -> Iterator[Edited]:
    if isinstance(node, s.Name) and node.letter in words.letters:
        for letter in words.letters:
            if letter != node.letter:
                yield "index letter", s.Name(letter)
        yield "index shifted", s.Sum(("", "+"), (node, ONE))
    if isinstance(node, s.Product) and len(node.factors) == 2:
        yield "indices swapped", replace(node, factors=node.factors[::-1])


# ---- factors ------------------------------------------------------------------------------------


def _scaled(node: s.Expr, words: Words) -> Iterator[Edited]:
    """A factor put in at each position of a product or before a term; a factor left out."""
    match node:
        case s.Product(factors=factors, operators=operators):
            yield from _product(node, words)
            for at in range(len(factors)):
                fewer = without(factors, at)
                between = operators[1:] if at == 0 else without(operators, at - 1)
                new = s.Product(fewer, between) if len(fewer) > 1 else fewer[0]
                if at == 0 and operators[0] == "/":
                    new = s.Product((ONE, *factors[1:]), operators)
                yield "factor out", new
        case s.Sum() | s.Chain() | s.List() | s.Slice() | s.Words() | s.Mapping() | s.Cases():
            return
        case _:
            for scale in words.scales:
                yield "factor in", s.Product((scale, as_term(node)), ("",))


def _product(node: s.Product, words: Words) -> Iterator[Edited]:
    for at in range(len(node.factors) + 1):
        for scale in words.scales:
            factors = (*node.factors[:at], scale, *node.factors[at:])
            between = ("", *node.operators[:at], *node.operators[at:])
            if at:
                between = (*node.operators[: at - 1], "\\cdot", *node.operators[at - 1 :])
            yield "factor in", s.Product(factors, between)
    for at, operator in enumerate(node.operators):
        if operator != "/":
            factors = (*node.factors[:at], node.factors[at + 1], node.factors[at])
            factors += node.factors[at + 2 :]
            yield "factors swapped", replace(node, factors=factors)
    if len(node.factors) == 2 and node.operators[0] in _BESIDE:
        yield "plus for times", bracketed(s.Sum(("", "+"), node.factors))


# ---- everything else that has a value -----------------------------------------------------------


def _at(node: s.Expr, words: Words) -> Iterator[Edited]:
    match node:
        case s.Number(value=value):
            for other in (value + 1, value - 1, -value):
                yield "number", number(other)
        case s.Name() | s.Subscript():
            yield from _deltas(node)
            own = words.names.get(key_of(node) or "")
            if own is not None and own.shape:
                yield "transpose in", s.Transpose(node, "\\top")
        case s.Sum():
            yield from _terms(node)
        case s.Frac(numerator=above, denominator=below):
            yield "fraction turned", replace(node, numerator=below, denominator=above)
        case s.Power():
            yield from _exponents(node)
        case s.Transpose(base=base):
            yield "transpose out", base
        case s.BigOperator():
            yield from _limits(node)
        case s.Cases():
            yield from _cases(node)
        case s.Derivative():
            yield from _orders(node)
        case s.Call():
            yield from _functions(node)
        case s.Root(body=body):
            yield "exponent", bracketed(body)
        case _:
            return
    yield from _summed(node, words)


def _deltas(node: s.Expr) -> Iterator[Edited]:
    if isinstance(node, s.Subscript) and key_of(node.base) == "\\delta":
        yield "delta dropped", ONE
        yield "delta dropped", s.Group("(", ")", s.Sum(("", "-"), (ONE, node)))


def _summed(node: s.Expr, words: Words) -> Iterator[Edited]:
    """A sum around a term, over a letter that is free in it: a loose one where there is one."""
    if isinstance(node, s.Cases):
        return
    free = free_letters(node)
    for letter in words.loose or words.letters:
        if letter in free:
            body = bracketed(node) if isinstance(node, s.Sum) else node
            yield "sum added", bracketed(s.BigOperator("sum", (s.Name(letter),), None, body))


def _terms(node: s.Sum) -> Iterator[Edited]:
    for at, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
        flipped = ("" if at == 0 else "+") if sign == "-" else "-"
        yield "sign", replace(node, signs=put(node.signs, at, flipped))
        again = s.Sum((*node.signs, "-" if sign == "-" else "+"), (*node.terms, term))
        yield "term doubled", again
        if len(node.terms) > 1:
            signs = without(node.signs, at)
            signs = ("" if signs[0] == "+" else signs[0], *signs[1:])
            yield "term dropped", s.Sum(signs, without(node.terms, at))
        if at and sign == "+":
            merged = s.Product((as_term(node.terms[at - 1]), as_term(term)), ("",))
            terms = (*node.terms[: at - 1], merged, *node.terms[at + 1 :])
            yield "times for plus", s.Sum(without(node.signs, at), terms)


def _exponents(node: s.Power) -> Iterator[Edited]:
    now = _rational(node.exponent)
    if now is None:
        yield "exponent", node.base
        return
    for other in (-now, now + 1, now - 1, now / 2, now * 2):
        if other != now:
            new = node.base if other == 1 else replace(node, exponent=number(other))
            yield "exponent", new


def _rational(expr: s.Expr) -> Fraction | None:
    """An exponent that is a number as written, `-\\frac{1}{2}`; None otherwise."""
    match expr:
        case s.Number(value=value):
            return value
        case s.Group(body=body):
            return _rational(body)
        case s.Sum(signs=(sign,), terms=(term,)):
            inner = _rational(term)
            return None if inner is None else -inner if sign == "-" else inner
        case s.Frac(numerator=above, denominator=below):
            pair = _rational(above), _rational(below)
            return None if pair[0] is None or not pair[1] else pair[0] / pair[1]
        case s.Product(factors=(above, below), operators=("/",)):
            return _rational(s.Frac(above, below))
        case _:
            return None


def _limits(node: s.BigOperator) -> Iterator[Edited]:
    if node.command in ("sum", "prod"):
        yield "sum dropped", bracketed(node.body)
        yield "product for sum", replace(node, command="prod" if node.command == "sum" else "sum")
    for at, item in enumerate(node.lower):
        match item:
            case s.Chain(members=(letter, s.Number(value=low)), relations=(s.Relation("="),)):
                shifted = s.Chain((letter, number(low + 1)), item.relations)
                yield "sum limits", replace(node, lower=put(node.lower, at, shifted))
            case s.Chain(members=(a, b), relations=(s.Relation(sign),)) if sign in _OPPOSITE:
                turned = s.Chain((a, b), (s.Relation(_OPPOSITE[sign]),))
                yield "sum limits", replace(node, lower=put(node.lower, at, turned))
    if node.upper is not None:
        less = s.Sum(("", "-"), (as_term(node.upper), ONE))
        yield "sum limits", replace(node, upper=less)


def _cases(node: s.Cases) -> Iterator[Edited]:
    for at, row in enumerate(node.rows):
        match row.condition:
            case s.Chain(members=members, relations=(s.Relation(sign),)) if sign in _OPPOSITE:
                turned = s.Chain(members, (s.Relation(_OPPOSITE[sign]),))
                rows = put(node.rows, at, replace(row, condition=turned))
                yield "case condition", s.Cases(rows)
        for value in (s.Number("0"), ONE):
            yield "case value", s.Cases(put(node.rows, at, replace(row, value=value)))
    if len(node.rows) == 2:
        first, second = node.rows
        rows = (replace(first, value=second.value), replace(second, value=first.value))
        yield "case value", s.Cases(rows)


def _orders(node: s.Derivative) -> Iterator[Edited]:
    """One order more by the first variable, or the last variable left out."""
    variable, order = node.by[0]
    more = ((variable, order + 1), *node.by[1:])
    yield "derivative order", replace(node, by=more, order=node.order + 1)
    if len(node.by) > 1:
        left_out = node.by[-1][1]
        yield "derivative order", replace(node, by=node.by[:-1], order=node.order - left_out)


def _functions(node: s.Call) -> Iterator[Edited]:
    for old, new in FUNCTIONS:
        if node.function == old:
            font = "operatorname" if new in OPERATORNAMES else ""
            yield "function", replace(node, function=new, font=font)
