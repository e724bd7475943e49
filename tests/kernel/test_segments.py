"""Plans cut at their matrix products, and the plans that have nothing to cut."""

from __future__ import annotations

from functools import cache

import pytest

import derive
from derive.kernel.plan import Plan
from derive.kernel.segments import segment_plan, segments, shapes_of


@cache
def plan_of(name: str) -> Plan:
    return derive.load(name).plan()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("batchnorm", ["loops"]),
        ("rbf_kernel", ["loops"]),
        ("ridge", ["loops"]),
        ("linear", ["loops", "products 2"]),
        ("swiglu", ["products 2", "loops", "products 4", "loops"]),
        ("attention", ["products 2", "loops", "products 2", "loops", "products 2", "loops"]),
        ("lstm_cell", ["products 4", "loops", "products 8", "loops"]),
    ],
)
def test_kinds(name: str, kinds: list[str]) -> None:
    """A distance is not taken apart into products, a sum of products is."""
    found = segments(plan_of(name))
    assert [s.kind + f" {len(s.steps)}" * (s.kind == "products") for s in found] == kinds


@pytest.mark.parametrize("name", ["linear", "swiglu", "attention", "lstm_cell", "batchnorm"])
def test_what_is_read_stands_before(name: str) -> None:
    plan = plan_of(name)
    known = {p.array for p in plan.parameters}
    shapes = shapes_of(plan)
    for segment in segments(plan):
        assert set(segment.reads) <= known
        known |= set(segment.gives)
        own = segment_plan(plan, segment)
        assert [p.array for p in own.parameters] == list(segment.reads)
        assert [r.array for r in own.results] == list(segment.gives)
        for part in (*own.parameters, *(r for r in own.results)):
            symbol = part.form.target if hasattr(part, "form") else part.symbol
            assert symbol.shape == shapes[part.array]
    assert {result.array for result in plan.results} <= known
