"""What a plan in blocks is made of: its stages, names, and arrays that outlive a stage."""

from __future__ import annotations

from derive.errors import UnsupportedError
from derive.kernel.entries import Reduce, is_label, loads
from derive.kernel.front import Front, axes_of
from derive.kernel.names import RESERVED, identifier
from derive.kernel.numpy_text import Texts
from derive.kernel.plan import Plan
from derive.kernel.segments import is_product
from derive.kernel.shifting import centred, shifted
from derive.kernel.split import PART, Split, split_of
from derive.kernel.steps import Shifted


class Frame:
    """A plan split along its rows; `front` names its arguments and results.

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
        self.stored = self._stored()
        self.texts = self._texts()

    # ---- names ----------------------------------------------------------------------------------

    def _names(self) -> tuple[dict[str, str], set[str]]:
        """An identifier for each array, near the name that its author gave it."""
        front = self.front
        names = {p.array: front.names[p.array] for p in self.plan.parameters}
        names |= {r.array: front.names[r.array] for r in self.plan.results}
        taken = {*front.names.values(), *front.sizes.values(), *RESERVED, front.function}
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
            names[array] = unused(wish, taken)
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

    def whole_arrays(self) -> list[str]:
        whole = [s.array for s in self.plan.steps if s.array not in self.local]
        return whole + [s.array for s in self.shifted.sampled] + list(self.stored)


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


def unused(wish: str, taken: set[str]) -> str:
    """The wish, or it with a number, that is not taken; it is then."""
    candidate, number = wish, 2
    while candidate in taken:
        candidate, number = f"{wish}_{number}", number + 1
    taken.add(candidate)
    return candidate
