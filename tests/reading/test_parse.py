"""One formula: text, what it is."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from derive.errors import ReadingError
from derive.reading.parse import parse_expression, parse_formula
from derive.reading.span import Source
from derive.reading.syntax import (
    Bars,
    BigOperator,
    Call,
    Cases,
    Chain,
    Derivative,
    Dots,
    Expr,
    Frac,
    Group,
    List,
    Mapping,
    Name,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Root,
    Row,
    Slice,
    Star,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
    Words,
)


def n(text: str) -> Number:
    return Number(text)


def times(*factors: Expr) -> Product:
    return Product(factors, ("",) * (len(factors) - 1))


def chain(*parts: Expr | str | None) -> Chain:
    members = tuple(p for p in parts if not isinstance(p, str))
    return Chain(members, tuple(Relation(p) for p in parts if isinstance(p, str)))


def group(body: Expr, marks: str = "()") -> Group:
    return Group(marks[0], marks[1], body)


A, B, C, F, II, J, K, N, T, X, Y = (Name(letter) for letter in "abcfijkNtxy")
MU, SIGMA = Name("\\mu"), Name("\\sigma")
XI = Subscript(X, (II,))
HAT = Name("x", "", ("hat",))
R = Name("R", "mathbb")


def frac_of(of: Expr, *by: tuple[Expr, int], order: int = 1, sign: str = "\\partial") -> Derivative:
    return Derivative(of, by, "frac", sign, order)


TREES: list[tuple[str, Expr]] = [
    # numbers and TeX's single-token arguments
    (r"0.5", n("0.5")),
    (r".5", n("0.5")),
    (r"\frac12", Frac(n("1"), n("2"))),
    (r"\tfrac1N", Frac(n("1"), N, "tfrac")),
    (r"x^12", times(Power(X, n("1")), n("2"))),
    (r"\frac{-1}{N}", Frac(Sum(("-",), (n("1"),)), N)),
    (r"9^{9^{9}}", Power(n("9"), Power(n("9"), n("9")))),
    (r"\sqrt[3]{x}", Root(X, n("3"))),
    (r"\sqrt2", Root(n("2"))),
    # names
    (r"\hat{x_i}", Subscript(HAT, (II,))),
    (r"\hat x_i", Subscript(HAT, (II,))),
    (r"\mathbf{x}_i", Subscript(Name("x", "mathbf"), (II,))),
    (r"\mathbf {d r}", Name("dr", "mathbf")),
    (r"\text{rstd}", Name("rstd", "text")),
    (r"\operatorname*{arg\,max}", Name("argmax", "operatorname")),
    (r"\boldsymbol{\mu}", Name("\\mu", "boldsymbol")),
    (r"\mu_{\text{in}}", Subscript(MU, (Name("in", "text"),))),
    (r"\mu_{\text{two words}}", Subscript(MU, (Words("two words"),))),
    (r"\bar{\mathbf{x}}", Name("x", "mathbf", ("bar",))),
    # scripts
    (r"x^2_i", Power(XI, n("2"))),
    (r"x_i^2", Power(XI, n("2"))),
    (r"x_{ij}", Subscript(X, (times(II, J),))),
    (r"X_{i,:}", Subscript(Name("X"), (II, Slice()))),
    (r"x[i][j]", Subscript(Subscript(X, (II,), True), (J,), True)),
    (r"x[i, j]", Subscript(X, (II, J), True)),
    (r"2 [x]", times(n("2"), group(X, "[]"))),
    (r"x'", Prime(X, 1)),
    (r"\hat{x}'_k", Subscript(Prime(HAT, 1), (K,))),
    (r"[x]'", Prime(group(X, "[]"), 1)),
    (r"x^{\prime\prime}", Prime(X, 2)),
    (r"x^*", Power(X, Star())),
    (r"x^{(t)}", Power(X, group(T))),
    (r"x^{\odot 2}", Power(X, n("2"), "\\odot")),
    (r"x^\top", Transpose(X, "\\top")),
    (r"A^{-\top}", Transpose(Name("A"), "-\\top")),
    (r"A^T", Transpose(Name("A"), "T")),
    (r"A^{\mathsf T}", Transpose(Name("A"), "T")),
    (r"A^{-1}", Power(Name("A"), Sum(("-",), (n("1"),)))),
    (r"(A^\top)_{jk}", Subscript(group(Transpose(Name("A"), "\\top")), (times(J, K),))),
    # sums, products, brackets
    (r"a - b + c", Sum(("", "-", "+"), (A, B, C))),
    (r"a \cdot -1", Product((A, Sum(("-",), (n("1"),))), ("\\cdot",))),
    (r"a / b \odot c * x", Product((A, B, C, X), ("/", "\\odot", "*"))),
    (r"\sigma(x)", times(SIGMA, group(X))),
    (r"\left(a\right) \bigg[b\bigg]", times(group(A), group(B, "[]"))),
    (r"{\color{red} a}", group(A, "{}")),
    (r"|x| |y|", times(Bars(X), Bars(Y))),
    (r"\|x\|_2^2", Power(Bars(X, True, n("2")), n("2"))),
    (r"\lVert x \rVert_F", Bars(X, True, Name("F"))),
    (r"\sum_i |x|", BigOperator("sum", (II,), None, Bars(X))),
    (r"\underbrace{a}_{=\,1}", Underbrace(A, chain(None, "=", n("1")))),
    # big signs take the whole product, never a plus
    (r"\sum_{i=1}^N x_i y", BigOperator("sum", (chain(II, "=", n("1")),), N, times(XI, Y))),
    (r"\sum_i -a + b", Sum(("", "+"), (BigOperator("sum", (II,), None, Sum(("-",), (A,))), B))),
    (r"\sum_{i,k} a", BigOperator("sum", (II, K), None, A)),
    (r"\sum_{k \neq j} a", BigOperator("sum", (chain(K, "\\neq", J),), None, A)),
    (
        r"\sum_{i=1, i \neq j} a",
        BigOperator("sum", (chain(II, "=", n("1")), chain(II, "\\neq", J)), None, A),
    ),
    (r"\prod\limits_i a", BigOperator("prod", (II,), None, A)),
    (r"\max_i x_i", BigOperator("max", (II,), None, XI)),
    # calls
    (r"\max\{0, x\}", Call("max", List((n("0"), X)))),
    (r"\exp(x) y", times(Call("exp", X), Y)),
    (r"\log x y", Call("log", times(X, Y), parenthesised=False)),
    (
        r"\sin 2x \cdot y",
        Product((Call("sin", times(n("2"), X), parenthesised=False), Y), ("\\cdot",)),
    ),
    (r"\log\det x", Call("log", Call("det", X, parenthesised=False), parenthesised=False)),
    (r"\log f(x)", Call("log", times(F, group(X)), parenthesised=False)),
    (r"\log x (a)", times(Call("log", X, parenthesised=False), group(A))),
    (r"\tanh^2 x", Call("tanh", X, power=n("2"), parenthesised=False)),
    (r"\log_2 x", Call("log", X, sub=n("2"), parenthesised=False)),
    (r"\log(x)^2", Power(Call("log", X), n("2"))),
    (r"\operatorname{softmax}(x)_i", Subscript(Call("softmax", X, "operatorname"), (II,))),
    (r"\Gamma(x)", Call("Gamma", X)),
    (r"\Gamma x", times(Name("\\Gamma"), X)),
    # derivatives
    (r"\frac{\partial f}{\partial x}", frac_of(F, (X, 1))),
    (r"\frac{\partial f}{\partial \sigma^2}", frac_of(F, (Power(SIGMA, n("2")), 1))),
    (r"\frac{\partial^2 f}{\partial x^2}", frac_of(F, (X, 2), order=2)),
    (r"\frac{\partial^2 f}{\partial x \partial y}", frac_of(F, (X, 1), (Y, 1), order=2)),
    (r"\frac{\partial (a - b)}{\partial x}", frac_of(group(Sum(("", "-"), (A, B))), (X, 1))),
    (r"\frac{d\hat{x}}{dx}", frac_of(HAT, (X, 1), sign="d")),
    (r"\frac{\mathrm{d} y}{\mathrm{d} x}", frac_of(Y, (X, 1), sign="\\mathrm{d}")),
    (r"\mathrm{d}f/\mathrm{d}x", Derivative(F, ((X, 1),), "slash", "\\mathrm{d}")),
    (r"\partial y / \partial x", Derivative(Y, ((X, 1),), "slash")),
    (r"\partial_x f", Derivative(F, ((X, 1),), "subscript")),
    (r"\nabla_x f", Derivative(F, ((X, 1),), "nabla", "\\nabla")),
    (
        r"a \frac{\partial}{\partial x} b c \frac{d}{dy} f",
        times(
            A,
            Derivative(times(B, C), ((X, 1),), "operator"),
            Derivative(F, ((Y, 1),), "operator", "d"),
        ),
    ),
    (r"d x_i", times(Name("d"), XI)),
    # ones, indicators, cases
    (r"\mathbb{1}[i=j]", Subscript(Name("1", "mathbb"), (chain(II, "=", J),), True)),
    (r"\mathbf 1_{i=j}", Subscript(Name("1", "mathbf"), (chain(II, "=", J),))),
    (
        r"\begin{cases} a = b & i = j \\ 0, & \text{otherwise} \\ \end{cases}",
        Cases((Row(chain(A, "=", B), chain(II, "=", J)), Row(n("0"), None, "otherwise"))),
    ),
    (
        r"\begin{cases} 1 & \text{if } x > 0. \end{cases}",
        Cases((Row(n("1"), chain(X, ">", n("0")), "if"),)),
    ),
    # chains and lists
    (r"x, y \in \mathbb{R}^N", chain(List((X, Y)), "\\in", Power(R, N))),
    (r"1 \le i, k \leq N", chain(n("1"), "\\le", List((II, K)), "\\le", N)),
    (r"i = 1, \dots, N", chain(II, "=", List((n("1"), Dots("\\dots"), N)))),
    (r"f : A \to B", chain(F, ":", Mapping(Name("A"), Name("B")))),
    (r"a \coloneqq b", chain(A, ":=", B)),
    (r"a \not= b", chain(A, "\\neq", B)),
    (r"a \overset{\text{def}}{=} b", chain(A, ":=", B)),
    (r"\boxed{a = b}", chain(A, "=", B)),
    (r"\color{red}{a = b} \tag{1} \label{eq:a_b}.", chain(A, "=", B)),
    (r"= a", chain(None, "=", A)),
    (r"a =", chain(A, "=", None)),
    (r"α ≤ x·y", chain(Name("\\alpha"), "\\le", Product((X, Y), ("\\cdot",)))),
]


@pytest.mark.parametrize(("text", "tree"), TREES, ids=[text for text, _ in TREES])
def test_trees(text: str, tree: Expr) -> None:
    assert parse_expression(text) == tree


WRONG = [
    (r"\frac{a}{b", 10, "expected a closing brace, the formula ends here"),
    (r"(a + b", 6, "expected a closing bracket, the formula ends here"),
    (r"a + b)", 6, ") closes nothing"),
    (r"\mathrm{exp}{(x))}", 17, "expected a closing brace, not )"),
    (r"(a]", 3, "( is closed by ]"),
    (r"a + \foo", 5, "unknown command \\foo"),
    (r"a +", 3, "expected an expression, the formula ends here"),
    (r"a = = b", 5, "expected an expression before ="),
    (r"a_{}", 3, "expected an expression between the braces"),
    (r"\sum_i", 1, "expected an expression after \\sum"),
    (r"\frac{\partial}{\partial x}", 1, "expected an expression after the derivative sign"),
    (r"\partial f", 1, "∂ stands outside a derivative"),
    (r"\hat{a + b}", 1, "\\hat stands on something other than a name"),
    (r"x_i_j", 4, "a second subscript"),
    (r"x^a^b", 4, "a second exponent"),
    (r"\int x", 1, "an integral (\\int) is not read"),
    (r"\left. f \right|_{x=0}", 16, "a bar that marks where to evaluate is not read"),
    (r"\begin{pmatrix} a \end{pmatrix}", 1, "the environment 'pmatrix' is not read"),
    (r"\underset{i}{\max} x", 1, "\\underset is read only with a relation sign"),
    (r"a ? b", 3, "unexpected character '?'"),
    ("9" * 41, 1, "a number of more than 40 digits"),
    ("x" * 20_001, 1, "a formula of more than 20000 characters"),
    ("(" * 65 + "x" + ")" * 65, 65, "brackets are nested more than 64 deep"),
    (r"\hat" * 70 + "x", 257, "brackets are nested more than 64 deep"),
    (r"\log " * 3000 + "x", 321, "functions are nested more than 64 deep"),
    (r"\sum_i " * 70 + "x", 456, "signs are nested more than 64 deep"),
    ("", 1, "expected a formula"),
]


@pytest.mark.parametrize(("text", "column", "message"), WRONG, ids=[m for _, _, m in WRONG])
def test_wrong(text: str, column: int, message: str) -> None:
    with pytest.raises(ReadingError) as caught:
        parse_expression(text)
    place = caught.value.place
    assert (caught.value.message, place and place.column) == (message, column)


STATEMENTS: list[tuple[str, list[tuple[str, Expr | None]]]] = [
    (r"\mu = a, \qquad v = b", [("", chain(MU, "=", A)), ("", chain(Name("v"), "=", B))]),
    (r"a = b, x = y", [("", chain(A, "=", B)), ("", chain(X, "=", Y))]),
    (r"a = b \quad \text{for } i \neq j", [("", chain(A, "=", B)), ("for", chain(II, "\\neq", J))]),
    (r"a &= b \\ &= c", [("", chain(A, "=", B, "=", C))]),
    (r"a &= b \\ &\quad + c \\ &= x", [("", chain(A, "=", Sum(("", "+"), (B, C)), "=", X))]),
    (r"a = \\ b", [("", chain(A, "=", B))]),
    (r"a = \\ = b", [("", chain(A, "=", B))]),
    (r"a = b \\ -x = y", [("", chain(A, "=", B)), ("", chain(Sum(("-",), (X,)), "=", Y))]),
    (r"a = b \Rightarrow x = y", [("", chain(A, "=", B)), ("", chain(X, "=", Y))]),
    (r"\implies a = b.", [("", chain(A, "=", B))]),
    (r"a = b; c", [("", chain(A, "=", B)), ("", C)]),
    (r"a = b, \mathrm{or}, a = c", [("", chain(A, "=", B)), ("or", chain(A, "=", C))]),
    (r"a = b, c = \foo, x = y", [("", chain(A, "=", B)), ("", None), ("", chain(X, "=", Y))]),
    (r"a = (b \\ x = y", [("", None), ("", chain(X, "=", Y))]),
    (r"\text{where nothing stands}", []),
    (r"\forall i \neq j: a = b", [("for all", chain(II, "\\neq", J)), ("", chain(A, "=", B))]),
    (r"\begin{aligned}[t] a &= b \\[2mm] &= c \end{aligned}", [("", chain(A, "=", B, "=", C))]),
    (r"  ", []),
]


@pytest.mark.parametrize(("text", "expected"), STATEMENTS, ids=[text for text, _ in STATEMENTS])
def test_statements(text: str, expected: list[tuple[str, Expr | None]]) -> None:
    found = parse_formula(text, Source("a.md", text), 0)
    assert [(s.words, s.body) for s in found] == expected
    assert all((s.body is None) == (s.error is not None) for s in found)


@pytest.mark.parametrize(("text", "relation"), [(r"\foo = 1", True), (r"\foo + 1", False)])
def test_unread_knows_whether_it_has_a_relation(text: str, relation: bool) -> None:
    (statement,) = parse_formula(text, Source("a.md", text), 0)
    assert statement.error is not None
    assert statement.has_relation is relation


def test_spans_are_places_in_the_source() -> None:
    source = Source("a.md", r"Let $ \hat{x}_i = \frac{\partial f}{\partial y} $ be")
    body = parse_formula(source.text[5:48], source, 5)[0].body
    assert isinstance(body, Chain)
    left, right = body.members
    assert left is not None and right is not None
    assert source.cut(left.span) == r"\hat{x}_i"
    assert source.cut(right.span) == r"\frac{\partial f}{\partial y}"
    assert source.cut(body.relations[0].span) == "="


def test_many_brackets_are_refused_at_once() -> None:
    parse_expression("x")
    start = time.perf_counter()
    with pytest.raises(ReadingError):
        parse_expression("(" * 500 + "x" + ")" * 500)
    assert time.perf_counter() - start < 0.05


def test_lark_waits_for_the_first_parse() -> None:
    code = (
        "import sys; from derive.reading.parse import parse_expression as p;"
        "before = 'lark' in sys.modules; p('x'); print(before, 'lark' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True"]
