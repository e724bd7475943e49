"""Clusters as Triton kernels: one for whole rows, or sweeps of partial sums and their merges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from derive.errors import UnsupportedError
from derive.kernel.entries import Load, Reduce, is_label, subentries
from derive.kernel.plan import Step
from derive.kernel.statements import indented, signature
from derive.kernel.triton_schedule import Cluster, Schedule, Space, Task, opened
from derive.kernel.triton_text import Tile, Value, bare
from derive.meaning.terms import Bound

NEUTRAL = {"sum": "0", "prod": "1", "max": 'float("-inf")', "min": 'float("inf")'}
FOLD = {
    "sum": "tl.sum({}, 1, keep_dims=True)",
    "prod": "tl.reduce({}, 1, _product, keep_dims=True)",
    "max": "tl.reduce({}, 1, _larger, keep_dims=True)",
    "min": "tl.reduce({}, 1, _smaller, keep_dims=True)",
}
COMBINE = {
    "sum": "{} + {}",
    "prod": "{} * {}",
    "max": "_larger({}, {})",
    "min": "_smaller({}, {})",
}


PARTIAL = ("partial_ptr", "partial_s0", "partial_s1", "partial_s2", "parts")


@dataclass(frozen=True)
class Kernel:
    """The text of one kernel; `arrays`, `lengths` and `sizes` are what it takes, in order."""

    name: str
    text: str
    arrays: tuple[str, ...]
    sizes: tuple[str, ...]


@dataclass(frozen=True)
class Writing:
    """What all kernels of one pass share: identifiers, axes, what is computed where it is read."""

    schedule: Schedule
    names: Mapping[str, str]
    sizes: Mapping[str, str]
    axes: Mapping[str, tuple[Bound, ...]]

    def tile(self, space: Space, looped: bool = False) -> Tile:
        """An empty kernel over a space; `looped` when its statements stand in a loop."""
        return Tile(space, self.names, self.sizes, self.axes, self.schedule.virtual, looped=looped)

    def is_across(self, cluster: Cluster) -> bool:
        """Whether what lies side by side in memory lies inside a row."""
        best, across = 0, True
        for task in cluster.tasks:
            for load in self.stored_reads(task.step):
                last = load.at[-1].single if load.at else None
                if last is not None and is_label(last) and len(load.at) > best:
                    best, across = len(load.at), last.startswith("@q")
        return across

    def stored_reads(self, step: Step) -> Iterable[Load]:
        """What a step reads from memory."""
        todo = [*subentries(step.body)]
        while todo:
            part = todo.pop()
            if isinstance(part, Load) and part.array in self.schedule.virtual:
                todo += subentries(opened(part, self.schedule.virtual))
            elif isinstance(part, Load):
                yield part


@dataclass(frozen=True)
class ClusterKernels:
    """The kernels of one cluster, whose names start with `prefix`."""

    writing: Writing
    cluster: Cluster
    prefix: str

    def __post_init__(self) -> None:
        for task in self.cluster.sums:
            body = task.step.body
            assert isinstance(body, Reduce)
            if body.condition and body.kind in ("max", "min"):
                raise UnsupportedError("a largest entry under a condition has no Triton kernel")

    # ---- what is stored -------------------------------------------------------------------------

    @cached_property
    def kept(self) -> frozenset[str]:
        """The sums that other kernels than those of the cluster read."""
        return frozenset(t.step.array for t in self.cluster.sums) & self.writing.schedule.kept

    @cached_property
    def between(self) -> frozenset[str]:
        """The sums that are stored only when the cluster is computed level by level."""
        read = {
            load.array
            for task in self.cluster.tasks
            for load in self.writing.stored_reads(task.step)
        }
        return (frozenset(t.step.array for t in self.cluster.sums) & read) - self.kept

    def at_level(self, level: int) -> list[Task]:
        """The reductions of a level."""
        return [task for task in self.cluster.sums if task.level == level]

    # ---- kernels --------------------------------------------------------------------------------

    def whole(self) -> Kernel:
        """Everything in one kernel: a program holds whole rows."""
        tile, space = self.writing.tile(self.cluster.space), self.cluster.space
        stores = list[str]()
        for level in range(self.cluster.levels + 1):
            for task in self.at_level(level):
                term = self._term(tile, task)
                own = f"s{len(tile.registers)}"
                tile.body.append(f"{own} = {FOLD[_kind(task)].format(term)}")
                tile.registers[task.step.array] = own
                if task.step.array in self.kept:
                    stores.append(tile.store(task.step, Value(own)))
            for task in self.cluster.tasks:
                if task.role != "sum" and task.level == level:
                    value = tile.named(tile.value(task.step.body))
                    stores.append(tile.store(task.step, value))
        lines = [*_rows(space), *_inner(space), *tile.body, *stores]
        return self._kernel("rows", tile, lines)

    def partial(self, level: int) -> Kernel:
        """The sums of a level over parts of the rows, and what is known before them."""
        tile, space = self.writing.tile(self.cluster.space, True), self.cluster.space
        tasks = self.at_level(level)
        folded = list[str]()
        for number, task in enumerate(tasks):
            kind = _kind(task)
            term = self._term(tile, task)
            tile.body.append(f"a{number} = {COMBINE[kind].format(f'a{number}', term)}")
            address = _partial(number, "part")
            folded.append(f"s{number} = {FOLD[kind].format(f'a{number}')}")
            folded.append(f"tl.store({address}, s{number}, mask=pin)")
        for task in self.cluster.tasks:
            if task.role == "full" and task.level == level:
                value = tile.named(tile.value(task.step.body))
                tile.body.append(tile.store(task.step, value))
        starts = [
            f"a{k} = tl.full([BLOCK_P, BLOCK_Q], {NEUTRAL[_kind(t)]}, WORK)"
            for k, t in enumerate(tasks)
        ]
        lines = [
            *_program("block", "part", "parts"),
            *_rows(space, "block"),
            *tile.head,
            *starts,
            "for turn in range(ITERS):",
            *indented([*_inner(space, "(part * ITERS + turn) * BLOCK_Q"), *tile.body]),
            *folded,
        ]
        return self._kernel(f"sums_{level}", tile, lines, PARTIAL, ("ITERS",))

    def merge(self, level: int) -> Kernel:
        """The partial sums of a level added up, in their order, and what needs no more."""
        tile, space = self.writing.tile(self.cluster.space), self.cluster.space
        lines, loop, starts, stores = list[str](), list[str](), list[str](), list[str]()
        for number, task in enumerate(self.at_level(level)):
            kind, neutral = _kind(task), NEUTRAL[_kind(task)]
            starts.append(f"a{number} = tl.full([BLOCK_P, BLOCK_Q], {neutral}, WORK)")
            loop.append(f"term = tl.load({_partial(number, 'q')}, mask=inside, other={neutral})")
            loop.append(f"a{number} = {COMBINE[kind].format(f'a{number}', 'term')}")
            lines.append(f"s{number} = {FOLD[kind].format(f'a{number}')}")
            tile.registers[task.step.array] = f"s{number}"
            if task.step.array in self.kept | self.between:
                stores.append(tile.store(task.step, Value(f"s{number}")))
        for task in self.cluster.tasks:
            if task.role == "row" and max(task.level - 1, 0) == level:
                stores.append(tile.store(task.step, tile.named(tile.value(task.step.body))))
        span = ["q = start + tl.arange(0, BLOCK_Q)[None, :]", "inside = pin & (q < parts)"]
        lines = [
            *_rows(space),
            *starts,
            "for start in range(0, parts, BLOCK_Q):",
            *indented([*span, *loop]),
            *lines,
            *tile.body,
            *stores,
        ]
        return self._kernel(f"merge_{level}", tile, lines, PARTIAL)

    def entries(self, level: int) -> Kernel:
        """The arrays with every entry of a row, from sums that are stored."""
        tile, space = self.writing.tile(self.cluster.space), self.cluster.space
        stores = list[str]()
        for task in self.cluster.tasks:
            if task.role != "sum" and task.level == level:
                value = tile.named(tile.value(task.step.body))
                stores.append(tile.store(task.step, value))
        columns = [
            *_count("q", len(space.inner)),
            *_program("block", "part", "tl.cdiv(inner_count, BLOCK_Q)"),
        ]
        inner = _inner(space, "part * BLOCK_Q")[1:]
        lines = [*columns, *_rows(space, "block"), *inner, *tile.body, *stores]
        return self._kernel("entries", tile, lines)

    # ---- parts ----------------------------------------------------------------------------------

    def _term(self, tile: Tile, task: Task) -> str:
        """A term of a reduction, neutral outside the row."""
        body = task.step.body
        assert isinstance(body, Reduce)
        value = tile.named(tile.value(body.body))
        inside = "inside"
        if body.condition:
            test = tile.test(body.condition)
            inside = f"inside & ({bare(test.text)})"
        return f"tl.where({inside}, {value.text}, {NEUTRAL[body.kind]})"

    def _kernel(
        self,
        role: str,
        tile: Tile,
        lines: list[str],
        extra: tuple[str, ...] = (),
        constants: tuple[str, ...] = (),
    ) -> Kernel:
        name = f"{self.prefix}_{role}"
        arguments = [*extra]
        for array in tile.used:
            own = tile.names[array]
            arguments += [f"{own}_ptr", *(f"{own}_s{k}" for k in range(len(tile.axes[array])))]
        space = self.cluster.space
        arguments += [f"p{k}_len" for k in range(len(space.rows))]
        arguments += [f"q{k}_len" for k in range(len(space.inner))]
        arguments += [f"{self.writing.sizes[size]}_size" for size in tile.read_sizes]
        named = ("WORK", "WIDE", "BLOCK_P", "BLOCK_Q", *constants)
        arguments += [f"{constant}: tl.constexpr" for constant in named]
        head = signature(name, arguments)
        text = "\n".join(["@triton.jit", head, *indented(lines)])
        return Kernel(name, text, tuple(tile.used), tuple(tile.read_sizes))


def _partial(number: int, part: str) -> str:
    """The address of a part's sums: one of a kind, one part, one row of `partial`."""
    kind = f" + {number} * partial_s0" if number else ""
    return f"partial_ptr{kind} + {part} * partial_s1 + p * partial_s2"


