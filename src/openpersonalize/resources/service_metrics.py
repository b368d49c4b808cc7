"""The service's own metrics in AWS/Personalize: calls by campaign, recommender, tracker and dataset; jobs as they end.

Calls are gathered in memory (`calls`) and written once a minute, and when the server stops. A call counts when its
caller is known and what it names is there. Names, units and dimensions, oddities included, are Amazon's:
https://docs.aws.amazon.com/personalize/latest/dg/cloudwatch-metrics.html
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from openpersonalize import logs
from openpersonalize.arns import Arn
from openpersonalize.errors import InvalidInputException
from openpersonalize.jobs.queue import DONE, FAILED
from openpersonalize.resources.calls import Key, Tally
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.cloudwatch import NAMESPACE
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_import_jobs import DatasetImportJob
from openpersonalize.resources.datasets import Dataset, in_group, table_of
from openpersonalize.resources.event_trackers import ID_DIGITS, EventTracker
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.resource import find
from openpersonalize.resources.solutions import SolutionVersion
from openpersonalize.storage.metadata import Reading
from openpersonalize.storage.points import Point
from openpersonalize.wire.identity import Caller

MINUTE = 60
_MOST_MINUTES = 60  # so many are kept for a database that is away

Dimensions = tuple[tuple[str, str], ...]

_log = logs.get("metrics")


@dataclass(frozen=True)
class Names:
    """What an operation's metrics are called."""

    requests: str
    errors: str
    latency: str


CALLS: Mapping[str, Names] = {
    "get_recommendations": Names("GetRecommendations", "GetRecommendations", "GetRecommendationsLatency"),
    "get_personalized_ranking": Names(
        "GetPersonalizedRanking", "GetPersonalizedRanking", "GetPersonalizedRankingLatency"
    ),
    "put_events": Names("PutEventsRequests", "PutEvents", "PutEventLatency"),
    "put_items": Names("PutItemsRequests", "PutItems", "PutItemsLatency"),
    "put_users": Names("PutUsersRequests", "PutUsers", "PutUsersLatency"),
}


