"""What a plan is made of: parameters, steps on arrays with labelled axes, checks and results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from derive.kernel.entries import (
    Apply,
    Entry,
    Load,
    Pow,
    Reduce,
    Times,
    free_labels,
    loads,
    sizes_in,
)
from derive.kernel.proved import ClosedForm
from derive.meaning.terms import Bound, Context, Symbol

DEFINITION = "definition"
"""The source of a form that is what the document defines, not what it claims."""
INVERSE = "inverse"
"""The function of a matrix, laid out by the labels of the step, whose entries are a step's."""
StepKind = Literal["reduction", "contraction", "element-wise", "matrix function"]


@dataclass(frozen=True)
class Parameter:
    """An argument of the kernel: an input, a gradient by an output, or a saved defined name."""

    array: str
    symbol: Symbol
    kind: Literal["input", "upstream", "saved"]
    objective: str = ""


@dataclass(frozen=True)
class Step:
    """One array, entry by entry: `array[axes] = body`.

    The body is a `Reduce` over entries without a reduction inside, or such an entry. `title` is
    the key of the name the author gave it, if any. `depth` counts the reductions before it, its
    own included.
    """

    array: str
    axes: tuple[Bound, ...]
    body: Entry
    title: str = ""
    depth: int = 0

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The labels it reduces over."""
        return self.body.bounds if isinstance(self.body, Reduce) else ()

    @property
    def inner(self) -> Entry:
        """The entry under the reduction, or the body itself."""
        return self.body.body if isinstance(self.body, Reduce) else self.body

    @property
    def of_matrix(self) -> tuple[str, Load] | None:
        """`inverse`, `det`, … and the matrix, where the step is that; by the labels of its axes."""
        match self.body:
            case Apply(function, (Load() as matrix,)) if function == INVERSE:
                return function, matrix
            case Reduce(("det" | "logdet" | "detsign") as function, _, _, Load() as matrix):
                return function, matrix
        return None

    @property
    def order(self) -> tuple[str, ...]:
        """All labels in the order in which the arrays under it are laid out."""
        own = tuple(axis.name for axis in self.axes)
        bound = tuple(b.name for b in self.bounds)
        natural = tuple(name for name in free_labels(self.inner) if name in {*own, *bound})
        natural += tuple(name for name in bound if name not in natural)
        kept = tuple(name for name in natural if name not in bound)
        return natural if kept == own and bound else own + bound

    @property
    def kind(self) -> StepKind:
        """A contraction is a sum of products in which no factor has every index."""
        if self.of_matrix is not None:
            return "matrix function"
        if not isinstance(self.body, Reduce):
            return "element-wise"
        inner = self.inner
        if self.body.kind != "sum" or self.body.condition or not isinstance(inner, Times):
            return "reduction"
        whole = {*self.order}
        factors = [f for f in inner.factors if free_labels(f)]
        plain = all(_is_plain(f) for f in factors) and len(factors) == len(inner.factors)
        split = all(set(free_labels(f)) < whole for f in factors)
        return "contraction" if plain and split and len(factors) > 1 else "reduction"


def _is_plain(factor: Entry) -> bool:
    base = factor.base if isinstance(factor, Pow) else factor
    return isinstance(base, Load)


@dataclass(frozen=True)
class Check:
    """An assumption about parameters: `steps` end in an array that is 1 where it holds."""

    latex: str
    parameters: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Result:
    """A wanted gradient and the step that holds it."""

    form: ClosedForm
    array: str


@dataclass(frozen=True)
class Plan:
    """Steps in order of computation; `results` in the order of the closed forms."""

    context: Context
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    checks: tuple[Check, ...] = ()

    def needed(self, arrays: Iterable[str]) -> frozenset[str]:
        """The arrays that the given ones depend on, themselves included."""
        found = set(arrays)
        for step in reversed(self.steps):
            if step.array in found:
                found |= loads(step.body)
        return frozenset(found)

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes of the context that the plan reads or whose axes it computes."""
        everything = (*self.steps, *(s for check in self.checks for s in check.steps))
        found = {name for step in everything for name in sizes_in(step.body)}
        for step in everything:
            found |= {n for b in step.axes for at in (b.low, b.high) for n in at.names}
        for parameter in self.parameters:
            found |= {name for size in parameter.symbol.shape for name in size.names}
        return tuple(sorted(found))


@dataclass(frozen=True)
class Shift:
    """A number near the mean of `of` over `bounds`, for each position of `axes`.

    `sums` and `squares` are the arrays of Σ (x − s) and Σ (x − s)² over the same bounds.
    """

    array: str
    axes: tuple[Bound, ...]
    of: Load
    bounds: tuple[Bound, ...]
    sums: str
    squares: str


@dataclass(frozen=True)
class Shifted:
    """A plan whose means are shifted.

    `sampled` shifts are to be found before the first pass and to be checked after it; the others
    are steps. The arrays in `narrow` hold shifts, which are numbers of the working type.
    """

    plan: Plan
    sampled: tuple[Shift, ...]
    narrow: frozenset[str]
