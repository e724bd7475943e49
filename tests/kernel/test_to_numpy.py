"""Emitted modules: right values, clear refusals, and no text of a document in their code."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import compiled
import numpy as np
import pytest
from closed_forms import BATCHNORM, LAYERS, forms_of, plan_for

from derive.errors import UsageError
from derive.kernel.inputs import cases
from derive.kernel.plan import plan_of
from derive.kernel.reference import reference
from derive.kernel.to_numpy import emit_numpy, load_kernel, parameter_names, result_names

Kernel = Callable[..., Any]


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return load_kernel(
        emit_numpy(plan_for("batchnorm"), "batchnorm_backward"), "batchnorm_backward"
    )


def arguments(dtype: str = "float64", **changed: Any) -> dict[str, Any]:
    random = np.random.default_rng(1)
    given: dict[str, Any] = {
        "x": random.standard_normal((5, 3)).astype(dtype),
        "dy": random.standard_normal((5, 3)).astype(dtype),
        "gamma": random.standard_normal(3).astype(dtype),
        "eps": 1e-5,
    }
    return given | changed


# ---- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_emitted_equals_lambdified(layer: str) -> None:
    plan = plan_for(layer)
    emitted = load_kernel(emit_numpy(plan, "emitted"), "emitted")
    run = reference(plan)
    names = parameter_names(plan)
    for case in cases(plan, "float64"):
        held: Mapping[str, Any] = {
            p.array: (case.inputs if p.kind == "input" else case.upstream)[p.symbol.key]
            for p in plan.parameters
        }
        if case.name == "offset 1e4" and layer in ("softmax", "sigmoid"):
            continue
        given = {n: held[a] if held[a].ndim else float(held[a]) for a, n in names.items()}
        found = emitted(**given)
        # sums that cancel: no larger than the roundings of their terms
        smallest = 1e-3 * max((float(np.abs(v).max()) for v in case.upstream.values()), default=0)
        for array, name in result_names(plan).items():
            expected = run(held)[array]
            assert getattr(found, name).shape == expected.shape
            scale = max(smallest, float(np.abs(expected).max()))
            assert np.abs(getattr(found, name) - expected).max() <= 1e-10 * scale, case.name


def test_batchnorm_by_hand(kernel: Kernel) -> None:
    """x = (0, 2), dy = (1, 0): μ = 1, v = 1; with ε = 3, σ = 2; γ = 8."""
    given = {
        "x": np.array([[0.0], [2.0]]),
        "dy": np.array([[1.0], [0.0]]),
        "gamma": np.array([8.0]),
    }
    found = kernel(**given, eps=3.0)
    # 8/2 · (dy − 1/2 − (x−1)/4 · (−1/2)) = 4 · (1/2 − 1/8, −1/2 + 1/8)
    assert found.dx.tolist() == [[1.5], [-1.5]]
    assert found.dgamma.tolist() == [-0.5]
    assert found.dbeta.tolist() == [1.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("precise", [False, True])
def test_results_have_the_dtype_of_the_arguments(kernel: Kernel, dtype: str, precise: bool) -> None:
    given = arguments(dtype)
    before = {name: np.copy(value) for name, value in given.items()}
    found = kernel(**given, precise=precise)
    assert {value.dtype.name for value in found} == {dtype}
    assert all(np.array_equal(given[name], before[name]) for name in given)


def test_want(kernel: Kernel) -> None:
    everything = kernel(**arguments())
    for wanted in ("dx", "dgamma", "dbeta"):
        only = kernel(**arguments(), want=(wanted,))
        assert np.array_equal(getattr(only, wanted), getattr(everything, wanted))
        assert sum(value is not None for value in only) == 1
    assert kernel(**arguments(), want="dx").dgamma is None


def test_results_are_the_callers_own() -> None:
    """A gradient that equals the upstream one is a copy of it."""
    text = r"""Let $x, b \in \mathbb{R}^N$, $y = x + b$, for a loss
    $f : \mathbb{R}^N \to \mathbb{R}$.
    $$\frac{\partial f}{\partial x} = \frac{\partial f}{\partial y}$$"""
    shift = load_kernel(emit_numpy(plan_of(forms_of(text)), "shift"), "shift")
    dy = np.ones(3)
    shift(dy).dx[0] = 7.0
    assert dy.tolist() == [1.0, 1.0, 1.0]


def test_layouts_do_not_matter(kernel: Kernel) -> None:
    given = arguments()
    strided = {
        "x": np.asfortranarray(given["x"]),
        "dy": np.repeat(given["dy"], 2, axis=1)[:, ::2],
        "gamma": given["gamma"][::-1][::-1],
    }
    plain, other = kernel(**given), kernel(**given | strided)
    assert all(np.allclose(a, b, rtol=1e-14) for a, b in zip(plain, other, strict=True))


# ---- refusals -----------------------------------------------------------------------------------

REFUSED = [
    ({"x": [[1.0]]}, "x: expected a NumPy array, got list"),
    ({"x": None}, "x: expected a NumPy array, got NoneType"),
    ({"x": np.ma.masked_array(np.ones((5, 3)))}, "x: expected a plain NumPy array"),
    ({"x": np.ones(5)}, r"x: expected 2 axes, got shape \(5,\)"),
    ({"gamma": np.ones((1, 3))}, "gamma: expected 1 axes"),
    ({"dy": np.ones((5, 2))}, r"dy: expected shape \(N, D\) = \(5, 3\), got \(5, 2\)"),
    ({"gamma": np.ones(1)}, r"gamma: expected shape \(D,\) = \(3,\), got \(1,\)"),
    ({"x": np.ones((5, 3), int)}, "x: expected dtype float32 or float64, got int64"),
    ({"x": np.ones((5, 3), complex)}, "x: expected dtype float32 or float64"),
    ({"x": np.ones((5, 3), np.float16)}, "x: expected dtype float32 or float64"),
    ({"x": np.ones((5, 3), object)}, "x: expected dtype float32 or float64"),
    ({"dy": np.ones((5, 3), np.float32)}, "dy: dtype float32, while x has float64"),
    ({"x": np.ones((0, 3)), "dy": np.ones((0, 3))}, "x: every axis needs at least one entry"),
    ({"x": np.ones((5, 0)), "dy": np.ones((5, 0))}, r"gamma: expected shape \(D,\) = \(0,\)"),
    ({"eps": 0.0}, "eps: must satisfy"),
    ({"eps": -1e-5}, "eps: must satisfy"),
    ({"eps": float("nan")}, "eps: must satisfy"),
    ({"eps": "1e-5"}, "eps: expected a real number, got str"),
    ({"eps": True}, "eps: expected a real number, got bool"),
    ({"eps": 1j}, "eps: expected a real number, got complex"),
    ({"eps": np.ones(3)}, "eps: expected a real number, got ndarray"),
    ({"eps": 10**400}, "eps: too large"),
    ({"want": ()}, "want: expected some of"),
    ({"want": ("dz",)}, "want: expected some of"),
    ({"check_finite": True, "x": np.full((5, 3), np.nan)}, "x: holds a value that is not finite"),
    ({"check_finite": True, "eps": float("inf")}, "eps: holds a value that is not finite"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_refusals_name_the_argument(kernel: Kernel, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kernel(**arguments(**changed))


@pytest.mark.parametrize(("changed", "message"), compiled.REFUSED)
def test_options_are_those_of_compiled_kernels(
    kernel: Kernel, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kernel(**compiled.arguments((5, 3)) | changed)


@pytest.mark.parametrize("number", range(len(compiled.overlapping())))
def test_overlap_is_refused_before_any_work(kernel: Kernel, number: int) -> None:
    name, named = compiled.overlapping()[number]
    before = {n: v.copy() for n, v in named.items() if isinstance(v, np.ndarray)}
    with pytest.raises(ValueError, match="overlaps another array"):
        kernel(**named)
    assert all(np.array_equal(named[n], v) for n, v in before.items()), name


def test_epsilon_that_vanishes_in_float32(kernel: Kernel) -> None:
    assert kernel(**arguments(eps=1e-50)).dx.shape == (5, 3)
    with pytest.raises(ValueError, match="eps: must satisfy"):
        kernel(**arguments("float32", eps=1e-50))


def test_equations_between_arguments_are_checked() -> None:
    text = r"""Let $A \in \mathbb{R}^{N \times N}$ and assume $A = A^\top$. Let $x \in \mathbb{R}^N$
    and $s = \frac12 x^\top A x$, for a loss $f : \mathbb{R} \to \mathbb{R}$.
    $$\frac{\partial f}{\partial x} = \frac{\partial f}{\partial s} A x$$"""
    kernel = load_kernel(emit_numpy(plan_of(forms_of(text)), "form"), "form")
    symmetric = np.array([[2.0, 1.0], [1.0, 3.0]])
    names = kernel.__code__.co_varnames
    given = {"a": symmetric, "x": np.array([1.0, 2.0]), "ds": 2.0}
    assert set(given) <= set(names)
    assert kernel(**given).dx.tolist() == [8.0, 14.0]
    with pytest.raises(ValueError, match=r"^a: must satisfy"):
        kernel(**given | {"a": np.array([[2.0, 1.0], [0.0, 3.0]])})


# ---- the text -----------------------------------------------------------------------------------


def test_imports_numpy_only() -> None:
    for layer in LAYERS:
        tree = ast.parse(emit_numpy(plan_for(layer), "kernel"))
        found = {
            name.name if isinstance(node, ast.Import) else node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        }
        assert found <= {"numpy", "typing", "__future__", "math", "os", "concurrent.futures"}


def test_docstring_says_what_was_proved() -> None:
    forms = tuple(
        replace(
            form, latex=r"\frac{a}{b} = 1", source="batchnorm.md:94", side_conditions=("N \\ge 1",)
        )
        for form in forms_of(BATCHNORM)
    )
    source = emit_numpy(plan_of(forms), "batchnorm_backward", version="9.8.7")
    function = load_kernel(source, "batchnorm_backward")
    assert function.__doc__ is not None
    for part in (r"dx: \frac{a}{b} = 1 (batchnorm.md:94)", "(N, D)", r"N \ge 1", r"\epsilon > 0"):
        assert part in re.sub(r"\s+", " ", function.__doc__)
    assert "derive 9.8.7" in source


def test_output_is_deterministic() -> None:
    plan = plan_of(forms_of(BATCHNORM))
    assert emit_numpy(plan, "kernel") == emit_numpy(plan_for("batchnorm"), "kernel")


HOSTILE = [
    '"""\nimport os\nos.abort()\n"""',
    "\\",
    '\\"""',
    "'''`x`",
    "{__import__('os').abort()}",
    "\\N{x}\\x\r\n\u2028import os",
    "%s{0}{{",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    """Claims, sources, side conditions, assumptions, names of arrays and sizes, the version."""
    honest = emit_numpy(plan_of(forms_of(BATCHNORM)), "kernel")
    source = emit_numpy(plan_of(hostile_forms(text)), "kernel", version=text)
    assert _skeleton(source) == _skeleton(honest)
    load_kernel(source, "kernel")


