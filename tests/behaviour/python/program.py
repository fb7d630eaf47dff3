"""The steps of one run → calls of the public verbs. This is the program that the case is about."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crashvault
import decisions
from case import Case, Run, Step, numbered
from clock import Clock
from places import declared, fail

RETURNED = "returned"
NIL = "0" * 32


def run(case: Case, number: int, work: Path) -> None:
    """Does what the numbered run of the case says; the vault lies in `work`."""
    the_run = case.runs[number]
    program = Program(case.errors, Clock.at(the_run.clock, work), work)
    if case.installs:
        crashvault.install(**program.options(the_run), **program.hooks(case.hooks))
    program.steps(the_run.steps)
    crashvault.close()


def returned(work: Path) -> dict[str, str]:
    """The ids that labelled steps returned, in all runs."""
    noted = work / RETURNED
    lines = noted.read_text().splitlines() if noted.exists() else []
    pairs = (line.split(" ", 1) for line in lines)
    return {label: id for id, label in pairs}


class Program:
    def __init__(self, errors: dict[str, Any], clock: Clock, work: Path) -> None:
        self.errors = errors
        self.clock = clock
        self.work = work
        self.home = work / "vault"

    def options(self, run: Run) -> dict[str, Any]:
        # Local variables are read for a millisecond at most: what a case says must not depend on how busy the machine is.
        fixed = {"vault": self.home, "clock": self.clock.nanos, "drain": False, "locals": False}
        return {**fixed, "project": "behaviour", "environment": "test", **run.options}

    def hooks(self, wanted: dict[str, Any]) -> dict[str, Any]:
        hooks: dict[str, Any] = {}
        if "before_send" in wanted:
            hooks["before_send"] = before_send(wanted["before_send"])
        if "before_breadcrumb" in wanted:
            category = wanted["before_breadcrumb"]["drop_category"]
            hooks["before_breadcrumb"] = lambda crumb: None if crumb.get("category") == category else crumb
        return hooks

    def steps(self, steps: list[Step]) -> None:
        for step in steps:
            ((verb, argument),) = step.items()
            self.step(verb, argument)

    def step(self, verb: str, argument: Any) -> None:
        if verb == "capture_error":
            self.note(argument, self.capture_error(argument))
        elif verb == "capture_message":
            level = argument.get("level", "info")
            self.note(argument, crashvault.capture_message(argument["message"], level))
        elif verb == "capture_event":
            self.note(argument, crashvault.capture_event(argument["event"]))
        elif verb == "panic":
            fail(argument, RuntimeError(argument["message"]))
        elif verb == "with_scope":
            with crashvault.new_scope() as scope:
                set_all(scope, argument["set"])
                self.steps(argument["steps"])
        elif verb == "global_scope":
            set_all(crashvault.global_scope(), argument["set"])
        elif verb == "thread":
            self.thread(argument)
        elif verb == "repeat":
            for number in range(argument["times"]):
                self.steps(numbered(argument["steps"], number))
        elif verb == "advance_clock":
            self.clock.advance(argument)
        elif verb == "drain":
            self.vault().close()
        elif verb in decisions.VERBS:
            with self.vault() as vault:
                decisions.decide(vault, verb, argument, returned(self.work))
        elif verb == "close":
            crashvault.close()
        else:
            set_on(crashvault, verb, argument)

    def capture_error(self, argument: dict[str, Any]) -> str | None:
        try:
            fail(argument, declared(self.errors[argument["error"]]))
        except Exception:
            return crashvault.capture_exception()

    def vault(self) -> crashvault.Vault:
        """With all that was captured so far: it is drained as it is opened."""
        return crashvault.open(self.home, clock=self.clock, author="behaviour")

    def thread(self, argument: dict[str, Any]) -> None:
        def work() -> None:
            self.steps(argument["steps"])

        if argument.get("inherit"):
            thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
        else:
            thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    def note(self, argument: dict[str, Any], id: str | None) -> None:
        """Written at once: the next step may end the program."""
        if "as" in argument:
            with (self.work / RETURNED).open("a") as noted:
                noted.write(f"{id or NIL} {argument['as']}\n")


def set_all(scope: Any, steps: list[Step]) -> None:
    for step in steps:
        for verb, argument in step.items():
            set_on(scope, verb, argument)


def set_on(scope: Any, verb: str, argument: Any) -> None:
    """A verb of a scope: of one that is named, or of the module, which means the current one."""
    if verb in ("set_tag", "set_extra", "set_context"):
        getattr(scope, verb)(*argument)
    elif verb in ("set_user", "set_level", "set_fingerprint", "set_transaction"):
        getattr(scope, verb)(argument)
    elif verb == "remove_tag":
        scope.set_tag(argument, None)
    elif verb == "add_breadcrumb":
        scope.add_breadcrumb(**argument)
    elif verb == "clear_scope":
        scope.clear_scope() if scope is crashvault else scope.clear()
    else:
        raise AssertionError(f"the schema knows no verb {verb}")


def before_send(wanted: Any) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    def hook(event: dict[str, Any]) -> dict[str, Any] | None:
        if wanted == "drop":
            return None
        if wanted == "panic":
            raise RuntimeError("the hook failed")
        key, value = wanted["set_tag"]
        event.setdefault("tags", {})[key] = value
        return event

    return hook
