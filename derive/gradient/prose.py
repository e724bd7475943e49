"""A derivation as a document: each step with its rule and its reason in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import assert_never

from derive.gradient.problem import latex, listed
from derive.gradient.steps import Step
from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.meaning.walk import subterms
from derive.reading.syntax import Chain, Relation
from derive.writing.to_latex import to_latex


def paragraphs(steps: Sequence[Step], detail: str) -> Iterator[str]:
    """Sentences and displays, each display a chain of equations with one left side."""
    shown = [step for step in steps if step.kind in KINDS[detail]]
    known: dict[str, t.Term] = {}
    for _, run in groupby(_numbered(shown), key=lambda pair: pair[0]):
        chain = [step for _, step in run]
        yield _joined(sentence(chain[0]), list(_insertions(chain, known)))
        known |= {step.subject.key: step.term for step in chain if step.subject and step.term}
        meaning = [step.meaning for step in chain if step.meaning is not None]
        members = (chain[0].left, *meaning, *(step.right for step in chain))
        yield f"$${to_latex(Chain(members, (Relation('='),) * (len(members) - 1)))}$$"
        if detail == "full":
            yield f"Rules: {'; '.join(dict.fromkeys(step.rule for step in chain))}."


def _joined(said: str, more: list[str]) -> str:
    """A sentence with further clauses before its last mark."""
    return f"{said[:-1]}; then {', and '.join(more)}{said[-1]}" if more else said


def _insertions(chain: Sequence[Step], known: Mapping[str, t.Term]) -> Iterator[str]:
    """Which adjoints are inserted between two members of a chain, and which names come up."""
    for before, after in pairwise(chain):
        if after.kind != "inserted" or before.term is None or after.term is None:
            continue
        left = _targets(after.term)
        gone = {key: x for key, x in _targets(before.term).items() if key not in left}
        if not gone or chain[0].kind not in ("adjoint", "lemma used"):
            continue
        shown = listed(f"${latex(symbol)}$" for symbol in gone.values())
        yield f"the {_number(gone, 'adjoint of', 'adjoints of')} {shown} {_are(gone)} inserted"
        read = [before.term, *(known[key] for key in gone if key in known)]
        earlier = {key for term in read for key in _variables(term)}
        named = {k: x for k, x in _variables(after.term).items() if k not in earlier}
        if named:
            shown = listed(f"${latex(symbol)}$" for symbol in named.values())
            whose = _number(named, "its definition", "their definitions")
            yield f"{shown} {_are(named)} written in place of {whose}"


def _number(names: Mapping[str, object], one: str, many: str) -> str:
    return one if len(names) == 1 else many


def _are(names: Mapping[str, object]) -> str:
    return _number(names, "is", "are")


def _variables(term: t.Term) -> dict[str, t.Symbol]:
    """The names whose values stand in a term."""
    found = (part for part in subterms(term) if isinstance(part, t.Variable))
    return {part.symbol.key: part.symbol for part in found if part.symbol.role != "objective"}


def _targets(term: t.Term) -> dict[str, t.Symbol]:
    """The names whose adjoints stand in a term."""
    found = (part for part in subterms(term) if isinstance(part, t.Derivative))
    return {part.target.key: part.target for part in found}


STEPS = ("adjoint", "forward", "tangent", "lemma", "lemma used", "inserted")
KINDS: dict[str, tuple[str, ...]] = {
    "brief": (),
    "normal": STEPS,
    "full": STEPS,
}


def _numbered(steps: Sequence[Step]) -> Iterator[tuple[int, Step]]:
    """Steps that continue one chain have one number."""
    number = 0
    for before, step in zip((None, *steps), steps, strict=False):
        joined = before is not None and before.left == step.left
        number += not joined
        yield number, step


def sentence(step: Step) -> str:
    """What a step does and why, in one sentence before its display."""
    match step.kind:
        case "adjoint":
            return enters(step)
        case "forward" | "tangent":
            return depends(step)
        case "lemma":
            return f"A lemma: {step.rule}."
        case "lemma used" | "inserted":
            return f"{step.rule[0].upper()}{step.rule[1:]}."
        case "closed form":
            return "The closed form:"
        case _:
            assert_never(step.kind)


def enters(step: Step) -> str:
    """Where a name is used, and over what its adjoint therefore sums."""
    assert step.subject is not None
    name = f"${latex(step.subject)}$"
    if not step.users:
        return f"The objective does not depend on {name}, so nothing comes back to it."
    uses = [_use(user, step.term) for user in step.users]
    every = [letters for _, letters in uses if letters]
    said = f"{name} enters {listed(text for text, _ in uses)}"
    if every:
        over = listed(f"${x}$" for x in dict.fromkeys(x for letters in every for x in letters))
        return f"{said}, so its adjoint is a sum over {over}:"
    return f"{said}, entry by entry:" if step.subject.shape else f"{said}:"


def depends(step: Step) -> str:
    """From what a name is defined, whose changes it therefore passes on."""
    assert step.subject is not None
    name = f"${latex(step.subject)}$"
    if not step.users:
        return f"{name} does not depend on what varies:"
    return f"{name} moves with {listed(f'${latex(user)}$' for user in step.users)}:"


def _use(user: t.Symbol, term: t.Term | None) -> tuple[str, tuple[str, ...]]:
    """A user in words, and the indices that its part of the adjoint sums over."""
    for part in subterms(term) if term is not None else ():
        if not isinstance(part, t.Sum):
            continue
        for inner in subterms(part.body):
            if isinstance(inner, t.Derivative) and inner.target == user:
                letters = tuple(bound.name for bound in part.bounds)
                entry = t.Element(t.Variable(user), inner.at) if inner.at else t.Variable(user)
                return f"every ${to_latex(to_syntax(entry))}$", letters
    return f"${latex(user)}$", ()
