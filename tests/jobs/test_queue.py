"""The rows of the queue, on SQLite and on PostgreSQL."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openpersonalize.clock import StillClock
from openpersonalize.jobs import Job, LeaseLost, Queue
from openpersonalize.jobs.queue import DONE, STOPPED
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata

ARN = "arn:aws:personalize:us-east-1:000000000000:solution/films/3f9c01ab"
KINDS = ["train", "import"]


@pytest.fixture
def clock() -> StillClock:
    return StillClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def queue(clock: StillClock) -> Queue:
    return Queue(clock=clock)


def enqueue(metadata: Metadata, queue: Queue, kind: str = "train", **options: Any) -> int:
    with sql.writing(metadata.engine) as connection:
        return queue.enqueue(connection, kind, ARN, **options)


def claim(metadata: Metadata, queue: Queue, owner: str = "me") -> Job | None:
    with sql.writing(metadata.engine) as connection:
        return queue.claim(connection, owner, KINDS)


def claimed(metadata: Metadata, queue: Queue, owner: str = "me") -> Job:
    job = claim(metadata, queue, owner)
    assert job is not None
    return job


def latest(metadata: Metadata, queue: Queue) -> Job:
    with sql.reading(metadata.engine) as connection:
        job = queue.latest(connection, ARN)
    assert job is not None
    return job


def test_a_claimed_job_tells_what_was_enqueued(metadata: Metadata, queue: Queue) -> None:
    number = enqueue(metadata, queue, payload={"mode": "FULL", "days": [1, 2]})
    job = claimed(metadata, queue)
    assert (job.id, job.kind, job.subject) == (number, "train", ARN)
    assert (job.account, job.region) == ("000000000000", "us-east-1")
    assert job.payload == {"mode": "FULL", "days": [1, 2]}
    assert (job.attempts, job.owner) == (1, "me")
    assert claim(metadata, queue) is None


def test_a_job_of_a_rolled_back_transaction_never_was(metadata: Metadata, queue: Queue) -> None:
    def fail() -> None:
        with metadata.transaction() as tx:
            queue.enqueue(tx.connection, "train", ARN)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert claim(metadata, queue) is None


def test_jobs_come_when_they_are_due_and_oldest_first(metadata: Metadata, queue: Queue, clock: StillClock) -> None:
    late = enqueue(metadata, queue, due=clock.now() + timedelta(hours=2))
    soon = enqueue(metadata, queue, due=clock.now() + timedelta(hours=1))
    assert claim(metadata, queue) is None
    clock.move(timedelta(hours=3))
    assert [claimed(metadata, queue).id, claimed(metadata, queue).id] == [soon, late]


def test_jobs_of_unknown_kinds_are_left_to_others(metadata: Metadata, queue: Queue) -> None:
    enqueue(metadata, queue, kind="something of a newer version")
    assert claim(metadata, queue) is None


def test_a_unique_job_exists_once_while_it_is_open(metadata: Metadata, queue: Queue) -> None:
    first = enqueue(metadata, queue, unique="settle")
    assert enqueue(metadata, queue, unique="settle") == first
    job = claimed(metadata, queue)
    assert enqueue(metadata, queue, unique="settle") == first
    with sql.writing(metadata.engine) as connection:
        queue.end(connection, job.lease, DONE)
        second = queue.enqueue(connection, "train", ARN, unique="settle")
    assert second > first


def test_a_lease_that_has_ended_goes_to_another(metadata: Metadata, queue: Queue, clock: StillClock) -> None:
    enqueue(metadata, queue)
    first = claimed(metadata, queue, "a")
    clock.move(timedelta(seconds=9))
    with sql.writing(metadata.engine) as connection:
        assert queue.beat(connection, first.lease) is False
    clock.move(timedelta(seconds=9))
    assert claim(metadata, queue, "b") is None
    clock.move(timedelta(seconds=2))
    second = claimed(metadata, queue, "b")
    assert (second.id, second.attempts, second.error) == (first.id, 2, "its worker a fell silent")


@pytest.mark.parametrize("owner", ["a", "b"])
def test_who_was_overtaken_cannot_write_any_more(
    metadata: Metadata, queue: Queue, clock: StillClock, owner: str
) -> None:
    enqueue(metadata, queue)
    zombie = claimed(metadata, queue, "a").lease
    clock.move(timedelta(seconds=11))
    heir = claimed(metadata, queue, owner).lease
    with sql.writing(metadata.engine) as connection:
        for write in (
            lambda: queue.beat(connection, zombie),
            lambda: queue.end(connection, zombie, DONE),
            lambda: queue.put_back(connection, zombie, 0, counted=True),
            lambda: queue.read(connection, zombie),
        ):
            with pytest.raises(LeaseLost):
                write()
        queue.end(connection, heir, DONE)


def test_a_job_given_back_keeps_its_attempts_but_not_its_fence(metadata: Metadata, queue: Queue) -> None:
    enqueue(metadata, queue)
    first = claimed(metadata, queue)
    with sql.writing(metadata.engine) as connection:
        queue.put_back(connection, first.lease, 0, counted=False)
    second = claimed(metadata, queue)
    assert second.attempts == 1
    assert second.lease != first.lease


def test_a_queued_job_stops_at_once_and_a_running_one_is_asked(metadata: Metadata, queue: Queue) -> None:
    enqueue(metadata, queue)
    with metadata.transaction() as tx:
        assert queue.request_stop(tx.connection, ARN) == 0
    assert latest(metadata, queue).state == STOPPED
    enqueue(metadata, queue)
    job = claimed(metadata, queue)
    with metadata.transaction() as tx:
        assert queue.request_stop(tx.connection, ARN, kind="import") == 0
        assert queue.request_stop(tx.connection, ARN, kind="train") == 1
    with sql.writing(metadata.engine) as connection:
        assert queue.beat(connection, job.lease) is True


def test_progress_is_seen_by_others(metadata: Metadata, queue: Queue) -> None:
    enqueue(metadata, queue)
    job = claimed(metadata, queue)
    with sql.writing(metadata.engine) as connection:
        queue.beat(connection, job.lease, progress=(0.25, "epoch 1 of 4"))
    assert (latest(metadata, queue).progress, latest(metadata, queue).message) == (0.25, "epoch 1 of 4")


def test_old_ended_jobs_are_forgotten(metadata: Metadata, queue: Queue, clock: StillClock) -> None:
    for _ in range(2):
        enqueue(metadata, queue)
    with sql.writing(metadata.engine) as connection:
        queue.end(connection, claimed_in(queue, connection).lease, DONE)
    clock.move(timedelta(days=8))
    with sql.writing(metadata.engine) as connection:
        assert queue.prune(connection, days=9) == 0
        assert queue.prune(connection, days=7) == 1
        assert queue.claimable(connection, KINDS)


def claimed_in(queue: Queue, connection: Any) -> Job:
    job = queue.claim(connection, "me", KINDS)
    assert job is not None
    return job


def test_the_clock_is_the_databases(metadata: Metadata) -> None:
    with sql.reading(metadata.engine) as connection:
        assert abs(Queue().time(connection) - time.time()) < 1


def test_many_workers_never_take_one_job_twice(metadata: Metadata) -> None:
    queue = Queue()
    with sql.writing(metadata.engine) as connection:
        for number in range(60):
            queue.enqueue(connection, KINDS[number % 2], ARN)

    def work(name: int) -> list[int]:
        taken = []
        while (job := claim(metadata, queue, f"worker {name}")) is not None:
            taken.append(job.id)
        return taken

    with ThreadPoolExecutor(8) as pool:
        counts = Counter(number for taken in pool.map(work, range(8)) for number in taken)
    assert len(counts) == 60
    assert set(counts.values()) == {1}
