"""Judge the documents of the library and of tests/documents beside what is marked in them.

A claim whose verdict is not *proved* carries the verdict at the end of its line, in a comment.
`decided` counts the claims that are proved, refuted or ill-typed; `wrong` those that are decided
and not as marked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from derive.judgement.check import check
from derive.judgement.verdict import Limits
from derive.meaning.scope import understand
from derive.reading.document import read_document
from derive.reading.span import Source

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("derive/library", "tests/documents/right", "tests/documents/wrong")
MARK = re.compile(r"(?:<!--|%) (refuted|ill-typed|undecided)(?: -->)?$")
DECIDED = ("proved", "refuted", "ill-typed")


def documents(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).iterdir() if p.suffix in (".md", ".tex"))


def counted(path: Path) -> Counter[str]:
    """How many claims of a document are true, false, decided and wrongly decided."""
    source = Source(path.name, path.read_text(encoding="utf-8"))
    found: Counter[str] = Counter()
    for claim, judgement in check(understand(read_document(source)), Limits(seconds=60)).judged:
        mark = MARK.search(source.line(source.position(claim.relation.span.start)[0]))
        marked = mark.group(1) if mark else "proved"
        found["claims"] += 1
        found["false"] += marked in ("refuted", "ill-typed")
        found["decided"] += judgement.verdict in DECIDED
        found["wrong"] += judgement.verdict in DECIDED and judgement.verdict != marked
    return found


def table() -> Iterator[str]:
    """The rows of a Markdown table, one for each folder, and the sum."""
    names = ("documents", "claims", "false", "decided", "wrong")
    yield f"| folder | {' | '.join(names)} |"
    yield "|---|" + "---:|" * len(names)
    total: Counter[str] = Counter()
    for folder in FOLDERS:
        paths = documents(folder)
        row = sum(map(counted, paths), Counter({"documents": len(paths)}))
        total += row
        yield f"| {folder} | {' | '.join(str(row[name]) for name in names)} |"
    yield f"| all | {' | '.join(str(total[name]) for name in names)} |"
