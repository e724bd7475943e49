"""The gradient of any document, as a document in which each step is a claim."""

from __future__ import annotations

from derive.errors import UsageError
from derive.gradient.forward import JacobianDerivation, TangentDerivation, tangents
from derive.gradient.layout import document, introduction, results, title
from derive.gradient.problem import Problem, declared, plain, set_problem
from derive.gradient.prose import paragraphs
from derive.gradient.request import ClosedForm, Derived, Request, chosen, close
from derive.gradient.second import derive_twice
from derive.gradient.steps import Derivation, Step
from derive.meaning.claims import Meaning

__all__ = ["ClosedForm", "Derived", "Request", "derive_document"]


def derive_document(meaning: Meaning, request: Request) -> Derived:
    """Derive what is asked for; raises UsageError where the request does not fit the document."""
    if not request.wrt:
        raise UsageError("no name to differentiate by", advice="Write --wrt x, or --wrt all.")
    if request.order == 2:
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
    said = f"Let {declared(directions.values())} give the direction in which the inputs move."
    text = document(
        title("The derivative along a direction of", [problem.objective], targets),
        problem.text + "\n" + said + "\n",
        ["Each definition is differentiated along the direction, from the inputs on."],
        paragraphs(derivation.steps, request.detail if request.detail != "brief" else "normal"),
        results([(closed.left, closed.term)]),
    )
    return Derived(text, (closed,), tuple(derivation.steps))
