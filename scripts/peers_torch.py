"""The forward passes of the library's documents in PyTorch, in its own layers where it has them.

Each function takes `torch.nn.functional` and the inputs by the document's names, and gives the
outputs in the document's order.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

Inputs = Mapping[str, Any]
Forward = Callable[[Any, Inputs], Any]
GATES = ("i", "r", "p", "o")
"""The order in which PyTorch stacks the gates of an LSTM cell."""


def torch_table() -> dict[str, Forward]:
    """The forward pass of each document."""
    torch = importlib.import_module("torch")

    def batch_norm(f: Any, a: Inputs) -> Any:
        return f.batch_norm(
            a["X"], None, None, a["\\gamma"], a["\\beta"], training=True, eps=a["\\epsilon"]
        )

    def double_backward(f: Any, a: Inputs) -> Any:
        x = a["x"].unsqueeze(1)
        scale = a["\\gamma"].reshape(1)
        y = f.batch_norm(x, None, None, scale, None, training=True, eps=a["\\epsilon"])
        upstream = a["g"].unsqueeze(1)
        return torch.autograd.grad(y, x, upstream, create_graph=True)[0][:, 0]

    def group_norm(f: Any, a: Inputs) -> Any:
        n, g, k, s = a["X"].shape
        scale, shift = a["\\gamma"].reshape(-1), a["\\beta"].reshape(-1)
        y = f.group_norm(a["X"].reshape(n, g * k, s), g, scale, shift, eps=a["\\epsilon"])
        return y.reshape(n, g, k, s)

    def lstm(f: Any, a: Inputs) -> Any:
        weights = torch.cat([a[f"W^{{({gate})}}"] for gate in GATES])
        biases = torch.cat([a[f"b^{{({gate})}}"] for gate in GATES])
        hidden = torch.zeros_like(a["C"])
        none = torch.zeros(weights.shape[0], hidden.shape[1], dtype=hidden.dtype)
        return torch.lstm_cell(a["X"], (hidden, a["C"]), weights, none, biases, None)

    def gaussian(f: Any, a: Inputs) -> Any:
        solved = torch.linalg.solve(a["S"], a["X"].T).T
        return len(a["X"]) / 2 * torch.logdet(a["S"]) + (a["X"] * solved).sum() / 2

    def mahalanobis(f: Any, a: Inputs) -> Any:
        apart = a["x"] - a["m"]
        return apart @ torch.linalg.solve(a["S"], apart)

    def sinkhorn(f: Any, a: Inputs) -> Any:
        tau = a["\\tau"]
        return tau * a["r"] - tau * torch.logsumexp((a["v"] - a["C"]) / tau, 1)

    def smoothed(f: Any, a: Inputs) -> Any:
        soft = (1 - a["\\alpha"]) * a["T"] + a["\\alpha"] / a["T"].shape[1]
        return f.cross_entropy(a["Z"], soft, reduction="none")

    def logistic(f: Any, a: Inputs) -> Any:
        scores = f.linear(a["A"], a["w"].unsqueeze(0), a["b"].reshape(1))[:, 0]
        loss = f.binary_cross_entropy_with_logits(scores, a["t"], reduction="sum")
        return loss + a["\\lambda"] / 2 * (a["w"] ** 2).sum()

    def kernel(f: Any, a: Inputs) -> Any:
        squares = ((a["X"][:, None] - a["Z"][None]) ** 2).sum(-1)
        return a["a"] * torch.exp(-squares / (2 * a["\\ell"] ** 2))

    def kl_gaussian(f: Any, a: Inputs) -> Any:
        normal = torch.distributions.Normal
        one = normal(a["M"], torch.exp(a["S"] / 2))
        two = normal(a["A"], torch.exp(a["B"] / 2))
        return torch.distributions.kl_divergence(one, two).sum(1)

    def kl_categorical(f: Any, a: Inputs) -> Any:
        categorical = torch.distributions.Categorical
        one, two = categorical(logits=a["A"]), categorical(logits=a["B"])
        return torch.distributions.kl_divergence(one, two)

    def inference(f: Any, a: Inputs) -> Any:
        scale, shift = a["\\gamma"], a["\\beta"]
        root = torch.sqrt(a["s"] + a["\\epsilon"])
        return (a["X"] - a["m"]) / root * scale + shift

    def elu(f: Any, a: Inputs) -> Any:
        return torch.where(a["x"] > 0, a["x"], a["a"] * torch.expm1(a["x"]))

    def huber(f: Any, a: Inputs) -> Any:
        apart = (a["x"] - a["t"]).abs()
        kappa = a["\\kappa"]
        return torch.where(apart <= kappa, apart**2 / 2, kappa * (apart - kappa / 2))

    def ridge(f: Any, a: Inputs) -> Any:
        return (a["A"] @ a["w"] - a["t"]).square().sum() / 2 + a["\\lambda"] / 2 * a["w"].dot(
            a["w"]
        )

    return {
        "attention": lambda f, a: f.scaled_dot_product_attention(a["Q"], a["K"], a["V"]),
        "batchnorm": batch_norm,
        "batchnorm_double_backward": double_backward,
        "batchnorm_inference": inference,
        "conv1d": lambda f, a: f.conv1d(a["X"], a["W"], a["b"]),
        "cosine_similarity": lambda f, a: f.cosine_similarity(a["X"], a["Z"], dim=1, eps=0.0),
        "elu": elu,
        "gaussian_logdet": gaussian,
        "gelu": lambda f, a: f.gelu(a["x"]),
        "gelu_tanh": lambda f, a: f.gelu(a["x"], approximate="tanh"),
        "groupnorm": group_norm,
        "huber": huber,
        "instancenorm": lambda f, a: f.instance_norm(
            a["X"], weight=a["\\gamma"], bias=a["\\beta"], eps=a["\\epsilon"]
        ),
        "kl_categorical": kl_categorical,
        "kl_gaussian": kl_gaussian,
        "l2norm": lambda f, a: (
            a["X"] * torch.rsqrt(a["X"].square().sum(1, keepdim=True) + a["\\epsilon"])
        ),
        "label_smoothing": smoothed,
        "layernorm": lambda f, a: f.layer_norm(
            a["X"], a["X"].shape[1:], a["\\gamma"], a["\\beta"], eps=a["\\epsilon"]
        ),
        "linear": lambda f, a: f.linear(a["X"], a["W"], a["b"]),
        "log_softmax": lambda f, a: f.log_softmax(a["X"], 1),
        "logistic_regression": logistic,
        "logsumexp": lambda f, a: torch.logsumexp(a["X"], 1),
        "lstm_cell": lstm,
        "mahalanobis": mahalanobis,
        "mish": lambda f, a: f.mish(a["x"]),
        "mse": lambda f, a: f.mse_loss(a["X"], a["T"]),
        "rayleigh": lambda f, a: a["x"] @ a["A"] @ a["x"] / (a["x"] @ a["x"]),
        "rbf_kernel": kernel,
        "ridge": ridge,
        "rmsnorm": lambda f, a: f.rms_norm(a["X"], a["X"].shape[1:], a["\\gamma"], a["\\epsilon"]),
        "sigmoid": lambda f, a: torch.sigmoid(a["x"]),
        "sigmoid_bce": lambda f, a: f.binary_cross_entropy_with_logits(
            a["z"], a["t"], reduction="none"
        ),
        "silu": lambda f, a: a["x"] * torch.sigmoid(a["b"] * a["x"]),
        "sinkhorn_step": sinkhorn,
        "softmax": lambda f, a: f.softmax(a["X"], 1),
        "softmax_cross_entropy": lambda f, a: f.cross_entropy(
            a["Z"] / a["\\tau"], a["T"], reduction="none"
        ),
        "softplus": lambda f, a: f.softplus(a["b"] * a["x"]) / a["b"],
        "swiglu": lambda f, a: f.silu(a["X"] @ a["W"].T) * (a["X"] @ a["V"].T),
        "tanh": lambda f, a: torch.tanh(a["x"]),
        "weightnorm": lambda f, a: torch._weight_norm(a["V"], a["g"].unsqueeze(1), 0),
    }
