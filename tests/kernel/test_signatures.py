"""One interface: in every back end the same functions, arguments and results."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from layers import LAYERS, planned
from require import require

from derive.errors import UnsupportedError
from derive.kernel.backends import BACKENDS, DISTRIBUTED
from derive.kernel.front import Front, parameter_names, result_names
from derive.kernel.outputs import forward_name, forward_plan

EVERY = {**BACKENDS, "torch distributed": DISTRIBUTED["torch"]}
IMPORTED: Mapping[str, tuple[str, ...]] = {
    "numpy": (),
    "c": (),
    "numba": ("numba",),
    "torch": ("torch",),
    "torch distributed": ("torch",),
    "jax": ("jax",),
    "array-api": ("array_api_compat",),
    "dask": ("dask",),
    "triton": ("torch", "triton"),
}
OPTIONS = {"want"}
"""What every function takes by keyword."""


@pytest.mark.parametrize("layer", ["batchnorm", "layernorm", "softmax_cross_entropy", "linear"])
@pytest.mark.parametrize("backend", EVERY)
def test_functions(layer: str, backend: str, tmp_path: Path) -> None:
    """Signatures and fields of an imported module are those of the NumPy module."""
    for name in IMPORTED[backend]:
        require(name.replace("_", "-"), find_spec(name) is not None)
    name = f"{layer}_backward"
    made, right = (module(tmp_path, layer, each) for each in (backend, "numpy"))
    for function in (name, forward_name(name)):
        found, expected = (inspect.signature(getattr(m, function)) for m in (made, right))
        assert placed(found) == placed(expected)
        assert found.return_annotation == expected.return_annotation
        assert options(found) >= OPTIONS
    for results in ("Gradients", "Outputs"):
        assert getattr(made, results)._fields == getattr(right, results)._fields
        assert results in made.__all__
    assert {name, forward_name(name)} <= set(made.__all__)


def module(folder: Path, layer: str, backend: str) -> ModuleType:
    path = folder / f"{backend.replace('-', '_').replace(' ', '_')}_{layer}.py"
    path.write_text(EVERY[backend](planned(layer), f"{layer}_backward"), encoding="utf-8")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def placed(signature: inspect.Signature) -> list[str]:
    """The arguments given by place, in order."""
    kinds = signature.parameters.values()
    return [p.name for p in kinds if p.kind == p.POSITIONAL_OR_KEYWORD]


def options(signature: inspect.Signature) -> set[str]:
    return {p.name for p in signature.parameters.values() if p.kind == p.KEYWORD_ONLY}


Interface = dict[str, list[str]]


REFUSED = {
    "torch distributed": {"mahalanobis", "rayleigh"},
    "triton": {"gaussian_logdet", "mahalanobis"},
}
"""Documents whose rows are compared in pairs, and those with inverses."""


@pytest.mark.parametrize("backend", ["torch", "torch distributed", "jax", "array-api", "triton"])
def test_every_document(backend: str) -> None:
    """The text of modules with layers, against the names that the others take."""
    refused = set[str]()
    for layer in LAYERS:
        try:
            found = interface(layer, backend)
        except UnsupportedError:
            refused.add(layer)
            continue
        right = plain(layer)
        assert {name: found.get(name) for name in right} == right, layer
    assert refused == REFUSED.get(backend, set())


@cache
def plain(layer: str) -> Interface:
    """The functions of the gradients' plan and, where there is one, of the outputs' plan."""
    name, plan = f"{layer}_backward", planned(layer)
    found = {name: [*parameter_names(plan).values()], "Gradients": [*result_names(plan).values()]}
    try:
        forward = Front(forward_plan(plan), forward_name(name), "")
    except UnsupportedError:
        return found
    arguments = [forward.names[p.array] for p in forward.plan.parameters]
    return {**found, forward.function: arguments, "Outputs": forward.results}


def interface(layer: str, backend: str) -> Interface:
    """Public functions with their arguments by place, named tuples with their fields."""
    found = Interface()
    for node in ast.parse(EVERY[backend](planned(layer), f"{layer}_backward")).body:
        match node:
            case ast.FunctionDef(name=name) if name.startswith(layer):
                found[name] = [argument.arg for argument in node.args.args]
            case ast.ClassDef(name="Gradients" | "Outputs" as name):
                lines = (line for line in node.body if isinstance(line, ast.AnnAssign))
                found[name] = [ast.unparse(line.target) for line in lines]
            case _:
                pass
    return found