def hostile_forms(text: str) -> Any:
    """The batch normalisation with the text wherever a document puts text that is shown."""
    forms = []
    for form in forms_of(BATCHNORM):
        assumptions = tuple(replace(a, latex=text) for a in form.context.assumptions)
        symbols = {key: replace(s, latex=text) for key, s in form.context.symbols.items()}
        context = replace(form.context, assumptions=assumptions, symbols=symbols)
        objective, target = replace(form.objective, latex=text), replace(form.target, latex=text)
        forms.append(
            replace(
                form,
                objective=objective,
                target=target,
                context=context,
                latex=text,
                source=text,
                side_conditions=(text,),
            )
        )
    return tuple(forms)


def _skeleton(source: str) -> str:
    """The syntax tree with every string constant emptied."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize(
    "key", ["N_{0}", "{__import__('os').abort()}", 'N"', "N\\", "class", "n\n"]
)
def test_hostile_sizes(key: str) -> None:
    """The name of a size stands in messages that are format strings."""
    (form, *_) = forms_of(SQUARES.replace("N", "M"))
    other = renamed_inside(form, "M", key)
    kernel = load_kernel(emit_numpy(plan_of((other,)), "squares"), "squares")
    assert kernel(np.array([1.0, 2.0]), np.array([1.0, 1.0])).dx.tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match="dy: expected shape"):
        kernel(np.ones(2), np.ones(3))


SQUARES = r"""Let $x, y \in \mathbb{R}^N$ and $y_i = x_i^2$ for a loss
$f : \mathbb{R}^N \to \mathbb{R}$. $$\frac{\partial f}{\partial x_j} = 2 x_j
\frac{\partial f}{\partial y_j}$$"""


def renamed_inside(value: Any, old: str, new: str) -> Any:
    """A frozen value with every string `old` inside it replaced, found by walking its fields."""
    if isinstance(value, str):
        return new if value == old else value
    if isinstance(value, tuple):
        return tuple(renamed_inside(part, old, new) for part in value)
    if isinstance(value, dict):
        return {renamed_inside(k, old, new): renamed_inside(v, old, new) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: renamed_inside(getattr(value, f.name), old, new)
            for f in dataclasses.fields(value)
        }
        return dataclasses.replace(value, **changed)
    return value


@pytest.mark.parametrize("name", ["", "a b", "os.abort()", "class", "x\ny"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_numpy(plan_for("softmax"), name)
