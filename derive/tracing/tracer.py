"""What a traced function gets: arrays and sizes that remember what is done to them.

A `Tracer` answers NumPy's protocols (`__array_ufunc__`, `__array_function__`), so that the
function runs with its own `np`. A `Size` is a length as an integer of unknown value. What has no
formula for all sizes and values is an error at the user's line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from derive.tracing.build import Build, shown
from derive.tracing.functions import CONDITIONS, FUNCTIONS, METHODS, UFUNCS, VIEWS, Rule
from derive.tracing.indexing import indexed
from derive.tracing.nodes import Compared, Joined, Node
from derive.tracing.numbers import is_number
from derive.tracing.places import failed
from derive.tracing.polynomials import Polynomial, constant, sign_of


class Storage:
    """The memory of an array; `shared` once a view of it was taken."""

    shared = False


class Trace:
    """One run of a function: its nodes, and who wants to know of each step."""

    def __init__(self, watch: Callable[[], None] = lambda: None) -> None:
        self.build = Build()
        self.watch = watch

    def tracer(self, node: Node, storage: Storage | None = None) -> Tracer:
        """A handle on a node."""
        self.watch()
        return Tracer(self, node, storage or Storage())

    def size(self, value: Polynomial) -> Size | int:
        """A length as the function sees it: a plain number where it is one."""
        fixed = value.number
        return Size(self, value) if fixed is None else fixed


def plain(value: Any) -> Any:
    """An argument with nodes for tracers and polynomials for sizes; a dtype must be a float's."""
    match value:
        case Tracer():
            return value.node
        case Size():
            return value.value
        case tuple() | list():
            return type(value)(plain(item) for item in value)
        case type() | np.dtype():
            _check_dtype(value)
            return None
        case _:
            return value


def _check_dtype(kind: Any) -> None:
    if np.dtype(kind).kind != "f":
        raise failed(
            f"a conversion to {np.dtype(kind).name} changes values",
            advice="A formula is about real numbers; only float types are traced.",
        )


