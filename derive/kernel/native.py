"""What modules of compiled kernels share: arguments, results into given arrays, threads."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from derive.errors import UnsupportedError
from derive.kernel.assumed import HOLDS, assumed_plan, checks_of_arrays
from derive.kernel.entries import Load, loads, sizes_in, subentries
from derive.kernel.front import ARRAY, NUMBER, SILENT, WANTED, Front, sequence
from derive.kernel.loops import Nest, nest_of
from derive.kernel.module import Functions, header, imports, joined
from derive.kernel.plan import Check, Plan, Result
from derive.kernel.products import PLACES, WHOLE, Names, Pieces, named_inside, without_products
from derive.kernel.shifting import centring, shifted
from derive.kernel.statements import exported
from derive.kernel.steps import Shifted

N = TypeVar("N", bound="Native")

TESTING = Names("dtype", "truth", "truth", "threads")


def native_module(
    functions: Functions[N], modules: Iterable[str], own: Sequence[str], package: str = ""
) -> str:
    """The module: its functions, their compiled code, what `own` adds, and the helpers.

    `modules` are imported; so is the third-party `package`, if any.
    """
    parts = functions.parts
    texts = [part.text() for part in parts]
    helpers = sorted({helper for part in parts for helper in part.texts.helpers})
    math = ["math"] if any("math." in helper for helper in helpers) else []
    top = imports([*modules, *math], f"{MISSING.format(package)}" if package else "")
    public = [*functions.public(), *(["warmup"] if package else [])]
    return joined(
        [
            f"{header(functions)}\n\n{top}\n{exported(public)}",
            *(part.fields() for part in parts),
            *texts,
            *own,
            *(piece for part in parts for each in part.compiling() for piece in each.compiled()),
            ARRAY,
            NUMBER if any(part.numbers for part in parts) else "",
            WANTED,
            RESULTS,
            PLACES if any(part.pieces for part in parts) else "",
            CALLS if any(part.repeats is not None for part in parts) else "",
            THREADS,
            *helpers,
        ]
    )


class Native(Front):
    """A function that checks its arguments in Python and computes in compiled code.

    A plan with matrix products is computed in `pieces`, each a function of its own, to which
    `narrow` gives the arrays of shifts (see `Shifted`): its means are shifted already.
    """

    options = (
        *Front.options,
        "out: dict[str, numpy.ndarray] | None = None,",
        "threads: int = 0,",
    )
    option_notes = (
        *Front.option_notes,
        "out: arrays that take results, by name; none may overlap another array",
        "threads: at most how many are used, 0 for one on each core",
    )

    def __init__(
        self, plan: Plan, function: str, version: str, narrow: frozenset[str] | None = None
    ) -> None:
        super().__init__(plan, function, version)
        self.narrow = narrow
        self.pieces: Pieces | None = None
        self.repeats: list[str] | None = None
        self.assumed = self._assumed(version) if narrow is None else None
        if narrow is None and not without_products(plan):
            whole = centring(plan)
            make = partial(type(self), version=version, narrow=whole.narrow)
            self.pieces = Pieces(self, whole.plan, make)
            return
        self.nest: Nest = nest_of(shifted(plan) if narrow is None else Shifted(plan, (), narrow))
        self.inside = {p.array: f"a_{self.names[p.array]}" for p in plan.parameters}
        arrays = [*(s.array for s in self.nest.sampled), *(s.array for s in self.nest.plan.steps)]
        for number, array in enumerate(arrays):
            base, _, part = array.partition(" ")
            known = f"_{self.names[base]}" if base in self.names else ""
            self.inside[array] = "_".join(filter(None, (f"v{number}{known}", part)))
        self.inside |= {r.array: f"o_{self.names[r.array]}" for r in plan.results}
        self.lengths = {size: f"n_{name}" for size, name in self.sizes.items()}
        self.repeats = self._repeats()

    def text(self) -> str:
        """The function."""
        body = "\n".join(textwrap.indent(part, "    ") for part in self._body())
        own = f"{self.signature()}\n{body}"
        return f"{own}\n\n\n{self.pieces.live()}" if self.pieces else own

    def kernels(self) -> list[str]:
        """The names of its compiled functions."""
        return self.pieces.kernels() if self.pieces else [self.function]

    def compiling(self) -> list[Native]:
        """Itself, and what tests the arrays that it is given."""
        return [self, self.assumed] if self.assumed else [self]

    def compiled(self) -> list[str]:
        """The code that computes."""
        raise NotImplementedError

    def call(self, names: Names = WHOLE) -> Iterator[str]:
        """The statements that run it."""
        raise NotImplementedError

    def kept(self, names: Names) -> str:
        """What takes the way to run it again, where that is remembered."""
        if names is TESTING:
            return "tested = "
        return "launch = " if self.repeats is not None and names is WHOLE else ""

    # ---- body -----------------------------------------------------------------------------------

    def _body(self) -> Iterator[str]:
        yield self.docstring()
        if self.repeats is not None:
            yield self._known(self.repeats)
        yield self.wanted()
        yield from self.validation()
        yield "threads = _threads(threads)"
        for name in (self.names[p.array] for p in self.saved if p.symbol.shape):
            yield f"{name} = {name}.astype(work, copy=False)"
        names = [self.names[p.array] for p in self.arrays]
        given = sequence(names) if names else "()"
        shapes = [f'    "{self.names[r.array]}": {self._lengths(r)},' for r in self.plan.results]
        yield "\n".join(["shapes = {", *shapes, "}"])
        yield from self._tested()
        yield from self.without_entries()
        made = sequence([f'"{name}"' for name in self._made()]) if self._made() else "()"
        yield f"given = _results(out, wanted, shapes, dtype, {given}, {made})"
        yield from self.pieces.lines() if self.pieces else self.call()
        if self.repeats is not None:
            yield (
                f"_remember(key, {given}, out, work.type, launch, given, dtype, wanted"
                f"{', tested' if self.assumed else ''})"
            )
        returned = [
            f'    given["{name}"] if "{name}" in wanted else None,' for name in self.results
        ]
        yield "\n".join([f"return {self.tuple}(", *returned, ")"])

    def _made(self) -> list[str]:
        """The results that are computed also where they are not wanted."""
        if self.pieces:
            return self.results
        read = {name for step in self.nest.plan.steps for name in loads(step.body)}
        return [self.names[r.array] for r in self.plan.results if r.array in read]

    # ---- calls like earlier ones ----------------------------------------------------------------

    def _repeats(self) -> list[str] | None:
        """What is to be tested again when all arrays are laid out as in an earlier call.

        None where entries of arrays have to be looked at.
        """
        numbers = {p.array for p in self.numbers}
        tests = []
        compiled = checks_of_arrays(self.plan) if self.assumed else []
        for check in (c for c in self.plan.checks if c not in compiled):
            entries = [e for step in check.steps for e in subentries(step.body)]
            read = {e.array for e in entries if isinstance(e, Load)}
            sized = any(sizes_in(step.body) for step in check.steps)
            if not read and not any(step.axes for step in check.steps):
                continue
            if len(check.steps) > 1 or sized or not read <= numbers:
                return None
            if not all(isinstance(e, SILENT) for e in entries):
                return None
            tests.append(self.every(check.steps[0]))
        return tests

    def _known(self, tests: list[str]) -> str:
        """The statements that compute at once where nothing but numbers is to be tested."""
        names = [self.names[p.array] for p in self.arrays]
        given = sequence(names) if names else "()"
        numbers = [self.names[p.array] for p in self.numbers]
        plain = "".join(f" and type({name}) is float" for name in numbers)
        lines = [
            f'key, call = _known("{self.function}", (want, precise, threads), {given}, out)',
            f"if call and not check_finite{plain}:",
            *(f"    {name} = call[0]({name})" for name in numbers),
        ]
        called = f"call[1]({given}, {sequence(numbers) if numbers else '()'}, out)"
        results = [f"return {self.tuple}(*{called})"]
        if self.assumed:
            results = [
                f"found = {called}",
                "if found is not None:",
                f"    return {self.tuple}(*found)",
            ]
        if tests:
            results = [f"if {' and '.join(tests)}:", *(f"    {line}" for line in results)]
        return "\n".join([*lines, *(f"    {line}" for line in results)])

    # ---- parts ----------------------------------------------------------------------------------

    def _lengths(self, result: Result) -> str:
        lengths = [self.texts.size(size) for size in result.form.target.shape]
        return sequence(lengths) if lengths else "()"

    def _assumed(self, version: str) -> Native | None:
        """What tests assumptions about arrays, where that can be compiled."""
        plan = assumed_plan(self.plan)
        if plan is None or not without_products(plan):
            return None
        try:
            part = type(self)(plan, f"{self.function}_assumed", version, frozenset())
        except UnsupportedError:
            return None
        named_inside(part, {p.array: self.names[p.array] for p in plan.parameters}, [HOLDS], self)
        return part

    def _tested(self) -> Iterator[str]:
        """The assumptions: which of those about arrays is violated, NumPy finds out."""
        if not self.assumed:
            yield from self._checked(self.plan.checks)
            return
        compiled = checks_of_arrays(self.plan)
        yield f'truth = {{"{HOLDS}": numpy.empty((), dtype)}}'
        yield from self.assumed.call(TESTING)
        yield f'if not truth["{HOLDS}"] > 0:'
        yield from (textwrap.indent(line, "    ") for line in self._checked(compiled))
        yield from self._checked([c for c in self.plan.checks if c not in compiled])

    def _checked(self, checks: Sequence[Check]) -> Iterator[str]:
        """Assumptions, in NumPy."""
        lines = [line for check in checks for line in self.check(check)]
        steps = [s for check in checks for s in check.steps]
        if not all(isinstance(e, SILENT) for s in steps for e in subentries(s.body)):
            lines = [textwrap.indent(line, "    ") for line in lines]
            yield 'with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):'
        yield from lines


MISSING = """try:
    import {0}
