"""Nests of loops as text in a language of loops.

Sums over the outermost loop of a group are kept by each thread, in the working type for BLOCK
turns and in float64 beyond, and added up in the order of the threads. Numbers below full rank are
float64 throughout; full-rank work is done in the working type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from derive.kernel.arrays import flat
from derive.kernel.dialect import JAM, Between, Buffer, Dialect, Folds, Kind, Lines
from derive.kernel.entries import Entry, Load, Num, Place, Reduce, placed, product
from derive.kernel.loops import (
    Compute,
    Loop,
    Nest,
    Node,
    Path,
    outside_of,
    paths,
)
from derive.kernel.steps import Shift
from derive.kernel.storage import Home, stored_axes
from derive.kernel.turns import Turns, fold_of
from derive.meaning.terms import Affine, Bound

NEUTRAL: Mapping[str, str] = {"sum": "0", "prod": "1", "max": "-inf", "min": "inf"}


@dataclass(frozen=True)
class Written:
    """The statements of a kernel, and the buffers and numbers of the whole call that they use.

    `weight` is about how many times as long as a simple one its dearest turn takes.
    """

    lines: Lines
    buffers: tuple[Buffer, ...]
    numbers: Mapping[str, Kind]
    weight: int = 1

    @property
    def private(self) -> tuple[Buffer, ...]:
        """The buffers that each thread has."""
        return tuple(buffer for buffer in self.buffers if buffer.private)


def write(nest: Nest, names: Mapping[str, str], sizes: Mapping[str, str], to: Dialect) -> Written:
    """The text of a nest; `names` and `sizes` map keys to identifiers of the language."""
    writer = _Writer(nest, names, sizes, to)
    lines = writer.all()
    return Written(lines, tuple(writer.buffers.values()), writer.numbers, writer.weight)


class _Writer(Turns):
    """`streaming` tells whether the loop of threads being written streams results."""

    teams = 0
    weight = 1
    streaming = False

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
        return self.under(self.results_of(arrays), lines)

    # ---- shifts ---------------------------------------------------------------------------------

    def _sampled(self, shift: Shift) -> Lines:
        """Each shift as the mean of the first entries along the last axis that is summed."""
        variables = [f"k{k}" for k in range(len(shift.axes))]
        places = {b.name: b.low for b in shift.bounds}
        for axis, var in zip(shift.axes, variables, strict=True):
            places[axis.name] = Affine.name(f"@{var}") + axis.low
        along, turn = shift.bounds[-1], f"k_{self.names[shift.array]}"
        terms = list[Load]()
        for k in range(JAM):
            at = {along.name: Affine.name(f"@{turn}") + k + along.low}
            entry = placed(shift.of, places | at)
            assert isinstance(entry, Load)
            terms.append(entry)
        count = f"_some({self.formulas.whole(along.high - along.low + 1)})"
        mean = f"near / {self.to.cast('wide', count)}"
        home = self.homes[shift.array]
        zero = self.to.number(Fraction(0), "wide")
        lengths = [self.formulas.whole(axis.high - axis.low + 1) for axis in shift.axes]

        def everywhere(body: Lines) -> Lines:
            for length, var in reversed(list(zip(lengths, variables, strict=True))):
                body = self.to.turns(var, "0", length, body)
            return body

        def add(total: str, terms: list[Load]) -> Lines:
            read = [self.read(entry, "wide") for entry in terms]
            return [self.to.set(total, " + ".join(read), "+=")]

        store = self.stored(home.step, places, self.to.cast("real", f"({mean})"))
        if not variables or not terms[0].at[-1].names & {f"@{var}" for var in variables}:
            near = self.to.declare("wide", "near", zero, fixed=False)
            one = self.to.turns(turn, "0", count, add("near", terms[:1]))
            return everywhere([near, *one, *store])
        # Entries side by side belong to different shifts: some rows at a time.
        buffer = Buffer(f"n_{self.names[shift.array]}", "wide", " * ".join(lengths), False)
        self.buffers[buffer.name] = buffer
        sums = f"{buffer.name}[{flat(variables, lengths)}]"
        *outer, last = zip(lengths, variables, strict=True)

        def rows(terms: list[Load]) -> Lines:
            lines = self.to.loop(last[1], "0", last[0], add(sums, terms))
            for length, var in reversed(outer):
                lines = self.to.turns(var, "0", length, lines)
            return lines

        span = ("0", count, count, last[0])
        return [
            *everywhere([self.to.set(sums, zero)]),
            *self.to.jammed(turn, span, "terms", rows(terms), rows(terms[:1])),
            *everywhere([self.to.declare("wide", "near", sums), *store]),
        ]

    def _checked(self, shift: Shift) -> Lines:
        """Where the mean is farther than two deviations from the shift, it becomes the shift."""
        home = self.homes[shift.array]
        own, sums, squares = (
            self._whole(self.homes[array]) for array in (shift.array, shift.sums, shift.squares)
        )
        count = self.formulas.text(
            product(_count(bound) for bound in shift.bounds), "wide", guarded=True
        )
        four, five = (self.to.number(Fraction(n), "wide") for n in (4, 5))
        sums, squares = self.to.cast("wide", sums), self.to.cast("wide", squares)
        total = [
            self.to.declare("wide", "total", sums),
            self.to.declare("wide", "limit", f"{four} * {count} * {squares}"),
        ]
        # That is (Σ d / n)² > 4 (Σ d² / n − (Σ d / n)²), without a division.
        test = f"{five} * total * total > limit"
        mean = self.to.cast("real", f"({self.to.cast('wide', own)} + total / {count})")
        found = [*total, self.to.set("far", f"far | ({test})")]
        move = self.to.when(test, [self.to.set(own, mean)])
        if not home.axes:
            return [*found, *move]
        # Hardly any are: they are looked for side by side before any is moved.
        lengths = [self.formulas.whole(axis.high - axis.low + 1) for axis in shift.axes]
        whole = " * ".join(lengths)
        moves = self.to.turns("k", "0", whole, [*total, *move])
        return [*self.to.turns("k", "0", whole, found), *self.to.when("far != 0", moves)]

    def _whole(self, home: Home) -> str:
        """The entry `k` of an array of the whole call, or the number that it is."""
        return f"{self.held(home, home.kind)}[k]" if home.axes else self.names[home.step.array]

    # ---- loops ----------------------------------------------------------------------------------

    def _block(self, nodes: tuple[Node, ...], path: Path) -> Lines:
        with self.formulas.scope(path[-1].var if path else "") as lines:
            for node in nodes:
                if isinstance(node, Compute):
                    lines += self.turn(node, path)
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
        self.teams, self.streaming = self.teams + 1, False
        inside = self._turns(loop, (), "lo", "hi")
        for compute in _started(loop, ()):
            if not stored_axes(compute, ()):
                name = self.buffer("p", compute, "1")
                kept = self.to.set(f"{name}[0]", self.own("q", compute))
                inside += self.needed(compute.step.array, [kept])
        own = [b for key, b in self.buffers.items() if key not in before and b.private]
        heads = [self.to.slice(b) for b in own]
        if self.streaming:
            inside = [*inside, *self.to.settled()]
        length, work = self.formulas.whole(loop.length), self._work(loop)
        lines = self.to.team(number, length, work, [*heads, *inside])
        for compute in _started(loop, ()):
            lines += self.needed(compute.step.array, self._merged(compute, number))
        return lines

    def _work(self, loop: Loop) -> str:
        """About how many simple turns a loop takes, empty where that is not worth a thread."""
        if not any(self.homes[compute.step.array].hot for compute, _ in paths([loop])):
            return ""
        weight = self.weight_of(loop)
        self.weight = max(self.weight, weight)
        work = " * ".join(self.to.cast("wide", self.formulas.whole(n)) for n in _deepest(loop))
        return f"{self.to.number(Fraction(weight), 'wide')} * {work}" if weight > 1 else work

    def _turns(self, loop: Loop, path: Path, low: str, high: str) -> Lines:
        """The turns low ≤ var < high of a loop, and the sums that start with it."""
        started = _started(loop, path)
        lines = [line for compute in started for line in self._begun(compute, path)]
        blocked = [c for c in started if stored_axes(c, path) and fold_of(c) == "sum"]
        if not blocked:
            return lines + self._plain(loop, path, low, high)
        body = self._block(loop.body, (*path, loop))
        cleared, flushed = Lines(), Lines()
        for compute in blocked:
            size = self.size_of(compute, path)
            block, total = self.buffer("b", compute, size, "real"), self.own("q", compute)
            zero = self.to.set(f"{block}[k]", self.to.number(Fraction(0), "real"))
            cleared += self.to.loop("k", "0", size, [zero])
            flushed += self.to.loop(
                "k", "0", size, [self.to.set(f"{total}[k]", f"{block}[k]", "+=")]
            )
        turns = self._jammed(loop, path, "start", "stop", body)
        inside = [*cleared, *turns, *flushed]
        return lines + self.to.blocks(low, high, inside)

    def _plain(self, loop: Loop, path: Path, low: str, high: str) -> Lines:
        """Turns without sums of arrays; innermost ones side by side, in chunks where that helps."""
        inside = (*path, loop)
        folds = self.straight(loop, inside)
        if folds is None:
            return self._jammed(loop, path, low, high, self._block(loop.body, inside))
        computes = [node for node in loop.body if isinstance(node, Compute)]
        if folds and self.to.lanes:
            return self._in_lanes(loop, inside, (low, high), folds)
        plain = self._between(loop, inside, folds)
        takers = [c for c in computes if self.streamed(c, loop)]
        if len(takers) != 1 or folds:
            return plain(low, high)
        self.taken = {takers[0].step.array}
        line = self._between(loop, inside)
        self.taken, self.streaming = set(), True
        return self.to.lined(low, high, self.taker(takers[0], loop), line, plain)

    def _between(self, loop: Loop, inside: Path, folds: Folds = ()) -> Between:
        """Turns side by side."""
        body = self._block(loop.body, inside)
        return lambda begin, end: self.to.loop(loop.var[1:], begin, end, body, folds)

    def _in_lanes(self, loop: Loop, inside: Path, span: tuple[str, str], folds: Folds) -> Lines:
        """Turns side by side whose folds are made in lanes, chunk by chunk."""
        of = {name for name, _, _ in folds}
        computes = [c for c in loop.body if isinstance(c, Compute) and self.own("q", c) in of]
        own = [(self.own("b", c), fold_of(c), self.lane_kind(c)) for c in computes]
        self.lanes = {c.step.array: self.to.lane(loop.var[1:]) for c in computes}
        body = self._block(loop.body, inside)
        self.lanes = {}
        added = [
            self.added(c, self.own("q", c), self.to.joined(*lane))
            for c, lane in zip(computes, own, strict=True)
        ]
        return self.to.laned(loop.var[1:], span, tuple(own), body, added)

    def _jammed(self, loop: Loop, path: Path, low: str, high: str, body: Lines) -> Lines:
        """Turns of a loop, several at once where that is possible and worth it."""
        var, inside = loop.var[1:], (*path, loop)
        jam = self.jam(loop)
        if jam is None:
            return self.to.turns(var, low, high, body)
        several = self._block(jam.nodes, inside)
        span = low, high, self.formulas.whole(loop.length), self.within(loop)
        return self.to.jammed(var, span, jam.makes, several, body)

    # ---- reductions -----------------------------------------------------------------------------

    def _begun(self, compute: Compute, path: Path) -> Lines:
        """A total before its first term."""
        neutral, kind = NEUTRAL[fold_of(compute)], self.total_kind(compute)
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
        lines = [self.added(compute, part("0", at), part("t", at))]
        if not scalar:
            lines = self.to.loop("k", "0", size, lines)
        lines = self.to.turns("t", "1", f"m{number}", lines)
        return lines + self._finish(compute, lambda k: part("0", k))

    # ---- turns of steps -------------------------------------------------------------------------


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


def _deepest(loop: Loop) -> list[Affine]:
    """The lengths of the longest chain of loops from this one on."""
    chain = max((path for _, path in paths([loop])), key=len)
    return [each.length for each in chain]
