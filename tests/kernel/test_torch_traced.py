"""Layers for PyTorch under its tracers: operator checks, compilation, export, torch.func."""

from __future__ import annotations

from typing import Any

import pytest
from require import require_compiler
from torch_layers import module, of_layer, tensors

TRACED = ["batchnorm", "softmax_cross_entropy", "two_outputs"]


@pytest.mark.parametrize("layer", TRACED)
def test_the_operator_is_checked(layer: str) -> None:
    import torch

    made = module(layer)
    torch.library.opcheck(made._operator, tuple(of_layer(layer, tensors(layer)[0])))


def outputs_and_gradients(function: Any, arguments: list[Any]) -> list[Any]:
    """What a layer returns and the gradients by its inputs of the sum of the outputs' sines."""
    import torch

    found = function(*arguments)
    outputs = list(found) if isinstance(found, tuple) else [found]
    inputs = [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]
    return [*outputs, *torch.autograd.grad(sum(o.sin().sum() for o in outputs), inputs)]


@pytest.mark.parametrize("layer", TRACED)
def test_compiles_as_one_graph(layer: str) -> None:
    import torch

    made, arguments = module(layer), of_layer(layer, tensors(layer)[0])
    torch._dynamo.reset()
    compiled = torch.compile(made.layer, backend="aot_eager", fullgraph=True)
    found = outputs_and_gradients(compiled, arguments)
    torch.testing.assert_close(found, outputs_and_gradients(made.layer, arguments))


def test_compiles_with_inductor() -> None:
    import torch

    require_compiler("c++")
    made, arguments = module("batchnorm"), of_layer("batchnorm", tensors("batchnorm")[0])
    torch._dynamo.reset()
    compiled = torch.compile(made.layer, fullgraph=True)
    found = outputs_and_gradients(compiled, arguments)
    torch.testing.assert_close(found, outputs_and_gradients(made.layer, arguments))


def test_exports_with_a_free_number_of_rows() -> None:
    import torch

    made, arguments = module("batchnorm"), tensors("batchnorm")[0]

    class Model(torch.nn.Module):
        def forward(self, x: Any, gamma: Any, beta: Any) -> Any:
            return made.layer(x, gamma, beta, 1e-5)

    x, gamma, beta = (arguments[n] for n in ("x", "gamma", "beta"))
    free = ({0: torch.export.Dim("rows", min=2)}, None, None)
    exported = torch.export.export(Model(), (x, gamma, beta), dynamic_shapes=free)
    longer = torch.cat([x, 2 * x])
    found = exported.module()(longer, gamma, beta)
    torch.testing.assert_close(found, made.layer(longer, gamma, beta, 1e-5))


def test_is_mapped() -> None:
    """The layer over a batch of batches, and its gradient by torch.func."""
    import torch

    made, arguments = module("batchnorm"), tensors("batchnorm")[0]
    rest = [arguments[n] for n in ("gamma", "beta", "eps")]
    many = torch.stack([arguments["x"], 3 * arguments["x"] ** 2])

    def loss(function: Any) -> Any:
        return lambda x: function(x, *rest).sin().sum()

    found = torch.func.vmap(lambda x: made.layer(x, *rest))(many)
    torch.testing.assert_close(found, torch.stack([made.layer(x, *rest) for x in many]))
    found = torch.func.vmap(torch.func.grad(loss(made.Function.apply)))(many)
    right = [torch.func.grad(loss(lambda *a: made._forward(*a)[0]))(x) for x in many]
    torch.testing.assert_close(found, torch.stack(right))