except ImportError as error:
    raise ImportError("this kernel needs {0}: pip install {0}") from error
"""

RESULTS = '''
def _results(out, wanted, shapes, dtype, arguments, made=()):
    """The arrays that results go to: the caller's, or new ones.

    Those neither wanted nor `made` anyway have no entries.
    """
    if out is not None and not isinstance(out, dict):
        raise ValueError(f"out: expected a dictionary of arrays, got {type(out).__name__}")
    given = dict(out or {})
    for name, value in given.items():
        if name not in wanted:
            raise ValueError(f"out: {name!r} is not one of the wanted {sorted(wanted)}")
        _usable(name, value, shapes[name], dtype)
        for other in (*arguments, *(v for k, v in given.items() if k != name)):
            if _overlap(value, other):
                raise ValueError(f"out: {name} overlaps another array")
    order = _order(arguments)
    for name, shape in shapes.items():
        if name not in given:
            shape = shape if name in wanted or name in made else (0,) * len(shape)
            given[name] = _fresh(shape, dtype, order)
    return {name: given[name] for name in shapes}


def _fresh(shape, dtype, order):
    """A new array; a large one begins where a line of the cache does."""
    size = _bytes(shape, dtype)
    if size < 1 << 20:
        return numpy.empty(shape, dtype, order)
    room = numpy.empty(size + 64, numpy.uint8)
    start = -room.__array_interface__["data"][0] % 64
    return numpy.ndarray(shape, dtype, room, start, None, order)


def _bytes(shape, dtype):
    size = dtype.itemsize
    for length in shape:
        size *= length
    return size


def _order(arguments):
    """Fortran's order of entries where all arguments have it, unless all have that of C."""
    turned = all([a.flags.f_contiguous for a in arguments])
    return "F" if turned and not all([a.flags.c_contiguous for a in arguments]) else "C"


