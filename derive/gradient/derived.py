"""The gradient of any document, as a document that proves itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from derive.errors import UsageError
from derive.gradient.problem import (
    Problem,
    find_name,
    inputs_of,
    latex,
    listed,
    set_problem,
    understood,
)
from derive.gradient.prose import paragraphs
from derive.gradient.steps import Derivation, Step
from derive.judgement.check import Checked, Progress, check
from derive.judgement.verdict import Limits
from derive.meaning import terms as t
from derive.meaning.claims import Meaning
from derive.meaning.to_syntax import to_syntax
from derive.reading.syntax import Chain, Relation
from derive.writing.to_latex import to_latex


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: derivatives of `of` (the objective when empty) by the names `wrt`.

    `wrt` may be `("all",)`. With `order` 2 the gradient is differentiated once more, along a
    direction. `mode` jvp carries a tangent forward, jacobian gives the whole Jacobian of an array.
    """

    wrt: tuple[str, ...]
    of: str = ""
    order: int = 1
    mode: str = ""
    detail: str = "normal"


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """`∂objective/∂target[indices] = term`, for a document in `origin`.

    `at` is the term at other index letters.
    """

    objective: t.Symbol
    target: t.Symbol
    indices: tuple[str, ...]
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
    problem = set_problem(meaning, request.of, request.wrt)
    targets = chosen(problem, request.wrt)
    derivation = Derivation(problem.context, problem.objective, targets[0])
    closed = tuple(close(derivation, problem, target) for target in targets)
    text = "\n".join(
        (
            title(problem.objective, targets),
            "",
            problem.text,
            *introduction(problem, targets),
            *spaced(paragraphs(derivation.steps, request.detail)),
            *results(closed),
        )
    )
    return Derived(text.rstrip() + "\n", closed, tuple(derivation.steps))


def chosen(problem: Problem, wrt: Sequence[str]) -> tuple[t.Symbol, ...]:
    """The names to differentiate by."""
    if tuple(wrt) == ("all",):
        found = inputs_of(problem.context)
        reached = tuple(x for x in found if x not in problem.introduced)
        if not reached:
            raise UsageError("the document declares no input")
        return reached
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

    return ClosedForm(derivation.objective, target, indices, at(indices), problem.origin, at)


BACKWARDS = "Every name receives what the names defined from it send back."

# ---- text ------------------------------------------------------------------------------------


def title(objective: t.Symbol, targets: Sequence[t.Symbol]) -> str:
    return f"# The gradient of ${latex(objective)}$ by {listed(f'${latex(x)}$' for x in targets)}"


def introduction(problem: Problem, targets: Sequence[t.Symbol]) -> Iterator[str]:
    """What is given and in which direction the derivation goes."""
    yield ""
    yield "## The derivation\n"
    outputs = problem.context.outputs.get(problem.objective.key)
    if outputs:
        shown = listed(
            f"$\\frac{{\\partial {latex(problem.objective)}}}{{\\partial {latex(x)}}}$"
            for x in outputs
        )
        yield f"The upstream gradient {shown} is known. {BACKWARDS}\n"
    else:
        yield f"Start from ${latex(problem.objective)}$. {BACKWARDS}\n"
    for target in targets:
        if target.role == "defined":
            yield f"${latex(target)}$ is defined: wanted is its adjoint, as it varies freely.\n"


def results(closed: Sequence[ClosedForm]) -> Iterator[str]:
    """The closed forms, in the order asked for."""
    yield "## The closed form\n" if len(closed) == 1 else "## The closed forms\n"
    for form in closed:
        at = tuple(t.Affine.name(letter) for letter in form.indices)
        left = t.Derivative(t.Variable(form.objective), form.target, at, "total")
        members = to_syntax(left), to_syntax(form.term)
        yield f"$${to_latex(Chain(members, (Relation('='),)))}$$\n"


def spaced(paragraphs: Iterator[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        yield paragraph + "\n"
