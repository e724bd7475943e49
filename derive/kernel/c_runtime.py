"""What a module of C kernels has beside its functions: helpers in C, the compiler, the cache."""

PRELUDE = r"""
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>
#if defined __SSE2__
#include <immintrin.h>
#endif

/* REAL computes, STORE is the type of the arguments; WANT has a bit for each result;
   UNIT: entries of the last axes are adjacent; TURNED: the last axis here is the first one of the
   array; HEAD: the bytes before what NumPy adds to an object */
#ifdef UNIT
#define LAST(stride) 1
#else
#define LAST(stride) (stride)
#endif
#define PADDED(size) ((((size) > 0 ? (size) : 0) + 31) & ~(int64_t)15)
#define OTHERWISE 2

/* an array: what NumPy's C interface has in a PyArrayObject after the head of every object */
struct array {
    char *data;
    int axes;
    const intptr_t *shape, *strides;
    intptr_t base, dtype;
    int flags;
};

/* the address of an array, and its strides in entries */
static inline void laid_out(int64_t *a, int64_t given, int64_t size) {
    const struct array *const found = (const struct array *)(intptr_t)(given + HEAD);
    a[0] = (int64_t)(intptr_t)found->data;
    for (int k = 0; k < found->axes; k++) {
#ifdef TURNED
        a[found->axes - k] = found->strides[k] / size;
#else
        a[k + 1] = found->strides[k] / size;
#endif
    }
}

/* the address of an array, which Python may compare with what it knows */
int64_t address(int64_t given) {
    int64_t a[2];
    laid_out(a, given, 1);
    return a[1] == 1 ? a[0] : 0;
}

/* where the next record begins if an object is an array laid out as this one says, else NULL */
const int64_t *alike(int64_t given, const int64_t *record) {
    const struct array *const found = (const struct array *)(intptr_t)(given + HEAD);
    if (((const intptr_t *)found)[-1] != record[0] || found->axes != record[1]) return NULL;
    if (found->dtype != record[2] || found->flags != record[3]) return NULL;
    record += 4;
    for (int k = 0; k < found->axes; k++) {
        if (found->shape[k] != *record++ || found->strides[k] != *record++) return NULL;
    }
    return record;
}

/* as many threads as have their own sums in half a gigabyte */
static inline int64_t fitting(int64_t threads, double bytes) {
    while (threads > 1 && (double)threads * bytes > 536870912.0) threads /= 2;
    return threads;
}

static inline int64_t team(int64_t threads, int64_t turns, double work) {
    const int64_t worth = work < 131072 ? 1 : work < 1e15 ? (int64_t)(work / 65536) : threads;
    const int64_t most = threads < worth ? threads : worth;
    return most < turns ? most : turns > 1 ? turns : 1;
}

/* where the next buffer begins: entries of one number in several are no multiple of 4096 bytes
   apart, where a processor takes what is read from one for what was just written to another */
static inline size_t after(size_t room, size_t bytes) {
    return room + 320 + (bytes > 320 ? (bytes + 3775) / 4096 * 4096 : 0);
}

/* whether rows are gone through several at once, for what they make: not if prefetching is better
   for one, or several do not stay in the first cache */
static inline int jams_terms(int64_t length, double bytes) {
    const int64_t row = length * (int64_t)sizeof(STORE);
    return bytes < 16777216.0 || row < 512 || row > 2048;
}

static inline int jams_entries(int64_t length, double bytes) {
    return bytes < 1048576.0 && length > 0;
}

static inline int jams_rows(int64_t length, double bytes) {
    const int64_t row = length * (int64_t)sizeof(STORE);
    return row < 512 || (bytes < 16777216.0 && row <= 1024);
}

/* whether results had better not stand in the cache */
static inline int64_t streamed(double bytes, int64_t row, int64_t to) {
#ifdef UNIT
    return bytes > 33554432.0 && ((row % 64 == 0 && to % 64 == 0) || row >= 2048);
#else
    return bytes < 0 && row < 0 && to < 0;
#endif
}

/* the entries of a line of the cache */
#define LINE (64 / (int64_t)sizeof(STORE))

/* where the line of an entry ends, or the row */
static inline int64_t edge(const STORE *to, int64_t at, int64_t high) {
    const int64_t end = at + LINE - (int64_t)((uintptr_t)to / sizeof(STORE)) % LINE;
    return end < high ? end : high;
}

/* a line on its way to memory, past the cache */
static inline void past(STORE *to, const STORE *line) {
#if defined __AVX512F__
    _mm512_stream_si512((__m512i *)to, _mm512_load_si512((const void *)line));
#elif defined __AVX__
    for (int k = 0; k < 2; k++)
        _mm256_stream_si256((__m256i *)to + k, _mm256_load_si256((const __m256i *)line + k));
#elif defined __SSE2__
    for (int k = 0; k < 4; k++)
        _mm_stream_si128((__m128i *)to + k, _mm_load_si128((const __m128i *)line + k));
#else
    memcpy(to, line, 64);
#endif
}

/* what went past the cache is there for all threads */
static inline void settle(void) {
#if defined __SSE2__
    _mm_sfence();
#endif
}

/* how many of independent columns stay in the cache; 0 where all rows are better read whole: if
   they stay there anyway, or a piece of a row is shorter than what a processor fetches ahead */
static inline int64_t columns(int64_t size, double bytes, int64_t threads) {
    const int64_t line = 64 / (int64_t)sizeof(STORE);
    const double room = threads > 1 ? 524288.0 : 1048576.0; /* for one thread longer rows pay */
    const int64_t most = (int64_t)(room / bytes) / line * line;
    if (most < 16 * line || bytes * (double)size <= 2097152.0) return 0;
    const int64_t rounds = (size + most * threads - 1) / (most * threads);
    const int64_t share = (size + rounds * threads - 1) / (rounds * threads);
    return (share + line - 1) / line * line;
}

/* a loop folds in lanes, by which entry of a line it is; they are put together by halves, without
   branches, which nobody could foretell */
#define LANES (64 / (int64_t)sizeof(REAL))
#define PLUS(a, b) ((a) + (b))
#define JOINING(name, TYPE, two) \
    static inline TYPE name(const TYPE *lane) { \
        TYPE a[LANES / 2], b[LANES / 4], c[2]; \
        _Pragma("omp simd") \
        for (int k = 0; k < LANES / 2; k++) a[k] = two(lane[k], lane[k + LANES / 2]); \
        _Pragma("omp simd") \
        for (int k = 0; k < LANES / 4; k++) b[k] = two(a[k], a[k + LANES / 4]); \
        _Pragma("omp simd") \
        for (int k = 0; k < LANES / 8; k++) c[k] = two(b[k], b[k + LANES / 8]); \
        return LANES > 8 ? two(c[0], c[1]) : c[0]; \
    }

/* numbers of the arguments' type are equal up to a hundred roundings */
#define WITHIN (sizeof(STORE) == 4 ? 1.1920928955078125e-5 : 2.220446049250313e-14)

/* how many entries give a first guess of a mean */
static inline int64_t _some(int64_t turns) {
    return turns > 120 ? 16 : (turns + 7) / 8;
}
"""

