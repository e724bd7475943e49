"""NumPy arrays as those of a back end, and its results as NumPy arrays."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from derive.errors import UsageError

Array = np.ndarray[Any, Any]
NATIVE = ("numpy", "numba", "c", "array-api")
"""Back ends whose arrays can be NumPy's."""


@dataclass(frozen=True)
class Arrays:
    """How arrays of a back end are made and read.

    `precise` says whether float32 can be computed in float64, `around` what a call stands in.
    """

    made: Callable[[Array], Any]
    read: Callable[[Any], Array]
    precise: bool = False
    around: Callable[[], AbstractContextManager[Any]] = nullcontext

    def call(self, kernel: Callable[..., Any], values: list[Array], **options: Any) -> Any:
        """The named tuple of results in NumPy, for arguments in order."""
        kinds = [p.annotation for p in inspect.signature(kernel).parameters.values()]
        with self.around():
            given = [
                float(value) if kind == "float" else self.made(value)
                for value, kind in zip(values, kinds, strict=False)
            ]
            found = kernel(*given, **options)
            return type(found)(*(None if part is None else self.read(part) for part in found))


def arrays_of(backend: str) -> Arrays:
    """The arrays of a back end; a UsageError that says what to install when it is missing."""
    if backend in NATIVE:
        return Arrays(np.asarray, np.asarray, backend != "array-api")
    module, package = NEEDED[backend]
    try:
        library = importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"{package} is not installed", advice=f"pip install {package}") from error
    match backend:
        case "jax":
            return Arrays(library.asarray, np.asarray, around=_wide)
        case "dask":
            return Arrays(partial(library.from_array, chunks=3), lambda a: np.asarray(a.compute()))
        case _:
            return Arrays(library.tensor, lambda a: np.asarray(a.detach().cpu()))


NEEDED: Mapping[str, tuple[str, str]] = {
    "torch": ("torch", "torch"),
    "triton": ("torch", "torch"),
    "jax": ("jax.numpy", "jax"),
    "dask": ("dask.array", "dask[array]"),
}


@contextmanager
def _wide() -> Iterator[None]:
    """Float64 in JAX."""
    jax = importlib.import_module("jax")
    with jax.enable_x64(True):
        yield
