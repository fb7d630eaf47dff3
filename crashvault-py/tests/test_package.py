"""The package as a whole: what it names, what it brings along."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import resources

import crashvault


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_public_names_are_sorted_and_there() -> None:
    assert crashvault.__all__ == sorted(crashvault.__all__)
    assert [name for name in crashvault.__all__ if not hasattr(crashvault, name)] == []


def test_types_come_along() -> None:
    files = {entry.name for entry in resources.files(crashvault).iterdir()}
    assert {"py.typed", "_crashvault.pyi"} <= files


def test_the_stub_names_what_the_extension_has() -> None:
    from crashvault import _crashvault

    text = resources.files(crashvault).joinpath("_crashvault.pyi").read_text()
    named = {node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    # What begins with an underscore there names shapes for checkers.
    named = {name for name in named if not name.startswith("_")}
    assert named == {name for name in dir(_crashvault) if not name.startswith("_")}


def test_importing_brings_nothing_heavy_along() -> None:
    heavy = ["asyncio", "concurrent.futures", "json", "logging", "multiprocessing", "typing"]
    found = run(f"import sys; import crashvault; print([name for name in {heavy} if name in sys.modules])")
    assert found == "[]"
