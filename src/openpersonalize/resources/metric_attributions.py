"""Metric attributions: what a dataset group's recommendations brought in, by metric and source.

A group has at most one. What it counts is described here; the counting itself is `attribution_counting`.
Source: https://docs.aws.amazon.com/personalize/latest/dg/measuring-recommendation-impact.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openpersonalize import avro
from openpersonalize.errors import (
    InvalidInputException,
    JobFailed,
    LimitExceededException,
    ResourceAlreadyExistsException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from openpersonalize.expressions import metrics
from openpersonalize.expressions.faults import ExpressionError
from openpersonalize.jobs import Schedules, Task
from openpersonalize.resources import lifecycle
from openpersonalize.resources.attribution_counting import count_streamed, is_waiting, tell_uncounted
from openpersonalize.resources.attribution_records import MetricAttribution
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.datasets import in_group, schema_of
from openpersonalize.resources.paging import DEFAULT, listing, read_token, write_token
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import find, get, given, require_free
from openpersonalize.storage.metadata import Reading, Transaction
from openpersonalize.storage.objects import parse_location

LOOK = "metric-attribution.look-for-events"
COUNT = "metric-attribution.count"

Metric = dict[str, str]
"""A MetricAttribute as it came: eventType, metricName, expression."""


@operation
def create_metric_attribution(
    ctx: Context,
    *,
    name: str,
    dataset_group_arn: str,
    metrics: list[Metric],
    metrics_output_config: dict[str, Any],
) -> Answer:
    """Count from now on; all that is wrong with the metrics is told at once."""
    _require_location(metrics_output_config)
    now, place = ctx.now(), ctx.records.end_of_stream()
    with ctx.writing() as tx:
        group = get(ctx, tx, DatasetGroup, dataset_group_arn)
        lifecycle.require_active(group)
        record = MetricAttribution(
            name=name,
            metric_attribution_arn=ctx.arn(MetricAttribution.noun, name),
            dataset_group_arn=group.arn,
            metrics_output_config=metrics_output_config,
            metrics=metrics,
            counted_from=place,
            status=lifecycle.CREATE_PENDING,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, record)
        _require_first(ctx, tx, group)
        _require_metrics(ctx, "metrics", metrics, schemas_of(ctx, tx, group.arn))
        lifecycle.begin(ctx, tx, record)
    return {"metricAttributionArn": record.arn}


def _require_first(ctx: Context, tx: Reading, group: DatasetGroup) -> None:
    present = tx.select(MetricAttribution, ctx.caller.account, ctx.caller.region, group=group.arn)
    if present:
        raise LimitExceededException(
            f"The dataset group {group.arn} already has a metric attribution, {present[0].arn}; "
            "a group has at most one."
        )


def _require_location(config: Mapping[str, Any]) -> None:
    path = (config.get("s3DataDestination") or {}).get("path")
    if path is not None:
        parse_location(path)


def schemas_of(ctx: Context, tx: Reading, dataset_group_arn: str) -> dict[str, avro.Schema]:
    """The schemas a metric may speak of, by dataset type."""
    found = {kind: in_group(ctx, tx, dataset_group_arn, kind) for kind in ("INTERACTIONS", "ITEMS")}
    return {
        kind: schema_of(tx, dataset)
        for kind, dataset in found.items()
        if dataset is not None and dataset.status not in lifecycle.ENDING
    }


def _require_metrics(
    ctx: Context, member: str, wanted: Sequence[Metric], schemas: Mapping[str, avro.Schema], *, kept: int = 0
) -> None:
    """Raises InvalidInputException with every fault of the metrics and of what they need.

    The first `kept` of them are there already; `member` tells of those behind them.
    """
    faults, most = [], ctx.settings.quota_metrics
    interactions = schemas.get("INTERACTIONS")
    if interactions is None:
        faults.append("The dataset group has no Interactions dataset; a metric attribution needs one.")
    elif "EVENT_TYPE" not in interactions.by_name:
        faults.append("The Interactions schema has no EVENT_TYPE column; a metric attribution needs one.")
    if not wanted:
        faults.append(f"{member}: there is none; a metric attribution needs at least 1 metric.")
    if len(wanted) > most:
        faults.append(f"{member}: {len(wanted)} metrics; a metric attribution has at most {most}.")
    faults += _doubles(member, wanted, kept)
    for place, metric in enumerate(wanted[kept:], start=1):
        faults += _expression_fault(f"{member}.{place}.member.expression", metric, schemas)
    if faults:
        raise InvalidInputException(" ".join(faults))


def _expression_fault(where: str, metric: Metric, schemas: Mapping[str, avro.Schema]) -> list[str]:
    try:
        metrics.check(metrics.parse(metric["expression"]), schemas)
    except ExpressionError as fault:
        return [f"{where}: {metric['expression']!r}: {fault}."]
    return []


def _doubles(member: str, wanted: Iterable[Metric], kept: int) -> list[str]:
    """Names that are equal ignoring case would be one metric in every output."""
    seen: dict[str, str] = {}
    faults = []
    for place, metric in enumerate(wanted, start=1 - kept):
        name = metric["metricName"]
        if name.upper() in seen:
            faults.append(
                f"{member}.{place}.member.metricName: {name!r} and {seen[name.upper()]!r} are one metric in CloudWatch "
                "and in reports, where names stand in capitals; metric names must differ."
            )
        seen.setdefault(name.upper(), name)
    return faults


@operation
def describe_metric_attribution(ctx: Context, *, metric_attribution_arn: str) -> Answer:
    """All about one attribution but its metrics, which ListMetricAttributionMetrics tells."""
    with ctx.metadata.reading() as tx:
        return {"metricAttribution": get(ctx, tx, MetricAttribution, metric_attribution_arn)}


@operation
def list_metric_attributions(
    ctx: Context, *, dataset_group_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The attributions of a group, or all."""
    return listing(
        ctx,
        MetricAttribution,
        "metricAttributions",
        parent=dataset_group_arn,
        max_results=max_results,
        next_token=next_token,
    )


