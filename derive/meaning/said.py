"""What the words beside a formula say of its names: a loss, a symmetric matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from derive.meaning.force import Force
from derive.meaning.names import key_of, span_of
from derive.meaning.records import Given, Objective
from derive.reading import syntax as s
from derive.reading.statements import Formula, Heading, Paragraph, Prose

_KIND = r"(a|an|the|our|some|any|its)?\s*((real|scalar|scalar-valued|training|final)\s+)*"
_LOSS_BEFORE = re.compile(r"\b(loss|objective|cost)( function)?\s*$", re.I)
_LOSS_AFTER = re.compile(rf"^\s*(be|is|denotes?|as)\s+{_KIND}(loss|objective|cost)\b", re.I)
_SYMMETRIC = re.compile(
    r"^\s*((is|are|be|being|which is|that is)\s+)?(a\s+|both\s+)?(real\s+|square\s+)*symmetric\b",
    re.I,
)
_AFTER_SYMMETRIC = re.compile(r"\b(a|the|some|real) symmetric( matrix| matrices)?\s*$", re.I)
_ONLY_SOME = re.compile(r"\b(if|for|when|whenever|unless|whether|every|any|case|not|no)\b", re.I)
_SENTENCE = re.compile(r"[.!?;](\s|$)")


def take_words(force: Force, block: Paragraph | Heading) -> None:
    """Put in force what the words of a block say, before its declarations are read."""
    for key in _losses(block.pieces):
        if not force.is_variable(key) and key not in force.sizes:
            force.objectives[key] = Objective(None)
            force.said.add(key)
            force.changed = True
    for name in _symmetric(block.pieces):
        key = key_of(name) or ""
        mirrored = s.Transpose(name, "\\top", span=span_of(name))
        text = f"{key} = {key}^\\top"
        if not any(given.latex == text for given in force.given):
            given = Given(name, "==", mirrored, text, frozenset({key}), span_of(name))
            force.given.append(given)
            force.changed = True


def _losses(pieces: Sequence[Prose | Formula]) -> Iterator[str]:
    """Names written alone that the words beside them call a loss."""
    for first, second in pairwise(pieces):
        match first, second:
            case Prose(text=text), Formula() as formula if _LOSS_BEFORE.search(text):
                pass
            case Formula() as formula, Prose(text=text) if _LOSS_AFTER.match(text):
                pass
            case _:
                continue
        body = formula.statements[0].body if len(formula.statements) == 1 else None
        key = key_of(body) if isinstance(body, s.Name) else None
        if key is not None and not formula.display:
            yield key


def _symmetric(pieces: Sequence[Prose | Formula]) -> Iterator[s.Expr]:
    """Names of which the words beside their formula say that they are symmetric."""
    sentence = ""
    for first, second in pairwise(pieces):
        if isinstance(first, Prose):
            sentence = _SENTENCE.split(f"{sentence} {first.text}")[-1]
        if _ONLY_SOME.search(sentence):
            continue
        match first, second:
            case Prose(text=text), Formula() as formula if _AFTER_SYMMETRIC.search(text):
                pass
            case Formula() as formula, Prose(text=text) if _SYMMETRIC.match(text):
                pass
            case _:
                continue
        body = formula.statements[0].body if len(formula.statements) == 1 else None
        declared = isinstance(body, s.Chain) and body.relations[0].sign == "\\in"
        names = body.members[0] if isinstance(body, s.Chain) and declared else body
        for name in names.items if isinstance(names, s.List) else (names,):
            if isinstance(name, s.Name) and not formula.display:
                yield name
