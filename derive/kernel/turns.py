"""Turns of loops as text: what a step does in one, and what several at once have in common."""

from __future__ import annotations

from dataclasses import replace

from derive.kernel.arrays import Entries
from derive.kernel.dialect import JAM, Folds, Kind, Lines, Taker
from derive.kernel.entries import Reduce, moved_to, placed
from derive.kernel.loops import Compute, Loop, Path, outside_of
from derive.kernel.storage import stored_axes
from derive.meaning.terms import Affine


class Turns(Entries):
    """Writes turns of steps; `parts` are the sums that the loop being written makes in parts."""

    parts: frozenset[str] | set[str] = frozenset()

    # ---- one turn -------------------------------------------------------------------------------

    def turn(self, compute: Compute, path: Path) -> Lines:
        """One turn; the current scope takes the numbers that it needs first."""
        step, body = compute.step, placed(compute.step.body, compute.places)
        home = self.homes[step.array]
        kind: Kind = "real" if home.hot else "wide"
        if isinstance(body, Reduce):
            target = self.target(compute, path)
            if not body.condition:
                return [self.added(compute, target, self.formulas.text(body.body, kind))]
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
        if not axes:
            return self.own("b" if compute.step.array in self.parts else "q", compute)
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
                kind = self.total_kind(compute) if target == self.own("q", compute) else "wide"
                return self.to.set(target, self.to.function(extreme, [target, value], kind))

    def total_kind(self, compute: Compute) -> Kind:
        """The type of a total: an extreme is one of its terms, so it needs no more than theirs."""
        hot = self.homes[compute.step.array].hot
        return "real" if hot and fold_of(compute) in ("max", "min") else "wide"

    def _term(self, compute: Compute) -> str:
        body = placed(compute.step.body, compute.places)
        assert isinstance(body, Reduce)
        kind: Kind = "real" if self.homes[compute.step.array].hot else "wide"
        return self.formulas.text(body.body, kind)

    def _value(self, compute: Compute) -> str:
        """What an element-wise step of full rank sets an entry to."""
        return self.formulas.text(placed(compute.step.body, compute.places), "real")

    # ---- several turns at once ------------------------------------------------------------------

    def jammed_sums(self, loop: Loop, path: Path, blocked: list[Compute]) -> Lines | None:
        """JAM turns of a loop at once, their terms added up before the sums take them.

        None where a turn does anything else than one loop of terms.
        """
        match loop.body:
            case (Loop(body=body) as inner,) if all(node in blocked for node in body):
                terms = [node for node in body if isinstance(node, Compute)]
            case _:
                return None
        if any(isinstance(c.step.body, Reduce) and c.step.body.condition for c in terms):
            return None
        with self.formulas.scope() as lines:
            for compute in terms:
                values = [self._term(_ahead(compute, loop.var, by)) for by in range(JAM)]
                target = self.target(compute, (*path, inner))
                lines.append(self.to.set(target, _paired(values), "+="))
        return self.to.loop(inner.var[1:], "0", self.formulas.whole(inner.length), lines)

    def jammed_results(self, loop: Loop) -> Lines | None:
        """JAM turns at once of a loop around a single one that sets streamed results.

        So what they have in common is read once. None where they do anything else.
        """
        match loop.body:
            case (Loop(body=body) as inner,):
                results = [c for c in body if isinstance(c, Compute) and self.streamed(c, inner)]
            case _:
                return None
        if len(results) < len(body) or not all(_counted(c, loop.var) for c in results):
            return None
        with self.formulas.scope() as lines:
            for compute in results:
                values = [_ahead(compute, loop.var, by) for by in range(JAM)]
                texts = [self._value(value) for value in values]
                for value, text in zip(values, texts, strict=True):
                    lines += self.stored(value.step, value.places, text)
        return self.to.loop(inner.var[1:], "0", self.formulas.whole(inner.length), lines)

    def within(self, loop: Loop) -> str:
        """The length of the only loop inside another."""
        (inner,) = (node for node in loop.body if isinstance(node, Loop))
        return self.formulas.whole(inner.length)

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

    def in_parts(self, compute: Compute, folds: Folds) -> bool:
        """Whether a sum is made in the working type, chunk by chunk."""
        sums = {name for name, fold, _ in folds if fold == "sum"}
        return self.own("q", compute) in sums and self.homes[compute.step.array].hot

    def streamed(self, compute: Compute, loop: Loop) -> bool:
        """Whether turns of a loop set entries side by side of a result that nothing reads."""
        step, home = compute.step, self.homes[compute.step.array]
        if not self.to.chunks or not home.result or not home.hot or home.reduced or not step.axes:
            return False
        last = compute.places[step.axes[-1].name] - step.axes[-1].low
        alone = all(loop.var not in compute.places[a.name].names for a in step.axes[:-1])
        return last.single == loop.var and alone and step.array not in self.read_again

    def taker(self, compute: Compute, loop: Loop) -> Taker:
        axes, first = compute.step.axes, {loop.var: Affine.name("@begin")}
        places = [moved_to(compute.places[a.name] - a.low, first) for a in axes]
        name = self.names[compute.step.array]
        return Taker(name, self.to.entry(name, [self.formulas.whole(at) for at in places]))


def _counted(compute: Compute, var: str) -> bool:
    """Whether each turn of a loop sets another entry of a step."""
    return any(var in compute.places[axis.name].names for axis in compute.step.axes)


def _ahead(compute: Compute, var: str, by: int) -> Compute:
    """The turn of a step that comes so many turns of a loop later."""
    shift = {var: Affine.name(var) + by}
    return replace(compute, places={n: moved_to(p, shift) for n, p in compute.places.items()})


def _paired(values: list[str]) -> str:
    """The sum of values, by pairs of pairs."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return f"({_paired(values[:half])} + {_paired(values[half:])})"


def fold_of(compute: Compute) -> str:
    assert isinstance(compute.step.body, Reduce)
    return compute.step.body.kind
