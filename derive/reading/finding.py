"""Where mathematics stands in running text: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`, environments.

The same search serves Markdown and LaTeX. What is not text (code, comments) has been blanked out
before, character by character, so that places stay exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from derive.reading.span import Span
from derive.reading.vocabulary import ENVIRONMENTS

_MARK = re.compile(
    r"(?P<escape>\\[\\$])|(?P<double>\$\$)|(?P<single>\$)|(?P<inline>\\\()|(?P<display>\\\[)"
    r"|\\begin\{(?P<environment>(?:" + "|".join(sorted(ENVIRONMENTS)) + r"|math|displaymath)\*?)\}"
)
_BLANK = re.compile(r"\n[ \t]*(?=\n|\Z)")
_DOLLARS = re.compile(r"\\.|\$\$", re.DOTALL)
_DOLLAR = re.compile(r"\\.|\$", re.DOTALL)
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}[ \n]+[A-Za-z]{2,}|^#|\$", re.MULTILINE)
_TEXT = re.compile(r"\\(?:text\w*|mathrm|mbox|label|tag|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Island:
    """A piece of mathematics: the whole, its content, and what is wrong with its delimiters."""

    span: Span
    content: Span
    display: bool
    problem: str = ""


def find_islands(text: str) -> list[Island]:
    """All mathematics of a text in order; islands do not overlap."""
    islands: list[Island] = []
    at = 0
    while match := _MARK.search(text, at):
        if match.group("escape"):
            at = match.end()
            continue
        island = _island(text, match)
        if island is None:
            at = match.end()
            continue
        islands.append(island)
        at = island.span.end
    return islands


def _island(text: str, match: re.Match[str]) -> Island | None:
    """The island that this mark opens; None when it is no mathematics (a price)."""
    if match.group("double"):
        return _display(text, match, "$$")
    if match.group("display"):
        return _display(text, match, "\\]")
    if match.group("single"):
        return _dollar(text, match.start())
    if match.group("inline"):
        return _parenthesis(text, match)
    return _environment(text, match)


def _paragraph_end(text: str, at: int) -> int:
    blank = _BLANK.search(text, at)
    return blank.start() if blank else len(text)


def _closing(text: str, at: int, mark: str) -> int:
    """Where the mark stands next, escapes skipped; -1 if nowhere."""
    pattern = _DOLLARS if mark == "$$" else re.compile(r"\\\\|" + re.escape(mark))
    for match in pattern.finditer(text, at):
        if match.group() == mark:
            return match.start()
    return -1


def _unclosed(text: str, start: int, inside: int, end: int, display: bool, mark: str) -> Island:
    end = start + len(text[start:end].rstrip())
    return Island(
        Span(start, end), Span(inside, max(inside, end)), display, f"{mark} is not closed"
    )


def _display(text: str, match: re.Match[str], mark: str) -> Island:
    start, inside = match.span()
    close = _closing(text, inside, mark)
    end = _paragraph_end(text, inside)
    if close < 0 or (close > end and _is_prose(text, inside, close, mark)):
        return _unclosed(text, start, inside, end, True, match.group())
    return Island(Span(start, close + len(mark)), Span(inside, close), True)


def _is_prose(text: str, start: int, close: int, mark: str) -> bool:
    """True when a display with blank lines inside is rather one that was never closed."""
    if _PROSE.search(_TEXT.sub(" ", text[start:close])):
        return True
    line_end = text.find("\n", close)
    rest = text[close + len(mark) : line_end if line_end >= 0 else len(text)]
    return mark == "$$" and bool(rest.strip()) and "$$" in rest


def _dollar(text: str, start: int) -> Island | None:
    end = _paragraph_end(text, start + 1)
    price = text[start + 1 : start + 2].isdigit()
    for match in _DOLLAR.finditer(text, start + 1, end):
        if match.group() != "$":
            continue
        close = match.start()
        after = text[close + 1 : close + 2]
        spaced = text[close - 1].isspace()
        if after.isdigit() or (spaced and price):
            if price:
                return None
            continue
        if spaced and not text[start + 1].isspace() and (after.isalpha() or after == "\\"):
            end = close  # this one opens the next formula
            break
        if close == start + 1:
            return None
        return Island(Span(start, close + 1), Span(start + 1, close), False)
    if price or not text[start + 1 : end].strip():
        return None
    return _unclosed(text, start, start + 1, end, False, "$")


def _parenthesis(text: str, match: re.Match[str]) -> Island:
    start, inside = match.span()
    end = _paragraph_end(text, inside)
    close = _closing(text, inside, "\\)")
    if close < 0 or close > end:
        return _unclosed(text, start, inside, end, False, "\\(")
    return Island(Span(start, close + 2), Span(inside, close), False)


def _environment(text: str, match: re.Match[str]) -> Island:
    """A display environment; its own `\\begin` and `\\end` are read with the content."""
    name = match.group("environment")
    start = match.start()
    mark = f"\\end{{{name}}}"
    close = text.find(mark, match.end())
    if close < 0:
        end = _paragraph_end(text, match.end())
        return _unclosed(text, start, match.end(), end, True, f"\\begin{{{name}}}")
    whole = Span(start, close + len(mark))
    bare = name.rstrip("*") in ("math", "displaymath")
    return Island(whole, Span(match.end(), close) if bare else whole, name != "math")
