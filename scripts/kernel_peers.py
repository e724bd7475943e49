"""The layers that exported kernels are measured on, and what does the same without them.

For each layer: arguments by the kernel's order, the forward pass as a formula over an array
namespace (for `torch.compile` and JAX, which differentiate it), PyTorch's own backward operator
(given whatever its forward pass saves), and the gradients as one would type them into NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Arrays = tuple[Any, ...]
Shape = tuple[int, ...]
EPS = 1e-5
ROWS = (
    (32, 128),
    (256, 256),
    (1024, 1024),
    (8192, 512),
    (65536, 64),
    (65536, 1024),
    (1000000, 64),
    (64, 100000),
)
SMALLER = (*ROWS[:5], ROWS[7])
GROUPS = ((2, 8, 4, 64), (8, 8, 8, 128), (16, 8, 8, 1024), (32, 32, 4, 1024), (256, 32, 8, 512))
PRODUCTS = ((32, 64, 128), (256, 256, 512), (1024, 512, 1024), (4096, 256, 1024))


@dataclass(frozen=True)
class Layer:
    """A document of the library with its peers.

    `arrays(shape, random)` are the arguments in the order of the kernel; the first is x, the
    second the upstream gradient. `saved` are names that the kernel is given where PyTorch's
    operator is given just them, `saving(*arrays)` their values. `forward(xp, x, *others)` is the
    formula without it; `by` are the arguments, by their place in the forward pass, that are
    differentiated by.
    """

    document: str
    want: tuple[str, ...]
    shapes: tuple[Shape, ...]
    arrays: Callable[[Shape, Any], Arrays]
    forward: Callable[..., Any]
    by: tuple[int, ...]
    native: Callable[..., Callable[[], Any]]
    naive: Callable[..., Arrays]
    saved: tuple[str, ...] = ()
    saving: Callable[..., Arrays] = lambda *values: ()


def drawn(layer: Layer, shape: Shape, dtype: str, offset: float = 0.0) -> Arrays:
    """Random arguments of one dtype; `offset` is added to x."""
    import numpy as np

    class Draw:
        random = np.random.default_rng(7)

        def __call__(self, *shape: int) -> Any:
            return self.random.standard_normal(shape, dtype=dtype)

    x, *others = layer.arrays(shape, Draw())
    return (x + x.dtype.type(offset) if offset else x, *others)


def arguments(values: Arrays, convert: Callable[[Any], Any]) -> list[Any]:
    """Arrays as those of another library, numbers as they are."""
    return [value if isinstance(value, float) else convert(value) for value in values]


def compiled(layer: Layer, values: Arrays) -> Callable[[], Any]:
    """The gradients of the formula by `torch.compile`."""
    import torch

    x, dy, *others = arguments(values, torch.from_numpy)

    def gradients(dy: Any, *inputs: Any) -> Any:
        def of(*chosen: Any) -> Any:
            every = list(inputs)
            for place, value in zip(layer.by, chosen, strict=True):
                every[place] = value
            return layer.forward(torch, *every)

        _, pull = torch.func.vjp(of, *(inputs[place] for place in layer.by))
        return pull(dy)

    function = torch.compile(gradients, dynamic=False)
    return lambda: function(dy, x, *others)


def jitted(layer: Layer, values: Arrays) -> Callable[[], Any]:
    """The gradients of the formula by JAX."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    x, dy, *others = arguments(values, jnp.asarray)

    def gradients(dy: Any, *inputs: Any) -> Any:
        def of(*chosen: Any) -> Any:
            every = list(inputs)
            for place, value in zip(layer.by, chosen, strict=True):
                every[place] = value
            return layer.forward(jnp, *every)

        _, pull = jax.vjp(of, *(inputs[place] for place in layer.by))
        return pull(dy)

    function = jax.jit(gradients)
    return lambda: jax.block_until_ready(function(dy, x, *others))


def native(layer: Layer, values: Arrays) -> Callable[[], Any]:
    """PyTorch's own backward operator, its saved statistics computed beforehand in float64."""
    import torch

    return layer.native(torch, *arguments(values, torch.from_numpy))


