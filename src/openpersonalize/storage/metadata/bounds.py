"""How many records there can be at most, known without counting them all each time.

Records get growing numbers, in the order of commits. So what was counted once, plus those with a higher number, is
never too few: it only misses that some have gone since. Whoever asks whether a quota leaves room is mostly answered
by that, and at the same cost among ten records and among ten thousand.
"""

import threading
from collections.abc import Hashable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from openpersonalize.storage.metadata.tables import resources

CAPACITY = 10_000


class Bounds:
    """Counts by what they are of, for any number of threads; what other processes add is seen too."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def at_most(self, connection: Connection, key: Hashable, chosen: Sequence[sa.ColumnElement[bool]]) -> int:
        """No fewer than the records that fulfil `chosen`, which `key` stands for."""
        seen, count = self._known.get(key, (0, 0))
        order = resources.c.sequence
        query = sa.select(sa.func.count(), sa.func.max(order)).where(*chosen, order > seen)
        more, last = connection.execute(query).one()
        with self._lock:
            if len(self._known) >= CAPACITY:
                self._known.clear()
            self._known[key] = (last or seen, count + more)
        return int(count + more)

    def forget(self, key: Hashable) -> None:
        """Count from the beginning next time."""
        with self._lock:
            self._known.pop(key, None)
