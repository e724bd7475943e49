"""False claims get a small witness that evaluates again to itself; true ones get none."""

from fractions import Fraction

import pytest
from column_terms import (
    CLOSED_FORM,
    COLUMN,
    FREE,
    GAMMA,
    LOSS,
    MU,
    SIGMA,
    VAR,
    VE,
    XHAT,
    I,
    J,
    N,
    X,
    Y,
    add,
    apart,
    at,
    centred,
    claim,
    context,
    d,
    div,
    function,
    minus,
    mul,
    number,
    power,
    scalar,
    size,
    total,
    var,
    vector,
)

from derive.judgement.refute import agrees, format_witness, reevaluate, refute
from derive.judgement.verdict import Limits, Witness
from derive.judgement.witness import side_texts
from derive.meaning import terms as t
from derive.oracle.elementary import ENCLOSURES

A = t.Symbol("A", (N, N), "input", "A")
S, C, T = scalar("s"), scalar("c"), vector("t")
QUADRATIC = t.MatrixProduct(var(X), t.MatrixProduct(var(A), var(X)))
SYMMETRIC = context(A, X, assumptions=(t.Assumption(var(A), "==", t.Transposed(var(A))),))
NORMALISED = context(T, assumptions=(t.Assumption(total(at(T, I)), "==", number(1)),))
PLAIN = context(S, sizes=())
POSITIVE = context(S, assumptions=(t.Assumption(var(S), ">", number(0)),), sizes=())
APART = context(S, assumptions=(t.Assumption(var(S), "!=", number(0)),), sizes=())
CLOSE = context(
    S,
    C,
    assumptions=(
        t.Assumption(function("abs", minus(var(S), var(C))), "<", number(1)),
        t.Assumption(var(C), ">", number(1)),
    ),
    sizes=(),
)
BETWEEN = mul(number("-1/1"), div(number(1), size()), power(VE, "-1/2"))
SECOND = mul(centred(I), number("-1/2"), power(VE, "-3/2"), div(number(2), size()), centred(J))
ROOT = power(power(var(S), 2), "1/2")


def exp(term):
    return function("exp", term)


TRUE = {
    "gradient": (claim(d(var(LOSS), X, J), CLOSED_FORM), COLUMN),
    "mean": (claim(d(var(MU), X, J), div(number(1), size())), COLUMN),
    "off the diagonal": (
        claim(d(at(XHAT, I), X, J), add(BETWEEN, SECOND), FREE, apart(I, J)),
        COLUMN,
    ),
    "sum of squares": (
        claim(total(power(at(XHAT, I), 2)), div(mul(size(), var(VAR)), VE), ()),
        COLUMN,
    ),
    "root": (claim(d(var(SIGMA), VAR), div(number("1/2"), var(SIGMA)), ()), COLUMN),
    "symmetric": (
        claim(d(QUADRATIC, X), mul(number(2), t.MatrixProduct(var(A), var(X))), ()),
        SYMMETRIC,
    ),
    "normalised": (claim(total(mul(number(3), at(T, I))), number(3), ()), NORMALISED),
    "exp": (
        claim(exp(add(at(X, I), at(X, J))), mul(exp(at(X, I)), exp(at(X, J))), FREE),
        context(X),
    ),
    "positive root": (claim(ROOT, var(S), ()), POSITIVE),
    "inverse": (claim(div(var(S), var(S)), number(1), ()), APART),
    "kink": (claim(d(function("abs", var(S)), S), function("sign", var(S)), ()), PLAIN),
    "close": (claim(var(S), number(0), (), sign=">"), CLOSE),
    "square": (claim(power(var(S), 2), number(0), (), sign=">="), PLAIN),
}

