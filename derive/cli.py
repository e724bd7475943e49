"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from derive import __version__
from derive.errors import DeriveError, LimitError, SoundnessError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from derive.api import Derivation
    from derive.report.terminal import Screen

USAGE, UNDECIDED, INTERRUPTED = 2, 3, 130
BACKENDS = ("numpy", "numba", "c", "torch", "jax", "array-api", "triton", "dask")
SAVED = "Statistics to take from the forward pass, such as mu,sigma (numpy, numba, c)."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="derive")
def cli() -> None:
    """Prove or refute a written derivation, derive gradients, export kernels.

    FILE is a Markdown or LaTeX file, or the name of a document of the library.
    """


@cli.command()
@click.argument("file")
@click.option("--all-rules", is_flag=True, help="Name every rule of a proof.")
@click.option("--no-repairs", is_flag=True, help="Suggest no true equations near false ones.")
def show(file: str, all_rules: bool, no_repairs: bool) -> None:
    """Print a derivation with the verdict on each equation."""
    _screen(all_rules).show(_check(_load(file), not no_repairs))


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@click.option("--all-rules", is_flag=True, help="Name every rule of a proof.")
@click.option("--no-repairs", is_flag=True, help="Suggest no true equations near false ones.")
@click.option(
    "--jobs",
    type=click.IntRange(0, 256),
    default=1,
    show_default=True,
    help="Processes that share the claims; 0 for one on each core.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 86400),
    callback=lambda context, option, value: _seconds(value),
    help="Time for one claim; past it, the claim is undecided.  [default: 10]",
)
def check(
    files: tuple[str, ...],
    style: str,
    all_rules: bool,
    no_repairs: bool,
    jobs: int,
    seconds: float | None,
) -> None:
    """Judge every claim; exit 0 all proved, 1 refuted, 2 usage, 3 undecided or unread."""
    derivations = [_load(file) for file in files]
    shared = jobs or _cores()
    documents = [_check(each, not no_repairs, shared, seconds) for each in derivations]
    if style == "json":
        from derive.report.machine import to_json

        click.echo(to_json(documents))
    else:
        screen = _screen(all_rules)
        for checked in documents:
            screen.findings(checked)
    codes = {checked.exit_code for checked in documents}
    sys.exit(next((code for code in (1, 3) if code in codes), 0))


@cli.command()
@click.argument("place", metavar="FILE:LINE[:COLUMN]")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
def explain(place: str, style: str) -> None:
    """Explain the claims on one line: names, reading, both sides, rules, what is wrong."""
    from derive.report.explain import split_place
    from derive.report.explained import explanations_to_json, print_explanations
    from derive.report.terminal import progress

    file, line, column = split_place(place)
    derivation = _load(file)
    with progress(f"explaining {place}"):
        explanations = derivation.explain(line, column)
    if style == "json":
        click.echo(explanations_to_json(explanations))
    else:
        print_explanations(explanations, _screen())


@cli.command()
@click.argument("file")
@click.option("--wrt", required=True, help="Names to differentiate by, such as x,gamma; or all.")
@click.option("--of", default="", help="What to differentiate instead of the objective.")
@click.option("--order", type=click.IntRange(1, 2), default=1, show_default=True)
@click.option("--vjp", "mode", flag_value="vjp", help="Send an upstream gradient back.")
@click.option("--jvp", "mode", flag_value="jvp", help="Carry a tangent forward.")
@click.option("--detail", type=click.Choice(["brief", "normal", "full"]), default="normal")
@click.option("-o", "--output", help="Write the derivation to this .md or .tex file.")
def grad(
    file: str, wrt: str, of: str, order: int, mode: str | None, detail: str, output: str | None
) -> None:
    """Derive a gradient step by step, from the definitions alone, and prove each step.

    Ends with 3 where a step is not proved; nothing is written then.
    """
    if output is not None:
        if Path(output).suffix not in (".md", ".tex"):
            raise UsageError(f"a derivation is a .md or .tex file, not {output}")
        _writable(output)
    derivation = _load(file)
    names = tuple(name.strip() for name in wrt.split(",") if name.strip())
    try:
        derived = derivation.derive(names, of=of, order=order, mode=mode or "", detail=detail)
        checked = derived.check()
    except (UnsupportedError, LimitError) as error:
        _fail(f"no derivation: {error}", UNDECIDED)
    if checked.exit_code:
        _unproved(checked)
        _fail("a step of the derivation is not proved, so it is not written", UNDECIDED)
    if output is None:
        screen = _screen()
        screen.show(checked)
        for line in derivation.agreement(derived):
            screen.line(line, "green")
        return
    text = derived.text
    if output.endswith(".tex"):
        from derive.report.derivation import derivation_tex

        text = derivation_tex(checked)
    _write(output, text.encode())
    click.echo(f"wrote {output}: {len(checked.judged)} equations, all proved")


