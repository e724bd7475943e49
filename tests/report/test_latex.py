"""The LaTeX report: it compiles cleanly, says every verdict, and obeys no word of a document."""

from __future__ import annotations

import re
import shutil

import pytest
from judging import judged, library_text
from require import require

from derive.errors import DeriveError, UsageError
from derive.gradient.steps import derive_gradient
from derive.reading.parse import parse_expression
from derive.report import pdf
from derive.report.latex import compile_pdf, report
from derive.report.tex_lines import plain_lines
from derive.report.tex_text import condition, formula, prose, remark

VECTOR = "$x \\in \\mathbb{R}^N$ and $m = \\frac{1}{N} \\sum_{i=1}^{N} x_i$.\n\n"
FALSE = "# A slip\n\n" + VECTOR + "$$\\sum_i x_i = m$$\n"
WIDE = "$$m = m " + " ".join(f"+ {k} (m - m)" for k in range(1, 40)) + "$$\n"
BRACKET = "$$m = m (1 " + " ".join(f"+ {k} m - {k} m" for k in range(1, 30)) + ")$$\n"
HOSTILE = (
    "# A title with 100% \\write18 $ # and & signs\n\n"
    + "Words \\input{/etc/passwd} and \\csname x\\endcsname ^^M ~ _ # { } <script> 汉 μ ≥ “q”.\n\n"
    + VECTOR
    + "    \\end{document} % $ # \\input{/etc/passwd}\n\n$$\\sum_i x_i = N m$$\n"
)


def need_pdflatex() -> None:
    require("pdflatex", shutil.which("pdflatex") is not None)


def complaints(log: str) -> list[str]:
    """Warnings, and boxes that stand out by more than five points."""
    boxes = re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)
    warned = [line for line in log.splitlines() if re.search("LaTeX.* Warning|Math.*warn", line)]
    return warned + [f"overfull {size}" for size in boxes if float(size) > 5]


def test_the_library_compiles_without_a_complaint() -> None:
    need_pdflatex()
    checked = judged(library_text("batchnorm"), "batchnorm.md")
    gradients = [derive_gradient(checked.meaning, name) for name in ("X", "gamma", "beta")]
    rows = [["large offset × 10⁶", "1.0", "0.5"]]
    text = report(checked, gradients, rows, ["input", "worst, ulps", "mean"])
    assert text == report(checked, gradients, rows, ["input", "worst, ulps", "mean"])
    made, log = pdf.compiled(text)
    assert made.startswith(b"%PDF")
    assert complaints(log) == []
    # The second member in a row of cases is judged beside the display, not in its margin.
    assert text.count("\\tag*{\\verdict{proved}") == 25 + 3


@pytest.mark.parametrize(
    "text", [FALSE, HOSTILE, VECTOR + WIDE, VECTOR + BRACKET, "", "# $\\mu$\n", VECTOR + "$$m = $$"]
)
def test_odd_documents_compile_too(text: str) -> None:
    need_pdflatex()
    assert complaints(pdf.compiled(report(judged(text)))[1]) == []


def test_the_same_report_gives_the_same_bytes() -> None:
    need_pdflatex()
    text = report(judged(FALSE))
    assert compile_pdf(text) == compile_pdf(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (FALSE, "\\tag*{\\verdict{refuted}{refuted}}"),
        (FALSE, "witness: $N = 2$, $x = (1,\\allowbreak\\; 0)$: left $1$, right $1/2$"),
        (FALSE, "1 claim: \\verdict{refuted}{1 refuted}"),
        (VECTOR + "$$\\sum_i x_i = N m = 2 m$$", "\\verdict{proved}{proved (1)}"),
        (VECTOR + "$$\\sum_i x_i = N m = 2 m$$", "\\verdict{refuted}{refuted (2)}"),
        (VECTOR + "$$\\frac{\\partial m}{\\partial x} = x_i$$", "\\verdict{refuted}{ill-typed}"),
        (VECTOR + "$$\\frac{m}{m = 1$$\n\nNext.", "\\verdict{undecided}{unread}, line 3"),
        (VECTOR + "Also $m \\approx 3$.", "not judged: $m \\approx 3$"),
        (VECTOR, "\\item[Declared] $x \\in \\mathbb{R}^N$."),
        ("", "no claims"),
    ],
)
def test_report_says(text: str, wanted: str) -> None:
    assert wanted in report(judged(text))


@pytest.mark.parametrize(
    "forbidden", ["\\input", "\\csname", "\\write18", "<script>", "^^M", "汉", "100% "]
)
def test_words_are_never_obeyed(forbidden: str) -> None:
    body = report(judged(HOSTILE)).split("\\begin{document}")[1]
    assert forbidden not in body
    assert body.count("\\end{document}") == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "σ ≠ 0 (follows from the assumptions)",
            "$\\sigma  \\ne  0$ (follows from the assumptions)",
        ),
        ("N ≥ 1", "$N \\ge  1$"),
        ("log(x̂ᵢ²) > 0", "$\\log (\\hat{x}_{i}^{2}) > 0$"),
        ("100% $ #", "$100\\% \\$ \\#$"),
    ],
)
def test_side_conditions(text: str, wanted: str) -> None:
    assert condition(text) == wanted


@pytest.mark.parametrize(
    ("write", "text", "wanted"),
    [
        (prose, "μ ≥ 0 — “so”", "$\\mu$ $\\ge$ 0 --- ``so''"),
        (prose, "μ enters x̂ and v", "$\\mu$ enters $\\hat{x}$ and v"),
        (prose, "a_b & \\c", "a\\_b \\& \\textbackslash{}c"),
        (remark, "\\hat{x} is restated", "$\\hat{x}$ is restated"),
        (remark, "\\input{a} is no name", "\\textbackslash{}input\\{a\\} is no name"),
        (formula, "−1/2", "-1/2"),
        (formula, "\\write18{x}", "\\backslash \\mathrm{write}18\\{x\\}"),
    ],
)
def test_text(write: object, text: str, wanted: str) -> None:
    assert callable(write)
    assert write(text) == wanted


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("a = b", 400.0, 1),
        ("a = b = c", 400.0, 2),
        ("a = b + c + d", 45.0, 3),
        ("a = b (c + d + e + f + g)", 90.0, 3),
    ],
)
def test_lines(text: str, room: float, lines: int) -> None:
    made = plain_lines(parse_expression(text), room)
    assert len(made) == lines
    assert all(line.text.count("&") == 1 for line in made)


def test_missing_pdflatex_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="texlive-latex-base"):
        compile_pdf("\\relax")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("\\undefined", "Undefined control sequence"),
        ("\\input{/etc/hostname}", "not found|Not allowed|pdflatex failed"),
    ],
)
def test_a_failure_names_its_first_line(body: str, message: str) -> None:
    need_pdflatex()
    with pytest.raises(DeriveError, match=message):
        compile_pdf(f"\\documentclass{{article}}\\begin{{document}}{body}\\end{{document}}")
