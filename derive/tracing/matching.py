"""Which parameter of a backward function is which name of a document."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from derive.errors import UsageError
from derive.gradient.steps import find_objective, plain
from derive.kernel.names import SPECIAL, identifier
from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.meaning.walk import names_in
from derive.tracing.nodes import ONE, Shape
from derive.tracing.polynomials import Polynomial, constant, named
from derive.writing.to_linear import linear


@dataclass(frozen=True)
class Given:
    """What stands for one array: a name, or (with `objective`) the gradient by it.

    `shape` is how the function gets it; `axes` are those of its axes that the name has.
    """

    symbol: t.Symbol
    shape: Shape
    axes: tuple[int, ...]
    objective: t.Symbol | None = None

    @property
    def term(self) -> t.Term:
        """The whole array."""
        if self.objective is None:
            return t.Variable(self.symbol)
        return t.Derivative(t.Variable(self.objective), self.symbol, (), "total")

    def __str__(self) -> str:
        return linear(to_syntax(self.term))


Meant = Given | tuple[Given, ...] | Polynomial | Fraction
"""An array, several in a tuple, a size, or a number."""

UPSTREAM = frozenset({"dout", "grad", "gradoutput", "gradout", "upstream", "upstreamgrad"})
"""Parameters that are the gradient by the output, where there is one output."""


@dataclass(frozen=True)
class Matching:
    """The parameters that the document gives, by name, and those that keep a default."""

    given: Mapping[str, Meant]
    defaults: Mapping[str, object]

    @property
    def arrays(self) -> Iterator[Given]:
        """Every array that is passed."""
        for meant in self.given.values():
            if isinstance(meant, Given):
                yield meant
            elif isinstance(meant, tuple):
                yield from meant

    def lines(self) -> Iterator[str]:
        """What each parameter is, `dout is ∂f/∂y`."""
        for name, meant in self.given.items():
            if isinstance(meant, tuple):
                yield f"{name} is ({', '.join(map(str, meant))})"
            else:
                yield f"{name} is {meant}"
        for name, value in self.defaults.items():
            yield f"{name} is {value!r}, its default"


@dataclass(frozen=True)
class Names:
    """The names in force at the end of a document, and its objective."""

    context: t.Context
    objective: t.Symbol

    @staticmethod
    def of(context: t.Context) -> Names:
        """Raises UsageError when there is no scalar objective, or more than one."""
        if context.outputs:
            return Names(context, find_objective(context))
        uses = {
            key for d in context.definitions.values() for key in names_in(d.body) - {d.symbol.key}
        }
        scalars = [
            d.symbol
            for key, d in context.definitions.items()
            if not d.symbol.shape and key not in uses
        ]
        return Names(context, scalars[0] if len(scalars) == 1 else find_objective(context))

    def meaning(self, text: str) -> Given | Polynomial | None:
        """The same, or the size of that name."""
        is_size = text in self.context.sizes and text not in self.context.symbols
        return named(text) if is_size else self.find(text)

    def find(self, text: str) -> Given | None:
        """The name, or the gradient by an output, that a spelling means; None for neither."""
        found = self._named(text)
        if found is not None:
            return _whole(found)
        outputs = self.context.outputs.get(self.objective.key, ())
        for output in outputs:
            if _folded(text) in self._gradient_spellings(output):
                return _whole(output, self.objective)
        if len(outputs) == 1 and _folded(text) in UPSTREAM:
            return _whole(outputs[0], self.objective)
        return None

    def _named(self, text: str) -> t.Symbol | None:
        """Exactly as it is spelled, else apart from capitals and underscores."""
        every = [s for s in self.context.symbols.values() if s.role in ("input", "defined")]
        for fold in (str, _folded):
            found = [s for s in every if fold(text) in {fold(x) for x in spellings(s)}]
            if len(found) == 1:
                return found[0]
            if len(found) > 1:
                shown = " or ".join(linear(to_syntax(t.Variable(s))) for s in found)
                raise UsageError(f"{text} may be {shown}", advice="Say which with --map.")
        return None

    def _gradient_spellings(self, output: t.Symbol) -> set[str]:
        loss = {_folded(x) for x in spellings(self.objective)} | {"l"}
        names = {_folded(x) for x in spellings(output)}
        plain_ones = {f"{front}{name}" for front in ("d", "grad") for name in names}
        return plain_ones | {f"d{f}d{name}" for f in loss for name in names}

    def known(self) -> str:
        """The names that a parameter may have."""
        outputs = self.context.outputs.get(self.objective.key, ())
        names = [
            identifier(s.key)
            for s in self.context.symbols.values()
            if s.role in ("input", "defined")
        ]
        return ", ".join([*names, *(f"d{identifier(y.key)}" for y in outputs)])


LONG = {short: word for word, short in SPECIAL.items()}


def spellings(symbol: t.Symbol) -> set[str]:
    """How a program may spell a name: `x_hat`, `eps`, `gamma`."""
    found = {symbol.key, symbol.latex, plain(symbol), identifier(symbol.key)}
    return found | {LONG[x] for x in found if x in LONG}


def _folded(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _whole(symbol: t.Symbol, objective: t.Symbol | None = None) -> Given:
    shape = tuple(polynomial(length) for length in symbol.shape)
    return Given(symbol, shape, tuple(range(len(shape))), objective)


def polynomial(length: t.Affine) -> Polynomial:
    """A length of a document as a length of a trace."""
    total = constant(length.constant)
    for name, coefficient in length.terms:
        total = total + named(name) * constant(coefficient)
    return total


# ---- parameters ---------------------------------------------------------------------------------


def match(
    parameters: Mapping[str, inspect.Parameter],
    names: Names,
    maps: Mapping[str, str],
    shapes: Mapping[str, str],
) -> Matching:
    """Every parameter's meaning: as `maps` say, by its own name, or its default.

    Raises UsageError for a parameter that means nothing in the document.
    """
    for name in {**maps, **shapes}:
        if name not in parameters:
            listed = ", ".join(parameters)
            raise UsageError(
                f"the function has no parameter {name}", advice=f"Its parameters: {listed}."
            )
    given: dict[str, Meant] = {}
    defaults: dict[str, object] = {}
    for name, parameter in parameters.items():
        meant = _mapped(maps[name], names) if name in maps else names.meaning(name)
        if meant is not None:
            given[name] = meant
        elif parameter.default is not parameter.empty:
            defaults[name] = parameter.default
        else:
            raise UsageError(
                f"the parameter {name} is no name of the document",
                advice=f"Say what it is with --map {name}=NAME; the names: {names.known()}.",
            )
        if name in shapes:
            given[name] = _reshaped(name, given.get(name), shapes[name])
    return Matching(given, defaults)


_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE]-?\d{1,3})?")


def _mapped(text: str, names: Names) -> Meant:
    if _NUMBER.fullmatch(text.strip()):
        return Fraction(text.strip())
    size = names.meaning(text.strip())
    if isinstance(size, Polynomial):
        return size
    found = [(part.strip(), names.find(part.strip())) for part in text.split(",")]
    arrays = []
    for part, given in found:
        if given is None:
            raise UsageError(
                f"{part or 'nothing'} is no name of the document",
                advice=f"Its names: {names.known()}.",
            )
        arrays.append(given)
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def _reshaped(name: str, meant: Meant | None, text: str) -> Given:
    """`--shape mu=N,1`: the shape of the name with axes of length 1 put in."""
    if not isinstance(meant, Given):
        raise UsageError(f"{name} is no array of the document, so it has no shape to give")
    shape = tuple(_length(part.strip()) for part in text.split(",") if part.strip())
    axes: list[int] = []
    left: Sequence[Polynomial] = meant.shape
    for axis, length in enumerate(shape):
        if left and length == left[0]:
            axes.append(axis)
            left = left[1:]
        elif length != ONE:
            raise UsageError(f"{name} has not the shape {text}, apart from axes of length 1")
    if left:
        raise UsageError(f"{name} has not the shape {text}, apart from axes of length 1")
    return Given(meant.symbol, shape, tuple(axes), meant.objective)


def _length(text: str) -> Polynomial:
    return constant(int(text)) if text.isdigit() else named(text)
