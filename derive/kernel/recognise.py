"""Logistic functions in entries, by the names under which back ends compute them safely.

1 / (1 + eᵃ) is σ(−a), eᵃ / (1 + eᵃ) is σ(a), log(1 + eᵃ) is softplus(a): the same numbers, without
the overflow of eᵃ.
"""

from __future__ import annotations

from fractions import Fraction

from derive.kernel.entries import ONE, Apply, Entry, Num, Pow, Times, Total, power, product, rebuild

MINUS = Num(Fraction(-1))


def recognised(entry: Entry) -> Entry:
    """The entry with logistic functions by their names."""
    match entry:
        case Apply("log", (inner,), ()) if (argument := _one_plus(inner)) is not None:
            entry = Apply("softplus", (argument,))
        case Pow() | Times():
            entry = _quotient(entry)
        case _:
            pass
    return rebuild(entry, recognised)


def _quotient(entry: Entry) -> Entry:
    """A product in which powers of 1 + eᵃ below the line take powers of eᵃ with them."""
    counted: dict[Entry, Fraction] = {}
    for factor in entry.factors if isinstance(entry, Times) else (entry,):
        base, by = (factor.base, factor.exponent) if isinstance(factor, Pow) else (factor, 1)
        counted[base] = counted.get(base, Fraction(0)) + Fraction(by)
    made = list[Entry]()
    for base, by in list(counted.items()):
        argument = _one_plus(base)
        if argument is None or by >= 0 or by.denominator != 1:
            continue
        exponential = Apply("exp", (argument,))
        above = counted.get(exponential, Fraction(0))
        taken = min(above, -by) if above.denominator == 1 and above > 0 else Fraction(0)
        made += [
            power(Apply("sigmoid", (argument,)), taken) if taken else ONE,
            power(Apply("sigmoid", (product((MINUS, argument)),)), -by - taken)
            if -by > taken
            else ONE,
        ]
        counted |= {base: Fraction(0), exponential: above - taken}
    if not made:
        return entry
    return product((*(power(base, by) for base, by in counted.items() if by), *made))


def _one_plus(entry: Entry) -> Entry | None:
    """a, when the entry is 1 + eᵃ."""
    match entry:
        case Total((Apply("exp", (argument,), ()), Num(one))) if one == 1:
            return argument
        case _:
            return None