def _kind(task: Task) -> str:
    assert isinstance(task.step.body, Reduce)
    return task.step.body.kind


def _program(rows: str, inner: str, count: str) -> list[str]:
    """The numbers of a program's block of rows and of its part of them."""
    return [
        "program = tl.program_id(0)",
        "if WIDE:",
        "    program = program.to(tl.int64)",
        f"{rows} = program // {count}",
        f"{inner} = program % {count}",
    ]


def _count(letter: str, number: int) -> list[str]:
    name = "row_count" if letter == "p" else "inner_count"
    lengths = [f"{letter}{k}_len" for k in range(number)]
    return [f"{name} = {' * '.join(lengths) or '1'}"]


def _rows(space: Space, block: str = "") -> list[str]:
    """Positions of the rows of a program."""
    own = ["block = tl.program_id(0)", "if WIDE:", "    block = block.to(tl.int64)"]
    return [
        *([] if block else own),
        *_count("p", len(space.rows)),
        f"p = {block or 'block'} * BLOCK_P + tl.arange(0, BLOCK_P)[:, None]",
        "pin = p < row_count",
        *_decoded("p", len(space.rows)),
    ]


def _inner(space: Space, start: str = "") -> list[str]:
    """Positions inside a row."""
    first = f"{start} + " if start else ""
    widened = [] if start else ["if WIDE:", "    q = q.to(tl.int64)"]
    return [
        *_count("q", len(space.inner)),
        f"q = {first}tl.arange(0, BLOCK_Q)[None, :]",
        *widened,
        "qin = q < inner_count",
        "inside = pin & qin",
        *_decoded("q", len(space.inner)),
    ]


def _decoded(letter: str, number: int) -> list[str]:
    """The labels of a flat position, the last one running fastest."""
    if number == 1:
        return [f"{letter}0 = {letter}"]
    lines, rest = list[str](), letter
    for k in reversed(range(number)):
        lines.append(f"{letter}{k} = {rest}" + (f" % {letter}{k}_len" if k else ""))
        rest = f"({rest} // {letter}{k}_len)"
    return lines
