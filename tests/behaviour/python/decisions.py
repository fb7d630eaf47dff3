"""A decision step → the vault's own verb for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import crashvault

Argument = dict[str, Any]


def resolve(vault: crashvault.Vault, issue: int, argument: Argument) -> object:
    covers = argument.get("in")
    if covers == "next_release":
        return vault.resolve(issue, next_release=True)
    return vault.resolve(issue, release=covers["release"] if covers else None)


def ignore(vault: crashvault.Vault, issue: int, argument: Argument) -> object:
    until = argument.get("until", {})
    if until == "grown":
        return vault.ignore(issue, grown=True)
    time = until.get("time")
    return vault.ignore(issue, until=time and moment(time), seen_again=until.get("seen_again"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# Steps that are done on the vault, not on the scope or the journal.
VERBS: dict[str, Callable[[crashvault.Vault, int, Argument], object]] = {
    "assign": lambda vault, issue, argument: vault.assign(issue, argument["to"]),
    "bookmark": lambda vault, issue, argument: vault.bookmark(issue, argument["on"]),
    "comment": lambda vault, issue, argument: vault.comment(issue, argument["text"]),
    "ignore": ignore,
    "move_event": lambda vault, issue, argument: vault.move_event(argument["event"], issue),
    "reopen_issue": lambda vault, issue, argument: vault.reopen(issue),
    "resolve": resolve,
    "review": lambda vault, issue, argument: vault.review(issue, argument["step"]),
    "set_severity": lambda vault, issue, argument: vault.set_severity(issue, argument["severity"]),
    "set_title": lambda vault, issue, argument: vault.set_title(issue, argument["title"]),
    "tag": lambda vault, issue, argument: vault.tag(issue, argument["key"], argument["value"]),
    "tombstone": lambda vault, issue, argument: vault.delete(issue),
    "undo": lambda vault, issue, argument: vault.undo(issue),
}


def decide(vault: crashvault.Vault, verb: str, argument: Argument, ids: dict[str, str]) -> None:
    """Does it, and holds it to how the step says that it ends. An event is named as a step called it."""
    if "event" in argument:
        argument = {**argument, "event": ids[argument["event"]]}
    kind = None
    try:
        VERBS[verb](vault, argument["issue"], argument)
    except crashvault.Error as error:
        kind = error.kind
    assert kind == argument.get("fails"), f"{verb} {argument} ended with {kind}"
