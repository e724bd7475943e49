"""The C function around the loops of a nest: its arguments, its memory, its independent columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from derive.kernel.c_dialect import TYPES
from derive.kernel.columns import separable
from derive.kernel.dialect import Lines, indented
from derive.kernel.plan import Plan
from derive.kernel.split import Split
from derive.kernel.writer import Written
from derive.meaning.terms import Affine


@dataclass(frozen=True)
class Argument:
    """An array of the plan, its name in C, whether it is only read, and of the working type."""

    array: str
    name: str
    rank: int
    const: bool
    real: bool = False

    @property
    def type(self) -> str:
        """The type of its entries."""
        return "REAL" if self.real else "STORE"


@dataclass(frozen=True)
class CFunction:
    """A function `name(sizes, arrays, c, record)`; `lengths` map sizes to names in C.

    `sizes` begin with the number of threads and the wanted results as bits, `arrays` are addresses
    of Python's objects, `c` are the `numbers`; with a `record`, nothing is computed if an array is
    laid out otherwise. Within, `a` has in the place of each array its address and its strides in
    entries.
    """

    name: str
    plan: Plan
    written: Written
    lengths: Mapping[str, str]
    arguments: tuple[Argument, ...]
    numbers: tuple[str, ...]

    def text(self) -> Lines:
        """The definitions, what computes first."""
        return [*self._work(), "", *self._entrance()]

    # ---- what computes --------------------------------------------------------------------------

    def _work(self) -> Iterator[str]:
        yield f"static int {self.name}_work(const int64_t *a, const double *c) {{"
        for at, name in enumerate(self.lengths.values(), 2):
            yield f"    const int64_t {name} = a[{at}];"
        for argument, at in self._places():
            const = "const " if argument.const else ""
            kind = f"{const}{argument.type} *"
            yield f"    {kind}const {argument.name} = ({kind})(intptr_t)a[{at}];"
            for axis in range(argument.rank):
                stride = f"a[{at + 1 + axis}]"
                stride = f"LAST({stride})" if axis == argument.rank - 1 else stride
                yield f"    const int64_t {argument.name}_{axis} = {stride};"
        yield f"    const int64_t streaming = a[{self._count}];"
        yield f"    const double bytes = {self._bytes({})};"
        for number, name in enumerate(self.numbers):
            yield f"    const double {name} = c[{number}];"
        yield from indented([*self._memory(), *self.written.lines, *self._end()])
        yield "}"

    def _memory(self) -> Iterator[str]:
        """One piece of memory for all buffers, each on lines of the cache of its own."""
        private = [f"PADDED({b.size}) * sizeof({TYPES[b.kind]})" for b in self.written.private]
        yield f"const int64_t threads = fitting(a[0], (double)({' + '.join(private) or '0'}));"
        yield "(void)threads, (void)streaming, (void)bytes, (void)c;"
        for name, kind in self.written.numbers.items():
            yield f"{TYPES[kind]} {name} = 0;"
        if not self.written.buffers:
            return
        yield "size_t room = 64;"
        for b in self.written.buffers:
            count = f"threads * PADDED({b.size})" if b.private else f"PADDED({b.size})"
            yield f"const size_t at_{b.name} = room;"
            yield f"room = after(room, (size_t)({count}) * sizeof({TYPES[b.kind]}));"
        yield "char *const memory = malloc(room);"
        yield "if (!memory) return 1;"
        yield "char *const first = memory + (64 - (uintptr_t)memory % 64);"
        for b in self.written.buffers:
            name, to = f"w_{b.name}" if b.private else b.name, f"{TYPES[b.kind]} *"
            yield f"{to}const {name} = ({to})(first + at_{b.name});"

    def _end(self) -> Iterator[str]:
        if self.written.buffers:
            yield "free(memory);"
        yield "return 0;"

    # ---- what is called -------------------------------------------------------------------------

    def _entrance(self) -> Iterator[str]:
        """The function itself, which finds addresses and strides, and may share columns."""
        first = 2 + len(self.lengths)
        arguments = "const int64_t *sizes, const int64_t *arrays, const double *c"
        yield f"int {self.name}({arguments}, const int64_t *record) {{"
        yield f"    for (int k = 0; record && k < {len(self.arguments)}; k++) {{"
        yield "        record = alike(arrays[k], record);"
        yield "        if (!record) return OTHERWISE;"
        yield "    }"
        yield f"    int64_t a[{self._count + 1}];"
        yield f"    for (int k = 0; k < {first}; k++) a[k] = sizes[k];"
        for number, (argument, at) in enumerate(self._places()):
            size = f"sizeof({argument.type})"
            yield f"    laid_out(a + {at}, arrays[{number}], {size});"
        yield f"    a[{self._count}] = streamed({self._bytes({})}, {self._row()});"
        split = separable(self.plan)
        if split is not None:
            yield from indented(list(self._columns(split)))
        yield f"    return {self.name}_work(a, c);"
        yield "}"

    def _columns(self, split: Split) -> Iterator[str]:
        """Columns that are independent: as many at a time as stay in the cache.

        So a thread reads them from memory once, however many passes it makes.
        """
        size = self._size(split.size)
        yield "#ifdef UNIT"
        yield f"const double bytes = {self._bytes(split.axes)};"
        yield f"const int64_t m = team(a[0], {size} * (int64_t)sizeof(STORE) / 256,"
        yield f"                       bytes * (double){size} / (double)sizeof(STORE) / 2);"
        yield f"const int64_t width = columns({size}, bytes, m);"
        yield f"if (width > 0 && width < {size}) {{"
        yield f"    const int64_t pieces = ({size} + width - 1) / width;"
        yield "    int failed = 0;"
        yield "#pragma omp parallel for num_threads(m) schedule(static) \\"
        yield "    reduction(| : failed) if (m > 1)"
        yield "    for (int64_t piece = 0; piece < pieces; piece++) {"
        yield "        const int64_t start = piece * width;"
        yield "        int64_t own[sizeof a / sizeof *a];"
        yield "        memcpy(own, a, sizeof a);"
        yield "        own[0] = 1;"
        yield f"        own{size[1:]} = start + width < {size} ? width : {size} - start;"
        for argument, at in self._places():
            axis = split.axes.get(argument.array)
            if axis is not None:
                size = f"(int64_t)sizeof({argument.type})"
                yield f"        own[{at}] += start * a[{at + 1 + axis}] * {size};"
        yield f"        failed |= {self.name}_work(own, c);"
        yield "    }"
        yield "    return failed;"
        yield "}"
        yield "#endif"

    def _bytes(self, without: Mapping[str, int]) -> str:
        """How many bytes the arguments and results of full rank have, some axes not counted."""
        shapes = {p.array: p.symbol.shape for p in self.plan.parameters}
        shapes |= {r.array: r.form.target.shape for r in self.plan.results}
        rank = max(each.rank for each in self.arguments)
        texts = []
        for each in self.arguments:
            if each.rank == rank:
                kept = enumerate(shapes[each.array])
                lengths = [self._whole(n) for k, n in kept if k != without.get(each.array)]
                texts.append(" * ".join(["(double)sizeof(STORE)", *lengths]))
        return " + ".join(texts)

    def _row(self) -> str:
        """How many bytes the last axis of the largest result has, and where that is."""
        result = max(self.plan.results, key=lambda each: len(each.form.target.shape))
        shape = result.form.target.shape
        at = next(at for argument, at in self._places() if argument.array == result.array)
        whole = self._whole(shape[-1], "int64_t") if shape else "0"
        return f"(int64_t)sizeof(STORE) * {whole}, a[{at}]"

    def _whole(self, at: Affine, kind: str = "double") -> str:
        """A length over the sizes in `a`."""
        terms = [
            self._size(name) if by == 1 else f"{by} * {self._size(name)}" for name, by in at.terms
        ]
        terms += [str(at.constant)] if at.constant or not terms else []
        return f"({kind})({' + '.join(terms)})" if len(terms) > 1 else f"({kind}){terms[0]}"

    def _size(self, name: str) -> str:
        """A size where it stands in `a`."""
        return f"a[{2 + list(self.lengths).index(name)}]"

    @property
    def _count(self) -> int:
        """How many numbers `a` has for threads, results, sizes and arrays."""
        return 2 + len(self.lengths) + sum(1 + each.rank for each in self.arguments)

    def _places(self) -> Iterator[tuple[Argument, int]]:
        """Each array with the place of its address in `a`; its strides follow."""
        at = 2 + len(self.lengths)
        for argument in self.arguments:
            yield argument, at
            at += 1 + argument.rank
