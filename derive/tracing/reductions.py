"""NumPy's functions that go over axes or move them, as nodes. Arguments hold nodes, not arrays.

Each function takes the builder first and then NumPy's own arguments; those that are not listed
are refused by Python's own call rules, and the tracer says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from derive.tracing.build import Build, Value, shown
from derive.tracing.nodes import ONE, Node, Put, Shape
from derive.tracing.places import failed
from derive.tracing.polynomials import Polynomial, constant

Axis = int | Sequence[int] | None


def axes_of(axis: Axis, rank: int) -> tuple[int, ...]:
    """The axes that an argument `axis` names, counted from 0; None names all."""
    if axis is None:
        return tuple(range(rank))
    asked = (axis,) if isinstance(axis, int) else axis
    if not all(isinstance(k, int) for k in asked):
        raise failed("an axis must be a plain number")
    if not all(-rank <= k < rank for k in asked):
        raise failed(f"axis {axis} is out of bounds for an array of {rank} axes")
    found = tuple(k % rank for k in asked)
    if len(set(found)) != len(found):
        raise failed(f"axis {axis} names an axis twice")
    return found


def _finished(
    build: Build, whole: Node, reduced: Node, axes: tuple[int, ...], keepdims: object
) -> Node:
    return build.kept(reduced, whole.shape, axes) if keepdims else reduced


def total(
    build: Build, a: Value, axis: Axis = None, dtype: None = None, *, keepdims: object = False
) -> Node:
    whole = build.node(a)
    axes = axes_of(axis, len(whole.shape))
    return _finished(build, whole, build.total(whole, axes), axes, keepdims)


def mean(
    build: Build, a: Value, axis: Axis = None, dtype: None = None, *, keepdims: object = False
) -> Node:
    whole = build.node(a)
    axes = axes_of(axis, len(whole.shape))
    share = build.divide(build.total(whole, axes), build.length(whole.shape, axes))
    return _finished(build, whole, share, axes, keepdims)


def var(
    build: Build,
    a: Value,
    axis: Axis = None,
    dtype: None = None,
    *,
    ddof: int = 0,
    keepdims: object = False,
) -> Node:
    """Σ (a − mean)² / (n − ddof)."""
    whole = build.node(a)
    axes = axes_of(axis, len(whole.shape))
    centre = mean(build, whole, axes, keepdims=True)
    squares = build.total(build.power(build.subtract(whole, centre), 2), axes)
    if not isinstance(ddof, int):
        raise failed("ddof must be a whole number")
    count = build.length(whole.shape, axes) - constant(ddof)
    return _finished(build, whole, build.divide(squares, count), axes, keepdims)


def std(
    build: Build,
    a: Value,
    axis: Axis = None,
    dtype: None = None,
    *,
    ddof: int = 0,
    keepdims: object = False,
) -> Node:
    return build.root(var(build, a, axis, dtype, ddof=ddof, keepdims=keepdims))


def largest(build: Build, a: Value, axis: Axis = None, *, keepdims: object = False) -> Node:
    return _extreme(build, "max", a, axis, keepdims)


def smallest(build: Build, a: Value, axis: Axis = None, *, keepdims: object = False) -> Node:
    return _extreme(build, "min", a, axis, keepdims)


def _extreme(
    build: Build, name: Literal["max", "min"], a: Value, axis: Axis, keepdims: object
) -> Node:
    whole = build.node(a)
    axes = axes_of(axis, len(whole.shape))
    return _finished(build, whole, build.extreme(name, whole, axes), axes, keepdims)


def norm(
    build: Build, x: Value, ord: object = None, axis: Axis = None, keepdims: object = False
) -> Node:
    """The root of the sum of squares (`ord` None, 2 for one axis, "fro"), or Σ |x| for one axis."""
    whole = build.node(x)
    axes = axes_of(axis, len(whole.shape))
    if ord == 1 and len(axes) == 1:
        return total(build, build.apply("abs", whole), axes, keepdims=keepdims)
    plain = ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1)
    if not plain:
        raise failed(f"the norm of order {ord!r} over {len(axes)} axes is not traced")
    return build.root(total(build, build.power(whole, 2), axes, keepdims=keepdims))


# ---- moving axes --------------------------------------------------------------------------------


def transpose(build: Build, a: Value, axes: Sequence[int] | None = None) -> Node:
    base = build.node(a)
    rank = len(base.shape)
    order = tuple(reversed(range(rank))) if axes is None else axes_of(tuple(axes), rank)
    if len(order) != rank:
        raise failed(f"a transpose of {rank} axes names {len(order)}")
    return build.permuted(base, order)


def swapaxes(build: Build, a: Value, axis1: int, axis2: int) -> Node:
    base = build.node(a)
    order = list(range(len(base.shape)))
    one, two = axes_of(axis1, len(order))[0], axes_of(axis2, len(order))[0]
    order[one], order[two] = order[two], order[one]
    return build.permuted(base, order)


def moveaxis(build: Build, a: Value, source: Axis, destination: Axis) -> Node:
    base = build.node(a)
    rank = len(base.shape)
    moving, to = axes_of(source, rank), axes_of(destination, rank)
    order = [k for k in range(rank) if k not in moving]
    for place, axis in sorted(zip(to, moving, strict=True)):
        order.insert(place, axis)
    return build.permuted(base, order)


def expand_dims(build: Build, a: Value, axis: Axis) -> Node:
    base = build.node(a)
    added = (axis,) if isinstance(axis, int) else tuple(axis or ())
    rank = len(base.shape) + len(added)
    places = axes_of(added, rank)
    left = iter(base.shape)
    shape = tuple(ONE if k in places else next(left) for k in range(rank))
    kept = [k for k in range(rank) if k not in places]
    return build.moved(base, shape, tuple(Put(k) for k in kept))


def squeeze(build: Build, a: Value, axis: Axis = None) -> Node:
    base = build.node(a)
    rank = len(base.shape)
    unit = tuple(k for k in range(rank) if base.shape[k] == ONE)
    if axis is None and any(length.number is None for length in base.shape):
        raise failed(
            "squeeze drops every axis whose size happens to be 1", advice="Name the axis: axis=1."
        )
    dropped = unit if axis is None else axes_of(axis, rank)
    if not set(dropped) <= set(unit):
        raise failed(f"axis {axis} of {shown(base.shape)} has not length 1")
    return build.regrouped(base, tuple(n for k, n in enumerate(base.shape) if k not in dropped))


def reshape(build: Build, a: Value, newshape: Value, order: object = "C") -> Node:
    """Only axes of length 1 are added or dropped; one length may be −1."""
    base = build.node(a)
    asked = newshape if isinstance(newshape, tuple | list) else (newshape,)
    lengths = [constant(n) if isinstance(n, int) else n for n in asked]
    if not all(isinstance(n, Polynomial) for n in lengths):
        raise failed("a shape must be made of sizes and whole numbers")
    shape = [n for n in lengths if isinstance(n, Polynomial)]
    open_places = [k for k, n in enumerate(shape) if n == constant(-1)]
    if len(open_places) > 1:
        raise failed("only one length of a shape can be −1")
    for k in open_places:
        left = [n for n in base.shape if n != ONE]
        for n in shape:
            if n in left:
                left.remove(n)
        shape[k] = build.length(tuple(left), range(len(left)))
    return build.regrouped(base, tuple(shape))


def ravel(build: Build, a: Value, order: object = "C") -> Node:
    base = build.node(a)
    return reshape(build, base, (build.length(base.shape, range(len(base.shape))),))


def broadcast_to(build: Build, array: Value, shape: Value) -> Node:
    base = build.node(array)
    asked = shape if isinstance(shape, tuple | list) else (shape,)
    lengths = tuple(constant(n) if isinstance(n, int) else n for n in asked)
    wanted: Shape = tuple(n for n in lengths if isinstance(n, Polynomial))
    fits = len(wanted) == len(lengths) >= len(base.shape) and all(
        mine in (ONE, n) for mine, n in zip(reversed(base.shape), reversed(wanted), strict=False)
    )
    if not fits:
        raise failed(f"{shown(base.shape)} does not broadcast to {shown(wanted)}")
    return build.spread(base, wanted)


def full_like(build: Build, a: Value, fill_value: Value, dtype: None = None) -> Node:
    return build.spread(build.node(fill_value), build.node(a).shape)


def ones_like(build: Build, a: Value, dtype: None = None) -> Node:
    return full_like(build, a, Fraction(1))


def zeros_like(build: Build, a: Value, dtype: None = None) -> Node:
    return full_like(build, a, Fraction(0))
