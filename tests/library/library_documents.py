"""The documents of the library, judged once for all tests."""

from __future__ import annotations

from functools import cache
from importlib import resources

from derive import api
from derive.gradient.stated import StatedForm, stated_forms
from derive.judgement.check import Checked
from derive.judgement.verdict import Limits
from derive.meaning import terms as t
from derive.meaning.walk import names_in

NAMES = tuple(api.documents())
PATIENT = Limits(seconds=60)
"""So that a busy machine fails no test."""
CONSTANTS = frozenset(["\\epsilon"])
"""What keeps a root away from zero is chosen and not learnt."""


def text(name: str) -> str:
    return resources.files("derive.library").joinpath(f"{name}.md").read_text(encoding="utf-8")


@cache
def loaded(name: str) -> api.Derivation:
    return api.load(name)


@cache
def judged(name: str) -> Checked:
    return loaded(name).check(PATIENT)


def stated(name: str) -> list[StatedForm]:
    return list(stated_forms(loaded(name).meaning))


def inputs(context: t.Context) -> set[str]:
    """The inputs on which the outputs depend."""
    outputs = {symbol.key for found in context.outputs.values() for symbol in found}
    reached: set[str] = set()
    while outputs:
        key = outputs.pop()
        reached.add(key)
        if key in context.definitions:
            outputs |= names_in(context.definitions[key].body) - reached
    symbols = context.symbols
    return {k for k in reached if k in symbols and symbols[k].role == "input"} - CONSTANTS
