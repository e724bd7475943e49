"""Triton kernels through Triton's interpreter: the reference, shapes, layouts, refusals; PTX."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import code_of
from require import require
from test_to_numpy import HOSTILE, hostile_forms

import derive
from derive.errors import UnsupportedError, UsageError
from derive.kernel.entries import Apply, Const, Entry, Load, Num, Place, Pow, Reduce, Times, Total
from derive.kernel.plan import plan_of
from derive.kernel.shifting import centred
from derive.kernel.to_triton import emit_triton
from derive.kernel.triton_nested import flattened
from derive.kernel.triton_products import Products, with_products
from derive.kernel.triton_schedule import Cluster, Product, Space, schedule_of
from derive.kernel.triton_text import Tile
from derive.meaning.terms import Affine, Bound

ROOT = Path(__file__).resolve().parents[2]
SPLIT, WHOLE = 0, 16384
"""The longest row that one program holds: none at all, or all of those here."""

NORMS = ("layernorm", "rmsnorm", "batchnorm", "softmax")
LIBRARY = (
    *NORMS,
    *("softmax_cross_entropy", "groupnorm", "instancenorm", "gelu", "silu", "swiglu"),
    *("attention", "conv1d", "gelu_tanh"),
)
LONG = ("layernorm", "batchnorm", "softmax_cross_entropy", "groupnorm", "attention")
"""Layers with rows that may be too long for one program."""
SHAPES = ((1, 1), (1, 70), (37, 1), (37, 70), (300, 5))


class Interpreter:
    """A process in which Triton interprets."""

    def __init__(self) -> None:
        folders = [ROOT, ROOT / "tests", ROOT / "tests" / "kernel"]
        environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "2"}
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "kernel" / "interpreted.py")],
            env={**environment, "PYTHONPATH": os.pathsep.join(map(str, folders))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name: str, *arguments: Any) -> Any:
        """The answer to one question; fails the test when there is none."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, arguments]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "value" in answer, answer["failure"]
        return answer["value"]


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    for name in ("torch", "triton"):
        require(name, importlib.util.find_spec(name) is not None)
    made = Interpreter()
    yield made
    made.process.communicate()


# ---- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "longest"),
    [*((layer, WHOLE) for layer in LIBRARY), *((layer, SPLIT) for layer in LONG)],
)
def test_equals_the_reference(interpreter: Interpreter, layer: str, longest: int) -> None:
    assert interpreter.ask("benign", layer, "float64", longest) <= 1e-13


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layer", NORMS)
def test_shapes_and_strides(interpreter: Interpreter, layer: str, shape: tuple[int, int]) -> None:
    sizes = {"N": shape[0], "D": shape[1], "K": shape[1]}
    assert interpreter.ask("sized", layer, sizes, "float32", WHOLE, True, 0.0) <= 3e-6
    if shape in SHAPES[-2:]:
        assert interpreter.ask("sized", layer, sizes, "float64", SPLIT, False, 0.0) <= 1e-13


@pytest.mark.parametrize("longest", [WHOLE, SPLIT])
@pytest.mark.parametrize("layer", ["layernorm", "batchnorm", "instancenorm", "groupnorm"])
def test_an_offset_costs_no_digits(interpreter: Interpreter, layer: str, longest: int) -> None:
    sizes = {"N": 300, "D": 20} if layer in NORMS else {"N": 2, "C": 3, "G": 2, "K": 3, "S": 50}
    assert interpreter.ask("sized", layer, sizes, "float32", longest, False, 1e6) <= 3e-6


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("layer", ["layernorm", "softmax", "swiglu"])
def test_half_precision_is_summed_in_float32(
    interpreter: Interpreter, layer: str, dtype: str
) -> None:
    """Rounded once, from arguments that are exact in both."""
    sizes = {"N": 37, "D": 70, "K": 70, "M": 5}
    within = {"float16": 2**-10, "bfloat16": 2**-7}[dtype]
    assert interpreter.ask("sized", layer, sizes, dtype, WHOLE, False, 0.0) <= within


@pytest.mark.parametrize("layer", ["layernorm", "batchnorm", "softmax"])
def test_gradients_by_finite_differences(interpreter: Interpreter, layer: str) -> None:
    assert interpreter.ask("differentiable", layer)


def test_sums_have_one_order(interpreter: Interpreter) -> None:
    assert interpreter.ask("same_bits", "batchnorm")


