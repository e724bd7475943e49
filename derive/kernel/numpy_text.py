"""The text of one step in NumPy: views of arrays over labelled axes, reductions, expressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from derive.kernel.entries import (
    Condition,
    Const,
    Entry,
    Load,
    Place,
    Reduce,
    Times,
    Where,
    free_labels,
    is_label,
    subentries,
)
from derive.kernel.entries import Num as Number
from derive.kernel.expressions import Atom, Expressions, Index, Printer
from derive.kernel.plan import Step
from derive.meaning.terms import Affine, Bound

NEUTRAL = {
    "sum": Number(Fraction(0)),
    "prod": Number(Fraction(1)),
}
Order = tuple[str, ...]

OF_MATRICES = {
    "inverse": '''
def _inverse(matrix):
    """The inverse of a matrix, found in float64."""
    try:
        return numpy.linalg.inv(matrix.astype(numpy.float64)).astype(matrix.dtype)
    except numpy.linalg.LinAlgError:
        raise ValueError("a matrix that is to be inverted has no inverse") from None
''',
    "det": '''
def _det(matrix):
    """The determinant of a matrix, found in float64."""
    return numpy.linalg.det(matrix.astype(numpy.float64)).astype(matrix.dtype)
''',
    "logdet": '''
def _logdet(matrix):
    """The logarithm of a determinant, which itself may be too large or too small."""
    sign, value = numpy.linalg.slogdet(matrix.astype(numpy.float64))
    return (value if sign >= 0 else numpy.float64(numpy.nan)).astype(matrix.dtype)
''',
    "detsign": '''
def _detsign(matrix):
    """The sign of a determinant, which itself may be too small."""
    return numpy.linalg.slogdet(matrix.astype(numpy.float64))[0].astype(matrix.dtype)
''',
}


def inlined(steps: Sequence[Step]) -> dict[str, Step]:
    """Reductions that one element-wise step uses once, entry for entry: written where used."""
    uses = Counter(p.array for s in steps for p in subentries(s.body) if isinstance(p, Load))
    known = {s.array: s for s in steps if not s.title and isinstance(s.body, Reduce)}
    found: dict[str, Step] = {}
    for user in steps:
        if isinstance(user.body, Reduce):
            continue
        own = tuple(Affine.name(axis.name) for axis in user.axes)
        read = (part for part in subentries(user.body) if isinstance(part, Load))
        for part in read:
            if part.array in known and uses[part.array] == 1 and part.at == own:
                found[part.array] = known[part.array]
    return found


@dataclass
class Texts:
    """Writes steps; `arrays` and `sizes` map keys to identifiers, `axes` arrays to their axes."""

    arrays: Mapping[str, str]
    sizes: Mapping[str, str]
    axes: Mapping[str, tuple[Bound, ...]]
    inlined: Mapping[str, Step]
    helpers: set[str] = field(default_factory=set)

    # ---- steps ----------------------------------------------------------------------------------

    def step(self, step: Step) -> str:
        """The right-hand side that computes a step."""
        if step.of_matrix is not None:
            function, matrix = step.of_matrix
            self.helpers.add(OF_MATRICES[function].strip())
            return f"_{function}({self.expression(matrix, step)})"
        if isinstance(step.body, Reduce):
            return self._reduction(step, step.body)
        return self.expression(step.body, step)

    def _reduction(self, step: Step, body: Reduce) -> str:
        if step.kind == "contraction":
            return self._contraction(step)
        inner = body.body
        if body.condition:
            inner = Where(body.condition, inner, NEUTRAL.get(body.kind, Const("nan")))
        bound = {b.name for b in step.bounds}
        places = [k for k, name in enumerate(step.order) if name in bound]
        skipping = body.condition and body.kind not in NEUTRAL
        function = f"nan{body.kind}" if skipping else body.kind
        axis = "" if len(places) == len(step.order) else f", axis={_tuple(places)}"
        return f"numpy.{function}({self.expression(inner, step)}{axis})"

    def _contraction(self, step: Step) -> str:
        """`numpy.einsum`: no array with all the labels is ever made."""
        assert isinstance(step.inner, Times)
        letters = {name: chr(ord("a") + k) for k, name in enumerate(step.order)}
        inputs, operands = list[str](), list[str]()
        for factor in step.inner.factors:
            own = tuple(name for name in step.order if name in free_labels(factor))
            inputs.append("".join(letters[name] for name in own))
            operands.append(self.expression(factor, step, own))
        output = "".join(letters[axis.name] for axis in step.axes)
        subscripts = f"{','.join(inputs)}->{output}"
        return f'numpy.einsum("{subscripts}", {", ".join(operands)}, optimize=True)'

    def truth(self, step: Step) -> str:
        """The expression that says where a check holds."""
        if isinstance(step.body, Where):
            text = self.printed(Expressions(), step.body.condition, step)
            return text[1:-1] if len(step.body.condition) == 1 else text
        return self.step(step)

    def expression(self, entry: Entry, step: Step, order: Order = ()) -> str:
        """An entry as an expression on arrays whose axes stand in the given order."""
        return self.printed(Expressions(), entry, step, order)

    def printed(
        self, expressions: Expressions, what: Entry | Condition, step: Step, order: Order = ()
    ) -> str:
        """An entry or a condition, with the expressions that its atoms are to be found in."""
        made = expressions.condition(what) if isinstance(what, tuple) else expressions.of(what)
        ranges = {b.name: b for b in (*step.axes, *step.bounds)}
        texts = {
            symbol: self._atom(atom, order or step.order, ranges)
            for symbol, atom in expressions.atoms.items()
        }
        printer = Printer(texts)
        text = str(printer.doprint(made))
        self.helpers |= printer.helpers
        return text

    # ---- atoms ----------------------------------------------------------------------------------

    def _atom(self, atom: Atom, order: Order, ranges: Mapping[str, Bound]) -> str:
        match atom:
            case Const():
                return "numpy.nan"
            case Place(at) if any(is_label(name) for name in at.names):
                return f"({self.index(at, order, ranges)}).astype(work)"
            case Place(at) | Index(at):
                return self.index(at, order, ranges)
            case Load():
                return self._view(atom, order, ranges)

    def size(self, at: Affine) -> str:
        """A whole number over sizes; compound ones in brackets."""
        return _affine(at, self.sizes)

    def index(self, at: Affine, order: Order, ranges: Mapping[str, Bound]) -> str:
        """A position as a whole number, or as an array of them over its labels."""
        names = dict(self.sizes)
        for label in filter(is_label, at.names):
            bound = ranges[label]
            stop = self.size(bound.high + 1)
            text = f"numpy.arange({self.size(bound.low)}, {stop})"
            names[label] = text + _spread((label,), order)
        return _affine(at, names)

    def _view(self, load: Load, order: Order, ranges: Mapping[str, Bound]) -> str:
        if load.array in self.inlined:
            return self.step(self.inlined[load.array])
        name = self.arrays[load.array]
        if not load.at:
            return name
        axes = self.axes[load.array]
        labels = [label for at in load.at for label in at.names if is_label(label)]
        pieces = [self._slice(*pair, ranges) for pair in zip(load.at, axes, strict=True)]
        if len(set(labels)) < len(labels) or None in pieces:
            return self._gathered(name, load, order, ranges)
        cut = [piece for piece in pieces if piece is not None]
        if any(piece != ":" for piece in cut):
            name = f"{name}[{', '.join(cut)}]"
        laid = sorted(range(len(labels)), key=lambda k: order.index(labels[k]))
        if laid != sorted(laid):
            name = f"{name}.T" if len(laid) == 2 else f"numpy.transpose({name}, {tuple(laid)})"
        return name + _spread(tuple(labels[k] for k in laid), order)

    def _slice(self, at: Affine, axis: Bound, ranges: Mapping[str, Bound]) -> str | None:
        """The part of an axis that a position runs over; None when it is no slice inside it."""
        place = at - axis.low
        labels = [(name, factor) for name, factor in place.terms if is_label(name)]
        if not labels:
            return self.size(place)
        if len(labels) > 1 or labels[0][1] != 1:
            return None
        bound = ranges[labels[0][0]]
        shift = place - Affine.name(bound.name)
        start, stop = bound.low + shift, bound.high + shift + 1
        rest = (axis.high - axis.low + 1) - stop
        if start.terms or rest.terms or start.constant < 0 or rest.constant < 0:
            return None
        first = "" if start.constant == 0 else str(start.constant)
        last = "" if rest.constant == 0 else f"max({self.size(stop)}, 0)"
        return f"{first}:{last}"

    def _gathered(self, name: str, load: Load, order: Order, ranges: Mapping[str, Bound]) -> str:
        """Entries picked one by one; a position that no condition lets through is clipped."""
        picked = []
        for at, axis in zip(load.at, self.axes[load.array], strict=True):
            last = self.size(axis.high - axis.low)
            text = self.index(at - axis.low, order, ranges)
            picked.append(f"numpy.clip({text}, 0, {last})")
        return f"{name}[{', '.join(picked)}]"


def _spread(labels: Order, order: Order) -> str:
    """The subscript that gives an array an axis of length 1 for each label it lacks."""
    after = order[order.index(labels[0]) :] if labels else ()
    if len(after) == len(labels):
        return ""
    return "[" + ", ".join(":" if name in labels else "None" for name in after) + "]"


def _tuple(places: list[int]) -> str:
    return str(places[0]) if len(places) == 1 else str(tuple(places))


def _affine(at: Affine, names: Mapping[str, str]) -> str:
    pieces = []
    for name, factor in at.terms:
        sign = "-" if factor < 0 else "+"
        size = names[name] if abs(factor) == 1 else f"{abs(factor)}*{names[name]}"
        pieces += [sign, size]
    if at.constant or not pieces:
        pieces += ["-" if at.constant < 0 else "+", str(abs(at.constant))]
    if pieces[0] == "+":
        pieces = pieces[1:]
    text = " ".join(pieces)
    return text if len(pieces) == 1 else f"({text})"
