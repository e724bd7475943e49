"""A plan as a standalone module for Dask: blocks of rows, partial results, a merge, results.

Each stage of the split plan is one task for each block; partial results are merged in a tree, and
what they lead to is one task for all blocks. So arrays may be larger than any memory, and blocks
may live on the workers of a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from derive.errors import UnsupportedError
from derive.kernel.assumed import checks_of_arrays
from derive.kernel.dask_text import BLOCKS, CHECKS, MERGE, NUMBER
from derive.kernel.entries import Load, Reduce, Where, free_labels, loads, parts, subentries
from derive.kernel.front import ONE, Front, axes_of, sequence, shape_text, version_of
from derive.kernel.helpers import WANTED
from derive.kernel.module import functions_of, header, joined
from derive.kernel.names import function_name, in_docstring, in_format
from derive.kernel.plan import Parameter, Plan, Step
from derive.kernel.shifting import centring
from derive.kernel.split import PART, Split, split_of
from derive.kernel.statements import exported, function, signature
from derive.meaning.terms import Affine, Bound

IMPORTS = """from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy

try:
    import dask
    import dask.array
except ImportError as error:
    raise ImportError("this kernel needs Dask: pip install 'dask[array]'") from error
"""
FOLDED = ("sum", "prod")


def emit_dask(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with the function `name` on Dask arrays.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier, UnsupportedError when rows cannot be computed apart.
    """
    functions = functions_of(_Function, plan, function_name(name), version or version_of())
    pieces = [
        f"{header(functions, _notes(functions.main))}\n\n{IMPORTS}",
        exported(functions.public()),
        *(part.fields().replace("numpy.ndarray", "Any") for part in functions.parts),
        *(part.text() for part in functions.parts),
        *(piece for part in functions.parts for piece in part.tasks()),
        CHECKS,
        NUMBER if any(part.numbers for part in functions.parts) else "",
        WANTED,
        BLOCKS,
        MERGE,
        *sorted({helper for part in functions.parts for helper in part.texts.helpers}),
    ]
    return joined(pieces)


def _notes(front: _Function) -> Iterator[str]:
    cut = ", ".join(front.names[p.array] for p in front.cut)
    yield (
        f"The blocks are those of {front.names[front.cut[0].array]} along {front.split.size}; "
        f"{cut} are cut alike, other axes are one chunk. Results are lazy. Blocks that a"
        " later pass reads again are kept, or spilled to disk by a cluster whose memory is short."
        " Sums over blocks are in float64."
    )
    if front.unchecked:
        yield (
            "Not checked, as it would need all blocks at once: "
            + in_docstring("; ".join(front.unchecked))
            + "."
        )


