"""A plan as a standalone Python module that compiles its C on first use and loads it."""

from __future__ import annotations

from collections.abc import Iterator

from derive.kernel.c_dialect import CDialect
from derive.kernel.c_function import Argument, CFunction
from derive.kernel.c_runtime import LOADER, PRELUDE
from derive.kernel.front import version_of
from derive.kernel.module import functions_of
from derive.kernel.names import function_name
from derive.kernel.native import Native, native_module
from derive.kernel.plan import Plan
from derive.kernel.products import WHOLE, Names
from derive.kernel.writer import Written, write


def emit_c(plan: Plan, name: str, version: str = "") -> str:
    """The source of a module with the function `name`, which computes the plan in C.

    `version` is that of the prover, this installation's by default. Raises UsageError when the
    name is not an identifier, UnsupportedError for a function that C has not.
    """
    functions = functions_of(_Function, plan, function_name(name), version or version_of())
    prelude = f"_PRELUDE = r'''\n{PRELUDE.strip()}\n'''\n_SOURCES = {{}}"
    return native_module(functions, IMPORTS, [prelude, LOADER])


class _Function(Native):
    # Only what tells most calls apart: the rest C compares itself.
    alike = "(arrays[0].shape, arrays[0].strides) if arrays else ()"

    def __init__(
        self, plan: Plan, function: str, version: str, narrow: frozenset[str] | None = None
    ) -> None:
        super().__init__(plan, function, version, narrow)
        self.sources = {order: self._source(native) for order, native in self.orders().items()}

    def compiled(self) -> list[str]:
        if self.pieces:
            return self.pieces.compiled()
        return [
            f"_SOURCES[\"{self.function}\", \"{order}\"] = r'''\n{source}\n'''"
            for order, source in self.sources.items()
        ]

    def _source(self, native: Native) -> str:
        """The C text for one order of the axes."""
        dialect = CDialect()
        written = write(native.nest, native.inside, native.lengths, dialect)
        function = self._function(native, written)
        return "\n".join([*dialect.helpers(), "", *function.text()])

    def call(self, names: Names = WHOLE) -> Iterator[str]:
        bits = [f'("{n}" in {names.wanted}) * {1 << k}' for k, n in enumerate(self.results)]
        numbers = [self.names[p.array] for p in self.numbers]
        arrays = [f"_dense({self.names[p.array]})" for p in self.arrays]
        arrays += [f'{names.results}["{name}"]' for name in self.results]
        sizes = "".join(f"{name}, " for name in self.sizes.values())
        yield "\n".join(
            [
                f"{self.kept(names)}_run(",
                f'    "{self.function}",',
                f"    {names.dtype},",
                "    work,",
                f"    ({names.threads}, {' + '.join(bits)}, {sizes}),",
                f"    ({''.join(f'{array}, ' for array in arrays)}),",
                f"    ({''.join(f'{number}, ' for number in numbers)}),",
                ")",
            ]
        )

    def _function(self, native: Native, written: Written) -> CFunction:
        """The C function of the loops."""
        saved = {p.array for p in native.saved}
        arguments = [
            Argument(p.array, native.inside[p.array], len(p.symbol.shape), True, p.array in saved)
            for p in native.arrays
        ]
        arguments += [
            Argument(r.array, native.inside[r.array], len(r.form.target.shape), False)
            for r in native.plan.results
        ]
        return CFunction(
            "kernel",
            native.plan,
            written,
            native.lengths,
            tuple(arguments),
            tuple(native.inside[p.array] for p in native.numbers),
        )


IMPORTS = (
    "atexit",
    "ctypes",
    "hashlib",
    "os",
    "platform",
    "shlex",
    "shutil",
    "struct",
    "subprocess",
    "tempfile",
    "threading",
)
