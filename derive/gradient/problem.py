"""What is to be derived, as a document of its own: declarations, assumptions, definitions.

Only what the objective is defined from is taken over; the claims of the document are not. The text
is read back, and must mean what the document means, before anything is derived from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from derive.calculus.assumptions import unconditional
from derive.errors import UnsupportedError, UsageError
from derive.gradient.closed_form import Phrasing
from derive.judgement.prove import Proof, Prover
from derive.meaning import terms as t
from derive.meaning.claims import Meaning, Unread
from derive.meaning.scope import understand
from derive.meaning.to_syntax import name, to_syntax
from derive.meaning.walk import names_in, reach, subterms
from derive.reading import syntax as s
from derive.reading.document import read_document
from derive.reading.span import Source
from derive.writing.to_latex import to_latex

Seed = Literal["objective", "upstream", "nothing"]


@dataclass(frozen=True, slots=True)
class Problem:
    """The scalar `objective` in `context`, which is what `text` means.

    `origin` is the context of the document that it stands for; `inputs` are the names to
    differentiate by, `introduced` those that the text adds.
    """

    text: str
    origin: t.Context
    context: t.Context
    objective: t.Symbol
    inputs: tuple[t.Symbol, ...]
    introduced: tuple[t.Symbol, ...] = ()


def plain(symbol: t.Symbol) -> str:
    """A name as a person types it: `gamma` for `\\gamma`, `hat_x` for `\\hat{x}`."""
    return symbol.key.replace("\\", "").replace("{", "_").replace("}", "")


def find_name(context: t.Context, wanted: str) -> t.Symbol:
    """The name in force that a person asks for; a UsageError names near ones."""
    found = _named(context, wanted)
    if found is not None:
        return found
    known = [plain(x) for x in context.symbols.values() if x.role in ("input", "defined")]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(plain(x) for x in inputs_of(context)) or "none"
    raise UsageError(
        f"{wanted} is not an input of the document", advice=f"{hint}Its inputs: {listed}."
    )


def _named(context: t.Context, wanted: str) -> t.Symbol | None:
    known = context.symbols.values()
    return next((x for x in known if wanted in (x.key, x.latex, plain(x))), None)


def inputs_of(context: t.Context) -> tuple[t.Symbol, ...]:
    """The names that are free to vary, in the order of their declarations."""
    return tuple(x for x in context.symbols.values() if x.role == "input")


def latex(symbol: t.Symbol) -> str:
    """A name as its author writes it."""
    return to_latex(name(symbol.latex or symbol.key))


def listed(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = items
    return f"{', '.join(head)} and {last}" if head else last


# ---- objectives ------------------------------------------------------------------------------


def scalar_objectives(context: t.Context) -> list[t.Symbol]:
    """The declared objectives; where there is none, the scalars that nothing is defined from."""
    declared = [context.symbols[key] for key in context.outputs if key in context.symbols]
    if declared:
        return declared
    return [symbol for symbol in last_names(context) if not symbol.shape]


def last_names(context: t.Context) -> list[t.Symbol]:
    """The defined names that no definition uses."""
    used = frozenset[str]().union(*(names_in(d.body) for d in context.definitions.values()))
    return [context.symbols[key] for key in context.definitions if key not in used]


def set_problem(
    meaning: Meaning, of: str = "", wrt: Sequence[str] = (), seed: Seed = "objective"
) -> Problem:
    """The problem of a document: the objective `of`, or the one that the document has.

    Arrays without an objective get an upstream gradient each; their inner product is the
    objective. So does every output with the seed `upstream`, and none with `nothing`. Raises
    UsageError where there is nothing to differentiate or too much to choose from.
    """
    context = chosen_context(meaning, (of, *wrt) if of else wrt)
    if of:
        outputs = [find_name(context, of)]
        if outputs[0].role not in ("defined", "objective"):
            raise UsageError(f"{of} is an input of the document; it has no definition")
    else:
        outputs = scalar_objectives(context) or last_names(context)
    if not outputs:
        raise UsageError("the document defines nothing that could be differentiated")
    scalars = not any(output.shape for output in outputs)
    if len(outputs) > 1 and (scalars or seed == "nothing"):
        names = ", ".join(plain(output) for output in outputs)
        kind = "scalar objective" if scalars else "output"
        raise UsageError(
            f"the document has more than one {kind}: {names}",
            advice=f"Choose one, such as --of {plain(outputs[0])}.",
        )
    if outputs[0].role == "objective" and seed != "objective":
        outputs = list(context.outputs[outputs[0].key])
        if seed == "nothing" and len(outputs) > 1:
            raise UsageError("the loss is taken of several names", advice="Choose one by --of.")
        return read_back(context, tuple(outputs), seed)
    return read_back(
        context, tuple(outputs), "objective" if seed == "upstream" and scalars else seed
    )


def chosen_context(meaning: Meaning, wanted: Sequence[str]) -> t.Context:
    """The names in force at the last place in the document where all of those wanted are."""
    for item in meaning.items:
        if isinstance(item, Unread) and item.has_relation:
            raise UsageError(f"the document cannot be read whole: {item.error}")
    if not meaning.contexts:
        raise UsageError("the document defines nothing that could be differentiated")
    asked = [key for key in wanted if key != "all"]
    for context in reversed(meaning.contexts):
        if all(_named(context, key) for key in asked):
            return context
    for key in asked:
        find_name(meaning.contexts[-1], key)
    return meaning.contexts[-1]


def read_back(
    context: t.Context, outputs: tuple[t.Symbol, ...], seed: Seed = "objective"
) -> Problem:
    """Write the problem as a text, and read it.

    Raises UnsupportedError where the text means something else than the document.
    """
    scalar = len(outputs) == 1 and not outputs[0].shape and seed == "objective"
    given = seed == "nothing" or scalar
    needed = _needed(context, outputs)
    reason = ""
    for shapes in (False, True):
        text = "\n".join(_setting(context, needed, outputs[0] if scalar else None, shapes))
        upstream: dict[str, str] = {}
        objective = outputs[0].key
        if not given:
            upstream, objective = _upstream_names(context, outputs)
            text += "\n" + _inner_product(context, upstream, objective)
        read = _spelt(understood(text).contexts[-1], context)
        reason = _difference(context, read, needed)
        if not reason and objective in read.symbols:
            inputs = tuple(read.symbols[k] for k in needed if context.symbols[k].role == "input")
            introduced = tuple(read.symbols[key] for key in upstream.values())
            return Problem(text, context, read, read.symbols[objective], inputs, introduced)
    raise UnsupportedError(f"{reason}: the definitions cannot be written down anew")


def _spelt(read: t.Context, as_in: t.Context) -> t.Context:
    """A context with the names spelt as in another one."""
    symbols = {
        key: replace(symbol, latex=as_in.symbols[key].latex) if key in as_in.symbols else symbol
        for key, symbol in read.symbols.items()
    }
    return replace(read, symbols=symbols)


def accented(accent: str, symbol: t.Symbol) -> str:
    """A name with an accent, below the label that it may have: `\\bar{x}^{(t)}`."""
    letter, sign, label = latex(symbol).partition("^")
    return f"\\{accent}{{{letter}}}{sign}{label}"


def understood(text: str) -> Meaning:
    """What a text of ours means."""
    return understand(read_document(Source("gradient.md", text)))


def _needed(context: t.Context, outputs: tuple[t.Symbol, ...]) -> tuple[str, ...]:
    """The names that the outputs are made of, in the order of the context."""
    below = reach(context)
    wanted = {output.key for output in outputs}
    wanted |= {key for output in outputs for key in below.get(output.key, ())}
    wanted |= {symbol.key for symbol in inputs_of(context)}
    ordered = [k for k, x in context.symbols.items() if x.role != "defined"]
    ordered += list(context.definitions)
    return tuple(key for key in ordered if key in wanted)


def _difference(context: t.Context, read: t.Context, needed: tuple[str, ...]) -> str:
    """What a text of ours says differently, in words; empty when it says the same."""
    for key in needed:
        mine, theirs = context.symbols[key], read.symbols.get(key)
        if theirs is None or (mine.shape, mine.role) != (theirs.shape, theirs.role):
            return f"{key} has another shape or part when it is read again"
        one, other = context.definitions.get(key), read.definitions.get(key)
        if (one is None) != (other is None):
            return f"the definition of {key} is read in another way"
        if one and other and not _same(context, one, other):
            return f"the definition of {key} is read in another way"
    for key, outputs in read.outputs.items():
        if context.outputs.get(key) != outputs:
            return f"{key} is read as a function of other names"
    return ""


def _same(context: t.Context, one: t.Definition, other: t.Definition) -> bool:
    """Whether two definitions of a name are the same, or proved to be equal."""
    if replace(one, line=0) == replace(other, line=0):
        return True
    if (one.parameters, one.squares, one.body.shape) != (
        other.parameters,
        other.squares,
        other.body.shape,
    ):
        return False
    low = t.Affine.number(1)
    extents = zip(one.parameters, one.symbol.shape, strict=False)
    free = tuple(t.Bound(x, low, high) for x, high in extents)
    return isinstance(Prover(context).prove(t.Reading(one.body, other.body, free, ())), Proof)


# ---- text ------------------------------------------------------------------------------------


def _setting(
    context: t.Context, needed: tuple[str, ...], single: t.Symbol | None, shapes: bool
) -> Iterator[str]:
    """The paragraphs that declare, assume and define; with `shapes`, of defined arrays as well."""
    inputs = [context.symbols[k] for k in needed if context.symbols[k].role == "input"]
    if inputs:
        yield f"Let {declared(inputs)}."
    for given in _assumptions(context, needed):
        yield f"Assume ${given}$."
    defined = [context.symbols[k] for k in needed if k in context.definitions]
    arrays = [symbol for symbol in defined if symbol.shape]
    if shapes and arrays:
        yield f"The shapes of what is defined: {declared(arrays)}."
    yield ""
    for symbol in defined:
        yield f"$${to_latex(definition(context.definitions[symbol.key]))}$$\n"
    if single is not None and single.role == "objective":
        outputs = context.outputs[single.key]
        domain = " \\times ".join(_space(output.shape) for output in outputs)
        taken = f" is taken of ${latex(outputs[0])}$" if len(outputs) == 1 else " is the objective"
        yield f"A scalar loss ${latex(single)} : {domain} \\to \\mathbb{{R}}${taken}.\n"


def declared(symbols: Iterable[t.Symbol]) -> str:
    """Names with their spaces, those of one shape together."""
    shapes: dict[t.Shape, list[str]] = {}
    for symbol in symbols:
        shapes.setdefault(symbol.shape, []).append(latex(symbol))
    return listed(f"${', '.join(names)} \\in {_space(x)}$" for x, names in shapes.items())


def _space(shape: t.Shape) -> str:
    shown = (to_latex(to_syntax(t.Position(size))) for size in shape)
    single = (size.single or not size.terms for size in shape)
    sizes = " \\times ".join(x if one else f"({x})" for x, one in zip(shown, single, strict=True))
    return f"\\mathbb{{R}}^{{{sizes}}}" if shape else "\\mathbb{R}"


def _assumptions(context: t.Context, needed: tuple[str, ...]) -> Iterator[str]:
    known = set(needed)
    for given in dict.fromkeys(unconditional(context)):
        names = names_in(given.left) | names_in(given.right)
        if given.latex and not given.fixed and names <= known:
            yield given.latex


def definition(of: t.Definition) -> s.Chain:
    """A definition as an equation."""
    left: s.Expr = name(of.symbol.latex or of.symbol.key)
    if of.parameters:
        at = tuple(t.Affine.name(x) for x in of.parameters)
        left = to_syntax(t.Element(t.Variable(of.symbol), at))
    if of.squares:
        left = s.Power(left, s.Number("2"))
    return s.Chain((left, to_syntax(of.body)), (s.Relation("="),))


# ---- upstream gradients ----------------------------------------------------------------------


def _upstream_names(
    context: t.Context, outputs: tuple[t.Symbol, ...]
) -> tuple[dict[str, str], str]:
    """A name for the upstream gradient of each output, by the output's key, and an objective."""
    pool = ("g", "h", "u", "w", "\\eta", "\\xi", "\\zeta", "\\omega")
    free = unused(context, (*pool, *(f"g_{{{k}}}" for k in range(1, len(outputs) + 1))))
    upstream = {output.key: next(free) for output in outputs}
    return upstream, next(unused(context, ("s", "\\ell", "\\psi", "\\varphi", "\\chi")))


