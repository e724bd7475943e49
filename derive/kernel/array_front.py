"""What the emitted modules for JAX and for array API namespaces share: header, checks, steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from derive.errors import UnsupportedError, UsageError
from derive.kernel.entries import Load, Where, subentries
from derive.kernel.front import sequence
from derive.kernel.layer_front import options_of
from derive.kernel.names import function_name
from derive.kernel.plan import Check, Parameter, Plan, Result, Step
from derive.kernel.statements import (
    call,
    documented,
    exported,
    function,
    indented,
    names_in,
    returned,
    signature,
)
from derive.kernel.torch_front import TorchFront

TAKEN = frozenset(
    ("xp", "jax", "jnp", "array_api_compat", "contextlib", "sys", "device", "layer", "forward")
) | {"inputs", "names", "values", "kept", "grads", "found", "perturbed"}


def checked_name(name: str) -> str:
    """The name of the function of gradients; a UsageError when the module has it for another."""
    if function_name(name) in TAKEN:
        raise UsageError(f"{name!r} is a name of the emitted module", advice="Choose another one.")
    return name


class ArrayFront(TorchFront):
    """The parts of a module that holds outputs and gradients, with steps as expressions.

    `environment` sets `dtype`, `work` and what else the texts of steps read.
    """

    array = "Array"

    def __init__(self, plan: Plan, name: str, version: str) -> None:
        super().__init__(plan, name, version)
        for held in (self.names, self.sizes):
            for key, own in list(held.items()):
                if own in TAKEN:
                    held[key] = self._unused(own)
        self.results = [self.names[r.array] for r in self.gradient_results]
        shaped = [p for p in self.tensors if p.symbol.shape and p in self.taken]
        if not shaped:
            raise UnsupportedError("a kernel without an array among its inputs")
        self.first = self.names[shaped[0].array]

    def _unused(self, wish: str) -> str:
        taken = {*self.names.values(), *self.sizes.values(), *TAKEN, self.function}
        while wish in taken:
            wish += "_"
        return wish

    def single(self, parameters: Iterable[Parameter]) -> list[str]:
        """The names of those that are one number."""
        return [self.names[p.array] for p in parameters if not p.symbol.shape]

    def shaped(self, parameters: Iterable[Parameter]) -> list[Parameter]:
        """Those with axes."""
        return [p for p in parameters if p.symbol.shape]

    def typed(self, parameters: Iterable[Parameter]) -> list[str]:
        """The names of parameters with their types."""
        return [
            f"{self.names[p.array]}: {self.array}{'' if p.symbol.shape else ' | float'}"
            for p in parameters
        ]

    def top(self, notes: str, imports: str, names: list[str]) -> str:
        """The module's documentation, its imports and `__all__`."""
        return (
            f"{self.documentation(notes)}\n\nfrom __future__ import annotations\n\n"
            f"{imports}\n{exported(names)}"
        )

    # ---- functions ------------------------------------------------------------------------------

    def outputs_function(self) -> str:
        """The outputs, checked and computed."""
        checks = self.checked("_check_inputs", self.inputs)
        return self.forward_function(checks, call("_forward", self.of(self.inputs)))

    def backward_function(self, more: str) -> str:
        """The gradients, checked and computed."""
        names = self.of(self.taken)
        lines = [
            *documented(f"{self.title()}{more}", *options_of("gradients")),
            "want = _wanted(want, Gradients._fields)",
            *self.checked("_check", self.taken),
            *self.finite(self.taken),
            f"return Gradients(*{call('_backward', [*names, 'want'])})",
        ]
        arguments = [*self.typed(self.taken), *self.keywords("Gradients")]
        return function(signature(self.function, arguments, "Gradients"), lines)

    def checked(self, name: str, parameters: Iterable[Parameter]) -> list[str]:
        """The statements that refuse what does not fit."""
        return [call(name, self.of(parameters))]

    def unpacked(self) -> str:
        """The outputs: one array, or a tuple of them."""
        return "found[0]" if len(self.outputs) == 1 else "found"

    def returned_type(self) -> str:
        """The type of what the forward function returns."""
        return self.array if len(self.outputs) == 1 else f"tuple[{self.array}, ...]"

    def computed(self, name: str, parameters: Iterable[Parameter], results: list[Result]) -> str:
        """The function that computes results from arguments that fit."""
        parameters = list(parameters)
        backward = name == "_backward"
        needed = self.plan.needed([r.array for r in results])
        steps = [step for step in self.plan.steps if step.array in needed]
        statements = list(self.conditional(steps, results)) if backward else self.plain(steps)
        texts = self.converted(results)
        lines = [
            f'"""{"The gradients" if backward else "The outputs"}, in the dtype of arguments."""',
            *self.environment(),
            *self.prepared(parameters, names_in(statements)),
            *self.guarded(statements, steps),
            returned(self.if_wanted(texts) if backward else texts),
        ]
        return function(signature(name, [*self.of(parameters), *["want"] * backward]), lines)

    def guarded(self, statements: list[str], steps: list[Step]) -> list[str]:
        """The statements, in what they have to run in."""
        return statements

    def branches(self, steps: list[Step]) -> bool:
        """Whether a step computes values that are not taken."""
        return any(isinstance(part, Where) for s in steps for part in subentries(s.body))

    def shared(self, result: Result, results: list[Result]) -> bool:
        """Whether the array of a result is also an argument's or another result's."""
        step = next(s for s in self.plan.steps if s.array == result.array)
        view = isinstance(step.body, Load) and step.body.array not in self.texts.inlined
        return view or self._spread(step) or [q.array for q in results].count(result.array) > 1

    # ---- checks ---------------------------------------------------------------------------------

    def checks_text(self) -> list[str]:
        """`_check_inputs`, `_assume` and `_check`."""
        inputs, every = self.of(self.inputs), self.of(self.taken)
        known, taken = self.shaped(self.tensors), self.shaped(self.taken)
        first = [*self._fitting(known, known), *self.numbered(self.single(self.inputs))]
        whole = [
            *self._fitting(taken, taken),
            *self.numbered(self.single(self.taken)),
            f"_assume({', '.join(self.assumed_of_taken())})",
        ]
        held = f"_assume({', '.join(inputs)})"
        doc = '"""Refuse {}."""'
        return [
            function(
                signature("_check_inputs", inputs),
                [doc.format("inputs that do not fit"), *first, held],
            ),
            function(
                signature("_assume", inputs),
                [doc.format("values that the derivation excludes"), *self.assumed()],
            ),
            function(signature("_check", every), [doc.format("arguments that do not fit"), *whole]),
        ]

    def _fitting(self, arrays: list[Parameter], known: list[Parameter]) -> Iterator[str]:
        for line in super()._fitting(arrays, known):
            yield line.replace("_tensor(", "_array(", 1) if line.startswith("_tensor(") else line

    def numbered(self, names: list[str]) -> list[str]:
        """Statements that refuse what is not one number."""
        raise NotImplementedError

    def assumed(self) -> list[str]:
        """Statements that refuse values; nothing is asked of arrays that hold none yet."""
        lines = list[str]()
        inputs = self.of(self.inputs)
        for check in self.plan.checks:
            statements = list(self._assumption(check))
            read = names_in(statements)
            used = [n for n in inputs if n in read]
            sizes = list(self.size_lines(self.shaped(self.tensors), read))
            body = [*self.environment(), *sizes, *self.values(used), *statements]
            condition = f"if _held({', '.join(used)}):"
            lines += [condition, *indented(self.evaluated(body))]
        return lines or [f"del {', '.join(inputs)}"]

    def evaluated(self, body: list[str]) -> list[str]:
        """Statements on values, in what makes them values."""
        return body

    def _assumption(self, check: Check) -> Iterator[str]:
        for line in super()._assumption(check):
            yield line.replace("if not torch.all(", f"if not {self.namespace}.all(", 1)

    # ---- computation ----------------------------------------------------------------------------

    namespace = "xp"

    def values(self, names: list[str]) -> list[str]:
        """Statements that make arguments arrays of the working dtype."""
        raise NotImplementedError

    def prepared(self, parameters: list[Parameter], used: set[str]) -> list[str]:
        """Statements that set used sizes, and used parameters in the working dtype."""
        return [
            *self.size_lines(self.shaped(parameters), used),
            *self.values([n for n in self.of(parameters) if n in used]),
        ]

    def assignment(self, step: Step) -> str:
        """The statement that computes a step."""
        text = self.text_of(self.texts.step(step))
        if self._spread(step):
            lengths = [self.texts.size(axis.high - axis.low + 1) for axis in step.axes]
            text = f"{self.namespace}.broadcast_to({text}, {sequence(lengths)})"
        return f"{self.names[step.array]} = {text}"
