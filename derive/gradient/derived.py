"""The gradient of any document, as a document in which each step is a claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from derive.errors import UsageError
from derive.gradient.forward import JacobianDerivation, TangentDerivation, tangents
from derive.gradient.layout import document, introduction, results, title
from derive.gradient.problem import (
    Problem,
    declared,
    find_name,
    inputs_of,
    plain,
    set_problem,
    understood,
)
from derive.gradient.prose import paragraphs
from derive.gradient.steps import Derivation, Step
from derive.judgement.check import Checked, Progress, check
from derive.judgement.verdict import Limits
from derive.meaning import terms as t
from derive.meaning.claims import Meaning


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
        """Judge every claim of the text."""
        return check(understood(self.text), limits, progress)


def derive_document(meaning: Meaning, request: Request) -> Derived:
    """Derive what is asked for; raises UsageError where the request does not fit the document."""
    if not request.wrt:
        raise UsageError("no name to differentiate by", advice="Write --wrt x, or --wrt all.")
    if request.order == 2:
        from derive.gradient.second import derive_twice

        return derive_twice(meaning, request)
    if request.mode == "jvp":
        return along(meaning, request)
    if not request.mode and request.of:
        problem = set_problem(meaning, request.of, request.wrt, "nothing")
        if problem.objective.shape:
            return jacobian(problem, request)
    problem = set_problem(meaning, request.of, request.wrt)
    return backward(problem, request)


def backward(problem: Problem, request: Request) -> Derived:
    """The gradient of a scalar, by reverse accumulation."""
    targets = chosen(problem, request.wrt)
    derivation = Derivation(problem.context, problem.objective, targets[0])
    closed = tuple(close(derivation, problem, target) for target in targets)
    text = document(
        title("The gradient of", [problem.objective], targets),
        problem.text,
        introduction(problem, targets),
        paragraphs(derivation.steps, request.detail),
        results([(form.left, form.term) for form in closed]),
    )
    return Derived(text, closed, tuple(derivation.steps))


def jacobian(problem: Problem, request: Request) -> Derived:
    """The Jacobian of an array by each name, by forward accumulation."""
    targets = chosen(problem, request.wrt)
    closed: list[ClosedForm] = []
    steps: list[Step] = []
    for target in targets:
        derivation = JacobianDerivation(problem.context, problem.objective, target)
        closed.append(close(derivation, problem, problem.objective))
        steps += derivation.steps
    text = document(
        title("The derivative of", [problem.objective], targets),
        problem.text,
        ["Each definition is differentiated, from the inputs on."],
        paragraphs(steps, request.detail),
        results([(form.left, form.term) for form in closed]),
    )
    return Derived(text, tuple(closed), tuple(steps))


def along(meaning: Meaning, request: Request) -> Derived:
    """The derivative along a direction, by forward accumulation."""
    problem = set_problem(meaning, request.of, request.wrt, "nothing")
    targets = chosen(problem, request.wrt)
    for target in targets:
        if target.role != "input":
            raise UsageError(f"{plain(target)} is defined: a tangent is given for inputs only")
    dotted = dict(tangents(problem.context, targets))
    directions = {target.key: dotted[target.key] for target in targets}
    derivation = TangentDerivation(
        problem.context, problem.objective, targets[0], directions, dotted
    )
    closed = close(derivation, problem, problem.objective)
    said = f"Let {declared(directions.values())} be the directions in which the inputs move."
    text = document(
        title("The derivative along a direction of", [problem.objective], targets),
        problem.text + "\n" + said + "\n",
        ["Each definition is differentiated along the direction, from the inputs on."],
        paragraphs(derivation.steps, request.detail if request.detail != "brief" else "normal"),
        results([(closed.left, closed.term)]),
    )
    return Derived(text, (closed,), tuple(derivation.steps))


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
