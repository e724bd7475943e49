"""A plan as sweeps over blocks of rows: a function for each stage, and the statements between."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace

from derive.errors import UnsupportedError
from derive.kernel.blocks import Block, lengths
from derive.kernel.blocks_text import Line, Root, Statements, condition, conditional, fitted
from derive.kernel.entries import Load, Place, Reduce, is_label, loads, subentries
from derive.kernel.front import Front, axes_of, sequence
from derive.kernel.names import RESERVED, identifier
from derive.kernel.numpy_text import Texts
from derive.kernel.plan import Plan, Step
from derive.kernel.segments import is_product
from derive.kernel.shifting import centred, shifted
from derive.kernel.split import PART, Split, Stage, split_of
from derive.kernel.steps import Shift, Shifted
from derive.meaning.terms import Affine

MERGES = {"sum": "numpy.add", "prod": "numpy.multiply"} | {
    "max": "numpy.maximum",
    "min": "numpy.minimum",
}
STARTS = {"sum": "0.0", "prod": "1.0", "max": "-numpy.inf", "min": "numpy.inf"}
SILENCE = 'with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):'
SAMPLES = 16
"""How many rows a shift is the mean of."""
OWN: tuple[str, ...] = (
    "todo",
    "found",
    "rows",
    "first",
    "last",
    "start",
    "stop",
    "number",
    "again",
    "near",
    "far",
)
OWN += ("work", "wanted", "given", "threads", "dtype", "scratch", "spread")


@dataclass(frozen=True)
class Function:
    """A stage as text, and how it is called.

    `cut` and `whole` are the arrays it takes; `sums` what it returns, by name, each with the ufunc
    that merges; `folds` says which of the whole are repeated when short rows are laid side by
    side, None where they cannot be.
    """

    text: str
    name: str
    cut: tuple[str, ...]
    whole: tuple[str, ...]
    sums: tuple[tuple[str, str], ...]
    streams: int
    folds: tuple[int, ...] | None


class Program:
    """The sweeps of a plan; `front` names its arguments and results.

    Raises UnsupportedError when rows depend on one another in other ways than by reductions, or
    when the work is that of matrix products.
    """

    def __init__(self, plan: Plan, front: Front, prefix: str) -> None:
        if any(map(is_product, plan.steps)):
            raise UnsupportedError("matrix products are computed on whole arrays")
        self.front, self.prefix = front, prefix
        self.shifted, self.split = _split(plan)
        self.plan = self.split.plan
        self.helpers = front.texts.helpers
        self.everyone = frozenset(front.names[r.array] for r in plan.results)
        self.names, self.taken = self._names()
        self.steps = {s.array: s for stage in self.split.stages for s in stage.part}
        self.local = {s.array: s for stage in self.split.stages for s in stage.local}
        ranks = [len(p.symbol.shape) for p in plan.parameters if p.array in self.split.axes]
        self.least = min(2, max(ranks))
        self.silent = False
        self.stored = self._stored()
        self.texts = self._texts()
        self.functions = [self._function(k) for k in range(len(self.split.stages))]

    # ---- names ----------------------------------------------------------------------------------

    def _names(self) -> tuple[dict[str, str], set[str]]:
        """An identifier for each array, near the name that its author gave it."""
        front = self.front
        names = {p.array: front.names[p.array] for p in self.plan.parameters}
        names |= {r.array: front.names[r.array] for r in self.plan.results}
        taken = {*front.names.values(), *front.sizes.values(), *RESERVED, *OWN, front.function}
        arrays = [(s.array, s.title) for s in self.plan.steps]
        arrays += [(s.array, "") for s in self.shifted.sampled]
        every = (*self.front.plan.steps, *self.plan.steps)
        titles = {s.array: identifier(s.title) for s in every if s.title}
        for array, title in arrays:
            if array in names:
                continue
            base, _, part = array.partition(" ")
            known = titles[array] if title else titles.get(base, "")
            wish = "_".join(filter(None, (known.lower() or "part", part.replace(" ", "_"))))
            wish = wish if wish.isidentifier() else "part"
            names[array] = _unused(wish, taken)
        return names, taken

    def _texts(self) -> Texts:
        axes = {p.array: axes_of(p) for p in self.plan.parameters}
        axes |= {s.array: s.axes for s in self.plan.steps}
        axes |= {s.array: s.axes for s in self.shifted.sampled}
        return Texts(self.names, self.front.sizes, axes, {}, self.helpers)

    # ---- what outlives a stage ------------------------------------------------------------------

    def _stored(self) -> dict[str, int]:
        """Arrays of the rows that a later stage reads: reductions are kept, others made again."""
        stored = dict[str, int]()
        for number, stage in enumerate(self.split.stages):
            seen, todo = set[str](), [a for s in stage.part for a in loads(s.body)]
            while todo:
                array = todo.pop()
                if array not in self.local or array in seen:
                    continue
                seen.add(array)
                step = self.local[array]
                own = self.split.stage_of[array]
                if own < number and (isinstance(step.body, Reduce) or len(step.axes) < self.least):
                    stored[array] = own
                else:
                    todo += loads(step.body)
        return stored

    def users(self, array: str) -> frozenset[str]:
        """The names of the results that need an array."""
        arrays = {array}
        arrays |= {s.array for s in self.shifted.sampled if array in (s.sums, s.squares)}
        return frozenset(
            self.front.names[r.array]
            for r in self.plan.results
            if arrays & self.plan.needed([r.array])
        )

    # ---- a stage --------------------------------------------------------------------------------

    def _function(self, number: int) -> Function | None:
        """The function of a stage; None when it has nothing to do on the rows."""
        stage = self.split.stages[number]
        if not stage.part:
            return None
        return _Stage(self, number, stage).function()

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

    def whole_arrays(self) -> list[str]:
        whole = [s.array for s in self.plan.steps if s.array not in self.local]
        return whole + [s.array for s in self.shifted.sampled] + list(self.stored)

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


class _Stage:
    """One stage: its values, and the text of its function."""

    def __init__(self, program: Program, number: int, stage: Stage) -> None:
        self.program, self.number, self.stage = program, number, stage
        self.taken = set(program.taken)
        self.blocks = dict[str, str]()
        for p in program.plan.parameters:
            self._cut(p.array)
        for array in program.stored:
            self._cut(array)
        self.results = [r.array for r in program.plan.results if r.array in self._own()]
        self.targets = {a: _unused(f"{program.names[a]}_rows", self.taken) for a in self.results}
        known = {
            array: step
            for array, step in program.local.items()
            if program.split.stage_of[array] <= number
            and not (array in program.stored and program.stored[array] < number)
        }
        texts = self._texts()
        self.block = Block(texts, known, program.shifted.narrow, program.least)
        self.sums = {s.array: _unused(program.names[s.array], self.taken) for s in stage.partial}
        self.statements = Statements(
            self.block,
            tuple(self._roots()),
            program.names,
            self.taken,
            program.everyone,
        )

    def _texts(self) -> Texts:
        """The writer of texts in which arrays of the rows are as long as a block."""
        plain = self.program.texts
        axes = dict(plain.axes)
        for array in (*self.blocks, *self.program.local):
            first, *rest = axes[array]
            axes[array] = (replace(first, high=Affine.name(PART)), *rest)
        sizes = dict(plain.sizes) | {PART: "(stop - start)"}
        return Texts(self.program.names | self.blocks, sizes, axes, {}, plain.helpers)

    def _own(self) -> set[str]:
        return {step.array for step in self.stage.local}

    def _cut(self, array: str) -> None:
        if array in self.program.split.axes:
            self.blocks[array] = _unused(f"{self.program.names[array]}_rows", self.taken)

    def _roots(self) -> Iterator[Root]:
        program = self.program
        for step in self.stage.part:
            users = program.users(step.array)
            if step.array in self.sums:
                assert isinstance(step.body, Reduce)
                value = self.block.of(step)
                yield Root(self.sums[step.array], value, users, MERGES[step.body.kind])
            if step.array in self.results:
                name = program.front.names[step.array]
                value = self.block.array(step.array)
                yield Root(self.targets[step.array], value, frozenset((name,)), "", True)
            if program.stored.get(step.array) == self.number:
                value = self.block.array(step.array)
                yield Root(self.blocks[step.array], value, users, "", False)

    # ---- text -----------------------------------------------------------------------------------

    def function(self) -> Function:
        """The function and how it is called."""
        statements = self.statements
        body = list(self._body())
        program = self.program
        words = set(re.findall(r"\w+", "\n".join(body)))
        given = next(p.array for p in program.plan.parameters if p.array in self.blocks)
        cut = [a for a in self.blocks if self.blocks[a] in words] or [given]
        cut.sort(key=lambda array: array in program.stored)
        cut = cut if cut[0] not in program.stored else [given, *cut]
        whole = self._whole()
        name = f"_{program.prefix}_{self.number + 1}"
        takes = ["wanted", "work", *program.front.sizes.values()]
        takes += [program.names[a] for a in (*cut, *self.results)]
        takes += [program.names[a] for a in whole]
        lines = [
            f"def {name}(",
            *(
                f"    {line}"
                for line in textwrap.wrap(", ".join(["todo", "found", "rows", *takes]), 92)
            ),
            "):",
            *(f"    {line}" for line in [*self._head(), *self._loop(cut, body)]),
        ]
        buffers = sum(len(names) for names in statements.memory.values())
        program.silent |= self.block.silent
        return Function(
            text="\n".join(fitted(lines)),
            name=name,
            cut=tuple(program.names[a] for a in (*cut, *self.results)),
            whole=tuple(program.names[a] for a in whole),
            sums=tuple(
                (program.names[s.array], MERGES[s.body.kind])
                for s in self.stage.partial
                if isinstance(s.body, Reduce)
            ),
            streams=buffers + len(cut) + len(self.results),
            folds=self._folds(cut, whole),
        )

    def _head(self) -> Iterator[str]:
        yield f'"""Stage {self.number + 1} on blocks of `rows` rows, from the lists in `todo`."""'
        for lengths_, names in self.statements.memory.items():
            shape = ", ".join(["rows", *(self._length(at) for at in lengths_[1:])])
            base = self._scratch(lengths_)
            yield f"{base} = numpy.empty(({len(names)}, {shape}), work)"
        yield from conditional(self.statements.before, self.program.everyone)

    def _length(self, at: Affine) -> str:
        """The length of an axis of memory; rows laid side by side are longer than they were."""
        for p in self.program.plan.parameters:
            if p.array not in self.blocks or self.program.split.axes[p.array] != 0:
                continue
            for axis, size in enumerate(p.symbol.shape):
                if axis and size == at:
                    return f"{self.program.names[p.array]}.shape[{axis}]"
        return self.program.texts.size(at)

    def _scratch(self, key: tuple[Affine, ...]) -> str:
        number = list(self.statements.memory).index(key)
        return "scratch" if number == 0 else f"scratch_{number + 1}"

    def _body(self) -> Iterator[str]:
        yield from conditional(self.statements.inside, self.program.everyone)

    def _loop(self, cut: list[str], body: list[str]) -> Iterator[str]:
        lines = list(self._turns(cut, body))
        if self.block.silent:
            yield SILENCE
            lines = [f"    {line}" for line in lines]
        yield from lines

    def _turns(self, cut: list[str], body: list[str]) -> Iterator[str]:
        program = self.program
        yield "for number, first, last in todo:"
        kinds = {s.array: s.body.kind for s in self.stage.partial if isinstance(s.body, Reduce)}
        for array, name in self.sums.items():
            yield f"    {name} = numpy.float64({STARTS[kinds[array]]})"
        yield "    for start in range(first, last, rows):"
        yield "        stop = min(start + rows, last)"
        given = {p.array for p in program.plan.parameters}
        for array in cut:
            cast = ".astype(work, copy=False)" if array in given else ""
            text = f"{self.blocks[array]} = {program.names[array]}[start:stop]{cast}"
            users = frozenset[str]().union(*(program.users(s.array) for s in self.stage.part))
            own = program.users(array) & users
            yield from (f"        {t}" for t in conditional([(own, text)], users))
        for array, target in self.targets.items():
            own = frozenset((program.front.names[array],))
            text = f"{target} = {program.names[array]}[start:stop]"
            lines = conditional([(own, text)], program.everyone)
            yield from (f"        {line}" for line in lines)
        for key, names in self.statements.memory.items():
            comma = "," if len(names) == 1 else ""
            scratch = f"{self._scratch(key)}[:, : stop - start]"
            yield f"        {', '.join(names)}{comma} = {scratch}"
        yield from (f"        {line}" for line in body)
        yield "    found[number] = ("
        yield from (f"        {text}," for text in self._returned())
        yield "    )"

    def _returned(self) -> list[str]:
        texts = []
        for array, name in self.sums.items():
            users = self.program.users(array)
            test = "" if users == self.program.everyone else f" if {condition(users)} else None"
            texts.append(f"{name}{test}")
        return texts

    def _computed(self) -> list[Step]:
        """All steps that the stage computes, those it repeats included."""
        found, todo = dict[str, Step](), list(self.stage.part)
        while todo:
            step = todo.pop()
            if step.array not in found:
                found[step.array] = step
                todo += [self.block.local[a] for a in loads(step.body) if a in self.block.local]
        return list(found.values())

    def _whole(self) -> list[str]:
        """The arrays and numbers of the whole that the stage reads."""
        program = self.program
        read = {array for step in self._computed() for array in loads(step.body)}
        read -= {*self.block.local, *self.blocks}
        every = [*(p.array for p in program.plan.parameters), *program.whole_arrays()]
        return [array for array in every if array in read]

    # ---- rows side by side ----------------------------------------------------------------------

    def _folds(self, cut: list[str], whole: list[str]) -> tuple[int, ...] | None:
        """Which of the whole arrays are repeated, if short rows may be laid side by side.

        They may when every entry is computed from those at its own place in the rest of the axes.
        """
        program, seen = self.program, self._computed()
        shapes = {lengths(s)[1:] for s in seen if isinstance(s.body, Reduce) or s.axes}
        if len(shapes) != 1 or not next(iter(shapes)):
            return None
        (rest,) = shapes
        if any(len(program.texts.axes[a]) != 1 + len(rest) for a in cut):
            return None
        repeated = set[str]()
        for step in seen:
            found = _side_by_side(step, {*self.blocks, *self.block.local})
            if found is None:
                return None
            repeated |= found
        return tuple(k for k, array in enumerate(whole) if array in repeated)


def _side_by_side(step: Step, cut: set[str]) -> set[str] | None:
    """The whole arrays along the first axis after the rows; None where rows cannot be joined."""
    order = step.order
    if isinstance(step.body, Reduce) and [b.name for b in step.bounds] != [order[0]]:
        return None
    ranges = {b.name: b for b in (*step.axes, *step.bounds)}
    if PART not in ranges[order[0]].high.names:
        return None
    repeated = set[str]()
    for part in subentries(step.body):
        if isinstance(part, Place) and any(map(is_label, part.at.names)):
            return None
        if not isinstance(part, Load):
            continue
        labels = tuple(at.single for at in part.at)
        if part.array in cut:
            if labels != order:
                return None
        elif order[1] in labels:
            if labels[0] != order[1] or labels.count(order[1]) > 1:
                return None
            repeated.add(part.array)
        elif any(label is None for label in labels):
            return None
    return repeated


# ---- choices ------------------------------------------------------------------------------------


def _split(plan: Plan) -> tuple[Shifted, Split]:
    """The plan with shifts in one pass where those can be sampled, and split along its rows."""
    first = shifted(plan)
    reasons = list[UnsupportedError]()
    for choice in (first, Shifted(centred(plan), (), first.narrow)):
        try:
            split = split_of(choice.plan)
            _require_rows(split)
            _require_samples(choice, split)
        except UnsupportedError as refusal:
            reasons.append(refusal)
            continue
        return choice, split
    raise reasons[-1]


def _require_rows(split: Split) -> None:
    """Every array is cut along its first axis."""
    if any(split.axes.values()):
        raise UnsupportedError(f"arrays are cut along {split.size}, which is not their first axis")
    for stage in split.stages:
        for step in stage.part:
            ranges = {b.name: b for b in (*step.axes, *step.bounds)}
            cut = [PART in ranges[name].high.names for name in step.order]
            if any(cut[1:]) or not cut[0]:
                raise UnsupportedError(f"{split.size} is not the first axis of every array")


def _require_samples(choice: Shifted, split: Split) -> None:
    """Sampled shifts are numbers of the whole, checked right after the stage that sums them."""
    for shift in choice.sampled:
        stages = [
            number
            for number, stage in enumerate(split.stages)
            if {shift.sums, shift.squares} <= stage.merged
        ]
        plain = all(at.single is not None and is_label(at.single) for at in shift.of.at)
        kept = [at.single for at in shift.of.at if at.single in {a.name for a in shift.axes}]
        if not stages or not plain or kept != [axis.name for axis in shift.axes]:
            raise UnsupportedError("a shift that cannot be sampled")
        if shift.of.array not in {p.array for p in choice.plan.parameters}:
            raise UnsupportedError("a shift of what is computed")


def _unused(wish: str, taken: set[str]) -> str:
    """The wish, or it with a number, that is not taken; it is then."""
    candidate, number = wish, 2
    while candidate in taken:
        candidate, number = f"{wish}_{number}", number + 1
    taken.add(candidate)
    return candidate
