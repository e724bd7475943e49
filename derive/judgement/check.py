"""Judge a whole document, in one process or in several."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from derive.judgement.judge import Judge
from derive.judgement.parallel import judge_in_parallel
from derive.judgement.verdict import Judgement, Limits, VerdictName
from derive.meaning.claims import Claim, Meaning, Unread

__all__ = ["Checked", "Judge", "Progress", "check"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """A document with the judgement of each claim, in document order."""

    meaning: Meaning
    judged: tuple[tuple[Claim, Judgement], ...]
    seconds: float

    @property
    def counts(self) -> Counter[VerdictName]:
        """How many claims have each verdict; unread statements with a relation count too."""
        counts = Counter(judgement.verdict for _, judgement in self.judged)
        counts["unread"] += sum(item.has_relation for item in self.unread)
        return counts

    @property
    def unread(self) -> tuple[Unread, ...]:
        return tuple(item for item in self.meaning.items if isinstance(item, Unread))

    @property
    def exit_code(self) -> int:
        """0 all proved; 1 something refuted or ill-typed; 3 undecided or unread."""
        counts = self.counts
        if counts["refuted"] or counts["ill-typed"]:
            return 1
        return 3 if counts["undecided"] or counts["unread"] else 0


def check(
    meaning: Meaning,
    limits: Limits | None = None,
    progress: Progress | None = None,
    repairs: bool = False,
    jobs: int = 1,
) -> Checked:
    """Judge every claim of a document.

    `progress` is called with the number of claims judged and their total. With `repairs`, what
    is not true gets the nearest equations that are. `jobs` processes share the claims. Raises
    SoundnessError when the oracle contradicts a proof.
    """
    start = time.perf_counter()
    claims, judge = meaning.claims, Judge(limits or Limits(), repairs)
    judgements: list[Judgement] = []
    if min(jobs, len(claims)) > 1:
        judgements = judge_in_parallel(meaning, judge, jobs, progress)
    else:
        for claim in claims:
            judgements.append(judge.judge(claim))
            if progress:
                progress(len(judgements), len(claims))
    judged = tuple(zip(claims, judgements, strict=True))
    return Checked(meaning, judged, time.perf_counter() - start)
