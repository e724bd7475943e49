"""A witness: built from a failing point, printed for people, and evaluated again."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import log10

from derive.errors import UsageError
from derive.judgement.comparing import FIELDS, Failure, failure, sides_at
from derive.judgement.sampling import Name, Point
from derive.judgement.verdict import Entries, Witness
from derive.meaning import terms as t
from derive.meaning.walk import subterms
from derive.oracle.exact import Exact, number_text
from derive.oracle.interval import Interval, as_interval
from derive.oracle.operations import opaque_coefficients

ENTRY_NAMES: Mapping[int, tuple[str, ...]] = {1: ("entry",), 2: ("row", "column")}


def witness_of(reading: t.Reading, point: Point, found: Failure, sizes: tuple[str, ...]) -> Witness:
    """The witness of a failure: only the inputs that its evaluation read."""
    world = point.world()
    left, right = sides_at(reading, world, found)
    scope = world.scopes[found.over.key]
    read: set[Name] = {*scope.inputs_read, *scope.upstream_read}
    values = {
        latex_of(name, point.context): value for name, value in point.values.items() if name in read
    }
    texts = side_texts(left, right)
    indices = {**found.indices, **_entry_indices(found.entry)}
    kept = {name: point.sizes[name] for name in sizes}
    return Witness(kept, values, indices, *texts, _functions(reading, point.context))


def _entry_indices(entry: tuple[int, ...]) -> Mapping[str, int]:
    names = ENTRY_NAMES.get(len(entry), tuple(f"axis {k + 1}" for k in range(len(entry))))
    return {name: place + 1 for name, place in zip(names, entry, strict=True)}


def latex_of(name: Name, context: t.Context) -> str:
    """An input as the author writes it; an upstream gradient as a derivative."""
    if isinstance(name, str):
        symbol = context.symbols.get(name)
        return (symbol.latex if symbol else "") or name
    objective, output = (latex_of(part, context) for part in name)
    return rf"\frac{{\partial {objective}}}{{\partial {output}}}"


def _functions(reading: t.Reading, context: t.Context) -> Mapping[str, str]:
    bodies = [definition.body for definition in context.definitions.values()]
    calls = {
        (part.name, len(part.arguments))
        for side in (reading.left, reading.right, *bodies)
        for part in subterms(side)
        if isinstance(part, t.Function) and part.opaque
    }
    return {name: _polynomial_text(name, count) for name, count in sorted(calls)}


def _polynomial_text(name: str, arguments: int) -> str:
    terms = []
    for exponents, coefficient in opaque_coefficients(name, arguments).items():
        factors = [str(coefficient)]
        for place, exponent in enumerate(exponents):
            variable = "t" if arguments == 1 else f"t_{place + 1}"
            if exponent:
                factors.append(variable if exponent == 1 else f"{variable}^{exponent}")
        terms.append("·".join(factors))
    return " + ".join(terms)


# ---- text -------------------------------------------------------------------------------------


def side_texts(left: Exact, right: Exact) -> tuple[str, str]:
    """Both values: exact ones in full, intervals with enough digits to be seen apart."""
    for digits in range(4, 160, 4):
        shown = [_decimals(value, digits) for value in (left, right)]
        if shown[0][1] < shown[1][0] or shown[1][1] < shown[0][0]:
            break
    for length in (20, 200, 2000, LONGEST):
        texts = [
            _interval_text(bounds, digits)
            if isinstance(value, Interval)
            else _exact_text(value, length)
            for value, bounds in zip((left, right), shown, strict=True)
        ]
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]


LONGEST = 4000
"""Numbers of more digits are shown by their first ones."""


def _exact_text(value: Exact, length: int) -> str:
    """An exact value in full; of a number too long for that, the first `length` digits."""
    if not isinstance(value, Fraction):
        return str(value)
    if max(value.numerator.bit_length(), value.denominator.bit_length()) < 3 * LONGEST:
        return number_text(value)
    return _leading_text(value, length)


def _leading_text(value: Fraction, length: int) -> str:
    """The first digits of a number that is not zero, and its power of ten: `1.25…·10^5000`."""
    size = abs(value)
    exponent = round((size.numerator.bit_length() - size.denominator.bit_length()) * log10(2))
    while size < Fraction(10) ** exponent:
        exponent -= 1
    while size >= Fraction(10) ** (exponent + 1):
        exponent += 1
    first = str(int(size / Fraction(10) ** (exponent - length + 1)))
    return f"{'−' if value < 0 else ''}{first[0]}.{first[1:]}…·10^{exponent}"


def _decimals(value: Exact, digits: int) -> tuple[Fraction, Fraction]:
    """Decimals of the given number of digits just below and above a value."""
    scale = 10**digits
    whole = as_interval(value, 1024)
    if not isinstance(value, Interval):
        return whole.low, whole.high
    low = whole.low.numerator * scale // whole.low.denominator
    high = -(-whole.high.numerator * scale // whole.high.denominator)
    return Fraction(low, scale), Fraction(high, scale)


def _interval_text(bounds: tuple[Fraction, Fraction], digits: int) -> str:
    return f"[{_decimal_text(bounds[0], digits)}, {_decimal_text(bounds[1], digits)}]"


def _decimal_text(value: Fraction, digits: int) -> str:
    whole, rest = divmod(abs(value.numerator) * 10**digits // value.denominator, 10**digits)
    return f"{'−' if value < 0 else ''}{whole}.{rest:0{digits}d}"


def format_witness(witness: Witness) -> str:
    """`N=2, x=(0,1), j=1: left 1/2, right −1/2`."""
    given = [f"{name}={size}" for name, size in witness.sizes.items()]
    given += [f"{name}={_entries_text(value)}" for name, value in witness.values.items()]
    given += [f"{name}(t)={text}" for name, text in witness.functions.items()]
    given += [f"{name}={place}" for name, place in witness.indices.items()]
    head = ", ".join(given)
    return f"{head}: left {witness.left}, right {witness.right}" if head else _bare(witness)


def _bare(witness: Witness) -> str:
    return f"left {witness.left}, right {witness.right}"


def _entries_text(value: Entries) -> str:
    if isinstance(value, tuple):
        return f"({','.join(_entries_text(part) for part in value)})"
    return number_text(value)


# ---- again ------------------------------------------------------------------------------------


def reevaluate(witness: Witness, reading: t.Reading, context: t.Context) -> tuple[str, str]:
    """Both sides evaluated again from the sizes, values and indices of a witness, as text."""
    names: dict[str, Name] = {latex_of(key, context): key for key in context.symbols}
    for objective, outputs in context.outputs.items():
        for output in outputs:
            names[latex_of((objective, output.key), context)] = (objective, output.key)
    unknown = witness.values.keys() - names.keys()
    if unknown:
        raise UsageError(f"the witness names what the context does not: {sorted(unknown)}")
    values = {names[latex]: value for latex, value in witness.values.items()}
    point = Point(context, witness.sizes, values)
    free = {bound.name: witness.indices[bound.name] for bound in reading.free}
    entry = tuple(place - 1 for name, place in witness.indices.items() if name not in free)
    over = FIELDS[-1]
    for bits in FIELDS:
        if failure(_fixed(reading, free), point.world(), (bits,)) is not None:
            over = bits
            break
    return side_texts(*sides_at(reading, point.world(), Failure(free, entry, 0, 0, over)))


def _fixed(reading: t.Reading, free: Mapping[str, int]) -> t.Reading:
    bounds = tuple(
        t.Bound(name, t.Affine.number(place), t.Affine.number(place))
        for name, place in free.items()
    )
    return t.Reading(reading.left, reading.right, bounds, reading.condition, sign=reading.sign)
