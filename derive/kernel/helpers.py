"""Functions of emitted modules that compute with NumPy arrays, as texts: arguments and results."""

ARRAY = '''
def _array(name, value, rank, hollow=()):
    """A float32 or float64 array with `rank` axes; only `hollow` ones may have no entries."""
    if not isinstance(value, numpy.ndarray):
        raise ValueError(f"{name}: expected a NumPy array, got {type(value).__name__}")
    if isinstance(value, (numpy.matrix, numpy.ma.MaskedArray)):
        raise ValueError(f"{name}: expected a plain NumPy array, got {type(value).__name__}")
    if value.dtype not in (numpy.float32, numpy.float64):
        raise ValueError(f"{name}: expected dtype float32 or float64, got {value.dtype}")
    if value.ndim != rank:
        raise ValueError(f"{name}: expected {rank} axes, got shape {value.shape}")
    if 0 in value.shape and any(n == 0 and k not in hollow for k, n in enumerate(value.shape)):
        raise ValueError(f"{name}: every axis needs at least one entry, got shape {value.shape}")
    return numpy.asarray(value)
'''

NUMBER = '''
def _number(name, value, work):
    """A real number in the working dtype."""
    kinds = (int, float, numpy.integer, numpy.floating)
    if isinstance(value, numpy.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ValueError(f"{name}: expected a real number, got {type(value).__name__}")
    try:
        return work.type(value)
    except OverflowError:
        raise ValueError(f"{name}: too large for {work}") from None
'''

WANTED = '''
def _wanted(want, fields):
    """The set of results to compute."""
    try:
        names = {want} if isinstance(want, str) else set(want)
    except TypeError:
        names = set()
    if not names or names - set(fields):
        raise ValueError(f"want: expected some of {fields}, got {want!r}")
    return names
'''

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
'''

DENSE = '''
def _dense(value):
    """The array itself, or an aligned copy."""
    flags = value.flags
    if flags.aligned and (flags.c_contiguous or not any(s % value.itemsize for s in value.strides)):
        return value
    return numpy.array(value, order="C")
'''

CALLS = '''
_CALLS = {}


def _may_overlap(arrays, takers):
    """Whether a longer look is needed at what results are written over."""
    every = (*arrays, *takers)
    pairs = [(k, taker) for k, taker in enumerate(takers, len(arrays))]
    return any([numpy.may_share_memory(taker, one) for k, taker in pairs for one in every[:k]])


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
            if tested((*arrays, holds), numbers) is False or not holds > 0:
                return None
        made = [
            out[name] if name in taken else make(shape, dtype, order)
            for name, shape, make in makes
        ]
        if launch((*arrays, *made), numbers) is False:
            return None
        for k in left:
            made[k] = None
        return made

    if len(_CALLS) >= 256:
        _CALLS.clear()
    _CALLS[key] = real, again


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CALLS.clear)
'''

KNOWN = '''
def _known(name, options, arrays, out):
    """The key of calls like this one, and how an earlier one was computed."""
    try:
        takers = () if out is None else tuple(out.values())
        names = tuple(out) if takers else ()
        layout = {}
        key = (name, *options, options[-1].__class__, names, *layout)
        call = _CALLS.get(key)
    except (AttributeError, TypeError):
        return None, None
    return (None, None) if takers and _may_overlap(arrays, takers) else (key, call)
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

TOGETHER = '''
def _together(job, threads):
    """Run a job on several threads at once, this one included."""
    if threads == 1:
        job()
        return
    others = [_pool(threads - 1).submit(job) for _ in range(threads - 1)]
    try:
        job()
    finally:
        errors = [other.exception() for other in others]
    for error in filter(None, errors):
        raise error


_POOLS = {}


def _pool(threads):
    """Threads that wait for work."""
    if threads not in _POOLS:
        from concurrent.futures import ThreadPoolExecutor

        _POOLS[threads] = ThreadPoolExecutor(threads)
    return _POOLS[threads]
'''
