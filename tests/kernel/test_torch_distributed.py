"""Layers whose rows two processes share, over gloo, against the same layer in one process."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of
from compiled import code_of, given
from require import require
from test_to_numpy import HOSTILE, hostile_forms
from torch_layers import planned
from torch_processes import PROCESSES, chosen, loaded, normalised, offset_task, passes, process

from derive.errors import UnsupportedError, UsageError
from derive.kernel.inputs import cases
from derive.kernel.names import identifier
from derive.kernel.outputs import with_outputs
from derive.kernel.plan import Plan, plan_of
from derive.kernel.shifting import centred
from derive.kernel.split import split_of
from derive.kernel.to_torch import emit_torch
from derive.kernel.torch_distributed import emit_torch_distributed

REDUCES = {
    "batchnorm": (2, 1),
    "batchnorm_double_backward": (2, 2),
    "layernorm": (0, 1),
    "rmsnorm": (0, 1),
    "linear": (0, 1),
    "softmax": (0, 0),
    "softmax_cross_entropy": (0, 1),
    "groupnorm": (0, 1),
    "attention": (0, 1),
    "two_outputs": (0, 1),
    "mse": (1, 0),
    "ridge": (1, 1),
    "gelu": (0, 0),
}
"""All-reduces of a forward and of a backward pass."""


def arguments(layer: str, module: ModuleType) -> dict[str, Any]:
    """Arguments of a layer and of its gradients, by name; at least three rows."""
    import torch

    plan = planned(layer)
    size = split_of(centred(with_outputs(plan))).size
    case = next(c for c in cases(plan, "float64") if not c.hard and c.sizes[size] > PROCESSES)
    known = {identifier(key).lower(): value for key, value in case.inputs.items()}
    known |= given(plan, case)
    functions = (getattr(module, f"{layer}_backward"), module.layer)
    parameters = {n: p for f in functions for n, p in inspect.signature(f).parameters.items()}
    return {
        n: float(known[n]) if p.annotation == "float" else torch.tensor(np.asarray(known[n]))
        for n, p in parameters.items()
        if p.kind == p.POSITIONAL_OR_KEYWORD
    }


# ---- the results of all processes ---------------------------------------------------------------


def parts_of(value: Any, axis: int | None) -> list[Any]:
    """The rows of each process: uneven parts."""
    if axis is None:
        return [value] * PROCESSES
    first = value.shape[axis] // PROCESSES
    return [value.narrow(axis, 0, first), value.narrow(axis, first, value.shape[axis] - first)]


def axes_of(layer: str) -> tuple[dict[str, int], list[Any]]:
    """The axis along which each argument, by name, and each result is cut."""
    from derive.kernel.torch_rounds import shared

    plan = with_outputs(planned(layer))
    cut = shared(centred(plan)).axes
    module = emit_names(plan)
    return {module[a]: axis for a, axis in cut.items() if a in module}, [
        cut.get(r.array) for r in plan.results
    ]


def emit_names(plan: Plan) -> dict[str, str]:
    """The name of each argument's array."""
    from derive.kernel.torch_front import TorchFront

    front = TorchFront(plan, "kernel", "")
    return {p.array: front.names[p.array] for p in plan.parameters}


