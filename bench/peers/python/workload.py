"""The one situation in which everybody is timed: an exception with a cause, deep in a program, with a scope."""

from __future__ import annotations

from typing import Any, NoReturn

DEPTH = 30
TAGS = {"region": "eu-west", "plan": "team"}
USER = {"id": "user-4711"}
BREADCRUMBS = 20
CATEGORY = "bench"
RELEASE = "bench@1.0.0"


def breadcrumbs() -> list[str]:
    return [f"GET /api/items/{number} answered 200 in 12 ms" for number in range(BREADCRUMBS)]


class LoadError(Exception):
    """What the program fails with; the number makes the messages of a run different, as in a real one."""


class Profile:
    """An object of the program's own, which a local variable holds."""

    def __init__(self, number: int) -> None:
        self.number = number


def at_depth(depth: int, number: int, frames: int) -> NoReturn:
    """Raises below `depth` frames, each with some local variables, one of them long."""
    name = f"profile {number}"
    attempts = [position * number for position in range(200)]
    settings = {"retries": 3, "region": "eu-west", "limits": {"rows": 500, "seconds": 2.5}}
    profile = Profile(number)
    if depth > 1:
        at_depth(depth - 1, number, frames)
    cause = TimeoutError(f"{name}: {len(attempts)} {len(settings)} {profile.number}")
    # The first word tells whoever reads it back how many frames it must have.
    raise LoadError(f"{frames} frames below: cannot load profile {number}") from cause


def failed(depth: int, number: int) -> LoadError:
    """The exception as a handler at the top of the program catches it: `depth` frames below it."""
    try:
        at_depth(depth, number, depth)
    except LoadError as error:
        return error


def lacks(event: dict[str, Any]) -> list[str]:
    """What an event lacks of what the workload promises; nothing where it is whole."""
    exceptions = listed(event.get("exception"))
    checks = {
        # What has no exception is a message, which has no stack.
        "frames": not exceptions or has_its_frames(exceptions[-1]),
        "breadcrumbs": len(listed(event.get("breadcrumbs"))) == BREADCRUMBS,
        "tags": TAGS.items() <= (event.get("tags") or {}).items(),
        "user": (event.get("user") or {}).get("id") == USER["id"],
    }
    return [name for name, well in checks.items() if not well]


def has_its_frames(exception: dict[str, Any]) -> bool:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    return len(frames) >= int((exception.get("value") or "0").split()[0])


def listed(values: Any) -> list[Any]:
    """The items of an interface that may stand with or without `values`."""
    if isinstance(values, dict):
        values = values.get("values")
    return values or []