# ---- formulas -----------------------------------------------------------------------------------


def _scaled(xp: Any, x: Any, axes: Any, eps: float) -> Any:
    """x less its mean, over the root of its variance plus ε."""
    mean = xp.mean(x, axes, keepdims=True)
    centred = x - mean
    return centred / xp.sqrt(xp.mean(centred * centred, axes, keepdims=True) + eps)


def _softmax(xp: Any, x: Any) -> Any:
    top = xp.exp(x - xp.amax(x, 1, keepdims=True))
    return top / xp.sum(top, 1, keepdims=True)


def _erf(xp: Any) -> Any:
    if xp.__name__ == "torch":
        return xp.erf
    if xp.__name__ == "jax.numpy":
        import jax

        return jax.scipy.special.erf
    return _erf_of_numpy


def _erf_of_numpy(x: Any) -> Any:
    """Entry by entry; long doubles get theirs from mpmath."""
    import numpy as np

    if x.dtype != np.longdouble:
        return np.vectorize(math.erf, otypes=[float])(x)
    import mpmath

    with mpmath.workdps(25):
        found = [np.longdouble(mpmath.nstr(mpmath.erf(str(v)), 25)) for v in x.flat]
    return np.array(found).reshape(x.shape)


def _sigmoid(xp: Any, x: Any) -> Any:
    return 1 / (1 + xp.exp(-x))


def _gelu(xp: Any, x: Any) -> Any:
    return x * (1 + _erf(xp)(x / math.sqrt(2))) / 2


def _swiglu(xp: Any, x: Any, w: Any, v: Any) -> Any:
    gate = x @ w.T
    return gate * _sigmoid(xp, gate) * (x @ v.T)


def _entropy(xp: Any, z: Any, t: Any, tau: float) -> Any:
    scaled = z / tau
    top = xp.amax(scaled, 1, keepdims=True)
    total = xp.log(xp.sum(xp.exp(scaled - top), 1, keepdims=True)) + top
    return -xp.sum(t * (scaled - total), 1)


# ---- PyTorch's operators ------------------------------------------------------------------------


def _moments(torch: Any, x: Any, axes: Any) -> tuple[Any, Any]:
    """Mean and 1/√(variance + ε), from float64."""
    wide = x.double()
    inverse = 1 / torch.sqrt(wide.var(axes, unbiased=False) + EPS)
    return wide.mean(axes).to(x.dtype), inverse.to(x.dtype)


def _batch(torch: Any, x: Any, dy: Any, gamma: Any, eps: float) -> Callable[[], Any]:
    mean, inverse = _moments(torch, x, 0)
    backward = torch.ops.aten.native_batch_norm_backward
    flags = [True, True, True]
    return lambda: backward(dy, x, gamma, None, None, mean, inverse, True, eps, flags)


def _layer(torch: Any, x: Any, dy: Any, gamma: Any, eps: float) -> Callable[[], Any]:
    mean, inverse = (value[:, None] for value in _moments(torch, x, 1))
    backward, beta = torch.ops.aten.native_layer_norm_backward, torch.zeros_like(gamma)
    flags, width = [True, True, True], [x.shape[1]]
    return lambda: backward(dy, x, width, mean, inverse, gamma, beta, flags)


def _rms(torch: Any, x: Any, dy: Any, gamma: Any, eps: float) -> Callable[[], Any]:
    x, gamma = x.clone().requires_grad_(), gamma.clone().requires_grad_()
    y = torch.nn.functional.rms_norm(x, (x.shape[1],), gamma, eps)
    return lambda: torch.autograd.grad(y, (x, gamma), dy, retain_graph=True)


def _group(torch: Any, x: Any, dy: Any, gamma: Any, eps: float) -> Callable[[], Any]:
    n, g, k, s = x.shape
    mean, inverse = _moments(torch, x, (2, 3))
    shape, flags = (n, g * k, s), [True, True, True]
    x, dy, gamma = x.reshape(shape), dy.reshape(shape), gamma.reshape(-1)
    backward = torch.ops.aten.native_group_norm_backward
    return lambda: backward(dy, x, mean, inverse, gamma, n, g * k, s, g, flags)


