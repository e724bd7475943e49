"""A stage of a plan as a function that runs over blocks of rows."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace

from derive.kernel.block_values import lengths
from derive.kernel.blocks import Block
from derive.kernel.blocks_frame import Frame, unused
from derive.kernel.blocks_text import Root, Statements, condition, conditional, fitted
from derive.kernel.entries import Load, Place, Reduce, is_label, loads, subentries
from derive.kernel.numpy_text import Texts
from derive.kernel.plan import Step
from derive.kernel.split import PART, Stage
from derive.meaning.terms import Affine

MERGES = {"sum": "numpy.add", "prod": "numpy.multiply"} | {
    "max": "numpy.maximum",
    "min": "numpy.minimum",
}
STARTS = {"sum": "0.0", "prod": "1.0", "max": "-numpy.inf", "min": "numpy.inf"}
SILENCE = 'with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):'


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


class StageText:
    """One stage: its values, and the text of its function."""

    def __init__(self, frame: Frame, number: int, stage: Stage) -> None:
        self.frame, self.number, self.stage = frame, number, stage
        self.taken = set(frame.taken)
        self.blocks = dict[str, str]()
        for p in frame.plan.parameters:
            self._cut(p.array)
        for array in frame.stored:
            self._cut(array)
        self.results = [r.array for r in frame.plan.results if r.array in self._own()]
        self.targets = {a: unused(f"{frame.names[a]}_rows", self.taken) for a in self.results}
        known = {
            array: step
            for array, step in frame.local.items()
            if frame.split.stage_of[array] <= number
            and not (array in frame.stored and frame.stored[array] < number)
        }
        texts = self._texts()
        self.block = Block(texts, known, frame.shifted.narrow, frame.least)
        self.sums = {s.array: unused(frame.names[s.array], self.taken) for s in stage.partial}
        self.statements = Statements(
            self.block,
            tuple(self._roots()),
            frame.names,
            self.taken,
            frame.everyone,
        )

    def _texts(self) -> Texts:
        """The writer of texts in which arrays of the rows are as long as a block."""
        plain = self.frame.texts
        axes = dict(plain.axes)
        for array in (*self.blocks, *self.frame.local):
            first, *rest = axes[array]
            axes[array] = (replace(first, high=Affine.name(PART)), *rest)
        sizes = dict(plain.sizes) | {PART: "(stop - start)"}
        return Texts(self.frame.names | self.blocks, sizes, axes, {}, plain.helpers)

    def _own(self) -> set[str]:
        return {step.array for step in self.stage.local}

    def _cut(self, array: str) -> None:
        if array in self.frame.split.axes:
            self.blocks[array] = unused(f"{self.frame.names[array]}_rows", self.taken)

    def _roots(self) -> Iterator[Root]:
        frame = self.frame
        for step in self.stage.part:
            users = frame.users(step.array)
            if step.array in self.sums:
                assert isinstance(step.body, Reduce)
                value = self.block.of(step)
                yield Root(self.sums[step.array], value, users, MERGES[step.body.kind])
            if step.array in self.results:
                name = frame.front.names[step.array]
                value = self.block.array(step.array)
                yield Root(self.targets[step.array], value, frozenset((name,)), "", True)
            if frame.stored.get(step.array) == self.number:
                value = self.block.array(step.array)
                yield Root(self.blocks[step.array], value, users, "", False)

    # ---- text -----------------------------------------------------------------------------------

    def function(self) -> Function:
        """The function and how it is called."""
        statements = self.statements
        body = list(self._body())
        frame = self.frame
        words = set(re.findall(r"\w+", "\n".join(body)))
        given = next(p.array for p in frame.plan.parameters if p.array in self.blocks)
        cut = [a for a in self.blocks if self.blocks[a] in words] or [given]
        cut.sort(key=lambda array: array in frame.stored)
        cut = cut if cut[0] not in frame.stored else [given, *cut]
        whole = self._whole()
        name = f"_{frame.prefix}_{self.number + 1}"
        takes = ["wanted", "work", *frame.front.sizes.values()]
        takes += [frame.names[a] for a in (*cut, *self.results)]
        takes += [frame.names[a] for a in whole]
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
        return Function(
            text="\n".join(fitted(lines)),
            name=name,
            cut=tuple(frame.names[a] for a in (*cut, *self.results)),
            whole=tuple(frame.names[a] for a in whole),
            sums=tuple(
                (frame.names[s.array], MERGES[s.body.kind])
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
        yield from conditional(self.statements.before, self.frame.everyone)

    def _length(self, at: Affine) -> str:
        """The length of an axis of memory; rows laid side by side are longer than they were."""
        for p in self.frame.plan.parameters:
            if p.array not in self.blocks or self.frame.split.axes[p.array] != 0:
                continue
            for axis, size in enumerate(p.symbol.shape):
                if axis and size == at:
                    return f"{self.frame.names[p.array]}.shape[{axis}]"
        return self.frame.texts.size(at)

    def _scratch(self, key: tuple[Affine, ...]) -> str:
        number = list(self.statements.memory).index(key)
        return "scratch" if number == 0 else f"scratch_{number + 1}"

    def _body(self) -> Iterator[str]:
        yield from conditional(self.statements.inside, self.frame.everyone)

    def _loop(self, cut: list[str], body: list[str]) -> Iterator[str]:
        lines = list(self._turns(cut, body))
        if self.block.silent:
            yield SILENCE
            lines = [f"    {line}" for line in lines]
        yield from lines

    def _turns(self, cut: list[str], body: list[str]) -> Iterator[str]:
        frame = self.frame
        yield "for number, first, last in todo:"
        kinds = {s.array: s.body.kind for s in self.stage.partial if isinstance(s.body, Reduce)}
        for array, name in self.sums.items():
            yield f"    {name} = numpy.float64({STARTS[kinds[array]]})"
        yield "    for start in range(first, last, rows):"
        yield "        stop = min(start + rows, last)"
        given = {p.array for p in frame.plan.parameters}
        for array in cut:
            cast = ".astype(work, copy=False)" if array in given else ""
            text = f"{self.blocks[array]} = {frame.names[array]}[start:stop]{cast}"
            users = frozenset[str]().union(*(frame.users(s.array) for s in self.stage.part))
            own = frame.users(array) & users
            yield from (f"        {t}" for t in conditional([(own, text)], users))
        for array, target in self.targets.items():
            own = frozenset((frame.front.names[array],))
            text = f"{target} = {frame.names[array]}[start:stop]"
            lines = conditional([(own, text)], frame.everyone)
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
            users = self.frame.users(array)
            test = "" if users == self.frame.everyone else f" if {condition(users)} else None"
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
        frame = self.frame
        read = {array for step in self._computed() for array in loads(step.body)}
        read -= {*self.block.local, *self.blocks}
        every = [*(p.array for p in frame.plan.parameters), *frame.whole_arrays()]
        return [array for array in every if array in read]

    # ---- rows side by side ----------------------------------------------------------------------

    def _folds(self, cut: list[str], whole: list[str]) -> tuple[int, ...] | None:
        """Which of the whole arrays are repeated, if short rows may be laid side by side.

        They may when every entry is computed from those at its own place in the rest of the axes.
        """
        frame, seen = self.frame, self._computed()
        shapes = {lengths(s)[1:] for s in seen if isinstance(s.body, Reduce) or s.axes}
        if len(shapes) != 1 or not next(iter(shapes)):
            return None
        (rest,) = shapes
        if any(len(frame.texts.axes[a]) != 1 + len(rest) for a in cut):
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
