"""What the emitted modules for PyTorch share: checks, steps as ATen operations, autograd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from derive.errors import UnsupportedError
from derive.kernel.entries import Load, free_labels, parts
from derive.kernel.front import sequence, shape_text
from derive.kernel.layer_front import LayerFront
from derive.kernel.plan import Check, Parameter, Result, Step
from derive.kernel.statements import function, indented, names_in, signature, wanted
from derive.kernel.torch_text import torch_text
from derive.meaning import terms as t


class TorchFront(LayerFront):
    """The parts of an emitted module; no argument shows the sizes in `foreign`."""

    foreign: frozenset[str] = frozenset()

    # ---- checks ---------------------------------------------------------------------------------

    def checks_text(self) -> list[str]:
        """`_check_inputs`, `_assume` and `_check`."""
        inputs, every = self.of(self.inputs), self.of(self.taken)
        arrays = [p for p in self.taken if p in self.arrays]
        first = [*self._fitting(self.tensors, self.tensors), *self._numbers(self.numbers)]
        whole = [
            *self._fitting(arrays, arrays),
            *self._numbers(p for p in self.taken if p in self.numbers),
            f"_assume({', '.join(self.assumed_of_taken())})",
        ]
        return [
            function(
                signature("_check_inputs", inputs),
                ['"""Refuse inputs whose kinds or shapes do not fit."""', *first],
            ),
            function(
                signature("_assume", inputs),
                ['"""Refuse values that the derivation excludes."""', *self._assumed()],
            ),
            function(
                signature("_check", every),
                ['"""Refuse arguments that do not fit."""', *whole],
            ),
        ]

    def assumed_of_taken(self) -> list[str]:
        """The arguments of `_assume`, None for those that the gradients are not given."""
        return [self.names[p.array] if p in self.taken else "None" for p in self.inputs]

    def _numbers(self, parameters: Iterable[Parameter]) -> list[str]:
        return [f'_number("{n}", {n}, {self.first}.dtype)' for n in self.of(parameters)]

    def _fitting(self, arrays: list[Parameter], known: list[Parameter]) -> Iterator[str]:
        for p in arrays:
            name = self.names[p.array]
            yield f'_tensor("{name}", {name}, {len(p.symbol.shape)})'
            if name != self.first:
                yield f'_alike("{name}", {name}, "{self.first}", {self.first})'
        shapes = list[str]()
        single = {s.single for q in known for s in q.symbol.shape}
        for p in arrays:
            name = self.names[p.array]
            if p.symbol.shape and {n for s in p.symbol.shape for n in s.names} <= single:
                expected = sequence([self.texts.size(size) for size in p.symbol.shape])
                shapes.append(f'_fits("{name}", {name}, {expected}, "{_shown(p)}")')
        yield from self.size_lines(known, names_in(shapes))
        yield from shapes

    def size_lines(self, arrays: list[Parameter], read: set[str] | None = None) -> Iterator[str]:
        """Sizes from the axes of arrays; only those in `read`, when it is given."""
        known = set[str]()
        for p in arrays:
            for axis, size in enumerate(p.symbol.shape):
                key = size.single
                if key is not None and key not in known:
                    known.add(key)
                    if read is None or self.sizes[key] in read:
                        yield f"{self.sizes[key]} = {self.names[p.array]}.shape[{axis}]"
        yield from self._remaining(arrays, known)

    def _remaining(self, arrays: list[Parameter], known: set[str]) -> Iterator[str]:
        """Sizes that only a length such as N + K - 1 shows."""
        for p in arrays:
            own = self.names[p.array]
            for axis, size in enumerate(p.symbol.shape):
                unknown = [(n, factor) for n, factor in size.terms if n not in known]
                if len(unknown) == 1 and unknown[0][1] == 1:
                    key = unknown[0][0]
                    known.add(key)
                    rest = self.texts.size(size - t.Affine.name(key))
                    yield f"{self.sizes[key]} = {own}.shape[{axis}] - {rest}"
                    yield f"if {self.sizes[key]} < 1:"
                    shape = f"{{tuple({own}.shape)}}"
                    yield f'    raise ValueError(f"{own}: too short, got shape {shape}")'
        if missing := [own for key, own in self.sizes.items() if key not in known | self.foreign]:
            raise UnsupportedError(f"the size {missing[0]} does not follow from the inputs")

    def _assumed(self) -> Iterator[str]:
        """Statements that refuse values; assumptions on numbers never wait for a device."""
        lines = [line for check in self.plan.checks for line in self._assumption(check)]
        used = names_in(lines)
        if not lines:
            yield f"del {', '.join(self.of(self.inputs))}"
            return
        tensors = [n for n in self.of(self.tensors) if n in used]
        yield f"work = _work({self.first}.dtype)"
        yield f"device = {self.first}.device" if tensors else 'device = torch.device("cpu")'
        if used & set(self.sizes.values()):
            yield from self.size_lines(self.tensors, used)
        yield from (f"{n} = {n}.detach().to(work)" for n in tensors)
        yield from (f"{n} = _value({n}, work, device)" for n in self.of(self.numbers) if n in used)
        yield from lines

    def _assumption(self, check: Check) -> Iterator[str]:
        *before, last = (s for s in check.steps if s.array not in self.texts.inlined)
        for step in before:
            yield f"{self.names[step.array]} = {self.text_of(self.texts.step(step))}"
        truth = self.text_of(self.texts.truth(last))
        yield f"if not torch.all({truth}):"
        yield f'    raise ValueError("{self._refusal(check)}")'

    # ---- computation ----------------------------------------------------------------------------

    def environment(self) -> list[str]:
        """`dtype`, `device` and `work`, from the first tensor."""
        return [
            f"dtype, device = {self.first}.dtype, {self.first}.device",
            "work = _work(dtype)",
        ]

    def text_of(self, text: str) -> str:
        """A NumPy text as one of ATen."""
        return torch_text(text, self.sizes.values())

    def prepared(self, parameters: list[Parameter], used: set[str]) -> list[str]:
        """Statements that set used sizes, and used parameters in the working dtype."""
        arrays = [p for p in parameters if p in self.arrays]
        return [
            *self.size_lines(arrays, used),
            *(f"{n} = {n}.to(work)" for n in self.of(arrays) if n in used),
            *(f"{n} = _value({n}, work, device)" for n in self.of(self.numbers) if n in used),
        ]

    def conditional(self, steps: Iterable[Step], results: list[Result]) -> Iterator[str]:
        """Steps in order; those that only some results need stand under a condition on `want`."""
        shown = [s for s in steps if s.array not in self.texts.inlined]
        for users, group in groupby(shown, key=lambda step: self.users(step, results)):
            lines = [self.assignment(step) for step in group]
            if len(users) == len(results):
                yield from lines
            elif users:
                yield "\n".join([f"if {wanted(users)}:", *indented(lines)])

    def plain(self, steps: Iterable[Step]) -> list[str]:
        """Steps in order."""
        return [self.assignment(s) for s in steps if s.array not in self.texts.inlined]

    def users(self, step: Step, results: list[Result]) -> tuple[str, ...]:
        """The names of the results that need a step."""
        return tuple(
            self.names[r.array] for r in results if step.array in self.plan.needed([r.array])
        )

    def assignment(self, step: Step) -> str:
        """The statement that computes a step."""
        text = self.text_of(self.texts.step(step))
        if self._spread(step):
            lengths = [self.texts.size(axis.high - axis.low + 1) for axis in step.axes]
            text = f"torch.broadcast_to({text}, {sequence(lengths)})"
        return f"{self.names[step.array]} = {text}"

    def _spread(self, step: Step) -> bool:
        labels = {name for part in parts(step.body) for name in free_labels(part)}
        labels |= set(free_labels(step.inner))
        return any(axis.name not in labels for axis in step.axes)

    def converted(self, results: list[Result]) -> list[str]:
        """Each result in the arguments' dtype, in memory of its own."""
        steps = {step.array: step for step in self.plan.steps}
        found = list[str]()
        for r in results:
            step, name = steps[r.array], self.names[r.array]
            view = isinstance(step.body, Load) and step.body.array not in self.texts.inlined
            shared = view or self._spread(step) or [q.array for q in results].count(r.array) > 1
            found.append(f"{name}.to(dtype, copy=True)" if shared else f"{name}.to(dtype)")
        return found

    def if_wanted(self, texts: list[str]) -> list[str]:
        """The gradients where they are wanted, None elsewhere."""
        pairs = zip(texts, self.results, strict=True)
        return [f'{text} if "{name}" in want else None' for text, name in pairs]

    # ---- functions ------------------------------------------------------------------------------

    def refused(self) -> list[str]:
        """Statements that refuse a gradient that no closed form gives."""
        lines = list[str]()
        for p in self.tensors:
            if p.symbol.key not in self.targets:
                name = self.names[p.array]
                lines += [
                    f"if {name}.requires_grad and torch.is_grad_enabled():",
                    f'    raise ValueError("{name}: requires a gradient, and none is proved'
                    ' by it")',
                ]
        return lines

    def passed(self) -> list[str]:
        """The inputs as the operator takes them."""
        numbers = set(self.of(self.numbers))
        return [f"float({n})" if n in numbers else n for n in self.of(self.inputs)]

    def wanted_lines(self) -> list[str]:
        """`want`: the gradients by the inputs that require one."""
        places = {p.symbol.key: k for k, p in enumerate(self.inputs)}
        pairs = [f'    ("{n}", {places[k]}),' for k, n in self._by_target().items()]
        return [
            "\n".join(["places = (", *pairs, ")"]),
            "want = tuple(name for name, place in places if ctx.needs_input_grad[place])",
        ]

    def _by_target(self) -> dict[str, str]:
        return {r.form.target.key: self.names[r.array] for r in self.gradient_results}

    def upstream_lines(self) -> list[str]:
        """The gradients by the outputs, in the dtype of the arguments."""
        given = {o.form.target.key: k for k, o in enumerate(self.outputs)}
        return [
            f"{self.names[p.array]} = grads[{given[p.symbol.key]}].to({self.first}.dtype)"
            for p in self.upstream
        ]

    def scaled(self) -> list[str]:
        """The gradients times that by the objective, when it is itself the output."""
        scaled = "None if g is None else g * grads[0].to(g.dtype)"
        return [] if self.upstream else [f"found = tuple({scaled} for g in found)"]

    def sent(self, options: Iterable[str] = ()) -> str:
        """The gradient by each input in order, None by a number, and by each option."""
        place = {key: f"found[{k}]" for k, key in enumerate(self._by_target())}
        return sequence([*(place.get(p.symbol.key, "None") for p in self.inputs), *options])


def _shown(parameter: Parameter) -> str:
    return shape_text(parameter.symbol.shape)
