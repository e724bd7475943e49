r"""Random forward documents: each a chain of definitions, with the same computation as a program.

A program is a list of steps. A step has the LaTeX of one or more definitions, and a function that
works on any module with NumPy's names, so that NumPy runs it on complex numbers and PyTorch records
it. Every step uses the result of the step before; the last one is the output.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = Any
Values = dict[str, Array]
Shape = tuple[str, ...]
LETTERS = {"N": "i", "D": "j", "K": "k"}
"""The index letter of each size; under a sum it is the one of `BOUND`."""
BOUND = {"N": "l", "D": "m", "K": "n"}
GREEK = ("alpha", "beta", "theta", "tau", "rho", "omega", "kappa", "lambda", "phi")
SIZES = {"N": 3, "D": 2, "K": 2}


@dataclass(frozen=True)
class Name:
    """A name with its shape."""

    key: str
    shape: Shape

    def at(self, **renamed: str) -> str:
        """The entry at generic indices; a size may be given another letter."""
        letters = "".join(renamed.get(size, LETTERS[size]) for size in self.shape)
        return f"{self.key}_{{{letters}}}" if letters else self.key


@dataclass(frozen=True)
class Step:
    """`latex` defines `name`, whose value is `run(module, values)`."""

    name: Name
    latex: str
    run: Callable[[Any, Values], Array]


@dataclass
class Program:
    """Inputs and steps; the last step is the output."""

    inputs: list[Name] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    latin: Iterator[str] = field(default_factory=lambda: iter("acbqruyzpvfstwo"))
    greek: Iterator[str] = field(default_factory=lambda: iter(GREEK))

    def new(self, shape: Shape) -> Name:
        letter = next(self.latin)
        return Name(letter.upper() if len(shape) > 1 else letter, shape)

    def input(self, shape: Shape) -> Name:
        """A new input; vectors have Greek letters."""
        name = Name(f"\\{next(self.greek)}", shape) if len(shape) == 1 else self.new(shape)
        self.inputs.append(name)
        return name

    def define(self, shape: Shape, body: str, run: Callable[[Any, Values], Array]) -> Name:
        """Define a new name, entry by entry."""
        name = self.new(shape)
        self.steps.append(Step(name, f"$${name.at()} = {body}$$", run))
        return name

    @property
    def output(self) -> Name:
        return self.steps[-1].name

    @property
    def text(self) -> str:
        declared = ", ".join(f"${name.key} \\in {space(name.shape)}$" for name in self.inputs)
        steps = "\n\n".join(step.latex for step in self.steps)
        return f"Let {declared}.\n\n{steps}\n"

    def values(self, module: Any, given: Mapping[str, Array]) -> Values:
        """All values; what is given is not worked out."""
        known = dict(given)
        for step in self.steps:
            if step.name.key not in known:
                known[step.name.key] = step.run(module, known)
        return known


def space(shape: Shape) -> str:
    sizes = r" \times ".join(shape)
    return f"\\mathbb{{R}}^{{{sizes}}}" if shape else r"\mathbb{R}"


# ---- steps -----------------------------------------------------------------------------------

Grow = Callable[[Program, Name, random.Random], Name | None]


def sigmoid(module: Any, x: Array) -> Array:
    return 1 / (1 + module.exp(-x))


ELEMENTWISE: tuple[tuple[str, Callable[[Any, Array], Array]], ...] = (
    (r"\exp(-{})", lambda m, x: m.exp(-x)),
    (r"\tanh({})", lambda m, x: m.tanh(x)),
    (r"\operatorname{{sigmoid}}({})", sigmoid),
    (r"\frac{{1}}{{1 + \exp(-{})}}", sigmoid),
    (r"\operatorname{{softplus}}({})", lambda m, x: m.log(1 + m.exp(x))),
    (r"\log(1 + \exp({}))", lambda m, x: m.log(1 + m.exp(x))),
    (r"{}^2", lambda m, x: x**2),
    (r"\sqrt{{{}^2 + 1}}", lambda m, x: m.sqrt(x**2 + 1)),
    (r"\log(2 + {}^2)", lambda m, x: m.log(2 + x**2)),
    (r"\frac{{{0}}}{{1 + {0}^2}}", lambda m, x: x / (1 + x**2)),
    (r"\frac{{1}}{{2}} {0} + 3 {0}^3", lambda m, x: x / 2 + 3 * x**3),
)


def elementwise(p: Program, x: Name, rng: random.Random) -> Name:
    text, run = rng.choice(ELEMENTWISE)
    return p.define(x.shape, text.format(x.at()), lambda m, v: run(m, v[x.key]))


def gate(p: Program, x: Name, rng: random.Random) -> Name | None:
    """A product or quotient with an earlier value of the same shape."""
    others = [s.name for s in p.steps if s.name.shape == x.shape and s.name != x]
    others += [name for name in p.inputs if name.shape == x.shape and name != x]
    if not others:
        return None
    y = rng.choice(others)
    match rng.randrange(3):
        case 0:
            return p.define(x.shape, f"{x.at()} {y.at()}", lambda m, v: v[x.key] * v[y.key])
        case 1:
            body = f"{x.at()} - 2 {y.at()}"
            return p.define(x.shape, body, lambda m, v: v[x.key] - 2 * v[y.key])
    body = f"\\frac{{{x.at()}}}{{1 + {y.at()}^2}}"
    return p.define(x.shape, body, lambda m, v: v[x.key] / (1 + v[y.key] ** 2))


def _axis(x: Name, rng: random.Random) -> tuple[int, str, str] | None:
    """A random axis with its size, and the sum sign over it."""
    if not x.shape:
        return None
    axis = rng.randrange(len(x.shape))
    size = x.shape[axis]
    return axis, size, f"\\sum_{{{BOUND[size]}=1}}^{{{size}}}"


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def reduction(p: Program, x: Name, rng: random.Random) -> Name | None:
    """A sum, a mean, a sum of squares or its root over one axis."""
    found = _axis(x, rng)
    if found is None:
        return None
    axis, size, total = found
    entry, count, shape = x.at(**{size: BOUND[size]}), SIZES[size], _without(x.shape, axis)
    match rng.randrange(4):
        case 0:
            return p.define(shape, f"{total} {entry}", lambda m, v: v[x.key].sum(axis))
        case 1:
            body = f"\\frac{{1}}{{{size}}} {total} {entry}"
            return p.define(shape, body, lambda m, v: v[x.key].sum(axis) / count)
        case 2:
            return p.define(shape, f"{total} {entry}^2", lambda m, v: (v[x.key] ** 2).sum(axis))
    body = f"\\sqrt{{1 + {total} {entry}^2}}"
    return p.define(shape, body, lambda m, v: m.sqrt(1 + (v[x.key] ** 2).sum(axis)))


def _kept(values: Array, axis: int) -> Array:
    """The values with an axis of length 1 put back."""
    return values[None] if axis == 0 else values[:, None]


def normalised(p: Program, x: Name, rng: random.Random) -> Name | None:
    """Centred over an axis, and divided by the standard deviation perhaps."""
    found = _axis(x, rng)
    if found is None:
        return None
    axis, size, total = found
    entry, count, shape = x.at(**{size: BOUND[size]}), SIZES[size], _without(x.shape, axis)
    mean = f"\\frac{{1}}{{{size}}} {total}"
    mu = p.define(shape, f"{mean} {entry}", lambda m, v: v[x.key].sum(axis) / count)

    def centred(v: Values) -> Array:
        return v[x.key] - _kept(v[mu.key], axis)

    if rng.random() < 0.3:
        return p.define(x.shape, f"{x.at()} - {mu.at()}", lambda m, v: centred(v))
    body = f"{mean} ({entry} - {mu.at()})^2"
    var = p.define(shape, body, lambda m, v: (centred(v) ** 2).sum(axis) / count)
    body = f"\\frac{{{x.at()} - {mu.at()}}}{{\\sqrt{{{var.at()} + \\frac{{1}}{{10}}}}}}"
    return p.define(x.shape, body, lambda m, v: centred(v) / m.sqrt(_kept(v[var.key], axis) + 0.1))


def softmax(p: Program, x: Name, rng: random.Random) -> Name | None:
    found = _axis(x, rng)
    if found is None:
        return None
    axis, size, total = found
    body = f"\\frac{{\\exp({x.at()})}}{{{total} \\exp({x.at(**{size: BOUND[size]})})}}"
    return p.define(
        x.shape,
        body,
        lambda m, v: m.exp(v[x.key]) / _kept(m.exp(v[x.key]).sum(axis), axis),
    )


def scaled(p: Program, x: Name, rng: random.Random) -> Name | None:
    """Broadcasting: a vector times an array, plus another vector perhaps."""
    if not x.shape:
        return None
    axis = rng.randrange(len(x.shape))
    w = p.input((x.shape[axis],))
    over = 1 - axis
    rows = len(x.shape) == 2

    def weight(v: Values) -> Array:
        return _kept(v[w.key], over) if rows else v[w.key]

    if rng.random() < 0.5:
        return p.define(x.shape, f"{w.at()} {x.at()}", lambda m, v: weight(v) * v[x.key])
    return p.define(x.shape, f"{x.at()} + {w.at()}", lambda m, v: weight(v) + v[x.key])


def matrix(p: Program, x: Name, rng: random.Random) -> Name | None:
    """A product with a vector or a matrix that is an input, in matrix notation."""
    if not x.shape:
        return None
    if len(x.shape) == 1:
        size = "D" if x.shape[0] != "D" else "N"
        w = p.input((size, x.shape[0]))
        name = p.new((size,))
        p.steps.append(
            Step(name, f"$${name.key} = {w.key} {x.key}$$", lambda m, v: v[w.key] @ v[x.key])
        )
        return name
    if rng.random() < 0.5:
        w = p.input((x.shape[1],))
        name = p.new((x.shape[0],))
    else:
        size = next(s for s in SIZES if s not in x.shape)
        w = p.input((x.shape[1], size))
        name = p.new((x.shape[0], size))
    p.steps.append(
        Step(name, f"$${name.key} = {x.key} {w.key}$$", lambda m, v: v[x.key] @ v[w.key])
    )
    return name


def dot(p: Program, x: Name, rng: random.Random) -> Name | None:
    """An inner product of vectors, or a scalar times a vector."""
    if len(x.shape) > 1:
        return None
    if not x.shape:
        w = p.input((rng.choice("ND"),))
        return p.define(w.shape, f"{x.at()} {w.at()}", lambda m, v: v[x.key] * v[w.key])
    w = p.input(x.shape)
    name = p.new(())
    p.steps.append(
        Step(name, f"$${name.key} = {w.key}^\\top {x.key}$$", lambda m, v: v[w.key] @ v[x.key])
    )
    return name


GROWTH: tuple[Grow, ...] = (
    elementwise,
    elementwise,
    gate,
    reduction,
    normalised,
    softmax,
    scaled,
    matrix,
    dot,
)
DEPTHS = (3, 4, 5, 6, 7, 8)


def program(seed: int) -> Program:
    """The program of a seed, 3 to 8 steps deep."""
    rng = random.Random(seed)
    made = Program()
    shape = rng.choice([("N",), ("N", "D"), ("N", "D")])
    last = made.input(shape)
    depth = DEPTHS[seed % len(DEPTHS)]
    before: Grow | None = None
    grown = 0
    while grown < depth:
        grow = rng.choice([g for g in GROWTH if g is not before or g is elementwise])
        found = grow(made, last, rng)
        if found is not None:
            last, before, grown = found, grow, grown + 1
    return made


def random_values(made: Program, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {x.key: tuple(SIZES[size] for size in x.shape) for x in made.inputs}
    return {key: rng.uniform(-1.5, 1.5, shape) for key, shape in shapes.items()}
