"""A plan as a standalone module for PyTorch: a differentiable layer with its proved gradients."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from derive.kernel.front import sequence, version_of
from derive.kernel.layer_front import checked_name, options_of
from derive.kernel.outputs import with_outputs
from derive.kernel.plan import Parameter, Plan, Result
from derive.kernel.shifting import centred
from derive.kernel.statements import (
    call,
    documented,
    function,
    indented,
    names_in,
    returned,
    signature,
    unpacked,
    used_helpers,
)
from derive.kernel.torch_distances import with_distances
from derive.kernel.torch_front import TorchFront
from derive.kernel.torch_helpers import CHECKS, VALUES


def emit_torch(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with `layer`, differentiable, its outputs, and `name`, its gradients.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier, UnsupportedError when the forward pass cannot be written out.
    """
    own = checked_name(name)
    return _Module(with_distances(centred(with_outputs(plan))), own, version or version_of()).text()


class _Module(TorchFront):
    """The parts of one emitted module."""

    def text(self) -> str:
        """The whole module."""
        exported = [
            *("Function", "Gradients", "Outputs"),
            *(self.function, self.forward_name, "layer"),
        ]
        pieces = [
            self.fields(),
            self._layer(),
            self._outputs_function(),
            self._backward_function(),
            *self.checks_text(),
            self._computed("_forward", self.inputs, self.outputs),
            self._computed("_backward", self.taken, self.gradient_results),
            self._save(),
            self._send(),
            self._function_class(),
        ]
        head = self.header(NOTES, "    import torch\n", exported)
        body = "\n\n\n".join([head, *pieces, self._operator(_digest(pieces))])
        return "\n\n\n".join([body, *used_helpers(VALUES + "\n" + CHECKS, body)]) + "\n"

    def _layer(self) -> str:
        returned = "torch.Tensor" if len(self.outputs) == 1 else "tuple[torch.Tensor, ...]"
        lines = [
            '"""The outputs, by a custom operator whose gradient is the proved one."""',
            call("_check_inputs", self.of(self.inputs)),
            *self.refused(),
            f"return {call('_operator', self.passed())}",
        ]
        return function(signature("layer", self.typed(self.inputs), returned), lines)

    def _outputs_function(self) -> str:
        """The outputs by operations of PyTorch, which autograd differentiates one by one."""
        names = self.of(self.inputs)
        checks = [call("_check_inputs", names), call("_assume", names)]
        return self.forward_function(checks, call("_forward", names))

    def _backward_function(self) -> str:
        names = self.of(self.taken)
        lines = [
            *documented(
                f"{self.title()} Autograd differentiates them once more.",
                *options_of("gradients"),
            ),
            "want = _wanted(want, Gradients._fields)",
            call("_check", names),
            *self.finite(self.taken),
            f"return Gradients(*{call('_backward', [*names, 'want'])})",
        ]
        arguments = [*self.typed(self.taken), *self.keywords("Gradients")]
        return function(signature(self.function, arguments, "Gradients"), lines)

    def _computed(self, name: str, parameters: Iterable[Parameter], results: list[Result]) -> str:
        parameters = list(parameters)
        backward = name == "_backward"
        needed = self.plan.needed([r.array for r in results])
        steps = [step for step in self.plan.steps if step.array in needed]
        computed = list(self.conditional(steps, results)) if backward else self.plain(steps)
        texts = self.converted(results)
        lines = [
            f'"""{"The gradients" if backward else "The outputs"}, in the working dtype."""',
            *self.environment(),
            *self.prepared(parameters, names_in(computed)),
            *computed,
            returned(self.if_wanted(texts) if backward else texts),
        ]
        arguments = [*self.of(parameters), *["want"] * backward]
        return function(signature(name, arguments), lines)

    # ---- autograd -------------------------------------------------------------------------------

    def _save(self) -> str:
        lines = [
            unpacked(self.of(self.inputs), "inputs"),
            f"ctx.save_for_backward({', '.join(self.of(self.tensors))})",
            *(f"ctx.{n} = {n}" for n in self.of(self.numbers)),
        ]
        return function("def _save(ctx, inputs, output):", lines)

    def _send(self) -> str:
        held, numbers = self.of(self.tensors), set(self.of(self.numbers))
        passed = [f"ctx.{n}" if n in numbers else n for n in self.of(self.taken)]
        lines = [
            unpacked(held, "ctx.saved_tensors"),
            *self.wanted_lines(),
            *self.upstream_lines(),
            f"found = {call('_backward', [*passed, 'want'])}",
            *self.scaled(),
            f"return {self.sent()}",
        ]
        return function("def _send(ctx, *grads):", lines)

    def _function_class(self) -> str:
        names = self.of(self.inputs)
        one = "[0]" if len(self.outputs) == 1 else ""
        forward = [
            call("_assume", names),
            f"return {call('_forward', names)}{one}",
        ]
        methods = [
            function(signature("forward", names), forward),
            function("def setup_context(ctx, inputs, output):", ["_save(ctx, inputs, output)"]),
            function("def backward(ctx, *grads):", ["return _send(ctx, *grads)"]),
        ]
        body = "\n\n".join("\n".join(indented(["@staticmethod", m])) for m in methods)
        return (
            'class Function(torch.autograd.Function):\n    """The layer for autograd, without the'
            f' operator."""\n\n    generate_vmap_rule = True\n\n{body}'
        )

    def _operator(self, digest: str) -> str:
        """The operator; another module's of the same function name has another name."""
        numbers = set(self.of(self.numbers))
        names = self.of(self.inputs)
        typed = [f"{'float' if n in numbers else 'Tensor'} {n}" for n in names]
        many = len(self.outputs) > 1
        ends = f"({', '.join(['Tensor'] * len(self.outputs))})" if many else "Tensor"
        whole = "tuple(o.contiguous() for o in found)" if many else "found[0].contiguous()"
        body = [
            call("_assume", names),
            f"found = {call('_forward', names)}",
            f"return {whole}",
        ]
        return (
            f'@torch.library.custom_op(\n    "derive_kernels::{self.function}_{digest}",\n'
            "    mutates_args=(),\n    schema=(\n"
            + "\n".join(_quoted(f"({', '.join(typed)}) -> {ends}"))
            + f"\n    ),\n)\n{function(signature('_operator', names), body)}\n\n\n"
            "@_operator.register_fake\n"
            + function(signature("_shaped", names), self._empty())
            + "\n\n\n_operator.register_autograd(_send, setup_context=_save)"
        )

    def _empty(self) -> list[str]:
        """The statements that make outputs without values."""
        made = list[str]()
        for o in self.outputs:
            shape = [self.texts.size(s) for s in o.form.target.shape]
            made.append(f"{self.first}.new_empty({sequence(shape) if shape else '()'})")
        ends = sequence(made) if len(made) > 1 else made[0]
        return [*self.size_lines(self.tensors, names_in(made)), f"return {ends}"]


def _digest(pieces: list[str]) -> str:
    """What tells modules of different code."""
    return hashlib.sha256("\n".join(pieces).encode()).hexdigest()[:12]


def _quoted(text: str) -> list[str]:
    """A text as adjacent string literals, one a line."""
    pieces = text.split(", ")
    ends = [", "] * (len(pieces) - 1) + [""]
    return [f'        "{piece}{end}"' for piece, end in zip(pieces, ends, strict=True)]


NOTES = """\
Needs PyTorch 2.4 or later. All tensors are on one device, and all are float32, float64, float16
or bfloat16, of any strides; half precision is computed in float32. Means are found in two passes,
so that no digits are lost where a mean is large beside the deviations; the gradients compute all
statistics afresh from the arguments. The results have the same dtype. Second derivatives are
those of the formulas above, which hold under the assumptions on the arguments.

`layer` can be compiled, exported and mapped (torch.compile, torch.export, torch.func.vmap);
`Function.apply`, the same without an operator, is differentiated by torch.func.grad too."""
