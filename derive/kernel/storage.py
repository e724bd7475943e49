"""Where the arrays of a nest live: for the whole call, for a turn of some loops, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from derive.kernel.dialect import Kind
from derive.kernel.entries import ZERO, Load, Reduce, subentries
from derive.kernel.loops import Compute, Nest, Path, outside_of, paths, reads
from derive.kernel.plan import Plan, Step
from derive.kernel.steps import Shift


@dataclass(frozen=True)
class Home:
    """Where a stored array lives.

    It is made and read inside the loops of `path`, turn by turn, so only the other `axes` (by
    number) are stored. `made` are the loops in which it is finished. `hot` steps have full rank;
    `rounded` says that those read a copy in the working type. `narrow` is in the working type.
    """

    step: Step
    path: Path
    made: Path
    axes: tuple[int, ...]
    hot: bool
    rounded: bool
    result: bool
    narrow: bool = False

    @property
    def kind(self) -> Kind:
        """The type in which it is stored."""
        return "real" if self.hot or self.narrow else "wide"

    @property
    def reduced(self) -> bool:
        """Whether it is a reduction."""
        return isinstance(self.step.body, Reduce)

    @property
    def moved(self) -> bool:
        """Whether a finished reduction is stored elsewhere than where it was added up."""
        return self.result or len(self.path) != len(self.made)


def homes(nest: Nest) -> dict[str, Home]:
    """The home of each array of a nest."""
    made = {c.step.array: (c, outside_of(c, path)) for c, path in paths(nest.nodes)}
    living = {array: path for array, (_, path) in made.items()}
    for compute, path in paths(nest.nodes):
        for load in reads(compute.step.body, nest.virtual):
            if load.array in living:
                living[load.array] = _common(living[load.array], path)
    results = {result.array for result in nest.plan.results}
    hot = _hot(nest.plan)
    wide = _read_in_full(nest.plan, hot)
    found = {}
    for array, (compute, path) in made.items():
        own = () if array in results else living[array]
        cold = array not in hot
        found[array] = Home(
            step=compute.step,
            path=own,
            made=path,
            axes=stored_axes(compute, own),
            hot=not cold,
            rounded=cold and not own and array in wide and array not in nest.narrow,
            result=array in results,
            narrow=array in nest.narrow,
        )
    return found | {shift.array: _sampled(shift) for shift in nest.sampled}


def _sampled(shift: Shift) -> Home:
    """The home of a shift that is found before the first pass."""
    step = Step(shift.array, shift.axes, ZERO)
    return Home(step, (), (), tuple(range(len(shift.axes))), False, False, False, True)


def stored_axes(compute: Compute, path: Path) -> tuple[int, ...]:
    """The axes of a step, by number, that no loop of a path counts."""
    counted = {loop.var for loop in path}
    axes = enumerate(compute.step.axes)
    return tuple(k for k, axis in axes if not counted & compute.places[axis.name].names)


def _hot(plan: Plan) -> set[str]:
    """The steps that run over two labels or more, or over as many as any."""
    most = max(len(step.order) for step in plan.steps)
    return {step.array for step in plan.steps if len(step.order) >= min(2, most)}


def _read_in_full(plan: Plan, hot: set[str]) -> set[str]:
    """The arrays that steps of full rank read."""
    parts = (part for step in plan.steps if step.array in hot for part in subentries(step.body))
    return {part.array for part in parts if isinstance(part, Load)}


def _common(one: Path, other: Path) -> Path:
    shared = 0
    while shared < min(len(one), len(other)) and one[shared].var == other[shared].var:
        shared += 1
    return one[:shared]
