"""The vault from Python: what programs captured, as issues, and what people decide about them."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import crashvault
import pytest

ENGINE = Path(__file__).resolve().parents[2] / "crashvault-core" / "src"
START = datetime(2026, 1, 5, 10, 0, tzinfo=timezone.utc)

CAPTURES = """
import sys, crashvault
crashvault.install(vault=sys.argv[1], project="shop", release="shop@1.0", drain=False)
for message in sys.argv[2:]:
    assert crashvault.capture_message(message) is not None
"""


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(home: Path, clock: Clock) -> Iterator[crashvault.Vault]:
    with crashvault.open(home, author="ada", clock=clock) as vault:
        yield vault


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"message": message, "level": "error", "timestamp": START, **more}


def thrown(way: str) -> dict[str, Any]:
    frames = [{"function": way, "in_app": True}, {"function": "total", "in_app": True}]
    exception = {"type": "KeyError", "value": "no price for cart", "stacktrace": {"frames": frames}}
    return {"platform": "python", "exception": {"values": [exception]}}


def captured(home: Path, *messages: str) -> None:
    """By another program, which ends before anybody takes them in."""
    subprocess.run([sys.executable, "-c", CAPTURES, str(home), *messages], check=True)


def titles(issues: Any) -> list[str]:
    return [issue.title for issue in issues]


# Opening and closing.


def test_what_another_program_captured_is_there(home: Path) -> None:
    captured(home, "disk full", "disk full", "no route")
    with crashvault.open(home) as vault:
        assert vault.drained is not None and vault.drained.events_new == 3
        assert [(issue.title, issue.seen_count) for issue in vault.issues(sort="number", reverse=True)] == [
            ("disk full", 2),
            ("no route", 1),
        ]


def test_a_vault_that_is_not_drained_says_what_waits(home: Path) -> None:
    captured(home, "disk full")
    with crashvault.open(home, drain=False) as vault:
        assert (vault.drained, vault.status().waiting_count, list(vault.issues())) == (None, 1, [])
        assert vault.drain(10).events_new == 1
        assert titles(vault.issues()) == ["disk full"]


def test_a_vault_opened_for_reading_changes_nothing(home: Path) -> None:
    captured(home, "disk full")
    crashvault.open(home).close()
    captured(home, "no route")
    with crashvault.open(home, read_only=True) as vault:
        assert vault.is_read_only
        assert vault.drained is not None and vault.drained.waiting_count == 1
        assert titles(vault.issues()) == ["disk full"]
        with pytest.raises(crashvault.ReadOnlyError):
            vault.resolve(1)


def test_no_vault_is_made_where_none_may_be(home: Path) -> None:
    with pytest.raises(crashvault.NotFoundError):
        crashvault.open(home, create=False)
    with pytest.raises(crashvault.NotFoundError):
        crashvault.open(home, read_only=True)
    assert not home.exists()


def test_the_default_vault_is_named_by_a_variable(home: Path) -> None:
    code = "import crashvault; print(crashvault.open().directory)"
    env = {**os.environ, "CRASHVAULT_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(home)


def test_the_vault_of_install_is_the_default(home: Path) -> None:
    code = "import sys, crashvault; crashvault.install(vault=sys.argv[1]); print(crashvault.open().directory)"
    done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(home)


def test_a_closed_vault_says_so(home: Path) -> None:
    states = []
    with crashvault.open(home) as vault:
        states.append(vault.is_closed)
    vault.close()
    states.append(vault.is_closed)
    assert states == [False, True]
    for call in (vault.issues, vault.status, vault.drain, lambda: vault.resolve(1), vault.__enter__):
        with pytest.raises(crashvault.InvalidInputError, match="closed"):
            call()


def test_an_iterator_of_a_closed_vault_says_so(home: Path) -> None:
    vault = crashvault.open(home)
    vault.add_all(said(f"failure of part {'x' * number}") for number in range(250))
    issues = vault.issues()
    assert next(issues) is not None
    vault.close()
    for _ in range(2):
        with pytest.raises(crashvault.InvalidInputError, match="closed"):
            list(issues)


def test_threads_share_a_vault(vault: crashvault.Vault) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for _ in range(10):
                vault.add(said(f"failure of {name}"))
                assert titles(vault.search(name)) == [f"failure of {name}"]
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("alpha", "beta", "gamma", "delta")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(issue.seen_count for issue in vault.issues()) == [10, 10, 10, 10]


def test_other_threads_run_while_the_engine_works(vault: crashvault.Vault) -> None:
    """The engine waits for the lease of another process; who holds the interpreter meanwhile can give it up."""
    vault.drain()
    with open(vault.directory / "drain.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=vault.drain)
        waiting.start()
        assert waiting.is_alive()
        fcntl.flock(lock, fcntl.LOCK_UN)
    waiting.join(60)
    assert not waiting.is_alive()


def test_a_drain_that_waits_can_be_interrupted(vault: crashvault.Vault) -> None:
    vault.drain()
    with open(vault.directory / "drain.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert vault.drain(0.01).is_elsewhere
        earlier = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                vault.drain()
        finally:
            signal.signal(signal.SIGALRM, earlier)
    assert not vault.drain().is_elsewhere


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_refused_and_does_no_harm(home: Path) -> None:
    code = """
