"""Saved statistics: defined names that a kernel takes as arguments instead of computing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from derive.errors import UsageError
from derive.kernel.entries import Entry, Load, Pow, Reduce, free_labels, power, rebuild
from derive.kernel.names import identifier
from derive.kernel.proved import ClosedForm
from derive.kernel.sharing import Key, Ranges, canonical
from derive.kernel.steps import Parameter, Step
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Bound
from derive.meaning.walk import names_in, subterms


@dataclass(frozen=True)
class Root:
    """`array[axes] = base ** exponent`, the non-negative root, so that base is a power of it.

    `key` is the base with its labels numbered; `order` says which axis each label is.
    """

    array: str
    key: Key
    order: tuple[int, ...]
    exponent: Fraction


def root_of(array: str, body: Entry, axes: tuple[str, ...], ranges: Ranges) -> Root | None:
    """A saved array as a root, when its definition is one and its base has all its axes."""
    if not isinstance(body, Pow) or body.exponent.denominator % 2:
        return None
    key, free = canonical(body.base, ranges)
    if set(free) != set(axes):
        return None
    return Root(array, key, tuple(free.index(name) for name in axes), body.exponent)


def by_roots(steps: Sequence[Step], roots: Sequence[Root]) -> list[Step]:
    """The steps with the base of each root written as a power of what is saved.

    With σ = (v + ε)^½ saved, (v + ε)^-1 is σ^-2: neither v nor ε is needed.
    """
    known = {root.key: root for root in roots}
    return [_rewritten(step, known) for step in steps] if known else [*steps]


def _rewritten(step: Step, known: Mapping[Key, Root]) -> Step:
    ranges = {b.name: b for b in (*step.axes, *step.bounds)}
    if isinstance(step.body, Reduce):
        return replace(step, body=rebuild(step.body, lambda part: _written(part, known, ranges)))
    return replace(step, body=_written(step.body, known, ranges))


def _written(entry: Entry, known: Mapping[Key, Root], ranges: Mapping[str, Bound]) -> Entry:
    base, exponent = (
        (entry.base, entry.exponent) if isinstance(entry, Pow) else (entry, Fraction(1))
    )
    if set(free_labels(base)) <= ranges.keys():
        key, free = canonical(base, ranges)
        root = known.get(key)
        if root is not None:
            load = Load(root.array, tuple(Affine.name(free[k]) for k in root.order))
            return power(load, exponent / root.exponent)
    return rebuild(entry, lambda part: _written(part, known, ranges))


# ---- which names --------------------------------------------------------------------------------


def savable(forms: Sequence[ClosedForm]) -> tuple[t.Symbol, ...]:
    """The defined names that closed forms read, and that no gradient is read for.

    A name is read also through the definition of another one.
    """
    context = forms[0].context
    symbols = [context.definitions[key].symbol for key in _read(forms)]
    return tuple(symbol for symbol in symbols if not _has_gradient(symbol.key, context))


def _read(forms: Sequence[ClosedForm]) -> list[str]:
    """The keys of the defined names, in the order of the definitions."""
    definitions = forms[0].context.definitions
    left = [
        part.symbol.key
        for form in forms
        for part in subterms(form.term)
        if isinstance(part, t.Variable)
    ]
    found = set[str]()
    while left:
        key = left.pop()
        if key in definitions and key not in found:
            found.add(key)
            left += names_in(definitions[key].body)
    return [key for key in definitions if key in found]


def _has_gradient(key: str, context: t.Context) -> bool:
    """Whether a derivative stands in a definition or in one that it reads."""
    definition = context.definitions.get(key)
    if definition is None:
        return False
    if any(isinstance(part, t.Derivative) for part in subterms(definition.body)):
        return True
    return any(_has_gradient(name, context) for name in names_in(definition.body) if name != key)


def saved_keys(names: Sequence[str], found: Sequence[t.Symbol]) -> frozenset[str]:
    r"""The keys of the names, which are written `mu` or `\mu`; a UsageError for other names."""
    keys = set[str]()
    for name in names:
        exact = [s.key for s in found if name in (s.key, s.latex)]
        spoken = identifier(name.strip()) if any(map(str.isalnum, name)) else ""
        near = exact or [s.key for s in found if identifier(s.key) == spoken]
        if len(near) != 1:
            raise UsageError(f"{name[:40]!r} cannot be saved", advice=_advice(found))
        keys.add(near[0])
    return frozenset(keys)


def require_read(keys: Iterable[str], parameters: Iterable[Parameter]) -> None:
    """A UsageError when a saved name is no argument, because the others say what it says."""
    read = {p.symbol.key for p in parameters if p.kind == "saved"}
    spare = sorted(set(keys) - read)
    if spare:
        others = ", ".join(sorted(identifier(key) for key in read)) or "the closed form"
        raise UsageError(
            f"{identifier(spare[0])} is not needed beside {others}", advice="Leave it out."
        )


def _advice(found: Sequence[t.Symbol]) -> str:
    if not found:
        return "The closed forms of this document read no defined name."
    return f"Of this document, {', '.join(identifier(s.key) for s in found)} can be saved."
