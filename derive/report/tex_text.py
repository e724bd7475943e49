r"""Unicode text as LaTeX: prose with signs of mathematics in it, and mathematics on one line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from derive.errors import DeriveError
from derive.meaning.to_syntax import name
from derive.reading.parse import parse_expression
from derive.report.words import parts, split_suggestion
from derive.writing.symbols import GREEK
from derive.writing.to_latex import escaped, to_latex

_SIGNS = {
    "−": "-",
    "≥": r"\ge ",
    "≤": r"\le ",
    "≠": r"\ne ",
    "≈": r"\approx ",
    "≡": r"\equiv ",
    "∈": r"\in ",
    "∉": r"\notin ",
    "∞": r"\infty ",
    "∂": r"\partial ",
    "∇": r"\nabla ",
    "∑": r"\sum ",
    "∏": r"\prod ",
    "√": r"\surd ",
    "·": r"\cdot ",
    "×": r"\times ",
    "⊙": r"\odot ",
    "∘": r"\circ ",
    "⊗": r"\otimes ",
    "±": r"\pm ",
    "→": r"\to ",
    "←": r"\leftarrow ",
    "⇒": r"\Rightarrow ",
    "⇔": r"\Leftrightarrow ",
    "↦": r"\mapsto ",
    "⊤": r"\top ",
    "′": r"{}^{\prime}",
    "‖": r"\|",
    "ℝ": r"\mathbb{R}",
    "ℕ": r"\mathbb{N}",
    "ℓ": r"\ell ",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "∀": r"\forall ",
    "∃": r"\exists ",
}
_SIGNS |= {
    letter: f"\\{command} " for command, letter in reversed(GREEK.items()) if command != "omicron"
}
_SIGNS |= {"ο": "o"}
_PUNCTUATION = {
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\dots{}",
    "\u00a0": "~",
    "§": r"\S{}",
    "°": r"\textdegree{}",
}
_ACCENTS = {
    "\u0302": "hat",
    "\u0304": "bar",
    "\u0303": "tilde",
    "\u0307": "dot",
    "\u20d7": "vec",
    "\u030c": "check",
}
_BARE = {
    "\\": r"\backslash ",
    "{": r"\{",
    "}": r"\}",
    "^": r"\hat{\ }",
    "~": r"\sim ",
} | {character: "\\" + character for character in "$&#%_"}
_TOKEN = re.compile(
    r"(?P<script>[_^](?:\{[^{}]*\}|\([^()]*\)|[^\W_]))|(?P<word>[A-Za-z]{2,})"
    r"|(?P<raised>[⁰¹²³⁴-⁹⁺⁻ᵀⁱⁿ]+)|(?P<lowered>[₀-₉₊₋ᵢⱼₖₗₘₙₐₑₒₓₕₚₛₜ]+)"
    rf"|(?P<accented>\w[{''.join(_ACCENTS)}]+)|(?P<other>.)",
    re.DOTALL,
)
_FUNCTIONS = frozenset(
    ["exp", "log", "ln", "sin", "cos", "tan", "tanh", "sinh", "cosh", "max", "min", "det"]
)
_LETTER = re.compile(rf"\w[{''.join(_ACCENTS)}]+|.", re.DOTALL)
_LATEX_NAME = re.compile(r"\\[A-Za-z]+(?:\{[^{}\s]*\})?(?:_(?:\{\w+\}|\w))?")


def prose(text: str) -> str:
    """Running text: words escaped, single signs of mathematics set as mathematics."""
    out = []
    for found in _LETTER.finditer(unicodedata.normalize("NFC", text)):
        character = found.group()
        if len(character) > 1:
            out.append(f"${formula(character)}$")
        elif character in _PUNCTUATION:
            out.append(_PUNCTUATION[character])
        elif character in _SIGNS:
            out.append(f"${_SIGNS[character].strip()}$")
        else:
            out.append(escaped(character))
    return "".join(out)


def remark(text: str) -> str:
    r"""Prose in which names stand in LaTeX, `\mu is declared anew`: the names set as names."""
    out, end = [], 0
    for found in _LATEX_NAME.finditer(text):
        out += [prose(text[end : found.start()]), _name_or_words(found.group())]
        end = found.end()
    return "".join(out) + prose(text[end:])


def suggested(text: str) -> str:
    """A repair: its equation, and what was changed, as text and mathematics."""
    equation, words = split_suggestion(text)
    try:
        shown = f"${to_latex(parse_expression(equation))}$"
    except DeriveError:
        return remark(text)
    said = (prose(p) if isinstance(p, str) else f"${to_latex(p)}$" for p in parts(words))
    return f"{shown} ({''.join(said)})"


def _name_or_words(latex: str) -> str:
    try:
        return f"${to_latex(name(latex))}$"
    except DeriveError:
        return prose(latex)


def formula(text: str) -> str:
    """Mathematics written on one line of Unicode, for use between dollar signs."""
    decomposed = unicodedata.normalize("NFD", text)
    kept = re.sub("[=<>]\u0338", lambda found: unicodedata.normalize("NFC", found[0]), decomposed)
    return "".join(_token(found) for found in _TOKEN.finditer(kept)).strip()


def _token(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found.group()
    handlers: dict[str | None, Callable[[str], str]] = {
        "script": lambda t: f"{t[0]}{{{formula(t[1:].strip('{}'))}}}",
        "word": lambda t: f"\\{t} " if t in _FUNCTIONS else f"\\mathrm{{{t}}}",
        "raised": lambda t: f"^{{{formula(unicodedata.normalize('NFKC', t))}}}",
        "lowered": lambda t: f"_{{{formula(unicodedata.normalize('NFKC', t))}}}",
        "accented": _accented,
        "other": _sign,
    }
    return handlers[kind](text)


def _accented(text: str) -> str:
    shown = _sign(text[0])
    for accent in text[1:]:
        shown = f"\\{_ACCENTS[accent]}{{{shown.strip()}}}"
    return shown


def _sign(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    if character in _BARE:
        return _BARE[character]
    if character == " " or (" " < character <= "~"):
        return character
    return f"\\text{{{escaped(character)}}}"


def condition(text: str) -> str:
    """A side condition: its formula, then what is said of it in brackets."""
    shown, bracket, said = text.partition(" (")
    if not bracket or " " not in said:
        return f"${formula(text)}$"
    return f"${formula(shown)}$ ({prose(said)}"
