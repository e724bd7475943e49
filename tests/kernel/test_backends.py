"""Back ends by name, in Python and on the command line."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner
from closed_forms import plan_for
from require import require, require_backend

from derive.cli import BACKENDS as CHOICES
from derive.cli import cli
from derive.errors import UsageError
from derive.kernel.backends import BACKENDS, emitter
from derive.kernel.crosscheck import crosscheck

TEXT = r"""Let $x, y \in \mathbb{R}^N$ and $y_i = x_i^2$ for a loss
$f : \mathbb{R}^N \to \mathbb{R}$.
$$\frac{\partial f}{\partial x_j} = 2 x_j \frac{\partial f}{\partial y_j}$$
"""


def test_the_command_offers_every_back_end() -> None:
    assert set(CHOICES) == set(BACKENDS)


@pytest.mark.parametrize("name", ["", "C", "fortran", "numpy "])
def test_no_such_back_end(name: str) -> None:
    with pytest.raises(UsageError, match="no such back end"):
        emitter(name)


def test_only_torch_shares_rows_among_processes(tmp_path: Path) -> None:
    document = tmp_path / "squares.md"
    document.write_text(TEXT, encoding="utf-8")
    arguments = ["export", str(document), "-o", str(tmp_path / "out.py"), "--distributed"]
    done = CliRunner().invoke(cli, arguments)
    assert isinstance(done.exception, UsageError)
    assert "no back end among processes: numpy" in done.exception.message


@pytest.mark.parametrize(
    ("options", "imports"),
    [
        ([], {"numpy"}),
        (["--backend", "numba"], {"numpy", "numba"}),
        (["--backend", "c"], {"numpy", "ctypes"}),
        (["--backend", "torch"], {"torch"}),
        (["--backend", "torch", "--distributed"], {"torch"}),
    ],
)
def test_export(tmp_path: Path, options: list[str], imports: set[str]) -> None:
    document, out = tmp_path / "squares.md", tmp_path / "squares_kernel.py"
    document.write_text(TEXT, encoding="utf-8")
    arguments = ["export", str(document), "-o", str(out), *options]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert (done.exit_code, done.output) == (0, f"wrote {out}\n")
    tree = ast.parse(out.read_text(encoding="utf-8"))
    found = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert imports <= found and ("numba" in found) == ("numba" in imports)


def test_plan(tmp_path: Path) -> None:
    document = tmp_path / "squares.md"
    document.write_text(TEXT, encoding="utf-8")
    arguments = ["plan", str(document), "--sizes", "N=1000"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "moves 3·N entries\nat least 3·N: each argument once" in done.output
    assert "at N = 1000: 0.012 MB in float32, at least 0.012 MB" in done.output


@pytest.mark.parametrize("backend", ["numba", "c"])
def test_crosscheck_of_a_back_end(
    backend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In float64, float32, and float32 computed in float64, against exact values."""
    monkeypatch.setenv("DERIVE_KERNEL_CACHE", str(tmp_path))
    require_backend(backend)
    check = crosscheck(plan_for("softmax"), backend=backend)
    assert check.agrees and check.worst <= 8
    assert {row.dtype for row in check.rows} == {"float64", "float32", "float32 precise"}


@pytest.mark.parametrize(
    ("backend", "modules"),
    [
        ("torch", ("torch",)),
        ("jax", ("jax",)),
        ("array-api", ("array_api_compat",)),
        ("dask", ("dask",)),
    ],
)
def test_crosscheck_on_other_arrays(backend: str, modules: tuple[str, ...]) -> None:
    """In float64 and float32; none of these computes float32 arguments in float64."""
    for module in modules:
        require(module.replace("_", "-"), importlib.util.find_spec(module) is not None)
    check = crosscheck(plan_for("batchnorm"), backend=backend)
    assert check.agrees and check.worst <= 16
    assert {row.dtype for row in check.rows} == {"float64", "float32"}
    assert {row.output for row in check.rows} >= {"dx", "dgamma", "dbeta"}
