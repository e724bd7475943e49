"""Order of dependence, reach, outputs; ranges of indices."""

from __future__ import annotations

import pytest

from derive.errors import IllTypedError, MeaningError
from derive.meaning.graph import in_order, outputs, reached
from derive.meaning.ranges import Index, Indices, range_of
from derive.meaning.terms import Affine, Bound

N, D, ONE = Affine.name("N"), Affine.name("D"), Affine.number(1)
ZERO = Affine.number(0)
USES = {
    "y": frozenset({"h", "x"}),
    "h": frozenset({"m", "x"}),
    "m": frozenset({"x"}),
    "z": frozenset({"x"}),
}


def test_order() -> None:
    order, circular = in_order(USES)
    assert circular == set()
    assert order.index("m") < order.index("h") < order.index("y")


def test_circle() -> None:
    order, circular = in_order({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"x"}})
    assert circular == {"b", "c"}
    assert "d" in order and "b" not in order


def test_reach() -> None:
    order, _ = in_order(USES)
    assert reached(USES, order)["y"] == {"h", "m", "x"}
    assert reached(USES, order)["z"] == {"x"}


@pytest.mark.parametrize(
    ("eligible", "found"),
    [(["m", "h", "y", "z"], ("y", "z")), (["m", "h"], ("h",)), (["m", "z"], ("m", "z")), ([], ())],
)
def test_outputs(eligible: list[str], found: tuple[str, ...]) -> None:
    assert outputs(USES, eligible) == found


@pytest.mark.parametrize(
    ("uses", "low", "high"),
    [
        ([(ZERO, N)], ONE, N),
        ([(ZERO, N), (ONE, N)], ONE, N - 1),
        ([(ONE * -1, N), (ZERO, N)], Affine.number(2), N),
        ([(ZERO, Affine.number(3)), (ZERO, Affine.number(2))], ONE, Affine.number(2)),
    ],
)
def test_range(uses: list[tuple[Affine, Affine]], low: Affine, high: Affine) -> None:
    assert range_of(Index("i", uses=uses)) == Bound("i", low, high)


def test_range_beside() -> None:
    lender = Index("j", uses=[(ZERO, N)])
    assert range_of(Index("i", beside=[lender])) == Bound("i", ONE, N)


def test_two_axes() -> None:
    with pytest.raises(IllTypedError, match="runs over two axes, of sizes N and D"):
        range_of(Index("i", uses=[(ZERO, N), (ZERO, D)]))


def test_no_range() -> None:
    with pytest.raises(MeaningError, match="range of the index i is not known"):
        range_of(Index("i"))


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        (Affine.name("i"), True),
        (Affine.name("i") + 1, False),
        (Affine.name("i") - 1, False),
        (N, True),
        (N + 1, False),
        (N - 1, True),
        (Affine.number(0), False),
        (Affine.number(2), True),
        (D, False),
    ],
)
def test_inside_its_axis(at: Affine, fits: bool) -> None:
    indices = Indices({}, frozenset({"N", "D"}))
    indices.bind([Index("i", Bound("i", ONE, N))])
    if fits:
        indices.use(at, N)
    else:
        with pytest.raises(IllTypedError):
            indices.use(at, N)
