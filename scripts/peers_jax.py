"""The forward passes of the library's documents in JAX, with `jax.nn` where it has them.

Each function takes `jax.nn` and the inputs by the document's names, and gives the outputs in the
document's order.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

Inputs = Mapping[str, Any]
Forward = Callable[[Any, Inputs], Any]


def jax_table() -> dict[str, Forward]:
    """The forward pass of each document."""
    jax = importlib.import_module("jax")
    np = importlib.import_module("jax.numpy")
    special = importlib.import_module("jax.scipy.special")

    def scored(nn: Any, a: Inputs) -> Any:
        q, k = a["Q"], a["K"]
        return nn.softmax(q @ k.T / np.sqrt(q.shape[1]), axis=1) @ a["V"]

    def standardised(nn: Any, x: Any, axes: Any, epsilon: Any) -> Any:
        return nn.standardize(x, axis=axes, epsilon=epsilon)

    def double_backward(nn: Any, a: Inputs) -> Any:
        def forward(x: Any) -> Any:
            return a["\\gamma"] * standardised(nn, x, 0, a["\\epsilon"])

        return jax.vjp(forward, a["x"])[1](a["g"])[0]

    def conv(nn: Any, a: Inputs) -> Any:
        y = jax.lax.conv_general_dilated(a["X"][None], a["W"], (1,), "VALID")
        return y[0] + a["b"][:, None]

    def lstm(nn: Any, a: Inputs) -> Any:
        z = {g: a["X"] @ a[f"W^{{({g})}}"].T + a[f"b^{{({g})}}"] for g in "irop"}
        state = nn.sigmoid(z["r"]) * a["C"] + nn.sigmoid(z["i"]) * np.tanh(z["p"])
        return nn.sigmoid(z["o"]) * np.tanh(state), state

    def gaussian(nn: Any, a: Inputs) -> Any:
        solved = np.linalg.solve(a["S"], a["X"].T).T
        return len(a["X"]) / 2 * np.linalg.slogdet(a["S"])[1] + (a["X"] * solved).sum() / 2

    def mahalanobis(nn: Any, a: Inputs) -> Any:
        apart = a["x"] - a["m"]
        return apart @ np.linalg.solve(a["S"], apart)

    def kl_categorical(nn: Any, a: Inputs) -> Any:
        return special.rel_entr(nn.softmax(a["A"], axis=1), nn.softmax(a["B"], axis=1)).sum(1)

    def kl_gaussian(nn: Any, a: Inputs) -> Any:
        one, two = np.exp(a["S"] / 2), np.exp(a["B"] / 2)
        squares = (one**2 + (a["M"] - a["A"]) ** 2) / (2 * two**2)
        return (np.log(two / one) + squares - 0.5).sum(1)

    def cross_entropy(nn: Any, scores: Any, targets: Any) -> Any:
        return -(targets * nn.log_softmax(scores, axis=1)).sum(1)

    def smoothed(nn: Any, a: Inputs) -> Any:
        k = a["T"].shape[1]
        return cross_entropy(nn, a["Z"], (1 - a["\\alpha"]) * a["T"] + a["\\alpha"] / k)

    def logistic(nn: Any, a: Inputs) -> Any:
        scores = a["A"] @ a["w"] + a["b"]
        likely = a["t"] * nn.log_sigmoid(scores) + (1 - a["t"]) * nn.log_sigmoid(-scores)
        return -likely.sum() + a["\\lambda"] / 2 * (a["w"] ** 2).sum()

    def huber(nn: Any, a: Inputs) -> Any:
        apart = np.abs(a["x"] - a["t"])
        clipped = np.minimum(apart, a["\\kappa"])
        return clipped * apart - clipped**2 / 2

    def kernel(nn: Any, a: Inputs) -> Any:
        squares = ((a["X"][:, None] - a["Z"][None]) ** 2).sum(-1)
        return a["a"] * np.exp(-squares / (2 * a["\\ell"] ** 2))

    def sinkhorn(nn: Any, a: Inputs) -> Any:
        tau = a["\\tau"]
        return tau * (a["r"] - nn.logsumexp((a["v"] - a["C"]) / tau, axis=1))

    def group_norm(nn: Any, a: Inputs) -> Any:
        unit = standardised(nn, a["X"], (2, 3), a["\\epsilon"])
        return a["\\gamma"][..., None] * unit + a["\\beta"][..., None]

    def instance_norm(nn: Any, a: Inputs) -> Any:
        unit = standardised(nn, a["X"], 2, a["\\epsilon"])
        return a["\\gamma"][:, None] * unit + a["\\beta"][:, None]

    def over(axis: int) -> Forward:
        return lambda nn, a: (
            a["\\gamma"] * standardised(nn, a["X"], axis, a["\\epsilon"]) + a["\\beta"]
        )

    return {
        "attention": scored,
        "batchnorm": over(0),
        "batchnorm_double_backward": double_backward,
        "batchnorm_inference": lambda nn, a: (
            nn.standardize(a["X"], mean=a["m"], variance=a["s"], epsilon=a["\\epsilon"])
            * a["\\gamma"]
            + a["\\beta"]
        ),
        "conv1d": conv,
        "cosine_similarity": lambda nn, a: (
            (a["X"] * a["Z"]).sum(1)
            / np.linalg.norm(a["X"], axis=1)
            / np.linalg.norm(a["Z"], axis=1)
        ),
        "elu": lambda nn, a: nn.elu(a["x"], a["a"]),
        "gaussian_logdet": gaussian,
        "gelu": lambda nn, a: nn.gelu(a["x"], approximate=False),
        "gelu_tanh": lambda nn, a: nn.gelu(a["x"], approximate=True),
        "groupnorm": group_norm,
        "huber": huber,
        "instancenorm": instance_norm,
        "kl_categorical": kl_categorical,
        "kl_gaussian": kl_gaussian,
        "l2norm": lambda nn, a: (
            a["X"] / np.sqrt((a["X"] ** 2).sum(1, keepdims=True) + a["\\epsilon"])
        ),
        "label_smoothing": smoothed,
        "layernorm": over(1),
        "linear": lambda nn, a: a["X"] @ a["W"].T + a["b"],
        "log_softmax": lambda nn, a: nn.log_softmax(a["X"], axis=1),
        "logistic_regression": logistic,
        "logsumexp": lambda nn, a: nn.logsumexp(a["X"], axis=1),
        "lstm_cell": lstm,
        "mahalanobis": mahalanobis,
        "mish": lambda nn, a: nn.mish(a["x"]),
        "mse": lambda nn, a: ((a["X"] - a["T"]) ** 2).mean(),
        "rayleigh": lambda nn, a: a["x"] @ a["A"] @ a["x"] / (a["x"] @ a["x"]),
        "rbf_kernel": kernel,
        "ridge": lambda nn, a: (
            ((a["A"] @ a["w"] - a["t"]) ** 2).sum() / 2 + a["\\lambda"] / 2 * (a["w"] ** 2).sum()
        ),
        "rmsnorm": lambda nn, a: (
            (a["X"] * jax.lax.rsqrt((a["X"] ** 2).mean(1, keepdims=True) + a["\\epsilon"]))
            * a["\\gamma"]
        ),
        "sigmoid": lambda nn, a: nn.sigmoid(a["x"]),
        "sigmoid_bce": lambda nn, a: (
            -a["t"] * nn.log_sigmoid(a["z"]) - (1 - a["t"]) * nn.log_sigmoid(-a["z"])
        ),
        "silu": lambda nn, a: nn.silu(a["b"] * a["x"]) / a["b"],
        "sinkhorn_step": sinkhorn,
        "softmax": lambda nn, a: nn.softmax(a["X"], axis=1),
        "softmax_cross_entropy": lambda nn, a: cross_entropy(nn, a["Z"] / a["\\tau"], a["T"]),
        "softplus": lambda nn, a: nn.softplus(a["b"] * a["x"]) / a["b"],
        "swiglu": lambda nn, a: nn.silu(a["X"] @ a["W"].T) * (a["X"] @ a["V"].T),
        "tanh": lambda nn, a: nn.tanh(a["x"]),
        "weightnorm": lambda nn, a: (
            a["g"][:, None] * a["V"] / np.linalg.norm(a["V"], axis=1, keepdims=True)
        ),
    }
