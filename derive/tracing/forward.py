"""A function → the document of what it computes: run twice, written, and tried on numbers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from derive.errors import UsageError
from derive.reading.document import read_document
from derive.reading.span import Source
from derive.reading.statements import Document
from derive.tracing.document import Written, write
from derive.tracing.gradients import with_gradients
from derive.tracing.names import key
from derive.tracing.nodes import Input, Shape
from derive.tracing.places import bounded
from derive.tracing.polynomials import constant, named
from derive.tracing.record import Traced, argument, parameters, run
from derive.tracing.rehearse import rehearse
from derive.tracing.shifts import NOTE, without_shifts
from derive.tracing.tracer import Trace

_SIZE = re.compile(r"[A-Za-z]")


def trace_document(function: Callable[..., Any], shapes: Mapping[str, object]) -> Document:
    """The document of a function; `shapes` are tuples of size names and numbers by parameter.

    Raises TracingError, with the place in the user's code, for what has no formula.
    """
    with bounded():
        return _document(function, shapes)


def _document(function: Callable[..., Any], shapes: Mapping[str, object]) -> Document:
    asked = parameters(function)
    given = {name: _shape(name, shape) for name, shape in shapes.items()}
    _check_names(function, asked, given)
    first, written = _written(function, asked, given)
    again, twice = _written(function, asked, given)
    if written.text != twice.text:
        raise UsageError(
            f"{first.name} computes something else when it is run again",
            advice="Only a function of its arguments has a formula.",
        )
    path = f"{again.name}.md"
    document = read_document(Source(path, written.text))
    rehearse(function, given, written, document)
    positive = _positive(asked, given)
    wanted = [key(latex) for name, latex in written.inputs.items() if name not in positive]
    return with_gradients(document, [name for name in wanted if name is not None])


def _shape(name: str, shape: object) -> Shape:
    """`("N", 3)` as a shape; a single letter stands for one axis."""
    parts: Sequence[object] = (shape,) if isinstance(shape, str | int) else shape  # type: ignore[assignment]
    if not isinstance(parts, tuple | list):
        raise UsageError(f"the shape of {name} must be a tuple such as ('N', 'D')")
    found = []
    for part in parts:
        if isinstance(part, str) and _SIZE.fullmatch(part):
            found.append(named(part))
        elif isinstance(part, int) and not isinstance(part, bool) and part >= 1:
            found.append(constant(part))
        else:
            raise UsageError(
                f"{part!r} in the shape of {name} is no size",
                advice="A size is one letter, such as 'N', or a number from 1.",
            )
    return tuple(found)


def _check_names(
    function: Callable[..., Any],
    asked: Mapping[str, inspect.Parameter],
    given: Mapping[str, Shape],
) -> None:
    name = getattr(function, "__name__", "the function")
    unknown = [x for x in given if x not in asked]
    if unknown:
        raise UsageError(
            f"{name} has no parameter {unknown[0]}", advice=f"Its parameters: {', '.join(asked)}."
        )
    missing = [x for x, p in asked.items() if x not in given and p.default is p.empty]
    if missing:
        raise UsageError(
            f"{name} needs the shape of {missing[0]}",
            advice=f"Such as {missing[0]}=('N', 'D'); () is a number.",
        )
    if not given:
        raise UsageError(f"{name} has no array among its parameters")


def _written(
    function: Callable[..., Any],
    asked: Mapping[str, inspect.Parameter],
    given: Mapping[str, Shape],
) -> tuple[Traced, Written]:
    inputs: dict[str, Input] = {}

    def make(trace: Trace) -> Mapping[str, Any]:
        arguments: dict[str, Any] = {}
        for name, parameter in asked.items():
            if name not in given:
                arguments[name] = parameter.default
                continue
            arguments[name] = argument(trace, name, given[name])
            node = arguments[name].node
            assert isinstance(node, Input)
            inputs[name] = node
        return arguments

    positive = _positive(asked, given)
    traced, dropped = without_shifts(run(function, make), inputs, positive)
    return traced, write(traced, inputs, positive, NOTE if dropped else "")


def _positive(
    asked: Mapping[str, inspect.Parameter], given: Mapping[str, Shape]
) -> tuple[str, ...]:
    """The constants under a root: an `eps` whose default is positive is taken to be so."""
    return tuple(
        name
        for name in given
        if name in ("eps", "epsilon") and not given[name]
        if isinstance(asked[name].default, int | float) and asked[name].default > 0
    )