class _Function(Front):
    """The parts of one emitted function."""

    options = Front.options[:1]
    option_notes = Front.option_notes[:1]

    def __init__(self, plan: Plan, function: str, version: str) -> None:
        shifted = centring(plan)
        self.split: Split = split_of(shifted.plan)
        self.narrow = shifted.narrow
        partial = {array for stage in self.split.stages for array in stage.merged}
        titled = {s.array: s.title or "sum" for s in shifted.plan.steps if s.array in partial}
        named = tuple(replace(s, title=titled.get(s.array, s.title)) for s in shifted.plan.steps)
        super().__init__(replace(shifted.plan, steps=named), function, version)
        self.part = "_rows"
        self.texts.sizes = {**self.sizes, PART: self.part}
        self.cut = [p for p in self.arrays if p.array in self.split.axes]
        self.uncut = [p for p in self.arrays if p.array not in self.split.axes]
        self.by_array = {
            step.array: step for stage in self.split.stages for step in (*stage.whole, *stage.part)
        }
        self.steps = [replace(self.by_array[s.array], title=s.title) for s in named]
        self.by_array = {step.array: step for step in self.steps}
        self.texts.axes = {**self.texts.axes, **{s.array: s.axes for s in self.steps}}
        self.texts.inlined = {a: self.by_array.get(a, s) for a, s in self.texts.inlined.items()}
        for p in self.cut:
            axes = list(axes_of(p))
            axes[self.split.axes[p.array]] = Bound("", ONE, Affine.name(PART))
            self.texts.axes = {**self.texts.axes, p.array: tuple(axes)}
        self.unchecked = [check.latex or "an assumption" for check in checks_of_arrays(plan)]
        for parameter in self.cut:
            self._require_one_cut(parameter)

    def _require_one_cut(self, parameter: Parameter) -> None:
        axis = self.split.axes[parameter.array]
        for number, size in enumerate(parameter.symbol.shape):
            if number != axis and self.split.size in size.names:
                raise UnsupportedError(f"an argument has {self.split.size} along two axes")

    def signature(self) -> str:
        """The function's `def`."""
        return super().signature().replace("numpy.ndarray", "Any")

    # ---- the function ---------------------------------------------------------------------------

    def text(self) -> str:
        """The function: a graph of tasks."""
        return function(self.signature(), self._body())

    def _body(self) -> Iterator[str]:
        yield self.docstring()
        yield self.wanted()
        yield from self.validation()
        yield from self.checks()
        numbers = [self.names[p.array] for p in self.numbers]
        yield f"sizes = {sequence(list(self.sizes.values()))}"
        yield f"numbers = {sequence(numbers) if numbers else '()'}"
        others = [f"_one({self.names[p.array]})" for p in self.uncut]
        yield f"others = {sequence(others) if others else '()'}"
        cut = [f"({self.names[p.array]}, {self.split.axes[p.array]})" for p in self.cut]
        yield f"arrays = {sequence(cut)}"
        yield f"task = dask.delayed({self._task('common')}, pure=True)"
        yield "common = task(dtype, sizes, numbers, others)"
        yield "cuts, blocks = _cut(arrays)"
        for number, stage in enumerate(self.split.stages):
            if stage.merged:
                kinds = sequence([f'"{self._kind(step)}"' for step in stage.partial])
                yield (
                    f"task = dask.delayed({self._task(f'part_{number}')}, pure=True)\n"
                    f"parts = [task(common, *block) for block in blocks]\n"
                    f"merged = _merged(parts, {kinds})\n"
                    f"task = dask.delayed({self._task(f'whole_{number + 1}')}, pure=True)\n"
                    "common = task(common, merged)"
                )
        yield from self._returned()

    def _returned(self) -> Iterator[str]:
        local = self._local_results()
        if local:
            listed = ", ".join(f'"{self.names[array]}"' for array in local)
            yield (
                f"local = tuple(name for name in ({listed},) if name in wanted)\n"
                f"task = dask.delayed({self._task('results')}, pure=True)\n"
                "blocks = [task(common, local, *block) for block in blocks]"
            )
        yield "found = dict.fromkeys(wanted)"
        for result in self.plan.results:
            name = self.names[result.array]
            lengths = [self.texts.size(size) for size in result.form.target.shape]
            shape = sequence(lengths) if lengths else "()"
            if result.array in local:
                axis = self.split.axes[result.array]
                made = f'_joined(blocks, cuts, {axis}, {shape}, dtype, local.index("{name}"))'
            else:
                made = f'_small(common["{name}"], {shape}, dtype)'
            yield f'if "{name}" in wanted:\n    found["{name}"] = {made}'
        yield f"return {self.tuple}(*(found.get(name) for name in {self.tuple}._fields))"

    def _local_results(self) -> list[str]:
        return [r.array for r in self.plan.results if r.array in self.split.axes]

    def _task(self, name: str) -> str:
        return f"_{'forward' if self.forward else 'backward'}_{name}"

    def _kind(self, step: Step) -> str:
        assert isinstance(step.body, Reduce)
        return step.body.kind

    # ---- arguments ------------------------------------------------------------------------------

    def validation(self) -> Iterator[str]:
        names = [self.names[p.array] for p in self.arrays]
        for p, name in zip(self.arrays, names, strict=True):
            check = "_array" if p in self.cut else "_whole"
            yield f'{name} = {check}("{name}", {name}, {len(p.symbol.shape)})'
        yield f"dtype = {names[0]}.dtype"
        for name in names[1:]:
            yield (
                f"if {name}.dtype != dtype:\n    raise ValueError(\n"
                f'        f"{name}: dtype {{{name}.dtype}}, while {names[0]} has {{dtype}}"\n    )'
            )
        yield from self._shapes()
        for p in self.numbers:
            name = self.names[p.array]
            yield f'{name} = _number("{name}", {name})'

    def _shapes(self) -> Iterator[str]:
        known = set[str]()
        for p in self.arrays:
            for axis, size in enumerate(p.symbol.shape):
                if size.single is not None and size.single not in known:
                    known.add(size.single)
                    yield f"{self.sizes[size.single]} = {self.names[p.array]}.shape[{axis}]"
        for p in self.arrays:
            if self._measured(p):
                continue
            name = self.names[p.array]
            expected = sequence([self.texts.size(size) for size in p.symbol.shape])
            shown = in_format(shape_text(p.symbol.shape))
            yield (
                f"if {name}.shape != {expected}:\n    raise ValueError(\n"
                f'        f"{name}: expected shape {shown} = {{{expected}}},'
                f' got {{{name}.shape}}"\n    )'
            )

    def checks(self) -> Iterator[str]:
        """Of numbers only: arrays are not there yet."""
        arrays = checks_of_arrays(self.plan)
        return (
            line for check in self.plan.checks if check not in arrays for line in self.check(check)
        )

    # ---- tasks ----------------------------------------------------------------------------------

    def tasks(self) -> Iterator[str]:
        """The functions that run on workers, in NumPy."""
        yield self._common()
        for number, stage in enumerate(self.split.stages):
            if stage.merged:
                yield self._part(number)
                yield self._whole(number + 1)
        if self._local_results():
            yield self._results()

    def _common(self) -> str:
        lines = ['"""Sizes, numbers, arrays that are not cut, and what follows from them."""']
        lines.append('known = {"dtype": dtype}')
        for values, names in (
            ("sizes", list(self.sizes.values())),
            ("numbers", [self.names[p.array] for p in self.numbers]),
            ("others", [self.names[p.array] for p in self.uncut]),
        ):
            if names:
                lines.append(f"{', '.join(names)}, = {values}")
            lines += [f'known["{name}"] = {name}' for name in names]
        return self._defined("common", "dtype, sizes, numbers, others", [*lines, *self._wholes(0)])

    def _whole(self, number: int) -> str:
        merged = [self.names[step.array] for step in self.split.stages[number - 1].partial]
        lines = [
            '"""What follows from merged sums."""',
            "known = dict(known)",
            f"{', '.join(merged)}, = merged",
            *(f'known["{name}"] = {name}' for name in merged),
        ]
        return self._defined(f"whole_{number}", "known, merged", [*lines, *self._wholes(number)])

    def _wholes(self, number: int) -> list[str]:
        """The steps without a cut axis, in float64 but for shifts, and the return of all."""
        stage = self.split.stages[number]
        lines = ["work = numpy.dtype(numpy.float64)"]
        lines += self._taken(stage.whole)
        for step in stage.whole:
            if step.array in self.texts.inlined:
                continue
            text = self._assigned(step)
            name = self.names[step.array]
            lines += [f"{name} = {text}", f'known["{name}"] = {name}']
        return [*lines, "return known"]

    def _part(self, number: int) -> str:
        stage = self.split.stages[number]
        found = [self.names[step.array] for step in stage.partial]
        lines = [
            '"""Partial results of one block."""',
            *self._opened(stage.partial),
            f"return {sequence(found)}",
        ]
        return self._defined(f"part_{number}", f"known, {self._blocks()}", lines)

    def _results(self) -> str:
        results = [self.by_array[array] for array in self._local_results()]
        lines = ['"""One block of the results."""', *self._opened(results)]
        listed = ", ".join(f'"{self.names[s.array]}": {self.names[s.array]}' for s in results)
        lines += [
            f"found = {{{listed}}}",
            "return tuple(numpy.asarray(found[name], dtype) for name in local)",
        ]
        return self._defined("results", f"known, local, {self._blocks()}", lines)

    def _blocks(self) -> str:
        return ", ".join(self.names[p.array] for p in self.cut)

    def _opened(self, wanted: Iterable[Step]) -> list[str]:
        """Statements that compute steps of a block from known numbers and its arrays."""
        ends = {step.array for step in wanted}
        needed = set(ends)
        cut = {s.array for s in self.steps if s.array in self.split.axes} | ends
        for step in reversed(self.steps):
            if step.array in needed and step.array in cut:
                needed |= loads(step.body)
        local = [s for s in self.steps if s.array in needed & cut]
        first = self.names[self.cut[0].array]
        lines = [
            f"dtype = {first}.dtype",
            "work = dtype",
            f"{self.part} = {first}.shape[{self.split.axes[self.cut[0].array]}]",
            *self._taken(local, narrow=True),
        ]
        for step in local:
            if step.array not in self.texts.inlined:
                lines.append(
                    f"{self.names[step.array]} = {self._assigned(step, step.array in ends)}"
                )
        return lines

    def _taken(self, steps: Iterable[Step], narrow: bool = False) -> list[str]:
        """What steps read of known numbers and arrays; in the working type for a block."""
        steps = list(steps)
        own = {step.array for step in steps}
        cut = {p.array for p in self.cut}
        read = dict.fromkeys(
            part.array for s in steps for part in subentries(s.body) if isinstance(part, Load)
        )
        arrays = [a for a in read if a not in own and a not in cut and a in self.names]
        lines = []
        for array in arrays:
            value = f'known["{self.names[array]}"]'
            value = f"numpy.asarray({value}, work)" if narrow else value
            lines.append(f"{self.names[array]} = {value}")
        text = "\n".join(self.texts.step(step) for step in steps)
        sizes = [n for n in self.sizes.values() if n in _words(text) or self._sized(steps, n)]
        return [f'{name} = known["{name}"]' for name in sizes] + lines

    def _sized(self, steps: list[Step], name: str) -> bool:
        used = {s for step in steps for b in (*step.axes, *step.bounds) for s in b.high.names}
        return any(self.sizes.get(size) == name for size in used)

    def _assigned(self, step: Step, partial: bool = False) -> str:
        text = self.texts.step(step)
        labels = {name for part in parts(step.body) for name in free_labels(part)}
        labels |= set(free_labels(step.inner))
        if any(axis.name not in labels for axis in step.axes):
            lengths = [self.texts.size(axis.high - axis.low + 1) for axis in step.axes]
            text = f"numpy.broadcast_to({text}, {sequence(lengths)})"
        if partial and isinstance(step.body, Reduce) and step.body.kind in FOLDED:
            head = f"numpy.{step.body.kind}("
            if text.startswith(head):
                return f"{text[:-1]}, dtype=numpy.float64)"
            return f"numpy.asarray({text}, numpy.float64)"
        if step.array in self.narrow:
            return f'numpy.asarray({text}, known["dtype"])'
        return text

    def _defined(self, name: str, arguments: str, lines: list[str]) -> str:
        steps = any(isinstance(e, Where) for s in self.steps for e in subentries(s.body))
        if steps:
            head = 'with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):'
            lines = [lines[0], head, *(f"    {line}" for line in lines[1:])]
        return function(signature(self._task(name), arguments.split(", ")), lines)


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())
