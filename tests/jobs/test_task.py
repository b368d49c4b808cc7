"""What bodies may do."""

import pytest

from openpersonalize.jobs import LeaseLost, Queue, Stopped, Task
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata
from tests.jobs.probes import effects, enqueue, latest, record, subject


@pytest.fixture
def task(metadata: Metadata) -> Task:
    enqueue(metadata, "step")
    with sql.writing(metadata.engine) as connection:
        job = Queue().claim(connection, "me", ["step"])
    assert job is not None
    return Task(job, Queue(), metadata)


def test_progress_is_written_twice_a_second_at_most(metadata: Metadata, task: Task) -> None:
    task.progress(0.1, "first")
    task.progress(0.2, "second")
    assert latest(metadata).message == "first"


def test_progress_tells_of_a_stop(metadata: Metadata, task: Task) -> None:
    task.progress(0.1)
    task.ask_to_stop()
    with pytest.raises(Stopped):
        task.progress(0.2)


def test_a_step_on_the_way_is_committed_and_the_job_goes_on(metadata: Metadata, task: Task) -> None:
    with task.transaction() as tx:
        record(tx, task.subject, "in progress")
    assert (effects(metadata), latest(metadata).state) == (["in progress"], "running")


def test_without_the_lease_nothing_is_written(metadata: Metadata, task: Task) -> None:
    with sql.writing(metadata.engine) as connection:
        task.queue.put_back(connection, task.job.lease, 0, counted=True)
    for step in (task.publish, task.transaction):
        with pytest.raises(LeaseLost), step() as tx:
            record(tx, task.subject, "written")
    for write in (task.verify, lambda: task.progress(0.5)):
        with pytest.raises(LeaseLost):
            write()
    assert effects(metadata) == []


def test_verify_tells_of_a_stop(metadata: Metadata, task: Task) -> None:
    task.verify()
    with metadata.transaction() as tx:
        task.queue.request_stop(tx.connection, subject())
    with pytest.raises(Stopped):
        task.verify()


def test_a_job_ends_once(task: Task) -> None:
    with task.publish():
        pass
    with pytest.raises(RuntimeError, match="ended already"), task.publish():
        pass
