"""A stage of a split plan as operations on one block, its reductions included.

Sums of products are never multiplied out in memory.
"""

from __future__ import annotations

from fractions import Fraction

from derive.errors import UnsupportedError
from derive.kernel.block_entries import BlockEntries
from derive.kernel.block_values import Value, axis_text, letters
from derive.kernel.entries import Entry, Num, Pow, Reduce, Times, Where, free_labels, product
from derive.kernel.numpy_text import NEUTRAL
from derive.kernel.plan import Step
from derive.kernel.split import PART

REDUCING = {"sum": "numpy.add", "prod": "numpy.multiply", "max": "numpy.maximum"} | {
    "min": "numpy.minimum"
}


class Block(BlockEntries):
    """The values of one stage."""

    def reduction(self, step: Step, body: Reduce) -> Value:
        """A reduction of a block, or of less."""
        inner = body.body
        if body.condition:
            if body.kind not in NEUTRAL:
                raise UnsupportedError("an extreme under a condition is not computed in blocks")
            inner = Where(body.condition, inner, NEUTRAL[body.kind])
        bound = {b.name for b in body.bounds}
        axes = tuple(k for k, name in enumerate(step.order) if name in bound)
        if body.kind == "sum":
            return self._sum(inner, axes, step)
        if not self.hot(inner, step):
            return self._small(step)
        text = f"{REDUCING[body.kind]}.reduce(@0@, axis={axis_text(axes)})"
        return self._reduced(text, (self.value(inner, step),), step)

    def _small(self, step: Step) -> Value:
        """A reduction of less than a block."""
        texts, args = self.tokens(step.body)
        return self.plain(texts.step(step), args, True)

    def _reduced(self, text: str, args: tuple[Value, ...], step: Step) -> Value:
        return self.values.new(text, args, (), "inside")

    def _sum(self, inner: Entry, axes: tuple[int, ...], step: Step) -> Value:
        """A sum of products of at most two arrays."""
        hot, cold = list[Value](), list[Entry]()
        for factor in inner.factors if isinstance(inner, Times) else (inner,):
            square = isinstance(factor, Pow) and factor.exponent == 2
            base = factor.base if isinstance(factor, Pow) and square else factor
            if not self.hot(factor, step):
                cold.append(factor)
            else:
                hot += [self.value(base, step)] * (2 if square else 1)
        if not hot:
            return self._small(step)
        scale = product(cold)
        if scale != Num(Fraction(1)):
            if len(hot) == 1 and free_labels(scale):
                return self._weighted(hot[0], scale, axes, step)
            first, others = self.scaled(hot, self.cold(scale, step), step)
            assert first is not None
            hot = [first, *others]
        while len(hot) > 2:
            hot = [self.call("numpy.multiply", step, hot[0], hot[1]), *hot[2:]]
        return self._dot(hot, axes, step)

    def _dot(self, hot: list[Value], axes: tuple[int, ...], step: Step) -> Value:
        rank = len(step.order)
        if axes[-1] < rank - 1:
            if len(hot) == 1:
                text = f"numpy.add.reduce(@0@, axis={axis_text(axes)})"
            else:
                text = f'numpy.einsum("{letters(rank, axes)}", @0@, @1@)'
            return self._reduced(text, tuple(hot), step)
        if len(hot) == 1 and len(axes) == rank:
            return self._reduced("numpy.add.reduce(@0@, axis=None)", tuple(hot), step)
        if len(hot) == 1:
            last = next(b for b in (*step.bounds, *step.axes) if b.name == step.order[-1])
            ones = f"numpy.ones({self.texts.size(last.high - last.low + 1)}, work)"
            moving = PART in last.high.names
            hot = [hot[0], self.plain(ones, [], moving)]
        text = "_dot(@0@, @1@)"
        if len(axes) > 1:
            text += f".sum(axis={axis_text(axes[:-1])}, dtype=numpy.float64)"
        return self._reduced(text, tuple(hot), step)

    def _weighted(self, value: Value, scale: Entry, axes: tuple[int, ...], step: Step) -> Value:
        """A sum of a block times numbers along some of its axes."""
        rank = len(step.order)
        own = tuple(name for name in step.order if name in free_labels(scale))
        number = self.cold(scale, step, own)
        if axes == (rank - 1,) and own == step.order[-1:]:
            return self._reduced("_dot(@0@, @1@)", (value, number), step)
        places = tuple(step.order.index(name) for name in own)
        text = f'numpy.einsum("{letters(rank, axes, places)}", @0@, @1@)'
        return self._reduced(text, (value, number), step)
