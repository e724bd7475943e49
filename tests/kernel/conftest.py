"""Optional packages for the tests of plots."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType

import pytest
from require import require


@pytest.fixture
def optional() -> Callable[[str], ModuleType]:
    """`optional("matplotlib")`: the package, or the test is skipped (or fails, if required)."""

    def load(name: str) -> ModuleType:
        require(name, find_spec(name) is not None)
        return importlib.import_module(name)

    return load
