"""``report()``: what the vault holds arrives at a collector, once, and what the collector answers is told."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import crashvault
import pytest
from collector import KEY, Collector

NOW = datetime.now(timezone.utc)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(home: Path) -> Iterator[crashvault.Vault]:
    with crashvault.open(home) as vault:
        yield vault


def add(vault: crashvault.Vault, *messages: str, **more: Any) -> list[str]:
    return [vault.add({"message": message, "timestamp": NOW, **more}).event_id for message in messages]


def once(to: Collector, vault: crashvault.Vault, **options: Any) -> crashvault.ReportOutcome:
    """Without a second try, which would wait."""
    return crashvault.report(to.dsn, vault=vault, tries=1, **options)


def test_an_event_arrives_as_it_is_stored(vault: crashvault.Vault) -> None:
    [id] = add(vault, "disk full")
    with Collector() as collector:
        outcome = once(collector, vault)
        assert collector.events == [vault.event(id)]
    assert (outcome.end, outcome.sent_count, outcome.waiting_count) == ("done", 1, 0)
    assert (outcome.destination, outcome.trouble, outcome.next_try_at) == (collector.place, None, None)
    assert outcome.sent_bytes > 0


def test_events_arrive_once_and_in_their_order(vault: crashvault.Vault) -> None:
    with Collector() as collector:
        add(vault, "one", "two")
        assert once(collector, vault).sent_count == 2
        assert once(collector, vault).sent_count == 0
        add(vault, "three")
        assert once(collector, vault).sent_count == 1
        assert collector.messages == ["one", "two", "three"]
        assert once(collector, vault, again=True).sent_count == 3


def test_what_a_program_captured_is_sent_from_where_it_lies(home: Path) -> None:
    source = (
        "import sys, crashvault; crashvault.install(vault=sys.argv[1], drain=False); crashvault.capture_message('m')"
    )
    subprocess.run([sys.executable, "-c", source, str(home)], check=True)
    with Collector() as collector:
        assert crashvault.report(collector.dsn, vault=home).sent_count == 1
        assert collector.messages == ["m"]


def test_a_program_reports_its_own_vault(home: Path) -> None:
    source = """import sys, crashvault
