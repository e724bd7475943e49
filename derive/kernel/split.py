"""A plan split along one size: what each part computes alone, what is merged, what follows.

Along the split size, every array is cut into parts of consecutive entries, the same cut for all.
A stage computes numbers of the whole, then on each part arrays of the part and partial
reductions; those, merged over the parts by their kind, are what the next stage starts with.
Blocks of a cache, workers of a cluster and processes of a group are such parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from derive.errors import UnsupportedError, UsageError
from derive.kernel.entries import Entry, Load, Place, Reduce, is_label, loads, subentries
from derive.kernel.plan import Plan, Step
from derive.meaning.terms import Affine, Bound

PART = "@part"
"""The size that stands for the length of one part."""

Axis = tuple[str, str]
"""An axis of an array by number, `("x", "0")`, or a label of a step, `("s1", "@0")`."""


@dataclass(frozen=True)
class Stage:
    """What happens between two merges.

    `whole` steps have no split axis and come first; `local` steps are arrays of one part;
    `partial` steps are reductions over the entries of one part, in the order of computation,
    mixed with the local ones in `part`.
    """

    whole: tuple[Step, ...]
    part: tuple[Step, ...]
    merged: frozenset[str]

    @property
    def local(self) -> tuple[Step, ...]:
        """The steps whose arrays are cut as the arguments are."""
        return tuple(step for step in self.part if step.array not in self.merged)

    @property
    def partial(self) -> tuple[Step, ...]:
        """The reductions that are merged over the parts by their kind: sum, prod, max, min."""
        return tuple(step for step in self.part if step.array in self.merged)


@dataclass(frozen=True)
class Split:
    """A plan in stages along `size`; `axes` tells which axis of an array is cut.

    In the steps of a part, the split axis has the length PART. The last stage merges nothing; it
    may be empty.
    """

    plan: Plan
    size: str
    axes: Mapping[str, int]
    stages: tuple[Stage, ...]

    @cached_property
    def stage_of(self) -> Mapping[str, int]:
        """The number of the stage that computes each array."""
        return {
            step.array: number
            for number, stage in enumerate(self.stages)
            for step in (*stage.whole, *stage.part)
        }


def split_of(plan: Plan, size: str = "") -> Split:
    """The plan split along a size, by default the first axis of an argument that allows it.

    Raises UsageError when the plan has no such size, UnsupportedError when entries along it
    depend on one another in another way than through reductions.
    """
    if size and size not in plan.sizes:
        raise UsageError(f"{size[:40]} is no size", advice=f"One of {', '.join(plan.sizes)}.")
    reasons = list[str]()
    for start in _starts(plan, size):
        try:
            return _Splitting(plan, start).split()
        except UnsupportedError as refusal:
            reasons.append(refusal.message)
    raise UnsupportedError(reasons[0] if reasons else "no argument has an axis to split along")


def _starts(plan: Plan, size: str) -> Iterator[tuple[str, int]]:
    """The axes of the arguments of highest rank, one for each size."""
    rank = max((len(p.symbol.shape) for p in plan.parameters), default=0)
    seen = set[str]()
    for axis in range(rank):
        for p in plan.parameters:
            name = p.symbol.shape[axis].single if len(p.symbol.shape) > axis else None
            full = len(p.symbol.shape) == rank or bool(size)
            if full and name is not None and name not in seen and size in ("", name):
                seen.add(name)
                yield p.array, axis


class _Splitting:
    """Finds every axis that is cut with the first one, and refuses what then crosses parts."""

    def __init__(self, plan: Plan, start: tuple[str, int]) -> None:
        self.plan = plan
        parameter = next(p for p in plan.parameters if p.array == start[0])
        self.size = parameter.symbol.shape[start[1]]
        self.cut = self._closure((start[0], str(start[1])))
        self.axes = {array: int(axis) for array, axis in self.cut if not is_label(axis)}

    def split(self) -> Split:
        """The stages, when the axes in the class allow them."""
        self._require_one_axis()
        ready = dict.fromkeys((p.array for p in self.plan.parameters), 0)
        placed = list[tuple[int, str, Step]]()
        for step in self.plan.steps:
            self._require_local(step)
            own = {name for array, name in self.cut if array == step.array}
            stage = max((ready.get(array, 0) for array in loads(step.body)), default=0)
            if any(axis.name in own for axis in step.axes):
                kind = "local"
            elif any(bound.name in own for bound in step.bounds):
                kind = "partial"
            else:
                kind = "whole"
            ready[step.array] = stage + (kind == "partial")
            placed.append((stage, kind, step))
        assert self.size.single is not None
        stages = tuple(self._stage(k, placed) for k in range(1 + max(ready.values())))
        return Split(self.plan, self.size.single, self.axes, stages)

    def _stage(self, number: int, placed: list[tuple[int, str, Step]]) -> Stage:
        own = [(kind, step) for stage, kind, step in placed if stage == number]
        return Stage(
            tuple(step for kind, step in own if kind == "whole"),
            tuple(self._of_part(step) for kind, step in own if kind != "whole"),
            frozenset(step.array for kind, step in own if kind == "partial"),
        )

    def _of_part(self, step: Step) -> Step:
        """The step with the length of a part along the split axis."""
        own = {name for array, name in self.cut if array == step.array}

        def cut(bounds: tuple[Bound, ...]) -> tuple[Bound, ...]:
            part = Affine.name(PART)
            return tuple(replace(b, high=part) if b.name in own else b for b in bounds)

        body = step.body
        if isinstance(body, Reduce):
            body = replace(body, bounds=cut(body.bounds))
        return replace(step, axes=cut(step.axes), body=body)

    # ---- the axes that are cut ------------------------------------------------------------------

    def _closure(self, start: Axis) -> set[Axis]:
        links: dict[Axis, set[Axis]] = {}
        for step in self.plan.steps:
            for number, axis in enumerate(step.axes):
                _link(links, (step.array, str(number)), (step.array, axis.name))
            for load in _loads(step.body):
                for number, at in enumerate(load.at):
                    label = at.single
                    if label is not None and is_label(label):
                        _link(links, (load.array, str(number)), (step.array, label))
        found, todo = {start}, [start]
        while todo:
            for other in links.get(todo.pop(), set()) - found:
                found.add(other)
                todo.append(other)
        return found

    # ---- refusals -------------------------------------------------------------------------------

    def _require_one_axis(self) -> None:
        arrays = [array for array, axis in self.cut if not is_label(axis)]
        if len(set(arrays)) < len(arrays):
            raise UnsupportedError(f"entries along {self.size} depend on one another in pairs")
        for p in self.plan.parameters:
            axis = self.axes.get(p.array)
            if axis is not None and p.symbol.shape[axis] != self.size:
                raise UnsupportedError(f"an axis cut with {self.size} has another length")

    def _require_local(self, step: Step) -> None:
        own = {name for array, name in self.cut if array == step.array and is_label(name)}
        if len(own) > 1:
            raise UnsupportedError(f"entries along {self.size} depend on one another in pairs")
        for bound in (*step.axes, *step.bounds):
            full = bound.low == Affine.number(1) and bound.high == self.size
            if bound.name in own and not full:
                raise UnsupportedError(f"a part of the range 1 … {self.size} is computed")
            if (bound.low.names | bound.high.names) & own:
                raise UnsupportedError(f"a range depends on the position along {self.size}")
        for part in subentries(step.body):
            if isinstance(part, Place) and part.at.names & own:
                raise UnsupportedError(f"the position along {self.size} is used as a number")
            if isinstance(part, Load):
                self._require_aligned(part, own)

    def _require_aligned(self, load: Load, own: set[str]) -> None:
        """A load reads the entry of its own position along the split axis, and no other way."""
        for number, at in enumerate(load.at):
            cut = self.axes.get(load.array) == number
            aligned = at.single is not None and at.single in own
            if cut != aligned or (not aligned and at.names & own):
                raise UnsupportedError(f"entries at other positions along {self.size} are read")


def _link(links: dict[Axis, set[Axis]], one: Axis, other: Axis) -> None:
    links.setdefault(one, set()).add(other)
    links.setdefault(other, set()).add(one)


def _loads(entry: Entry) -> Iterator[Load]:
    return (part for part in subentries(entry) if isinstance(part, Load))