def _usable(name, value, shape, dtype):
    """Refuse an array that cannot take a result."""
    if type(value) is not numpy.ndarray:
        raise ValueError(f"out: {name}: expected a NumPy array, got {type(value).__name__}")
    if value.shape != shape or value.dtype != dtype:
        raise ValueError(
            f"out: {name}: expected shape {shape} and {dtype}, got {value.shape} and {value.dtype}"
        )
    if not value.flags.writeable:
        raise ValueError(f"out: {name}: is read-only")
    if not value.size:
        return
    extent = value.itemsize
    for stride, length in sorted((abs(s), n) for s, n in zip(value.strides, shape) if n > 1):
        if stride < extent:
            raise ValueError(f"out: {name}: entries share memory")
        extent = stride * (length - 1) + extent
    if not value.flags.aligned or any(s % value.itemsize for s in value.strides):
        raise ValueError(f"out: {name}: entries are not aligned")


def _overlap(one, other):
    """Whether two arrays share memory, or may and nobody can tell."""
    if not isinstance(other, numpy.ndarray) or not numpy.may_share_memory(one, other):
        return False
    try:
        return numpy.shares_memory(one, other, max_work=100_000)
    except numpy.exceptions.TooHardError:
        return True


def _dense(value):
    """The array itself, or an aligned copy."""
    flags = value.flags
    if flags.aligned and (flags.c_contiguous or not any(s % value.itemsize for s in value.strides)):
        return value
    return numpy.array(value, order="C")