LOADER = '''
_FLAGS = (
    "-march=native -mprefer-vector-width=512 -fopenmp",
    "-march=native -fopenmp",
    "-fopenmp",
    "-march=native",
    "",
)
_LOCK = threading.Lock()
_LOADED = {}


def _run(name, dtype, work, sizes, arrays, numbers):
    """Call the compiled function; return what calls it for other arrays laid out alike."""
    key = (name, dtype.itemsize, work.itemsize, *_layout(name, arrays), sizes[1])
    function = _LOADED.get(key)
    if function is None:
        with _LOCK:
            function = _LOADED.get(key) or _LOADED.setdefault(key, _load(*key))
    pack = struct.Struct(f"{len(arrays)}q").pack
    values = struct.Struct(f"{len(numbers)}d").pack
    record = b"".join(map(_record, arrays))
    sizes = struct.pack(f"{len(sizes)}q", *sizes)

    def launch(arrays, numbers, record=record):
        status = function(sizes, pack(*map(id, arrays)), values(*numbers), record)
        if status == 1:
            raise MemoryError("no memory for the sums of the kernel")
        return not status

    launch(arrays, numbers, None)
    launch.dtypes = [a.dtype for a in arrays]  # no other has the address of one that is kept
    return launch


def _record(a):
    """What C compares of an array before it takes it for one."""
    layout = [number for pair in zip(a.shape, a.strides) for number in pair]
    about = (id(type(a)), a.ndim, id(a.dtype), a.flags.num, *layout)
    return struct.pack(f"{len(about)}q", *about)


def _layout(name, arrays):
    """The order of loops that suits all arrays, and whether they have no gaps along it."""
    if all([a.flags.c_contiguous for a in arrays]):
        return "C", True
    if (name, "F") in _SOURCES and all([a.flags.f_contiguous for a in arrays]):
        return "F", True
    return "C", all(
        not a.ndim or a.shape[-1] == 1 or a.strides[-1] == a.itemsize for a in arrays
    )


def _load(name, store, real, order, unit, want):
    """One function for one pair of types and some results, from the cache or compiled."""
    types = {4: "float", 8: "double"}
    defines = [f"-DSTORE={types[store]}", f"-DREAL={types[real]}", f"-DWANT={want}"]
    defines += ["-DUNIT"] * unit
    defines += [f"-DHEAD={object.__basicsize__}", *["-DTURNED"] * (order == "F")]
    compiler = _compiler()
    machine = (platform.machine(), platform.processor(), _cpu(), *compiler)
    source = _PRELUDE + _SOURCES[name, order]
    text = "\\0".join((source, *_FLAGS, *defines, *machine))
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    path = os.path.join(_cache(), f"kernel_{digest}.so")
    if not os.path.exists(path):
        _compile(compiler, source, defines, path)
    library = ctypes.CDLL(path)
    one = numpy.zeros(1, numpy.uint8)
    number, alike = ctypes.c_int64, library.alike
    library.address.argtypes, library.address.restype = [number], number
    alike.argtypes, alike.restype = [number, ctypes.c_char_p], ctypes.c_void_p
    found = library.address(id(one)) == one.__array_interface__["data"][0]
    if not found or not alike(id(one), _record(one)) or alike(id(alike), _record(one)):
        raise RuntimeError("this Python does not keep NumPy's arrays where its C interface says")
    return library.kernel


def _compiler():
    """The C compiler: $CC, or the first of the usual names."""
    named = shlex.split(os.environ.get("CC", ""))
    for command in (named,) if named else (["cc"], ["gcc"], ["clang"]):
        found = shutil.which(command[0])
        if found:
            return [found, *command[1:]]
    missing = f"CC = {named[0]!r} is not there" if named else "no C compiler was found"
    raise RuntimeError(f"{missing}: install gcc or clang, or name one in the variable CC")


def _compile(compiler, text, defines, path):
    """Build the shared library, without what the compiler does not know."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        source, built = os.path.join(folder, "kernel.c"), os.path.join(folder, "kernel.so")
        with open(source, "w", encoding="ascii") as file:
            file.write(text)
        common = ["-std=gnu99", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared"]
        for flags in _FLAGS:
            command = [*compiler, *common, *shlex.split(flags), *defines, source, "-o", built]
            done = subprocess.run([*command, "-lm"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                os.replace(built, path)
                return
        raise RuntimeError(f"{compiler[0]} cannot compile the kernel: {done.stderr[-2000:]}")


def _cpu():
    """What tells one processor from another, as far as the system says."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return "".join(sorted({line for line in file if line.startswith(("model", "flags"))}))
    except OSError:
        return ""


def _cache():
    """A folder that only this user can write: $DERIVE_KERNEL_CACHE, or in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = os.environ.get("DERIVE_KERNEL_CACHE") or os.path.join(base, "derive-kernels")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        about = os.stat(path)
        alone = not about.st_mode & 0o022 and about.st_uid == os.getuid()
        if alone and os.access(path, os.W_OK):
            return path
    except (OSError, AttributeError):
        pass  # no such folder can be made, or the system knows no owners
    path = tempfile.mkdtemp(prefix="derive_kernels_")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
'''
