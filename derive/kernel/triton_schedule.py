"""A plan as sweeps over tiles: which steps share a kernel, and in which order kernels run.

A *space* is a pair of label ranges: rows, and what lies inside one row. A reduction lives in the
space (its axes, its bounds); an array with all of these labels can be written in the same sweep.
Reductions and what follows from them in one space form a *cluster*: one kernel when a row fits
into a block, else partial sums, their merge, and the next level. Element-wise steps are never
stored between kernels, only computed again: a GPU waits for its memory, not for multiplications.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from derive.errors import UnsupportedError
from derive.kernel.entries import (
    Entry,
    Load,
    Reduce,
    is_label,
    loads,
    moved_to,
    placed,
    rebuild,
    subentries,
)
from derive.kernel.plan import Step
from derive.kernel.triton_products import Products
from derive.meaning.terms import Affine, Bound

Role = Literal["sum", "row", "full"]
"""A reduction over a row, an array with one entry a row, an array with every entry of a row."""

Range = tuple[Affine, Affine]


@dataclass(frozen=True)
class Space:
    """Ranges of the row labels `@p0`, `@p1`, … and of the labels inside a row, `@q0`, …"""

    rows: tuple[Range, ...]
    inner: tuple[Range, ...]

    def bounds(self, letter: Literal["p", "q"]) -> tuple[Bound, ...]:
        """The labels of one side with their ranges."""
        ranges = self.rows if letter == "p" else self.inner
        return tuple(Bound(f"@{letter}{k}", low, high) for k, (low, high) in enumerate(ranges))

    @property
    def ranges(self) -> Mapping[str, Bound]:
        """All labels with their ranges."""
        return {bound.name: bound for bound in (*self.bounds("p"), *self.bounds("q"))}


@dataclass(frozen=True)
class Task:
    """A step with the labels of a space; `level` counts the reductions of its cluster before it."""

    step: Step
    role: Role
    level: int = 0


@dataclass
class Cluster:
    """Tasks of one space, none of which waits for a kernel that waits for another of them."""

    space: Space
    stage: int
    tasks: list[Task] = field(default_factory=list)

    @property
    def sums(self) -> list[Task]:
        """The reductions."""
        return [task for task in self.tasks if task.role == "sum"]

    @property
    def levels(self) -> int:
        """How many sweeps of reductions follow one another."""
        return max((task.level + 1 for task in self.sums), default=0)

    @property
    def fusible(self) -> bool:
        """Whether one kernel would spare a second sweep over the same entries."""
        late = any(task.role == "full" and task.level for task in self.tasks)
        return self.levels > 1 or late


@dataclass(frozen=True)
class Product:
    """A contraction, left to the matrix product of the back end."""

    step: Step
    stage: int


@dataclass(frozen=True)
class Schedule:
    """Clusters and products in the order of computation.

    `virtual` steps are computed wherever they are read; the arrays in `kept` are read by other
    kernels than their own.
    """

    units: tuple[Cluster | Product, ...]
    virtual: Mapping[str, Step]
    kept: frozenset[str]
    reads: tuple[frozenset[str], ...]
    """What each unit reads from memory."""

    def users(self, number: int) -> frozenset[str]:
        """The arrays of a unit, and those of all that waits for it."""
        found = {step.array for step in steps_of(self.units[number])}
        for later, read in list(zip(self.units, self.reads, strict=True))[number + 1 :]:
            if found & read:
                found |= {step.array for step in steps_of(later)}
        return frozenset(found)


def steps_of(unit: Cluster | Product) -> tuple[Step, ...]:
    """The steps of a unit."""
    return (unit.step,) if isinstance(unit, Product) else tuple(task.step for task in unit.tasks)


def schedule_of(products: Products) -> Schedule:
    """The kernels and products that compute a plan.

    Raises UnsupportedError for a range that depends on a position.
    """
    for step in products.plan.steps:
        for bound in (*step.axes, *step.bounds):
            if any(is_label(name) for name in bound.low.names | bound.high.names):
                raise UnsupportedError("a range that depends on a position has no Triton kernel")
    return _Scheduling(products).schedule()


class _Scheduling:
    def __init__(self, products: Products) -> None:
        self.plan, self.operands = products.plan, products.operands
        self.contractions = products.contractions
        self.virtual = {s.array: s for s in self.plan.steps if not isinstance(s.body, Reduce)}
        self.results = {result.array for result in self.plan.results}
        self.stages = dict[str, int]()
        self.homes = dict[str, Cluster]()
        self.units = list[Cluster | Product]()

    def schedule(self) -> Schedule:
        """Reductions and what products read first, then what else is wanted."""
        steps = self.plan.steps
        for step in steps:
            if step.array in self.contractions:
                waits = (self.stages[a] + 1 for a in loads(step.body) & self.stages.keys())
                ready = max(waits, default=0)
                self.units.append(Product(step, ready))
                self.stages[step.array] = ready
            elif isinstance(step.body, Reduce) or step.array in self.operands:
                self._place(step)
        for step in steps:
            if step.array in self.results and step.array not in self.stages:
                self._place(step)
        self._join()
        units = tuple(sorted(self.units, key=lambda unit: unit.stage))
        reads = tuple(frozenset(self._read(unit)) for unit in units)
        return Schedule(units, self.virtual, frozenset(self._kept()), reads)

    def _join(self) -> None:
        """Move a cluster into a later one of its space, where nobody waits for it before that."""
        clusters = [unit for unit in self.units if isinstance(unit, Cluster)]
        for early in sorted(clusters, key=lambda unit: -unit.stage):
            own = {task.step.array for task in early.tasks}
            readers = [u.stage for u in self.units if u is not early and own & self._read(u)]
            later = (
                unit
                for unit in self.units
                if isinstance(unit, Cluster)
                and unit.space == early.space
                and early.stage < unit.stage < min(readers, default=unit.stage + 1)
            )
            home = next(later, None)
            if home is None:
                continue
            home.tasks += early.tasks
            self.homes |= dict.fromkeys(own, home)
            self.units.remove(early)

    def _read(self, unit: Cluster | Product) -> set[str]:
        """The stored arrays that a unit reads."""
        if isinstance(unit, Product):
            return set(loads(unit.step.body))
        return {load.array for task in unit.tasks for load in self.reads(task.step.body)}

    def _kept(self) -> Iterator[str]:
        """Reductions that a kernel outside their cluster reads, or that are results."""
        yield from self.results
        for unit in self.units:
            yield from (a for a in self._read(unit) if self.homes.get(a) is not unit)

    def reads(self, entry: Entry) -> Iterator[Load]:
        """What an entry reads from memory, through the steps that are not stored."""
        for part in subentries(entry):
            if not isinstance(part, Load):
                continue
            if part.array in self.virtual:
                yield from self.reads(opened(part, self.virtual))
            else:
                yield part

    # ---- clusters -------------------------------------------------------------------------------

    def _place(self, step: Step) -> None:
        """Put a step into the cluster where it waits least, or into a new one."""
        found = [self._option(*option) for option in self._options(step)]
        stage, _, space, task = min(found, key=lambda option: option[:2])
        cluster = self._cluster(space, stage)
        if cluster is None:
            cluster = Cluster(space, stage)
            self.units.append(cluster)
        cluster.tasks.append(task)
        self.homes[step.array] = cluster
        self.stages[step.array] = stage

    def _cluster(self, space: Space, stage: int) -> Cluster | None:
        for unit in self.units:
            if isinstance(unit, Cluster) and (unit.space, unit.stage) == (space, stage):
                return unit
        return None

    def _options(self, step: Step) -> Iterator[tuple[Space, Step, Role]]:
        """The spaces a step can live in, with its labels renamed to theirs."""
        if isinstance(step.body, Reduce):
            space = Space(_ranges(step.axes), _ranges(step.bounds))
            yield space, _relabelled(step, space, "pq"), "sum"
            return
        own = _ranges(step.axes)
        spaces = [u.space for u in self.units if isinstance(u, Cluster) and u.sums]
        for space in dict.fromkeys(spaces):
            if own == space.rows:
                yield space, _relabelled(step, space, "p"), "row"
            if own == space.rows + space.inner:
                yield space, _relabelled(step, space, "pq"), "full"
            if own == space.inner + space.rows and space.rows:
                yield space, _relabelled(step, space, "qp"), "full"
        alone = Space(own[:-1], own[-1:])
        yield alone, _relabelled(step, alone, "pq"), "full"

    def _option(self, space: Space, step: Step, role: Role) -> tuple[int, bool, Space, Task]:
        """The stage at which a task can run in a space, and whether it would run there alone."""
        aligned = tuple(Affine.name(bound.name) for bound in space.bounds("p"))
        stage, level = 0, 0
        for load in self.reads(step.body):
            if load.array not in self.stages:
                continue
            home, before = self.homes.get(load.array), self.stages[load.array]
            with_it = home is not None and home.space == space and load.at == aligned
            stage = max(stage, before if with_it else before + 1)
        home = self._cluster(space, stage)
        inside = {task.step.array: task for task in home.sums} if home else {}
        for load in self.reads(step.body):
            if load.array in inside:
                level = max(level, inside[load.array].level + 1)
        alone = home is None or not home.sums
        return stage, alone, space, Task(step, role, level)


def _ranges(bounds: tuple[Bound, ...]) -> tuple[Range, ...]:
    return tuple((bound.low, bound.high) for bound in bounds)


def _relabelled(step: Step, space: Space, order: str) -> Step:
    """A step with the labels of a space, in the order of its sides."""
    sides = {"p": space.bounds("p"), "q": space.bounds("q")}
    names = [bound for letter in order for bound in sides[letter]]
    old = [*step.axes, *step.bounds]
    at = {o.name: Affine.name(n.name) for o, n in zip(old, names, strict=True)}
    axes = tuple(names[: len(step.axes)])
    body = step.body
    if isinstance(body, Reduce):
        moved = rebuild(body, lambda part: placed(part, at))
        assert isinstance(moved, Reduce)
        return replace(step, axes=axes, body=replace(moved, bounds=tuple(names[len(axes) :])))
    return replace(step, axes=axes, body=placed(body, at))


def opened(load: Load, virtual: Mapping[str, Step]) -> Entry:
    """The body of a virtual step at the position of a load."""
    step = virtual[load.array]
    return placed(step.body, dict(zip((b.name for b in step.axes), load.at, strict=True)))


def from_zero(at: Affine, ranges: Mapping[str, Bound]) -> Affine:
    """A position over labels that count from 0."""
    return moved_to(at, {name: Affine.name(name) + b.low for name, b in ranges.items()})
