"""Centred sums by a shift: Σ (x − μ) h = Σ (x − s) h − (μ − s) Σ h, for any s near the mean μ.

So a mean and what is centred by it are summed in one pass, and x − μ is (x − s) − (μ − s), which
keeps the digits that a rounded μ loses. Every sum on the right is of small numbers: this is
never the difference of E[x²] and E[x]². Chan, Golub and LeVeque, *Algorithms for computing the
sample variance*, The American Statistician 37 (1983).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from derive.kernel.entries import (
    Entry,
    Load,
    Num,
    Place,
    Pow,
    Reduce,
    Times,
    Total,
    free_labels,
    loads,
    placed,
    power,
    product,
    rebuild,
    subentries,
    total,
)
from derive.kernel.loops import opened, virtual_steps
from derive.kernel.plan import Plan, Step
from derive.kernel.planning import live, with_depth
from derive.kernel.sharing import Key, canonical, ordered
from derive.kernel.steps import Shift, Shifted
from derive.meaning.terms import Affine, Bound

MINUS = Num(Fraction(-1))


@dataclass(frozen=True)
class _Mean:
    """`array[axes]` is the mean of `of` over `bounds`; `scale` is one over the number of terms."""

    array: str
    axes: tuple[Bound, ...]
    of: Load
    bounds: tuple[Bound, ...]
    scale: Entry

    @property
    def names(self) -> tuple[str, str, str, str]:
        """The arrays of the shift, of Σ (x − s), of Σ (x − s)² and of μ − s."""
        return (
            f"{self.array} shift",
            f"{self.array} sum",
            f"{self.array} squares",
            f"{self.array} rest",
        )


def centred(plan: Plan) -> Plan:
    """The plan with every mean that something is centred by shifted by itself, as rounded.

    Two passes, for back ends that compute array by array: each shift is a step of its own.
    """
    return centring(plan).plan


def centring(plan: Plan) -> Shifted:
    """The same, with the names of the shifts."""
    return _shifted(plan, sampling=False)


def shifted(plan: Plan) -> Shifted:
    """The plan with every mean that something is centred by shifted, in one pass if it can be."""
    return _shifted(plan, sampling=True)


def _shifted(plan: Plan, sampling: bool) -> Shifted:
    means = {mean.array: mean for step in plan.steps if (mean := _mean(step, plan)) is not None}
    rewriting = _Rewriting(plan, means, sampling)
    used = {centred.mean for step in plan.steps for centred in rewriting.inside(step.body)}
    if not used:
        return Shifted(plan, (), frozenset())
    kept = {array: means[array] for array in means if array in used}
    return _Rewriting(plan, kept, sampling).shifted()


# ---- means --------------------------------------------------------------------------------------


def _mean(step: Step, plan: Plan) -> _Mean | None:
    """The mean that a step is, if its factors are a sum of loads and one over their number."""
    if isinstance(step.body, Reduce):
        return None
    steps = {each.array: each for each in plan.steps}
    factors = step.body.factors if isinstance(step.body, Times) else (step.body,)
    sums, rest = list[tuple[Load, tuple[Bound, ...]]](), list[Entry]()
    for factor in factors:
        found = _summed(factor, steps)
        if found is not None:
            sums.append(found)
        else:
            rest.append(_opened(factor, steps))
    if len(sums) != 1:
        return None
    of, bounds = sums[0]
    lengths = [bound.high - bound.low + 1 for bound in bounds]
    counts = product(_number(length) for length in lengths)
    scale = ordered(power(counts, Fraction(-1)))
    if ordered(product(rest)) != scale or not bounds:
        return None
    return _Mean(step.array, step.axes, of, bounds, scale)


def _number(length: Affine) -> Entry:
    return Place(length) if length.terms else Num(Fraction(length.constant))


def _opened(entry: Entry, steps: Mapping[str, Step]) -> Entry:
    """An entry with steps of a single number written out."""
    if isinstance(entry, Load) and entry.array in steps and not entry.at:
        body = steps[entry.array].body
        return entry if isinstance(body, Reduce) else _opened(body, steps)
    return rebuild(entry, lambda part: _opened(part, steps))


def _summed(entry: Entry, steps: Mapping[str, Step]) -> tuple[Load, tuple[Bound, ...]] | None:
    """What an entry sums, and over which bounds, when it is a sum of loads or a sum of such."""
    if not isinstance(entry, Load) or entry.array not in steps:
        return None
    step = steps[entry.array]
    body = step.body
    if not isinstance(body, Reduce) or body.kind != "sum" or body.condition:
        return None
    fresh = {b.name: f"{b.name} {entry.array}" for b in body.bounds}
    at = dict(zip((axis.name for axis in step.axes), entry.at, strict=True))
    at |= {old: Affine.name(new) for old, new in fresh.items()}
    inner = placed(body.body, at)
    bounds = tuple(Bound(fresh[b.name], b.low, b.high) for b in body.bounds)
    deeper = _summed(inner, steps)
    if deeper is not None:
        return deeper[0], bounds + deeper[1]
    return (inner, bounds) if isinstance(inner, Load) else None


# ---- what is centred ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Centred:
    """x − μ at some position: the load of x, and that of the mean."""

    of: Load
    mean: str
    at: tuple[Affine, ...]


@dataclass
class _Rewriting:
    plan: Plan
    means: Mapping[str, _Mean]
    sampling: bool

    def __post_init__(self) -> None:
        self.steps = {step.array: step for step in self.plan.steps}
        self.out = list[Step]()
        self.known = dict[Key, str]()
        self.late = self._late()
        self.cheap = virtual_steps(self.plan)

    def _late(self) -> set[str]:
        """The arrays that depend on a mean."""
        late = set(self.means)
        for step in self.plan.steps:
            if loads(step.body) & late:
                late.add(step.array)
        return late

    def inside(self, entry: Entry) -> Iterator[_Centred]:
        """What is centred somewhere in an entry."""
        for part in subentries(entry):
            found = self.centred(part)
            if found is not None:
                yield found

    def centred(self, entry: Entry) -> _Centred | None:
        """x − μ, written out or as a load of a step that is nothing else."""
        if isinstance(entry, Load) and entry.array in self.steps:
            step = self.steps[entry.array]
            if not isinstance(step.body, Total) or self._pair(step.body) is None:
                return None
            at = zip((axis.name for axis in step.axes), entry.at, strict=True)
            entry = placed(step.body, dict(at))
        return self._pair(entry) if isinstance(entry, Total) else None

    def _pair(self, entry: Total) -> _Centred | None:
        if len(entry.terms) != 2:
            return None
        for one, other in (entry.terms, entry.terms[::-1]):
            if not isinstance(one, Load) or not isinstance(other, Times):
                continue
            match other.factors:
                case (Num(value), Load(array, at)) if value == -1 and array in self.means:
                    if _reads(self.means[array], one, at):
                        return _Centred(one, array, at)
        return None

    # ---- steps ----------------------------------------------------------------------------------

    def shifted(self) -> Shifted:
        """The plan rewritten."""
        sampled = list[Shift]()
        for step in self.plan.steps:
            if step.array in self.means:
                sampled += self._mean(step, self.means[step.array])
            elif isinstance(step.body, Reduce):
                self._put(replace(step, body=self._fold(step)))
            else:
                self._put(replace(step, body=self._written(step.body)))
        results = {result.array for result in self.plan.results}
        kept = live(self.out, results | {a for s in sampled for a in (s.sums, s.squares)})
        plan = replace(self.plan, steps=with_depth(kept))
        narrow = frozenset(mean.names[0] for mean in self.means.values())
        return Shifted(plan, tuple(sampled), narrow)

    def _put(self, step: Step) -> None:
        """A step, or a load of the one that has computed the same."""
        key = self._key(step.body, step.axes)
        if isinstance(step.body, Reduce) and key in self.known:
            load = Load(self.known[key], tuple(Affine.name(axis.name) for axis in step.axes))
            step = replace(step, body=load)
        else:
            self.known.setdefault(key, step.array)
        self.out.append(step)

    def _key(self, body: Entry, axes: tuple[Bound, ...]) -> Key:
        """What tells equal steps, with cheap parts written out."""
        body = self._open(body)
        inside = (part for part in subentries(body) if isinstance(part, Reduce))
        ranges = {b.name: b for b in (*axes, *(b for part in inside for b in part.bounds))}
        return canonical(body, ranges, tuple(axis.name for axis in axes))[0]

    def _open(self, entry: Entry) -> Entry:
        if isinstance(entry, Load) and entry.array in self.cheap:
            return self._open(opened(entry, self.cheap))
        return rebuild(entry, self._open)

    def _mean(self, step: Step, mean: _Mean) -> Iterator[Shift]:
        """The shift, Σ (x − s), Σ (x − s)², μ − s, and the mean itself from them."""
        shift, sums, squares, rest = mean.names
        own = tuple(Affine.name(axis.name) for axis in mean.axes)
        distance = total((mean.of, product((MINUS, Load(shift, own)))))
        ranges = {bound.name: bound for bound in (*mean.axes, *mean.bounds)}
        order = tuple(axis.name for axis in mean.axes)
        for array, entry in ((sums, distance), (squares, power(distance, Fraction(2)))):
            key, _ = canonical(Reduce("sum", mean.bounds, (), entry), ranges, order)
            self._put(Step(array, key[1], key[0]))
        first = next(each for each in self.out if each.array == sums)
        reducing = isinstance(first.body, Reduce) and first.order[0] in {
            bound.name for bound in first.bounds
        }
        given = {parameter.array for parameter in self.plan.parameters}
        if self.sampling and reducing and mean.of.array in given:
            yield Shift(shift, mean.axes, mean.of, mean.bounds, sums, squares)
        else:
            at = len(self.out) - 2
            self.out.insert(at, replace(step, array=shift, title=""))
        self._put(Step(rest, mean.axes, product((Load(sums, own), mean.scale))))
        self._put(replace(step, body=total((Load(shift, own), Load(rest, own)))))

    def _written(self, entry: Entry) -> Entry:
        """An entry with x − μ written as (x − s) − (μ − s), in this order."""
        found = self.centred(entry)
        if found is None or isinstance(entry, Load):
            return rebuild(entry, self._written)
        return Total((*self._distance(found), product((MINUS, self._rest(found)))))

    def _distance(self, centred: _Centred) -> tuple[Entry, Entry]:
        shift = self.means[centred.mean].names[0]
        return centred.of, product((MINUS, Load(shift, centred.at)))

    def _rest(self, centred: _Centred) -> Load:
        return Load(self.means[centred.mean].names[3], centred.at)

    # ---- sums -----------------------------------------------------------------------------------

    def _fold(self, step: Step) -> Entry:
        """A reduction, or what sums of distances from shifts make of it."""
        assert isinstance(step.body, Reduce)
        body = step.body
        if body.kind == "sum" and not body.condition:
            ranges = {bound.name: bound for bound in (*step.axes, *body.bounds)}
            parts = list(_factors(body.body))
            split = self._split(parts, body.bounds, ranges)
            if split is not None:
                return split
        return rebuild(body, self._written)

    def _split(
        self, parts: list[Entry], bounds: tuple[Bound, ...], ranges: Mapping[str, Bound]
    ) -> Entry | None:
        """Σ (x − μ) h as Σ (x − s) h − (μ − s) Σ h; None when nothing is centred or h is late."""
        bound = {b.name for b in bounds}
        found = [self.centred(part) for part in parts]
        plain = [p for p, c in zip(parts, found, strict=True) if c is None]
        if any(loads(part) & self.late for part in plain):
            return None
        centred = [c for c in found if c is not None]
        if not centred or any(bound & at.names for c in centred for at in c.at):
            return None
        return self._expanded(plain, centred, bounds, ranges)

    def _expanded(
        self,
        plain: list[Entry],
        centred: list[_Centred],
        bounds: tuple[Bound, ...],
        ranges: Mapping[str, Bound],
    ) -> Entry:
        if not centred:
            return self._sum(plain, bounds, ranges)
        first, *others = centred
        distance = total(self._distance(first))
        kept = self._expanded([*plain, distance], others, bounds, ranges)
        lost = self._expanded(plain, others, bounds, ranges)
        return total((kept, product((MINUS, self._rest(first), lost))))

    def _sum(
        self, parts: list[Entry], bounds: tuple[Bound, ...], ranges: Mapping[str, Bound]
    ) -> Entry:
        """The sum of a product, as a load of a step; bounds that nothing reads are counted."""
        read = {name for part in parts for name in free_labels(part)}
        counts = [_number(b.high - b.low + 1) for b in bounds if b.name not in read]
        kept = tuple(b for b in bounds if b.name in read)
        if not kept:
            return product((*counts, *parts))
        entry, free = canonical(Reduce("sum", kept, (), _product(parts)), ranges)
        key = self._key(*entry)
        if key not in self.known:
            self._put(Step(f"moment {len(self.known)}", entry[1], entry[0]))
        load = Load(self.known[key], tuple(Affine.name(name) for name in free))
        return product((*counts, load))


def _factors(entry: Entry) -> Iterator[Entry]:
    """The factors of a product, small powers written out."""
    for factor in entry.factors if isinstance(entry, Times) else (entry,):
        whole = isinstance(factor, Pow) and factor.exponent in (2, 3, 4)
        if isinstance(factor, Pow) and whole:
            yield from [factor.base] * int(factor.exponent)
        else:
            yield factor


def _product(parts: list[Entry]) -> Entry:
    """A product in which equal factors are powers."""
    counted: dict[Entry, int] = {}
    for part in parts:
        counted[part] = counted.get(part, 0) + 1
    return product(power(part, Fraction(times)) for part, times in counted.items())


def _reads(mean: _Mean, of: Load, at: tuple[Affine, ...]) -> bool:
    """Whether x at some position belongs to the entries whose mean stands at another."""
    if of.array != mean.of.array:
        return False
    places = dict(zip((axis.name for axis in mean.axes), at, strict=True))
    bound = {b.name for b in mean.bounds}
    for here, there in zip(of.at, mean.of.at, strict=True):
        if not there.names & bound and placed(Place(there), places) != Place(here):
            return False
    return True
