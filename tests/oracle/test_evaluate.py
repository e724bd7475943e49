"""Values and derivatives at points worked out by hand."""

import ast
import typing
from fractions import Fraction
from pathlib import Path

import pytest
from column_terms import (
    BETA,
    CENTRED,
    CLOSED_FORM,
    COLUMN,
    GAMMA,
    LOSS,
    MU,
    SIGMA,
    VAR,
    VE,
    XHAT,
    D,
    I,
    J,
    N,
    X,
    Y,
    add,
    apart,
    at,
    context,
    d,
    div,
    function,
    minus,
    mul,
    number,
    power,
    same,
    scalar,
    total,
    upstream,
    var,
    vector,
)

import derive.oracle
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.oracle import evaluate as evaluation
from derive.oracle.evaluate import UndefinedHere, World, evaluate, evaluate_modular, holds
from derive.oracle.fields import FLOAT, MODULAR, NotModular

F = Fraction
HALF = F(1, 2)


def column(*x, epsilon=2, gradient=None):
    gradient = gradient or range(1, len(x) + 1)
    values = {"x": tuple(map(F, x)), "\\gamma": F(3), "\\beta": F(1), "\\epsilon": F(epsilon)}
    return World(COLUMN, {"N": len(x)}, values, {("f", "y"): tuple(map(F, gradient))})


PAIR = column(0, 1, gradient=(1, 5))
A = t.Symbol("A", (N, N), "input", "A")
S = scalar("s")
W = vector("w")
PLAIN = World(
    context(A, S, X, W),
    {"N": 2},
    {"A": ((F(1), F(2)), (F(3), F(4))), "s": F(2), "x": (F(1), F(-2)), "w": (F(5), F(7))},
)
m = t.MatrixProduct
first, second, third = (t.Affine.number(k) for k in (1, 2, 3))


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (var(MU), HALF),
        (var(VAR), F(1, 4)),
        (var(SIGMA), F(3, 2)),
        (var(XHAT), (F(-1, 3), F(1, 3))),
        (var(Y), (F(0), F(2))),
        (total(CENTRED), F(0)),
    ],
)
def test_names_are_computed_from_their_definitions(term, expected):
    assert evaluate(term, PAIR) == expected


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (m(var(A), var(X)), (F(-3), F(-5))),
        (m(var(X), var(A)), (F(-5), F(-6))),
        (m(var(X), var(W)), F(-9)),
        (m(var(A), var(A)), ((F(7), F(10)), (F(15), F(22)))),
        (t.Outer(var(X), var(W)), ((F(5), F(7)), (F(-10), F(-14)))),
        (t.Transposed(var(A)), ((F(1), F(3)), (F(2), F(4)))),
        (t.Inverse(var(A)), ((F(-2), F(1)), (F(3, 2), F(-1, 2)))),
        (t.MatrixFunction("det", var(A), ()), F(-2)),
        (t.MatrixFunction("trace", var(A), ()), F(5)),
        (t.MatrixFunction("diag", var(A), (N,)), (F(1), F(4))),
        (t.MatrixFunction("diag", var(X), (N, N)), ((F(1), F(0)), (F(0), F(-2)))),
        (t.Identity(N), ((F(1), F(0)), (F(0), F(1)))),
        (t.Filled(F(1), (N,)), (F(1), F(1))),
        (minus(var(A), var(X)), ((F(0), F(4)), (F(2), F(6)))),
        (t.Element(var(A), (None, second)), (F(2), F(4))),
        (t.Element(var(A), (second,)), (F(3), F(4))),
        (t.Sum((t.Bound("i", first, N), t.Bound("j", first, N)), apart(I, J), at(A, I, J)), F(5)),
        (t.Sum((t.Bound("i", first, N),), (), at(X, I), product=True), F(-2)),
        (t.Sum((t.Bound("i", first, N - 2),), (), at(X, I)), F(0)),
        (function("relu", var(X)), (F(1), F(0))),
        (t.Function("max", (var(X),), ()), F(1)),
        (t.Function("min", (number(0), var(X)), (N,)), (F(0), F(-2))),
        (power(number(0), 0), F(1)),
    ],
)
def test_array_operations(term, expected):
    assert evaluate(term, PLAIN) == expected


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (d(var(MU), X, J), HALF),
        (d(var(VAR), X), (F(-1, 2), F(1, 2))),
        (d(var(VAR), MU), F(0)),
        (d(var(VAR), VAR), F(1)),
        (d(var(SIGMA), VAR), F(1, 3)),
        (d(VE, X, J), F(1, 2)),
        (d(VE, X, J, reading="direct"), F(0)),
        (d(at(XHAT, I), X, J), F(-8, 27)),
        (d(at(XHAT, I), X, I), F(8, 27)),
        (d(at(XHAT, I), X, I, reading="direct"), F(2, 3)),
        (d(at(XHAT, I), X, J, reading="direct"), F(0)),
        (d(at(XHAT, I), SIGMA, reading="direct"), F(2, 9)),
        (d(at(XHAT, I), MU, reading="direct"), F(-2, 3)),
        (d(at(XHAT, I), XHAT, J, reading="direct"), F(0)),
        (d(d(var(VAR), X, I), X, J), F(-1, 2)),
        (upstream(J), F(5)),
        (d(var(LOSS), GAMMA), F(4, 3)),
        (d(var(LOSS), BETA), F(6)),
        (d(var(LOSS), BETA, reading="direct"), F(6)),
        (d(var(LOSS), XHAT, I), F(3)),
    ],
)
def test_derivatives(term, expected):
    assert evaluate(term, PAIR, {"i": 1, "j": 2}) == expected


