"""Further small edits: limits of sums, functions, fractions, places of indices, derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

from derive.judgement.missing import substituted
from derive.judgement.slots import Place, put
from derive.judgement.vocabulary import Edit, Vocabulary
from derive.meaning.graph import subterms
from derive.meaning.names import bare_key, capital_of, key_of, small_of
from derive.meaning.subscripts import bound_letters
from derive.meaning.terms import Sum, Symbol
from derive.meaning.to_syntax import name, to_syntax
from derive.reading import syntax as s
from derive.writing.brackets import as_term, bracketed
from derive.writing.to_latex import to_latex

FAMILIES = (
    ("exp", "log", "ln"),
    ("sin", "cos", "tan"),
    ("sinh", "cosh", "tanh", "sigmoid", "softplus", "erf", "arctan"),
    ("max", "min"),
    ("relu", "sign", "softplus"),
)
"""Functions that are taken for one another."""
PLAIN = frozenset(
    ("exp", "log", "ln", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "max", "min")
)
"""Functions with a command of their own; the others stand in `\\operatorname`."""
TURNED = {
    "=": "\\neq",
    "\\neq": "=",
    "\\ne": "=",
    "<": "\\le",
    "\\le": "<",
    "\\leq": "<",
    ">": "\\ge",
    "\\ge": ">",
    "\\geq": ">",
}
ONE = s.Number("1")


def slips(node: s.Expr, words: Vocabulary, place: Place) -> Iterator[Edit]:
    """Edits at one node that stand in no table of names, signs, factors or exponents."""
    if place == "index":
        yield from _places(node)
        return
    match node:
        case s.Subscript(items=(s.Product(factors=(a, b), operators=("",)) as pair,)):
            swapped = replace(node, items=(replace(pair, factors=(b, a)),))
            yield Edit(swapped, f"{to_latex(node)} → {to_latex(swapped)}", 2)
        case s.Derivative():
            yield from _orders(node)
            yield from _operands(node, words)
        case s.BigOperator(command="sum" | "prod") if place != "varied":
            yield from _limits(node, words)
            yield from _weights(node, words)
        case s.Call() if place != "varied":
            yield from _functions(node)
        case s.Frac(numerator=over, denominator=under) if place != "varied":
            turned = replace(node, numerator=under, denominator=over)
            yield Edit(turned, f"{to_latex(node)} → {to_latex(turned)}", 2)
        case s.Product() if place != "varied":
            yield from _order(node)
        case s.Cases(rows=(first, second)):
            rows = (replace(first, value=second.value), replace(second, value=first.value))
            yield Edit(s.Cases(rows), "the cases change places", 2)
        case s.Group(body=s.Sum(terms=(_, _) as terms, signs=("", "+"))) if place != "varied":
            times = replace(node, body=s.Product(tuple(map(as_term, terms)), ("",)))
            yield Edit(times, f"{to_latex(node.body)} → {to_latex(times.body)}", 3)
        case _:
            return


def loose_sums(node: s.Expr, words: Vocabulary, place: Place) -> Iterator[Edit]:
    """A sum around a factor, over a letter that is free on this side alone."""
    if place != "value" or not isinstance(node, s.Group | s.Product | s.Subscript | s.Derivative):
        return
    for letter in words.loose:
        summed = bracketed(s.BigOperator("sum", (s.Name(letter),), None, as_term(node)))
        yield Edit(summed, f"the sum over {letter} is missing", 3)


# ---- indices ------------------------------------------------------------------------------------


def _places(node: s.Expr) -> Iterator[Edit]:
    """`i + 1` for `i`, and the other way round."""
    match node:
        case s.Sum(terms=(first, s.Number())):
            yield Edit(first, f"index {to_latex(node)} → {to_latex(first)}", 2)
        case s.Name():
            for sign in "+-":
                moved = s.Sum(("", sign), (node, ONE))
                yield Edit(moved, f"index {to_latex(node)} → {to_latex(moved)}", 4)


# ---- sums ---------------------------------------------------------------------------------------


def _limits(node: s.BigOperator, words: Vocabulary) -> Iterator[Edit]:
    other = "prod" if node.command == "sum" else "sum"
    yield Edit(replace(node, command=other), f"\\{node.command} → \\{other}", 2)
    letters = ", ".join(bound_letters(node.lower))
    for at, item in enumerate(node.lower):
        for new in _starts(item):
            lower = put(node.lower, at, new)
            said = f"the sum runs from {to_latex(new)}, not {to_latex(item)}"
            yield Edit(replace(node, lower=lower), said, 2)
    if node.upper is not None:
        for size in words.context.sizes:
            for upper in (name(size), s.Sum(("", "-"), (name(size), ONE))):
                if upper != node.upper:
                    said = f"the sum over {letters} ends at {to_latex(upper)}"
                    yield Edit(replace(node, upper=upper), said, 2)


def _weights(node: s.BigOperator, words: Vocabulary) -> Iterator[Edit]:
    """An entry that is missing as a factor under a sum, at the index that it runs over."""
    bound = bound_letters(node.lower)
    for symbol in words.context.symbols.values() if node.command == "sum" else ():
        if symbol.role not in ("input", "defined") or len(symbol.shape) not in (1, 2):
            continue
        for letters in permutations(words.letters, len(symbol.shape)):
            if not set(bound) & set(letters):
                continue
            items = tuple(map(s.Name, letters))
            index = items if len(items) == 1 else (s.Product(items, ("",)),)
            entry = s.Subscript(name(symbol.latex or symbol.key), index)
            body = s.Product((as_term(node.body), entry), ("",))
            if isinstance(node.body, s.Product):
                body = s.Product((*node.body.factors, entry), (*node.body.operators, ""))
            said = f"× {to_latex(entry)} is missing under the sum"
            yield Edit(replace(node, body=body), said, 3 + len(items))


def _starts(item: s.Expr) -> Iterator[s.Expr]:
    match item:
        case s.Chain(members=(letter, s.Number(value=low)), relations=(s.Relation("="),)):
            starts = {1, 2, int(low) + 1, int(low) - 1} - {int(low)}
            for start in sorted(start for start in starts if start > 0):
                yield replace(item, members=(letter, s.Number(str(start))))
        case s.Chain(members=(_, _), relations=(s.Relation(sign),)) if sign in TURNED:
            for other in dict.fromkeys(("\\neq", "<", "\\le", ">", "\\ge")):
                if other != sign:
                    yield replace(item, relations=(s.Relation(other),))


# ---- functions and products ---------------------------------------------------------------------


def _functions(node: s.Call) -> Iterator[Edit]:
    for family in FAMILIES:
        for other in family if node.function in family else ():
            if other != node.function and {other, node.function} != {"log", "ln"}:
                font = "" if other in PLAIN else "operatorname"
                new = replace(node, function=other, font=font)
                yield Edit(new, f"{node.function} → {other}", 2)


def _order(node: s.Product) -> Iterator[Edit]:
    """Two neighbours in the other order; a sum in place of a product."""
    for at, operator in enumerate(node.operators):
        one, other = node.factors[at : at + 2]
        if operator == "/":
            continue
        factors = (*node.factors[:at], other, one, *node.factors[at + 2 :])
        swapped = replace(node, factors=factors)
        yield Edit(swapped, f"{to_latex(one)} and {to_latex(other)} change places", 3)
        if "/" in node.operators:
            continue
        left = _joined(node.factors[: at + 1], node.operators[:at])
        right = _joined(node.factors[at + 1 :], node.operators[at + 1 :])
        total = bracketed(s.Sum(("", "+"), (left, right)))
        yield Edit(total, f"+ is missing between {to_latex(one)} and {to_latex(other)}", 3)


def _joined(factors: tuple[s.Expr, ...], operators: tuple[str, ...]) -> s.Expr:
    return s.Product(factors, operators) if len(factors) > 1 else factors[0]


# ---- derivatives --------------------------------------------------------------------------------


def _orders(node: s.Derivative) -> Iterator[Edit]:
    """One order more or less by a variable, or one variable left out."""
    for at, (variable, order) in enumerate(node.by):
        if order > 1:
            by = put(node.by, at, (variable, order - 1))
            said = f"one derivative by {to_latex(variable)} is too many"
            yield Edit(replace(node, by=by, order=node.order - 1), said, 2)
        elif len(node.by) > 1:
            by = node.by[:at] + node.by[at + 1 :]
            said = f"the derivative by {to_latex(variable)} is too many"
            yield Edit(replace(node, by=by, order=node.order - 1), said, 3)
        by = put(node.by, at, (variable, order + 1))
        said = f"one more derivative by {to_latex(variable)} is missing"
        yield Edit(replace(node, by=by, order=node.order + 1), said, 4)


def _operands(node: s.Derivative, words: Vocabulary) -> Iterator[Edit]:
    """Both names of a derivative at once: accents, an index that the upper one lacks."""
    if len(node.by) != 1:
        return
    variable, order = node.by[0]
    for of, of_said, of_cost in [(node.of, "", 0), *_akin(node.of, words, indexed=True)]:
        for by, by_said, by_cost in [(variable, "", 0), *_akin(variable, words, indexed=False)]:
            if of_cost + by_cost and ((of_said and by_said) or of_cost > 1):
                said = ", ".join(part for part in (of_said, by_said) if part)
                new = replace(node, of=of, by=((by, order),))
                yield Edit(new, said, of_cost + by_cost)


def _akin(node: s.Expr, words: Vocabulary, *, indexed: bool) -> Iterator[tuple[s.Expr, str, int]]:
    """Names of the same letter, at the same indices; or the same name at an index in use."""
    base, own = _symbol(node, words)
    if own is None:
        return
    for other in words.context.symbols.values():
        if other.key != own.key and bare_key(other.key) == bare_key(own.key):
            spelled = other.latex or other.key
            if own.key != key_of(base):
                spelled = small_of(other.key) or spelled
            new = name(spelled)
            if isinstance(node, s.Subscript):
                new = replace(node, base=new)
            yield new, f"{to_latex(node)} → {to_latex(new)}", 1
    if indexed and isinstance(node, s.Subscript) and len(node.items) == 1:
        for key, term in _summands(words, node.items[0]):
            said = (
                f"{to_latex(node)} → {to_latex(term)}, a term of the sum in {to_latex(name(key))}"
            )
            yield term, said, 3
    if indexed and isinstance(node, s.Name) and len(own.shape) == 1:
        for letter in words.letters:
            new = s.Subscript(node, (s.Name(letter),))
            yield new, f"{to_latex(node)} → {to_latex(new)}", 2


def _summands(words: Vocabulary, letter: s.Expr) -> Iterator[tuple[str, s.Expr]]:
    """What the sums of the definitions run over, at a given index, and the name so defined."""
    for definition in words.context.definitions.values():
        for part in subterms(definition.body):
            if isinstance(part, Sum) and len(part.bounds) == 1 and not definition.parameters:
                term = substituted(to_syntax(part.body), {part.bounds[0].name: letter})
                if not isinstance(term, s.Name | s.Subscript):
                    yield definition.symbol.latex or definition.symbol.key, term


def _symbol(node: s.Expr, words: Vocabulary) -> tuple[s.Expr, Symbol | None]:
    base = node.base if isinstance(node, s.Subscript) else node
    key = key_of(base)
    symbols = words.context.symbols
    return base, symbols.get(key or "") or symbols.get(capital_of(key or "") or "")
