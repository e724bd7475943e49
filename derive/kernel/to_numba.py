"""A plan as a standalone Python module whose loops numba compiles on first use."""

from __future__ import annotations

from collections.abc import Iterator

from derive.kernel.columns import separable
from derive.kernel.dialect import indented
from derive.kernel.front import sequence, version_of
from derive.kernel.helpers import TOGETHER
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
    named = [f'    "{part.function}": {part.about()},' for part in functions.parts]
    tables = [
        "# For each kernel: how many sizes and numbers, arrays, results, weight of a turn,\n"
        "# which size is that of independent columns, what makes its loops.\n_LOOPS = {}",
        "\n".join(["_FUNCTIONS = {  # results, kernels, what is computed for some", *named, "}"]),
    ]
    own = [HELPERS, "\n".join(tables), LOADER, TOGETHER]
    return native_module(functions, ("math", "os", "sys", "threading"), own, "numba")


def _listed(kernels: list[str]) -> str:
    return sequence([f'"{kernel}"' for kernel in kernels]) if kernels else "()"


class _Function(Native):
    def __init__(
        self, plan: Plan, function: str, version: str, narrow: frozenset[str] | None = None
    ) -> None:
        super().__init__(plan, function, version, narrow)
        self.dialect = NumbaDialect()
        self.natives = self.orders()
        self.splits = {order: separable(native.plan) for order, native in self.natives.items()}
        self.written = {order: self._written(order) for order in self.natives}

    def about(self) -> str:
        """Its entry in the table of functions."""
        needs = self.pieces.needs if self.pieces else "set"
        kernels = [kernel for each in self.compiling() for kernel in each.kernels()]
        return f"({self.tuple}._fields, {_listed(kernels)}, {needs})"

    def compiled(self) -> list[str]:
        if self.pieces:
            return self.pieces.compiled()
        return [*self.dialect.helpers().split("\n\n\n"), *map(self._loops, self.natives)]

    def _written(self, order: str) -> Written:
        """The loops for one order of the axes."""
        native, split = self.natives[order], self.splits[order]
        axes = split.axes if split else {}
        self.dialect.columns = {native.inside[a]: k for a, k in axes.items() if a in native.inside}
        return write(native.nest, native.inside, native.lengths, self.dialect)

    def _loops(self, order: str) -> str:
        """What makes the loops for one order of the axes, and what is known of it."""
        key = "_turned" if order == "F" else ""
        native, split, written = self.natives[order], self.splits[order], self.written[order]
        place = list(native.lengths).index(split.size) if split else None
        factory = f"_{self.function}_loops{key}"
        inner = [*self._function(native, written), "", "return kernel"]
        saved = {p.array for p in native.saved}
        given = [f"({len(p.symbol.shape)}, {p.array in saved})" for p in native.arrays]
        ranks = [len(r.form.target.shape) for r in native.plan.results]
        ends = [f'("{n}", {rank})' for n, rank in zip(self.results, ranks, strict=True)]
        about = [
            f'_LOOPS["{self.function}{key}"] = (',
            f"    {len(native.lengths)},",
            f"    {len(native.numbers)},",
            f"    {sequence(given) if given else '()'},",
            f"    {sequence(ends)},",
            f"    {written.weight},",
            f"    {place},",
            f"    {factory},",
            ")",
        ]
        lines = [
            f"def {factory}(STORE, REAL, WANT):",
            '    """The loops for one pair of types and some results, which are bits of WANT."""',
            "    SIZE, WITHIN = numpy.dtype(STORE).itemsize, 100 * float(numpy.finfo(STORE).eps)",
            "",
            *indented(inner),
            "",
            "",
            *about,
        ]
        return "\n".join(lines)

    def call(self, names: Names = WHOLE) -> Iterator[str]:
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
                f"    {names.wanted},",
                f"    ({sizes}),",
                f"    ({arrays}{takers}),",
                f"    ({numbers}),",
                ")",
            ]
        )

    def _function(self, native: Native, written: Written) -> Iterator[str]:
        names = ["threads", "first", *native.lengths.values()]
        names += [native.inside[p.array] for p in native.arrays]
        names += [native.inside[r.array] for r in native.plan.results]
        names += [native.inside[p.array] for p in native.numbers]
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
    worth = 1 if work < 131072 else min(threads, int(work / 32768))
    return max(1, min(threads, worth, turns))


@numba.njit(**_OPTIONS)
def _some(turns):
    """How many entries give a first guess of a mean."""
    return 16 if turns > 120 else (turns + 7) // 8
'''

LOADER = '''
_LOCK = threading.Lock()
_COMPILED = {}
_SMALL = 1 << 17


