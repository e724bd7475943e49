"""Entries as text in a language of loops, in the order in which the plan has their terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from typing import assert_never

from derive.errors import UnsupportedError
from derive.kernel.dialect import Dialect, Kind, Lines
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
    subentries,
)
from derive.kernel.loops import opened
from derive.kernel.plan import Step
from derive.meaning.terms import Affine

Read = Callable[[Load, Kind], str]
Key = tuple[Entry, Kind]
LARGEST_POWER = 64
"""The largest whole power that is made of products."""
SHARED = Total | Times | Pow | Apply
"""What becomes a local number where it stands inside something else."""


@dataclass(frozen=True)
class _Scope:
    """The statements of a block, the local numbers in it, and the variable of its loop."""

    lines: Lines
    known: dict[Key, str]
    var: str | None


@dataclass
class Formulas:
    """Texts of entries over loop variables; `read` gives the text of a stored entry.

    What is read from memory or computed from it becomes a local number of the innermost open
    scope, once for each position: compilers cannot share it, as arrays might overlap. `fixed`
    arrays, which nothing changes, are read in the scope of the loop that they depend on. Under a
    condition it is written in place, so that nothing is read that the condition excludes.
    """

    to: Dialect
    sizes: Mapping[str, str]
    read: Read
    virtual: Mapping[str, Step]
    fixed: Set[str] = frozenset()
    _scopes: list[_Scope] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def scope(self, var: str | None = None) -> Iterator[Lines]:
        """A block of statements: what is written in it lands in the list.

        It is the body of the loop over `var`, outside all loops where that is empty; None where
        nothing that stands in it may be done earlier.
        """
        lines: Lines = []
        self._scopes.append(_Scope(lines, {}, var))
        try:
            yield lines
        finally:
            self._scopes.pop()

    def whole(self, at: Affine) -> str:
        """A whole number over sizes and loop variables, in brackets when it is compound."""
        text = ""
        for name, factor in at.terms:
            own = name[1:] if is_label(name) else self.sizes[name]
            own = own if abs(factor) == 1 else f"{abs(factor)} * {own}"
            text += f" {'-' if factor < 0 else '+'} {own}"
        if at.constant or not text:
            text += f" {'-' if at.constant < 0 else '+'} {abs(at.constant)}"
        text = text[3:] if text.startswith(" + ") else f"-{text[3:]}"
        return f"({text})" if " " in text or text.startswith("-") else text

    def test(self, condition: Condition, kind: Kind) -> str:
        """A conjunction; positions are compared as whole numbers."""
        parts = []
        for left, sign, right in condition:
            if isinstance(left, Place | Num) and isinstance(right, Place | Num):
                parts.append(f"{self._integer(left)} {sign} {self._integer(right)}")
            else:
                parts.append(f"{self.text(left, kind, True)} {sign} {self.text(right, kind, True)}")
        joined = f" {self.to.both} ".join(f"({part})" for part in parts)
        return joined or "1 == 1"

    def _integer(self, side: Place | Num) -> str:
        if isinstance(side, Place):
            return self.whole(side.at)
        return self.to.number(side.value, "wide")

    def text(self, entry: Entry, kind: Kind, guarded: bool = False) -> str:
        """An entry as a number of a kind."""

        def inner(part: Entry) -> str:
            return self._part(part, kind, guarded)

        match entry:
            case Num(value):
                return self.to.number(value, kind)
            case Const(name):
                return self.to.constant(name, kind)
            case Place(at):
                return self.to.cast(kind, self.whole(at))
            case Load():
                return self._load(entry, kind, guarded)
            case Total(terms):
                return _total([self._signed(term, inner) for term in terms])
            case Times(factors):
                return self._product(factors, kind, inner)
            case Pow(base, exponent):
                return self._power(base, exponent, kind, inner)
            case Apply(function, arguments, orders):
                if any(orders):
                    raise UnsupportedError(f"the derivative of {function} cannot be exported")
                return self.to.function(function, [inner(a) for a in arguments], kind)
            case Where(condition, yes, no):
                chosen = (self.text(part, kind, True) for part in (yes, no))
                return self.to.select(self.test(condition, kind), *chosen)
            case Reduce():
                raise AssertionError("reductions are steps of their own")
            case _:
                assert_never(entry)

    def _part(self, part: Entry, kind: Kind, guarded: bool) -> str:
        """An entry inside another, shared with those that have it too."""
        if guarded or not self._scopes or not isinstance(part, SHARED):
            return self.text(part, kind, guarded)
        return self._known(part, kind) or self._local(part, kind, self.text(part, kind))

    def _load(self, load: Load, kind: Kind, guarded: bool) -> str:
        virtual = load.array in self.virtual
        body = opened(load, self.virtual) if virtual else load
        if guarded or not self._scopes:
            return self.text(body, kind, guarded) if virtual else self.read(load, kind)
        known = self._known(load, kind)
        if known:
            return known
        if virtual:
            return self._local(load, kind, self.text(body, kind))
        text = self.read(load, kind)
        return self._local(load, kind, text) if "[" in text else text

    def _known(self, entry: Entry, kind: Kind) -> str:
        """The local number that an entry is, if any."""
        found = (scope.known for scope in self._scopes if (entry, kind) in scope.known)
        return next((known[entry, kind] for known in found), "")

    def _local(self, entry: Entry, kind: Kind, text: str) -> str:
        """An entry as a local number of the innermost scope that it needs."""
        name = f"e{next(self._numbers)}"
        scope = self._scopes[-1]
        if isinstance(entry, Load) and entry.array in self.fixed:
            scope = self._outermost(frozenset().union(*(at.names for at in entry.at)))
        scope.lines.append(self.to.declare(kind, name, text))
        scope.known[entry, kind] = name
        return name

    def _outermost(self, names: Set[str]) -> _Scope:
        """The outermost scope inside the loops over names."""
        scopes = reversed(self._scopes)
        return next((s for s in scopes if s.var is None or s.var in names), self._scopes[0])

    def _signed(self, term: Entry, inner: Callable[[Entry], str]) -> tuple[str, str]:
        """The sign of a term, and its text without it."""
        if isinstance(term, Num) and term.value < 0:
            return "-", inner(Num(-term.value))
        if isinstance(term, Times) and isinstance(term.factors[0], Num):
            number = term.factors[0].value
            if number < 0:
                return "-", inner(product((Num(-number), *term.factors[1:])))
        return "+", inner(term)

    def _product(
        self, factors: tuple[Entry, ...], kind: Kind, inner: Callable[[Entry], str]
    ) -> str:
        constants = [f for f in factors if _is_constant(f)]
        if kind == "real" and len(constants) < len(factors) and _is_computed(constants):
            # One constant by which the rest is multiplied, rounded once.
            number = self.to.cast(kind, self.text(product(constants), "wide", True))
            rest = product(f for f in factors if f not in constants)
            return f"({number} * {inner(rest)})"
        above = [f for f in factors if not _is_below(f)]
        below = [power(f.base, -f.exponent) for f in factors if isinstance(f, Pow) and _is_below(f)]
        if len(above) > 1 and above[0] == Num(Fraction(-1)):
            text = f"-{' * '.join(map(inner, above[1:]))}"
        else:
            text = " * ".join(map(inner, above)) or self.to.number(Fraction(1), kind)
        if below:
            under = " * ".join(map(inner, below))
            text = f"{text} / ({under})" if len(below) > 1 else f"{text} / {under}"
        return f"({text})"

    def _power(
        self, base: Entry, exponent: Fraction, kind: Kind, inner: Callable[[Entry], str]
    ) -> str:
        if exponent < 0:
            one = self.to.number(Fraction(1), kind)
            return f"({one} / {inner(power(base, -exponent))})"
        text, whole = inner(base), exponent - exponent % 1
        if whole <= LARGEST_POWER and exponent - whole in (0, Fraction(1, 2)):
            parts = [self._whole_power(text, int(whole), kind)] if whole else []
            parts += [self.to.function("sqrt", [text], kind)] if exponent != whole else []
            return parts[0] if len(parts) == 1 else f"({' * '.join(parts)})"
        return self.to.function("power", [text, self.to.number(exponent, kind)], kind)

    def _whole_power(self, text: str, exponent: int, kind: Kind) -> str:
        """A power of at least 1, by squares of what is there."""
        if exponent == 1:
            return text
        if exponent <= 4:
            return self.to.function(f"power{exponent}", [text], kind)
        if exponent % 2:
            return f"({text} * {self._whole_power(text, exponent - 1, kind)})"
        return self.to.function("power2", [self._whole_power(text, exponent // 2, kind)], kind)


def _is_constant(entry: Entry) -> bool:
    """Whether no argument plays a part, nor a size or a position."""
    return not any(isinstance(part, Load | Place | Reduce) for part in subentries(entry))


def _is_computed(constants: list[Entry]) -> bool:
    """Whether it takes more than writing a number to have their product."""
    return any(not isinstance(each, Num | Const) for each in constants)


def _is_below(factor: Entry) -> bool:
    return isinstance(factor, Pow) and factor.exponent < 0


def _total(terms: list[tuple[str, str]]) -> str:
    """Signed terms as one sum, in brackets."""
    text = "".join(f" {sign} {term}" for sign, term in terms)
    text = text[3:] if text.startswith(" + ") else f"-{text[3:]}"
    return f"({text})"
