"""The functions that emitted modules for JAX and for array API namespaces hold, as text.

Both share those that differ only in how they name the namespace.
"""

from __future__ import annotations

from collections.abc import Mapping

from derive.kernel.elementary import OF

SHARED = '''
def _nanmax({xp}value, axis=None):
    """The largest of the entries that are numbers."""
    low = _value({xp}-math.inf, value.dtype{device})
    return {ns}.max({ns}.where({ns}.isnan(value), low, value), axis=axis)


def _nanmin({xp}value, axis=None):
    """The smallest of the entries that are numbers."""
    high = _value({xp}math.inf, value.dtype{device})
    return {ns}.min({ns}.where({ns}.isnan(value), high, value), axis=axis)


def _close({xp}left, right):
    """Equality up to a hundred roundings."""
    within = 100 * {ns}.finfo(left.dtype).eps
    return {ns}.abs(left - right) <= within + within * {ns}.abs(right)


def _wanted(want, fields):
    """The names of the results to compute."""
    try:
        names = (want,) if isinstance(want, str) else tuple(want)
    except TypeError:
        names = ()
    if not names or any(name not in fields for name in names):
        raise ValueError(f"want: expected some of {{fields}}, got {{want!r}}")
    return names


def _axes(name, value, rank):
    """Refuse a shape without `rank` axes, or with one that is unknown or of length zero."""
    if value.ndim != rank:
        raise ValueError(f"{{name}}: expected {{rank}} axes, got shape {{tuple(value.shape)}}")
    if any(length is None or length != length for length in value.shape):
        raise ValueError(f"{{name}}: the length of an axis is unknown, got {{value.shape}}")
    if 0 in value.shape:
        raise ValueError(
            f"{{name}}: every axis needs at least one entry, got shape {{tuple(value.shape)}}"
        )


def _fits(name, value, expected, shown):
    """Refuse a shape that is not the expected one."""
    if tuple(value.shape) != expected:
        raise ValueError(
            f"{{name}}: expected shape {{shown}} = {{expected}}, got {{tuple(value.shape)}}"
        )
'''