@operation
def list_metric_attribution_metrics(
    ctx: Context,
    *,
    metric_attribution_arn: str | None = None,
    next_token: str | None = None,
    max_results: int | None = None,
) -> Answer:
    """The metrics of an attribution, in the order in which they were given; none for one that is not there.

    The model of this operation names no ResourceNotFoundException.
    """
    arn = _required(metric_attribution_arn)
    with ctx.metadata.reading() as tx:
        record = find(ctx, tx, MetricAttribution, arn)
    metrics = [] if record is None else record.metrics
    scope = f"metrics|{arn}"
    start = read_token(ctx, scope, next_token) or 0
    end = start + (max_results or DEFAULT)
    answer: Answer = {"metrics": metrics[start:end]}
    if end < len(metrics):
        answer["nextToken"] = write_token(ctx, scope, end)
    return answer


def _required(metric_attribution_arn: str | None) -> str:
    if metric_attribution_arn is None:
        raise InvalidInputException.violation(None, "metricAttributionArn", "not be null")
    return metric_attribution_arn


@operation
def update_metric_attribution(
    ctx: Context,
    *,
    metric_attribution_arn: str | None = None,
    add_metrics: list[Metric] | None = None,
    remove_metrics: list[str] | None = None,
    metrics_output_config: dict[str, Any] | None = None,
) -> Answer:
    """Remove metrics, then add, in one step; events that came before are counted by the old ones first."""
    arn = _required(metric_attribution_arn)
    if not (add_metrics or remove_metrics or metrics_output_config):
        raise InvalidInputException("Give at least one of addMetrics, removeMetrics and metricsOutputConfig.")
    _require_location(metrics_output_config or {})
    with ctx.metadata.reading() as tx:
        record = given(ctx, tx, MetricAttribution, arn)
    if record.status == lifecycle.ACTIVE:
        count_streamed(ctx, record)
    with ctx.writing() as tx:
        record = given(ctx, tx, MetricAttribution, arn)
        if record.status != lifecycle.ACTIVE:
            raise ResourceInUseException(
                f"The metric attribution {arn} is in {record.status} state; it must be ACTIVE."
            )
        kept = _without(record, remove_metrics or [])
        changed = [*kept, *_new(record, kept, add_metrics or [])]
        if add_metrics:
            schemas = schemas_of(ctx, tx, record.dataset_group_arn)
            _require_metrics(ctx, "addMetrics", changed, schemas, kept=len(kept))
        config = metrics_output_config or record.metrics_output_config
        tx.replace(record.but(ctx.now(), metrics=changed, metrics_output_config=config))
    return {"metricAttributionArn": arn}


