"""Parameters of a backward function and the names of a document."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from derive.api import load
from derive.errors import DeriveError
from derive.tracing.matching import Names, match

DOCUMENTS = Path(__file__).parent / "documents"


def names(document: str) -> Names:
    return Names.of(load(document).meaning.contexts[-1])


BATCHNORM = str(DOCUMENTS / "batchnorm.md")
LINEAR = str(DOCUMENTS / "linear.md")
SQUARES = str(DOCUMENTS / "squares.md")

FOUND = [
    (BATCHNORM, "x", "x"),
    (BATCHNORM, "X", "x"),
    (BATCHNORM, "x_hat", "x̂"),
    (BATCHNORM, "xhat", "x̂"),
    (BATCHNORM, "mu", "μ"),
    (BATCHNORM, "eps", "ε"),
    (BATCHNORM, "epsilon", "ε"),
    (BATCHNORM, r"\gamma", "γ"),
    (BATCHNORM, "dy", "∂f/∂y"),
    (BATCHNORM, "dY", "∂f/∂y"),
    (BATCHNORM, "dout", "∂f/∂y"),
    (BATCHNORM, "grad_output", "∂f/∂y"),
    (BATCHNORM, "dL_dy", "∂f/∂y"),
    (BATCHNORM, "df_dy", "∂f/∂y"),
    (LINEAR, "W", "W"),
    (LINEAR, "w", "W"),
    ("batchnorm", "x", "X"),
    ("batchnorm", "dy", "∂f/∂Y"),
    (SQUARES, "t", "t"),
]


@pytest.mark.parametrize(("document", "parameter", "expected"), FOUND)
def test_found(document: str, parameter: str, expected: str) -> None:
    assert str(names(document).find(parameter)) == expected


@pytest.mark.parametrize("parameter", ["g", "var", "dx", "d", "", "dx_hat", "N"])
def test_not_found(parameter: str) -> None:
    assert names(BATCHNORM).find(parameter) is None


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def backward(dout: Any, cache: Any, N: Any, mode: Any = "train") -> Any:  # noqa: N803
    return dout


def test_maps() -> None:
    maps = {"cache": "x, x_hat, v", "dout": "dy"}
    matching = match(parameters(backward), names(BATCHNORM), maps, {"dout": "N,1,D"})
    assert list(matching.lines()) == [
        "dout is ∂f/∂y",
        "cache is (x, x̂, v)",
        "N is N",
        "mode is 'train', its default",
    ]
    dout = matching.given["dout"]
    assert str(getattr(dout, "axes", None)) == "(0, 2)"


WRONG: list[tuple[dict[str, str], dict[str, str], str]] = [
    ({}, {}, "the parameter cache is no name of the document"),
    ({"cache": "x,var"}, {}, "var is no name of the document"),
    ({"cache": ""}, {}, "nothing is no name of the document"),
    ({"cache": "x", "other": "x"}, {}, "the function has no parameter other"),
    ({"cache": "x"}, {"cache": "D,N"}, "cache has not the shape D,N"),
    ({"cache": "x"}, {"cache": "N"}, "cache has not the shape N"),
    ({"cache": "x,v"}, {"cache": "N"}, "cache is no array of the document"),
    ({"cache": "1e-5"}, {"cache": "1"}, "cache is no array of the document"),
]


@pytest.mark.parametrize(("maps", "shapes", "message"), WRONG)
def test_wrong(maps: dict[str, str], shapes: dict[str, str], message: str) -> None:
    with pytest.raises(DeriveError) as caught:
        match(parameters(backward), names(BATCHNORM), maps, shapes)
    assert message in caught.value.message
