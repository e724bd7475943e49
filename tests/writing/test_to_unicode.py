"""Two-dimensional Unicode: exact layouts, widths, and line breaks."""

from __future__ import annotations

import unicodedata

import formula_trees as t
import pytest

from derive.reading.syntax import (
    Bars,
    BigOperator,
    Call,
    Cases,
    Derivative,
    Expr,
    Frac,
    Group,
    List,
    Mapping,
    Name,
    Power,
    Product,
    Root,
    Row,
    Slice,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
    Words,
)
from derive.writing.box import cell_width
from derive.writing.to_unicode import render, to_unicode

LAYOUTS: list[tuple[Expr, str]] = [
    (
        t.mean,
        """
    1  N
μ = ─  ∑  xᵢ
    N i=1
""",
    ),
    (
        t.chain_rule,
        """
       N
∂f    ╲▔▔ ∂f  ∂yᵢ ∂x̂ᵢ
─── =  >  ─── ─── ───
∂xⱼ   ╱▁▁ ∂yᵢ ∂x̂ᵢ ∂xⱼ
      i=1
""",
    ),
    (
        t.quotient,
        """
∂x̂ᵢ   ∂(xᵢ − μ)                        ⎛  1⎞             ∂(v + ε)
─── = ───────── (v + ε)⁻¹ᐟ² + (xᵢ − μ) ⎜− ─⎟ (v + ε)⁻³ᐟ² ────────
∂xⱼ      ∂xⱼ                           ⎝  2⎠               ∂xⱼ
""",
    ),
    (
        t.identity,
        """
∂xᵢ   ⎧ 1   i = j
─── = ⎨
∂xⱼ   ⎩ 0   i ≠ j
""",
    ),
    (
        t.square_rows,
        """
      ⎧            ⎛    1⎞     2
      ⎪ 2 (xᵢ − μ) ⎜1 − ─⎟ = − ─ (xᵢ − μ) + 2 (xᵢ − μ)   i = j
∂sᵢ   ⎪            ⎝    N⎠     N
─── = ⎨
∂xⱼ   ⎪   2
      ⎪ − ─ (xᵢ − μ)                                     i ≠ j
      ⎩   N
""",
    ),
    (
        t.variance_slope,
        """
∂v    1 ⎛  2  N                       ⎞
─── = ─ ⎜− ─  ∑  (xᵢ − μ) + 2 (xⱼ − μ)⎟
∂xⱼ   N ⎝  N i=1                      ⎠
""",
    ),
    (
        t.off_diagonal,
        """
∂x̂ᵢ     1                        ⎛  1⎞             2
─── = − ─ (v + ε)⁻¹ᐟ² + (xᵢ − μ) ⎜− ─⎟ (v + ε)⁻³ᐟ² ─ (xⱼ − μ)
∂xⱼ     N                        ⎝  2⎠             N

        1
    = − ─ (v + ε)⁻¹ᐟ² (1 + (xᵢ − μ)(xⱼ − μ)(v + ε)⁻¹)
        N
""",
    ),
    (
        t.closed_form,
        """
                    ⎛     N                             N                    ⎞
∂f                  ⎜  1 ╲▔▔ ∂f                      1 ╲▔▔          ∂f    ∂f ⎟
─── = γ (v + ε)⁻¹ᐟ² ⎜− ─  >  ─── − (xⱼ − μ)(v + ε)⁻¹ ─  >  (xᵢ − μ) ─── + ───⎟
∂xⱼ                 ⎜  N ╱▁▁ ∂yᵢ                     N ╱▁▁          ∂yᵢ   ∂yⱼ⎟
                    ⎝    i=1                           i=1                   ⎠
""",
    ),
    (
        t.chain(t.sigma, "=", Root(t.plus(t.v, t.eps))),
        """
     ▁▁▁▁▁
σ = √v + ε
""",
    ),
    (
        t.chain(t.sigma, "=", Root(t.times(t.share, t.over_batch(t.x_i)))),
        """
    ┌────────
    │1  N
σ = │─  ∑  xᵢ
    ⎷N i=1
""",
    ),
    (
        t.chain(Underbrace(t.total(t.x_i, t.i), t.chain(None, "=", t.num(1))), ">", t.num(0)),
        """
∑ xᵢ > 0
i
╰┬─╯
= 1
""",
    ),
    (
        Frac(t.num(1), t.plus(t.num(1), Frac(t.num(1), t.x))),
        """
   1
───────
     1
 1 + ─
     x
""",
    ),
    (
        Cases(
            (
                Row(t.x, t.chain(t.x, ">", t.num(0)), "if"),
                Row(t.times(t.n("\\alpha"), t.x), t.chain(t.x, "=", t.num(0)), "if"),
                Row(t.num(0), None, "otherwise"),
            )
        ),
        """
⎧ x    if x > 0
⎨ αx   if x = 0
⎩ 0    otherwise
""",
    ),
    (
        BigOperator("prod", (t.chain(t.n("k"), "\\neq", t.j),), None, Frac(t.num(1), t.x_i)),
        """
┬─┬ 1
│ │ ──
┴ ┴ xᵢ
k≠j
""",
    ),
    (
        t.chain(Bars(Frac(t.x_i, t.n("s"))), "<", t.num(1)),
        """
│xᵢ│
│──│ < 1
│s │
""",
    ),
    (
        t.chain(t.sub(t.n("p"), t.n("b")), "=", Power(t.sub(t.x, t.n("b")), t.n("\\alpha"))),
        """
      α
p  = x
 b    b
""",
    ),
    (
        Power(t.sub(t.x, t.n("b")), t.num(2)),
        """
x²
 b
""",
    ),
    (
        Power(t.x_i, t.n("\\alpha")),
        """
 α
xᵢ
""",
    ),
    (
        Power(t.sub(t.paren(t.share), t.i), t.num(2)),
        """
⎛1⎞²
⎜─⎟
⎝N⎠ᵢ
""",
    ),
    (
        Derivative(t.times(t.x, t.y), ((t.x, 2),), "operator", order=2),
        """
∂²
─── xy
∂x²
""",
    ),
]

