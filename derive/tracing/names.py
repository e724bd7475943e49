"""The names of a program as mathematics: `x_hat` → x̂, `gamma` → γ, `dx1` → the word dx1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count

from derive.errors import DeriveError
from derive.kernel.names import ACCENTS, GREEK, spoken
from derive.meaning.functions import MATRIX, known_function
from derive.meaning.names import key_of
from derive.reading import syntax as s
from derive.reading.parse import parse_expression

_SPOKEN = {"eps": "epsilon", "lam": "lambda", "lamda": "lambda", "lambd": "lambda"}
_MARKS = ACCENTS & {"hat", "bar", "tilde", "dot"}
_FRESH = ("s", "t", "u", "v", "w", "z", "a", "b", "c", "g", "h", "p", "q", "r")
_OWN_MEANING = frozenset({"e", "d", "I", "\\pi", "\\delta"})
"""Names that mean something else where they are not declared."""


def latex_of(identifier: str) -> str | None:
    """An identifier as LaTeX of one name; None when nothing readable is left of it."""
    word = "".join(c if c.isascii() else spoken(c) for c in identifier)
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", word) if part]
    if not parts:
        return None
    mark = ""
    if len(parts) > 1 and parts[-1] in _MARKS:
        mark = parts.pop()
    elif len(parts) == 1 and len(parts[0]) > 1 and parts[0][1:] in _MARKS:
        parts, mark = [parts[0][0]], parts[0][1:]
    stem = _stem("".join(parts))
    return f"\\{mark}{{{stem}}}" if mark else stem


def _stem(word: str) -> str:
    word = _SPOKEN.get(word, word)
    if word in _LETTERS:
        return f"\\{word}"
    return word if len(word) == 1 and word.isalpha() else f"\\mathrm{{{word}}}"


_LETTERS = GREEK - {"omicron"} | {
    *("epsilon", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi"),
    *("Sigma", "Upsilon", "Phi", "Psi", "Omega"),
}


@lru_cache(maxsize=4096)
def key(latex: str) -> str | None:
    """The key under which a document knows a name; None when this is no name."""
    try:
        shown = parse_expression(latex)
    except DeriveError:
        return None
    return key_of(shown) if isinstance(shown, s.Name) else None


@dataclass
class Naming:
    """Hands out names of mathematics, each once, capitals and small letters counted as one."""

    taken: set[str] = field(default_factory=set)

    def wish(self, identifier: str) -> str:
        """A name near an identifier."""
        wanted = latex_of(identifier)
        if wanted is not None and wanted not in _OWN_MEANING and self._take(wanted):
            return wanted
        stem = re.sub(r"[^A-Za-z0-9]", "", "".join(map(spoken_or_same, identifier))) or "v"
        stem = stem if stem[0].isalpha() else f"v{stem}"
        numbered = (f"\\mathrm{{{stem}{k}}}" for k in count(1))
        return next(name for name in numbered if self._take(name))

    def fresh(self) -> str:
        """A name that the program has not."""
        return self.first(_FRESH)

    def first(self, letters: Sequence[str]) -> str:
        """The first of some letters that is free, or a word made of the first."""
        letter = next((x for x in letters if self._take(x)), None)
        return letter or self.wish(letters[0])

    def _take(self, latex: str) -> bool:
        found = key(latex)
        if found is None or found.casefold() in self.taken:
            return False
        if known_function(found) or found in MATRIX:
            return False
        self.taken.add(found.casefold())
        return True


def spoken_or_same(character: str) -> str:
    """A character in ASCII."""
    return character if character.isascii() else spoken(character)
