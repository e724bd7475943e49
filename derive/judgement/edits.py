"""Small edits of one side of an equation: what an author may have written by mistake.

Every edit rewrites the syntax tree at one place and says in words what it changes. None of them
knows what is true: `derive.judgement.repair` asks the oracle and the prover.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from derive.judgement.missing import delta_terms
from derive.judgement.slips import loose_sums, slips
from derive.judgement.slots import Place, put, slots
from derive.judgement.vocabulary import Edit, Vocabulary
from derive.meaning.names import bare_key, capital_of, key_of, labelled_key, small_of
from derive.meaning.subscripts import bound_letters
from derive.meaning.to_syntax import name, number
from derive.reading import syntax as s
from derive.writing.brackets import as_term
from derive.writing.to_latex import to_latex

EXPONENTS = tuple(Fraction(n, 2) for n in (-3, -2, -1, 1, 2, 4))
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_TURNED: dict[str, tuple[str, ...]] = {"=": ("\\neq",), "\\neq": ("=",), "\\ne": ("=",)}
_TURNED |= {"<": (">", "\\ge", "\\le"), ">": ("<", "\\le", "\\ge")}
_TURNED |= dict.fromkeys(("\\le", "\\leq"), ("\\ge", ">", "<"))
_TURNED |= dict.fromkeys(("\\ge", "\\geq"), ("\\le", "<", ">"))


def edits(side: s.Expr, words: Vocabulary) -> Iterator[Edit]:
    """All single edits of a side."""
    yield from _whole(side, words)
    yield from _below(side, words, "value")


# ---- walking the tree ---------------------------------------------------------------------------


def _below(node: s.Expr, words: Vocabulary, place: Place) -> Iterator[Edit]:
    """Edits at a node and at everything below it."""
    yield from _names(node, words, place)
    yield from slips(node, words, place)
    if place == "index":
        yield from _indices(node, words)
    elif place != "varied":
        yield from _at(node, words, place)
        yield from loose_sums(node, words, place)
    for child, rebuilt, inner in slots(node, place):
        for edit in _below(child, words, inner):
            yield replace(edit, expr=rebuilt(edit.expr))


# ---- names and indices --------------------------------------------------------------------------


def _names(node: s.Expr, words: Vocabulary, place: Place) -> Iterator[Edit]:
    """Another name in force in place of a name: of the same letter first, else of its shape."""
    key = labelled_key(node.base, node.items) if isinstance(node, s.Subscript) else key_of(node)
    if key is None or place == "index":
        return
    symbols = words.context.symbols
    own, small = symbols.get(key), False
    if own is None:
        own, small = symbols.get(capital_of(key) or ""), True
    if own is None:
        return
    for other in symbols.values():
        spelled = small_of(other.key) if small else other.latex or other.key
        if other.key == own.key or spelled is None or other.role in ("opaque", "size", "index"):
            continue
        akin = bare_key(other.key) == bare_key(own.key)
        cost = 1 if akin else 3 if other.shape == own.shape else 4
        new = name(spelled)
        yield Edit(new, f"{to_latex(node)} → {to_latex(new)}", cost)


def _indices(node: s.Expr, words: Vocabulary) -> Iterator[Edit]:
    if isinstance(node, s.Name) and node.letter in words.letters:
        for letter in words.letters:
            if letter != node.letter:
                yield Edit(s.Name(letter), f"index {node.letter} → {letter}", 2)


# ---- values -------------------------------------------------------------------------------------


def _at(node: s.Expr, words: Vocabulary, place: Place) -> Iterator[Edit]:
    match node:
        case s.Number():
            yield from _numbers(node, words)
        case s.Sum():
            yield from _terms(node, words)
        case s.Product():
            yield from _factors(node)
        case s.Power():
            yield from _exponents(node)
        case s.Cases():
            yield from _conditions(node)
        case s.BigOperator(command="sum", lower=lower, body=body):
            letters = ", ".join(bound_letters(lower))
            yield Edit(s.Group("(", ")", body), f"the sum over {letters} is too many", 4)
        case s.Group(body=body):
            if place != "base":
                yield from _raised(node)
                yield from _transposed(node, words, place)
            if not isinstance(body, s.Sum):
                yield from (_within(node, edit) for edit in _more_terms(body, words))
        case s.Transpose(base=base):
            yield Edit(base, "the transpose is too many", 2)
        case s.Name() | s.Subscript() | s.Derivative():
            yield from _transposed(node, words, place)
        case _:
            return


def _within(group: s.Group, edit: Edit) -> Edit:
    return replace(edit, expr=replace(group, body=edit.expr))


def _whole(side: s.Expr, words: Vocabulary) -> Iterator[Edit]:
    """Edits of a side as a whole: its sign, a factor in front, a sum around it, one more term."""
    if isinstance(side, s.Cases):
        return
    if isinstance(side, s.Number) and side.value != 0:
        yield Edit(s.Number("0"), f"{side.text} → 0", 2)
    if not isinstance(side, s.Sum):
        yield Edit(s.Sum(("-",), (side,)), "the sign − is missing", 1)
        yield from _more_terms(side, words)
    yield from _multiplied(side, words)
    for letter in words.loose:
        yield Edit(_summed(side, letter), f"the sum over {letter} is missing", 2)


def _summed(term: s.Expr, letter: str) -> s.Expr:
    return s.BigOperator("sum", (s.Name(letter),), None, as_term(term))


def _multiplied(term: s.Expr, words: Vocabulary) -> Iterator[Edit]:
    """A factor put in front of a term; what would divide out again is left to `_factors`."""
    for factor, cost in words.factors:
        if isinstance(term, s.Number) and term.value == 1:
            new = factor
        elif isinstance(term, s.Product):
            new = s.Product((factor, *term.factors), ("", *term.operators))
        else:
            new = s.Product((factor, as_term(term)), ("",))
        yield Edit(new, f"× {_short(factor)} is missing", cost)


def _numbers(node: s.Number, words: Vocabulary) -> Iterator[Edit]:
    value = node.value
    others = {Fraction(1), value * 2, value / 2, Fraction(2)} - {value, Fraction(0)}
    for other in sorted(others):
        if other.denominator == 1:
            yield Edit(number(other), f"{node.text} → {other}", 2)
    for size in words.context.sizes:
        yield Edit(name(size), f"{node.text} → {size}", 3)
    for symbol in words.context.symbols.values() if value == 1 else ():
        if symbol.role in ("input", "defined") and len(symbol.shape) < 2:
            new = name(symbol.latex or symbol.key)
            yield Edit(new, f"{node.text} → {to_latex(new)}", 4)


def _terms(node: s.Sum, words: Vocabulary) -> Iterator[Edit]:
    for at, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
        new = ("" if at == 0 else "+") if sign == "-" else "-"
        said = f"{'−' if sign == '-' else '+'} should be {'−' if new == '-' else '+'}"
        yield Edit(replace(node, signs=put(node.signs, at, new)), said, 1)
        for edit in _multiplied(term, words):
            expr = replace(node, terms=put(node.terms, at, edit.expr))
            yield Edit(expr, f"{edit.words} in the {_ordinal(at)} term", edit.cost)
        for letter in words.loose:
            expr = replace(node, terms=put(node.terms, at, _summed(term, letter)))
            yield Edit(expr, f"the sum over {letter} is missing", 3)
        if len(node.terms) > 1:
            signs = node.signs[:at] + node.signs[at + 1 :]
            signs = ("" if signs[0] == "+" else signs[0], *signs[1:])
            expr = s.Sum(signs, node.terms[:at] + node.terms[at + 1 :])
            yield Edit(expr, f"the term {to_latex(term)} is too many", 4)
    yield from _more_terms(node, words)


def _more_terms(node: s.Expr, words: Vocabulary) -> Iterator[Edit]:
    """A missing term: the share of one index that a sum over all of them leaves out."""
    signs, terms = (node.signs, node.terms) if isinstance(node, s.Sum) else (("",), (node,))
    for term in delta_terms(node, words.letters, words.context):
        for sign in "+-":
            said = f"the term {'+' if sign == '+' else '−'} {to_latex(term)} is missing"
            yield Edit(s.Sum((*signs, sign), (*terms, term)), said, 5)


def _factors(node: s.Product) -> Iterator[Edit]:
    if any(operator == "/" for operator in node.operators):
        return
    for at, factor in enumerate(node.factors):
        rest = node.factors[:at] + node.factors[at + 1 :]
        between = node.operators[:-1] if at == 0 else _without(node.operators, at - 1)
        between = node.operators[1:] if at == 0 else between
        new = s.Product(rest, between) if len(rest) > 1 else rest[0]
        yield Edit(new, f"× {to_latex(factor)} is too many", 2)


def _without(values: tuple[str, ...], at: int) -> tuple[str, ...]:
    return values[:at] + values[at + 1 :]


def _exponents(node: s.Power) -> Iterator[Edit]:
    now = rational(node.exponent)
    if now is None or node.operator:
        return
    for other in EXPONENTS:
        if other != now:
            new = node.base if other == 1 else replace(node, exponent=number(other))
            near = 1 if abs(other - now) == 1 or other == -now else 2
            yield Edit(new, f"exponent {_signed(now)} → {_signed(other)}", near)


def _raised(node: s.Group) -> Iterator[Edit]:
    for other in EXPONENTS:
        if other != 1:
            new = s.Power(node, number(other))
            yield Edit(new, f"exponent {_signed(other)} is missing", 2)


def rational(expr: s.Expr) -> Fraction | None:
    """The value of an exponent that is a number as written, `-\\frac{1}{2}`; None otherwise."""
    match expr:
        case s.Number(value=value):
            return value
        case s.Group(opening="{", body=body):
            return rational(body)
        case s.Sum(signs=(sign,), terms=(term,)):
            inner = rational(term)
            return None if inner is None else -inner if sign == "-" else inner
        case s.Frac(numerator=over, denominator=under):
            pair = rational(over), rational(under)
            return None if pair[0] is None or not pair[1] else pair[0] / pair[1]
        case s.Product(factors=(over, under), operators=("/",)):
            return rational(s.Frac(over, under))
        case _:
            return None


def _transposed(node: s.Expr, words: Vocabulary, place: Place) -> Iterator[Edit]:
    """The transpose of an array, or of what may be one."""
    if isinstance(node, s.Name | s.Subscript):
        symbol = words.context.symbols.get(key_of(node) or "")
        array = symbol is not None and bool(symbol.shape)
    else:
        array = any(len(symbol.shape) == 2 for symbol in words.context.symbols.values())
    if array and place != "base":
        yield Edit(s.Transpose(node, "\\top"), f"the transpose of {to_latex(node)} is missing", 2)


def _conditions(node: s.Cases) -> Iterator[Edit]:
    """Another relation, `=` for `\\neq`, in the condition of one row."""
    for at, row in enumerate(node.rows):
        condition = row.condition
        if not isinstance(condition, s.Chain):
            continue
        for k, relation in enumerate(condition.relations):
            for sign in _TURNED.get(relation.sign, ()):
                relations = put(condition.relations, k, s.Relation(sign))
                new = replace(condition, relations=relations)
                rows = put(node.rows, at, replace(row, condition=new))
                cost = 1 if len(_TURNED[relation.sign]) == 1 else 2
                yield Edit(s.Cases(rows), f"{_ordinal(at)} case: {relation.sign} → {sign}", cost)


# ---- words --------------------------------------------------------------------------------------


def _ordinal(at: int) -> str:
    return ORDINALS[at] if at < len(ORDINALS) else f"{at + 1}th"


def _short(factor: s.Expr) -> str:
    """A factor in one line, `1/N`."""
    match factor:
        case s.Frac(numerator=over, denominator=under):
            return f"{to_latex(over)}/{to_latex(under)}"
        case _:
            return to_latex(factor)


def _signed(value: Fraction) -> str:
    return str(value).replace("-", "−")
