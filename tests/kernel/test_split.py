"""Plans split along a size: stages, what is merged between them, and what cannot be split."""

from functools import cache

import pytest

import derive
from derive.errors import UnsupportedError, UsageError
from derive.kernel.plan import Plan
from derive.kernel.shifting import centred
from derive.kernel.split import PART, split_of


@cache
def plan_of(name: str) -> Plan:
    return derive.load(name).plan()


@pytest.mark.parametrize(
    "name, size, merged",
    [
        ("batchnorm", "N", [2, 3, 0]),
        ("batchnorm", "D", [0]),
        ("layernorm", "N", [2, 0]),
        ("softmax", "N", [0]),
        ("rmsnorm", "D", [2, 0]),
        ("linear", "N", [2, 0]),
        ("groupnorm", "N", [2, 0]),
    ],
)
def test_stages(name: str, size: str, merged: list[int]) -> None:
    split = split_of(centred(plan_of(name)), size)
    assert [len(stage.partial) for stage in split.stages] == merged
    computed = [s.array for stage in split.stages for s in (*stage.whole, *stage.part)]
    assert sorted(computed) == sorted(step.array for step in split.plan.steps)


def test_parts_have_their_own_length() -> None:
    split = split_of(plan_of("batchnorm"))
    for stage in split.stages:
        for step in stage.local:
            assert step.axes[split.axes[step.array]].high.single == PART
        for step in stage.partial:
            assert step.bounds[0].high.single == PART


def test_pairs_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="in pairs"):
        split_of(plan_of("rayleigh"))


def test_keys_of_attention_are_not_split() -> None:
    assert split_of(plan_of("attention")).size == "N"


def test_unknown_size() -> None:
    with pytest.raises(UsageError, match="no size"):
        split_of(plan_of("batchnorm"), "M")
