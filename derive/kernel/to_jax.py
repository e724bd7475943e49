"""A plan as a standalone module for JAX: a layer whose reverse mode is the proved closed form."""

from __future__ import annotations

from collections.abc import Iterable

from derive.kernel.array_front import ArrayFront, checked_name
from derive.kernel.array_helpers import JAX_HELPERS
from derive.kernel.front import sequence, version_of
from derive.kernel.jax_text import jax_text
from derive.kernel.outputs import with_outputs
from derive.kernel.plan import Parameter, Plan, Result
from derive.kernel.shifting import centred
from derive.kernel.statements import call, function, indented, signature, used_helpers
from derive.kernel.torch_distances import with_distances


def emit_jax(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with `layer`, differentiable, its outputs, and `name`, its gradients.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier, UnsupportedError when the forward pass cannot be written out.
    """
    own = checked_name(name)
    return _Module(with_distances(centred(with_outputs(plan))), own, version or version_of()).text()


class _Module(ArrayFront):
    """The parts of one emitted module."""

    array = "jax.Array"
    namespace = "jnp"

    def text(self) -> str:
        """The whole module."""
        body = "\n\n\n".join(
            [
                self.fields(),
                self._layer(),
                self.outputs_function(),
                self.backward_function(" JAX differentiates them once more."),
                *self.checks_text(),
                self.computed("_forward", self.inputs, self.outputs),
                self.computed("_backward", self.taken, self.gradient_results),
                self._rule(),
                self._kept(),
                self._sent() + "\n\n\n_layer.defvjp(_kept, _sent_back, symbolic_zeros=True)",
            ]
        )
        helpers = "\n\n\n".join(used_helpers(JAX_HELPERS, body))
        exported = ["Gradients", "Outputs", self.function, self.forward_name, "layer"]
        top = self.top(NOTES, IMPORTS, exported)
        return f"{top}\n\n\n{body}\n\n\n{helpers}\n"

    def environment(self) -> list[str]:
        """The dtypes of the first array and of the computation."""
        return [f"dtype = {self.first}.dtype", "work = _work(dtype)"]

    def text_of(self, text: str) -> str:
        """A NumPy text as one of JAX."""
        return jax_text(text, self.sizes.values())

    def values(self, names: list[str]) -> list[str]:
        """Arguments in the working dtype."""
        return [f"{n} = jnp.asarray({n}, work)" for n in names]

    def numbered(self, names: list[str]) -> list[str]:
        """Statements that refuse what is not one number."""
        return [f'_number("{n}", {n}, {self.first})' for n in names]

    def evaluated(self, body: list[str]) -> list[str]:
        """Values are read while JAX traces as well."""
        return ["with jax.ensure_compile_time_eval():", *indented(body)]

    def converted(self, results: list[Result]) -> list[str]:
        """Each result in the arguments' dtype; arrays cannot be changed, so none is copied."""
        return [f"{self.names[r.array]}.astype(dtype)" for r in results]

    def checked(self, name: str, parameters: Iterable[Parameter]) -> list[str]:
        """Refusals; then numbers in the dtype that is computed in."""
        parameters = list(parameters)
        numbers = [f'{n} = _number("{n}", {n}, {self.first})' for n in self.single(parameters)]
        return [call(name, self.of(parameters)), *numbers]

    # ---- differentiation ------------------------------------------------------------------------

    def _layer(self) -> str:
        lines = [
            '"""The outputs, differentiated in reverse by the proved gradients."""',
            *self.checked("_check_inputs", self.inputs),
            f"found = {call('_layer', self.of(self.inputs))}",
            f"return {self.unpacked()}",
        ]
        return function(signature("layer", self.typed(self.inputs), self.returned_type()), lines)

    def _rule(self) -> str:
        names = self.of(self.inputs)
        body = function(signature("_layer", names), [f"return {call('_forward', names)}"])
        return f"@jax.custom_vjp\n{body}"

    def _kept(self) -> str:
        """The outputs, and what the gradients read; an empty tuple marks a wanted gradient."""
        names = self.of(self.inputs)
        refused = [
            f'_unproved("{self.names[p.array]}", {self.names[p.array]})'
            for p in self.inputs
            if p.symbol.key not in self.targets
        ]
        lines = [
            *refused,
            f"inputs = {sequence(names)}",
            "values = tuple(each.value for each in inputs)",
            "perturbed = tuple(() if each.perturbed else None for each in inputs)",
            "return _forward(*values), (values, perturbed)",
        ]
        return function(signature("_kept", names), lines)

    def _sent(self) -> str:
        names = self.of(self.inputs)
        target = {r.form.target.key: self.names[r.array] for r in self.gradient_results}
        wanted = [target.get(p.symbol.key) for p in self.inputs]
        places = sequence([f'"{each}"' if each else "None" for each in wanted])
        given = {o.form.target.key: k for k, o in enumerate(self.outputs)}
        upstream = [
            f"{self.names[p.array]} = _given(grads[{given[p.symbol.key]}])" for p in self.upstream
        ]
        order = {r.form.target.key: k for k, r in enumerate(self.gradient_results)}
        sent = [
            f"_sent(found[{order[p.symbol.key]}], {self.names[p.array]})"
            if p.symbol.key in order
            else "None"
            for p in self.inputs
        ]
        scaled = "found = tuple(None if g is None else g * _given(grads[0]) for g in found)"
        lines = [
            "values, perturbed = kept",
            f"{sequence(names)} = values",
            f"names = {places}",
            "want = tuple(n for n, held in zip(names, perturbed, strict=True) if held is not None)",
            *upstream,
            f"found = {call('_backward', [*self.of(self.taken), 'want'])}",
            *([] if self.upstream else [scaled]),
            f"return {sequence(sent)}",
        ]
        return function("def _sent_back(kept, grads):", lines)


IMPORTS = """\
import math
from typing import NamedTuple

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    raise ImportError("this kernel needs JAX: pip install jax") from error
"""

NOTES = """\
All arrays are float32, float64 (where JAX has it enabled), float16 or bfloat16; half precision is
computed in float32, and the results have the same dtype. Numbers are Python floats or arrays
without axes, traced or not. Means are found in two passes, so that no digits are lost where a
mean is large beside the deviations. Second derivatives are those of the formulas above, which
hold under the assumptions on the arguments.

`layer` can be compiled, mapped and sharded (jax.jit, jax.vmap, jax.sharding). Shapes and dtypes
are always checked; the values that the derivation excludes are looked for where arguments have
values: not while JAX traces them, and not in arrays that this process sees a part of."""
