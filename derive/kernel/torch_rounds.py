"""A split plan as rounds: what each process computes alone before results are merged."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from derive.errors import UnsupportedError
from derive.kernel.entries import Reduce, loads, subentries
from derive.kernel.plan import Parameter, Plan, Step
from derive.kernel.split import Split, split_of


@dataclass(frozen=True)
class Round:
    """Steps in order of computation; `merged` are those whose results the processes merge."""

    steps: tuple[Step, ...]
    merged: tuple[Step, ...]


@dataclass(frozen=True)
class Shared:
    """A plan whose rows are shared among processes.

    In the steps of `plan` the split axis has the length of a part, and every reduction in
    `partial` has a title, so that it is an array of its own.
    """

    plan: Plan
    size: str
    axes: dict[str, int]
    partial: frozenset[str]

    def rounds(self, wanted: Iterable[str], known: Collection[str] = ()) -> tuple[Round, ...]:
        """The rounds that compute arrays from the arguments and from known arrays."""
        ready = dict.fromkeys(known, 0)
        placed = list[tuple[int, Step]]()
        needed = self._needed(set(wanted), known)
        for step in self.plan.steps:
            if step.array in needed and step.array not in known:
                number = max((ready.get(array, 0) for array in loads(step.body)), default=0)
                ready[step.array] = number + (step.array in self.partial)
                placed.append((number, step))
        last = max((number for number, _ in placed), default=0)
        return tuple(self._round([s for n, s in placed if n == k]) for k in range(last + 1))

    def _round(self, steps: list[Step]) -> Round:
        return Round(tuple(steps), tuple(s for s in steps if s.array in self.partial))

    def _needed(self, found: set[str], known: Collection[str]) -> set[str]:
        for step in reversed(self.plan.steps):
            if step.array in found and step.array not in known:
                found |= loads(step.body)
        return found

    def kept(self, forward: Iterable[str], backward: Iterable[str]) -> list[Step]:
        """The merged results of the forward pass that the gradients need as well."""
        both = self._needed(set(forward), ()) & self._needed(set(backward), ())
        return [s for s in self.plan.steps if s.array in self.partial & both]


def shared(plan: Plan) -> Shared:
    """The plan with its rows shared among processes.

    Raises UnsupportedError when rows depend on one another in another way than through
    reductions, or when an argument or an assumption has the rows of all processes at once.
    """
    split = split_of(plan)
    for parameter in plan.parameters:
        _require_known(parameter, split)
    for check in plan.checks:
        for step in check.steps:
            inner = (b for e in subentries(step.body) if isinstance(e, Reduce) for b in e.bounds)
            if any(split.size in (b.high.names | b.low.names) for b in inner):
                raise UnsupportedError(f"an assumption adds up entries along {split.size}")
    steps = {s.array: s for stage in split.stages for s in (*stage.whole, *stage.part)}
    partial = frozenset(array for stage in split.stages for array in stage.merged)
    titled = dict[str, str]()
    for step in plan.steps:
        if step.array in partial and isinstance(step.body, Reduce):
            titled[step.array] = step.title or f"{step.body.kind}_{len(titled) + 1}"
    named = (replace(s, title=titled.get(s.array, s.title)) for s in plan.steps)
    cut = tuple(replace(steps[s.array], title=s.title) for s in named)
    return Shared(replace(plan, steps=cut), split.size, dict(split.axes), partial)


def _require_known(parameter: Parameter, split: Split) -> None:
    cut = split.axes.get(parameter.array)
    for axis, size in enumerate(parameter.symbol.shape):
        if axis != cut and split.size in size.names:
            raise UnsupportedError(f"an argument has the {split.size} rows of all processes")