import os, sys, crashvault
vault = crashvault.open(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        vault.issues()
    except crashvault.UnsupportedError as error:
        print(error.kind)
    sys.stdout.flush()
    del vault
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
vault.add({"message": "still here"})
print([issue.title for issue in vault.issues()], vault.verify())
"""
    done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["Unsupported", "['still here'] []"]


def test_what_a_call_calls_must_not_call_the_vault(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))

    class Curious:
        def write(self, content: bytes) -> int:
            vault.issues()
            return len(content)

    with pytest.raises(crashvault.ConflictError):
        vault.export(Curious())
    assert titles(vault.issues()) == ["disk full"]


def test_a_clock_that_fails_is_not_asked_in_vain(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def broken() -> datetime:
        raise RuntimeError("no time")

    with crashvault.open(home, clock=broken) as vault:
        vault.add({"message": "disk full"})
        assert vault.issue(1).first_seen.year >= 2026
    assert {str(one.exc_value) for one in told} == {"no time"}


def test_a_clock_may_say_nanoseconds(home: Path) -> None:
    with crashvault.open(home, clock=lambda: 1_767_607_200_000_000_000) as vault:
        vault.add({"message": "disk full"})
        assert vault.issue(1).first_seen == START


# Issues and events.


def test_an_issue_is_named_in_many_ways(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    issue = vault.issue(1)
    for name in (1, "1", "#1", issue.id, issue.id[:8], issue):
        assert vault.issue(name) == issue


def test_an_issue_tells_what_it_is(vault: crashvault.Vault) -> None:
    vault.add(said("disk full", user={"id": "7"}, release="shop@1.0"))
    issue = vault.issue(1)
    assert (issue.number, issue.title, issue.status, issue.level) == (1, "disk full", "open", "error")
    assert (issue.first_seen, issue.last_seen, issue.first_seen.tzinfo) == (START, START, timezone.utc)
    assert (issue.seen_count, issue.user_count, issue.assignee, issue.resolution, issue.tags) == (1, 1, None, None, {})
    assert repr(issue) == "Issue(number=1, title='disk full', status='open', seen_count=1)"
    plain = json.loads(json.dumps(issue.to_dict()))
    assert (plain["title"], plain["first_seen"]) == ("disk full", "2026-01-05T10:00:00Z")


def test_an_issue_cannot_be_changed(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    with pytest.raises(AttributeError):
        vault.issue(1).title = "other"  # type: ignore[misc]


def test_an_event_comes_back_as_it_went_in(vault: crashvault.Vault) -> None:
    extra = {"count": 2**63, "share": 0.5, "none": None, "yes": True, "list": [1, (2, 3)], "when": START}
    added = vault.add(said("disk full", tags={"region": "eu"}, extra=extra))
    assert (added.issue_number, added.is_new_issue, added.is_known, added.is_regression) == (1, True, False, False)
    event = vault.event(added.event_id)
    assert (event["event_id"], event["message"], event["tags"]) == (added.event_id, "disk full", {"region": "eu"})
    assert event["timestamp"] == "2026-01-05T10:00:00Z"
    assert event["extra"] == {**extra, "list": [1, [2, 3]], "when": "2026-01-05T10:00:00Z"}
    assert vault.events(1) == [event]
    assert vault.events(vault.issue(1), limit=1) == [event]


def test_an_event_that_is_known_changes_nothing(vault: crashvault.Vault) -> None:
    added = vault.add(said("disk full"))
    again = vault.add(said("disk full", event_id=added.event_id))
    assert again.is_known
    assert vault.issue(1).seen_count == 1


def test_stats_count(vault: crashvault.Vault) -> None:
    vault.add_all([said("disk full"), said("disk full"), said("no route", level="warning")])
    vault.resolve(2)
    stats = vault.stats(days=1)
    assert stats.issues == {"open": 1, "resolved": 1, "ignored": 0}
    assert stats.events == {"debug": 0, "info": 0, "warning": 1, "error": 2, "fatal": 0}
    assert stats.hours == ((START, 3),)
    assert vault.hours(1) == [(START, 2)]
    assert (vault.issue_count(), vault.issue_count(status="open"), vault.issue_count(project="none")) == (2, 1, 0)


def test_values_are_counted(vault: crashvault.Vault) -> None:
    vault.add_all(said("disk full", tags={"region": region}) for region in ("eu", "eu", "us"))
    values = [(value.key, value.value, value.count) for value in vault.values(1) if value.is_tag]
    assert values == [("region", "eu", 2), ("region", "us", 1)]


def test_the_state_of_the_vault_is_told(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    status = vault.status()
    assert (status.directory, status.issue_count, status.event_count) == (vault.directory, 1, 1)
    assert any(setting.key == "capture.sample_rate" for setting in status.settings)
    assert vault.space().store_bytes == vault.status().store_bytes
    assert [finding for finding in vault.doctor() if finding.severity == "problem"] == []


# Searches.


def test_pages_follow_each_other(vault: crashvault.Vault) -> None:
    vault.add_all(said(f"failure of part {'x' * number}") for number in range(5))
    first = vault.search("failure", sort="number", limit=2)
    assert (len(first), first[0].number, [issue.number for issue in first]) == (2, 5, [5, 4])
    assert ([issue.number for issue in first[-1:]], first[-1], first[-2]) == ([4], first[1], first[0])
    for place in (2, -3):
        with pytest.raises(IndexError):
            first[place]
    second = vault.search("failure", sort="number", limit=2, after=first.next)
    third = vault.search("failure", sort="number", limit=2, after=second.next)
    assert [issue.number for issue in (*second, *third)] == [3, 2, 1]
    assert third.next is None
    assert [issue.number for issue in vault.issues("failure", sort="number", after=first.next)] == [3, 2, 1]


def test_issues_are_fetched_as_they_are_asked_for(vault: crashvault.Vault) -> None:
    vault.add_all(said(f"failure of part {'x' * number}") for number in range(450))
    assert len(list(vault.issues())) == 450
    assert len(list(vault.issues(limit=203))) == 203
    numbers = [issue.number for issue in vault.issues(sort="number", reverse=True)]
    assert numbers == list(range(1, 451))


def test_events_are_searched(vault: crashvault.Vault) -> None:
    vault.add_all([said("disk full", tags={"region": "eu"}), said("disk full", tags={"region": "us"})])
    found = vault.search_events("region:us")
    (event,) = found
    assert (event.issue_number, event.title, event.level, event.time) == (1, "disk full", "error", START)
    assert event.payload["tags"] == {"region": "us"}
    assert vault.event(event.id) == event.payload
    assert (len(found), found[0], found.next) == (1, event, None)


@pytest.mark.parametrize(
    "since",
    ["36h", "2026-01-04", date(2026, 1, 4), timedelta(hours=36), START - timedelta(hours=36)],
)
def test_a_time_is_said_in_many_ways(vault: crashvault.Vault, since: Any) -> None:
    old, new = START - timedelta(days=3), START - timedelta(hours=1)
    vault.add_all([said("old", timestamp=old), said("new", timestamp=new)])
    assert titles(vault.search(since=since)) == ["new"]
    assert titles(vault.issues(since=since)) == ["new"]
    assert titles(vault.search_events(since=since)) == ["new"]
    assert titles(vault.issues(until=START - timedelta(days=2))) == ["old"]


def test_a_misspelt_key_is_doubted(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    (doubt,) = vault.search("full levle:error").doubts
    assert (doubt.position, doubt.key, doubt.meant) == (5, "levle", "level")


def test_a_search_is_explained(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    told = vault.explain("level:error (full OR empty)")
    assert (told.found_count, told.tree.kind, [part.kind for part in told.tree.parts]) == (1, "all", ["pair", "any"])
    rows = told.tree.parts[0].rows
    assert rows is not None and rows.count == 1
    assert vault.explain("full", of_events=True).found_count == 1


def test_saved_searches_are_kept(vault: crashvault.Vault) -> None:
    vault.add(said("payment timed out"))
    assert vault.save_search("pay", "payment") is None
    assert vault.save_search("pay", "payment OR invoice") == "payment"
    assert titles(vault.search("@pay")) == ["payment timed out"]
    assert [(saved.name, saved.query) for saved in vault.saved_searches()] == [("pay", "payment OR invoice")]
    assert vault.remove_search("pay") == "payment OR invoice"
    assert vault.saved_searches() == []


def test_what_comes_in_is_followed(vault: crashvault.Vault) -> None:
    vault.add(said("before"))
    reached = vault.last_ingest_sequence()
    vault.add_all([said("after"), said("other")])
    followed = vault.follow("after", after=reached)
    assert titles(followed.events) == ["after"]
    assert vault.follow("after", after=followed.reached).events == ()


# Decisions.


def test_decisions_come_out_as_they_went_in(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    vault.assign(1, "ben")
    vault.comment(1, "looks like the cache")
    vault.tag(1, "team", "payments")
    vault.set_title(1, "Cache fills the disk")
    vault.set_severity(1, "high")
    vault.bookmark(1)
    vault.review(1, "fix")
    issue = vault.issue(1)
    assert (issue.assignee, issue.comment_count, issue.tags) == ("ben", 1, {"team": "payments"})
    assert (issue.title, issue.severity, issue.is_bookmarked, issue.review) == (
        "Cache fills the disk",
        "high",
        True,
        "fix",
    )
    vault.assign(1, None)
    vault.tag(1, "team", None)
    vault.set_title(1, None)
    vault.set_severity(1, None)
    vault.bookmark(1, False)
    vault.review(1, None)
    issue = vault.issue(1)
    assert (issue.assignee, issue.tags, issue.title) == (None, {}, "disk full")
    assert (issue.severity, issue.is_bookmarked, issue.review) == (None, False, None)
    kinds = ["assign", "comment", "tag", "set_title", "set_severity", "bookmark", "review"]
    activities = vault.activities(1)
    assert [activity.kind for activity in activities] == [*kinds, *(kind for kind in kinds if kind != "comment")]
    assert {activity.author for activity in activities} == {"ada"}
    assert activities[1].deed == {"kind": "comment", "text": "looks like the cache"}
    assert activities[1].issue == issue.id


def test_a_resolved_issue_comes_back(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    assert vault.resolve(1).deed == {"kind": "resolve", "in": "now"}
    assert (vault.issue(1).status, vault.issue(1).resolution) == ("resolved", {"in": "now"})
    added = vault.add(said("disk full", timestamp=START + timedelta(hours=1)))
    assert added.is_regression
    issue = vault.issue(1)
    assert (issue.status, issue.is_regressed, issue.regression) == ("open", True, added.event_id)


def test_a_resolution_may_cover_releases(vault: crashvault.Vault) -> None:
    vault.add(said("disk full", release="shop@1.0"))
    assert vault.resolve(1, release="shop@2.0").deed == {"kind": "resolve", "in": "release", "release": "shop@2.0"}
    expected = {"kind": "resolve", "in": "next_release", "after": "shop@1.0"}
    assert vault.resolve(1, next_release=True).deed == expected
    vault.reopen(1)
    assert vault.issue(1).status == "open"


def test_an_issue_is_ignored_for_a_while(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    assert vault.ignore(1).deed["until"] == "forever"
    assert vault.issue(1).ignore == "forever"
    assert vault.ignore(1, seen_again=9).deed["until"] == {"seen_count": 10}
    assert vault.ignore(1, until=START + timedelta(days=1)).deed["until"] == {"time": "2026-01-06T10:00:00Z"}
    assert vault.ignore(1, grown=True).deed["until"] == {"day_count": 10}
    assert vault.issue(1).status == "ignored"


def test_a_decision_is_taken_back(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    resolved = vault.resolve(1)
    earlier, undo = vault.undo(1)
    assert (earlier, undo.deed) == (resolved, {"kind": "undo", "activity": resolved.id})
    assert vault.issue(1).status == "open"
    with pytest.raises(crashvault.NotFoundError):
        vault.undo(1)


def test_decisions_are_dicts_as_well(vault: crashvault.Vault) -> None:
    vault.add_all([said("disk full"), said("no route")])
    assert vault.decide(1, {"kind": "assign", "to": "ben"}).author == "ada"
    vault.decide_all([(1, {"kind": "reopen"}), ("#2", {"kind": "comment", "text": "same day"})])
    assert (vault.issue(1).assignee, vault.issue(2).comment_count) == ("ben", 1)
    with pytest.raises(crashvault.NotFoundError):
        vault.decide_all([(1, {"kind": "assign", "to": None}), (99, {"kind": "reopen"})])
    assert vault.issue(1).assignee == "ben"


def test_a_deleted_issue_is_gone(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    vault.delete(1)
    with pytest.raises(crashvault.NotFoundError):
        vault.issue(1)


# What belongs together.


def test_why_is_told_of_issues_and_events(vault: crashvault.Vault) -> None:
    vault.add(thrown("quote"))
    added = vault.add(thrown("checkout"))
    why = vault.why(1)
    assert [variant["verdict"]["kind"] for variant in why["variants"]] == ["founded", "similar"]
    assert vault.why(event=added.event_id)["variants"] == why["variants"][1:]
    assert [join.reason for join in vault.joins(1)] == ["stack", "similar"]
    with pytest.raises(crashvault.InvalidInputError):
        vault.why()
    with pytest.raises(crashvault.InvalidInputError):
        vault.why(1, event=added.event_id)


def test_issues_are_merged_and_taken_apart(vault: crashvault.Vault) -> None:
    vault.add_all([said("disk full"), said("no space left")])
    second = vault.issue(2)
    vault.merge(1, [2])
    assert (vault.issue(2).number, vault.issue(1).seen_count) == (1, 2)
    assert vault.merged(1) == [(2, second.id)]
    variant = vault.joins(1)[-1].variant
    vault.unmerge(1, variant[:12])
    assert (vault.issue(2).number, vault.issue(1).seen_count, vault.merged(1)) == (2, 1, [])


def test_an_event_is_moved(vault: crashvault.Vault) -> None:
    added = vault.add_all([said("disk full"), said("no space left"), said("no space left")])
    vault.move_event(added[2].event_id, 1)
    assert [issue.seen_count for issue in vault.issues(sort="number")] == [1, 2]


def test_related_issues_and_causes_are_found(vault: crashvault.Vault) -> None:
    vault.add_all(said(f"failure of {name}", tags={"node": "db7"}) for name in ("alpha", "beta"))
    vault.add_all(said(f"failure of {name}", tags={"node": name}) for name in ("gamma", "delta", "epsilon", "zeta"))
    causes = vault.causes()
    assert causes.issue_count == 6
    best = causes.causes[0].facts[0]
    assert (best.kind, best.key, best.value, best.issue_count) == ("tag", "node", "db7", 2)
    assert sorted(titles(causes.causes[0].issues)) == ["failure of alpha", "failure of beta"]
    assert vault.related(1) == []


def test_grouping_anew_is_planned_and_done(vault: crashvault.Vault) -> None:
    vault.add_all([thrown("quote"), thrown("checkout")])
    plan = vault.plan_regrouping()
    assert (plan.merges, plan.splits, plan.variant_count, plan.activities) == ((), (), 2, ())
    assert vault.regroup() == plan


# Files.


def test_an_attachment_is_kept_with_its_event(vault: crashvault.Vault) -> None:
    event = vault.add(said("disk full")).event_id
    kept = vault.attach(event, "app.log", b"it began well", content_type="text/plain")
    assert (kept.name, kept.size_bytes, kept.content_type, kept.kind) == (
        "app.log",
        13,
        "text/plain",
        "event.attachment",
    )
    assert (vault.attachments(event), kept.added_at) == ([kept], START)
    assert vault.read_attachment(kept) == b"it began well"


def test_an_export_comes_back(vault: crashvault.Vault, tmp_path: Path) -> None:
    vault.add_all([said("disk full"), said("no route")])
    vault.comment(1, "looks like the cache")
    file = tmp_path / "all.ndjson.gz"
    report = vault.export(file)
    assert (report.issues, report.events) == (2, 2)
    with crashvault.open(tmp_path / "copy") as copy:
        assert copy.import_export(file).events == 2
        assert copy.import_export(file).events_known == 2
        assert list(copy.issues(sort="number")) == list(vault.issues(sort="number"))
        assert copy.activities(1) == vault.activities(1)


@pytest.mark.parametrize("name", ["all.json", "all.csv", "all.md", "all.html", "all.ndjson", "all"])
def test_the_name_of_a_file_says_its_form(vault: crashvault.Vault, tmp_path: Path, name: str) -> None:
    vault.add(said("disk full"))
    vault.export(tmp_path / name)
    text = (tmp_path / name).read_text()
    begins = {
        "json": "{",
        "csv": "# Issues",
        "md": "<!--",
        "html": "<!doc",
        "ndjson": '{"crashvault_export"',
        "all": "{",
    }
    assert text.startswith(begins[name.split(".")[-1]]), text[:40]
    assert "disk full" in text


def test_an_export_goes_into_open_files(vault: crashvault.Vault, tmp_path: Path) -> None:
    vault.add_all([said("Grüße aus Köln ☃" * 900), said("no route")])
    into = {"binary": open(tmp_path / "binary", "wb"), "text": open(tmp_path / "text", "w", encoding="utf-8")}
    for file in into.values():
        with file:
            assert vault.export(file, format="markdown").issues == 2
    into["raw"] = open(tmp_path / "raw", "wb", buffering=0)
    with into["raw"]:
        vault.export(into["raw"], format="markdown")
    first = (tmp_path / "text").read_bytes()
    assert first == (tmp_path / "binary").read_bytes() == (tmp_path / "raw").read_bytes()
    assert "Grüße aus Köln ☃".encode() in first


def test_only_what_is_asked_for_is_exported(vault: crashvault.Vault, tmp_path: Path) -> None:
    vault.add_all([said("disk full"), said("no route")])
    assert vault.export(tmp_path / "query.json", query="disk").issues == 1
    assert vault.export(tmp_path / "issue.json", issue=2).issues == 1
    with pytest.raises(crashvault.ConflictError):
        vault.export(tmp_path / "query.json")
    assert vault.export(tmp_path / "query.json", replace=True).issues == 2


def test_what_a_file_raises_comes_out(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))

    class Full:
        def write(self, content: bytes) -> int:
            raise OSError(28, "no room")

    with pytest.raises(OSError, match="no room"):
        vault.export(Full())


def test_the_database_is_copied(vault: crashvault.Vault, tmp_path: Path) -> None:
    vault.add(said("disk full"))
    assert vault.copy_database(tmp_path / "copy.db") == (tmp_path / "copy.db").stat().st_size
    with crashvault.open(tmp_path / "other") as other:
        assert other.import_export(tmp_path / "copy.db").events == 1


# Chores.


def test_what_is_derived_is_made_again(vault: crashvault.Vault) -> None:
    vault.add_all([said("disk full"), said("disk full")])
    before = list(vault.issues())
    report = vault.rebuild()
    assert (report.event_count, report.issue_count) == (2, 1)
    assert (list(vault.issues()), vault.verify()) == (before, [])


def test_old_events_leave(vault: crashvault.Vault) -> None:
    old = START - timedelta(days=90)
    vault.add_all([said("disk full", timestamp=old), said("disk full", timestamp=old), said("disk full")])
    assert vault.prune(older_than_days=30, dry_run=True).events_removed == 2
    assert vault.prune(before=START - timedelta(days=30), level="error", status="open").events_removed == 2
    assert (vault.issue(1).seen_count, len(vault.events(1))) == (3, 1)
    assert vault.retain(dry_run=True).events_removed == 0
    assert vault.retain().is_complete
    assert vault.collect_garbage().archives_unreadable == 0


def test_old_issues_lie_in_archives(vault: crashvault.Vault, clock: Clock) -> None:
    vault.add(said("disk full", timestamp=START - timedelta(days=90)))
    vault.resolve(1)
    report = vault.archive(older_than_days=30)
    assert (report.issues, report.events, list(vault.issues())) == (1, 1, [])
    assert report.path is not None
    (archive,) = vault.archives()
    assert (archive.path, archive.issues, archive.created_at) == (report.path, 1, START)
    (found,) = vault.search_archives("full").issues
    assert (found.path, found.issue.title) == (report.path, "disk full")
    assert vault.restore(report.path, remove=True).events == 1
    assert (titles(vault.issues()), vault.archives()) == (["disk full"], [])


def test_a_vault_is_emptied(vault: crashvault.Vault) -> None:
    vault.add(said("disk full"))
    assert vault.empty().issues_removed == 1
    assert list(vault.issues()) == []


# What the engine has.

OTHER_NAMES = {
    "variant": "unmerge takes how a key begins",
    "drain_all": "drain",
    "tally": "stats",
    "why_event": "why(event=)",
    "explain_events": "explain(of_events=True)",
    "export_file": "export",
    "write_file": "how export_file writes",
    "restore_and_remove": "restore(remove=True)",
    "retain_dry_run": "retain(dry_run=True)",
    "options": "crashvault.open",
    "open": "crashvault.open",
    "default_directory": "crashvault.open",
}
LEFT_OUT = {
    "add_attached": "add and attach",
    "begin_report": "for who sends events on",
    "event_count_behind": "for who sends events on",
    "report_to": "for who sends events on",
    "reports": "for who sends events on",
    "add_symbols": "for programs of machine code",
    "change_settings": "the command's",
    "check_export": "import_export reads all of it first",
    "check_minidump": "for programs of machine code",
    "check_settings": "the command's",
    "check_symbols": "for programs of machine code",
    "check_v1": "the command's",
    "detect_export": "import_export says so",
    "doctor_unopened": "the command's",
    "dump": "for the engine's tests",
    "examine_v1": "the command's",
    "has_imported_v1": "the command's",
    "has_v1_data": "the command's",
    "has_webhook_secret": "the command's",
    "import_minidump": "for programs of machine code",
    "import_v1": "the command's",
    "intake": "the server's",
    "is_minidump": "for programs of machine code",
    "is_v1": "the command's",
    "item": "what a server took in",
    "items": "what a server took in",
    "keep_webhook_secret": "the command's",
    "read_item": "what a server took in",
    "report": "the command's page",
    "rescue": "the command's",
    "settings_of": "status has them",
    "try_group_rules": "the command's",
    "try_group_rules_on": "the command's",
    "webhooks": "the command's",
}
# Short for `decide` with one kind of deed, and what belongs to an object of Python.
OWN = {"bookmark", "close", "delete", "drained", "is_closed", "review", "set_severity", "set_title", "stats", "tag"}


def verbs_of_the_engine() -> set[str]:
    verbs: set[str] = set()
    for file in (ENGINE / "vault").rglob("*.rs"):
        for block in re.split(r"^impl ", file.read_text(), flags=re.M)[1:]:
            if block.startswith("Vault {"):
                verbs |= set(re.findall(r"^    pub fn (\w+)", block.split("\n}\n")[0], flags=re.M))
    return verbs


def test_every_verb_of_the_engine_is_there_or_left_out_on_purpose() -> None:
    verbs = verbs_of_the_engine()
    assert len(verbs) > 60
    assert set(OTHER_NAMES) | set(LEFT_OUT) <= verbs
    there = {name for name in dir(crashvault.Vault) if not name.startswith("_")}
    assert there == (verbs - set(OTHER_NAMES) - set(LEFT_OUT)) | OWN
