"""A vault after the steps, and what the case expects of it → what is not so."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import crashvault
import program
from case import only_keys
from clock import Clock

KEYS = {
    "issues",
    "event_count",
    "events",
    "events_lack",
    "returned",
    "counts",
    "journal_has",
    "journal_lacks",
    "searches",
}
# Keys of an issue that are there only where something was decided.
DECIDED = {
    "assignee",
    "comment_count",
    "ignore",
    "is_bookmarked",
    "regression",
    "resolution",
    "review",
    "severity",
    "since",
    "tags",
}
MANY = 1_000_000
NOTHING = object()


def faults(expect: dict[str, Any], home: Path, work: Path) -> list[str]:
    """Drains the vault and compares. At the end drains the same journal once more and makes derived state anew, which
    must change nothing."""
    only_keys(home, expect, KEYS)
    journal = {path: path.read_bytes() for path in (home / "journal").glob("*")}
    with crashvault.open(home, clock=Clock.as_left(work), author="behaviour") as vault:
        checks = Checks(vault, expect, program.returned(work))
        checks.journal(journal)
        checks.returned()
        checks.issues()
        checks.events()
        checks.searches()
        checks.counts()
        checks.drained_again(journal)
        checks.rebuilt()
    return checks.faults


def seen_issues(vault: crashvault.Vault) -> list[dict[str, Any]]:
    """What a vault shows of its issues, by number."""
    return [shown(vault, issue) for issue in vault.issues(sort="number", reverse=True)]


def shown(vault: crashvault.Vault, issue: crashvault.Issue) -> dict[str, Any]:
    values: dict[str, dict[str, int]] = {}
    for value in vault.values(issue, limit=1000):
        key = f"tags[{value.key}]" if value.is_tag else value.key
        values.setdefault(key, {})[value.value] = value.count
    told = issue.to_dict()
    # What was decided is there only where something was.
    undecided = {key for key in DECIDED if not told[key]}
    return {
        **{key: value for key, value in told.items() if key not in undecided},
        "reason": vault.joins(issue)[0].reason,
        "verdicts": [variant["verdict"]["kind"] for variant in vault.why(issue)["variants"]],
        "activity_kinds": [activity.kind for activity in vault.activities(issue)],
        "hours": [[text_of(hour), count] for hour, count in vault.hours(issue)],
        "values": values,
    }


def text_of(moment: Any) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def seen_events(vault: crashvault.Vault) -> list[crashvault.StoredEvent]:
    """In the order they came in."""
    return list(vault.follow(after=0, limit=MANY).events)


def exported(vault: crashvault.Vault) -> bytes:
    out = io.BytesIO()
    vault.export(out, format="ndjson")
    return out.getvalue()


class Checks:
    def __init__(self, vault: crashvault.Vault, expect: dict[str, Any], ids: dict[str, str]) -> None:
        self.vault = vault
        self.expect = expect
        self.ids = ids
        self.seen = (seen_issues(vault), seen_events(vault))
        self.faults: list[str] = []

    def journal(self, files: dict[Path, bytes]) -> None:
        for key, wanted in (("journal_has", True), ("journal_lacks", False)):
            for text in self.expect.get(key, []):
                if any(text.encode() in file for file in files.values()) != wanted:
                    self.faults.append(f"{key}: {text}")

    def returned(self) -> None:
        for label, wanted in self.expect.get("returned", {}).items():
            found = self.ids.get(label, "nothing")
            is_nil = found == program.NIL
            fits = {"nil": is_nil, "id": len(found) == len(program.NIL) and not is_nil}
            if not fits.get(wanted, wanted == found):
                self.faults.append(f"{label} returned {found}, expected {wanted}")

    def issues(self) -> None:
        wanted, found = self.expect.get("issues"), self.seen[0]
        if wanted == len(found):
            return
        if not isinstance(wanted, list) or len(wanted) != len(found):
            titles = [issue["title"] for issue in found]
            self.faults.append(f"{len(found)} issues, expected {wanted}: {titles}")
            return
        for number, (keys, issue) in enumerate(zip(wanted, found), 1):
            for key, matcher in keys.items():
                if key == "values":
                    for name, counts in matcher.items():
                        self.compare(f"issue {number} {name}", issue[key].get(name, NOTHING), counts)
                    continue
                if key == "regression" and isinstance(matcher, str):
                    matcher = self.ids.get(matcher)
                self.compare(f"issue {number} {key}", issue.get(key, NOTHING), matcher)

    def events(self) -> None:
        found = self.seen[1]
        if len(found) != self.expect["event_count"]:
            self.faults.append(f"{len(found)} events, expected {self.expect['event_count']}")
        by_id = {event.id: event for event in found}
        for wanted in self.expect.get("events", []):
            name = wanted["event"]
            event = by_id.get(self.ids.get(name, "")) if isinstance(name, str) else (found[name:] or [None])[0]
            if event is None:
                self.faults.append(f"there is no event {name}")
                continue
            if "issue" in wanted:
                self.compare(f"event {name} issue", event.issue_number, wanted["issue"])
            for pointer, matcher in wanted.get("has", {}).items():
                self.compare(f"event {name} {pointer}", at(event.payload, pointer), matcher)
        texts = [str(event.payload) for event in found]
        self.faults += [
            f"events_lack: {text}"
            for text in self.expect.get("events_lack", [])
            if any(text in event for event in texts)
        ]

    def counts(self) -> None:
        status = self.vault.status()
        for key, matcher in self.expect.get("counts", {}).items():
            self.compare(f"count {key}", getattr(status, f"{key}_count"), matcher)

    def searches(self) -> None:
        labels = {id: label for label, id in self.ids.items()}
        for wanted in self.expect.get("searches", []):
            only_keys(self.vault.directory, wanted, {"query", "sort", "issues", "events", "fails"})
            query, sort = wanted["query"], wanted.get("sort", "last_seen")
            kind = None
            try:
                issues = [issue.number for issue in self.vault.search(query, sort=sort, limit=100)]
                events = [labels.get(event.id) for event in self.vault.search_events(query, limit=100)]
            except crashvault.Error as error:
                kind = error.kind
            if kind != wanted.get("fails"):
                self.faults.append(f"search {query} ended with {kind}")
            elif kind is None:
                self.compare(f"search {query}", issues, wanted.get("issues", issues))
                self.compare(f"events of {query}", events, wanted.get("events", events))

    def drained_again(self, journal: dict[Path, bytes]) -> None:
        for path, content in journal.items():
            path.write_bytes(content)
        again = self.vault.drain()
        is_read_again = not self.seen[1] or again.events_known > 0
        if not is_read_again or again.events_new or self.seen != (seen_issues(self.vault), seen_events(self.vault)):
            self.faults.append(f"draining the same journal again must find it and change nothing: {again}")

    def rebuilt(self) -> None:
        self.faults += [f"verify: {difference}" for difference in self.vault.verify()]
        before = exported(self.vault)
        self.vault.rebuild()
        if self.seen != (seen_issues(self.vault), seen_events(self.vault)) or exported(self.vault) != before:
            self.faults.append("a rebuild changed what is seen")

    def compare(self, what: str, found: Any, matcher: Any) -> None:
        if not matches(found, matcher):
            told = "nothing" if found is NOTHING else repr(found)[:600]
            self.faults.append(f"{what}: {told}, expected {matcher}")


def at(value: Any, pointer: str) -> Any:
    """A JSON pointer, in which a negative number counts from a list's end: `-1` is the last."""
    for step in pointer.split("/")[1:]:
        if isinstance(value, list) and re.fullmatch(r"-?\d+", step) and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and (key := step.replace("~1", "/").replace("~0", "~")) in value:
            value = value[key]
        else:
            return NOTHING
    return value


