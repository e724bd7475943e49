"""Parts of steps that become steps of their own: what is invariant, and what is common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from derive.kernel.entries import (
    Const,
    Entry,
    Load,
    Num,
    Place,
    Reduce,
    Times,
    Total,
    free_labels,
    is_label,
    loads,
    moved_bound,
    placed,
    positions,
    product,
    rebuild,
    rename,
    subentries,
    total,
)
from derive.kernel.steps import Step
from derive.meaning.terms import Affine, Bound

Ranges = Mapping[str, Bound]
Key = tuple[Entry, tuple[Bound, ...]]
Join = Callable[[Iterable[Entry]], Entry]


# ---- canonical labels ---------------------------------------------------------------------------


def ordered(entry: Entry) -> Entry:
    """The entry with terms and factors in an order that no label decides."""
    entry = rebuild(entry, ordered)
    match entry:
        case Total(terms):
            return total(sorted(terms, key=_rank))
        case Times(factors):
            return product(sorted(factors, key=_rank))
        case _:
            return entry


def _rank(entry: Entry) -> str:
    names = {name for part in subentries(entry) for at in positions(part) for name in at.names}
    names |= {b.name for part in subentries(entry) if isinstance(part, Reduce) for b in part.bounds}
    return repr(rename(entry, {name: "@" for name in names if is_label(name)}))


def canonical(
    entry: Entry, ranges: Ranges, order: tuple[str, ...] = ()
) -> tuple[Key, tuple[str, ...]]:
    """The entry with its labels numbered, the ranges of its free ones, and their old names."""
    entry = ordered(entry)
    free = order or free_labels(entry)
    labels = {name: f"@{k}" for k, name in enumerate(free)}
    inner = [b for part in subentries(entry) if isinstance(part, Reduce) for b in part.bounds]
    labels |= {bound.name: f"@b{k}" for k, bound in enumerate(inner)}
    axes = tuple(moved_bound(ranges[name], labels) for name in free)
    return (rename(entry, labels), axes), free


def is_trivial(entry: Entry) -> bool:
    """Whether computing it ahead saves nothing: at most a factor of an array, or no array."""
    if isinstance(entry, Times):
        arrays = [factor for factor in entry.factors if not isinstance(factor, Num)]
        return len(arrays) == 1 and is_trivial(arrays[0])
    return isinstance(entry, Load | Num | Place | Const) or not loads(entry)


# ---- sharing ------------------------------------------------------------------------------------


@dataclass
class Sharing:
    """Passes over finished steps that take parts out into steps of their own."""

    steps: list[Step]
    prefix: str
    _known: dict[Key, str] = field(default_factory=dict)
    _out: list[Step] = field(default_factory=list)

    def invariants(self) -> list[Step]:
        """Parts with fewer axes than what they stand in are computed ahead, on fewer entries."""
        for step in self.steps:
            ranges = {b.name: b for b in (*step.axes, *step.bounds)}
            if isinstance(step.body, Reduce):
                body: Entry = replace(step.body, body=self._ahead(step.inner, ranges))
            else:
                body = self._ahead(step.body, ranges)
            self._out.append(replace(step, body=body))
        return self._out

    def _ahead(self, entry: Entry, ranges: Ranges) -> Entry:
        whole = set(free_labels(entry))
        entry = rebuild(entry, lambda part: self._ahead(part, ranges))
        match entry:
            case Times(factors):
                return product(self._grouped(factors, whole, ranges, product))
            case Total(terms):
                return total(self._grouped(terms, whole, ranges, total))
            case _:
                return rebuild(entry, lambda part: self._taken(part, whole, ranges))

    def _grouped(
        self, members: tuple[Entry, ...], whole: set[str], ranges: Ranges, join: Join
    ) -> Iterator[Entry]:
        """Members by their labels, those with fewer labels joined and computed ahead."""
        groups: dict[frozenset[str], list[Entry]] = {}
        for member in members:
            groups.setdefault(frozenset(free_labels(member)), []).append(member)
        smaller = sorted((g for g in groups if g < whole), key=lambda g: (len(g), sorted(g)))
        for labels in smaller:
            larger = next((g for g in smaller if labels < g), None)
            if larger is not None:
                groups[larger] = groups.pop(labels) + groups[larger]
        for labels, group in groups.items():
            yield self._taken(join(group), whole, ranges) if labels < whole else join(group)

    def _taken(self, part: Entry, whole: set[str], ranges: Ranges) -> Entry:
        """The part, or a load of it when it has fewer labels than the whole."""
        if is_trivial(part) or not set(free_labels(part)) < whole:
            return part
        return self._load(part, ranges)

    def _load(self, part: Entry, ranges: Ranges) -> Entry:
        key, free = canonical(part, ranges)
        if key not in self._known:
            array = self._known[key] = f"{self.prefix}{len(self._known)}"
            self._out.append(Step(array, key[1], key[0]))
        return Load(self._known[key], tuple(Affine.name(name) for name in free))

    def common(self) -> list[Step]:
        """Parts that stand in several places are computed once, the largest first."""
        self._out = self.steps
        while (key := self._most_shared()) is not None:
            self._share(key)
        return self._out

    def _most_shared(self) -> Key | None:
        counts = Counter[Key]()
        for step in self._out:
            for part, ranges in _candidates(step):
                counts[canonical(part, ranges)[0]] += 1
        repeated = [key for key, times in counts.items() if times > 1]
        return max(repeated, key=_weight, default=None)

    def _share(self, key: Key) -> None:
        """Replace a part everywhere by a load of the step that computes it."""
        whole = next((s for s in self._out if (s.body, s.axes) == key), None)
        array = whole.array if whole else f"{self.prefix}{len(self._known)}"
        self._known[key] = array
        found, first = list[Step](), None
        for step in self._out:
            ranges = {b.name: b for b in (*step.axes, *step.bounds)}
            body = step.body if step is whole else _replaced(step.body, key, array, ranges)
            first = len(found) if first is None and body != step.body else first
            found.append(replace(step, body=body))
        if whole is None:
            found.insert(first or 0, Step(array, key[1], key[0]))
        elif first is not None:
            at = next(k for k, step in enumerate(found) if step.array == array)
            found.insert(min(first, at), found.pop(at))
        self._out = found


def _candidates(step: Step) -> Iterator[tuple[Entry, Ranges]]:
    ranges = {b.name: b for b in (*step.axes, *step.bounds)}
    for part in subentries(step.body):
        if not isinstance(part, Reduce) and not is_trivial(part) and free_labels(part):
            yield part, ranges


def _weight(key: Key) -> tuple[int, str]:
    return sum(1 for _ in subentries(key[0])), repr(key)


def _replaced(entry: Entry, key: Key, array: str, ranges: Ranges) -> Entry:
    if not isinstance(entry, Reduce) and not is_trivial(entry):
        found, free = canonical(entry, ranges)
        if found == key:
            return Load(array, tuple(Affine.name(name) for name in free))
    return rebuild(entry, lambda part: _replaced(part, key, array, ranges))


# ---- copies -------------------------------------------------------------------------------------


def without_copies(steps: list[Step], results: set[str]) -> list[Step]:
    """The steps less those that only give another one a name or other axes: made in place."""
    for step in steps:
        source = _copied(step, steps, results)
        if source is not None:
            return without_copies(_merged(steps, step, source), results)
    return steps


def oriented(steps: list[Step], results: set[str]) -> list[Step]:
    """The steps, matrices that are only ever read across laid out the other way."""
    across, along = set[str](), set[str]()
    for step in steps:
        places = {axis.name: k for k, axis in enumerate(step.axes)}
        for load in (part for part in subentries(step.body) if isinstance(part, Load)):
            at = [places.get(place.single or "", -1) for place in load.at]
            turned = len(at) == 2 and 0 <= at[1] < at[0] and not step.bounds
            (across if turned else along).add(load.array)
    swapped = across - along - results
    made = {step.array for step in steps if not step.title} & swapped

    def read(entry: Entry) -> Entry:
        if isinstance(entry, Load) and entry.array in made:
            return Load(entry.array, entry.at[::-1])
        return rebuild(entry, read)

    return [
        replace(
            step,
            axes=step.axes[::-1] if step.array in made else step.axes,
            body=read(step.body),
        )
        for step in steps
    ]


def _copied(step: Step, steps: list[Step], results: set[str]) -> Step | None:
    """The step that this one holds entry for entry, if it may be made under this one's name."""
    load = step.body
    if not isinstance(load, Load) or load.array in results:
        return None
    source = next((each for each in steps if each.array == load.array), None)
    if source is None or source.title:
        return None
    labels = [at.single for at in load.at]
    ranges = {axis.name: (axis.low, axis.high) for axis in step.axes}
    own = {axis.name for axis in source.axes}
    same = len(set(labels)) == len(labels) == len(step.axes) and all(
        label in ranges and ranges[label] == (axis.low, axis.high)
        for label, axis in zip(labels, source.axes, strict=True)
    )
    inner = (b for part in subentries(source.body) if isinstance(part, Reduce) for b in part.bounds)
    free = all(not own & (bound.low.names | bound.high.names) for bound in inner)
    return source if same and free else None


def _merged(steps: list[Step], copy: Step, source: Step) -> list[Step]:
    """The source under the name and with the axes of its copy."""
    assert isinstance(copy.body, Load)
    labels = [str(at) for at in copy.body.at]
    places = {axis.name: Affine.name(n) for axis, n in zip(source.axes, labels, strict=True)}
    order = [labels.index(axis.name) for axis in copy.axes]

    def read(entry: Entry) -> Entry:
        if isinstance(entry, Load) and entry.array == source.array:
            return Load(copy.array, tuple(entry.at[k] for k in order))
        return rebuild(entry, read)

    made = Step(copy.array, copy.axes, placed(source.body, places), copy.title, source.depth)
    found = list[Step]()
    for step in steps:
        if step is source:
            found.append(made)
        elif step is not copy:
            found.append(replace(step, body=read(step.body)))
    return found
