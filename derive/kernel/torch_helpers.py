"""The functions that an emitted module for PyTorch holds beside its formulas, as text."""

VALUES = '''
def _work(dtype):
    """The dtype that is computed in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _value(value, work, device):
    """A tensor as it is, a Python number as a tensor of the working dtype."""
    if isinstance(value, torch.Tensor):
        return value
    return torch.full((), value, dtype=work, device=device)


def _truth(value, device):
    """A truth value as a tensor."""
    if isinstance(value, torch.Tensor):
        return value.to(torch.bool)
    return torch.full((), bool(value), dtype=torch.bool, device=device)


def _prod(value, dim=None):
    """The product over one axis or several."""
    axes = range(value.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    for axis in sorted(axes, reverse=True):
        value = torch.prod(value, dim=axis)
    return value


def _nanmax(value, dim=()):
    """The largest of the entries that are numbers."""
    return torch.amax(torch.where(torch.isnan(value), -math.inf, value), dim=dim)


def _nanmin(value, dim=()):
    """The smallest of the entries that are numbers."""
    return torch.amin(torch.where(torch.isnan(value), math.inf, value), dim=dim)


def _close(left, right):
    """Equality up to a hundred roundings."""
    within = 100 * torch.finfo(torch.promote_types(left.dtype, right.dtype)).eps
    return torch.isclose(left, right, rtol=within, atol=within)


def _wide(matrix):
    """A matrix in float64, where its device has that."""
    return matrix if matrix.device.type == "mps" else matrix.to(torch.float64)


def _inverse(matrix):
    """The inverse of a matrix."""
    return torch.linalg.inv(_wide(matrix)).to(matrix.dtype)


def _det(matrix):
    """The determinant of a matrix."""
    return torch.linalg.det(_wide(matrix)).to(matrix.dtype)


def _logdet(matrix):
    """The logarithm of a determinant, which itself may be too large or too small."""
    return torch.logdet(_wide(matrix)).to(matrix.dtype)


def _detsign(matrix):
    """The sign of a determinant, which itself may be too small."""
    return torch.linalg.slogdet(_wide(matrix))[0].to(matrix.dtype)
'''

CHECKS = '''
def _tensor(name, value, rank):
    """Refuse what is not a tensor of real numbers with `rank` axes, none of length zero."""
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"{name}: expected a tensor, got {type(value).__name__}")
    if value.layout != torch.strided:
        raise ValueError(f"{name}: expected a dense tensor, got {value.layout}")
    if value.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise ValueError(f"{name}: expected a floating dtype, got {value.dtype}")
    if value.ndim != rank:
        raise ValueError(f"{name}: expected {rank} axes, got shape {tuple(value.shape)}")
    if 0 in value.shape:
        raise ValueError(
            f"{name}: every axis needs at least one entry, got shape {tuple(value.shape)}"
        )


def _alike(name, value, first, other):
    """Refuse a dtype or a device that is not the first tensor's."""
    if value.dtype != other.dtype:
        raise ValueError(f"{name}: dtype {value.dtype}, while {first} has {other.dtype}")
    if value.device != other.device:
        raise ValueError(f"{name}: on {value.device}, while {first} is on {other.device}")


def _fits(name, value, expected, shown):
    """Refuse a shape that is not the expected one."""
    if tuple(value.shape) != expected:
        raise ValueError(
            f"{name}: expected shape {shown} = {expected}, got {tuple(value.shape)}"
        )


def _number(name, value, dtype):
    """Refuse what is not a real number that the working dtype holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: expected a real number, got {type(value).__name__}")
    if torch.finfo(_work(dtype)).max < abs(value) < math.inf:
        raise ValueError(f"{name}: too large for {_work(dtype)}")


def _finite(**values):
    """Refuse infinities and NaN."""
    for name, value in values.items():
        held = value.isfinite().all() if isinstance(value, torch.Tensor) else math.isfinite(value)
        if not held:
            raise ValueError(f"{name}: holds a value that is not finite")


def _wanted(want, fields):
    """The names of the results to compute."""
    try:
        names = (want,) if isinstance(want, str) else tuple(want)
    except TypeError:
        names = ()
    if not names or any(name not in fields for name in names):
        raise ValueError(f"want: expected some of {fields}, got {want!r}")
    return names
'''

MERGES = '''
def _member(group):
    """Refuse to start without a group that this process belongs to."""
    if not distributed.is_available() or not distributed.is_initialized():
        raise ValueError("group: torch.distributed is not initialised")
    if distributed.get_rank(group) < 0:
        raise ValueError("group: this process does not belong to it")


def _reduced(group, operation, values):
    """Each value merged over the group, in one all-reduce; None stays None."""
    held = [value for value in values if value is not None]
    if not held:
        return values
    packed = torch.cat([value.reshape(-1).to(torch.float64) for value in held])
    distributed.all_reduce(packed, op=operation, group=group)
    pieces = zip(packed.split([value.numel() for value in held]), held)
    whole = iter([piece.reshape(value.shape).to(value.dtype) for piece, value in pieces])
    return tuple(None if value is None else next(whole) for value in values)


def _summed(group, *values):
    """Sums over the group."""
    return _reduced(group, distributed.ReduceOp.SUM, values)


def _counted(group, device, rows, *values):
    """The number of rows of the group, and sums over it."""
    own = torch.tensor(rows, dtype=torch.float64, device=device)
    found = _reduced(group, distributed.ReduceOp.SUM, (own, *values))
    return (int(found[0]), *found[1:])


def _multiplied(group, *values):
    """Products over the group."""
    return _reduced(group, distributed.ReduceOp.PRODUCT, values)


def _largest(group, *values):
    """The largest over the group, NaN where a process has NaN."""
    held = [value for value in values if value is not None]
    lost = [torch.isnan(value) for value in held]
    filled = [torch.where(gone, -math.inf, value) for gone, value in zip(lost, held)]
    found = _reduced(group, distributed.ReduceOp.MAX, (*filled, *lost))
    pairs = zip(found, found[len(held) :])
    whole = iter([torch.where(gone, math.nan, value) for value, gone in pairs])
    return tuple(None if value is None else next(whole) for value in values)


def _smallest(group, *values):
    """The smallest over the group, NaN where a process has NaN."""
    found = _largest(group, *(None if value is None else -value for value in values))
    return tuple(None if value is None else -value for value in found)


def _share(value, group, average):
    """A gradient by an argument that all processes share."""
    return value / distributed.get_world_size(group) if average else value
'''