@pytest.mark.parametrize("x", [(4,), (0, 1), (1, 2, 4), (3, 1, 4, 1, 5)])
def test_the_closed_form_is_the_gradient(x):
    world = column(*x, epsilon=3)
    found = evaluate(d(var(LOSS), X), world)
    expected = tuple(evaluate(CLOSED_FORM, world, {"j": j + 1}) for j in range(len(x)))
    assert found == expected


def test_broadcasting_over_rows():
    batch, gamma = (t.Symbol(key, shape, "input") for key, shape in (("X", (N, D)), ("g", (D,))))
    y = t.Symbol("Y", (N, D), "defined")
    rule = t.Definition(y, (), mul(var(gamma), power(var(batch), 2)))
    names = context(batch, gamma, y, definitions=(rule,), sizes=("N", "D"))
    values = {"X": ((F(1), F(2)),) * 3, "g": (F(1), F(10))}
    world = World(names, {"N": 3, "D": 2}, values)
    assert evaluate(var(y), world) == ((F(1), F(40)),) * 3
    slope = evaluate(d(at(y, first), gamma), world)
    assert slope == ((F(1), F(0)), (F(0), F(4)))
    assert evaluate(d(at(y, first, second), batch, None, second), world) == (F(40), F(0), F(0))


def test_a_defined_square_is_the_non_negative_root():
    rule = t.Definition(SIGMA, (), add(power(at(X, first), 2), number(0)), squares=True)
    world = World(context(X, SIGMA, definitions=(rule,)), {"N": 1}, {"x": (F(-3),)})
    assert evaluate(var(SIGMA), world) == 3
    assert evaluate(d(var(SIGMA), X, first), world) == -1


@pytest.mark.parametrize(
    ("term", "x", "slope"),
    [
        (power(var(S), 3), 2, F(12)),
        (power(var(S), "1/2"), 4, F(1, 4)),
        (div(number(1), var(S)), 2, F(-1, 4)),
        (function("exp", var(S)), 0, F(1)),
        (function("log", var(S)), 3, F(1, 3)),
        (function("tanh", var(S)), 0, F(1)),
        (function("sigmoid", var(S)), 0, F(1, 4)),
        (function("softplus", var(S)), 0, HALF),
        (function("arctan", var(S)), 2, F(1, 5)),
        (function("arcsin", var(S)), F(3, 5), F(5, 4)),
        (function("arccos", var(S)), F(3, 5), F(-5, 4)),
        (function("arctanh", var(S)), HALF, F(4, 3)),
        (function("arcsinh", var(S)), F(3, 4), F(4, 5)),
        (function("arccosh", var(S)), F(5, 4), F(4, 3)),
        (function("sinh", var(S)), 0, F(1)),
        (function("cosh", var(S)), 0, F(0)),
        (function("sin", var(S)), 0, F(1)),
        (function("cos", var(S)), 0, F(0)),
        (function("tan", var(S)), 0, F(1)),
        (function("relu", var(S)), -1, F(0)),
        (function("abs", var(S)), -1, F(-1)),
        (function("sign", var(S)), -1, F(0)),
        (t.Function("max", (var(S), number(1)), ()), 2, F(1)),
        (t.Function("min", (var(S), number(1)), ()), 2, F(0)),
    ],
)
def test_slopes_of_functions(term, x, slope):
    world = World(context(S, sizes=()), {}, {"s": F(x)})
    assert evaluate(d(term, S), world) == slope


@pytest.mark.parametrize("name", ["erf", "gamma", "exp", "tanh"])
def test_second_derivatives_match_differences(name):
    step = 1e-4
    curve = function(name, var(S))

    def slope(x):
        found = evaluate(d(curve, S), World(context(S, sizes=()), {}, {"s": F(x)}))
        return float(found.low + found.high) / 2

    second = evaluate(d(d(curve, S), S), World(context(S, sizes=()), {}, {"s": F(2)}))
    difference = (slope(2 + step) - slope(2 - step)) / (2 * step)
    assert float(second.low) == pytest.approx(difference, rel=1e-5)


