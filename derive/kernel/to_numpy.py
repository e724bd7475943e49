"""A plan as a standalone Python module that imports NumPy only."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from itertools import groupby
from typing import Any

from derive.errors import UsageError
from derive.kernel.entries import Load, Reduce, Where, free_labels, parts, subentries
from derive.kernel.names import Namer, function_name, identifier, in_docstring, in_format
from derive.kernel.numpy_text import Texts, inlined
from derive.kernel.plan import Check, Parameter, Plan, Step
from derive.meaning.terms import Affine, Bound

ONE = Affine.number(1)


def emit_numpy(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with the function `name`, which computes the plan's gradients.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier.
    """
    return _Module(plan, function_name(name), version or _version()).text()


def parameter_names(plan: Plan) -> dict[str, str]:
    """The emitted function's argument for each parameter's array, in order."""
    module = _Module(plan, "kernel", "")
    return {p.array: module.names[p.array] for p in plan.parameters}


def result_names(plan: Plan) -> dict[str, str]:
    """The emitted name of each result's array, in order."""
    module = _Module(plan, "kernel", "")
    return {r.array: module.names[r.array] for r in plan.results}


def load_kernel(source: str, name: str) -> Callable[..., Any]:
    """The function `name` of an emitted module, imported from a temporary file."""
    handle, path = tempfile.mkstemp(prefix="derive_kernel_", suffix=".py")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
        if spec is None or spec.loader is None:
            raise UsageError("the emitted module cannot be imported")
        module = importlib.util.module_from_spec(spec)
        without = sys.dont_write_bytecode
        sys.dont_write_bytecode = True
        try:
            spec.loader.exec_module(module)
        finally:
            sys.dont_write_bytecode = without
    finally:
        os.unlink(path)
    function: Callable[..., Any] = getattr(module, name)
    return function


def _version() -> str:
    try:
        return installed_version("derive")
    except PackageNotFoundError:
        return "unknown"


