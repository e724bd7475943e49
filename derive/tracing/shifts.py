"""Largest entries that are taken off for the sake of rounding only, as in a stable softmax.

Where an array is a function of `max x`, let m stand for `max x` as a number of its own. When
∂y/∂m = 0 is proved for all m, without a condition that m might break, then y is the same at
m = max x and at m = 0, and the document can do without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from derive.judgement.check import check
from derive.judgement.verdict import Judgement
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source
from derive.tracing import nodes as n
from derive.tracing.build import Build
from derive.tracing.document import Written, write
from derive.tracing.phrase import INDICES, visible
from derive.tracing.record import Traced

SHIFT = "m"
NOTE = (
    "Largest or smallest entries that the function takes off are left out: the outputs were proved "
    "not to depend on them."
)
_SIZE = re.compile(r"\w+ ≥ 1")


def without_shifts(
    traced: Traced, inputs: Mapping[str, n.Input], positive: Sequence[str]
) -> tuple[Traced, bool]:
    """The trace without the largest entries that do not matter, and whether there were any."""
    dropped = False
    while True:
        outputs = tuple(node for _, node in traced.outputs)
        extremes = [node for node in n.below(outputs) if isinstance(node, n.Extreme)]
        free = next((e for e in extremes if _does_not_matter(e, traced, inputs, positive)), None)
        if free is None:
            return traced, dropped
        build = Build()
        zero = build.spread(build.node(0), free.shape)
        traced, dropped = exchanged(traced, free, zero, build), True


def _does_not_matter(
    extreme: n.Extreme, traced: Traced, inputs: Mapping[str, n.Input], positive: Sequence[str]
) -> bool:
    build = Build()
    name = SHIFT
    while name in inputs:
        name += SHIFT
    shift = build.input(name, extreme.shape)
    assert isinstance(shift, n.Input)
    varied = exchanged(traced, extreme, shift, build)
    written = write(varied, {**inputs, name: shift}, positive)
    claims = [_claim(written, name, shift, node, k) for k, (_, node) in enumerate(varied.outputs)]
    source = Source("shift.md", "\n\n".join([written.text, *claims]))
    document = replace(read_document(source), options={"partials": "total"})
    checked = check(understand(document))
    proved = [j for _, j in checked.judged if j.verdict == "proved" and everywhere(j)]
    return len(proved) == len(claims) == len(checked.judged) and not checked.unread


def everywhere(judgement: Judgement) -> bool:
    """Whether a proof holds without a condition on values that the assumptions do not give."""
    return all(
        condition.endswith("(follows from the assumptions)") or _SIZE.fullmatch(condition)
        for condition in judgement.side_conditions
    )


def _claim(written: Written, name: str, shift: n.Node, output: n.Node, number: int) -> str:
    letters = (x for x in INDICES if x not in written.names)
    upper = "".join(next(letters) for _ in visible(output.shape))
    lower = "".join(next(letters) for _ in shift.shape)
    of = f"{written.outputs[number]}{f'_{{{upper}}}' if upper else ''}"
    by = f"{written.inputs[name]}{f'_{{{lower}}}' if lower else ''}"
    return f"$$\\frac{{\\partial {of}}}{{\\partial {by}}} = 0$$"


def exchanged(traced: Traced, old: n.Node, new: n.Node, build: Build) -> Traced:
    """The trace with one node in place of another, and everything above it made again."""
    tops = tuple(node for _, node in (*traced.outputs, *traced.names))
    again: dict[int, n.Node] = {old.serial: new}
    for node in n.below(tops):
        if node.serial not in again:
            again[node.serial] = _remade(node, again, build)
    return replace(
        traced,
        outputs=tuple((key, again[node.serial]) for key, node in traced.outputs),
        names=tuple((name, again[node.serial]) for name, node in traced.names),
    )


def _remade(node: n.Node, again: Mapping[int, n.Node], build: Build) -> n.Node:
    parts = tuple(again[part.serial] for part in n.operands(node))
    if all(part is whole for part, whole in zip(parts, n.operands(node), strict=True)):
        return node
    match node:
        case n.Elementwise(operation):
            return build.elementwise(operation, *parts)
        case n.Applied(name):
            return build.apply(name, *parts)
        case n.Compared(sign):
            return build.compare(sign, *parts)
        case n.Joined(how):
            return build.join(how, *parts)
        case n.Chosen():
            return build.choose(*parts)
        case n.Moved(_, shape, puts):
            return build.moved(parts[0], shape, puts)
        case n.Contracted(_, labels, out):
            return build.contract(parts, labels, out)
        case n.Extreme(name, _, axes):
            return build.extreme(name, parts[0], axes)
        case _:
            return node
