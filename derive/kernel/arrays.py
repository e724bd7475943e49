"""Entries of the arrays of a nest as text: where they are read, and where they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Set

from derive.kernel.dialect import Buffer, Dialect, Kind, Lines
from derive.kernel.entries import Load, loads
from derive.kernel.formulas import Formulas
from derive.kernel.loops import Compute, Nest, Path, Places
from derive.kernel.plan import Step
from derive.kernel.storage import Home, homes, stored_axes


class Entries:
    """Reads and stores entries; `buffers` and `numbers` collect what the whole call needs.

    `taken` are the results whose entries the loop being written collects in a line.
    """

    def __init__(
        self, nest: Nest, names: Mapping[str, str], sizes: Mapping[str, str], to: Dialect
    ) -> None:
        self.nest, self.names, self.to = nest, dict(names), to
        self.results = {result.array for result in nest.plan.results}
        self.parameters = {p.array for p in nest.plan.parameters}
        self.buffers = dict[str, Buffer]()
        self.numbers = dict[str, Kind]()
        self.homes = homes(nest)
        self.bits, self.originals = dict[str, int](), dict[str, str]()
        self.taken: frozenset[str] | set[str] = frozenset()
        self.read_again = {name for step in nest.plan.steps for name in loads(step.body)}
        self.formulas = Formulas(to, sizes, self.read, nest.virtual, self.parameters)

    # ---- what is wanted -------------------------------------------------------------------------

    def results_of(self, arrays: Set[str]) -> int:
        """The results that need some of the arrays, as bits."""
        return sum(
            1 << bit
            for bit, result in enumerate(self.nest.plan.results)
            if arrays & self.nest.plan.needed([result.array])
        )

    def test_of(self, results: int) -> str:
        """The condition that one of some results is wanted; empty where one always is."""
        every = results + 1 == 1 << len(self.nest.plan.results)
        return "" if every else f"(WANT & {results}) != 0"

    def under(self, results: int, lines: Lines) -> Lines:
        """Statements under the condition that one of some results is wanted."""
        test = self.test_of(results)
        return self.to.when(test, lines) if test else lines

    def needed(self, array: str, lines: Lines) -> Lines:
        """Statements that store entries of an array, under the condition that they are needed."""
        known = self.bits.get(array)
        if known is None:
            known = self.bits[array] = self.results_of({self.originals.get(array, array)})
        return self.under(known, lines)

    # ---- storing --------------------------------------------------------------------------------

    def stored(self, step: Step, places: Places, value: str) -> Lines:
        """Set an entry of a stored array, or a number of the whole call."""
        return self.needed(step.array, self._stored(step, places, value))

    def _stored(self, step: Step, places: Places, value: str) -> Lines:
        name, home = self.names[step.array], self.homes[step.array]
        if home.result:
            offsets = [self.formulas.whole(places[a.name] - a.low) for a in step.axes]
            if step.array in self.taken:
                target = self.to.taken(name, offsets[-1])
                return [self.to.set(target, self.to.cast("store", value))]
            return [self.to.set(self.to.entry(name, offsets), self.to.cast("store", value))]
        if not home.axes:
            self.numbers[name] = home.kind
            return [self.to.set(name, value)]
        index = self.at(step, home.axes, places)
        entry = f"{self.held(home, home.kind)}[{index}]"
        lines = [self.to.set(entry, value)]
        if home.rounded:
            rounded = f"{self.held(home, 'real')}[{index}]"
            lines.append(self.to.set(rounded, self.to.cast("real", entry)))
        return lines

    def held(self, home: Home, kind: Kind) -> str:
        """The buffer of an array, or its copy in the working type."""
        name = self.names[home.step.array]
        if home.path and home.reduced and not home.moved:
            return f"q_{name}"
        label = f"r_{name}" if kind == "real" and home.rounded else f"s_{name}"
        lengths = [home.step.axes[k].high - home.step.axes[k].low + 1 for k in home.axes]
        size = " * ".join(self.formulas.whole(length) for length in lengths)
        stored: Kind = "real" if label.startswith("r_") else home.kind
        self.buffers.setdefault(label, Buffer(label, stored, size, bool(home.path)))
        return label

    # ---- reading --------------------------------------------------------------------------------

    def read(self, load: Load, kind: Kind) -> str:
        """A stored entry, as a number of a kind."""
        name = self.names[load.array]
        if load.array in self.parameters:
            offsets = [self.formulas.whole(at - 1) for at in load.at]
            return self.to.cast(kind, self.to.entry(name, offsets) if offsets else name)
        home = self.homes[load.array]
        axes = home.step.axes
        if home.result:
            offsets = [self.formulas.whole(at - a.low) for at, a in zip(load.at, axes, strict=True)]
            return self.to.cast(kind, self.to.entry(name, offsets))
        if not home.axes:
            inside = home.path and home.reduced
            return self.to.cast(kind, f"q_{name}" if inside else name)
        places = {axis.name: at for axis, at in zip(axes, load.at, strict=True)}
        return self.to.cast(
            kind, f"{self.held(home, kind)}[{self.at(home.step, home.axes, places)}]"
        )

    def at(self, step: Step, axes: tuple[int, ...], places: Places) -> str:
        """The place of an entry in a flat buffer."""
        own = [step.axes[k] for k in axes]
        lengths = [self.formulas.whole(axis.high - axis.low + 1) for axis in own]
        return flat([self.formulas.whole(places[a.name] - a.low) for a in own], lengths)

    # ---- buffers --------------------------------------------------------------------------------

    def size_of(self, compute: Compute, path: Path) -> str:
        own = [compute.step.axes[k] for k in stored_axes(compute, path)]
        return " * ".join(self.formulas.whole(axis.high - axis.low + 1) for axis in own)

    def own(self, prefix: str, compute: Compute) -> str:
        """`q_…` a total in float64, `b_…` that of a block, `p_…` a number of each thread."""
        return f"{prefix}_{self.names[compute.step.array]}"

    def buffer(self, prefix: str, compute: Compute, size: str, kind: Kind = "wide") -> str:
        name = self.own(prefix, compute)
        self.buffers.setdefault(name, Buffer(name, kind, size, True))
        return name


def flat(offsets: list[str], lengths: list[str]) -> str:
    """The place in a flat array of an entry of an array in C order."""
    text = ""
    for offset, length in zip(offsets, lengths, strict=True):
        text = f"({text}) * {length} + {offset}" if text else offset
    return text
