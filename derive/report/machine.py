"""The JSON report: a documented contract, schema 1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from derive.judgement.check import Checked
from derive.judgement.verdict import Entries, Judgement, Witness
from derive.meaning.claims import Claim, Unread
from derive.reading.span import Source
from derive.report.words import VERDICTS, statement_of
from derive.writing.to_latex import to_latex

SCHEMA = 1


def to_json(documents: Sequence[Checked]) -> str:
    """All documents as one JSON text, keys in a fixed order."""
    shown = [document(checked) for checked in documents]
    counts = {str(v): sum(checked.counts[v] for checked in documents) for v in VERDICTS}
    whole: dict[str, Any] = {
        "schema": SCHEMA,
        "documents": shown,
        "summary": {"documents": len(shown), "claims": sum(counts.values()), **counts},
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)


def document(checked: Checked) -> dict[str, Any]:
    """One document: its claims in document order, and those of them that were not proved."""
    source = checked.meaning.document.source
    verdicts = {id(claim): judgement for claim, judgement in checked.judged}
    claims = []
    for item in checked.meaning.items:
        if isinstance(item, Claim):
            claims.append(claim_entry(source, item, verdicts[id(item)]))
        elif isinstance(item, Unread) and item.has_relation:
            claims.append(unread_entry(source, item))
    findings = [entry for entry in claims if entry["verdict"] != "proved"]
    return {"path": source.path, "claims": claims, "findings": findings}


def claim_entry(source: Source, claim: Claim, judgement: Judgement) -> dict[str, Any]:
    """One link of a chain; `line` and `column` are those of its relation sign."""
    line, column = source.position(claim.relation.span.start)
    end_line, end_column = source.position(claim.span.end)
    return {
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "latex": to_latex(statement_of(claim)),
        "kind": "claim",
        "verdict": judgement.verdict,
        "reading": judgement.reading,
        "rules": list(judgement.rules),
        "side_conditions": list(judgement.side_conditions),
        "witness": witness_entry(judgement.witness),
        "repairs": list(judgement.repairs),
        "reason": judgement.reason,
        "seconds": round(judgement.seconds, 6),
    }


def unread_entry(source: Source, item: Unread) -> dict[str, Any]:
    """A statement with a relation that could not be read."""
    place = item.error.place
    line, column = source.position(item.span.start)
    if place:
        line, column = place.line, place.column
    end_line, end_column = source.position(item.span.end)
    return {
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "latex": source.cut(item.span),
        "kind": "unread",
        "verdict": "unread",
        "reading": "",
        "rules": [],
        "side_conditions": [],
        "witness": None,
        "repairs": [],
        "reason": item.error.message,
        "seconds": 0.0,
    }


def witness_entry(witness: Witness | None) -> dict[str, Any] | None:
    """Exact values as strings; arrays as nested lists; `functions` only where one is needed."""
    if witness is None:
        return None
    entry: dict[str, Any] = {
        "sizes": dict(witness.sizes),
        "values": {key: _entries(value) for key, value in witness.values.items()},
        "indices": dict(witness.indices),
        "left": witness.left,
        "right": witness.right,
    }
    if witness.functions:
        entry["functions"] = dict(witness.functions)
    return entry


def _entries(value: Entries) -> Any:
    return [_entries(item) for item in value] if isinstance(value, tuple) else str(value)
