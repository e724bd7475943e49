"""The gradient of a gradient along a direction: Hessian–vector products and double backward.

The first gradient G is derived, named, and contracted with a direction h of its shape. The scalar
`Σ h G` is differentiated by every input: by the first one again, the parameters, and the upstream
gradient that a layer is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from derive.errors import UnsupportedError, UsageError
from derive.gradient.closed_form import Phrasing
from derive.gradient.layout import document, equation, introduction, results, title
from derive.gradient.problem import (
    accented,
    declared,
    inner_product,
    inputs_of,
    latex,
    listed,
    set_problem,
    understood,
    unused,
)
from derive.gradient.prose import paragraphs
from derive.gradient.request import ClosedForm, Derived, Request, chosen, close
from derive.gradient.reverse import Adjoint
from derive.gradient.steps import Derivation
from derive.meaning import terms as t
from derive.meaning.claims import Meaning
from derive.meaning.walk import reach


@dataclass
class BarredPhrasing(Phrasing):
    """Terms in which adjoints are called by names, `\\bar{S}` for the adjoint of S."""

    bars: Mapping[str, t.Symbol] = field(default_factory=dict)

    def _entry(self, key: str, positions: tuple[object, ...]) -> t.Term:
        term = super()._entry(key, positions)  # type: ignore[arg-type]
        if not isinstance(term, t.Derivative):
            return term
        bar = t.Variable(self.bars[term.target.key])
        return t.Element(bar, term.at) if term.at else bar


def derive_twice(meaning: Meaning, request: Request) -> Derived:
    """The gradient of `Σ h ∂objective/∂x` by all inputs, for each x in `wrt`."""
    problem = set_problem(meaning, request.of, request.wrt, "upstream")
    targets = chosen(problem, request.wrt)
    if any(target.role != "input" for target in targets):
        raise UsageError("the second derivative is by inputs of the document")
    first = Derivation(problem.context, problem.objective, targets[0])
    closed = tuple(close(first, problem, target) for target in targets)
    names = Names.of(problem.context, first, closed)
    stated = list(names.definitions(first, closed))
    pairing = names.pairing(problem.context)
    naming = names.introduced(first, closed)
    base = "\n\n".join([problem.text, names.directions, naming, *stated, pairing])
    context = understood(base).contexts[-1]
    wanted = names.wanted(context, targets)
    second = Derivation(context, context.symbols[names.scalar.key], wanted[0])
    second.forget(problem.objective.key)
    again = tuple(close(second, problem, target) for target in wanted)
    text = document(
        title("The second derivative of", [problem.objective], targets),
        problem.text,
        introduction(problem, targets),
        paragraphs(first.steps, request.detail),
        results([(form.left, form.term) for form in closed]),
        "## Once more",
        names.directions,
        naming,
        stated,
        names.claims(first, closed),
        f"The gradient along the direction is the scalar ${latex(names.scalar)}$:",
        pairing,
        paragraphs(second.steps, request.detail),
        results([(form.left, form.term) for form in again]),
    )
    return Derived(text, again, (*first.steps, *second.steps))


@dataclass(frozen=True)
class Names:
    """The names that the second derivation adds.

    `gradients` and `along` stand beside the inputs that the first one was by; `bars` name
    the adjoints that its closed forms are written with.
    """

    gradients: tuple[t.Symbol, ...]
    along: tuple[t.Symbol, ...]
    bars: dict[str, t.Symbol]
    scalar: t.Symbol

    @staticmethod
    def of(context: t.Context, first: Derivation, closed: Sequence[ClosedForm]) -> Names:
        """Unused letters for everything."""
        taken = unused(context, ("h", "z", "w", "r", "q", "e", "b", "c", "a", "d", "\\eta", "\\xi"))
        along = tuple(_input(next(taken), form.target.shape) for form in closed)
        gradients = tuple(
            _defined(accented("bar", form.target), form.target.shape) for form in closed
        )
        bars = {
            key: _defined(accented("bar", adjoint.symbol), adjoint.symbol.shape)
            for key, adjoint in first.known.items()
        }
        bars |= {form.target.key: g for form, g in zip(closed, gradients, strict=True)}
        return Names(gradients, along, bars, _defined(next(taken), ()))

    @property
    def directions(self) -> str:
        """The sentence that introduces the directions."""
        return f"Let {declared(self.along)} be a direction."

    def wanted(self, context: t.Context, targets: Sequence[t.Symbol]) -> list[t.Symbol]:
        """The inputs that the scalar depends on, the directions apart; else the first inputs."""
        if self.scalar.key not in context.definitions:
            raise UnsupportedError("the first gradient cannot be written down as a definition")
        below = reach(context)[self.scalar.key] - {direction.key for direction in self.along}
        inputs = [x for x in inputs_of(context) if x.key in below]
        return inputs or [context.symbols[target.key] for target in targets]

    def introduced(self, first: Derivation, closed: Sequence[ClosedForm]) -> str:
        """The sentence that gives names to what has been found."""
        wrt = {form.target.key for form in closed}
        needed = [self.bars[adjoint.symbol.key] for adjoint in self._needed(first, wrt)]
        return f"What has been found gets names, {declared([*needed, *self.gradients])}:"

    def definitions(self, first: Derivation, closed: Sequence[ClosedForm]) -> Iterator[str]:
        """`\\bar{S}_{ij} = …` for each adjoint that the closed forms need, then for these."""
        wrt = {form.target.key for form in closed}
        for adjoint in self._needed(first, wrt):
            yield self._definition(first, adjoint)
        for form in closed:
            yield self._definition(first, first.closed[form.target.key])

    def _needed(self, first: Derivation, wrt: set[str]) -> list[Adjoint]:
        """The adjoints in the closed forms, those that others are written with first."""
        pending = [first.closed[key] for key in wrt]
        found: dict[str, Adjoint] = {}
        while pending:
            current = pending.pop()
            for key, adjoint in first.known.items():
                if key not in found and key not in wrt and first.mentions(current, adjoint.symbol):
                    found[key] = adjoint
                    pending.append(adjoint)
        return [adjoint for key, adjoint in first.known.items() if key in found]

    def _definition(self, first: Derivation, adjoint: Adjoint) -> str:
        letters = first.letters(adjoint.symbol)
        phrasing = BarredPhrasing(first.context, first.objective.key, bars=self.bars)
        phrasing.taken = frozenset(letters)
        left = _entry(self.bars[adjoint.symbol.key], letters)
        return equation(left, phrasing.term(first.placed(adjoint, letters)))

    def claims(self, first: Derivation, closed: Sequence[ClosedForm]) -> Iterator[str]:
        """That the names are what they are meant to be."""
        shown = listed(f"${latex(g)}$" for g in self.gradients)
        yield f"So {shown} {'is' if len(self.gradients) == 1 else 'are'} the first gradient:"
        for form, name in zip(closed, self.gradients, strict=True):
            yield equation(form.left, _entry(name, form.indices))

    def pairing(self, context: t.Context) -> str:
        """The definition of the scalar that is differentiated."""
        pairs = zip(self.along, self.gradients, strict=True)
        terms = [inner_product(context, direction, gradient) for direction, gradient in pairs]
        body = terms[0] if len(terms) == 1 else t.Add(tuple(terms), ())
        return equation(t.Variable(self.scalar), body)


def _entry(symbol: t.Symbol, letters: Sequence[str]) -> t.Term:
    at = tuple(t.Affine.name(x) for x in letters)
    return t.Element(t.Variable(symbol), at) if at else t.Variable(symbol)


def _input(name: str, shape: t.Shape) -> t.Symbol:
    return t.Symbol(name, shape, "input", name)


def _defined(name: str, shape: t.Shape) -> t.Symbol:
    return t.Symbol(name, shape, "defined", name)
