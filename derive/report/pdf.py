"""A LaTeX text made a PDF by pdflatex, which is kept from running or reading anything else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from derive.errors import DeriveError, UsageError

_COMMAND = (
    "pdflatex",
    "-no-shell-escape",
    "-interaction=nonstopmode",
    "-halt-on-error",
    "report.tex",
)
_AGAIN = "Rerun to get"
_RUNS = 2


def compile_pdf(tex: str, timeout: float = 60) -> bytes:
    """The PDF of a LaTeX text; the same text gives the same bytes.

    `timeout` is in seconds. Raises UsageError when pdflatex is missing, and DeriveError with the
    first error line when it fails or takes too long.
    """
    return compiled(tex, timeout)[0]


def compiled(tex: str, timeout: float = 60) -> tuple[bytes, str]:
    """The PDF and the log of the last run."""
    if shutil.which("pdflatex") is None:
        raise UsageError(
            "pdflatex is not installed",
            advice="Install texlive-latex-base and texlive-latex-recommended (with lmodern), or"
            " write a .tex file instead.",
        )
    with tempfile.TemporaryDirectory(prefix="derive-") as folder:
        directory = Path(folder)
        (directory / "report.tex").write_text(tex, encoding="utf-8")
        for _ in range(_RUNS):
            log = _run(directory, timeout)
            if _AGAIN not in log:
                break
        return (directory / "report.pdf").read_bytes(), log


def _run(directory: Path, timeout: float) -> str:
    """One run of pdflatex; its log."""
    try:
        outcome = subprocess.run(
            _COMMAND,
            cwd=directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeriveError(f"pdflatex took longer than {timeout:g} seconds") from error
    path = directory / "report.log"
    log = (path.read_bytes() if path.exists() else outcome.stdout).decode("utf-8", "replace")
    if outcome.returncode != 0 or not (directory / "report.pdf").exists():
        raise DeriveError(
            f"pdflatex failed: {_first_error(log)}",
            advice="Write a .tex file instead of a .pdf to see what it was given.",
        )
    return log


def _environment() -> dict[str, str]:
    """The caller's environment, with files outside the folder closed and the clock stopped."""
    environment = dict(os.environ)
    environment |= {"openin_any": "p", "openout_any": "p", "max_print_line": "1000"}
    environment.setdefault("SOURCE_DATE_EPOCH", "0")
    environment["FORCE_SOURCE_DATE"] = "1"
    return environment


def _first_error(log: str) -> str:
    lines = [line for line in log.splitlines() if line.startswith("!")]
    return lines[0].lstrip("! ") if lines else "it left no error in its log"
