"""What the body of a job is given: its subject, a way to tell how far it is, and transactions under its lease."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from openpersonalize.jobs.queue import DONE, Job, Queue, Stopped
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata, Transaction

_REPORT_SECONDS = 0.5


class Later(Exception):  # noqa: N818 - a wish, not an error
    """Raised by a body that has to wait: run it again after `seconds`; this does not use up an attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:g} s")
        self.seconds = seconds


class Task:
    """A claimed job while its body runs.

    Every write goes through the lease: when another worker has taken over, LeaseLost is raised and nothing is written.
    """

    def __init__(self, job: Job, queue: Queue, metadata: Metadata) -> None:
        self.job = job
        self.queue = queue
        self.metadata = metadata
        self.finished = False  # published, or ended in another way
        self.settling = False  # its last transaction is under way: the row may be ended before the commit has returned
        self._asked = threading.Event()
        self._reported = -_REPORT_SECONDS

    @property
    def subject(self) -> str:
        """The ARN, or other name, that the job was enqueued for."""
        return self.job.subject

    @property
    def payload(self) -> Mapping[str, Any]:
        """What was enqueued with it."""
        return self.job.payload

    def ask_to_stop(self) -> None:
        """Let the next `progress` raise Stopped; may be called from any thread and from a signal handler."""
        self._asked.set()

    def progress(self, fraction: float, text: str = "") -> None:
        """Tell how far the job is, 0 to 1; call it often: it writes twice a second at most.

        Raises Stopped when the job shall end and LeaseLost when it is another's. Not inside a transaction.
        """
        if self._asked.is_set():
            raise Stopped
        now = time.monotonic()
        if now - self._reported < _REPORT_SECONDS:
            return
        with sql.writing(self.metadata.engine) as connection:
            stop = self.queue.beat(connection, self.job.lease, progress=(fraction, text))
        self._reported = now
        if stop:
            raise Stopped

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A metadata write transaction under the lease, for steps on the way. Raises Stopped and LeaseLost."""
        with self.metadata.transaction() as tx:
            if self.queue.beat(tx.connection, self.job.lease):
                raise Stopped
            yield tx

    def verify(self) -> None:
        """Make sure, just before an effect outside the database, that the job is still ours and wanted.

        Raises Stopped and LeaseLost. Not inside a transaction.
        """
        with sql.writing(self.metadata.engine) as connection:
            if self.queue.beat(connection, self.job.lease):
                raise Stopped

    @contextmanager
    def publish(self) -> Iterator[Transaction]:
        """The metadata write transaction that ends the job: what is written in it is true exactly if the job is done.

        Raises Stopped when a stop was asked for before, and LeaseLost.
        """
        with self.last_transaction() as tx:
            if self.queue.end(tx.connection, self.job.lease, DONE):
                raise Stopped
            yield tx

    @contextmanager
    def last_transaction(self) -> Iterator[Transaction]:
        """A metadata write transaction after whose commit the job is no longer ours; the caller writes the row."""
        if self.finished:
            raise RuntimeError("This job has ended already.")
        self.settling = True
        try:
            with self.metadata.transaction() as tx:
                yield tx
            self.finished = True
        finally:
            self.settling = self.finished
