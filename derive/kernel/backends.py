"""The back ends: what a plan can be written for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from derive.errors import UsageError
from derive.kernel.plan import Plan
from derive.kernel.to_array_api import emit_array_api
from derive.kernel.to_c import emit_c
from derive.kernel.to_dask import emit_dask
from derive.kernel.to_jax import emit_jax
from derive.kernel.to_numba import emit_numba
from derive.kernel.to_numpy import emit_numpy
from derive.kernel.to_torch import emit_torch
from derive.kernel.to_triton import emit_triton
from derive.kernel.torch_distributed import emit_torch_distributed

Emit = Callable[[Plan, str], str]

BACKENDS: Mapping[str, Emit] = {
    "numpy": emit_numpy,
    "numba": emit_numba,
    "c": emit_c,
    "torch": emit_torch,
    "jax": emit_jax,
    "array-api": emit_array_api,
    "triton": emit_triton,
    "dask": emit_dask,
}

DISTRIBUTED: Mapping[str, Emit] = {"torch": emit_torch_distributed}
"""Those that can share the rows among processes."""

SAVING = ("numpy", "numba", "c")
"""Those whose gradients can take saved statistics."""


def emitter(backend: str) -> Emit:
    """What writes a plan, and the name of its function, as a module for a back end.

    Raises UsageError when there is no such back end.
    """
    if backend not in BACKENDS:
        raise UsageError(
            f"no such back end: {backend[:40]}", advice=f"One of {', '.join(sorted(BACKENDS))}."
        )
    return BACKENDS[backend]


def distributed_emitter(backend: str) -> Emit:
    """What writes a plan as a module whose rows a group of processes shares.

    Raises UsageError when the back end has no such modules.
    """
    if backend not in DISTRIBUTED:
        raise UsageError(
            f"no back end among processes: {backend[:40]}",
            advice=f"One of {', '.join(sorted(DISTRIBUTED))}.",
        )
    return DISTRIBUTED[backend]


def require_saved(backend: str, distributed: bool = False) -> None:
    """A UsageError for a back end whose gradients take no saved statistics."""
    if distributed or backend not in SAVING:
        raise UsageError(
            f"no saved statistics with the back end {backend[:40]}",
            advice=f"One of {', '.join(SAVING)} takes them.",
        )
