"""What a backward function returns as equations `∂f/∂x = …` at the end of a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from derive.errors import DeriveError, LimitError, SoundnessError, UsageError
from derive.meaning import terms as t
from derive.meaning.claims import Claim, Meaning, Unread
from derive.meaning.names import key_of, labelled_key, name_latex
from derive.meaning.scope import understand
from derive.meaning.to_syntax import name as name_syntax
from derive.meaning.to_syntax import to_syntax
from derive.reading import syntax as s
from derive.reading.document import read_document
from derive.reading.span import Source
from derive.reading.statements import Document
from derive.tracing import nodes as n
from derive.tracing.matching import Names, polynomial
from derive.tracing.phrase import Label, Phrasing, letters_of
from derive.writing.to_latex import to_latex

ONE = t.Affine.number(1)


def writable(symbol: t.Symbol) -> t.Symbol:
    """The symbol with a spelling that needs no macro of the document."""
    worded = re.sub(r"_\{([A-Za-z]{2,})\}$", r"_{\\text{\1}}", symbol.key)
    for latex in (symbol.latex, symbol.key, name_latex(symbol.key), worded):
        try:
            shown = name_syntax(latex)
        except DeriveError:
            continue
        key = key_of(shown)
        if isinstance(shown, s.Subscript):
            key = labelled_key(shown.base, shown.items)
        if key == symbol.key:
            return replace(symbol, latex=latex)
    raise UsageError(f"the name {symbol.latex or symbol.key} cannot be written in an equation")


@dataclass(frozen=True)
class Transcription:
    """Writes returned arrays in the names of a document. `labels` are those of the parameters."""

    names: Names
    labels: dict[int, Label]

    def equation(self, target: t.Symbol, node: n.Node) -> str:
        """`∂f/∂target = node` at a general entry, as LaTeX."""
        assert node.shape == tuple(polynomial(length) for length in target.shape)
        every = tuple(range(len(node.shape)))
        return self._written(Label(writable(target), every, writable(self.names.objective)), node)

    def definition(self, label: Label, node: n.Node) -> str:
        """`name = node` at a general entry, as LaTeX."""
        return self._written(label, node)

    def _written(self, left: Label, node: n.Node) -> str:
        letters = letters_of(length for length in node.shape if length != n.ONE)
        at, right = Phrasing(self.labels, self._avoided(), letters).general(node, own=False)
        sides = to_syntax(left.entry(at)), to_syntax(right)
        return to_latex(s.Chain(sides, (s.Relation("="),)))

    def _avoided(self) -> frozenset[str]:
        """Letters that mean something in the document."""
        taken = {*self.names.context.symbols, *self.names.context.sizes}
        return frozenset(taken | {name.lower() for name in taken})


def with_equations(
    document: Document, equations: Sequence[str]
) -> tuple[Meaning, tuple[Claim, ...]]:
    """The document with the equations behind it, understood, and its new claims.

    The equations are read apart from the text, so that neither its macros nor an open chain
    changes them.
    """
    before = document.source.text + "\n\n"
    # The words end what the last sentence of the text may have said of the next display.
    added = "\n\n".join(f"It returns.\n\n$$\n{equation}\n$$" for equation in equations) + "\n"
    padded = read_document(Source("added.md", "\n" * len(before) + added))
    source = Source(document.source.path, before + added)
    # A gradient follows every path, whatever the text means by its own derivatives.
    options = {**document.options, "partials": "total"}
    whole = Document(source, (*document.blocks, *padded.blocks), options)
    meaning = understand(whole)
    new = [item for item in meaning.items if item.span.start >= len(before)]
    for item in new:
        if isinstance(item, Unread):
            raise LimitError(f"the formula of the function cannot be read: {item.error.message}")
    claims = tuple(item for item in new if isinstance(item, Claim))
    if len(claims) != len(equations) or len(new) != len(equations):
        raise SoundnessError("an equation of a traced function is not read as it was written")
    for claim in claims:
        if claim.condition or not all(map(is_general, claim.readings)):
            raise SoundnessError("an equation of a traced function is read for some entries only")
    return meaning, claims


def is_general(reading: t.Reading) -> bool:
    """Whether an equation is about every entry of the array on its left side."""
    match reading.left:
        case t.Derivative(t.Variable(), symbol, at) | t.Element(t.Variable(symbol), at):
            pass
        case t.Variable(symbol):
            at = ()
        case _:
            return False
    free = {bound.name: bound for bound in reading.free}
    letters = [None if place is None else place.single for place in at]
    whole = all(
        place == ONE == length
        or (letter in free and (free[letter].low, free[letter].high) == (ONE, length))
        for place, letter, length in zip(at, letters, symbol.shape, strict=True)
    )
    named = [letter for letter in letters if letter is not None]
    plain = not reading.condition and reading.sign == "==" and reading.partials != "direct"
    return plain and whole and sorted(named) == sorted(free)
