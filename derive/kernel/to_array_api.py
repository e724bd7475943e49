"""A plan as a standalone module over the Python array API standard."""

from __future__ import annotations

from derive.kernel.array_api_text import array_api_text
from derive.kernel.array_front import ArrayFront, checked_name
from derive.kernel.array_helpers import STANDARD_HELPERS, erf_constants
from derive.kernel.front import version_of
from derive.kernel.outputs import with_outputs
from derive.kernel.plan import Plan, Result, Step
from derive.kernel.shifting import centred
from derive.kernel.statements import indented, shortened, used_helpers
from derive.kernel.torch_distances import with_distances


def emit_array_api(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with the outputs of a layer, and `name`, their gradients.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier, UnsupportedError when the forward pass cannot be written out.
    """
    own = checked_name(name)
    return _Module(with_distances(centred(with_outputs(plan))), own, version or version_of()).text()


class _Module(ArrayFront):
    """The parts of one emitted module."""

    array = "Any"

    def text(self) -> str:
        """The whole module."""
        body = "\n\n\n".join(
            [
                self.fields(),
                self.outputs_function(),
                self.backward_function(""),
                *self.checks_text(),
                self.computed("_forward", self.inputs, self.outputs),
                self.computed("_backward", self.taken, self.gradient_results),
            ]
        )
        helpers = "\n\n\n".join(used_helpers(STANDARD_HELPERS, body))
        constants = f"\n\n{erf_constants()}".rstrip() if "INNER_64" in helpers else ""
        modules = ["sys", *["contextlib"] * ("contextlib." in helpers)]
        imports = "".join(f"import {each}\n" for each in sorted(["math", *modules]))
        exported = ["Gradients", "Outputs", self.function, self.forward_name]
        top = self.top(NOTES, imports + IMPORTS, exported) + constants
        return shortened(f"{top}\n\n\n{body}\n\n\n{helpers}\n")

    def environment(self) -> list[str]:
        """The namespace, the device and the dtype of the first array."""
        return [
            f"xp = array_api_compat.array_namespace({self.first})",
            f"device, dtype = array_api_compat.device({self.first}), {self.first}.dtype",
            "work = dtype",
        ]

    def text_of(self, text: str) -> str:
        """A NumPy text as one of the standard."""
        return array_api_text(text, self.sizes.values())

    def values(self, names: list[str]) -> list[str]:
        """Numbers as arrays; arrays are of the working dtype."""
        single = set(self.single(self.plan.parameters))
        return [f"{n} = _value(xp, {n}, work, device)" for n in names if n in single]

    def numbered(self, names: list[str]) -> list[str]:
        """Statements that refuse what is not one number."""
        return [f'_number("{n}", {n}, "{self.first}", {self.first})' for n in names]

    def guarded(self, statements: list[str], steps: list[Step]) -> list[str]:
        """Branches that are not taken may divide by zero."""
        if not self.branches(steps):
            return statements
        return ["with _quiet(xp):", *indented(statements)]

    def converted(self, results: list[Result]) -> list[str]:
        """Each result as an array of its own."""
        return [
            f"xp.astype(xp.asarray({self.names[r.array]}), dtype, copy={self.shared(r, results)})"
            for r in results
        ]


IMPORTS = """\
from typing import Any, NamedTuple

try:
    import array_api_compat
except ImportError as error:
    raise ImportError(
        "this kernel needs array-api-compat: pip install array-api-compat"
    ) from error
"""

NOTES = """\
All arrays are of one namespace that follows the Python array API standard, 2024.12 or later
(NumPy, CuPy, PyTorch, JAX, Dask, ...), on one device, and all are float32 or all are float64; the
results are of the same kind. Numbers are Python floats or arrays without axes. Means are found in
two passes, so that no digits are lost where a mean is large beside the deviations. Functions
outside the standard are polynomials with errors of a few units in the last place.

Nothing is computed from lazy arrays (Dask, or JAX while it traces) when they are checked: shapes
are, the values that the derivation excludes are looked for in arguments that hold values."""
