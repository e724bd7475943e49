"""`head argument` as an application: defined, known, labelled and opaque functions, primes."""

from __future__ import annotations

from dataclasses import replace

from derive.meaning import terms as t
from derive.meaning.advice import of_function
from derive.meaning.classify import mentions
from derive.meaning.derivatives import differentiate, target_of
from derive.meaning.functions import (
    MATRIX,
    MAX_DEPTH,
    apply_definition,
    arguments_of,
    function,
    known_function,
    opaque,
)
from derive.meaning.names import key_of, labelled_key, walk
from derive.meaning.products import power
from derive.meaning.setting import FunctionDefinition, Setting, Typed
from derive.meaning.subscripts import index_letter, known, positions, select
from derive.reading import syntax as s


def applied(setting: Setting, head: s.Expr, argument: s.Expr) -> Typed | None:
    """`head argument` as an application, postfix marks of the argument carried over; else None.

    The argument is a bracketed expression, perhaps with a subscript, a power or a transpose.
    """
    if not _is_function(setting, head):
        return None
    match argument:
        case s.Group(opening="(" | "\\{" | "[", body=body):
            return _apply(setting, head, arguments_of(body), (), argument)
        case s.Subscript(base=s.Group(opening="(", body=body), items=items):
            return _apply(setting, head, arguments_of(body), items, argument)
        case s.Power(base=base, exponent=exponent, operator=operator):
            value = applied(setting, head, base)
            if value is None:
                return None
            raised = setting.scalar(exponent, "an exponent")
            return power(setting, value, raised, argument, entries=bool(operator))
        case s.Transpose(base=base):
            value = applied(setting, head, base)
            return None if value is None else Typed(t.Transposed(value.term), not value.row)
        case _:
            return None


def _is_function(setting: Setting, head: s.Expr) -> bool:
    if isinstance(head, s.Subscript):
        return _label_of(setting, head) is not None
    key = key_of(head.base) if isinstance(head, s.Prime) else key_of(head)
    if key is None:
        return False
    if key in setting.names.functions:
        return True
    symbol = setting.names.symbols.get(setting.key(key))
    if symbol is not None:
        return symbol.role in ("objective", "opaque")
    if key in setting.local or key in setting.names.sizes or key in ("\\pi", "e"):
        return False
    if setting.indices.is_bound(key) or key in setting.outer or key in setting.names.gone:
        return False
    return setting.names.capital(key) is None or isinstance(head, s.Prime)


def _apply(
    setting: Setting,
    head: s.Expr,
    arguments: tuple[s.Expr, ...],
    items: tuple[s.Expr, ...],
    node: s.Node,
) -> Typed:
    if isinstance(head, s.Subscript):
        return _labelled(setting, head, arguments, items, node)
    primes = 0
    base: s.Expr = head
    while isinstance(base, s.Prime) and key_of(base) not in setting.names.functions:
        primes, base = primes + base.count, base.base
    key = key_of(base) or ""
    defined = setting.names.functions.get(key)
    if defined is not None and not primes:
        return apply_definition(setting, defined, arguments, items, node)
    symbol = setting.names.symbols.get(key)
    if symbol is not None and symbol.role == "objective" and not primes:
        value = _objective(setting, symbol, arguments, node)
        if value is not None:
            return value
    name = known_function(key) if symbol is None and not key.startswith("\\") else None
    if defined is not None:
        return _derived(setting, defined, arguments, primes, node)
    loss = setting.names.heads.get(key) if symbol is None else None
    if loss is not None:
        return _of_loss(setting, loss, arguments, primes, node)
    advice = None if symbol is not None else of_function(key)
    if advice is not None and not (name in MATRIX and not primes):
        raise setting.error(f"{key} is not read as a function", head, advice)
    if name is not None:
        value = function(setting, name, [setting.term(a) for a in arguments], node)
        value = _primed(setting, value, arguments, primes, node) if primes else value
    else:
        value = opaque(setting, key, arguments, primes, node)
    if not items:
        return value
    at = positions(setting, items, len(value.shape))
    if at is None:
        raise setting.error("this subscript is no index", node)
    return select(setting, value, at, node)


def _parameters(setting: Setting, item: s.Expr) -> tuple[s.Expr, ...]:
    """The names in force that a label is made of."""
    key = labelled_key(item.base, item.items) if isinstance(item, s.Subscript) else key_of(item)
    if key is not None and known(setting, key):
        return (item,)
    return tuple(
        part
        for part in walk(item)
        if isinstance(part, s.Name) and known(setting, key_of(part) or "")
    )


