r"""Syntax to LaTeX that amsmath and amssymb set, and that reads back to the same tree.

Only commands of the tables here can come out, whatever the tree holds; words are escaped. Nothing
of the source text is echoed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import assert_never

from derive.reading.syntax import (
    Bars,
    BigOperator,
    Call,
    Cases,
    Chain,
    Derivative,
    Dots,
    Expr,
    Frac,
    Group,
    List,
    Mapping,
    Name,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Root,
    Row,
    Slice,
    Star,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
    Words,
)
from derive.writing.brackets import as_base, as_body, as_indexed, as_term, core, flat, is_tall
from derive.writing.symbols import ACCENTS, BRACKETS, LETTERS, OPERATORS, RELATIONS, command_of

_FUNCTION_NAMES = (
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker ln log"
    " max min sec sin sinh sup tan tanh"
)
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
"""Functions that are commands of their own in LaTeX."""

_FONT_COMMANDS = (
    "mathrm mathbf mathit mathsf mathtt mathcal mathbb mathfrak mathnormal boldsymbol pmb"
    " operatorname text textbf textit textrm textsf texttt"
)
_FONTS = frozenset(_FONT_COMMANDS.split())
_FONT_NAMES = {
    "bm": "boldsymbol",
    "symbf": "mathbf",
    "mbox": "text",
    "operatorname*": "operatorname",
    "mathscr": "mathcal",
    "mathbbm": "mathbb",
    "mathds": "mathbb",
}
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_MARKS = {"\\top": "\\top", "T": "T", "\\intercal": "\\intercal"}
_SIGNS = {"\\partial": "\\partial", "d": "d", "\\mathrm{d}": "\\mathrm{d}"}
_DOTS = frozenset({"\\dotsb", "\\dotsc", "\\dots", "\\ldots", "\\cdots", "\\vdots", "\\ddots"})
_BIG = frozenset({"sum", "prod", "max", "min"})
_SPELT = {"\\coloneqq": ":=", "\\lt": "<", "\\gt": ">"}
_UNCOMMON = {"omicron": "o"}
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
} | {character: "\\" + character for character in "{}$&#%_"}


def to_latex(node: Expr | Relation | Row) -> str:
    """The expression in LaTeX, for use between dollar signs or in a display."""
    match node:
        case Number(text=text):
            return text if _NUMBER.fullmatch(text) else f"\\text{{{escaped(text)}}}"
        case Name():
            return _name(node)
        case Subscript():
            return _subscript(node)
        case Power():
            return _script(to_latex(as_base(node.base)), "^", _exponent(node))
        case Star():
            return "*"
        case Slice():
            return ":"
        case Dots(command=command):
            return command if command in _DOTS else "\\dots"
        case Transpose(base=base, mark=mark):
            sign = "-" if mark.startswith("-") else ""
            shown = _MARKS.get(mark.removeprefix("-"), "\\top")
            return _script(to_latex(as_base(base)), "^", sign + shown)
        case Prime(base=base, count=count):
            return to_latex(as_base(base)) + "'" * count
        case Sum():
            return _sum(node)
        case Product():
            return _product(node)
        case Frac(numerator=numerator, denominator=denominator):
            return _frac(node.command, to_latex(numerator), to_latex(denominator))
        case Derivative():
            return _derivative(node)
        case BigOperator():
            return _big(node)
        case Group():
            return _group(node)
        case Bars():
            return _bars(node)
        case Call():
            return _call(node)
        case Root(body=body, degree=degree):
            index = f"[{to_latex(degree)}]" if degree is not None else ""
            return f"\\sqrt{index}{{{to_latex(body)}}}"
        case Row():
            return _row(node)
        case Cases(rows=rows):
            lines = " \\\\ ".join(map(to_latex, rows))
            return f"\\begin{{cases}} {lines} \\end{{cases}}"
        case Underbrace(body=body, note=note, under=under):
            command, mark = ("\\underbrace", "_") if under else ("\\overbrace", "^")
            script = f"{mark}{{{to_latex(note)}}}" if note is not None else ""
            return f"{command}{{{to_latex(body)}}}{script}"
        case List(items=items):
            return ", ".join(map(to_latex, items))
        case Mapping(domain=domain, codomain=codomain):
            return f"{to_latex(domain)} \\to {to_latex(codomain)}"
        case Words(text=text):
            return f"\\text{{{escaped(text)}}}"
        case Relation(sign=sign):
            return _SPELT.get(sign, sign) if sign in RELATIONS else "\\mathrel{?}"
        case Chain():
            return _chain(node)
        case _:
            assert_never(node)


def escaped(text: str) -> str:
    r"""The text with every character that TeX would act on escaped, for use inside `\text{…}`.

    Characters beyond Latin Extended-A are replaced by their nearest ASCII spelling, or `?`:
    pdflatex stops at a character that it has no font for.
    """
    return "".join(map(_escaped_character, text))


def _escaped_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isspace() or unicodedata.category(character).startswith("C"):
        return " "
    if character <= "~" or ("À" <= character <= "ſ" and character.isalpha()):
        return character
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def _name(node: Name) -> str:
    command = command_of(node)
    if command in LETTERS:
        text = _UNCOMMON.get(command or "") or f"\\{command}"
    elif len(node.letter) == 1 and node.letter.isascii() and node.letter.isalnum():
        text = node.letter
    else:
        text = ""
    font = _FONT_NAMES.get(node.font, node.font)
    if font and font not in _FONTS:
        font = "mathrm"
    if not text:
        plain = node.letter.isascii() and node.letter.isalnum()
        text, font = escaped(node.letter), (font or "mathrm") if plain else "text"
    if font:
        text = f"\\{font}{{{text}}}"
    for accent in reversed(node.accents):
        text = f"\\{accent}{{{text}}}" if accent in ACCENTS else text
    return text


def _script(base: str, mark: str, text: str) -> str:
    bare = len(text) == 1 or _COMMAND.fullmatch(text)
    return f"{base}{mark}{text}" if bare else f"{base}{mark}{{{text}}}"


def _subscript(node: Subscript) -> str:
    base = to_latex(as_indexed(node.base, square=node.bracketed))
    if node.bracketed:
        return f"{base}[{', '.join(map(to_latex, node.items))}]"
    return _script(base, "_", ",".join(map(_tight, node.items)))


def _exponent(node: Power) -> str:
    operator = node.operator if node.operator in OPERATORS else ""
    return f"{operator} {to_latex(node.exponent)}" if operator else _tight(node.exponent)


def _sum(node: Sum) -> str:
    parts = [
        f" {sign} {to_latex(as_term(t))}" for sign, t in zip(node.signs, node.terms, strict=True)
    ]
    first = f"{node.signs[0]}{to_latex(as_term(node.terms[0]))}"
    return first + "".join(parts[1:])


def _product(node: Product, *, applied: bool = False) -> str:
    """Factors with a space between them; `applied` writes `p(x)` for a name before a bracket."""
    factors, operators = flat(node)
    text = to_latex(factors[0])
    for operator, left, right in zip(operators, factors, factors[1:], strict=False):
        shown = operator if operator in OPERATORS else ""
        near = (_is_bare(left) and _is_bare(right)) or (applied and _is_applied(left, right))
        text += f" {shown} " if shown else " " * (not near)
        text += to_latex(right)
    return text


def _is_bare(node: Expr) -> bool:
    """Whether this is a plain letter, as the indices in `x_{ij}` are."""
    match node:
        case Name(letter=letter, font="", accents=()):
            return len(letter) == 1 and letter.isascii()
        case _:
            return False


def _is_applied(left: Expr, right: Expr) -> bool:
    return isinstance(core(left), Name) and isinstance(core(right), Group)


def _frac(command: str, numerator: str, denominator: str) -> str:
    shown = command if command in _FRACTIONS else "frac"
    return f"\\{shown}{{{numerator}}}{{{denominator}}}"


def _derivative(node: Derivative) -> str:
    sign = _SIGNS.get(node.sign, "\\partial")
    power = f"^{_braced(str(node.order))}" if node.order > 1 else ""
    below = " ".join(_by(sign, by, order) for by, order in node.by)
    match node.style:
        case "subscript" | "nabla":
            head = "\\nabla" if node.style == "nabla" else sign
            names = " ".join(to_latex(by) for by, _ in node.by)
            script = _script(head, "_", names) if names else head
            return f"{script}{power} {to_latex(as_body(node.of))}"
        case "operator":
            body = to_latex(as_body(node.of))
            return f"{_frac(node.command, sign + power, below)} {body}"
        case "slash":
            return f"{sign}{power} {to_latex(as_term(node.of))} / {below}"
        case _:
            return _frac(node.command, f"{sign}{power} {to_latex(as_term(node.of))}", below)


def _by(sign: str, node: Expr, order: int) -> str:
    text = f"{sign} {to_latex(as_term(node))}"
    return _script(text, "^", str(order)) if order > 1 else text


def _braced(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"


def _big(node: BigOperator) -> str:
    text = f"\\{node.command}" if node.command in _BIG else "\\sum"
    if node.lower:
        text += f"_{{{','.join(map(_tight, node.lower))}}}"
    if node.upper is not None:
        text += f"^{{{_tight(node.upper)}}}"
    return f"{text} {to_latex(as_body(node.body))}"


def _tight(node: Expr) -> str:
    r"""A script or a limit, without spaces when it holds no command: `i=1`, `k \neq j`, `n-1`."""
    text = to_latex(node)
    return text if "\\" in text else text.replace(" ", "")


def _delimited(opening: str, body: Expr, closing: str, *, grow: bool) -> str:
    inner = to_latex(body)
    if grow:
        return f"\\left{opening} {inner} \\right{closing}"
    return f"{_glued(opening, inner)}{inner}{closing}"


def _glued(opening: str, inner: str) -> str:
    """The opening bracket, with a space where a command would swallow the next letter."""
    return f"{opening} " if opening[-1].isalpha() and inner[:1].isalpha() else opening


def _group(node: Group) -> str:
    if node.opening == "{":
        return f"{{{to_latex(node.body)}}}"
    known = node.opening in BRACKETS and node.closing in BRACKETS
    opening, closing = (node.opening, node.closing) if known else ("(", ")")
    dotted = "." in (opening, closing)
    return _delimited(opening, node.body, closing, grow=dotted or is_tall(node.body))


def _bars(node: Bars) -> str:
    bar = "\\|" if node.double else "|"
    grow = is_tall(node.body) or _holds_bars(node.body)
    text = _delimited(bar, node.body, bar, grow=grow)
    return _script(text, "_", to_latex(node.sub)) if node.sub is not None else text


def _holds_bars(node: Expr) -> bool:
    """Whether bars stand inside, so that growing ones are needed to tell left from right."""
    return "|" in to_latex(node)


def _call(node: Call) -> str:
    function = node.function
    if not node.font and (function in FUNCTIONS or function in LETTERS):
        name = f"\\{function}"
    else:
        name = _name(Name(function, node.font or "operatorname"))
    if node.sub is not None:
        name = _script(name, "_", to_latex(node.sub))
    if node.power is not None:
        name = _script(name, "^", to_latex(node.power))
    if node.parenthesised:
        return name + _delimited("(", node.argument, ")", grow=is_tall(node.argument))
    return f"{name} {_argument(node.argument)}"


def _argument(node: Expr) -> str:
    r"""What a function without parentheses is applied to, `x` or `p(x)` of `\log p(x)`."""
    if isinstance(node, Product):
        return _product(node, applied=True)
    return to_latex(as_term(node))


def _row(node: Row) -> str:
    words = node.words.strip()
    label = f"\\text{{{escaped(words)} }} " if words and node.condition is not None else ""
    if words and node.condition is None:
        label = f"\\text{{{escaped(words)}}}"
    condition = to_latex(node.condition) if node.condition is not None else ""
    return f"{to_latex(node.value)} & {label}{condition}".rstrip(" &")


def _chain(node: Chain) -> str:
    first = node.members[0]
    parts = [to_latex(first)] if first is not None else []
    for relation, member in zip(node.relations, node.members[1:], strict=True):
        parts.append(to_latex(relation))
        if member is not None:
            parts.append(to_latex(member))
    return " ".join(parts)
