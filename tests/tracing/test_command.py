"""`derive verify-kernel`: what it prints, its exit codes, and calls that make no sense."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT, Run

from derive.api import load
from derive.cli import cli
from derive.errors import DeriveError
from derive.tracing.loading import load_function

HERE = Path(__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RIGHT, WRONG = HERE / "functions" / "right.py", HERE / "functions" / "wrong.py"
BATCHNORM = str(HERE / "documents" / "batchnorm.md")


def test_proved(derive: Run) -> None:
    where = f"{RIGHT}:batchnorm_staged"
    done = derive(
        *("verify-kernel", where, "--against", f"{BATCHNORM}:x,gamma,beta"),
        *("--map", "cache=x,x_hat,mu,v,gamma,eps"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "dout is ∂f/∂y; cache is (x, x̂, μ, v, γ, ε)" in done.stdout
    assert "✓ the gradient by γ: proved\n    ∂f/∂γᵢ = ∑ⱼ₌₁ᴺ ∂f/∂yⱼᵢ · x̂ⱼᵢ\n" in done.stdout
    assert done.stdout.endswith("batchnorm_staged: 3 gradients: 3 proved\n")


def test_json() -> None:
    arguments = [f"{WRONG}:linear_mean", "--against", f"{HERE / 'documents' / 'linear.md'}:W"]
    done = CliRunner().invoke(cli, ["verify-kernel", *arguments, "--format", "json"])
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    (entry,) = report["gradients"]
    assert (report["schema"], report["function"]) == (1, "linear_mean")
    assert report["parameters"] == ["dy is ∂f/∂y", "x is x"]
    assert (entry["input"], entry["verdict"], report["summary"]["refuted"]) == ("W", "refuted", 1)
    assert entry["witness"]["sizes"]["N"] == 2
    assert entry["latex"].startswith(r"\frac{\partial f}{\partial W_{ij}} = ")


LAYER = r"""
Let $x \in \mathbb{R}^N$ and $y_i = \operatorname{erf}(x_i)$.
A scalar loss $f : \mathbb{R}^N \to \mathbb{R}$ is taken of the output.
"""


def test_a_place_in_the_code_is_shown(derive: Run, tmp_path: Path) -> None:
    (tmp_path / "layer.md").write_text(LAYER, encoding="utf-8")
    code = "def backward(dy, x):\n    return dy if x.sum() > 0 else -dy\n"
    (tmp_path / "layers.py").write_text(code, encoding="utf-8")
    done = derive("verify-kernel", "layers:backward", "--against", "layer.md:x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "derive: layers.py:2:18: a branch depends on the values of an array\n"
        "    return dy if x.sum() > 0 else -dy\n"
        "                 ^^^^^^^^^^^\n"
        "Both sides need a formula: np.where(condition, a, b).\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "batchnorm"], "batchnorm names no input"),
        (["--against", "batchnorm:x", "--map", "x"], "--map x is no pair"),
        (["--against", "batchnorm:x", "--shape", "x="], "--shape x= is no pair"),
        (["--against", "no_such_document:x"], "no such file or library document"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(cli, ["verify-kernel", f"{RIGHT}:batchnorm_closed", *arguments])
    assert isinstance(done.exception, DeriveError)
    assert message in done.exception.message


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("backward", "backward names no function"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        ("no_such_module:f", "no_such_module cannot be imported: ModuleNotFoundError"),
        (f"{RIGHT}:nothing", "has no nothing"),
        (f"{RIGHT}:np.pi", "is no function"),
        ("{broken}:f", "cannot be imported: SyntaxError"),
        ("{leaves}:f", "cannot be imported: SystemExit: 3"),
    ],
)
def test_loading(tmp_path: Path, where: str, message: str) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n", encoding="utf-8")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    files = {name: str(tmp_path / f"{name}.py") for name in ("broken", "leaves")}
    before = list(sys.path)
    with pytest.raises(DeriveError) as caught:
        load_function(where.format(**files))
    assert message in caught.value.message
    assert sys.path == before and "broken" not in sys.modules


def test_siblings_of_a_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "sibling_of_layers.py").write_text("half = 0.5\n", encoding="utf-8")
    code = "from sibling_of_layers import half\n\n\ndef f(x):\n    return half * x\n"
    (tmp_path / "layers.py").write_text(code, encoding="utf-8")
    assert load_function(f"{tmp_path / 'layers.py'}:f")(4) == 2
    sys.modules.pop("sibling_of_layers")


@pytest.mark.parametrize(
    ("function", "wanted", "message"),
    [
        ("right.py:batchnorm_closed", "x gamma", "returns 1 array, and 2 names are given"),
        ("right.py:batchnorm_einsum", "x", "returns 3 arrays, and 1 name is given"),
        ("right.py:batchnorm_closed", "_", "no input is named"),
        ("right.py:batchnorm_closed", "z", "z is no name of the document"),
        ("right.py:batchnorm_closed", "dy", "dy is no name of the document"),
        ("right.py:softmax_closed", "x", "the parameter dp is no name of the document"),
    ],
)
def test_names_that_do_not_fit(function: str, wanted: str, message: str) -> None:
    kernel = load_function(str(HERE / "functions" / function))
    with pytest.raises(DeriveError) as caught:
        load(BATCHNORM).verify_kernel(kernel, *wanted.split())
    assert message in caught.value.message


def test_some_results_are_not_looked_at() -> None:
    kernel = load_function(f"{RIGHT}:batchnorm_einsum")
    found = load(BATCHNORM).verify_kernel(kernel, "_", "_", "beta")
    assert [(r.target.key, r.judgement.verdict) for r in found.results] == [("\\beta", "proved")]
    swapped = load(BATCHNORM).verify_kernel(kernel, "_", "beta", "gamma")
    assert [r.judgement.verdict for r in swapped.results] == ["refuted", "refuted"]


def test_the_readme_shows_real_output(derive: Run, tmp_path: Path) -> None:
    section = README.split("## From code\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^```py\n(.*?)^```$", section, re.M | re.S)
    ((command, expected),) = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```$", section, re.M | re.S)
    (tmp_path / "backward.py").write_text(code, encoding="utf-8")
    done = derive(*shlex.split(command)[1:])
    assert (done.returncode, done.stdout) == (1, expected)
