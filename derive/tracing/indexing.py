"""`x[0]`, `x[:, None]`, `x[1:]`, `x[..., -1]`: basic indexing as a view."""

from __future__ import annotations

from typing import Any, Literal

from derive.tracing.build import Build
from derive.tracing.nodes import ONE, Node, Put
from derive.tracing.places import failed
from derive.tracing.polynomials import Polynomial, constant, sign_of

Key = Any
"""An index with polynomials for sizes."""


def indexed(build: Build, base: Node, key: Key) -> Node:
    """The part of a base that a key selects; only what is inside for all sizes ≥ 1."""
    parts = _whole(key if isinstance(key, tuple) else (key,), len(base.shape))
    shape: list[Polynomial] = []
    puts: list[Put] = []
    lengths = iter(base.shape)
    for part in parts:
        if part is None:
            shape.append(ONE)
            continue
        length = next(lengths)
        if isinstance(part, slice):
            start, extent, sign = _range(part, length)
            shift = start if sign == 1 else start + ONE + ONE
            puts.append(Put(len(shape), shift, sign))
            shape.append(extent)
        else:
            puts.append(Put(None, _place(part, length) + ONE))
    return build.moved(base, tuple(shape), tuple(puts))


def _whole(key: tuple[Key, ...], rank: int) -> list[Key]:
    """The key with `...` written out and one part for every axis."""
    used = sum(part is not None and part is not Ellipsis for part in key)
    if used > rank:
        raise failed(f"{used} indices for an array of {rank} axes")
    if sum(part is Ellipsis for part in key) > 1:
        raise failed("an index holds one ellipsis at most")
    rest = [slice(None)] * (rank - used)
    parts: list[Key] = []
    for part in key:
        parts += rest if part is Ellipsis else [part]
    return parts if Ellipsis in [p for p in key if p is Ellipsis] else parts + rest


def _length(part: object) -> Polynomial:
    if isinstance(part, bool) or not isinstance(part, int | Polynomial):
        raise failed(
            "an index must be a plain number, a size, a slice, None or an ellipsis",
            advice="Selection by arrays or conditions is not traced; np.where is.",
        )
    return part if isinstance(part, Polynomial) else constant(part)


def _place(part: object, length: Polynomial) -> Polynomial:
    """An index counted from 0; inside for all sizes."""
    place = _length(part)
    if place.number is not None and place.number < 0:
        place = length + place
    if not (_not_negative(place) and _not_negative(length - place - ONE)):
        raise failed(f"index {part} is not inside an axis of length {length} for all sizes")
    return place


def _range(part: slice, length: Polynomial) -> tuple[Polynomial, Polynomial, Literal[1, -1]]:
    """First place from 0, length and direction of a slice."""
    if part.step == -1 and part.start is None and part.stop is None:
        return length - ONE, length, -1
    if part.step not in (None, 1):
        raise failed("only slices of step 1, and [::-1], are traced")
    start = constant(0) if part.start is None else _edge(part.start, length)
    stop = length if part.stop is None else _edge(part.stop, length)
    if not _not_negative(stop - start):
        raise failed(f"the slice {_shown(part)} of length {length} may be empty or cut short")
    return start, stop - start, 1


def _edge(part: object, length: Polynomial) -> Polynomial:
    edge = _length(part)
    if edge.number is not None and edge.number < 0:
        edge = length + edge
    if not (_not_negative(edge) and _not_negative(length - edge)):
        raise failed(f"the edge {part} of a slice is not inside length {length} for all sizes")
    return edge


def _not_negative(form: Polynomial) -> bool:
    least = form.least
    return sign_of(form) in (0, 1) or (least is not None and least >= 0)


def _shown(part: slice) -> str:
    return ":".join("" if p is None else str(p) for p in (part.start, part.stop))
