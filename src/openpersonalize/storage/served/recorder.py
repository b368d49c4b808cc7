"""What a serving process remembers of its answers: a request appends to a queue, a thread writes it once a second.

The thread makes the JSON, too: in the request, where all code is cold, that took more time than all else here. It
sleeps while nothing is served. When the database takes nothing, packed lists pile up to a bound; beyond it the oldest
are dropped, counted and told in the log. A request never waits for any of this.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from openpersonalize import logs, telemetry
from openpersonalize.storage.served.blobs import Blob, pack
from openpersonalize.storage.served.lists import ServedList

_log = logs.get("served")

SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
MOST_LISTS = 20_000
"""Lists not packed yet: 40 seconds of 500 answers each, as long as a database may keep the thread waiting."""
MOST_BYTES = 32 * 2**20
"""Packed lists; of 25 items each, some 200,000."""


class Recorder:
    """`write` puts blobs on disk, all or none; it may raise, and gets them again later."""

    def __init__(
        self,
        write: Callable[[Sequence[Blob]], None],
        *,
        seconds: float = SECONDS,
        most_lists: int = MOST_LISTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._write = write
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._rows: deque[ServedList] = deque(maxlen=most_lists)
        self._packed: deque[Blob] = deque()
        self._dropped = 0
        self._flushing = threading.Lock()
        self._starting = threading.Lock()
        self._filled = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, row: ServedList) -> None:
        """Remember a list; takes a few microseconds."""
        rows = self._rows
        if len(rows) == rows.maxlen:
            self._dropped += 1  # the queue lets its oldest go; two threads at once may count it as one
        rows.append(row)
        if not self._filled.is_set():
            self._wake()

    def flush(self) -> bool:
        """Write everything that was added until now; False when the database did not take it."""
        with self._flushing:
            self._packed.extend(pack(self._taken()))
            self._trim()
            try:
                if self._packed:
                    self._write(list(self._packed))
            except Exception as fault:  # noqa: BLE001 - whatever a driver raises, the lists are kept and tried again
                waiting = sum(blob.lists for blob in self._packed)
                _log.warning("served lists wait, the database did not take them", lists=waiting, fault=repr(fault))
                return False
            self._packed.clear()
            return True

    def close(self) -> None:
        """Write what waits, then end; what the database does not take now is lost and told in the log."""
        self._closing.set()
        self._filled.set()
        if self._thread is not None:
            self._thread.join()
        if not self.flush():
            _log.error("served lists lost at the end", lists=sum(blob.lists for blob in self._packed))

    def _taken(self) -> list[ServedList]:
        rows = self._rows
        return [rows.popleft() for _ in range(len(rows))]

    def _trim(self) -> None:
        size = sum(len(blob.data) for blob in self._packed)
        while size > self._most_bytes:
            oldest = self._packed.popleft()
            size -= len(oldest.data)
            self._dropped += oldest.lists
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            telemetry.count_dropped_lists(dropped)
            _log.error("served lists dropped, too many wait for the database", lists=dropped)

    def _wake(self) -> None:
        self._filled.set()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="served-lists", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = self._seconds
        while not self._closing.is_set():
            self._filled.wait()
            self._closing.wait(pause)
            self._filled.clear()
            if self.flush():
                pause = self._seconds
            else:
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                self._filled.set()
