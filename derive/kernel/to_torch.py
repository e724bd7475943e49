"""A plan as a standalone module for PyTorch: a differentiable layer with its proved gradients."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from derive.errors import UnsupportedError, UsageError
from derive.kernel.entries import free_labels, parts
from derive.kernel.front import Front, sequence, shape_text, version_of, wrapped
from derive.kernel.names import function_name, identifier, in_docstring, in_format
from derive.kernel.outputs import with_outputs
from derive.kernel.plan import Parameter, Plan, Result, Step
from derive.kernel.torch_text import HELPERS, torch_text
from derive.meaning import terms as t

TAKEN = ("torch", "device", "ctx", "layer", "outputs", "tensors", "grads", "work", "dtype")


def emit_torch(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with `layer`, differentiable, and `name`, its gradients.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier, UnsupportedError when the forward pass cannot be written out.
    """
    if function_name(name) in TAKEN:
        raise UsageError(f"{name!r} is a name of the emitted module", advice="Choose another one.")
    return _Module(with_outputs(plan), name, version or version_of()).text()


class _Module(Front):
    """The parts of one emitted module."""

    def __init__(self, plan: Plan, function: str, version: str) -> None:
        super().__init__(plan, function, version)
        self.outputs = [r for r in plan.results if r.form.source == "definition"]
        self.gradient_results = [r for r in plan.results if r not in self.outputs]
        for result in self.outputs:
            self._rename(result.array, identifier(result.form.target.key).lower())
        for array, name in list(self.names.items()):
            if name in TAKEN:
                self._rename(array, name)
        for size, name in list(self.sizes.items()):
            self.sizes[size] = self._free(name) if name in TAKEN else name
        self.results = [self.names[r.array] for r in self.gradient_results]
        targets = {r.form.target.key for r in self.gradient_results}
        self.inputs = [p for p in plan.parameters if p.kind == "input"]
        self.upstream = [p for p in plan.parameters if p.kind == "upstream"]
        self.numbers = [
            p for p in self.inputs if not p.symbol.shape and p.symbol.key not in targets
        ]
        self.arrays = [p for p in plan.parameters if p not in self.numbers]

    def _rename(self, array: str, wish: str) -> None:
        self.names[array] = self._free(wish)

    def _free(self, wish: str) -> str:
        taken = {*self.names.values(), *self.sizes.values(), *TAKEN, self.function}
        while wish in taken:
            wish += "_"
        return wish

    def _of(self, parameters: Iterable[Parameter]) -> list[str]:
        return [self.names[p.array] for p in parameters]

    # ---- text -----------------------------------------------------------------------------------

    def text(self) -> str:
        """The whole module."""
        head = (
            f'"""{self.title()}\n\n{self._claims()}\n\nWritten by derive'
            f' {in_docstring(self.version)}.\n"""\n\nfrom __future__ import annotations\n\n'
            "import math\nfrom typing import NamedTuple\n\n"
            "try:\n    import torch\nexcept ImportError as error:\n"
            '    raise ImportError("this kernel needs PyTorch: pip install torch") from error\n\n'
            f'__all__ = ["Function", "Gradients", "{self.function}", "layer"]'
        )
        pieces = [
            head,
            self.gradients().replace("numpy.ndarray", "torch.Tensor"),
            self._layer(),
            self._backward_function(),
            self._checked(),
            self._computed("_forward", self.inputs, self.outputs, "The outputs."),
            self._computed(
                "_backward", self.plan.parameters, self.gradient_results, "The gradients."
            ),
            self._function_class(),
            self._operator(),
            HELPERS.strip(),
        ]
        return "\n\n\n".join(pieces) + "\n"

    def _claims(self) -> str:
        lines = ["Proved for all sizes and all values:"]
        for r in self.gradient_results:
            lines += wrapped(f"{r.form.latex}  ({r.form.source})", f"{self.names[r.array]}: ")
        conditions = sorted({c for r in self.gradient_results for c in r.form.side_conditions})
        lines += ["", "where", *(line for c in conditions for line in wrapped(c))] * bool(
            conditions
        )
        lines += ["", "Arguments:"]
        lines += [line for p in self.plan.parameters for line in wrapped(self._described(p))]
        lines += ["", "Results:"]
        for r in (*self.outputs, *self.gradient_results):
            lines.append(f"    {self.names[r.array]}: {shape_text(r.form.target.shape)}")
        lines += ["", _DTYPES]
        return "\n".join(lines)

    def _signature(self, name: str, parameters: Iterable[Parameter], returned: str) -> str:
        numbers = self._of(self.numbers)
        typed = ", ".join(
            f"{n}: {'float' if n in numbers else 'torch.Tensor'}" for n in self._of(parameters)
        )
        return f"def {name}({typed}) -> {returned}:"

    def _layer(self) -> str:
        names = self._of(self.inputs)
        targets = {r.form.target.key for r in self.gradient_results}
        refused = [
            self.names[p.array]
            for p in self.inputs
            if p not in self.numbers and p.symbol.key not in targets
        ]
        lines = [
            '"""The outputs, by a custom operator whose gradient is the proved one."""',
            f"_check_inputs({', '.join(names)})",
        ]
        for name in refused:
            lines += [
                f"if {name}.requires_grad and torch.is_grad_enabled():",
                f'    raise ValueError("{name}: requires a gradient, and none is proved by it")',
            ]
        lines.append(f"return _operator({', '.join(self._passed())})")
        returned = "torch.Tensor" if len(self.outputs) == 1 else "tuple[torch.Tensor, ...]"
        return _function(self._signature("layer", self.inputs, returned), lines)

    def _passed(self) -> list[str]:
        numbers = self._of(self.numbers)
        return [f"float({n})" if n in numbers else n for n in self._of(self.inputs)]

    def _backward_function(self) -> str:
        names = ", ".join(self._of(self.plan.parameters))
        lines = [
            f'"""{self.title()} Autograd differentiates them once more."""',
            f"_check({names})",
            f"return Gradients(*_backward({names}))",
        ]
        return _function(self._signature(self.function, self.plan.parameters, "Gradients"), lines)

    # ---- checks ---------------------------------------------------------------------------------

    def _checked(self) -> str:
        inputs = [p for p in self.arrays if p.kind == "input"]
        first = [f"def _check_inputs({', '.join(self._of(self.inputs))}):"]
        body = list(self._fitting(inputs, self.inputs))
        body += [f'_number("{n}", {n})' for n in self._of(self.numbers)]
        whole = [f"def _check({', '.join(self._of(self.plan.parameters))}):"]
        every = [f"_check_inputs({', '.join(self._of(self.inputs))})"]
        every += list(self._fitting(self.arrays, self.plan.parameters))
        names = ", ".join(self._of(self.inputs))
        every.append(f"_assume({names})")
        assume = _function(f"def _assume({names}):", self._assumptions(inputs))
        return "\n\n\n".join([_function(first[0], body), assume, _function(whole[0], every)])

    def _assumptions(self, inputs: list[Parameter]) -> list[str]:
        """Statements that refuse values which violate an assumption."""
        lines = ['"""Refuse values that the derivation excludes."""']
        if self.plan.checks:
            lines += [*self._environment(), *self._sizes(inputs)]
            lines += [f"{n} = {n}.detach().to(work)" for n in self._of(inputs)]
            lines += [f"{n} = _value({n}, work, device)" for n in self._of(self.numbers)]
            lines += self._assumed()
        return lines

    def _fitting(self, arrays: list[Parameter], known: Iterable[Parameter]) -> Iterator[str]:
        names = self._of(arrays)
        for p, name in zip(arrays, names, strict=True):
            yield f'_tensor("{name}", {name}, {len(p.symbol.shape)})'
        for name in names[1:]:
            yield f'_alike("{name}", {name}, "{names[0]}", {names[0]})'
        yield from self._sizes(arrays)
        for p, name in zip(arrays, names, strict=True):
            if not p.symbol.shape:
                continue
            expected = sequence([self.texts.size(size) for size in p.symbol.shape])
            if not {s for size in p.symbol.shape for s in size.names} <= self._known(arrays):
                continue
            shown = in_format(shape_text(p.symbol.shape))
            yield f"if tuple({name}.shape) != {expected}:"
            yield (
                f'    raise ValueError(f"{name}: expected shape {shown} = {{{expected}}},'
                f' got {{tuple({name}.shape)}}")'
            )

    def _known(self, arrays: list[Parameter]) -> set[str]:
        return {s.single for p in arrays for s in p.symbol.shape if s.single is not None}

    def _sizes(self, arrays: list[Parameter]) -> Iterator[str]:
        known = set[str]()
        for p in arrays:
            for axis, size in enumerate(p.symbol.shape):
                if size.single is not None and size.single not in known:
                    known.add(size.single)
                    yield f"{self.sizes[size.single]} = {self.names[p.array]}.shape[{axis}]"
        for p in arrays:
            for axis, size in enumerate(p.symbol.shape):
                unknown = [(n, factor) for n, factor in size.terms if n not in known]
                if len(unknown) == 1 and unknown[0][1] == 1:
                    key, own = unknown[0][0], self.names[p.array]
                    known.add(key)
                    rest = self.texts.size(size - t.Affine.name(key))
                    yield f"{self.sizes[key]} = {own}.shape[{axis}] - {rest}"
                    yield f"if {self.sizes[key]} < 1:"
                    shape = f"{{tuple({own}.shape)}}"
                    yield f'    raise ValueError(f"{own}: too short, got shape {shape}")'
        if missing := [own for key, own in self.sizes.items() if key not in known]:
            raise UnsupportedError(f"the size {missing[0]} does not follow from the inputs")

    def _assumed(self) -> Iterator[str]:
        for check in self.plan.checks:
            *before, last = (s for s in check.steps if s.array not in self.texts.inlined)
            for step in before:
                yield f"{self.names[step.array]} = {torch_text(self.texts.step(step))}"
            truth = torch_text(self.texts.truth(last))
            yield f"if not torch.all(_truth({truth}, device)):"
            yield f'    raise ValueError("{self._refusal(check)}")'

    def _environment(self) -> Iterator[str]:
        first = next((self.names[p.array] for p in self.arrays if p.kind == "input"), None)
        if first is None:
            raise UnsupportedError("a layer without an array among its inputs")
        yield f"dtype, device = {first}.dtype, {first}.device"
        yield "work = _work(dtype)"

    # ---- computation ----------------------------------------------------------------------------

    def _computed(
        self, name: str, parameters: Iterable[Parameter], results: list[Result], what: str
    ) -> str:
        parameters = list(parameters)
        needed = self.plan.needed([r.array for r in results])
        arrays = [p for p in parameters if p in self.arrays]
        lines = [f'"""{what}"""', *self._environment(), *self._sizes(arrays)]
        lines += [f"{n} = {n}.to(work)" for n in self._of(arrays)]
        lines += [f"{n} = _value({n}, work, device)" for n in self._of(self.numbers)]
        for step in self.plan.steps:
            if step.array in needed and step.array not in self.texts.inlined:
                lines.append(self._assignment(step))
        returned = ", ".join(f"{self.names[r.array]}.to(dtype, copy=True)" for r in results)
        lines.append(f"return ({returned},)")
        return _function(f"def {name}({', '.join(self._of(parameters))}):", lines)

    def _assignment(self, step: Step) -> str:
        text = torch_text(self.texts.step(step))
        labels = {name for part in parts(step.body) for name in free_labels(part)}
        labels |= set(free_labels(step.inner))
        text = f"_value({text}, work, device)"
        if any(axis.name not in labels for axis in step.axes):
            lengths = [self.texts.size(axis.high - axis.low + 1) for axis in step.axes]
            text = f"torch.broadcast_to({text}, {sequence(lengths)})"
        return f"{self.names[step.array]} = {text}"

    # ---- autograd -------------------------------------------------------------------------------

    def _function_class(self) -> str:
        numbers = set(self._of(self.numbers))
        names = self._of(self.inputs)
        held = [n for n in names if n not in numbers]
        one = len(self.outputs) == 1
        by_key = {r.form.target.key: self.names[r.array] for r in self.gradient_results}
        returned = ", ".join(by_key.get(p.symbol.key, "None") for p in self.inputs)
        context = [f"{', '.join(names)}, = inputs", f"ctx.save_for_backward({', '.join(held)})"]
        context += [f"ctx.{n} = {n}" for n in names if n in numbers]
        given = {o.form.target.key: f"grads[{k}]" for k, o in enumerate(self.outputs)}
        saved = [f"{', '.join(held)}, = ctx.saved_tensors"]
        saved += [f"{n} = ctx.{n}" for n in names if n in numbers]
        first = held[0]
        for p in self.upstream:
            saved.append(f"{self.names[p.array]} = {given[p.symbol.key]}.to({first}.dtype)")
        call = f"_backward({', '.join(self._of(self.plan.parameters))})"
        saved.append(f"{', '.join(self.results)}, = {call}")
        if not self.upstream:
            saved += [f"{n} = {n} * grads[0].to({n}.dtype)" for n in self.results]
        saved.append(f"return {returned}{',' if len(names) == 1 else ''}")
        call_forward = f"return _forward({', '.join(names)})" + ("[0]" if one else "")
        forward = [f"_assume({', '.join(names)})", call_forward]
        methods = [
            "@staticmethod\n" + _function(f"def forward({', '.join(names)}):", forward),
            "@staticmethod\n"
            + _function("def setup_context(ctx, inputs, output):", ["_save(ctx, inputs, output)"]),
            "@staticmethod\n"
            + _function("def backward(ctx, *grads):", ["return _send(ctx, *grads)"]),
        ]
        body = "\n\n".join(textwrap.indent(m, "    ") for m in methods)
        return "\n\n\n".join(
            [
                _function("def _save(ctx, inputs, output):", context),
                _function("def _send(ctx, *grads):", saved),
                'class Function(torch.autograd.Function):\n    """The layer for autograd,'
                f' without the operator."""\n\n{body}',
            ]
        )

    def _operator(self) -> str:
        numbers = set(self._of(self.numbers))
        names = self._of(self.inputs)
        typed = ", ".join(f"{'float' if n in numbers else 'Tensor'} {n}" for n in names)
        many = ", ".join(["Tensor"] * len(self.outputs))
        ends = "Tensor" if len(self.outputs) == 1 else f"({many})"
        fake = [*self._environment(), *self._sizes([p for p in self.arrays if p.kind == "input"])]
        shapes = []
        for o in self.outputs:
            shape = [self.texts.size(s) for s in o.form.target.shape]
            lengths = sequence(shape) if shape else "()"
            shapes.append(f"torch.empty({lengths}, dtype=dtype, device=device)")
        fake.append(f"return {', '.join(shapes)}")
        one = "[0]" if len(self.outputs) == 1 else ""
        body = _function(
            f"def _operator({', '.join(names)}):",
            [f"_assume({', '.join(names)})", f"return _forward({', '.join(names)}){one}"],
        )
        return (
            f'@torch.library.custom_op(\n    "derive_kernels::{self.function}",\n'
            f'    mutates_args=(),\n    schema="({typed}) -> {ends}",\n)\n{body}\n\n\n'
            "@_operator.register_fake\n"
            + _function(f"def _shaped({', '.join(names)}):", fake)
            + "\n\n\n_operator.register_autograd(_send, setup_context=_save)"
        )


def _function(head: str, lines: list[str]) -> str:
    return head + "\n" + "\n".join(textwrap.indent(line, "    ") for line in lines)


_DTYPES = (
    "All tensors are on one device, and all are float32, float64, float16 or bfloat16; half\n"
    "precision is computed in float32. The results have the same dtype. Second derivatives are\n"
    "those of the formulas above, which hold under the assumptions on the arguments."
)
