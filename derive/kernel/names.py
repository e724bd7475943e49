"""Names of a document as Python identifiers, by a closed rule; LaTeX as harmless text."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from derive.errors import UsageError

RESERVED = frozenset(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(builtins),
        *("numpy", "math", "want", "check_finite", "precise", "dtype", "arrays", "wanted", "name"),
        *("value", "annotations", "work", "Gradients", "Outputs", "NamedTuple"),
        *("out", "threads", "ctypes", "os", "numba", "warmup", "given", "shapes"),
        *("todo", "found", "rows", "first", "last", "start", "stop", "number", "again", "near"),
        *("far", "spread", "scratch", "held", "live", "order", "key", "call", "launch"),
        *("truth", "tested", "numbers"),
    }
)

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "omicron",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
    ]
)
SPECIAL = {"epsilon": "eps", "varepsilon": "eps", "lambda": "lam", "ell": "ell"}
VARIANTS = {f"var{name}": name for name in ("theta", "phi", "rho", "sigma", "pi", "kappa")}
ACCENTS = frozenset(
    [
        "hat",
        "bar",
        "tilde",
        "vec",
        "dot",
        "ddot",
        "check",
        "breve",
        "acute",
        "grave",
        "widehat",
        "widetilde",
        "overline",
        "mathring",
    ]
)
FONTS = frozenset(
    [
        "mathrm",
        "mathbf",
        "mathit",
        "mathcal",
        "mathsf",
        "mathtt",
        "mathfrak",
        "mathbb",
        "mathscr",
        "boldsymbol",
        "bm",
        "text",
        "textbf",
        "textit",
        "textrm",
        "operatorname",
    ]
)
SIGNS = {"'": "_prime", "*": "_star", "+": "_plus", "-": "_minus", "^": "_", "_": "_", ",": "_"}
SILENT = frozenset("{}() ")

_TOKEN = re.compile(r"\\([A-Za-z]+)|(.)", re.DOTALL)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST = 40


def identifier(key: str) -> str:
    r"""A name's key as an identifier: `\hat{X}` → `X_hat`, `\mu_{B}` → `mu_B`, `\epsilon` → `eps`.

    Only ASCII letters, digits and underscores come out; any other character becomes its code.
    """
    accents, word = list[str](), ""
    for token in _TOKEN.finditer(key):
        command, character = token.groups()
        if command in ACCENTS:
            accents.append(command)
        else:
            word += _word(command) if command else _sign(character)
    name = re.sub("_+", "_", "_".join([word, *reversed(accents)])).strip("_")[:_LONGEST]
    return name if name[:1].isalpha() else f"v_{name}".rstrip("_")


def _word(command: str) -> str:
    if command in FONTS:
        return ""
    command = VARIANTS.get(command, command)
    if command in SPECIAL:
        return SPECIAL[command]
    known = command in GREEK or command.lower() in GREEK
    return command if known else f"_u005c{command}"


def _sign(character: str) -> str:
    if character in SILENT:
        return ""
    if character.isascii() and character.isalnum():
        return character
    return SIGNS.get(character) or f"_u{ord(character):04x}_"


@dataclass
class Namer:
    """Hands out identifiers, each once: small letters, the author's case where those are taken."""

    taken: set[str] = field(default_factory=lambda: set(RESERVED))

    def name(self, wish: str) -> str:
        """An unused identifier, near the wish (which is an identifier)."""
        numbered = (f"{wish.lower()}_{k}" for k in range(2, 10**6))
        for candidate in (wish.lower(), wish, f"{wish.lower()}_"):
            if self._take(candidate):
                return candidate
        return next(candidate for candidate in numbered if self._take(candidate))

    def next(self, role: str) -> str:
        """The first unused of `role_1`, `role_2`, …"""
        numbered = (f"{role}_{k}" for k in range(1, 10**6))
        return next(candidate for candidate in numbered if self._take(candidate))

    def _take(self, candidate: str) -> bool:
        if candidate in self.taken:
            return False
        self.taken.add(candidate)
        return True


def function_name(name: str) -> str:
    """The name of a function to emit; a UsageError when it is not a plain identifier."""
    if not _IDENTIFIER.fullmatch(name) or name in RESERVED:
        raise UsageError(
            f"{name[:40]!r} cannot be the name of a function",
            advice="Use small letters, digits and underscores, such as batchnorm_backward.",
        )
    return name


# ---- text that is only shown --------------------------------------------------------------------

_SHOWN = frozenset(" \\{}^_+-=()[].,;:/|<>&!'~") | frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)
_LONGEST_TEXT = 2000
_SPOKEN = {"≠": "!=", "≥": ">=", "≤": "<=", "·": "*", "−": "-", "∂": "d", "√": "sqrt", "∞": "inf"}
_SPOKEN |= {"∑": "sum", "∏": "prod"}
_GREEK_LETTER = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)")


def spoken(character: str) -> str:
    """A character in ASCII: `≥` → `>=`, `ε` → `epsilon`, `²` → `^2`; `?` where none is near."""
    if character in _SPOKEN:
        return _SPOKEN[character]
    greek = _GREEK_LETTER.fullmatch(unicodedata.name(character, ""))
    if greek:
        name = "lambda" if greek[2] == "LAMDA" else greek[2].lower()
        return name if greek[1] == "SMALL" else name.capitalize()
    mark, base = _small(character)
    return f"{mark}{base}" if mark and base.isascii() else "?"


def _small(character: str) -> tuple[str, str]:
    """`^` or `_`, and what stands there; "" for a character of full size."""
    form, _, digits = unicodedata.decomposition(character).partition(" ")
    mark = {"<super>": "^", "<sub>": "_"}.get(form, "")
    base = chr(int(digits, 16)) if mark and " " not in digits else "?"
    return mark, _SPOKEN.get(base, base)


def _in_ascii(text: str) -> Iterator[str]:
    """The text in pieces: words apart, indices and exponents of several characters in braces."""
    last = ""
    for mark, group in groupby(text, lambda c: _small(c)[0]):
        characters = list(group)
        if mark and len(characters) > 1:
            pieces = [f"{mark}{{{''.join(_small(c)[1] for c in characters)}}}"]
        else:
            pieces = [c if c.isascii() else spoken(c) for c in characters]
        for piece in pieces:
            yield f" {piece}" if last.isalnum() and piece.isalpha() and piece[1:] else piece
            last = piece[-1:]


def plain(text: str) -> str:
    """A text on one line, reduced to letters, digits and the signs that formulas need."""
    folded = " ".join("".join(_in_ascii(text)).split())[:_LONGEST_TEXT]
    return "".join(c if c in _SHOWN else "?" for c in folded)


def in_docstring(text: str) -> str:
    r"""The same, safe inside a docstring: `\` and `'` escaped, no other quote in it."""
    return plain(text).replace("\\", "\\\\").replace("'", "\\'")


def in_format(escaped: str) -> str:
    """Escaped text, safe inside a format string: no brace in it opens an expression."""
    return escaped.replace("{", "{{").replace("}", "}}")
