"""What all tests share: optional packages, which may be absent unless DERIVE_REQUIRE names them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import ModuleType

import pytest


def required_packages() -> frozenset[str]:
    """The packages whose absence is a failure: DERIVE_REQUIRE, comma-separated."""
    names = os.environ.get("DERIVE_REQUIRE", "").split(",")
    return frozenset(name.strip() for name in names if name.strip())


def import_or_skip(name: str) -> ModuleType:
    """An optional package; without it the test is skipped, or fails when it is required."""
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        if name in required_packages():
            pytest.fail(f"{name} is in DERIVE_REQUIRE but cannot be imported: {missing}")
        pytest.skip(f"{name} is not installed")


@pytest.fixture
def require() -> Callable[[str], ModuleType]:
    """`require("matplotlib")` in a test that needs it."""
    return import_or_skip
