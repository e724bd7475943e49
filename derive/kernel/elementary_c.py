"""The elementary functions in C99, as inline functions that gcc and clang turn into vectors."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from derive.kernel.dialect import Lines
from derive.kernel.elementary import (
    BODIES,
    OF,
    PRIMITIVES,
    SUMMARIES,
    WIDTHS,
    Bytes,
    Text,
    broken,
    decimal,
    spelled,
    wanted,
)

TYPES: Mapping[Bytes, tuple[str, str]] = {4: ("float", "uint32_t"), 8: ("double", "uint64_t")}
CONSTANTS: Mapping[Bytes, Mapping[str, str]] = {
    4: {"M": "23", "B": "127", "P": "8388608.0f", "ONE": "0x3f800000u", "HALF": "0x3f3504f3u"},
    8: {
        **{"M": "52", "B": "1023", "P": "4503599627370496.0"},
        **{"ONE": "0x3ff0000000000000u", "HALF": "0x3fe6a09e667f3bcdu"},
    },
}
"""M bits of a mantissa, P = 2ᴹ, the bias B, the bits of 1 and of √½."""

BITS = """
static inline T of_bits(U i) { T x; memcpy(&x, &i, sizeof x); return x; }
static inline U bits_of(T x) { U i; memcpy(&i, &x, sizeof x); return i; }
"""
WORDS: Mapping[str, str] = {
    "pick": """
static inline T pick(int test, T yes, T no) { return test ? yes : no; }
""",
    "two_to": """
/* 2^k for t = 1.5 2^M + k */
static inline T two_to(T t) {
    return of_bits((bits_of(t) << M) + ONE);
}
""",
    "exponent": """
/* e with x = 2^e m, sqrt(1/2) <= m < sqrt(2), for positive normal x */
static inline T exponent(T x) {
    const U raised = bits_of(x) + (ONE - HALF);
    return of_bits((raised >> M) | bits_of(P)) - (P + B);
}
""",
    "mantissa": """
/* m with x = 2^e m, sqrt(1/2) <= m < sqrt(2), for positive normal x */
static inline T mantissa(T x) {
    const U raised = bits_of(x) + (ONE - HALF);
    return of_bits((raised & (((U)1 << M) - 1)) + HALF);
}
""",
    "signed": """
/* |y| with the sign of x */
static inline T signed(T y, T x) {
    const U sign = (U)1 << (8 * sizeof x - 1);
    return of_bits((bits_of(y) & ~sign) | (bits_of(x) & sign));
}
""",
}
"""The words of `elementary`, T the type and U whole numbers of its size."""


def definitions(names: Collection[str]) -> Lines:
    """The functions `<name>_real` of the working type, and what they call."""
    if not names:
        return []
    lines = ["#include <string.h>", ""]
    for width in WIDTHS:
        functions = [_function(name, width) for name in wanted(names)]
        text = "\n".join(functions)
        words = [BITS, *(WORDS[word] for word in PRIMITIVES if f"{word}_{width}(" in text)]
        lines += [*_words("".join(words), width), *text.splitlines()]
    for name in sorted(names):
        lines += [
            f"static inline REAL {name}_real(REAL x) {{",
            f"    return sizeof x == 4 ? (REAL){name}_4((float)x) : (REAL){name}_8((double)x);",
            "}",
        ]
    return [*lines, ""]


def _words(text: str, width: Bytes) -> Lines:
    kind, whole = TYPES[width]
    spelling = {**_names(width), **CONSTANTS[width], "T": kind, "U": whole}
    return [line for line in spelled(text, spelling).splitlines() if line]


def _names(width: Bytes) -> dict[str, str]:
    """The names of functions and words for one type."""
    known = (*PRIMITIVES, *BODIES, "bits_of", "of_bits")
    return {name: f"{name}_{width}" for name in known} | {"abs": "fabs"}


def _function(name: str, width: Bytes) -> str:
    """One function of one type."""
    kind, _ = TYPES[width]

    def number(value: float) -> str:
        if not math.isfinite(value):
            return "NAN" if math.isnan(value) else "INFINITY"
        return f"{decimal(value, width)}{'f' if width == 4 else ''}"

    names = _names(width)
    *before, (_, result) = BODIES[name](Text(OF[width], number))
    return "\n".join(
        [
            f"/* {SUMMARIES[name]} */",
            f"static inline {kind} {name}_{width}({kind} x) {{",
            *(
                broken(f"    const {kind} {local} = ", spelled(value, names), ";")
                for local, value in before
            ),
            broken("    return ", spelled(result, names), ";"),
            "}",
        ]
    )
