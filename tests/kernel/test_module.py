"""Modules of one or two functions: what they say of themselves, what they need."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from closed_forms import BATCHNORM, forms_of, plan_for

import derive
from derive.errors import UnsupportedError
from derive.kernel.backends import BACKENDS
from derive.kernel.module import functions_of
from derive.kernel.native import Native
from derive.kernel.plan import Plan, plan_of
from derive.kernel.to_c import emit_c
from derive.kernel.to_numba import emit_numba


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ((), "Document: test.md"),
        ((), "norm_backward(x, dy, gamma, eps)"),
        ((), "norm_forward(x, gamma, beta, eps)"),
        ((), "Shapes: x (N, D), dy (N, D), gamma (D,), eps number, dx (N, D), dgamma (D,)"),
        ((), "(test.md:1)"),
        ((), "norm_backward computes all statistics afresh from the arguments"),
        ((), "All arrays are float32, or all are float64, of any order and strides"),
        ((), "Written by derive 1.2."),
        (("mu", "v"), "norm_backward takes mu, v as saved by the forward function, whose errors"),
        (("mu", "v"), "Outputs of f: y, mu, v."),
    ],
)
def test_the_header_says(saved: tuple[str, ...], said: str) -> None:
    source = emit_c(plan_of(forms_of(BATCHNORM), saved), "norm_backward", "1.2")
    header = ast.get_docstring(ast.parse(source)) or ""
    assert said in " ".join(header.split())


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_header_names_what_was_proved(backend: str) -> None:
    """The digest is that of the file, so that anybody can prove it again."""
    path = Path(derive.__file__).parent / "library" / "softmax.md"
    header = ast.get_docstring(ast.parse(derive.load(path).export(backend))) or ""
    text = " ".join(header.split())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert "Document: softmax.md Certificate: `derive check softmax.md` proves" in text
    assert f"SHA-256 {digest}. Rules: the loss is differentiated along every path; chain" in text


def test_public_names() -> None:
    tree = ast.parse(emit_numba(plan_for("softmax"), "softmax_backward"))
    (listed,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    functions = ["softmax_backward", "softmax_forward"]
    assert listed == ["Gradients", "Outputs", *functions, "warmup"]
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert set(listed) <= defined


def test_lines_are_short() -> None:
    for emit in (emit_c, emit_numba):
        source = emit(plan_of(forms_of(BATCHNORM), ("mu", "v")), "kernel")
        docstring = ast.get_docstring(ast.parse(source), clean=False) or ""
        assert max(map(len, docstring.splitlines())) <= 100


class Half(Native):
    """A back end that has no forward function."""

    def __init__(self, plan: Plan, function: str, version: str) -> None:
        if function.endswith("_forward"):
            raise UnsupportedError("a function that is not there")
        super().__init__(plan, function, version)


def test_gradients_alone() -> None:
    found = functions_of(Half, plan_for("softmax"), "softmax_backward", "1")
    assert [part.function for part in found.parts] == ["softmax_backward"]
    assert found.without == "a function that is not there"
    assert found.public() == ["Gradients", "softmax_backward"]


@pytest.mark.parametrize(
    ("emit", "program", "message"),
    [
        (
            emit_numba,
            "import sys; sys.modules['numba'] = None; import kernel_module",
            "ImportError: this kernel needs numba: pip install numba",
        ),
        (
            emit_c,
            "import numpy as n, kernel_module as k; k.kernel_forward(n.ones(3))",
            "RuntimeError: CC = '/nonexistent' is not there: install gcc or clang",
        ),
    ],
)
def test_what_is_missing_is_named(
    emit: Callable[..., str], program: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "kernel_module.py").write_text(emit(plan_for("softmax"), "kernel"), "utf-8")
    given = {"CC": "/nonexistent", "DERIVE_KERNEL_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | given,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 1 and message in done.stderr