crashvault.install(vault=sys.argv[1])
crashvault.capture_message('m')
print(crashvault.report(sys.argv[2]).sent_count)"""
    with Collector() as collector:
        command = [sys.executable, "-c", source, str(home), collector.dsn]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
        assert collector.messages == ["m"]


def test_nothing_is_sent_where_it_is_only_counted(vault: crashvault.Vault) -> None:
    add(vault, "one", "two")
    with Collector() as collector:
        outcome = once(collector, vault, dry_run=True)
        assert (outcome.is_dry_run, outcome.sent_count) == (True, 2)
        assert collector.request_count == 0


def test_a_collector_that_is_away_is_waited_for(vault: crashvault.Vault) -> None:
    add(vault, "one")
    with Collector((503, {})) as collector:
        outcome = once(collector, vault)
        assert (outcome.end, outcome.sent_count, outcome.waiting_count) == ("waiting", 0, 1)
        assert outcome.trouble == "503"
        assert outcome.next_try_at is not None and outcome.next_try_at.tzinfo is timezone.utc
        assert once(collector, vault).sent_count == 1
    gone = once(collector, vault)
    assert gone.end == "done", "there is nothing to send"
    add(vault, "two")
    gone = once(collector, vault)
    assert gone.end == "waiting" and gone.trouble is not None and gone.trouble.startswith("no answer")


def test_a_limit_of_the_collector_is_heeded(vault: crashvault.Vault) -> None:
    add(vault, "one", "two")
    with Collector((429, {"Retry-After": "3600"})) as collector:
        outcome = once(collector, vault)
        assert (outcome.end, outcome.waiting_count) == ("waiting", 2)
        assert list(outcome.pauses) == [""]
        assert outcome.pauses[""] > NOW + timedelta(minutes=30)
        assert once(collector, vault).end == "waiting"
        assert collector.request_count == 1


def test_a_refused_event_is_named(vault: crashvault.Vault) -> None:
    ids = add(vault, "one", "two")
    with Collector((400, {"X-Sentry-Error": "too odd"})) as collector:
        outcome = once(collector, vault)
        assert collector.messages == ["two"]
    assert (outcome.end, outcome.sent_count, outcome.refused_count) == ("done", 1, 1)
    [refusal] = outcome.refusals
    assert (refusal.event_id, refusal.reason) == (ids[0], "400: too odd")
    assert refusal.at >= NOW
    assert outcome.to_dict()["refusals"][0]["event_id"] == ids[0]


def test_a_key_that_is_not_known_is_an_error_that_does_not_show_it(vault: crashvault.Vault) -> None:
    add(vault, "one")
    with Collector((401, {})) as collector:
        with pytest.raises(crashvault.InvalidInputError, match="does not take this key") as caught:
            once(collector, vault)
    assert KEY not in str(caught.value)


def test_a_call_ends_at_its_limit(vault: crashvault.Vault) -> None:
    add(vault, "one", "two", "three")
    with Collector() as collector:
        outcome = once(collector, vault, limit=2)
        assert (outcome.end, outcome.sent_count, outcome.waiting_count) == ("limit", 2, 1)
        assert once(collector, vault, seconds=0).end == "limit"


@pytest.mark.parametrize("since", ["1d", timedelta(days=1), NOW - timedelta(days=1)])
def test_what_is_older_is_passed_over(since: Any, vault: crashvault.Vault) -> None:
    vault.add({"message": "old", "timestamp": NOW - timedelta(days=9)})
    add(vault, "new")
    with Collector() as collector:
        outcome = once(collector, vault, since=since)
        assert (outcome.sent_count, outcome.passed_count) == (1, 1)
        assert collector.messages == ["new"]


def test_files_go_with_their_events_unless_they_are_not_wanted(vault: crashvault.Vault) -> None:
    [id] = add(vault, "one")
    vault.attach(id, "log.txt", b"a\nb\n")
    vault.attach(id, "memory.dmp", b"secret", kind="event.minidump")
    with Collector() as collector:
        outcome = once(collector, vault)
        assert (outcome.attachments_sent, outcome.attachments_left_out) == (1, 1)
        assert collector.files == [("log.txt", b"a\nb\n")]
        assert once(collector, vault, again=True, attachments=False).attachments_left_out == 2
        assert once(collector, vault, again=True, dumps=True).attachments_sent == 2


def test_the_destination_of_the_settings_is_taken_where_none_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crashvault.open(home) as vault:
        add(vault, "one")
        with pytest.raises(crashvault.InvalidInputError, match=r"report\.to"):
            crashvault.report(vault=vault)
    with Collector() as collector:
        (home / "vault.toml").write_text(f'[report]\nto = "{collector.dsn}"\n')
        assert crashvault.report(vault=home).sent_count == 1
        monkeypatch.setenv("CRASHVAULT_REPORT_TO", collector.dsn.replace("/1", "/2"))
        assert crashvault.report(vault=home, dry_run=True).destination.endswith("/2")


def test_ctrl_c_ends_it_and_what_was_sent_is_known(vault: crashvault.Vault) -> None:
    add(vault, "one", "two")
    with Collector() as collector:
        collector.meanwhile = lambda: os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            once(collector, vault)
        assert collector.messages == ["one"]
        collector.meanwhile = lambda: None
        assert once(collector, vault).sent_count == 1


def test_a_closed_vault_says_so(vault: crashvault.Vault) -> None:
    vault.close()
    with Collector() as collector, pytest.raises(crashvault.InvalidInputError, match="closed"):
        once(collector, vault)


@pytest.mark.parametrize("destination", ["", "nowhere", "ftp://k@host/1", f"https://{KEY}@/1"])
def test_what_is_no_dsn_is_refused(destination: str, home: Path) -> None:
    with pytest.raises(crashvault.InvalidInputError, match="DSN") as caught:
        crashvault.report(destination, vault=home)
    assert KEY not in str(caught.value)
    assert not home.exists(), "a vault was made for nothing"


@pytest.mark.parametrize(
    "option", [{"limit": 0}, {"tries": 0}, {"seconds": -1}, {"wait_seconds": math.nan}, {"request_seconds": math.inf}]
)
def test_a_number_that_cannot_be_is_refused(option: Any, vault: crashvault.Vault) -> None:
    with pytest.raises(crashvault.InvalidInputError, match=next(iter(option))):
        crashvault.report(f"http://{KEY}@127.0.0.1:1/1", vault=vault, **option)


@pytest.mark.parametrize("words", [{"destination": 5}, {"vault": 5}, {"since": 5}, {"dumps": "yes"}])
def test_a_wrong_type_is_a_type_error(words: Any) -> None:
    with pytest.raises(TypeError):
        crashvault.report(**words)
