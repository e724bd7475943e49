"""The names in force: definitions are kept as syntax and read again when shapes change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from derive.errors import IllTypedError, MeaningError
from derive.meaning import terms as t
from derive.meaning.classify import left_side, mentions
from derive.meaning.einstein import explicit
from derive.meaning.graph import in_order, outputs, reached, subterms
from derive.meaning.names import bare_key, capital_of, name_latex
from derive.meaning.readings import Defining, read_assumption, read_definition
from derive.meaning.records import Given, Objective, Record
from derive.meaning.setting import FunctionDefinition, Names
from derive.reading import syntax as s
from derive.reading.span import Source
from derive.reading.statements import Statement

_Read = tuple[t.Symbol, t.Definition, tuple[str, ...]]


@dataclass(slots=True)
class Force:
    """What is in force. `declared` holds shapes of names, `failed` definitions without meaning,
    `read` those that had one at some place. `guessed` are inputs that only an
    `u(x, y)` named; `loss_named` says that the text speaks of a loss; `lost` are names whose
    definition could not be read, `said` objectives that only words name.

    `away` maps a capital out of force to the small letter that stands for one column of it;
    `before` is what was in force when that began.
    """

    source: Source | None
    declared: dict[str, t.Shape] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    functions: dict[str, FunctionDefinition] = field(default_factory=dict)
    objectives: dict[str, Objective] = field(default_factory=dict)
    opaque: set[str] = field(default_factory=set)
    given: list[Given] = field(default_factory=list)
    sizes: set[str] = field(default_factory=set)
    ranges: dict[str, t.Bound] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)
    before: tuple[dict[str, t.Shape], dict[str, Record]] | None = None
    prime: s.Expr | None = None
    einstein: bool = False
    failed: dict[str, MeaningError] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    guessed: set[str] = field(default_factory=set)
    loss_named: bool = False
    basis: bool = False
    lost: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    names: Names = field(default_factory=lambda: Names({}))
    context: t.Context = field(default_factory=lambda: t.Context({}, {}))
    changed: bool = False
    _cache: dict[tuple[object, ...], tuple[Record, _Read]] = field(default_factory=dict)

    # ---- what a name is ----------------------------------------------------------------------

    def is_variable(self, key: str) -> bool:
        return (
            key in self.declared
            or key in self.records
            or key in self.functions
            or key in self.objectives
        )

    def shape(self, key: str) -> t.Shape | None:
        """The shape of a name in force, as last understood."""
        symbol = self.names.symbols.get(key)
        return self.declared.get(key) if symbol is None else symbol.shape

    def stem(self, key: str) -> str | None:
        """What a key refers to: itself, or the capital that it names entries of."""
        if self.is_variable(key):
            return key
        big = capital_of(key)
        return big if big is not None and self.is_variable(big) else None

    def forget_guess(self, key: str) -> None:
        """Drop what an `u(x, y)` said, now that a name of it is declared or defined."""
        if key in self.guessed:
            self.guessed.discard(key)
            self.declared.pop(key, None)
        for other, record in list(self.records.items()):
            if record.implied and (other == key or key in record.mentions):
                del self.records[other]

    def forget_said(self, key: str) -> None:
        """Drop an objective that only words named, now that it has a definition."""
        if key in self.said:
            self.said.discard(key)
            self.objectives.pop(key, None)

    def add_size(self, key: str) -> None:
        if key not in self.sizes and len(key) == 1 and key.isalpha():
            self.sizes.add(key)
            self.changed = True

    def lose(self, statements: Iterable[Statement]) -> None:
        """Take note of the names that statements define which could not be read."""
        for statement in statements:
            left = None if statement.left is None else left_side(statement.left)
            if left is None or self.is_variable(left.name) or left.arguments is not None:
                continue
            line = self.source.position(statement.span.start)[0] if self.source else 0
            for key in {left.name, left.label or left.name}:
                self.gone[key] = f"its definition in line {line} could not be read"
                self.lost.add(key)

    def mark_early(self) -> None:
        """Remember which definitions need names that are not declared yet."""
        for key, error in self.failed.items():
            if key in self.records and not isinstance(error, IllTypedError):
                self.records[key] = replace(self.records[key], early=True)

    # ---- reading everything again --------------------------------------------------------------

    def rebuild(self) -> None:
        """Read all definitions and assumptions under the shapes now in force."""
        if not self.changed:
            return
        self.changed, self.failed = False, {}
        uses = {key: self._uses(record) for key, record in self.records.items()}
        order, circular = in_order(uses)
        symbols = self._undefined()
        for key in circular:
            self.failed[key] = MeaningError(f"{key} is defined in terms of itself")
            self.gone[key] = "it is defined in terms of itself"
        self.names = Names(
            symbols,
            self.functions,
            frozenset(self.sizes),
            self.ranges,
            uses,
            reached(uses, order),
            frozenset(key for key, record in self.records.items() if record.left.squared),
            {},
            self.gone,
            self.prime,
            self.einstein,
            tuple(key for key in self.objectives),
            bodies={k: (r.left.indices, r.body) for k, r in self.records.items() if _plain(r)},
            basis=self.basis,
            heads={o.head: key for key, o in self.objectives.items() if o.head},
        )
        definitions = self._read_all(order, symbols)
        self.names = replace(self.names, symbols=dict(symbols), gone=dict(self.gone))
        outputs_of = self._outputs(symbols)
        self.names = replace(
            self.names,
            through=self._through(outputs_of),
            outputs={key: frozenset(y.key for y in found) for key, found in outputs_of.items()},
        )
        if any(uses[key] & self.names.outputs.keys() for key in uses):
            # What applies an objective is read once more, now that its outputs are known.
            definitions = self._read_all(order, symbols)
        self.context = t.Context(
            dict(symbols),
            definitions,
            self._assumptions(),
            outputs_of,
            tuple(sorted(self.sizes)),
        )

    def _undefined(self) -> dict[str, t.Symbol]:
        symbols = {}
        for key, shape in self.declared.items():
            if key not in self.records and key not in self.away:
                symbols[key] = t.Symbol(key, shape, "input", self._latex(key))
        for key in self.objectives:
            if key not in self.records:
                symbols[key] = t.Symbol(key, (), "objective", self._latex(key))
        for key in self.opaque:
            symbols[key] = t.Symbol(key, (), "opaque", self._latex(key))
        return symbols

    def _latex(self, key: str) -> str:
        return self.spelled.get(key) or name_latex(key)

    def _uses(self, record: Record) -> frozenset[str]:
        found = set()
        for key in record.mentions:
            stem = self.stem(record.aliases.get(key, key))
            if stem is None and key.startswith("d") and len(key) > 1:
                stem = self.stem(key[1:])
            if stem is not None:
                found.add(record.aliases.get(stem, stem))
        for function in record.mentions & self.functions.keys():
            found |= {k for k in mentions(self.functions[function].body) if k in self.records}
        return frozenset(found - {record.key})

    def _read_all(self, order: list[str], symbols: dict[str, t.Symbol]) -> dict[str, t.Definition]:
        definitions: dict[str, t.Definition] = {}
        hidden: dict[str, tuple[str, ...]] = {}
        arities: dict[str, int] = {}
        self.names = replace(self.names, symbols=symbols, hidden=hidden, arities=arities)
        for key in order:
            try:
                symbol, definition, fixed = self._read_one(self.records[key], symbols)
            except MeaningError as error:
                self.failed[key] = error
                line = self.records[key].line
                self.gone[key] = f"its definition in line {line} has no meaning here"
                continue
            self.gone.pop(key, None)
            self.read.add(key)
            symbols[key], definitions[key] = symbol, definition
            if fixed:
                hidden[key] = fixed
            for part in subterms(definition.body):
                if isinstance(part, t.Function) and part.opaque:
                    arities.setdefault(part.name, len(part.arguments))
        return definitions

    def _read_one(self, record: Record, symbols: Mapping[str, t.Symbol]) -> _Read:
        declared = self.declared.get(record.key)
        known = tuple((k, symbols.get(k)) for k in sorted(self.names.uses[record.key]))
        at = (id(record), declared, known, tuple(sorted(self.sizes)), len(self.functions))
        if at not in self._cache:
            self._cache[at] = record, self._read_fresh(record, declared)
        return self._cache[at][1]

    def _read_fresh(self, record: Record, declared: t.Shape | None) -> _Read:
        dropped = self._dropped(record, declared)
        parameters = record.left.indices
        found = read_definition(
            self.names,
            self.source,
            Defining(self._body(record), parameters, declared, record.aliases, dropped),
        )
        kept = found.hidden + tuple(p for p in parameters if p not in dropped)
        symbol = t.Symbol(record.key, found.shape, "defined", self._latex(record.key))
        squares = record.left.squared
        definition = t.Definition(symbol, kept, found.body, record.line, squares)
        return symbol, definition, found.hidden

    def _body(self, record: Record) -> s.Expr:
        if not self.einstein:
            return record.body
        return explicit(record.body, frozenset(record.left.indices) | self.ranges.keys())

    def _dropped(self, record: Record, declared: t.Shape | None) -> frozenset[str]:
        """Indices of a definition that fall away where the name is declared with fewer axes."""
        indices = record.left.indices
        if declared is None or len(indices) <= len(declared):
            return frozenset()
        whole = self.before[0].get(record.of or record.key) if self.before else None
        if whole is None or len(whole) != len(indices):
            return frozenset(indices[len(declared) :])
        kept = list(declared)
        dropped = []
        for letter, size in zip(indices, whole, strict=True):
            if kept and kept[0] == size:
                kept.pop(0)
            else:
                dropped.append(letter)
        return frozenset(dropped)

    def _assumptions(self) -> tuple[t.Assumption, ...]:
        read = (read_assumption(self.names, self.source, given) for given in self.given)
        return tuple(assumption for assumption in read if assumption is not None)

    # ---- outputs -------------------------------------------------------------------------------

    def settle_outputs(self, eligible: list[str], upstream: frozenset[str]) -> None:
        """Fix the outputs of objectives that have none yet; `upstream` depends on a gradient."""
        names = [key for key in eligible if key in self.records and key not in upstream]
        names = [
            key for key in names if key not in self.objectives and not self.records[key].implied
        ]
        uses = {key: self._uses(record) for key, record in self.records.items()}
        for objective in self.objectives.values():
            if objective.outputs is None and names:
                objective.outputs = self._settled(objective, outputs(uses, names))
                self.changed = True

    def _settled(self, objective: Objective, found: tuple[str, ...]) -> tuple[str, ...]:
        """The outputs that the text names; else those of the declared shape; else all."""
        named = tuple(key for key in objective.named if key in self.records)
        if named:
            return named
        shapes = {}
        for key in found:
            symbol = self.names.symbols.get(key)
            hidden = len(self.names.hidden.get(key, ()))
            shapes[key] = None if symbol is None else symbol.shape[hidden:]
        fitting = tuple(key for key in found if shapes[key] == objective.domain)
        return fitting or found

    def _outputs(self, symbols: Mapping[str, t.Symbol]) -> dict[str, tuple[t.Symbol, ...]]:
        found = {}
        for key, objective in self.objectives.items():
            if key in self.records:
                continue
            keys = objective.outputs
            if keys is None:
                uses = {k: self._uses(r) for k, r in self.records.items() if not r.implied}
                keys = self._settled(objective, outputs(uses, uses))
            if not keys:
                keys = tuple(k for k, y in symbols.items() if y.shape == objective.domain)
                keys = tuple(k for k in keys if symbols[k].role == "input")
            stand = [self.away.get(k, k) for k in keys]
            found[key] = tuple(symbols[k] for k in stand if k in symbols)
        return found

    def _through(self, outputs_of: Mapping[str, tuple[t.Symbol, ...]]) -> dict[str, t.Symbol]:
        """Objectives of one output that is meant at a fixed index only."""
        hidden = self.names.hidden
        return {
            key: found[0]
            for key, found in outputs_of.items()
            if len(found) == 1 and found[0].key in hidden
        }

    # ---- columns: small letters beside capitals ------------------------------------------------

    def columns(self, new: Mapping[str, t.Shape]) -> dict[str, str]:
        """Capitals in force whose small letters are declared now, with fewer axes."""
        pairs = {}
        for key, shape in new.items():
            big = capital_of(key)
            whole = None if big is None else self.shape(big)
            if big is not None and whole is not None and len(shape) < len(whole):
                pairs[big] = key
        defined = {big for big in pairs if big in self.records}
        reach = self.names.reach
        used = {key for big in defined for key in reach.get(big, ())}
        return {big: key for big, key in pairs.items() if big in defined or big in used}

    def retire(self, pairs: dict[str, str], line: int) -> list[str]:
        """Take capitals out of force for their columns; returns the small letters derived."""
        self.before = (
            {key: symbol.shape for key, symbol in self.names.symbols.items()},
            dict(self.records),
        )
        derived = []
        for big, small in pairs.items():
            self.gone[big] = f"since line {line}, {small} stands for one column or row of it"
            self.away[big] = small
        aliases = dict(self.away)
        for big, small in pairs.items():
            record = self.records.pop(big, None)
            if record is None or small in self.records:
                continue
            left = replace(record.left, name=small)
            self.records[small] = replace(record, left=left, aliases=aliases, of=big)
            derived.append(small)
        return derived

    def returning(self, new: Mapping[str, t.Shape]) -> bool:
        """Whether capitals come back: declared again, or their small letters as rows of them."""
        if self.before is None:
            return False
        shapes = self.before[0]
        return any(key in self.away for key in new) or any(
            small in new and new[small] and shapes[big][1:] == new[small] != self.declared[small]
            for big, small in self.away.items()
            if big in shapes
        )

    def bring_back(self, new: dict[str, t.Shape]) -> None:
        """Put the capitals in force again as they were; their small letters name entries."""
        assert self.before is not None
        shapes, records = self.before
        smalls = set(self.away.values())
        later = {k: r for k, r in self.records.items() if k not in smalls and k not in records}
        self.records = {**records, **later}
        for key in smalls:
            self.declared.pop(key, None)
            new.pop(key, None)
        for key, shape in shapes.items():
            if key not in self.objectives and (key in self.declared or key in self.away):
                self.declared[key] = shape
        for key in self.away:
            self.gone.pop(key, None)
        self.away, self.before = {}, None


def sibling_shape(force: Force, key: str) -> tuple[str, t.Shape] | None:
    """The shape of an undeclared name from a declared one with the same letter and an accent."""
    for other, shape in force.declared.items():
        if other != key and bare_key(other) == key and shape:
            return other, shape
    return None


def _plain(record: Record) -> bool:
    """Whether a name stands for the right side of its definition as it is written."""
    return not (record.implied or record.aliases or record.left.squared or record.left.gradient)
