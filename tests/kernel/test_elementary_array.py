"""The error function on whole arrays: within two units in the last place, no warning anywhere."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest

from derive.kernel.elementary_array import definition
from derive.kernel.front import load_kernel


@pytest.fixture(scope="module")
def erf() -> Any:
    return load_kernel(f"import numpy\n\n\n{definition('erf', 'numpy')}\n", "_erf")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("error")
def test_erf(erf: Any, dtype: str) -> None:
    points = np.concatenate([np.linspace(-7, 7, 2001), np.logspace(-30, 1, 300)]).astype(dtype)
    exact = np.array([float(mpmath.erf(float(x))) for x in points])
    found = erf(points)
    assert found.dtype == dtype
    assert np.max(np.abs(found - exact) / np.spacing(np.abs(exact).astype(dtype))) <= 2
    ends = erf(np.array([math.inf, -math.inf, math.nan, -0.0], dtype))
    np.testing.assert_array_equal(ends, [1, -1, math.nan, 0])
    assert np.signbit(ends[3])


def test_lines_fit_and_take_a_namespace() -> None:
    text = definition("erf", "xp", "xp")
    assert max(map(len, text.splitlines())) <= 100
    function = load_kernel(f"{text}\n", "_erf")
    xp = SimpleNamespace(**{name: getattr(np, name) for name in dir(np) if name[0] != "_"})
    assert function(xp, np.array([0.5])) == pytest.approx(math.erf(0.5), rel=1e-15)
