"""The function itself, run on numbers, beside the document that was written of it.

This is no part of any proof: it catches a function that is not one of its arguments, and any
mistake made on the way from the program to the text.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from derive.errors import SoundnessError
from derive.meaning import terms as t
from derive.meaning.claims import Fact
from derive.meaning.scope import understand
from derive.oracle.arrays import Array, apply, build
from derive.oracle.evaluate import UndefinedHere, World, evaluate
from derive.oracle.fields import FLOAT
from derive.oracle.interval import Unresolved
from derive.reading.statements import Document
from derive.tracing.document import Written
from derive.tracing.names import key
from derive.tracing.nodes import Shape
from derive.tracing.places import TracingError
from derive.tracing.record import arranged

LENGTHS = ((2, 3, 4, 5), (3, 2, 5, 4), (4, 1, 3, 2))
ROUNDING = 1e-7
"""Of the largest entry; the function computes in double precision."""
COARSE = 1e-3
"""The same where the function goes through shorter floats."""


@dataclass(frozen=True)
class Point:
    """Lengths, and the entries of each parameter as exact numbers that are also floats."""

    sizes: Mapping[str, int]
    values: Mapping[str, Array]


def rehearse(
    function: Callable[..., Any], shapes: Mapping[str, Shape], written: Written, document: Document
) -> None:
    """Compare the outputs of a document with those of its function at a few points.

    Raises SoundnessError when the document is not read as it was written, TracingError when the
    two differ or no point could be compared.
    """
    meaning = understand(document)
    for item in meaning.items:
        if not isinstance(item, Fact):
            raise SoundnessError(
                "the document of a traced function is not read as it was written: "
                + document.source.cut(item.span)
            )
    context = meaning.contexts[-1]
    depends = {y.key for found in context.outputs.values() for y in found}
    if depends != {key(latex) for latex in written.loss_of}:
        raise SoundnessError("the loss of a traced function is read as one of other outputs")
    names = {name: key(latex) for name, latex in written.inputs.items()}
    outputs = [t.Variable(context.symbols[key(latex) or ""]) for latex in written.outputs]
    compared = 0
    for point in points(shapes):
        values = {names[name] or "": value for name, value in point.values.items()}
        world = World(context, point.sizes, values)
        try:
            ours = [evaluate(output, world, {}, FLOAT) for output in outputs]
        except (UndefinedHere, Unresolved, OverflowError):
            continue
        compared += compare(function, point, ours)
    if not compared:
        raise TracingError(
            "the function could be compared with its formula at no point",
            advice="It has no value at the points that were tried.",
        )


def points(shapes: Mapping[str, Shape], seed: int = 0) -> Iterator[Point]:
    """A few points: entries of both signs, then positive ones, at different lengths."""
    sizes = sorted({x for shape in shapes.values() for k in shape for m, _ in k.terms for x in m})
    rng = Random(seed)
    for low in (-16, 1):
        for lengths in LENGTHS:
            at = {name: lengths[k % len(lengths)] for k, name in enumerate(sizes)}
            values = {
                name: build([k.value(at) for k in shape], lambda _: _drawn(rng, low))  # noqa: B023
                for name, shape in shapes.items()
            }
            yield Point(at, values)


def _drawn(rng: Random, low: int) -> Fraction:
    return Fraction(rng.choice([k for k in range(low, 17) if k]), 8)


def compare(
    function: Callable[..., Any],
    point: Point,
    ours: Sequence[Array],
) -> bool:
    """Whether the function has a value at the point; a TracingError where it is another one."""
    arguments = {name: numbers(value) for name, value in point.values.items()}
    theirs = called(function, arguments)
    if len(theirs) != len(ours):
        raise TracingError("the function returns another number of arrays when it gets numbers")
    for mine, other in zip(ours, theirs, strict=True):
        if not np.all(np.isfinite(other)):
            return False
        same(np.asarray(mine, dtype=float), other, point.sizes)
    return True


def same(mine: Any, other: Any, lengths: Mapping[str, int]) -> None:
    """Raises TracingError where two arrays differ by more than rounding or an axis of length 1."""
    theirs = np.asarray(other, dtype=float)
    a, b = (np.reshape(x, [k for k in x.shape if k != 1]) for x in (mine, theirs))
    if a.size == b.size == 0:
        return
    short = np.asarray(other).dtype.kind == "f" and np.asarray(other).dtype.itemsize < 8
    allowed = (COARSE if short else ROUNDING) * max(1.0, float(np.max(np.abs(b), initial=0.0)))
    if a.shape != b.shape or not np.all(np.abs(a - b) <= allowed):
        sizes = ", ".join(f"{name} = {value}" for name, value in lengths.items())
        raise TracingError(
            f"the function and its formula differ on numbers (at {sizes})",
            advice="Only a function of its arguments, without randomness, memory or a change of "
            "type, has a formula. If it is one, this is a bug of derive.",
        )


def numbers(value: Array) -> Any:
    """A parameter as the function gets it: a float, or an array of floats of its own."""
    return np.array(apply(float, value)) if isinstance(value, tuple) else float(value)


def called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> list[Any]:
    """What the function returns on numbers, nested containers left out as the tracer does."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        positional, named = arranged(function, arguments)
        try:
            result = function(*positional, **named)
        except Exception as problem:
            kind = type(problem).__name__
            raise TracingError(f"the function fails on numbers: {kind}: {problem}") from problem
    if isinstance(result, Mapping):
        items = list(result.values())
    else:
        items = list(result) if isinstance(result, tuple | list) else [result]
    return [item for item in items if not isinstance(item, Mapping | tuple | list)]
