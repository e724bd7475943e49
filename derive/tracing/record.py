"""Runs a function on symbolic arrays and keeps what it computed, with the names it used."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType
from typing import Any

import numpy as np

from derive.errors import DeriveError, Place
from derive.tracing.nodes import Compared, Joined, Node, Shape
from derive.tracing.numbers import is_number
from derive.tracing.places import TracingError, refusals, shorter, start_of, wrapped
from derive.tracing.tracer import Size, Trace, Tracer

Given = Node | tuple["Given", ...] | object
"""What a parameter gets: a node, several in a tuple, or a plain value."""


@dataclass(frozen=True)
class Traced:
    """What a function computes.

    `outputs` are the arrays that it returns, each with the key it is returned under where the
    function returns a dictionary; `names` are its variables and their values, in order.
    """

    name: str
    path: str
    line: int
    outputs: tuple[tuple[str, Node], ...]
    names: tuple[tuple[str, Node], ...]
    place: Place | None


@dataclass
class Variables:
    """The variables of one function, seen from inside while it runs."""

    code: CodeType | None
    seen: list[tuple[str, Node]] = field(default_factory=list)
    _last: dict[str, Node] = field(default_factory=dict)

    def look(self) -> None:
        """Note what the variables of the running function hold now."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not self.code:
            frame = frame.f_back
        if frame is not None:
            self._note(frame.f_locals)

    def at_return(self, frame: FrameType, event: str, argument: object) -> None:
        """The hook that sees the variables once more when the function returns."""
        if event == "return" and frame.f_code is self.code:
            self._note(frame.f_locals)

    def _note(self, variables: Mapping[str, object]) -> None:
        for name, value in variables.items():
            if isinstance(value, Tracer) and self._last.get(name) is not value.node:
                self._last[name] = value.node
                self.seen.append((name, value.node))


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters by name; a TracingError where they cannot be known one by one."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError) as problem:
        raise TracingError(f"this cannot be traced: {problem}") from None
    for parameter in found.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TracingError(
                f"the function takes *{parameter.name}",
                place=start_of(function.__code__) if hasattr(function, "__code__") else None,
                advice="Trace a function whose parameters all have names.",
            )
    return dict(found)


def run(function: Callable[..., Any], make: Callable[[Trace], Mapping[str, Any]]) -> Traced:
    """Run a function once; `make` gives its arguments by name.

    Raises TracingError at the user's line where something has no formula.
    """
    code = getattr(function, "__code__", None)
    variables = Variables(code)
    trace = Trace(variables.look)
    arguments = make(trace)
    result = _called(_with_len(function), arguments, variables)
    outputs = tuple(_outputs(result, trace, code))
    path = shorter(code.co_filename) if code is not None else ""
    line = code.co_firstlineno if code is not None else 0
    name = getattr(function, "__name__", type(function).__name__)
    place = start_of(code) if code is not None else None
    return Traced(name, path, line, outputs, tuple(variables.seen), place)


def arranged(
    function: Callable[..., Any], arguments: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Arguments by name as a function takes them, some by position only; the rest is default."""
    kinds = {name: p.kind for name, p in parameters(function).items() if name in arguments}
    first = [name for name, kind in kinds.items() if kind is inspect.Parameter.POSITIONAL_ONLY]
    rest = {name: arguments[name] for name in kinds if name not in first}
    return [arguments[name] for name in first], rest


def _called(
    function: Callable[..., Any], arguments: Mapping[str, Any], variables: Variables
) -> Any:
    positional, named = arranged(function, arguments)
    before = sys.getprofile()
    try:
        sys.setprofile(variables.at_return)
        with np.errstate(all="ignore"), refusals() as refused:
            result = function(*positional, **named)
        if refused:
            raise refused[0]
        return result
    except DeriveError:
        raise
    except RecursionError as problem:
        raise wrapped(problem, variables.code) from None
    except Exception as problem:
        raise wrapped(problem, variables.code) from problem
    finally:
        sys.setprofile(before)


def _with_len(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a `len` that knows symbolic lengths, also in functions of its module.

    Python demands a plain integer of `__len__`, so the name is bound anew; nothing else changes.
    """
    if not isinstance(function, FunctionType):
        return function
    scope = dict(function.__globals__)
    scope.setdefault("len", length)
    for name, value in scope.items():
        if isinstance(value, FunctionType) and value.__globals__ is function.__globals__:
            scope[name] = _rebound(value, scope)
    return _rebound(function, scope)


def _rebound(function: FunctionType, scope: dict[str, Any]) -> FunctionType:
    again = FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    again.__kwdefaults__ = function.__kwdefaults__
    return again


def length(value: Any) -> Any:
    """`len`, with the symbolic length of a traced array."""
    return value.shape[0] if isinstance(value, Tracer) and value.ndim else len(value)


# ---- what comes back ----------------------------------------------------------------------------


def _outputs(result: Any, trace: Trace, code: CodeType | None) -> Iterator[tuple[str, Node]]:
    """The arrays that are returned; a tuple or dictionary inside one is a cache, not an output."""
    place = None if code is None else start_of(code)
    if isinstance(result, Mapping):
        items = [(str(key), value) for key, value in result.items()]
    elif isinstance(result, tuple | list):
        items = [("", value) for value in result]
    else:
        items = [("", result)]
    found = 0
    for key, value in items:
        if isinstance(value, Mapping | tuple | list):
            continue
        found += 1
        yield key, _node(value, trace, place)
    if not found:
        raise TracingError("the function returns no array", place=place)


def _node(value: Any, trace: Trace, place: Place | None) -> Node:
    match value:
        case Tracer():
            if isinstance(value.node, Compared | Joined):
                raise TracingError("the function returns conditions, not numbers", place=place)
            return value.node
        case Size():
            return trace.build.node(value.value)
        case _ if is_number(value):
            return trace.build.node(value)
        case _:
            kind = type(value).__name__
            raise TracingError(f"the function returns a {kind}, not an array", place=place)


def argument(trace: Trace, name: str, shape: Shape) -> Tracer:
    """A symbolic array for a parameter."""
    return trace.tracer(trace.build.input(name, shape))