class _Module:
    """The parts of one emitted module."""

    def __init__(self, plan: Plan, function: str, version: str) -> None:
        self.plan, self.function, self.version = plan, function, version
        namer = Namer()
        namer.taken.add(function)
        self.sizes = dict[str, str]()
        self.names = dict[str, str]()
        for parameter in plan.parameters:
            prefix = "d" if parameter.kind == "upstream" else ""
            self.names[parameter.array] = _named(namer, prefix, parameter.symbol.key)
        for result in plan.results:
            self.names[result.array] = _named(namer, "d", result.form.target.key)
        for size in plan.sizes:
            self.sizes[size] = namer.name(identifier(size))
        every = (*plan.steps, *(s for check in plan.checks for s in check.steps))
        hidden = inlined(every)
        for step in every:
            if step.array not in self.names and step.array not in hidden:
                wish = identifier(step.title) if step.title else ""
                self.names[step.array] = namer.name(wish) if wish else namer.next(_role(step))
        axes = {p.array: axes_of(p) for p in plan.parameters} | {s.array: s.axes for s in every}
        self.texts = Texts(self.names, self.sizes, axes, hidden)
        self.arrays = [p for p in plan.parameters if p.symbol.shape]
        self.numbers = [p for p in plan.parameters if not p.symbol.shape]
        self.results = [self.names[result.array] for result in plan.results]

    def text(self) -> str:
        """The whole module."""
        body = "\n".join(textwrap.indent(part, "    ") for part in self._body())
        helpers = "\n\n".join(sorted(h.strip() for h in self.texts.helpers))
        math = "import math\n" if "math." in helpers else ""
        pieces = [
            f'"""{self._title()}\n\nWritten by derive {in_docstring(self.version)}.\n"""\n\n'
            f"from __future__ import annotations\n\n{math}from typing import NamedTuple\n\n"
            f'import numpy\n\n__all__ = ["Gradients", "{self.function}"]',
            self._gradients(),
            self._signature() + "\n" + body,
            _ARRAY.strip(),
            _NUMBER.strip() if self.numbers else "",
            _WANTED.strip(),
            helpers,
        ]
        return "\n\n\n".join(piece for piece in pieces if piece) + "\n"

    # ---- head -----------------------------------------------------------------------------------

    def _title(self) -> str:
        of = in_docstring(self.plan.results[0].form.objective.latex or "the objective")
        return f"Gradients of {of}: {', '.join(self.results)}."

    def _gradients(self) -> str:
        lines = ["class Gradients(NamedTuple):", f'    """{self._title()} None: not wanted."""', ""]
        lines += [f"    {name}: numpy.ndarray | None" for name in self.results]
        return "\n".join(lines)

    def _signature(self) -> str:
        numbers = {p.array for p in self.numbers}
        typed = [
            f"    {self.names[p.array]}: {'float' if p.array in numbers else 'numpy.ndarray'},"
            for p in self.plan.parameters
        ]
        everything = _sequence([f'"{name}"' for name in self.results])
        options = [
            "    *,",
            f"    want: tuple[str, ...] = {everything},",
            "    check_finite: bool = False,",
            "    precise: bool = False,",
        ]
        return "\n".join([f"def {self.function}(", *typed, *options, ") -> Gradients:"])

    def _docstring(self) -> str:
        lines = [f'"""{self._title()}', "", "Proved for all sizes and all values:"]
        for result in self.plan.results:
            lines += _wrapped(
                f"{result.form.latex}  ({result.form.source})", f"{self.names[result.array]}: "
            )
        conditions = sorted({c for r in self.plan.results for c in r.form.side_conditions})
        if conditions:
            lines += ["", "where"]
            lines += [line for c in conditions for line in _wrapped(c)]
        lines += ["", "Arguments:"]
        lines += [line for p in self.plan.parameters for line in _wrapped(self._described(p))]
        lines += _OPTIONS
        lines += [
            f"    {self.names[r.array]}: {_shape(r.form.target.shape)}" for r in self.plan.results
        ]
        lines += ["", "Raises ValueError, which names the argument, when one does not fit.", '"""']
        return "\n".join(lines)

    def _described(self, parameter: Parameter) -> str:
        name, symbol = self.names[parameter.array], parameter.symbol
        of = symbol.latex or symbol.key
        what = f"the gradient of {parameter.objective} by {of}" if parameter.objective else of
        shape = f"array {_shape(symbol.shape)}" if symbol.shape else "number"
        given = [c.latex for c in self.plan.checks if symbol.key in c.parameters and c.latex]
        return f"{name}: {shape}, {what}" + "".join(f", {latex}" for latex in given)

    # ---- body -----------------------------------------------------------------------------------

    def _body(self) -> Iterator[str]:
        computed = [*self._checks(), *self._steps()]
        yield self._docstring()
        yield "wanted = _wanted(want)"
        yield from self._validation()
        if any(isinstance(e, Where) for s in self.plan.steps for e in subentries(s.body)):
            yield 'with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):'
            yield from (textwrap.indent(text, "    ") for text in computed)
        else:
            yield from computed
        returned = [f'    {name} if "{name}" in wanted else None,' for name in self.results]
        yield "\n".join(["return Gradients(", *returned, ")"])

    def _validation(self) -> Iterator[str]:
        names = [self.names[p.array] for p in self.arrays]
        for p, name in zip(self.arrays, names, strict=True):
            yield f'{name} = _array("{name}", {name}, {len(p.symbol.shape)})'
        yield f"dtype = {names[0]}.dtype" if names else "dtype = numpy.dtype(numpy.float64)"
        for name in names[1:]:
            yield (
                f"if {name}.dtype != dtype:\n"
                f'    raise ValueError(f"{name}: dtype {{{name}.dtype}}, while {names[0]} has'
                f' {{dtype}}")'
            )
        yield from self._shapes()
        yield "work = numpy.dtype(numpy.float64) if precise else dtype"
        for p in self.numbers:
            name = self.names[p.array]
            yield f'{name} = _number("{name}", {name}, work)'
        every = [self.names[p.array] for p in self.plan.parameters]
        finite = _sequence([f'("{name}", {name})' for name in every])
        yield (
            f"if check_finite:\n    for name, value in {finite}:\n"
            "        if not numpy.isfinite(value).all():\n"
            '            raise ValueError(f"{name}: holds a value that is not finite")'
        )
        for name in names:
            yield f"{name} = {name}.astype(work, copy=False)"

    def _shapes(self) -> Iterator[str]:
        """Sizes from the first axis that has each, then every other axis compared with them."""
        known = set[str]()
        for p in self.arrays:
            for axis, size in enumerate(p.symbol.shape):
                if size.single is not None and size.single not in known:
                    known.add(size.single)
                    yield f"{self.sizes[size.single]} = {self.names[p.array]}.shape[{axis}]"
        for p in self.arrays:
            name = self.names[p.array]
            expected = _sequence([self.texts.size(size) for size in p.symbol.shape])
            shown = in_format(_shape(p.symbol.shape))
            if self._measured(p):
                continue
            yield (
                f"if {name}.shape != {expected}:\n"
                f'    raise ValueError(f"{name}: expected shape {shown} = {{{expected}}},'
                f' got {{{name}.shape}}")'
            )

    def _measured(self, parameter: Parameter) -> bool:
        """Whether every size of a parameter is taken from itself, so that nothing is compared."""
        names = [size.single for size in parameter.symbol.shape]
        before = self.arrays[: self.arrays.index(parameter)]
        earlier = {size.single for p in before for size in p.symbol.shape}
        return None not in names and len(set(names)) == len(names) and not earlier & set(names)

    def _checks(self) -> Iterator[str]:
        for check in self.plan.checks:
            *before, last = (s for s in check.steps if s.array not in self.texts.inlined)
            for step in before:
                yield f"{self.names[step.array]} = {self.texts.step(step)}"
            yield (
                f"if not numpy.all({self.texts.truth(last)}):\n"
                f'    raise ValueError("{self._refusal(check)}")'
            )

    def _refusal(self, check: Check) -> str:
        spoken = [
            self.names[p.array]
            for p in self.plan.parameters
            if p.kind == "input" and p.symbol.key in check.parameters
        ]
        meant = in_docstring(check.latex) or "an assumption of the derivation"
        return f"{', '.join(spoken)}: must satisfy {meant}"

    def _steps(self) -> Iterator[str]:
        """The steps in order, those that only some results need under a condition."""
        steps = [step for step in self.plan.steps if step.array not in self.texts.inlined]
        for users, group in groupby(steps, key=self._users):
            lines = "\n".join(self._assignment(step) for step in group)
            if len(users) == len(self.results):
                yield lines
                continue
            names = ", ".join(f'"{name}"' for name in users)
            test = f"{names} in wanted" if len(users) == 1 else f"wanted & {{{names}}}"
            yield f"if {test}:\n{textwrap.indent(lines, '    ')}"

    def _users(self, step: Step) -> tuple[str, ...]:
        results = [r for r in self.plan.results if step.array in self.plan.needed([r.array])]
        return tuple(self.names[result.array] for result in results)

    def _assignment(self, step: Step) -> str:
        name, text = self.names[step.array], self.texts.step(step)
        labels = {name for part in parts(step.body) for name in free_labels(part)}
        labels |= set(free_labels(step.inner))
        missing = [axis for axis in step.axes if axis.name not in labels]
        if missing:
            lengths = [self.texts.size(axis.high - axis.low + 1) for axis in step.axes]
            text = f"numpy.broadcast_to({text}, {_sequence(lengths)})"
        if any(step.array == result.array for result in self.plan.results):
            body = step.body
            fresh = not isinstance(body, Load) or body.array in self.texts.inlined
            text = f"numpy.{'array' if missing or not fresh else 'asarray'}({text}, dtype=dtype)"
        return f"{name} = {text}"


