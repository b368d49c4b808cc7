"""GetMetricData: many metrics at once, and arithmetic over them.

The whole request is read and computed for each page; a token is the number of values that earlier pages have shown.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openpersonalize.errors import (
    InvalidInputException,
    InvalidNextToken,
    InvalidNextTokenException,
    InvalidParameterValueException,
)
from openpersonalize.expressions import ExpressionError
from openpersonalize.expressions.metric_math import Formula, Scene, Several, Value, evaluate, parse
from openpersonalize.resources.cloudwatch import SERVICE
from openpersonalize.resources.context import Context
from openpersonalize.resources.metric_statistics import STATISTICS, Span, by_period, dimensions_of, span
from openpersonalize.resources.paging import read_token, write_token
from openpersonalize.resources.registry import BEFORE_METRICS, Answer, operation_of
from openpersonalize.storage import points

MOST_QUERIES = 500
MOST_VALUES = 100_800
MOST_PERIODS = 1_000_000
"""Periods of all queries together; what a request may make us compute."""

MOST_LEVELS = 32
"""How many formulas may stand on each other."""

_DEFAULT_PERIOD = 300
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Query:
    """One entry of a request: a metric to read, or a formula to compute."""

    id: str
    label: str
    shown: bool
    period: int
    metric: Mapping[str, Any] | None = None
    formula: Formula | None = None


@dataclass(frozen=True)
class Line:
    """One time series of an answer."""

    id: str
    label: str
    series: Mapping[int, float]


@dataclass
class Request:
    """All queries with the time they ask for, and what they have come to so far."""

    queries: Mapping[str, Query]
    spans: Mapping[str, Span]
    values: dict[str, Value] = field(default_factory=dict)


@operation_of(SERVICE)
def get_metric_data(
    ctx: Context,
    *,
    metric_data_queries: list[dict[str, Any]],
    start_time: float,
    end_time: float,
    next_token: str | None = None,
    scan_by: str = "TimestampDescending",
    max_datapoints: int = MOST_VALUES,
    label_options: dict[str, str] | None = None,
) -> Answer:
    """The values of metrics and formulas, newest first unless `scan_by` says otherwise; page by page."""
    del label_options  # the time zone of times inside labels, of which there are none
    if not 1 <= max_datapoints <= MOST_VALUES:
        raise InvalidInputException.violation(max_datapoints, "maxDatapoints", f"be between 1 and {MOST_VALUES}")
    request = _request(ctx, metric_data_queries, start_time, end_time)
    scope = f"GetMetricData|{metric_data_queries}|{start_time}|{end_time}|{scan_by}"
    try:
        skipped = read_token(ctx, scope, next_token) or 0
    except InvalidNextTokenException as fault:
        raise InvalidNextToken(fault.message) from fault
    for count in BEFORE_METRICS:
        count(ctx)
    lines = list(_lines(ctx, request))
    shown = skipped + max_datapoints
    answer: Answer = {
        "MetricDataResults": list(_page(lines, skipped, shown, newest_first=scan_by == "TimestampDescending")),
        "Messages": [],
    }
    if sum(len(line.series) for line in lines) > shown:
        answer["NextToken"] = write_token(ctx, scope, shown)
    return answer


def _page(lines: Sequence[Line], first: int, end: int, *, newest_first: bool) -> Iterator[dict[str, Any]]:
    """The values from the `first` to before the `end`, counted over all lines."""
    begin = 0
    for line in lines:
        times = sorted(line.series, reverse=newest_first)
        here = times[max(first - begin, 0) : max(end - begin, 0)]
        stop = begin + len(times)
        if here or (not times and first <= begin < end):
            yield {
                "Id": line.id,
                "Label": line.label,
                "Timestamps": here,
                "Values": [line.series[time] for time in here],
                "StatusCode": "Complete" if stop <= end else "PartialData",
            }
        begin = stop


def _request(ctx: Context, given: Sequence[Mapping[str, Any]], start_time: float, end_time: float) -> Request:
    """The queries, checked; raises InvalidInputException."""
    if not 1 <= len(given) <= MOST_QUERIES:
        raise InvalidInputException.violation(
            f"[{len(given)} entries]", "metricDataQueries", f"have between 1 and {MOST_QUERIES} entries"
        )
    periods = [one["MetricStat"]["Period"] for one in given if "MetricStat" in one]
    finest = min(periods, default=_DEFAULT_PERIOD)
    queries: dict[str, Query] = {}
    for place, one in enumerate(given, start=1):
        query = _query(ctx, f"metricDataQueries.{place}.member", one, finest)
        if query.id in queries:
            raise InvalidInputException(f"The id {query.id} stands for two queries; ids must be unique.")
        queries[query.id] = query
    if not any(query.shown for query in queries.values()):
        raise InvalidInputException("At least one query must have ReturnData true.")
    try:
        spans = {query.id: span(start_time, end_time, query.period) for query in queries.values()}
    except InvalidParameterValueException as fault:
        raise InvalidInputException(fault.message) from fault
    wanted = sum(len(cut.times) for cut in spans.values())
    if wanted > MOST_PERIODS:
        raise InvalidInputException(
            f"The queries ask for {wanted:,} periods; at most {MOST_PERIODS:,} can be asked for."
        )
    return Request(queries, spans)


def _query(ctx: Context, where: str, given: Mapping[str, Any], finest: int) -> Query:
    name = given["Id"]
    if not _ID.fullmatch(name):
        raise InvalidInputException.violation(
            name, f"{where}.id", "begin with a lower-case letter, and go on with letters, digits and _"
        )
    if ("MetricStat" in given) == ("Expression" in given):
        raise InvalidInputException(f"The query {name} must have exactly one of MetricStat and Expression.")
    if given.get("AccountId", ctx.caller.account) != ctx.caller.account:
        raise InvalidInputException(f"The query {name} asks for another account; metrics of one's own can be read.")
    shown = given.get("ReturnData", True)
    if "Expression" in given:
        return _formula(name, given, shown=shown, finest=finest)
    metric = given["MetricStat"]
    if "MetricName" not in metric["Metric"] or "Namespace" not in metric["Metric"]:
        raise InvalidInputException(f"The metric of query {name} must have Namespace and MetricName.")
    if metric["Stat"] not in STATISTICS:
        raise InvalidInputException.violation(
            metric["Stat"], f"{where}.metricStat.stat", f"be one of {', '.join(STATISTICS)}"
        )
    label = given.get("Label") or metric["Metric"]["MetricName"]
    return Query(name, label, shown, metric["Period"], metric=metric)


def _formula(name: str, given: Mapping[str, Any], *, shown: bool, finest: int) -> Query:
    try:
        formula = parse(given["Expression"])
    except ExpressionError as fault:
        raise _wrong(name, fault) from fault
    return Query(name, given.get("Label") or name, shown, given.get("Period", finest), formula=formula)


def _wrong(name: str, fault: ExpressionError) -> InvalidInputException:
    return InvalidInputException(f"Error in expression '{name}': {fault}.")


def _lines(ctx: Context, request: Request) -> Iterator[Line]:
    """The time series to show, in the order of their queries; a formula may come to several."""
    for query in request.queries.values():
        value = _value(ctx, request, query, ())
        if not query.shown:
            continue
        if isinstance(value, Several):
            labels = {name: other.label for name, other in request.queries.items()}
            yield from (Line(query.id, labels.get(name, query.label), one) for name, one in value.series.items())
        elif not isinstance(value, float):
            yield Line(query.id, query.label, value)


def _value(ctx: Context, request: Request, query: Query, above: tuple[str, ...]) -> Value:
    """What a query comes to, computed once; `above` are the formulas that wait for it."""
    if query.id not in request.values:
        if query.formula is None:
            request.values[query.id] = _read(ctx, request, query)
        else:
            request.values[query.id] = _computed(ctx, request, query, query.formula, above)
    return request.values[query.id]


def _read(ctx: Context, request: Request, query: Query) -> Value:
    asked: Mapping[str, Any] = query.metric or {}
    metric, cut, unit = asked["Metric"], request.spans[query.id], asked.get("Unit")
    series = points.Series(
        account=ctx.caller.account,
        region=ctx.caller.region,
        namespace=metric["Namespace"],
        name=metric["MetricName"],
        dimensions=dimensions_of(metric.get("Dimensions")),
    )
    found = [point for point in ctx.points.read(series, cut.start, cut.end) if unit in (None, point.unit)]
    statistic = STATISTICS[asked["Stat"]]
    return {time: statistic(together) for time, together in by_period(found, cut).items()}


def _computed(ctx: Context, request: Request, query: Query, formula: Formula, above: tuple[str, ...]) -> Value:
    if query.id in above:
        raise InvalidInputException(f"Error in expression '{query.id}': it needs itself, by {' → '.join(above)}.")
    if len(above) > MOST_LEVELS:
        raise InvalidInputException(f"Error in expression '{query.id}': over {MOST_LEVELS} expressions lead to it.")
    metrics = {name: other for name, other in request.queries.items() if other.formula is None}
    needed = [request.queries[name] for name in sorted(formula.names) if name in request.queries]
    known = {one.id: _value(ctx, request, one, (*above, query.id)) for one in (*needed, *metrics.values())}
    scene = Scene(known, {name: metric.label for name, metric in metrics.items()}, request.spans[query.id].times)
    try:
        return evaluate(formula, scene)
    except ExpressionError as fault:
        raise _wrong(query.id, fault) from fault
