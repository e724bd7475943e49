"""The closed forms that a document states: `∂f/∂b = …` with nothing but the upstream gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derive.gradient.closed_form import LETTERS
from derive.meaning import terms as t
from derive.meaning.claims import Claim, Meaning
from derive.meaning.walk import subterms


@dataclass(frozen=True, slots=True)
class StatedForm:
    """The last member of a chain whose head is a derivative of an objective.

    `links` are the claims from the head to it: the form is proved when all of them are.
    """

    left: t.Derivative
    right: t.Term
    free: tuple[t.Bound, ...]
    links: tuple[Claim, ...]

    @property
    def claim(self) -> Claim:
        """The link that states the form."""
        return self.links[-1]

    @property
    def context(self) -> t.Context:
        return self.claim.context

    @property
    def objective(self) -> t.Symbol:
        assert isinstance(self.left.of, t.Variable)
        return self.left.of.symbol

    @property
    def target(self) -> t.Symbol:
        return self.left.target


def stated_forms(meaning: Meaning) -> Iterator[StatedForm]:
    """Every closed form of a gradient by an input, in document order."""
    for links in _chains(meaning):
        head = links[0]
        if head.condition:
            continue
        for reading in head.readings[:1]:
            left = reading.left
            if not (isinstance(left, t.Derivative) and is_gradient(left, head.context)):
                continue
            last = links[-1].readings[:1]
            if last and is_closed(last[0].right, left, head.context):
                yield StatedForm(left, last[0].right, last[0].free or reading.free, links)


def _chains(meaning: Meaning) -> Iterator[tuple[Claim, ...]]:
    """The claims of each statement that join into one chain, head first."""
    chain: list[Claim] = []
    for claim in meaning.claims:
        if chain and (claim.statement is not chain[0].statement or claim.left != chain[-1].right):
            yield tuple(chain)
            chain = []
        chain.append(claim)
    if chain:
        yield tuple(chain)


def is_gradient(left: t.Derivative, context: t.Context) -> bool:
    """Whether this is the derivative of an objective by an input, or by its general entry."""
    of = left.of
    names = [None if p is None else p.single for p in left.at]
    return (
        isinstance(of, t.Variable)
        and of.symbol.role == "objective"
        and left.target.role == "input"
        and left.target.key in context.symbols
        and None not in names
        and len(set(names)) == len(names)
    )


def is_closed(right: t.Term, left: t.Derivative, context: t.Context) -> bool:
    """Whether no derivative stands in it but the upstream gradient of the same objective."""
    assert isinstance(left.of, t.Variable)
    outputs = {output.key for output in context.outputs.get(left.of.symbol.key, ())}
    inside = [x for x in subterms(right) if isinstance(x, t.Derivative)]
    return all(x.of == left.of and x.target.key in outputs for x in inside)


def extends(later: t.Context, earlier: t.Context) -> bool:
    """Whether all names of the earlier context mean the same in the later one."""
    return later.outputs == earlier.outputs and all(
        later.symbols.get(key) == symbol
        and later.definitions.get(key) == earlier.definitions.get(key)
        for key, symbol in earlier.symbols.items()
    )


def entry_of(form: StatedForm) -> tuple[tuple[str, ...], t.Term]:
    """The form at one entry of its target: index names and the scalar there."""
    given = [str(p.single) for p in form.left.at if p is not None]
    free = (x for x in LETTERS if x not in given and x not in form.context.sizes)
    rest = [next(free) for _ in form.target.shape[len(given) :]]
    right = form.right
    if right.shape:
        positions = tuple(t.Affine.name(x) for x in rest)
        right = t.Element(right, positions[len(positions) - len(right.shape) :])
    return (*given, *rest), right
