"""Elementary functions of the loops: two ulps over the whole range, in vectors, in C and numba."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from require import require, require_compiler

from derive.kernel import elementary_c, elementary_numba
from derive.kernel.c_dialect import CDialect
from derive.kernel.elementary import BODIES, broken, decimal, wanted
from derive.kernel.entries import Entry, Load, Num, Pow, power, product
from derive.kernel.formulas import Formulas
from derive.kernel.numba_dialect import NumbaDialect

Run = Callable[[Any], Any]
INF, NAN = float("inf"), float("nan")
PRECISION = 60
EXACT: dict[str, Callable[[Any], Any]] = {
    "exp": mp.exp,
    "expm1": mp.expm1,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
    "log": mp.log,
    "log1p": mp.log1p,
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "erf": mp.erf,
}
RANGES = {
    "exp": (-760, 715),
    "expm1": (-60, 715),
    "sigmoid": (-760, 60),
    "tanh": (-25, 25),
    "log": (0, 50),
    "log1p": (-1, 50),
    "softplus": (-760, 760),
    "erf": (-7, 7),
}
"""Where a function is neither constant nor infinite, and a little of the rest."""

ENDS = {
    "exp": {NAN: NAN, INF: INF, -INF: 0.0, 0.0: 1.0, 1e4: INF, -1e4: 0.0},
    "expm1": {NAN: NAN, INF: INF, -INF: -1.0, 0.0: 0.0, 1e4: INF, -1e4: -1.0},
    "sigmoid": {NAN: NAN, INF: 1.0, -INF: 0.0, 0.0: 0.5, 1e4: 1.0, -1e4: 0.0},
    "tanh": {NAN: NAN, INF: 1.0, -INF: -1.0, 0.0: 0.0, 1e30: 1.0, -1e30: -1.0},
    "log": {NAN: NAN, INF: INF, -INF: NAN, 0.0: -INF, 1.0: 0.0, -1.0: NAN, -1e-30: NAN},
    "log1p": {NAN: NAN, INF: INF, -INF: NAN, -1.0: -INF, 0.0: 0.0, -1.5: NAN, -1e30: NAN},
    "softplus": {NAN: NAN, INF: INF, -INF: 0.0, 1e30: 1e30, -1e30: 0.0},
    "erf": {NAN: NAN, INF: 1.0, -INF: -1.0, 0.0: 0.0, 1e30: 1.0, -1e30: -1.0},
}
DTYPES = ("float32", "float64")


def c_source() -> str:
    """Every function as a loop over an array."""
    loops = [
        f"void run_{name}(const REAL *x, REAL *y, int64_t n) {{\n"
        f"#pragma omp simd\n    for (int64_t i = 0; i < n; i++) y[i] = {name}_real(x[i]);\n}}"
        for name in BODIES
    ]
    head = [f"#include <{name}.h>" for name in ("math", "stdint", "tgmath")]
    return "\n".join([*head, *elementary_c.definitions(BODIES), *loops, ""])


def compiled(folder: Path, dtype: str, *flags: str) -> tuple[Path, str]:
    """The library of the functions for a type, and what the compiler said."""
    source, built = folder / "all.c", folder / f"{dtype}.so"
    source.write_text(c_source(), encoding="ascii")
    command = "-std=gnu99 -O3 -Wall -Werror -fno-math-errno -fno-trapping-math -fPIC -shared"
    real = {"float32": "float", "float64": "double"}[dtype]
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))))
    flags = (*command.split(), "-fopenmp", *flags, f"-DREAL={real}")
    done = subprocess.run(
        [compiler, *flags, source, "-o", built, "-lm"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return built, done.stderr


@pytest.fixture(scope="module")
def in_c(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Run]:
    require_compiler()
    folder = tmp_path_factory.mktemp("functions")
    libraries = {dtype: ctypes.CDLL(str(compiled(folder, dtype)[0])) for dtype in DTYPES}

    def run(name: str, dtype: str) -> Run:
        def call(x: Any) -> Any:
            y = np.empty_like(x)
            pointers = (ctypes.c_void_p(each.ctypes.data) for each in (x, y))
            getattr(libraries[dtype], f"run_{name}")(*pointers, ctypes.c_int64(x.size))
            return y

        return call

    return {(name, dtype): run(name, dtype) for name in BODIES for dtype in DTYPES}


@pytest.fixture(scope="module")
def numba_module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    require("numba", importlib.util.find_spec("numba") is not None)
    head = (
        "import numba\nimport numpy\n\n"
        '_OPTIONS = {"fastmath": {"contract", "nsz"}, "error_model": "numpy", "nogil": True}\n'
    )
    loops = [
        f"@numba.njit(**_OPTIONS)\ndef run_{name}(x, y):\n"
        f"    for i in range(len(x)):\n        y[i] = _{name}_real(x[i])\n"
        for name in BODIES
    ]
    path = tmp_path_factory.mktemp("functions") / "functions_of_numba.py"
    for fold in elementary_numba.FOLDS:
        loops.append(
            f"@numba.njit(**_OPTIONS)\ndef fold_{fold}(x, total):\n    for i in range(len(x)):\n"
            f"        total = _{fold}_of(total, x[i])\n    return total\n"
        )
    folds = [text.strip() for text in elementary_numba.FOLDS.values()]
    text = "\n\n\n".join([head, *elementary_numba.definitions(BODIES), *folds, *loops])
    path.write_text(text, encoding="ascii")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def by_numba(numba_module: ModuleType) -> dict[tuple[str, str], Run]:
    def run(name: str) -> Run:
        def call(x: Any) -> Any:
            y = np.empty_like(x)
            getattr(numba_module, f"run_{name}")(x, y)
            return y

        return call

    return {(name, dtype): run(name) for name in BODIES for dtype in DTYPES}


def samples(name: str, dtype: str) -> Any:
    """Dense where the function bends, of every size of argument, and where results end."""
    random = np.random.default_rng(len(name))
    low, high = (np.clip(end, -110, 100) if dtype == "float32" else end for end in RANGES[name])
    smallest = -44 if dtype == "float32" else -322
    x = np.concatenate(
        [
            np.linspace(max(low, -2), min(high, 2), 400),
            random.uniform(low, high, 500),
            random.uniform(max(low, -1), min(high, 1), 300),
            np.float64(10) ** random.uniform(smallest, 1, 200),
            -(np.float64(10) ** random.uniform(smallest, 1, 200)),
            2.0 ** random.uniform(-100, 100, 100),
        ]
    ).astype(dtype)
    return x[(x > low) & (x < high) & np.isfinite(x)]


def ulps(name: str, x: Any, y: Any) -> float:
    """The largest error in units of the last place; subnormal results have those of their range."""
    kind = np.finfo(x.dtype)
    worst = 0.0
    with mp.workdps(PRECISION):
        for at, got in zip(x.tolist(), y.tolist(), strict=True):
            exact = EXACT[name](mp.mpf(at))
            if abs(exact) > mp.mpf(float(kind.max)):
                assert got == INF, (name, at, got)
                continue
            scale = max(abs(exact), mp.mpf(float(kind.tiny)))
            unit = mp.mpf(2) ** (mp.floor(mp.log(scale, 2)) - kind.nmant)
            error = float(abs(mp.mpf(got) - exact) / unit) if np.isfinite(got) else INF
            worst = max(worst, error)
    return worst


def test_the_measure_sees_three_ulps() -> None:
    x = np.linspace(0.5, 2, 50, dtype=np.float32)
    wrong = np.exp(x.astype(np.float64)).astype(np.float32)
    assert ulps("exp", x, wrong) <= 0.5
    for _ in range(3):
        wrong = np.nextafter(wrong, np.float32(INF))
    assert ulps("exp", x, wrong) > 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_within_two_ulps_in_c(name: str, dtype: str, in_c: dict[tuple[str, str], Run]) -> None:
    x = samples(name, dtype)
    assert ulps(name, x, in_c[name, dtype](x)) <= 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_within_two_ulps_by_numba(
    name: str, dtype: str, by_numba: dict[tuple[str, str], Run]
) -> None:
    x = samples(name, dtype)
    assert ulps(name, x, by_numba[name, dtype](x)) <= 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("runs", ["in_c", "by_numba"])
def test_ends(name: str, dtype: str, runs: str, request: pytest.FixtureRequest) -> None:
    x, expected = (np.array(list(each), dtype) for each in (ENDS[name], ENDS[name].values()))
    np.testing.assert_array_equal(request.getfixturevalue(runs)[name, dtype](x), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_odd_functions_keep_the_sign_of_zero(
    name: str, dtype: str, in_c: dict[tuple[str, str], Run]
) -> None:
    y = in_c[name, dtype](np.array([0.0, -0.0], dtype))
    assert np.signbit(y).tolist() == [False, True]


@pytest.mark.parametrize("dtype", DTYPES)
def test_gcc_makes_vectors_of_every_loop(dtype: str, tmp_path: Path) -> None:
    command = [shutil.which("cc") or "false", "--version"]
    about = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    require("gcc", "Free Software" in about and platform.machine() == "x86_64")
    _, said = compiled(tmp_path, dtype, "-march=x86-64-v3", "-fopt-info-vec")
    assert said.count("loop vectorized") >= len(BODIES), said


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("dtype", ["float", "double"])
def test_numba_makes_vectors(name: str, dtype: str, numba_module: ModuleType) -> None:
    run = getattr(numba_module, f"run_{name}")
    x = np.ones(8, {"float": np.float32, "double": np.float64}[dtype])
    run(x, x.copy())
    text = "".join(run.inspect_llvm().values())
    assert re.search(rf"fmul [a-z ]*<\d+ x {dtype}>", text)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("fold", "start", "exact"), [("sum", 0, np.sum), ("max", -INF, np.max), ("min", INF, np.min)]
)
def test_folds_in_any_order_by_numba(
    fold: str, start: float, exact: Run, dtype: Any, numba_module: ModuleType
) -> None:
    run = getattr(numba_module, f"fold_{fold}")
    for size in (1, 7, 64, 1000):
        x = np.random.default_rng(size).integers(-1000, 1000, size).astype(dtype)
        assert run(x, dtype(start)) == exact(x)
        for at in {0, size // 2, size - 1}:
            for nan in (NAN, -NAN):
                assert np.isnan(
                    run(np.where(np.arange(size) == at, nan, x).astype(dtype), dtype(start))
                )


@pytest.mark.parametrize(
    ("names", "every"),
    [
        ((), []),
        (("exp",), ["exp"]),
        (("tanh", "exp"), ["exp", "expm1", "tanh"]),
        (("softplus", "log1p"), ["log1p", "exp", "softplus"]),
    ],
)
def test_only_what_is_used_is_written(names: tuple[str, ...], every: list[str]) -> None:
    assert wanted(names) == every
    c = "\n".join(elementary_c.definitions(names))
    python = "\n".join(elementary_numba.definitions(names))
    for name in BODIES:
        assert (f" {name}_4(float x)" in c) == (name in every)
        assert (f"def _{name}_4(x)" in python) == (name in every)
    assert all(len(line) <= 100 for line in (c + python).splitlines())


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "erf"])
def test_numbers_of_rows_keep_the_library(name: str) -> None:
    c, python = CDialect(), NumbaDialect()
    assert c.function(name, ["x"], "wide") == f"{name}(x)"
    assert c.function(name, ["x"], "real") == f"{name}_real(x)"
    assert f"_{name}_real" not in python.function(name, ["x"], "wide")
    assert python.function(name, ["x"], "real") == f"_{name}_real(x)"
    assert c.elementary == python.elementary == {name}


X = Load("x", ())
ROOT = Pow(Num(Fraction(2)), Fraction(-1, 2))


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (power(X, Fraction(1, 2)), "sqrt(x)"),
        (power(X, Fraction(3, 2)), "(x * sqrt(x))"),
        (power(X, Fraction(5, 2)), "(power2_real(x) * sqrt(x))"),
        (power(X, Fraction(5)), "(x * power4_real(x))"),
        (power(X, Fraction(6)), "power2_real(power3_real(x))"),
        (power(X, Fraction(-7)), "((REAL)1.0 / (x * power2_real(power3_real(x))))"),
        (power(X, Fraction(65)), "pow(x, (REAL)65.0)"),
        (power(X, Fraction(1, 3)), "pow(x, (REAL)(1.0 / 3.0))"),
        (product((X, ROOT)), "((REAL)((double)1.0 / sqrt((double)2.0)) * x)"),
        (product((Num(Fraction(2)), X)), "((REAL)2.0 * x)"),
        (product((X, power(X, Fraction(-1)))), "(x / x)"),
    ],
)
def test_powers_are_products_and_constants_one_number(entry: Entry, text: str) -> None:
    formulas = Formulas(CDialect(), {}, lambda load, kind: load.array, {})
    assert formulas.text(entry, "real", guarded=True) == text


def test_constants_of_rows_are_divided_as_they_stand() -> None:
    formulas = Formulas(CDialect(), {}, lambda load, kind: load.array, {})
    assert formulas.text(product((X, ROOT)), "wide", guarded=True) == "(x / sqrt((double)2.0))"


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [(0.1, 4, "0.1"), (0.1, 8, "0.1"), (1 / 3, 4, "0.33333334"), (2.0**-126, 4, "1.1754944e-38")],
)
def test_constants_are_the_shortest_decimals(value: float, width: int, text: str) -> None:
    assert decimal(value, width) == text


def test_long_lines_are_broken_in_brackets() -> None:
    text = " + ".join(["value"] * 30)
    lines = broken("    y = ", text, "", True).splitlines()
    assert len(lines) > 1 and max(map(len, lines)) <= 100
    names: dict[str, Any] = {}
    exec(compile("value = 1\n" + "\n".join(lines).strip(), "text", "exec"), names)
    assert names["y"] == 30
