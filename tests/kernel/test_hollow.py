"""Arrays without entries along an axis that every result has."""

from __future__ import annotations

import numpy as np
import pytest
from require import require_backend

import derive


@pytest.mark.parametrize("backend", ["numpy", "c", "numba"])
def test_no_columns(backend: str) -> None:
    """Nothing along an axis that every result has: results without entries, checks as ever."""
    require_backend(backend)
    kernel = derive.load("batchnorm").kernel(backend)
    x = np.ones((5, 0), np.float32)
    into = np.empty((5, 0), np.float32)
    found = kernel(x, x, x[0], 1e-5, out={"dx": into})
    assert found.dx is into
    assert [part.shape for part in found] == [(5, 0), (0,), (0,)]
    assert kernel(x, x, x[0], 1e-5, want="dgamma").dx is None
    with pytest.raises(ValueError, match="eps: must satisfy"):
        kernel(x, x, x[0], 0.0)
    rows = np.ones((0, 3), np.float32)
    with pytest.raises(ValueError, match="x: every axis needs"):
        kernel(rows, rows, np.ones(3, np.float32), 1e-5)
