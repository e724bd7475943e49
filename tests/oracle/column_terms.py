"""Batch normalisation of one column, and short spellings for typed terms."""

from __future__ import annotations

from fractions import Fraction

from derive.meaning import terms as t

N = t.Affine.name("N")
I = t.Affine.name("i")  # noqa: E741
J = t.Affine.name("j")
K = t.Affine.name("k")
D = t.Affine.name("D")


def number(value: int | str | Fraction) -> t.Number:
    return t.Number(Fraction(value))


def add(*terms: t.Term) -> t.Add:
    return t.Add(terms, max((x.shape for x in terms), key=len))


def mul(*factors: t.Term) -> t.Multiply:
    return t.Multiply(factors, max((x.shape for x in factors), key=len))


def minus(left: t.Term, right: t.Term) -> t.Add:
    return add(left, mul(number(-1), right))


def div(above: t.Term, below: t.Term) -> t.Divide:
    return t.Divide(above, below, max(above.shape, below.shape, key=len))


def power(base: t.Term, exponent: str | int) -> t.Power:
    return t.Power(base, number(exponent))


def size(at: t.Affine = N) -> t.Position:
    return t.Position(at)


def total(body: t.Term, index: str = "i", high: t.Affine = N) -> t.Sum:
    return t.Sum((t.Bound(index, t.Affine.number(1), high),), (), body)


def same(left: t.Affine, right: t.Affine) -> t.Condition:
    return (t.Comparison(t.Position(left), "==", t.Position(right)),)


def apart(left: t.Affine, right: t.Affine) -> t.Condition:
    return (t.Comparison(t.Position(left), "!=", t.Position(right)),)


def at(symbol: t.Symbol, *places: t.Affine | None) -> t.Element:
    return t.Element(t.Variable(symbol), places)


def d(
    of: t.Term, target: t.Symbol, *places: t.Affine | None, reading: str = "total"
) -> t.Derivative:
    return t.Derivative(of, target, places, reading)


def function(name: str, *arguments: t.Term, opaque: bool = False, orders=()) -> t.Function:
    return t.Function(name, arguments, arguments[0].shape, orders, opaque)


def scalar(key: str, role: str = "input") -> t.Symbol:
    return t.Symbol(key, (), role, key)


def vector(key: str, role: str = "input") -> t.Symbol:
    return t.Symbol(key, (N,), role, key)


X, GAMMA, BETA = vector("x"), scalar("\\gamma"), scalar("\\beta")
EPSILON = scalar("\\epsilon")
MU, VAR, SIGMA = scalar("\\mu", "defined"), scalar("v", "defined"), scalar("\\sigma", "defined")
XHAT, Y = vector("\\hat{x}", "defined"), vector("y", "defined")
LOSS = scalar("f", "objective")

var = t.Variable
CENTRED = minus(at(X, I), var(MU))

DEFINITIONS = (
    t.Definition(MU, (), div(total(at(X, I)), size())),
    t.Definition(VAR, (), div(total(power(CENTRED, 2)), size())),
    t.Definition(SIGMA, (), power(add(var(VAR), var(EPSILON)), "1/2")),
    t.Definition(XHAT, ("i",), div(CENTRED, var(SIGMA))),
    t.Definition(Y, (), add(mul(var(GAMMA), var(XHAT)), var(BETA))),
)

COLUMN = t.Context(
    symbols={s.key: s for s in (X, GAMMA, BETA, EPSILON, MU, VAR, SIGMA, XHAT, Y, LOSS)},
    definitions={definition.symbol.key: definition for definition in DEFINITIONS},
    assumptions=(t.Assumption(var(EPSILON), ">", number(0)),),
    outputs={"f": (Y,)},
    sizes=("N",),
)


def upstream(index: t.Affine) -> t.Derivative:
    """∂f/∂y_index."""
    return d(var(LOSS), Y, index)


def centred(index: t.Affine) -> t.Add:
    return minus(at(X, index), var(MU))


VE = add(var(VAR), var(EPSILON))

CLOSED_FORM = mul(
    var(GAMMA),
    power(VE, "-1/2"),
    add(
        upstream(J),
        mul(number(-1), div(number(1), size()), total(upstream(I))),
        mul(
            number(-1),
            centred(J),
            power(VE, -1),
            div(number(1), size()),
            total(mul(centred(I), upstream(I))),
        ),
    ),
)
"""∂f/∂x_j in closed form."""

FREE = tuple(t.Bound(name, t.Affine.number(1), N) for name in ("i", "j"))


def claim(left: t.Term, right: t.Term, free=FREE[1:], condition=(), sign="==") -> t.Reading:
    return t.Reading(left, right, free, condition, sign=sign)


def context(*symbols: t.Symbol, definitions=(), assumptions=(), outputs=None, sizes=("N",)):
    return t.Context(
        {s.key: s for s in symbols},
        {x.symbol.key: x for x in definitions},
        assumptions,
        outputs or {},
        sizes,
    )
