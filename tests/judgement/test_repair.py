"""The nearest true equations: found for usual slips, proved again, none where nothing is near."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from judging import judged, understood
from test_wrong_variants import TEXT, VARIANTS, changed

from derive.errors import SoundnessError
from derive.judgement import repair as repair_module
from derive.judgement.check import Judge, check
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import agrees
from derive.judgement.repair import MOST_NODES, MOST_SHOWN, Repair, repairs
from derive.judgement.verdict import Limits, Witness
from derive.meaning.claims import Claim
from derive.meaning.names import walk
from derive.reading import syntax as s
from derive.writing.to_latex import to_latex

DOCUMENTS = Path(__file__).parent.parent / "documents"

COLUMN = r"""
Let $x \in \mathbb{R}^N$, $\gamma, \beta \in \mathbb{R}$, $\epsilon > 0$, and
$\mu = \frac{1}{N} \sum_{i=1}^{N} x_i$, $v = \frac{1}{N} \sum_{i=1}^{N} (x_i - \mu)^2$,
$\hat{x}_i = (x_i - \mu) (v + \epsilon)^{-\frac{1}{2}}$, $y_i = \gamma \hat{x}_i + \beta$.
A loss $f : \mathbb{R}^N \to \mathbb{R}$ is taken of the output.

