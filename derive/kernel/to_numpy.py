"""A plan as a standalone Python module that imports NumPy only.

Rows go through it in blocks of the cache's size, on several threads, without arrays of the whole
in between; where rows depend on one another otherwise, or where matrix products are the work, the
whole arrays are computed one by one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from derive.errors import UnsupportedError
from derive.kernel.blocks_program import Program
from derive.kernel.blocks_runtime import SWEEP
from derive.kernel.blocks_stage import SILENCE
from derive.kernel.blocks_text import condition, fitted
from derive.kernel.entries import Load, Where, free_labels, parts, subentries
from derive.kernel.front import (
    SILENT,
    Front,
    load_kernel,
    parameter_names,
    result_names,
    sequence,
    version_of,
)
from derive.kernel.helpers import ARRAY, NUMBER, RESULTS, THREADS, TOGETHER, WANTED
from derive.kernel.module import functions_of, header, imports, joined
from derive.kernel.names import function_name
from derive.kernel.plan import Plan, Result, Step
from derive.kernel.products import Products
from derive.kernel.statements import call, exported, function, indented, signature
from derive.kernel.turned import turned

__all__ = ["emit_numpy", "load_kernel", "parameter_names", "result_names"]


def emit_numpy(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with the function `name`, which computes the plan's gradients.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier.
    """
    functions = functions_of(_Function, plan, function_name(name), version or version_of())
    parts = functions.parts
    texts = [part.text() for part in parts]
    helpers = sorted({helper for part in parts for helper in part.texts.helpers})
    modules = ["os", *(["math"] if any("math." in helper for helper in helpers) else [])]
    blocked = [part.program is not None for part in parts]
    return joined(
        [
            f"{header(functions)}\n\n{imports(modules)}\n{exported(functions.public())}",
            *(part.fields() for part in parts),
            *texts,
            *((SWEEP, TOGETHER) if any(blocked) else ()),
            "" if all(blocked) else INTO,
            ARRAY,
            NUMBER if any(part.numbers for part in parts) else "",
            WANTED,
            RESULTS,
            THREADS,
            *helpers,
        ]
    )


