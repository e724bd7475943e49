"""Several rows at once, folds in lanes, results past the cache: the values do not change."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from require import require_compiler
from test_blocks import agree, arguments, called

import derive
from derive.kernel.jamming import jam_of
from derive.kernel.loops import Loop, Nest, Node, nest_of
from derive.kernel.plan import Plan
from derive.kernel.reference import reference
from derive.kernel.shifting import shifted
from derive.kernel.storage import homes

ROWS = [
    "layernorm",
    "rmsnorm",
    "softmax",
    "log_softmax",
    "softmax_cross_entropy",
    "cosine_similarity",
]
OTHERS = ["batchnorm", "groupnorm", "logsumexp", "l2norm", "mse", "kl_categorical"]
TEXT: dict[str, Any] = {"capture_output": True, "text": True, "check": False}
SIZES = ((3, 5), (4, 16), (7, 37), (9, 8), (30, 70), (6, 600), (131, 3))


@pytest.fixture(scope="module", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    require_compiler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERIVE_KERNEL_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


@cache
def plan_of(name: str) -> Plan:
    return derive.load(name).plan()


def held_by(name: str, n: int, rest: int) -> dict[str, Any]:
    """Arguments of a size; what has to be a distribution is one."""
    plan = plan_of(name)
    rest = rest if len(plan.sizes) < 3 else min(rest, 9)
    held = arguments(plan, lambda size: n if size == "N" else rest, seed=n)
    for parameter in plan.parameters:
        if name.endswith("entropy") and parameter.symbol.key == "T":
            held[parameter.array] /= held[parameter.array].sum(-1, keepdims=True)
        if name == "kl_categorical" and held[parameter.array].ndim == 2:
            held[parameter.array] /= held[parameter.array].sum(-1, keepdims=True)
    return held


def loops_of(nodes: tuple[Node, ...]) -> list[Loop]:
    found = [node for node in nodes if isinstance(node, Loop)]
    return [*found, *(inner for loop in found for inner in loops_of(loop.body))]


def nest_for(name: str) -> Nest:
    return nest_of(shifted(plan_of(name)))


@pytest.mark.parametrize("name", ROWS)
def test_rows_with_numbers_of_their_own_go_several_at_once(name: str) -> None:
    nest = nest_for(name)
    jams = [jam_of(nest, homes(nest), loop) for loop in loops_of(nest.nodes)]
    rows = [jam for jam in jams if jam and jam.makes == "rows"]
    assert rows
    for jam in rows:
        assert {int(copy.rpartition(" ")[2]) for copy in jam.copies} == {1, 2, 3}


def test_what_one_turn_leaves_to_the_next_is_not_done_at_once() -> None:
    """The loop over the rows of a Sinkhorn step adds to totals of columns only."""
    nest = nest_for("sinkhorn_step")
    for loop in loops_of(nest.nodes):
        jam = jam_of(nest, homes(nest), loop)
        assert jam is None or jam.makes in ("terms", "entries", "rows")
    innermost = [loop for loop in loops_of(nest.nodes) if not loops_of(loop.body)]
    assert innermost
    assert all(jam_of(nest, homes(nest), loop) is None for loop in innermost)


@pytest.mark.parametrize("name", [*ROWS, *OTHERS])
def test_values_at_all_remainders(name: str) -> None:
    """Rows left over by four, entries left over by a line, more entries than a chunk."""
    plan = plan_of(name)
    kernel = derive.load(name).kernel("c")
    for n, rest in SIZES:
        held = held_by(name, n, rest)
        right = reference(plan)(held)
        for threads in (1, 3):
            agree(plan, called(kernel, plan, held, threads=threads), right, 1e-11)


@pytest.mark.parametrize("name", ["layernorm", "batchnorm", "softmax_cross_entropy"])
def test_each_result_by_itself(name: str) -> None:
    """What is wanted alone is what it is among all, and nothing else is there."""
    plan, kernel = plan_of(name), derive.load(name).kernel("c")
    held = held_by(name, 13, 21)
    everything = called(kernel, plan, held)
    for wanted in everything._fields:
        only = called(kernel, plan, held, want=(wanted,))
        assert np.allclose(getattr(only, wanted), getattr(everything, wanted), rtol=1e-13)
        assert [name for name in only._fields if getattr(only, name) is not None] == [wanted]


@pytest.mark.parametrize("width", [16, 512, 531])
@pytest.mark.parametrize("shifted_by", [0, 3])
def test_results_past_the_cache(width: int, shifted_by: int) -> None:
    """Large results, whole lines or not, at the start of a line or not, equal those of pieces."""
    kernel = derive.load("batchnorm_inference").kernel("c")
    plan, length = plan_of("batchnorm_inference"), 4_600_000 // width
    held = arguments(plan, lambda size: length if size == "N" else width)
    held = {a: v.astype(np.float32) if np.ndim(v) else v for a, v in held.items()}
    out = np.full(length * width + shifted_by, np.nan, np.float32)[shifted_by:]
    whole = called(kernel, plan, held, want=("dx",), out={"dx": out.reshape(length, width)}).dx
    pieces = {a: v[length // 2 :][:50] if np.ndim(v) == 2 else v for a, v in held.items()}
    assert np.isfinite(whole).all()
    assert np.array_equal(whole[length // 2 :][:50], called(kernel, plan, pieces, want=("dx",)).dx)


PROGRAM = """
import sys
sys.path[:0] = {folders}
import numpy as np
from test_blocks import called
from test_jamming import held_by, plan_of
import derive
for name in {names}:
    plan, kernel = plan_of(name), derive.load(name).kernel("c")
    for n, rest in ((5, 7), (9, 40)):
        held = held_by(name, n, rest)
        fields = called(kernel, plan, held)._fields
        for wanted in fields:
            called(kernel, plan, held, want=(wanted,), threads=2)
print("done")
"""


def test_nothing_outside_of_arrays_is_read_or_written() -> None:
    """Under the address sanitizer of the compiler, which also watches NumPy's arrays."""
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], **TEXT).stdout.strip()
    if not os.path.isabs(library):
        pytest.skip("gcc has no address sanitizer")
    folders = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    names = ["batchnorm", "layernorm"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(folders=folders, names=names)],
        env=os.environ
        | {
            "LD_PRELOAD": library,
            "ASAN_OPTIONS": "detect_leaks=0",
            "CC": "gcc -fsanitize=address",
            "DERIVE_KERNEL_CACHE": str(Path(os.environ["DERIVE_KERNEL_CACHE"]) / "watched"),
        },
        **TEXT,
    )
    assert done.stdout == "done\n", done.stderr[:3000]