def _run(name, types, threads, wanted, sizes, arrays, numbers):
    """Call the compiled loops; return what calls them for other arrays laid out alike.

    The threads of numba serve one caller at a time.
    """
    layout = "C" if all(array.flags.c_contiguous for array in arrays) else "A"
    other = f"{name}_turned"
    swapped = layout == "A" and other in _LOOPS and all(a.flags.f_contiguous for a in arrays)
    if swapped:
        name, layout = other, "C"
    threads = min(threads, numba.config.NUMBA_NUM_THREADS)
    weight, place = _LOOPS[name][4:6]
    columns = 0 if place is None or layout == "A" else sizes[place]
    width = _width(columns, arrays, threads) if columns else 0
    work = max(array.size for array in arrays) * weight
    several = threads > 1 and work >= _SMALL and not width
    function = _built(name, *types, layout, several, _asked(name, wanted))

    def alone(arrays, numbers):
        function(1, 0, *sizes, *arrays, *map(float, numbers))

    def together(arrays, numbers):
        with _LOCK:
            before = numba.get_num_threads()
            numba.set_num_threads(threads)
            try:
                function(threads, 0, *sizes, *arrays, *map(float, numbers))
            finally:
                numba.set_num_threads(before)

    def apart(arrays, numbers):
        todo = iter(range(0, columns, width))  # taking the next one is a single step
        rest = (*sizes[place + 1 :], *arrays, *map(float, numbers))

        def job():
            for first in todo:
                function(1, first, *sizes[:place], min(width, columns - first), *rest)

        _together(job, threads)

    run = apart if width else together if several else alone

    def across(arrays, numbers):
        run([a.T for a in arrays], numbers)

    launch = across if swapped else run
    launch(arrays, numbers)
    return launch


def _width(columns, arrays, threads):
    """How many independent columns stay in the cache; 0 where all rows are better read whole."""
    rank = max(array.ndim for array in arrays)
    column = sum(array.nbytes for array in arrays if array.ndim == rank) / columns
    line = 64 // arrays[0].itemsize
    most = int((1 << 20) / column) // line * line
    if most < 16 * line or column * columns <= 1 << 21:
        return 0
    rounds = -(-columns // (most * threads))
    return -(-columns // (rounds * threads * line)) * line


def _asked(name, wanted):
    """Those results of a kernel that are wanted, as bits."""
    return sum(1 << k for k, (result, _) in enumerate(_LOOPS[name][3]) if result in wanted)


def _built(name, store, real, layout, parallel, want):
    """The loops compiled for types, layout, threads and some results, from the cache or anew."""
    key = (name, store, real, layout, parallel, want)
    with _LOCK:
        if key not in _COMPILED:
            types = {4: numpy.float32, 8: numpy.float64}
            stored, working = (
                numba.from_dtype(numpy.dtype(types[size])) for size in (store, real)
            )
            sizes, scalars, given, ends, _, _, loops = _LOOPS[name]
            arrays = [
                numba.types.Array(working if saved else stored, rank, layout, readonly=True)
                for rank, saved in given
            ]
            arrays += [numba.types.Array(stored, rank, layout if rank else "C") for _, rank in ends]
            signature = numba.void(
                *[numba.int64] * (2 + sizes), *arrays, *[numba.float64] * scalars
            )
            # What numba keeps on disk is of a file, and it looks for the module by its name again.
            module = sys.modules.get(__name__)
            known = module is not None and module.__dict__ is globals()
            cache = known and os.path.isfile(globals().get("__file__", ""))
            compiling = numba.njit(signature, parallel=parallel, cache=cache, **_OPTIONS)
            function = loops(types[store], types[real], want)
            # numba finds it by name and types, not by the module's name, options or results.
            about = f"{__name__.replace('.', '_')}_{want}"
            function.__qualname__ += f"_{about}" + "_parallel" * parallel
            _COMPILED[key] = compiling(function)
        return _COMPILED[key]


def warmup(
    dtypes=("float32", "float64"), *, precise=False, parallel=True, functions=None, want=None
):
    """Compile ahead of the first call for arrays in C order, with threads and without.

    dtypes: one, such as "float32", or several
    functions: the names of one function or several of this module, all by default
    want: the results to compute, all by default; other functions than theirs are left out
    """
    names = [functions] if isinstance(functions, str) else list(functions or _FUNCTIONS)
    for name in names:
        if name not in _FUNCTIONS:
            raise ValueError(f"functions: expected some of {sorted(_FUNCTIONS)}, got {name!r}")
    wanted = list(dtypes) if isinstance(dtypes, (tuple, list)) else [dtypes]
    for dtype in wanted:
        if dtype not in ("float32", "float64", numpy.float32, numpy.float64):
            raise ValueError(f"dtypes: expected float32 or float64, got {dtype!r}")
    if want is not None:
        _wanted(want, [result for name in names for result in _FUNCTIONS[name][0]])
    for name, dtype in ((n, d) for d in wanted for n in names):
        _warm(name, numpy.dtype(dtype).itemsize, precise, parallel, want)


def _warm(name, store, precise, parallel, want):
    """Compile one function for one type."""
    results, kernels, needs = _FUNCTIONS[name]
    asked = {want} if isinstance(want, str) else set(want or results)
    live = needs(asked & set(results)) | {"all hold"}
    for kernel, real in ((k, r) for k in kernels for r in ({store, 8} if precise else {store})):
        bits = _asked(kernel, live)
        for each in (False, True) if parallel else (False,):
            if bits:
                between = kernel not in (name, f"{name}_assumed")
                _built(kernel, real if between else store, real, "C", each, bits)
'''
