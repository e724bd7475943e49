"""Measure how long judging takes, against SymPy's `simplify`; writes reports/benchmark.md.

    python scripts/benchmark.py [--rounds 9]

Every figure is a median over interleaved rounds in one run. The peer is `sympy.simplify` on the
difference of the two sides of one claim, the Jacobian of the normalised input off the diagonal.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import sympy
from many_claims import many

from derive.judgement.check import Checked, check
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source
from derive.report.machine import to_json

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "derive" / "library" / "batchnorm.md").read_text(encoding="utf-8")


def judge(text: str) -> Checked:
    return check(understand(read_document(Source("benchmark.md", text))))


def repeated(times: int) -> str:
    """The document with all its sections after the layer repeated."""
    head, mark, rest = TEXT.partition("## One column")
    return head + (mark + rest) * times


def jacobian_by_simplify() -> sympy.Expr:
    """The claim for i ≠ j, both sides as SymPy sums over indexed symbols, simplified."""
    size = sympy.Symbol("N", integer=True, positive=True)
    i, j, k, m = sympy.symbols("i j k m", integer=True)
    eps = sympy.Symbol("eps", positive=True)
    x = sympy.IndexedBase("x", real=True)
    mean = sympy.Sum(x[k], (k, 1, size)) / size
    variance = sympy.Sum((x[m] - mean) ** 2, (m, 1, size)) / size
    left = sympy.diff((x[i] - mean) / sympy.sqrt(variance + eps), x[j])
    closed = -((variance + eps) ** sympy.Rational(-1, 2)) / size
    closed *= 1 + (x[i] - mean) * (x[j] - mean) / (variance + eps)
    return sympy.simplify(left - closed)


def one_claim() -> Checked:
    """The same claim as a document of its own."""
    return judge(
        r"$x \in \mathbb{R}^N$, $\epsilon > 0$, $\mu = \frac{1}{N} \sum_{i=1}^{N} x_i$, "
        r"$v = \frac{1}{N} \sum_{i=1}^{N} (x_i - \mu)^2$, $z_i = (x_i - \mu)/\sqrt{v + \epsilon}$."
        "\n\n"
        r"$$\frac{\partial z_i}{\partial x_j} = -\frac{1}{N} (v + \epsilon)^{-\frac{1}{2}} "
        r"(1 + (x_i - \mu)(x_j - \mu)(v + \epsilon)^{-1}) \quad i \neq j$$"
    )


def many_rows() -> list[str]:
    """The table of documents of 500 claims: each step once, in seconds of one core."""
    rows = [
        "| document, processor time | claims | not proved | understand | judge | JSON | total |",
        "|---|---|---|---|---|---|---|",
    ]
    right, mixed = many(500, 0), many(500, 150)
    for name, text, repairs in (
        ("all true", right, False),
        ("mixed, no repairs", mixed, False),
        ("mixed, with repairs", mixed, True),
    ):
        moments = [time.process_time()]
        meaning = understand(read_document(Source("many.md", text)))
        moments.append(time.process_time())
        checked = check(meaning, repairs=repairs)
        moments.append(time.process_time())
        to_json([checked])
        moments.append(time.process_time())
        steps = [*(b - a for a, b in pairwise(moments)), moments[-1] - moments[0]]
        wrong = len(checked.judged) - checked.counts["proved"]
        shown = " | ".join(f"{step:.2f} s" for step in steps)
        rows.append(f"| {name} | {len(checked.judged)} | {wrong} | {shown} |")
    return rows


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def process(*arguments: str) -> Callable[[], object]:
    command = [sys.executable, "-m", "derive", *arguments]
    return lambda: subprocess.run(command, capture_output=True, check=False)


def figure(values: list[float]) -> str:
    middle = statistics.median(values)
    return f"{1000 * middle:.1f} ms ({1000 * min(values):.1f} to {1000 * max(values):.1f})"


def measure(rounds: int) -> str:
    meaning = understand(read_document(Source("benchmark.md", TEXT)))
    runs: dict[str, Callable[[], object]] = {
        "batchnorm.md judged, once it is read": lambda: check(meaning),
        "batchnorm.md read, understood and judged": lambda: judge(TEXT),
        "the same, sections repeated 10 times": lambda: judge(repeated(10)),
        "one claim: the Jacobian off the diagonal": one_claim,
        "`derive check batchnorm`, whole process": process("check", "batchnorm"),
        "`derive --help`, whole process": process("--help"),
    }
    judge(TEXT)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run))
    claims = {n: len(judge(repeated(n)).judged) for n in (1, 10)}
    checked = judge(repeated(100))
    claims[100] = len(checked.judged)
    peer = seconds(jacobian_by_simplify)
    base = statistics.median(times["batchnorm.md read, understood and judged"])
    ten = statistics.median(times["the same, sections repeated 10 times"])
    own = statistics.median(times["one claim: the Jacobian off the diagonal"])
    lines = [
        "# How long judging takes",
        "",
        f"Python {platform.python_version()}, SymPy {sympy.__version__}, load average "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {rounds} interleaved "
        "rounds: median (least to most). SymPy is imported before the first in-process round.",
        "",
        "| what | time |",
        "|---|---|",
        *(f"| {name} | {figure(values)} |" for name, values in times.items()),
        f"| peer: `sympy.simplify` on the same claim, once | {1000 * peer:.0f} ms |",
        "",
        f"The peer takes {peer / own:.0f} times as long as the proof of that claim.",
        "",
        "| document | claims | judging | per claim |",
        "|---|---|---|---|",
    ]
    for times_, total in ((1, base), (10, ten), (100, checked.seconds)):
        count = claims[times_]
        lines.append(
            f"| {times_}× | {count} | {1000 * total:.0f} ms | {1000 * total / count:.2f} ms |"
        )
    lines += ["", *many_rows()]
    return "\n".join(lines) + "\n"


def main() -> None:
    gc.set_threshold(100_000, 20, 20)  # as the command line does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    report = measure(parser.parse_args().rounds)
    (ROOT / "reports" / "benchmark.md").write_text(report, encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()
