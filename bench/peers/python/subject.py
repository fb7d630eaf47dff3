"""One subject in a process of its own: does the blocks of calls that it is told on its input, and times each call.

    python subject.py NAME HOME [starts]

A line of the input is `VERB DEPTH CALLS SETTLE`; the answer is one line of JSON. With `starts` it tells what import,
install and the first capture cost, and ends.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import workload

NAMES = ("crashvault", "crashvault_locals", "sentry", "sentry_locals")


class Crashvault:
    """With its default options, except that floods are not thinned (each timed call must be kept) and that nothing
    drains in the background (both would blur what one capture costs)."""

    def __init__(self, home: str, has_locals: bool) -> None:
        import crashvault

        self.api = crashvault
        installed = crashvault.install(
            vault=home, release=workload.RELEASE, throttle=False, drain=False, locals=has_locals
        )
        assert installed.vault is not None, installed.note

    def set_scope(self) -> None:
        for message in workload.breadcrumbs():
            self.api.add_breadcrumb(message, category=workload.CATEGORY)

    def capture_exception(self, error: BaseException) -> str | None:
        return self.api.capture_exception(error)

    def capture_message(self, text: str) -> str | None:
        return self.api.capture_message(text)

    def scope(self) -> Any:
        return self.api.new_scope()

    def end(self) -> dict[str, Any]:
        self.api.close()
        return {}


class Sentry:
    """Its transport serializes the envelope and drops it, in the thread that captures. That is kind to it: the real one
    hands it to a thread that serializes, compresses and sends. It is also what a durable library must be compared
    with, because that has serialized when it returns."""

    def __init__(self, _home: str, has_locals: bool) -> None:
        import sentry_sdk
        from sentry_sdk.envelope import Envelope
        from sentry_sdk.transport import Transport

        class Dropping(Transport):
            events = 0
            last: dict[str, Any] | None = None

            def capture_envelope(self, envelope: Envelope) -> None:
                envelope.serialize()
                event = envelope.get_event()
                if event is not None:
                    type(self).events += 1
                    type(self).last = event

        self.api = sentry_sdk
        self.transport = Dropping
        sentry_sdk.init(
            dsn="https://key@localhost/1",
            release=workload.RELEASE,
            include_local_variables=has_locals,
            transport=Dropping,
        )

    def set_scope(self) -> None:
        for message in workload.breadcrumbs():
            self.api.add_breadcrumb(message=message, category=workload.CATEGORY)

    def capture_exception(self, error: BaseException) -> str | None:
        return self.api.capture_exception(error)

    def capture_message(self, text: str) -> str | None:
        return self.api.capture_message(text)

    def scope(self) -> Any:
        return self.api.isolation_scope()

    def end(self) -> dict[str, Any]:
        last = self.transport.last
        return {"kept": self.transport.events, "lacks": workload.lacks(last) if last else ["event"]}


def subject(name: str, home: str) -> Any:
    kind = Crashvault if name.startswith("crashvault") else Sentry
    return kind(home, name.endswith("_locals"))


def timed(call: Callable[[], Any]) -> tuple[int, Any]:
    before = time.perf_counter_ns()
    answer = call()
    return time.perf_counter_ns() - before, answer


class Bench:
    def __init__(self, subject: Any) -> None:
        self.subject = subject
        self.number = 0
        # Only now: what an import costs is part of the start.
        import logging

        # As programs do that have set up logging: what is logged goes somewhere else, too.
        self.logger = logging.getLogger("bench")
        self.logger.addHandler(logging.NullHandler())
        subject.api.set_user(workload.USER)
        for key, value in workload.TAGS.items():
            subject.api.set_tag(key, value)
        subject.set_scope()

    def block(self, verb: str, depth: int, calls: int, settle: int) -> dict[str, Any]:
        """The first calls of a block only bring the subject's code and data back into the caches."""
        samples: list[int] = []
        accepted = 0
        for _ in range(calls + settle):
            self.number += 1
            spent, id = self.call(verb, depth)
            accepted += bool(id)
            samples.append(spent)
        return {"ns": samples[settle:], "captured": calls + settle, "accepted": accepted}

    def call(self, verb: str, depth: int) -> tuple[int, Any]:
        if verb == "exception":
            error = workload.failed(depth, self.number)
            return timed(lambda: self.subject.capture_exception(error))
        if verb == "message":
            text = f"profile {self.number} is stale"
            return timed(lambda: self.subject.capture_message(text))
        # What is logged is a breadcrumb, too, of which there must not be more and more.
        with self.subject.scope():
            spent, _ = timed(lambda: self.logger.error("profile %d is lost", self.number))
        # A logger returns nothing; what is kept is counted in the end.
        return spent, True


def resident_kb() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4


def starts(name: str, home: str) -> dict[str, Any]:
    memory = resident_kb()
    before = time.perf_counter_ns()
    one = subject(name, home)
    started = time.perf_counter_ns() - before
    first, _ = timed(lambda: one.capture_exception(workload.failed(workload.DEPTH, 0)))
    return {"start_ns": started, "first_ns": first, "memory_kb": resident_kb() - memory}


if __name__ == "__main__":
    if sys.argv[3:] == ["starts"]:
        print(json.dumps(starts(*sys.argv[1:3])))
        sys.exit()
    bench = Bench(subject(*sys.argv[1:]))
    for line in sys.stdin:
        verb, *numbers = line.split()
        answer = bench.subject.end() if verb == "end" else bench.block(verb, *map(int, numbers))
        print(json.dumps(answer), flush=True)
        if verb == "end":
            break
