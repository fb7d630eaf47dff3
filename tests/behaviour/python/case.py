"""Case files → `Case`, with generated values made and the steps split into runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent.parent

# What a built event is that does not say its platform.
PLATFORM = "python"

Step = dict[str, Any]


@dataclass
class Run:
    """What one process does."""

    clock: str
    options: dict[str, Any]
    steps: list[Step] = field(default_factory=list)


@dataclass
class Case:
    """A behaviour, as its file says it."""

    name: str
    title: str
    needs: list[str]
    vault_toml: str | None
    errors: dict[str, Any]
    hooks: dict[str, Any]
    installs: bool
    runs: list[Run]
    expect: dict[str, Any]


def every() -> list[Path]:
    """All case files, by topic and name."""
    files = sorted(CASES.glob("*/*.json"))
    assert files, "there are no cases"
    return files


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(path: Path) -> Case:
    case = generated(json.loads(path.read_bytes()))
    only_keys(path, case, {"title", "needs", "given", "steps", "expect"})
    given = case.get("given", {})
    only_keys(path, given, {"clock", "options", "hooks", "errors", "vault_toml", "install"})
    first = Run(given.get("clock", "2026-01-05T10:00:00Z"), given.get("options", {}))
    return Case(
        name=name_of(path),
        title=case["title"],
        needs=case["needs"],
        vault_toml=given.get("vault_toml"),
        errors=given.get("errors", {}),
        hooks=given.get("hooks", {}),
        installs=given.get("install", True),
        runs=split(first, case["steps"]),
        expect=case["expect"],
    )


def only_keys(where: object, found: dict[str, Any], known: set[str]) -> None:
    """A key that no runner knows would be a check that nobody makes."""
    unknown = sorted(found.keys() - known)
    assert not unknown, f"{where}: {unknown} is not in the schema"


def split(first: Run, steps: list[Step]) -> list[Run]:
    """Each `reopen` ends a run; the next one starts with the options and clock that it names, else with the same."""
    runs = [first]
    for step in steps:
        if "reopen" not in step:
            runs[-1].steps.append(step)
            continue
        reopen, last = step["reopen"], runs[-1]
        options = {**last.options, **reopen.get("options", {})}
        runs.append(replace(last, clock=reopen.get("clock", last.clock), options=options, steps=[]))
    return runs


def ends_in_panic(steps: list[Step]) -> bool:
    """Whether the program dies of these steps; a panic in a thread ends that thread alone."""
    inner = (step.get(verb, {}).get("steps", []) for step in steps for verb in ("with_scope", "repeat"))
    return any("panic" in step for step in steps) or any(map(ends_in_panic, inner))


def generated(value: Any) -> Any:
    """Makes the values that would be too long to write, `{"$repeat": [text, times]}` and `{"$nest": [value, depth]}`, and
    those that languages have of their own."""
    if value == "$platform":
        return PLATFORM
    if isinstance(value, list):
        return [generated(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    if "$nest" in value:
        inner, depth = value["$nest"]
        for _ in range(depth):
            inner = [inner]
        return inner
    return {key: generated(item) for key, item in value.items()}


def numbered(value: Any, number: int) -> Any:
    """Puts the number of the pass in the place of `{n}`."""
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, list):
        return [numbered(item, number) for item in value]
    if isinstance(value, dict):
        return {key: numbered(item, number) for key, item in value.items()}
    return value
