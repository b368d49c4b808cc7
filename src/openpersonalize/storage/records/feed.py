"""Handing batches to a writer that runs in a thread of its own.

delta-rs pulls batches from inside its own runtime, where nothing else that brings a runtime (another table, an object
store) may be used, and an exception reaches the caller as text only. So the batches are made here, in the caller's
thread, and the writer gets them through a short queue.
"""

import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

_WAITING = 4
_PATIENCE_SECONDS = 0.1


class _Abandoned(Exception):  # noqa: N818 - the writer is told to let go; nobody else sees it
    """The batches will not come to an end."""


def feed(schema: pa.Schema, batches: Iterable[pa.RecordBatch], write: Callable[[pa.RecordBatchReader], None]) -> None:
    """Give `batches` to `write`, which sees their end only when the last was made without an exception.

    Raises what making a batch raises, after the writer let go, or what the writer raises.
    """
    waiting: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(_WAITING)
    with ThreadPoolExecutor(1, thread_name_prefix="delta-writer") as pool:
        written = pool.submit(write, pa.RecordBatchReader.from_batches(schema, _taken(waiting)))
        try:
            for batch in batches:
                _hand(waiting, batch, written)
        except BaseException:
            _hand(waiting, _Abandoned(), written)
            written.exception()
            raise
        _hand(waiting, None, written)
        written.result()


def _taken(waiting: "queue.Queue[pa.RecordBatch | BaseException | None]") -> Iterator[pa.RecordBatch]:
    while (batch := waiting.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def _hand(
    waiting: "queue.Queue[pa.RecordBatch | BaseException | None]",
    batch: pa.RecordBatch | BaseException | None,
    written: "Future[None]",
) -> None:
    """Put, unless the writer has ended early: then its result tells why."""
    while not written.done():
        try:
            waiting.put(batch, timeout=_PATIENCE_SECONDS)
        except queue.Full:
            continue
        return
    if not isinstance(batch, BaseException):
        written.result()
