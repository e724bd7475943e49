"""Judge, derive and compare every document of the library; writes reports/library.md.

    python scripts/library.py

Times are those of one run, in seconds of the processor. The closed forms are compared at random
inputs in double precision with the automatic derivatives of PyTorch and JAX, as far as these are
installed, and with the exported NumPy kernels. A difference is relative to the largest entry.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from closed_values import PEERS, Point, apart, by_kernels, point_for

from derive import api
from derive.errors import DeriveError
from derive.gradient.steps import derive_gradient
from derive.judgement.verdict import Limits
from derive.kernel.names import identifier
from derive.kernel.proved import ClosedForm, proved_forms

REPORT = Path(__file__).resolve().parent.parent / "reports" / "library.md"
TOLERANCE = 1e-10
HEAD = ("document", "claims", "proved", "check", "derive", "gradients", "torch", "jax", "kernel")
INTRODUCTION = """# The library, measured

Written by `python scripts/library.py`. For each document: its claims and how many of them are
proved; the time to check it; the time to derive the gradient by each input from the definitions
alone (each is proved to be the total derivative and equal to the closed form of the document,
unless a dash says that it was not); how many closed forms were compared; and the largest
difference between their values and the automatic derivatives of PyTorch and JAX and the exported
NumPy kernel, at random inputs in double precision, relative to the largest entry. Times are
processor seconds of one run.
"""


@dataclass(frozen=True)
class Row:
    """What one document came to."""

    cells: tuple[str, ...]
    proved: bool
    derived: int
    wanted: int
    worst: float


def measured(name: str) -> Row:
    derivation = api.load(name)
    start = time.process_time()
    checked = derivation.check(Limits(seconds=60))
    spent = time.process_time() - start
    claims, proved = len(checked.judged), checked.counts["proved"]
    forms = proved_forms(checked)
    times = [(form.target.key, derived(derivation, form.target.key)) for form in forms]
    differences = compared(name, forms)
    return Row(
        (
            name,
            str(claims),
            str(proved),
            f"{spent:.1f}",
            ", ".join(f"{identifier(k)} {'–' if t is None else f'{t:.1f}'}" for k, t in times),
            str(len(forms)),
            *("–" if d is None else f"{d:.0e}" for d in differences),
        ),
        proved == claims and not checked.unread,
        sum(t is not None for _, t in times),
        len(times),
        max((d for d in differences if d is not None), default=0.0),
    )


def derived(derivation: api.Derivation, key: str) -> float | None:
    """The time to derive a gradient; None when it does not reach the document's closed form."""
    start = time.process_time()
    try:
        gradient = derive_gradient(derivation.meaning, key)
    except DeriveError:
        return None
    return None if gradient.agrees_with is None else time.process_time() - start


def compared(name: str, forms: list[ClosedForm]) -> list[float | None]:
    """The largest difference to each framework and to the kernel; None without it."""
    point = point_for(forms)
    values = {form.target.key: point.closed(form) for form in forms}

    def worst(found: Callable[[], dict[str, object]]) -> float | None:
        try:
            return max(apart(values[key], other) for key, other in found().items())  # type: ignore[arg-type]
        except DeriveError:
            return None

    peers: list[float | None] = [
        worst(lambda peer=peer: _by(peer, name, point, list(values)))  # type: ignore[misc]
        if find_spec(peer)
        else None
        for peer in PEERS
    ]
    return [*peers, worst(lambda: dict(by_kernels(forms, point)))]


def _by(peer: str, name: str, point: Point, wanted: list[str]) -> dict[str, object]:
    return dict(PEERS[peer](name, point, wanted))


def written(rows: list[Row]) -> str:
    lines = [f"| {' | '.join(HEAD)} |", f"|---|{'---:|' * 3}---|{'---:|' * 4}"]
    lines += [f"| {' | '.join(row.cells)} |" for row in rows]
    installed = ", ".join(f"{peer} {version(peer)}" for peer in PEERS if find_spec(peer))
    total = (
        f"{len(rows)} documents, {sum(int(r.cells[1]) for r in rows)} claims, "
        f"{sum(int(r.cells[2]) for r in rows)} proved; {sum(r.derived for r in rows)} of "
        f"{sum(r.wanted for r in rows)} gradients derived; largest difference "
        f"{max(r.worst for r in rows):.0e} (allowed {TOLERANCE:.0e})."
    )
    place = f"Python {platform.python_version()}, {installed or 'no framework installed'}."
    return "\n".join([INTRODUCTION, *lines, "", total, "", place, ""])


def main() -> None:
    rows = []
    for name in api.documents():
        rows.append(measured(name))
        print(" ".join(rows[-1].cells), flush=True)
    REPORT.write_text(written(rows), encoding="utf-8")
    failed = [row.cells[0] for row in rows if not row.proved or row.worst > TOLERANCE]
    if failed:
        raise SystemExit(f"not proved, or apart: {', '.join(failed)}")


if __name__ == "__main__":
    main()
