"""How vault functions fail: the engine's kinds as exceptions, and arguments that are not what they should be."""

from __future__ import annotations

import fcntl
import math
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import crashvault
import pytest
from crashvault import _error

ENGINE = Path(__file__).resolve().parents[2] / "crashvault-core" / "src"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[crashvault.Vault]:
    with crashvault.open(tmp_path / "vault") as vault:
        vault.add({"message": "disk full"})
        yield vault


def kinds_of_the_engine() -> dict[str, int]:
    text = (ENGINE / "error.rs").read_text()
    kinds = text[text.index("pub enum ErrorKind") : text.index("impl ErrorKind")]
    return {name: int(number) for name, number in re.findall(r"^    (\w+) = (\d+),", kinds, flags=re.M)}


def classes() -> dict[str, type[crashvault.Error]]:
    found = (getattr(crashvault, name) for name in crashvault.__all__)
    errors = [one for one in found if isinstance(one, type) and issubclass(one, crashvault.Error)]
    return {error.kind: error for error in errors if error is not crashvault.Error}


def made(kind: str, **more: Any) -> crashvault.Error:
    arguments = {"operation": "open", "message": "no", "context": {}, "is_retryable": False, "errno": None, **more}
    return _error.made(kind, "open: no", **arguments)


def test_every_kind_of_the_engine_has_a_class_of_its_own() -> None:
    kinds = kinds_of_the_engine()
    assert len(kinds) == 11
    assert {kind: known.number for kind, known in classes().items()} == kinds


@pytest.mark.parametrize("kind", kinds_of_the_engine())
def test_a_kind_becomes_its_class(kind: str) -> None:
    error = made(kind, context={"path": "/v"}, is_retryable=True)
    assert type(error) is classes()[kind]
    assert (error.kind, str(error), error.operation, error.message) == (kind, "open: no", "open", "no")
    assert (error.context, error.is_retryable) == ({"path": "/v"}, True)


@pytest.mark.parametrize("kind", kinds_of_the_engine())
def test_an_error_reaches_another_process(kind: str) -> None:
    error = made(kind, context={"path": "/v"}, is_retryable=True)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.context, again.is_retryable) == (
        type(error),
        "open: no",
        {"path": "/v"},
        True,
    )


def test_a_kind_that_is_newer_is_an_error_all_the_same() -> None:
    assert type(made("Novel")) is crashvault.Error


def test_errors_are_what_python_calls_them() -> None:
    assert issubclass(crashvault.NotFoundError, LookupError)
    assert issubclass(crashvault.InvalidInputError, ValueError)
    assert issubclass(crashvault.CrashvaultIoError, OSError)


# Of each kind that can be had, one from the engine itself.


def check(kind: type[crashvault.Error], call: Callable[[], object], match: str) -> crashvault.Error:
    with pytest.raises(kind, match=match) as caught:
        call()
    error = caught.value
    assert type(error) is kind
    assert str(error).startswith(f"{error.operation}: {error.message}")
    return error


def test_what_is_not_there(vault: crashvault.Vault) -> None:
    assert not check(crashvault.NotFoundError, lambda: vault.issue(99), "no issue #99").is_retryable
    check(crashvault.NotFoundError, lambda: vault.event("0" * 31 + "1"), "no event")
    check(crashvault.NotFoundError, lambda: vault.import_export("/no/such/file"), "no such file")


def test_a_query_that_cannot_be_read_says_where(vault: crashvault.Vault) -> None:
    error = check(crashvault.InvalidInputError, lambda: vault.search("full level:x"), "write debug, info")
    assert error.context["position"] == "11"
    check(crashvault.InvalidInputError, lambda: vault.issues("level:x"), "write debug, info")


def test_what_contradicts(vault: crashvault.Vault, tmp_path: Path) -> None:
    (tmp_path / "there.json").touch()
    check(crashvault.ConflictError, lambda: vault.export(tmp_path / "there.json"), "there")