def upstream_of(layer: str) -> list[str]:
    """The names of the gradients by the outputs, in the order of the outputs."""
    plan = with_outputs(planned(layer))
    names = emit_names(plan)
    given = {p.symbol.key: names[p.array] for p in plan.parameters if p.kind == "upstream"}
    outputs = [r.form.target.key for r in plan.results if r.form.source == "definition"]
    return [given[key] for key in outputs if key in given]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What both processes return for every layer, and what one process returns."""
    require("torch", importlib.util.find_spec("torch") is not None)
    import torch

    folder = tmp_path_factory.mktemp("processes")
    whole = dict[str, Any]()
    for layer in REDUCES:
        one, several = folder / f"one_{layer}.py", folder / f"shared_{layer}.py"
        name = f"{layer}_backward"
        one.write_text(emit_torch(planned(layer), name), encoding="utf-8")
        several.write_text(emit_torch_distributed(planned(layer), name), encoding="utf-8")
        made = loaded(one)
        task = {"arguments": arguments(layer, made), "upstream": upstream_of(layer)}
        cut, _ = axes_of(layer)
        pieces = {n: v for n, v in task["arguments"].items() if isinstance(v, torch.Tensor)}
        pieces = {n: parts_of(v, cut.get(n)) for n, v in pieces.items()}
        for rank in range(PROCESSES):
            own = {n: p[rank].clone() for n, p in pieces.items()}
            torch.save(
                {**task, "arguments": {**task["arguments"], **own}}, folder / f"{layer}_{rank}.pt"
            )
        whole[layer] = passes(made, layer, task, [])
        whole[layer]["module"] = made
        whole[layer]["task"] = task["arguments"]
    torch.multiprocessing.spawn(process, (str(folder),), nprocs=PROCESSES)
    found = {
        key: [torch.load(folder / f"{key}_{rank}{end}.pt") for rank in range(PROCESSES)]
        for key, end in [*((layer, "_found") for layer in REDUCES), ("alone", ""), ("averaged", "")]
    }
    return {"whole": whole, "found": found}


def joined(parts: list[Any], axis: int | None) -> Any:
    """The result of all processes; what is not cut is the same on each."""
    import torch

    if axis is not None:
        return torch.cat(parts, dim=axis)
    assert all(torch.equal(parts[0], part) for part in parts)
    return parts[0]


@pytest.mark.parametrize("layer", REDUCES)
def test_two_processes_equal_one(layer: str, runs: dict[str, Any]) -> None:
    import torch

    whole, found = runs["whole"][layer], runs["found"][layer]
    _, axes = axes_of(layer)
    count = len(whole["function"])
    pairs = [
        *zip(
            whole["function"],
            zip(*(f["function"] for f in found), strict=True),
            axes[:count],
            strict=True,
        ),
        *(
            each
            for kind in ("outputs", "plain")
            for each in zip(
                whole[kind],
                zip(*(f[kind] for f in found), strict=True),
                axes[count:],
                strict=True,
            )
        ),
    ]
    for place, (name, (value, _)) in enumerate(whole["alone"].items()):
        pairs.append((value, [f["alone"][name][0] for f in found], axes[place]))
    fields = whole["module"].Gradients._fields
    for name, value in whole["gradients"].items():
        parts = [f["gradients"][name] for f in found]
        pairs.append((value, parts, axes[fields.index(name)]))
    assert len(pairs) >= 2 * count
    for right, parts, axis in pairs:
        torch.testing.assert_close(joined(list(parts), axis), right, rtol=1e-12, atol=1e-13)


def test_digits_at_an_offset(runs: dict[str, Any]) -> None:
    """float32 around 10⁶ on two processes, against float64 on one."""
    import torch

    task = offset_task()
    wide = {n: v.double() if isinstance(v, torch.Tensor) else v for n, v in task.items()}
    right = runs["whole"]["batchnorm"]["module"].batchnorm_backward(**wide)
    found = zip(*(f["far"] for f in runs["found"]["averaged"]), strict=True)
    for name, parts, value in zip(right._fields, found, right, strict=True):
        one = joined(list(parts), 0 if name == "dx" else None)
        assert (one - value).abs().max() <= 3e-6 * value.abs().max()


def test_there_are_no_second_derivatives(runs: dict[str, Any]) -> None:
    for found in runs["found"]["averaged"]:
        assert "once_differentiable" in found["twice"]


@pytest.mark.parametrize(("layer", "expected"), REDUCES.items())
def test_all_reduces(layer: str, expected: tuple[int, int], runs: dict[str, Any]) -> None:
    assert [f["reduces"] for f in runs["found"][layer]] == [expected] * PROCESSES
    source = emit_torch_distributed(planned(layer), "kernel")
    stated = f"all-reduces: {expected[0]} forward, {expected[1]} backward"
    assert stated in " ".join(source.split())


@pytest.mark.parametrize(
    ("layer", "name", "expected"),
    [
        ("batchnorm", "dx", 2),
        ("batchnorm", "dbeta", 1),
        ("layernorm", "dx", 0),
        ("layernorm", "dgamma", 1),
        ("rmsnorm", "dx", 0),
        ("linear", "dx", 0),
    ],
)
def test_all_reduces_of_one_gradient(
    layer: str, name: str, expected: int, runs: dict[str, Any]
) -> None:
    """From the arguments alone."""
    assert [f["alone"][name][1] for f in runs["found"][layer]] == [expected] * PROCESSES


@pytest.mark.parametrize("layer", [*REDUCES, "batchnorm_inference"])
def test_lines_are_short(layer: str) -> None:
    source = emit_torch_distributed(planned(layer), "kernel")
    assert max(map(len, source.splitlines())) <= 100


def test_a_group_of_some_processes(runs: dict[str, Any]) -> None:
    import torch

    first, second = runs["found"]["alone"]
    whole = runs["whole"]["batchnorm"]
    own = {
        n: v.detach()[: v.shape[0] // PROCESSES] if n in ("x", "dy") else v
        for n, v in whole["task"].items()
    }
    kernel = whole["module"].batchnorm_backward
    torch.testing.assert_close(first["dx"], kernel(**chosen(kernel, own)).dx)
    assert second["message"] == "group: this process does not belong to it"


def test_averages_as_data_parallel_training_does(runs: dict[str, Any]) -> None:
    """Every gradient is the whole one over the number of processes, shared ones among them."""
    import torch

    whole = runs["whole"]["batchnorm"]
    torch.manual_seed(0)
    model = normalised(whole["module"])
    (model(whole["task"]["x"].detach()) * whole["task"]["dy"]).sum().backward()
    for found in runs["found"]["averaged"]:
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(found[name], parameter.grad / PROCESSES)


# ---- one process --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x", lambda v: v, "group: torch.distributed is not initialised"),
        ("x", lambda v: v[:0], "x: every axis needs at least one entry"),
        ("eps", lambda v: 0.0, "eps: must satisfy"),
        ("dy", lambda v: v[:1], r"dy: expected shape \(N, D\)"),
    ],
)
def test_refusals_name_the_argument(
    name: str, change: Any, message: str, runs: dict[str, Any]
) -> None:
    made, task = sys.modules["one_batchnorm"], runs["whole"]["batchnorm"]["task"]
    path = Path(made.__file__ or "").with_name("shared_batchnorm.py")
    with pytest.raises(ValueError, match=message):
        kernel = loaded(path).batchnorm_backward
        kernel(**chosen(kernel, {**task, name: change(task[name])}))


@pytest.mark.parametrize(
    ("layer", "reason"), [("rayleigh", "in pairs"), ("mahalanobis", "in pairs")]
)
def test_what_cannot_be_shared_is_refused(layer: str, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        emit_torch_distributed(planned(layer), "kernel")


@pytest.mark.parametrize("name", ["", "group", "distributed", "layer"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_torch_distributed(planned("softmax"), name)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    honest = emit_torch_distributed(plan_of(forms_of(BATCHNORM)), "kernel", version="1")
    hostile = emit_torch_distributed(plan_of(hostile_forms(text)), "kernel", version=text)
    assert code_of(hostile) == code_of(honest)
