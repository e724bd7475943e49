"""Plans whose columns are independent: some at a time are computed while they stay in a cache."""

from __future__ import annotations

from derive.errors import UnsupportedError
from derive.kernel.entries import Reduce, sizes_in
from derive.kernel.plan import Plan
from derive.kernel.split import Split, split_of


def separable(plan: Plan) -> Split | None:
    """The plan split along its last axis, when no column depends on another and sums run down."""
    rank = max((len(p.symbol.shape) for p in plan.parameters), default=0)
    full = [p for p in plan.parameters if len(p.symbol.shape) == rank]
    size = full[0].symbol.shape[-1].single if rank > 1 else None
    if size is None or not any(isinstance(step.body, Reduce) for step in plan.steps):
        return None
    try:
        split = split_of(plan, size)
    except UnsupportedError:
        return None
    stage, *more = split.stages
    last = all(split.axes.get(p.array) == rank - 1 for p in full)
    cut = all(result.array in split.axes for result in plan.results)
    if more or stage.merged or not last or not cut or _reads_size(plan, split):
        return None
    return split


def _reads_size(plan: Plan, split: Split) -> bool:
    """Whether the length of the whole axis is a number or the length of another axis."""
    steps = [step for stage in split.stages for step in (*stage.whole, *stage.part)]
    ranges = (at for step in steps for b in step.axes for at in (b.low, b.high))
    shapes = (
        length
        for p in plan.parameters
        for axis, length in enumerate(p.symbol.shape)
        if split.axes.get(p.array) != axis
    )
    named = {name for at in (*ranges, *shapes) for name in at.names}
    return split.size in named or any(split.size in sizes_in(step.body) for step in steps)
