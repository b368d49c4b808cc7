"""Points on their way to another CloudWatch, and points that have grown old.

A point waits in the store until the other side has taken it; so it is sent at least once, each time with the same
values, and nothing is lost while the other side is away. A look now and then, which is a query, enqueues the sending.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from openpersonalize import logs
from openpersonalize.arns import Arn
from openpersonalize.jobs import Later, Schedules, Task
from openpersonalize.resources.cloudwatch import NAMESPACE
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import job
from openpersonalize.settings import Settings
from openpersonalize.storage.metadata import Transaction
from openpersonalize.storage.points import Point

LOOK, SEND, TIDY = "metrics.look-for-points", "metrics.send", "metrics.tidy"
AT_ONCE = 500
"""Points of one call: CloudWatch takes 1,000 and a megabyte, and our longest names would pass that."""

TAKEN = timedelta(days=14) - timedelta(hours=1)
"""CloudWatch takes points of the last two weeks; an hour is left for the way."""

_TIDY_SECONDS = 86400.0
_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 900.0
_TIMEOUT_SECONDS = 10
_REFUSALS_THAT_TELL = 8

# What the other side says of a point that it will never take.
_OF_THE_POINT = frozenset(
    {"InvalidParameterCombination", "InvalidParameterValue", "MissingParameter", "ValidationError"}
)

_log = logs.get("metrics")


class _Refused(Exception):  # noqa: N818 - what the other side did
    """Nothing of what was sent was taken, so the fault is hardly one of the points."""


def keep_schedules(ctx: Context) -> None:
    """Let points be tidied, and sent on if the settings name another CloudWatch; for workers that start."""
    schedules, subject = Schedules(ctx.queue), _subject(ctx.settings)
    with ctx.metadata.transaction() as tx:
        schedules.ensure(tx.connection, "tidy metrics", kind=TIDY, subject=subject, every=_TIDY_SECONDS)
        if ctx.settings.cloudwatch_url:
            every = ctx.settings.cloudwatch_forward_seconds
            schedules.ensure(tx.connection, "send metrics", kind=LOOK, subject=subject, every=every)
        else:
            schedules.cancel(tx.connection, name="send metrics")


def _subject(settings: Settings) -> str:
    return str(Arn(region=settings.region, account=settings.account, kind="metrics", tail=NAMESPACE))


def _try_again_at_the_next_look(_ctx: Context, _tx: Transaction, _subject: str, _reason: str) -> None:
    """Nothing is lost: points wait until they are taken."""


@job(LOOK, failed=_try_again_at_the_next_look, inline=True)
def look(ctx: Context, task: Task) -> None:
    """Enqueue a sending if points wait."""
    waiting = ctx.points.waiting(NAMESPACE, 1)
    with task.publish() as tx:
        if waiting:
            ctx.queue.enqueue(tx.connection, SEND, task.subject, unique=SEND)


@job(SEND, failed=_try_again_at_the_next_look)
def send(ctx: Context, task: Task) -> None:
    """Send what waits, the first put first; when the other side is away, try again after a pause that doubles."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = client_of(ctx.settings)
    try:
        for some in _waiting(ctx):
            task.progress(0.0, f"{len(some)} points")
            _send(ctx, client, some)
    except (BotoCoreError, ClientError, _Refused) as fault:
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(task.job.turn - 1, 20), _LONGEST_PAUSE_SECONDS)
        _log.warning("metrics not sent", url=ctx.settings.cloudwatch_url, reason=str(fault), again_in_seconds=pause)
        raise Later(pause) from fault
    with task.publish():
        return


def client_of(settings: Settings) -> Any:
    """A client of the CloudWatch that the settings name."""
    import botocore.session
    from botocore.config import Config

    return botocore.session.get_session().create_client(
        "cloudwatch",
        region_name=settings.cloudwatch_region,
        endpoint_url=settings.cloudwatch_url,
        aws_access_key_id=settings.cloudwatch_access_key or None,
        aws_secret_access_key=settings.cloudwatch_secret_key or None,
        config=Config(
            connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"total_max_attempts": 2}
        ),
    )


def _waiting(ctx: Context) -> Iterator[list[Point]]:
    """What waits and can be taken, some at a time; what has grown too old on the way is left out, and said so."""
    oldest = (ctx.now() - TAKEN).timestamp()
    after = 0
    while some := ctx.points.waiting(NAMESPACE, AT_ONCE, after=after):
        after = some[-1].id
        old = [point.id for point in some if point.timestamp < oldest]
        if old:
            _log.warning("metrics too old to be sent", points=len(old))
            ctx.points.sent(old)
        fresh = [point for point in some if point.timestamp >= oldest]
        if fresh:
            yield fresh


def _send(ctx: Context, client: Any, points: Sequence[Point]) -> None:
    """Send points together; where one is refused for what it is, all by themselves, and that one is given up.

    Raises _Refused when the first of them are all refused: then it is not for what they are.
    """
    if _taken(ctx, client, points) is None:
        ctx.points.sent([point.id for point in points])
        return
    taken = False
    refused: list[int] = []
    for point in points:
        reason = _taken(ctx, client, [point])
        if reason is None:
            taken = True
            ctx.points.sent([point.id])
            continue
        refused.append(point.id)
        _log.warning("a metric was refused", name=point.name, timestamp=point.timestamp, reason=reason)
        if not taken and len(refused) in (len(points), _REFUSALS_THAT_TELL):
            raise _Refused(reason)
    ctx.points.sent(refused)


def _taken(ctx: Context, client: Any, points: Sequence[Point]) -> str | None:
    """None when the other side has taken the points, or why it never will."""
    from botocore.exceptions import ClientError

    try:
        client.put_metric_data(
            Namespace=ctx.settings.cloudwatch_namespace, MetricData=[datum_of(point) for point in points]
        )
    except ClientError as fault:
        if fault.response["Error"]["Code"].removesuffix("Exception") in _OF_THE_POINT:
            return str(fault)
        raise
    return None


def datum_of(point: Point) -> dict[str, Any]:
    """A point as PutMetricData takes it: a single sample as its value, several as their statistics."""
    samples: dict[str, Any] = {"Value": float(point.value)}
    if point.count != 1:
        samples = {
            "StatisticValues": {
                "SampleCount": float(point.count),
                "Sum": float(point.value),
                "Minimum": float(point.least),
                "Maximum": float(point.most),
            }
        }
    return {
        "MetricName": point.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in point.dimensions],
        "Timestamp": datetime.fromtimestamp(point.timestamp, UTC),
        "Unit": point.unit,
        **samples,
    }


@job(TIDY, failed=_try_again_at_the_next_look, inline=True)
def tidy(ctx: Context, task: Task) -> None:
    """Forget points that are older than they are kept."""
    ctx.points.forget(int((ctx.now() - timedelta(days=ctx.settings.metric_keep_days)).timestamp()))
    with task.publish():
        return
