"""Short ways to build syntax trees by hand, and the trees of well-known formulas."""

from __future__ import annotations

from derive.reading.syntax import (
    BigOperator,
    Cases,
    Chain,
    Derivative,
    Expr,
    Frac,
    Group,
    Name,
    Number,
    Power,
    Product,
    Relation,
    Row,
    Subscript,
    Sum,
)


def n(letter: str, *accents: str, font: str = "") -> Name:
    return Name(letter, font, accents)


def num(value: int | str) -> Number:
    return Number(str(value))


def sub(base: Expr, *items: Expr) -> Subscript:
    return Subscript(base, items)


def times(*factors: Expr) -> Product:
    return Product(factors, ("",) * (len(factors) - 1))


def plus(*terms: Expr) -> Sum:
    return Sum(("", *("+",) * (len(terms) - 1)), terms)


def minus(left: Expr, right: Expr) -> Sum:
    return Sum(("", "-"), (left, right))


def negative(term: Expr) -> Sum:
    return Sum(("-",), (term,))


def paren(body: Expr) -> Group:
    return Group("(", ")", body)


def d(of: Expr, *by: Expr, style: str = "frac") -> Derivative:
    return Derivative(of, tuple((variable, 1) for variable in by), style)


def chain(first: Expr | None, *rest: str | Expr | None) -> Chain:
    """`chain(a, "=", b, "<", c)`."""
    signs = tuple(Relation(sign) for sign in rest[::2] if isinstance(sign, str))
    members = tuple(member for member in rest[1::2] if not isinstance(member, str))
    return Chain((first, *members), signs)


def total(body: Expr, *lower: Expr, upper: Expr | None = None) -> BigOperator:
    return BigOperator("sum", lower, upper, body)


def over_batch(body: Expr) -> BigOperator:
    return total(body, chain(i, "=", num(1)), upper=n("N"))


i, j, x, y, f, v = map(n, "ijxyfv")
N, mu, gamma, eps, sigma = n("N"), n("\\mu"), n("\\gamma"), n("\\epsilon"), n("\\sigma")
xhat = n("x", "hat")
x_i, x_j, y_i, y_j, xhat_i = sub(x, i), sub(x, j), sub(y, i), sub(y, j), sub(xhat, i)
half = Frac(num(1), num(2))
share = Frac(num(1), N)
variance = paren(plus(v, eps))
rstd = Power(variance, negative(half))
cubed = Power(variance, negative(Frac(num(3), num(2))))
inverse = Power(variance, negative(num(1)))
dev_i, dev_j = paren(minus(x_i, mu)), paren(minus(x_j, mu))

mean = chain(mu, "=", times(share, over_batch(x_i)))
second_moment = chain(v, "=", times(share, over_batch(Power(dev_i, num(2)))))
chain_rule = chain(d(f, x_j), "=", over_batch(times(d(f, y_i), d(y_i, xhat_i), d(xhat_i, x_j))))
quotient = chain(
    d(xhat_i, x_j),
    "=",
    plus(
        times(d(dev_i, x_j), rstd),
        times(dev_i, paren(negative(half)), cubed, d(variance, x_j)),
    ),
)
identity = chain(
    d(x_i, x_j),
    "=",
    Cases((Row(num(1), chain(i, "=", j)), Row(num(0), chain(i, "\\neq", j)))),
)
square_rows = chain(
    d(sub(n("s"), i), x_j),
    "=",
    Cases(
        (
            Row(
                chain(
                    times(num(2), dev_i, paren(minus(num(1), share))),
                    "=",
                    Sum(
                        ("-", "+"),
                        (times(Frac(num(2), N), dev_i), times(num(2), dev_i)),
                    ),
                ),
                chain(i, "=", j),
            ),
            Row(negative(times(Frac(num(2), N), dev_i)), chain(i, "\\neq", j)),
        )
    ),
)
variance_slope = chain(
    d(v, x_j),
    "=",
    times(
        share,
        paren(
            Sum(
                ("-", "+"),
                (times(Frac(num(2), N), over_batch(dev_i)), times(num(2), dev_j)),
            )
        ),
    ),
)
off_diagonal = chain(
    d(xhat_i, x_j),
    "=",
    Sum(
        ("-", "+"),
        (
            times(share, rstd),
            times(dev_i, paren(negative(half)), cubed, Frac(num(2), N), dev_j),
        ),
    ),
    "=",
    negative(times(share, rstd, paren(plus(num(1), times(dev_i, dev_j, inverse))))),
)
closed_form = chain(
    d(f, x_j),
    "=",
    times(
        gamma,
        rstd,
        paren(
            Sum(
                ("-", "-", "+"),
                (
                    times(share, over_batch(d(f, y_i))),
                    times(dev_j, inverse, share, over_batch(times(dev_i, d(f, y_i)))),
                    d(f, y_j),
                ),
            )
        ),
    ),
)
