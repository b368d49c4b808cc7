"""Threads that work for an event loop.

`concurrent.futures` and `wrap_future` do the same with two locks, two futures and two wake-ups of the loop for a call
that waits for the disk. An event of PutEvents costs less than that to check, so here a call is one entry in a queue and
one wake-up (the figures: `benchmarks/LOG.md`).
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from openpersonalize.errors import ServiceUnavailable

STOPPING = "The server is stopping; the call was not completed."


@dataclass(slots=True)
class _Work:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    loop: asyncio.AbstractEventLoop
    waiter: "asyncio.Future[Any]"

    def post(self, outcome: Any, fault: BaseException | None) -> None:
        """Wake the loop with what the function came to."""
        try:
            self.loop.call_soon_threadsafe(_end, self.waiter, outcome, fault)
        except RuntimeError:
            if not self.loop.is_closed():  # a closed loop has nobody who waits
                raise

    def settle(self, future: "Future[Any]") -> None:
        """The same with what a future came to."""
        if future.cancelled():
            self.post(None, ServiceUnavailable(STOPPING))
        else:
            fault = future.exception()
            self.post(None if fault else future.result(), fault)


def _end(waiter: "asyncio.Future[Any]", outcome: Any, fault: BaseException | None) -> None:
    if waiter.done():
        return  # whoever waited was cancelled
    if fault is None:
        waiter.set_result(outcome)
    else:
        waiter.set_exception(fault)


class Threads:
    """A fixed number of threads; calls beyond it wait in order."""

    def __init__(self, count: int, name: str) -> None:
        self._works: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns or raises in a thread; a `concurrent.futures.Future` is waited for without one.

        Raises ServiceUnavailable after `close` and for a future that its owner gave up.
        """
        if self._closed:
            raise ServiceUnavailable(STOPPING)
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._works.put(_Work(function, arguments, loop, waiter))
        return await waiter

    def close(self) -> None:
        """Do what waits, then end."""
        self._closed = True
        for _ in self._threads:
            self._works.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (work := self._works.get()) is not None:
            try:
                outcome = work.function(*work.arguments)
            except StopIteration as leak:  # a future refuses to carry it, and the caller would wait for ever
                work.post(None, RuntimeError(f"{work.function} let a StopIteration through: {leak!r}"))
            except BaseException as fault:  # noqa: BLE001 - it belongs to whoever waits
                work.post(None, fault)
            else:
                if isinstance(outcome, Future):
                    outcome.add_done_callback(work.settle)
                else:
                    work.post(outcome, None)
                outcome = None  # nothing of a call is kept while waiting for the next
            del work