class Size:
    """A length: integer arithmetic stays a size, anything else becomes a number of the trace."""

    __slots__ = ("trace", "value")
    __array_priority__ = 1000

    def __init__(self, trace: Trace, value: Polynomial) -> None:
        self.trace = trace
        self.value = value

    def _number(self) -> Tracer:
        return self.trace.tracer(self.trace.build.node(self.value))

    def _with(self, other: Any, how: Callable[[Any, Any], Any], turned: bool = False) -> Any:
        """`how` of two lengths; with anything but an integer, of numbers."""
        if isinstance(other, int | np.integer) and not isinstance(other, bool):
            theirs = constant(int(other))
        elif isinstance(other, Size):
            theirs = other.value
        elif isinstance(other, Tracer) or is_number(other):
            mine = self._number()
            return how(other, mine) if turned else how(mine, other)
        else:
            return NotImplemented
        return self.trace.size(how(theirs, self.value) if turned else how(self.value, theirs))

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b, turned=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __neg__(self) -> Any:
        return self.trace.size(-self.value)

    def __pos__(self) -> Any:
        return self

    def __truediv__(self, other: Any) -> Any:
        return self._number() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self._number()

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, int) and 0 <= exponent <= 8:
            total = constant(1)
            for _ in range(exponent):
                total = total * self.value
            return self.trace.size(total)
        return self._number() ** exponent

    def __rpow__(self, base: Any) -> Any:
        return base ** self._number()

    def _refuse(self, *_: Any) -> NoReturn:
        raise failed(
            f"the size {self.value} has no value while the function is traced",
            advice=f"Calculate with it as it is, such as 1 / {self.value}; it cannot be a number, "
            "the end of a loop, or the shape of a new array (use zeros_like).",
        )

    __index__ = __int__ = __float__ = __floordiv__ = __mod__ = __rfloordiv__ = __rmod__ = _refuse
    __round__ = __trunc__ = __floor__ = __ceil__ = __divmod__ = _refuse

    def __bool__(self) -> bool:
        return self._compare(0, lambda sign: sign != 0)

    def _compare(self, other: Any, test: Callable[[int], bool]) -> bool:
        """A comparison that is the same for all sizes; otherwise an error."""
        theirs = other.value if isinstance(other, Size) else None
        if isinstance(other, int | np.integer):
            theirs = constant(int(other))
        if theirs is None:
            return bool(test(1)) if not is_number(other) else self._unknown(other)
        difference = self.value - theirs
        sign = sign_of(difference)
        if sign is None:
            least, most = difference.least, (-difference).least
            at_least = least is not None and least >= 0
            at_most = most is not None and most >= 0
            if at_least and test(0) == test(1):
                return test(0)
            if at_most and test(0) == test(-1):
                return test(0)
            return self._unknown(other)
        return test(sign)

    def _unknown(self, other: Any) -> NoReturn:
        theirs = other.value if isinstance(other, Size) else other
        raise failed(
            f"how {self.value} compares with {theirs} depends on the sizes",
            advice="A branch that depends on a size has no single formula.",
        )

    def __eq__(self, other: object) -> bool:
        return self._compare(other, lambda sign: sign == 0)

    def __ne__(self, other: object) -> bool:
        return self._compare(other, lambda sign: sign != 0)

    def __lt__(self, other: Any) -> bool:
        return self._compare(other, lambda sign: sign < 0)

    def __le__(self, other: Any) -> bool:
        return self._compare(other, lambda sign: sign <= 0)

    def __gt__(self, other: Any) -> bool:
        return self._compare(other, lambda sign: sign > 0)

    def __ge__(self, other: Any) -> bool:
        return self._compare(other, lambda sign: sign >= 0)

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return str(self.value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        numbers = [i._number() if isinstance(i, Size) else i for i in inputs]
        return self._number().__array_ufunc__(ufunc, method, *numbers, **options)


class Tracer(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the traced function; operators come from NumPy's mixin, through the ufuncs."""

    __slots__ = ("node", "storage", "trace")
    __array_priority__ = 1000

    def __init__(self, trace: Trace, node: Node, storage: Storage) -> None:
        self.trace = trace
        self.node = node
        self.storage = storage

    # ---- NumPy's protocols -----------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__
        rule = UFUNCS.get(name)
        if method == "reduce" and name == "add":
            over = {"axis": 0, **options}
            return self._call(FUNCTIONS[np.sum], inputs, over, f"np.{name}.reduce")
        if method != "__call__" or rule is None:
            dotted = name if method == "__call__" else f"{name}.{method}"
            raise failed(f"np.{dotted} is not traced")
        conditions = [isinstance(plain(i), Compared | Joined | bool | np.bool_) for i in inputs]
        if name in CONDITIONS and not all(conditions):
            raise failed(f"np.{name} is traced for conditions only")
        if all(conditions) and name in ("add", "multiply"):
            rule = UFUNCS["logical_or" if name == "add" else "logical_and"]
        out = options.pop("out", None)
        result = self._call(rule, inputs, options, f"np.{name}")
        return result if out is None else self._written(out, result)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = f"{func.__module__}.{func.__name__}".replace("numpy", "np", 1)
        if func is np.shape:
            return self.shape
        if func is np.ndim:
            return self.ndim
        if func is np.size:
            return self.size if len(args) < 2 else self.shape[args[1]]
        rule = FUNCTIONS.get(func)
        if rule is None:
            raise failed(f"{name} is not traced")
        return self._call(rule, args, kwargs, name, view=func in VIEWS)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise failed(
            "a traced array has no numbers to make an array of",
            advice="Leave out np.asarray and np.array, and write no entry of another array.",
        )

    def _call(self, rule: Rule, args: Any, options: Any, name: str, view: bool = False) -> Tracer:
        """The result of a rule; what it does not know is an error that names the function."""
        given = {key: plain(value) for key, value in options.items()}
        if given.pop("out", None) is not None:
            raise failed(f"{name} with out= writes into an array")
        if given.pop("casting", "same_kind") not in ("same_kind", "safe"):
            raise failed(f"{name} with casting= may change values")
        given = {key: value for key, value in given.items() if (key, value) != ("dtype", None)}
        try:
            node = rule(self.trace.build, *(plain(a) for a in args), **given)
        except TypeError as problem:
            raise failed(f"{name} is not traced with these arguments: {problem}") from None
        if view:
            self.storage.shared = True
        return self.trace.tracer(node, self.storage if view else None)

    def _written(self, out: Any, result: Tracer) -> Tracer:
        """`a += b`: the array itself takes the new value, for every name that it has."""
        (target,) = out if isinstance(out, tuple) else (out,)
        if not isinstance(target, Tracer):
            raise failed("out= writes into an array that is not traced")
        if target.storage.shared:
            raise failed(
                "a write in place changes a view of the same array too",
                advice="Write a = a + b in place of a += b.",
            )
        if isinstance(target.node, Compared | Joined):
            raise failed("a condition is not changed in place")
        if not target.node.shape:
            return result
        if result.node.shape != target.node.shape:
            wide, narrow = shown(result.node.shape), shown(target.node.shape)
            raise failed(f"a result of shape {wide} does not fit into one of shape {narrow}")
        target.node = result.node
        return target

    # ---- attributes ------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[Size | int, ...]:
        return tuple(self.trace.size(length) for length in self.node.shape)

    @property
    def ndim(self) -> int:
        return len(self.node.shape)

    @property
    def size(self) -> Size | int:
        return self.trace.size(Build.length(self.node.shape, range(self.ndim)))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(bool if isinstance(self.node, Compared | Joined) else float)

    @property
    def T(self) -> Tracer:  # noqa: N802 - NumPy's name
        return self._view(np.transpose)

    def _view(self, function: Any, *arguments: Any) -> Tracer:
        result: Tracer = self.__array_function__(function, (), (self, *arguments), {})
        return result

    def transpose(self, *axes: Any) -> Tracer:
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return self._view(np.transpose, given)

    def reshape(self, *shape: Any, order: str = "C") -> Tracer:
        if order != "C":
            raise failed("only reshapes in C order are traced")
        return self._view(np.reshape, shape[0] if len(shape) == 1 else shape)

    def flatten(self) -> Tracer:
        return self.trace.tracer(FUNCTIONS[np.ravel](self.trace.build, self.node))

    def astype(self, dtype: Any, copy: bool = True) -> Tracer:
        _check_dtype(dtype)
        return self.trace.tracer(self.trace.build.node(self.node))

    def __getattr__(self, name: str) -> Any:
        function = METHODS.get(name)
        if function is None:
            raise AttributeError(f"ndarray.{name} is not traced")
        return lambda *args, **options: self.__array_function__(
            function, (), (self, *args), options
        )

    # ---- entries ---------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Tracer:
        node = indexed(self.trace.build, self.node, plain(key))
        parts = key if isinstance(key, tuple) else (key,)
        if not node.shape and not any(part is Ellipsis for part in parts):
            # One entry is a number, not a view.
            return self.trace.tracer(node)
        self.storage.shared = True
        return self.trace.tracer(node, self.storage)

    def __iter__(self) -> Iterator[Tracer]:
        lengths = self.node.shape
        fixed = lengths[0].number if lengths else None
        if fixed is None:
            where = f"of length {lengths[0]}" if lengths else "without axes"
            raise failed(f"a loop over an axis {where} has no single formula")
        return iter([self[k] for k in range(fixed)])

    def __len__(self) -> int:
        fixed = self.node.shape[0].number if self.node.shape else None
        if fixed is None:
            raise failed("len() gives no symbolic size here", advice="Write x.shape[0].")
        return fixed

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise failed(
            "a write into a part of an array is not traced",
            advice="Build the whole array at once, such as np.where(condition, a, b).",
        )

    # ---- what a symbolic array cannot be -----------------------------------------------------

    def __bool__(self) -> NoReturn:
        raise failed(
            "a branch depends on the values of an array",
            advice="Both sides need a formula: np.where(condition, a, b).",
        )

    def _no_number(self, *_: Any) -> NoReturn:
        raise failed("a traced array is no number", advice="Calculate with it as it is.")

    __float__ = __int__ = __index__ = __complex__ = _no_number
    __round__ = __trunc__ = __floor__ = __ceil__ = _no_number
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<traced array of shape {shown(self.node.shape)}>"
