"""Derivatives: by whom, of what, and whether total and direct could differ."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from derive.meaning import terms as t
from derive.meaning.graph import symbols_in
from derive.meaning.names import key_of, labelled_key
from derive.meaning.setting import Names, Setting, Typed
from derive.meaning.subscripts import Positions, known, positions, undeclared
from derive.reading import syntax as s

MAX_ORDER = 6
TWO = t.Number(Fraction(2))
Target = tuple[t.Symbol, Positions, int]
"""A name, the entry of it, and its power: 2 where the square of the name is the variable."""


def derivative(setting: Setting, node: s.Derivative) -> Typed:
    """`∂of/∂by`, one variable after the other, the last one first."""
    of = setting.term(node.of).term
    variables = node.by or _of_argument(node)
    if not variables:
        raise setting.error(
            "this derivative does not say by what", node, "Write \\nabla_x with its variable."
        )
    total = sum(order for _, order in variables)
    if total > MAX_ORDER:
        raise setting.error(f"derivatives above order {MAX_ORDER} are not read", node)
    if total != node.order:
        raise setting.error(
            f"the derivative is of order {node.order} above and of order {total} below", node
        )
    for expr, order in reversed(variables):
        target = target_of(setting, expr)
        if target[0].role == "objective" and total == 1:
            return _by_objective(setting, of, target[0], expr)
        if expr is setting.stands.get(target[0].key) and not _goes_through(
            setting, of, target[0].key
        ):
            raise setting.error(
                "a derivative by an expression is not read where its parts stand elsewhere too",
                expr,
                advice="Define a name for the expression and use it throughout.",
            )
        for _ in range(order):
            of = differentiate(setting, of, target)
    return Typed(of)


def _of_argument(node: s.Derivative) -> tuple[tuple[s.Expr, int], ...]:
    r"""The variable of `\nabla f(x)`: the one argument, where it is a name."""
    match node.of:
        case s.Product(
            factors=(s.Name(), s.Group(opening="(", body=s.Name() as only)), operators=("",)
        ):
            return ((only, node.order),)
        case _:
            return ()


def differentiate(setting: Setting, of: t.Term, target: Target) -> t.Term:
    symbol, at, square = target
    fixed = _through_fixed(setting, of, symbol)
    if fixed is not None:
        outer, inner = fixed
        slope = differentiate(setting, inner, target)
        return t.Multiply((outer, slope), slope.shape)
    reading: Literal["total", "direct"] = "total"
    if _ambiguous(setting, of, symbol):
        setting.met.add("partials")
        reading = setting.choices.partials
    result = t.Derivative(of, symbol, at, reading)
    if square == 1:
        return result
    base: t.Term = t.Variable(symbol)
    twice = t.Multiply((TWO, t.Element(base, at) if at else base), ())
    return t.Divide(result, twice, result.shape)


def _by_objective(setting: Setting, of: t.Term, loss: t.Symbol, node: s.Node) -> Typed:
    """`∂L/∂L = 1`; how anything else depends on the loss is not known."""
    if of != t.Variable(loss):
        raise setting.error("a derivative by the loss is read of the loss itself only", node)
    return Typed(t.Number(Fraction(1)))


def _through_fixed(setting: Setting, of: t.Term, target: t.Symbol) -> tuple[t.Term, t.Term] | None:
    """Of an objective that depends on one entry: its slope there, and that entry."""
    if not isinstance(of, t.Variable):
        return None
    output = setting.names.through.get(of.symbol.key)
    if output is None or output.key == target.key:
        return None
    at = tuple(t.Affine.name(index) for index in setting.names.hidden[output.key])
    for index in at:
        setting.indices.find(str(index))
    return t.Derivative(of, output, at, "total"), t.Element(t.Variable(output), at)


def target_of(setting: Setting, expr: s.Expr) -> Target:
    """The name, and the entry or row of it, that a derivative is taken by."""
    match expr:
        case s.Group(opening="{", body=body):
            return target_of(setting, body)
        case s.Power(base=base, exponent=s.Number(text="2")) if _squared(setting, base):
            symbol, at, _ = target_of(setting, base)
            return symbol, at, 2
        case s.Subscript(base=base, items=items):
            return _entry(setting, expr, base, items)
        case _:
            key = key_of(expr)
            return _whole(setting, key, expr) if key else _standing_for(setting, expr)


def _standing_for(setting: Setting, expr: s.Expr) -> Target:
    """The name whose definition is just this expression; raises where that is not one name."""
    wanted = _opened(expr)
    found = [
        (key, indices)
        for key, (indices, body) in setting.names.bodies.items()
        if _opened(body) == wanted and key in setting.names.symbols
    ]
    if len(found) != 1:
        raise setting.error(
            "a derivative by an expression is not read",
            expr,
            advice="Define a name for the expression and derive by that.",
        )
    key, indices = found[0]
    setting.stands[key] = expr
    symbol, before, square = _whole(setting, key, expr)
    at = before + tuple(t.Affine.name(letter) for letter in indices)
    for position, size in zip(at, symbol.shape, strict=False):
        if position is not None:
            setting.use(position, size, expr)
    return symbol, at, square


def _opened(expr: s.Expr) -> s.Expr:
    while isinstance(expr, s.Group) and expr.opening in ("(", "[", "{"):
        expr = expr.body
    return expr


def _goes_through(setting: Setting, of: t.Term, key: str) -> bool:
    """Whether a term depends on what a name is made of through that name alone."""
    names = setting.names
    made_of = names.uses.get(key, frozenset()) | names.reach.get(key, frozenset())
    todo, seen = list(symbols_in(of)), {key}
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        if name in made_of or name in names.outputs:
            return False
        seen.add(name)
        todo += names.uses.get(name, ())
    return True


def _squared(setting: Setting, base: s.Expr) -> bool:
    inner = base.base if isinstance(base, s.Subscript) else base
    key = key_of(inner)
    return key is not None and setting.key(key) in setting.names.squares


def _whole(setting: Setting, key: str, expr: s.Node) -> Target:
    if key in setting.local:
        return _argument(setting, setting.local[key], expr)
    symbol = setting.names.symbols.get(setting.key(key))
    if symbol is None:
        raise undeclared(setting, key, expr)
    if symbol.role == "opaque":
        raise setting.error(f"{key} is a function and no variable", expr)
    hidden = setting.names.hidden.get(symbol.key, ())
    return symbol, tuple(t.Affine.name(index) for index in hidden), 1


def _argument(setting: Setting, value: Typed, expr: s.Node) -> Target:
    match value.term:
        case t.Variable(symbol=symbol):
            return symbol, (), 1
        case t.Element(base=t.Variable(symbol=symbol), at=at):
            return symbol, at, 1
        case _:
            raise setting.error("a derivative by an expression is not read", expr)


def _entry(setting: Setting, node: s.Subscript, base: s.Expr, items: tuple[s.Expr, ...]) -> Target:
    key = key_of(base)
    if key is None:
        raise setting.error("a derivative by an expression is not read", node)
    label = labelled_key(base, items)
    if label is not None and known(setting, label):
        return _whole(setting, label, node)
    if known(setting, key):
        symbol, before, _ = _whole(setting, key, base)
    else:
        capital = setting.names.capital(setting.key(key))
        if capital is None:
            raise undeclared(setting, key, node)
        symbol, before = capital, ()
    rank = len(symbol.shape) - len(before)
    at = positions(setting, items, rank)
    if at is None:
        raise undeclared(setting, label or key, node)
    if len(at) > rank:
        raise setting.ill_typed(
            f"{setting.text(node)} has {len(at)} indices, but {symbol.key} has {rank} axes", node
        )
    for position, size in zip(before + at, symbol.shape, strict=False):
        if position is not None:
            setting.use(position, size, node)
    return symbol, before + at, 1


_LOSSES = frozenset({"L", "J", "\\ell", "loss", "\\mathcal{L}", "\\mathcal{J}", "\\mathcal{E}"})


def _is_objective(names: Names, symbol: t.Symbol) -> bool:
    """Whether a defined scalar is the objective: a loss by its letter or by what the text says,
    that no other definition uses."""
    if symbol.role != "defined" or symbol.shape:
        return False
    if any(symbol.key in used for used in names.uses.values()):
        return False
    return symbol.key in _LOSSES or symbol.key in names.losses


def _ambiguous(setting: Setting, of: t.Term, target: t.Symbol) -> bool:
    """Whether a name that is held in the direct reading depends on the target."""
    names = setting.names
    found = symbols_in(of)
    if any(names.symbols[key].role == "objective" for key in found if key in names.symbols):
        return False
    if isinstance(of, t.Variable) and _is_objective(names, of.symbol):
        return False
    match of:
        case t.Variable(symbol=symbol) | t.Element(base=t.Variable(symbol=symbol)):
            if symbol.key == target.key:
                return False
            if symbol.role == "defined":
                found = set(names.uses.get(symbol.key, ()))
        case _:
            pass
    return any(
        target.key in names.reach.get(key, frozenset()) for key in found if key != target.key
    )
