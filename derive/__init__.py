"""Prove or refute hand-written gradient derivations for all sizes; derive and export gradients.

import derive

d = derive.load("batchnorm")
d.check()          # the verdict on each claim
d.grad("x")        # the gradient, step by step
k = d.kernel()     # the kernel of the proved closed forms
"""

from derive.api import Derivation, library, load
from derive.errors import DeriveError

__version__ = "0.1.0"

__all__ = ["Derivation", "DeriveError", "__version__", "library", "load"]
