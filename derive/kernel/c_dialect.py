"""C99 with OpenMP as a language of loops."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from derive.errors import UnsupportedError
from derive.kernel import elementary_c
from derive.kernel.dialect import (
    BLOCK,
    CHUNK,
    JAM,
    Between,
    Buffer,
    Dialect,
    Folds,
    Kind,
    Lines,
    Makes,
    Span,
    Taker,
    indented,
)
from derive.kernel.elementary import BODIES

TYPES: Mapping[Kind, str] = {"real": "REAL", "wide": "double", "store": "STORE"}
CONSTANTS = {"pi": "3.14159265358979323846", "e": "2.71828182845904523536"}
GENERIC: Mapping[str, str] = {
    "sqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "abs": "fabs",
    "erf": "erf",
    "power": "pow",
}
"""Functions of <tgmath.h>, which go by the type of the argument."""

OWN: Mapping[str, str] = {
    "power2": "(T x) { return x * x; }",
    "power3": "(T x) { return x * x * x; }",
    "power4": "(T x) { return (x * x) * (x * x); }",
    "sign": "(T x) { return x != x ? x : (T)((x > 0) - (x < 0)); }",
    "relu": "(T x) { return x < 0 ? (T)0 : x; }",
    "max": "(T x, T y) { return x > y || x != x ? x : y; }",
    "min": "(T x, T y) { return x < y || x != x ? x : y; }",
    "softplus": "(T x) { return (x < 0 ? (T)0 : x) + log1p(exp(-fabs(x))); }",
    "close": "(T x, T y) { return x == y || fabs(x - y) <= WITHIN * (1 + fabs(y)); }",
    "sigmoid": "(T x) { const T e = exp(-fabs(x)); return (x < 0 ? e : (T)1) / (1 + e); }",
}
"""Functions of ours, for either type `T`; a NaN comes out as it went in."""


class CDialect(Dialect):
    """Texts of C; `used` collects the functions of ours, with their types."""

    end = ";"
    both = "&&"
    lanes = True

    def __init__(self) -> None:
        self.used = set[tuple[str, Kind]]()
        self.elementary = set[str]()
        self.folds = set[tuple[str, Kind]]()

    def number(self, value: Fraction, kind: Kind) -> str:
        return f"({TYPES[kind]}){decimal(value)}"

    def constant(self, name: str, kind: Kind) -> str:
        known = {"nan": "NAN", "inf": "INFINITY"} | CONSTANTS
        return f"({TYPES[kind]}){known[name]}"

    def cast(self, kind: Kind, text: str) -> str:
        return f"({TYPES[kind]}){text}"

    def function(self, name: str, arguments: list[str], kind: Kind) -> str:
        if kind == "real" and name in BODIES:
            self.elementary.add(name)
            return f"{name}_real({', '.join(arguments)})"
        if name in GENERIC:
            return f"{GENERIC[name]}({', '.join(arguments)})"
        if name not in OWN:
            raise UnsupportedError(f"the function {name} cannot be exported to C")
        if name in ("max", "min") and len(arguments) > 2:
            arguments = [arguments[0], self.function(name, arguments[1:], kind)]
        self.used.add((name, kind))
        return f"{name}_{kind}({', '.join(arguments)})"

    def select(self, test: str, yes: str, no: str) -> str:
        return f"({test} ? {yes} : {no})"

    def declare(self, kind: Kind, name: str, value: str, fixed: bool = True) -> str:
        return f"{'const ' if fixed else ''}{TYPES[kind]} {name} = {value};"

    def entry(self, name: str, offsets: list[str]) -> str:
        terms = [f"{offset} * {name}_{axis}" for axis, offset in enumerate(offsets)]
        return f"{name}[{' + '.join(terms) or '0'}]"

    def slice(self, buffer: Buffer) -> str:
        return (
            f"{TYPES[buffer.kind]} *const {buffer.name} = w_{buffer.name}"
            f" + t * PADDED({buffer.size});"
        )

    def share(self, name: str, thread: str, at: str, size: str) -> str:
        return f"w_{name}[{thread} * PADDED({size}) + {at}]"

    def loop(self, var: str, low: str, high: str, body: Lines, folds: Folds = ()) -> Lines:
        return ["#pragma omp simd", *self.turns(var, low, high, body)]

    def laned(
        self, var: str, span: tuple[str, str], folds: Folds, body: Lines, added: Lines
    ) -> Lines:
        low, high = span
        self.folds |= {(fold, kind) for _, fold, kind in folds}
        first = {"sum": "0", "max": "-INFINITY", "min": "INFINITY"}
        lines = [f"{TYPES[kind]} {name}[LANES];" for name, _, kind in folds]
        clear = [f"{name}[k] = {first[fold]};" for name, fold, _ in folds]
        inside = [
            f"const int64_t end = begin + {CHUNK} < {high} ? begin + {CHUNK} : {high};",
            *lines,
            *self.turns("k", "0", "LANES", clear),
            "int64_t line = begin;",
            "for (; line + LANES <= end; line += LANES) {",
            *indented(self.loop(var, "line", "line + LANES", body)),
            "}",
            *self.turns(var, "line", "end", body),
            *added,
        ]
        head = f"for (int64_t begin = {low}; begin < {high}; begin += {CHUNK}) {{"
        return [head, *indented(inside), "}"]

    def lane(self, var: str) -> str:
        return f"{var} - line"

    def joined(self, name: str, fold: str, kind: Kind) -> str:
        return f"joined_{fold}_{kind}({name})"

    def lined(self, low: str, high: str, taker: Taker, line: Between, plain: Between) -> Lines:
        lines = [
            f"int64_t begin = {low}, end = edge(&{taker.first}, begin, {high});",
            f"while (begin < {high}) {{",
            "    if (end - begin == LINE) {",
            f"        STORE t_{taker.name}[LINE] __attribute__((aligned(64)));",
            *indented(indented(line("begin", "begin + LINE"))),
            f"        past(&{taker.first}, t_{taker.name});",
            "    } else {",
            *indented(indented(plain("begin", "end"))),
            "    }",
            "    begin = end;",
            f"    end = end + LINE < {high} ? end + LINE : {high};",
            "}",
        ]
        test = f"streaming && {taker.test}" if taker.test else "streaming"
        return [f"if ({test}) {{", *indented(lines), "} else {", *indented(plain(low, high)), "}"]

    def taken(self, name: str, at: str) -> str:
        return f"t_{name}[{at} - begin]"

    def settled(self) -> Lines:
        return ["if (streaming) settle();"]

    def turns(self, var: str, low: str, high: str, body: Lines) -> Lines:
        head = f"for (int64_t {var} = {low}; {var} < {high}; {var}++) {{"
        return [head, *indented(body), "}"]

    def jammed(self, var: str, span: Span, makes: Makes, several: Lines, body: Lines) -> Lines:
        low, high, _, inner = span
        return [
            f"int64_t {var} = {low};",
            f"const int64_t {var}_last ="
            f" jams_{makes}({inner}, bytes) ? {high} - {JAM - 1} : {low};",
            f"for (; {var} < {var}_last; {var} += {JAM}) {{",
            *indented(several),
            "}",
            f"for (; {var} < {high}; {var}++) {{",
            *indented(body),
            "}",
        ]

    def blocks(self, low: str, high: str, body: Lines) -> Lines:
        return [
            f"for (int64_t start = {low}; start < {high}; start += {BLOCK}) {{",
            f"    const int64_t stop = start + {BLOCK} < {high} ? start + {BLOCK} : {high};",
            *indented(body),
            "}",
        ]

    def team(self, number: int, turns: str, work: str, body: Lines) -> Lines:
        m = f"m{number}"
        several = f"#pragma omp parallel for num_threads({m}) schedule(static, 1) if ({m} > 1)"
        return [
            f"const int64_t {m} = {f'team(threads, {turns}, {work})' if work else 1};",
            *([several] if work else []),
            f"for (int64_t t = 0; t < {m}; t++) {{",
            f"    const int64_t lo = {turns} * t / {m}, hi = {turns} * (t + 1) / {m};",
            *indented(body),
            "}",
        ]

    def repeat(self, body: Lines, checks: Lines) -> Lines:
        return [
            "for (int64_t again = 0; again < 2; again++) {",
            *indented(body),
            "    int64_t far = 0;",
            *indented(self.when("again == 0", checks)),
            "    if (far == 0) break;",
            "}",
        ]

    def when(self, test: str, body: Lines) -> Lines:
        return [f"if ({test}) {{", *indented(body), "}"]

    def helpers(self) -> Lines:
        """The definitions of the functions of ours that were used."""
        own = list[str]()
        for name, kind in sorted(self.used):
            text = f"static inline T {name}_{kind}{OWN[name]}".replace("(T)", f"({TYPES[kind]})")
            own.append(text.replace("T ", f"{TYPES[kind]} "))
        own += [_joining(fold, kind) for fold, kind in sorted(self.folds)]
        return [*elementary_c.definitions(self.elementary), *own]


def _joining(fold: str, kind: Kind) -> str:
    """The function that puts the lanes of a fold together."""
    two = "PLUS" if fold == "sum" else f"{fold}_{kind}"
    return f"JOINING(joined_{fold}_{kind}, {TYPES[kind]}, {two})"


def decimal(value: Fraction) -> str:
    """A rational as a literal, a quotient of two where it is no short decimal."""
    if value.denominator == 1 and abs(value) < 2**53:
        text = f"{value.numerator}.0"
    elif Fraction(float(value)) == value and len(repr(float(value))) < 12:
        text = repr(float(value))
    else:
        text = f"({float(value.numerator)!r} / {float(value.denominator)!r})"
    return f"({text})" if value < 0 else text
