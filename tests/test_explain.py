"""`derive explain` as a user meets it: what it prints, its width, its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run

TEXT = r"""$x \in \mathbb{R}^N$, $a \in \mathbb{R}$, $m = \frac{1}{N} \sum_{i=1}^{N} x_i$.

$$\frac{\partial m}{\partial x_j} = 1$$

$$\sum_{i=1}^{N} x_i = N m$$

$$m + 1 = x$$

$$\frac{m}{m = 1$$

$$(a + x_1 + x_2 + x_3 + x_4)^4 = a$$
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "file.md").write_text(TEXT, encoding="utf-8")
    return "file.md"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            3,
            (
                "file.md:3:35\n",
                "✗ refuted",
                "m  a scalar, defined on line 1: m = 1/N · ∑ᵢ₌₁ᴺ xᵢ",
                "for all j = 1 … N",
                "left side = 1/N × right side",
                "witness: N = 2",
                "Nearest true equations",
            ),
        ),
        (5, ("✓ proved", "both sides:\n    Nm\n", "1. deviations from the mean sum to zero: ∑")),
        (7, ("✗ ill-typed", "left side is a scalar", "^^^", "x  shape (N), input")),
        (9, ("? unread", "the formula ends here", "^")),
        (11, ("more terms",)),
    ],
)
def test_what_is_printed(derive: Run, file: str, line: int, wanted: tuple[str, ...]) -> None:
    done = derive("explain", f"{file}:{line}")
    assert (done.returncode, done.stderr) == (0, "")
    for words in wanted:
        assert words in done.stdout
    assert "\x1b" not in done.stdout
    assert not done.stdout.endswith("\n\n")


@pytest.mark.parametrize("line", [65, 79])
@pytest.mark.parametrize("width", [80, 100])
def test_it_fits_the_terminal(derive: Run, width: int, line: int) -> None:
    out = derive("explain", f"batchnorm:{line}", COLUMNS=str(width)).stdout
    assert max(map(len, out.splitlines())) <= width


def test_without_unicode(derive: Run) -> None:
    done = derive("explain", "batchnorm:33", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "ok proved" in done.stdout


def test_json_has_the_claim_and_what_explains_it(derive: Run, tmp_path: Path) -> None:
    file = "short.md"
    (tmp_path / file).write_text(TEXT[: TEXT.index(r"$$\sum")], encoding="utf-8")
    report = json.loads(derive("explain", f"{file}:3", "--format", "json").stdout)
    (claim,) = report["claims"]
    checked = json.loads(derive("check", file, "--format", "json").stdout)
    (first, *_) = checked["documents"][0]["claims"]
    assert {key: claim[key] for key in first if key != "seconds"} == {
        key: value for key, value in first.items() if key != "seconds"
    }
    assert claim["sides"]["ratio"] == r"\frac{1}{N}"
    assert claim["indices"] == [{"name": "j", "low": "1", "high": "N"}]
    assert [row["name"] for row in claim["names"]] == ["m", "x"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("file.md:1", "the nearest claims stand on line 3."),
        ("file.md:4", "the nearest claims stand on lines 3 and 5."),
        ("file.md:400", "file.md ends at line 11"),
        ("file.md", "a claim is named by its file and line"),
        ("file.md:0", "counted from 1"),
        ("file.md:three", "a claim is named by its file and line"),
        ("missing.md:3", "there is no file missing.md"),
        ("batchnrm:3", "did you mean batchnorm?"),
    ],
)
def test_wrong_usage(derive: Run, file: str, place: str, message: str) -> None:
    done = derive("explain", place)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.lower()
    assert "Traceback" not in done.stderr