# ---- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "name", "change", "message"),
    [
        ("backward", "x", "array", "x: expected a tensor, got ndarray"),
        ("backward", "x", "whole", "x: expected a floating dtype, got torch.int64"),
        ("backward", "x", "lower", "x: expected 2 axes, got shape (3,)"),
        ("backward", "x", "empty", "x: every axis needs at least one entry, got shape (0, 3)"),
        ("backward", "dy", "short", "dy: expected shape (N, D) = (4, 3), got (4, 1)"),
        ("backward", "gamma", "few", "gamma: expected shape (D,) = (3,), got (1,)"),
        ("backward", "gamma", "mixed", "gamma: dtype torch.float16, while x has torch.float64"),
        ("backward", "gamma", "meta", "gamma: on meta, while x is on cpu"),
        ("backward", "eps", "zero", "eps: must satisfy"),
        ("backward", "eps", "minus", "eps: must satisfy"),
        ("backward", "eps", "nan", "eps: must satisfy"),
        ("backward", "eps", "text", "eps: expected a real number, got str"),
        ("backward", "want", "none", "want: expected some of"),
        ("backward", "want", "unknown", "want: expected some of"),
        ("layer", "x", "empty", "x: every axis needs at least one entry"),
        ("layer", "eps", "zero", "eps: must satisfy"),
        ("forward", "beta", "few", "beta: expected shape (D,) = (3,), got (1,)"),
    ],
)
def test_refusals_name_the_argument(
    interpreter: Interpreter, function: str, name: str, change: str, message: str
) -> None:
    assert interpreter.ask("refusal", function, name, change, {}).startswith(message)


def test_values_that_are_not_finite(interpreter: Interpreter) -> None:
    found = interpreter.ask("refusal", "backward", "x", "hole", {"check_finite": True})
    assert found == "x: holds a value that is not finite"
    assert interpreter.ask("refusal", "backward", "x", "hole", {}) == ""


def test_only_what_is_wanted(interpreter: Interpreter) -> None:
    assert interpreter.ask("wanted") == ["dbeta"]


def test_tensors_of_the_processor_need_the_interpreter(tmp_path: Path) -> None:
    for name in ("torch", "triton"):
        require(name, importlib.util.find_spec(name) is not None)
    (tmp_path / "kernel.py").write_text(emit_triton(plan_for("sigmoid"), "backward"))
    program = "import kernel, torch; kernel.layer(torch.ones(3))"
    done = _python("-c", tmp_path, program)
    assert "ValueError: x: on cpu, while Triton kernels need a GPU" in done.stderr


@pytest.mark.parametrize("missing", ["torch", "triton"])
def test_what_is_not_installed(tmp_path: Path, missing: str) -> None:
    (tmp_path / "kernel.py").write_text(emit_triton(plan_for("sigmoid"), "backward"))
    program = (
        "import sys, types; sys.modules['torch'] = types.ModuleType('torch');"
        f" sys.modules[{missing!r}] = None; import kernel"
    )
    done = _python("-c", tmp_path, program)
    assert "ImportError: these kernels need PyTorch and Triton" in done.stderr


