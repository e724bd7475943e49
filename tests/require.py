"""Tests of what may be missing: skip with the reason, or fail when DERIVE_REQUIRE names it."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest


def require(name: str, available: bool) -> None:
    """Skip the test when `name` is not available; fail when it is required."""
    if available:
        return
    wanted = {part.strip() for part in os.environ.get("DERIVE_REQUIRE", "").split(",")}
    if name in wanted:
        pytest.fail(f"{name} is required and not installed")
    pytest.skip(f"{name} is not installed")


def require_compiler(language: str = "c") -> None:
    """Skip or fail as `require` does where no compiler of C, or of C++ (`c++`), is found."""
    known = ("c++", "g++", "clang++") if language == "c++" else ("cc", "gcc", "clang")
    require("gcc", any(map(shutil.which, known)))


def require_backend(backend: str) -> None:
    """Skip or fail as `require` does where what a compiled back end needs is missing."""
    if backend == "c":
        require_compiler()
    if backend == "numba":
        require("numba", importlib.util.find_spec("numba") is not None)
