"""Elementary functions without branches, which a compiler turns into vectors of numbers.

A function is a list of named expressions over its argument `x`, in a text that C and Python share:
`+ - * /`, comparisons, numbers, calls of each other and of the words

    pick(test, yes, no)   one of two numbers, of which both are computed
    two_to(t)             2ᵏ for t = MAGIC + k, 2ᵏ a normal number
    exponent(x), mantissa(x)   x = 2ᵉ m with √½ ≤ m < √2, for positive normal x
    signed(y, x)          |y| with the sign of x
    abs(x)

Each is given for float and double. Errors stay within 2 ulps everywhere, also where results are
subnormal; overflow gives an infinity, NaN gives NaN. Polynomials are minimax fits in 60 digits
(Remez exchange, Lawson's weights for erfc) of the stated functions on the stated ranges. The
argument is reduced by ln 2 in two parts (Cody and Waite 1980); the logarithm is that of
(1 + s)/(1 − s) with its square term kept apart.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy

Bytes = int
"""4 for float, 8 for double."""

WIDTHS: tuple[Bytes, ...] = (4, 8)

Line = tuple[str, str]
"""A local number of a function: its name, its value."""


@dataclass(frozen=True)
class Width:
    """The constants of one type; `magic` + k, as a number, has k in its last bits."""

    size: Bytes
    magic: float
    log2_e: float
    ln2_high: float
    ln2_low: float
    least_exp: float
    most_exp: float
    least_expm1: float
    least_normal: float
    lift: float
    lift_by: float
    exp: tuple[float, ...]
    log: tuple[float, ...]
    erf: tuple[float, ...]
    erfc: tuple[float, ...]


FLOAT = Width(
    size=4,
    magic=1.5 * 2**23,
    log2_e=1.44269504088896340736,
    ln2_high=22713 / 2**15,
    ln2_low=1.42860682030941723212e-6,
    least_exp=-104.0,
    most_exp=89.0,
    least_expm1=-18.0,
    least_normal=2.0**-126,
    lift=2.0**24,
    lift_by=24.0,
    exp=(
        *(0.50000000426399314791, 0.16666666813450207352, 0.041666364237314577975),
        *(0.008333273666469814835, 0.0013940480775754905975, 0.00019913922996617726368),
    ),
    log=(0.66666765740679088423, 0.39978558612941715905, 0.29849157932736194239),
    erf=(
        *(0.12837916591465432051, -0.37612627140440545631, 0.11283600211815888544),
        *(-0.026854445581508076231, 0.0051895364619392613762, -0.00080208456984069043977),
        0.000078891191574878387936,
    ),
    erfc=(
        *(-0.00018173719492972274334, -1.1280235404825683889, -0.63594016663524032644),
        *(-0.10585320288906485999, 0.023799659164662726531, -0.003753908007312479858),
        *(0.00036345597046954466341, -0.00001606985966307795279),
    ),
)
DOUBLE = Width(
    size=8,
    magic=1.5 * 2**52,
    log2_e=1.44269504088896340736,
    ln2_high=2977044471 / 2**32,
    ln2_low=1.90821492927058770002e-10,
    least_exp=-746.0,
    most_exp=710.0,
    least_expm1=-38.0,
    least_normal=2.0**-1022,
    lift=2.0**54,
    lift_by=54.0,
    exp=(
        *(0.49999999999999999987, 0.16666666666666675939, 0.041666666666666700527),
        *(0.0083333333333220341652, 0.0013888888888866826389, 0.00019841269885305737966),
        *(0.000024801587361000883494, 2.7557244873548235617e-6, 2.7557242179415009277e-7),
        *(2.5108852531039590031e-8, 2.092465921297404869e-9),
    ),
    log=(
        *(0.66666666666666991828, 0.39999999999609387757, 0.28571428704566625181),
        *(0.22222202055071636931, 0.18183399129456325604, 0.15317956316035457566),
        0.1475950855899609131,
    ),
    erf=(
        *(0.12837916709551256679, -0.37612638903183546628, 0.11283791670945253232),
        *(-0.026866170643276218303, 0.0052239776074234678405, -0.00085483259896967580333),
        *(0.00012055295320494294236, -0.000014924744663335489733, 1.6447517677871873706e-6),
        *(-1.6209175911748695663e-7, 1.372297626592450327e-8, -7.8011888740977515657e-10),
    ),
    erfc=(
        *(-3.1305226652445832085e-6, 0.56437740973061820684, 1.1232652378283520408),
        *(2.0584946944432040686, 1.8974757833789483245, 9.8878639186168238255),
        *(-41.117774617760741366, 161.22573057272854997, -510.82358661715869694),
        *(994.78764697870334679, -1153.0287298124359949, 748.01516708216724923),
        -212.13283984724369135,
    ),
)
"""Of each type: exp(r) = 1 + r + r² exp(r) for |r| ≤ ½ ln 2, to the relative error of exp(r) − 1;