def _probabilities(torch: Any, x: Any, dy: Any) -> Callable[[], Any]:
    p = torch.softmax(x.double(), 1).to(x.dtype)
    return lambda: (torch.ops.aten._softmax_backward_data(dy, p, 1, x.dtype),)


def _crossed(torch: Any, z: Any, dh: Any, t: Any, tau: float) -> Callable[[], Any]:
    logs = torch.log_softmax(z.double() / tau, 1).to(z.dtype)
    backward = torch.ops.aten._log_softmax_backward_data
    return lambda: (backward(-dh[:, None] * t, logs, 1, z.dtype).div_(tau),)


def _gated(torch: Any, x: Any, dy: Any, w: Any, v: Any) -> Callable[[], Any]:
    leaves = [value.clone().requires_grad_() for value in (w, v, x)]
    w, v, x = leaves
    y = torch.nn.functional.silu(x @ w.T) * (x @ v.T)
    return lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True)


# ---- as one would type it -----------------------------------------------------------------------


def _typed_norm(axes: Any, sums: Any) -> Callable[..., Arrays]:
    """The gradients of a normalisation over `axes`; those of γ and β are sums over `sums`."""

    def gradients(x: Any, dy: Any, gamma: Any, eps: float) -> Arrays:
        centred = x - x.mean(axis=axes, keepdims=True)
        spread = (centred**2).mean(axis=axes, keepdims=True) + x.dtype.type(eps)
        inverse = 1 / spread ** x.dtype.type(0.5)
        hat = centred * inverse
        wide = gamma[..., None] if x.ndim == 4 else gamma
        g = wide * dy
        mean, along = (value.mean(axis=axes, keepdims=True) for value in (g, g * hat))
        return inverse * (g - mean - hat * along), (dy * hat).sum(axis=sums), dy.sum(axis=sums)

    return gradients


def _typed_rms(x: Any, dy: Any, gamma: Any, eps: float) -> Arrays:
    inverse = 1 / ((x * x).mean(axis=1, keepdims=True) + x.dtype.type(eps)) ** x.dtype.type(0.5)
    hat, g = x * inverse, gamma * dy
    return inverse * (g - hat * (g * hat).mean(axis=1, keepdims=True)), (dy * hat).sum(axis=0)


def _typed_softmax(x: Any, dy: Any) -> Arrays:
    import numpy as np

    p = _softmax(np, x)
    return (p * (dy - (p * dy).sum(axis=1, keepdims=True)),)


def _saved_softmax(x: Any) -> Any:
    import numpy as np

    return _softmax(np, x.astype(float)).astype(x.dtype)


def _saved_moments(x: Any, axes: Any) -> Arrays:
    """Mean and 1/√(variance + ε)."""
    wide = x.astype(float)
    return wide.mean(axes).astype(x.dtype), ((wide.var(axes) + EPS) ** -0.5).astype(x.dtype)


def _saved_deviation(x: Any) -> Arrays:
    """Mean and √(variance + ε) of columns."""
    mean, inverse = _saved_moments(x, 0)
    return mean, 1 / inverse


def _typed_entropy(z: Any, dh: Any, t: Any, tau: float) -> Arrays:
    import numpy as np

    tau = z.dtype.type(tau)
    return (dh[:, None] * (_softmax(np, z / tau) - t) / tau,)


def _typed_gelu(x: Any, dy: Any) -> Arrays:
    import numpy as np

    root, pi = np.sqrt(x.dtype.type(2)), 4 * np.arctan(x.dtype.type(1))
    below = (1 + _erf(np)(x / root)).astype(x.dtype) / 2
    return (dy * (below + x * np.exp(-x * x / 2) / np.sqrt(2 * pi)),)