LINES: list[tuple[Expr, str]] = [
    (t.times(t.gamma, t.variance), "γ (v + ε)"),
    (t.times(t.num(2), t.dev_i), "2 (xᵢ − μ)"),
    (t.times(t.N, t.mu), "Nμ"),
    (t.times(t.n("rstd", font="mathrm"), t.x), "rstd x"),
    (t.times(t.f, t.paren(t.x)), "f(x)"),
    (t.times(t.dev_i, t.dev_j, t.inverse), "(xᵢ − μ)(xⱼ − μ)(v + ε)⁻¹"),
    (Product((t.dev_i, t.sigma), ("/",)), "(xᵢ − μ)/σ"),
    (Product((t.x, t.y, t.v), ("/", "")), "x / y · v"),
    (Product((t.x, t.y), ("\\odot",)), "x ⊙ y"),
    (t.times(t.num(2), t.num(3)), "2 · 3"),
    (Power(t.x_i, t.num(2)), "xᵢ²"),
    (t.n("\\mu", "bar"), "μ\u0304"),
    (Transpose(t.n("A"), "-\\top"), "A⁻ᵀ"),
    (Power(t.x, Group("(", ")", t.n("t"))), "x⁽ᵗ⁾"),
    (Subscript(t.n("1", font="mathbb"), (t.chain(t.i, "=", t.j),)), "𝟙ᵢ₌ⱼ"),
    (Subscript(t.x, (t.i, t.j), True), "x[i, j]"),
    (
        Mapping(
            Power(t.n("R", font="mathbb"), Product((t.N, t.n("D")), ("\\times",))),
            t.n("R", font="mathbb"),
        ),
        "ℝᴺˣᴰ → ℝ",
    ),
    (Call("log", t.x, sub=t.num(2), parenthesised=False), "log₂ x"),
    (Call("max", List((t.num(0), t.x))), "max(0, x)"),
    (Bars(t.x, True, t.num(2)), "‖x‖₂"),
    (Derivative(t.f, ((t.x, 1),), "nabla"), "∇ₓ f"),
    (Derivative(t.f, ((t.x_j, 1),), "slash", sign="d"), "df/dxⱼ"),
]


