"""What every emitted module has: names, documentation, checks of its arguments."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import PurePath
from typing import Any

from derive.errors import UsageError
from derive.kernel.entries import Load, Num, Place, Reduce, Where
from derive.kernel.names import Namer, identifier, in_docstring, in_format
from derive.kernel.numpy_text import Texts, inlined
from derive.kernel.plan import Check, ClosedForm, Parameter, Plan, Step
from derive.kernel.steps import DEFINITION
from derive.meaning.terms import Affine, Bound
from derive.meaning.to_syntax import to_syntax
from derive.writing.to_latex import to_latex

SILENT = Where | Load | Num | Place
"""What NumPy computes without a warning."""
ONE = Affine.number(1)


def parameter_names(plan: Plan) -> dict[str, str]:
    """The emitted function's argument for each parameter's array, in order."""
    module = Front(plan, "kernel", "")
    return {p.array: module.names[p.array] for p in plan.parameters}


def result_names(plan: Plan) -> dict[str, str]:
    """The emitted name of each result's array, in order."""
    module = Front(plan, "kernel", "")
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


def version_of() -> str:
    """The version of this installation."""
    try:
        return installed_version("derive")
    except PackageNotFoundError:
        return "unknown"


class Front:
    """What stands around one function of an emitted module: of gradients, or of outputs.

    A plan whose results all are defined names makes a forward function.
    """

    options: tuple[str, ...] = (
        "want: tuple[str, ...] = {everything},",
        "check_finite: bool = False,",
        "precise: bool = False,",
    )
    option_notes: tuple[str, ...] = (
        "want: which {results} to compute",
        "check_finite: refuse arguments that hold infinities or NaN",
        "precise: compute float32 arguments in float64 and round the results once",
    )

    def __init__(self, plan: Plan, function: str, version: str) -> None:
        self.plan, self.function, self.version = plan, function, version
        self.forward = all(result.form.source == DEFINITION for result in plan.results)
        self.tuple = "Outputs" if self.forward else "Gradients"
        namer = Namer()
        namer.taken.add(function)
        self.sizes = dict[str, str]()
        self.names = dict[str, str]()
        for parameter in plan.parameters:
            prefix = "d" if parameter.kind == "upstream" else ""
            self.names[parameter.array] = _named(namer, prefix, parameter.symbol.key)
        for result in plan.results:
            prefix = "" if self.forward else "d"
            self.names[result.array] = _named(namer, prefix, result.form.target.key)
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
        self.saved = [p for p in plan.parameters if p.kind == "saved"]
        self.results = [self.names[result.array] for result in plan.results]

    # ---- head -----------------------------------------------------------------------------------

    def title(self) -> str:
        """The first line."""
        of = in_docstring(self.plan.results[0].form.objective.latex or "the objective")
        return f"{self.tuple} of {of}: {', '.join(self.results)}."

    def fields(self) -> str:
        """The named tuple of results."""
        lines = [f"class {self.tuple}(NamedTuple):"]
        lines += [f'    """{self.title()} None: not wanted."""', ""]
        lines += [f"    {name}: numpy.ndarray | None" for name in self.results]
        return "\n".join(lines)

    def signature(self) -> str:
        """The function's `def`."""
        numbers = {p.array for p in self.numbers}
        typed = [
            f"    {self.names[p.array]}: {'float' if p.array in numbers else 'numpy.ndarray'},"
            for p in self.plan.parameters
        ]
        everything = sequence([f'"{name}"' for name in self.results])
        options = ["    *,"]
        options += [f"    {option.format(everything=everything)}" for option in self.options]
        return "\n".join([f"def {self.function}(", *typed, *options, f") -> {self.tuple}:"])

    def docstring(self) -> str:
        """The function's documentation: claims, conditions, shapes."""
        lines = [f'"""{self.title()}', "", *self.claims(), "", "Arguments:"]
        lines += [line for p in self.plan.parameters for line in wrapped(self._described(p))]
        results = "outputs" if self.forward else "gradients"
        lines += [f"    {note.format(results=results)}" for note in self.option_notes]
        lines += ["", _DTYPES, *self._inherited(), "", "Returns a named tuple:"]
        lines += [
            f"    {self.names[r.array]}: {shape_text(r.form.target.shape)}"
            for r in self.plan.results
        ]
        lines += ["", "Raises ValueError, which names the argument, when one does not fit.", '"""']
        return "\n".join(lines)

    def claims(self) -> list[str]:
        """What is computed: each result's formula and where it stands."""
        says = "As the document defines them" if self.forward else _PROVED
        lines = [f"{says}:"]
        for result in self.plan.results:
            form, name = result.form, self.names[result.array]
            place = "" if self.forward else f"  ({form.source})"
            lines += wrapped(f"{self._formula(form)}{place}", f"{name}: ")
        conditions = sorted({c for r in self.plan.results for c in r.form.side_conditions})
        if conditions:
            lines += ["", "where"]
            lines += [line for c in conditions for line in wrapped(c)]
        return lines

    def _formula(self, form: ClosedForm) -> str:
        """The claim, or for an output its name and its definition."""
        definition = form.context.definitions.get(form.target.key)
        if form.source != DEFINITION or definition is None:
            return form.latex
        indices = ",".join(definition.parameters)
        left = f"{form.latex}_{{{indices}}}" if indices else form.latex
        return f"{left}{'^2' * definition.squares} = {to_latex(to_syntax(definition.body))}"

    def _inherited(self) -> list[str]:
        """What is said of saved arguments."""
        if not self.saved:
            return []
        names = ", ".join(self.names[p.array] for p in self.saved)
        return wrapped_lines(
            f"{names}: as saved by a forward pass, in the dtype of the others or in float64, in"
            " which case all is computed in float64. Errors that they hold are inherited."
        )

    def _described(self, parameter: Parameter) -> str:
        name, symbol = self.names[parameter.array], parameter.symbol
        of = symbol.latex or symbol.key
        if parameter.kind == "saved":
            of = f"{of}, saved"
        what = f"the gradient of {parameter.objective} by {of}" if parameter.objective else of
        shape = f"array {shape_text(symbol.shape)}" if symbol.shape else "number"
        given = [c.latex for c in self.plan.checks if symbol.key in c.parameters and c.latex]
        return f"{name}: {shape}, {what}" + "".join(f", {latex}" for latex in given)

    def wanted(self) -> str:
        """The statement that reads `want`."""
        return f"wanted = _wanted(want, {self.tuple}._fields)"

    # ---- arguments ------------------------------------------------------------------------------

    def hollow(self) -> list[str]:
        """The sizes, by their keys, that may be zero: not of the first axis, and of every result.

        Without entries along such an axis no result has any.
        """
        shapes = [r.form.target.shape for r in self.plan.results]
        first = self.arrays[0].symbol.shape[0].single if self.arrays else None
        return [
            key
            for key in self.sizes
            if key != first and all(any(n.single == key for n in shape) for shape in shapes)
        ]

    def _hollow_axes(self, parameter: Parameter) -> str:
        hollow = self.hollow()
        axes = [str(k) for k, n in enumerate(parameter.symbol.shape) if n.single in hollow]
        return f", {sequence(axes)}" if axes else ""

    def without_entries(self) -> Iterator[str]:
        """The statement that returns empty results, where `shapes` are known."""
        hollow = [self.sizes[key] for key in self.hollow()]
        if hollow:
            yield (
                f"if 0 in {sequence(hollow)}:\n"
                "    given = _results(out, wanted, shapes, dtype, ())\n"
                f"    named = {self.tuple}._fields\n"
                f"    return {self.tuple}(*(given[n] if n in wanted else None for n in named))"
            )

    def validation(self) -> Iterator[str]:
        """Statements that refuse what does not fit, and set sizes, `dtype` and `work`."""
        names = [self.names[p.array] for p in self.arrays]
        for p, name in zip(self.arrays, names, strict=True):
            yield f'{name} = _array("{name}", {name}, {len(p.symbol.shape)}{self._hollow_axes(p)})'
        yield f"dtype = {names[0]}.dtype" if names else "dtype = numpy.dtype(numpy.float64)"
        saved = {self.names[p.array] for p in self.saved}
        for name in names[1:]:
            test = f"{name}.dtype not in (dtype, numpy.float64)" if name in saved else ""
            yield (
                f"if {test or f'{name}.dtype != dtype'}:\n"
                f'    raise ValueError(f"{name}: dtype {{{name}.dtype}}, while {names[0]} has'
                f' {{dtype}}")'
            )
        yield from self._shapes()
        wide = ["precise", *(f"{n}.dtype == numpy.float64" for n in names[1:] if n in saved)]
        yield f"work = numpy.dtype(numpy.float64) if {' or '.join(wide)} else dtype"
        for p in self.numbers:
            name = self.names[p.array]
            yield f'{name} = _number("{name}", {name}, work)'
        every = [self.names[p.array] for p in self.plan.parameters]
        finite = sequence([f'("{name}", {name})' for name in every])
        yield (
            f"if check_finite:\n    for name, value in {finite}:\n"
            "        if not numpy.isfinite(value).all():\n"
            '            raise ValueError(f"{name}: holds a value that is not finite")'
        )

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
            expected = sequence([self.texts.size(size) for size in p.symbol.shape])
            shown = in_format(shape_text(p.symbol.shape))
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

    def checks(self) -> Iterator[str]:
        """Statements that refuse what violates an assumption."""
        return (line for check in self.plan.checks for line in self.check(check))

    def check(self, check: Check) -> Iterator[str]:
        """The statements for one assumption."""
        *before, last = (s for s in check.steps if s.array not in self.texts.inlined)
        for step in before:
            yield f"{self.names[step.array]} = {self.texts.step(step)}"
        yield f'if not {self.every(last)}:\n    raise ValueError("{self._refusal(check)}")'

    def every(self, step: Step) -> str:
        """Whether an assumption holds at every entry of its last step.

        A number is compared by itself: `numpy.all` costs more than a small kernel.
        """
        truth = self.texts.truth(step)
        return f"numpy.all({truth})" if step.axes else f"({truth})"

    def _refusal(self, check: Check) -> str:
        spoken = [
            self.names[p.array]
            for p in self.plan.parameters
            if p.kind == "input" and p.symbol.key in check.parameters
        ]
        meant = in_docstring(check.latex) or "an assumption of the derivation"
        return f"{', '.join(spoken)}: must satisfy {meant}"


