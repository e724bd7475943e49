"""Start-up: asking for help loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("sympy", "numpy", "lark", "rich", "matplotlib")


def loaded(code: str) -> set[str]:
    """The heavy modules that are loaded after some code ran in a new interpreter."""
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr.splitlines()[-1])) & set(HEAVY)


HELP = """
from derive.cli import cli
try:
    cli(["--help"])
except SystemExit:
    pass
"""


@pytest.mark.parametrize("code", ["import derive", HELP, HELP.replace("--help", "list")])
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert loaded(code) == set()


def test_this_test_can_fail() -> None:
    assert "numpy" in loaded("import numpy")


def test_public_names() -> None:
    import derive

    assert len(derive.__all__) <= 10
    assert all(hasattr(derive, name) for name in derive.__all__)