ARRAY_API = '''
def _value(xp, value, work, device):
    """An array as it is, a Python number as an array of the working dtype."""
    if isinstance(value, (int, float)):
        return xp.asarray(value, dtype=work, device=device)
    return value


def _truth(xp, value, device):
    """A truth value as an array."""
    return xp.asarray(bool(value), dtype=xp.bool, device=device)


def _gather(xp, value, *index):
    """Entries picked one by one: index arrays that broadcast, counted from 0."""
    place, shape = 0, tuple(value.shape)
    for at, length in zip(index, shape, strict=True):
        place = place * length + at
    flat = xp.take(xp.reshape(value, (-1,)), xp.reshape(place, (-1,)), axis=0)
    return xp.reshape(flat, tuple(place.shape))


def _sum(xp, value, axis=None):
    """A sum, in float64 but where a library is known not to add entries one by one."""
    trees = (array_api_compat.is_torch_namespace, array_api_compat.is_jax_namespace)
    trees += (array_api_compat.is_cupy_namespace,)
    if value.dtype == xp.float64 or any(known(xp) for known in trees):
        return xp.sum(value, axis=axis)
    return xp.astype(xp.sum(value, axis=axis, dtype=xp.float64), value.dtype)


def _einsum(xp, subscripts, *operands):
    """Sums of products, two operands at a time, those with the smallest result first."""
    read, out = subscripts.split("->")
    held = list(zip(read.split(","), operands, strict=True))
    lengths = {k: n for names, value in held for k, n in zip(names, value.shape, strict=True)}

    def pair(chosen):
        rest = "".join(names for k, (names, _) in enumerate(held) if k not in chosen) + out
        names = dict.fromkeys("".join(held[k][0] for k in chosen))
        return "".join(name for name in names if name in rest)

    while len(held) > 1:
        places = [(i, j) for j in range(len(held)) for i in range(j)]
        best = min(places, key=lambda at: math.prod(lengths[k] for k in pair(at)))
        kept = pair(best)
        made = _product(xp, held[best[0]], held[best[1]], kept)
        held = [each for k, each in enumerate(held) if k not in best] + [made]
    names, value = _summed(xp, held[0], out)
    return _laid(xp, names, value, out)


def _product(xp, left, right, kept):
    """The names and the value of a product of two operands, the names not kept summed."""
    left = _summed(xp, left, kept + right[0])
    right = _summed(xp, right, kept + left[0])
    both = [name for name in left[0] if name in right[0]]
    over = "".join(name for name in both if name not in kept)
    batch = "".join(name for name in both if name in kept)
    rows = "".join(name for name in left[0] if name not in both)
    columns = "".join(name for name in right[0] if name not in both)
    first, second = _laid(xp, *left, batch + rows + over), _laid(xp, *right, batch + over + columns)
    names = batch + rows + columns
    if not batch:
        return names, xp.tensordot(first, second, axes=len(over))
    if not over:
        inner = (1,) * len(columns)
        first = xp.reshape(first, tuple(first.shape) + inner)
        inner = tuple(second.shape)[: len(batch)] + (1,) * len(rows)
        return names, first * xp.reshape(second, inner + tuple(second.shape)[len(batch) :])
    shape = tuple(first.shape)[: len(batch) + len(rows)] + tuple(second.shape)[
        len(batch) + len(over) :
    ]
    first = _folded(xp, first, (len(batch), len(rows), len(over)))
    second = _folded(xp, second, (len(batch), len(over), len(columns)))
    return names, xp.reshape(xp.matmul(first, second), shape)


def _folded(xp, value, groups):
    """The array with the axes of each group as one."""
    lengths = iter(tuple(value.shape))
    shape = tuple(math.prod(next(lengths) for _ in range(group)) for group in groups)
    return value if shape == tuple(value.shape) else xp.reshape(value, shape)


def _summed(xp, operand, kept):
    """An operand summed over the names that are not kept."""
    names, value = operand
    lost = tuple(k for k, name in enumerate(names) if name not in kept)
    left = "".join(name for name in names if name in kept)
    return (left, _sum(xp, value, axis=lost)) if lost else (names, value)


def _laid(xp, names, value, order):
    """The array with its axes in another order."""
    places = tuple(names.index(name) for name in order)
    return value if places == tuple(range(len(places))) else xp.permute_dims(value, places)


def _logdet(xp, matrix):
    """The logarithm of a determinant, which itself may be too large or too small."""
    sign, value = xp.linalg.slogdet(matrix)
    return xp.where(sign < 0, xp.full_like(value, math.nan), value)


def _detsign(xp, matrix):
    """The sign of a determinant, which itself may be too small."""
    return xp.linalg.slogdet(matrix)[0]


def _sigmoid(xp, x):
    """1 / (1 + exp(-x)) without overflow."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, xp.ones_like(e), e) / (1 + e)


def _erf(xp, x):
    """The error function, to a few ulps: polynomials up to |x| = 1 and from there on."""
    narrow = x.dtype == xp.float32
    inner, outer, most = (INNER_32, OUTER_32, 3.93) if narrow else (INNER_64, OUTER_64, 5.93)
    last = _value(xp, most, x.dtype, array_api_compat.device(x))
    size = xp.where(xp.abs(x) > most, last, xp.abs(x))
    if narrow:
        tail = xp.exp(_polynomial(outer, size))
    else:
        tail = xp.exp(-size * size) * _polynomial(outer, 1 / (size + 2))
    small = xp.where(size < 1, x, xp.zeros_like(x))
    near = small + small * _polynomial(inner, small * small)
    return xp.where(xp.isnan(x), x, xp.where(size < 1, near, xp.sign(x) * (1 - tail)))


def _polynomial(factors, x):
    """The polynomial with the given factors, the constant one first."""
    value = factors[-1] + 0 * x
    for factor in factors[-2::-1]:
        value = value * x + factor
    return value


def _quiet(xp):
    """NumPy says nothing of branches that are not taken."""
    if array_api_compat.is_numpy_namespace(xp):
        return xp.errstate(divide="ignore", invalid="ignore", over="ignore")
    return contextlib.nullcontext()


def _held(*values):
    """Whether arrays hold values now: not lazy ones, nor those that stand for any value."""
    jax = sys.modules.get("jax")
    return not any(
        array_api_compat.is_dask_array(value)
        or (jax is not None and isinstance(value, jax.core.Tracer))
        for value in values
    )


def _array(name, value, rank):
    """Refuse what is not an array of real numbers with `rank` axes, none of length zero."""
    if not array_api_compat.is_array_api_obj(value):
        raise ValueError(
            f"{name}: expected an array of an array API namespace, got {type(value).__name__}"
        )
    if type(value).__name__ in ("matrix", "MaskedArray"):
        raise ValueError(f"{name}: expected a plain array, got {type(value).__name__}")
    xp = array_api_compat.array_namespace(value)
    if value.dtype not in (xp.float32, xp.float64):
        raise ValueError(f"{name}: expected dtype float32 or float64, got {value.dtype}")
    _axes(name, value, rank)


def _alike(name, value, first, other):
    """Refuse a namespace, a dtype or a device that is not the first array's."""
    own, xp = (array_api_compat.array_namespace(each) for each in (value, other))
    if own is not xp:
        raise ValueError(f"{name}: of {own.__name__}, while {first} is of {xp.__name__}")
    if value.dtype != other.dtype:
        raise ValueError(f"{name}: dtype {value.dtype}, while {first} has {other.dtype}")
    devices = [array_api_compat.device(each) for each in (value, other)]
    if devices[0] != devices[1]:
        raise ValueError(f"{name}: on {devices[0]}, while {first} is on {devices[1]}")


def _number(name, value, first, other):
    """Refuse what is neither a real number that the dtype holds nor an array of one."""
    if array_api_compat.is_array_api_obj(value) and hasattr(value, "ndim"):
        _array(name, value, 0)
        _alike(name, value, first, other)
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: expected a real number, got {type(value).__name__}")
    most = float(array_api_compat.array_namespace(other).finfo(other.dtype).max)
    if most < abs(value) < math.inf:
        raise ValueError(f"{name}: too large for {other.dtype}")


def _finite(**values):
    """Refuse infinities and NaN."""
    for name, value in values.items():
        if isinstance(value, (int, float)):
            held = math.isfinite(value)
        elif not _held(value):
            raise ValueError(f"{name}: has no values yet, check_finite cannot look at them")
        else:
            xp = array_api_compat.array_namespace(value)
            held = bool(xp.all(xp.isfinite(value)))
        if not held:
            raise ValueError(f"{name}: holds a value that is not finite")
'''

