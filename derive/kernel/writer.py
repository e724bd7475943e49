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

from derive.kernel.dialect import Buffer, Dialect, Kind, Lines
from derive.kernel.entries import Load, Reduce
from derive.kernel.formulas import Formulas
from derive.kernel.loops import Compute, Loop, Nest, Node, Path, Places, outside_of, paths, placed
from derive.kernel.plan import Step
from derive.kernel.storage import Home, homes
from derive.meaning.terms import Affine

NEUTRAL: Mapping[str, str] = {"sum": "0", "prod": "1", "max": "-inf", "min": "inf"}


@dataclass(frozen=True)
class Written:
    """The statements of a kernel, and the buffers and numbers of the whole call that they use."""

    lines: Lines
    buffers: tuple[Buffer, ...]
    numbers: tuple[str, ...]


def write(nest: Nest, names: Mapping[str, str], sizes: Mapping[str, str], to: Dialect) -> Written:
    """The text of a nest; `names` and `sizes` map keys to identifiers of the language."""
    writer = _Writer(nest, names, sizes, to)
    lines = [line for node in nest.nodes for line in writer.wanted(node)]
    return Written(lines, tuple(writer.buffers.values()), tuple(writer.numbers))


class _Writer:
    def __init__(
        self, nest: Nest, names: Mapping[str, str], sizes: Mapping[str, str], to: Dialect
    ) -> None:
        self.nest, self.names, self.to = nest, names, to
        self.results = {result.array for result in nest.plan.results}
        self.parameters = {p.array for p in nest.plan.parameters}
        self.buffers = dict[str, Buffer]()
        self.numbers = dict[str, None]()
        self.teams = 0
        self.homes = homes(nest)
        self.formulas = Formulas(to, sizes, self.read, nest.virtual)

    # ---- nodes ----------------------------------------------------------------------------------

    def wanted(self, node: Node) -> Lines:
        """A node of the outermost level, under a condition where not all results need it."""
        steps = {compute.step.array for compute, _ in paths([node])}
        needing = [
            bit
            for bit, result in enumerate(self.nest.plan.results)
            if steps & self.nest.plan.needed([result.array])
        ]
        lines = self._block((node,), ())
        if len(needing) == len(self.nest.plan.results):
            return lines
        return self.to.when(f"(want & {sum(1 << bit for bit in needing)}) != 0", lines)

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
                lines += self._finish(compute, partial(_entry, self._own("q", compute)))
        return lines

    def _outermost(self, loop: Loop) -> Lines:
        """A loop whose turns are shared among threads."""
        number, before = self.teams, set(self.buffers)
        self.teams += 1
        inside = self._turns(loop, (), "lo", "hi")
        for compute in _started(loop, ()):
            if not _axes(compute, ()):
                name = self._buffer("p", compute, "1")
                inside.append(self.to.set(f"{name}[0]", self._own("q", compute)))
        own = [b for key, b in self.buffers.items() if key not in before and b.private]
        heads = [self.to.slice(b) for b in own]
        work = " * ".join(self.to.cast("wide", self.formulas.whole(n)) for n in _deepest(loop))
        lines = self.to.team(number, self.formulas.whole(loop.length), work, [*heads, *inside])
        for compute in _started(loop, ()):
            lines += self._merged(compute, number)
        return lines

    def _turns(self, loop: Loop, path: Path, low: str, high: str) -> Lines:
        """The turns low ≤ var < high of a loop, and the sums that start with it."""
        started = _started(loop, path)
        lines = [line for compute in started for line in self._begun(compute, path)]
        body = self._block(loop.body, (*path, loop))
        blocked = [c for c in started if _axes(c, path) and _fold(c) == "sum"]
        var = loop.var[1:]
        if not blocked:
            sums = self._straight(loop, (*path, loop))
            if sums is None:
                return lines + self.to.turns(var, low, high, body)
            return lines + self.to.loop(var, low, high, body, sums)
        cleared, flushed = Lines(), Lines()
        for compute in blocked:
            size = self._size(compute, path)
            block, total = self._buffer("b", compute, size, "real"), self._own("q", compute)
            zero = self.to.set(f"{block}[k]", self.to.number(Fraction(0), "real"))
            cleared += self.to.loop("k", "0", size, [zero])
            flushed += self.to.loop(
                "k", "0", size, [self.to.set(f"{total}[k]", f"{block}[k]", "+=")]
            )
        inside = [*cleared, *self.to.turns(var, "start", "stop", body), *flushed]
        return lines + self.to.blocks(low, high, inside)

    def _straight(self, loop: Loop, path: Path) -> tuple[str, ...] | None:
        """The numbers that are added up in a loop without another dependence between turns."""
        sums = []
        for node in loop.body:
            if isinstance(node, Loop):
                return None
            folds = any(loop.var in node.places[b.name].names for b in node.step.bounds)
            scalar = not _axes(node, outside_of(node, path))
            if folds and (not scalar or _fold(node) != "sum"):
                return None
            if folds:
                sums.append(self._own("q", node))
        return tuple(sums)

    # ---- reductions -----------------------------------------------------------------------------

    def _begun(self, compute: Compute, path: Path) -> Lines:
        """A total before its first term."""
        neutral = NEUTRAL[_fold(compute)]
        if neutral.endswith("inf"):
            text = neutral.replace("inf", self.to.constant("inf", "wide"))
        else:
            text = self.to.number(Fraction(neutral), "wide")
        if not _axes(compute, path):
            return [self.to.declare("wide", self._own("q", compute), text, fixed=False)]
        size = self._size(compute, path)
        total = self._buffer("q", compute, size)
        return self.to.loop("k", "0", size, [self.to.set(f"{total}[k]", text)])

    def _finish(self, compute: Compute, total: Callable[[str], str]) -> Lines:
        """Store what was added up, entry by entry."""
        axes = [compute.step.axes[k] for k in _axes(compute, self.homes[compute.step.array].made)]
        variables = [f"k{k}" for k in range(len(axes))]
        lengths = [self.formulas.whole(axis.high - axis.low + 1) for axis in axes]
        places = dict(compute.places)
        for axis, var in zip(axes, variables, strict=True):
            places[axis.name] = Affine.name(f"@{var}") + axis.low
        body = self._stored(compute.step, places, total(flat(variables, lengths)))
        for var, length in reversed(list(zip(variables, lengths, strict=True))):
            body = self.to.loop(var, "0", length, body)
        return body

    def _merged(self, compute: Compute, number: int) -> Lines:
        """What the threads have added up, put together in their order."""
        scalar = not _axes(compute, ())
        size = "1" if scalar else self._size(compute, ())
        own = self._own("p" if scalar else "q", compute)

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
                return self.to.set(target, self.to.function(extreme, [target, value], "wide"))

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
            return self._stored(step, compute.places, value)
        return [self.to.declare(kind, self.names[step.array], value)]

    def _target(self, compute: Compute, path: Path) -> str:
        axes = _axes(compute, outside_of(compute, path))
        if not axes:
            return self._own("q", compute)
        buffer = self._own("b" if _fold(compute) == "sum" else "q", compute)
        return f"{buffer}[{self._at(compute.step, axes, compute.places)}]"

    def _stored(self, step: Step, places: Places, value: str) -> Lines:
        """Set an entry of a stored array, or a number of the whole call."""
        name, home = self.names[step.array], self.homes[step.array]
        if home.result:
            offsets = [self.formulas.whole(places[a.name] - a.low) for a in step.axes]
            return [self.to.set(self.to.entry(name, offsets), self.to.cast("store", value))]
        if not home.axes:
            self.numbers[name] = None
            return [self.to.set(name, value)]
        index = self._at(step, home.axes, places)
        entry = f"{self._held(home, 'real' if home.hot else 'wide')}[{index}]"
        lines = [self.to.set(entry, value)]
        if home.rounded:
            rounded = f"{self._held(home, 'real')}[{index}]"
            lines.append(self.to.set(rounded, self.to.cast("real", entry)))
        return lines

    def _held(self, home: Home, kind: Kind) -> str:
        """The buffer of an array, or its copy in the working type."""
        name = self.names[home.step.array]
        if home.path and home.reduced and not home.moved:
            return f"q_{name}"
        own: Kind = "real" if home.hot else "wide"
        label = f"r_{name}" if kind == "real" and home.rounded else f"s_{name}"
        lengths = [home.step.axes[k].high - home.step.axes[k].low + 1 for k in home.axes]
        size = " * ".join(self.formulas.whole(length) for length in lengths)
        stored: Kind = "real" if label.startswith("r_") else own
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
            kind, f"{self._held(home, kind)}[{self._at(home.step, home.axes, places)}]"
        )

    def _at(self, step: Step, axes: tuple[int, ...], places: Places) -> str:
        """The place of an entry in a flat buffer."""
        own = [step.axes[k] for k in axes]
        lengths = [self.formulas.whole(axis.high - axis.low + 1) for axis in own]
        return flat([self.formulas.whole(places[a.name] - a.low) for a in own], lengths)

    # ---- buffers --------------------------------------------------------------------------------

    def _size(self, compute: Compute, path: Path) -> str:
        own = [compute.step.axes[k] for k in _axes(compute, path)]
        return " * ".join(self.formulas.whole(axis.high - axis.low + 1) for axis in own)

    def _own(self, prefix: str, compute: Compute) -> str:
        """`q_…` a total in float64, `b_…` that of a block, `p_…` a number of each thread."""
        return f"{prefix}_{self.names[compute.step.array]}"

    def _buffer(self, prefix: str, compute: Compute, size: str, kind: Kind = "wide") -> str:
        name = self._own(prefix, compute)
        self.buffers.setdefault(name, Buffer(name, kind, size, True))
        return name


def flat(offsets: list[str], lengths: list[str]) -> str:
    """The place in a flat array of an entry of an array in C order."""
    text = ""
    for offset, length in zip(offsets, lengths, strict=True):
        text = f"({text}) * {length} + {offset}" if text else offset
    return text


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


def _axes(compute: Compute, path: Path) -> tuple[int, ...]:
    """The axes of a step, by number, that no loop of a path counts."""
    counted = {loop.var for loop in path}
    axes = enumerate(compute.step.axes)
    return tuple(k for k, axis in axes if not counted & compute.places[axis.name].names)


def _fold(compute: Compute) -> str:
    assert isinstance(compute.step.body, Reduce)
    return compute.step.body.kind


def _deepest(loop: Loop) -> list[Affine]:
    """The lengths of the longest chain of loops from this one on."""
    chain = max((path for _, path in paths([loop])), key=len)
    return [each.length for each in chain]
