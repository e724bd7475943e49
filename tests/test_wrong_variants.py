"""Each equation of batchnorm.md made wrong by one edit: refuted, with a witness that holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest
from judging import library_text, understood

from derive.judgement.check import Judge
from derive.judgement.prove import Prover
from derive.judgement.refute import agrees, reevaluate
from derive.judgement.verdict import Judgement, Limits
from derive.meaning.claims import Claim, Meaning

TEXT = library_text("batchnorm")
START = TEXT.index("## One column")
DISPLAYS = [m for m in re.finditer(r"\$\$(.+?)\$\$", TEXT, re.S) if m.start() > START]
EDITS = {
    "flip a sign": [(r" - ", " + "), (r" \+ (?!\\epsilon)", " - "), (r"= -", "= ")],
    "drop 1/N": [(r"\\frac\{1\}\{N\} \\sum", r"\\sum"), (r"-\\frac\{1\}\{N\} \(", "-(")],
    "another share": [(r"= \\frac\{1\}\{N\}", "= 1"), (r"\\frac\{2\}\{N\}", r"\\frac{1}{N}")],
    "another exponent": [(r"\{-\\frac\{1\}\{2\}\}", r"{-\\frac{3}{2}}"), (r"\^\{-1\}", "")],
    "swap i and j": [(r"x_i - \\mu", r"x_j - \\mu"), (r"x_j - \\mu", r"x_i - \\mu")],
    "swap the cases": [(r"i \\neq j \\end", r"i = j \\end"), (r"& i = j", r"& i \\neq j")],
    "forget the delta": [(r" \+ (\(v[^+]*)?\\frac\{\\partial f\}\{\\partial y_j\}", "")],
    "drop the hat": [(r"\\hat\{x\}", "x")],
    "drop the scale": [
        (r"= \\gamma", "= 1"),
        (r"\\gamma \(v", "(v"),
        (r"\\gamma \\left", r"\\left"),
    ],
}


def variants() -> Iterator[tuple[str, int, str]]:
    """(edit, line, text): every single edit of every claim after the definitions."""
    for name, edits in EDITS.items():
        for display in DISPLAYS:
            for pattern, new in edits:
                for found in re.finditer(pattern, display.group()):
                    at = display.start() + found.start()
                    changed = re.sub(pattern, new, found.group(), count=1)
                    text = TEXT[:at] + changed + TEXT[at + len(found.group()) :]
                    yield name, TEXT.count("\n", 0, at) + 1, text


VARIANTS = list(dict.fromkeys(variants()))


@cache
def original() -> frozenset[str]:
    meaning = understood(TEXT)
    return frozenset(key(meaning, claim) for claim in meaning.claims)


def key(meaning: Meaning, claim: Claim) -> str:
    return meaning.document.source.cut(claim.span)


def changed(meaning: Meaning, line: int) -> list[Claim]:
    """The claims near the edit that read differently than in the document."""
    source = meaning.document.source
    near = [c for c in meaning.claims if abs(source.position(c.span.start)[0] - line) <= 3]
    return [claim for claim in near if key(meaning, claim) not in original()]


def check_witness(claim: Claim, judgement: Judgement) -> None:
    assert judgement.witness is not None
    again = [reevaluate(judgement.witness, r, claim.context) for r in claim.readings]
    assert (judgement.witness.left, judgement.witness.right) in again
    assert judgement.witness.left != judgement.witness.right


@pytest.mark.parametrize(("name", "line", "text"), VARIANTS, ids=lambda v: str(v)[:20])
def test_a_wrong_variant_is_never_proved(name: str, line: int, text: str) -> None:
    meaning = understood(text)
    judge = Judge(Limits())
    claims = changed(meaning, line)
    assert claims or any(not isinstance(item, Claim) for item in meaning.items)
    for claim in claims:
        judgement = judge.judge(claim)
        match judgement.verdict:
            case "refuted":
                check_witness(claim, judgement)
            case "proved":
                # Some edits leave the truth: the Jacobian is symmetric, and Σ (x_i − μ) is zero.
                assert judgement.proved_as is not None
                assert agrees(judgement.proved_as, claim.context, trials=12) is None
            case "undecided":
                assert judgement.reason.startswith("the cases leave out some indices")
            case verdict:
                assert verdict == "ill-typed", judgement.reason


def test_most_variants_are_wrong() -> None:
    refuted = 0
    for _, line, text in VARIANTS[::4]:
        meaning = understood(text)
        judge = Judge(Limits())
        verdicts = {judge.judge(claim).verdict for claim in changed(meaning, line)}
        refuted += bool(verdicts & {"refuted", "ill-typed"})
    assert refuted >= 0.8 * len(VARIANTS[::4])


def test_the_document_itself_is_proved() -> None:
    meaning = understood(TEXT)
    provers: dict[int, Prover] = {}
    for claim in meaning.claims:
        prover = provers.setdefault(id(claim.context), Prover(claim.context))
        assert any(not isinstance(prover.prove(r), str) for r in claim.readings)
