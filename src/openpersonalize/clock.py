"""Time, passed in: nobody else asks the operating system what time it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Gives the time as an aware UTC `datetime`."""

    def now(self) -> datetime:
        """The current time, in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The current time, in UTC."""
        return datetime.now(UTC)


@dataclass
class StillClock:
    """A clock that stands still until it is moved: for tests.

    >>> clock = StillClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> clock.move(timedelta(hours=1)); clock.now().hour
    1
    """

    time: datetime

    def now(self) -> datetime:
        """The time it was set to."""
        return self.time

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.time += by
