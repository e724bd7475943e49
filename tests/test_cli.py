"""The command line as a user meets it: output, exit codes, bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, Run

RIGHT = r"$x \in \mathbb{R}^N$, $m = \frac{1}{N} \sum_{i=1}^{N} x_i$." + "\n\n"
TRUE = r"$$\frac{\partial m}{\partial x_j} = \frac{1}{N}$$" + "\n\n"
FALSE = r"$$\frac{\partial m}{\partial x_j} = \frac{2}{N}$$" + "\n\n"
ILL_TYPED = r"$$\frac{\partial m}{\partial x} = x_i$$" + "\n\n"
UNREAD = r"$$\frac{\partial m}{\partial x_j = 1$$" + "\n\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (RIGHT + TRUE, 0),
        (RIGHT + TRUE + FALSE, 1),
        (RIGHT + ILL_TYPED, 1),
        (RIGHT + TRUE + UNREAD, 3),
        (RIGHT + FALSE + UNREAD, 1),
        ("", 0),
        ("# Only words\n\nNo mathematics here.\n", 0),
    ],
)
def test_exit_codes(derive: Run, tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "file.md").write_text(text, encoding="utf-8")
    assert derive("check", "file.md").returncode == code


def test_check_names_the_place_and_a_witness(derive: Run, tmp_path: Path) -> None:
    (tmp_path / "file.md").write_text(RIGHT + FALSE, encoding="utf-8")
    out = derive("check", "file.md").stdout
    assert out.startswith("file.md:3:35: refuted: ∂m/∂xⱼ = 2/N\n    witness: N = 1")
    assert out.rstrip().endswith("file.md: 1 claim: 1 refuted")


def test_json_is_the_documented_contract(derive: Run, tmp_path: Path) -> None:
    (tmp_path / "file.md").write_text(RIGHT + TRUE + FALSE + UNREAD, encoding="utf-8")
    done = derive("check", "--format", "json", "file.md")
    report = json.loads(done.stdout)
    assert report["schema"] == 1
    assert set(report) == {"schema", "documents", "summary"}
    (document,) = report["documents"]
    assert set(document) == {"path", "claims", "findings"}
    assert [c["verdict"] for c in document["claims"]] == ["proved", "refuted", "unread"]
    assert [c["line"] for c in document["claims"]] == [3, 5, 7]
    assert document["findings"] == document["claims"][1:]
    keys = "line column end_line end_column latex kind verdict reading rules side_conditions"
    assert set(document["claims"][0]) == {*keys.split(), "witness", "repairs", "reason", "seconds"}
    witness = document["claims"][1]["witness"]
    assert set(witness) == {"sizes", "values", "indices", "left", "right"}
    assert witness["sizes"] == {"N": 1}
    assert report["summary"]["claims"] == 3


def test_each_link_of_a_chain_is_an_entry_on_the_line_of_its_sign(
    derive: Run, tmp_path: Path
) -> None:
    text = RIGHT + "$$\n\\sum_{i=1}^{N} x_i\n= N m\n= m N\n$$\n"
    (tmp_path / "file.md").write_text(text, encoding="utf-8")
    report = json.loads(derive("check", "--format", "json", "file.md").stdout)
    claims = report["documents"][0]["claims"]
    assert [(c["line"], c["column"]) for c in claims] == [(5, 1), (6, 1)]


def test_show_prints_verdicts_rules_and_conditions(derive: Run) -> None:
    done = derive("show", "batchnorm")
    assert done.returncode == 0
    assert "✓ proved" in done.stdout
    assert "deviations from the mean sum to zero" in done.stdout
    assert "v + ε > 0" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 84


def test_show_without_unicode(derive: Run) -> None:
    done = derive("show", "batchnorm", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "ok proved" in done.stdout


def test_grad_ends_with_what_it_equals(derive: Run) -> None:
    done = derive("grad", "batchnorm", "--wrt", "x")
    assert done.returncode == 0
    assert "deviations from the mean sum to zero" in done.stdout
    last = done.stdout.rstrip().splitlines()[-1]
    assert last.startswith("✓ proved equal to the document's closed form at batchnorm.md:")


def test_list_names_the_library(derive: Run) -> None:
    assert "batchnorm" in derive("list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "missing.md"], "derive: there is no file missing.md"),
        (["check", "folder"], "derive: folder is a directory"),
        (["check", "latin.md"], "derive: latin.md is not UTF-8 text (byte 0)"),
        (["show", "batchnrm"], "no such file or library document: batchnrm"),
        (["grad", "batchnorm", "--wrt", "q"], "q is not an input of the document"),
        (["report", "batchnorm", "-o", "out.doc"], "a report is a .tex, .pdf or .html file"),
        (["export", "batchnorm", "-o", "out.txt"], "the exported module is a .py file"),
        (["export", "batchnorm", "-o", "nowhere/out.py"], "no such folder: nowhere"),
        (["export", "batchnorm", "-o", "folder.py"], "folder.py is a folder"),
        (["check", "--format", "xml", "batchnorm"], "Invalid value for '--format'"),
        (["check"], "Missing argument"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_usage_is_one_clear_message(
    derive: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "latin.md").write_bytes("é = è".encode("latin-1"))
    done = derive(*arguments)
    assert done.returncode == 2
    assert message.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(derive: Run, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = derive("export", "batchnorm", "-o", "locked/bn.py")
    assert done.returncode == 2
    assert "not writable" in done.stderr


def test_a_document_without_claims_says_so(derive: Run, tmp_path: Path) -> None:
    (tmp_path / "words.md").write_text("# Words\n", encoding="utf-8")
    done = derive("check", "words.md")
    assert (done.returncode, done.stdout.strip()) == (0, "words.md: no claims")
    assert "makes no claim" in done.stderr


def test_an_unbalanced_dollar_is_a_finding(derive: Run, tmp_path: Path) -> None:
    (tmp_path / "file.md").write_text(RIGHT + "Then $a = b and\n\n" + TRUE, encoding="utf-8")
    done = derive("check", "file.md")
    assert done.returncode == 3
    assert "file.md:3:6" in done.stdout
    assert "1 proved" in done.stdout


def interruptible() -> None:
    """What a shell starts in the background would ignore interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("delay", [0.7, 1.5])
def test_an_interrupt_is_one_line(tmp_path: Path, delay: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "derive", "check", *["batchnorm"] * 60],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == "derive: interrupted"


@pytest.mark.parametrize("caught", ["with derive.cli._edge(): ", ""])
def test_an_interrupt_of_an_executed_text_ends_with_130_too(caught: str, tmp_path: Path) -> None:
    """`python -m` remembers such a one, and would end by the signal although it was caught."""
    program = f"""
import derive.cli, derive.__main__
def run():
    {caught}exec("raise KeyboardInterrupt")
derive.cli.main = run
derive.__main__.main()
"""
    (tmp_path / "interrupted.py").write_text(program, encoding="ascii")
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr.strip() == "derive: interrupted"


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m derive show batchnorm | head -1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("Batch normalisation")
    assert done.stderr == ""
