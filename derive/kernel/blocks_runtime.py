"""The parts of emitted modules that run stages over blocks of rows, on several threads."""

SWEEP = '''
_BLOCK = 4 << 20  # bytes that one thread works on at a time: about what its caches hold
_WIDE = 4096  # entries of a row beyond twice which rows are cut, where columns allow it
_ALONE = 1 << 18  # entries below which handing work to other threads costs more than it saves


def _sweep(stage, setting, cut, whole, merge, streams, threads, repeated=None):
    """Run a stage over all rows, in blocks; its partial results, merged in order.

    `cut` are arrays of the rows, `whole` what is the same for all of them. Blocks depend on
    shapes only, so the results do not depend on the number of threads.
    """
    work = setting[1]
    whole = [value if value is None else numpy.asarray(value, work) for value in whole]
    length = len(cut[0])
    size = max([value.size for value in cut if value is not None])
    if size * streams * work.itemsize <= _BLOCK and length <= _most(work, merge):
        found = [None]
        stage(((0, 0, length),), found, length, *setting, *cut, *whole)
        return found[0]
    width = size // length
    if repeated is not None and width > 2 * _WIDE and cut[0].ndim > 1:
        return _strips(stage, setting, (cut, whole, repeated), merge, streams, threads)
    fold = 1 if repeated is None else _fold(length, width, cut, merge)
    pieces = [(cut, whole, 1)]
    if fold > 1:
        body = length - length % fold
        long = [value if value is None else _side_by_side(value[:body], fold) for value in cut]
        tiled = [
            numpy.concatenate([value] * fold) if k in repeated and value is not None else value
            for k, value in enumerate(whole)
        ]
        pieces = [(long, tiled, fold)]
        if body < length:
            rest = [value if value is None else value[body:] for value in cut]
            pieces.append((rest, whole, 1))
    results = [
        _blocks(stage, setting, piece, merge, streams * width, threads)
        for piece in pieces
    ]
    return [
        _merged(ufunc, [result[k] for result in results]) for k, ufunc in enumerate(merge)
    ]


def _strips(stage, setting, arrays, merge, streams, threads):
    """Run a stage over strips of columns that are independent, where rows are very long."""
    cut, whole, repeated = arrays
    length, long = cut[0].shape[:2]
    columns = max(1, _WIDE * length * long // cut[0].size)
    starts = range(0, long, columns)
    found = [None] * len(starts)
    todo = iter(list(enumerate(starts)))

    def job():
        for number, start in todo:
            own = slice(start, start + columns)
            pieces = [value if value is None else value[:, own] for value in cut]
            numbers = [
                value[own] if k in repeated and value is not None else value
                for k, value in enumerate(whole)
            ]
            width = streams * (pieces[0].size // length)
            found[number] = _blocks(stage, setting, (pieces, numbers, 1), merge, width, 1)

    _together(job, 1 if cut[0].size < _ALONE else min(threads, len(starts)))
    return [
        None if found[0][k] is None else numpy.concatenate([parts[k] for parts in found])
        for k in range(len(merge))
    ]


def _blocks(stage, setting, piece, merge, streams_of_row, threads):
    """Run a stage over rows of one length; its merged results, of single rows again."""
    cut, whole, fold = piece
    work, length = setting[1], len(cut[0])
    width = fold * streams_of_row
    rows = max(1, _BLOCK // (width * work.itemsize))
    rows = min(rows, length, _most(work, merge))
    count = -(-length // rows)
    chunk = max(rows * -(-count // 64), 16 if merge else 1)
    spans = [
        (k, start, min(start + chunk, length)) for k, start in enumerate(range(0, length, chunk))
    ]
    found = [None] * len(spans)
    todo = iter(spans)  # taking the next one is a single step for all threads
    threads = 1 if cut[0].size < _ALONE else min(threads, len(spans))
    _together(lambda: stage(todo, found, rows, *setting, *cut, *whole), threads)
    results = []
    for k, ufunc in enumerate(merge):
        value = _merged(ufunc, [parts[k] for parts in found])
        if fold > 1 and value is not None:
            value = ufunc.reduce(value.reshape((fold, -1) + value.shape[1:]), axis=0)
        results.append(value)
    return results


def _most(work, merge):
    """How many rows are added up before the sums go on in float64."""
    return 256 if merge and work.itemsize <= 4 else 1 << 24


def _merged(ufunc, parts):
    """Partial results as one, in their order."""
    total = parts[0]
    for part in parts[1:]:
        if part is not None:
            total = ufunc(total, part)
    return total


def _fold(length, width, arrays, merge):
    """How many short rows are treated as one long row: operations cost less on long ones.

    Sums of long rows take longer to go on in float64.
    """
    fold = (2048 if merge else 16384) // width
    plain = all(value is None or value.flags.c_contiguous for value in arrays)
    return fold if plain and fold > 1 and length >= 4 * fold else 1


def _side_by_side(value, fold):
    """Rows joined, `fold` at a time, along the first axis after the rows."""
    return value.reshape((len(value) // fold, fold * value.shape[1]) + value.shape[2:])


def _dot_of(one, other):
    return numpy.einsum("...k,...k->...", one, other)


_dot = getattr(numpy, "vecdot", _dot_of)  # NumPy 2 has it: sums along rows, in long lanes
'''
