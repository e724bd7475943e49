"""Sums, products over an index, and cases: what binds an index and over which range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from derive.meaning import terms as t
from derive.meaning.extrema import extreme
from derive.meaning.names import children, key_of, walk
from derive.meaning.products import combine
from derive.meaning.ranges import Index, range_of
from derive.meaning.setting import Setting, Typed
from derive.meaning.shapes import broadcast, describe
from derive.meaning.subscripts import affine, condition, index_letter
from derive.reading import syntax as s


def big_operator(setting: Setting, node: s.BigOperator) -> Typed:
    r"""`\sum` or `\prod` over the indices below it; `\max` and `\min` over one."""
    if node.command in ("max", "min"):
        return extreme(setting, node)
    if not node.lower:
        raise setting.error(
            "this sum does not say what it runs over", node, advice="Write its index below it."
        )
    letters = _bound(setting, node)
    apart = _apart(node, letters) if node.command == "prod" else None
    if apart is not None:
        head, operator, tail = apart
        return combine(setting, operator, big_operator(setting, head), setting.term(tail), node)
    rename = dict(setting.rename)
    indices = [Index(_fresh(setting, letter, rename)) for letter in letters]
    given = _ranges(setting, node, letters)
    outside, setting.rename = setting.rename, rename
    for index, letter in zip(indices, letters, strict=True):
        _place(setting, node, index, letter, given)
    setting.indices.bind(indices)
    try:
        conditions = _conditions(setting, node)
        body = setting.term(node.body)
        bounds = tuple(range_of(index) for index in indices)
    finally:
        setting.indices.release(len(indices))
        setting.rename = outside
    return Typed(t.Sum(bounds, conditions, body.term, node.command == "prod"), body.row)


def _apart(
    node: s.BigOperator, letters: list[str]
) -> tuple[s.BigOperator, str, s.BigOperator] | None:
    r"""Where a product ends before another sign: `\prod_i x_i \prod_k y_k` is two products.

    The second one stands inside the first only if it depends on the first one's index.
    """
    body = node.body
    if not isinstance(body, s.Product) or len(body.factors) < 2:
        return None
    *before, last = body.factors
    if not isinstance(last, s.BigOperator) or last.command not in ("sum", "prod"):
        return None
    own = {
        key_of(item.members[0] or item if isinstance(item, s.Chain) else item)
        for item in last.lower
    }
    if not ({key_of(part) for part in walk(last)} - own).isdisjoint(letters):
        return None
    first = before[0] if len(before) == 1 else s.Product(tuple(before), body.operators[:-1])
    return replace(node, body=first), body.operators[-1], last


def _fresh(setting: Setting, letter: str, rename: dict[str, str]) -> str:
    """The letter, primed where an argument of the function being applied uses it too."""
    rename.pop(letter, None)
    if not setting.depth:
        return letter
    inner = letter
    while setting.indices.is_bound(inner) or inner in setting.indices.free:
        inner += "'"
    if inner != letter:
        rename[letter] = inner
    return inner


def _bound(setting: Setting, node: s.BigOperator) -> list[str]:
    letters: list[str] = []
    for item in node.lower:
        for letter in _letters_of(setting, item, node.body):
            if letter not in letters:
                letters.append(letter)
    if not letters:
        raise setting.error("this sum does not say what it runs over", node)
    return letters


def _letters_of(setting: Setting, item: s.Expr, body: s.Expr) -> Iterable[str]:
    """Letters that one item under a sum binds."""
    if not isinstance(item, s.Chain):
        return _plain_letters(setting, item)
    if range_in(item) is not None:
        return [index_letter(item.members[0] or item) or ""]
    sign = item.relations[0].sign
    if sign in ("\\neq", "\\ne") and _both(setting, item, body):
        return [x for m in item.members if m is not None for x in [index_letter(m)] if x]
    if sign in ("=", "\\neq", "\\ne"):
        first = item.members[0]
        letter = None if first is None else index_letter(first)
        return [] if letter is None else [letter]
    if sign == "\\in":
        raise setting.error(
            "a sum over a set is not read",
            item,
            "Declare a mask m of zeros and ones and write \\sum_i m_i x_i.",
        )
    around = setting.outer
    letters = [x for m in item.members if m is not None for x in [index_letter(m)] if x]
    return [
        x
        for x in letters
        if x not in around and not setting.indices.is_bound(x) and x not in setting.names.sizes
    ]


def _both(setting: Setting, item: s.Chain, body: s.Expr) -> bool:
    r"""Whether `\sum_{i \neq j}` is read as a sum over i and j.

    So it may be where j stands nowhere else, and what is summed is the same for i and j.
    """
    first = None if item.members[0] is None else index_letter(item.members[0])
    second = None if item.members[1] is None else index_letter(item.members[1])
    fixed = second is None or second in setting.loose or second in setting.names.sizes
    if fixed or second is None or setting.indices.is_bound(second) or len(item.members) > 2:
        return False
    if first is None or _shape(body, {}) != _shape(body, {first: second, second: first}):
        return False
    setting.met.add("pairs")
    return setting.choices.pairs == "both"


def _shape(node: s.Node, swap: dict[str, str], ordered: bool = False) -> object:
    """An expression up to the order of its factors and terms, with letters exchanged."""
    if isinstance(node, s.Name):
        return replace(node, letter=swap.get(node.letter, node.letter))
    below = [_shape(part, swap, isinstance(node, s.Subscript)) for part in children(node)]
    match node:
        case s.Product(operators=operators) if not ordered and not {*operators} - {"", "\\cdot"}:
            return "Product", sorted(below, key=repr)
        case s.Sum(signs=signs):
            whole = zip((sign or "+" for sign in signs), below, strict=True)
            return "Sum", sorted(whole, key=repr)
        case _:
            return (repr(node) if not below else _spelled(node)), below


def _spelled(node: s.Node) -> str:
    """What kind of node it is, and what it says beside the nodes below it."""
    values = (getattr(node, name) for name in node.__dataclass_fields__ if name != "span")
    return repr((type(node), [v for v in values if isinstance(v, str | bool | int)]))


def range_in(item: s.Expr) -> tuple[s.Expr, s.Expr] | None:
    r"""First and last value of `i \in \{1, \dots, N\}`; None when it is not written so."""
    match item:
        case s.Chain(
            members=(s.Name() as name, s.Group(opening="\\{", body=s.List(items=items))),
            relations=(s.Relation(sign="\\in"),),
        ) if index_letter(name) and any(isinstance(x, s.Dots) for x in items[1:-1]):
            return items[0], items[-1]
        case _:
            return None


def _plain_letters(setting: Setting, item: s.Expr) -> list[str]:
    parts = item.factors if isinstance(item, s.Product) else (item,)
    letters = [index_letter(part) for part in parts]
    if None in letters:
        raise setting.error("below a sum stand its indices", item)
    return [letter for letter in letters if letter is not None]


def _ranges(
    setting: Setting, node: s.BigOperator, letters: list[str]
) -> tuple[dict[str, t.Affine], t.Affine | None]:
    """First values as written under the sum, and the last value above it."""
    lows: dict[str, t.Affine] = {}
    for item in node.lower:
        written = range_in(item)
        if written is not None and isinstance(item, s.Chain):
            if len(node.lower) > 1 or node.upper is not None:
                raise setting.error("a range beside another one is not read", item)
            letter, low = index_letter(item.members[0] or item), affine(setting, written[0])
            if letter is None or low is None:
                raise setting.error("this range of a sum is not read", item)
            return {letter: low}, _limit(setting, written[1])
        if isinstance(item, s.Chain) and item.relations[0].sign == "=":
            first, second = item.members[0], item.members[1]
            letter = None if first is None else index_letter(first)
            low = None if second is None else affine(setting, second)
            if letter is None or low is None:
                raise setting.error("this range of a sum is not read", item)
            if node.upper is None and low.terms:
                raise setting.error(
                    "this sum says where it begins and not where it ends",
                    item,
                    "Write the last value above the sign.",
                )
            lows[letter] = low
    high = None
    if node.upper is not None:
        high = _limit(setting, node.upper)
        lows = {letter: next(iter(lows.values()), t.Affine.number(1)) for letter in letters} | lows
    return lows, high


def _limit(setting: Setting, expr: s.Expr) -> t.Affine:
    """The last value of a sum: a size, an index, or arithmetic on them."""
    key = key_of(expr)
    symbol = None if key is None else setting.names.symbols.get(key)
    if symbol is not None and not (key and setting.indices.is_bound(key)):
        raise setting.ill_typed(f"{key} is declared as a name and is no size", expr)
    high = affine(setting, expr)
    if high is None:
        raise setting.error("the upper limit of this sum is no size", expr)
    return high


def _place(
    setting: Setting,
    node: s.BigOperator,
    index: Index,
    letter: str,
    given: tuple[dict[str, t.Affine], t.Affine | None],
) -> None:
    """Give an index its range; one counted from 0 that indexes something counts from 1."""
    lows, high = given
    low = lows.get(letter)
    if low is None:
        return
    if low == t.Affine.number(0) and _indexes(node.body, letter):
        index.zero = True
        low = low + 1
        high = None if high is None else high + 1
    index.low = low
    if high is not None:
        index.bound = t.Bound(index.name, low, high)


def _indexes(body: s.Expr, letter: str) -> bool:
    return any(
        isinstance(node, s.Subscript)
        and any(index_letter(inner) == letter for item in node.items for inner in walk(item))
        for node in walk(body)
    )


def _conditions(setting: Setting, node: s.BigOperator) -> t.Condition:
    return tuple(
        comparison
        for item in node.lower
        if isinstance(item, s.Chain) and item.relations[0].sign not in ("=", "\\in")
        for comparison in condition(setting, item)
    )


def cases(setting: Setting, node: s.Cases) -> Typed:
    """Rows under one brace; a chain in a row stands for its first member."""
    rows: list[tuple[t.Term, t.Condition | None]] = []
    shape: t.Shape = ()
    for row in node.rows:
        value = row.value.members[0] if isinstance(row.value, s.Chain) else row.value
        if value is None:
            raise setting.error("a row of cases begins with a relation", node)
        typed = setting.term(value)
        common = broadcast(shape, typed.shape)
        if common is None:
            raise setting.ill_typed(
                f"rows of cases differ: {describe(shape)} and {describe(typed.shape)}", value
            )
        shape = common
        test = None if row.condition is None else condition(setting, row.condition)
        rows.append((typed.term, test))
    return Typed(t.Cases(tuple(rows), shape))
