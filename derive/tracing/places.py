"""Where in the user's code something happened: the error of tracing, with file, line and caret."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType, FrameType, TracebackType

import numpy as np

from derive.errors import LimitError, Place, UsageError

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep


class TracingError(UsageError):
    """The function does something that has no formula for all sizes and all values."""


_REFUSED: ContextVar[list[TracingError] | None] = ContextVar("refused", default=None)


@contextmanager
def refusals() -> Iterator[list[TracingError]]:
    """What is refused meanwhile: also what the user's own code catches."""
    found: list[TracingError] = []
    before = _REFUSED.set(found)
    try:
        yield found
    finally:
        _REFUSED.reset(before)


@contextmanager
def bounded() -> Iterator[None]:
    """A formula that nests too deeply for Python is an error like any other limit."""
    try:
        yield
    except RecursionError:
        raise LimitError("the formula of the function is nested too deeply") from None


def is_users(code: CodeType) -> bool:
    """Whether code is neither this package's tracing nor NumPy's own."""
    name = code.co_filename
    if name.startswith("<__array_function__"):
        return False
    return not os.path.abspath(name).startswith((_OURS, _NUMPY))


def failed(message: str, advice: str = "") -> TracingError:
    """The error for what the innermost frame of the user is doing now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_users(frame.f_code):
        frame = frame.f_back
    place = None if frame is None else place_in(frame.f_code, frame.f_lineno, frame.f_lasti)
    error = TracingError(message, place=place, advice=advice)
    seen = _REFUSED.get()
    if seen is not None:
        seen.append(error)
    return error


def wrapped(problem: Exception, top: CodeType | None) -> TracingError:
    """An exception that the user's own code raised, at the innermost place in that code."""
    found: Place | None = None
    step: TracebackType | None = problem.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if is_users(code):
            found = place_in(code, step.tb_lineno, step.tb_lasti)
        step = step.tb_next
    if found is None and top is not None:
        found = start_of(top)
    kind = type(problem).__name__
    return TracingError(f"the function fails on symbolic arrays: {kind}: {problem}", place=found)


def start_of(code: CodeType) -> Place:
    """The first line of a function."""
    text = linecache.getline(code.co_filename, code.co_firstlineno).rstrip("\n")
    column = len(text) - len(text.lstrip()) + 1
    shown = max(1, len(text.strip()))
    return Place(shorter(code.co_filename), code.co_firstlineno, column, text, shown)


def place_in(code: CodeType, line: int, last: int) -> Place:
    """The expression that an instruction belongs to; the whole line where columns are unknown."""
    positions = list(code.co_positions())
    at = positions[last // 2] if 0 <= last // 2 < len(positions) else (None,) * 4
    line = at[0] or line
    text = linecache.getline(code.co_filename, line).rstrip("\n")
    start = at[2] if at[2] is not None else len(text) - len(text.lstrip())
    end = at[3] if at[3] is not None and at[1] == at[0] else len(text)
    # Columns are given in bytes of UTF-8.
    before, marked = text.encode()[:start], text.encode()[start:end]
    column = len(before.decode(errors="replace")) + 1
    length = max(1, len(marked.decode(errors="replace")))
    return Place(shorter(code.co_filename), line, column, text, length)


def shorter(path: str) -> str:
    """A path relative to the current folder where it lies below it."""
    relative = os.path.relpath(path) if os.path.isabs(path) else path
    return path if relative.startswith("..") else relative