def _of_loss(
    setting: Setting, loss: str, arguments: tuple[s.Expr, ...], primes: int, node: s.Node
) -> Typed:
    r"""`\ell(y)` where `L = \ell(y)`: the loss itself; nothing else of it is known."""
    symbol = setting.names.symbols[loss]
    value = None if primes else _objective(setting, symbol, arguments, node)
    if value is None:
        raise setting.error(
            f"{loss} stands for this function, and only as a whole",
            node,
            f"Write its derivatives as \\frac{{\\partial {loss}}}{{\\partial y}}.",
        )
    return value


def _derived(
    setting: Setting,
    defined: FunctionDefinition,
    arguments: tuple[s.Expr, ...],
    primes: int,
    node: s.Node,
) -> Typed:
    """`f'(x)` of a defined function of one number, at a name that only its parameter stands for."""
    value = apply_definition(setting, defined, arguments, (), node)
    if len(arguments) != 1 or defined.indices or value.shape:
        raise setting.error("a prime is read on a function of one number", node)
    symbol, _, square = target_of(setting, arguments[0])
    names = setting.names
    others = mentions(defined.body) - set(defined.parameters)
    mixed = any(key == symbol.key or symbol.key in names.reach.get(key, ()) for key in others)
    if mixed or square != 1 or any(key in names.functions for key in others):
        raise setting.error(
            "a prime is not read where the variable stands in the function in other ways too",
            node,
            "Write the derivative as a fraction.",
        )
    return _primed(setting, value, arguments, primes, node)


def _primed(
    setting: Setting, value: Typed, arguments: tuple[s.Expr, ...], primes: int, node: s.Node
) -> Typed:
    """The derivatives of `f(x)`, x a name or an entry of one, by its one argument."""
    if len(arguments) != 1 or value.shape:
        raise setting.error("a prime is read on a function of one number", node)
    symbol, at, square = target_of(setting, arguments[0])
    term = value.term
    for _ in range(primes):
        term = differentiate(setting, term, (symbol, at, 1))
    if term.shape or square != 1:
        raise setting.error("a prime is read on a function of one number", node)
    return Typed(term)


def unapplied(setting: Setting, node: s.Name) -> Typed | None:
    """A defined function that stands alone, `f` of `f(x) = …`: its value at the x in force."""
    key = key_of(node) or ""
    defined = setting.names.functions.get(key)
    if defined is None or known(setting, key) or setting.indices.is_bound(key):
        return None
    here = all(known(setting, name) for name in defined.parameters)
    if defined.indices or setting.defining or not here:
        raise setting.error(
            f"{key} is a function and stands here without its argument", node,
            "Write its argument too.",
        )  # fmt: skip
    if setting.depth >= MAX_DEPTH:
        raise setting.error("functions are applied too deep, perhaps in a circle", node)
    return replace(setting, depth=setting.depth + 1).term(defined.body)


def _label_of(setting: Setting, head: s.Subscript) -> str | None:
    r"""The key of a function with a label, `p_{\theta}`; None when the subscript is an index."""
    key, label = key_of(head.base), labelled_key(head.base, head.items)
    if key is None or label is None or head.bracketed:
        return None
    if label in setting.names.functions:
        return label
    taken = known(setting, key) or known(setting, label) or known_function(key) is not None
    if taken or setting.names.capital(key) is not None or key in setting.names.gone:
        return None
    if key in setting.names.sizes or key in ("\\delta", "1", "I", "e", "\\mathbb{1}"):
        return None
    letters = [index_letter(item) for item in head.items]
    if any(letter is not None and letter[0].isascii() and letter[0].isalpha() and letter.islower()
           and len(letter) == 1 for letter in letters):  # fmt: skip
        return None
    return label


def _labelled(
    setting: Setting,
    head: s.Subscript,
    arguments: tuple[s.Expr, ...],
    items: tuple[s.Expr, ...],
    node: s.Node,
) -> Typed:
    r"""`p_\theta(x)`: as defined, or opaque in x and in what its label names."""
    label = _label_of(setting, head) or ""
    defined = setting.names.functions.get(label)
    if defined is not None:
        return apply_definition(setting, defined, arguments, items, node)
    if items:
        raise setting.error("a subscript on this function is not read", node)
    named = tuple(part for item in head.items for part in _parameters(setting, item))
    for part in named:
        setting.scalar(part, f"the parameter of {label}")
    return opaque(setting, label, arguments + named, 0, node)


def _objective(
    setting: Setting, symbol: t.Symbol, arguments: tuple[s.Expr, ...], node: s.Node
) -> Typed | None:
    """The objective when it is applied to just its outputs; None: an opaque function of scalars."""
    keys = frozenset(key_of(argument) or "" for argument in arguments)
    if setting.names.outputs.get(symbol.key, keys - {""}) == keys:
        return Typed(t.Variable(symbol))
    if any(setting.term(argument).shape for argument in arguments):
        raise setting.error(
            f"{symbol.latex or symbol.key} is applied to something else than its outputs", node
        )
    return None
