"""Modules of layers for array back ends: written, imported, and given arguments by name."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
from compiled import expected, given

import derive
from derive.errors import UnsupportedError
from derive.kernel.forward import Forward
from derive.kernel.front import parameter_names
from derive.kernel.inputs import Case, cases
from derive.kernel.names import identifier
from derive.kernel.outputs import forward_name
from derive.kernel.plan import Plan

LAYERS = tuple(sorted(path.stem for path in Path(derive.__path__[0], "library").glob("*.md")))


@cache
def planned(layer: str) -> Plan:
    return derive.load(layer).plan()


def case_of(layer: str) -> Case:
    return next(case for case in cases(planned(layer), "float64") if not case.hard)


@cache
def written(layer: str, emit: Callable[[Plan, str], str]) -> ModuleType:
    """The module of a layer; its gradients are called `backward`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{emit.__name__}_{layer}.py"
        path.write_text(emit(planned(layer), "backward"), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    return made


def values_of(layer: str) -> dict[str, Any]:
    """Inputs and upstream gradients by argument name, float64 arrays and floats."""
    case = case_of(layer)
    inputs = {
        identifier(key).lower(): v if np.ndim(v) else float(v) for key, v in case.inputs.items()
    }
    return inputs | given(planned(layer), case)


def forward_of(made: ModuleType) -> Callable[..., Any]:
    """The function of outputs beside the gradients called `backward`."""
    function: Callable[..., Any] = getattr(made, forward_name("backward"))
    return function


def chosen(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """The arguments that a function takes."""
    kinds = inspect.signature(function).parameters.items()
    return {n: values[n] for n, p in kinds if p.kind == p.POSITIONAL_OR_KEYWORD}


def right_gradients(layer: str) -> dict[str, Any]:
    """The results of the reference in float64, by name."""
    plan = planned(layer)
    values = values_of(layer)
    return expected(plan, {n: values[n] for n in parameter_names(plan).values()})


def right_outputs(layer: str) -> list[Any]:
    """The outputs as the definitions say, term by term."""
    case, plan = case_of(layer), planned(layer)
    forward = Forward(plan.context, case.sizes, case.inputs)
    objective = plan.results[0].form.objective
    return [forward.name(o.key) for o in plan.context.outputs[objective.key]]


def is_refused(layer: str, emit: Callable[[Plan, str], str]) -> bool:
    try:
        emit(planned(layer), "backward")
    except UnsupportedError:
        return True
    return False
