"""The Python runner of the behaviour suite (tests/behaviour/SCHEMA.md).

Enters: case files. Leaves: one line for each that failed or was skipped, and the totals. Each run of a case is a
process of its own, this program started again, because `install()` works once in a process.

Never: knows a case by name.

    python tests/behaviour/python/main.py [part/of_a_name …]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import case as cases
from case import Case

# What this language can do; a case that needs more is skipped.
ABLE = {
    "before_breadcrumb",
    "before_send",
    "capture_event",
    "clock",
    "cycle",
    "decisions",
    "errno",
    "global_scope",
    "panic",
    "search",
    "threads",
}

# How an exception that nobody handles ends a program.
UNHANDLED = 1


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--play"]:
        import program

        path, number, work = arguments[1:]
        program.run(cases.read(Path(path)), int(number), Path(work))
        return 0
    filters = [word for word in arguments if not word.startswith("-")]
    paths = [path for path in cases.every() if not filters or any(word in cases.name_of(path) for word in filters)]
    passed = failed = skipped = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for case, outcome in pool.map(judged, paths):
            if outcome is None:
                print(f"behaviour {case.name} ... skipped, needs {sorted(set(case.needs) - ABLE)}")
                skipped += 1
            elif outcome:
                print(f"behaviour {case.name} ... FAILED ({case.title})", *outcome, sep="\n    ")
                failed += 1
            else:
                passed += 1
    print(f"behaviour python: {passed + failed} run, {skipped} skipped")
    # Read by `cargo xtask test`.
    word = "FAILED" if failed else "ok"
    print(f"test result: {word}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; 0 filtered out")
    return int(failed > 0)


def judged(path: Path) -> tuple[Case, list[str] | None]:
    """The case and what is not as expected; nothing where it is skipped."""
    case = cases.read(path)
    if not ABLE.issuperset(case.needs):
        return case, None
    try:
        return case, played(path, case)
    except Exception as error:
        return case, [f"{type(error).__name__}: {error}"]


def played(path: Path, case: Case) -> list[str]:
    """Runs a case in a vault of its own."""
    import expect

    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        home = work / "vault"
        if case.vault_toml is not None:
            home.mkdir()
            (home / "vault.toml").write_text(case.vault_toml)
        for number, run in enumerate(case.runs):
            again = [sys.executable, __file__, "--play", str(path), str(number), str(work)]
            done = subprocess.run(again, capture_output=True, text=True, errors="replace")
            expected = UNHANDLED if cases.ends_in_panic(run.steps) else 0
            if done.returncode != expected:
                return [f"run {number} ended with {done.returncode}, expected {expected}:\n{done.stderr}"]
        return expect.faults(case.expect, home, work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
