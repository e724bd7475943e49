"""Fixtures that several test modules share."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from require import require

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def derive(tmp_path: Path) -> Run:
    """Run the command line in an empty folder; returns the finished process."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "derive", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def optional() -> Callable[[str], ModuleType]:
    """`optional("matplotlib")`: the package, or the test is skipped (or fails, if required)."""

    def load(name: str) -> ModuleType:
        require(name, find_spec(name) is not None)
        return importlib.import_module(name)

    return load
