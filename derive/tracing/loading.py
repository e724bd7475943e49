"""`layers.py:backward` or `package.module:backward` → the function. Runs the user's module."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from derive.errors import DeriveError, UsageError


def load_function(where: str) -> Callable[..., Any]:
    """The function that `MODULE:FUNCTION` names; MODULE is a dotted name or a path to a file.

    Raises UsageError when there is none or its module cannot be imported.
    """
    module_name, colon, name = where.rpartition(":")
    if not colon or not module_name or not name:
        raise UsageError(
            f"{where} names no function", advice="Write layers.py:backward or package.module:name."
        )
    found: Any = _module(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{module_name} has no {name}")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{where} is no function")
    function: Callable[..., Any] = found
    return function


def _module(name: str) -> ModuleType:
    is_file = name.endswith(".py") or os.sep in name
    if is_file and not Path(name).is_file():
        raise UsageError(f"there is no file {name}")
    try:
        with _importing(str(Path(name).resolve().parent) if is_file else os.getcwd()):
            return _from_file(Path(name).resolve()) if is_file else importlib.import_module(name)
    except DeriveError:
        raise
    except (Exception, SystemExit) as problem:
        kind = type(problem).__name__
        raise UsageError(f"{name} cannot be imported: {kind}: {problem}") from problem


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    finally:
        if before is None:
            sys.modules.pop(path.stem, None)
        else:
            sys.modules[path.stem] = before
    return module


@contextmanager
def _importing(folder: str) -> Iterator[None]:
    """A folder where modules are looked for first, as when a file in it is run."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
