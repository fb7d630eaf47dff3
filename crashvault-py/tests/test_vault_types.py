"""The stub of the vault: what checkers of types and editors are told is what there is."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crashvault
import pytest
from crashvault import _crashvault

TESTS = Path(__file__).resolve().parent
PACKAGE = Path(str(crashvault.__file__)).parent
TREE = ast.parse((PACKAGE / "_crashvault.pyi").read_text())

CLASSES = [node for node in TREE.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
RECORDS = [node for node in CLASSES if hasattr(getattr(_crashvault, node.name), "to_dict")]
VAULT = next(node for node in CLASSES if node.name == "Vault")
FUNCTIONS = [node for node in TREE.body if isinstance(node, ast.FunctionDef) and node.name in ("open", "report")]


def words(text: str | None) -> list[str]:
    return (text or "").split()


def members(node: ast.ClassDef) -> Iterator[tuple[ast.FunctionDef, Any]]:
    """What the stub says of a class, and what there is."""
    there = getattr(_crashvault, node.name)
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            yield member, getattr(there, member.name)


def said(function: ast.FunctionDef) -> list[tuple[str, bool, str]]:
    """Each parameter: its name, whether it has to be named, its default."""
    arguments = function.args
    before = [""] * (len(arguments.args) - len(arguments.defaults))
    defaults = [*before, *(ast.unparse(default) for default in arguments.defaults)]
    placed = [(one.arg, False, default) for one, default in zip(arguments.args, defaults)]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults)
    return placed + [(one.arg, True, ast.unparse(default) if default else "") for one, default in named]


def there(function: Any) -> list[tuple[str, bool, str]]:
    parameters = inspect.signature(function).parameters.values()
    return [
        (one.name, one.kind is one.KEYWORD_ONLY, "" if one.default is one.empty else repr(one.default))
        for one in parameters
    ]


def check_method(function: ast.FunctionDef, known: Any) -> None:
    assert said(function) == there(known), function.name
    assert words(ast.get_docstring(function)) == words(known.__doc__), function.name
    assert known.__doc__, function.name


def test_the_stub_says_what_can_be_called_and_how() -> None:
    for function in FUNCTIONS:
        check_method(function, getattr(crashvault, function.name))
    for member, known in members(VAULT):
        if callable(known):
            check_method(member, known)


def test_all_methods_of_the_vault_are_in_the_stub() -> None:
    named = {member.name for member, _ in members(VAULT)}
    assert named == {name for name in dir(crashvault.Vault) if not name.startswith("_")}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.name))
def test_a_record_is_in_the_stub_as_it_is(record: ast.ClassDef) -> None:
    known = getattr(_crashvault, record.name)
    assert {member.name for member, _ in members(record)} == {name for name in dir(known) if not name.startswith("_")}
    assert words(ast.get_docstring(record)) == words(known.__doc__)
    assert known.__doc__
    for member, attribute in members(record):
        assert words(ast.get_docstring(member)) == words(attribute.__doc__), member.name
        assert attribute.__doc__, member.name


def test_there_are_records() -> None:
    assert len(RECORDS) > 30


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="missing tool: mypy")
def test_programs_that_use_all_of_it_are_well_typed(tmp_path: Path) -> None:
    files = [TESTS / f"{name}.py" for name in ("test_vault", "test_vault_errors", "test_report")]
    options = ["--strict", "--warn-unreachable", "--follow-imports=silent", "--cache-dir", str(tmp_path)]
    command = [sys.executable, "-m", "mypy", *options, *map(str, files)]
    env = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