def test_an_opaque_function_has_its_own_derivatives():
    inner = mul(number(3), var(S))
    g = function("g", inner, opaque=True)
    chain = mul(number(3), function("g", inner, opaque=True, orders=(1,)))
    world = World(context(S, sizes=()), {}, {"s": F(2)})
    assert evaluate(d(g, S), world) == evaluate(chain, world) != 0
    other = function("h", inner, opaque=True)
    assert evaluate(g, world) != evaluate(other, world)


@pytest.mark.parametrize(
    "term",
    [
        div(number(1), add(at(X, first), number(-1))),
        function("log", at(X, second)),
        power(at(X, second), "1/2"),
        at(X, third),
        d(at(X, first), X, third),
        d(function("abs", minus(var(S), number(2))), S),
        d(function("relu", minus(var(S), number(2))), S),
        d(t.Function("max", (var(S), number(2)), ()), S),
        d(power(minus(var(S), number(2)), "1/2"), S),
        t.Inverse(t.Outer(var(X), var(X))),
        t.Cases(((number(1), same(first, second)),), ()),
        d(
            t.Cases(((var(S), (t.Comparison(var(S), ">", number(2)),)), (number(0), None)), ()),
            S,
        ),
    ],
)
def test_no_value_here(term):
    with pytest.raises(UndefinedHere):
        evaluate(term, PLAIN)


@pytest.mark.parametrize(
    "term",
    [
        var(LOSS),
        add(var(LOSS), number(1)),
        d(d(var(LOSS), X, J), X, J),
        d(upstream(J), X, J),
        d(upstream(J), GAMMA),
    ],
)
def test_what_an_objective_does_not_tell(term):
    with pytest.raises(UnsupportedError):
        evaluate(term, PAIR, {"j": 1})


def test_an_objective_beside_other_terms():
    penalised = add(var(LOSS), power(var(GAMMA), 2))
    world = World(COLUMN, PAIR.sizes, {**PAIR.inputs, "f": F(9)}, PAIR.upstream)
    assert evaluate(d(penalised, GAMMA), world) == F(4, 3) + 6
    with pytest.raises(UnsupportedError):
        evaluate(d(penalised, GAMMA), PAIR)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ((), True),
        (same(I, J), False),
        (apart(I, J), True),
        ((*apart(I, J), t.Comparison(t.Position(I), ">", t.Position(J))), False),
        ((t.Comparison(at(X, I), "<", at(X, J)),), True),
    ],
)
def test_conditions(condition, expected):
    assert holds(condition, PAIR, {"i": 1, "j": 2}) is expected


def test_residues_agree_with_fractions():
    world = column(0, 1, gradient=(1, 5))
    for j in (1, 2):
        exact = evaluate(CLOSED_FORM, world, {"j": j})
        assert MODULAR.lift(exact) in (
            evaluate_modular(CLOSED_FORM, world, {"j": j}),
            -evaluate_modular(CLOSED_FORM, world, {"j": j}) % (2**61 - 1),
        )


@pytest.mark.parametrize(
    "term", [function("exp", var(MU)), t.Constant("pi"), function("abs", var(MU))]
)
def test_residues_know_no_functions(term):
    with pytest.raises(NotModular):
        evaluate_modular(term, PAIR)


def test_floats_agree_with_fractions():
    world = column(3, 1, 4, 1, 5, epsilon=F(1, 7))
    exact = evaluate(d(var(LOSS), X), world)
    found = evaluate(d(var(LOSS), X), world, over=FLOAT)
    assert found == pytest.approx([float(v.enclose(64).low) for v in exact])


def test_a_rule_for_every_term():
    assert set(evaluation.RULES) == set(typing.get_args(t.Term))


ALLOWED = {"errors", "reading", "meaning", "oracle"}
STANDARD = {
    "__future__", "collections", "dataclasses", "fractions", "functools", "itertools", "math",
    "operator", "typing", "zlib",
}  # fmt: skip


def foreign_imports(source):
    """Modules that an oracle's source imports and must not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            top, _, rest = name.partition(".")
            inside = top == "derive" and rest.split(".")[0] in ALLOWED
            if not inside and top not in STANDARD:
                found.append(name)
    return found


def test_the_oracle_imports_neither_sympy_nor_the_calculus():
    for path in Path(derive.oracle.__file__).parent.glob("*.py"):
        assert foreign_imports(path.read_text(encoding="utf-8")) == [], path.name


@pytest.mark.parametrize(
    "source",
    ["import sympy", "from sympy import S", "from derive.calculus import lower", "import derive"],
)
def test_a_foreign_import_is_seen(source):
    assert foreign_imports(source)