@cli.command()
@click.argument("file")
@click.option("-o", "--output", required=True, help="A .tex, .pdf or .html file.")
def report(file: str, output: str) -> None:
    """Write the report of a derivation: LaTeX, a PDF, or one HTML page."""
    ending = Path(output).suffix
    if ending not in (".tex", ".pdf", ".html"):
        raise UsageError(f"a report is a .tex, .pdf or .html file, not {output}")
    derivation = _load(file)
    _writable(output)
    text = derivation.report("html" if ending == ".html" else "latex")
    if ending != ".pdf":
        _write(output, text.encode())
    else:
        from derive.report.latex import compile_pdf

        _write(output, compile_pdf(text))
    click.echo(f"wrote {output}")


@cli.command()
@click.argument("file")
@click.option("-o", "--output", required=True, help="The Python module to write.")
@click.option("--backend", type=click.Choice(BACKENDS), default="numpy", show_default=True)
@click.option("--distributed", is_flag=True, help="Rows shared among processes (torch only).")
@click.option("--saved", default="", metavar="NAMES", help=SAVED)
def export(file: str, output: str, backend: str, distributed: bool, saved: str) -> None:
    """Write the kernel of the proved closed forms as a standalone Python module.

    It has a function of gradients and, where the document has outputs, one of outputs. With
    --saved mu,sigma the first takes these names as arguments, and the second returns them too.
    """
    if Path(output).suffix != ".py":
        raise UsageError(f"the exported module is a .py file, not {output}")
    derivation = _load(file)
    _writable(output)
    _write(output, derivation.export(backend, distributed, _names(saved)).encode())
    click.echo(f"wrote {output}")


@cli.command()
@click.argument("file")
@click.option("--sizes", multiple=True, metavar="N=8,D=4", help="Add up bytes and operations.")
@click.option("--saved", default="", metavar="NAMES", help=SAVED)
@click.option("--svg", help="Draw the passes into this file.")
def plan(file: str, sizes: tuple[str, ...], saved: str, svg: str | None) -> None:
    """Print the passes of a compiled kernel: sums, entries moved, operations, the lower bound."""
    from derive.kernel.costs import costs_at, costs_of, costs_text, sizes_given

    if svg:
        _writable(svg)
    derivation = _load(file)
    found = derivation.plan(_names(saved))
    given = sizes_given(sizes, found) if sizes else {}
    costs = costs_of(found)
    click.echo("\n".join(costs_text(costs)))
    if given:
        click.echo(costs_at(costs, given))
    if svg:
        from derive.kernel.plan_picture import plan_picture

        title = f"{derivation.kernel_name}: passes of the compiled kernel"
        _write(svg, plan_picture(costs, title, given or None).encode())
        click.echo(f"wrote {svg}")


@cli.command()
@click.argument("file")
@click.option("--svg", help="Write the plot of error against step size to this file.")
@click.option("--seed", default=0, show_default=True, help="Seed of the random inputs.")
@click.option("--backend", type=click.Choice(BACKENDS), default="numpy", show_default=True)
@click.option("--saved", default="", metavar="NAMES", help=SAVED)
def crosscheck(file: str, svg: str | None, seed: int, backend: str, saved: str) -> None:
    """Compare the exported kernel with exact values and with numeric derivatives."""
    from derive.report.numbers import print_crosscheck

    derivation = _load(file)
    if svg:
        _writable(svg)
    result = derivation.crosscheck(seed, backend, _names(saved))
    print_crosscheck(result, _screen())
    if svg:
        from derive.kernel.plot import svg_plot

        _write(svg, svg_plot(result).encode())
        click.echo(f"wrote {svg}")
    sys.exit(0 if result.agrees else 1)


