"""The back ends: what a plan can be written for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from derive.errors import UsageError
from derive.kernel.plan import Plan
from derive.kernel.to_c import emit_c
from derive.kernel.to_numba import emit_numba
from derive.kernel.to_numpy import emit_numpy
from derive.kernel.to_torch import emit_torch

Emit = Callable[[Plan, str], str]

BACKENDS: Mapping[str, Emit] = {
    "numpy": emit_numpy,
    "numba": emit_numba,
    "c": emit_c,
    "torch": emit_torch,
}


def emitter(backend: str) -> Emit:
    """What writes a plan, and the name of its function, as a module for a back end.

    Raises UsageError when there is no such back end.
    """
    if backend not in BACKENDS:
        raise UsageError(
            f"no such back end: {backend[:40]}", advice=f"One of {', '.join(sorted(BACKENDS))}."
        )
    return BACKENDS[backend]
