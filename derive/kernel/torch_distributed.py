"""A plan as a module for PyTorch in which the rows are shared among processes."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from derive.kernel.front import sequence, version_of
from derive.kernel.layer_front import checked_name, options_of
from derive.kernel.outputs import with_outputs
from derive.kernel.plan import Parameter, Plan, Result, Step
from derive.kernel.shifting import centred
from derive.kernel.split import PART
from derive.kernel.statements import (
    call,
    documented,
    filled,
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
from derive.kernel.torch_helpers import CHECKS, MERGES, VALUES
from derive.kernel.torch_rounds import Round, Shared, shared
from derive.meaning.terms import Affine

MERGED_BY = {"sum": "_summed", "prod": "_multiplied", "max": "_largest", "min": "_smallest"}


def emit_torch_distributed(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with `layer`, its outputs and `name`, whose rows processes share.

    Raises UsageError when the name is not an identifier, UnsupportedError when the rows depend
    on one another in another way than through reductions.
    """
    own = checked_name(name)
    rows = shared(with_distances(centred(with_outputs(plan))))
    return _Module(rows, own, version or version_of()).text()


class _Module(TorchFront):
    """The parts of one emitted module."""

    def __init__(self, rows: Shared, name: str, version: str) -> None:
        super().__init__(rows.plan, name, version)
        self.rows, self.foreign = rows, frozenset({PART})
        self.count = self.sizes[rows.size]
        self.sizes[PART] = self._free(f"{self.count}_part")
        # Arguments are checked alone: there, the axes of this process's rows are all there is.
        self.checked = self.checks_text()
        self.texts.axes = {
            array: tuple(
                replace(b, high=Affine.name(PART)) if rows.axes.get(array) == k else b
                for k, b in enumerate(axes)
            )
            for array, axes in self.texts.axes.items()
        }
        forward = [r.array for r in self.outputs]
        backward = [r.array for r in self.gradient_results]
        self.kept = rows.kept(forward, backward)
        self.forward_rounds = rows.rounds(forward)
        self.backward_rounds = rows.rounds(backward, [s.array for s in self.kept])
        self.both_rounds = rows.rounds(backward)
        self.counted = self._counts(self.forward_rounds) or self._counts(self.backward_rounds)

    def text(self) -> str:
        """The whole module."""
        imports = "    import torch\n    from torch import distributed\n"
        exported = [
            *("Function", "Gradients", "Outputs"),
            *(self.function, self.forward_name, "layer"),
        ]
        pieces = [
            self.header(self._notes(), imports, exported),
            self.fields(),
            self._layer(),
            self._outputs_function(),
            self._gradient_function(),
            *self.checked,
            self._forward_text(),
            self._backward_text(),
            self._both_text(),
            self._function_class(),
        ]
        body = "\n\n\n".join(pieces)
        helpers = used_helpers(VALUES + "\n" + CHECKS + "\n" + MERGES, body)
        return "\n\n\n".join([body, *helpers]) + "\n"

    def _notes(self) -> str:
        cut = [n for p, n in zip(self.taken, self._every(), strict=True) if self._cut(p)]
        rest = [n for n in self._every() if n not in cut]
        notes = NOTES.format(
            cut=", ".join(cut),
            rest=f"; {', '.join(rest)} must be equal on all processes" if rest else "",
            size=self.rows.size,
            forward=self._reduces(self.forward_rounds, self.counted),
            backward=self._reduces(self.backward_rounds, False),
        )
        return filled(notes)

    def _reduces(self, rounds: tuple[Round, ...], counted: bool) -> int:
        """How many all-reduces rounds take."""
        first = counted and not self._joined(rounds)
        return first + sum(len({_kind(s) for s in r.merged}) for r in rounds)

    def _every(self) -> list[str]:
        return self.of(self.taken)

    def _cut(self, parameter: Parameter) -> bool:
        return parameter.array in self.rows.axes

    # ---- the functions of the user --------------------------------------------------------------

    def _layer(self) -> str:
        returns = "torch.Tensor" if len(self.outputs) == 1 else "tuple[torch.Tensor, ...]"
        lines = [
            *documented("The outputs of this process's rows; autograd gives the proved gradients."),
            call("_check_inputs", self.of(self.inputs)),
            *self.refused(),
            call("_assume", self.of(self.inputs)),
            "_member(group)",
            f"return {call('Function.apply', [*self.passed(), 'group', 'average'])}",
        ]
        arguments = [*self.typed(self.inputs), *GROUP]
        return "@torch.compiler.disable\n" + function(signature("layer", arguments, returns), lines)

    def _outputs_function(self) -> str:
        """The outputs of this process's rows, without gradients."""
        names = self.of(self.inputs)
        checks = [call("_check_inputs", names), call("_assume", names), "_member(group)"]
        computed = f"{call('_forward', [*names, 'group'])}[0]"
        return "@torch.no_grad()\n" + self.forward_function(
            checks, computed, GROUP[:1], [SHARING, "", "Autograd sees nothing of it."]
        )

    def _gradient_function(self) -> str:
        lines = [
            *documented(
                f"{self.title()} By this process's rows, and by what all share.",
                *options_of(
                    "gradients",
                    SHARING,
                    "average: divide gradients by shared arguments by the number of processes",
                ),
            ),
            "want = _wanted(want, Gradients._fields)",
            call("_check", self._every()),
            *self.finite(self.taken),
            "_member(group)",
            f"return Gradients(*{call('_gradients', [*self._every(), *TAIL])})",
        ]
        arguments = [*self.typed(self.taken), *self.keywords("Gradients"), *GROUP]
        return function(signature(self.function, arguments, "Gradients"), lines)

    # ---- computation ----------------------------------------------------------------------------

    def _forward_text(self) -> str:
        lines = self._rounds(self.forward_rounds, self.outputs, False, self.counted)
        kept = [self.names[s.array] for s in self.kept]
        back = [sequence(self.converted(self.outputs)), sequence(kept) if kept else "()"]
        back += [self.count if self.counted else "None"]
        doc = '"""The outputs, sums over the group that the gradients need, and their count."""'
        return self._computed("_forward", [*self.of(self.inputs), "group"], doc, lines, back)

    def _backward_text(self) -> str:
        lines = self._rounds(self.backward_rounds, self.gradient_results, True, False)
        kept = [self.names[s.array] for s in self.kept]
        arguments = [*self._every(), *kept, *[self.count] * self.counted, *TAIL]
        doc = '"""The gradients, from what the forward pass has merged."""'
        return self._computed("_backward", arguments, doc, lines, self._sent())

    def _both_text(self) -> str:
        counted = self._counts(self.both_rounds)
        lines = self._rounds(self.both_rounds, self.gradient_results, True, counted)
        doc = '"""The gradients, from the arguments alone."""'
        return self._computed("_gradients", [*self._every(), *TAIL], doc, lines, self._sent())

    def _computed(
        self, name: str, arguments: list[str], doc: str, lines: list[str], back: list[str]
    ) -> str:
        end = returned(back)
        known = [p for p in self.plan.parameters if self.names[p.array] in arguments]
        body = [
            doc,
            *self.environment(),
            *self.prepared(known, names_in([*lines, end])),
            *lines,
            end,
        ]
        return function(signature(name, arguments), body)

    def prepared(self, parameters: list[Parameter], used: set[str]) -> list[str]:
        """The same, with the length of a part; the rows of all are counted elsewhere."""
        part, own = self.sizes[PART], super().prepared(parameters, used - {self.count})
        if part not in used:
            return own
        array = next(p.array for p in parameters if self._cut(p))
        return [f"{part} = {self.names[array]}.shape[{self.rows.axes[array]}]", *own]

    def _rounds(
        self, rounds: tuple[Round, ...], results: list[Result], optional: bool, counted: bool
    ) -> list[str]:
        """Statements of all rounds; the rows are counted with the first sums, if they can be."""
        lines, waiting = list[str](), counted
        part = self.sizes[PART]
        if counted and not self._joined(rounds):
            lines.append(f"({self.count},) = _counted(group, device, {part})")
            waiting = False
        for each in rounds:
            everyone = len(results)
            for step in each.merged:
                if optional and len(self.users(step, results)) < everyone:
                    lines.append(f"{self.names[step.array]} = None")
            steps = self.conditional(each.steps, results) if optional else self.plain(each.steps)
            lines += steps
            for kind, group in groupby(sorted(each.merged, key=_kind), key=_kind):
                names = [self.names[step.array] for step in group]
                count = waiting and kind == "sum"
                waiting = waiting and not count
                lines.append(self._merge(kind, names, count))
        return lines

    def _merge(self, kind: str, names: list[str], count: bool) -> str:
        """One all-reduce."""
        function, part = MERGED_BY[kind], self.sizes[PART]
        if count:
            merged = call("_counted", ["group", "device", part, *names])
            return unpacked([self.count, *names], merged)
        return unpacked(names, call(function, ["group", *names]))

    def _joined(self, rounds: tuple[Round, ...]) -> bool:
        """Whether nothing reads the number of rows before the first sums are merged."""
        before = list[Step]()
        for each in rounds:
            before += each.steps
            if any(_kind(step) == "sum" for step in each.merged):
                return self.count not in names_in(self.plain(before))
        return False

    def _counts(self, rounds: tuple[Round, ...]) -> bool:
        return any(self.count in names_in(self.plain(each.steps)) for each in rounds)

    def _sent(self) -> list[str]:
        """The gradients in the arguments' dtype; those by shared arguments averaged on demand."""
        texts = self.converted(self.gradient_results)
        cut = [r.array in self.rows.axes for r in self.gradient_results]
        pairs = zip(cut, texts, strict=True)
        return self.if_wanted([t if own else f"_share({t}, group, average)" for own, t in pairs])

    # ---- autograd -------------------------------------------------------------------------------

    def _function_class(self) -> str:
        names, held = self.of(self.inputs), self.of(self.tensors)
        one = "[0]" if len(self.outputs) == 1 else ""
        saved = ["*saved"] if self.kept else []
        forward = [
            f"outputs, saved, count = {call('_forward', [*names, 'group'])}",
            f"ctx.save_for_backward({', '.join([*held, *saved])})",
            *(f"ctx.{n} = {n}" for n in self.of(self.numbers)),
            "ctx.count, ctx.group, ctx.average = count, group, average",
            f"return outputs{one}",
        ]
        methods = [
            "@staticmethod\n"
            + function(signature("forward", ["ctx", *names, "group", "average"]), forward),
            "@staticmethod\n@torch.autograd.function.once_differentiable\n"
            + function("def backward(ctx, *grads):", self._send()),
        ]
        body = "\n\n".join("\n".join(indented([m])) for m in methods)
        doc = "\n".join(indented(documented("The layer for autograd, differentiable once.")))
        return f"class Function(torch.autograd.Function):\n{doc}\n\n{body}"

    def _send(self) -> list[str]:
        numbers, kept = set(self.of(self.numbers)), [self.names[s.array] for s in self.kept]
        lines = [
            unpacked([*self.of(self.tensors), *kept], "ctx.saved_tensors"),
            *self.wanted_lines(),
            *self.upstream_lines(),
        ]
        passed = [f"ctx.{n}" if n in numbers else n for n in self._every()]
        passed += [*kept, *["ctx.count"] * self.counted, "want", "ctx.group", "ctx.average"]
        lines += [f"found = {call('_backward', passed)}", *self.scaled()]
        return [*lines, f"return {self.sent(['None', 'None'])}"]


def _kind(step: Step) -> str:
    return getattr(step.body, "kind", "")


SHARING = "group: the processes that share the rows; None stands for all"
TAIL = ("want", "group", "average")
GROUP = ("group: distributed.ProcessGroup | None = None", "average: bool = False")

NOTES = """\
Each process of a torch.distributed group calls with rows of its own, one at least, and not
always as many: {cut} hold this process's rows{rest}.
{size} counts the rows of all. Partial results are merged all of one round together, sums in
float64; all-reduces: {forward} forward, {backward} backward, which reuses what was merged forward.
All processes must call with the same `want` and the same inputs that require gradients. What
does not fit is refused before anything is sent, so that the other processes wait: let the
launcher end them, as torchrun does.

The objective is that of all rows together. Gradients by rows are this process's own; gradients
by arguments that all share are the sum over the group, equal on every process. Under
DistributedDataParallel, which averages over processes, pass average=True: they are divided by
the number of processes, as are the gradients of all other parameters, and as with
torch.nn.SyncBatchNorm. An output without rows is the whole one on each process: each computes
the same objective from it and calls backward.

All tensors of a process are on one device, and all are float32, float64, float16 or bfloat16, of
any strides; half precision is computed in float32. The results have the same dtype. There are no
second derivatives."""
