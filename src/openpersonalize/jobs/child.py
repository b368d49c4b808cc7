"""The process of one job: takes the lease over from its worker, keeps it, runs the body, and writes how it ended."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from openpersonalize import logs
from openpersonalize.jobs.ending import Handler, execute
from openpersonalize.jobs.queue import Lease, LeaseLost, Queue
from openpersonalize.jobs.task import Task
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata

_PR_SET_PDEATHSIG = 1

_log = logs.get("jobs")


@dataclass(frozen=True)
class Assignment:
    """What a worker tells the process it starts: the lease, and its own process ID."""

    lease: Lease
    parent: int

    def words(self) -> list[str]:
        """As words of a command line: job, owner, turn, parent."""
        return [str(self.lease.job), self.lease.owner, str(self.lease.turn), str(self.parent)]

    @classmethod
    def read(cls, words: Sequence[str]) -> "Assignment":
        """From these words; raises ValueError."""
        job, owner, turn, parent = words
        return cls(Lease(int(job), owner, int(turn)), int(parent))


def run(assignment: Assignment, prepare: Callable[[], tuple[Queue, Metadata, Mapping[str, Handler]]]) -> int:
    """Run the job of the lease to its end; returns the exit status. In the main thread of a process of its own.

    Exits at once, without a word to the database, when the worker has died or the lease is lost. `prepare` opens what
    the job needs, after it is made sure that this process dies with its worker.
    """
    die_with(assignment.parent)
    queue, metadata, handlers = prepare()
    try:
        with sql.writing(metadata.engine) as connection:
            queue.beat(connection, assignment.lease)
            job = queue.read(connection, assignment.lease)
    except LeaseLost:
        return os.EX_TEMPFAIL
    task = Task(job, queue, metadata)

    def asked(_number: int, _frame: FrameType | None) -> None:
        task.ask_to_stop()

    signal.signal(signal.SIGTERM, asked)
    with heartbeat(task, assignment.parent):
        execute(task, handlers[job.kind])
    return os.EX_OK


def die_with(parent: int) -> None:
    """Let the system kill this process when the thread that started it ends (Linux); exit if that has happened."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(os.EX_TEMPFAIL)


@contextmanager
def heartbeat(task: Task, parent: int) -> Iterator[None]:
    """Move the lease on from another thread, and end the process when it is lost or the worker is gone."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(task, parent, done), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(task: Task, parent: int, done: threading.Event) -> None:
    last = time.monotonic()
    while not done.wait(min(task.queue.lease_seconds / 3, 1.0)):
        try:
            with sql.writing(task.metadata.engine) as connection:
                if task.queue.beat(connection, task.job.lease):
                    task.ask_to_stop()
            last = time.monotonic()
        except LeaseLost:
            if not task.settling and not done.is_set():
                _leave(task, "the lease is lost")
        except (SQLAlchemyError, TimeoutError) as fault:
            _log.warning("heartbeat missed", job=task.job.id, reason=str(fault))
            if time.monotonic() - last > task.queue.lease_seconds:
                _leave(task, "the lease has ended while the database could not be reached")
        if os.getppid() != parent:
            _leave(task, "the worker is gone")


def _leave(task: Task, why: str) -> None:
    # Not by an exception: the body may be anywhere, and must not do one thing more.
    _log.error("job leaves", job=task.job.id, kind=task.job.kind, why=why)
    os._exit(os.EX_TEMPFAIL)