class _Function(Front):
    """One function of the module."""

    options = (
        *Front.options,
        "out: dict[str, numpy.ndarray] | None = None,",
        "threads: int = 0,",
    )
    option_notes = (
        *Front.option_notes,
        "out: arrays that take results, by name; none may overlap another array",
        "threads: at most how many are used, 0 for one on each core; results do not depend on it",
    )

    def __init__(self, plan: Plan, function: str, version: str) -> None:
        super().__init__(plan, function, version)
        self.texts = Products(**vars(self.texts))
        self.program = self._program(plan, function)
        other = turned(plan) if self.program else None
        self.turned = self._program(other, f"{function}_turned") if other else None

    def _program(self, plan: Plan, prefix: str) -> Program | None:
        """The plan in blocks, if it can be computed so."""
        try:
            return Program(plan, self, prefix)
        except UnsupportedError:
            return None

    def text(self) -> str:
        """The function, and its stages."""
        body = "\n".join(textwrap.indent(part, "    ") for part in self._body())
        programs = [program for program in (self.program, self.turned) if program]
        stages = [f.text for program in programs for f in program.functions if f]
        own = f"{self.signature()}\n{body}"
        return "\n\n\n".join([own, *([self._turned()] if self.turned else []), *stages])

    def _turned(self) -> str:
        """The function that computes with the transposes of all arrays."""
        assert self.turned is not None
        head = signature(f"_{self.function}_turned", ["given", *self._inner()])
        lines = '"""The same over transposes: arrays in Fortran\'s order as rows of C."""'
        return function(head, [lines, *self.turned.lines()])

    def _inner(self) -> list[str]:
        """What the statements of a program read, beside `given`."""
        parameters = [self.names[p.array] for p in self.plan.parameters]
        return ["wanted", "work", "threads", *self.sizes.values(), *parameters]

    def _computed(self, program: Program) -> Iterator[str]:
        """The statements that compute the results into `given`."""
        if not self.turned:
            yield from program.lines()
            return
        arrays = [self.names[p.array] for p in self.arrays]
        arguments = [f"{name}.T" if name in arrays else name for name in self._inner()]
        swapped = "{name: value.T for name, value in given.items()}"
        yield f'if _order({sequence(arrays)}) == "F":'
        yield textwrap.indent(call(f"_{self.function}_turned", [swapped, *arguments]), "    ")
        yield "else:"
        yield from indented(program.lines())

    # ---- body -----------------------------------------------------------------------------------

    def _body(self) -> Iterator[str]:
        yield self.docstring()
        yield self.wanted()
        yield from self.validation()
        yield "threads = _threads(threads)"
        shapes = [f'    "{self.names[r.array]}": {self._shape(r)},' for r in self.plan.results]
        yield "\n".join(["shapes = {", *shapes, "}"])
        yield "shapes = {name: shape for name, shape in shapes.items() if name in wanted}"
        given = sequence([self.names[p.array] for p in self.arrays]) if self.arrays else "()"
        results = f"_results(out, wanted, shapes, dtype, {given})"
        if self.program:
            yield from silenced(self.checks(), self._checks_branch())
            yield from self.without_entries()
            yield f"given = {results}"
            yield from self._computed(self.program)
            returned = [f'    given.get("{name}"),' for name in self.results]
        else:
            yield from self.without_entries()
            yield f"given = {{}} if out is None else {results}"
            for p in self.arrays:
                yield f"{self.names[p.array]} = {self.names[p.array]}.astype(work, copy=False)"
            branch = any(isinstance(e, Where) for s in self.plan.steps for e in subentries(s.body))
            computed = [*self.checks(), *self._steps()]
            yield from silenced(computed, branch or self._checks_branch())
            returned = [
                f'    _into(given, "{name}", {name}) if "{name}" in wanted else None,'
                for name in self.results
            ]
        yield "\n".join([f"return {self.tuple}(", *returned, ")"])

    def _shape(self, result: Result) -> str:
        lengths = [self.texts.size(size) for size in result.form.target.shape]
        return sequence(lengths) if lengths else "()"

    def _checks_branch(self) -> bool:
        """Whether testing the assumptions may divide by zero where a branch is not taken."""
        entries = [e for c in self.plan.checks for s in c.steps for e in subentries(s.body)]
        branch = any(isinstance(entry, Where) for entry in entries)
        return branch and not all(isinstance(entry, SILENT) for entry in entries)

    # ---- whole arrays ---------------------------------------------------------------------------

    def _steps(self) -> Iterator[str]:
        """The steps in order, those that only some results need under a condition."""
        steps = [step for step in self.plan.steps if step.array not in self.texts.inlined]
        for users, group in groupby(steps, key=self._users):
            lines = "\n".join(fitted((self._assignment(step) for step in group), 88))
            if len(users) == len(self.results):
                yield lines
                continue
            yield f"if {condition(users)}:\n{textwrap.indent(lines, '    ')}"

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
            text = f"numpy.broadcast_to({text}, {sequence(lengths)})"
        if any(step.array == result.array for result in self.plan.results):
            body = step.body
            fresh = not isinstance(body, Load) or body.array in self.texts.inlined
            text = f"numpy.{'array' if missing or not fresh else 'asarray'}({text}, dtype=dtype)"
        return f"{name} = {text}"


def silenced(lines: Iterable[str], silent: bool) -> Iterator[str]:
    """Statements; without warnings where a branch that is not taken may divide by zero."""
    lines = list(lines)
    if silent and lines:
        yield SILENCE
        lines = [textwrap.indent(line, "    ") for line in lines]
    yield from lines


INTO = '''
def _into(given, name, value):
    """A result, in the caller's array if there is one."""
    if name not in given:
        return value
    given[name][...] = value
    return given[name]
'''
