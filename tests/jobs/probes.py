"""Jobs to try workers with, and the programs that run them.

    python probes.py worker <url> <lease seconds>      works until SIGTERM
    python probes.py job <url> <lease seconds> …       one job, as a worker starts it

Each effect is a record, so a test can count what was done, and by which attempt.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from openpersonalize.clock import SystemClock
from openpersonalize.errors import JobFailed
from openpersonalize.jobs import Handler, Job, Queue, Task, Worker
from openpersonalize.jobs.child import Assignment, run
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata, Transaction

HERE = ("000000000000", "us-east-1")
PROGRAM = [sys.executable, __file__]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}


@dataclass(frozen=True, kw_only=True)
class Effect:
    """That something was done."""

    noun: ClassVar[str] = "effect"
    parent: ClassVar[None] = None
    group: ClassVar[None] = None

    arn: str
    status: str
    attempt: int = 0


def subject(name: str = "a") -> str:
    return f"arn:aws:personalize:us-east-1:000000000000:effect/{name}"


def record(tx: Transaction, arn: str, status: str, attempt: int = 0) -> None:
    count = tx.count(Effect, *HERE)
    tx.insert(Effect(arn=f"{arn}/{count}", status=status, attempt=attempt))


def done(task: Task) -> None:
    with task.publish() as tx:
        record(tx, task.subject, "done", task.job.attempts)


def slow(task: Task) -> None:
    """Runs for payload["seconds"], at the second attempt payload["again"], with an open ear."""
    seconds = task.payload["seconds"] if task.job.attempts == 1 else task.payload["again"]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        task.progress(0.5, f"process {os.getpid()}")
        time.sleep(0.02)
    done(task)


def deaf(task: Task) -> None:
    """Neither tells how far it is nor hears that it shall stop."""
    task.progress(0.1, f"process {os.getpid()}")
    time.sleep(task.payload["seconds"])
    done(task)


def crash(_task: Task) -> None:
    """Dies as if memory had run out."""
    os.kill(os.getpid(), signal.SIGKILL)


def broken(_task: Task) -> None:
    raise OSError(28, "No space left on device")


def hopeless(_task: Task) -> None:
    raise JobFailed("row 7: PRICE is not a number")


def handlers() -> Mapping[str, Handler]:
    def on_failure(tx: Transaction, arn: str, reason: str) -> None:
        record(tx, arn, f"failed: {reason}")

    def on_stop(tx: Transaction, arn: str) -> None:
        record(tx, arn, "stopped")

    def handler(body: Callable[[Task], None], *, inline: bool = False) -> Handler:
        return Handler(run=body, on_failure=on_failure, on_stop=on_stop, inline=inline)

    bodies = {"slow": slow, "deaf": deaf, "crash": crash, "broken": broken, "hopeless": hopeless}
    return {"step": handler(done, inline=True), **{name: handler(body) for name, body in bodies.items()}}


def enqueue(metadata: Metadata, kind: str, name: str = "a", **payload: Any) -> int:
    with metadata.transaction() as tx:
        return Queue().enqueue(tx.connection, kind, subject(name), payload=payload)


def latest(metadata: Metadata, name: str = "a") -> Job:
    with sql.reading(metadata.engine) as connection:
        found = Queue().latest(connection, subject(name))
    assert found is not None
    return found


def effects(metadata: Metadata) -> list[str]:
    with metadata.reading() as tx:
        return [effect.status for effect in tx.select(Effect, *HERE)]


def wait(condition: Callable[[], Any], seconds: float = 60.0) -> float:
    """Until it is true; returns how many seconds that took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not come true in time"
        time.sleep(0.02)
    return time.monotonic() - start


def worker_of(metadata: Metadata, url: str, lease: float, *, attempts: int = 3, **options: Any) -> Worker:
    return Worker(
        Queue(lease_seconds=lease, attempts=attempts),
        metadata,
        handlers(),
        environment=ENVIRONMENT,
        poll_seconds=0.05,
        patience_seconds=0.5,
        **{"command": [*PROGRAM, "job", url, str(lease)], **options},
    )


@contextmanager
def working(metadata: Metadata, url: str, lease: float = 5.0, **options: Any) -> Iterator[Worker]:
    """A worker in a thread of this process."""
    worker, stop = worker_of(metadata, url, lease, **options), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        thread.join()


def main(command: str, url: str, lease: str, *words: str) -> int:
    metadata = Metadata.open(url, SystemClock())
    if command == "job":
        return run(Assignment.read(words), lambda: (Queue(lease_seconds=float(lease)), metadata, handlers()))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker_of(metadata, url, float(lease)).run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
