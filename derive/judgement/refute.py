"""Look for a point at which a claim is false: screened modulo a prime, shown in exact numbers.

Nothing here rests on approximate or modular agreement: a witness is a point where exact
evaluation, or intervals proved disjoint, tell the two sides apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from derive.errors import LimitError, UnsupportedError
from derive.judgement.comparing import FIELDS, Failure, agree_modular, failure
from derive.judgement.sampling import Needs, Point, draw, draw_modular, needs_of, size_choices
from derive.judgement.shrink import shrink
from derive.judgement.verdict import Limits, Witness
from derive.judgement.witness import format_witness, reevaluate, witness_of
from derive.meaning import terms as t
from derive.oracle.evaluate import UndefinedHere, World
from derive.oracle.fields import ExactField, NotModular

__all__ = ["agrees", "format_witness", "reevaluate", "refute", "survives"]

LARGEST_SIZE = 4
MOST_SIZES = 24
MODULAR_ATTEMPTS = 24
EXACT_LEVELS = 5
MOST_PLACES = 8
"""Values of the free indices at which one point of a cross-examination is looked at."""
SHRINK_SECONDS = 1.0

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class _Found:
    point: Point
    failure: Failure


def refute(reading: t.Reading, context: t.Context, limits: Limits | None = None) -> Witness | int:
    """A witness that the claim is false, or how many exact trials agreed.

    Zero trials: no admissible point was found, or the oracle cannot evaluate the claim. Past the
    limit of seconds, the trials made until then.
    """
    deadline = monotonic() + (limits or Limits()).seconds
    needs = _needs(reading, context)
    choices = size_choices(needs.sizes, LARGEST_SIZE)[:MOST_SIZES]
    suspects = _screen(reading, context, needs, choices, deadline)
    if suspects == []:
        choices = choices[:3]
    ordered = (suspects or []) + [sizes for sizes in choices if sizes not in (suspects or [])]
    agreed = 0
    for sizes in ordered:
        few = suspects is not None and sizes not in suspects
        attempts = 12 if not needs.sizes else 1 if few else 4
        for found in _exact_trials(reading, context, needs, sizes, attempts, deadline):
            if found is not None:
                return _shown(reading, found, needs, deadline)
            agreed += 1
    return agreed


def agrees(reading: t.Reading, context: t.Context, trials: int = 3) -> Witness | None:
    """Cross-examine a proof at a few points of sizes 1 to 3: a witness if one contradicts it.

    The points are residues modulo a prime where the claim has a meaning there; a disagreement
    counts only once exact numbers confirm it.
    """
    needs = _needs(reading, context)
    try:
        for trial in range(trials):
            sizes = _mixed_sizes(needs, trial)
            agreed = _agree_modular(reading, context, needs, sizes, trial)
            if not agreed:
                found = _confirmed(reading, context, needs, sizes, trial, agreed is False)
                if found is not None:
                    return _shown(reading, found, needs, monotonic() + SHRINK_SECONDS)
    except (UnsupportedError, LimitError):
        return None
    return None


def survives(reading: t.Reading, context: t.Context) -> bool:
    """A quick look at one point: whether a claim may be true there. It decides nothing."""
    needs = _needs(reading, context)
    sizes = _mixed_sizes(needs, 0)
    try:
        agreed = _agree_modular(reading, context, needs, sizes, 0)
        if agreed is not None:
            return agreed
        trials = _exact_trials(reading, context, needs, sizes, 1, bits=FIELDS[:1])
        return all(found is None for found in islice(trials, 3))
    except (UnsupportedError, LimitError):
        return False


def _needs(reading: t.Reading, context: t.Context) -> Needs:
    compared = [side for c in reading.condition for side in (c.left, c.right)]
    return needs_of((reading.left, reading.right, *compared), reading.free, context)


def _mixed_sizes(needs: Needs, trial: int) -> Sizes:
    """Sizes 3, 2, 1 in turn, neighbours different, so that axes are not confused."""
    return {name: 3 - (place + trial) % 3 for place, name in enumerate(needs.sizes)}


# ---- modulo a prime ---------------------------------------------------------------------------


def _agree_modular(
    reading: t.Reading, context: t.Context, needs: Needs, sizes: Sizes, trial: int
) -> bool | None:
    """Whether the sides agree at a residue point; None where that has no meaning."""
    if reading.sign != "==":
        return None
    key = (id(context), tuple(needs.arrays), tuple(sizes.items()), trial)
    start = _DEFINED.get(key, 0)
    for attempt in range(start, start + MODULAR_ATTEMPTS):
        world = _modular_world(context, needs, sizes, f"{trial}/{attempt}")
        if world is None:
            return None
        try:
            agreed = agree_modular(reading, world, MOST_PLACES)
        except UndefinedHere:
            continue
        except NotModular:
            return None
        _DEFINED[key] = attempt
        return agreed
    return None


_DEFINED: dict[tuple[object, ...], int] = {}
"""The first attempt whose point has every root, so that later claims begin there."""
_WORLDS: dict[tuple[object, ...], tuple[t.Context, World | None]] = {}


def _modular_world(context: t.Context, needs: Needs, sizes: Sizes, seed: str) -> World | None:
    """A residue world, shared by the claims that stand in the same context."""
    key = (id(context), tuple(needs.arrays), tuple(sizes.items()), seed)
    if key not in _WORLDS:
        if len(_WORLDS) > 512:
            _WORLDS.clear()
            _DEFINED.clear()
        try:
            point = draw_modular(needs, context, sizes, seed)
        except UnsupportedError:
            point = None
        _WORLDS[key] = (context, point.world() if point else None)
    return _WORLDS[key][1]


def _screen(
    reading: t.Reading, context: t.Context, needs: Needs, choices: list[Sizes], deadline: float
) -> list[Sizes] | None:
    """The sizes at which the sides disagree modulo the prime; None when that has no meaning."""
    if reading.sign != "==":
        return None
    suspects, told = [], False
    for sizes in choices:
        for attempt in range(MODULAR_ATTEMPTS):
            try:
                world = _modular_world(context, needs, sizes, f"screen {attempt}")
                if world is None:
                    break
                agreed = agree_modular(reading, world)
            except UndefinedHere:
                continue
            except (UnsupportedError, LimitError):
                return None
            told = True
            if not agreed:
                suspects.append(sizes)
            break
        if len(suspects) >= 3 or monotonic() > deadline:
            break
    return suspects if told else None


# ---- in exact numbers -------------------------------------------------------------------------


def _exact_trials(
    reading: t.Reading,
    context: t.Context,
    needs: Needs,
    sizes: Sizes,
    attempts: int,
    deadline: float = math.inf,
    bits: tuple[ExactField, ...] = FIELDS,
    seed: str = "",
) -> Iterator[_Found | None]:
    """One outcome for each admissible point tried: what failed there, or None."""
    for level in range(EXACT_LEVELS):
        for attempt in range(attempts if level else 1):
            if monotonic() > deadline:
                return
            try:
                point = draw(needs, context, sizes, f"{seed}/{level}/{attempt}", level)
                if point is None:
                    continue
                found = failure(reading, point.world(), bits)
            except (UndefinedHere, LimitError):
                continue
            except UnsupportedError:
                return
            yield None if found is None else _Found(point, found)


def _confirmed(
    reading: t.Reading, context: t.Context, needs: Needs, sizes: Sizes, trial: int, suspect: bool
) -> _Found | None:
    """An exact failure at the given sizes: a long look where residues disagree, else a short."""
    tries, bits = (20, FIELDS) if suspect else (2, FIELDS[:1])
    attempts = 4 if suspect else 1
    outcomes = _exact_trials(reading, context, needs, sizes, attempts, math.inf, bits, f"{trial}")
    return next((outcome for outcome in islice(outcomes, tries) if outcome is not None), None)


def _shown(reading: t.Reading, found: _Found, needs: Needs, deadline: float) -> Witness:
    """The witness of a failure, shrunk."""
    until = min(deadline, monotonic() + SHRINK_SECONDS)
    point, smaller = shrink(reading, found.point, found.failure, needs, until)
    return witness_of(reading, point, smaller, needs.sizes)
