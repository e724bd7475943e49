"""The public functions. This is the one edge: paths and names come in, documents go out.

Nothing heavy is imported before it is needed, so that `import derive` stays fast.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from derive.errors import LimitError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from derive.gradient.derived import Derived
    from derive.gradient.steps import Gradient
    from derive.judgement.check import Checked, Progress
    from derive.judgement.verdict import Limits
    from derive.kernel.crosscheck import CrossCheck
    from derive.kernel.plan import Plan
    from derive.meaning.claims import Meaning
    from derive.reading.statements import Document
    from derive.report.explain import Explanation
    from derive.tracing.verify import Verified


def documents() -> dict[str, str]:
    """The names of the documents that come with the package, and their titles."""
    found = {}
    for entry in sorted(resources.files("derive.library").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".md"):
            first = entry.read_text(encoding="utf-8").split("\n", 1)[0]
            found[entry.name.removesuffix(".md")] = first.lstrip("# ").strip()
    return found


def load(path: str | os.PathLike[str]) -> Derivation:
    """Read a document: a path, or the name of a document of the library.

    Raises UsageError when there is no such file or it cannot be read.
    """
    from derive.reading.document import read_document, read_file
    from derive.reading.span import Source

    name = os.fspath(path)
    named = "/" in name or name.endswith((".md", ".tex", ".txt"))
    if named or isinstance(path, os.PathLike) or Path(name).exists():
        return Derivation(read_file(name))
    entry = resources.files("derive.library").joinpath(f"{name}.md")
    if name.isidentifier() and entry.is_file():
        return Derivation(read_document(Source(f"{name}.md", entry.read_text(encoding="utf-8"))))
    near = difflib.get_close_matches(name, documents(), n=3)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        f"no such file or library document: {name}",
        advice=f"{hint}`derive list` shows the documents of the library.",
    )


def from_function(function: Callable[..., Any], /, **shapes: tuple[str | int, ...]) -> Derivation:
    """The derivation of a NumPy-style function, traced with symbolic sizes.

    `from_function(layer, x=("N", "D"), gamma=("D",), eps=())`: one shape for each parameter, ()
    for a number; parameters that are left out keep their defaults. Raises a DeriveError with the
    place in the function for what has no formula for all sizes and values.
    """
    from derive.tracing.forward import trace_document

    return Derivation(trace_document(function, shapes))


class Derivation:
    """A document with what can be done to it."""

    def __init__(self, document: Document) -> None:
        self.document = document

    @property
    def path(self) -> str:
        """The path or name under which findings are reported."""
        return self.document.source.path

    @property
    def name(self) -> str:
        """The name of the document without folder and ending."""
        return Path(self.path).stem

    @property
    def kernel_name(self) -> str:
        """The name of the exported function: letters, digits and underscores of the file's name."""
        stem = re.sub(r"[^0-9A-Za-z]+", "_", self.name).strip("_").lower()
        return f"{stem if stem[:1].isalpha() else f'kernel_{stem}'.rstrip('_')}_backward"

    @cached_property
    def meaning(self) -> Meaning:
        """What the document says: its declarations, definitions and claims."""
        from derive.meaning.scope import understand

        return understand(self.document)

    @cached_property
    def checked(self) -> Checked:
        """The judgement of each claim under the default limits."""
        return self.check()

    def check(
        self,
        limits: Limits | None = None,
        progress: Progress | None = None,
        repairs: bool = False,
        jobs: int = 1,
    ) -> Checked:
        """Judge every claim, in `jobs` processes; with `repairs`, suggest true equations nearby."""
        from derive.judgement.check import check
        from derive.report.views import CheckedView

        return CheckedView.of(check(self.meaning, limits, progress, repairs, jobs))

    def explain(self, line: int, column: int | None = None) -> tuple[Explanation, ...]:
        """The claims on a line in depth; with a column, the one nearest to it.

        Raises UsageError when no claim stands there.
        """
        from derive.report.explain import explain

        return explain(self.meaning, line, column)

    def grad(self, wrt: str) -> Gradient:
        """Derive the gradient of the objective by an input, from the definitions alone."""
        from derive.gradient.steps import derive_gradient
        from derive.report.views import GradientView

        return GradientView.of(derive_gradient(self.meaning, wrt))

    def derive(
        self,
        wrt: Sequence[str],
        of: str = "",
        order: int = 1,
        mode: str = "",
        detail: str = "normal",
    ) -> Derived:
        """Derive by the names `wrt` (or `all`) into a document in which each step is a claim.

        `of` is the objective where the document has none, `mode` is vjp or jvp, `order` 2
        differentiates the gradient again. Raises UsageError where this does not fit the document.
        """
        from derive.gradient.derived import Request, derive_document

        return derive_document(self.meaning, Request(tuple(wrt), of, order, mode, detail))

    def agreement(self, derived: Derived) -> list[str]:
        """Which equations of the document the closed forms of a derivation were proved equal to."""
        from derive.gradient.agreement import agreeing

        found = []
        for claim in agreeing(self.meaning, derived):
            line, _ = self.document.source.position(claim.relation.span.start)
            place = f"{self.path}:{line}"
            found.append(f"✓ proved equal to the document's closed form at {place}")
        return found

    def plan(self, saved: Sequence[str] = ()) -> Plan:
        """The plan of the kernel: reductions by depth, then the element-wise pass.

        Defined names in `saved` are arguments of the kernel. Raises UsageError when no closed form
        of the document is proved, or when a name cannot be saved.
        """
        from derive.kernel.plan import make_plan, proved_forms

        return make_plan(proved_forms(self.checked), self.kernel_name, saved)

    def export(
        self, backend: str = "numpy", distributed: bool = False, saved: Sequence[str] = ()
    ) -> str:
        """The source of a standalone module of the proved closed forms, for one back end.

        `distributed`: for a group of processes, each with rows of its own (torch only). `saved`:
        defined names that the gradients take as saved by the forward function (numpy, numba, c).
        Raises UsageError when there is no such back end, UnsupportedError when it cannot write the
        plan.
        """
        from derive.kernel.backends import distributed_emitter, emitter, require_saved

        if saved:
            require_saved(backend, distributed)
        emit = (distributed_emitter if distributed else emitter)(backend)
        return emit(self.plan(saved), self.kernel_name)

    def crosscheck(
        self, seed: int = 0, backend: str = "numpy", saved: Sequence[str] = ()
    ) -> CrossCheck:
        """The exported functions against exact values; gradients against differences as well."""
        from derive.kernel.backends import require_saved
        from derive.kernel.crosscheck import crosscheck

        if saved:
            require_saved(backend)
        return crosscheck(self.plan(saved), seed=seed, backend=backend)

    def gradients(self) -> list[Gradient]:
        """The gradients by all inputs whose closed form the document states, where derived."""
        from derive.gradient.stated import stated_forms

        found = []
        for key in dict.fromkeys(form.target.key for form in stated_forms(self.meaning)):
            with contextlib.suppress(UnsupportedError, LimitError):
                found.append(self.grad(key))
        return found

    def report(self, form: Literal["latex", "html"] = "latex") -> str:
        """The report: verdicts, derived gradients, the numeric cross-check, versions."""
        from derive.report.html import page
        from derive.report.latex import report
        from derive.report.numbers import HEADER, rows

        try:
            table = rows(self.crosscheck())
        except UsageError:
            table = []
        write = page if form == "html" else report
        return write(self.checked, self.gradients(), table, HEADER)

    def kernel(self, backend: str = "numpy", saved: Sequence[str] = ()) -> Callable[..., Any]:
        """The exported kernel as a function, loaded from its emitted module."""
        from derive.kernel.front import load_kernel

        return load_kernel(self.export(backend, saved=saved), self.kernel_name)

    def verify_kernel(
        self,
        function: Callable[..., Any],
        *wanted: str,
        maps: Mapping[str, str] | None = None,
        shapes: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        progress: Progress | None = None,
        repairs: bool = False,
    ) -> Verified:
        """Judge whether a NumPy function returns the gradients by the wanted inputs, in order.

        `maps` and `shapes` say of its parameters what their names do not, as `--map` and `--shape`
        do on the command line. Raises a DeriveError for what does not fit or cannot be traced.
        """
        from derive.tracing.verify import Verification

        given = (maps or {}, shapes or {})
        verification = Verification(self.meaning, *given, limits, progress, repairs)
        return verification.verify(function, wanted)

    def __repr__(self) -> str:
        return f"<Derivation {self.name}: {self.document.title}>"

    def _repr_html_(self) -> str:
        from derive.report.notebook import html

        return html(self.checked)

    def _repr_latex_(self) -> str:
        from derive.report.notebook import latex

        return latex(self.checked)
