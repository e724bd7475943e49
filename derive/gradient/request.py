"""What is asked for, and what comes back: records of a derivation and their closed forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from derive.errors import UnsupportedError, UsageError
from derive.gradient.problem import Problem, find_name, inputs_of, understood
from derive.gradient.steps import Derivation, Step
from derive.judgement.check import Checked, Progress, check
from derive.judgement.verdict import Limits
from derive.meaning import terms as t


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: derivatives of `of` (the objective when empty) by the names `wrt`.

    `wrt` may be `("all",)`. With `order` 2 the gradient is differentiated once more, along a
    direction. `mode` is vjp or jvp; empty means the Jacobian of an array `of`, else the gradient.
    `detail` is brief, normal or full.
    """

    wrt: tuple[str, ...]
    of: str = ""
    order: int = 1
    mode: str = ""
    detail: str = "normal"


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """`left = term` at `indices`: the derivative of `objective` by `target` in `origin`.

    `at` is the term at other index letters, `uses` the adjoints that it is written with.
    """

    objective: t.Symbol
    target: t.Symbol
    indices: tuple[str, ...]
    left: t.Term
    term: t.Term
    origin: t.Context
    at: Callable[[tuple[str, ...]], t.Term] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivation as Markdown, its closed forms and steps."""

    text: str
    closed_forms: tuple[ClosedForm, ...]
    steps: tuple[Step, ...]

    def check(self, limits: Limits | None = None, progress: Progress | None = None) -> Checked:
        """Judge every claim of the text; an UnsupportedError where a closed form is not one."""
        checked = check(understood(self.text), limits, progress)
        if len(checked.judged) < len(self.closed_forms):
            raise UnsupportedError("a closed form of the derivation is not read as a claim")
        return checked


def chosen(problem: Problem, wrt: Sequence[str]) -> tuple[t.Symbol, ...]:
    """The names to differentiate by."""
    if tuple(wrt) == ("all",):
        found = tuple(x for x in inputs_of(problem.context) if x not in problem.introduced)
        if not found:
            raise UsageError("the document declares no input")
        return found
    names = [find_name(problem.context, name) for name in wrt]
    for symbol, name in zip(names, wrt, strict=True):
        if symbol.role not in ("input", "defined"):
            raise UsageError(f"{name} is neither an input nor a defined name of the document")
    return tuple(dict.fromkeys(names))


def close(derivation: Derivation, problem: Problem, target: t.Symbol) -> ClosedForm:
    """The closed form by one name."""
    closed = derivation.close(target)
    indices = derivation.letters(target)

    def at(letters: tuple[str, ...]) -> t.Term:
        return derivation.phrase(closed.local, closed.parameters, letters)

    left = derivation.left(target, indices)
    return ClosedForm(derivation.objective, target, indices, left, at(indices), problem.origin, at)
