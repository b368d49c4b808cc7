"""Workers and the processes of their jobs: real ones, on SQLite and on PostgreSQL."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from openpersonalize.jobs import Queue
from openpersonalize.storage.metadata import Metadata
from tests.jobs.probes import (
    ENVIRONMENT,
    HERE,
    PROGRAM,
    Effect,
    effects,
    enqueue,
    latest,
    subject,
    wait,
    working,
)

LEASE = 2.0


@contextmanager
def worker_process(url: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([*PROGRAM, "worker", url, str(LEASE)], env=ENVIRONMENT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


def process_of(metadata: Metadata) -> int:
    """The process that runs the job, once it has said so."""
    wait(lambda: latest(metadata).message.startswith("process "))
    return int(latest(metadata).message.split()[1])


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def freeze_outside_a_transaction(metadata: Metadata, *processes: int) -> None:
    """Stop them while they hold no lock: who is frozen while writing to SQLite keeps all others from writing."""
    while True:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        if writable(metadata):
            return
        for process in processes:
            os.kill(process, signal.SIGCONT)
        time.sleep(0.05)


def writable(metadata: Metadata) -> bool:
    impatient = {"timeout": 0.1} if metadata.engine.dialect.name == "sqlite" else {}
    engine = sa.create_engine(metadata.engine.url, connect_args=impatient)
    lock = "BEGIN IMMEDIATE" if impatient else "SELECT id FROM jobs FOR UPDATE NOWAIT"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(lock)
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()
    return True


def ask_to_stop(metadata: Metadata) -> None:
    with metadata.transaction() as tx:
        Queue().request_stop(tx.connection, subject())


def test_a_worker_runs_short_jobs_itself_and_long_ones_in_a_process(metadata: Metadata, database_url: str) -> None:
    seen: list[tuple[str, str]] = []
    enqueue(metadata, "slow", "long", seconds=0.0)
    enqueue(metadata, "step", "short")
    with working(metadata, database_url, observe=lambda job, outcome, _seconds: seen.append((job.kind, outcome))):
        wait(lambda: len(seen) == 2)
    assert seen == [("step", "done"), ("slow", "done")]
    assert effects(metadata) == ["done", "done"]


def test_short_jobs_do_not_wait_for_a_free_slot(metadata: Metadata, database_url: str) -> None:
    for name in ("one", "two"):
        enqueue(metadata, "slow", name, seconds=60)
    with working(metadata, database_url, slots=1):
        wait(lambda: latest(metadata, "one").state == "running")
        enqueue(metadata, "step", "short")
        assert wait(lambda: latest(metadata, "short").state == "done") < 5
        assert latest(metadata, "two").state == "queued"


@pytest.mark.parametrize("kind", ["slow", "deaf"])
def test_a_running_job_stops_within_seconds(metadata: Metadata, database_url: str, kind: str) -> None:
    enqueue(metadata, kind, seconds=60)
    with working(metadata, database_url):
        process = process_of(metadata)
        ask_to_stop(metadata)
        assert wait(lambda: latest(metadata).state == "stopped") < 5
    assert effects(metadata) == ["stopped"]
    assert not alive(process)


def test_a_worker_that_leaves_gives_its_jobs_back(metadata: Metadata, database_url: str) -> None:
    enqueue(metadata, "slow", seconds=60)
    with working(metadata, database_url):
        process = process_of(metadata)
    assert not alive(process)
    assert (latest(metadata).state, latest(metadata).attempts) == ("queued", 0)
    assert latest(metadata).due < time.time() + 1


def test_a_process_that_dies_uses_its_attempts_up(metadata: Metadata, database_url: str) -> None:
    enqueue(metadata, "crash")
    with working(metadata, database_url, attempts=2):
        wait(lambda: effects(metadata))
    reason = "its process was killed, as the system does when memory runs out"
    assert effects(metadata) == [f"failed: The job was interrupted 2 times; last: {reason}."]


def test_a_process_that_cannot_be_started_uses_its_attempts_up(metadata: Metadata, database_url: str) -> None:
    enqueue(metadata, "slow", seconds=0)
    with working(metadata, database_url, attempts=1, command=["/no/such/program"]):
        wait(lambda: effects(metadata))
    reason = "its process could not be started (No such file or directory)"
    assert effects(metadata) == [f"failed: The job was interrupted once; last: {reason}."]


def test_a_killed_worker_takes_its_job_along_and_another_does_it_once(metadata: Metadata, database_url: str) -> None:
    enqueue(metadata, "slow", seconds=60, again=0)
    with worker_process(database_url) as first:
        process = process_of(metadata)
        first.kill()
        first.wait()
        wait(lambda: not alive(process), 2)
    with working(metadata, database_url, LEASE):
        wait(lambda: latest(metadata).state == "done")
    with metadata.reading() as tx:
        assert [(effect.status, effect.attempt) for effect in tx.select(Effect, *HERE)] == [("done", 2)]
    assert latest(metadata).attempts == 2


def test_a_frozen_worker_finds_its_job_done_by_another(metadata: Metadata, database_url: str) -> None:
    enqueue(metadata, "slow", seconds=10, again=0)
    with worker_process(database_url) as frozen:
        process = process_of(metadata)
        freeze_outside_a_transaction(metadata, process, frozen.pid)
        with working(metadata, database_url, LEASE):
            wait(lambda: latest(metadata).state == "done")
        for one in (process, frozen.pid):
            os.kill(one, signal.SIGCONT)
        wait(lambda: not alive(process))
        enqueue(metadata, "step", "afterwards")
        wait(lambda: latest(metadata, "afterwards").state == "done")
    assert effects(metadata) == ["done", "done"]
    assert latest(metadata).attempts == 2


def test_an_idle_worker_costs_next_to_nothing(metadata: Metadata, database_url: str) -> None:
    with worker_process(database_url) as worker:
        enqueue(metadata, "step")
        wait(lambda: effects(metadata))
        before = cpu_seconds(worker.pid)
        time.sleep(1.0)
        assert cpu_seconds(worker.pid) - before < 0.2


def cpu_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_trouble_in_the_worker_is_survived(
    metadata: Metadata, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimable: Callable[..., bool] = Queue.claimable
    troubles = iter([ConnectionError("the database is away")])

    def shaky(*given: object) -> bool:
        for trouble in troubles:
            raise trouble
        return claimable(*given)

    monkeypatch.setattr(Queue, "claimable", shaky)
    enqueue(metadata, "step")
    with working(metadata, database_url):
        wait(lambda: effects(metadata) == ["done"])
