"""Recurring jobs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openpersonalize.clock import StillClock
from openpersonalize.jobs import Handler, Queue, Schedules, Worker
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata

DAY = 86_400.0
KINDS = ["train"]


@pytest.fixture
def clock() -> StillClock:
    return StillClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def schedules(clock: StillClock) -> Schedules:
    return Schedules(Queue(clock=clock))


def ensure(metadata: Metadata, schedules: Schedules, **options: Any) -> None:
    with metadata.transaction() as tx:
        schedules.ensure(tx.connection, "weekly", **{"kind": "train", "subject": "films", **options})


def tick(metadata: Metadata, schedules: Schedules) -> int:
    with sql.writing(metadata.engine) as connection:
        return schedules.tick(connection)


def next_run(metadata: Metadata, schedules: Schedules) -> datetime | None:
    with sql.reading(metadata.engine) as connection:
        due = schedules.next_run(connection)
    return None if due is None else datetime.fromtimestamp(due, UTC)


def finish(metadata: Metadata, schedules: Schedules) -> int:
    return Worker(schedules.queue, metadata, {"train": Handler(run=lambda _task: None)}).drain()


def test_a_schedule_runs_in_its_rhythm(metadata: Metadata, schedules: Schedules, clock: StillClock) -> None:
    ensure(metadata, schedules, every=7 * DAY, payload={"mode": "FULL"})
    assert tick(metadata, schedules) == 0
    clock.move(timedelta(days=7, hours=1))
    assert tick(metadata, schedules) == 1
    assert tick(metadata, schedules) == 0
    assert next_run(metadata, schedules) == datetime(2026, 1, 15, tzinfo=UTC)
    with sql.reading(metadata.engine) as connection:
        job = schedules.queue.latest(connection, "films")
    assert job is not None
    assert (job.kind, job.payload) == ("train", {"mode": "FULL"})


def test_missed_runs_are_made_up_for_by_one(metadata: Metadata, schedules: Schedules, clock: StillClock) -> None:
    ensure(metadata, schedules, every=DAY)
    clock.move(timedelta(days=5, hours=12))
    assert tick(metadata, schedules) == 1
    assert next_run(metadata, schedules) == datetime(2026, 1, 7, tzinfo=UTC)
    assert finish(metadata, schedules) == 1


def test_a_run_is_left_out_while_the_last_one_is_open(
    metadata: Metadata, schedules: Schedules, clock: StillClock
) -> None:
    ensure(metadata, schedules, every=DAY)
    for _ in range(3):
        clock.move(timedelta(days=1))
        tick(metadata, schedules)
    assert finish(metadata, schedules) == 1
    clock.move(timedelta(days=1))
    assert finish(metadata, schedules) == 1


def test_a_cron_expression_is_read_in_utc(metadata: Metadata, schedules: Schedules, clock: StillClock) -> None:
    ensure(metadata, schedules, cron="30 3 * * 1")
    assert next_run(metadata, schedules) == datetime(2026, 1, 5, 3, 30, tzinfo=UTC)
    clock.move(timedelta(days=30))
    assert tick(metadata, schedules) == 1
    assert next_run(metadata, schedules) == datetime(2026, 2, 2, 3, 30, tzinfo=UTC)


def test_the_first_run_may_be_chosen(metadata: Metadata, schedules: Schedules, clock: StillClock) -> None:
    ensure(metadata, schedules, every=7 * DAY, first=clock.now() + timedelta(hours=1))
    clock.move(timedelta(hours=2))
    assert tick(metadata, schedules) == 1
    assert next_run(metadata, schedules) == datetime(2026, 1, 8, 1, tzinfo=UTC)


def test_the_same_schedule_keeps_its_next_run_and_another_replaces_it(
    metadata: Metadata, schedules: Schedules, clock: StillClock
) -> None:
    ensure(metadata, schedules, every=7 * DAY)
    clock.move(timedelta(days=3))
    ensure(metadata, schedules, every=7 * DAY)
    assert next_run(metadata, schedules) == datetime(2026, 1, 8, tzinfo=UTC)
    ensure(metadata, schedules, every=2 * DAY)
    assert next_run(metadata, schedules) == datetime(2026, 1, 6, tzinfo=UTC)


def test_a_schedule_of_a_rolled_back_transaction_never_was(metadata: Metadata, schedules: Schedules) -> None:
    def fail() -> None:
        with metadata.transaction() as tx:
            schedules.ensure(tx.connection, "weekly", kind="train", subject="films", every=DAY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert next_run(metadata, schedules) is None


@pytest.mark.parametrize("which", [{"name": "weekly"}, {"subject": "films"}])
def test_a_cancelled_schedule_is_gone(metadata: Metadata, schedules: Schedules, which: dict[str, str]) -> None:
    ensure(metadata, schedules, every=DAY)
    with metadata.transaction() as tx:
        assert schedules.cancel(tx.connection, **which) == 1
        assert schedules.cancel(tx.connection, **which) == 0
    assert next_run(metadata, schedules) is None


@pytest.mark.parametrize("rhythm", [{}, {"every": 0}, {"every": DAY, "cron": "* * * * *"}, {"cron": "whenever"}])
def test_a_rhythm_must_make_sense(metadata: Metadata, schedules: Schedules, rhythm: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - croniter has its own kinds of it
        ensure(metadata, schedules, **rhythm)


def test_many_workers_start_a_run_once(metadata: Metadata, schedules: Schedules, clock: StillClock) -> None:
    ensure(metadata, schedules, every=DAY)
    clock.move(timedelta(days=1, minutes=1))
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: tick(metadata, schedules), range(8))) == 1


def test_a_drained_worker_lives_through_the_schedule(metadata: Metadata) -> None:
    schedules = Schedules(Queue())
    ensure(metadata, schedules, every=DAY)
    worker = Worker(schedules.queue, metadata, {"train": Handler(run=lambda _task: None)})
    assert worker.drain() == 0
    assert worker.drain(datetime.now(UTC) + timedelta(days=5, hours=1)) == 5
