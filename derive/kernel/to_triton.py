"""A plan as a standalone module of Triton kernels with a layer for PyTorch."""

from __future__ import annotations

from dataclasses import replace

from derive.errors import UnsupportedError, UsageError
from derive.kernel.front import sequence, version_of
from derive.kernel.layer_front import checked_name, options_of
from derive.kernel.outputs import with_outputs
from derive.kernel.plan import Plan
from derive.kernel.planning import live
from derive.kernel.statements import (
    call,
    documented,
    function,
    indented,
    signature,
    used_helpers,
)
from derive.kernel.torch_front import TorchFront
from derive.kernel.torch_helpers import CHECKS, VALUES
from derive.kernel.triton_helpers import CONSTANTS, HELPERS, JITTED, NOTES, STRICT
from derive.kernel.triton_pass import Pass

TAKEN = frozenset(
    {
        *("forward", "triton", "tl", "contextlib", "rows", "inner", "tile", "turns", "parts"),
        *("partial", "found", "places"),
    }
)
"""Names that the emitted module has for other things, beside those of every module."""


def emit_triton(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with `layer`, differentiable once, its outputs, and `name`.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier, UnsupportedError for what no kernel computes.
    """
    own = checked_name(name)
    if own in TAKEN:
        raise UsageError(f"{name!r} is a name of the emitted module", advice="Choose another one.")
    return _Module(plan, own, version or version_of()).text()


class _Module(TorchFront):
    """The parts of one emitted module."""

    def __init__(self, plan: Plan, name: str, version: str) -> None:
        super().__init__(with_outputs(plan), name, version)
        functions = [step.of_matrix[0] for step in self.plan.steps if step.of_matrix]
        if functions:
            raise UnsupportedError(f"the function {functions[0]} cannot be exported to Triton")
        self._rename()
        self.fore = Pass("_forward", _outputs_of(self), self.outputs, self)
        self.back = Pass("_backward", plan, self.gradient_results, self)
        self.strict = any(
            p.symbol.key in check.parameters for check in self.plan.checks for p in self.tensors
        )

    def _rename(self) -> None:
        """Give way to the names of the module's own variables."""
        self.names |= {a: self._free(own) for a, own in self.names.items() if own in TAKEN}
        self.sizes |= {a: self._free(own) for a, own in self.sizes.items() if own in TAKEN}
        self.results = [self.names[result.array] for result in self.gradient_results]
        self.first = self.names[next(p for p in self.tensors if p in self.taken).array]

    def text(self) -> str:
        """The whole module."""
        exported = [
            *("Function", "Gradients", "Outputs"),
            *(self.function, self.forward_name, "layer"),
        ]
        imports = "    import torch\n    import triton\n    import triton.language as tl\n"
        head = self.header(NOTES, imports, exported).replace(
            '"this kernel needs PyTorch: pip install torch"',
            '"these kernels need PyTorch and Triton: pip install torch triton"',
        )
        head = head.replace("import math\n", "import contextlib\nimport math\nimport os\n")
        pieces = [
            head,
            self.fields(),
            self._layer(),
            self._outputs_function(),
            self._gradients(),
            CONSTANTS,
            *self.checks_text()[:2],
            self._fit(),
            *self.fore.functions(self.inputs),
            *self.back.functions(self.taken),
            self._class(),
        ]
        body = "\n\n\n".join(pieces)
        helpers = VALUES + "\n" + CHECKS + "\n" + HELPERS
        plain = used_helpers(helpers, body)
        return "\n\n\n".join([body, *plain, *_jitted(body)]) + "\n"

    # ---- functions of the module ----------------------------------------------------------------

    def _options(self) -> list[str]:
        return ["check_values: bool = True"] if self.strict else []

    def _values(self, arguments: list[str]) -> list[str]:
        """The check of values, which waits for the device when tensors are assumed about."""
        plain = call("_assume", arguments)
        return ["if check_values:", *indented([plain])] if self.strict else [plain]

    def _fit(self) -> str:
        """`_check` for kinds and shapes only: values are checked where that is asked for."""
        text = self.checks_text()[2]
        return text[: text.rindex("\n    _assume(")]

    def _layer(self) -> str:
        kind = "torch.Tensor" if len(self.outputs) == 1 else "tuple[torch.Tensor, ...]"
        options = ["*", *self._options()] if self.strict else []
        lines = [
            *documented("The outputs, differentiable.", *[STRICT] * self.strict),
            *self._input_checks(),
            *self.refused(),
            f"return {call('Function.apply', self.passed())}",
        ]
        return function(signature("layer", [*self.typed(self.inputs), *options], kind), lines)

    def _outputs_function(self) -> str:
        notes = [STRICT] * self.strict
        computed = call("_forward", self.passed())
        return self.forward_function(self._input_checks(), computed, self._options(), notes)

    def _input_checks(self) -> list[str]:
        names = self.of(self.inputs)
        device = f'_device("{self.first}", {self.first})'
        return [call("_check_inputs", names), device, *self._values(names)]

    def _gradients(self) -> str:
        names = self.of(self.taken)
        lines = [
            *documented(self.title(), *options_of("gradients", *[STRICT] * self.strict)),
            "want = _wanted(want, Gradients._fields)",
            call("_check", names),
            f'_device("{self.first}", {self.first})',
            *self._values(self.assumed_of_taken()),
            *self.finite(self.taken),
            f"return Gradients(*{call('_backward', [*names, 'want'])})",
        ]
        arguments = [*self.typed(self.taken), *self.keywords("Gradients"), *self._options()]
        return function(signature(self.function, arguments, "Gradients"), lines)

    # ---- autograd -------------------------------------------------------------------------------

    def _class(self) -> str:
        names, numbers = self.of(self.inputs), self.of(self.numbers)
        one = "[0]" if len(self.outputs) == 1 else ""
        setup = [
            f"{sequence(names)} = inputs",
            f"ctx.save_for_backward({', '.join(self.of(self.tensors))})",
            *(f"ctx.{n} = {n}" for n in numbers),
        ]
        passed = [f"ctx.{n}" if n in numbers else n for n in self.of(self.taken)]
        send = [
            f"{sequence(self.of(self.tensors))} = ctx.saved_tensors",
            *self.wanted_lines(),
            *self.upstream_lines(),
            f"found = {call('_backward', [*passed, 'want'])}",
            *self.scaled(),
            f"return {self.sent()}",
        ]
        forward = [f"return {call('_forward', names)}{one}"]
        methods = [
            ["@staticmethod", function(signature("forward", names), forward)],
            ["@staticmethod", function("def setup_context(ctx, inputs, output):", setup)],
            [
                "@staticmethod",
                "@torch.autograd.function.once_differentiable",
                function("def backward(ctx, *grads):", send),
            ],
        ]
        body = "\n\n".join("\n".join(indented(method)) for method in methods)
        return (
            'class Function(torch.autograd.Function):\n    """The layer for autograd, without'
            f' checks."""\n\n{body}'
        )


def _outputs_of(front: TorchFront) -> Plan:
    """The plan of the outputs alone."""
    plan = front.plan
    steps = tuple(live([*plan.steps], {result.array for result in front.outputs}))
    return replace(
        plan, parameters=tuple(front.inputs), steps=steps, results=tuple(front.outputs), checks=()
    )


def _jitted(text: str) -> list[str]:
    """The helpers of kernels that a text calls, and those that they call, first ones last."""
    found = list[str]()
    for name, source in JITTED.items():
        if any(f"{name}(" in part for part in (text, *found)):
            found.append(source.strip())
    return found
