"""What a judgement says: the verdict, and what supports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from derive.meaning.terms import Reading

VerdictName = Literal["proved", "refuted", "undecided", "ill-typed", "unread"]

Entries = Fraction | tuple["Entries", ...]
"""An exact array as nested tuples; a scalar is a bare fraction."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Concrete sizes, input values and free indices at which the two sides differ.

    `values` holds exact inputs by the author's LaTeX name, upstream gradients among them.
    `left` and `right` are exact values as text, or an enclosing interval. `functions` says which
    polynomial stands for a function without a definition, `f` → `1 + 2·t`.
    """

    sizes: Mapping[str, int]
    values: Mapping[str, Entries]
    indices: Mapping[str, int]
    left: str
    right: str
    functions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the work for one claim; past one, the verdict is undecided and names it.

    `seconds` covers the proof under every reading, the search for a witness and the repairs.
    """

    seconds: float = 10.0
    terms: int = 20_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one claim.

    `rules` are names from `calculus.rules` in the order they first fired; `reading` is the text
    of the reading under which it was judged, empty for the first candidate.
    """

    verdict: VerdictName
    reading: str = ""
    rules: tuple[str, ...] = ()
    side_conditions: tuple[str, ...] = ()
    witness: Witness | None = None
    repairs: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    proved_as: Reading | None = field(default=None, compare=False)
