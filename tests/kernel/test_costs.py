"""The table of passes counts what the loops do."""

from __future__ import annotations

import pytest
from closed_forms import plan_for

from derive.errors import UsageError
from derive.kernel.costs import amount_of, amount_text, costs_at, costs_of, costs_text, sizes_given


@pytest.mark.parametrize(
    ("layer", "moved", "least", "passes"),
    [
        ("batchnorm", "5·N·D + 20·D", "3·N·D + 3·D", 3),
        ("layernorm", "3·N·D + D", "3·N·D + D", 1),
        ("softmax", "8·N", "3·N", 5),
        ("sigmoid", "3·N", "3·N", 1),
    ],
)
def test_entries(layer: str, moved: str, least: str, passes: int) -> None:
    costs = costs_of(plan_for(layer))
    assert (amount_text(costs.moved), amount_text(costs.least)) == (moved, least)
    assert len(costs.passes) == passes


def test_sums_and_operations_of_the_batch_normalisation() -> None:
    costs = costs_of(plan_for("batchnorm"))
    sums, columns, last = costs.passes
    assert sums.computes == (
        "Σ[N] (x − s)",
        "Σ[N] (x − s)²",
        "Σ[N] dy",
        "Σ[N] dy·(x − s)",
    )
    # per entry: − and +; −, ² and +; +; −, · and +, and the sign of s three times
    assert amount_text(sums.operations) == "12·N·D"
    assert last.computes == ("dx",)
    assert set(columns.computes) == {"dgamma", "v"}
    assert costs.sampled == ("s near the mean of x",)


def test_bytes_at_sizes() -> None:
    costs = costs_of(plan_for("batchnorm"))
    sizes = {"N": 8192, "D": 512}
    assert amount_of(costs.least, sizes) == 3 * 8192 * 512 + 3 * 512
    text = costs_at(costs, sizes)
    assert text.startswith("at N = 8192, D = 512: 83.93 MB in float32, at least 50.34 MB, ")


def test_table_names_every_pass() -> None:
    lines = costs_text(costs_of(plan_for("batchnorm")))
    assert [line.split()[0] for line in lines[:4]] == ["pass", "1", "2", "3"]
    assert lines[4] == "s near the mean of x, from at most 16 entries, checked after its pass"
    assert lines[-1].startswith("at least 3·N·D")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("N=8,D=4",), {"N": 8, "D": 4}),
        (("N=8", "D=4"), {"N": 8, "D": 4}),
        (("N=8",), "the size D is not given"),
        (("N=8,D=0",), "D=0 is no size"),
        (("N=8,D=-1",), "D=-1 is no size"),
        (("N=8,D=²",), "D=² is no size"),
        (("N=8,K=2",), "K=2 is no size"),
        (("8",), "8 is no size"),
    ],
)
def test_sizes(texts: tuple[str, ...], expected: dict[str, int] | str) -> None:
    plan = plan_for("batchnorm")
    if isinstance(expected, dict):
        assert sizes_given(texts, plan) == expected
        return
    with pytest.raises(UsageError, match=expected):
        sizes_given(texts, plan)
