"""The parts of a derivation's text: title, introduction, results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from derive.gradient.problem import Problem, latex, listed
from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.meaning.walk import subterms
from derive.reading.syntax import Chain, Relation
from derive.writing.to_latex import to_latex

BACKWARDS = "Every name receives what the names defined from it send back."


def document(*parts: str | Iterable[str]) -> str:
    """Paragraphs, with one empty line between two."""
    flat = [part for group in parts for part in ([group] if isinstance(group, str) else group)]
    return "\n\n".join(part.strip() for part in flat if part.strip()) + "\n"


def title(what: str, of: Sequence[t.Symbol], by: Sequence[t.Symbol]) -> str:
    return f"# {what} {_names(of)} by {_names(by)}"


def _names(symbols: Sequence[t.Symbol]) -> str:
    return listed(f"${latex(symbol)}$" for symbol in symbols)


def introduction(problem: Problem, targets: Sequence[t.Symbol]) -> Iterator[str]:
    """What is given and in which direction the derivation goes."""
    yield "## The derivation"
    outputs = problem.context.outputs.get(problem.objective.key)
    if outputs:
        sign = f"\\partial {latex(problem.objective)}"
        shown = listed(f"$\\frac{{{sign}}}{{\\partial {latex(x)}}}$" for x in outputs)
        yield f"The upstream gradient {shown} is known. {BACKWARDS}"
    else:
        yield f"Start from ${latex(problem.objective)}$. {BACKWARDS}"
    for target in targets:
        if target.role == "defined":
            yield f"${latex(target)}$ is defined: wanted is its adjoint, as it varies freely."


def results(forms: Sequence[tuple[t.Term, t.Term]]) -> Iterator[str]:
    """The closed forms, in the order asked for."""
    yield "## The closed form" if len(forms) == 1 else "## The closed forms"
    yield "What is cheap to work out again is inserted, and common factors stand in front."
    for left, right in forms:
        yield equation(left, right)
    kinks = dict.fromkeys(kink for _, right in forms for kink in _kinks(right))
    if kinks:
        shown = " or ".join(f"${kink}$" for kink in kinks)
        yield f"At a kink, that is at the zeros of {shown}, the derivative is undefined."


def _kinks(term: t.Term) -> Iterator[str]:
    """What a step function in a term asks the sign of."""
    for part in subterms(term):
        for asked in part.condition if isinstance(part, t.Indicator) else ():
            if not isinstance(asked.left, t.Position):
                yield to_latex(to_syntax(asked.left))


def equation(left: t.Term, right: t.Term) -> str:
    """A display of `left = right`."""
    return f"$${to_latex(Chain((to_syntax(left), to_syntax(right)), (Relation('='),)))}$$"
