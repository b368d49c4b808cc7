"""What threads come to reaches the event loop, whatever it is."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from openpersonalize.errors import ServiceUnavailable
from openpersonalize.wire.threads import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(2, "test")
    yield made
    made.close()


def test_a_call_runs_in_a_thread_of_that_name_and_its_value_comes_back(threads: Threads) -> None:
    name = asyncio.run(threads.run(lambda text: text + threading.current_thread().name, "in "))
    assert name in ("in test-0", "in test-1")


@pytest.mark.parametrize("fault", [ValueError("no"), KeyboardInterrupt()])
def test_a_fault_is_raised_where_the_call_is_waited_for(threads: Threads, fault: BaseException) -> None:
    def fail() -> None:
        raise fault

    async def wait() -> None:
        with pytest.raises(type(fault)):
            await threads.run(fail)

    asyncio.run(wait())
    assert asyncio.run(threads.run(lambda: 1)) == 1


def test_a_leaked_stop_iteration_is_a_fault_and_no_silence(threads: Threads) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(threads.run(lambda: next(iter(()))))


def test_a_future_is_waited_for_without_a_thread(threads: Threads) -> None:
    futures: list[Future[int]] = [Future() for _ in range(10)]

    async def wait() -> list[int]:
        calls = [asyncio.ensure_future(threads.run(lambda future=future: future)) for future in futures]
        assert await threads.run(lambda: "free") == "free"
        for number, future in enumerate(futures):
            future.set_result(number)
        return list(await asyncio.gather(*calls))

    assert asyncio.run(wait()) == list(range(10))


def test_a_future_that_fails_or_is_given_up_by_its_owner_is_told(threads: Threads) -> None:
    failed: Future[Any] = Future()
    failed.set_exception(ValueError("disk full"))
    with pytest.raises(ValueError, match="disk full"):
        asyncio.run(threads.run(lambda: failed))
    left: Future[Any] = Future()
    left.cancel()
    left.set_running_or_notify_cancel()
    with pytest.raises(ServiceUnavailable):
        asyncio.run(threads.run(lambda: left))


def test_our_own_cancellation_leaves_the_future_to_its_owner(threads: Threads) -> None:
    future: Future[int] = Future()

    async def wait_and_leave() -> None:
        task = asyncio.ensure_future(threads.run(lambda: future))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        future.set_result(1)
        await asyncio.sleep(0.01)

    asyncio.run(wait_and_leave())
    assert future.result() == 1


def test_a_loop_that_is_gone_hurts_nobody(threads: Threads) -> None:
    future: Future[int] = Future()

    async def ask() -> None:
        asyncio.ensure_future(threads.run(lambda: future))  # noqa: RUF006 - to be left behind
        await asyncio.sleep(0.01)

    asyncio.run(ask())
    future.set_result(1)
    assert asyncio.run(threads.run(lambda: 2)) == 2


def test_closing_ends_the_threads_after_what_waits_and_takes_nothing_more() -> None:
    threads = Threads(1, "test")
    done: list[int] = []

    async def ask_and_close() -> None:
        calls = [asyncio.ensure_future(threads.run(done.append, number)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(threads.close)
        await asyncio.gather(*calls)
        with pytest.raises(ServiceUnavailable):
            await threads.run(done.append, 9)

    asyncio.run(ask_and_close())
    assert done == [0, 1, 2, 3, 4]