FALSE = {
    "mean": (claim(d(var(MU), X, J), number(1)), COLUMN, "N=2, x=(0,0), j=1: left 1/2, right 1"),
    "off the diagonal": (claim(d(at(XHAT, I), X, J), BETWEEN, FREE, apart(I, J)), COLUMN, None),
    "sum of squares": (
        claim(total(power(at(XHAT, I), 2)), size(), ()),
        COLUMN,
        "N=1, \\epsilon=1, x=(0): left 0, right 1",
    ),
    "sign": (
        claim(d(var(VAR), X, J), mul(number(-2), div(number(1), size()), centred(J))),
        COLUMN,
        None,
    ),
    "root": (
        claim(d(var(SIGMA), VAR), div(number("1/2"), VE), ()),
        COLUMN,
        "N=1, \\epsilon=4, x=(0): left 1/4, right 1/8",
    ),
    "whole array": (
        claim(d(var(LOSS), X), mul(var(GAMMA), power(VE, "-1/2"), d(var(LOSS), Y)), ()),
        COLUMN,
        None,
    ),
    "not symmetric": (
        claim(d(QUADRATIC, X), mul(number(2), t.MatrixProduct(var(A), var(X))), ()),
        context(A, X),
        None,
    ),
    "normalised": (claim(total(power(at(T, I), 2)), number(1), ()), NORMALISED, None),
    "exp": (
        claim(exp(add(at(X, I), at(X, J))), add(exp(at(X, I)), exp(at(X, J))), FREE),
        context(X),
        "N=1, x=(0), i=1, j=1: left 1, right 2",
    ),
    "interval": (
        claim(function("log", add(number(1), power(var(S), 2))), power(var(S), 2), ()),
        PLAIN,
        "s=1: left [0.6931, 0.6932], right 1",
    ),
    "any root": (claim(ROOT, var(S), ()), APART, "s=−1: left 1, right −1"),
    "kink": (
        claim(d(function("abs", var(S)), S), number(1), ()),
        PLAIN,
        "s=−1: left −1, right 1",
    ),
    "surd": (
        claim(power(add(power(var(S), 2), number(1)), "1/2"), add(var(S), number(1)), ()),
        PLAIN,
        "s=1: left √2, right 2",
    ),
    "strict": (claim(power(var(S), 2), number(0), (), sign=">"), PLAIN, "s=0: left 0, right 0"),
    "opaque": (
        claim(
            d(function("g", mul(number(2), var(S)), opaque=True), S),
            function("g", mul(number(2), var(S)), opaque=True, orders=(1,)),
            (),
        ),
        PLAIN,
        None,
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_a_true_claim_has_no_witness(name):
    reading, names = TRUE[name]
    agreed = refute(reading, names)
    assert isinstance(agreed, int), format_witness(agreed)
    assert agreed >= 3
    assert agrees(reading, names) is None


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_has_a_witness(name):
    reading, names, expected = FALSE[name]
    found = refute(reading, names)
    assert isinstance(found, Witness)
    assert found.left != found.right or reading.sign != "=="
    assert reevaluate(found, reading, names) == (found.left, found.right)
    assert expected in (None, format_witness(found))
    assert refute(reading, names) == found


@pytest.mark.parametrize("name", FALSE.keys() - {"strict"})
def test_a_false_claim_does_not_survive_cross_examination(name):
    reading, names, _ = FALSE[name]
    assert isinstance(agrees(reading, names), Witness)


def test_a_witness_holds_only_what_matters():
    reading, names, _ = FALSE["off the diagonal"]
    found = refute(reading, names)
    assert found.sizes == {"N": 2}
    assert found.values.keys() == {"x", "\\epsilon"}
    assert sorted(found.indices) == ["i", "j"]
    reading, names, _ = FALSE["whole array"]
    found = refute(reading, names)
    assert "\\frac{\\partial f}{\\partial y}" in found.values
    assert found.indices == {"entry": 1}


def test_the_witness_meets_the_assumptions():
    reading, names, _ = FALSE["normalised"]
    assert sum(refute(reading, names).values["t"]) == 1


def test_an_opaque_function_is_shown():
    reading, names, _ = FALSE["opaque"]
    assert refute(reading, names).functions.keys() == {"g"}


CONTRADICTION = context(
    S,
    assumptions=(
        t.Assumption(var(S), ">", number(0)),
        t.Assumption(var(S), "<", number(0)),
    ),
    sizes=(),
)
SECOND_DERIVATIVE = claim(d(d(var(LOSS), X, J), X, J), number(0))


@pytest.mark.parametrize(
    ("reading", "names"),
    [(claim(var(S), number(0), ()), CONTRADICTION), (SECOND_DERIVATIVE, COLUMN)],
)
def test_nothing_is_tried_where_nothing_can_be(reading, names):
    assert refute(reading, names) == 0
    assert agrees(reading, names) is None


def test_the_limit_of_time_is_kept():
    reading, names = TRUE["exp"]
    assert refute(reading, names, Limits(seconds=0.0)) == 0


def test_close_intervals_get_the_digits_that_part_them():
    left = ENCLOSURES["exp"](Fraction(1), 64)
    right = ENCLOSURES["exp"](Fraction(1) + Fraction(1, 10**7), 64)
    assert side_texts(left, right) == ("[2.71828182, 2.71828183]", "[2.71828210, 2.71828211]")
