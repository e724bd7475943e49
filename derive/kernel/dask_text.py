"""The texts that every module for Dask has: checks, blocks, merges."""

from __future__ import annotations

CHECKS = '''
def _array(name, value, rank):
    """Refuse what is not a Dask array of real numbers with `rank` axes of known length."""
    if not isinstance(value, dask.array.Array):
        raise ValueError(f"{name}: expected a Dask array, got {type(value).__name__}")
    return _fitting(name, value, rank)


def _whole(name, value, rank):
    """A NumPy array as it is, or a Dask array as one block."""
    if not isinstance(value, (numpy.ndarray, dask.array.Array)):
        raise ValueError(f"{name}: expected a Dask or NumPy array, got {type(value).__name__}")
    return _fitting(name, value, rank)


def _fitting(name, value, rank):
    if value.dtype not in (numpy.float32, numpy.float64):
        raise ValueError(f"{name}: expected dtype float32 or float64, got {value.dtype}")
    if value.ndim != rank:
        raise ValueError(f"{name}: expected {rank} axes, got shape {value.shape}")
    if any(length != length for length in value.shape):
        raise ValueError(f"{name}: chunks of unknown length, call compute_chunk_sizes() first")
    if 0 in value.shape:
        raise ValueError(f"{name}: every axis needs at least one entry, got shape {value.shape}")
    return value
'''

NUMBER = '''
def _number(name, value):
    """A real number."""
    kinds = (int, float, numpy.integer, numpy.floating)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ValueError(f"{name}: expected a real number, got {type(value).__name__}")
    return float(value)
'''

BLOCKS = '''
def _cut(arrays):
    """Blocks along the axis that is cut, the same for all."""
    (first, axis), *others = arrays
    cuts = first.chunks[axis]
    found = []
    for value, axis in arrays:
        chunks = {k: cuts if k == axis else -1 for k in range(value.ndim)}
        value = value.rechunk(chunks)
        found.append(list(value.to_delayed().ravel()))
    return cuts, [list(each) for each in zip(*found)]


def _one(value):
    """An array as one delayed block."""
    if isinstance(value, numpy.ndarray):
        return value
    return value.rechunk(-1).to_delayed().item()


def _small(value, shape, dtype):
    """A delayed result that has no axis of blocks."""
    return dask.array.from_delayed(dask.delayed(numpy.asarray)(value, dtype), shape, dtype)


def _joined(blocks, cuts, axis, shape, dtype, place):
    """The array whose blocks stand at `place` of delayed tuples."""
    arrays = []
    for block, length in zip(blocks, cuts):
        own = tuple(length if k == axis else n for k, n in enumerate(shape))
        arrays.append(dask.array.from_delayed(block[place], own, dtype))
    return dask.array.concatenate(arrays, axis=axis)
'''

MERGE = '''
FAN_IN = 8


def _merged(parts, kinds):
    """The partial results of all blocks put together, in a tree, in the order of the blocks."""
    while len(parts) > 1:
        groups = [parts[k : k + FAN_IN] for k in range(0, len(parts), FAN_IN)]
        parts = [_MERGE(kinds, group) for group in groups]
    return parts[0]


def _put_together(kinds, group):
    """The results of one group of blocks."""
    columns = zip(kinds, zip(*group))
    return tuple(_FOLDS[kind](numpy.stack(column), axis=0) for kind, column in columns)


_FOLDS = {"sum": numpy.sum, "prod": numpy.prod, "max": numpy.max, "min": numpy.min}
_MERGE = dask.delayed(_put_together, pure=True)
'''
