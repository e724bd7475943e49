"""How a plan is found: sums become steps of their own, shared and invariant parts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.errors import UnsupportedError
from derive.kernel.entries import (
    ONE,
    ZERO,
    Apply,
    Const,
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
    is_label,
    loads,
    moved_bound,
    positions,
    product,
    rebuild,
    rename,
    subentries,
    total,
)
from derive.kernel.plan import Check, ClosedForm, Parameter, Plan, Result, Step
from derive.kernel.scalarise import Scalariser, spread
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Bound
from derive.meaning.walk import names_in

Ranges = Mapping[str, Bound]
Key = tuple[Entry, tuple[Bound, ...]]
Join = Callable[[Iterable[Entry]], Entry]


# ---- canonical labels ---------------------------------------------------------------------------


def ordered(entry: Entry) -> Entry:
    """The entry with terms and factors in an order that no label decides."""
    entry = rebuild(entry, ordered)
    match entry:
        case Total(terms):
            return total(sorted(terms, key=_rank))
        case Times(factors):
            return product(sorted(factors, key=_rank))
        case _:
            return entry


def _rank(entry: Entry) -> str:
    names = {name for part in subentries(entry) for at in positions(part) for name in at.names}
    names |= {b.name for part in subentries(entry) if isinstance(part, Reduce) for b in part.bounds}
    return repr(rename(entry, {name: "@" for name in names if is_label(name)}))


def canonical(
    entry: Entry, ranges: Ranges, order: tuple[str, ...] = ()
) -> tuple[Key, tuple[str, ...]]:
    """The entry with its labels numbered, the ranges of its free ones, and their old names."""
    entry = ordered(entry)
    free = order or free_labels(entry)
    labels = {name: f"@{k}" for k, name in enumerate(free)}
    inner = [b for part in subentries(entry) if isinstance(part, Reduce) for b in part.bounds]
    labels |= {bound.name: f"@b{k}" for k, bound in enumerate(inner)}
    axes = tuple(moved_bound(ranges[name], labels) for name in free)
    return (rename(entry, labels), axes), free


def is_trivial(entry: Entry) -> bool:
    """Whether computing it ahead saves nothing: at most a factor of an array, or no array."""
    if isinstance(entry, Times):
        arrays = [factor for factor in entry.factors if not isinstance(factor, Num)]
        return len(arrays) == 1 and is_trivial(arrays[0])
    return isinstance(entry, Load | Num | Place | Const) or not loads(entry)


# ---- the planner --------------------------------------------------------------------------------


@dataclass
class Planner:
    """Collects the steps of the closed forms of one context."""

    forms: tuple[ClosedForm, ...]
    prefix: str = "s"
    parameters: dict[str, Parameter] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    _known: dict[Key, str] = field(default_factory=dict)
    _defined: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context = self.forms[0].context
        self.objective = self.forms[0].objective.key
        self.to = Scalariser(self.context, self)

    def plan(self) -> Plan:
        """Lower every form, share what is common, keep what is needed."""
        results = [Result(form, self._result(form)) for form in self.forms]
        steps = [*self.steps.values()]
        steps = Sharing(steps, self.prefix + "h").invariants()
        steps = Sharing(steps, self.prefix + "c").common()
        steps = _live(steps, {result.array for result in results})
        parameters = self._parameters(steps)
        checks = tuple(self._checks({p.symbol.key for p in parameters if p.kind == "input"}))
        plan = Plan(self.context, parameters, with_depth(steps), tuple(results), checks)
        _require_sizes(plan)
        return plan

    def _parameters(self, steps: list[Step]) -> tuple[Parameter, ...]:
        """The first input, the upstream gradients, the other inputs, as the document has them."""
        used = set().union(*(loads(step.body) for step in steps))
        order = {key: k for k, key in enumerate(self.context.symbols)}
        found = sorted(
            (p for p in self.parameters.values() if p.array in used),
            key=lambda p: order.get(p.symbol.key, len(order)),
        )
        inputs = [p for p in found if p.kind == "input"]
        upstream = [p for p in found if p.kind == "upstream"]
        return (*inputs[:1], *upstream, *inputs[1:])

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
        """A check for each assumption that speaks of parameters only."""
        for number, assumption in enumerate(self.context.assumptions):
            names = names_in(assumption.left) | names_in(assumption.right)
            if names and names <= inputs:
                inner = Planner(self.forms, f"a{number}s")
                yield inner.check(assumption, tuple(sorted(names)))

    def check(self, assumption: t.Assumption, names: tuple[str, ...]) -> Check:
        """The steps that say where an assumption holds."""
        longest = max((assumption.left.shape, assumption.right.shape), key=len)
        axes = self.to.axes_of(longest)
        left = spread(self.to, assumption.left, longest, axes, {})
        right = spread(self.to, assumption.right, longest, axes, {})
        if assumption.sign == "==":
            holds: Entry = Apply("close", (left, right))
        else:
            holds = Where(((left, assumption.sign, right),), ONE, ZERO)
        self.step(holds, "", axes)
        return Check(assumption.latex, names, with_depth([*self.steps.values()]))


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


def _live(steps: list[Step], wanted: set[str]) -> list[Step]:
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


# ---- sharing ------------------------------------------------------------------------------------


@dataclass
class Sharing:
    """Passes over finished steps that take parts out into steps of their own."""

    steps: list[Step]
    prefix: str
    _known: dict[Key, str] = field(default_factory=dict)
    _out: list[Step] = field(default_factory=list)

    def invariants(self) -> list[Step]:
        """Parts with fewer axes than what they stand in are computed ahead, on fewer entries."""
        for step in self.steps:
            ranges = {b.name: b for b in (*step.axes, *step.bounds)}
            if isinstance(step.body, Reduce):
                body: Entry = replace(step.body, body=self._ahead(step.inner, ranges))
            else:
                body = self._ahead(step.body, ranges)
            self._out.append(replace(step, body=body))
        return self._out

    def _ahead(self, entry: Entry, ranges: Ranges) -> Entry:
        whole = set(free_labels(entry))
        entry = rebuild(entry, lambda part: self._ahead(part, ranges))
        match entry:
            case Times(factors):
                return product(self._grouped(factors, whole, ranges, product))
            case Total(terms):
                return total(self._grouped(terms, whole, ranges, total))
            case _:
                return rebuild(entry, lambda part: self._taken(part, whole, ranges))

    def _grouped(
        self, members: tuple[Entry, ...], whole: set[str], ranges: Ranges, join: Join
    ) -> Iterator[Entry]:
        """Members by their labels, those with fewer labels joined and computed ahead."""
        groups: dict[frozenset[str], list[Entry]] = {}
        for member in members:
            groups.setdefault(frozenset(free_labels(member)), []).append(member)
        smaller = sorted((g for g in groups if g < whole), key=lambda g: (len(g), sorted(g)))
        for labels in smaller:
            larger = next((g for g in smaller if labels < g), None)
            if larger is not None:
                groups[larger] = groups.pop(labels) + groups[larger]
        for labels, group in groups.items():
            yield self._taken(join(group), whole, ranges) if labels < whole else join(group)

    def _taken(self, part: Entry, whole: set[str], ranges: Ranges) -> Entry:
        """The part, or a load of it when it has fewer labels than the whole."""
        if is_trivial(part) or not set(free_labels(part)) < whole:
            return part
        return self._load(part, ranges)

    def _load(self, part: Entry, ranges: Ranges) -> Entry:
        key, free = canonical(part, ranges)
        if key not in self._known:
            array = self._known[key] = f"{self.prefix}{len(self._known)}"
            self._out.append(Step(array, key[1], key[0]))
        return Load(self._known[key], tuple(Affine.name(name) for name in free))

    def common(self) -> list[Step]:
        """Parts that stand in several places are computed once, the largest first."""
        self._out = self.steps
        while (key := self._most_shared()) is not None:
            self._share(key)
        return self._out

    def _most_shared(self) -> Key | None:
        counts = Counter[Key]()
        for step in self._out:
            for part, ranges in _candidates(step):
                counts[canonical(part, ranges)[0]] += 1
        repeated = [key for key, times in counts.items() if times > 1]
        return max(repeated, key=_weight, default=None)

    def _share(self, key: Key) -> None:
        """Replace a part everywhere by a load of the step that computes it."""
        whole = next((s for s in self._out if (s.body, s.axes) == key), None)
        array = whole.array if whole else f"{self.prefix}{len(self._known)}"
        self._known[key] = array
        found, first = list[Step](), None
        for step in self._out:
            ranges = {b.name: b for b in (*step.axes, *step.bounds)}
            body = step.body if step is whole else _replaced(step.body, key, array, ranges)
            first = len(found) if first is None and body != step.body else first
            found.append(replace(step, body=body))
        if whole is None:
            found.insert(first or 0, Step(array, key[1], key[0]))
        elif first is not None:
            at = next(k for k, step in enumerate(found) if step.array == array)
            found.insert(min(first, at), found.pop(at))
        self._out = found


def _candidates(step: Step) -> Iterator[tuple[Entry, Ranges]]:
    ranges = {b.name: b for b in (*step.axes, *step.bounds)}
    for part in subentries(step.body):
        if not isinstance(part, Reduce) and not is_trivial(part) and free_labels(part):
            yield part, ranges


def _weight(key: Key) -> tuple[int, str]:
    return sum(1 for _ in subentries(key[0])), repr(key)


def _replaced(entry: Entry, key: Key, array: str, ranges: Ranges) -> Entry:
    if not isinstance(entry, Reduce) and not is_trivial(entry):
        found, free = canonical(entry, ranges)
        if found == key:
            return Load(array, tuple(Affine.name(name) for name in free))
    return rebuild(entry, lambda part: _replaced(part, key, array, ranges))
