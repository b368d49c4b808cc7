"""The worker: takes jobs from the queue and sees that each of them ends."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from openpersonalize import logs
from openpersonalize.clock import StillClock
from openpersonalize.jobs.children import Children
from openpersonalize.jobs.ending import Handler, begin, execute
from openpersonalize.jobs.queue import QUEUED, Job, Queue
from openpersonalize.jobs.schedule import Schedules
from openpersonalize.jobs.task import Task
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata
from openpersonalize.storage.metadata.tables import jobs

Observe = Callable[[Job, str, float], None]
"""Told the kind, outcome and seconds of each run of a job."""

_PRUNE_SECONDS = 3600.0
_TROUBLE_SECONDS = 1.0
_MOMENT_SECONDS = 1e-6  # a clock counts whole microseconds: never stand just before the next job

_log = logs.get("jobs")


class Worker:
    """Runs the jobs that `handlers` know; any number of workers may share a database.

    `command` starts a job in a process of its own, with four more words (see `child.Assignment`) and `environment`;
    `slots` is how many of these run at once. Jobs that ended are forgotten after `keep_days`. `observe(job, outcome,
    seconds)` hears of every run that ended, and must not raise.
    """

    def __init__(
        self,
        queue: Queue,
        metadata: Metadata,
        handlers: Mapping[str, Handler],
        *,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        slots: int = 2,
        poll_seconds: float = 0.2,
        patience_seconds: float = 3.0,
        keep_days: float = 7.0,
        observe: Observe = lambda _job, _outcome, _seconds: None,
    ) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._queue = queue
        self._metadata = metadata
        self._handlers = handlers
        self._schedules = Schedules(queue)
        self._poll_seconds = poll_seconds
        self._keep_days = keep_days
        self._observe = observe
        self._pruned = -_PRUNE_SECONDS
        self._inline = [kind for kind, handler in handlers.items() if handler.inline]
        self._children = Children(command, environment, slots, patience_seconds, observe)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then end the running processes and give their jobs back to the queue.

        The calling thread must live as long as this runs: on Linux the processes of jobs die with it.
        """
        _log.info("worker started", owner=self.owner)
        try:
            while not stop.is_set():
                stop.wait(self._step_safely())
        finally:
            self._children.leave()
            _log.info("worker ended", owner=self.owner)

    def _step_safely(self) -> float:
        """One step; returns how long to wait before the next."""
        try:
            return 0.0 if self._step() else self._poll_seconds
        except Exception:  # noqa: BLE001 - told below, with its trace
            # Most likely the database is away. Nothing is lost: what was not committed is claimed again.
            _log.exception("worker stumbled")
            return _TROUBLE_SECONDS

    def _step(self) -> bool:
        """See to the running processes and start one more job; returns whether there was one."""
        self._children.attend()
        self._prune()
        kinds = list(self._handlers) if self._children.free else self._inline
        with sql.reading(self._metadata.engine) as connection:
            next_run = self._schedules.next_run(connection)
            scheduled = next_run is not None and next_run <= self._queue.time(connection)
            if not scheduled and not self._queue.claimable(connection, kinds):
                return False
        with sql.writing(self._metadata.engine) as connection:
            if scheduled:
                self._schedules.tick(connection)
            job = self._queue.claim(connection, self.owner, kinds)
        if job is not None:
            self._start(job)
        return job is not None or scheduled

    def _start(self, job: Job) -> None:
        handler, task = self._handlers[job.kind], Task(job, self._queue, self._metadata)
        if handler.inline:
            self._run_here(task, handler)
        elif (outcome := begin(task, handler) or self._children.start(task, handler)) is not None:
            self._observe(job, outcome, 0.0)

    def _run_here(self, task: Task, handler: Handler) -> None:
        started = time.monotonic()
        outcome = begin(task, handler) or execute(task, handler)
        self._observe(task.job, outcome, time.monotonic() - started)

    def _prune(self) -> None:
        if time.monotonic() - self._pruned < _PRUNE_SECONDS:
            return
        self._pruned = time.monotonic()
        with sql.writing(self._metadata.engine) as connection:
            self._queue.prune(connection, self._keep_days)

    def drain(self, until: datetime | None = None) -> int:
        """Run, in this very thread, all that is due; returns how many runs that were.

        With `until`, also what becomes due up to then, in order, each at its own time: waits and pauses take none.
        """
        runs, now = 0, 0.0
        while True:
            with sql.writing(self._metadata.engine) as connection:
                now = max(now, self._queue.time(connection))
                queue = replace(self._queue, clock=StillClock(datetime.fromtimestamp(now, UTC)))
                Schedules(queue).tick(connection)
                job = queue.claim(connection, self.owner, list(self._handlers))
                following = None if job is not None else self._next(connection)
            if job is not None:
                self._run_here(Task(job, queue, self._metadata), self._handlers[job.kind])
                runs += 1
            elif until is None or following is None or following > until.timestamp():
                return runs
            else:
                now = following + _MOMENT_SECONDS

    def _next(self, connection: sa.Connection) -> float | None:
        query = sa.select(sa.func.min(jobs.c.due)).where(jobs.c.state == QUEUED, jobs.c.kind.in_(list(self._handlers)))
        times = (connection.execute(query).scalar(), self._schedules.next_run(connection))
        return min((time for time in times if time is not None), default=None)
