"""Emitted statements in lines that fit, which mean what the long ones meant."""

from __future__ import annotations

import ast

import pytest
from layers import planned

from derive.errors import UnsupportedError
from derive.kernel.backends import BACKENDS
from derive.kernel.statements import WIDTH, exported, shortened

NAMES = [f"name_{k}" for k in range(30)]
TERMS = " + ".join(NAMES)
LONG = "a" * 70


@pytest.mark.parametrize(
    "line",
    [
        f"x = ({TERMS})",
        f"    x = f({TERMS.replace(' +', ',')})[0]",
        f"for name in ({', '.join(NAMES)}):\n    pass",
        f'x = ("{LONG} (b c)", "it\'s {LONG}", 1 + 2)',
        f"x = ('\\' {LONG} (', {LONG[:20]} + 1)",
    ],
)
def test_python_keeps_its_meaning(line: str) -> None:
    short = shortened(line)
    assert max(map(len, short.split("\n"))) <= WIDTH < max(map(len, line.split("\n")))
    assert ast.dump(ast.parse(short.strip())) == ast.dump(ast.parse(line.strip()))


@pytest.mark.parametrize(
    "line",
    [
        f"x = {TERMS}",
        f'x = ("{TERMS}")',
        f"x = (1,)  # {LONG} ({LONG} and more)",
        f"#define F(x) ({TERMS})",
        f"        (x + {LONG} * {LONG} \\",
        f"// {TERMS};",
        f"x = ({LONG}{LONG})",
    ],
)
def test_what_cannot_be_broken_stays(line: str) -> None:
    assert shortened(line) == line


@pytest.mark.parametrize(
    "line",
    [
        f"    const double x = {TERMS};",
        f"    #pragma omp simd {' '.join(f'reduction(+ : {name})' for name in NAMES)}",
    ],
)
def test_c_keeps_its_words(line: str) -> None:
    parts = shortened(line).split("\n")
    assert len(parts) > 1 and max(map(len, parts)) <= WIDTH
    assert " ".join(part.removesuffix("\\") for part in parts).split() == line.split()
    assert line.endswith(";") or all(part.endswith(" \\") for part in parts[:-1])


def test_names_of_a_module() -> None:
    assert exported(["A", "b"]) == '__all__ = ["A", "b"]'
    tree = ast.parse(exported(NAMES))
    assert isinstance(tree.body[0], ast.Assign)
    assert ast.literal_eval(tree.body[0].value) == NAMES


@pytest.mark.parametrize("layer", ["batchnorm", "conv1d", "huber", "lstm_cell"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_modules_fit(layer: str, backend: str) -> None:
    try:
        source = BACKENDS[backend](planned(layer), f"{layer}_backward")
    except UnsupportedError:
        pytest.skip(f"{layer} is not written for {backend}")
    assert max(map(len, source.split("\n"))) <= WIDTH
