"""The limits of a claim: it is undecided past one and names it, and holds up nothing else."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from judging import understood

from derive.judgement import judge as judging_one
from derive.judgement.check import Judge, check
from derive.judgement.prove import Prover
from derive.judgement.timer import OutOfTime, alarm
from derive.judgement.verdict import Limits

SCALARS = r"Let $a, b, c, d, f, g, x, y, z \in \mathbb{R}$." + "\n\n"
ARRAYS = r"Let $x, y, z \in \mathbb{R}^N$, $A, B, C \in \mathbb{R}^{N \times N}$." + "\n\n"
LAYERS = "Let $p = x$.\n\n" + "".join(
    rf"Let ${new} = \frac{{{old}^2 + {old} + 1}}{{\sqrt{{1 + {old}^2}}}}$." + "\n\n"
    for old, new in zip("pqrstuv", "qrstuvw", strict=True)
)
HOPELESS = {
    "a huge expansion": SCALARS
    + r"$$(a + b + c + d + f + g)^{40} = (a + b + c + d + f + g)^{39} a$$",
    "powers of powers": SCALARS
    + r"$$(((a+b+c)^6 + (d+f+g)^6)^4 + 1)^3 = (((a+b+c)^6 + 1)^4 + 1)^3$$",
    "sums of products": ARRAYS
    + "$$"
    + " ".join(rf"\sum_{{i=1}}^N x_i y_i^{k} \sum_{{j=1}}^N A_{{ij}} z_j" for k in range(2, 9))
    + r"= \sum_{i=1}^N x_i$$",
    "a symmetric contraction": ARRAYS
    + r"$$\sum_{i,j,k,l,m,n,p,q} A_{ij} A_{jk} A_{kl} A_{lm} A_{mn} A_{np} A_{pq} A_{qi} = "
    r"\sum_{i,j,k,l,m,n,p,q} A_{ij} A_{ik} A_{il} A_{im} A_{in} A_{ip} A_{iq} A_{qi}$$",
    "matrix products": ARRAYS + "$$" + "(A + B)(A - C) " * 8 + "x = " + "(A + B) " * 16 + "x$$",
    "a chain of definitions": SCALARS + LAYERS + r"$$\frac{\partial w}{\partial x} = w$$",
    "long numbers": SCALARS + r"$$3^{4000} \cdot 7^{4000} x^{4000} = 21^{4000} x^{4000} + 1$$",
    "exponentials": SCALARS
    + "$$"
    + " ".join(rf"e^{{{k} x + y^{{{k}}}}}" for k in range(1, 12))
    + "= "
    + " ".join(rf"(e^{{{k} x}} + e^{{y^{{{k}}}}})" for k in range(1, 14))
    + "$$",
    "high derivatives": ARRAYS
    + r"$$\frac{\partial^6}{\partial x_i^6} \Bigl(\sum_j \exp(x_j^2) \sqrt{1 + \sum_k x_k^2}\Bigr)"
    r" = \sum_j \exp(x_j^2)$$",
    "many inputs": "Let $a, b, c, d, f, g, h, k \\in \\mathbb{R}^{N \\times M \\times K}$.\n\n"
    + r"$$\sum_{i,j,l} "
    + " ".join(rf"\exp(\sin({v}_{{ijl}}))" for v in "abcdfghk")
    + r"= \sum_{i,j,l} \exp("
    + " + ".join(rf"\sin({v}_{{ijl}})" for v in "abcdfghk")
    + r") + \exp(-\exp(7))$$",
}
SECONDS = 0.4


@pytest.mark.parametrize("name", HOPELESS)
def test_a_hopeless_claim_ends_in_time(name: str) -> None:
    (claim,) = understood(HOPELESS[name]).claims
    start = time.monotonic()
    judgement = Judge(Limits(seconds=SECONDS), repairs=True).judge(claim)
    assert time.monotonic() - start < SECONDS + 1
    assert judgement.verdict in ("undecided", "refuted")
    assert (
        judgement.verdict == "refuted"
        or "limit" in judgement.reason
        or "different" in (judgement.reason)
    )


@pytest.mark.parametrize(
    ("name", "limits", "reason"),
    [
        ("many inputs", Limits(seconds=0.3), "the time limit for one claim"),
        ("a symmetric contraction", Limits(seconds=0.3), "the time limit for one claim"),
    ],
)
def test_the_limit_that_was_hit_is_named(name: str, limits: Limits, reason: str) -> None:
    (claim,) = understood(HOPELESS[name]).claims
    judgement = Judge(limits).judge(claim)
    assert judgement.verdict == "undecided"
    assert reason in judgement.reason


def test_the_bound_on_terms_is_named() -> None:
    text = SCALARS + r"$$(a + b + c + d)^6 (a - b)^6 = (a + b + c + d)^6 (b - a)^6$$"
    assert [j.verdict for _, j in check(understood(text)).judged] == ["proved"]
    (judgement,) = (j for _, j in check(understood(text), Limits(terms=200)).judged)
    assert judgement.verdict == "undecided"
    assert "more than 200 terms in a product" in judgement.reason


def test_a_hopeless_claim_or_definition_holds_up_no_other() -> None:
    text = (
        HOPELESS["a chain of definitions"] + "\n\n$$x + x = 2x$$\n\n$$(a + b)^2 = a^2 + 2ab + b^2$$"
    )
    checked = check(understood(text), Limits(seconds=SECONDS))
    assert [judgement.verdict for _, judgement in checked.judged][1:] == ["proved", "proved"]
    assert checked.seconds < 3 * SECONDS + 1


# ---- work that does not look at the clock -----------------------------------------------------


def forever(*arguments: object) -> None:
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize("where", ["prove", "refute"])
def test_work_without_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    (claim,) = understood(SCALARS + "$$x + 1 = x$$").claims
    if where == "prove":
        monkeypatch.setattr(Prover, "prove", forever)
    else:
        monkeypatch.setattr(judging_one, "refute", forever)
    start = time.monotonic()
    judgement = Judge(Limits(seconds=1.0)).judge(claim)
    assert time.monotonic() - start < 2.0
    assert judgement.verdict == ("refuted" if where == "prove" else "undecided")
    assert where == "prove" or "the time limit for one claim" in judgement.reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [(MemoryError, "the memory limit for one claim"), (RecursionError, "the limit of nesting")],
)
def test_memory_and_depth_are_limits(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], reason: str
) -> None:
    def fails(*arguments: object) -> None:
        raise error

    (claim,) = understood(SCALARS + "$$x + 1 = x$$").claims
    monkeypatch.setattr(Prover, "prove", fails)
    judgement = Judge(Limits()).judge(claim)
    assert judgement.verdict == "undecided"
    assert judgement.reason.startswith(reason)


def test_a_proof_broken_off_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    text = r"Let $x \in \mathbb{R}^N$, $\mu = \frac{1}{N} \sum_i x_i$." + "\n\n"
    (claim,) = understood(text + r"$$\sum_i (x_i - \mu) = 0$$").claims
    judge, whole = Judge(Limits()), Prover._difference_vanishes

    def broken(*arguments: object) -> bool:
        monkeypatch.setattr(Prover, "_difference_vanishes", whole)
        raise OutOfTime

    monkeypatch.setattr(Prover, "_difference_vanishes", broken)
    assert judge.judge(claim).verdict == "undecided"
    assert judge.judge(claim).verdict == "proved"


# ---- the alarm --------------------------------------------------------------------------------


def test_the_alarm_rings_again_where_it_was_caught() -> None:
    start, caught = time.monotonic(), 0
    with pytest.raises(OutOfTime), alarm(0.0):
        while True:
            try:
                forever()
            except OutOfTime:
                caught += 1
                if caught == 2:
                    raise
    assert time.monotonic() - start < 1


def test_no_alarm_is_left_behind() -> None:
    with alarm(0.0):
        pass
    time.sleep(0.3)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_of_somebody_else_is_left_alone() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        with alarm(0.0):
            assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_claims_are_judged_outside_the_main_thread() -> None:
    found = []
    meaning = understood(SCALARS + "$$x + x = 2x$$")
    thread = threading.Thread(target=lambda: found.append(check(meaning).exit_code))
    thread.start()
    thread.join()
    assert found == [0]
