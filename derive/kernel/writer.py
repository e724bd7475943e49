"""Nests of loops as text in a language of loops.

Sums over the outermost loop of a group are kept by each thread, in the working type for BLOCK
turns and in float64 beyond, and added up in the order of the threads. Numbers below full rank are
float64 throughout; full-rank work is done in the working type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from derive.kernel.arrays import Entries, flat
from derive.kernel.dialect import JAM, Buffer, Dialect, Folds, Kind, Lines
from derive.kernel.entries import Entry, Load, Num, Place, Reduce, product
from derive.kernel.loops import (
    Compute,
    Loop,
    Nest,
    Node,
    Path,
    moved_to,
    outside_of,
    paths,
    placed,
)
from derive.kernel.steps import Shift
from derive.kernel.storage import Home, stored_axes
from derive.meaning.terms import Affine, Bound

NEUTRAL: Mapping[str, str] = {"sum": "0", "prod": "1", "max": "-inf", "min": "inf"}


@dataclass(frozen=True)
class Written:
    """The statements of a kernel, and the buffers and numbers of the whole call that they use."""

    lines: Lines
    buffers: tuple[Buffer, ...]
    numbers: Mapping[str, Kind]

    @property
    def private(self) -> tuple[Buffer, ...]:
        """The buffers that each thread has."""
        return tuple(buffer for buffer in self.buffers if buffer.private)


def write(nest: Nest, names: Mapping[str, str], sizes: Mapping[str, str], to: Dialect) -> Written:
    """The text of a nest; `names` and `sizes` map keys to identifiers of the language."""
    writer = _Writer(nest, names, sizes, to)
    return Written(writer.all(), tuple(writer.buffers.values()), writer.numbers)


class _Writer(Entries):
    teams = 0

    # ---- nodes ----------------------------------------------------------------------------------

    def all(self) -> Lines:
        """The whole nest; what shifts are sampled for is repeated where they turn out far off."""
        arrays = {array for s in self.nest.sampled for array in (s.sums, s.squares)}
        made = [{c.step.array for c, _ in paths([node])} for node in self.nest.nodes]
        last = max((k for k, own in enumerate(made) if own & arrays), default=-1)
        written = [
            self._wanted(own, self._block((node,), ()))
            for own, node in zip(made, self.nest.nodes, strict=True)
        ]
        first = [line for lines in written[: last + 1] for line in lines]
        rest = [line for lines in written[last + 1 :] for line in lines]
        if last < 0:
            return rest
        sampled, checks = Lines(), Lines()
        for shift in self.nest.sampled:
            sampled += self._wanted({shift.sums}, self._sampled(shift))
            checks += self._wanted({shift.sums}, self._checked(shift))
        return [*sampled, *self.to.repeat(first, checks), *rest]

    def _wanted(self, arrays: set[str], lines: Lines) -> Lines:
        """Statements, under a condition where not all results need what they compute."""
        needing = [
            bit
            for bit, result in enumerate(self.nest.plan.results)
            if arrays & self.nest.plan.needed([result.array])
        ]
        if len(needing) == len(self.nest.plan.results):
            return lines
        return self.to.when(f"(want & {sum(1 << bit for bit in needing)}) != 0", lines)

    # ---- shifts ---------------------------------------------------------------------------------

    def _sampled(self, shift: Shift) -> Lines:
        """Each shift as the mean of the first entries along the last axis that is summed."""
        variables = [f"k{k}" for k in range(len(shift.axes))]
        places = {b.name: b.low for b in shift.bounds}
        for axis, var in zip(shift.axes, variables, strict=True):
            places[axis.name] = Affine.name(f"@{var}") + axis.low
        along = shift.bounds[-1]
        places[along.name] = Affine.name("@k") + along.low
        entry = placed(shift.of, places)
        assert isinstance(entry, Load)
        count = f"_some({self.formulas.whole(along.high - along.low + 1)})"
        mean = f"near / {self.to.cast('wide', count)}"
        home = self.homes[shift.array]
        body = [
            self.to.declare("wide", "near", self.to.number(Fraction(0), "wide"), fixed=False),
            *self.to.turns("k", "0", count, [self.to.set("near", self.read(entry, "wide"), "+=")]),
            *self.stored(home.step, places, self.to.cast("real", f"({mean})")),
        ]
        for axis, var in reversed(list(zip(shift.axes, variables, strict=True))):
            body = self.to.turns(var, "0", self.formulas.whole(axis.high - axis.low + 1), body)
        return body

    def _checked(self, shift: Shift) -> Lines:
        """Where the mean is farther than two deviations from the shift, it becomes the shift."""
        home = self.homes[shift.array]
        own, sums, squares = (
            self._whole(self.homes[array]) for array in (shift.array, shift.sums, shift.squares)
        )
        count = self.formulas.text(
            product(_count(bound) for bound in shift.bounds), "wide", guarded=True
        )
        four = self.to.number(Fraction(4), "wide")
        moved = self.to.cast("real", f"({self.to.cast('wide', own)} + near)")
        body = [
            self.to.declare("wide", "near", f"{sums} / {count}"),
            self.to.declare("wide", "spread", f"{squares} / {count} - near * near"),
            *self.to.when(
                f"near * near > {four} * spread", [self.to.set(own, moved), self.to.set("far", "1")]
            ),
        ]
        if not home.axes:
            return body
        lengths = [self.formulas.whole(axis.high - axis.low + 1) for axis in shift.axes]
        return self.to.turns("k", "0", " * ".join(lengths), body)

    def _whole(self, home: Home) -> str:
        """The entry `k` of an array of the whole call, or the number that it is."""
        return f"{self.held(home, home.kind)}[k]" if home.axes else self.names[home.step.array]

    # ---- loops ----------------------------------------------------------------------------------

    def _block(self, nodes: tuple[Node, ...], path: Path) -> Lines:
        with self.formulas.scope() as lines:
            for node in nodes:
                if isinstance(node, Compute):
                    lines += self._compute(node, path)
                elif path:
                    lines += self._inner(node, path)
                else:
                    lines += self._outermost(node)
        return lines

    def _inner(self, loop: Loop, path: Path) -> Lines:
        """A loop of one thread, and what it has added up."""
        lines = self._turns(loop, path, "0", self.formulas.whole(loop.length))
        for compute in _started(loop, path):
            if self.homes[compute.step.array].moved:
                lines += self._finish(compute, partial(_entry, self.own("q", compute)))
        return lines

    def _outermost(self, loop: Loop) -> Lines:
        """A loop whose turns are shared among threads."""
        number, before = self.teams, set(self.buffers)
        self.teams += 1
        inside = self._turns(loop, (), "lo", "hi")
        for compute in _started(loop, ()):
            if not stored_axes(compute, ()):
                name = self.buffer("p", compute, "1")
                inside.append(self.to.set(f"{name}[0]", self.own("q", compute)))
        own = [b for key, b in self.buffers.items() if key not in before and b.private]
        heads = [self.to.slice(b) for b in own]
        work = " * ".join(self.to.cast("wide", self.formulas.whole(n)) for n in _deepest(loop))
        if not any(self.homes[compute.step.array].hot for compute, _ in paths([loop])):
            work = ""
        lines = self.to.team(number, self.formulas.whole(loop.length), work, [*heads, *inside])
        for compute in _started(loop, ()):
            lines += self._merged(compute, number)
        return lines

    def _turns(self, loop: Loop, path: Path, low: str, high: str) -> Lines:
        """The turns low ≤ var < high of a loop, and the sums that start with it."""
        started = _started(loop, path)
        lines = [line for compute in started for line in self._begun(compute, path)]
        body = self._block(loop.body, (*path, loop))
        blocked = [c for c in started if stored_axes(c, path) and _fold(c) == "sum"]
        var = loop.var[1:]
        if not blocked:
            folds = self._straight(loop, (*path, loop))
            if folds is None:
                return lines + self.to.turns(var, low, high, body)
            return lines + self.to.loop(var, low, high, body, folds)
        cleared, flushed = Lines(), Lines()
        for compute in blocked:
            size = self.size_of(compute, path)
            block, total = self.buffer("b", compute, size, "real"), self.own("q", compute)
            zero = self.to.set(f"{block}[k]", self.to.number(Fraction(0), "real"))
            cleared += self.to.loop("k", "0", size, [zero])
            flushed += self.to.loop(
                "k", "0", size, [self.to.set(f"{total}[k]", f"{block}[k]", "+=")]
            )
        jammed = self._jammed(loop, (*path, loop), blocked)
        if jammed:
            turns = self.to.jammed(var, "start", "stop", jammed, body)
        else:
            turns = self.to.turns(var, "start", "stop", body)
        inside = [*cleared, *turns, *flushed]
        return lines + self.to.blocks(low, high, inside)

    def _jammed(self, loop: Loop, path: Path, blocked: list[Compute]) -> Lines | None:
        """JAM turns of a loop at once, their terms added up before the sums take them.

        None where a turn does anything else than one loop of terms.
        """
        match loop.body:
            case (Loop(body=body) as inner,) if all(node in blocked for node in body):
                terms = [node for node in body if isinstance(node, Compute)]
            case _:
                return None
        if any(isinstance(c.step.body, Reduce) and c.step.body.condition for c in terms):
            return None
        with self.formulas.scope() as lines:
            for compute in terms:
                values = [self._term(_ahead(compute, loop.var, by)) for by in range(JAM)]
                target = self._target(compute, (*path, inner))
                lines.append(self.to.set(target, _paired(values), "+="))
        return self.to.loop(inner.var[1:], "0", self.formulas.whole(inner.length), lines)

    def _term(self, compute: Compute) -> str:
        body = placed(compute.step.body, compute.places)
        assert isinstance(body, Reduce)
        kind: Kind = "real" if self.homes[compute.step.array].hot else "wide"
        return self.formulas.text(body.body, kind)

    def _straight(self, loop: Loop, path: Path) -> Folds | None:
        """The numbers that are folded in a loop without another dependence between turns."""
        found = []
        for node in loop.body:
            if isinstance(node, Loop):
                return None
            folds = any(loop.var in node.places[b.name].names for b in node.step.bounds)
            scalar = not stored_axes(node, outside_of(node, path))
            if folds and (not scalar or _fold(node) == "prod"):
                return None
            if folds:
                found.append((self.own("q", node), _fold(node), self._kind(node)))
        return tuple(found)

    def _kind(self, compute: Compute) -> Kind:
        """The type of a total: an extreme is one of its terms, so it needs no more than theirs."""
        hot = self.homes[compute.step.array].hot
        return "real" if hot and _fold(compute) in ("max", "min") else "wide"

    # ---- reductions -----------------------------------------------------------------------------

    def _begun(self, compute: Compute, path: Path) -> Lines:
        """A total before its first term."""
        neutral, kind = NEUTRAL[_fold(compute)], self._kind(compute)
        if neutral.endswith("inf"):
            text = neutral.replace("inf", self.to.constant("inf", kind))
        else:
            text = self.to.number(Fraction(neutral), kind)
        if not stored_axes(compute, path):
            return [self.to.declare(kind, self.own("q", compute), text, fixed=False)]
        size = self.size_of(compute, path)
        total = self.buffer("q", compute, size)
        return self.to.loop("k", "0", size, [self.to.set(f"{total}[k]", text)])

    def _finish(self, compute: Compute, total: Callable[[str], str]) -> Lines:
        """Store what was added up, entry by entry."""
        axes = [
            compute.step.axes[k] for k in stored_axes(compute, self.homes[compute.step.array].made)
        ]
        variables = [f"k{k}" for k in range(len(axes))]
        lengths = [self.formulas.whole(axis.high - axis.low + 1) for axis in axes]
        places = dict(compute.places)
        for axis, var in zip(axes, variables, strict=True):
            places[axis.name] = Affine.name(f"@{var}") + axis.low
        body = self.stored(compute.step, places, total(flat(variables, lengths)))
        for var, length in reversed(list(zip(variables, lengths, strict=True))):
            body = self.to.loop(var, "0", length, body)
        return body

    def _merged(self, compute: Compute, number: int) -> Lines:
        """What the threads have added up, put together in their order."""
        scalar = not stored_axes(compute, ())
        size = "1" if scalar else self.size_of(compute, ())
        own = self.own("p" if scalar else "q", compute)

        def part(thread: str, at: str) -> str:
            return self.to.share(own, thread, at or "0", size)

        at = "0" if scalar else "k"
        lines = [self._added(compute, part("0", at), part("t", at))]
        if not scalar:
            lines = self.to.loop("k", "0", size, lines)
        lines = self.to.turns("t", "1", f"m{number}", lines)
        return lines + self._finish(compute, lambda k: part("0", k))

    def _added(self, compute: Compute, target: str, value: str) -> str:
        """One more term of a reduction."""
        match _fold(compute):
            case "sum":
                return self.to.set(target, value, "+=")
            case "prod":
                return self.to.set(target, value, "*=")
            case extreme:
                kind = self._kind(compute) if target == self.own("q", compute) else "wide"
                return self.to.set(target, self.to.function(extreme, [target, value], kind))

    # ---- turns of steps -------------------------------------------------------------------------

    def _compute(self, compute: Compute, path: Path) -> Lines:
        """One turn; the current scope takes the numbers that it needs first."""
        step, body = compute.step, placed(compute.step.body, compute.places)
        home = self.homes[step.array]
        kind: Kind = "real" if home.hot else "wide"
        if isinstance(body, Reduce):
            target = self._target(compute, path)
            if not body.condition:
                return [self._added(compute, target, self.formulas.text(body.body, kind))]
            test = self.formulas.test(body.condition, kind)
            with self.formulas.scope() as inner:
                inner.append(self._added(compute, target, self.formulas.text(body.body, kind)))
            return self.to.when(test, inner)
        value = self.formulas.text(body, kind)
        if home.axes or not path or home.result:
            return self.stored(step, compute.places, value)
        if home.narrow:
            value = self.to.cast("real", value)
        return [self.to.declare(home.kind, self.names[step.array], value)]

    def _target(self, compute: Compute, path: Path) -> str:
        axes = stored_axes(compute, outside_of(compute, path))
        if not axes:
            return self.own("q", compute)
        buffer = self.own("b" if _fold(compute) == "sum" else "q", compute)
        return f"{buffer}[{self.at(compute.step, axes, compute.places)}]"


def _ahead(compute: Compute, var: str, by: int) -> Compute:
    """The turn of a step that comes so many turns of a loop later."""
    shift = {var: Affine.name(var) + by}
    return replace(compute, places={n: moved_to(p, shift) for n, p in compute.places.items()})


def _paired(values: list[str]) -> str:
    """The sum of values, by pairs of pairs."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return f"({_paired(values[:half])} + {_paired(values[half:])})"


def _count(bound: Bound) -> Entry:
    """The number of positions."""
    length = bound.high - bound.low + 1
    return Place(length) if length.terms else Num(Fraction(length.constant))


def _entry(buffer: str, at: str) -> str:
    """An entry of a buffer, or a number as it is."""
    return f"{buffer}[{at}]" if at else buffer


def _started(loop: Loop, path: Path) -> list[Compute]:
    """The reductions whose first loop this is."""
    return [
        compute
        for compute, inner in paths([loop], path)
        if isinstance(compute.step.body, Reduce) and len(outside_of(compute, inner)) == len(path)
    ]


def _fold(compute: Compute) -> str:
    assert isinstance(compute.step.body, Reduce)
    return compute.step.body.kind


def _deepest(loop: Loop) -> list[Affine]:
    """The lengths of the longest chain of loops from this one on."""
    chain = max((path for _, path in paths([loop])), key=len)
    return [each.length for each in chain]
