"""Formulas: one expression, or the statements of one piece of mathematics.

`lark` is imported at the first parse, not with this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from derive.errors import ReadingError
from derive.reading.chains import assemble
from derive.reading.commands import scan
from derive.reading.derivatives import stray
from derive.reading.heads import Partial
from derive.reading.span import Source, Span
from derive.reading.statements import Statement
from derive.reading.syntax import Chain, Expr, Group, Relation
from derive.reading.tokens import MisplacedError, Token, reading_error

_CONTINUES = frozenset({"OP"})


@dataclass(slots=True)
class _Segment:
    """The tokens between two separators, the words before them, and what separated them."""

    tokens: list[Token]
    words: str = ""
    row: bool = False


def parse_expression(text: str, source: Source | None = None, offset: int = 0) -> Expr:
    """One formula, a `Chain` or an expression. Raises ReadingError with its place."""
    source = source or Source("<formula>", text)
    statements = parse_formula(text, source, offset)
    if not statements:
        raise reading_error("expected a formula", source, Span(offset, offset + 1))
    for statement in statements:
        if statement.error:
            raise statement.error
    if len(statements) > 1:
        place = statements[1].span
        raise reading_error("expected one formula, not several", source, place)
    body = statements[0].body
    assert body is not None
    return body


def parse_formula(text: str, source: Source, offsets: int | Sequence[int]) -> tuple[Statement, ...]:
    """The statements of one piece of mathematics, split at its top-level separators.

    `offsets` is the place of the text in the source, or that of each character. A part that
    cannot be read is a statement with an error; the others are not affected.
    """
    if isinstance(offsets, int):
        offsets = range(offsets, offsets + len(text))
    if not text.strip():
        return ()
    try:
        tokens = scan(text, source, offsets)
        if _unclosed(tokens):
            tokens = scan(text, source, offsets, rows_separate=True)
    except ReadingError as error:
        span = Span(offsets[0], offsets[-1] + 1)
        return (Statement(None, span, error=error, has_relation=relational(text)),)
    found: list[Statement] = []
    for segment in _segments(tokens):
        found.extend(_read(segment, source))
    return _joined(found)


def relational(text: str) -> bool:
    """True when a relation sign stands in a text that was not scanned."""
    return any(sign in text for sign in ("=", "<", ">", "\\in", "\\le", "\\ge", "\\ne"))


def _unclosed(tokens: list[Token]) -> bool:
    """True when a bracket stays open; a row of the display may end the damage then."""
    kinds = [token.type for token in tokens]
    return kinds.count("LPAR") > kinds.count("RPAR") or kinds.count("LBRACE") > kinds.count(
        "RBRACE"
    )


# ---- segments ---------------------------------------------------------------------------------


def _segments(tokens: list[Token]) -> list[_Segment]:
    """The tokens cut at separators; a row that continues the one above is joined to it."""
    segments = [_Segment([])]
    for at, token in enumerate(tokens):
        match token.type:
            case "COLUMN":
                if _relates(segments[-1].tokens) and _relates(_column(tokens[at + 1 :])):
                    segments.append(_Segment([]))
            case "SEP" | "ROW":
                segments.append(_Segment([], row=token.type == "ROW"))
            case "REL" if token.value == ":" and segments[-1].words == "for all":
                segments.append(_Segment([]))
            case "ENDCASES" | "ROWSEP" | "AMP" if _ends_in_dot(segments[-1].tokens):
                segments[-1].tokens[-1:] = [token]
            case "WORDS" if not _in_cases(segments[-1].tokens):
                segments.append(_Segment([], words=token.value))
            case _:
                segments[-1].tokens.append(token)
    joined: list[_Segment] = []
    for segment in segments:
        segment.tokens = _trimmed(segment.tokens)
        if not segment.tokens:
            continue
        if joined and not segment.words and _goes_on(joined[-1].tokens, segment.tokens):
            joined[-1].tokens.extend(segment.tokens)
        else:
            joined.append(segment)
    return joined


def _relates(tokens: list[Token]) -> bool:
    return any(token.type == "REL" for token in tokens)


def _column(tokens: list[Token]) -> list[Token]:
    """The tokens up to the end of a column of equations."""
    ends = (k for k, token in enumerate(tokens) if token.type in ("SEP", "ROW", "COLUMN"))
    return tokens[: next(ends, len(tokens))]


def _ends_in_dot(tokens: list[Token]) -> bool:
    return bool(tokens) and tokens[-1].type == "DOT"


def _in_cases(tokens: list[Token]) -> bool:
    kinds = [token.type for token in tokens]
    return kinds.count("CASES") > kinds.count("ENDCASES")


def _trimmed(tokens: list[Token]) -> list[Token]:
    """Without punctuation at either end."""
    start, end = 0, len(tokens)
    while end > start and tokens[end - 1].type in ("DOT", "COMMA"):
        end -= 1
    while start < end and tokens[start].type in ("DOT", "COMMA"):
        start += 1
    return tokens[start:end]


def _goes_on(before: list[Token], after: list[Token]) -> bool:
    """True when the second line only continues the expression of the first."""
    first = after[0]
    if before[-1].type in ("SIGN", "OP", "BIG"):
        return True
    if first.type in _CONTINUES or (first.type == "SIGN" and first.value == "+"):
        return True
    return first.type == "SIGN" and not _relates(after)


# ---- statements ---------------------------------------------------------------------------------


def _read(segment: _Segment, source: Source) -> list[Statement]:
    """The statements of a segment; after an error each part between commas is tried by itself."""
    try:
        return _statements(segment)
    except MisplacedError as problem:
        parts = _comma_parts(segment.tokens)
        if len(parts) == 1:
            return [_unread(segment.tokens, segment.words, problem, source)]
    found: list[Statement] = []
    for part in parts:
        try:
            found.extend(_statements(_Segment(part, segment.words)))
        except MisplacedError as problem:
            found.append(_unread(part, segment.words, problem, source))
    return found


def _statements(segment: _Segment) -> list[Statement]:
    from derive.reading.engine import parse_tokens  # lark is heavy: imported at the first parse

    tokens = segment.tokens
    span = tokens[0].span.to(tokens[-1].span)
    sequence = parse_tokens(tokens, span)
    bodies = assemble(sequence.elements)
    if any(isinstance(token.value, Partial) for token in tokens):
        left = stray(bodies)
        if left is not None:
            raise MisplacedError("∂ stands outside a derivative", left.span)
    read = [part for body in bodies for part in _turned(_opened(body))]
    return [_statement(body, segment.words) for body in read]


def _turned(body: Expr) -> list[Expr]:
    """`a = b =: c` is `c := b` after the chain `a = b`; what follows goes on from c."""
    signs = [r.sign for r in body.relations] if isinstance(body, Chain) else []
    if not isinstance(body, Chain) or "=:" not in signs:
        return [body]
    at = signs.index("=:")
    before, name = body.members[at], body.members[at + 1]
    if before is None or name is None:
        raise MisplacedError("one side of =: is missing", body.relations[at].span)
    parts: list[Expr] = []
    if at:
        parts.append(Chain(body.members[: at + 1], body.relations[:at], span=body.span))
    sign = Relation(":=", span=body.relations[at].span)
    parts.append(Chain((name, before), (sign,), span=body.span))
    if at + 1 < len(signs):
        rest = Chain(body.members[at + 1 :], body.relations[at + 1 :], span=body.span)
        parts += _turned(rest)
    return parts


def _statement(body: Expr, words: str) -> Statement:
    return Statement(body, body.span, words, has_relation=isinstance(body, Chain))


def _opened(body: Expr) -> Expr:
    r"""A chain inside brackets that only group it: `(i \neq j)` beside an equation."""
    while isinstance(body, Group) and body.opening in "{(" and isinstance(body.body, Chain):
        body = body.body
    return body


def _unread(tokens: list[Token], words: str, problem: MisplacedError, source: Source) -> Statement:
    span = tokens[0].span.to(tokens[-1].span)
    relation = _relates(tokens)
    error = reading_error(problem.message, source, problem.span, problem.advice)
    return Statement(None, span, words, error, relation, _left_of(tokens))


def _left_of(tokens: list[Token]) -> Expr | None:
    """The left side of an equation that cannot be read otherwise."""
    from derive.reading.engine import parse_tokens  # lark is heavy: imported at the first parse

    ends = (k for k, t in enumerate(tokens) if t.type == "REL" and t.value in ("=", ":="))
    before = tokens[: next(ends, 0)]
    if not before:
        return None
    try:
        bodies = assemble(parse_tokens(before, before[0].span.to(before[-1].span)).elements)
    except MisplacedError:
        return None
    return None if len(bodies) != 1 or isinstance(bodies[0], Chain) else bodies[0]


def _comma_parts(tokens: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += token.type in ("LPAR", "LBRACE", "CASES", "LBAR", "LOPT")
        depth -= token.type in ("RPAR", "RBRACE", "ENDCASES", "RBAR", "ROPT")
        if token.type == "COMMA" and depth <= 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


# ---- chains over several rows or displays --------------------------------------------------------


def ends_open(statement: Statement) -> bool:
    """True when the statement ends in a relation that the next one completes."""
    return isinstance(statement.body, Chain) and statement.body.members[-1] is None


def begins_open(statement: Statement) -> bool:
    """True when the statement begins with a relation and continues the one before."""
    return isinstance(statement.body, Chain) and statement.body.members[0] is None


def join(first: Statement, second: Statement) -> Statement:
    """One chain of two: the first ends in a relation, or the second begins with one."""
    left, right = _as_chain(first.body), _as_chain(second.body)
    members, relations = left.members, left.relations
    if members[-1] is None and right.members[0] is None:
        members, relations = members[:-1], relations[:-1]  # `a =` and `= b`: written twice
        members = (*members, *right.members[1:])
    elif members[-1] is None:
        members = (*members[:-1], *right.members)
    else:
        members = (*members, *right.members[1:])
    span = first.span.to(second.span)
    chain = Chain(members, (*relations, *right.relations), span=span)
    return replace(first, body=chain, span=span, has_relation=True)


def _as_chain(body: Expr | None) -> Chain:
    return body if isinstance(body, Chain) else Chain((body,), ())


def joinable(first: Statement, second: Statement) -> bool:
    """True when both were read and together make one chain."""
    if first.body is None or second.body is None:
        return False
    return begins_open(second) or (ends_open(first) and not second.words)


def _joined(statements: list[Statement]) -> tuple[Statement, ...]:
    done: list[Statement] = []
    for statement in statements:
        if done and joinable(done[-1], statement):
            done[-1] = join(done[-1], statement)
        else:
            done.append(statement)
    return tuple(done)
