"""What emitted modules of layers share: names, header, named tuples, the forward function."""

from __future__ import annotations

from collections.abc import Iterable

from derive.errors import UnsupportedError, UsageError
from derive.kernel.front import Front, origin_of, shape_text, wrapped
from derive.kernel.names import Namer, function_name, identifier, in_docstring
from derive.kernel.outputs import forward_name
from derive.kernel.plan import Parameter, Plan
from derive.kernel.statements import call, documented, exported, function, indented, signature

TAKEN = frozenset(
    ("torch", "distributed", "device", "group", "average", "ctx", "layer", "Function", "inputs")
) | {"output", "outputs", "tensors", "grads", "found", "saved"}


OPTIONS = (
    "want: which {results} to compute; None stands for the others",
    "check_finite: refuse arguments that hold infinities or NaN",
)
RAISES = ("", "Raises ValueError, which names the argument, when one does not fit.")


def options_of(results: str, *more: str) -> list[str]:
    """What a function of `results` says of its options."""
    return [*(note.format(results=results) for note in OPTIONS), *more, *RAISES]


def checked_name(name: str) -> str:
    """The name of the function of gradients; a UsageError when the module has it for another."""
    if function_name(name) in TAKEN:
        raise UsageError(f"{name!r} is a name of the emitted module", advice="Choose another one.")
    return name


class LayerFront(Front):
    """The parts of an emitted module; the plan computes the outputs beside the gradients."""

    array = "torch.Tensor"
    """The type of an array in signatures."""

    def __init__(self, plan: Plan, name: str, version: str) -> None:
        super().__init__(plan, name, version)
        self.forward_name = forward_name(name)
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
        self.fields_of_outputs = self._output_names()
        if not self.tensors:
            raise UnsupportedError("a layer without an array among its inputs")
        self.taken = self._taken()
        self.first = self.names[next(p for p in self.tensors if p in self.taken).array]

    def _taken(self) -> list[Parameter]:
        """The arguments of the gradients: what they or the assumptions read."""
        needed = self.plan.needed([r.array for r in self.gradient_results])
        assumed = {key for check in self.plan.checks for key in check.parameters}
        taken = [
            p
            for p in self.plan.parameters
            if p.array in needed or p.kind == "upstream" or p.symbol.key in assumed
        ]
        shown = {size for p in taken for size in p.symbol.shape}
        every = {size for p in self.plan.parameters for size in p.symbol.shape}
        shaped = any(p.symbol.shape for p in taken if p in self.tensors)
        return taken if shaped and shown == every else list(self.plan.parameters)

    def _output_names(self) -> list[str]:
        """The names of outputs as a module of one forward function has them."""
        namer = Namer()
        namer.taken |= {self.forward_name, *self.of(self.inputs)}
        return [namer.name(identifier(r.form.target.key)) for r in self.outputs]

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

    def header(self, notes: str, imports: str, names: list[str]) -> str:
        """The module's documentation, its imports and `__all__`."""
        return (
            f"{self.documentation(notes)}\n\nfrom __future__ import annotations\n\n"
            "import math\nfrom typing import NamedTuple\n\n"
            f"try:\n{imports}except ImportError as error:\n"
            '    raise ImportError("this kernel needs PyTorch: pip install torch") from error\n\n'
            f"{exported(names)}"
        )

    def documentation(self, notes: str) -> str:
        """What the module says of itself."""
        first = "\n".join(documented(self.title())).removesuffix('"""').rstrip()
        origin = "\n".join(origin_of(self.plan))
        written = f'Written by derive {in_docstring(self.version)}.\n"""'
        return "\n\n".join([first, origin, self._claims(), notes, written])

    def _claims(self) -> str:
        lines = ["Proved for all sizes and all values:"]
        for r in self.gradient_results:
            lines += wrapped(f"{r.form.latex}  ({r.form.source})", f"{self.names[r.array]}: ")
        conditions = sorted({c for r in self.gradient_results for c in r.form.side_conditions})
        if conditions:
            lines += ["", "where", *(line for c in conditions for line in wrapped(c))]
        lines += ["", "Of the outputs, as the document defines them:"]
        for r, name in zip(self.outputs, self.fields_of_outputs, strict=True):
            lines += wrapped(self._formula(r.form), f"{name}: ")
        lines += ["", "Arguments:"]
        lines += [line for p in self.plan.parameters for line in wrapped(self._described(p))]
        lines += ["", "Results:"]
        names = [*self.fields_of_outputs, *self.results]
        for r, name in zip((*self.outputs, *self.gradient_results), names, strict=True):
            lines.append(f"    {name}: {shape_text(r.form.target.shape)}")
        return "\n".join(lines)

    # ---- results --------------------------------------------------------------------------------

    def forward_function(
        self,
        checks: list[str],
        computed: str,
        options: Iterable[str] = (),
        notes: Iterable[str] = (),
    ) -> str:
        """The outputs as the document defines them: a function beside that of the gradients."""
        texts = ["*found"]
        if len(self.outputs) > 1:
            pairs = enumerate(self.fields_of_outputs)
            texts = [f'found[{k}] if "{name}" in want else None' for k, name in pairs]
        lines = [
            *documented(self._outputs_title(), *options_of("outputs", *notes)),
            "want = _wanted(want, Outputs._fields)",
            *checks,
            *self.finite(self.inputs),
            f"found = {computed}",
            f"return {call('Outputs', texts)}",
        ]
        arguments = [*self.typed(self.inputs), *self.keywords("Outputs"), *options]
        return function(signature(self.forward_name, arguments, "Outputs"), lines)

    def keywords(self, results: str) -> list[str]:
        """The arguments by keyword that every function has."""
        return ["*", f"want: tuple[str, ...] = {results}._fields", "check_finite: bool = False"]

    def finite(self, parameters: Iterable[Parameter]) -> list[str]:
        """The statement behind `check_finite`."""
        named = [f"{n}={n}" for n in self.of(parameters)]
        return ["if check_finite:", *indented([call("_finite", named)])]

    def fields(self) -> str:
        """The named tuples of gradients and of outputs."""
        tuples = (
            ("Gradients", self.title(), self.results),
            ("Outputs", self._outputs_title(), self.fields_of_outputs),
        )
        return "\n\n\n".join(
            function(
                f"class {kind}(NamedTuple):",
                [
                    *documented(f"{title} None: not wanted."),
                    "",
                    *(f"{name}: {self.array} | None" for name in names),
                ],
            )
            for kind, title, names in tuples
        )

    def _outputs_title(self) -> str:
        names = ", ".join(self.fields_of_outputs)
        return self.title().partition(":")[0].replace("Gradients", "Outputs", 1) + f": {names}."
