"""What an expression is read in: the names in force, the choice of reading, the indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from derive.errors import IllTypedError, MeaningError, Place
from derive.meaning.names import capital_of, span_of
from derive.meaning.ranges import Indices
from derive.meaning.terms import Affine, Bound, Shape, Symbol, Term
from derive.reading import syntax as s
from derive.reading.span import Source, Span


@dataclass(frozen=True, slots=True)
class Typed:
    """A term, and whether a vector stands as a row (`x^T`).

    `unsized` marks an identity without a written size, times scalars.
    """

    term: Term
    row: bool = False
    unsized: bool = False

    @property
    def shape(self) -> Shape:
        return self.term.shape


@dataclass(frozen=True, slots=True)
class Choices:
    """One way to read what the text leaves open; `size` is that of bare ones and identities."""

    product: Literal["matrix", "element"] = "matrix"
    dot: Literal["inner", "element"] = "inner"
    partials: Literal["total", "direct"] = "total"
    size: str = ""
    pairs: Literal["one", "both"] = "one"


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    r"""`\sigma(x) = body`: parameters by key, and the indices of its value (`S(x)_i`)."""

    parameters: tuple[str, ...]
    indices: tuple[str, ...]
    body: s.Expr


@dataclass(frozen=True, slots=True)
class Names:
    """The names in force.

    `uses` lists for each definition the names its body mentions, `reach` all it depends on.
    `squares` are the names whose square is defined; `hidden` the fixed indices that a definition
    depends on. `gone` says of a name out of force why it is. `prime` is the variable that a prime
    derives by. `through` names the one output of an objective that depends on a fixed entry of it.
    `outputs` are the names each objective is a function of, once they are known. `bodies` are the
    right sides of definitions as written, with the indices of their left sides. `basis` says that
    the text speaks of basis vectors. `heads` maps the function of a loss to the loss,
    `arities` a function without definition to the number of its arguments.
    """

    symbols: Mapping[str, Symbol]
    functions: Mapping[str, FunctionDefinition] = field(default_factory=dict)
    sizes: frozenset[str] = frozenset()
    ranges: Mapping[str, Bound] = field(default_factory=dict)
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    reach: Mapping[str, frozenset[str]] = field(default_factory=dict)
    squares: frozenset[str] = frozenset()
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    prime: s.Expr | None = None
    einstein: bool = False
    losses: tuple[str, ...] = ()
    through: Mapping[str, Symbol] = field(default_factory=dict)
    outputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    bodies: Mapping[str, tuple[tuple[str, ...], s.Expr]] = field(default_factory=dict)
    basis: bool = False
    heads: Mapping[str, str] = field(default_factory=dict)
    arities: Mapping[str, int] = field(default_factory=dict)

    @property
    def objectives(self) -> list[Symbol]:
        """The objectives, those with a definition too."""
        return [self.symbols[key] for key in self.losses if key in self.symbols]

    def capital(self, key: str) -> Symbol | None:
        """The declared array whose entries or rows an undeclared small letter names."""
        big = capital_of(key)
        symbol = None if big is None else self.symbols.get(big)
        return symbol if symbol is not None and symbol.shape else None


@dataclass(slots=True)
class Setting:
    """The state of reading one equation.

    `met` collects the choices that made a difference. `local` holds the arguments of a function
    being applied; `aliases` and `dropped` read a definition of a capital for its small letter:
    which names stand for which, and which indices fall away. `outer` are letters that are free
    around the expression, `loose` those of them that are so where `i \\neq j` under a sum binds
    both of its letters. `rename` gives bound indices new letters inside a function, whose
    applications `depth` counts. `stands` are names that stand for an expression to derive by.
    `defining`: this is the right side of a definition.
    """

    names: Names
    source: Source | None
    indices: Indices
    read: Callable[[Setting, s.Expr], Typed]
    choices: Choices = Choices()
    met: set[str] = field(default_factory=set)
    local: dict[str, Typed] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    outer: frozenset[str] = frozenset()
    loose: frozenset[str] = frozenset()
    rename: Mapping[str, str] = field(default_factory=dict)
    depth: int = 0
    stands: dict[str, s.Expr] = field(default_factory=dict)
    defining: bool = False

    def term(self, expr: s.Expr) -> Typed:
        return self.read(self, expr)

    def scalar(self, expr: s.Expr, what: str) -> Term:
        """An expression that must be a scalar; `what` names its part in messages."""
        value = self.term(expr)
        if value.shape:
            from_shape = ", ".join(map(str, value.shape))
            raise self.ill_typed(f"{what} must be a scalar, but has shape ({from_shape})", expr)
        return value.term

    def use(self, at: Affine, size: Affine, node: s.Node) -> None:
        """Note where an index runs; an error of range gets its place."""
        try:
            self.indices.use(at, size)
        except IllTypedError as error:
            raise self.ill_typed(error.message, node) from None

    def text(self, node: s.Node) -> str:
        """A node as the author wrote it."""
        span = span_of(node)
        if self.source is None or span.start < 0:
            return "this"
        text = self.source.cut(span)
        return text + "}" * max(0, text.count("{") - text.count("}"))

    def key(self, key: str) -> str:
        return self.aliases.get(key, key)

    def error(self, message: str, at: s.Node, advice: str = "") -> MeaningError:
        return MeaningError(message, place=place_of(self.source, span_of(at)), advice=advice)

    def ill_typed(self, message: str, at: s.Node, advice: str = "") -> IllTypedError:
        return IllTypedError(message, place=place_of(self.source, span_of(at)), advice=advice)


def place_of(source: Source | None, span: Span) -> Place | None:
    """The place of a span in its text; None when either is not known."""
    if source is None or span.start < 0 or span.start > len(source.text):
        return None
    line, column = source.position(span.start)
    return Place(source.path, line, column, source.line(line), max(1, span.end - span.start))
