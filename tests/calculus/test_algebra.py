"""Sums, powers and substitution on polynomials, as tables."""

from __future__ import annotations

from fractions import Fraction

import pytest

from derive.calculus.algebra import Algebra
from derive.calculus.polynomial import (
    Polynomial,
    add_into,
    constant,
    delta,
    index_position,
    multiply,
    of_atom,
    subtract,
)
from derive.errors import LimitError, UnsupportedError

WHOLE = (((), 1), ((("N", 1),), 0))
II, JJ = index_position("i"), index_position("j")


def algebra(**options: object) -> Algebra:
    made = Algebra(sizes=frozenset(["N"]), nonnegative=frozenset(["p"]), **options)  # type: ignore[arg-type]
    made.ranges.update({"i": WHOLE, "j": WHOLE})
    return made


def x(index: str) -> Polynomial:
    return of_atom(("entry", "x", (index_position(index),)))


def scalar(key: str) -> Polynomial:
    return of_atom(("entry", key, ()))


def total(*parts: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for part in parts:
        add_into(result, part)
    return result


SIZE = of_atom(("size", "N"))


def test_a_constant_is_summed_n_times() -> None:
    assert algebra().sum_over(scalar("a"), "i", WHOLE) == multiply(SIZE, scalar("a"))


def test_a_delta_picks_one_term() -> None:
    assert algebra().sum_over(multiply(delta(II, JJ), x("i")), "i", WHOLE) == x("j")


def test_a_delta_outside_the_range_is_not_picked() -> None:
    middle = (((), 2), ((("N", 1),), -1))
    kept = algebra().sum_over(multiply(delta(II, JJ), x("i")), "i", middle)
    ((monomial, _),) = kept.items()
    assert [atom[0] for atom, _ in monomial] == ["sum"]
    assert kept != x("j")


def test_a_delta_over_a_part_of_the_axis_is_picked_without_the_border() -> None:
    short = (((), 1), ((("N", 1),), -1))
    picked = algebra().sum_over(multiply(delta(II, JJ), x("i")), "i", short)
    end = ((("N", 1),), 0)
    border = multiply(delta(end, JJ), of_atom(("entry", "x", (end,))))
    assert picked == subtract(x("j"), border)


def test_sums_of_products_change_places() -> None:
    def a(one: str, two: str) -> Polynomial:
        return of_atom(("entry", "A", (index_position(one), index_position(two))))

    rows = algebra()
    inner = rows.sum_over(multiply(a("i", "k"), x("k")), "k", WHOLE)
    first = rows.sum_over(multiply(x("i"), inner), "i", WHOLE)
    columns = algebra()
    inner = columns.sum_over(multiply(a("i", "k"), x("i")), "i", WHOLE)
    second = columns.sum_over(multiply(x("k"), inner), "k", WHOLE)
    assert first == second


def test_the_square_of_a_sum_is_not_the_sum_of_squares() -> None:
    made = algebra()
    square = made.power(made.sum_over(x("i"), "i", WHOLE), 2)
    assert square != made.sum_over(made.power(x("i"), 2), "i", WHOLE)


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [
        (constant(8), Fraction(1, 3), constant(2)),
        (constant(Fraction(1, 4)), Fraction(1, 2), constant(Fraction(1, 2))),
        (
            constant(12),
            Fraction(1, 2),
            multiply(constant(2), of_atom(("prime", 3), Fraction(1, 2))),
        ),
        (multiply(scalar("p"), scalar("p")), Fraction(1, 2), scalar("p")),
        (scalar("q"), -1, of_atom(("entry", "q", ()), -1)),
    ],
    ids=str,
)
def test_powers(base: Polynomial, exponent: Fraction, expected: Polynomial) -> None:
    assert algebra().power(base, exponent) == expected


def test_the_root_of_a_square_is_not_the_base_when_its_sign_is_unknown() -> None:
    square = multiply(scalar("q"), scalar("q"))
    assert algebra().power(square, Fraction(1, 2)) != scalar("q")


def test_one_base_up_to_a_factor_is_one_atom() -> None:
    made = algebra()
    base = total(scalar("a"), scalar("b"))
    double = total(base, base)
    ratio = multiply(made.power(double, -1), made.power(base, 1))
    half = multiply(made.power(base, -1), constant(Fraction(1, 2)))
    assert made.power(double, -1) == half
    assert ratio != {}


def test_factors_of_a_denominator_stand_apart() -> None:
    made = algebra()
    a, b = scalar("a"), scalar("b")
    squares = subtract(multiply(a, a), multiply(b, b))
    apart = multiply(made.power(total(a, b), -1), made.power(subtract(a, b), -1))
    assert made.power(squares, -1) == apart


@pytest.mark.parametrize("exponent", [-1, Fraction(-1, 2)])
def test_division_by_zero_is_refused(exponent: Fraction) -> None:
    with pytest.raises(UnsupportedError, match="division by zero"):
        algebra().power({}, exponent)


def test_the_root_of_a_negative_number_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="negative"):
        algebra().power(constant(-2), Fraction(1, 2))


def test_the_number_of_terms_is_bounded() -> None:
    made = algebra(max_terms=100)
    many = total(*(scalar(f"a{n}") for n in range(20)))
    with pytest.raises(LimitError):
        made.multiply(many, many)


def test_substitution_collapses_a_delta() -> None:
    form = multiply(delta(II, JJ), x("i"))
    assert algebra().substitute(form, {"i": JJ}) == x("j")


def test_equal_indices_are_identified_under_a_delta() -> None:
    made = algebra()
    difference = subtract(multiply(delta(II, JJ), x("i")), multiply(delta(II, JJ), x("j")))
    assert made.identify(difference) == {}
