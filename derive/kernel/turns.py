"""Turns of loops as text: what a step does in one, and what several at once have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from derive.kernel.arrays import Entries
from derive.kernel.dialect import Folds, Kind, Lines, Taker
from derive.kernel.entries import Apply, Entry, Load, Reduce, moved_to, placed, subentries
from derive.kernel.jamming import Jam, jam_of
from derive.kernel.loops import Compute, Loop, Path, opened, outside_of, paths
from derive.kernel.storage import stored_axes
from derive.meaning.terms import Affine

CHEAP = frozenset(("abs", "sign", "max", "min", "relu", "close"))
"""Functions that take as long as a sum."""


class Turns(Entries):
    """Writes turns of steps; `lanes` has the lane of each fold that the loop makes in lanes."""

    lanes: Mapping[str, str] = MappingProxyType({})

    # ---- one turn -------------------------------------------------------------------------------

    def turn(self, compute: Compute, path: Path) -> Lines:
        """One turn; the current scope takes the numbers that it needs first."""
        step, body = compute.step, placed(compute.step.body, compute.places)
        home = self.homes[step.array]
        kind: Kind = "real" if home.hot else "wide"
        if isinstance(body, Reduce):
            target = self.target(compute, path)
            if not body.condition:
                added = self.added(compute, target, self.formulas.text(body.body, kind))
                return self.needed(step.array, [added]) if "[" in target else [added]
            test = self.formulas.test(body.condition, kind)
            with self.formulas.scope() as inner:
                inner.append(self.added(compute, target, self.formulas.text(body.body, kind)))
            return self.to.when(test, inner)
        value = self.formulas.text(body, kind)
        if home.axes or not path or home.result:
            return self.stored(step, compute.places, value)
        if home.narrow:
            value = self.to.cast("real", value)
        return [self.to.declare(home.kind, self.names[step.array], value)]

    def target(self, compute: Compute, path: Path) -> str:
        axes = stored_axes(compute, outside_of(compute, path))
        lane = self.lanes.get(compute.step.array)
        if not axes:
            return f"{self.own('b', compute)}[{lane}]" if lane else self.own("q", compute)
        buffer = self.own("b" if fold_of(compute) == "sum" else "q", compute)
        return f"{buffer}[{self.at(compute.step, axes, compute.places)}]"

    def added(self, compute: Compute, target: str, value: str) -> str:
        """One more term of a reduction."""
        match fold_of(compute):
            case "sum":
                return self.to.set(target, value, "+=")
            case "prod":
                return self.to.set(target, value, "*=")
            case extreme:
                kind = "wide" if target.startswith("p_") else self.total_kind(compute)
                return self.to.set(target, self.to.function(extreme, [target, value], kind))

    def total_kind(self, compute: Compute) -> Kind:
        """The type of a total: an extreme is one of its terms, so it needs no more than theirs."""
        hot = self.homes[compute.step.array].hot
        return "real" if hot and fold_of(compute) in ("max", "min") else "wide"

    # ---- several turns at once ------------------------------------------------------------------

    def jam(self, loop: Loop) -> Jam | None:
        """JAM turns of a loop at once, whose arrays have names and homes then."""
        jam = jam_of(self.nest, self.homes, loop)
        if jam is None or (jam.makes != "terms" and not self.to.lanes):
            return None
        for array, step in jam.copies.items():
            own = self.originals[array] = jam.originals[array]
            self.homes[array] = replace(self.homes[own], step=step)
            self.names[array] = f"{self.names[own]}_{array.rpartition(' ')[2]}"
        return jam

    def within(self, loop: Loop) -> str:
        """The length of the first loop inside another."""
        inner = next(node for node in loop.body if isinstance(node, Loop))
        return self.formulas.whole(inner.length)

    def weight_of(self, loop: Loop) -> int:
        """About how many times as long as a simple turn one takes that evaluates functions."""
        hot = [c.step for c, _ in paths([loop]) if self.homes[c.step.array].hot]
        parts = (part for step in hot for part in self._parts(step.body))
        calls = [p for p in parts if isinstance(p, Apply) and p.function not in CHEAP]
        return min(1 + 3 * len(set(calls)), 16)

    # ---- what innermost loops do ----------------------------------------------------------------

    def straight(self, loop: Loop, path: Path) -> Folds | None:
        """The numbers that are folded in a loop without another dependence between turns."""
        found = []
        for node in loop.body:
            if isinstance(node, Loop):
                return None
            folds = any(loop.var in node.places[b.name].names for b in node.step.bounds)
            scalar = not stored_axes(node, outside_of(node, path))
            if folds and (not scalar or fold_of(node) == "prod"):
                return None
            if folds:
                found.append((self.own("q", node), fold_of(node), self.total_kind(node)))
        return tuple(found)

    def lane_kind(self, compute: Compute) -> Kind:
        """The type of a fold's lanes: the working type, but of numbers below full rank."""
        return "real" if self.homes[compute.step.array].hot else "wide"

    def streamed(self, compute: Compute, loop: Loop) -> bool:
        """Whether turns of a loop set entries side by side of a result that nothing reads.

        Where functions take the time, it is no gain to spare memory.
        """
        step, home = compute.step, self.homes[compute.step.array]
        together = [c.step.body for c, _ in paths([loop])]
        if any(isinstance(part, Apply) for body in together for part in self._parts(body)):
            return False
        if not self.to.lanes or not home.result or not home.hot or home.reduced or not step.axes:
            return False
        last = compute.places[step.axes[-1].name] - step.axes[-1].low
        alone = all(loop.var not in compute.places[a.name].names for a in step.axes[:-1])
        return last.single == loop.var and alone and step.array not in self.read_again

    def _parts(self, entry: Entry) -> Iterator[Entry]:
        """All entries in one, in steps that are not stored too."""
        for part in subentries(entry):
            yield part
            if isinstance(part, Load) and part.array in self.nest.virtual:
                yield from self._parts(opened(part, self.nest.virtual))

    def taker(self, compute: Compute, loop: Loop) -> Taker:
        axes, begin = compute.step.axes, {loop.var: Affine.name("@begin")}
        places = [moved_to(compute.places[a.name] - a.low, begin) for a in axes]
        name = self.names[compute.step.array]
        first = self.to.entry(name, [self.formulas.whole(at) for at in places])
        return Taker(name, first, self.test_of(self.results_of({compute.step.array})))


def fold_of(compute: Compute) -> str:
    assert isinstance(compute.step.body, Reduce)
    return compute.step.body.kind
