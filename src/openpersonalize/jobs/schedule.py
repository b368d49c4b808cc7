"""Recurring jobs: every so many seconds, or by a cron expression (in UTC).

A schedule is a row with the time of its next run. The worker that finds it due puts the job into the queue and moves
the time on, in one transaction; so no run is lost or doubled, whatever dies. Runs missed while no server was up are
made up for by one, and a run that is due while the last one is open is left out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from openpersonalize.jobs.queue import Queue
from openpersonalize.storage import sql
from openpersonalize.storage.metadata.tables import schedules

_NEXT_RUN = sa.select(sa.func.min(schedules.c.due))


@dataclass(frozen=True)
class Schedules:
    """The schedules in the database of the connection that each call is given."""

    queue: Queue

    def ensure(
        self,
        connection: Connection,
        name: str,
        *,
        kind: str,
        subject: str,
        every: float | None = None,
        cron: str | None = None,
        first: datetime | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        """Let `kind` be run for `subject` every so many seconds, or by `cron`; `first` is when the first run is due.

        A schedule of that name that is the same keeps its next run; one that differs is replaced. Raises ValueError
        unless exactly one of `every` and `cron` is given, and is valid.
        """
        now = self.queue.time(connection)
        rhythm = {"every": every, "cron": cron}
        due = _after(now, now, every, cron) if first is None else first.timestamp()
        wanted = {"kind": kind, "subject": subject, "payload": orjson.dumps(payload or {}).decode(), **rhythm}
        present = connection.execute(sa.select(schedules).where(schedules.c.name == name)).mappings().first()
        if present is not None and all(present[key] == value for key, value in wanted.items()):
            return
        added = sql.insert(connection, schedules).values(name=name, due=due, **wanted)
        connection.execute(added.on_conflict_do_update(index_elements=["name"], set_={"due": due, **wanted}))

    def cancel(self, connection: Connection, *, name: str | None = None, subject: str | None = None) -> int:
        """Forget the schedule of that name, or all of a subject; returns how many. Jobs in the queue stay there."""
        if (name is None) == (subject is None):
            raise ValueError("Give a name or a subject.")
        which = schedules.c.subject == subject if name is None else schedules.c.name == name
        return connection.execute(sa.delete(schedules).where(which)).rowcount

    def next_run(self, connection: Connection) -> float | None:
        """When the next schedule is due."""
        return connection.execute(_NEXT_RUN).scalar()

    def tick(self, connection: Connection) -> int:
        """Put the jobs that are due into the queue; returns how many. In a write transaction."""
        now = self.queue.time(connection)
        due = sa.select(schedules).where(schedules.c.due <= now).order_by(schedules.c.due)
        rows = connection.execute(due.with_for_update(skip_locked=True)).all()
        for row in rows:
            self.queue.enqueue(
                connection, row.kind, row.subject, payload=orjson.loads(row.payload), unique=f"schedule {row.name}"
            )
            moved = sa.update(schedules).where(schedules.c.name == row.name)
            connection.execute(moved.values(due=_after(row.due, now, row.every, row.cron)))
        return len(rows)


def _after(last: float, now: float, every: float | None, cron: str | None) -> float:
    """The first time after `now` in the rhythm that `last` belongs to."""
    if cron is not None and every is None:
        from croniter import croniter

        following: datetime = croniter(cron, datetime.fromtimestamp(now, UTC)).get_next(datetime)
        return following.timestamp()
    if every is None or cron is not None or every <= 0:
        raise ValueError("A schedule has either a number of seconds above 0 or a cron expression.")
    return last + (math.floor((now - last) / every) + 1) * every
