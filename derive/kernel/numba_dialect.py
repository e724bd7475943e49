"""Python for numba as a language of loops."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from derive.errors import UnsupportedError
from derive.kernel import elementary_numba
from derive.kernel.c_dialect import decimal
from derive.kernel.dialect import (
    BLOCK,
    JAM,
    Buffer,
    Dialect,
    Folds,
    Kind,
    Lines,
    Makes,
    Span,
    indented,
)
from derive.kernel.elementary import BODIES

TYPES: Mapping[Kind, str] = {"real": "REAL", "wide": "numpy.float64", "store": "STORE"}
CONSTANTS: Mapping[str, str] = {
    "pi": "math.pi",
    "e": "math.e",
    "nan": "numpy.nan",
    "inf": "numpy.inf",
}
NUMPY = frozenset(
    {
        *("sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
        *("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"),
    }
)

OWN: Mapping[str, tuple[str, int, str]] = {
    "power2": ("x", 0, "return x * x"),
    "power3": ("x", 0, "return x * x * x"),
    "power4": ("x", 0, "return (x * x) * (x * x)"),
    "power": ("x, y", 0, "return x**y"),
    "abs": ("x", 0, "return abs(x)"),
    "erf": ("x", 0, "return math.erf(x)"),
    "max": ("x, y", 0, "return x if x > y or x != x else y"),
    "min": ("x, y", 0, "return x if x < y or x != x else y"),
    "relu": ("x, one", 1, "return one - one if x < 0 else x"),
    "alike": ("x, y, within", 0, "return x == y or abs(x - y) <= within * (1 + abs(y))"),
    "sign": (
        "x, one",
        1,
        "if x != x:\n        return x\n    return one if x > 0 else -one if x < 0 else one - one",
    ),
    "softplus": (
        "x, one",
        1,
        "return (one - one if x < 0 else x) + numpy.log1p(numpy.exp(-abs(x)))",
    ),
    "sigmoid": (
        "x, one",
        1,
        "e = numpy.exp(-abs(x))\n    return (e if x < 0 else one) / (one + e)",
    ),
}
"""Functions of ours: parameters, whether they take a 1 of the type of the argument, the body."""


class NumbaDialect(Dialect):
    """Texts of Python; `used` collects the functions of ours.

    `columns` are the axes, by the names of arrays, along which `first` is the first position.
    """

    def __init__(self) -> None:
        self.columns: Mapping[str, int] = {}
        self.used = set[str]()
        self.elementary = set[str]()
        self.folds = set[str]()

    def number(self, value: Fraction, kind: Kind) -> str:
        return self.cast(kind, decimal(value)) if kind != "wide" else decimal(value)

    def constant(self, name: str, kind: Kind) -> str:
        return self.cast(kind, CONSTANTS[name])

    def cast(self, kind: Kind, text: str) -> str:
        return f"{TYPES[kind]}({text})"

    def function(self, name: str, arguments: list[str], kind: Kind) -> str:
        if kind == "real" and name in BODIES:
            self.elementary.add(name)
            return f"_{name}_real({', '.join(arguments)})"
        if name in NUMPY:
            return f"numpy.{name}({', '.join(arguments)})"
        if name == "close":
            self.used.add("alike")
            test = f"_alike({', '.join(arguments)}, WITHIN)"
            return self.select(test, *(self.number(Fraction(n), kind) for n in (1, 0)))
        if name not in OWN:
            raise UnsupportedError(f"the function {name} cannot be exported to numba")
        if name in ("max", "min") and len(arguments) > 2:
            arguments = [arguments[0], self.function(name, arguments[1:], kind)]
        self.used.add(name)
        ones = [self.number(Fraction(1), kind)] * OWN[name][1]
        return f"_{name}({', '.join([*arguments, *ones])})"

    def select(self, test: str, yes: str, no: str) -> str:
        return f"({yes} if {test} else {no})"

    def declare(self, kind: Kind, name: str, value: str, fixed: bool = True) -> str:
        return f"{name} = {value}"

    def entry(self, name: str, offsets: list[str]) -> str:
        # An index without a sign: numba would count one below zero from the end, entry by entry.
        if name in self.columns:
            axis = self.columns[name]
            moved = f"(first + {offsets[axis]})" if offsets[axis] != "0" else "first"
            offsets = [*offsets[:axis], moved, *offsets[axis + 1 :]]
        at = [offset if offset.isdigit() else f"numpy.uint64({offset})" for offset in offsets]
        return f"{name}[{', '.join(at) or '()'}]"

    def slice(self, buffer: Buffer) -> str:
        return f"{buffer.name} = w_{buffer.name}[t]"

    def share(self, name: str, thread: str, at: str, size: str) -> str:
        return f"w_{name}[{thread}, {at}]"

    def loop(self, var: str, low: str, high: str, body: Lines, folds: Folds = ()) -> Lines:
        kinds = {name: (fold, kind) for name, fold, kind in folds}
        return self.turns(var, low, high, [self._folded(line, kinds) for line in body])

    def _folded(self, line: str, kinds: Mapping[str, tuple[str, Kind]]) -> str:
        """A statement that folds a number, free to be done in any order."""
        name, _, value = line.partition(" ")
        if name not in kinds:
            return line
        fold, kind = kinds[name]
        self.folds.add(fold)
        if fold == "sum":
            return f"{name} = _sum_of({name}, {self.cast(kind, value.removeprefix('+= '))})"
        return line.replace(f"= _{fold}(", f"= _{fold}_of(", 1)

    def turns(self, var: str, low: str, high: str, body: Lines) -> Lines:
        first = "" if low == "0" else f"{low}, "
        return [f"for {var} in range({first}{high}):", *indented(body)]

    def jammed(self, var: str, span: Span, makes: Makes, several: Lines, body: Lines) -> Lines:
        low, high, length, inner = span
        # Long columns of such rows are prefetched better one at a time.
        alone = f"512 <= {inner} * SIZE <= 2048 and {length} * {inner} * SIZE >= 1 << 22"
        return [
            f"edge = {low} + ({high} - {low}) // {JAM} * {JAM}",
            *self.when(alone, [self.set("edge", low)]),
            f"for {var} in range({low}, edge, {JAM}):",
            *indented(several),
            f"for {var} in range(edge, {high}):",
            *indented(body),
        ]

    def blocks(self, low: str, high: str, body: Lines) -> Lines:
        return [
            f"for start in range({low}, {high}, {BLOCK}):",
            f"    stop = min(start + {BLOCK}, {high})",
            *indented(body),
        ]

    def team(self, number: int, turns: str, work: str, body: Lines) -> Lines:
        m = f"m{number}"
        return [
            f"{m} = _team(threads, {turns}, {work})" if work else f"{m} = 1",
            f"for t in {'numba.prange' if work else 'range'}({m}):",
            f"    lo = {turns} * t // {m}",
            f"    hi = {turns} * (t + 1) // {m}",
            *indented(body),
        ]

    def repeat(self, body: Lines, checks: Lines) -> Lines:
        return [
            "for again in range(2):",
            *indented(body),
            "    far = 0",
            *indented(self.when("again == 0", checks)),
            "    if far == 0:",
            "        break",
        ]

    def when(self, test: str, body: Lines) -> Lines:
        return [f"if {test}:", *indented(body)]

    def helpers(self) -> str:
        """The definitions of the functions of ours that were used."""
        own = [
            f"@numba.njit(**_OPTIONS)\ndef _{name}({OWN[name][0]}):\n    {OWN[name][2]}"
            for name in sorted(self.used)
        ]
        folds = [elementary_numba.FOLDS[fold].strip() for fold in sorted(self.folds)]
        return "\n\n\n".join([*elementary_numba.definitions(self.elementary), *own, *folds])