@cli.command(name="verify-kernel")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option("--against", required=True, metavar="FILE:NAME[,NAME...]", help="Whose gradients.")
@click.option("--map", "maps", multiple=True, metavar="P=NAME[,NAME...]", help="What P stands for.")
@click.option("--shape", "shapes", multiple=True, metavar="P=N,1", help="A shape with axes of 1.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@click.option("--all-rules", is_flag=True, help="Name every rule of a proof.")
@click.option("--no-repairs", is_flag=True, help="Suggest no true equations near false ones.")
def verify_kernel(
    function: str,
    against: str,
    maps: tuple[str, ...],
    shapes: tuple[str, ...],
    style: str,
    all_rules: bool,
    no_repairs: bool,
) -> None:
    """Prove a backward function of NumPy for all sizes; exit codes as for check.

    MODULE is a dotted name or a .py file; it is imported. NAME is the input whose gradient is
    returned, `_` for a returned array that is not looked at.
    """
    from derive.report.terminal import progress
    from derive.tracing.loading import load_function
    from derive.tracing.printing import print_verified, to_json

    file, colon, names = against.rpartition(":")
    if not colon:
        raise UsageError(f"{against} names no input", advice="Write FILE:NAME, such as rms.md:x.")
    derivation, given = _load(file), (_pairs("--map", maps), _pairs("--shape", shapes))
    kernel = load_function(function)
    with progress(f"judging {function}") as step:
        verified = derivation.verify_kernel(
            kernel,
            *names.split(","),
            maps=given[0],
            shapes=given[1],
            progress=step,
            repairs=not no_repairs,
        )
    if style == "json":
        click.echo(to_json(verified))
    else:
        print_verified(verified, _screen(all_rules))
    sys.exit(verified.exit_code)


@cli.command(name="list")
def list_() -> None:
    """List the documents of the library."""
    from derive.api import documents

    found = documents()
    width = max(len(name) for name in found)
    for name, title in found.items():
        click.echo(f"{name:{width}}  {title}")


# ---- helpers ------------------------------------------------------------------------------------


def _load(file: str) -> Derivation:
    from derive.api import load

    return load(file)


def _check(
    derivation: Derivation, repairs: bool, jobs: int = 1, seconds: float | None = None
) -> Checked:
    from derive.judgement.verdict import Limits
    from derive.report.terminal import progress

    limits = Limits() if seconds is None else Limits(seconds=seconds)
    with progress(f"judging {derivation.name}") as step:
        checked = derivation.check(limits, progress=step, repairs=repairs, jobs=jobs)
    if not checked.judged and not checked.unread:
        click.echo(f"derive: {derivation.path}: the document makes no claim", err=True)
    return checked


def _unproved(checked: Checked) -> None:
    """What is not proved, on stderr."""
    from rich.console import Console

    from derive.report.terminal import Screen

    Screen(Console(highlight=False, markup=False, emoji=False, stderr=True)).findings(checked)


def _seconds(value: float | None) -> float | None:
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a number of seconds.")
    return value


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _names(text: str) -> tuple[str, ...]:
    """`mu, sigma` as names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """`("dout=dy",)` as a dictionary."""
    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise UsageError(f"{option} {text} is no pair", advice=f"Write {option} dout=dy.")
        found[name.strip()] = value.strip()
    return found


def _screen(all_rules: bool = False) -> Screen:
    from rich.console import Console

    from derive.report.terminal import Screen

    return Screen(Console(highlight=False, markup=False, emoji=False), all_rules)


def _writable(output: str) -> None:
    """Refuse an output that cannot be written before any work is done."""
    path = Path(output)
    if path.is_dir():
        raise UsageError(f"{output} is a folder")
    if not path.parent.is_dir():
        raise UsageError(f"no such folder: {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"the folder {path.parent} is not writable")


def _write(output: str, data: bytes) -> None:
    """Write to a temporary file and rename it, so that no half-written file is left."""
    path = Path(output)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise UsageError(f"cannot write {output}: {error.strerror}") from error
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@contextlib.contextmanager
def _edge() -> Iterator[None]:
    """Turn every expected failure into one clear message and an exit code."""
    try:
        yield
    except SoundnessError as error:
        _fail(str(error), 70)
    except DeriveError as error:
        _fail(str(error), USAGE)
    except click.UsageError as error:
        error.show()
        sys.exit(USAGE)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader went away, as in `derive show … | head`; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"derive: {message}", err=True)
    sys.exit(code)


def main() -> None:
    """The entry point of the command `derive`."""
    # Trees of small nodes live as long as the process; collecting them again and again is waste.
    gc.set_threshold(100_000, 20, 20)
    with _edge():
        cli.main(standalone_mode=False)
        sys.stdout.flush()


if TYPE_CHECKING:
    from derive.judgement.check import Checked