@pytest.mark.parametrize(("tree", "expected"), LAYOUTS)
def test_layout(tree: Expr, expected: str) -> None:
    assert render(tree) == expected.removeprefix("\n").removesuffix("\n")


@pytest.mark.parametrize(("tree", "expected"), LINES)
def test_one_row(tree: Expr, expected: str) -> None:
    assert render(tree) == expected


@pytest.mark.parametrize("tree", [tree for tree, _ in LAYOUTS])
def test_rows_have_equal_width_and_a_baseline(tree: Expr) -> None:
    box = to_unicode(tree)
    assert {cell_width(row) for row in box.rows} == {box.width}
    assert 0 <= box.baseline < box.height


@pytest.mark.parametrize("width", [80, 60, 48])
@pytest.mark.parametrize("tree", [t.off_diagonal, t.closed_form, t.quotient, t.square_rows])
def test_breaks_keep_the_width_and_every_character(tree: Expr, width: int) -> None:
    text = render(tree, width)
    assert max(map(cell_width, text.splitlines())) <= width
    whole, broken = (_characters(render(tree, w)) for w in (1000, width))
    assert all(broken.count(c) >= whole.count(c) for c in set(whole) - set("⎛⎞⎝⎠⎜⎟⎪()"))


def _characters(text: str) -> list[str]:
    return [c for c in text if not c.isspace() and not unicodedata.combining(c)]


def test_nothing_follows_a_broken_term() -> None:
    """`a b + c` broken inside `a b` must not read as `(a + c) b`."""
    letters = [t.n(letter * 9, font="mathrm") for letter in "abc"]
    tree = t.plus(t.times(letters[0], letters[1]), letters[2])
    assert render(tree, 22) == "aaaaaaaaa bbbbbbbbb\n + ccccccccc".replace("\n ", "\n")
    assert render(tree, 14).splitlines() == ["aaaaaaaaa", "· bbbbbbbbb", "+ ccccccccc"]


def test_a_name_wider_than_the_width_is_not_cut() -> None:
    assert render(Name("w" * 50, "mathrm"), 20) == "w" * 50


def test_a_sum_as_factor_gets_the_brackets_it_needs() -> None:
    assert render(t.times(t.gamma, t.plus(t.v, t.eps))) == "γ (v + ε)"
    assert render(Power(t.plus(t.v, t.eps), t.num(2))) == "(v + ε)²"
    assert render(Sum(("", "-"), (t.x, t.minus(t.y, t.v)))) == "x − (y − v)"


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "a\nb", "a\u202eb", "tab\there"])
def test_control_characters_do_not_reach_the_terminal(hostile: str) -> None:
    for tree in (Words(hostile), Name(hostile, "text")):
        for text in (render(tree), render(tree, ascii=True)):
            assert len(text.splitlines()) == 1
            assert not any(unicodedata.category(c).startswith("C") for c in text)


def test_slices_and_labels_without_small_characters_are_lowered() -> None:
    assert render(Subscript(t.n("X"), (t.i, Slice()))) == "X\n i,:"


def test_ascii_breaks_before_relations_and_signs() -> None:
    assert render(t.off_diagonal, 80, ascii=True).splitlines() == [
        "d xhat_i / d x_j",
        "    = -1/N * (v + epsilon)^{-1/2}",
        "      + (x_i - mu)(-1/2)(v + epsilon)^{-3/2} * 2/N * (x_j - mu)",
        "    = -1/N * (v + epsilon)^{-1/2} (1 + (x_i - mu)(x_j - mu)(v + epsilon)^{-1})",
    ]


def test_a_long_first_member_stands_on_its_own_line() -> None:
    lead, links = Name("a" * 30, "mathrm"), [Name(c * 32, "mathrm") for c in "bc"]
    text = render(t.chain(lead, "=", t.plus(*links)), 80)
    assert text == f"{'a' * 30}\n    = {'b' * 32} + {'c' * 32}"