def unused(context: t.Context, names: Iterable[str]) -> Iterator[str]:
    """Those names that no name of the context and no index letter takes."""
    letters = {x for d in context.definitions.values() for x in d.parameters}
    letters |= {b.name for d in context.definitions.values() for b in bounds_in(d.body)}
    taken = set(context.symbols) | set(context.sizes) | letters
    small = {key.lower() for key in taken}
    fine = (x for x in names if x not in taken and x not in small)
    yield from fine
    raise UsageError("no letter is left for a name that the derivation needs")


def bounds_in(term: t.Term) -> Iterator[t.Bound]:
    """The bound indices of the sums in a term."""
    for part in subterms(term):
        if isinstance(part, t.Sum):
            yield from part.bounds


def _inner_product(context: t.Context, upstream: Mapping[str, str], objective: str) -> str:
    """The sentences that introduce upstream gradients and the scalar that they make."""
    terms, said = [], []
    for key, given in upstream.items():
        output = context.symbols[key]
        symbol = t.Symbol(given, output.shape, "input", given)
        said.append(f"{declared([symbol])} be the upstream gradient of ${latex(output)}$")
        terms.append(inner_product(context, symbol, output))
    body = terms[0] if len(terms) == 1 else t.Add(tuple(terms), ())
    return (
        f"Let {listed(said)}. The gradients are those of the scalar\n\n"
        f"$${objective} = {to_latex(to_syntax(body))}$$\n"
    )


def inner_product(context: t.Context, left: t.Symbol, right: t.Symbol) -> t.Term:
    """The sum over all entries of two arrays of one shape."""
    letters = tuple(zip(Phrasing(context, "").letters(frozenset()), left.shape, strict=False))
    at = tuple(t.Affine.name(letter) for letter, _ in letters)
    one = t.Affine.number(1)
    bounds = tuple(t.Bound(letter, one, high) for letter, high in letters)
    factors = tuple(t.Element(t.Variable(x), at) if at else t.Variable(x) for x in (left, right))
    body = t.Multiply(factors, ())
    return t.Sum(bounds, (), body) if bounds else body