def _python(
    what: str, folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    known = {name: v for name, v in os.environ.items() if name != "TRITON_INTERPRET"}
    path = os.pathsep.join((str(ROOT), str(folder)))
    cache = str(folder / "cache")
    return subprocess.run(
        [sys.executable, what, *arguments],
        cwd=folder,
        env={**known, "TRITON_CACHE_DIR": cache, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("layer", "role", "work", "bits", "count"),
    [("softmax", "ward_1_rows", "float32", 32, 2), ("silu", "merge_0", "float64", 64, 1)],
)
def test_kernels_compile_for_a_gpu(
    tmp_path: Path, layer: str, role: str, work: str, bits: int, count: int
) -> None:
    """To PTX, from half precision, and with whole numbers of 64 bits."""
    for name in ("torch", "triton"):
        require(name, importlib.util.find_spec(name) is not None)
    (tmp_path / "kernel.py").write_text(emit_triton(derive.load(layer).plan(), "backward"))
    lowered = ROOT / "tests" / "kernel" / "lowered.py"
    done = _python(str(lowered), tmp_path, str(tmp_path / "kernel.py"), role, work, str(bits))
    assert done.stdout.strip() == str(count), done.stderr


def test_no_gpu_is_said(tmp_path: Path) -> None:
    """With no device to be seen, the benchmark measures nothing and says so."""
    script = ROOT / "scripts" / "benchmark_gpu.py"
    done = _python(str(script), tmp_path, CUDA_VISIBLE_DEVICES="")
    assert (done.returncode, done.stdout) == (0, "not measured: no GPU\n")


# ---- text ---------------------------------------------------------------------------------------


def test_the_module_stands_alone() -> None:
    tree = ast.parse(emit_triton(derive.load("layernorm").plan(), "backward"))
    found = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert found == {"contextlib", "math", "os", "torch", "triton", "triton.language"}


def test_lines_fit() -> None:
    for layer in ("layernorm", "groupnorm", "conv1d"):
        source = emit_triton(derive.load(layer).plan(), f"{layer}_backward")
        assert max(map(len, source.splitlines())) <= 100


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    honest = emit_triton(plan_of(forms_of(BATCHNORM)), "kernel", version="1")
    hostile = emit_triton(plan_of(hostile_forms(text)), "kernel", version=text)
    assert code_of(hostile) == code_of(honest)


@pytest.mark.parametrize("name", ["", "a b", "class", "layer", "forward", "torch", "triton", "tl"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_triton(plan_for("softmax"), name)


@pytest.mark.parametrize("name", ["rows", "tile", "forward", "partial"])
def test_names_of_the_module_are_not_a_document_s(name: str) -> None:
    named = rf"\mathrm{{{name}}}"
    text = (
        rf"Let $x, y \in \mathbb{{R}}^N$, ${named} \in \mathbb{{R}}$ and $y_i = {named} x_i$"
        r" for a loss $f : \mathbb{R}^N \to \mathbb{R}$. Then"
        rf" $$\frac{{\partial f}}{{\partial x_j}} = {named} \frac{{\partial f}}{{\partial y_j}}$$"
    )
    source = emit_triton(plan_of(forms_of(text)), "kernel")
    assert f"def _forward(x, {name}_):" in source


ONE = Affine.number(1)
LINE = Bound("@q0", ONE, Affine.name("N"))
X = Load("x", (Affine.name("@q0"),))
HALF = Fraction(1, 2)


def tile() -> Tile:
    """An empty kernel over N entries of one row."""
    space = Space((), ((LINE.low, LINE.high),))
    return Tile(space, {"x": "x"}, {"N": "n"}, {"x": (LINE,)}, {})


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Total((X, Num(Fraction(-3)))), "(v0 - 3.0)"),
        (Times((Num(Fraction(-1)), X, Pow(X, Fraction(-1)))), "(-(v0 / v0))"),
        (Pow(X, -HALF), "(1.0 / tl.sqrt(v0))"),
        (Pow(X, Fraction(3)), "(v0 * v0 * v0)"),
        (Pow(X, Fraction(1, 3)), "tl.exp2(0.3333333333333333 * tl.log2(v0))"),
        (Pow(Times((Num(Fraction(2)), Const("pi"))), HALF), "2.5066282746310002"),
        (Apply("max", (X, Num(HALF))), "_larger(v0, tl.full([1, 1], 0.5, WORK))"),
        (Place(Affine.name("@q0") + 2), "(q0 + 3).to(WORK)"),
        (Load("x", (Affine.name("@q0") + 1,)), "v0"),
    ],
)
def test_entries_as_text(entry: Entry, text: str) -> None:
    assert tile().value(entry).text == text


def test_positions_outside_an_axis_are_masked() -> None:
    shifted = tile()
    shifted.value(Load("x", (Affine.name("@q0") + 1,)))
    (line,) = shifted.body
    assert "mask=qin & ((q0 + 1) >= 0) & ((q0 + 1) < n_size)" in line


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Apply("bessel", (X,)), "the function bessel cannot be exported to Triton"),
        (Apply("exp", (X,), (1,)), "the derivative of exp cannot be exported"),
        (Num(Fraction(10) ** 400), "out of the range of floats"),
    ],
)
def test_entries_that_are_refused(entry: Entry, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        tile().value(entry)


def test_a_range_by_a_position_is_refused() -> None:
    plan = plan_for("softmax")
    step = next(step for step in plan.steps if isinstance(step.body, Reduce))
    assert isinstance(step.body, Reduce)
    bound = replace(step.body.bounds[0], high=Affine.name("@0"))
    body = replace(step.body, bounds=(bound,))
    bent = replace(plan, steps=(replace(step, body=body),))
    with pytest.raises(UnsupportedError, match="a range that depends on a position"):
        schedule_of(Products(bent, frozenset(), frozenset()))


# ---- what shares a kernel -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "units"),
    [
        ("layernorm", [("N|D", 2, 1), ("D|N", 1, 0)]),
        ("rmsnorm", [("N|D", 1, 1), ("D|N", 1, 0)]),
        ("batchnorm", [("D|N", 2, 2)]),
        ("softmax", [("N|K", 3, 1)]),
        ("gelu", [("|N", 0, 1)]),
        ("groupnorm", [("N,G|K,S", 2, 1), ("N,G,K|S", 1, 0), ("G,K|N", 1, 0)]),
        ("mse", [("N|D", 0, 2)]),
        ("linear", ["N,M", "N,M", ("M|N", 1, 0)]),
    ],
)
def test_kernels_of_a_backward_pass(layer: str, units: list[Any]) -> None:
    """Rows, what is inside, levels of reductions, and arrays written in the same kernel."""
    schedule = schedule_of(with_products(flattened(centred(derive.load(layer).plan()))))
    found = [_shown(unit) for unit in schedule.units if isinstance(unit, Cluster)]
    assert found == [unit for unit in units if not isinstance(unit, str)]
    products = [unit for unit in schedule.units if isinstance(unit, Product)]
    assert len(products) == len(units) - len(found)


def _shown(cluster: Cluster) -> tuple[str, int, int]:
    sides = (cluster.space.rows, cluster.space.inner)
    text = "|".join(",".join(str(high) for _, high in side) for side in sides)
    return text, cluster.levels, sum(task.role != "sum" for task in cluster.tasks)
