"""`derive grad`: what it writes, what it prints, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gradient.forward import FORWARD

from derive import cli
from derive.gradient import derived

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in a folder with the forward documents; returns its exit code."""
    monkeypatch.chdir(tmp_path)
    for name, text in FORWARD.items():
        Path(f"{name}.md").write_text(text, encoding="utf-8")

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["derive", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


@pytest.mark.parametrize(
    ("name", "order", "ending"),
    [("rmsnorm", "1", "md"), ("rmsnorm", "2", "tex"), ("layernorm", "1", "tex")],
)
def test_what_is_written_is_proved_by_check(
    run: Run, capsys: pytest.CaptureFixture[str], name: str, order: str, ending: str
) -> None:
    wrt = ("--wrt", "all", "--order", order)
    assert run("grad", f"{name}.md", *wrt, "-o", f"out.{ending}") == 0
    written = capsys.readouterr().out.split(": ")[1].split()[0]
    assert run("check", f"out.{ending}") == 0
    assert f": {written} claims: {written} proved" in capsys.readouterr().out


def test_the_terminal_shows_each_step(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("grad", "variance.md", "--wrt", "all") == 0
    shown = capsys.readouterr().out
    assert "A lemma: deviations from the mean sum to zero." in shown
    assert "6 claims: 6 proved" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["rmsnorm.md", "--wrt", "gama"], 2, "Did you mean gamma"),
        (["rmsnorm.md", "--wrt", ","], 2, "no name to differentiate by"),
        (["rmsnorm.md", "--wrt", "x", "-o", "out.pdf"], 2, "a derivation is a .md or .tex file"),
        (["rmsnorm.md", "--wrt", "x", "-o", "nowhere/out.md"], 2, "no such folder"),
        (["rmsnorm.md", "--wrt", "x", "--order", "3"], 2, "--order"),
        (["rmsnorm.md", "--wrt", "x", "--of", "Q"], 2, "Q is not an input of the document"),
        (["missing.md", "--wrt", "x"], 2, "there is no file missing.md"),
    ],
)
def test_wrong_usage(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert run("grad", *arguments) == code
    assert message in capsys.readouterr().err


def test_a_step_that_is_not_proved_is_not_written(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    false = [r"$$\frac{\partial m}{\partial x_j} = \frac{2}{N}$$"]
    monkeypatch.setattr(derived, "results", lambda forms: false)
    assert run("grad", "mean.md", "--wrt", "x", "-o", "out.md") == 3
    assert "is not proved, so it is not written" in capsys.readouterr().err
    assert not Path("out.md").exists()


def test_what_has_no_rule_ends_undecided(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    text = r"Let $x \in \mathbb{R}^N$. $$m = \max(x)$$"
    Path("max.md").write_text(text, encoding="utf-8")
    assert run("grad", "max.md", "--wrt", "x") == 3
    assert "no derivation" in capsys.readouterr().err
