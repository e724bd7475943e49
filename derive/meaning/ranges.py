"""Indices: which letters are bound, where each one indexes, and the range that gives it."""

from __future__ import annotations

from dataclasses import dataclass, field

from derive.errors import IllTypedError, MeaningError
from derive.meaning.terms import Affine, Bound

ONE = Affine.number(1)


@dataclass(slots=True)
class Index:
    """An index in use. `bound` is its range where that is written; `uses` are axes it indexes.

    Each use is the offset of the position from the index, and the size of the axis. `beside`
    are indices that it is compared with. `zero` marks one that the author counts from 0.
    """

    name: str
    bound: Bound | None = None
    low: Affine | None = None
    zero: bool = False
    uses: list[tuple[Affine, Affine]] = field(default_factory=list)
    beside: list[Index] = field(default_factory=list)


class Indices:
    """The indices of an equation: bound ones in a stack of scopes, the rest free."""

    def __init__(self, declared: dict[str, Bound], sizes: frozenset[str]) -> None:
        self.free: dict[str, Index] = {}
        self._stack: list[Index] = []
        self._declared = declared
        self._sizes = sizes

    def bind(self, indices: list[Index]) -> None:
        self._stack.extend(indices)

    def release(self, count: int) -> None:
        del self._stack[len(self._stack) - count :]

    def is_bound(self, name: str) -> bool:
        return any(index.name == name for index in self._stack)

    def find(self, name: str) -> Index:
        """The innermost index of that name; a name that nothing binds is free."""
        for index in reversed(self._stack):
            if index.name == name:
                return index
        if name not in self.free:
            self.free[name] = Index(name, self._declared.get(name))
        return self.free[name]

    def use(self, at: Affine, size: Affine) -> None:
        """Note that an axis of this size is indexed at a position; check what can be checked."""
        names = [name for name in at.names if name not in self._sizes or self.is_bound(name)]
        indices = [self.find(name) for name in names]
        unknown = [index for index in indices if index.bound is None]
        if not unknown:
            self._check(at, size)
        elif len(names) == 1 and dict(at.terms)[names[0]] == 1:
            unknown[0].uses.append((at - Affine.name(names[0]), size))

    def compare(self, left: Affine, right: Affine) -> None:
        """Note that two positions are compared, so that one may lend its range to the other."""
        for name in sorted(left.names | right.names):
            if name not in self._sizes or self.is_bound(name):
                self.find(name)
        if left.single is None or right.single is None:
            return
        one, other = left.single, right.single
        if one in self._sizes or other in self._sizes:
            return
        first, second = self.find(one), self.find(other)
        first.beside.append(second)
        second.beside.append(first)

    def value(self, name: str) -> Affine:
        """The number that an index stands for in arithmetic."""
        index = self.find(name)
        return Affine.name(name) - 1 if index.zero else Affine.name(name)

    def _check(self, at: Affine, size: Affine) -> None:
        if at.single is not None:
            bound = self.find(at.single).bound if at.single not in self._sizes else None
            if bound is not None and bound.high == size and bound.low == ONE:
                return
        if not self._may_be_positive(size - at):
            raise IllTypedError(f"index {at} leaves its axis, which has size {size}")
        if not self._may_be_positive(at - 1):
            raise IllTypedError(f"index {at} leaves its axis: positions count from 1")

    def _may_be_positive(self, gap: Affine) -> bool:
        """Whether a gap is not negative at its worst, for all sizes that are large enough."""
        for _ in range(8):
            names = [n for n in gap.names if n not in self._sizes or self.is_bound(n)]
            if not names:
                break
            name = names[0]
            bound = self.find(name).bound
            if bound is None:
                return True
            coefficient = dict(gap.terms)[name]
            edge = bound.low if coefficient > 0 else bound.high
            gap = gap - Affine.name(name) * coefficient + edge * coefficient
        if not gap.terms:
            return gap.constant >= 0
        return all(coefficient > 0 for _, coefficient in gap.terms)


def range_of(index: Index) -> Bound:
    """The range of an index: as written, or what its uses allow, or that of one beside it."""
    if index.bound is not None:
        return index.bound
    found = _from_uses(index)
    if found is None:
        found = _from_neighbours(index)
    if found is None:
        raise MeaningError(
            f"the range of the index {index.name} is not known",
            advice=f"Write it under the sum, or use {index.name} as an index of a declared array.",
        )
    return found


def _from_neighbours(index: Index) -> Bound | None:
    seen, queue = {id(index)}, list(index.beside)
    while queue:
        other = queue.pop(0)
        if id(other) in seen:
            continue
        seen.add(id(other))
        found = other.bound or _from_uses(other)
        if found is not None:
            return Bound(index.name, index.low or found.low, found.high)
        queue.extend(other.beside)
    return None


def _from_uses(index: Index) -> Bound | None:
    if not index.uses:
        return None
    lows = [ONE - offset for offset, _ in index.uses]
    highs = [size - offset for offset, size in index.uses]
    low, high = lows[0], highs[0]
    for other in lows[1:]:
        low = other if _gap(index, low, other) > 0 else low
    for other in highs[1:]:
        high = other if _gap(index, high, other) < 0 else high
    return Bound(index.name, index.low or low, high)


def _gap(index: Index, one: Affine, other: Affine) -> int:
    gap = other - one
    if gap.terms:
        raise IllTypedError(
            f"the index {index.name} runs over two axes, of sizes {one} and {other}"
        )
    return gap.constant
