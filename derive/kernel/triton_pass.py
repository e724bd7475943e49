"""One pass of an emitted module: its kernels, and the function that launches them in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from derive.kernel.entries import Load, Times
from derive.kernel.front import axes_of, sequence
from derive.kernel.plan import Parameter, Plan, Result, Step
from derive.kernel.shifting import centred
from derive.kernel.statements import call, function, indented, returned, signature, wanted
from derive.kernel.torch_front import TorchFront
from derive.kernel.triton_kernels import ClusterKernels, Kernel, Writing
from derive.kernel.triton_nested import flattened
from derive.kernel.triton_products import with_products
from derive.kernel.triton_schedule import Cluster, Product, Range, schedule_of


@dataclass
class Pass:
    """The forward or the backward pass: its kernels, and the function that launches them."""

    name: str
    plan: Plan
    results: list[Result]
    front: TorchFront
    kernels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        products = with_products(flattened(centred(self.plan)))
        self.made, self.operands = products.plan, products.operands
        self.contractions = products.contractions
        self.schedule = schedule_of(products)
        self.steps = {step.array: step for step in self.made.steps}
        self.names = self._names()
        axes = {p.array: axes_of(p) for p in self.made.parameters}
        axes |= {array: step.axes for array, step in self.steps.items()}
        self.writing = Writing(self.schedule, self.names, self.front.sizes, axes)

    def _names(self) -> dict[str, str]:
        """Identifiers of parameters and results as the module has them, and of what is between."""
        names = {p.array: self.front.names[p.array] for p in self.made.parameters}
        for own, shown in zip(self.made.results, self.results, strict=True):
            names.setdefault(own.array, self.front.names[shown.array])
        taken = {*self.front.names.values(), *self.front.sizes.values()}
        free = (name for k in count(1) if (name := f"part_{k}") not in taken)
        between = [array for array in self.steps if array not in names]
        virtual = self.schedule.virtual.keys() - self.operands
        return names | {array: next(free) for array in between if array not in virtual}

    # ---- the function ---------------------------------------------------------------------------

    def functions(self, parameters: list[Parameter]) -> list[str]:
        """The function, and the kernels before it."""
        lines = [line for number in range(len(self.schedule.units)) for line in self._unit(number)]
        results = [r.array for r in self.made.results]
        given = self.front.of(parameters)
        arrays = [p for p in parameters if p in self.front.arrays]
        numbers = [n for n in self.front.of(self.front.numbers) if n in given]
        back = self.name == "_backward"
        text = [self._returned(array, results[:k]) for k, array in enumerate(results)]
        if back:
            text = [
                f'{t} if "{self.front.names[r.array]}" in want else None'
                for t, r in zip(text, self.results, strict=True)
            ]
        body = [
            f'"""{"The gradients." if back else "The outputs."}"""',
            *self.front.environment(),
            *self.front.size_lines(arrays),
            *(f"{n} = _value({n}, work, device)" for n in numbers),
            "with _on(device):",
            *indented(lines),
            returned(text),
        ]
        head = signature(self.name, [*given, *(["want"] if back else [])])
        return [*self.kernels, function(head, body)]

    def _returned(self, array: str, before: list[str]) -> str:
        """A result in the arguments' dtype, in memory of its own."""
        name = self.names[array]
        if array in self.contractions:
            name = f"{name}.to(dtype)"
        return f"{name}.clone()" if array in before else name

    def _unit(self, number: int) -> list[str]:
        """The statements of one cluster or product, under a condition where not all need it."""
        unit = self.schedule.units[number]
        if isinstance(unit, Product):
            lines = self._product(unit.step)
        else:
            lines = list(self._cluster(unit, f"{self.name}_{number + 1}"))
        own = self.schedule.users(number)
        shown = zip(self.made.results, self.results, strict=True)
        users = [self.front.names[r.array] for made, r in shown if made.array in own]
        if self.name == "_forward" or len(users) == len(self.results):
            return lines
        return [f"if {wanted(users)}:", *indented(lines)]

    # ---- products -------------------------------------------------------------------------------

    def _product(self, step: Step) -> list[str]:
        """One call of `torch.einsum` on arrays of the working type."""
        letters = {name: chr(ord("a") + k) for k, name in enumerate(step.order)}
        assert isinstance(step.inner, Times)
        texts, operands = list[str](), list[str]()
        for factor in step.inner.factors:
            assert isinstance(factor, Load)
            texts.append("".join(letters[at.single or ""] for at in factor.at))
            own = self.names[factor.array]
            stored = factor.array in self.steps
            operands.append(own if stored else f"{own}.to(work)")
        output = "".join(letters[axis.name] for axis in step.axes)
        arguments = [f'"{",".join(texts)}->{output}"', *operands]
        return [f"{self.names[step.array]} = {call('torch.einsum', arguments)}"]

    # ---- clusters -------------------------------------------------------------------------------

    def _cluster(self, cluster: Cluster, prefix: str) -> Iterator[str]:
        made, space = ClusterKernels(self.writing, cluster, prefix), cluster.space
        yield f"rows, inner = {self._count(space.rows)}, {self._count(space.inner)}"
        for task in cluster.tasks:
            if task.role != "sum":
                yield self._empty(task.step)
        for array in sorted(made.kept):
            yield self._empty(self.steps[array])
        across = self.writing.is_across(cluster)
        levels = list(self._levels(made, across))
        if not cluster.fusible:
            yield from levels
            return
        yield f"tile = _whole(rows, inner, {across})"
        yield "if tile is not None:"
        programs = "triton.cdiv(rows, tile[0])"
        yield from indented([self._launch(made.whole(), made, programs)])
        yield "else:"
        yield from indented(levels)

    def _levels(self, made: ClusterKernels, across: bool) -> Iterator[str]:
        """Level by level: partial sums, their merge, then what needs all of them."""
        cluster = made.cluster
        for array in sorted(made.between):
            yield self._empty(self.steps[array])
        for level in range(cluster.levels):
            count = len(made.at_level(level))
            yield f"tile = _tile(rows, inner, {across})"
            yield "turns, parts = _parts(rows, inner, tile)"
            yield f"partial = torch.empty(({count}, parts, rows), dtype=work, device=device)"
            programs = "triton.cdiv(rows, tile[0]) * parts"
            yield self._launch(made.partial(level), made, programs, ["partial", "parts"], "turns")
            yield "tile = _tile(rows, parts, False)"
            programs = "triton.cdiv(rows, tile[0])"
            yield self._launch(made.merge(level), made, programs, ["partial", "parts"])
        last = any(t.role == "full" and t.level == cluster.levels for t in cluster.tasks)
        if last:
            yield f"tile = _tile(rows, inner, {across})"
            programs = "triton.cdiv(rows, tile[0]) * triton.cdiv(inner, tile[1])"
            yield self._launch(made.entries(cluster.levels), made, programs)

    def _launch(
        self,
        kernel: Kernel,
        made: ClusterKernels,
        programs: str,
        extra: Iterable[str] = (),
        turns: str = "",
    ) -> str:
        self.kernels.append(kernel.text)
        space = made.cluster.space
        arguments = [kernel.name, programs, "tile", "work", *extra]
        arguments += [self.names[array] for array in kernel.arrays]
        arguments += [self._length(span) for span in (*space.rows, *space.inner)]
        arguments += [self.front.sizes[size] for size in kernel.sizes]
        arguments += [f"ITERS={turns}"] if turns else []
        return call("_run", arguments)

    def _length(self, span: Range) -> str:
        """How many positions a range has, as text."""
        low, high = span
        text = self.front.texts.size(high - low + 1)
        plain = text.isidentifier() or text.isdigit()
        return text if plain else f"max({text.removeprefix('(').removesuffix(')')}, 0)"

    def _count(self, spans: tuple[Range, ...]) -> str:
        return " * ".join(map(self._length, spans)) or "1"

    def _empty(self, step: Step) -> str:
        lengths = sequence([self._length((a.low, a.high)) for a in step.axes])
        shape = lengths if step.axes else "()"
        results = {result.array for result in self.made.results}
        kind = "dtype" if step.array in results else "work"
        return f"{self.names[step.array]} = torch.empty({shape}, dtype={kind}, device=device)"
