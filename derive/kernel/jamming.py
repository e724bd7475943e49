"""Several turns of a loop at once: copies of what a turn computes, their terms added up first.

So short rows keep a processor busy: what one row waits for, three others do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from derive.kernel.dialect import JAM, Makes
from derive.kernel.entries import Entry, Load, Reduce, Total, moved_to, placed, rebuild
from derive.kernel.loops import Compute, Loop, Nest, Node, opened, paths, reads
from derive.kernel.plan import Step
from derive.kernel.storage import Home
from derive.meaning.terms import Affine


@dataclass(frozen=True)
class Jam:
    """The nodes of JAM turns at once, and what a turn makes.

    `copies` are the arrays that only one turn knows, `originals` the ones that they are like.
    """

    nodes: tuple[Node, ...]
    makes: Makes
    copies: dict[str, Step]
    originals: dict[str, str]


def jam_of(nest: Nest, homes: dict[str, Home], loop: Loop) -> Jam | None:
    """JAM turns at once of a loop around loops of steps; None where turns are not alike enough."""
    if not any(isinstance(node, Loop) for node in loop.body):
        return None
    if any(isinstance(inner, Loop) for node in loop.body for inner in _inside(node)):
        return None
    jamming = _Jamming(nest, homes, loop.var)
    if not all(jamming.fits(compute) for compute, _ in paths(loop.body)):
        return None
    nodes = tuple(jamming.node(node) for node in loop.body)
    flat = tuple(each for group in nodes for each in group)
    adds = all(jamming.adds(compute) for compute, _ in paths(loop.body))
    makes: Makes = "terms" if adds else "rows" if jamming.copies else "entries"
    return Jam(flat, makes, jamming.copies, jamming.originals)


def _inside(node: Node) -> tuple[Node, ...]:
    return node.body if isinstance(node, Loop) else ()


class _Jamming:
    def __init__(self, nest: Nest, homes: dict[str, Home], var: str) -> None:
        self.virtual, self.homes, self.var = nest.virtual, homes, var
        self.copies = dict[str, Step]()
        self.originals = dict[str, str]()

    def fits(self, compute: Compute) -> bool:
        """Whether a turn of a step counts for itself, or only adds a term."""
        body, home = compute.step.body, self.homes[compute.step.array]
        if sum(self.var in place.names for place in compute.places.values()) != 1:
            return False
        if self.adds(compute):
            return isinstance(body, Reduce) and body.kind == "sum" and not body.condition
        return self._local(compute.step.array) or (home.result and not home.reduced)

    def node(self, node: Node) -> tuple[Node, ...]:
        """A node for all turns."""
        if isinstance(node, Loop):
            return (replace(node, body=tuple(n for each in node.body for n in self.node(each))),)
        if self.adds(node):
            return (self._sum(node),)
        return tuple(self._copy(node, by) for by in range(JAM))

    # ---- steps ----------------------------------------------------------------------------------

    def adds(self, compute: Compute) -> bool:
        """Whether the turns of the loop are terms of a reduction."""
        return any(self.var in compute.places[b.name].names for b in compute.step.bounds)

    def _local(self, array: str) -> bool:
        """Whether an array is made and read within a turn."""
        home = self.homes.get(array)
        return home is not None and any(loop.var == self.var for loop in home.path)

    def _sum(self, compute: Compute) -> Compute:
        """The terms of all turns as one, added up by pairs."""
        body = compute.step.body
        assert isinstance(body, Reduce)
        label = next(n for n, place in compute.places.items() if self.var in place.names)
        ahead = [{label: Affine.name(label) + by} for by in range(JAM)]
        terms = [placed(self._renamed(body.body, by), ahead[by]) for by in range(JAM)]
        while len(terms) > 1:
            terms = [Total((a, b)) for a, b in zip(terms[::2], terms[1::2], strict=True)]
        step = replace(compute.step, body=replace(body, body=terms[0]))
        return replace(compute, step=step)

    def _copy(self, compute: Compute, by: int) -> Compute:
        """The step of a later turn."""
        step = compute.step
        own = self._named(step.array, by)
        copy = replace(step, array=own, body=self._renamed(step.body, by))
        if own != step.array:
            self.copies[own], self.originals[own] = copy, step.array
        ahead = {self.var: Affine.name(self.var) + by}
        return Compute(copy, {n: moved_to(place, ahead) for n, place in compute.places.items()})

    def _named(self, array: str, by: int) -> str:
        return f"{array} {by}" if by and self._local(array) else array

    def _renamed(self, entry: Entry, by: int) -> Entry:
        """An entry of the first turn as one of a later turn, but for the position."""
        if isinstance(entry, Load):
            if entry.array not in self.virtual:
                return Load(self._named(entry.array, by), entry.at)
            if any(self._local(load.array) for load in self._reads(entry)):
                return self._renamed(opened(entry, self.virtual), by)
            return entry
        return rebuild(entry, lambda part: self._renamed(part, by))

    def _reads(self, entry: Entry) -> Iterator[Load]:
        return reads(entry, self.virtual)
