"""A plan as nests of loops: which steps share a loop, which arrays are never stored.

Steps that run over the same range are fused as far as what they read allows: a step may stand in
the loop of one that it reads when it reads exactly the entry of the same turn. What is cheap is
computed again where it is used, so that no array of full size is stored between two loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from derive.kernel.entries import Apply, Entry, Load, Pow, Reduce, placed, subentries
from derive.kernel.plan import Plan, Step
from derive.kernel.steps import Shift, Shifted
from derive.meaning.terms import Affine

Places = Mapping[str, Affine]
"""The position that each label of a step has, over variables of loops that count from 0."""


@dataclass(frozen=True)
class Compute:
    """One turn of a step: an entry is set, or one term is added to a reduction."""

    step: Step
    places: Places


@dataclass(frozen=True)
class Loop:
    """The positions low … high, counted by `var` from 0."""

    var: str
    low: Affine
    high: Affine
    body: tuple[Node, ...]

    @property
    def length(self) -> Affine:
        """How many turns it makes (none when negative)."""
        return self.high - self.low + 1


Node = Loop | Compute


@dataclass(frozen=True)
class Nest:
    """The loops of a plan in order; `virtual` steps are computed wherever they are read.

    `sampled` and `narrow` are those of `Shifted`.
    """

    plan: Plan
    nodes: tuple[Node, ...]
    virtual: Mapping[str, Step]
    sampled: tuple[Shift, ...]
    narrow: frozenset[str]


def nest_of(shifted: Shifted) -> Nest:
    """The fused loops that compute a plan."""
    plan = shifted.plan
    virtual = virtual_steps(plan)
    steps = [step for step in plan.steps if step.array not in virtual]
    fusing = _Fusing(virtual)
    items = [_Item(step, _order(step), {}) for step in steps]
    nodes = fusing.level(items)
    return Nest(plan, nodes, virtual, shifted.sampled, shifted.narrow)


def _order(step: Step) -> tuple[str, ...]:
    """The labels of a step, outermost first.

    A product of matrices runs over a row of the result outside, so that threads share rows, and
    over what lies side by side inside.
    """
    if step.kind != "contraction" or not step.axes:
        return step.order
    own = tuple(axis.name for axis in step.axes)
    bound = tuple(b.name for b in step.bounds)
    lasts = {part.at[-1].single for part in subentries(step.body) if isinstance(part, Load)}
    return own + bound if lasts <= set(bound) else own[:1] + bound + own[1:]


# ---- what is not stored -------------------------------------------------------------------------


def virtual_steps(plan: Plan) -> dict[str, Step]:
    """Cheap element-wise steps, no results, that every reader runs over all axes of."""
    results = {result.array for result in plan.results}
    readers: dict[str, set[int]] = {}
    for step in plan.steps:
        for part in subentries(step.body):
            if isinstance(part, Load):
                readers.setdefault(part.array, set()).add(len(step.order))
    return {
        step.array: step
        for step in plan.steps
        if step.array not in results
        and step.axes
        and not isinstance(step.body, Reduce)
        and _is_cheap(step.body)
        and readers.get(step.array) == {len(step.axes)}
    }


def _is_cheap(entry: Entry) -> bool:
    """Whether it takes a few additions and multiplications."""
    costly = (
        isinstance(part, Apply)
        or (isinstance(part, Pow) and not (part.exponent.denominator == 1 and part.exponent > 0))
        for part in subentries(entry)
    )
    return not any(costly)


def opened(load: Load, virtual: Mapping[str, Step]) -> Entry:
    """The body of a virtual step at the position of a load."""
    step = virtual[load.array]
    return placed(step.body, dict(zip((b.name for b in step.axes), load.at, strict=True)))


def reads(entry: Entry, virtual: Mapping[str, Step]) -> Iterator[Load]:
    """What an entry loads, through steps that are not stored."""
    for part in subentries(entry):
        if isinstance(part, Load):
            if part.array in virtual:
                yield from reads(opened(part, virtual), virtual)
            else:
                yield part


# ---- fusion -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Item:
    """A step whose labels in `left` are not yet in a loop."""

    step: Step
    left: tuple[str, ...]
    places: Places

    @property
    def range(self) -> tuple[Affine, Affine] | None:
        """The range of its next loop; None when it is inside all its loops."""
        if not self.left:
            return None
        bounds = {b.name: b for b in (*self.step.axes, *self.step.bounds)}
        return bounds[self.left[0]].low, bounds[self.left[0]].high

    def inside(self, var: str) -> _Item:
        """The item with its next label counted by a loop."""
        low, _ = self.range or (Affine(), Affine())
        places = {**self.places, self.left[0]: Affine.name(var) + low}
        return replace(self, left=self.left[1:], places=places)


@dataclass
class _Group:
    """The items of one loop, or one item inside all its loops."""

    range: tuple[Affine, Affine] | None
    items: list[_Item]


@dataclass
class _Fusing:
    virtual: Mapping[str, Step]
    _vars: Iterator[int] = field(default_factory=count)

    def level(self, items: list[_Item]) -> tuple[Node, ...]:
        """The nodes of one level, in which every item stands as early as it can."""
        groups, homes = list[_Group](), dict[str, tuple[int, _Item]]()
        for item in items:
            start = self._earliest(item, groups, homes)
            wanted = item.range
            at = next(
                (
                    k
                    for k in range(start, len(groups))
                    if wanted is not None and groups[k].range == wanted
                ),
                len(groups),
            )
            if at == len(groups):
                groups.append(_Group(wanted, []))
            groups[at].items.append(item)
            homes[item.step.array] = at, item
        return tuple(self._node(group) for group in groups)

    def _node(self, group: _Group) -> Node:
        if group.range is None:
            (item,) = group.items
            return Compute(item.step, item.places)
        var = f"@i{next(self._vars)}"
        low, high = group.range
        return Loop(var, low, high, self.level([item.inside(var) for item in group.items]))

    def _earliest(
        self, item: _Item, groups: list[_Group], homes: Mapping[str, tuple[int, _Item]]
    ) -> int:
        """The first group that an item may join, given where what it reads is computed."""
        earliest = 0
        for load in reads(item.step.body, self.virtual):
            if load.array not in homes:
                continue
            at, source = homes[load.array]
            aligned = groups[at].range == item.range and _aligned(item, load, source)
            earliest = max(earliest, at if aligned else at + 1)
        return earliest


def _aligned(item: _Item, load: Load, source: _Item) -> bool:
    """Whether a turn of the loop reads only what the same turn of it has finished."""
    if not item.left or not source.left:
        return False
    for axis, place in zip(source.step.axes, load.at, strict=True):
        if axis.name == source.left[0]:
            return place.single == item.left[0]
    return False


# ---- walks --------------------------------------------------------------------------------------


def paths(nodes: Iterable[Node], above: tuple[Loop, ...] = ()) -> Iterator[tuple[Compute, Path]]:
    """Every turn of a step with the loops around it, outermost first."""
    for node in nodes:
        if isinstance(node, Loop):
            yield from paths(node.body, (*above, node))
        else:
            yield node, above


Path = tuple[Loop, ...]


def outside_of(compute: Compute, path: Path) -> Path:
    """The loops around the first loop that a step reduces over; all, when it reduces over none."""
    bound = {n for b in compute.step.bounds for n in compute.places[b.name].names}
    at = next((k for k, loop in enumerate(path) if loop.var in bound), len(path))
    return path[:at]