def same(found: Any, wanted: Any) -> bool:
    """As JSON is the same: `true` is not 1, and 2 is not 2.0."""
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict) and found.keys() == wanted.keys() and all(same(found[k], wanted[k]) for k in wanted)
        )
    return type(found) is type(wanted) and found == wanted


def matches(found: Any, matcher: Any) -> bool:
    """A value stands for itself, an object with one of these keys for a looser wish."""
    if not isinstance(matcher, dict) or len(matcher) != 1:
        return same(found, matcher)
    ((wish, argument),) = matcher.items()
    if wish == "equals":
        return same(found, argument)
    if wish == "absent":
        return (found is NOTHING) == argument
    text = found if isinstance(found, str) else None
    if wish in ("contains", "lacks"):
        return text is not None and (argument in text) == (wish == "contains")
    if wish in ("starts_with", "ends_with"):
        return text is not None and (text.startswith(argument) if wish == "starts_with" else text.endswith(argument))
    size = len(found.encode()) if text is not None else len(found) if isinstance(found, (list, dict)) else None
    if wish in ("length", "length_min", "length_max"):
        least, most = wish != "length_max", wish != "length_min"
        return size is not None and (not least or size >= argument) and (not most or size <= argument)
    raise AssertionError(f"the schema knows no wish {wish}")
