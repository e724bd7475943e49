"""What the README says is so: its commands run, its Python runs, its output is the output."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Run
from require import require

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


COMMANDS = [
    line for block in blocks("sh") for line in block.splitlines() if line.startswith("derive ")
]


def needs(command: str) -> None:
    """Skip a command that needs what is not installed."""
    if command.endswith(".pdf"):
        require("pdflatex", shutil.which("pdflatex") is not None)
    if "--svg" in command:
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            require("matplotlib", False)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(derive: Run, tmp_path: Path, command: str) -> None:
    needs(command)
    arguments = shlex.split(command)[1:]
    done = derive(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    for name in arguments[1:]:
        if re.search(r"\.(tex|pdf|py|svg)$", name):
            assert (tmp_path / name).stat().st_size > 500


def test_every_command_is_named(derive: Run) -> None:
    listed = re.findall(r"^  (\w+)  ", derive("--help").stdout.split("Commands:")[1], re.M)
    assert sorted(listed) == sorted({shlex.split(command)[1] for command in COMMANDS})


@pytest.mark.parametrize("code", blocks("python"))
def test_python(tmp_path: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_shown_equation_is_real_output(derive: Run) -> None:
    assert blocks("text")[0].strip() in derive("show", "batchnorm").stdout


def test_the_shown_finding_is_real_output(derive: Run, tmp_path: Path) -> None:
    (tmp_path / "wrong.md").write_text(blocks("markdown")[0], encoding="utf-8")
    done = derive("check", "wrong.md")
    assert (done.returncode, done.stdout) == (1, blocks("text")[1])
