"""Names become identifiers by a closed rule; other text becomes harmless."""

from __future__ import annotations

import ast
import builtins
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.errors import UsageError
from derive.kernel.names import Namer, function_name, identifier, in_docstring, in_format


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("x", "x"),
        ("X", "X"),
        (r"\gamma", "gamma"),
        (r"\epsilon", "eps"),
        (r"\varepsilon", "eps"),
        (r"\lambda", "lam"),
        (r"\Gamma", "Gamma"),
        (r"\vartheta", "theta"),
        (r"\hat{X}", "X_hat"),
        (r"\hat{\bar{x}}", "x_bar_hat"),
        (r"\mu_{\mathcal{B}}", "mu_B"),
        (r"x_{\text{in}}", "x_in"),
        ("x'", "x_prime"),
        ("x^{*}", "x_star"),
        ("2", "v_2"),
        ("", "v"),
        ("é", "u00e9"),
        ("x;import os", "x_u003b_importos"),
        (r"\input{/etc/passwd}", "u005cinput_u002f_etc_u002f_passwd"),
    ],
)
def test_identifier(key: str, expected: str) -> None:
    assert identifier(key) == expected


@given(st.lists(st.text(max_size=30), max_size=8))
def test_names_are_distinct_identifiers_and_nobody_elses(keys: list[str]) -> None:
    namer = Namer()
    names = [namer.name(identifier(key)) for key in keys]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isidentifier() and name.isascii()
        assert not keyword.iskeyword(name) and not hasattr(builtins, name)


def test_small_letters_unless_taken() -> None:
    namer = Namer()
    names = [namer.name(wish) for wish in ("X", "x", "x", "lambda", "sum", "numpy", "want")]
    assert names == ["x", "x_", "x_2", "lambda_", "sum_", "numpy_", "want_"]


@pytest.mark.parametrize(
    "name", ["", "1x", "X", "a b", "a;b", "class", "print", "_x", "x\n", "numpy", "é", "a.b"]
)
def test_function_names_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a function"):
        function_name(name)


HOSTILE = [
    '"""\nimport os\n"""',
    "'''",
    "`ls`",
    "__import__('os').system('x')",
    "{__import__('os')}",
    "\\",
    "\\\\",
    '\\"""',
    "\\N{DIGIT ONE}\\x00\\u0000",
    "\r\n\x00\u2028import os",
    "a\\\n",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_docstring_text_is_one_string(text: str) -> None:
    tree = ast.parse(f'"""{in_docstring(text)} """')
    assert len(tree.body) == 1
    shown = ast.literal_eval(f'"""{in_docstring(text)} """')
    assert "\n" not in shown and '"' not in shown and "`" not in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_format_text_evaluates_nothing(text: str) -> None:
    (string,) = (ast.walk(ast.parse(f'f"{in_format(in_docstring(text))}"', mode="eval").body),)
    assert not any(isinstance(node, ast.FormattedValue) for node in string)


@pytest.mark.parametrize("name", ["rows", "todo", "near", "start", "shapes", "given"])
def test_names_that_kernels_use_themselves(name: str) -> None:
    assert Namer().name(name) != name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("∑ₖ₌₁ᴷ exp(Zᵢₖ/τ) ≠ 0", "sum_{k=1}^K exp(Z_{ik}/tau) != 0"),
        ("ρᵢτᵢ", "rho_i tau_i"),
        ("−2μ + Σ", "-2 mu + Sigma"),
        ("x²y₁₀", "x^2y_{10}"),
        ("part_a_b", "part_a_b"),
    ],
)
def test_formulas_are_said_in_ascii(text: str, said: str) -> None:
    assert in_docstring(text) == said
