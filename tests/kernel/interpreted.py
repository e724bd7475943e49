"""Answers about exported Triton kernels that Triton's interpreter runs; one question a line.

Triton decides when it is imported whether it interprets, so this is a process of its own. A line
holds a name of ANSWERS with its arguments, as JSON; the answer is a line of JSON.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
import torch

import derive
from derive.kernel.front import result_names
from derive.kernel.inputs import cases
from derive.kernel.names import identifier
from derive.kernel.outputs import forward_name, with_outputs
from derive.kernel.plan import Plan
from derive.kernel.reference import reference
from derive.kernel.to_triton import emit_triton

FOLDER = TemporaryDirectory()
Arrays = dict[str, Any]


@cache
def planned(layer: str) -> Plan:
    return derive.load(layer).plan()


@cache
def module(layer: str) -> ModuleType:
    path = Path(FOLDER.name) / f"triton_{layer}.py"
    path.write_text(emit_triton(planned(layer), "backward"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


# ---- arguments ----------------------------------------------------------------------------------


def drawn(layer: str, sizes: Mapping[str, int], offset: float = 0.0) -> Arrays:
    """Normal numbers by array, those of highest rank around an offset; 0.5 for every scalar."""
    random = np.random.default_rng(3)
    plan, held = with_outputs(planned(layer)), dict[str, Any]()
    rank = max(len(p.symbol.shape) for p in plan.parameters)
    for p in plan.parameters:
        shape = tuple(size.value(sizes) for size in p.symbol.shape)
        value = random.standard_normal(shape) if shape else np.asarray(0.5)
        moved = offset if len(shape) == rank and p.kind == "input" else 0.0
        held[p.array] = np.asarray(value) + moved
    return held


def tried(layer: str, dtype: str) -> list[Arrays]:
    """The benign cases by array, exact in a dtype."""
    plan = with_outputs(planned(layer))
    return [
        {
            p.array: (case.inputs if p.kind == "input" else case.upstream)[p.symbol.key]
            for p in plan.parameters
        }
        for case in cases(planned(layer), dtype)
        if not case.hard
    ]


def tensors(layer: str, held: Arrays, dtype: str, strided: bool = False) -> dict[str, Any]:
    """The arguments of all functions of the module by name."""
    names = {p.array: _name(p) for p in with_outputs(planned(layer)).parameters}
    found = dict[str, Any]()
    shown = inspect.signature(module(layer).backward).parameters
    layered = inspect.signature(module(layer).layer).parameters
    for array, name in names.items():
        known = shown.get(name) or layered[name]
        if known.annotation == "float":
            found[name] = float(held[array])
            continue
        value = torch.tensor(np.asarray(held[array])).to(getattr(torch, dtype))
        found[name] = _strided(value) if strided and value.ndim else value
    return found


def _name(parameter: Any) -> str:
    key = identifier(parameter.symbol.key)
    return f"d{key.lower()}" if parameter.kind == "upstream" else key.lower()


def _strided(value: Any) -> Any:
    """The same entries, every second one of a longer tensor laid out the other way round."""
    return (
        value.mT.contiguous().mT.repeat_interleave(2, 0)[::2]
        if value.ndim > 1
        else (value.repeat_interleave(3)[::3])
    )


def called(layer: str, name: str, arguments: dict[str, Any]) -> Any:
    """What a function of the module returns; `forward` is that of the outputs."""
    function = getattr(module(layer), forward_name("backward") if name == "forward" else name)
    known = inspect.signature(function).parameters
    return function(**{n: v for n, v in arguments.items() if n in known})


# ---- answers ------------------------------------------------------------------------------------


def error(layer: str, held: Arrays, dtype: str, longest: int, strided: bool = False) -> float:
    """The largest error of gradients and outputs, as a share of the largest entry of each."""
    module(layer).LONGEST = longest
    plan = with_outputs(planned(layer))
    arguments = tensors(layer, held, dtype, strided)
    exact = {
        p.array: np.asarray(torch.as_tensor(arguments[_name(p)], dtype=torch.float64))
        for p in plan.parameters
    }
    right = reference(plan)(exact)
    gradients = called(layer, "backward", arguments)
    outputs = list(called(layer, "forward", arguments))
    names, worst = result_names(planned(layer)), 0.0
    shown = iter(names.values())
    for result in plan.results:
        own = result.form.source == "definition"
        found = outputs.pop(0) if own else getattr(gradients, next(shown))
        value = right[result.array]
        assert found.dtype == getattr(torch, dtype) and tuple(found.shape) == value.shape
        apart = np.abs(found.double().numpy() - value).max() / max(1e-300, np.abs(value).max())
        worst = max(worst, float(apart)) if apart == apart else float("inf")
    return worst


def benign(layer: str, dtype: str, longest: int) -> float:
    return max(error(layer, held, dtype, longest) for held in tried(layer, dtype))


def sized(
    layer: str, sizes: dict[str, int], dtype: str, longest: int, strided: bool, offset: float
) -> float:
    return error(layer, drawn(layer, sizes, offset), dtype, longest, strided)


def differentiable(layer: str) -> bool:
    """Finite differences of the forward pass against the gradients."""
    arguments = tensors(layer, drawn(layer, {"N": 3, "D": 4, "K": 4}), "float64")
    module(layer).LONGEST = 16384
    known = inspect.signature(module(layer).layer).parameters
    inputs = [arguments[n] for n in known if n in arguments]
    for value in inputs:
        if isinstance(value, torch.Tensor):
            value.requires_grad_()
    return bool(torch.autograd.gradcheck(module(layer).layer, inputs))


def same_bits(layer: str) -> bool:
    """Whether two calls give the same bits."""
    arguments = tensors(layer, drawn(layer, {"N": 300, "D": 5}), "float32")
    first, second = (called(layer, "backward", arguments) for _ in range(2))
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


CHANGES: Mapping[str, Callable[[Any], Any]] = {
    "array": lambda value: value.numpy(),
    "whole": lambda value: value.long(),
    "mixed": lambda value: value.half(),
    "lower": lambda value: value[0],
    "empty": lambda value: value[:0],
    "short": lambda value: value[:, :1],
    "few": lambda value: value[:1],
    "meta": lambda value: value.to("meta"),
    "zero": lambda value: 0.0,
    "minus": lambda value: -value,
    "nan": lambda value: float("nan"),
    "text": lambda value: "1",
    "hole": lambda value: value * float("nan"),
    "none": lambda value: (),
    "unknown": lambda value: "dz",
}


def refusal(function: str, name: str, change: str, options: dict[str, Any]) -> str:
    """The message for an argument of the layer normalisation that does not fit."""
    arguments = tensors("layernorm", drawn("layernorm", {"N": 4, "D": 3}), "float64")
    arguments |= options
    arguments[name] = CHANGES[change](arguments.get(name))
    try:
        called("layernorm", function, arguments)
    except ValueError as raised:
        return str(raised)
    return ""


def wanted() -> list[str]:
    """The gradients that are there when only one is asked for."""
    arguments = tensors("layernorm", drawn("layernorm", {"N": 4, "D": 3}), "float64")
    found = called("layernorm", "backward", arguments | {"want": "dbeta"})
    return [name for name in found._fields if getattr(found, name) is not None]


ANSWERS: Mapping[str, Callable[..., Any]] = {
    "benign": benign,
    "sized": sized,
    "differentiable": differentiable,
    "same_bits": same_bits,
    "refusal": refusal,
    "wanted": wanted,
}


def main() -> None:
    """Answer line by line; a failure is an answer too."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"value": ANSWERS[name](*arguments)}
        except Exception as failure:
            answer = {"failure": f"{type(failure).__name__}: {failure}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
