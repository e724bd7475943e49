"""Matrix products by NumPy's `matmul` and `einsum`, between pieces of compiled loops."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from derive.kernel.entries import Times, free_labels, loads
from derive.kernel.front import Front, sequence
from derive.kernel.numpy_text import Texts
from derive.kernel.plan import Plan, Step
from derive.kernel.segments import Segment, segment_plan, segments, shapes_of


class Products(Texts):
    """Texts in which a product of two matrices, or of a matrix and a vector, is `matmul`."""

    def _contraction(self, step: Step) -> str:
        inner, axes = step.inner, tuple(axis.name for axis in step.axes)
        bound = tuple(b.name for b in step.bounds)
        if not isinstance(inner, Times) or len(inner.factors) != 2 or len(bound) != 1:
            return super()._contraction(step)
        own = [set(free_labels(factor)) for factor in inner.factors]
        for one, other in ((0, 1), (1, 0)):
            rows, columns = axes[:1], axes[1:]
            if len(axes) > 2 or own[one] != {*rows, *bound} or own[other] != {*bound, *columns}:
                continue
            left = self.expression(inner.factors[one], step, rows + bound)
            right = self.expression(inner.factors[other], step, bound + columns)
            return f"numpy.matmul({left}, {right})"
        return super()._contraction(step)


@dataclass(frozen=True)
class Names:
    """What the call of compiled loops finds: a dtype, a dictionary of results, a set of names."""

    dtype: str
    results: str
    wanted: str


WHOLE = Names("dtype", "given", "wanted")
BETWEEN = Names("work", "held", "live")


class Compiled(Protocol):
    """A function of compiled loops."""

    names: dict[str, str]
    sizes: dict[str, str]
    results: list[str]

    def compiled(self) -> list[str]:
        """The code that computes."""

    def call(self, names: Names) -> Iterator[str]:
        """The statements that run it."""


class Pieces:
    """The segments of a plan: those of loops as compiled functions, by `make(plan, name)`.

    In the emitted text `held` has the arrays between segments and the results, in the working
    dtype, and `live` the names of those that something wanted needs.
    """

    def __init__(self, front: Front, make: Callable[[Plan, str], Compiled]) -> None:
        self.front, self.plan = front, front.plan
        self.shapes = shapes_of(self.plan)
        self.results = {r.array: front.names[r.array] for r in self.plan.results}
        self.keys = {
            step.array: self.results.get(step.array, step.array) for step in self.plan.steps
        }
        self.names = {p.array: front.names[p.array] for p in self.plan.parameters}
        self.names |= {array: f'held["{key}"]' for array, key in self.keys.items()}
        self.parts = tuple(
            (segment, self._part(segment, make, number))
            for number, segment in enumerate(segments(self.plan))
        )

    def _part(
        self, segment: Segment, make: Callable[[Plan, str], Compiled], number: int
    ) -> Compiled | None:
        """The function of a segment of loops, which speaks of arrays by the names here."""
        if segment.kind == "products":
            return None
        part = make(segment_plan(self.plan, segment), f"{self.front.function}_{number}")
        part.names = {**part.names, **{a: self.names[a] for a in segment.reads}}
        part.results = [self.keys[array] for array in segment.gives]
        part.sizes = {size: self.front.sizes[size] for size in part.sizes}
        return part

    # ---- text -----------------------------------------------------------------------------------

    def compiled(self) -> list[str]:
        """The code of all segments of loops."""
        return [text for _, part in self.parts if part for text in part.compiled()]

    def lines(self) -> Iterator[str]:
        """The statements between the checks and the return."""
        for p in self.front.arrays:
            name = self.front.names[p.array]
            yield f"{name} = {name}.astype(work, copy=False)"
        yield "held = _held(given, work)"
        yield from self._live()
        for segment, part in self.parts:
            if part is None:
                yield from map(self._product, segment.steps)
            else:
                body = [*self._made(segment), *part.call(BETWEEN)]
                text = "\n".join(textwrap.indent(line, "    ") for line in body)
                yield f"if live & {{{self._listed(segment.gives)}}}:\n{text}"
        yield "_rounded(held, given)"

    def _live(self) -> Iterator[str]:
        """The names that are needed: those wanted, and what computes them reads of segments."""
        yield "live = set(wanted)"
        needed: dict[frozenset[str], list[str]] = {}
        for result in self.results:
            needed.setdefault(frozenset(self._needed(result)), []).append(self.results[result])
        for arrays, names in needed.items():
            between = [a for a in self.keys if a in arrays and a not in self.results]
            if between:
                listed = ", ".join(f'"{name}"' for name in names)
                yield f"if live & {{{listed}}}:\n    live |= {{{self._listed(between)}}}"

    def _needed(self, array: str) -> set[str]:
        """What must be there for an array: a segment of loops computes all or nothing."""
        for segment, part in self.parts:
            if array in segment.gives:
                step = next(s for s in segment.steps if s.array == array)
                own = {array} if part is None else set(segment.gives)
                reads = loads(step.body) if part is None else segment.reads
                return own.union(*(self._needed(read) for read in reads))
        return set()

    def _listed(self, arrays: tuple[str, ...] | list[str]) -> str:
        return ", ".join(f'"{self.keys[array]}"' for array in arrays)

    def _shape(self, array: str) -> str:
        lengths = [self.front.texts.size(size) for size in self.shapes[array]]
        return sequence(lengths) if lengths else "()"

    def _made(self, segment: Segment) -> Iterator[str]:
        """The arrays that a segment of loops gives to others."""
        for array in segment.gives:
            if array not in self.results:
                yield f'held["{self.keys[array]}"] = numpy.empty({self._shape(array)}, work)'

    def _product(self, step: Step) -> str:
        key = self.keys[step.array]
        text = Products(self.names, self.front.sizes, self.front.texts.axes, {}).step(step)
        made = f'held["{key}"] = {text}'
        if step.array in self.results:
            made = f'{text[:-1]}, out=held["{key}"])'
        return f'if "{key}" in live:\n    {made}'


def without_products(plan: Plan) -> bool:
    """Whether a plan is one segment of loops."""
    found = segments(plan)
    return len(found) == 1 and found[0].kind == "loops"


PLACES = '''
def _held(given, work):
    """Arrays for the results in the working dtype: those given, where they have it."""
    return {
        name: value if value.dtype == work else numpy.empty(value.shape, work)
        for name, value in given.items()
    }


def _rounded(held, given):
    """Results that were computed in another dtype go to where they are wanted."""
    for name, value in given.items():
        if held[name] is not value:
            value[...] = held[name]
'''
