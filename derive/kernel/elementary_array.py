"""The elementary functions that an array library lacks, as operations on whole arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping

from derive.kernel.elementary import BODIES, OF, SUMMARIES, WIDTHS, Bytes, Text, spelled

LIMITS: Mapping[str, float] = {"erf": 6.0}
"""Beyond these the result is that of the limit, and what is computed on the way may overflow."""


def definition(name: str, library: str, first: str = "") -> str:
    """`_NAME(x)` in Python on arrays of a library, float and double each by its own polynomial.

    `first` is an argument before x, as `xp`, that the library comes by.
    """
    given = f"{first}, " if first else ""
    limit = LIMITS.get(name)
    taken = f"{library}.clip(x, -{limit}, {limit})" if limit else f"{library}.asarray(x)"
    pieces = [
        f'def _{name}({given}x):\n    """{SUMMARIES[name]}, within 2 ulps."""',
        f"    x = {taken}",
        f"    if x.dtype == {library}.float32:",
        f"        return _{name}_4({given}x)",
        f"    return _{name}_8({given}x)",
    ]
    bodies = [_body(name, width, library, given) for width in WIDTHS]
    return "\n".join(pieces) + "\n\n\n" + "\n\n\n".join(bodies)


def _body(name: str, width: Bytes, library: str, given: str) -> str:
    def number(value: float) -> str:
        return repr(float(value)) if math.isfinite(value) else f"{library}.{value!r}"

    words: Mapping[str, str] = {
        "pick": f"{library}.where",
        "signed": f"{library}.copysign",
        **{word: f"{library}.{word}" for word in ("exp", "abs", "log1p")},
    }
    lines = [f"def _{name}_{width}({given}x):"]
    for local, text in BODIES[name](Text(OF[width], number)):
        lines += _assigned(local, spelled(text, words))
    return "\n".join([*lines, "    return y"])


def _assigned(local: str, text: str) -> list[str]:
    """An assignment; a polynomial that is too long for a line in steps of Horner's rule."""
    line = f"    {local} = {text}"
    if len(line) <= 100:
        return [line]
    cut = 0
    for at, letter in enumerate(text):
        if letter == ")" and at < 88 - len(local):
            cut = at + 1
    start = _matching(text, cut)
    inner, rest = text[start:cut], text[:start] + local + text[cut:]
    return [*_assigned(local, inner[1:-1]), *_assigned(local, rest)]


def _matching(text: str, end: int) -> int:
    """Where the bracket opens that closes just before `end`."""
    depth = 0
    for at in range(end - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if depth == 0:
            return at
    raise ValueError("no bracket opens")
