"""The injected clock: it moves only when a case says so, and is kept in a file for the runs to come."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

FILE = "clock"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Clock:
    def __init__(self, time: datetime, file: Path) -> None:
        self.time = time
        self.file = file

    @classmethod
    def at(cls, text: str, work: Path) -> Clock:
        clock = cls(datetime.fromisoformat(text.replace("Z", "+00:00")), work / FILE)
        clock.advance(0)
        return clock

    @classmethod
    def as_left(cls, work: Path) -> Clock:
        """As the last run left it."""
        return cls.at((work / FILE).read_text(), work)

    def __call__(self) -> datetime:
        return self.time

    def nanos(self) -> int:
        """Since 1970."""
        return (self.time - EPOCH) // timedelta(microseconds=1) * 1000

    def advance(self, seconds: int) -> None:
        """Written at once: the next step may end the program."""
        self.time += timedelta(seconds=seconds)
        self.file.write_text(self.time.isoformat())
