"""States and their steps, as data: one table per kind of life, and the two short jobs that most nouns share.

Every resource starts in CREATE PENDING and moves on by a job, so that a poller sees it pending at least once. The names
are literal: a blank after CREATE and DELETE, an underscore in IN_PROGRESS.
Source: https://docs.aws.amazon.com/personalize/latest/dg/API_Types.html
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

from openpersonalize.arns import Arn
from openpersonalize.errors import ResourceInUseException
from openpersonalize.jobs import Task
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import job
from openpersonalize.resources.resource import Resource, words
from openpersonalize.resources.tags import attach
from openpersonalize.storage.metadata import Transaction

CREATE_PENDING = "CREATE PENDING"
CREATE_IN_PROGRESS = "CREATE IN_PROGRESS"
CREATE_FAILED = "CREATE FAILED"
CREATE_STOPPING = "CREATE STOPPING"
CREATE_STOPPED = "CREATE STOPPED"
ACTIVE = "ACTIVE"
UPDATE_PENDING = "UPDATE PENDING"
UPDATE_IN_PROGRESS = "UPDATE IN_PROGRESS"
INACTIVE = "INACTIVE"
STOP_PENDING = "STOP PENDING"
STOP_IN_PROGRESS = "STOP IN_PROGRESS"
START_PENDING = "START PENDING"
START_IN_PROGRESS = "START IN_PROGRESS"
DELETE_PENDING = "DELETE PENDING"
DELETE_IN_PROGRESS = "DELETE IN_PROGRESS"

OPEN = (CREATE_PENDING, CREATE_IN_PROGRESS)
TURNING = (STOP_PENDING, STOP_IN_PROGRESS, START_PENDING, START_IN_PROGRESS)
LIVING = (CREATE_PENDING, CREATE_IN_PROGRESS, ACTIVE, INACTIVE, *TURNING)
UPDATING = (UPDATE_PENDING, UPDATE_IN_PROGRESS)
ENDING = (DELETE_PENDING, DELETE_IN_PROGRESS)

Life: TypeAlias = Mapping[str, tuple[str, ...]]
"""From a status to those that may follow it."""

JOB: Life = {
    CREATE_PENDING: (CREATE_IN_PROGRESS, CREATE_FAILED),
    CREATE_IN_PROGRESS: (CREATE_IN_PROGRESS, ACTIVE, CREATE_FAILED),
}
STANDARD: Life = {
    **JOB,
    ACTIVE: (ACTIVE, DELETE_PENDING),
    CREATE_FAILED: (CREATE_IN_PROGRESS, ACTIVE, DELETE_PENDING),
    DELETE_PENDING: (DELETE_IN_PROGRESS,),
    DELETE_IN_PROGRESS: (DELETE_IN_PROGRESS,),
}
DATASET: Life = {
    **STANDARD,
    ACTIVE: (UPDATE_PENDING, DELETE_PENDING),
    UPDATE_PENDING: (UPDATE_IN_PROGRESS, ACTIVE),
    UPDATE_IN_PROGRESS: (UPDATE_IN_PROGRESS, ACTIVE),
}
"""A dataset alone leaves ACTIVE while it is updated; others tell of an update in a member of its own."""
RECOMMENDER: Life = {
    **STANDARD,
    ACTIVE: (STOP_PENDING, DELETE_PENDING),
    STOP_PENDING: (STOP_IN_PROGRESS,),
    STOP_IN_PROGRESS: (STOP_IN_PROGRESS, INACTIVE),
    INACTIVE: (START_PENDING, DELETE_PENDING),
    START_PENDING: (START_IN_PROGRESS,),
    START_IN_PROGRESS: (START_IN_PROGRESS, ACTIVE),
}
STOPPABLE: Life = {
    CREATE_PENDING: (CREATE_IN_PROGRESS, CREATE_FAILED, CREATE_STOPPED),
    CREATE_IN_PROGRESS: (CREATE_IN_PROGRESS, ACTIVE, CREATE_FAILED, CREATE_STOPPING, CREATE_STOPPED),
    CREATE_STOPPING: (CREATE_STOPPED, CREATE_FAILED),
}

R = TypeVar("R", bound=Resource)

DELETE_AGAIN = timedelta(minutes=1)


class IllegalStep(RuntimeError):  # noqa: N818  reads as a sentence
    """Our own mistake: a status that may not follow the present one."""


def become(ctx: Context, tx: Transaction, record: R, status: str, **changes: Any) -> R:
    """Move a resource to `status`, with other changes, and store it."""
    life: Life = getattr(record, "life", STANDARD)
    present = getattr(record, "status", None)
    if status not in life.get(str(present), ()):
        raise IllegalStep(f"{record.arn}: {present} cannot become {status}")
    changed = record.but(ctx.now(), status=status, **changes)
    tx.replace(changed)
    return changed


def require_deletable(record: Resource) -> None:
    """A resource on its way from one state to another cannot be deleted; raises ResourceInUseException."""
    status = getattr(record, "status", ACTIVE)
    if status not in (ACTIVE, CREATE_FAILED):
        raise ResourceInUseException(
            f"The {words(type(record))} {record.arn} is in {status} state and cannot be deleted."
        )


def require_active(record: Resource) -> None:
    """A resource that others shall stand on must be ACTIVE; raises ResourceInUseException."""
    status = getattr(record, "status", ACTIVE)
    if status != ACTIVE:
        raise ResourceInUseException(f"The {words(type(record))} {record.arn} is in {status} state; it must be ACTIVE.")


def begin(ctx: Context, tx: Transaction, record: Resource, *, tags: list[dict[str, str]] | None = None) -> None:
    """Store a new resource and, in the same commit, the job that brings it to life."""
    tx.insert(record)
    attach(tx, record.arn, tags)
    ctx.queue.enqueue(tx.connection, f"{record.noun}.create", record.arn)


def end(ctx: Context, tx: Transaction, record: Resource) -> None:
    """Mark a resource for deletion and, in the same commit, enqueue the job that removes it."""
    become(ctx, tx, record, DELETE_PENDING)
    ctx.queue.enqueue(tx.connection, f"{record.noun}.delete", record.arn)


def created_by_a_step(kind: type[R], then: Callable[[Context, Transaction, R], None] | None = None) -> None:
    """Register the job that takes a new `kind` to ACTIVE; `then` runs in the last commit."""

    @job(f"{kind.noun}.create", failed=create_failed(kind), inline=True)
    def create(ctx: Context, task: Task) -> None:
        with task.transaction() as tx:
            become(ctx, tx, tx.get(kind, task.subject), CREATE_IN_PROGRESS)
        with task.publish() as tx:
            active = become(ctx, tx, tx.get(kind, task.subject), ACTIVE)
            if then is not None:
                then(ctx, tx, active)


def deleted_by_a_step(kind: type[R], clean: Callable[[Context, R], None] | None = None) -> None:
    """Register the job that removes a `kind`; `clean` drops what it keeps elsewhere and may run more than once."""

    @job(f"{kind.noun}.delete", failed=delete_failed, inline=clean is None)
    def delete(ctx: Context, task: Task) -> None:
        with task.transaction() as tx:
            doomed = tx.get(kind, task.subject)
            become(ctx, tx, doomed, DELETE_IN_PROGRESS)
        if clean is not None:
            clean(ctx, doomed)
        with task.publish() as tx:
            tx.remove(tx.get(kind, task.subject))


def create_failed(kind: type[R]) -> Callable[[Context, Transaction, str, str], None]:
    """The ending of a job that could not bring a `kind` to life: CREATE FAILED with the reason."""

    def fail(ctx: Context, tx: Transaction, subject: str, reason: str) -> None:
        record = tx.get(kind, subject)
        reasons = {"failure_reason": reason} if hasattr(record, "failure_reason") else {}
        become(ctx, tx, record, CREATE_FAILED, **reasons)

    return fail


def delete_failed(ctx: Context, tx: Transaction, subject: str, _reason: str) -> None:
    """A deletion that keeps failing stays DELETE IN_PROGRESS and is tried again later: it never half-returns."""
    ctx.queue.enqueue(tx.connection, f"{Arn.parse(subject).kind}.delete", subject, due=ctx.now() + DELETE_AGAIN)
