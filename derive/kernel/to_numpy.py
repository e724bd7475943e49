"""A plan as a standalone Python module that imports NumPy only."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from derive.kernel.entries import Load, Where, free_labels, parts, subentries
from derive.kernel.front import (
    ARRAY,
    NUMBER,
    WANTED,
    Front,
    load_kernel,
    parameter_names,
    result_names,
    sequence,
    version_of,
)
from derive.kernel.module import exported, functions_of, header, imports, joined
from derive.kernel.names import function_name
from derive.kernel.plan import Plan, Step

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
    math = ["math"] if any("math." in helper for helper in helpers) else []
    return joined(
        [
            f"{header(functions)}\n\n{imports(math)}\n{exported(functions.public())}",
            *(part.fields() for part in parts),
            *texts,
            ARRAY,
            NUMBER if any(part.numbers for part in parts) else "",
            WANTED,
            *helpers,
        ]
    )


class _Function(Front):
    """The parts of one emitted function."""

    def text(self) -> str:
        """The function."""
        body = "\n".join(textwrap.indent(part, "    ") for part in self._body())
        return f"{self.signature()}\n{body}"

    # ---- body -----------------------------------------------------------------------------------

    def _body(self) -> Iterator[str]:
        computed = [*self.checks(), *self._steps()]
        yield self.docstring()
        yield self.wanted()
        yield from self.validation()
        for p in self.arrays:
            yield f"{self.names[p.array]} = {self.names[p.array]}.astype(work, copy=False)"
        if any(isinstance(e, Where) for s in self.plan.steps for e in subentries(s.body)):
            yield 'with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):'
            yield from (textwrap.indent(text, "    ") for text in computed)
        else:
            yield from computed
        returned = [f'    {name} if "{name}" in wanted else None,' for name in self.results]
        yield "\n".join([f"return {self.tuple}(", *returned, ")"])

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
            text = f"numpy.broadcast_to({text}, {sequence(lengths)})"
        if any(step.array == result.array for result in self.plan.results):
            body = step.body
            fresh = not isinstance(body, Load) or body.array in self.texts.inlined
            text = f"numpy.{'array' if missing or not fresh else 'asarray'}({text}, dtype=dtype)"
        return f"{name} = {text}"