JAX = '''
def _value(value, work):
    """An array as it is, a Python number as an array of the working dtype."""
    return jnp.asarray(value, work) if isinstance(value, (int, float)) else value


def _truth(value):
    """A truth value as an array."""
    return jnp.asarray(bool(value))


def _work(dtype):
    """The dtype that is computed in."""
    return jnp.promote_types(dtype, jnp.float32)


def _gather(value, *index):
    """Entries picked one by one."""
    return value[index]


def _einsum(subscripts, *operands):
    """Sums of products, in the precision of the operands on every device."""
    return jnp.einsum(subscripts, *operands, optimize=True, precision="highest")


def _logdet(matrix):
    """The logarithm of a determinant, which itself may be too large or too small."""
    sign, value = jnp.linalg.slogdet(matrix)
    return jnp.where(sign < 0, math.nan, value)


def _detsign(matrix):
    """The sign of a determinant, which itself may be too small."""
    return jnp.linalg.slogdet(matrix)[0]


def _array(name, value, rank):
    """Refuse what is not an array of real numbers with `rank` axes, none of length zero."""
    if not isinstance(value, jax.Array):
        raise ValueError(f"{name}: expected a JAX array, got {type(value).__name__}")
    if value.dtype not in (jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64):
        raise ValueError(f"{name}: expected a floating dtype, got {value.dtype}")
    _axes(name, value, rank)


def _alike(name, value, first, other):
    """Refuse a dtype that is not the first array's."""
    if value.dtype != other.dtype:
        raise ValueError(f"{name}: dtype {value.dtype}, while {first} has {other.dtype}")


def _number(name, value, other):
    """A real number, traced or not, in the dtype that is computed in."""
    held = value.dtype if hasattr(value, "dtype") else None
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not real and (held is None or value.shape or not jnp.issubdtype(held, jnp.floating)):
        raise ValueError(f"{name}: expected a real number, got {type(value).__name__}")
    work = _work(other.dtype)
    if real and float(jnp.finfo(work).max) < abs(value) < math.inf:
        raise ValueError(f"{name}: too large for {work}")
    return jnp.asarray(value).astype(work) if held is not None else value


def _held(*values):
    """Whether arguments hold values that this process can read: not while JAX traces."""
    arrays = [value for value in values if isinstance(value, jax.Array)]
    return not any(isinstance(a, jax.core.Tracer) or not a.is_fully_addressable for a in arrays)


def _finite(**values):
    """Refuse infinities and NaN."""
    for name, value in values.items():
        if not _held(value):
            raise ValueError(f"{name}: has no values yet, check_finite cannot look at them")
        with jax.ensure_compile_time_eval():
            if not jnp.isfinite(value).all():
                raise ValueError(f"{name}: holds a value that is not finite")


def _given(grad):
    """The gradient by an output, zeros where none is sent back."""
    if isinstance(grad, jax.custom_derivatives.SymbolicZero):
        return jnp.zeros(grad.shape, grad.dtype)
    return grad


def _unproved(name, given):
    """Refuse to be differentiated by an input whose gradient is not proved."""
    if given.perturbed:
        raise ValueError(f"{name}: is differentiated by, and no gradient is proved")


def _sent(grad, value):
    """A gradient in the dtype of the input, None where it is not needed."""
    return None if grad is None else grad.astype(jnp.result_type(value))
'''


def _shared(words: Mapping[str, str]) -> str:
    return SHARED.format_map(words)


STANDARD_HELPERS = (
    ARRAY_API
    + "\n"
    + _shared(
        {
            "xp": "xp, ",
            "ns": "xp",
            "device": ", array_api_compat.device(value)",
        }
    )
)
JAX_HELPERS = JAX + "\n" + _shared({"xp": "", "ns": "jnp", "device": ""})


def erf_constants() -> str:
    """The factors of the error function's polynomials, for both widths."""
    lines = list[str]()
    for size, width in OF.items():
        for name, factors in (("INNER", width.erf), ("OUTER", width.erfc)):
            rows = "".join(f"    {factor!r},\n" for factor in factors)
            lines.append(f"{name}_{8 * size} = (\n{rows})")
    return "\n".join(lines)
