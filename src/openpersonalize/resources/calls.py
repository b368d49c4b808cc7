"""Calls of this process since the last look, by what they were about; `service_metrics` makes points of them.

A call adds to a handful of numbers under a lock, a microsecond or two; whose campaign it is, and whether there is one
at all, is found out once a minute.
"""

import math
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from openpersonalize.wire.identity import Caller

MOST_KEYS = 10_000
"""So many subjects are counted in a minute; a caller who makes names up fills no memory."""

_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "get_recommendations": ("campaign_arn", "recommender_arn"),
    "get_personalized_ranking": ("campaign_arn",),
    "put_events": ("tracking_id",),
    "put_items": ("dataset_arn",),
    "put_users": ("dataset_arn",),
}
_CALLERS_FAULT, _OUR_FAULT = 400, 500


class Key(NamedTuple):
    """Calls of one operation about one campaign, recommender, tracking ID or dataset."""

    account: str
    region: str
    operation: str
    subject: str


class Tally:
    """What became of calls: how many, how many failed by whose fault, and the seconds that the others took."""

    __slots__ = ("answered", "callers_fault", "count", "least", "most", "our_fault", "seconds")

    def __init__(self) -> None:
        self.count = self.callers_fault = self.our_fault = self.answered = 0
        self.seconds, self.least, self.most = 0.0, math.inf, 0.0

    def add(self, status: int, seconds: float) -> None:
        """Count one call."""
        self.count += 1
        if status >= _OUR_FAULT:
            self.our_fault += 1
        elif status >= _CALLERS_FAULT:
            self.callers_fault += 1
        else:
            self.answered += 1
            self.seconds += seconds
            self.least = min(self.least, seconds)
            self.most = max(self.most, seconds)


class Calls:
    """The calls of one process, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[Key, Tally] = {}

    def observe(
        self, operation: str, caller: Caller, arguments: Mapping[str, Any], status: int, seconds: float
    ) -> None:
        """Count a call, if it is one of those that have metrics; `operation` is its key."""
        subject = _subject(operation, arguments)
        if subject is None:
            return
        key = Key(caller.account, caller.region, operation, subject)
        with self._lock:
            tally = self._tallies.get(key)
            if tally is None:
                if len(self._tallies) >= MOST_KEYS:
                    return
                tally = self._tallies[key] = Tally()
            tally.add(status, seconds)

    def take(self) -> Mapping[Key, Tally]:
        """What was counted since the last take."""
        with self._lock:
            taken, self._tallies = self._tallies, {}
        return taken


def _subject(operation: str, arguments: Mapping[str, Any]) -> str | None:
    for member in _SUBJECTS.get(operation, ()):
        subject: str | None = arguments.get(member)
        if subject is not None:
            return subject
    return None
