"""What modules of compiled kernels share: arguments, results into given arrays, threads."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from derive.errors import UnsupportedError
from derive.kernel.assumed import HOLDS, assumed_plan, checks_of_arrays
from derive.kernel.entries import Load, loads, sizes_in, subentries
from derive.kernel.front import SILENT, Front, sequence
from derive.kernel.helpers import (
    ARRAY,
    CALLS,
    DENSE,
    KNOWN,
    MISSING,
    NUMBER,
    RESULTS,
    THREADS,
    WANTED,
)
from derive.kernel.loops import Nest, nest_of
from derive.kernel.module import Functions, header, imports, joined
from derive.kernel.plan import Check, Plan, Result
from derive.kernel.products import PLACES, WHOLE, Names, Pieces, named_inside, without_products
from derive.kernel.shifting import centring, shifted
from derive.kernel.statements import exported
from derive.kernel.steps import Shifted
from derive.kernel.turned import turned

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
    repeats = any(part.repeats is not None for part in parts)
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
            DENSE,
            PLACES if any(part.pieces for part in parts) else "",
            *((CALLS, KNOWN.format(parts[0].alike)) if repeats else ()),
            THREADS,
            *helpers,
        ]
    )


class Native(Front):
    """A function that checks its arguments in Python and computes in compiled code.

    A plan with matrix products is computed in `pieces`, each a function of its own, to which
    `narrow` gives the arrays of shifts (see `Shifted`): its means are shifted already.
    """

    alike = "[(a.__class__, a.dtype, a.shape, a.strides, a.flags.num) for a in (*arrays, *takers)]"
    """What calls have in common that differ in entries only."""
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

    def orders(self) -> dict[str, Native]:
        """Whose loops suit arrays in the order of C, and if others do, in that of Fortran."""
        if self.pieces:
            return {}
        other = turned(self.plan)
        if other is None:
            return {"C": self}
        return {"C": self, "F": Native(other, self.function, self.version, self.narrow)}

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
        called = f"call[1]({given}, {sequence(numbers) if numbers else '()'}, out)"
        lines = [
            f"found = {called}",
            "if found is not None:",
            f"    return {self.tuple}(*found)",
        ]
        if tests:
            lines = [f"if {' and '.join(tests)}:", *(f"    {line}" for line in lines)]
        if numbers:
            rounded = ", ".join(f"call[0]({name})" for name in numbers)
            lines = [
                f"numbers, {', '.join(numbers)} = {sequence(numbers)}, {rounded}",
                *lines,
                f"{sequence(numbers)} = numbers",
            ]
        return "\n".join(
            [
                f'key, call = _known("{self.function}", (want, precise, threads), {given}, out)',
                f"if call and not check_finite{plain}:",
                *(f"    {line}" for line in lines),
            ]
        )

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
