"""Entries of a tile as Triton expressions: blocks of shape [rows, 1], [1, inner] or both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from derive.errors import UnsupportedError
from derive.kernel.entries import (
    Apply,
    Condition,
    Const,
    Entry,
    Load,
    Num,
    Place,
    Pow,
    Reduce,
    Times,
    Total,
    Where,
    is_label,
    power,
    product,
)
from derive.kernel.plan import Step
from derive.kernel.triton_schedule import Space, from_zero, opened
from derive.meaning.terms import Affine, Bound

Sides = frozenset[str]
NOWHERE: Sides = frozenset()
SHORT = 48
"""A longer text becomes a statement of its own."""

DIRECT: Mapping[str, str] = {
    "exp": "tl.exp({})",
    "log": "tl.log({})",
    "sin": "tl.sin({})",
    "cos": "tl.cos({})",
    "sqrt": "tl.sqrt({})",
    "abs": "tl.abs({})",
    "erf": "tl.erf({})",
    "max": "_larger({}, {})",
    "min": "_smaller({}, {})",
    "tan": "_tan({})",
    "tanh": "_tanh({})",
    "sinh": "_sinh({})",
    "cosh": "_cosh({})",
    "sigmoid": "_sigmoid({})",
    "softplus": "_softplus({})",
    "relu": "_relu({})",
    "sign": "_sign({})",
}
CONSTANT = {"exp": math.exp, "log": math.log, "sqrt": math.sqrt, "tanh": math.tanh}


@dataclass(frozen=True)
class Value:
    """A text, and along which sides of the tile it varies: `p`, `q`."""

    text: str
    sides: Sides = NOWHERE


@dataclass
class Tile:
    """Statements that compute entries; in a loop, those that are the same in it go to `head`.

    `names` and `axes` describe the stored arrays, `registers` those that this kernel holds.
    `used` and `sizes` collect the arrays and sizes that the kernel takes.
    """

    space: Space
    names: Mapping[str, str]
    sizes: Mapping[str, str]
    axes: Mapping[str, tuple[Bound, ...]]
    virtual: Mapping[str, Step]
    registers: dict[str, str] = field(default_factory=dict)
    head: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    looped: bool = False
    used: dict[str, None] = field(default_factory=dict)
    read_sizes: dict[str, None] = field(default_factory=dict)
    _known: dict[Load, Value] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)

    # ---- statements -----------------------------------------------------------------------------

    def named(self, value: Value) -> Value:
        """The value as a local block."""
        if value.text.isidentifier():
            return value
        text = bare(value.text)
        if text not in self._texts:
            self._texts[text] = f"v{len(self._texts)}"
            lines = self.head if self.looped and "q" not in value.sides else self.body
            lines.append(f"{self._texts[text]} = {text}")
        return Value(self._texts[text], value.sides)

    def store(self, step: Step, value: Value) -> str:
        """The statement that stores the entries of an array."""
        self.used[step.array] = None
        places = [Affine.name(axis.name) - axis.low for axis in step.axes]
        offset, sides = self._offset(step.array, places)
        if "q" not in sides:
            offset = f"{offset} + 0 * p" if not sides else offset
        mask = "inside" if len(sides) == 2 else "qin" if "q" in sides else "pin"
        return f"tl.store({offset}, {bare(value.text)}, mask={mask})"

    # ---- positions ------------------------------------------------------------------------------

    def whole(self, at: Affine) -> Value:
        """A whole number over positions, which count from 0, and sizes."""
        text, sides = "", set[str]()
        for name, factor in at.terms:
            own = name[1:] if is_label(name) else self._size(name)
            if is_label(name):
                sides.add(name[1])
            own = own if abs(factor) == 1 else f"{abs(factor)} * {own}"
            text += f" {'-' if factor < 0 else '+'} {own}"
        if at.constant or not text:
            text += f" {'-' if at.constant < 0 else '+'} {abs(at.constant)}"
        text = text[3:] if text.startswith(" + ") else f"-{text[3:]}"
        return Value(
            text if text.isidentifier() or text.isdigit() else f"({text})", frozenset(sides)
        )

    def _size(self, name: str) -> str:
        self.read_sizes[name] = None
        return f"{self.sizes[name]}_size"

    def _offset(self, array: str, places: Iterable[Affine]) -> tuple[str, Sides]:
        """The address of an entry, whose positions count from 1 where their labels do."""
        name, text, sides = self.names[array], "", NOWHERE
        for axis, at in enumerate(places):
            value = self.whole(from_zero(at, self.space.ranges))
            sides |= value.sides
            if value.text != "0":
                text += f" + {value.text} * {name}_s{axis}"
        return f"{name}_ptr{text}", sides

    # ---- loads ----------------------------------------------------------------------------------

    def load(self, load: Load) -> Value:
        """An entry that is held, computed again, or read from memory; once for each position."""
        if load.array in self.registers:
            return Value(self.registers[load.array], frozenset("p"))
        if load not in self._known:
            if load.array in self.virtual:
                value = self.value(opened(load, self.virtual))
            else:
                value = self._read(load)
            self._known[load] = self.named(value)
        return self._known[load]

    def _read(self, load: Load) -> Value:
        self.used[load.array] = None
        axes = self.axes[load.array]
        places = [at - axis.low for at, axis in zip(load.at, axes, strict=True)]
        offset, sides = self._offset(load.array, places)
        tests = ["inside"] if len(sides) == 2 else [f"{side}in" for side in sides]
        for at, axis in zip(places, axes, strict=True):
            tests += self._tests(at, axis)
        masked = f", mask={' & '.join(tests)}, other=0" if tests else ""
        return Value(f"tl.load({offset}{masked}).to(WORK)", sides)

    def _tests(self, at: Affine, axis: Bound) -> list[str]:
        """What tells whether a position is inside an axis, where its range does not."""
        label = (at + axis.low).single
        bound = self.space.ranges.get(label) if label is not None else None
        if bound is not None and (bound.low, bound.high) == (axis.low, axis.high):
            return []
        place = self.whole(from_zero(at, self.space.ranges)).text
        length = self.whole(axis.high - axis.low + 1).text
        return [f"({place} >= 0)", f"({place} < {length})"]

    # ---- entries --------------------------------------------------------------------------------

    def value(self, entry: Entry) -> Value:
        """An entry as an expression in the working type."""
        number = constant(entry)
        if number is not None:
            return Value(repr(number) if number >= 0 else f"({number!r})")
        value = self._written(entry)
        return self.named(value) if len(value.text) > SHORT else value

    def _written(self, entry: Entry) -> Value:
        match entry:
            case Num() | Const():
                return Value('tl.full([1, 1], float("nan"), WORK)')
            case Place(at):
                return self._place(at, "WORK")
            case Load():
                return self.load(entry)
            case Total(terms):
                return self._total(terms)
            case Times(factors):
                return self._product(factors)
            case Pow(base, exponent):
                return self._power(base, exponent)
            case Apply(function, arguments, orders):
                return self._apply(function, arguments, orders)
            case Where(condition, yes, no):
                test, chosen = self.test(condition), [self._block(yes), self._block(no)]
                text = f"tl.where({bare(test.text)}, {chosen[0].text}, {chosen[1].text})"
                return Value(text, test.sides | chosen[0].sides | chosen[1].sides)
            case Reduce():
                raise AssertionError("reductions are steps of their own")
            case _:
                assert_never(entry)

    def _block(self, entry: Entry) -> Value:
        """An entry as a block of the working type, numbers too."""
        value = self.value(entry)
        if constant(entry) is not None:
            return Value(f"tl.full([1, 1], {bare(value.text)}, WORK)")
        return Value(bare(value.text), value.sides)

    def _place(self, at: Affine, kind: str) -> Value:
        value = self.whole(from_zero(at, self.space.ranges))
        if not value.sides:
            return self.named(Value(f"tl.full([1, 1], {bare(value.text)}, {kind})"))
        return value if kind != "WORK" else Value(f"{value.text}.to(WORK)", value.sides)

    def _total(self, terms: tuple[Entry, ...]) -> Value:
        text, sides = "", NOWHERE
        for term in terms:
            sign, value = self._signed(term)
            text, sides = f"{text} {sign} {value.text}", sides | value.sides
            if len(text) > SHORT and term is not terms[-1]:
                so_far = self.named(Value(_unsigned(text), sides))
                text, sides = f" + {so_far.text}", so_far.sides
        return Value(f"({_unsigned(text)})", sides)

    def _signed(self, term: Entry) -> tuple[str, Value]:
        if isinstance(term, Num) and term.value < 0:
            return "-", self.value(Num(-term.value))
        if isinstance(term, Times) and isinstance(term.factors[0], Num):
            number = term.factors[0].value
            if number < 0:
                return "-", self.value(product((Num(-number), *term.factors[1:])))
        return "+", self.value(term)

    def _product(self, factors: tuple[Entry, ...]) -> Value:
        """Factors that vary less come first, so that what a row shares is computed once."""
        minus = factors[0] == Num(Fraction(-1))
        factors = factors[1:] if minus else factors
        above = [self.value(f) for f in factors if not _is_below(f)]
        below = [
            self.value(power(f.base, -f.exponent))
            for f in factors
            if isinstance(f, Pow) and _is_below(f)
        ]
        above.sort(key=lambda value: sorted(value.sides))
        over, under = self._joined(above or [Value("1.0")]), self._joined(below)
        if below:
            over = Value(f"{over.text} / {_tied(under.text)}", over.sides | under.sides)
        text = (
            f"-{_tied(over.text)}" if minus and below else f"-{over.text}" if minus else over.text
        )
        return Value(f"({text})", over.sides)

    def _joined(self, factors: list[Value]) -> Value:
        text, sides = "", NOWHERE
        for value in factors:
            text = f"{text} * {value.text}" if text else value.text
            sides |= value.sides
            if len(text) > SHORT:
                named = self.named(Value(text, sides))
                text = named.text
        return Value(text, sides)

    def _power(self, base: Entry, exponent: Fraction) -> Value:
        if exponent < 0:
            under = self.value(power(base, -exponent))
            return Value(f"(1.0 / {under.text})", under.sides)
        value = self.value(base)
        if exponent.denominator == 2:
            value, exponent = Value(f"tl.sqrt({bare(value.text)})", value.sides), exponent * 2
        if exponent == 1:
            return value
        value = self.named(value)
        if exponent.denominator == 1:
            return self._repeated(value, int(exponent))
        return Value(f"tl.exp2({float(exponent)!r} * tl.log2({value.text}))", value.sides)

    def _repeated(self, value: Value, times: int) -> Value:
        """A whole power, by squares."""
        if times == 1:
            return value
        half = self.named(self._repeated(value, times // 2))
        text = f"{half.text} * {half.text}"
        return Value(f"({text} * {value.text})" if times % 2 else f"({text})", value.sides)

    def _apply(self, function: str, arguments: tuple[Entry, ...], orders: tuple[int, ...]) -> Value:
        if any(orders):
            raise UnsupportedError(f"the derivative of {function} cannot be exported")
        if function not in DIRECT:
            raise UnsupportedError(f"the function {function} cannot be exported to Triton")
        if function in ("max", "min") and len(arguments) > 2:
            arguments = (arguments[0], Apply(function, arguments[1:]))
        values = [self._block(argument) for argument in arguments]
        text = DIRECT[function].format(*(value.text for value in values))
        return Value(text, NOWHERE.union(*(value.sides for value in values)))

    def test(self, condition: Condition) -> Value:
        """A conjunction; positions are compared as whole numbers."""
        texts, sides = list[str](), NOWHERE
        for left, sign, right in condition:
            whole = all(isinstance(side, Place | Num) for side in (left, right))
            one, other = (self._compared(side, whole) for side in (left, right))
            texts.append(f"({one.text} {sign} {other.text})")
            sides |= one.sides | other.sides
        return Value(" & ".join(texts) or "tl.full([1, 1], 1, tl.int1)", sides)

    def _compared(self, side: Entry, whole: bool) -> Value:
        if whole and isinstance(side, Place):
            return self._place(side.at, "tl.int64")
        if whole and isinstance(side, Num) and side.value.denominator == 1:
            return Value(f"tl.full([1, 1], {int(side.value)}, tl.int64)")
        value = self._block(side)
        return value


def constant(entry: Entry) -> float | None:
    """The value of an entry that reads nothing; None for others, and for what is no number."""
    try:
        found = _constant(entry)
    except (OverflowError, ValueError, ZeroDivisionError):
        raise UnsupportedError("a number of the formulas is out of the range of floats") from None
    return found if found is None or math.isfinite(found) else None


def _constant(entry: Entry) -> float | None:
    match entry:
        case Num(value):
            return float(value)
        case Const(name):
            return {"pi": math.pi, "e": math.e}.get(name)
        case Total(parts):
            values = [_constant(part) for part in parts]
            return None if None in values else math.fsum(v for v in values if v is not None)
        case Times(parts):
            values = [_constant(part) for part in parts]
            return None if None in values else math.prod(v for v in values if v is not None)
        case Pow(base, exponent):
            below = _constant(base)
            return None if below is None else math.pow(below, float(exponent))
        case Apply(function, (argument,), orders) if function in CONSTANT and not any(orders):
            inner = _constant(argument)
            return None if inner is None else CONSTANT[function](inner)
        case _:
            return None


def bare(text: str) -> str:
    """A text without brackets around the whole of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[1:-1] if place == len(text) - 1 else text
    return text


def _tied(text: str) -> str:
    return f"({text})" if " " in text and bare(text) == text else text


def _unsigned(text: str) -> str:
    return text[3:] if text.startswith(" + ") else f"-{text[3:]}"


def _is_below(factor: Entry) -> bool:
    return isinstance(factor, Pow) and factor.exponent < 0
