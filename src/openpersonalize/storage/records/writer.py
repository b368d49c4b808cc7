"""One thread per process that writes what many callers put: whoever waits goes into the next transaction together.

A transaction costs a flush of the disk, so a thousand callers a second must share them. Callers hold a future, which
ends after the commit.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from openpersonalize.errors import ServiceUnavailable

T = TypeVar("T")

MOST_ROWS = 500


@dataclass(frozen=True)
class _Put(Generic[T]):
    rows: Sequence[T]
    done: "Future[None]" = field(default_factory=Future)


class Writer(Generic[T]):
    """`write` gets the rows of one transaction; when it raises, every caller in it hears so.

    `alone` are exceptions that one caller's row may have caused: then each caller's rows are tried by themselves.
    """

    def __init__(self, write: Callable[[Sequence[T]], None], alone: tuple[type[Exception], ...] = ()) -> None:
        self._write = write
        self._alone = alone
        self._waiting: queue.SimpleQueue[_Put[T] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, rows: Sequence[T]) -> "Future[None]":
        """Hand in rows that belong together; the future ends when they are on disk. Raises after `close`."""
        put = _Put(rows)
        with self._lock:
            if self._closed:
                raise ServiceUnavailable("The server is stopping.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stream-writer", daemon=True)
                self._thread.start()
            self._waiting.put(put)
        return put.done

    def close(self) -> None:
        """Write what waits, then end; every future given out ends."""
        with self._lock:
            self._closed = True
            self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, more = self._group(first)
            self._commit(group)
            if not more:
                return

    def _group(self, first: _Put[T]) -> tuple[list[_Put[T]], bool]:
        """Whatever waits now, within reason; and whether more may come."""
        group, size = [first], len(first.rows)
        while size < MOST_ROWS:
            try:
                put = self._waiting.get_nowait()
            except queue.Empty:
                break
            if put is None:
                return group, False
            group.append(put)
            size += len(put.rows)
        return group, True

    def _commit(self, group: list[_Put[T]]) -> None:
        try:
            self._write([row for put in group for row in put.rows])
        except self._alone as fault:
            if len(group) == 1:
                group[0].done.set_exception(fault)
            for put in group if len(group) > 1 else ():
                self._commit([put])
        except BaseException as fault:  # noqa: BLE001 - it belongs to the callers, who wait for it
            for put in group:
                put.done.set_exception(fault)
        else:
            for put in group:
                put.done.set_result(None)
