"""The processes of a worker's jobs: started, watched, asked to stop, killed, and taken account of."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from openpersonalize import logs
from openpersonalize.jobs.child import Assignment
from openpersonalize.jobs.ending import INTERRUPTED, LATER, Handler, give_back, interrupt, stop
from openpersonalize.jobs.queue import FINAL, Job, LeaseLost
from openpersonalize.jobs.task import Task
from openpersonalize.storage import sql
from openpersonalize.storage.metadata.tables import jobs

_LOOK_SECONDS = 0.02

_log = logs.get("jobs")


@dataclass
class _Child:
    task: Task
    handler: Handler
    process: "subprocess.Popen[bytes]"
    started: float
    beaten: float
    over: float | None = None  # since when the job is no longer its own
    terminated: float | None = None  # when it was asked to end


class Children:
    """At most `slots` processes at once; the thread that starts them must outlive them."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        slots: int,
        patience_seconds: float,
        observe: Callable[[Job, str, float], None],
    ) -> None:
        self._command = command
        self._environment = environment
        self._slots = slots
        self._patience_seconds = patience_seconds
        self._observe = observe
        self._children: list[_Child] = []

    @property
    def free(self) -> bool:
        """Whether one more may be started."""
        return len(self._children) < self._slots

    def start(self, task: Task, handler: Handler) -> str | None:
        """Run the body of a job in a process of its own; returns the outcome when that cannot be started."""
        assignment = Assignment(task.job.lease, os.getpid())
        try:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*self._command, *assignment.words()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C at a terminal is for the server, which then sees to its jobs
            )
        except OSError as fault:
            _log.exception("job not started", job=task.job.id, kind=task.job.kind)
            return interrupt(task, handler, f"its process could not be started ({fault.strerror})")
        now = time.monotonic()
        self._children.append(_Child(task, handler, process, now, now))
        _log.info("job started", job=task.job.id, kind=task.job.kind, subject=task.subject, process=process.pid)
        return None

    def attend(self) -> None:
        """Pass on requests to stop, keep leases, and see to those that have ended."""
        for child in self._take_ended():
            self._settle(child, leaving=False)
        for child in self._children:
            self._watch(child)

    def leave(self) -> None:
        """End all, kindly first, and give back the jobs that are not done, without counting the attempt."""
        for child in self._children:
            _terminate(child)
        end = time.monotonic() + self._patience_seconds
        while time.monotonic() < end and any(child.process.poll() is None for child in self._children):
            time.sleep(_LOOK_SECONDS)
        for child in self._children:
            child.process.kill()
            child.process.wait()
        for child in self._take_ended():
            self._settle(child, leaving=True)

    def _take_ended(self) -> list[_Child]:
        ended = [child for child in self._children if child.process.poll() is not None]
        self._children = [child for child in self._children if child not in ended]
        return ended

    def _watch(self, child: _Child) -> None:
        """Keep the lease, also while the process is still starting, and end it when asked to, or when it is lost."""
        task, now = child.task, time.monotonic()
        if child.terminated is not None and now - child.terminated > self._patience_seconds:
            child.process.kill()
        try:
            if now - child.beaten > task.queue.lease_seconds / 3:
                with sql.writing(task.metadata.engine) as connection:
                    asked = task.queue.beat(connection, task.job.lease)
                child.beaten = now
            else:
                with sql.reading(task.metadata.engine) as connection:
                    asked = task.queue.read(connection, task.job.lease).stop_requested
        except LeaseLost:  # it has ended the job itself, or another has: it may leave by itself
            child.over = child.over or now
            asked = now - child.over > self._patience_seconds
        if asked:
            _terminate(child)

    def _settle(self, child: _Child, *, leaving: bool) -> None:
        """Write the end of a job whose process has ended without doing so."""
        try:
            outcome = _outcome(child, leaving=leaving)
        except Exception:  # noqa: BLE001 - told here; the others must be settled all the same
            _log.exception("job not settled: it waits for its lease to end", job=child.task.job.id)
            return
        _log.info("job ended", job=child.task.job.id, kind=child.task.job.kind, outcome=outcome)
        self._observe(child.task.job, outcome, time.monotonic() - child.started)


def _terminate(child: _Child) -> None:
    if child.terminated is None:
        child.terminated = time.monotonic()
        child.process.terminate()


def _outcome(child: _Child, *, leaving: bool) -> str:
    task = child.task
    try:
        with sql.reading(task.metadata.engine) as connection:
            job = task.queue.read(connection, task.job.lease)
    except LeaseLost:
        return _own_ending(task)
    if job.stop_requested:
        return stop(task, child.handler)
    if leaving:
        give_back(task, 0.0)
        return INTERRUPTED
    return interrupt(task, child.handler, _how_it_died(child.process.returncode))


def _own_ending(task: Task) -> str:
    """What the process wrote itself: a final state, or that the job shall be run again."""
    with sql.reading(task.metadata.engine) as connection:
        state = connection.execute(sa.select(jobs.c.state).where(jobs.c.id == task.job.id)).scalar()
    return state if state in FINAL else LATER


def _how_it_died(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed, as the system does when memory runs out"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended early, with exit status {code}; the server's log tells more"