class Minutes:
    """Writes the calls of this process down, minute by minute."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = self._minute()
        self._waiting: list[tuple[int, Mapping[Key, Tally]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Write at the end of every minute."""
        self._thread.start()

    def close(self) -> None:
        """Write what is there, and no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.write()

    def write(self) -> None:
        """Write what was counted until now, with the minute in which counting began."""
        self._waiting.append((self._began, self._context.calls.take()))
        self._began = self._minute()
        try:
            self._context.points.put(
                [point for time, counted in self._waiting for point in _points(self._context, counted, time)]
            )
        except Exception:  # noqa: BLE001 - told here; calls go on without their metrics, and the next minute tries again
            _log.exception("metrics not written", minutes=len(self._waiting))
            del self._waiting[:-_MOST_MINUTES]
        else:
            self._waiting.clear()

    def _minute(self) -> int:
        now = int(self._context.now().timestamp())
        return now - now % MINUTE

    def _run(self) -> None:
        while not self._stop.wait(_until_the_next_minute(self._context.now())):
            self.write()


def _until_the_next_minute(now: datetime) -> float:
    return MINUTE - now.timestamp() % MINUTE


def _points(ctx: Context, counted: Mapping[Key, Tally], time: int) -> Iterator[Point]:
    if not counted:
        return
    with ctx.metadata.reading() as tx:
        for key, tally in counted.items():
            theirs = ctx.for_caller(Caller(key.account, key.region, "", "", ""))
            dimensions = _dimensions(theirs, tx, key)
            if dimensions is not None:
                yield from _of_calls(theirs, key.operation, tally, dimensions, time)


def _dimensions(ctx: Context, tx: Reading, key: Key) -> Dimensions | None:
    """What the calls were about, or None where that is not there."""
    try:
        if key.operation == "put_events":
            return _of_tracker(ctx, tx, key.subject)
        if key.operation in ("put_items", "put_users"):
            dataset = find(ctx, tx, Dataset, key.subject)
            return None if dataset is None else _of_dataset(dataset)
        if ":recommender/" in key.subject:
            return None if find(ctx, tx, Recommender, key.subject) is None else (("RecommenderArn", key.subject),)
        return None if find(ctx, tx, Campaign, key.subject) is None else (("CampaignArn", key.subject),)
    except InvalidInputException:
        return None  # the name of something else, which the caller was told


def _of_tracker(ctx: Context, tx: Reading, tracking_id: str) -> Dimensions | None:
    tracker = tx.find(EventTracker, ctx.arn(EventTracker.noun, tracking_id[:ID_DIGITS]))
    if tracker is None or tracker.tracking_id != tracking_id:
        return None
    dataset = in_group(ctx, tx, tracker.dataset_group_arn, "INTERACTIONS")
    return None if dataset is None else (*_of_dataset(dataset), ("EventTrackerArn", tracker.arn))


def _of_dataset(dataset: Dataset) -> Dimensions:
    return ("DatasetGroupArn", dataset.dataset_group_arn), ("DatasetArn", dataset.arn)


def _of_calls(ctx: Context, operation: str, tally: Tally, dimensions: Dimensions, time: int) -> Iterator[Point]:
    names = CALLS[operation]
    yield _count(ctx, names.requests, tally.count, dimensions, time)
    if tally.callers_fault:
        yield _count(ctx, f"{names.errors}4xxErrors", tally.callers_fault, dimensions, time)
    if tally.our_fault:
        yield _count(ctx, f"{names.errors}5xxErrors", tally.our_fault, dimensions, time)
    if tally.answered:
        yield replace(
            _point(ctx, names.latency, dimensions, time, value=_milliseconds(tally.seconds), unit="Milliseconds"),
            count=Decimal(tally.answered),
            minimum=_milliseconds(tally.least),
            maximum=_milliseconds(tally.most),
        )


def _milliseconds(seconds: float) -> Decimal:
    return Decimal(round(seconds * 1_000_000)) / 1000


def _count(ctx: Context, name: str, count: int, dimensions: Dimensions, time: int) -> Point:
    """So many times one."""
    made = _point(ctx, name, dimensions, time, value=Decimal(count), unit="Count")
    return replace(made, count=Decimal(count), minimum=Decimal(1), maximum=Decimal(1))


def _point(ctx: Context, name: str, dimensions: Dimensions, time: int, *, value: Decimal, unit: str) -> Point:
    """A single sample."""
    return Point(
        account=ctx.caller.account,
        region=ctx.caller.region,
        namespace=NAMESPACE,
        name=name,
        dimensions=dimensions,
        timestamp=time,
        value=value,
        unit=unit,
    )


def count_job(context: Context, kind: str, subject: str, outcome: str, seconds: float) -> None:
    """Write the metrics of an import or a training that has ended, done or failed; of other jobs there are none."""
    if outcome not in (DONE, FAILED) or kind not in ("dataset-import-job.create", "solution-version.create"):
        return
    arn = Arn.parse(subject)
    ctx = context.for_caller(Caller(arn.account, arn.region, "", "", ""))
    try:
        ctx.points.put(list(_of_job(ctx, kind, subject, seconds, failed=outcome == FAILED)))
    except Exception:  # noqa: BLE001 - told here; the job itself has ended as it has
        _log.exception("metrics of a job not written", kind=kind, subject=subject)


def _of_job(ctx: Context, kind: str, subject: str, seconds: float, *, failed: bool) -> Iterator[Point]:
    importing = kind == "dataset-import-job.create"
    name = "DatasetImportJob" if importing else "SolutionTrainingJob"
    dimensions = _of_import(ctx, subject) if importing else _of_training(ctx, subject)
    if dimensions is None:
        return
    time = int(ctx.now().timestamp())
    yield _count(ctx, f"{name}Requests", 1, dimensions, time)
    if failed:
        yield _count(ctx, f"{name}Error", 1, dimensions, time)
        return
    took = Decimal(round(seconds * 1000)) / 1000
    yield _point(ctx, f"{name}ExecutionTime", dimensions, time, value=took, unit="Seconds")
    if importing:
        size = ctx.records.statistics(table_of(dict(dimensions)["DatasetArn"])).bytes
        yield _point(ctx, "DatasetSize", dimensions, time, value=Decimal(size), unit="Bytes")


def _of_import(ctx: Context, subject: str) -> Dimensions | None:
    with ctx.metadata.reading() as tx:
        record = tx.find(DatasetImportJob, subject)
    if record is None:
        return None
    group, dataset = record.dataset_group_arn, record.dataset_arn
    return ("DatasetGroupArn", group), ("DatasetArn", dataset), ("DatasetImportJobArn", subject)


def _of_training(ctx: Context, subject: str) -> Dimensions | None:
    with ctx.metadata.reading() as tx:
        version = tx.find(SolutionVersion, subject)
    return None if version is None else (("SolutionArn", version.solution_arn), ("SolutionVersionArn", subject))
