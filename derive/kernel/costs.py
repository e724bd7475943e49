"""What a kernel does, pass by pass: sums, entries moved, operations, and what cannot be less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from derive.errors import UnsupportedError, UsageError
from derive.kernel.entries import (
    Apply,
    Const,
    Entry,
    Load,
    Num,
    Place,
    Pow,
    Reduce,
    Times,
    Total,
    Where,
    loads,
    parts,
)
from derive.kernel.front import Front
from derive.kernel.loops import Compute, Loop, Nest, Node, nest_of, opened, paths, reads
from derive.kernel.plan import Plan, Step
from derive.kernel.segments import is_product, segment_plan, segments, shapes_of
from derive.kernel.shifting import centred, shifted
from derive.kernel.split import split_of
from derive.kernel.storage import homes
from derive.meaning.terms import Affine

Lengths = tuple[Affine, ...]
Amount = Counter[Lengths]
"""How often each product of lengths counts: 2·N·D + D."""


@dataclass(frozen=True)
class Pass:
    """One loop of the outermost level, with the arrays that it moves between memory and itself.

    What stays in a turn of the loop is not moved. Operations are of scalars. `reads` and `writes`
    name the arrays. A `product` is one of matrices, which the back end's library computes.
    """

    over: Lengths
    computes: tuple[str, ...]
    read: Amount
    written: Amount
    operations: Amount
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    product: bool = False


@dataclass(frozen=True)
class Costs:
    """The passes; `least` is every argument read once and every result written once.

    `split` says along which size blocks, workers and processes share the work, and what of it
    they put together.
    """

    passes: tuple[Pass, ...]
    least: Amount
    sampled: tuple[str, ...]
    split: str = ""

    @property
    def again(self) -> tuple[str, ...]:
        """The arrays that more than one pass reads."""
        counted = Counter(name for each in self.passes for name in each.reads)
        return tuple(name for name, times in counted.items() if times > 1)

    @property
    def moved(self) -> Amount:
        """The entries that all passes read and write."""
        return sum((each.read + each.written for each in self.passes), Amount())


def costs_of(plan: Plan) -> Costs:
    """The costs of the compiled kernels of a plan, cut at its matrix products."""
    front = Front(plan, "kernel", "")
    for number, step in enumerate(step for step in plan.steps if is_product(step)):
        front.names.setdefault(step.array, f"product_{number + 1}")
    passes, sampled = list[Pass](), list[str]()
    for segment in segments(plan):
        if segment.kind == "products":
            passes += [_product_of(step, plan, front) for step in segment.steps]
            continue
        counting = _Counting(nest_of(shifted(segment_plan(plan, segment))), front)
        passes += counting.passes()
        sampled += counting.sampled()
    shapes = shapes_of(plan)
    least = Amount(p.symbol.shape for p in plan.parameters if p.symbol.shape)
    least.update(shapes[result.array] for result in plan.results)
    return Costs(tuple(passes), least, tuple(sampled), _split(plan))


def _split(plan: Plan) -> str:
    """`along N: 2 sums are merged, then 3`; why not, when it cannot be."""
    try:
        split = split_of(centred(plan))
    except UnsupportedError as refusal:
        return f"in one piece: {refusal.message}"
    merged = [len(stage.merged) for stage in split.stages if stage.merged]
    what = ", then ".join(map(str, merged))
    kind = "results" if sum(merged) > 1 else "result"
    return f"along {split.size}: " + (f"{what} partial {kind} merged" if what else "no merge")


def _product_of(step: Step, plan: Plan, front: Front) -> Pass:
    """A product of matrices: a multiplication and an addition for each entry of all indices.

    A function of a matrix takes as many as the product of two of its shape.
    """
    shapes = shapes_of(plan)
    over = tuple(b.high - b.low + 1 for b in (*step.axes, *step.bounds))
    arrays = sorted(loads(step.body))
    read = Amount(shapes[array] for array in arrays if shapes[array])
    names = tuple(front.names.get(array, "…") for array in arrays)
    name = front.names.get(step.array, "…")
    what = f"{' × '.join(names if len(names) > 1 else names * 2)}, a matrix product of"
    if step.of_matrix is not None:
        over, what = (*over, over[0]), f"{step.of_matrix[0]} of {names[0]}, by a function of"
    computes = (f"{name} = {what} the back end's",)
    written = Amount([shapes[step.array]] if shapes[step.array] else [])
    return Pass(over, computes, read, written, Amount({over: 2}), names, (name,), True)


class _Counting:
    def __init__(self, nest: Nest, front: Front) -> None:
        self.nest = nest
        self.names = dict(front.names)
        self.homes = homes(nest)
        self.parts = {
            step.array: step
            for step in nest.plan.steps
            if not step.title and " " not in step.array and not isinstance(step.body, Reduce)
        }
        self.shapes = {p.array: p.symbol.shape for p in nest.plan.parameters}
        for array, home in self.homes.items():
            self.shapes[array] = tuple(axis.high - axis.low + 1 for axis in home.step.axes)
        for number, shift in enumerate(nest.sampled):
            self.names[shift.array] = f"s{number or ''}"

    def passes(self) -> list[Pass]:
        """The loops of the outermost level."""
        return [self._pass(node) for node in self.nest.nodes]

    def sampled(self) -> list[str]:
        """The shifts that are found before the first pass."""
        return [f"{self.names[s.array]} near {self._mean(s.of)}" for s in self.nest.sampled]

    def _mean(self, of: Load) -> str:
        return f"the mean of {self.names.get(of.array, 'a part')}"

    def _pass(self, node: Node) -> Pass:
        inside = list(paths([node]))
        made = {compute.step.array for compute, _ in inside}
        read, written, operations = Amount(), Amount(), Amount()
        loaded = {
            load.array
            for compute, _ in inside
            for load in reads(compute.step.body, self.nest.virtual)
        }
        for array in loaded - made:
            if self.shapes.get(array):
                read[self.shapes[array]] += 1
        for array in made:
            if not self.homes[array].path and self.shapes[array]:
                written[self.shapes[array]] += 1
        for compute, path in inside:
            count = self._operations(compute.step.body)
            if count:
                operations[tuple(loop.length for loop in path)] += count
        over = max((tuple(loop.length for loop in path) for _, path in inside), key=len)
        computes = tuple(self._computed(inside))
        outside = (array for array in made if not self.homes[array].path)
        reads_, writes = self._named(loaded - made), self._named(outside)
        return Pass(over, computes, read, written, operations, reads_, writes)

    def _named(self, arrays: Iterable[str]) -> tuple[str, ...]:
        """The names of arrays with axes; sums that have none are one `sums`."""
        shaped = (array for array in arrays if self.shapes.get(array))
        return tuple(sorted({self.names.get(array, "sums") for array in shaped}))

    def _operations(self, entry: Entry) -> int:
        if isinstance(entry, Load) and entry.array in self.nest.virtual:
            return self._operations(opened(entry, self.nest.virtual))
        inner = parts(entry)
        own = len(inner) - 1 if isinstance(entry, Total | Times) else int(bool(inner))
        return own + sum(self._operations(part) for part in inner)

    # ---- text -----------------------------------------------------------------------------------

    def _computed(self, inside: Iterable[tuple[Compute, tuple[Loop, ...]]]) -> Iterator[str]:
        """What leaves the pass, and every reduction in it."""
        for compute, _ in inside:
            step = compute.step
            if isinstance(step.body, Reduce):
                yield self._shown(step.body)
            elif step.array in self.names and (step.title or self.homes[step.array].result):
                yield self.names[step.array]

    def _shown(self, entry: Entry) -> str:
        match entry:
            case Num(value):
                return str(value)
            case Const(name):
                return name
            case Place(at):
                return str(at)
            case Load(array) if array in self.parts:
                return self._shown(opened(entry, self.parts))
            case Load(array):
                return self.names.get(array, self.names.get(array.partition(" ")[0], "…"))
            case Total(terms):
                return f"({' + '.join(map(self._shown, terms))})".replace("+ -1·", "− ")
            case Times(factors):
                return "·".join(map(self._shown, factors))
            case Pow(base, exponent):
                return f"{self._shown(base)}{_power(exponent)}"
            case Apply(function, arguments):
                return f"{function}({', '.join(map(self._shown, arguments))})"
            case Where(_, yes, no):
                return f"[{self._shown(yes)} or {self._shown(no)}]"
            case Reduce(kind, bounds, _, body):
                over = ", ".join(str(bound.high - bound.low + 1) for bound in bounds)
                sign = {"sum": "Σ", "prod": "Π"}.get(kind, kind)
                return f"{sign}[{over}] {self._shown(body)}"
            case _:
                assert_never(entry)


def _power(exponent: Fraction) -> str:
    return "²" if exponent == 2 else f"^({exponent})"


def amount_text(amount: Amount) -> str:
    """`2·N·D + D`, the products of most lengths first."""
    ordered = sorted(amount.items(), key=lambda item: (-len(item[0]), str(item[0])))
    return " + ".join(_product(lengths, times) for lengths, times in ordered if times) or "0"


def _product(lengths: Lengths, times: int) -> str:
    factors = [str(n) if len(n.terms) + bool(n.constant) < 2 else f"({n})" for n in lengths]
    return "·".join([str(times)] * (times > 1 or not factors) + factors)


def amount_of(amount: Amount, sizes: Mapping[str, int]) -> int:
    """The number that an amount is at given sizes."""
    total = 0
    for lengths, times in amount.items():
        product = times
        for length in lengths:
            product *= max(0, length.value(sizes))
        total += product
    return total


def costs_text(costs: Costs) -> list[str]:
    """The table of passes, as lines of equal columns, and the sums below it."""
    rows: list[tuple[str, ...]] = [("pass", "over", "reads", "writes", "operations", "computes")]
    for number, each in enumerate(costs.passes, 1):
        amounts = [amount_text(a) for a in (each.read, each.written, each.operations)]
        over = " × ".join(str(length) for length in each.over) or "1"
        rows.append((str(number), over, *amounts, ", ".join(each.computes)))
    widths = [max(len(row[k]) for row in rows) for k in range(5)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[5]]).rstrip())
    lines += [f"{text}, from at most 16 entries, checked after its pass" for text in costs.sampled]
    if costs.again:
        lines.append(f"read again: {', '.join(costs.again)}")
    lines.append(f"shared among blocks, workers, processes {costs.split}")
    lines.append(f"moves {amount_text(costs.moved)} entries")
    lines.append(f"at least {amount_text(costs.least)}: each argument once, each result once")
    return lines


def costs_at(costs: Costs, sizes: Mapping[str, int]) -> str:
    """The megabytes of float32 and the operations at given sizes."""
    moved, least = (4e-6 * amount_of(each, sizes) for each in (costs.moved, costs.least))
    operations = sum(amount_of(each.operations, sizes) for each in costs.passes)
    shown = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    return (
        f"at {shown}: {moved:.4g} MB in float32, at least {least:.4g} MB,"
        f" {1e-6 * operations:.4g} million operations"
    )


def sizes_given(texts: Iterable[str], plan: Plan) -> dict[str, int]:
    """`("N=8,D=4",)` as lengths; a UsageError for what is no size of the plan, or missing."""
    found: dict[str, int] = {}
    for text in (part.strip() for each in texts for part in each.split(",")):
        name, _, value = text.partition("=")
        whole = value.isascii() and value.isdigit() and len(value) < 16 and int(value) > 0
        if name not in plan.sizes or not whole:
            raise UsageError(f"{text[:40]} is no size", advice=f"Write {'=8,'.join(plan.sizes)}=8.")
        found[name] = int(value)
    missing = [name for name in plan.sizes if name not in found]
    if missing:
        raise UsageError(f"the size {missing[0]} is not given")
    return found
