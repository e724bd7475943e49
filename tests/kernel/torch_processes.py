"""What each process of a group runs: layers on its rows, and how often it sends.

It imports nothing of the prover: each process starts with this module alone.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

PROCESSES = 2


def loaded(path: Path) -> ModuleType:
    """An emitted module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = made
    spec.loader.exec_module(made)
    return made


def chosen(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """The arguments that a function cannot do without."""
    kinds = inspect.signature(function).parameters.items()
    return {n: values[n] for n, p in kinds if p.default is p.empty}


def process(rank: int, folder: str) -> None:
    """Run every layer on this process's rows; write what it returns and how often it sends."""
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/group", rank=rank, world_size=PROCESSES
    )
    sent = list[Any]()
    plain = distributed.all_reduce

    def counting(*values: Any, **options: Any) -> Any:
        sent.append(options["op"])
        return plain(*values, **options)

    distributed.all_reduce = counting
    for path in sorted(Path(folder).glob("shared_*.py")):
        layer = path.stem.removeprefix("shared_")
        task = torch.load(f"{folder}/{layer}_{rank}.pt")
        found = passes(loaded(path), layer, task, sent)
        torch.save(found, f"{folder}/{layer}_{rank}_found.pt")
    torch.save(alone(folder, rank), f"{folder}/alone_{rank}.pt")
    torch.save(averaged(folder, rank), f"{folder}/averaged_{rank}.pt")
    # Together: a process whose peer is gone before it has finished reading aborts.
    distributed.barrier()
    distributed.destroy_process_group()


def passes(made: ModuleType, layer: str, task: dict[str, Any], sent: list[Any]) -> dict[str, Any]:
    """Outputs and gradients by autograd, the function of gradients, the all-reduces of each."""
    import torch

    given, upstream = task["arguments"], task["upstream"]
    kernel, plain = getattr(made, f"{layer}_backward"), getattr(made, f"{layer}_forward")
    names = list(chosen(made.layer, given))
    leaves = {f"d{n}": given[n] for n in names if f"d{n}" in made.Gradients._fields}
    for leaf in leaves.values():
        leaf.requires_grad_()
    sent.clear()
    outputs = made.layer(*(given[n] for n in names))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    forward = len(sent)
    grads = [given[n] for n in upstream] or None
    gradients = torch.autograd.grad(outputs, list(leaves.values()), grads)
    return {
        "reduces": (forward, len(sent) - forward),
        "outputs": [o.detach() for o in outputs],
        "gradients": dict(zip(leaves, gradients, strict=True)),
        "plain": [o.detach() for o in plain(*(given[n] for n in names))],
        "function": tuple(kernel(**chosen(kernel, given))),
        "alone": {n: one_of(made, layer, given, n, sent) for n in made.Gradients._fields},
    }


def one_of(
    made: ModuleType, layer: str, given: dict[str, Any], name: str, sent: list[Any]
) -> tuple[Any, int]:
    """One gradient, and the all-reduces that it alone takes."""
    sent.clear()
    kernel = getattr(made, f"{layer}_backward")
    found = kernel(**chosen(kernel, given), want=name)
    return getattr(found, name), len(sent)


def alone(folder: str, rank: int) -> dict[str, Any]:
    """The first process in a group of its own; the other one does not belong to it."""
    import torch
    from torch import distributed

    made = sys.modules["shared_batchnorm"]
    task = torch.load(f"{folder}/batchnorm_{rank}.pt")["arguments"]
    group = distributed.new_group([0])
    try:
        given = chosen(made.batchnorm_backward, task)
        return {"dx": made.batchnorm_backward(**given, group=group).dx}
    except ValueError as error:
        return {"message": str(error)}


def averaged(folder: str, rank: int) -> dict[str, Any]:
    """Gradients under DistributedDataParallel of a product with a layer after it."""
    import torch

    made = sys.modules["shared_batchnorm"]
    task = torch.load(f"{folder}/batchnorm_{rank}.pt")["arguments"]
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(normalised(made, average=True))
    (model(task["x"]) * task["dy"]).sum().backward()
    found = {name.split(".")[-1]: p.grad for name, p in model.named_parameters()}
    return {**found, "far": far(made, rank), "twice": twice(made, task)}


def offset_task() -> dict[str, Any]:
    """Arguments of batch normalisation in float32 whose mean is large beside the deviations."""
    import torch

    torch.manual_seed(1)
    x = torch.randn(64, 3) + 1e6
    dy, gamma = x - 1e6 + torch.randn(64, 3) / 8, torch.randn(3)
    return {"x": x, "dy": dy, "gamma": gamma, "eps": 1e-5}


def far(made: ModuleType, rank: int) -> tuple[Any, ...]:
    """The gradients there, of this process's half of the rows."""
    task, rows = offset_task(), slice(32 * rank, 32 * rank + 32)
    return tuple(made.batchnorm_backward(**{**task, "x": task["x"][rows], "dy": task["dy"][rows]}))


def twice(made: ModuleType, task: dict[str, Any]) -> str:
    """What a second derivative says."""
    import torch

    x = task["x"].detach().requires_grad_()
    y = made.layer(x, task["gamma"], task["beta"], task["eps"])
    (dx,) = torch.autograd.grad(y.sin().sum(), x, create_graph=True)
    try:
        dx.sum().backward()
    except RuntimeError as error:
        return str(error)
    return ""


def normalised(made: ModuleType, **options: Any) -> Any:
    """A product with a matrix, then the layer, with parameters of its own."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.randn(3, 3, dtype=torch.float64))
            self.gamma = torch.nn.Parameter(torch.randn(3, dtype=torch.float64))
            self.beta = torch.nn.Parameter(torch.randn(3, dtype=torch.float64))

        def forward(self, x: Any) -> Any:
            return made.layer(x @ self.w, self.gamma, self.beta, 1e-5, **options)

    return Model()
