"""Every law against the oracle, and every rule in the trace of the proof of its own law."""

from __future__ import annotations

import pytest

from derive.calculus.rules import RULES, Rule
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import refute
from derive.judgement.verdict import Limits, Witness
from derive.meaning.claims import Claim
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source


def law_of(rule: Rule) -> Claim:
    (claim,) = understand(read_document(Source("law.md", rule.law))).claims
    return claim


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_oracle_agrees_with_the_law(rule: Rule) -> None:
    claim = law_of(rule)
    trials = refute(claim.readings[0], claim.context, Limits())
    assert not isinstance(trials, Witness)
    assert trials >= 3


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_proof_of_the_law_uses_the_rule(rule: Rule) -> None:
    claim = law_of(rule)
    proof = Prover(claim.context).prove(claim.readings[0])
    assert isinstance(proof, Proof), proof
    assert rule.name in proof.rules


def test_names_of_rules_are_distinct() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
