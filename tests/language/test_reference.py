"""The chapter of the README about the language is so: what it lists is read, or is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from judging import display, finding, outcomes

README = Path(__file__).resolve().parents[2] / "README.md"
CHAPTER = README.read_text(encoding="utf-8").split("## What an author may write")[1]
CHAPTER = CHAPTER.split("\n## ")[0]
SETUP = (
    r"Let $x, y, t \in \mathbb{R}^N$, $A, W \in \mathbb{R}^{N \times N}$, $p > 0$ and "
    r"$a, b, v \in \mathbb{R}$."
)


def section(title: str) -> str:
    return CHAPTER.split(f"### {title}\n")[1].split("\n### ")[0]


def spans(text: str) -> list[str]:
    return [span.replace("\\|", "|") for span in re.findall(r"`([^`]+)`", text)]


FUNCTIONS = spans(section("Functions").split("They act")[0])
ENVIRONMENTS = [x for x in spans(section("Where mathematics stands")) if re.fullmatch("[a-z]+", x)]
RELATIONS = spans(section("Statements").split("Listed and not judged:")[1].split("statements")[0])
UNREAD = [
    span
    for row in re.findall(r"^\| (`.*?) \| ", section("What is not read"), re.M)
    for span in spans(row)
]
EXAMPLES = [
    (kind, span.strip("$"))
    for kind, example in re.findall(r"^\| (\w+) \| .* \| (`.*`) \|$", section("Statements"), re.M)
    for span in spans(example)
]


def test_the_chapter_is_found() -> None:
    counts = [len(x) for x in (FUNCTIONS, ENVIRONMENTS, RELATIONS, UNREAD, EXAMPLES)]
    assert counts == [25, 14, 6, 15, 12]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function(function: str) -> None:
    call = f"{function}{{p}}" if function.startswith("\\sqrt") else f"{function}(p)"
    assert display(SETUP, f"{call} + {call} = 2 {call}") == "proved"
    assert display(SETUP, f"{call} = p + 7") in ("refuted", "undecided")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment(name: str) -> None:
    rows = "a + b &= b + a \\\\ a - a &= 1"
    if name.endswith("cases"):
        rows = "a - a & a > 0 \\\\ a + 1 - a & \\text{otherwise}"
        text = f"$$a - a = \\begin{{{name}}}{rows}\\end{{{name}}}$$"
        expected = "refuted"
    else:
        argument = "{2}" if name == "alignat" else ""
        text = f"\\begin{{{name}}}{argument}{rows}\\end{{{name}}}"
        expected = "proved, refuted"
    assert outcomes(f"{SETUP}\n\n{text}\n", len(SETUP)) == expected


@pytest.mark.parametrize("relation", RELATIONS)
def test_relation_that_is_not_judged(relation: str) -> None:
    assert display(SETUP, f"a {relation} b") == "not judged"


@pytest.mark.parametrize(("kind", "formula"), EXAMPLES)
def test_example(kind: str, formula: str) -> None:
    text = f"{SETUP} Let $q \\in \\mathbb{{R}}^N$ and $\\mu = \\frac{{1}}{{N}} \\sum_i x_i$."
    if kind == "definition":
        text = SETUP
    whole = f"{text}\n\nSuppose ${formula}$.\n"
    found = outcomes(whole, len(text))
    assert found == ("proved" if kind == "claim" else kind)


@pytest.mark.parametrize("formula", UNREAD)
def test_what_is_not_read_comes_with_advice(formula: str) -> None:
    relation = "" if "=" in formula.replace("x=0", "") else " + a = b + 1"
    message = finding(f"{SETUP} Let $f = a + 1$.\n\n$${formula}{relation}$$\n")
    assert ": unread: " in message and " | " in message
