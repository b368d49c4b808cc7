"""The queue: one row per job, in the database of the resources.

    queued ──claim──▶ running ──▶ done | failed | stopped
       ▲                 │
       └──── put_back ───┘        again later: an error, a wait, a worker that leaves

A running job belongs to its owner until the lease ends, which the owner moves on while it lives. Whoever finds a lease
that has ended may claim the job. Each claim counts `turn` up, and every write of a running job names owner and turn, so
one that was overtaken cannot write any more. Times are the database's, one clock for all machines.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from openpersonalize.arns import Arn
from openpersonalize.clock import Clock
from openpersonalize.storage import sql
from openpersonalize.storage.metadata.tables import jobs

QUEUED, RUNNING, DONE, FAILED, STOPPED = "queued", "running", "done", "failed", "stopped"
OPEN = (QUEUED, RUNNING)
FINAL = (DONE, FAILED, STOPPED)

_DAY = 86_400.0

_FREE = sa.and_(
    jobs.c.kind.in_(sa.bindparam("kinds", expanding=True)),
    sa.or_(
        sa.and_(jobs.c.state == QUEUED, jobs.c.due <= sa.bindparam("now")),
        sa.and_(jobs.c.state == RUNNING, jobs.c.lease < sa.bindparam("now")),
    ),
)
# Put together once: an idle worker asks several times a second, and building a statement costs more than running it.
_LOOK = sa.select(jobs.c.id).where(_FREE).limit(1)
_NEXT = sa.select(jobs.c.id).where(_FREE).order_by(jobs.c.due, jobs.c.id).limit(1).with_for_update(skip_locked=True)


class LeaseLost(Exception):  # noqa: N818 - a fact about the job, not an error in it
    """The job has been taken over or ended by another: this one must not write any more."""


class Stopped(Exception):  # noqa: N818 - the same
    """The job is asked to end: leave the body, tidy up what stands outside the transaction, and let this pass."""


@dataclass(frozen=True)
class Lease:
    """The right to write a running job: of one owner, for one turn."""

    job: int
    owner: str
    turn: int

    @property
    def holds(self) -> sa.ColumnElement[bool]:
        """The condition of every write."""
        of = jobs.c
        return sa.and_(of.id == self.job, of.owner == self.owner, of.turn == self.turn, of.state == RUNNING)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A row of the queue as it was read; times in seconds since 1970."""

    id: int
    kind: str
    subject: str
    account: str  # of the subject, where that is an ARN; else empty
    region: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    state: str
    due: float
    attempts: int  # this one included
    turn: int
    owner: str | None
    progress: float
    message: str
    error: str  # of the last attempt
    stop_requested: bool

    @property
    def lease(self) -> Lease:
        """The lease of the job just claimed."""
        return Lease(self.id, str(self.owner), self.turn)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """The rules of the queue; its rows are in the database of the connection that each call is given.

    `attempts` is how often a job is tried, `clock` takes the place of the database's time in tests.
    """

    lease_seconds: float = 10.0
    attempts: int = 3
    clock: Clock | None = None

    def enqueue(
        self,
        connection: Connection,
        kind: str,
        subject: str,
        *,
        due: datetime | None = None,
        payload: Mapping[str, Any] | None = None,
        unique: str | None = None,
    ) -> int:
        """Add a job for `subject`, to be run when `due` (default: now), and return its ID.

        With `unique`, an open job of that key is left as it is and its ID returned. The job exists when the
        transaction of the connection commits, and not before.
        """
        account, region = _place(subject)
        now = self.now(connection)
        row = {
            "kind": kind,
            "subject": subject,
            "account": account,
            "region": region,
            "payload": orjson.dumps(payload or {}).decode(),
            "state": QUEUED,
            "unique_key": unique,
            "due": now if due is None else due.timestamp(),
            "attempts": 0,
            "turn": 0,
            "progress": 0.0,
            "message": "",
            "error": "",
            "stop_requested": False,
            "created": now,
        }
        added = sql.insert(connection, jobs).values(row).on_conflict_do_nothing().returning(jobs.c.id)
        present = sa.select(jobs.c.id).where(jobs.c.unique_key == unique, jobs.c.state.in_(OPEN))
        while True:
            # Twice only when the open job of that key ends between the two statements.
            found: int | None = connection.execute(added).scalar()
            if found is None:
                found = connection.execute(present).scalar()
            if found is not None:
                return found

    def request_stop(self, connection: Connection, subject: str, *, kind: str | None = None) -> int:
        """Ask the open jobs of a subject (of one kind) to stop; returns how many of them are running.

        Queued ones end at once, without their handler: when this returns 0, the caller writes the final status.
        Running ones end within seconds, and their `on_stop` writes it.
        """
        of = jobs.c
        asked = sa.update(jobs).where(of.subject == subject, of.state.in_(OPEN))
        asked = asked if kind is None else asked.where(of.kind == kind)
        waiting = of.state == QUEUED
        states = connection.execute(
            asked.values(
                stop_requested=True,
                state=sa.case((waiting, STOPPED), else_=of.state),
                finished=sa.case((waiting, self.now(connection)), else_=of.finished),
            ).returning(of.state)
        ).scalars()
        return sum(state == RUNNING for state in states)

    def latest(self, connection: Connection, subject: str, *, kind: str | None = None) -> Job | None:
        """The newest job of a subject (of one kind): its state, progress and message."""
        query = sa.select(jobs).where(jobs.c.subject == subject).order_by(jobs.c.id.desc()).limit(1)
        found = connection.execute(query if kind is None else query.where(jobs.c.kind == kind)).first()
        return None if found is None else _job(found)

    def claimable(self, connection: Connection, kinds: Collection[str]) -> bool:
        """Whether `claim` would find something: a look that takes no lock."""
        return connection.execute(_LOOK, {"kinds": list(kinds), "now": self.time(connection)}).first() is not None

    def claim(self, connection: Connection, owner: str, kinds: Collection[str]) -> Job | None:
        """Take the job of these kinds that has been due for longest, or whose lease has ended; in a write transaction.

        It may come back with a stop requested, or with more attempts than there are: `ending.begin` sees to those.
        """
        of = jobs.c
        found = connection.execute(_NEXT, {"kinds": list(kinds), "now": self.time(connection)}).scalar()
        if found is None:
            return None
        silent = sa.literal("its worker ").concat(of.owner).concat(" fell silent")
        taken = (
            sa.update(jobs)
            .where(of.id == found)
            .values(
                state=RUNNING,
                owner=owner,
                lease=self.now(connection) + self.lease_seconds,
                attempts=of.attempts + 1,
                turn=of.turn + 1,
                started=sa.func.coalesce(of.started, self.now(connection)),
                progress=0.0,
                message="",
                error=sa.case((of.state == RUNNING, silent), else_=of.error),
            )
        )
        return _job(connection.execute(taken.returning(jobs)).one())

    def read(self, connection: Connection, lease: Lease) -> Job:
        """The job of a lease that still holds; raises LeaseLost."""
        return _job(_held(connection.execute(sa.select(jobs).where(lease.holds)).first()))

    def beat(self, connection: Connection, lease: Lease, *, progress: tuple[float, str] | None = None) -> bool:
        """Move the end of the lease on, and tell how far the job is; returns whether a stop is asked for.

        Raises LeaseLost. Until the transaction ends nobody else can change the job.
        """
        values: dict[str, Any] = {"lease": self.now(connection) + self.lease_seconds}
        if progress is not None:
            values |= {"progress": progress[0], "message": progress[1]}
        beaten = sa.update(jobs).where(lease.holds).values(values).returning(jobs.c.stop_requested)
        return bool(_held(connection.execute(beaten).first()).stop_requested)

    def end(self, connection: Connection, lease: Lease, state: str, *, error: str = "") -> bool:
        """Write the final state; returns whether a stop was asked for. Raises LeaseLost."""
        values: dict[str, Any] = {"state": state, "error": error, "lease": None, "finished": self.now(connection)}
        values |= {"progress": 1.0} if state == DONE else {}
        ended = sa.update(jobs).where(lease.holds).values(values).returning(jobs.c.stop_requested)
        return bool(_held(connection.execute(ended).first()).stop_requested)

    def put_back(self, connection: Connection, lease: Lease, seconds: float, *, counted: bool, error: str = "") -> None:
        """Let the job be run again after `seconds`; `counted`: it has used up one of its attempts. Raises LeaseLost."""
        values = {
            "state": QUEUED,
            "due": self.now(connection) + seconds,
            "attempts": jobs.c.attempts - (0 if counted else 1),
            "owner": None,
            "lease": None,
            "error": error,
        }
        _held(connection.execute(sa.update(jobs).where(lease.holds).values(values).returning(jobs.c.id)).first())

    def prune(self, connection: Connection, days: float) -> int:
        """Forget jobs that ended more than `days` ago; returns how many."""
        old = sa.delete(jobs).where(jobs.c.state.not_in(OPEN), jobs.c.finished < self.now(connection) - days * _DAY)
        return connection.execute(old).rowcount

    def now(self, connection: Connection) -> sa.ColumnElement[float]:
        """The time that counts, as part of a statement."""
        return sql.now(connection) if self.clock is None else sa.literal(self.clock.now().timestamp(), sa.Double)

    def time(self, connection: Connection) -> float:
        """The time that counts, as a number."""
        return sql.time(connection) if self.clock is None else self.clock.now().timestamp()


def _held(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise LeaseLost
    return row


def _place(subject: str) -> tuple[str, str]:
    if not subject.startswith("arn:"):
        return "", ""
    arn = Arn.parse(subject)
    return arn.account, arn.region


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        account=row.account,
        region=row.region,
        payload=orjson.loads(row.payload),
        state=row.state,
        due=row.due,
        attempts=row.attempts,
        turn=row.turn,
        owner=row.owner,
        progress=row.progress,
        message=row.message,
        error=row.error,
        stop_requested=row.stop_requested,
    )
