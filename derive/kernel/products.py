"""Matrix products by NumPy's `matmul` and `einsum`, between pieces of compiled loops."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from derive.kernel.entries import Times, free_labels, loads
from derive.kernel.front import Front, sequence
from derive.kernel.numpy_text import Order, Texts
from derive.kernel.plan import Plan, Step
from derive.kernel.segments import Segment, segment_plan, segments, shapes_of


class Products(Texts):
    """Texts in which a product of two matrices, or of stacks of them, is `matmul`."""

    def _contraction(self, step: Step) -> str:
        found = self.operands(step)
        if found is None:
            return super()._contraction(step)
        *factors, order = found
        turn = _turn(tuple(axis.name for axis in step.axes), order)
        text = f"numpy.matmul({', '.join(factors)})"
        return f"numpy.transpose({text}, {turn})" if turn else text

    def into(self, step: Step, out: str) -> str:
        """The statement that computes a contraction, or a function of a matrix, in an array."""
        if step.of_matrix is not None:
            return f"{out}[...] = {self.step(step)}"
        found = self.operands(step)
        if found is None:
            return f"{super()._contraction(step)[:-1]}, out={out})"
        *factors, order = found
        turn = _turn(order, tuple(axis.name for axis in step.axes))
        turned = f"numpy.transpose({out}, {turn})" if turn else out
        return f"numpy.matmul({', '.join(factors)}, out={turned})"

    def operands(self, step: Step) -> tuple[str, str, Order] | None:
        """The two arguments of `matmul` and the labels of its axes; None where it is no such.

        Labels of both factors that are kept count matrices of a stack.
        """
        inner, axes = step.inner, tuple(axis.name for axis in step.axes)
        bound = tuple(b.name for b in step.bounds)
        if not isinstance(inner, Times) or len(inner.factors) != 2 or len(bound) != 1:
            return None
        own = [set(free_labels(factor)) for factor in inner.factors]
        stack = tuple(name for name in axes if name in own[0] & own[1])
        kept = tuple(name for name in axes if name not in stack)
        rows, columns = kept[:1], kept[1:]
        if len(kept) > 2 or (stack and len(kept) < 2):
            return None
        for one, other in ((0, 1), (1, 0)):
            if own[one] == {*stack, *rows, *bound} and own[other] == {*stack, *bound, *columns}:
                left = self.expression(inner.factors[one], step, stack + rows + bound)
                right = self.expression(inner.factors[other], step, stack + bound + columns)
                return left, right, stack + kept
        return None


def _turn(to: Order, given: Order) -> str:
    """The axes for `numpy.transpose` that lead from one order to another; "" if it is the same."""
    return "" if to == given else str(tuple(given.index(name) for name in to))


@dataclass(frozen=True)
class Names:
    """What the call of compiled loops finds.

    A dtype, a dictionary of results, a set of names, and how many threads it may use.
    """

    dtype: str
    results: str
    wanted: str
    threads: str


WHOLE = Names("dtype", "given", "wanted", "threads")
BETWEEN = Names("work", "held", "live", "_beside(threads, held.values())")


class Compiled(Protocol):
    """A function of compiled loops."""

    function: str
    names: dict[str, str]
    sizes: dict[str, str]
    results: list[str]

    def compiled(self) -> list[str]:
        """The code that computes."""

    def call(self, names: Names) -> Iterator[str]:
        """The statements that run it."""


Make = Callable[[Plan, str], Compiled]


def named_inside(
    part: Compiled, reads: Mapping[str, str], results: list[str], front: Front
) -> None:
    """Let a compiled function speak of arrays, results and sizes by the names of another."""
    part.names = {**part.names, **reads}
    part.results = results
    part.sizes = {size: front.sizes[size] for size in part.sizes}


class Pieces:
    """The segments of a plan: those of loops as compiled functions, by `make(plan, name)`.

    `plan` is that of `front` with its means shifted, so that what one segment takes from another
    is centred without loss. In the emitted text `held` has the arrays between segments and the
    results, in the working dtype, and `live` the names of those that something wanted needs.
    """

    def __init__(self, front: Front, plan: Plan, make: Make) -> None:
        self.front, self.plan = front, plan
        self.shapes = shapes_of(plan)
        self.results = {r.array: front.names[r.array] for r in plan.results}
        # No result is called so: its name has no space.
        self.keys = {s.array: self.results.get(s.array, f"part {s.array}") for s in plan.steps}
        self.names = {p.array: front.names[p.array] for p in plan.parameters}
        self.names |= {array: f'held["{key}"]' for array, key in self.keys.items()}
        axes = {**front.texts.axes, **{s.array: s.axes for s in plan.steps}}
        self.texts = Products(self.names, front.sizes, axes, {}, front.texts.helpers)
        self.parts = tuple(
            (segment, self._part(segment, make, number))
            for number, segment in enumerate(segments(plan))
        )

    def _part(self, segment: Segment, make: Make, number: int) -> Compiled | None:
        """The function of a segment of loops, which speaks of arrays by the names here."""
        if segment.kind == "products":
            return None
        part = make(segment_plan(self.plan, segment), f"{self.front.function}_{number}")
        reads = {a: self.names[a] for a in segment.reads}
        named_inside(part, reads, [self.keys[array] for array in segment.gives], self.front)
        return part

    # ---- text -----------------------------------------------------------------------------------

    def kernels(self) -> list[str]:
        """The names of the compiled functions."""
        return [part.function for _, part in self.parts if part]

    def compiled(self) -> list[str]:
        """The code of all segments of loops."""
        return [text for _, part in self.parts if part for text in part.compiled()]

    def lines(self) -> Iterator[str]:
        """The statements between the checks and the return."""
        names = [self.front.names[p.array] for p in self.front.arrays]
        yield f"order = _order({sequence(names)})"
        yield from (f"{name} = {name}.astype(work, copy=False)" for name in names)
        yield "held = _held(given, work)"
        yield f"live = {self.needs}(wanted)"
        yield 'with numpy.errstate(all="ignore"):'
        for number in range(len(self.parts)):
            yield from map(_deeper, self._segment(number))
        yield _deeper("_rounded(held, given)")

    def _segment(self, number: int) -> Iterator[str]:
        """The statements of a segment, under the condition that something needs it."""
        segment, part = self.parts[number]
        if part is None:
            for step in segment.steps:
                body = [*self._made([step.array]), self.texts.into(step, self.names[step.array])]
                yield "\n".join([f'if "{self.keys[step.array]}" in live:', *map(_deeper, body)])
        else:
            body = [*self._made(segment.gives), *part.call(BETWEEN)]
            yield "\n".join([f"if live & {{{self._listed(segment.gives)}}}:", *map(_deeper, body)])
        free = self._last_read(number)
        if free and number + 1 < len(self.parts):
            names = sequence([f'"{self.keys[array]}"' for array in free])
            yield f"for name in {names}:\n    held.pop(name, None)"

    def _last_read(self, number: int) -> list[str]:
        """The arrays between segments that no segment after one reads."""
        later = {array for segment, _ in self.parts[number + 1 :] for array in segment.reads}
        here = self.parts[number][0].reads
        return [a for a in here if a in self.keys and a not in later and a not in self.results]

    @property
    def needs(self) -> str:
        """The name of the function that `live` defines."""
        return f"_{self.front.function}_live"

    def live(self) -> str:
        """The names that are needed: those wanted, and what computes them reads of segments."""
        lines = [
            f"def {self.needs}(wanted):",
            '    """The wanted results, and what stands between matrix products for them."""',
            "    live = set(wanted)",
        ]
        needed: dict[frozenset[str], list[str]] = {}
        for result in self.results:
            own = frozenset(self._needed(result) - {result})
            needed.setdefault(own, []).append(self.results[result])
        for arrays, names in needed.items():
            read = [a for a in self.keys if a in arrays and self.keys[a] not in names]
            if read:
                listed = ", ".join(f'"{name}"' for name in names)
                lines.append(f"    if wanted & {{{listed}}}:")
                lines.append(f"        live |= {{{self._listed(read)}}}")
        return "\n".join([*lines, "    return live"])

    def _needed(self, array: str) -> set[str]:
        """What must be there for an array: a segment of loops takes all that it reads."""
        for segment, part in self.parts:
            if array in segment.gives:
                step = next(s for s in segment.steps if s.array == array)
                reads = loads(step.body) if part is None else segment.reads
                return {array}.union(*(self._needed(read) for read in reads))
        return set()

    def _listed(self, arrays: Iterable[str]) -> str:
        return ", ".join(f'"{self.keys[array]}"' for array in arrays)

    def _made(self, arrays: Iterable[str]) -> Iterator[str]:
        """New arrays for those that are no results."""
        for array in arrays:
            if array not in self.results:
                lengths = [self.texts.size(size) for size in self.shapes[array]]
                shape = sequence(lengths) if lengths else "()"
                yield f"{self.names[array]} = numpy.empty({shape}, work, order)"


def _deeper(text: str) -> str:
    return textwrap.indent(text, "    ")


def without_products(plan: Plan) -> bool:
    """Whether a plan is one segment of loops."""
    found = segments(plan)
    return len(found) == 1 and found[0].kind == "loops"


PLACES = '''
def _beside(threads, arrays):
    """How many threads share a loop between matrix products.

    Those of the products wait for more to do on all cores: others would wait for them.
    """
    return threads if max(array.size for array in arrays) >= 1 << 23 else 1


def _held(given, work):
    """Arrays for the results in the working dtype: those given, where they have it."""
    return {
        name: value if value.dtype == work else numpy.empty_like(value, work)
        for name, value in given.items()
    }


def _rounded(held, given):
    """Results that were computed in another dtype go to where they are wanted."""
    for name, value in given.items():
        if held[name] is not value:
            value[...] = held[name]
'''
