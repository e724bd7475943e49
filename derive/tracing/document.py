"""A traced function as a document: declarations, one definition for each step, the loss."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from derive.errors import LimitError
from derive.meaning import terms as t
from derive.meaning.to_syntax import position, to_syntax
from derive.meaning.walk import subterms
from derive.reading import syntax as s
from derive.tracing import nodes as n
from derive.tracing.names import Naming
from derive.tracing.phrase import Label, Phrasing, affine, letters_of, visible
from derive.tracing.record import Traced
from derive.writing.to_latex import to_latex

DEEPEST = 12
"""Steps inside one another before one of them gets a name of its own."""

MOST_STEPS = 200

OBJECTIVES = ("f", "L", "\\ell", "J", "h")


@dataclass(frozen=True)
class Written:
    """The text of a document, and the name of each parameter and output in it (LaTeX).

    `loss_of` are the outputs that the loss depends on directly: those that no other one uses.
    `names` are all names, sizes among them.
    """

    text: str
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]
    loss_of: tuple[str, ...]
    names: frozenset[str]


def write(
    traced: Traced, inputs: Mapping[str, n.Input], positive: Sequence[str] = (), note: str = ""
) -> Written:
    """The document of a traced function; `positive` are scalar parameters known to be so."""
    return _Writing(traced, inputs, positive, note).written()


@dataclass
class _Writing:
    traced: Traced
    inputs: Mapping[str, n.Input]
    positive: Sequence[str]
    note: str
    naming: Naming = field(default_factory=Naming)
    labels: dict[int, Label] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outputs = tuple(node for _, node in self.traced.outputs)
        self.order = n.below(self.outputs)
        sizes = {x for i in self.inputs.values() for k in i.shape for m, _ in k.terms for x in m}
        self.sizes = sorted(sizes)
        self.naming.taken |= {size.casefold() for size in self.sizes}
        lengths = (k for i in self.inputs.values() for k in i.shape if k != n.ONE)
        self.letters = letters_of(lengths)

    def written(self) -> Written:
        for name, node in self.inputs.items():
            latex = self.naming.wish(name)
            every = tuple(range(len(node.shape)))
            self.labels[node.serial] = self._label(node, latex, every)
        self._name_variables()
        shown = [self._output(key, node) for key, node in self.traced.outputs]
        self._name_the_rest()
        objective = self.naming.first(OBJECTIVES)
        if len(self.labels) > MOST_STEPS:
            raise LimitError(f"the function has more than {MOST_STEPS} steps")
        last = self._last(shown)
        text = self._text(objective, shown, last)
        names = {name: self._latex(node) for name, node in self.inputs.items()}
        outputs = tuple(latex for latex, _, _ in shown)
        used = frozenset(self._avoided() | set(outputs))
        return Written(text, names, outputs, tuple(latex for latex, _ in last), used)

    # ---- names -----------------------------------------------------------------------------

    def _label(self, node: n.Node, latex: str, axes: tuple[int, ...]) -> Label:
        shape = tuple(affine(node.shape[axis]) for axis in axes)
        return Label(t.Symbol(latex, shape, "defined", latex), axes)

    def _latex(self, node: n.Node) -> str:
        return self.labels[node.serial].symbol.latex

    def _give(self, node: n.Node, latex: str) -> None:
        self.labels[node.serial] = self._label(node, latex, visible(node.shape))

    def _name_variables(self) -> None:
        """The last value of a variable has its name; earlier ones have it with a number."""
        used = {node.serial for node in self.order}
        last = {name: core(node) for name, node in self.traced.names}
        wanted: dict[int, tuple[str, n.Node]] = {}
        for final in (True, False):
            for name, node in self.traced.names:
                inner = core(node)
                free = inner.serial not in wanted and inner.serial not in self.labels
                meant = (last[name] is inner) is final and inner.serial in used
                if free and meant and worth_a_name(inner):
                    wanted[inner.serial] = (name, inner)
        ranked = [
            (last[name] is not node or name in self.inputs, node.serial)
            for name, node in wanted.values()
        ]
        for _, serial in sorted(ranked):
            name, node = wanted[serial]
            self._give(node, self.naming.wish(name))

    def _output(self, key: str, node: n.Node) -> tuple[str, n.Node, bool]:
        """Name, node, and whether it needs a definition of its own: a view of something named."""
        inner = core(node)
        if inner.serial in self.labels and not isinstance(inner, n.Input):
            return self._latex(inner), inner, False
        if worth_a_name(inner):
            self._give(inner, self.naming.wish(key or "y"))
            return self._latex(inner), inner, False
        latex = self.naming.wish(key or "y")
        return latex, node, True

    def _name_the_rest(self) -> None:
        """Fresh names for sums used twice, for what is nested too deep, and for extremes."""
        users: dict[int, int] = {}
        for node in self.order:
            if unsigned(node) is node:
                for part in n.operands(node):
                    inner = unsigned(part)
                    users[inner.serial] = users.get(inner.serial, 0) + 1
        depth: dict[int, int] = {}
        heavy: dict[int, bool] = {}
        for node in self.order:
            below = [self._depth(part, depth) for part in n.operands(node)]
            depth[node.serial] = 1 + max(below, default=0)
            for base in self._of_extreme(node):
                self._give(base, self.naming.fresh())
            heavy[node.serial] = isinstance(node, n.Contracted | n.Extreme) or any(
                heavy[part.serial] for part in n.operands(node) if part.serial not in self.labels
            )
            shared = heavy[node.serial] and users.get(node.serial, 0) > 1
            wanted = shared or depth[node.serial] > DEEPEST
            if wanted and node.serial not in self.labels and worth_a_name(node):
                self._give(node, self.naming.fresh())

    def _depth(self, node: n.Node, depth: Mapping[int, int]) -> int:
        return 0 if node.serial in self.labels else depth[node.serial]

    def _of_extreme(self, node: n.Node) -> list[n.Node]:
        if not isinstance(node, n.Extreme):
            return []
        base = node.base
        bases = [base, base.base] if isinstance(base, n.Moved) else [base]
        return [] if any(b.serial in self.labels for b in bases) else [base]

    # ---- text ------------------------------------------------------------------------------

    def _text(
        self,
        objective: str,
        shown: list[tuple[str, n.Node, bool]],
        last: list[tuple[str, n.Node]],
    ) -> str:
        lines = [f"# {title(self.traced.name)}", "", self._origin(), "", "## Inputs", ""]
        lines += [self._declarations(), "", "## Steps", ""]
        for node in self.order:
            if node.serial in self.labels and not isinstance(node, n.Input):
                lines += [self._definition(node), ""]
        for latex, node, own in shown:
            if own:
                lines += [self._definition(node, self._label(node, latex, visible(node.shape))), ""]
        lines += ["## The loss", "", self._loss(objective, last), ""]
        return "\n".join(lines)

    def _origin(self) -> str:
        where = f"Traced from the function `{self.traced.name}`, line {self.traced.line}."
        return f"{where} {self.note}".strip()

    def _declarations(self) -> str:
        parts = []
        for node in self.inputs.values():
            parts.append(f"${self._latex(node)} \\in {space(node.shape)}$")
        parts += [f"${self._latex(self.inputs[name])} > 0$" for name in self.positive]
        return f"Let {listed(parts)}."

    def _definition(self, node: n.Node, label: Label | None = None) -> str:
        own = label is None
        label = label or self.labels[node.serial]
        phrasing = Phrasing(self.labels, frozenset(self._avoided()), self.letters)
        at, body = phrasing.general(node, own)
        chain = s.Chain((to_syntax(label.entry(at)), to_syntax(body)), (s.Relation("="),))
        shown = f"$${to_latex(chain)}$$"
        plain = {i for part in subterms(body) if isinstance(part, t.Element) for i in part.at}
        if plain.issuperset(i for i in at if i.single):
            return shown
        # No array shows how far an index runs.
        return f"Let ${label.symbol.latex} \\in {space(node.shape, drop=True)}$.\n\n{shown}"

    def _avoided(self) -> set[str]:
        latex = {label.symbol.latex for label in self.labels.values()}
        return (
            latex | {x.lower() for x in latex} | set(self.sizes) | {x.lower() for x in self.sizes}
        )

    def _last(self, shown: list[tuple[str, n.Node, bool]]) -> list[tuple[str, n.Node]]:
        """The outputs that no other output is made of, by name."""
        tops = [node for _, node, _ in shown]
        found: dict[str, n.Node] = {}
        for latex, node, own in shown:
            others = n.below(tuple(top for top in tops if core(top) is not core(node)))
            inside = any(part is node for part in others)
            if own or not inside:
                found[latex] = node
        return list(found.items())

    def _loss(self, objective: str, outputs: list[tuple[str, n.Node]]) -> str:
        spaces = " \\times ".join(space(node.shape, drop=True) for _, node in outputs)
        named = listed([f"${latex}$" for latex, _ in outputs])
        given = listed([f"$\\frac{{\\partial {objective}}}{{\\partial {x}}}$" for x, _ in outputs])
        loss = f"A scalar loss ${objective} : {spaces} \\to \\mathbb{{R}}$"
        if len(outputs) == 1:
            return f"{loss} is taken of the output {named}. Its gradient {given} is known."
        return f"{loss} takes {named} together. Its gradients {given} are known."


def core(node: n.Node) -> n.Node:
    """The array under views that only add, drop or repeat axes, or take them in another order."""
    while isinstance(node, n.Moved) and _only_shape(node):
        node = node.base
    return node


def unsigned(node: n.Node) -> n.Node:
    """The array under such views and under minus signs."""
    while True:
        match core(node):
            case n.Elementwise("multiply", left, right) if _is_minus_one(left):
                node = right
            case inner:
                return inner


def _is_minus_one(node: n.Node) -> bool:
    inner = core(node)
    return isinstance(inner, n.Number) and inner.value == -1


def _only_shape(node: n.Moved) -> bool:
    """Whether every axis of the base that has a length keeps its whole range and order."""
    kept = [put.axis for put in node.puts if put.axis is not None]
    plain = all(put.axis is None or put == n.Put(put.axis) for put in node.puts)
    single = all(
        length == n.ONE
        for put, length in zip(node.puts, node.base.shape, strict=True)
        if put.axis is None
    )
    return plain and single and kept == sorted(kept) and len(set(kept)) == len(kept)


def worth_a_name(node: n.Node) -> bool:
    """Whether a node is a step of the function, not a number or another view of an array."""
    match node:
        case n.Input() | n.Number() | n.Constant() | n.Extent() | n.Compared() | n.Joined():
            return False
        case n.Moved(base):
            return worth_a_name(base)
        case _:
            return any(isinstance(part, n.Input) for part in n.below((node,)))


def space(shape: n.Shape, drop: bool = False) -> str:
    """The set that an array of a shape belongs to, `\\mathbb{R}^{N \\times D}`."""
    lengths = [k for k in shape if not (drop and k == n.ONE)]
    if not lengths:
        return "\\mathbb{R}"
    axes = " \\times ".join(to_latex(position(affine(k))) for k in lengths)
    return f"\\mathbb{{R}}^{{{axes}}}"


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def title(name: str) -> str:
    """The name of a function as a heading."""
    words = re.sub(r"[^A-Za-z0-9]+", " ", name).strip()
    return words[:1].upper() + words[1:] or "A function"