def _without(record: MetricAttribution, names: Sequence[str]) -> list[Metric]:
    known = {metric["metricName"] for metric in record.metrics}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ResourceNotFoundException(
            f"removeMetrics: {record.arn} has no metric {', '.join(unknown)}; "
            f"it has {', '.join(sorted(known)) or 'none'}."
        )
    return [metric for metric in record.metrics if metric["metricName"] not in names]


def _new(record: MetricAttribution, kept: Sequence[Metric], added: Sequence[Metric]) -> Sequence[Metric]:
    taken = {metric["metricName"].upper() for metric in kept}
    known = [metric["metricName"] for metric in added if metric["metricName"].upper() in taken]
    if known:
        raise ResourceAlreadyExistsException(
            f"addMetrics: {record.arn} already has a metric {', '.join(known)} (names are compared ignoring case)."
        )
    return added


@operation
def delete_metric_attribution(ctx: Context, *, metric_attribution_arn: str) -> None:
    """Count what came until now, then stop; points and reports stay where they are."""
    with ctx.writing() as tx:
        record = given(ctx, tx, MetricAttribution, metric_attribution_arn)
        lifecycle.require_deletable(record)
        lifecycle.end(ctx, tx, record)


@job("metric-attribution.create", failed=lifecycle.create_failed(MetricAttribution), inline=True)
def create(ctx: Context, task: Task) -> None:
    """Try the destination of reports, so that a wrong one is found now and not with the first import."""
    with task.transaction() as tx:
        record = lifecycle.become(ctx, tx, tx.get(MetricAttribution, task.subject), lifecycle.CREATE_IN_PROGRESS)
    ctx.ledger.begin(record.arn, record.counted_from)
    destination = record.destination
    if destination is not None:
        bucket = parse_location(destination).bucket
        if not ctx.objects.bucket_exists(bucket):
            raise JobFailed(
                f"metricsOutputConfig.s3DataDestination.path: there is no bucket {bucket} in {ctx.objects.place}."
            )
    with task.publish() as tx:
        lifecycle.become(ctx, tx, tx.get(MetricAttribution, task.subject), lifecycle.ACTIVE)
        Schedules(ctx.queue).ensure(
            tx.connection,
            f"count {record.arn}",
            kind=LOOK,
            subject=record.arn,
            every=ctx.settings.event_settle_seconds,
        )


def _try_again_at_the_next_look(_ctx: Context, _tx: Transaction, _subject: str, _reason: str) -> None:
    """Nothing is lost: events stay where they are until they are counted."""


@job(LOOK, failed=_try_again_at_the_next_look, inline=True)
def look(ctx: Context, task: Task) -> None:
    """Enqueue a count if events wait; end the schedule with the attribution."""
    with ctx.metadata.reading() as tx:
        record = tx.find(MetricAttribution, task.subject)
    waiting = record is not None and is_waiting(ctx, record)
    with task.publish() as tx:
        if record is None:
            Schedules(ctx.queue).cancel(tx.connection, subject=task.subject)
        elif waiting:
            ctx.queue.enqueue(tx.connection, COUNT, task.subject, unique=f"count {task.subject}")


def _tell(ctx: Context, tx: Transaction, subject: str, reason: str) -> None:
    """Nothing is lost: events stay where they are until they are counted, at the next look or when metrics are read."""
    tell_uncounted(ctx, tx, subject, reason)


@job(COUNT, failed=_tell)
def count(ctx: Context, task: Task) -> None:
    """Count the events that wait."""
    with ctx.metadata.reading() as tx:
        record = tx.find(MetricAttribution, task.subject)
    if record is not None:
        count_streamed(ctx, record)
    with task.publish() as done:
        tell_uncounted(ctx, done, task.subject, None)


def _count_the_rest(ctx: Context, record: MetricAttribution) -> None:
    count_streamed(ctx, record)
    ctx.ledger.forget(record.arn)


lifecycle.deleted_by_a_step(MetricAttribution, _count_the_rest)
