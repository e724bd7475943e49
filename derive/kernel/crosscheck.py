"""An exported kernel against three witnesses: exact values, complex steps, central differences.

The exact value is the derivative itself, by dual numbers over fractions at the very floats that
the kernel got; neither it nor the differences know the closed form.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, assert_never

import numpy as np

from derive.errors import LimitError, UnsupportedError
from derive.kernel.backends import emitter
from derive.kernel.conversions import Arrays, arrays_of
from derive.kernel.forward import Forward
from derive.kernel.front import load_kernel, result_names
from derive.kernel.inputs import Case, cases
from derive.kernel.outputs import forward_name, forward_plan
from derive.kernel.plan import ClosedForm, Parameter, Plan
from derive.kernel.steps import DEFINITION
from derive.meaning import terms as t
from derive.oracle.evaluate import World, evaluate
from derive.oracle.exact import Surd
from derive.oracle.fields import ExactField
from derive.oracle.interval import Interval, UndefinedHere, Unresolved

Array = np.ndarray[Any, Any]
BITS = 256
EXACT = ExactField(BITS)
COMPLEX_STEP = 1e-30
CENTRAL_STEP = float(np.finfo(float).eps ** (1 / 3))
ZERO = Fraction(1, 2**160)
"""An exact gradient smaller than this share of the upstream one is an enclosed zero."""
WITHIN_ULPS = 4096.0
EXPONENTS = range(-18, 0)
MODES = (("float64", False), ("float32", False), ("float32", True))
"""Dtypes of the arguments, and whether the kernel is asked to be `precise`."""


@dataclass(frozen=True, slots=True)
class Row:
    """The largest error of one result, against each witness; None where a witness is silent.

    `dtype` is that of the arguments, `precise` added where the kernel computed in float64.
    In units of `numpy.spacing(max |exact|)` of the dtype. Where the exact gradient is zero
    throughout, the largest entry of the upstream gradient takes its place.
    """

    input: str
    shape: str
    dtype: str
    output: str
    exact: float | None
    complex_step: float | None
    central: float | None
    hard: bool


@dataclass(frozen=True, slots=True)
class StepError:
    """Errors of differences with step h, as a share of the largest entry of the gradient."""

    h: float
    central: float
    complex_step: float


@dataclass(frozen=True)
class CrossCheck:
    """The table of errors, the errors against step size, and what could not be tried."""

    rows: tuple[Row, ...]
    steps: tuple[StepError, ...]
    seconds: float
    silent: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        """The largest error against the exact value on inputs that are not hard, in ulps."""
        return max((r.exact for r in self.rows if r.exact is not None and not r.hard), default=0.0)

    @property
    def agrees(self) -> bool:
        """Whether some exact value was found, and none is missed by more than rounding."""
        tried = [r for r in self.rows if r.exact is not None and not r.hard]
        return bool(tried) and self.worst <= WITHIN_ULPS


def crosscheck(
    plan: Plan, forms: tuple[ClosedForm, ...] = (), seed: int = 0, backend: str = "numpy"
) -> CrossCheck:
    """Compare the emitted functions of a plan, in both dtypes, with the three witnesses.

    Outputs have the exact value for a witness only. `forms` limits the comparison to these closed
    forms; by default it is all of the plan's, and the outputs.
    """
    start = time.perf_counter()
    arrays = arrays_of(backend)
    source = emitter(backend)(plan, "kernel")
    comparing = _Comparing(
        plan, forms or tuple(r.form for r in plan.results), load_kernel(source, "kernel"), arrays
    )
    functions = [comparing, *([] if forms else _forward(plan, source, arrays))]
    rows = [
        row
        for dtype, precise in MODES
        if arrays.precise or not precise
        for case in cases(plan, dtype, seed)
        for function in functions
        for row in function.rows(case, np.dtype(dtype), precise)
    ]
    first = next(iter(cases(plan, "float64", seed)))
    steps = tuple(comparing.step_errors(first))
    seconds = time.perf_counter() - start
    silent = dict.fromkeys(note for function in functions for note in function.silent)
    return CrossCheck(tuple(rows), steps, seconds, tuple(silent))


def _forward(plan: Plan, source: str, arrays: Arrays) -> Iterator[_Comparing]:
    """The forward function of a module, if it has one."""
    name = forward_name("kernel")
    if f"def {name}(" in source:
        outputs = forward_plan(plan)
        forms = tuple(r.form for r in outputs.results)
        yield _Comparing(outputs, forms, load_kernel(source, name), arrays)


class _Comparing:
    def __init__(
        self,
        plan: Plan,
        forms: tuple[ClosedForm, ...],
        kernel: Callable[..., Any],
        arrays: Arrays,
    ) -> None:
        self.plan, self.forms, self.kernel, self.arrays = plan, forms, kernel, arrays
        self.names = result_names(plan)
        self.silent: list[str] = []

    def rows(self, case: Case, dtype: np.dtype[Any], precise: bool) -> Iterator[Row]:
        """One row for each result on one input."""
        computed = self._computed(case, precise)
        label = f"{dtype.name} precise" if precise else dtype.name
        shape = "×".join(str(n) for n in _largest(case).shape) or "scalar"
        for result in self.plan.results:
            if result.form not in self.forms:
                continue
            value = np.asarray(getattr(computed, self.names[result.array]))
            exact = self._heard("exact evaluation", exact_value, result.form, case)
            unit = _unit(exact if exact is not None else _fractions(value), case, dtype)
            imaginary, central = (
                self._heard(name, difference, result.form, case, None)
                if result.form.source != DEFINITION
                else None
                for name, difference in DIFFERENCES.items()
            )
            yield Row(
                input=case.name,
                shape=shape,
                dtype=label,
                output=self.names[result.array],
                exact=None if exact is None else _error(value, exact) / unit,
                complex_step=_apart(value, imaginary, unit),
                central=_apart(value, central, unit),
                hard=case.hard,
            )

    def _heard(self, witness: str, ask: Callable[..., Array], *about: Any) -> Array | None:
        """What a witness says, None (and a note) when it cannot say."""
        try:
            with np.errstate(all="ignore"):
                return ask(*about)
        except (UnsupportedError, LimitError, UndefinedHere, Unresolved) as silence:
            self.silent.append(f"{witness}: {silence}")
            return None

    def _computed(self, case: Case, precise: bool) -> Any:
        arguments = [_argument(p, case, self.plan.context) for p in self.plan.parameters]
        options = {"precise": precise} if self.arrays.precise else {}
        try:
            with np.errstate(all="ignore"):
                return self.arrays.call(self.kernel, arguments, **options)
        except (ValueError, ArithmeticError, RuntimeError) as error:
            raise UnsupportedError(
                f"the kernel refuses the inputs '{case.name}': {error}"
            ) from error

    def step_errors(self, case: Case) -> Iterator[StepError]:
        """The errors of both differences of the first gradient over a range of step sizes."""
        form = self.forms[0]
        exact = self._heard("exact evaluation", exact_value, form, case)
        if exact is None:
            return
        scale = float(max(abs(entry) for entry in exact.flat)) or 1.0
        for exponent in EXPONENTS:
            errors = list[float]()
            for name, difference in DIFFERENCES.items():
                found = self._heard(name, difference, form, case, 10.0**exponent)
                if found is None:
                    return
                errors.append(_error(found, exact) / scale)
            yield StepError(10.0**exponent, central=errors[1], complex_step=errors[0])


def _argument(parameter: Parameter, case: Case, context: t.Context) -> Array:
    """The value of an argument; what is saved is computed in float64 and rounded once."""
    key = parameter.symbol.key
    match parameter.kind:
        case "input":
            return case.inputs[key]
        case "upstream":
            return case.upstream[key]
        case "saved":
            wide = {name: value.astype(float) for name, value in case.inputs.items()}
            value = Forward(context, case.sizes, wide).name(key)
            return np.asarray(value).astype(_largest(case).dtype)
        case _:
            assert_never(parameter.kind)


# ---- witnesses ----------------------------------------------------------------------------------


def exact_value(form: ClosedForm, case: Case) -> Array:
    """The derivative at the floats of a case, as fractions within 2^-200 of it or closer.

    Of an output, its value.
    """
    objective, target = form.objective, form.target
    inputs = {key: _nested(value) for key, value in case.inputs.items()}
    upstream = {(objective.key, key): _nested(value) for key, value in case.upstream.items()}
    world = World(form.context, case.sizes, inputs, upstream)
    wanted: t.Term = t.Variable(target)
    if form.source != DEFINITION:
        wanted = t.Derivative(t.Variable(objective), target, (), "total")
    found = evaluate(wanted, world, over=EXACT)
    shape = tuple(size.value(case.sizes) for size in target.shape)
    flat = np.empty(math.prod(shape), dtype=object)
    flat[:] = [_fraction(entry) for entry in _flattened(found)]
    return flat.reshape(shape)


def complex_step(form: ClosedForm, case: Case, step: float | None) -> Array:
    """Im f(x + ih) / h for each entry, through the definitions as written."""
    h = step or COMPLEX_STEP

    def slope(objective: Objective, value: Array, at: tuple[int, ...], scale: float) -> float:
        moved = value.astype(complex)
        moved[at] += 1j * h * scale
        return float(np.imag(objective(moved)) / (h * scale))

    return _by_entries(form, case, slope)


def central_difference(form: ClosedForm, case: Case, step: float | None) -> Array:
    """(f(x + h) − f(x − h)) / 2h for each entry, through the definitions as written."""
    h = step or CENTRAL_STEP

    def slope(objective: Objective, value: Array, at: tuple[int, ...], scale: float) -> float:
        above, below = value.copy(), value.copy()
        above[at] += h * scale
        below[at] -= h * scale
        width = float(above[at] - below[at])
        return float(objective(above) - objective(below)) / width if width else math.nan

    return _by_entries(form, case, slope)


Objective = Callable[[Array], Any]
Slope = Callable[[Objective, Array, tuple[int, ...], float], float]
Difference = Callable[[ClosedForm, Case, float | None], Array]
DIFFERENCES: Mapping[str, Difference] = {
    "complex step": complex_step,
    "central differences": central_difference,
}


def _by_entries(form: ClosedForm, case: Case, slope: Slope) -> Array:
    inputs = {key: value.astype(float) for key, value in case.inputs.items()}
    key = form.target.key
    value = np.asarray(Forward(form.context, case.sizes, inputs).name(key)).astype(float)
    scale = float(np.std(value)) or float(np.max(np.abs(value))) or 1.0

    def objective(moved: Array) -> Any:
        forward = Forward(form.context, case.sizes, {**inputs, key: moved})
        return sum(
            np.sum(case.upstream[output.key].astype(float) * forward.name(output.key))
            for output in form.context.outputs[form.objective.key]
        )

    found = np.empty(value.shape)
    for at in np.ndindex(*value.shape):
        found[at] = slope(objective, value, at, scale)
    return found


# ---- exact numbers ------------------------------------------------------------------------------


def _nested(value: Array) -> Any:
    """An array as nested tuples of the fractions that its floats are."""
    if value.ndim == 0:
        return Fraction(float(value))
    return tuple(_nested(np.asarray(part)) for part in value)


def _flattened(array: Any) -> Iterator[Any]:
    if type(array) is tuple:
        for part in array:
            yield from _flattened(part)
    else:
        yield array


def _fraction(value: Any) -> Fraction:
    """The number, or the middle of its enclosure."""
    if isinstance(value, Surd):
        value = value.enclose(BITS)
    if isinstance(value, Interval):
        return (value.low + value.high) / 2
    return Fraction(value)


def _fractions(value: Array) -> Array:
    """The fractions that floats are; infinities and NaN become None."""
    flat = np.empty(value.size, dtype=object)
    flat[:] = [Fraction(float(v)) if math.isfinite(v) else None for v in value.flat]
    return flat.reshape(value.shape)


def _error(value: Array, exact: Array) -> float:
    """The largest absolute difference; infinite where either is no number."""
    worst = 0.0
    for computed, true in zip(value.flat, exact.flat, strict=True):
        if true is None or not math.isfinite(computed):
            return math.inf
        worst = max(worst, float(abs(Fraction(float(computed)) - true)))
    return worst


def _apart(value: Array, found: Array | None, unit: float) -> float | None:
    return None if found is None else _error(value, _fractions(found)) / unit


def _unit(exact: Array, case: Case, dtype: np.dtype[Any]) -> float:
    largest = max((abs(entry) for entry in exact.flat if entry is not None), default=Fraction(0))
    given = Fraction(max(float(np.max(np.abs(value))) for value in case.upstream.values()))
    if largest <= given * ZERO:
        largest = given
    return float(np.spacing(dtype.type(float(largest))))


def _largest(case: Case) -> Array:
    return max((*case.inputs.values(), *case.upstream.values()), key=lambda value: value.ndim)
