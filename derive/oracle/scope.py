"""A point, and the values of names there; a child scope has one name perturbed by duals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.walk import reach
from derive.oracle.arrays import Array, apply, build, dimensions, pick
from derive.oracle.duals import Dual, DualField
from derive.oracle.fields import Field, Scalar

At = dict[str, int]
"""The values of sizes and indices."""

Mode = Literal["total", "direct"]


Evaluation = Callable[[t.Term, "Scope", At], Array]
"""How the value of a term is found in a scope."""


@dataclass(frozen=True)
class World:
    """A point: sizes, inputs by symbol key, upstream gradients by (objective, output).

    Arrays are nested tuples of fractions (or residues), scalars bare. An objective's own value,
    where a claim needs one, stands among the inputs. Values of defined names are kept.
    """

    context: t.Context
    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    upstream: Mapping[tuple[str, str], Array] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict, compare=False, repr=False)


class Scope:
    """Values of names over a field; a child has one name perturbed.

    `inputs_read` and `upstream_read` record at the root what an evaluation asked for.
    """

    def __init__(
        self,
        world: World,
        over: Field,
        value_of: Evaluation,
        parent: Scope | None = None,
        target: str = "",
        mode: Mode = "total",
    ) -> None:
        self.world = world
        self.over = over
        self.value_of = value_of
        self.parent = parent
        self.target = target
        self.mode = mode
        self.known: dict[str, Array] = {}
        self.expanded: dict[str, Array] = {}
        self.slopes: dict[str, Mapping[tuple[int, ...], Scalar]] = {}
        self.children: dict[tuple[str, str], Scope] = {}
        self.inputs_read: set[str] = set()
        self.upstream_read: set[tuple[str, str]] = set()
        self.zero = over.lift(Fraction(0))
        self.one = over.lift(Fraction(1))
        self.reach: Mapping[str, frozenset[str]] = (
            reach_of(world.context) if parent is None else parent.reach
        )

    def lookup(self, key: str) -> Array:
        """The value of a name."""
        if self.parent is None and key not in self.world.context.definitions:
            self.inputs_read.add(key)
        if key not in self.known:
            self.known[key] = self._find(key)
        return self.known[key]

    def _find(self, key: str) -> Array:
        context = self.world.context
        if self.parent is None:
            if key in context.definitions:
                return self.define(key)
            if key in self.world.inputs:
                return apply(self.over.lift, self.world.inputs[key])
            raise UnsupportedError(f"the value of {key} is not known")
        if key in context.outputs:
            return self._objective(key)
        if self.mode == "direct" or self.target not in self.reach.get(key, ()):
            return self.parent.lookup(key)
        return self.define(key)

    def define(self, key: str) -> Array:
        """The value of a defined name from its definition, evaluated in this scope."""
        definition = self.world.context.definitions[key]
        at = dict(self.world.sizes)
        axes = definition.symbol.shape[: len(definition.parameters)]

        def entry(position: tuple[int, ...]) -> Array:
            for name, place in zip(definition.parameters, position, strict=True):
                at[name] = place + 1
            value = self.value_of(definition.body, self, at)
            if definition.squares:
                return apply(lambda v: self.over.power(v, Fraction(1, 2)), value)
            return value

        return build([axis.value(self.world.sizes) for axis in axes], entry)

    def explicit(self, key: str) -> Array:
        """A defined name from its own definition, all other names held."""
        if key not in self.expanded:
            self.expanded[key] = self.define(key)
        return self.expanded[key]

    def perturbed(self, key: str, mode: Mode) -> Scope:
        """The scope in which every entry of a name has a direction of its own."""
        if (key, mode) not in self.children:
            child = Scope(self.world, DualField(self.over), self.value_of, self, key, mode)
            value = self.lookup(key)
            level, one = child.over.level, self.one
            child.known[key] = build(
                dimensions(value), lambda at: Dual(level, pick(value, at), {at: one})
            )
            self.children[key, mode] = child
        return self.children[key, mode]

    def objective_slope(self, key: str) -> Mapping[tuple[int, ...], Scalar]:
        """The derivatives of an objective along this scope's directions: Σ ∂f/∂y · y′.

        By an output it is the given gradient, also where another output is made of it.
        """
        if key not in self.slopes:
            self.slopes[key] = self._objective_slope(key)
        return self.slopes[key]

    def _objective_slope(self, key: str) -> Mapping[tuple[int, ...], Scalar]:
        assert self.parent is not None
        if self.mode == "direct":
            return self.parent.perturbed(self.target, "total").objective_slope(key)
        self.parent.forbid_second(key)
        total = self.zero
        outputs = self.world.context.outputs[key]
        given = [output for output in outputs if output.key == self.target]
        for output in given or outputs:
            total = self._accumulate(total, self.lookup(output.key), (key, output.key))
        found: Mapping[tuple[int, ...], Scalar] = self._duals.split(total)[1]
        return found

    def _accumulate(self, total: Scalar, value: Array, name: tuple[str, str]) -> Scalar:
        """Add what an output passes on; the gradient of one that does not vary is not needed."""
        duals = self._duals
        moving = [at for at in _positions(value) if duals.split(pick(value, at))[1]]
        if not moving:
            return total
        self.root.upstream_read.add(name)
        gradient = self.root.upstream(*name)
        return duals.total(
            [total, *(duals.mul(pick(gradient, at), pick(value, at)) for at in moving)]
        )

    @property
    def _duals(self) -> DualField:
        assert isinstance(self.over, DualField)
        return self.over

    @property
    def root(self) -> Scope:
        return self if self.parent is None else self.parent.root

    def upstream(self, objective: str, output: str) -> Array:
        """The given gradient of an objective by an output (at the root)."""
        gradient = self.world.upstream.get((objective, output))
        if gradient is None:
            raise UnsupportedError(f"the gradient of {objective} by {output} is not given")
        return apply(self.over.lift, gradient)

    def forbid_second(self, key: str) -> None:
        """Refuse to vary the upstream gradient: second derivatives of f are not known."""
        scope: Scope = self
        while scope.parent is not None:
            if scope.target in self.reach.get(key, ()):
                raise UnsupportedError("a second derivative of an objective is not known")
            scope = scope.parent

    def _objective(self, key: str) -> Scalar:
        assert self.parent is not None
        value, slope = self.parent.lookup(key), self.objective_slope(key)
        return Dual(self.over.level, value, slope) if slope else value


_REACHES: dict[int, tuple[t.Context, Mapping[str, frozenset[str]]]] = {}


def reach_of(context: t.Context) -> Mapping[str, frozenset[str]]:
    """Which names each name depends on; remembered for the contexts seen last."""
    if id(context) not in _REACHES:
        if len(_REACHES) > 256:
            _REACHES.clear()
        _REACHES[id(context)] = (context, reach(context))
    return _REACHES[id(context)][1]


def _positions(array: Array) -> Iterator[tuple[int, ...]]:
    if type(array) is not tuple:
        yield ()
        return
    for k, part in enumerate(array):
        for rest in _positions(part):
            yield (k, *rest)