def axes_of(parameter: Parameter) -> tuple[Bound, ...]:
    """The axes of a parameter, counted from 1."""
    return tuple(Bound("", ONE, size) for size in parameter.symbol.shape)


def _named(namer: Namer, prefix: str, key: str) -> str:
    return namer.name(prefix + (identifier(key).lower() if prefix else identifier(key)))


def _role(step: Step) -> str:
    return step.body.kind if isinstance(step.body, Reduce) else "part"


def sequence(items: list[str]) -> str:
    """The text of a tuple."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def shape_text(shape: tuple[Affine, ...]) -> str:
    """`(N, D)`, or `number`."""
    if not shape:
        return "number"
    return in_docstring(f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})")


def origin_of(plan: Plan) -> list[str]:
    """The document, and what is needed to prove its claims again: its text and the rules."""
    forms = [result.form for result in plan.results if result.form.source != DEFINITION]
    place = forms[0].source
    document = in_docstring(PurePath(place.rpartition(":")[0] or place).name)
    rules = dict.fromkeys(rule for form in forms for rule in form.rules)
    lines = [f"Document: {document}"]
    if rules:
        lines += wrapped_lines(
            f"Certificate: `derive check {document}` proves the claims, for the text with SHA-256"
            f" {forms[0].digest}. Rules: {in_docstring('; '.join(rules))}."
        )
    return lines


def wrapped_lines(text: str, indent: str = "") -> list[str]:
    """Text that is harmless already, in lines."""
    return textwrap.wrap(
        text,
        width=92,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def wrapped(text: str, prefix: str = "") -> list[str]:
    """A text as indented lines, harmless inside a docstring."""
    return textwrap.wrap(
        prefix + in_docstring(text),
        width=92,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )


_PROVED = "Proved for all sizes and all values"
_DTYPES = "All arrays are float32, or all are float64; the results have the same dtype."
