"""Runs programs that install Crashvault, each in a process of its own, and reads what they left in the vault."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import crashvault

HEAD = """
import crashvault, os, sys
HOME = {home!r}
def install(**options):
    return crashvault.install(**{{"vault": HOME, "drain": False, **options}})
"""


class Ran(NamedTuple):
    """What a program printed and left."""

    status: int
    out: str
    err: str
    events: List[Dict[str, Any]]
    issues: List[Any]


def run(source: str, *, status: int = 0, timeout: float = 60) -> Ran:
    """Runs ``source`` as a script; the events are in the order in which they were captured."""
    with tempfile.TemporaryDirectory(prefix="crashvault-test-") as home:
        vault = Path(home) / "vault"
        script = Path(home) / "program.py"
        head = HEAD.format(home=str(vault))
        script.write_text(head + textwrap.dedent(source), encoding="utf-8", errors="surrogatepass")
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=timeout, cwd=home)
        assert done.returncode == status, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr, *read(vault))


def read(vault: Path) -> Any:
    """All events, oldest first, and all issues by their numbers."""
    if not (vault / "journal").exists():
        return [], []
    with crashvault.open(vault) as opened:
        issues = sorted(opened.issues(), key=lambda issue: issue.number)
        events = [event for issue in issues for event in opened.events(issue.number, limit=10_000)]
        return sorted(events, key=lambda event: (event["timestamp"], event["event_id"])), issues


def event(source: str, **options: Any) -> Dict[str, Any]:
    """The one event of a program."""
    events = run(source, **options).events
    assert len(events) == 1, [title(event) for event in events]
    return events[0]


def title(event: Dict[str, Any]) -> str:
    """``Type: value`` or the message."""
    thrown = exceptions(event)[-1:]
    return f"{thrown[0]['type']}: {thrown[0]['value']}" if thrown else str(event.get("message"))


def exceptions(event: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The exceptions, the thrown one last."""
    values: List[Dict[str, Any]] = event.get("exception", {}).get("values", [])
    return values


def frames(event: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The frames of the thrown exception, outermost first."""
    found: List[Dict[str, Any]] = exceptions(event)[-1]["stacktrace"]["frames"]
    return found


def flaws(event: Dict[str, Any]) -> Dict[str, str]:
    """Why which field is not whole."""
    own = event.get("contexts", {}).get("crashvault", {})
    return {flaw["field"]: flaw["reason"] for flaw in own.get("flaws", [])}