def axes_of(parameter: Parameter) -> tuple[Bound, ...]:
    """The axes of a parameter, counted from 1."""
    return tuple(Bound("", ONE, size) for size in parameter.symbol.shape)


def _named(namer: Namer, prefix: str, key: str) -> str:
    return namer.name(prefix + (identifier(key).lower() if prefix else identifier(key)))


def _role(step: Step) -> str:
    return step.body.kind if isinstance(step.body, Reduce) else "part"


def _sequence(items: list[str]) -> str:
    """The text of a tuple."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _shape(shape: tuple[Affine, ...]) -> str:
    if not shape:
        return "number"
    return in_docstring(f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})")


def _wrapped(text: str, prefix: str = "") -> list[str]:
    return textwrap.wrap(
        prefix + in_docstring(text),
        width=92,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )


_OPTIONS = textwrap.dedent(
    """\
        want: which gradients to compute
        check_finite: refuse arguments that hold infinities or NaN
        precise: compute float32 arguments in float64 and round the results once

    All arrays are float32, or all are float64; the results have the same dtype.

    Returns a named tuple:"""
).splitlines()

_ARRAY = '''
def _array(name, value, rank):
    """A float32 or float64 array with `rank` axes, none of length zero."""
    if not isinstance(value, numpy.ndarray):
        raise ValueError(f"{name}: expected a NumPy array, got {type(value).__name__}")
    if isinstance(value, (numpy.matrix, numpy.ma.MaskedArray)):
        raise ValueError(f"{name}: expected a plain NumPy array, got {type(value).__name__}")
    if value.dtype not in (numpy.float32, numpy.float64):
        raise ValueError(f"{name}: expected dtype float32 or float64, got {value.dtype}")
    if value.ndim != rank:
        raise ValueError(f"{name}: expected {rank} axes, got shape {value.shape}")
    if 0 in value.shape:
        raise ValueError(f"{name}: every axis needs at least one entry, got shape {value.shape}")
    return numpy.asarray(value)
'''

_NUMBER = '''
def _number(name, value, work):
    """A real number in the working dtype."""
    kinds = (int, float, numpy.integer, numpy.floating)
    if isinstance(value, numpy.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ValueError(f"{name}: expected a real number, got {type(value).__name__}")
    try:
        return work.type(value)
    except OverflowError:
        raise ValueError(f"{name}: too large for {work}") from None
'''

_WANTED = '''
def _wanted(want):
    """The set of gradients to compute."""
    names = {want} if isinstance(want, str) else set(want)
    unknown = names - set(Gradients._fields)
    if unknown or not names:
        raise ValueError(f"want: expected some of {Gradients._fields}, got {want!r}")
    return names
'''
