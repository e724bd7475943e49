"""What the emitted modules for PyTorch share: names, header, checks, steps as ATen operations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from derive.errors import UnsupportedError, UsageError
from derive.kernel.entries import Load, free_labels, parts
from derive.kernel.front import Front, sequence, shape_text, wrapped
from derive.kernel.names import function_name, identifier, in_docstring
from derive.kernel.plan import Check, Parameter, Plan, Result, Step
from derive.kernel.torch_lines import call, documented, function, indented, signature
from derive.kernel.torch_text import torch_text
from derive.meaning import terms as t

TAKEN = frozenset(
    ("torch", "distributed", "device", "group", "average", "ctx", "layer", "Function", "inputs")
) | {"output", "outputs", "tensors", "grads", "found", "saved"}


def checked_name(name: str) -> str:
    """The name of the function of gradients; a UsageError when the module has it for another."""
    if function_name(name) in TAKEN:
        raise UsageError(f"{name!r} is a name of the emitted module", advice="Choose another one.")
    return name


class TorchFront(Front):
    """The parts of an emitted module; the plan computes the outputs beside the gradients.

    No argument shows the sizes in `foreign`.
    """

    foreign: frozenset[str] = frozenset()

    def __init__(self, plan: Plan, name: str, version: str) -> None:
        super().__init__(plan, name, version)
        self.outputs = [r for r in plan.results if r.form.source == "definition"]
        self.gradient_results = [r for r in plan.results if r not in self.outputs]
        for result in self.outputs:
            self.names[result.array] = self._free(identifier(result.form.target.key).lower())
        for array, own in list(self.names.items()):
            if own in TAKEN:
                self.names[array] = self._free(own)
        for size, own in list(self.sizes.items()):
            self.sizes[size] = self._free(own) if own in TAKEN else own
        self.results = [self.names[r.array] for r in self.gradient_results]
        self.targets = {r.form.target.key for r in self.gradient_results}
        self.inputs = [p for p in plan.parameters if p.kind == "input"]
        self.upstream = [p for p in plan.parameters if p.kind == "upstream"]
        self.numbers = [
            p for p in self.inputs if not p.symbol.shape and p.symbol.key not in self.targets
        ]
        self.arrays = [p for p in plan.parameters if p not in self.numbers]
        self.tensors = [p for p in self.inputs if p not in self.numbers]
        if not self.tensors:
            raise UnsupportedError("a layer without an array among its inputs")
        self.first = self.names[self.tensors[0].array]

    def _free(self, wish: str) -> str:
        taken = {*self.names.values(), *self.sizes.values(), *TAKEN, self.function}
        while wish in taken:
            wish += "_"
        return wish

    def of(self, parameters: Iterable[Parameter]) -> list[str]:
        """The names of parameters."""
        return [self.names[p.array] for p in parameters]

    def typed(self, parameters: Iterable[Parameter]) -> list[str]:
        """The names of parameters with their types."""
        numbers = set(self.of(self.numbers))
        return [f"{n}: {'float' if n in numbers else 'torch.Tensor'}" for n in self.of(parameters)]

    # ---- header ---------------------------------------------------------------------------------

    def header(self, notes: str, imports: str, exported: list[str]) -> str:
        """The module's documentation, its imports and `__all__`."""
        names = ", ".join(f'"{name}"' for name in exported)
        first = "\n".join(documented(self.title())).removesuffix('"""').rstrip()
        return (
            f"{first}\n\n{self._claims()}\n\n{notes}\n\nWritten by derive"
            f' {in_docstring(self.version)}.\n"""\n\nfrom __future__ import annotations\n\n'
            "import math\nfrom typing import NamedTuple\n\n"
            f"try:\n{imports}except ImportError as error:\n"
            '    raise ImportError("this kernel needs PyTorch: pip install torch") from error\n\n'
            f"__all__ = [{names}]"
        )

    def _claims(self) -> str:
        lines = ["Proved for all sizes and all values:"]
        for r in self.gradient_results:
            lines += wrapped(f"{r.form.latex}  ({r.form.source})", f"{self.names[r.array]}: ")
        conditions = sorted({c for r in self.gradient_results for c in r.form.side_conditions})
        if conditions:
            lines += ["", "where", *(line for c in conditions for line in wrapped(c))]
        lines += ["", "Of the outputs, as the document defines them:"]
        for r in self.outputs:
            lines += wrapped(self._formula(r.form), f"{self.names[r.array]}: ")
        lines += ["", "Arguments:"]
        lines += [line for p in self.plan.parameters for line in wrapped(self._described(p))]
        lines += ["", "Results:"]
        for r in (*self.outputs, *self.gradient_results):
            lines.append(f"    {self.names[r.array]}: {shape_text(r.form.target.shape)}")
        return "\n".join(lines)

    # ---- checks ---------------------------------------------------------------------------------

    def checks_text(self) -> list[str]:
        """`_check_inputs`, `_assume` and `_check`."""
        inputs, every = self.of(self.inputs), self.of(self.plan.parameters)
        numbers = [f'_number("{n}", {n}, {self.first}.dtype)' for n in self.of(self.numbers)]
        first = [*self._fitting(self.tensors, self.tensors), *numbers]
        rest = [p for p in self.arrays if p not in self.tensors]
        whole = [
            f"_check_inputs({', '.join(inputs)})",
            *self._fitting(rest, self.arrays),
            f"_assume({', '.join(inputs)})",
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

    def finite(self) -> list[str]:
        """The statement behind `check_finite`."""
        named = [f"{n}={n}" for n in self.of(self.plan.parameters)]
        return ["if check_finite:", *indented([call("_finite", named)])]

    def fields(self) -> str:
        """The named tuple of gradients."""
        fields = [f"{name}: torch.Tensor | None" for name in self.results]
        lines = [*documented(f"{self.title()} None: not wanted."), "", *fields]
        return function("class Gradients(NamedTuple):", lines)


def returned(found: list[str]) -> str:
    """The statement that returns a tuple."""
    if len(found) == 1:
        return f"return ({found[0]},)"
    return "\n".join(["return (", *(f"    {text}," for text in found), ")"])


def wanted(users: Iterable[str]) -> str:
    """The condition under which one of the results is wanted."""
    return " or ".join(f'"{name}" in want' for name in users)


def used_helpers(helpers: str, text: str) -> list[str]:
    """The functions of `helpers` that a module calls, and those that they call."""
    functions = {part.split("(")[0].removeprefix("def "): part for part in split(helpers)}
    kept = set[str]()
    todo = [text]
    while todo:
        words = set(re.findall(r"\b_\w+", todo.pop()))
        fresh = [name for name in functions if name in words and name not in kept]
        kept |= set(fresh)
        todo += [functions[name] for name in fresh]
    return [part for name, part in functions.items() if name in kept]


def split(helpers: str) -> list[str]:
    """The functions of a text."""
    return helpers.strip().split("\n\n\n")


def names_in(lines: Iterable[str]) -> set[str]:
    """The names that statements read or set, not the words of their texts."""
    tree = ast.parse("\n".join(lines))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _shown(parameter: Parameter) -> str:
    return shape_text(parameter.symbol.shape)
