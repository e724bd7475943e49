"""The closed forms of a judged document whose every link is proved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePath

from derive.errors import UsageError
from derive.gradient.stated import StatedForm, is_closed, stated_forms
from derive.judgement.check import Checked
from derive.judgement.verdict import Judgement
from derive.meaning import terms as t
from derive.meaning.claims import Claim
from derive.writing.to_latex import to_latex

LETTERS = ("i", "j", "k", "l", "m", "n", "p", "q")
Judgements = dict[int, Judgement]


@dataclass(frozen=True)
class ClosedForm:
    """A proved claim ∂objective/∂target = term.

    `free` names the indices of the target's leading axes, () when the term is a whole array. The
    term holds inputs, defined names and upstream gradients. `latex` is the claim, `source` where
    it stands, `digest` the SHA-256 of the document's text, `rules` what proved it.
    """

    objective: t.Symbol
    target: t.Symbol
    free: tuple[str, ...]
    term: t.Term
    context: t.Context
    latex: str
    source: str
    side_conditions: tuple[str, ...] = ()
    digest: str = ""
    rules: tuple[str, ...] = ()


def proved_forms(checked: Checked) -> list[ClosedForm]:
    """For each input the last closed form that is proved, in the order of the document.

    All of them hold in one context: the last in which a form of the highest rank stands, so that
    a whole batch goes before one column of it. Raises UsageError when no form is proved.
    """
    judgements = {id(claim): judgement for claim, judgement in checked.judged}
    stated = list(stated_forms(checked.meaning))
    found = [closed for form in stated for closed in _closed_forms(form, judgements, checked)]
    if not found:
        raise _nothing_proved(checked, stated)
    highest = max(len(form.target.shape) for form in found)
    context = [form.context for form in found if len(form.target.shape) == highest][-1]
    together = [form for form in found if _same_names(form.context, context)]
    last = {form.target.key: form for form in together}
    return [form for form in together if last[form.target.key] is form]


def _nothing_proved(checked: Checked, stated: list[StatedForm]) -> UsageError:
    path = PurePath(checked.meaning.document.source.path).name
    if not stated:
        advice = (
            "State the gradient by all entries of an input with nothing but inputs, defined names"
            " and the gradient by the output on the right, such as ∂f/∂x_i = … ∂f/∂y_i …"
        )
    else:
        advice = f"Run `derive check {path}` to see which link of the chain stands in the way."
    return UsageError(f"no closed form of a gradient is proved in {path}", advice=advice)


def _same_names(one: t.Context, other: t.Context) -> bool:
    """Whether the names of two contexts mean the same, whatever is assumed of them."""
    return one is other or (
        one.definitions == other.definitions
        and one.outputs == other.outputs
        and all(other.symbols.get(key) == symbol for key, symbol in one.symbols.items())
    )


def _closed_forms(
    form: StatedForm, judgements: Judgements, checked: Checked
) -> Iterator[ClosedForm]:
    """The form as proved, if it is, and if it gives every entry of the gradient."""
    judged = [judgements[id(link)] for link in form.links]
    readings = [judgement.proved_as for judgement in judged]
    head, last = readings[0], readings[-1]
    if head is None or last is None or None in readings or head.left != form.left:
        return
    if any(reading and reading.condition for reading in readings):
        return
    if not is_closed(last.right, form.left, form.context):
        return
    whole = _whole(form.left, last.right, head.free)
    if whole is None:
        return
    free, term = whole
    conditions = dict.fromkeys(c for judgement in judged for c in judgement.side_conditions)
    rules = dict.fromkeys(rule for judgement in judged for rule in judgement.rules)
    text = checked.meaning.document.source.text
    yield ClosedForm(
        form.objective,
        form.context.symbols[form.target.key],
        free,
        term,
        form.context,
        f"{to_latex(form.links[0].left)} = {to_latex(form.claim.right)}",
        _place(form.claim, checked),
        tuple(conditions),
        sha256(text.encode()).hexdigest(),
        tuple(rules),
    )


def _whole(
    left: t.Derivative, right: t.Term, free: tuple[t.Bound, ...]
) -> tuple[tuple[str, ...], t.Term] | None:
    """Index names of leading axes and the term there; None when only a part is stated.

    `∂f/∂x_1`, `∂f/∂A_{ii}` and a form for some of the entries only are parts.
    """
    shape = left.target.shape
    at = (*left.at, *[None] * (len(shape) - len(left.at)))
    names = [place.single for place in at if place is not None]
    if len(set(names)) < len(names) or {bound.name for bound in free} != set(names):
        return None
    ranges = {bound.name: bound for bound in free}
    for place, size in zip(at, shape, strict=True):
        if place is None:
            continue
        bound = ranges[str(place.single)]
        if bound.low != t.Affine.number(1) or bound.high != size:
            return None
    if not names:
        return (), right
    letters = (letter for letter in LETTERS if letter not in names)
    labels = tuple(place.single or "" if place else next(letters) for place in at)
    if not right.shape:
        return labels[: _last_named(at) + 1], right
    kept = [label for label, place in zip(labels, at, strict=True) if place is None]
    return labels, t.Element(right, _positions(kept[len(kept) - len(right.shape) :]))


def _last_named(at: tuple[t.Affine | None, ...]) -> int:
    return max(axis for axis, place in enumerate(at) if place is not None)


def _positions(labels: list[str]) -> tuple[t.Affine, ...]:
    return tuple(t.Affine.name(label) for label in labels)


def _place(claim: Claim, checked: Checked) -> str:
    """`batchnorm.md:94`: where the form is stated, without the folder."""
    source = checked.meaning.document.source
    return f"{PurePath(source.path).name}:{source.position(claim.span.start)[0]}"
