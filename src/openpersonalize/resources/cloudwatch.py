"""CloudWatch's list of metrics, and metrics that users put beside those of the service.

Points of the service stand in the namespace AWS/Personalize: what attributions count, and what calls and jobs took.
How they are read: `metric_statistics`, `metric_data`. How they leave for another CloudWatch: `metric_forwarding`.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from openpersonalize.errors import (
    InvalidNextTokenException,
    InvalidParameterCombinationException,
    InvalidParameterValueException,
    MissingRequiredParameterException,
)
from openpersonalize.resources.context import Context
from openpersonalize.resources.paging import read_token, write_token
from openpersonalize.resources.registry import BEFORE_METRICS, Answer, operation_of
from openpersonalize.storage.points import LARGEST, Point, total

SERVICE = "cloudwatch"
NAMESPACE = "AWS/Personalize"
LISTED = timedelta(days=14)
"""A metric without a point for so long is listed no more."""

_PAGE = 500
_MOST_POINTS = 1000
_MOST_VALUES = 150
_AHEAD = timedelta(hours=2)
_OWN_PREFIX = "AWS/"


@operation_of(SERVICE)
def list_metrics(
    ctx: Context,
    *,
    namespace: str | None = None,
    metric_name: str | None = None,
    dimensions: list[dict[str, str]] | None = None,
    next_token: str | None = None,
    recently_active: str | None = None,
    include_linked_accounts: bool = False,
    owning_account: str | None = None,
) -> Answer:
    """The caller's metrics with a point in the last two weeks, or with `recently_active` three hours."""
    if owning_account not in (None, ctx.caller.account):
        return {"Metrics": []}  # no account is linked with another here
    for count in BEFORE_METRICS:
        count(ctx)
    wanted = [(given["Name"], given.get("Value")) for given in dimensions or []]
    scope = f"ListMetrics|{namespace}|{metric_name}|{wanted}|{recently_active}"
    try:
        after = read_token(ctx, scope, next_token) or 0
    except InvalidNextTokenException as fault:
        raise InvalidParameterValueException(fault.message) from fault
    since = ctx.now() - (timedelta(hours=3) if recently_active else LISTED)
    found = ctx.points.names(
        ctx.caller.account,
        ctx.caller.region,
        namespace=namespace,
        name=metric_name,
        dimensions=wanted,
        since=int(since.timestamp()),
        after=after,
        limit=_PAGE + 1,
    )
    answer: Answer = {"Metrics": [_metric(series) for series in found[:_PAGE]]}
    if include_linked_accounts:
        answer["OwningAccounts"] = [ctx.caller.account] * len(answer["Metrics"])
    if len(found) > _PAGE:
        answer["NextToken"] = write_token(ctx, scope, found[_PAGE - 1].id)
    return answer


def _metric(series: Any) -> dict[str, Any]:
    return {
        "Namespace": series.namespace,
        "MetricName": series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
    }


@operation_of(SERVICE)
def put_metric_data(
    ctx: Context,
    *,
    namespace: str,
    metric_data: list[dict[str, Any]] | None = None,
    entity_metric_data: list[dict[str, Any]] | None = None,
    strict_entity_validation: bool = False,
) -> None:
    """Keep points in a namespace of the caller's own; they are never sent on."""
    del strict_entity_validation  # says how strictly to read entities, of which there are none
    if namespace.startswith(_OWN_PREFIX):
        raise InvalidParameterValueException(
            f"The value {namespace} for parameter Namespace is invalid: it is kept for services."
        )
    if entity_metric_data:
        raise InvalidParameterValueException("The parameter EntityMetricData is not available in this version.")
    if not metric_data:
        raise MissingRequiredParameterException("The parameter MetricData is required.")
    if len(metric_data) > _MOST_POINTS:
        raise InvalidParameterValueException(f"The parameter MetricData must have at most {_MOST_POINTS} entries.")
    points = [_point(ctx, namespace, place, datum) for place, datum in enumerate(metric_data, start=1)]
    ctx.points.put(points, forward=False)


def _point(ctx: Context, namespace: str, place: int, datum: dict[str, Any]) -> Point:
    where = f"MetricData.member.{place}"
    dimensions = tuple((given["Name"], given["Value"]) for given in datum.get("Dimensions", ()))
    if len(dict(dimensions)) < len(dimensions):
        raise InvalidParameterValueException(f"The parameter {where}.Dimensions names a dimension twice.")
    value, count, minimum, maximum = _samples(where, datum)
    return Point(
        account=ctx.caller.account,
        region=ctx.caller.region,
        namespace=namespace,
        name=datum["MetricName"],
        dimensions=dimensions,
        timestamp=_time(ctx, where, datum),
        value=value,
        count=count,
        minimum=minimum,
        maximum=maximum,
        unit=datum.get("Unit", "None"),
    )


def _time(ctx: Context, where: str, datum: dict[str, Any]) -> int:
    now = ctx.now()
    seconds: float = datum.get("Timestamp", now.timestamp())
    if not (now - LISTED).timestamp() <= seconds <= (now + _AHEAD).timestamp():
        raise InvalidParameterValueException(
            f"The parameter {where}.Timestamp must be at most two weeks past and two hours ahead."
        )
    return int(seconds)


def _samples(where: str, datum: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Sum, count, minimum and maximum of a datum in one of its three forms."""
    forms = [form for form in ("Value", "StatisticValues", "Values") if form in datum]
    if len(forms) != 1:
        raise InvalidParameterCombinationException(
            f"The parameter {where} must have exactly one of Value, StatisticValues and Values."
        )
    if forms == ["StatisticValues"]:
        given = datum["StatisticValues"]
        names = ("Sum", "SampleCount", "Minimum", "Maximum")
        value, count, minimum, maximum = (_number(f"{where}.StatisticValues.{name}", given[name]) for name in names)
    else:
        pairs = list(_pairs(where, datum))
        values = [value for value, _ in pairs]
        value, count = total(value * count for value, count in pairs), total(count for _, count in pairs)
        minimum, maximum = min(values), max(values)
    if count <= 0:
        raise InvalidParameterValueException(f"The parameter {where} must count more than 0 samples, not {count}.")
    return value, count, minimum, maximum


def _pairs(where: str, datum: dict[str, Any]) -> Iterator[tuple[Decimal, Decimal]]:
    values = [datum["Value"]] if "Value" in datum else datum["Values"]
    counts = datum.get("Counts", [1] * len(values))
    if not 1 <= len(values) <= _MOST_VALUES or len(counts) != len(values):
        raise InvalidParameterValueException(
            f"The parameter {where}.Values must have 1 to {_MOST_VALUES} entries, and as many Counts."
        )
    for value, count in zip(values, counts, strict=True):
        yield _number(f"{where}.Value", value), _number(f"{where}.Counts", count)


def _number(where: str, given: float) -> Decimal:
    number = Decimal(str(given))
    if abs(number) > LARGEST:
        raise InvalidParameterValueException(f"The parameter {where} must be between -2^360 and 2^360, not {given}.")
    return number
