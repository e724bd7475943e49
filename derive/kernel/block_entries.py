"""A stage of a split plan as operations on one block, each with a place for its result.

What several steps compute is computed once. Arrays of a whole block are made by operations that
write to given memory; smaller ones are plain expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from derive.kernel.block_values import (
    UNARY,
    Kind,
    Value,
    Values,
    derived,
    is_view,
    lengths,
    moves,
    signed,
)
from derive.kernel.entries import (
    Apply,
    Condition,
    Entry,
    Load,
    Num,
    Place,
    Pow,
    Reduce,
    Times,
    Total,
    Where,
    free_labels,
    placed,
    product,
    subentries,
    total,
)
from derive.kernel.expressions import Expressions
from derive.kernel.numpy_text import Order, Texts
from derive.kernel.plan import Step

COMPARISONS = {
    "==": "numpy.equal",
    "!=": "numpy.not_equal",
    "<": "numpy.less",
    "<=": "numpy.less_equal",
    ">": "numpy.greater",
    ">=": "numpy.greater_equal",
}
SILENT = frozenset(("sigmoid",))
"""Functions whose formula overflows on the way to a right value."""


@dataclass
class BlockEntries:
    """Turns the steps of one stage into values.

    `texts` writes views of blocks; `local` are the arrays of a part, by name, that stand in no
    memory of the whole. Arrays of `least` axes or more are worth memory of their own.
    """

    texts: Texts
    local: Mapping[str, Step]
    narrow: frozenset[str]
    least: int
    values: Values = field(default_factory=Values)
    made: dict[str, Value] = field(default_factory=dict)
    silent: bool = False

    # ---- steps ----------------------------------------------------------------------------------

    def array(self, array: str) -> Value:
        """The value of an array of the part, computed on first use."""
        if array not in self.made:
            self.made[array] = self.of(self.local[array])
        return self.made[array]

    def of(self, step: Step) -> Value:
        """The value of a step: a whole block, or a reduction of one."""
        self.silent |= any(isinstance(part, Where) for part in subentries(step.body))
        if isinstance(step.body, Reduce):
            return self.reduction(step, step.body)
        if self.hot(step.body, step):
            return self.value(step.body, step)
        return self.cold(step.body, step)

    def hot(self, entry: Entry, step: Step) -> bool:
        """Whether an entry is an array of the whole block of its step."""
        order = step.order
        return len(order) >= self.least and set(free_labels(entry)) >= set(order)

    def _new(self, text: str, args: Iterable[Value], step: Step, overwrites: int = -1) -> Value:
        """An operation that writes a whole block."""
        return self.values.new(text, tuple(args), lengths(step), "op", overwrites)

    def call(self, function: str, step: Step, *args: Value) -> Value:
        places = ", ".join(f"@{k}@" for k in range(len(args)))
        return self._new(f"{function}({places}, out=@out@)", args, step)

    # ---- what is smaller than a block -----------------------------------------------------------

    def cold(self, entry: Entry, step: Step, order: Order | None = None) -> Value:
        """An entry of fewer labels, as one expression."""
        with_locals, args = self.tokens(entry)
        text = with_locals.expression(entry, step, order or step.order)
        if not free_labels(entry) and not is_view(text):
            text = f"work.type({text})"
        return self.plain(text, args, moves(entry, step))

    def plain(self, text: str, args: list[Value], inside: bool) -> Value:
        """An expression; `inside` says whether it differs from block to block."""
        simple = is_view(text) and not args
        kind: Kind = "leaf" if simple else "inside" if inside else "before"
        return self.values.new(text, tuple(args), (), kind)

    def tokens(self, *entries: Entry) -> tuple[Texts, list[Value]]:
        """The writer of texts with a token for each array of the part that entries read."""
        found = dict.fromkeys(
            part.array
            for entry in entries
            for part in subentries(entry)
            if isinstance(part, Load) and part.array in self.local
        )
        names = dict(self.texts.arrays)
        names |= {array: f"@{number}@" for number, array in enumerate(found)}
        texts = Texts(names, self.texts.sizes, self.texts.axes, {}, self.texts.helpers)
        return texts, [self.array(array) for array in found]

    # ---- whole blocks ---------------------------------------------------------------------------

    def value(self, entry: Entry, step: Step) -> Value:
        """An entry as a value that can be an operand in its step."""
        if not self.hot(entry, step):
            return self.cold(entry, step)
        match entry:
            case Load():
                return self._load(entry, step)
            case Total(terms):
                return self._total(terms, step)
            case Times(factors):
                return self._times(factors, step)
            case Pow(base, exponent):
                return self._power(self.value(base, step), exponent, step)
            case Apply():
                return self._apply(entry, step)
            case Where(condition, yes, no):
                return self._where(condition, yes, no, step)
            case _:
                return self.cold(entry, step)

    def _load(self, load: Load, step: Step) -> Value:
        if load.array not in self.local:
            return self.cold(load, step)
        if tuple(at.single for at in load.at) != step.order:
            return self.cold(load, step)
        return self.array(load.array)

    # ---- sums and products of entries -----------------------------------------------------------

    def _total(self, terms: tuple[Entry, ...], step: Step) -> Value:
        """Distances from shifts first, then whole blocks, then everything smaller at once."""
        floated = [part for term in terms for part in self._floated(term, step)]
        hot, cold = self._paired(floated, step)
        if not hot:
            return self._outer("numpy.add", cold, total, step)
        hot.sort(key=lambda pair: pair[0])
        negative, result = hot[0]
        if negative:
            result = self.call("numpy.negative", step, result)
        for less, value in hot[1:]:
            result = self.call("numpy.subtract" if less else "numpy.add", step, result, value)
        if not cold:
            return result
        rest = total(cold)
        less, rest = signed(rest)
        function = "numpy.subtract" if less else "numpy.add"
        return self.call(function, step, result, self.cold(rest, step))

    def _paired(
        self, terms: list[Entry], step: Step
    ) -> tuple[list[tuple[bool, Value]], list[Entry]]:
        """Whole blocks with their signs, x − s as one of them, and the smaller terms."""
        hot, cold = list[tuple[bool, Value]](), list[Entry]()
        for term in terms:
            less, body = signed(term)
            if self.hot(term, step):
                hot.append((less, self.value(body, step)))
            elif hot and less and isinstance(body, Load) and body.array in self.narrow:
                sign, near = hot[-1]
                function = "numpy.add" if sign else "numpy.subtract"
                shift = self.cold(body, step)
                hot[-1] = (sign, self.call(function, step, near, shift))
            else:
                cold.append(term)
        return hot, cold

    def _floated(self, term: Entry, step: Step) -> Iterator[Entry]:
        """c (x − s − r) as c (x − s) − c r: r, the rest of a mean, joins other numbers."""
        factors = term.factors if isinstance(term, Times) else (term,)
        hot = [factor for factor in factors if self.hot(factor, step)]
        inner = self._opened(hot[0]) if len(hot) == 1 else None
        if inner is None:
            yield term
            return
        rests = [part for part in inner.terms if self._is_rest(part)]
        others = [part for part in inner.terms if not self._is_rest(part)]
        if not rests or not others:
            yield term
            return
        cold = [factor for factor in factors if factor is not hot[0]]
        yield product((*cold, total(others)))
        yield product((*cold, total(rests)))

    def _opened(self, entry: Entry) -> Total | None:
        """A sum, written out or as an array of the part."""
        if isinstance(entry, Load) and entry.array in self.local:
            step = self.local[entry.array]
            names = (axis.name for axis in step.axes)
            entry = placed(step.body, dict(zip(names, entry.at, strict=True)))
        return entry if isinstance(entry, Total) else None

    def _is_rest(self, entry: Entry) -> bool:
        """Whether a term is the distance of a mean from its shift."""
        _, body = signed(entry)
        if not isinstance(body, Load) or not body.array.endswith(" rest"):
            return False
        return body.array.removesuffix("rest") + "shift" in self.narrow

    def _times(self, factors: tuple[Entry, ...], step: Step) -> Value:
        hot, below, cold = self._sorted(factors, step)
        if not hot and not below:
            return self._outer("numpy.multiply", cold, product, step)
        less, scale = signed(product(cold))
        number = None if scale == Num(Fraction(1)) else self.cold(scale, step)
        result: Value | None = None
        if hot and number is not None:
            result, hot = self.scaled(hot, number, step)
        for value in hot:
            result = value if result is None else self.call("numpy.multiply", step, result, value)
        for value in below:
            if result is None:
                result = number or self.values.new("1", (), (), "leaf")
            result = self.call("numpy.divide", step, result, value)
        assert result is not None
        return self.call("numpy.negative", step, result) if less else result

    def _outer(
        self,
        function: str,
        entries: list[Entry],
        joined: Callable[[list[Entry]], Entry],
        step: Step,
    ) -> Value:
        """What has all labels only together: numbers of the rows with numbers of other axes."""
        rows = [entry for entry in entries if moves(entry, step)]
        others = [entry for entry in entries if not moves(entry, step)]
        if not rows or not others or self.hot(joined(rows), step):
            return self.cold(joined(entries), step)
        pair = self.cold(joined(rows), step), self.cold(joined(others), step)
        return self.call(function, step, *pair)

    def _sorted(
        self, factors: tuple[Entry, ...], step: Step
    ) -> tuple[list[Value], list[Value], list[Entry]]:
        """Whole blocks that multiply and that divide, and the smaller factors."""
        hot, below, cold = list[Value](), list[Value](), list[Entry]()
        for factor in factors:
            if not self.hot(factor, step):
                cold.append(factor)
            elif isinstance(factor, Pow) and factor.exponent < 0:
                base = self.value(factor.base, step)
                below.append(self._power(base, -factor.exponent, step))
            else:
                hot.append(self.value(factor, step))
        return hot, below, cold

    def scaled(
        self, hot: list[Value], number: Value, step: Step
    ) -> tuple[Value | None, list[Value]]:
        """One whole block times a number: the product that stands already, else the first."""
        text = "numpy.multiply(@0@, @1@, out=@out@)"
        for k, value in enumerate(hot):
            if self.values.known(text, (value, number), lengths(step)):
                return self._new(text, (value, number), step), hot[:k] + hot[k + 1 :]
        return self._new(text, (hot[0], number), step), hot[1:]

    def _power(self, base: Value, exponent: Fraction, step: Step) -> Value:
        if exponent == 1:
            return base
        if exponent < 0:
            one = self.values.new("1", (), (), "leaf")
            return self.call("numpy.divide", step, one, self._power(base, -exponent, step))
        if exponent == Fraction(1, 2):
            return self.call("numpy.sqrt", step, base)
        if exponent in (2, 3, 4):
            lower = self._power(base, exponent - 1, step)
            return self.call("numpy.multiply", step, lower, base)
        number = self.values.new(repr(float(exponent)), (), (), "leaf")
        return self.call("numpy.power", step, base, number)

    # ---- functions ------------------------------------------------------------------------------

    def _apply(self, entry: Apply, step: Step) -> Value:
        known = derived(entry)
        if known is not None:
            return self.value(known, step)
        args = [self.value(argument, step) for argument in entry.arguments]
        if entry.function in ("max", "min") and len(args) > 1 and not any(entry.orders):
            function = f"numpy.{'maximum' if entry.function == 'max' else 'minimum'}"
            result = args[0]
            for value in args[1:]:
                result = self.call(function, step, result, value)
            return result
        if any(entry.orders) or entry.function not in UNARY:
            return self._spelled(entry, args, step)
        self.silent |= entry.function in SILENT
        (result,) = args
        for text in UNARY[entry.function]:
            used = (result, args[0]) if "@1@" in text else (result,)
            result = self._new(text, used, step)
        return result

    def _spelled(self, entry: Apply, args: list[Value], step: Step) -> Value:
        """A function as the expression that every back end writes for it."""
        tokens = [f"argument {number}" for number in range(len(args))]
        names = {token: f"@{number}@" for number, token in enumerate(tokens)}
        texts = Texts(names, self.texts.sizes, self.texts.axes, {}, self.texts.helpers)
        opened = Apply(entry.function, tuple(Load(token, ()) for token in tokens), entry.orders)
        text = texts.expression(opened, step)
        return self.values.new(text, tuple(args), lengths(step), "inside")

    def _where(self, condition: Condition, yes: Entry, no: Entry, step: Step) -> Value:
        mask = self._mask(condition, step)
        args = (mask, self.value(yes, step), self.value(no, step))
        text = "numpy.copyto(@out@, @2@)\nnumpy.copyto(@out@, @1@, where=@0@)"
        return self._new(text, args, step, overwrites=2)

    def _mask(self, condition: Condition, step: Step) -> Value:
        """Where every comparison holds."""
        sides = [side for left, _, right in condition for side in (left, right)]
        if not any(self.hot(side, step) for side in sides):
            texts, args = self.tokens(*sides)
            text = texts.printed(Expressions(), condition, step)
            return self.plain(text, args, any(moves(side, step) for side in sides))
        texts_of = list[str]()
        values = list[Value]()
        for left, sign, right in condition:
            pair = (self._side(left, step), self._side(right, step))
            at = len(values)
            texts_of.append(f"{COMPARISONS[sign]}(@{at}@, @{at + 1}@)")
            values += pair
        text = texts_of[0]
        for other in texts_of[1:]:
            text = f"numpy.logical_and({text}, {other})"
        return self.values.new(text, tuple(values), lengths(step), "inside")

    def _side(self, side: Entry, step: Step) -> Value:
        """A side of a comparison; positions are whole numbers there."""
        if not isinstance(side, Place):
            return self.value(side, step)
        ranges = {b.name: b for b in (*step.axes, *step.bounds)}
        text = self.texts.index(side.at, step.order, ranges)
        return self.plain(text, [], moves(side, step))

    def reduction(self, step: Step, body: Reduce) -> Value:
        """The value of a reduction."""
        raise NotImplementedError
