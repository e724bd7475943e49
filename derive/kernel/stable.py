"""Sums of exponentials that cannot overflow: Σ exp(a) = exp(m) Σ exp(a − m), m = max a.

The factor exp(m) cancels in quotients (softmax) and leaves a logarithm as a term (log-sum-exp);
a sum in which it does neither everywhere stays as it was. All of it are identities of reals.
Blanchard, Higham and Higham, *Accurately computing the log-sum-exp and softmax functions*, IMA
Journal of Numerical Analysis 41 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.kernel.entries import (
    ONE,
    ZERO,
    Apply,
    Entry,
    Load,
    Num,
    Pow,
    Reduce,
    Times,
    Total,
    free_labels,
    placed,
    power,
    product,
    rebuild,
    subentries,
    total,
)
from derive.kernel.sharing import Key, canonical, ordered
from derive.kernel.steps import Step
from derive.meaning.terms import Affine


def stabilised(steps: list[Step], results: set[str]) -> list[Step]:
    """The steps in their order, every sum of exponentials scaled by its largest where it cancels.

    `results` are the arrays that are wanted as they are.
    """
    refused = set[str]()
    while True:
        pass_ = _Pass(refused)
        for step in steps:
            pass_.step(step)
        left = pass_.left_over(results)
        if not left:
            return pass_.out
        refused |= left


@dataclass(frozen=True)
class _Scaled:
    """entry · exp(exponent); `sums` are the sums whose largest term stands in the exponent."""

    entry: Entry
    exponent: Entry = ZERO
    sums: frozenset[str] = frozenset()


@dataclass
class _Pass:
    """One walk over the steps; `refused` sums are left alone."""

    refused: set[str]
    out: list[Step] = field(default_factory=list)
    known: dict[str, tuple[tuple[str, ...], _Scaled]] = field(default_factory=dict)
    logs: dict[str, tuple[tuple[str, ...], _Scaled]] = field(default_factory=dict)
    _peaks: dict[Key, str] = field(default_factory=dict)
    _spent: dict[str, frozenset[str]] = field(default_factory=dict)
    _pending: set[str] = field(default_factory=set)

    def step(self, step: Step) -> None:
        """Write a step, and remember it as a product with an exponential if it is one."""
        labels = tuple(axis.name for axis in step.axes)
        body = step.body
        if isinstance(body, Reduce):
            inner = self._scaled(body.body)
            if self._is_sum_of_exponentials(step, body, inner):
                self._sum(step, body, inner)
                return
            self.out.append(replace(step, body=replace(body, body=self._whole(inner, step.array))))
            return
        if isinstance(body, Apply) and body.function == "log" and not body.orders:
            self.logs[step.array] = labels, self._opened(body.arguments[0])
        found = self._scaled(body)
        if found.exponent != ZERO:
            self.known[step.array] = labels, self._kept(step, found)
        self.out.append(replace(step, body=self._whole(found, step.array)))

    def left_over(self, results: set[str]) -> set[str]:
        """The sums whose exponential had to be multiplied in again in a step that is needed."""
        needed = set(results)
        for step in reversed(self.out):
            if step.array in needed:
                needed |= {p.array for p in subentries(step.body) if isinstance(p, Load)}
        return {name for array in needed for name in self._spent.get(array, ())}

    # ---- sums -----------------------------------------------------------------------------------

    def _is_sum_of_exponentials(self, step: Step, body: Reduce, inner: _Scaled) -> bool:
        bound = {b.name for b in body.bounds}
        return (
            body.kind == "sum"
            and not body.condition
            and not inner.sums
            and step.array not in self.refused
            and bound <= set(free_labels(inner.exponent))
        )

    def _sum(self, step: Step, body: Reduce, inner: _Scaled) -> None:
        """max a, Σ exp(a − max a) …, and the sum itself from them."""
        spent = self._taken()
        peak = self._peak(step, body, inner.exponent, spent)
        scaled = f"{step.array} scaled"
        term = product((inner.entry, Apply("exp", (total((inner.exponent, _minus(peak))),))))
        labels = tuple(axis.name for axis in step.axes)
        load = Load(scaled, tuple(map(Affine.name, labels)))
        self.out.append(Step(scaled, step.axes, replace(body, body=term)))
        self.known[step.array] = labels, _Scaled(load, peak, frozenset((step.array,)))
        self._spent |= {scaled: spent, step.array: frozenset((step.array,))}
        whole = product((load, Apply("exp", (peak,))))
        self.out.append(replace(step, body=whole))

    def _peak(self, step: Step, body: Reduce, exponent: Entry, spent: frozenset[str]) -> Entry:
        """The largest exponent, over the labels of the step."""
        ranges = {bound.name: bound for bound in (*step.axes, *body.bounds)}
        key, free = canonical(Reduce("max", body.bounds, (), exponent), ranges)
        if key not in self._peaks:
            self._peaks[key] = f"{step.array} peak"
            self._spent[self._peaks[key]] = spent
            self.out.append(Step(self._peaks[key], key[1], key[0]))
        return Load(self._peaks[key], tuple(map(Affine.name, free)))

    def _kept(self, step: Step, found: _Scaled) -> _Scaled:
        """What stands for a step: with only peaks in the exponent, its scaled part as a step."""
        plain = isinstance(found.entry, Load | Num)
        if plain or not found.sums or not self._only_peaks(found.exponent):
            return found
        scaled = f"{step.array} scaled"
        self.out.append(Step(scaled, step.axes, found.entry))
        load = Load(scaled, tuple(Affine.name(axis.name) for axis in step.axes))
        return replace(found, entry=load)

    # ---- entries --------------------------------------------------------------------------------

    def _scaled(self, entry: Entry) -> _Scaled:
        """An entry as a product with one exponential."""
        match entry:
            case Apply("exp", (inner,), ()):
                return self._exponential(inner)
            case Load(array, at) if array in self.known:
                return self._known(array, at)
            case Pow(base, exponent):
                found = self._scaled(base)
                by = Num(exponent)
                return _Scaled(power(found.entry, exponent), _times(by, found.exponent), found.sums)
            case Times(factors):
                parts = [self._scaled(factor) for factor in factors]
                return _Scaled(
                    product(part.entry for part in parts),
                    _collected(total(part.exponent for part in parts)),
                    frozenset().union(*(part.sums for part in parts)),
                )
            case Total(terms):
                return self._common([self._scaled(term) for term in terms])
            case _:
                return _Scaled(self._inside(entry))

    def _common(self, parts: list[_Scaled]) -> _Scaled:
        """A sum of products; an exponential of peaks that all of them have is kept apart."""
        first = ordered(parts[0].exponent)
        same = all(ordered(part.exponent) == first for part in parts)
        if same and parts[0].sums and first != ZERO and self._only_peaks(first):
            sums = frozenset().union(*(part.sums for part in parts))
            return _Scaled(total(part.entry for part in parts), first, sums)
        return _Scaled(total(self._plain_of(part) for part in parts))

    def _exponential(self, exponent: Entry) -> _Scaled:
        """exp of a sum; a logarithm of a scaled sum in it is that sum as a factor."""
        factors, kept, sums = list[Entry](), list[Entry](), set[str]()
        for term in _terms(exponent):
            number, rest = _numbered(term)
            if isinstance(rest, Load) and rest.array in self.logs and number.denominator == 1:
                labels, found = self.logs[rest.array]
                places = dict(zip(labels, rest.at, strict=True))
                factors.append(power(placed(found.entry, places), number))
                kept.append(_times(Num(number), placed(found.exponent, places)))
                sums |= found.sums
            else:
                kept.append(self._plain(term))
        return _Scaled(product(factors), _collected(total(kept)), frozenset(sums))

    def _known(self, array: str, at: tuple[Affine, ...]) -> _Scaled:
        """A scaled step at a position; one without a sum in it is read as it stands."""
        labels, found = self.known[array]
        if not found.sums or not self._only_peaks(found.exponent):
            return _Scaled(Load(array, at))
        places = dict(zip(labels, at, strict=True))
        return replace(
            found, entry=placed(found.entry, places), exponent=placed(found.exponent, places)
        )

    def _only_peaks(self, exponent: Entry) -> bool:
        read = {part.array for part in subentries(exponent) if isinstance(part, Load)}
        return bool(read) and read <= set(self._peaks.values())

    def _grows(self, exponent: Entry) -> bool:
        """Whether a peak is added in an exponent, not taken off."""
        terms = map(_numbered, _terms(exponent))
        return any(number > 0 and self._only_peaks(rest) for number, rest in terms)

    def _inside(self, entry: Entry) -> Entry:
        """An entry with what is inside it made whole; the logarithm of a product split."""
        if isinstance(entry, Apply) and entry.function == "log" and not entry.orders:
            found = self._opened(entry.arguments[0])
            if found.exponent != ZERO:
                log = () if found.entry == ONE else (Apply("log", (found.entry,)),)
                return total((*log, found.exponent))
        return rebuild(entry, self._plain)

    def _opened(self, entry: Entry) -> _Scaled:
        """As `_scaled`, with steps that are products with an exponential written out."""
        if isinstance(entry, Load) and entry.array in self.known:
            labels, found = self.known[entry.array]
            places = dict(zip(labels, entry.at, strict=True))
            return _Scaled(placed(found.entry, places), placed(found.exponent, places))
        return self._scaled(entry)

    def _plain(self, entry: Entry) -> Entry:
        """An entry that stands inside another: no exponential is kept apart."""
        return self._plain_of(self._scaled(entry))

    def _plain_of(self, found: _Scaled) -> Entry:
        if found.exponent == ZERO:
            return found.entry
        if found.sums and (self._only_peaks(found.exponent) or self._grows(found.exponent)):
            self._pending |= found.sums
        return product((found.entry, Apply("exp", (found.exponent,))))

    def _whole(self, found: _Scaled, array: str) -> Entry:
        """The product with its exponential; what of sums is left over is noted for the step."""
        joined = self._plain_of(found)
        self._spent[array] = self._taken()
        return joined

    def _taken(self) -> frozenset[str]:
        """The sums left over since the last step."""
        taken = frozenset(self._pending)
        self._pending.clear()
        return taken


def _minus(entry: Entry) -> Entry:
    return product((Num(Fraction(-1)), entry))


def _times(number: Num, entry: Entry) -> Entry:
    """A multiple of a sum, term by term."""
    return total(product((number, term)) for term in _terms(entry))


def _terms(entry: Entry) -> tuple[Entry, ...]:
    return entry.terms if isinstance(entry, Total) else (entry,)


def _collected(entry: Entry) -> Entry:
    """A sum with equal terms added up."""
    counted: dict[Entry, Fraction] = {}
    for term in _terms(entry):
        number, rest = _numbered(term)
        counted[rest] = counted.get(rest, Fraction(0)) + number
    return total(product((Num(by), rest)) for rest, by in counted.items() if by)


def _numbered(term: Entry) -> tuple[Fraction, Entry]:
    """A term as a number times the rest."""
    factors = term.factors if isinstance(term, Times) else (term,)
    number = Fraction(1)
    for factor in factors:
        if isinstance(factor, Num):
            number *= factor.value
    return number, product(factor for factor in factors if not isinstance(factor, Num))
