"""The floors of the house: no import goes upward, none goes round in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "derive"
FLOORS = (
    "errors",
    "reading",
    "writing",
    "meaning",
    "oracle",
    "calculus",
    "judgement",
    "gradient",
    "kernel",
    "report",
    "tracing",
    "library",
    "api",
    "",
    "cli",
    "__main__",
)
EXECUTES_TEXT = frozenset(["eval", "exec", "sympify", "parse_expr", "parse_latex"])


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str) -> Iterator[str]:
    """Every module that a source imports, also inside functions and for type checking."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph() -> dict[str, set[str]]:
    """The modules of the package and those of them that each imports."""
    sources = {module_name(p): p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py")}
    return {
        name: {target for target in imports(source) if target in sources and target != name}
        for name, source in sources.items()
    }


def floor(module: str) -> int:
    parts = module.split(".")
    return FLOORS.index(parts[1] if len(parts) > 1 else "")


def upward(edges: dict[str, set[str]]) -> list[str]:
    return [
        f"{name} imports {target}"
        for name, targets in edges.items()
        for target in targets
        if target != "derive" and floor(target) > floor(name)
    ]


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Modules left when those that import nothing left are taken away again and again."""
    left = {name: targets - {"derive"} for name, targets in edges.items() if name != "derive"}
    while True:
        free = {name for name, targets in left.items() if not targets & left.keys()}
        if not free:
            return sorted(left)
        left = {name: targets for name, targets in left.items() if name not in free}


def test_no_import_goes_upward() -> None:
    assert upward(graph()) == []


def test_no_import_cycle() -> None:
    assert cycle(graph()) == []


def test_a_planted_upward_import_is_seen() -> None:
    edges = graph()
    edges["derive.reading.parse"] = {"derive.calculus.rules"}
    assert upward(edges) == ["derive.reading.parse imports derive.calculus.rules"]


def test_a_planted_cycle_is_seen() -> None:
    edges = graph()
    edges["derive.reading.span"] = {"derive.reading.parse"}
    assert "derive.reading.span" in cycle(edges)


def test_the_oracle_shares_nothing_with_the_prover() -> None:
    for path in (PACKAGE / "oracle").glob("*.py"):
        for target in imports(path.read_text(encoding="utf-8")):
            assert target.split(".")[0] != "sympy", path
            if target.startswith("derive."):
                assert target.split(".")[1] in ("errors", "reading", "meaning", "oracle"), path


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=module_name)
def test_nothing_executes_text(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            assert name not in EXECUTES_TEXT, f"{path}:{node.lineno}"
