"""A module of one or two functions: the gradients, and the outputs that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from derive.errors import UnsupportedError
from derive.kernel.front import Front, origin_of, shape_text, wrapped_lines
from derive.kernel.names import in_docstring
from derive.kernel.outputs import forward_name, forward_plan
from derive.kernel.plan import Plan
from derive.kernel.statements import shortened

F = TypeVar("F", bound=Front)


@dataclass(frozen=True)
class Functions(Generic[F]):
    """The functions of a module, gradients first; `without` says why there is no forward one."""

    parts: tuple[F, ...]
    without: str = ""

    @property
    def main(self) -> F:
        """The function of gradients."""
        return self.parts[0]

    def public(self) -> list[str]:
        """The public names: the named tuples, then the functions."""
        return [*(part.tuple for part in self.parts), *(part.function for part in self.parts)]


def functions_of(
    make: Callable[[Plan, str, str], F], plan: Plan, name: str, version: str
) -> Functions[F]:
    """The function `name` of gradients, and the forward function where there is one.

    `make(plan, function, version)` raises UnsupportedError for what its back end has not; that
    of the gradients is passed on.
    """
    backward = make(plan, name, version)
    try:
        forward = make(forward_plan(plan), forward_name(name), version)
    except UnsupportedError as error:
        return Functions((backward,), str(error).split("\n", 1)[0])
    return Functions((backward, forward))


def header(functions: Functions[F], notes: Iterable[str] = ()) -> str:
    """The module's docstring: document, proof, formulas, shapes, contract, dtypes, versions."""
    lines = [" ".join(part.title() for part in functions.parts), ""]
    lines += [*origin_of(functions.main.plan), ""]
    for part in functions.parts:
        lines += [_call(part), "", *part.claims(), "", *_shapes(part), ""]
    if functions.without:
        lines += [*wrapped_lines(f"No forward function: {in_docstring(functions.without)}."), ""]
    for paragraph in (_contract(functions.main), *notes):
        lines += [*wrapped_lines(paragraph), ""]
    lines.append(f"Written by derive {in_docstring(functions.main.version)}.")
    return '"""' + "\n".join(lines) + '\n"""'


def imports(modules: Iterable[str], third_party: str = "") -> str:
    """The import block: standard modules in order, NamedTuple, NumPy, other packages."""
    return (
        "from __future__ import annotations\n\n"
        + "".join(f"import {module}\n" for module in sorted(set(modules)))
        + f"from typing import NamedTuple\n\nimport numpy\n{third_party}"
    )


def joined(pieces: Iterable[str]) -> str:
    """Top-level pieces as one module; each once, empty ones left out."""
    own = dict.fromkeys(p.strip("\n") for p in pieces if p.strip())
    return shortened("\n\n\n".join(own)) + "\n"


def _call(front: Front) -> str:
    return f"{front.function}({', '.join(front.names[p.array] for p in front.plan.parameters)})"


def _shapes(front: Front) -> Iterator[str]:
    shown = [f"{front.names[p.array]} {shape_text(p.symbol.shape)}" for p in front.plan.parameters]
    shown += [
        f"{front.names[r.array]} {shape_text(r.form.target.shape)}" for r in front.plan.results
    ]
    yield from wrapped_lines(f"Shapes: {', '.join(shown)}.")


def _contract(front: Front) -> str:
    what = (
        f"takes {', '.join(front.names[p.array] for p in front.saved)} as saved by the forward"
        " function, whose errors it inherits"
        if front.saved
        else "computes all statistics afresh from the arguments"
    )
    dtypes = "All arrays are float32, or all are float64, of any order and strides"
    return f"Contract: {front.function} {what}. {dtypes}; results have the same dtype."
