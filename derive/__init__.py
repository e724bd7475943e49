"""Prove or refute hand-written gradient derivations for all sizes; derive and export gradients.

import derive

d = derive.load("batchnorm")
d.check()          # the verdict on each claim
d.grad("x")        # the gradient, step by step
k = d.kernel()     # the kernel of the proved closed forms

derive.from_function(layer, x=("N", "D"))  # the document of a NumPy-style function
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.api import Derivation, documents, from_function, load
    from derive.errors import DeriveError

__version__ = "0.1.0"

__all__ = ["Derivation", "DeriveError", "__version__", "documents", "from_function", "load"]


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that the command line starts at once."""
    if name in ("Derivation", "documents", "from_function", "load"):
        from derive import api

        return getattr(api, name)
    if name == "DeriveError":
        from derive.errors import DeriveError

        return DeriveError
    raise AttributeError(f"module 'derive' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