'''

CALLS = '''
_CALLS = {}


def _known(name, options, arrays, out):
    """The key of calls that differ in entries only, and how an earlier one was computed."""
    try:
        given = {} if out is None else out
        takers = tuple(given.values())
        every = (*arrays, *takers)
        about = [(a.__class__, a.dtype, a.shape, a.strides, a.flags.num) for a in every]
        key = (name, *options, options[-1].__class__, tuple(given), *about)
        call = _CALLS.get(key)
    except (AttributeError, TypeError):
        return None, None
    for k, taker in enumerate(takers, len(arrays)):
        if any([numpy.may_share_memory(taker, other) for other in every[:k]]):
            return None, None  # whether they do, and whether that is wrong, is a longer story
    return key, call


def _remember(key, arrays, out, real, launch, given, dtype, wanted, tested=None):
    """Keep how a call was computed and its arrays tested, if it took plain ones as they are."""
    if key is None or _known(key[0], key[1:4], arrays, out)[0] != key:
        return
    if not all([type(a) is numpy.ndarray and a.flags.aligned and a.flags.forc for a in arrays]):
        return
    order = _order(arrays)
    left = [k for k, name in enumerate(given) if name not in wanted]
    makes = [
        (name, result.shape, numpy.empty if _bytes(result.shape, dtype) < 1 << 20 else _fresh)
        for name, result in given.items()
    ]
    taken = frozenset(out or ())

    def again(arrays, numbers, out):
        if tested:
            holds = numpy.empty((), dtype)
            tested((*arrays, holds), numbers)
            if not holds > 0:
                return None
        made = [
            out[name] if name in taken else make(shape, dtype, order)
            for name, shape, make in makes
        ]
        launch((*arrays, *made), numbers)
        for k in left:
            made[k] = None
        return made

    if len(_CALLS) >= 256:
        _CALLS.clear()
    _CALLS[key] = real, again


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CALLS.clear)
'''

THREADS = '''
def _threads(wish):
    """How many threads to use."""
    if isinstance(wish, bool) or not isinstance(wish, (int, numpy.integer)) or wish < 0:
        raise ValueError(f"threads: expected a whole number from 0, got {wish!r}")
    if _FORKED:
        return 1  # the threads of the parent are not there any more
    if wish:
        return min(int(wish), 256)
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), 64)
    return min(os.cpu_count() or 1, 64)


_FORKED = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _FORKED.append(True))
'''