def _typed_swiglu(x: Any, dy: Any, w: Any, v: Any) -> Arrays:
    import numpy as np

    a, b = x @ w.T, x @ v.T
    s = _sigmoid(np, a)
    da, db = dy * b * s * (1 + a * (1 - s)), dy * a * s
    return da.T @ x, db.T @ x, da @ w + db @ v


# ---- the table ----------------------------------------------------------------------------------


@cache
def layers() -> Mapping[str, Layer]:
    """The layers by the name of their document."""

    def rows(shape: Shape, draw: Any) -> Arrays:
        return draw(*shape), draw(*shape), draw(shape[1]), EPS

    def targets(shape: Shape, draw: Any) -> Arrays:
        t = abs(draw(*shape)) + draw(1).dtype.type(0.01)
        return draw(*shape), draw(shape[0]), t / t.sum(axis=1, keepdims=True), 1.0

    def weights(shape: Shape, draw: Any) -> Arrays:
        n, d, m = shape
        return draw(n, d), draw(n, m), draw(m, d), draw(m, d)

    every = (
        Layer(
            "batchnorm",
            ("dx", "dgamma", "dbeta"),
            ROWS,
            rows,
            lambda xp, x, g, eps: g * _scaled(xp, x, 0, eps),
            (0, 1),
            _batch,
            _typed_norm(0, 0),
            ("mu", "sigma"),
            lambda x, *others: _saved_deviation(x),
        ),
        Layer(
            "layernorm",
            ("dx", "dgamma", "dbeta"),
            SMALLER,
            rows,
            lambda xp, x, g, eps: g * _scaled(xp, x, 1, eps),
            (0, 1),
            _layer,
            _typed_norm(1, 0),
            ("mu", "r"),
            lambda x, *others: _saved_moments(x, 1),
        ),
        Layer(
            "rmsnorm",
            ("dx", "dgamma"),
            SMALLER,
            rows,
            lambda xp, x, g, eps: g * x / xp.sqrt(xp.mean(x * x, 1, keepdims=True) + eps),
            (0, 1),
            _rms,
            _typed_rms,
        ),
        Layer(
            "softmax",
            ("dx",),
            SMALLER,
            lambda shape, draw: (draw(*shape), draw(*shape)),
            _softmax,
            (0,),
            _probabilities,
            _typed_softmax,
            ("P",),
            lambda x, dy: (_saved_softmax(x),),
        ),
        Layer(
            "softmax_cross_entropy",
            ("dz",),
            SMALLER,
            targets,
            _entropy,
            (0,),
            _crossed,
            _typed_entropy,
            ("P",),
            lambda z, dh, t, tau: (_saved_softmax(z / z.dtype.type(tau)),),
        ),
        Layer(
            "groupnorm",
            ("dx", "dgamma", "dbeta"),
            GROUPS,
            lambda shape, draw: (draw(*shape), draw(*shape), draw(*shape[1:3]), EPS),
            lambda xp, x, g, eps: g[..., None] * _scaled(xp, x, (2, 3), eps),
            (0, 1),
            _group,
            _typed_norm((2, 3), (0, 3)),
            ("mu", "r"),
            lambda x, *others: _saved_moments(x, (2, 3)),
        ),
        Layer(
            "gelu",
            ("dx",),
            tuple((n * d,) for n, d in ROWS[:5]),
            lambda shape, draw: (draw(*shape), draw(*shape)),
            _gelu,
            (0,),
            lambda torch, x, dy: lambda: (torch.ops.aten.gelu_backward(dy, x),),
            _typed_gelu,
        ),
        Layer(
            "swiglu",
            ("dw", "dv", "dx"),
            PRODUCTS,
            lambda s, draw: (
                draw(s[0], s[1]),
                draw(s[0], s[2]),
                draw(s[2], s[1]),
                draw(s[2], s[1]),
            ),
            _swiglu,
            (1, 2, 0),
            _gated,
            _typed_swiglu,
            ("A", "B"),
            lambda x, dy, w, v: (x @ w.T, x @ v.T),
        ),
    )
    return {layer.document: layer for layer in every}