log((1 + s)/(1 − s)) = 2s + s³ log(s²) for 0 ≤ s ≤ (√2 − 1)/(√2 + 1);
erf(x) = x + x erf(x²) for 0 ≤ x ≤ 1;
float: log(1 − erf(x)) = erfc(x) for 1 ≤ x ≤ 3.93, to the absolute error of erf;
double: exp(x²) (1 − erf(x)) = erfc(1/(x + 2)) for 1 ≤ x ≤ 5.93, to the absolute error of erf.
"""

OF: Mapping[Bytes, Width] = {4: FLOAT, 8: DOUBLE}


@dataclass(frozen=True)
class Text:
    """Builds the expressions of one type; `number` writes a constant in a language."""

    width: Width
    number: Callable[[float], str]

    def polynomial(self, coefficients: Iterable[float], at: str) -> str:
        """Σ cₖ atᵏ by Horner's rule."""
        last, *others = reversed(tuple(coefficients))
        text = self.number(last)
        for each in others:
            sign = "-" if each < 0 else "+"
            text = f"({text} * {at} {sign} {self.number(abs(each))})"
        return text

    # ---- exponentials ---------------------------------------------------------------------------

    def exp(self) -> list[Line]:
        """2ᵏ (1 + p), p = exp(r) − 1, by two factors that are normal where 2ᵏ is not."""
        n, w = self.number, self.width
        return [
            *self._limited(w.least_exp, w.most_exp),
            *self._reduced(),
            ("p", f"r + r * r * {self.polynomial(w.exp, 'r')}"),
            ("t", f"k * {n(0.5)} + {n(w.magic)}"),
            ("h", f"t - {n(w.magic)}"),
            ("y", f"(p + {n(1)}) * two_to(t) * two_to((k - h) + {n(w.magic)})"),
        ]

    def expm1(self) -> list[Line]:
        """2 (2ᵏ⁻¹ p + (2ᵏ⁻¹ − ½)), p = exp(r) − 1 with what r lost; x itself near 0."""
        n, w = self.number, self.width
        return [
            *self._limited(w.least_expm1, w.most_exp),
            *self._reduced(),
            ("c", "(b - r) - w"),
            ("p", f"r + (r * r * {self.polynomial(w.exp, 'r')} + c)"),
            ("h", f"two_to(k + {n(w.magic - 1)})"),
            ("y", f"(h * p + (h - {n(0.5)})) * {n(2)}"),
        ]

    def _limited(self, least: float, most: float) -> list[Line]:
        """The argument where the result is neither 0 nor infinite; NaN stays NaN."""
        n = self.number
        return [
            ("u", f"pick(x > {n(most)}, {n(most)}, x)"),
            ("a", f"pick(u < -{n(-least)}, -{n(-least)}, u)"),
        ]

    def _reduced(self) -> list[Line]:
        """a = k ln 2 + r, |r| ≤ ½ ln 2."""
        n, w = self.number, self.width
        return [
            ("k", f"(a * {n(w.log2_e)} + {n(w.magic)}) - {n(w.magic)}"),
            ("b", f"a - k * {n(w.ln2_high)}"),
            ("w", f"k * {n(w.ln2_low)}"),
            ("r", "b - w"),
        ]

    def sigmoid(self) -> list[Line]:
        """1/(1 + exp(−x)) by exp(−|x|)."""
        one = self.number(1)
        return [
            ("e", "exp(-abs(x))"),
            ("y", f"pick(x < {self.number(0)}, e, {one}) / (e + {one})"),
        ]

    def tanh(self) -> list[Line]:
        """e/(2 + e), e = exp(2|x|) − 1; from `most` on it is 1."""
        two, most = self.number(2), self.number(10 if self.width.size == 4 else 20)
        return [
            ("a", "abs(x)"),
            ("e", f"expm1({two} * pick(a > {most}, {most}, a))"),
            ("y", f"signed(e / (e + {two}), x)"),
        ]

    # ---- logarithms -----------------------------------------------------------------------------

    def log(self) -> list[Line]:
        """k ln 2 + log m, x = 2ᵏ m; subnormal x are lifted first."""
        n, w = self.number, self.width
        zero, low = n(0), f"x < {n(w.least_normal)}"
        return [
            ("a", f"pick({low}, x * {n(w.lift)}, x)"),
            ("k", f"exponent(a) - pick({low}, {n(w.lift_by)}, {zero})"),
            ("f", f"mantissa(a) - {n(1)}"),
            *self._logarithm(),
            *self._ends("x"),
        ]

    def log1p(self) -> list[Line]:
        """log u + c, u = 1 + x as rounded, c what it lost over u; of x itself where u is near 1."""
        n = self.number
        zero, one = n(0), n(1)
        return [
            ("u", f"x + {one}"),
            ("k", "exponent(u)"),
            ("d", f"pick(x > {one}, {one} - (u - x), x - (u - {one}))"),
            ("c", f"pick(k == {zero}, {zero}, d / u)"),
            ("g", f"mantissa(u) - {one}"),
            ("f", f"pick(k == {zero}, x, g)"),
            *self._logarithm(" + c"),
            *self._ends("u"),
        ]

    def _ends(self, at: str) -> list[Line]:
        """The result v, −∞ at 0, NaN below, and an infinite x or a NaN as it is."""
        zero, inf, nan = map(self.number, (0, math.inf, math.nan))
        return [
            ("z", f"pick({at} > {zero}, v, pick({at} < {zero}, {nan}, -{inf}))"),
            ("y", f"pick(abs(x) < {inf}, z, pick(x > -{inf}, x, {nan}))"),
        ]

    def _logarithm(self, more: str = "") -> list[Line]:
        """v = k ln 2 + log(1 + f) + `more` for √½ − 1 ≤ f < √2 − 1."""
        n, w = self.number, self.width
        return [
            ("s", f"f / (f + {n(2)})"),
            ("q", "s * s"),
            ("h", f"f * f * {n(0.5)}"),
            ("r", f"s * (h + q * {self.polynomial(w.log, 'q')})"),
            ("v", f"k * {n(w.ln2_high)} - ((h - (r + (k * {n(w.ln2_low)}{more}))) - f)"),
        ]

    def softplus(self) -> list[Line]:
        """max(x, 0) + log(1 + e), e = exp(−|x|) ≤ 1, of (1 + e)/2 where that is nearer to 1."""
        zero, half, one = map(self.number, (0, 0.5, 1))
        large = f"e > {self.number(math.sqrt(2) - 1)}"
        return [
            ("e", "exp(-abs(x))"),
            ("k", f"pick({large}, {one}, {zero})"),
            ("f", f"pick({large}, e * {half} - {half}, e)"),
            *self._logarithm(),
            ("y", f"pick(x < {zero}, {zero}, x) + v"),
        ]

    # ---- the error function ---------------------------------------------------------------------

    def erf(self) -> list[Line]:
        """A polynomial up to |x| = 1, one minus an exponential from there on."""
        n, w = self.number, self.width
        one, most = n(1), n(3.93 if w.size == 4 else 5.93)
        if w.size == 4:
            outer = [("e", f"exp({self.polynomial(w.erfc, 'b')})")]
        else:
            outer = [
                ("g", f"{one} / (b + {n(2)})"),
                ("e", f"exp(-b * b) * {self.polynomial(w.erfc, 'g')}"),
            ]
        return [
            ("a", "abs(x)"),
            ("b", f"pick(a > {most}, {most}, a)"),
            ("q", "x * x"),
            ("i", f"x + x * {self.polynomial(w.erf, 'q')}"),
            *outer,
            ("o", f"signed({one} - e, x)"),
            ("y", f"pick(a < {one}, i, o)"),
        ]


