"""Judge a whole document."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from derive.judgement.verdict import Judgement, VerdictName
from derive.meaning.claims import Claim, Meaning, Unread


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
