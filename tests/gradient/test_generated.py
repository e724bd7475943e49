"""Derivations of random forward documents: proved in full, and equal to other derivatives.

The closed forms are evaluated on numbers, and compared with the complex step and with PyTorch's
automatic differentiation of the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from gradient.generated import SIZES, Program, program, random_values
from gradient.numbers_of import Numbers
from judging import understood

from derive.gradient.derived import Derived, Request, derive_document
from derive.gradient.request import ClosedForm
from derive.judgement.verdict import Limits
from derive.meaning import terms as t
from derive.writing.to_latex import to_latex

SEEDS = (*range(17), *range(18, 23), *range(24, 32))
"""Thirty programs; 17 and 23 are proved as well, and take five seconds each."""
STEP = 1e-40
Arrays = dict[str, np.ndarray]


@cache
def derived(seed: int) -> Derived:
    return derive_document(understood(program(seed).text), Request(("all",)))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_step_is_proved(seed: int) -> None:
    judged = derived(seed).check(Limits(seconds=60.0)).judged
    assert judged
    assert [to_latex(claim.left) for claim, one in judged if one.verdict != "proved"] == []


class AtValues(Numbers):
    """Closed forms at the values of all names, with the adjoints that they mention."""

    adjoints: Mapping[str, np.ndarray]

    def entry(self, term: t.Term, at: tuple[int, ...], index: Mapping[str, int]) -> float:
        if not isinstance(term, t.Derivative):
            return super().entry(term, at, index)
        place = tuple(self.position(p, index) - 1 for p in term.at if p is not None)
        return float(self.adjoints[term.target.key][place])


def upstream_of(made: Program, seed: int) -> np.ndarray:
    shape = tuple(SIZES[size] for size in made.output.shape)
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape) if shape else np.ones(())


def closed_values(form: ClosedForm, known: AtValues) -> np.ndarray:
    shape = tuple(size.value(SIZES) for size in form.target.shape)
    values = np.empty(shape)
    for place in product(*map(range, shape)):
        index = dict(zip(form.indices, (k + 1 for k in place), strict=True))
        values[place] = known.entry(form.term, (), index)
    return values


def by_complex_step(made: Program, values: Arrays, seed: np.ndarray) -> Arrays:
    """The gradient by every name, each entry moved along the imaginary axis by itself."""
    found = {}
    inputs, steps = [x.key for x in made.inputs], [step.name.key for step in made.steps]
    for key in (*inputs, *steps):
        before = steps[: steps.index(key)] if key in steps else []
        held = {k: values[k] for k in (*inputs, *before)}
        found[key] = np.empty(values[key].shape)
        for place in np.ndindex(*values[key].shape):
            moved = np.array(values[key], dtype=complex)
            moved[place] += 1j * STEP
            output = made.values(np, {**held, key: moved})[made.output.key]
            found[key][place] = np.sum(seed * np.imag(output)) / STEP
    return found


def by_torch(made: Program, inputs: Arrays, seed: np.ndarray, torch: ModuleType) -> Arrays:
    leaves = {k: torch.tensor(x, requires_grad=True) for k, x in inputs.items()}
    output = made.values(torch, leaves)[made.output.key]
    (output * torch.tensor(seed)).sum().backward()
    return {key: leaf.grad.numpy() for key, leaf in leaves.items()}


def compared(seed: int, reference: Callable[[Program, Arrays, np.ndarray, Arrays], Any]) -> None:
    """Closed forms beside a reference, to 1e-9 of the largest entry."""
    made = program(seed)
    inputs = random_values(made, seed)
    upstream = upstream_of(made, seed)
    values = {k: np.asarray(x) for k, x in made.values(np, inputs).items()}
    adjoints = by_complex_step(made, values, upstream)
    expected = reference(made, inputs, upstream, adjoints)
    introduced = "g" if made.output.shape else ""
    known = AtValues(derived_context(seed), SIZES, {**values, introduced: upstream})
    known.adjoints = adjoints
    forms = derived(seed).closed_forms
    assert [form.target.key for form in forms] == [name.key for name in made.inputs]
    for form in forms:
        wanted = expected[form.target.key]
        scale = max(1e-4, float(np.abs(wanted).max()))
        assert closed_values(form, known) == pytest.approx(wanted, rel=1e-9, abs=1e-9 * scale)


def derived_context(seed: int) -> t.Context:
    return derived(seed).closed_forms[0].origin


@pytest.mark.parametrize("seed", SEEDS)
def test_closed_forms_equal_the_complex_step(seed: int) -> None:
    compared(seed, lambda made, inputs, upstream, adjoints: adjoints)


@pytest.mark.parametrize("seed", SEEDS)
def test_closed_forms_equal_automatic_differentiation(
    seed: int, optional: Callable[[str], ModuleType]
) -> None:
    torch = optional("torch")
    compared(seed, lambda made, inputs, upstream, adjoints: by_torch(made, inputs, upstream, torch))


def test_the_programs_differ() -> None:
    texts = {program(seed).text for seed in SEEDS}
    assert len(texts) == len(SEEDS)
    assert {len(program(seed).steps) >= 3 for seed in SEEDS} == {True}
