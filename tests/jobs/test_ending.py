"""What a body raises, and what becomes of the job and its resource."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from openpersonalize.errors import InvalidInputException, JobFailed, ResourceNotFoundException
from openpersonalize.jobs import Handler, Later, Queue, Task, Worker
from openpersonalize.storage.metadata import Metadata, Transaction
from tests.jobs.probes import HERE, Effect, done, effects, enqueue, handlers, latest, record, subject

FAR = datetime(2100, 1, 1, tzinfo=UTC)


def drain(metadata: Metadata, body: Callable[[Task], None], until: datetime | None = FAR, **options: object) -> int:
    handler = replace(handlers()["step"], run=body, **options)  # type: ignore[arg-type] # whatever the test changes
    return Worker(Queue(), metadata, {"step": handler}).drain(until)


def test_a_published_job_is_done_once(metadata: Metadata) -> None:
    enqueue(metadata, "step")
    assert drain(metadata, done) == 1
    assert drain(metadata, done) == 0
    assert effects(metadata) == ["done"]
    assert (latest(metadata).state, latest(metadata).progress) == ("done", 1.0)


def test_a_body_that_returns_is_done(metadata: Metadata) -> None:
    enqueue(metadata, "step")
    drain(metadata, lambda task: task.progress(0.5, "half"))
    assert latest(metadata).state == "done"


@pytest.mark.parametrize("fault", [JobFailed("row 7: PRICE is not a number"), InvalidInputException("no such column")])
def test_a_hopeless_job_fails_at_once_with_its_own_words(metadata: Metadata, fault: Exception) -> None:
    def body(_task: Task) -> None:
        raise fault

    enqueue(metadata, "step")
    assert drain(metadata, body) == 1
    assert effects(metadata) == [f"failed: {fault}"]
    assert (latest(metadata).state, latest(metadata).error) == ("failed", str(fault))


def test_a_stumbling_job_is_tried_again_after_pauses(metadata: Metadata) -> None:
    def body(task: Task) -> None:
        if task.job.attempts < 3:
            raise OSError(5, "Input/output error")
        done(task)

    enqueue(metadata, "step")
    assert drain(metadata, body, until=None) == 1
    first = latest(metadata)
    assert (first.state, first.attempts) == ("queued", 1)
    assert "OSError: [Errno 5] Input/output error" in first.error
    assert drain(metadata, body) == 2
    assert effects(metadata) == ["done"]


def test_used_up_attempts_end_with_a_reason_and_without_a_trace(metadata: Metadata) -> None:
    def body(_task: Task) -> None:
        raise OSError(28, "No space left on device\nTraceback …")

    number = enqueue(metadata, "step")
    assert drain(metadata, body) == 3
    told = f"(the server's log tells more, under job {number})"
    reason = f"The job was interrupted 3 times; last: OSError: [Errno 28] No space left on device {told}."
    assert effects(metadata) == [f"failed: {reason}"]
    assert drain(metadata, body) == 0


def test_waiting_uses_up_no_attempt(metadata: Metadata) -> None:
    waits = iter([3600.0] * 5)

    def body(task: Task) -> None:
        for seconds in waits:
            raise Later(seconds)
        done(task)

    enqueue(metadata, "step")
    assert drain(metadata, body, until=datetime.now(UTC) + timedelta(minutes=30)) == 1
    assert drain(metadata, body) == 5
    assert (effects(metadata), latest(metadata).attempts) == (["done"], 1)


def test_an_error_in_the_last_transaction_undoes_it_and_the_job_goes_on(metadata: Metadata) -> None:
    def body(task: Task) -> None:
        with task.publish() as tx:
            record(tx, task.subject, "half done")
            if task.job.attempts == 1:
                raise ConnectionError

    enqueue(metadata, "step")
    assert drain(metadata, body) == 2
    assert effects(metadata) == ["half done"]


def test_an_error_after_the_end_changes_nothing(metadata: Metadata) -> None:
    def body(task: Task) -> None:
        done(task)
        raise JobFailed("too late")

    enqueue(metadata, "step")
    assert drain(metadata, body) == 1
    assert (effects(metadata), latest(metadata).state) == (["done"], "done")


def test_a_stop_request_ends_the_body_and_tells_the_resource(metadata: Metadata) -> None:
    def body(task: Task) -> None:
        with task.metadata.transaction() as tx:
            assert task.queue.request_stop(tx.connection, task.subject) == 1
        task.progress(0.5)
        done(task)

    enqueue(metadata, "step")
    drain(metadata, body)
    assert (effects(metadata), latest(metadata).state) == (["stopped"], "stopped")


@pytest.mark.parametrize("step", [Task.transaction, Task.publish])
def test_after_a_stop_request_nothing_is_published(metadata: Metadata, step: Callable[[Task], "object"]) -> None:
    def body(task: Task) -> None:
        with task.metadata.transaction() as tx:
            task.queue.request_stop(tx.connection, task.subject)
        with step(task) as tx:  # type: ignore[attr-defined] # a context manager either way
            record(tx, task.subject, "published")

    enqueue(metadata, "step")
    drain(metadata, body)
    assert effects(metadata) == ["stopped"]


def test_a_stop_request_before_a_retry_ends_the_job_at_once(metadata: Metadata) -> None:
    def body(_task: Task) -> None:
        raise ConnectionError

    enqueue(metadata, "step")
    drain(metadata, body, until=None)
    with metadata.transaction() as tx:
        assert Queue().request_stop(tx.connection, subject()) == 0
    assert drain(metadata, body) == 0
    assert latest(metadata).state == "stopped"


def test_a_job_whose_resource_is_gone_still_ends(metadata: Metadata) -> None:
    def gone(tx: Transaction, arn: str, _reason: str) -> None:
        tx.get(Effect, arn)

    def body(task: Task) -> None:
        raise ResourceNotFoundException.arn(task.subject)

    enqueue(metadata, "step")
    drain(metadata, body, on_failure=gone)
    assert latest(metadata).state == "failed"


def test_a_zombie_cannot_publish(metadata: Metadata) -> None:
    def body(task: Task) -> None:
        if task.job.turn == 1:
            with metadata.transaction() as tx:
                task.queue.put_back(tx.connection, task.job.lease, 0, counted=True)
            assert Worker(Queue(), metadata, {"step": handlers()["step"]}).drain() == 1
        done(task)

    enqueue(metadata, "step")
    drain(metadata, body)
    with metadata.reading() as tx:
        assert [effect.attempt for effect in tx.select(Effect, *HERE)] == [2]


def test_the_next_job_of_the_same_key_may_follow_in_the_last_transaction(metadata: Metadata) -> None:
    def body(task: Task) -> None:
        with task.publish() as tx:
            record(tx, task.subject, "done")
            if tx.count(Effect, *HERE) < 3:
                task.queue.enqueue(tx.connection, "step", task.subject, unique="chain")

    with metadata.transaction() as tx:
        Queue().enqueue(tx.connection, "step", subject(), unique="chain")
    assert drain(metadata, body) == 3


def test_jobs_without_a_resource_need_no_endings(metadata: Metadata) -> None:
    def body(_task: Task) -> None:
        raise JobFailed("no")

    with metadata.transaction() as tx:
        Queue().enqueue(tx.connection, "sweep", "everything")
    assert Worker(Queue(), metadata, {"sweep": Handler(run=body)}).drain() == 1