BODIES: Mapping[str, Callable[[Text], list[Line]]] = {
    "exp": Text.exp,
    "expm1": Text.expm1,
    "sigmoid": Text.sigmoid,
    "tanh": Text.tanh,
    "log": Text.log,
    "log1p": Text.log1p,
    "softplus": Text.softplus,
    "erf": Text.erf,
}
"""The last line of each is the result `y`."""

USES: Mapping[str, tuple[str, ...]] = {
    "sigmoid": ("exp",),
    "tanh": ("expm1",),
    "softplus": ("exp",),
    "erf": ("exp",),
}


SUMMARIES: Mapping[str, str] = {
    "exp": "exp(x)",
    "expm1": "exp(x) - 1",
    "sigmoid": "1 / (1 + exp(-x))",
    "tanh": "tanh(x)",
    "log": "log(x)",
    "log1p": "log(1 + x)",
    "softplus": "log(1 + exp(x))",
    "erf": "erf(x)",
}

PRIMITIVES = ("pick", "two_to", "exponent", "mantissa", "signed")


def spelled(text: str, words: Mapping[str, str]) -> str:
    """A text with whole words replaced."""
    return re.sub(r"[A-Za-z_]\w*", lambda found: words.get(found[0], found[0]), text)


def broken(head: str, text: str, tail: str = "", brackets: bool = False) -> str:
    """`head text tail` in lines of a hundred columns at most, in brackets where it takes more."""
    whole = f"{head}{text}{tail}"
    if brackets and len(whole) > 96:
        whole = f"{head}({text}){tail}"
    return "\n".join(textwrap.wrap(whole, 96, subsequent_indent=" " * 8, break_long_words=False))


def decimal(value: float, width: Bytes) -> str:
    """A finite constant as the shortest decimal that is it in its type."""
    return str(numpy.float32(value)) if width == 4 else repr(float(value))


def wanted(names: Iterable[str]) -> list[str]:
    """The functions that some need, each after those that it calls."""
    found = list[str]()
    for name in sorted(names):
        for each in (*wanted(USES.get(name, ())), name):
            if each not in found:
                found.append(each)
    return found
