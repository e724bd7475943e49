"""One document of many claims, made of the library and the test documents, renamed apart.

Each document becomes a section in which every name has a word of its own, `x` becomes
`\\mathrm{xA}`, so that sections do not touch each other. A document that does not stand renaming
(its verdicts change) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from derive.judgement.check import Checked, check
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source

ROOT = Path(__file__).resolve().parent.parent
RIGHT = (
    *sorted((ROOT / "derive" / "library").glob("*.md")),
    *sorted((ROOT / "tests" / "documents" / "right").glob("*.md")),
)
WRONG = tuple(sorted((ROOT / "tests" / "documents" / "wrong").glob("*.md")))

_VERBATIM = r"\\(?:text|mathbb|operatorname|mathrm|begin|end|label|tag)\*?\s*\{[^}]*\}"
_TOKEN = re.compile(rf"{_VERBATIM}|\\[A-Za-z]+|[A-Za-z]")
_MATH = re.compile(r"\$\$.*?\$\$|\$[^$]+\$|\\\[.*?\\\]|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.S)
_INDICES = frozenset("ijklmnpqrst")
LONGEST = 40
"""Documents of more claims are left out: one would be most of the whole."""


def judged(text: str, repairs: bool = False) -> Checked:
    return check(understand(read_document(Source("many.md", text))), repairs=repairs)


def renamed(text: str, suffix: str) -> str:
    """A Markdown document with a suffix to each of its names."""
    names = _names(text)

    def token(found: re.Match[str]) -> str:
        name = found.group()
        return rf"\mathrm{{{name.strip(chr(92))}{suffix}}}" if name in names else name

    return _MATH.sub(lambda math: _TOKEN.sub(token, math.group()), text)


def _names(text: str) -> frozenset[str]:
    """The letters and commands that stand for inputs, defined names and objectives."""
    meaning = understand(read_document(Source("many.md", text)))
    symbols = [s for context in meaning.contexts for s in context.symbols.values()]
    found = {
        token for symbol in symbols if symbol.role != "size" for token in _TOKEN.findall(symbol.key)
    }
    small = {name.lower() for name in found if len(name) == 1} - _INDICES
    return frozenset(found | small) - {r"\hat", r"\bar", r"\tilde", r"\partial"}


def suffixes() -> Iterator[str]:
    """BB, BC, …, without vowels and T, so that no name becomes a word of prose such as `at`."""
    letters = "BCDFGHJKLMNPQRVWXZ"
    yield from (first + second for first in letters for second in letters)


def verdicts(checked: Checked) -> list[str]:
    return [judgement.verdict for _, judgement in checked.judged]


def many(claims: int, false: int) -> str:
    """A document of at least so many claims, at least `false` of which are not true."""
    names = suffixes()
    text, total, wrong = [], 0, 0
    for found, source in _sections(WRONG, 1):
        if wrong >= false:
            break
        text.append(renamed(source, next(names)))
        total, wrong = total + len(found), wrong + sum(v != "proved" for v in found)
    for found, source in _sections(RIGHT, 0):
        if total >= claims:
            break
        text.append(renamed(source, next(names)))
        total += len(found)
    return "\n\n".join(text)


def _sections(paths: tuple[Path, ...], code: int) -> Iterator[tuple[list[str], str]]:
    """Verdicts and text of each document that ends with `code` and stands renaming, for ever."""
    kept = []
    for path in paths:
        source = path.read_text(encoding="utf-8")
        checked = judged(source)
        found = verdicts(checked)
        if len(found) > LONGEST or checked.exit_code != code:
            continue
        if found == verdicts(judged(renamed(source, "BB"))):
            kept.append((found, source))
            yield kept[-1]
    while kept:
        yield from kept
