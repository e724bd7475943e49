"""Names as keys: spelling without font, accents kept; capitals and their small letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache

from derive.reading import syntax as s
from derive.reading.span import Span

DISTINCT_FONTS = frozenset({"mathcal", "mathbb", "mathfrak", "mathscr", "cal", "Bbb"})
"""Fonts whose letters are names of their own; the others are only weights of a letter."""

_GREEK_CAPITALS = {
    "gamma": "Gamma",
    "delta": "Delta",
    "theta": "Theta",
    "lambda": "Lambda",
    "xi": "Xi",
    "pi": "Pi",
    "sigma": "Sigma",
    "upsilon": "Upsilon",
    "phi": "Phi",
    "psi": "Psi",
    "omega": "Omega",
}
_GREEK_SMALL = {capital: small for small, capital in _GREEK_CAPITALS.items()}
_CORE = re.compile(r"^((?:\\\w+\{)*d?(?:\\\w+\{)*)([A-Za-z]|\\[A-Za-z]+)(?![A-Za-z])(.*)$")
_COMMAND = re.compile(r"^\\[A-Za-z]+$")


@cache
def name_key(letter: str, font: str = "", accents: tuple[str, ...] = ()) -> str:
    r"""The key of a letter or word: `\hat{x}`, `\mathcal{L}`, `rstd`."""
    key = letter.replace(" ", "")
    if font in DISTINCT_FONTS:
        key = f"\\{font}{{{key}}}"
    for accent in reversed(accents):
        key = f"\\{accent}{{{key}}}"
    return key


def key_of(expr: s.Node) -> str | None:
    """The key of an expression that spells one name without index, else None."""
    match expr:
        case s.Name(letter=letter, font=font, accents=accents):
            return name_key(letter, font, accents)
        case s.Prime(base=base, count=count):
            inner = key_of(base)
            return None if inner is None else inner + "'" * count
        case s.Power(base=base, exponent=s.Star()):
            inner = key_of(base)
            return None if inner is None else inner + "^*"
        case s.Power(base=base, exponent=s.Group(opening="(", body=label)):
            inner, text = key_of(base), label_text(label)
            return None if inner is None or text is None else f"{inner}^{{({text})}}"
        case s.Group(opening="{", body=body):
            return key_of(body)
        case _:
            return None


def label_text(expr: s.Expr) -> str | None:
    """A label as text, `in`, `B`, `1`; None when it is not made of names and numbers."""
    match expr:
        case s.Number(text=text) | s.Words(text=text):
            return text.strip()
        case s.Star():
            return "*"
        case s.Name():
            return key_of(expr)
        case s.Product(factors=parts) | s.List(items=parts):
            texts = [label_text(part) for part in parts]
            return None if None in texts else ",".join(t for t in texts if t is not None)
        case s.Subscript(base=base, items=items):
            return labelled_key(base, items)
        case s.Group(body=body):
            return label_text(body)
        case s.Sum(signs=("+" | "",), terms=()):
            return "+"
        case _:
            return None


def labelled_key(base: s.Expr, items: tuple[s.Expr, ...]) -> str | None:
    r"""The key of a name with its subscript taken as a label, `\mu_{B}`."""
    inner = key_of(base)
    texts = [label_text(item) for item in items]
    if inner is None or None in texts:
        return None
    return f"{inner}_{{{','.join(t for t in texts if t is not None)}}}"


def name_latex(key: str) -> str:
    """A key as LaTeX that prints it: a word needs a font."""
    return f"\\mathrm{{{key}}}" if len(key) > 1 and key.isalpha() else key


@cache
def capital_of(key: str) -> str | None:
    r"""`X` for `x`, `\hat{X}` for `\hat{x}`; None when the key is no small letter."""
    return _swap(key, str.islower)


@cache
def small_of(key: str) -> str | None:
    r"""`x` for `X`, `\hat{x}` for `\hat{X}`; None when the key is no capital letter."""
    return _swap(key, str.isupper)


def _swap(key: str, wanted: object) -> str | None:
    found = _CORE.match(key)
    if found is None or found[2][-1:] == "":
        return None
    before, letter, after = found[1], found[2], found[3]
    small = wanted is str.islower
    if _COMMAND.match(letter):
        other = (_GREEK_CAPITALS if small else _GREEK_SMALL).get(letter[1:])
        return None if other is None else f"{before}\\{other}{after}"
    if letter.islower() is not small:
        return None
    return before + letter.swapcase() + after


@cache
def bare_key(key: str) -> str:
    r"""The key without accents and font: `x` for `\hat{x}`."""
    found = _CORE.match(key)
    return key if found is None else found[2]


_LEAVES = {"span", "text", "letter", "font", "accents", "command", "style", "sign", "mark"}
_CHILD_FIELDS = {
    kind: tuple(f.name for f in fields(kind) if f.name not in _LEAVES)
    for kind in (*s.Expr.__args__, s.Row, s.Relation)
}


def children(node: s.Node) -> list[s.Node]:
    """The nodes right below a node, in the order of its fields."""
    kind = type(node)
    names = _CHILD_FIELDS.get(kind)
    if names is None:
        names = _CHILD_FIELDS.get(kind.__mro__[1], ())
    found: list[s.Node] = []
    for name in names:
        value = getattr(node, name)
        if isinstance(value, s.Node):
            found.append(value)
        elif isinstance(value, tuple):
            _gather(value, found)
    return found


def _gather(values: tuple[object, ...], found: list[s.Node]) -> None:
    for value in values:
        if isinstance(value, s.Node):
            found.append(value)
        elif isinstance(value, tuple):
            _gather(value, found)


def walk(node: s.Node) -> Iterator[s.Node]:
    """A node and all below it, outermost first."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        below = children(top)
        below.reverse()
        stack += below


def span_of(node: s.Node) -> Span:
    """The span of a node; where it has none, that of what it holds."""
    if node.span.start >= 0:
        return node.span
    spans = [inner.span for inner in walk(node) if inner.span.start >= 0]
    return spans[0].to(spans[-1]) if spans else node.span
