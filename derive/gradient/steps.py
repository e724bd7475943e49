"""A gradient derived step by step: each equation with its rule and the reason in one clause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from derive.calculus.normal_form import NormalForm
from derive.calculus.polynomial import Index, Polynomial, Position, index_position, of_atom, serial
from derive.errors import UnsupportedError, UsageError
from derive.gradient.closed_form import Phrasing
from derive.gradient.lemmas import find, use
from derive.gradient.reverse import Adjoint, Reverse, away_from_kinks, forget
from derive.gradient.stated import entry_of, extends, stated_forms
from derive.judgement.prove import Proof, Prover
from derive.meaning import terms as t
from derive.meaning.claims import Claim, Meaning
from derive.meaning.to_syntax import to_syntax
from derive.reading.syntax import Expr
from derive.writing.to_linear import linear

Kind = Literal["adjoint", "forward", "tangent", "lemma", "lemma used", "inserted", "closed form"]


@dataclass(frozen=True, slots=True)
class Step:
    """`left = right` by a rule; `reason` says in one clause why.

    `subject` is the name whose adjoint it is about, `term` the right side. `meaning` is what the
    left side stands for, where it is a new name.
    """

    left: Expr
    right: Expr
    rule: str
    reason: str = ""
    kind: Kind = "adjoint"
    subject: t.Symbol | None = None
    users: tuple[t.Symbol, ...] = ()
    term: t.Term | None = field(default=None, compare=False)
    meaning: Expr | None = None


INSERTED = "the adjoints found before are inserted"


@dataclass(frozen=True, slots=True)
class Gradient:
    """The derivation of `∂objective/∂target` and its closed form, proved for all sizes.

    `closed_form` is scalar with the free indices `indices`, one for each axis of the target.
    `agrees_with` is the document's own closed form that was proved equal to it, if it has one.
    """

    objective: t.Symbol
    target: t.Symbol
    indices: tuple[str, ...]
    steps: tuple[Step, ...]
    closed_form: t.Term
    context: t.Context
    proof: Proof
    agrees_with: Claim | None = None

    @property
    def left(self) -> t.Term:
        """`∂objective/∂target[indices]`."""
        at = tuple(t.Affine.name(name) for name in self.indices)
        return t.Derivative(t.Variable(self.objective), self.target, at, "total")


def derive_gradient(meaning: Meaning, wrt: str) -> Gradient:
    """Derive the gradient of the document's objective by one of its inputs.

    Raises UsageError when the name is not an input or the document has no objective, and
    UnsupportedError when the result is not proved.
    """
    context, target = find_target(meaning, wrt)
    objective = find_objective(context)
    return Derivation(context, objective, target).run(meaning)


def find_target(meaning: Meaning, wrt: str) -> tuple[t.Context, t.Symbol]:
    """The last place in the document where the name is in force as an input."""
    seen: set[str] = set()
    for context in reversed(meaning.contexts):
        for symbol in context.symbols.values():
            if wrt not in (symbol.key, symbol.latex, plain(symbol)):
                continue
            if symbol.role == "input" and context.outputs:
                return context, symbol
        seen |= {plain(s) for s in context.symbols.values() if s.role == "input"}
    if wrt in seen:
        raise no_objective("no")
    known = ", ".join(sorted(seen)) or "none"
    raise UsageError(f"{wrt} is not an input of the document", advice=f"Its inputs: {known}.")


def plain(symbol: t.Symbol) -> str:
    """A name as a person types it: `gamma` for `\\gamma`."""
    return symbol.key.replace("\\", "").replace("{", "_").replace("}", "")


def no_objective(count: str) -> UsageError:
    return UsageError(
        f"the document declares {count} scalar objective",
        advice="Declare one, such as $f : \\mathbb{R}^{N} \\to \\mathbb{R}$.",
    )


def find_objective(context: t.Context) -> t.Symbol:
    """The scalar objective; there must be exactly one."""
    objectives = [context.symbols[key] for key in context.outputs if key in context.symbols]
    if len(objectives) != 1:
        raise no_objective("no" if not objectives else "more than one")
    return objectives[0]


@dataclass
class Derivation:
    """One derivation in the making."""

    context: t.Context
    objective: t.Symbol
    target: t.Symbol

    kind: ClassVar[Kind] = "adjoint"
    rule: ClassVar[str] = "the loss is differentiated along every path"

    def __post_init__(self) -> None:
        self.begin()
        self.normal = NormalForm(self.context)
        self.normal.prepare()
        forget(self.normal, self.objective.key)
        self.steps: list[Step] = []
        self.known: dict[str, Adjoint] = {}
        self.closed: dict[str, Adjoint] = {}
        self.naming = self.reverse.naming

    def begin(self) -> None:
        """Choose how to accumulate and how to write."""
        self.reverse = Reverse(self.context, self.objective)
        self.phrasing = Phrasing(self.context, self.objective.key)

    def left(self, symbol: t.Symbol, letters: tuple[str, ...]) -> t.Term:
        """What the adjoint of a name is written as."""
        at = tuple(t.Affine.name(x) for x in letters)
        return t.Derivative(t.Variable(self.objective), symbol, at, "total")

    def meant(self, symbol: t.Symbol, letters: tuple[str, ...]) -> Expr | None:
        """What the left side stands for, where it is a name that the derivation introduces."""
        return None

    def run(self, meaning: Meaning) -> Gradient:
        """Adjoint by adjoint, then the closed form, then the proof."""
        closed = self.close(self.target)
        return self._prove(meaning, closed.local, closed.parameters, self.letters(self.target))

    def close(self, target: t.Symbol) -> Adjoint:
        """The closed form of the adjoint of a name; adjoints found before are used again."""
        for adjoint in self.reverse.adjoints(target):
            if adjoint.symbol.key not in self.known:
                named = replace(adjoint, local=self.naming.named(adjoint.local))
                self.known[adjoint.symbol.key] = self._adjoint_steps(named)
        last = self.known.get(target.key) or self.reverse.given(target)
        letters = self.letters(target)
        inlined = self.naming.named(self.reverse.inline(last.local))
        closed = self._simplify(inlined, last.parameters, letters)
        term = self.phrase(closed, last.parameters, letters)
        rule = "common factors move to the front"
        self._step(last, letters, term, rule, kind="closed form")
        self.closed[target.key] = Adjoint(target, last.parameters, closed, last.users)
        return self.closed[target.key]

    def mentions(self, adjoint: Adjoint, symbol: t.Symbol) -> bool:
        """Whether an adjoint is written with that of another name."""
        key = self.reverse.adjoint_key(symbol)
        return any(f"'{key}'" in serial(monomial) for monomial in adjoint.local)

    def forget(self, objective: str) -> None:
        """Call no sum by the name of another objective."""
        forget(self.reverse.engine, objective)
        forget(self.normal, objective)

    def _adjoint_steps(self, adjoint: Adjoint) -> Adjoint:
        letters = self.letters(adjoint.symbol)
        term = self.phrase(adjoint.local, adjoint.parameters, letters)
        self._step(adjoint, letters, term, self.rule, self._reason(adjoint), self.kind)
        simpler = self._simplify(adjoint.local, adjoint.parameters, letters)
        if simpler != adjoint.local:
            term = self.phrase(simpler, adjoint.parameters, letters)
            self._step(adjoint, letters, term, "the lemma is used", kind="lemma used")
        inserted = self.naming.named(self.reverse.insert_adjoints(simpler, self.known))
        inserted = self._simplify(inserted, adjoint.parameters, letters)
        if inserted != simpler:
            term = self.phrase(inserted, adjoint.parameters, letters)
            self._step(adjoint, letters, term, INSERTED, kind="inserted")
        return Adjoint(adjoint.symbol, adjoint.parameters, inserted, adjoint.users)

    def _simplify(
        self, form: Polynomial, parameters: tuple[str, ...], letters: tuple[str, ...]
    ) -> Polynomial:
        """Use every lemma that the decision procedure finds; each is a step of its own."""
        for lemma in find(form, self.normal):
            left = self.phrase(of_atom(lemma.contraction), parameters, letters)
            right = self.phrase(lemma.value, parameters, letters)
            step = Step(to_syntax(left), to_syntax(right), lemma.rule, "a lemma", "lemma")
            if step not in self.steps:
                self.steps.append(step)
            form = use(form, lemma)
        return form

    def phrase(
        self, form: Polynomial, parameters: tuple[str, ...], letters: tuple[str, ...]
    ) -> t.Term:
        self.phrasing.taken = frozenset(letters)
        return self.phrasing.term(self._moved(form, parameters, letters))

    def placed(self, adjoint: Adjoint, letters: tuple[str, ...]) -> Polynomial:
        """An adjoint at index letters."""
        return self._moved(adjoint.local, adjoint.parameters, letters)

    def _moved(
        self, form: Polynomial, parameters: tuple[str, ...], letters: tuple[str, ...]
    ) -> Polynomial:
        moves: dict[Index, Position] = {
            p: index_position(x) for p, x in zip(parameters, letters, strict=True)
        }
        return away_from_kinks(self.reverse.engine.algebra.substitute(form, moves))

    def letters(self, symbol: t.Symbol) -> tuple[str, ...]:
        """Index letters for the axes of a name: those of its definition, else free ones."""
        definition = self.context.definitions.get(symbol.key)
        if definition and len(definition.parameters) == len(symbol.shape):
            return definition.parameters
        letters: Iterator[str] = self.phrasing.letters(frozenset())
        pool = [next(letters) for _ in range(len(symbol.shape) + 1)]
        return tuple(pool[1:] if len(symbol.shape) == 1 else pool[:-1])

    def _step(
        self,
        adjoint: Adjoint,
        letters: tuple[str, ...],
        term: t.Term,
        rule: str,
        reason: str = "",
        kind: Kind = "adjoint",
    ) -> None:
        left, right = to_syntax(self.left(adjoint.symbol, letters)), to_syntax(term)
        if right not in [s.right for s in self.steps if s.left == left]:
            symbol, users = adjoint.symbol, adjoint.users
            meaning = self.meant(symbol, letters) if kind == self.kind else None
            step = Step(left, right, rule, reason, kind, symbol, users, term, meaning)
            self.steps.append(step)

    def _reason(self, adjoint: Adjoint) -> str:
        name = linear(to_syntax(t.Variable(adjoint.symbol)))
        users = [linear(to_syntax(t.Variable(user))) for user in adjoint.users]
        if not users:
            return f"the loss does not depend on {name}"
        listed = " and ".join([", ".join(users[:-1]), users[-1]] if len(users) > 1 else users)
        return f"{name} enters {listed}"

    # ---- the proof -------------------------------------------------------------------------

    def _prove(
        self,
        meaning: Meaning,
        closed: Polynomial,
        parameters: tuple[str, ...],
        indices: tuple[str, ...],
    ) -> Gradient:
        prover = Prover(self.context)
        term = self.phrase(closed, parameters, indices)
        at = tuple(t.Affine.name(x) for x in indices)
        left = t.Derivative(t.Variable(self.objective), self.target, at, "total")
        free = self._free(indices)
        proof = prover.prove(t.Reading(left, term, free, ()))
        if isinstance(proof, str):
            raise UnsupportedError(f"the derived gradient is not proved: {proof}")
        same = self._same_in_document(meaning, prover, closed, parameters)
        return Gradient(
            self.objective,
            self.target,
            indices,
            tuple(self.steps),
            term,
            self.context,
            proof,
            same,
        )

    def _free(self, indices: tuple[str, ...]) -> tuple[t.Bound, ...]:
        one = t.Affine.number(1)
        return tuple(
            t.Bound(x, one, extent) for x, extent in zip(indices, self.target.shape, strict=True)
        )

    def _same_in_document(
        self,
        meaning: Meaning,
        prover: Prover,
        closed: Polynomial,
        parameters: tuple[str, ...],
    ) -> Claim | None:
        """The document's last closed form of this gradient that is proved equal to ours."""
        for form in reversed(list(stated_forms(meaning))):
            if form.target != self.target or form.objective != self.objective:
                continue
            if not extends(self.context, form.context):
                continue
            at, theirs = entry_of(form)
            mine = self.phrase(closed, parameters, at)
            if isinstance(prover.prove(t.Reading(mine, theirs, self._free(at), ())), Proof):
                return form.claim
        return None
