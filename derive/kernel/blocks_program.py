"""A plan as sweeps over blocks of rows: a function for each stage, and the statements between."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from derive.kernel.blocks_frame import Frame
from derive.kernel.blocks_stage import Function, StageText
from derive.kernel.blocks_text import Line, condition, conditional, fitted
from derive.kernel.front import Front, sequence
from derive.kernel.plan import Plan
from derive.kernel.split import Stage
from derive.kernel.steps import Shift

SAMPLES = 16
"""How many rows a shift is the mean of."""


class Program(Frame):
    """The sweeps of a plan: functions, and the statements that call them."""

    def __init__(self, plan: Plan, front: Front, prefix: str) -> None:
        super().__init__(plan, front, prefix)
        self.functions = [self._function(k) for k in range(len(self.split.stages))]

    # ---- a stage --------------------------------------------------------------------------------

    def _function(self, number: int) -> Function | None:
        """The function of a stage; None when it has nothing to do on the rows."""
        stage = self.split.stages[number]
        if not stage.part:
            return None
        return StageText(self, number, stage).function()

    # ---- the statements of the call -------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        """The statements that compute the results into `given`, to stand in a function."""
        lines = (line for part in self._lines() for line in part.split("\n"))
        yield from fitted(lines, 96)

    def _lines(self) -> Iterator[str]:
        names = [self.front.names[r.array] for r in self.plan.results if r.array in self.local]
        yield from (f'{name} = given.get("{name}")' for name in names)
        unsure = [a for a in self.whole_arrays() if self.users(a) != self.everyone]
        for k in range(0, len(unsure), 5):
            yield " = ".join([*(self.names[a] for a in unsure[k : k + 5]), "None"])
        for array in self.stored:
            yield self._store(array)
        for number, stage in enumerate(self.split.stages):
            yield from conditional(self._before(stage), self.everyone)
            function = self.functions[number]
            if function is not None:
                users = frozenset[str]().union(*(self.users(s.array) for s in stage.part))
                yield from conditional(
                    [(users, line) for line in self._swept(function, stage)], self.everyone
                )
        yield from conditional(self._finished(), self.everyone)

    def _store(self, array: str) -> str:
        """Memory for an array of the rows that a later stage reads."""
        step = next(s for s in self.plan.steps if s.array == array)
        shape = [self.texts.size(axis.high - axis.low + 1) for axis in step.axes]
        users = self.users(array)
        test = "" if users == self.everyone else f" if {condition(users)} else None"
        return f"{self.names[array]} = numpy.empty({sequence(shape)}, work){test}"

    def _before(self, stage: Stage) -> Iterator[Line]:
        """Numbers of the whole, from merged ones in float64."""
        for step in stage.whole:
            text = self.texts.step(step)
            if step.array in self.shifted.narrow:
                text = f"numpy.asarray({text}, work)"
            yield self.users(step.array), f"{self.names[step.array]} = {text}"

    def _finished(self) -> Iterator[Line]:
        """Results that are numbers of the whole."""
        for result in self.plan.results:
            if result.array not in self.local:
                name = self.front.names[result.array]
                text = f'given["{name}"][...] = {self.names[result.array]}'
                yield frozenset((name,)), text

    def _swept(self, function: Function, stage: Stage) -> Iterator[str]:
        """The call of a stage, repeated where a sampled shift turns out far from the mean."""
        sums = {step.array for step in stage.partial}
        shifts = [s for s in self.shifted.sampled if s.sums in sums]
        for shift in shifts:
            users = self.users(shift.sums)
            yield from conditional([(users, self._sampled(shift))], self.everyone)
        if not shifts:
            yield self._call(function)
            return
        yield "for again in (False, True):  # again: with the mean where a shift is far from it"
        yield textwrap.indent(self._call(function), "    ")
        yield "    far = False"
        for shift in shifts:
            checked = [(self.users(shift.sums), line) for line in self._checked(shift)]
            yield from (f"    {line}" for line in conditional(checked, self.everyone))
        yield "    if again or not far:\n        break"

    def _call(self, function: Function) -> str:
        cut, whole = sequence(list(function.cut)), sequence(list(function.whole))
        whole = whole if function.whole else "()"
        merges = sequence([ufunc for _, ufunc in function.sums]) if function.sums else "()"
        sizes = ", ".join(["wanted", "work", *self.front.sizes.values()])
        arguments = [function.name, f"({sizes})", cut, whole, f"merge={merges}"]
        arguments += [f"streams={function.streams}", "threads=threads"]
        if function.folds is not None:
            arguments.append(f"repeated={function.folds}")
        text = "\n".join(["_sweep(", *(f"    {text}," for text in arguments), ")"])
        if not function.sums:
            return text
        names = [name for name, _ in function.sums]
        together = ", ".join(names)
        if len(together) > 80:
            together = "\n".join(["(", *(f"    {name}," for name in names), ")"])
        return f"{together}{',' if len(names) == 1 else ''} = {text}"

    def _sampled(self, shift: Shift) -> str:
        """A shift: the mean of the first entries along the last axis that is summed."""
        along = shift.bounds[-1]
        bound = {b.name for b in shift.bounds}
        picked, kept = list[str](), list[str]()
        for at in shift.of.at:
            label = at.single
            if label is None or (label != along.name and label in bound):
                picked.append("0")
            else:
                kept.append(label)
                picked.append(f":{SAMPLES}" if label == along.name else ":")
        axis = kept.index(along.name)
        array = f"{self.names[shift.of.array]}[{', '.join(picked)}]"
        count = self.texts.size(along.high - along.low + 1)
        mean = f"numpy.add.reduce({array}, axis={axis}, dtype=numpy.float64)"
        name = self.names[shift.array]
        return f"{name} = ({mean} / min({count}, {SAMPLES})).astype(work)"

    def _checked(self, shift: Shift) -> Iterator[str]:
        """Where the mean is farther than two deviations from the shift, it becomes the shift."""
        own, sums, squares = (self.names[a] for a in (shift.array, shift.sums, shift.squares))
        lengths = [self.texts.size(b.high - b.low + 1) for b in shift.bounds]
        count = lengths[0] if len(lengths) == 1 else f"({' * '.join(lengths)})"
        yield f"near = {sums} / {count}"
        yield f"spread = near * near > 4 * ({squares} / {count} - near * near)"
        yield "if not again and spread.any():"
        yield f"    {own} = numpy.where(spread, {own} + near, {own}).astype(work)"
        yield "    far = True"
