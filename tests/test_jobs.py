"""Several processes judge a document: the same verdicts, no hanging, no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from judging import library_text, understood

from derive.errors import SoundnessError
from derive.judgement import parallel
from derive.judgement.judge import Judge
from derive.judgement.parallel import judge_in_parallel
from derive.judgement.verdict import Judgement, Limits
from derive.meaning.claims import Claim

METHODS = ("fork", "spawn") if sys.platform == "linux" else ("spawn",)
MIXED = r"""
Let $x, y \in \mathbb{R}^N$ and $\mu = \frac{1}{N} \sum_{i=1}^{N} x_i$.

$$\sum_{i=1}^{N} (x_i - \mu) = 0$$

$$\sum_{i=1}^{N} (x_i - \mu)^2 = \sum_{i=1}^{N} x_i^2 - \mu^2$$

$$x_i + y = y_i$$

$$\frac{\partial \mu}{\partial x_j} = \frac{1}{N}$$

$$\sum_{i=1}^{N} x_i y_i = \sum_{i=1}^{N} y_i x_i + \mu$$
"""
# The sides differ by less than the digits with which they are compared.
HOPELESS = r"""
Let $a, b, c, d, f, g, h, k \in \mathbb{R}^{N \times M}$.

$$\sum_{i=1}^{N} \sum_{j=1}^{M} \exp(\sin(a_{ij} + b_{ij} + c_{ij} + d_{ij} + f_{ij}))
\exp(\sin(g_{ij} + h_{ij} + k_{ij}))
= \sum_{i=1}^{N} \sum_{j=1}^{M}
\exp(\sin(a_{ij} + b_{ij} + c_{ij} + d_{ij} + f_{ij}) + \sin(g_{ij} + h_{ij} + k_{ij}))
+ \exp(-\exp(7))$$
"""


def timeless(judgements: list[Judgement]) -> list[tuple[Judgement, object]]:
    return [(replace(judgement, seconds=0), judgement.proved_as) for judgement in judgements]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", [library_text("batchnorm"), MIXED], ids=["right", "mixed"])
def test_judgements_do_not_depend_on_the_number_of_processes(text: str, method: str) -> None:
    meaning, seen = understood(text), []
    alone = [Judge(Limits(), True).judge(claim) for claim in meaning.claims]
    judge = Judge(Limits(), True)
    shared = judge_in_parallel(meaning, judge, 3, lambda *step: seen.append(step), method)
    assert timeless(shared) == timeless(alone)
    assert seen[-1] == (len(meaning.claims), len(meaning.claims))


@pytest.mark.parametrize("style", ["text", "json"])
def test_output_is_the_same_to_the_byte(derive, tmp_path: Path, style: str) -> None:
    (tmp_path / "mixed.md").write_text(MIXED, encoding="utf-8")
    runs = [derive("check", "mixed.md", "--format", style, "--jobs", n) for n in ("1", "2", "0")]
    shown = [without_times(run.stdout) if style == "json" else run.stdout for run in runs]
    assert shown[0] == shown[1] == shown[2]
    assert [run.returncode for run in runs] == [1, 1, 1]
    assert "refuted" in shown[0] and "ill-typed" in shown[0]


def without_times(text: str) -> str:
    """The JSON output with every time set to zero, character by character otherwise the same."""
    whole = json.loads(text)
    for document in whole["documents"]:
        for entry in document["claims"] + document["findings"]:
            entry["seconds"] = 0
    assert len(text.splitlines()) == len(json.dumps(whole, indent=2).splitlines())
    return json.dumps(whole)


# ---- workers that fail ----------------------------------------------------------------------


class DyingJudge(Judge):
    """Its process dies at the second claim, in the way that `how` says."""

    how = "kill"

    def judge(self, claim: Claim) -> Judgement:
        if str(claim.span.start) == os.environ["DYING"]:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "exit":
                os._exit(7)
            if self.how == "hang":
                time.sleep(60)
            if self.how == "soundness":
                raise SoundnessError("a proof is contradicted", advice="Report it.")
            raise ValueError("a bug")
        return super().judge(claim)


@pytest.mark.skipif("fork" not in METHODS, reason="the judge that dies is inherited by forking")
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("kill", "the process that judged it ended early by SIGKILL, perhaps for want of memory"),
        ("exit", "the process that judged it ended early with exit code 7"),
        ("hang", "the time limit for one claim"),
    ],
)
def test_a_lost_worker_costs_its_own_claim_only(
    monkeypatch: pytest.MonkeyPatch, how: str, reason: str
) -> None:
    meaning = dying(monkeypatch, how)
    judge = Judge(Limits(seconds=1.0))
    outcomes = judge_in_parallel(meaning, judge, 2, method="fork")
    assert [outcome.verdict for outcome in outcomes] == [
        "proved",
        "undecided",
        "ill-typed",
        "proved",
        "refuted",
    ]
    assert outcomes[1].reason == reason


@pytest.mark.skipif("fork" not in METHODS, reason="the judge that dies is inherited by forking")
@pytest.mark.parametrize(("how", "error"), [("soundness", SoundnessError), ("bug", ValueError)])
def test_what_a_claim_raises_is_raised_again(
    monkeypatch: pytest.MonkeyPatch, how: str, error: type[Exception]
) -> None:
    meaning = dying(monkeypatch, how)
    with pytest.raises(error) as raised:
        judge_in_parallel(meaning, Judge(Limits()), 2, method="fork")
    assert "test_jobs.py" in "".join(raised.value.__notes__)


def dying(monkeypatch: pytest.MonkeyPatch, how: str):
    meaning = understood(MIXED)
    monkeypatch.setenv("DYING", str(meaning.claims[1].span.start))
    monkeypatch.setattr(DyingJudge, "how", how)
    monkeypatch.setattr(parallel, "Judge", DyingJudge)
    monkeypatch.setattr(parallel, "PATIENCE", 0.5)
    return meaning


@pytest.mark.skipif("fork" not in METHODS, reason="what fails is inherited by forking")
def test_workers_that_cannot_begin_leave_every_claim_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meaning = understood(MIXED)
    monkeypatch.setattr(parallel, "understand", lambda document: os._exit(3))
    outcomes = judge_in_parallel(meaning, Judge(Limits()), 2, method="fork")
    assert {outcome.verdict for outcome in outcomes} == {"undecided"}
    assert {outcome.reason for outcome in outcomes} == {
        "the process that judged it ended early with exit code 3"
    }


# ---- interrupts and options -----------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="an interrupt reaches a group of processes")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_ends_all_processes_within_a_second(tmp_path: Path, jobs: str) -> None:
    path = tmp_path / "hopeless.md"
    path.write_text(HOPELESS + HOPELESS.split("\n\n", 1)[1], encoding="utf-8")
    command = [sys.executable, "-m", "derive", "check", str(path), "--jobs", jobs]
    process = subprocess.Popen(
        [*command, "--seconds", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What a shell starts in the background would ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(2.0)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert time.monotonic() - start < 1.0
    assert (process.returncode, output, errors.strip()) == (130, "", "derive: interrupted")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--jobs", "-1"), "-1 is not in the range"),
        (("--jobs", "two"), "'two' is not a valid integer"),
        (("--seconds", "0"), "0.0 is not in the range"),
        (("--seconds", "nan"), "nan is not a number"),
        (("--seconds", "soon"), "'soon' is not a valid float"),
    ],
)
def test_wrong_options_are_refused(derive, options: tuple[str, str], words: str) -> None:
    run = derive("check", "batchnorm", *options)
    assert run.returncode == 2
    assert words in run.stderr


def test_a_claim_past_its_seconds_is_undecided_and_says_so(derive, tmp_path: Path) -> None:
    (tmp_path / "hopeless.md").write_text(HOPELESS, encoding="utf-8")
    run = derive("check", "hopeless.md", "--seconds", "0.5")
    assert run.returncode == 3
    assert "the time limit for one claim" in " ".join(run.stdout.split())
