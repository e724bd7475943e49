"""A plan as a standalone Python module whose loops numba compiles on first use."""

from __future__ import annotations

from collections.abc import Iterator

from derive.kernel.dialect import indented
from derive.kernel.front import sequence, version_of
from derive.kernel.module import functions_of
from derive.kernel.names import function_name
from derive.kernel.native import Native, native_module
from derive.kernel.numba_dialect import TYPES, NumbaDialect
from derive.kernel.plan import Plan
from derive.kernel.products import WHOLE, Names
from derive.kernel.writer import Written, write


def emit_numba(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with the function `name`, which computes the plan by numba.

    Its `warmup` compiles ahead of the first call. `version` is that of the prover, this
    installation's by default. Raises UsageError when the name is not an identifier,
    UnsupportedError for a function that numba has not.
    """
    functions = functions_of(_Function, plan, function_name(name), version or version_of())
    named = [f'    "{part.function}": {_listed(part.kernels())},' for part in functions.parts]
    tables = [
        "_LOOPS = {}  # for each kernel: sizes, numbers, arrays in and out, the loops",
        "\n".join(["_FUNCTIONS = {  # the kernels of each", *named, "}"]),
    ]
    own = [HELPERS, "\n".join(tables), LOADER]
    return native_module(functions, ("math", "os", "threading"), own, "numba")


def _listed(kernels: list[str]) -> str:
    return sequence([f'"{kernel}"' for kernel in kernels]) if kernels else "()"


class _Function(Native):
    def __init__(
        self, plan: Plan, function: str, version: str, narrow: frozenset[str] | None = None
    ) -> None:
        super().__init__(plan, function, version, narrow)
        self.dialect = NumbaDialect()
        if self.pieces:
            return
        self.written = write(self.nest, self.inside, self.lengths, self.dialect)

    def compiled(self) -> list[str]:
        if self.pieces:
            return self.pieces.compiled()
        factory = f"_{self.function}_loops"
        inner = [*self._function(self.written), "", "return kernel"]
        saved = {p.array for p in self.saved}
        given = [f"({len(p.symbol.shape)}, {p.array in saved})" for p in self.arrays]
        ends = [str(len(r.form.target.shape)) for r in self.plan.results]
        about = [
            f'_LOOPS["{self.function}"] = (',
            f"    {len(self.lengths)},",
            f"    {len(self.numbers)},",
            f"    {sequence(given) if given else '()'},",
            f"    {sequence(ends)},",
            f"    {factory},",
            ")",
        ]
        lines = [
            f"def {factory}(STORE, REAL):",
            '    """The loops for one pair of types."""',
            "    SIZE = numpy.dtype(STORE).itemsize",
            "",
            *indented(inner),
            "",
            "",
            *about,
        ]
        return [*self.dialect.helpers().split("\n\n\n"), "\n".join(lines)]

    def call(self, names: Names = WHOLE) -> Iterator[str]:
        bits = [f'("{n}" in {names.wanted}) * {1 << k}' for k, n in enumerate(self.results)]
        arrays = "".join(f"_dense({self.names[p.array]}), " for p in self.arrays)
        takers = "".join(f'{names.results}["{name}"], ' for name in self.results)
        numbers = "".join(f"float({self.names[p.array]}), " for p in self.numbers)
        sizes = "".join(f"{name}, " for name in self.sizes.values())
        yield "\n".join(
            [
                f"{self.kept(names)}_run(",
                f'    "{self.function}",',
                f"    ({names.dtype}.itemsize, work.itemsize),",
                f"    {names.threads},",
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


def _run(name, sizes, threads, whole, arrays, numbers):
    """Call the compiled loops; return what calls them for other arrays laid out alike.

    The threads of numba serve one caller at a time.
    """
    layout = "C" if all(array.flags.c_contiguous for array in arrays) else "A"
    threads = min(threads, numba.config.NUMBA_NUM_THREADS)
    several = threads > 1 and max(array.size for array in arrays) >= _SMALL
    function = _built(name, *sizes, layout, several)

    def alone(arrays, numbers):
        function(1, *whole, *arrays, *map(float, numbers))

    def together(arrays, numbers):
        with _LOCK:
            before = numba.get_num_threads()
            numba.set_num_threads(threads)
            try:
                function(threads, *whole, *arrays, *map(float, numbers))
            finally:
                numba.set_num_threads(before)

    launch = together if several else alone
    launch(arrays, numbers)
    return launch


def _built(name, store, real, layout, parallel):
    """The loops compiled for types, layout and threads, from the cache where there is one."""
    key = (name, store, real, layout, parallel)
    with _LOCK:
        if key not in _COMPILED:
            types = {4: numpy.float32, 8: numpy.float64}
            stored, working = (
                numba.from_dtype(numpy.dtype(types[size])) for size in (store, real)
            )
            sizes, scalars, given, ends, loops = _LOOPS[name]
            arrays = [
                numba.types.Array(working if saved else stored, rank, layout, readonly=True)
                for rank, saved in given
            ]
            arrays += [numba.types.Array(stored, rank, layout if rank else "C") for rank in ends]
            signature = numba.void(
                *[numba.int64] * (2 + sizes), *arrays, *[numba.float64] * scalars
            )
            # A module that is not a file, such as one typed in, has nowhere to keep a cache.
            cache = os.path.isfile(globals().get("__file__", ""))
            compiling = numba.njit(signature, parallel=parallel, cache=cache, **_OPTIONS)
            function = loops(types[store], types[real])
            # numba finds what it keeps on disk by name and types, not by its options.
            function.__qualname__ += "_parallel" * parallel
            _COMPILED[key] = compiling(function)
        return _COMPILED[key]


def warmup(dtypes=("float32", "float64"), *, precise=False, parallel=True, functions=None):
    """Compile ahead of the first call for arrays in C order, with threads and without.

    dtypes: one, such as "float32", or several
    functions: the names of one function or several of this module, all by default
    """
    names = [functions] if isinstance(functions, str) else list(functions or _FUNCTIONS)
    for name in names:
        if name not in _FUNCTIONS:
            raise ValueError(f"functions: expected some of {sorted(_FUNCTIONS)}, got {name!r}")
    wanted = list(dtypes) if isinstance(dtypes, (tuple, list)) else [dtypes]
    for dtype in wanted:
        if dtype not in ("float32", "float64", numpy.float32, numpy.float64):
            raise ValueError(f"dtypes: expected float32 or float64, got {dtype!r}")
    for name, kernel, dtype in ((n, k, d) for d in wanted for n in names for k in _FUNCTIONS[n]):
        store = numpy.dtype(dtype).itemsize
        for real in {store, 8} if precise else {store}:
            for each in (False, True) if parallel else (False,):
                _built(kernel, store if kernel == name else real, real, "C", each)
'''
