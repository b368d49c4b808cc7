"""How a job begins and ends: the one place where what a body raises becomes a state of the job and of its resource.

| the body                                  | the job                          | the resource                     |
|-------------------------------------------|----------------------------------|----------------------------------|
| publishes, or returns                     | done                             | what it published                |
| raises JobFailed or a ServiceError        | failed, at once                  | `on_failure` with its text       |
| raises Later                              | queued, the attempt not counted  | -                                |
| raises Stopped after a stop was asked for | stopped                          | `on_stop`                        |
| raises anything else, or its process dies | queued, and failed after the last attempt | `on_failure` with a reason |
| finds its lease lost                      | another's                        | -                                |
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from openpersonalize import logs
from openpersonalize.errors import JobFailed, ResourceNotFoundException, ServiceError
from openpersonalize.jobs.queue import DONE, FAILED, STOPPED, LeaseLost, Stopped
from openpersonalize.jobs.task import Later, Task
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Transaction

INTERRUPTED, LATER, LOST, RETRIED = "interrupted", "later", "lost", "retried"
"""Outcomes besides the final states of a job."""

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_LONGEST_TEXT = 300

_log = logs.get("jobs")


Ending = Callable[..., str]


def _unless_lost(end: Ending) -> Ending:
    @wraps(end)
    def write(task: Task, *rest: object) -> str:
        try:
            return end(task, *rest)
        except LeaseLost:
            _log.warning("job lost", job=task.job.id, kind=task.job.kind, turn=task.job.turn)
            return LOST

    return write


def _nothing_to_tell(_tx: Transaction, _subject: str, _reason: str = "") -> None:
    """For jobs that serve no resource."""


@dataclass(frozen=True, kw_only=True)
class Handler:
    """What to do for one kind of job.

    `on_failure(tx, subject, reason)` and `on_stop(tx, subject)` write the resource's final status in the transaction
    that ends the job. `inline` bodies are run by the worker itself: they must be as short as one transaction.
    """

    run: Callable[[Task], None]
    on_failure: Callable[[Transaction, str, str], None] = _nothing_to_tell
    on_stop: Callable[[Transaction, str], None] = _nothing_to_tell
    inline: bool = False


def begin(task: Task, handler: Handler) -> str | None:
    """End a claimed job that must not be run (any more); returns the outcome, or None: run it."""
    if task.job.stop_requested:
        return stop(task, handler)
    if task.job.attempts > task.queue.attempts:
        return fail(task, handler, _used_up(task, task.job.error))
    return None


def execute(task: Task, handler: Handler) -> str:
    """Run the body and write how it ended; returns the outcome. Raises only what the database raises."""
    try:
        handler.run(task)
        if not task.finished:
            with task.publish():
                pass
    except Exception as fault:  # noqa: BLE001 - whatever it is, the job must go on or end
        if not task.finished:
            return _judge(task, handler, fault)
        _log.error("job stumbled after its end", job=task.job.id, kind=task.job.kind, exc_info=fault)
    return DONE


def _judge(task: Task, handler: Handler, fault: Exception) -> str:
    match fault:
        case LeaseLost():
            return LOST
        case Stopped():
            return stop(task, handler)
        case Later():
            return give_back(task, fault.seconds)
        case JobFailed() | ServiceError():
            return fail(task, handler, str(fault))
    _log.error("job stumbled", job=task.job.id, kind=task.job.kind, attempt=task.job.attempts, exc_info=fault)
    first_line = next(iter(str(fault).splitlines()), "")
    what = f"{type(fault).__name__}: {first_line}"[:_LONGEST_TEXT].removesuffix(": ")
    return interrupt(task, handler, f"{what} (the server's log tells more, under job {task.job.id})")


@_unless_lost
def stop(task: Task, handler: Handler) -> str:
    """End a job that was asked to stop; one that was not, but whose worker leaves, is left to the worker."""
    with sql.reading(task.metadata.engine) as connection:
        if not task.queue.read(connection, task.job.lease).stop_requested:
            return INTERRUPTED
    return _end(task, STOPPED, "", lambda tx: handler.on_stop(tx, task.subject))


@_unless_lost
def fail(task: Task, handler: Handler, reason: str) -> str:
    """End a job that cannot succeed, and tell its resource why."""
    _log.warning("job failed", job=task.job.id, kind=task.job.kind, subject=task.subject, reason=reason)
    return _end(task, FAILED, reason, lambda tx: handler.on_failure(tx, task.subject, reason))


@_unless_lost
def interrupt(task: Task, handler: Handler, what: str) -> str:
    """Try a job again, after a pause that doubles, or fail it when that was the last attempt."""
    if task.job.attempts >= task.queue.attempts:
        return fail(task, handler, _used_up(task, what))
    pause = min(_FIRST_PAUSE_SECONDS * 2 ** (task.job.attempts - 1), _LONGEST_PAUSE_SECONDS)
    with sql.writing(task.metadata.engine) as connection:
        task.queue.put_back(connection, task.job.lease, pause, counted=True, error=what)
    return RETRIED


@_unless_lost
def give_back(task: Task, seconds: float) -> str:
    """Let a job be run again after `seconds`, as if it had not been tried."""
    with sql.writing(task.metadata.engine) as connection:
        task.queue.put_back(connection, task.job.lease, seconds, counted=False)
    return LATER


def _end(task: Task, state: str, error: str, tell: Callable[[Transaction], None]) -> str:
    try:
        with task.last_transaction() as tx:
            task.queue.end(tx.connection, task.job.lease, state, error=error)
            tell(tx)
    except ResourceNotFoundException:
        # The resource has been deleted meanwhile: there is nobody left to tell.
        with task.last_transaction() as tx:
            task.queue.end(tx.connection, task.job.lease, state, error=error)
    return state


def _used_up(task: Task, what: str) -> str:
    times = "once" if task.queue.attempts == 1 else f"{task.queue.attempts} times"
    return f"The job was interrupted {times}; last: {what}."