"""
BETWEEN = (
    r"-\frac{1}{N} (v + \epsilon)^{-\frac{1}{2}} (1 + (x_i - \mu) (x_j - \mu) (v + \epsilon)^{-1})"
)
CHAIN = r"\frac{\partial f}{\partial x_j} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_i} "
SLIPS = [
    (
        rf"\frac{{\partial x_i}}{{\partial x_j}} = {BETWEEN} \quad \text{{for }} i \neq j",
        rf"\frac{{\partial \hat{{x}}_i}}{{\partial x_j}} = {BETWEEN} (left side: x → \hat{{x}})",
    ),
    (
        r"\frac{\partial x_i}{\partial x_j} = \begin{cases} 1 & i = j \\ 0 & i = j \end{cases}",
        r"\frac{\partial x_i}{\partial x_j} = \begin{cases} 1 & i = j \\ 0 & i \neq j \end{cases}"
        r" (right side: second case: = → \neq)",
    ),
    (
        CHAIN + r"\frac{\partial y_i}{\partial x_i} \frac{\partial \hat{x}_i}{\partial x_j}",
        CHAIN + r"\frac{\partial y_i}{\partial \hat{x}_i} \frac{\partial \hat{x}_i}{\partial x_j}"
        r" (right side: x → \hat{x})",
    ),
    (
        r"\frac{\partial f}{\partial \gamma} = \frac{\partial f}{\partial y_i} \hat{x}_i",
        r"\frac{\partial f}{\partial \gamma} = \sum_{i} \frac{\partial f}{\partial y_i} \hat{x}_i"
        r" (right side: the sum over i is missing)",
    ),
    (
        r"\frac{\partial \mu}{\partial x_j} = 1",
        r"\frac{\partial \mu}{\partial x_j} = \frac{1}{N} (right side: × 1/N is missing)",
    ),
    (
        r"\frac{\partial y_i}{\partial \hat{x}_i} = -\gamma",
        r"\frac{\partial y_i}{\partial \hat{x}_i} = \gamma (right side: − should be +)",
    ),
    (
        r"\frac{\partial v}{\partial x_j} = \frac{2}{N} (x_i - \mu)",
        r"\frac{\partial v}{\partial x_j} = \frac{2}{N} (x_j - \mu) (right side: index i → j)",
    ),
    (
        r"\frac{\partial \hat{x}_i}{\partial v} = -\frac{1}{2} (x_i - \mu) (v + \epsilon)^{-1/2}",
        r"\frac{\partial \hat{x}_i}{\partial v} = -\frac{1}{2} (x_i - \mu)"
        r" (v + \epsilon)^{-\frac{3}{2}} (right side: exponent −1/2 → −3/2)",
    ),
]
MATRICES = (
    r"Let $A \in \mathbb{R}^{M \times N}$, $B \in \mathbb{R}^{N \times M}$ and"
    "\n"
    r"$C = A B$, $x \in \mathbb{R}^N$, $\mu = \frac{1}{N} \sum_{i=1}^{N} x_i$."
    "\n\n"
)
TRANSPOSES = [
    (r"C^\top = B^\top A", r"C^\top = B^\top A^\top (right side: the transpose of A is missing)"),
    (r"(A B)^\top = B^\top A", "the transpose of A is missing"),
]
NOTHING_NEAR = [r"\mu = \exp(x_1)", r"\mu = 7 \mu^5 + 3 \mu", r"x_i = x_j + \sin x_i"]
HOPELESS = [r"\mu = " + " + ".join([r"2 \mu"] * MOST_NODES), r"\mu = \mu + \mu"]
SHORT = [variant for variant in VARIANTS if variant[1] < 77]
LONG = [variant for variant in VARIANTS if variant[1] >= 77]
SAMPLE = SHORT[3::9] + LONG[::80]
"""A few variants; few of those of the long closed form, which take half a second each."""


LOOKED_UP = [
    (r"\frac{\partial x_i}{\partial x_j} = 1", r"× \delta_{ij} is missing"),
    (r"\sum_{i=1}^{N} (x_i - \mu) = \mu", r"should be 0"),
    (r"\frac{\partial v}{\partial x_j} = \frac{2}{N} x_j", r"is missing"),
    (r"\sum_{i=1}^{N} x_i^2 = N v", r"+ N \mu^2 is missing"),
    (r"\sum_{i=2}^{N} x_i = N \mu", r"the sum runs from i = 1, not i = 2"),
    (r"\sum_{i=1}^{N-1} x_i = N \mu", r"the sum over i ends at N"),
    (r"\prod_{i=1}^{N} x_i = N \mu", r"\prod → \sum"),
    (r"\sum_{i=1}^{N} x_i = \frac{\mu}{N}", r"× N^2 is missing"),
    (r"\frac{\partial^2 \mu}{\partial x_j^2} = \frac{1}{N}", r"one derivative by x_j is too many"),
    (r"\frac{\partial y}{\partial x_i} = \gamma", r"y → y_i, x_i → \hat{x}_i"),
    (r"\sum_{i=1}^{N} x_i x_i = \frac{N v}{v + \epsilon}", r"x → \hat{x} throughout"),
    (r"y_i - \beta = (\gamma + \hat{x}_i)", r"\gamma \hat{x}_i"),
]
"""Slips, and what the words of one suggestion hold."""
SUPPOSED = [
    (r"\frac{\partial q}{\partial x} = 2 B x", "holds if B = Bᵀ"),
    (r"B^\top B^\top = B B", "holds if B = Bᵀ"),
    (r"\sum_{i=1}^{N} t_i (x_i - m) = 0", "holds if ∑ᵢ tᵢ = 1"),
    (r"\sqrt{a^2} = a", "holds if a > 0"),
    (r"|b| = b", "holds if b > 0"),
    (r"\sqrt{a^2 b^2} = a b", "holds if a > 0, b > 0"),
    (r"\frac{\partial x_i}{\partial x_j} = 0", "holds if i ≠ j"),
]
UNSUPPOSED = [
    r"\sum_{i=1}^{N} x_i = x_1",
    r"\frac{\partial q}{\partial x} = 3 B x",
    r"\sqrt{c^2} = c",
    r"\sqrt{a^2} = -a + \sin a",
    r"\frac{\partial x_i}{\partial x_j} = 2",
]
"""True for one size only, false whatever is assumed, or true under what contradicts the text."""
LINE = (
    r"Let $x, t \in \mathbb{R}^N$, $B \in \mathbb{R}^{N \times N}$, $a, b, c \in \mathbb{R}$, "
    r"$c < 0$, and $q = x^\top B x$, $m = \sum_{i=1}^{N} t_i x_i$."
    "\n\n"
)
TAUTOLOGIES = [
    (MATRICES, r"\mu = 2 \mu^3"),
    (MATRICES, r"x_i = 5 x_i^2 - \sin x_i"),
    (COLUMN, r"v = \gamma v \beta + \gamma"),
]


def suggested(text: str) -> tuple[str, ...]:
    """The suggestions for the last claim of a text."""
    return check(understood(text), repairs=True).judged[-1][1].repairs


@cache
def true_sides() -> tuple[frozenset[s.Expr], frozenset[s.Expr]]:
    claims = understood(TEXT).claims
    return frozenset(c.left for c in claims), frozenset(c.right for c in claims)


def is_original(repair: Repair) -> bool:
    """Whether a side is one of the document's: a proved equation with it says the same."""
    lefts, rights = true_sides()
    return repair.left in lefts or repair.right in rights


def assert_proved_again(repair: Repair, claim: Claim, prover: Prover) -> None:
    """A new prover and a longer cross-examination agree that the suggestion is true."""
    assert claim.reread is not None
    readings, _ = claim.reread(repair.left, repair.right)
    assert replace(repair.reading, condition=readings[0].condition) in readings
    prover = prover if repair.context is claim.context else Prover(repair.context)
    assert isinstance(prover.prove(repair.reading), Proof)
    assert agrees(repair.reading, repair.context, trials=2) is None
    assert repair.left != repair.right


@pytest.mark.parametrize(("wrong", "right"), SLIPS)
def test_a_slip_is_put_right(wrong: str, right: str) -> None:
    assert suggested(f"{COLUMN}$${wrong}$$\n")[0] == right


@pytest.mark.parametrize(("wrong", "words"), TRANSPOSES)
def test_a_transpose_is_put_in(wrong: str, words: str) -> None:
    assert any(words in text for text in suggested(f"{MATRICES}$${wrong}$$\n"))


