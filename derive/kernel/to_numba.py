"""A plan as a standalone Python module whose loops numba compiles on first use."""

from __future__ import annotations

from collections.abc import Iterator

from derive.kernel.dialect import indented
from derive.kernel.front import sequence, version_of
from derive.kernel.names import function_name
from derive.kernel.native import Native
from derive.kernel.numba_dialect import TYPES, NumbaDialect
from derive.kernel.plan import Plan
from derive.kernel.writer import Written, write


def emit_numba(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with the function `name`, which computes the plan by numba.

    Its `warmup` compiles ahead of the first call. `version` is that of the prover, this
    installation's by default. Raises UsageError when the name is not an identifier,
    UnsupportedError for a function that numba has not.
    """
    return _Module(plan, function_name(name), version or version_of()).text()


class _Module(Native):
    imports = ("math", "os", "threading")

    def third_party(self) -> str:
        return "import numba\n"

    def public(self) -> str:
        return f'["Gradients", "{self.function}", "warmup"]'

    def compiled(self) -> list[str]:
        dialect = NumbaDialect()
        written = write(self.nest, self.inside, self.lengths, dialect)
        inner = [*self._function(written), "", "return kernel"]
        factory = [
            "def _kernel(STORE, REAL):",
            '    """The loops for one pair of types."""',
            "",
            *indented(inner),
        ]
        ranks = [str(len(p.symbol.shape)) for p in self.arrays]
        ends = [str(len(r.form.target.shape)) for r in self.plan.results]
        about = [
            f"_SIZES, _NUMBERS = {len(self.lengths)}, {len(self.numbers)}",
            f"_ARGUMENTS = {sequence(ranks) if ranks else '()'}",
            f"_TAKERS = {sequence(ends)}",
        ]
        return [
            HELPERS.strip(),
            dialect.helpers(),
            "\n".join(factory),
            "\n".join(about),
            LOADER.strip(),
        ]

    def call(self) -> Iterator[str]:
        bits = [f'("{name}" in wanted) * {1 << k}' for k, name in enumerate(self.results)]
        arrays = "".join(f"_dense({self.names[p.array]}), " for p in self.arrays)
        takers = "".join(f'given["{name}"], ' for name in self.results)
        numbers = "".join(f"float({self.names[p.array]}), " for p in self.numbers)
        sizes = "".join(f"{name}, " for name in self.sizes.values())
        yield "\n".join(
            [
                "_run(",
                "    (dtype.itemsize, work.itemsize),",
                "    threads,",
                f"    ({' + '.join(bits)}, {sizes}),",
                f"    ({arrays}{takers}),",
                f"    ({numbers}),",
                ")",
            ]
        )

    def _function(self, written: Written) -> Iterator[str]:
        names = ["threads", "want", *self.lengths.values()]
        names += [self.inside[p.array] for p in self.arrays]
        names += [self.inside[r.array] for r in self.plan.results]
        names += [self.inside[p.array] for p in self.numbers]
        yield f"def kernel({', '.join(names)}):"
        own = " + ".join(f"8.0 * max({b.size}, 1)" for b in written.private)
        body = [f"threads = _fitting(threads, {own})"] if own else []
        for name, kind in written.numbers.items():
            body.append(f"{name} = {TYPES[kind]}(0.0)")
        for b in written.buffers:
            if b.private:
                shape = f"(threads, max({b.size}, 1) + 16)"
                body.append(f"w_{b.name} = numpy.empty({shape}, {TYPES[b.kind]})")
            else:
                body.append(f"{b.name} = numpy.empty(max({b.size}, 1), {TYPES[b.kind]})")
        yield from indented([*body, *written.lines])


HELPERS = '''
_OPTIONS = {"fastmath": {"contract", "nsz"}, "error_model": "numpy", "nogil": True}


@numba.njit(**_OPTIONS)
def _fitting(threads, size):
    """As many threads as have their own sums in half a gigabyte."""
    while threads > 1 and threads * size > 536870912.0:
        threads //= 2
    return threads


@numba.njit(**_OPTIONS)
def _team(threads, turns, work):
    """How many threads share the turns of a loop."""
    worth = 1 if work < 65536 else min(threads, int(work / 32768))
    return max(1, min(threads, worth, turns))


@numba.njit(**_OPTIONS)
def _some(turns):
    """How many entries give a first guess of a mean."""
    return 16 if turns > 120 else (turns + 7) // 8
'''

LOADER = '''
_LOCK = threading.Lock()
_COMPILED = {}
_SMALL = 1 << 16


def _run(sizes, threads, whole, arrays, numbers):
    """Call the compiled loops; the threads of numba serve one caller at a time."""
    layout = "C" if all(array.flags.c_contiguous for array in arrays) else "A"
    threads = min(threads, numba.config.NUMBA_NUM_THREADS)
    if threads == 1 or max(array.size for array in arrays) < _SMALL:
        _built(*sizes, layout, False)(1, *whole, *arrays, *numbers)
        return
    function = _built(*sizes, layout, True)
    with _LOCK:
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            function(threads, *whole, *arrays, *numbers)
        finally:
            numba.set_num_threads(before)


def _built(store, real, layout, parallel):
    """The loops compiled for types, layout and threads, from the cache where there is one."""
    key = (store, real, layout, parallel)
    with _LOCK:
        if key not in _COMPILED:
            types = {4: numpy.float32, 8: numpy.float64}
            kind = numba.from_dtype(numpy.dtype(types[store]))
            arrays = [
                numba.types.Array(kind, rank, layout if rank else "C", readonly=given)
                for ranks, given in ((_ARGUMENTS, True), (_TAKERS, False))
                for rank in ranks
            ]
            signature = numba.void(
                *[numba.int64] * (2 + _SIZES), *arrays, *[numba.float64] * _NUMBERS
            )
            # A module that is not a file, such as one typed in, has nowhere to keep a cache.
            cache = os.path.isfile(globals().get("__file__", ""))
            compiling = numba.njit(signature, parallel=parallel, cache=cache, **_OPTIONS)
            _COMPILED[key] = compiling(_kernel(types[store], types[real]))
        return _COMPILED[key]


def warmup(dtypes=("float32", "float64"), *, precise=False, parallel=True):
    """Compile ahead of the first call for arrays in C order, with threads and without."""
    for dtype in dtypes:
        store = numpy.dtype(dtype).itemsize
        if numpy.dtype(dtype) not in (numpy.float32, numpy.float64):
            raise ValueError(f"dtypes: expected float32 or float64, got {dtype!r}")
        for real in {store, 8} if precise else {store}:
            for each in (False, True) if parallel else (False,):
                _built(store, real, "C", each)
'''
