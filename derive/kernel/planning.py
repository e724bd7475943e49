"""How a plan is found: sums become steps of their own, shared and invariant parts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.errors import UnsupportedError
from derive.kernel.entries import (
    ONE,
    ZERO,
    Apply,
    Entry,
    Load,
    Num,
    Place,
    Reduce,
    Times,
    Total,
    Where,
    compared,
    free_labels,
    loads,
    product,
    rebuild,
    total,
)
from derive.kernel.proved import ClosedForm
from derive.kernel.recognise import recognised
from derive.kernel.saved import Root, by_roots, require_read, root_of
from derive.kernel.scalarise import Scalariser, determinant, spread
from derive.kernel.sharing import Key, Sharing, canonical, oriented, without_copies
from derive.kernel.stable import stabilised
from derive.kernel.steps import INVERSE, Check, Parameter, Plan, Result, Step
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Bound
from derive.meaning.walk import names_in

NOTHING = t.Number(Fraction(0))

# ---- the planner --------------------------------------------------------------------------------


@dataclass
class Planner:
    """Collects the steps of the closed forms of one context; names in `saved` are arguments."""

    forms: tuple[ClosedForm, ...]
    prefix: str = "s"
    saved: frozenset[str] = frozenset()
    parameters: dict[str, Parameter] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    _known: dict[Key, str] = field(default_factory=dict)
    _defined: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context = self.forms[0].context
        self.objective = self.forms[0].objective.key
        self.to = Scalariser(self.context, self, whole=self.saved)

    def plan(self) -> Plan:
        """Lower every form, share what is common, keep what is needed."""
        results = [Result(form, self._result(form)) for form in self.forms]
        roots = [root for key in sorted(self.saved) if (root := self._root(key)) is not None]
        steps = by_roots([*self.steps.values()], roots)
        steps = [replace(step, body=recognised(step.body)) for step in steps]
        steps = stabilised(steps, {result.array for result in results})
        steps = Sharing(steps, self.prefix + "h").invariants()
        steps = Sharing(steps, self.prefix + "c").common()
        steps = live(steps, {result.array for result in results})
        steps = without_copies(steps, {result.array for result in results})
        steps = oriented(steps, {result.array for result in results})
        parameters = self._parameters(steps)
        checks = tuple(self._checks({p.symbol.key for p in parameters if p.kind == "input"}))
        plan = Plan(self.context, parameters, with_depth(steps), tuple(results), checks)
        _require_sizes(plan)
        require_read(self.saved, parameters)
        return plan

    def _root(self, key: str) -> Root | None:
        """What a saved name is the root of, if its definition says so."""
        definition = self.context.definitions[key]
        axes = self.to.axes_of(definition.symbol.shape)
        entry = self.lower(self.to.defined(definition, axes))
        names = tuple(axis.terms[0][0] for axis in axes)
        return root_of(self.of_symbol(definition.symbol), entry, names, self.to.ranges)

    def _parameters(self, steps: list[Step]) -> tuple[Parameter, ...]:
        """The first input, the upstream gradients, the other inputs, what is saved."""
        used = set().union(*(loads(step.body) for step in steps))
        order = {key: k for k, key in enumerate(self.context.symbols)}
        found = sorted(
            (p for p in self.parameters.values() if p.array in used),
            key=lambda p: order.get(p.symbol.key, len(order)),
        )
        inputs = [p for p in found if p.kind == "input"]
        upstream = [p for p in found if p.kind == "upstream"]
        saved = [p for p in found if p.kind == "saved"]
        return (*inputs[:1], *upstream, *inputs[1:], *saved)

    def _result(self, form: ClosedForm) -> str:
        if form.context is not self.context and form.context != self.context:
            form = self._in_context(form)
        target = form.target
        axes = self.to.axes_of(target.shape)
        env = dict(zip(form.free, axes, strict=False))
        rest, shape = axes[len(form.free) :], target.shape[len(form.free) :]
        if len(form.term.shape) > len(shape):
            raise UnsupportedError(
                f"the closed form of the gradient by {target.latex or target.key} has more axes"
                " than its target"
            )
        entry = spread(self.to, form.term, shape, rest, env)
        return self.step(entry, "d " + target.key, axes)

    def _in_context(self, form: ClosedForm) -> ClosedForm:
        same = form.context.definitions == self.context.definitions
        if not same or form.target.key not in self.context.symbols:
            raise UnsupportedError(
                "the closed forms do not stand in one context",
                advice="State the gradients after the last definition, under the same shapes.",
            )
        return replace(form, context=self.context)

    # ---- where names come from ------------------------------------------------------------------

    def of_symbol(self, symbol: t.Symbol) -> str:
        """The array of a name: a parameter, or the step of its definition."""
        definition = self.context.definitions.get(symbol.key)
        if definition is None:
            if symbol.role != "input":
                raise UnsupportedError(f"the value of {symbol.latex or symbol.key} is not known")
            return self._parameter(Parameter("in " + symbol.key, symbol, "input"))
        if symbol.key in self.saved:
            return self._parameter(Parameter("saved " + symbol.key, definition.symbol, "saved"))
        if symbol.key not in self._defined:
            axes = self.to.axes_of(definition.symbol.shape)
            entry = self.to.defined(definition, axes)
            self._defined[symbol.key] = self.step(entry, symbol.key, axes)
        return self._defined[symbol.key]

    def of_gradient(self, objective: t.Symbol, target: t.Symbol) -> str:
        """The array of an upstream gradient, or of a gradient that has its own closed form."""
        if target.key in {output.key for output in self.context.outputs[objective.key]}:
            array = f"up {objective.key} {target.key}"
            return self._parameter(Parameter(array, target, "upstream", objective.key))
        raise UnsupportedError(
            f"a closed form holds the gradient by {target.latex or target.key},"
            " which is not an upstream gradient",
            advice="Write the closed form with the gradients by the outputs only.",
        )

    def of_matrix(self, entry: Entry, axes: tuple[Affine, ...]) -> str:
        """The array of a matrix whose entries at `axes` are given."""
        if not set(free_labels(entry)) <= {axis.terms[0][0] for axis in axes}:
            raise UnsupportedError(
                "the inverse or determinant of a matrix that depends on an index cannot be exported"
            )
        if isinstance(entry, Load) and entry.at == axes:
            return entry.array
        return self.step(entry, "", axes)

    def of_inverse(self, matrix: str, axes: tuple[Affine, ...]) -> str:
        """The array of the inverse of a matrix with labels for its axes."""
        key = f"{INVERSE} {matrix}"
        if key not in self._defined:
            self._defined[key] = self.step(Apply(INVERSE, (Load(matrix, axes),)), "", axes)
        return self._defined[key]

    def _parameter(self, parameter: Parameter) -> str:
        self.parameters.setdefault(parameter.array, parameter)
        return parameter.array

    # ---- steps ----------------------------------------------------------------------------------

    def step(self, entry: Entry, title: str, axes: tuple[Affine, ...]) -> str:
        """A named step for an entry, its axes in the given order."""
        order = tuple(axis.terms[0][0] for axis in axes)
        (body, bounds), _ = canonical(self.lower(entry), self.to.ranges, order)
        array = f"{self.prefix}{len(self.steps)}"
        self.steps[array] = Step(array, bounds, body, title)
        return array

    def lower(self, entry: Entry) -> Entry:
        """The entry with every reduction replaced by a load of its step."""
        if isinstance(entry, Reduce):
            return self._reduction(entry)
        return rebuild(entry, self.lower)

    def _reduction(self, entry: Reduce) -> Entry:
        condition = tuple((self.lower(a), sign, self.lower(b)) for a, sign, b in entry.condition)
        body = self.lower(entry.body)
        products = _products(entry, body)
        if products:
            return total(self._reduction(replace(entry, body=term)) for term in products)
        outside: list[Entry] = []
        if entry.kind == "sum":
            bound = {b.name for b in entry.bounds}
            factors = body.factors if isinstance(body, Times) else (body,)
            outside = [f for f in factors if not bound & set(free_labels(f))]
            body = product(f for f in factors if bound & set(free_labels(f)))
        used = {n for part in (body, *compared(condition)) for n in free_labels(part)}
        for spare in (b for b in entry.bounds if b.name not in used):
            body, extra = _repeated(entry.kind, body, spare)
            outside.append(extra)
        bounds = tuple(b for b in entry.bounds if b.name in used)
        if not bounds:
            return product((*outside, body))
        return product((*outside, self._lifted(Reduce(entry.kind, bounds, condition, body))))

    def _lifted(self, entry: Entry) -> Entry:
        key, free = canonical(entry, self.to.ranges)
        if key not in self._known:
            array = self._known[key] = f"{self.prefix}{len(self.steps)}"
            self.steps[array] = Step(array, key[1], key[0])
        return Load(self._known[key], tuple(Affine.name(name) for name in free))

    # ---- assumptions ----------------------------------------------------------------------------

    def _checks(self, inputs: set[str]) -> Iterator[Check]:
        """A check for each assumption that speaks of parameters only and for all indices."""
        for number, assumption in enumerate(self.context.assumptions):
            names = names_in(assumption.left) | names_in(assumption.right)
            limited = assumption.condition or assumption.fixed
            if names and names <= inputs and not limited:
                inner = Planner(self.forms, f"a{number}s")
                yield inner.check(assumption, tuple(sorted(names)))

    def _sign(self, term: t.Term, other: t.Term, env: dict[str, Affine]) -> Entry | None:
        """The sign of a determinant that is compared with zero: itself it may be too small."""
        if not isinstance(term, t.MatrixFunction) or (term.name, other) != ("det", NOTHING):
            return None
        return determinant(self.to, term.argument, env, "detsign")

    def check(self, assumption: t.Assumption, names: tuple[str, ...]) -> Check:
        """The steps that say where an assumption holds."""
        longest = max((assumption.left.shape, assumption.right.shape), key=len)
        axes = self.to.axes_of(longest)
        env = {bound.name: self.to.fresh(bound.low, bound.high) for bound in assumption.free}
        pair = assumption.left, assumption.right
        left, right = (
            self._sign(one, other, env) or spread(self.to, one, longest, axes, env)
            for one, other in (pair, pair[::-1])
        )
        if assumption.sign == "==":
            holds: Entry = Apply("close", (left, right))
        else:
            holds = Where(((left, assumption.sign, right),), ONE, ZERO)
        self.step(holds, "", (*env.values(), *axes))
        return Check(assumption.latex, names, with_depth([*self.steps.values()]))


def _products(entry: Reduce, body: Entry) -> tuple[Entry, ...]:
    """The terms of a sum over matrix products, each of them one; () when it is none.

    Only products that the author has added up are taken apart: in Σ a (b − c) the difference
    may be where the digits are.
    """
    factors = body.factors if isinstance(body, Times) else (body,)
    sums = [factor for factor in factors if isinstance(factor, Total)]
    if entry.kind != "sum" or entry.condition or len(sums) != 1:
        return ()
    if not all(isinstance(term, Times) for term in sums[0].terms):
        return ()
    rest = [factor for factor in factors if factor is not sums[0]]
    labels = set(free_labels(body))
    terms = tuple(product((*rest, term)) for term in sums[0].terms)
    bound = {b.name for b in entry.bounds}
    return terms if all(_is_product(term, labels, bound) for term in terms) else ()


def _is_product(term: Entry, labels: set[str], bound: set[str]) -> bool:
    """Whether it is a product of arrays of which none has all labels, and each bound two have."""
    assert isinstance(term, Times)
    owned = [set(free_labels(factor)) for factor in term.factors]
    split = len(labels) > 2 and all(own < labels for own in owned)
    return split and all(sum(name in own for own in owned) > 1 for name in bound)


def _repeated(kind: str, body: Entry, bound: Bound) -> tuple[Entry, Entry]:
    """A reduction of equal entries: the entry, and the factor in front."""
    at = bound.high - bound.low + 1
    count: Entry = Place(at) if at.terms else Num(Fraction(at.constant))
    match kind:
        case "sum":
            return body, count
        case "prod":
            return Apply("power", (body, count)), ONE
        case _:
            return body, ONE


def live(steps: list[Step], wanted: set[str]) -> list[Step]:
    """The steps that the wanted arrays need."""
    needed = set(wanted)
    for step in reversed(steps):
        if step.array in needed:
            needed |= loads(step.body)
    return [step for step in steps if step.array in needed]


def with_depth(steps: list[Step]) -> tuple[Step, ...]:
    """The steps with their depths, the shallow ones first."""
    depths: dict[str, int] = {}
    for step in steps:
        below = max((depths.get(array, 0) for array in loads(step.body)), default=0)
        depths[step.array] = below + isinstance(step.body, Reduce)
    deep = [replace(step, depth=depths[step.array]) for step in steps]
    return tuple(sorted(deep, key=lambda step: step.depth))


def _require_sizes(plan: Plan) -> None:
    shown = {size.single for p in plan.parameters for size in p.symbol.shape}
    missing = [name for name in plan.sizes if name not in shown]
    if missing:
        raise UnsupportedError(
            f"the size {missing[0]} is not the length of an axis of an argument",
            advice="A kernel takes its sizes from the shapes of its arguments.",
        )