@pytest.mark.parametrize("wrong", NOTHING_NEAR)
def test_nothing_is_shown_when_nothing_true_is_near(wrong: str) -> None:
    assert suggested(f"{MATRICES}$${wrong}$$\n") == ()


def test_equations_that_are_too_long_are_left_alone() -> None:
    assert suggested(f"{MATRICES}$${HOPELESS[0]}$$\n") == ()


def test_what_only_says_that_a_thing_is_itself_is_not_offered() -> None:
    assert all(r"\mu = \mu (" not in text for text in suggested(f"{MATRICES}$${HOPELESS[1]}$$\n"))


def test_most_wrong_variants_are_put_right() -> None:
    tried = found = 0
    for _, line, text in SAMPLE:
        meaning = understood(text)
        judge = Judge(Limits())
        for claim in changed(meaning, line)[:1]:
            if judge.judge(claim).verdict == "proved":
                continue
            shown = repairs(claim, judge._prover(claim.context))
            assert len(shown) <= MOST_SHOWN
            again = Prover(claim.context)
            for repair in shown:
                assert_proved_again(repair, claim, again)
            tried += 1
            found += any(map(is_original, shown))
    assert tried >= 5
    assert found >= 0.85 * tried


@pytest.mark.parametrize(("wrong", "words"), LOOKED_UP)
def test_what_is_missing_is_looked_up(wrong: str, words: str) -> None:
    shown = suggested(f"{COLUMN}$${wrong}$$\n")
    assert any(words in text for text in shown), shown


@pytest.mark.parametrize(("wrong", "words"), SUPPOSED)
def test_an_assumption_that_is_missing_is_named(wrong: str, words: str) -> None:
    text = f"{LINE}$${wrong}$$\n"
    claim = understood(text).claims[-1]
    said = f"{to_latex(s.Chain((claim.left, claim.right), (claim.relation,)))} ({words})"
    assert said in suggested(text)


@pytest.mark.parametrize("wrong", UNSUPPOSED)
def test_no_assumption_is_offered_that_does_not_help_or_leaves_nothing(wrong: str) -> None:
    assert all("holds if" not in text for text in suggested(f"{LINE}$${wrong}$$\n"))


@pytest.mark.parametrize(("setup", "wrong"), TAUTOLOGIES)
def test_a_side_is_not_mended_by_writing_the_other_one_in(setup: str, wrong: str) -> None:
    claim = understood(f"{setup}$${wrong}$$\n").claims[-1]
    for repair in repairs(claim, Prover(claim.context)):
        assert repair.left not in walk(repair.right)
        assert repair.right not in walk(repair.left)


def test_every_slip_of_a_document_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("derive.judgement.judge.REPAIR_SECONDS", 30.0)
    monkeypatch.setattr(repair_module, "SUPPOSING", 10.0)
    monkeypatch.setattr(repair_module, "TRYING", 5.0)
    text = (DOCUMENTS / "wrong" / "spread.md").read_text(encoding="utf-8")
    limits = Limits(seconds=60.0)
    shown = [j.repairs for _, j in check(understood(text), limits, repairs=True).judged]
    words = ["y → y_i, x_i", "second case: = → ", "x → \\hat{x} throughout", "holds if i ≠ j"]
    for each, expected in zip(shown, words, strict=True):
        assert any(expected in text for text in each), each


@pytest.mark.parametrize(("setup", "wrong"), [(COLUMN, SLIPS[4][0]), (LINE, SUPPOSED[3][0])])
def test_a_suggestion_that_the_oracle_contradicts_is_an_alarm(
    setup: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = understood(f"{setup}$${wrong}$$\n").claims[-1]
    witness = Witness({"N": 1}, {}, {}, "0", "1")
    monkeypatch.setattr(repair_module, "agrees", lambda *_: witness)
    with pytest.raises(SoundnessError, match="the proof of a suggestion"):
        repairs(claim, Prover(claim.context))


def test_suggestions_are_asked_for_and_deterministic() -> None:
    text = f"{COLUMN}$${SLIPS[0][0]}$$\n"
    assert judged(text).judged[-1][1].repairs == ()
    assert suggested(text) == suggested(text) != ()


def test_what_is_proved_gets_no_suggestion() -> None:
    assert suggested(COLUMN + r"$$\frac{\partial \mu}{\partial x_j} = \frac{1}{N}$$") == ()


def test_a_derivative_that_vanishes_is_no_way_out() -> None:
    wrong = r"\frac{\partial v}{\partial x_j} = \frac{\partial \mu}{\partial x_j} - \frac{1}{N}"
    assert suggested(f"{COLUMN}$${wrong}$$\n") == ()


def test_a_claim_that_uses_every_usual_letter_is_looked_at() -> None:
    text = (
        r"Let $T \in \mathbb{R}^{A \times B \times C \times D}$, $x \in \mathbb{R}^A$. "
        r"$$T_{ikln} + x_i = 2 T_{ikln}$$"
    )
    ((_, judgement),) = check(understood(text), repairs=True).judged
    assert judgement.verdict == "refuted"
