"""The only place where parts are chosen and joined: settings to stores, stores to a context, a context to the door.

    Settings ─► Parts (metadata, records, objects, queue, models) ─► Context ─► Door     (`serving_app`)
                                                                            └─► Worker   (`worker`)

Start here to read the code: `docs/architecture.md` walks on from this file.
"""

import os
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openpersonalize import telemetry
from openpersonalize.arns import Arn
from openpersonalize.clock import Clock, SystemClock
from openpersonalize.jobs import Handler, Queue, Task, Worker
from openpersonalize.jobs.queue import Job as Row
from openpersonalize.resources import nouns
from openpersonalize.resources.calls import Calls
from openpersonalize.resources.context import Context, Recent
from openpersonalize.resources.metric_forwarding import keep_schedules
from openpersonalize.resources.registry import JOBS, OPERATIONS, Job
from openpersonalize.resources.service_metrics import Minutes, count_job
from openpersonalize.serving import descriptions, imported
from openpersonalize.serving.catalogues import Catalogues, for_filters
from openpersonalize.serving.filtering import Filtering
from openpersonalize.serving.models import Models
from openpersonalize.serving.scores import Scores
from openpersonalize.settings import Settings
from openpersonalize.storage import sql
from openpersonalize.storage.ledger import Ledger
from openpersonalize.storage.metadata import Metadata
from openpersonalize.storage.objects import Objects
from openpersonalize.storage.points import Points
from openpersonalize.storage.rates import Rates
from openpersonalize.storage.records import Records
from openpersonalize.storage.served import Served
from openpersonalize.wire.http import Door
from openpersonalize.wire.identity import Caller, Identity

SERVICE = "personalize.amazonaws.com"
"""The principal of jobs: the service itself."""

__all__ = ["Parts", "nouns", "open_parts", "serving_app", "worker"]


@dataclass(frozen=True)
class Parts:
    """Everything that is open; close it when done."""

    settings: Settings
    context: Context

    def close(self) -> None:
        """Write what waits, give back connections and files."""
        self.context.served.close()
        self.context.records.close()
        self.context.metadata.close()
        self.context.rates.close()


def open_parts(settings: Settings, clock: Clock | None = None) -> Parts:
    """Open every store the settings name, making what is missing, and join them into a context."""
    clock = clock or SystemClock()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    metadata = Metadata.open(settings.metadata_url or _sqlite(settings.data_dir / "metadata.db"), clock)
    events = sql.engine(settings.metadata_url or _sqlite(settings.data_dir / "events.db"))
    objects = _objects(settings, "s3")
    artefacts = _objects(settings, "artefacts")
    records = Records.open(settings.data_dir / "records", events, clock)
    context = Context(
        settings=settings,
        clock=clock,
        random=random.SystemRandom(),
        metadata=metadata,
        records=records,
        points=Points.open(events, clock),
        ledger=Ledger.open(events),
        served=Served.open(settings.data_dir / "records", events),
        objects=objects,
        artefacts=artefacts,
        queue=Queue(lease_seconds=settings.job_lease_seconds, attempts=settings.job_attempts),
        models=Models(artefacts, settings.data_dir / "cache" / "models"),
        scores=Scores(settings.score_cache_mb * 2**20),
        catalogues=Catalogues(records, clock, settings.filter_refresh_seconds, for_filters),
        descriptions=Catalogues(records, clock, settings.filter_refresh_seconds, descriptions.read),
        imported=Catalogues(
            records,
            clock,
            settings.filter_refresh_seconds,
            imported.reader(
                max(settings.filter_interactions, settings.filter_action_interactions), settings.filter_imported_events
            ),
            imported.state,
        ),
        filtering=Filtering(),
        recent=Recent(clock),
        rates=Rates(settings.data_dir / "cache" / "rates"),
        calls=Calls(),
        caller=Caller(settings.account, settings.region, SERVICE, "", ""),
    )
    return Parts(settings, context)


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path}"


def _objects(settings: Settings, folder: str) -> Objects:
    return Objects.open(
        settings.data_dir / folder,
        settings.objects_url,
        settings.objects_access_key,
        settings.objects_secret_key,
        settings.objects_region,
    )


def serving_app(parts: Parts) -> Door:
    """The ASGI application that answers all clients."""
    context = parts.context
    minutes = Minutes(context)

    def shutdown() -> None:
        minutes.close()
        parts.close()

    return Door(
        OPERATIONS,
        context.for_caller,
        partial(_identity, context),
        context.clock,
        parts.settings,
        ready=lambda: True,
        startup=minutes.start,
        shutdown=shutdown,
        observe=context.calls.observe,
    )


def _identity(context: Context, access_key_id: str) -> Identity | None:
    found = context.recent.get(("key", access_key_id), lambda: context.metadata.credentials.find(access_key_id))
    if found is None:
        return None
    return Identity(found.access_key_id, found.secret, found.account, found.principal_arn, found.token, found.expires)


def worker(parts: Parts) -> Worker:
    """The worker that runs the jobs of this data folder."""
    chosen = parts.settings
    keep_schedules(parts.context)
    return Worker(
        parts.context.queue,
        parts.context.metadata,
        handlers(parts.context),
        command=[sys.executable, "-m", "openpersonalize", "job", "--data-dir", str(chosen.data_dir)],
        environment=job_environment(os.environ),
        slots=chosen.job_slots,
        poll_seconds=chosen.job_poll_seconds,
        patience_seconds=chosen.job_patience_seconds,
        keep_days=chosen.job_keep_days,
        observe=partial(_observe, parts.context),
    )


def _observe(context: Context, job: Row, outcome: str, seconds: float) -> None:
    telemetry.count_job(job.kind, outcome, seconds)
    count_job(context, job.kind, job.subject, outcome, seconds)


def for_a_job(settings: Settings) -> tuple[Queue, Metadata, Mapping[str, Handler]]:
    """What the process of a job needs; it stays open until the process ends."""
    context = open_parts(settings).context
    return context.queue, context.metadata, handlers(context)


OF_SERVING = frozenset({"PROMETHEUS_MULTIPROC_DIR", "OPENBLAS_NUM_THREADS"})
"""Variables that `serve` sets for itself."""


def job_environment(own: Mapping[str, str]) -> dict[str, str]:
    """What the process of a job sees: no folder for counters, all cores, and an allocator that keeps its memory.

    glibc gives the pages of every big tensor back and faults them in again; told to keep them, a training runs about
    twice as fast. The settings are read when a process starts, so they cannot be made later.
    """
    kept = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_TOP_PAD_": "268435456"}
    return {name: value for name, value in own.items() if name not in OF_SERVING} | kept


def handlers(context: Context) -> Mapping[str, Handler]:
    """The bodies of all jobs, each with the context of the account and region its subject stands in."""
    return {kind: _handler(context, job) for kind, job in JOBS.items()}


def _handler(context: Context, job: Job) -> Handler:
    return Handler(
        run=lambda task: _run(job, _of(context, task.subject), task),
        on_failure=lambda tx, subject, reason: job.failed(_of(context, subject), tx, subject, reason),
        on_stop=lambda tx, subject: job.stopped(_of(context, subject), tx, subject, "stopped by the caller"),
        inline=job.inline,
    )


def _run(job: Job, context: Context, task: Task) -> None:
    try:
        job.body(context, task)
    finally:
        context.recent.clear()


def _of(context: Context, subject: str) -> Context:
    arn = Arn.parse(subject)
    return context.for_caller(Caller(arn.account, arn.region, SERVICE, "", ""))