def test_who_works_on_the_vault_already(vault: crashvault.Vault) -> None:
    with open(vault.directory / "chore.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert check(crashvault.BusyError, vault.rebuild, "another process").is_retryable
    vault.rebuild()


def test_what_cannot_be_written(vault: crashvault.Vault) -> None:
    with crashvault.open(vault.directory, read_only=True) as reader:
        check(crashvault.ReadOnlyError, lambda: reader.comment(1, "no"), "not allowed to write")
        check(crashvault.ReadOnlyError, reader.rebuild, "reading only")


def test_what_is_no_vault(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_text("this is a letter, and no database of any kind")
    error = check(crashvault.CorruptError, lambda: crashvault.open(tmp_path), "vault.db")
    assert not error.is_retryable


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check(crashvault.InvalidInputError, lambda: crashvault.open(tmp_path / "file"), "a vault is a directory")


def test_a_place_that_cannot_be_written() -> None:
    with pytest.raises(crashvault.Error, match="/proc/vault"):
        crashvault.open("/proc/vault")


def test_what_this_version_does_not_know(vault: crashvault.Vault) -> None:
    check(crashvault.UnsupportedError, lambda: vault.decide(1, {"kind": "applaud"}), "applaud")


def test_a_limit_that_is_stated(vault: crashvault.Vault) -> None:
    event = vault.add({"message": "disk full"}).event_id
    for number in range(50):
        vault.attach(event, f"{number}.log", b"")
    check(crashvault.LimitReachedError, lambda: vault.attach(event, "one too many", b"!"), "50")


def test_what_the_system_refuses(vault: crashvault.Vault) -> None:
    error = check(crashvault.CrashvaultIoError, lambda: vault.export("/proc/nothing.json"), "nothing.json")
    assert isinstance(error, OSError) and error.errno is not None


# Arguments.

NAIVE = datetime(2026, 1, 5)
UTC = timezone.utc
LOOP: list[Any] = []
LOOP.append(LOOP)
# What no checker of types looks at.
ANYTHING: Any = crashvault


def extra(value: Any) -> Callable[[crashvault.Vault], object]:
    return lambda vault: vault.add({"extra": {"x": [0, value]}})


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda vault: vault.issue(1.5), "an issue is named by"),
        (lambda vault: vault.issue(True), "an issue is named by"),
        (lambda vault: vault.issue(None), "an issue is named by"),
        (lambda vault: vault.event(7), "an event is named by its id"),
        (lambda vault: vault.search(b"full"), "query"),
        (lambda vault: vault.search("full", 50), "positional"),
        (lambda vault: vault.search("full", order="title"), "order"),
        (lambda vault: vault.search(since=5), "a time is"),
        (lambda vault: vault.search(limit="5"), "limit"),
        (lambda vault: vault.ignore(1, until="tomorrow"), "datetime"),
        (lambda vault: vault.merge(1, "2"), "others"),
        (lambda vault: vault.decide(1, "resolve"), "deed"),
        (lambda vault: vault.add("disk full"), "an event is a dict"),
        (lambda vault: vault.add({"extra": {1: 2}}), re.escape("""event["extra"] has a key of type int""")),
        (lambda vault: vault.add_all({"message": "disk full"}), "an event is a dict"),
        (lambda vault: vault.attach(vault.issue(1).last_event, "a.log", "text"), "content"),
        (lambda vault: vault.export(5), "a path or to a file"),
        (extra(object()), re.escape("""event["extra"]["x"][1] is of type object""")),
        (extra({1}), "is of type set"),
        (extra(b"bytes"), "is of type bytes"),
        (lambda vault: ANYTHING.open(5), "path"),
        (lambda vault: ANYTHING.open(vault.directory, drain="all"), "drain"),
    ],
)
def test_wrong_types_are_type_errors(vault: crashvault.Vault, call: Callable[[Any], object], match: str) -> None:
    # Which argument it is, stands in a note, which Python has since 3.11.
    is_said = sys.version_info >= (3, 11) or not match.isidentifier()
    with pytest.raises(TypeError, match=match if is_said else None):
        call(vault)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda vault: vault.issue("seven"), "names no issue"),
        (lambda vault: vault.issue(-1), "not negative"),
        (lambda vault: vault.issue(2**64), "64 bits"),
        (lambda vault: vault.event("xyz"), "32 hex digits"),
        (lambda vault: vault.search(sort="age"), "'age' is no order of issues: use last_seen, .* or title"),
        (lambda vault: vault.search(limit=0), "limit is at least 1"),
        (lambda vault: vault.issues(limit=-3), "limit is at least 1"),
        (lambda vault: vault.search(after="page 2"), "this is no cursor"),
        (lambda vault: vault.search(since="a while"), "7d"),
        (lambda vault: vault.search(since=NAIVE), "needs a time zone"),
        (lambda vault: vault.search(since=timedelta(days=-1)), "not negative"),
        (lambda vault: vault.search(until=datetime(2500, 1, 1, tzinfo=UTC)), "1677 and 2262"),
        (lambda vault: vault.issue_count(status="closed"), "'closed' is no status: use open, resolved or ignored"),
        (lambda vault: vault.review(1, "done"), "'done' is no step of a review"),
        (lambda vault: vault.set_severity(1, "dire"), "no severity"),
        (lambda vault: vault.comment(1, ""), "the comment is empty"),
        (lambda vault: vault.resolve(1, release="2", next_release=True), "not both"),
        (lambda vault: vault.ignore(1, until=NAIVE), "needs a time zone"),
        (lambda vault: vault.ignore(1, seen_again=3, grown=True), "one of until, seen_again and grown"),
        (lambda vault: vault.ignore(1, seen_again=0), "at least 1"),
        (lambda vault: vault.merge(1, []), "name an issue"),
        (lambda vault: vault.merge(1, [1]), "part of itself"),
        (lambda vault: vault.unmerge(1, "zz"), "begins no variant"),
        (lambda vault: vault.prune(), "say which events"),
        (lambda vault: vault.drain(-1), "seconds are a number from 0"),
        (lambda vault: vault.drain(math.nan), "seconds are a number from 0"),
        (lambda vault: vault.export("/tmp/x", format="xml"), "'xml' is no format: use ndjson, json"),
        (lambda vault: vault.export("/tmp/x", query="full", issue=1), "not both"),
        (lambda vault: vault.save_search("a b", "full"), "no name for a search"),
        (lambda vault: vault.decide(1, {"kind": "comment"}), "text"),
        (extra(math.nan), re.escape("""event["extra"]["x"][1] is NaN, which JSON cannot hold""")),
        (extra(2**70), "64 bits"),
        (extra(LOOP), "holds itself"),
    ],
)
def test_wrong_values_say_what_is_right(vault: crashvault.Vault, call: Callable[[Any], object], match: str) -> None:
    with pytest.raises(crashvault.InvalidInputError, match=match):
        call(vault)


@pytest.mark.parametrize(
    "call",
    [
        lambda vault: vault.comment(1, "\ud800"),
        lambda vault: vault.search("\ud800"),
        lambda vault: vault.issue("\ud800"),
        extra("\ud800"),
    ],
)
def test_half_a_letter_is_refused(vault: crashvault.Vault, call: Callable[[Any], object]) -> None:
    with pytest.raises(UnicodeEncodeError):
        call(vault)


def test_what_was_refused_changed_nothing(vault: crashvault.Vault) -> None:
    with pytest.raises(TypeError):
        vault.add_all([{"message": "disk full"}, {"extra": object()}])
    assert vault.issue(1).seen_count == 1
