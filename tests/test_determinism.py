"""What is written does not depend on the order in which Python hashes strings in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    *sorted((ROOT / "tests" / "documents" / "right").glob("*softmax.md")),
    *sorted((ROOT / "tests" / "documents" / "right").glob("*entropy.md")),
    ROOT / "derive" / "library" / "kl_gaussian.md",
    ROOT / "derive" / "library" / "logsumexp.md",
)
SEEDS = ("1", "2", "7", "12")


def found(seed: str, *arguments: str) -> str:
    """What the command line prints in a process of its own."""
    command = [sys.executable, "-m", "derive", *arguments]
    environment = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: untimed(v) for key, v in value.items() if key != "seconds"}
    return [untimed(v) for v in value] if isinstance(value, list) else value


def test_verdicts_rules_and_repairs_are_the_same() -> None:
    assert len(DOCUMENTS) == 4
    paths = [*map(str, DOCUMENTS), str(ROOT / "tests" / "documents" / "wrong" / "activations.md")]
    outputs = [untimed(json.loads(found(s, "check", "--format", "json", *paths))) for s in SEEDS]
    assert all(output == outputs[0] for output in outputs)


def test_exported_kernels_are_the_same(tmp_path: Path) -> None:
    texts = []
    for seed in SEEDS[:2]:
        for name in ("logsumexp", "softmax_cross_entropy"):
            path = tmp_path / f"{name}_{seed}.py"
            found(seed, "export", name, "--backend", "numpy", "-o", str(path))
            texts.append(path.read_text(encoding="utf-8"))
    assert texts[:2] == texts[2:]
