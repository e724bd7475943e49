"""Which closed forms of a document a derived one is equal to."""

from __future__ import annotations

from collections.abc import Iterator

from derive.gradient.derived import ClosedForm, Derived
from derive.gradient.stated import entry_of, extends, stated_forms
from derive.judgement.prove import Proof, Prover
from derive.meaning import terms as t
from derive.meaning.claims import Claim, Meaning


def agreeing(meaning: Meaning, derived: Derived) -> Iterator[Claim]:
    """For each derived form the document's last one that is proved equal to it, if there is any."""
    for closed in derived.closed_forms:
        for form in reversed(list(stated_forms(meaning))):
            if form.target != closed.target or form.objective != closed.objective:
                continue
            if not extends(closed.origin, form.context):
                continue
            at, theirs = entry_of(form)
            if _equal(closed, at, theirs, closed.origin):
                yield form.claim
                break


def _equal(closed: ClosedForm, at: tuple[str, ...], theirs: t.Term, context: t.Context) -> bool:
    one = t.Affine.number(1)
    mine = closed.at(at)
    free = tuple(t.Bound(x, one, high) for x, high in zip(at, closed.target.shape, strict=True))
    return isinstance(Prover(context).prove(t.Reading(mine, theirs, free, ())), Proof)
