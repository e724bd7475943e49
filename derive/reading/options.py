"""Options of a document: the `derive:` part of front matter, or `% derive:` comments."""

from __future__ import annotations

import re

from derive.errors import Place, UsageError
from derive.reading.span import Source

Options = dict[str, str | tuple[str, ...]]

_VALUES = {"summation": ("explicit", "einstein"), "partials": ("either", "total", "direct")}
_KEYS = (*_VALUES, "assume")
_FRONT = re.compile(r"\A---[ \t]*\n(?P<body>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)
_COMMENT = re.compile(r"^[ \t]*%+[ \t]*derive:[ \t]*(?P<body>.*)$", re.MULTILINE)
_ENTRY = re.compile(r"\s*(?P<key>[\w.-]+)\s*[:=]\s*(?P<value>.*?)\s*$")


def front_matter(source: Source) -> tuple[Options, int]:
    """The options in front matter, and where the document itself begins."""
    match = _FRONT.match(source.text)
    if match is None:
        return {}, 0
    options: Options = {}
    inside = False
    listed: list[str] | None = None
    at = match.start("body")
    for line in match.group("body").splitlines(keepends=True):
        stripped = line.split(" #")[0].strip()
        if stripped and not line[0].isspace() and not (inside and stripped.startswith("-")):
            inside, listed = stripped == "derive:", None
        elif inside and stripped.startswith("- ") and listed is not None:
            listed.append(_unquoted(stripped[2:].strip()))
            options["assume"] = tuple(listed)
        elif inside and stripped and not stripped.startswith("#"):
            key, value = _entry(stripped, source, at)
            listed = [] if key == "assume" and not value else None
            if listed is None:
                options[key] = _checked(key, value, source, at)
        at += len(line)
    return options, match.end()


def comment_options(source: Source) -> Options:
    """The options in `% derive: key=value` comments."""
    options: Options = {}
    for match in _COMMENT.finditer(source.text):
        at = match.start("body")
        for part in _split(match.group("body"), ";"):
            key, value = _entry(part, source, at)
            options[key] = _checked(key, value, source, at)
    return options


def _entry(text: str, source: Source, at: int) -> tuple[str, str]:
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise _wrong("expected an option `key: value`", source, at)
    key = match.group("key")
    if key not in _KEYS:
        raise _wrong(f"unknown option {key!r}", source, at, f"options are {', '.join(_KEYS)}")
    return key, match.group("value")


def _checked(key: str, value: str, source: Source, at: int) -> str | tuple[str, ...]:
    if key == "assume":
        inside = value[1:-1] if value.startswith("[") and value.endswith("]") else value
        return tuple(_unquoted(item) for item in _split(inside, ","))
    value = _unquoted(value)
    allowed = _VALUES[key]
    if value not in allowed:
        advice = f"{key} is one of {', '.join(allowed)}"
        raise _wrong(f"unknown value {value!r} of option {key}", source, at, advice)
    return value


def _split(text: str, mark: str) -> list[str]:
    """The parts of a text at a mark outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
        if char == mark and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].replace("\\\\", "\\") if text[0] == '"' else text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == "$":
        text = text[1:-1]
    return text.strip()


def _wrong(message: str, source: Source, at: int, advice: str = "") -> UsageError:
    line, _ = source.position(at)
    text = source.line(line)
    column = len(text) - len(text.lstrip()) + 1
    place = Place(source.path, line, column, text, len(text.strip()))
    return UsageError(message, place=place, advice=advice)
