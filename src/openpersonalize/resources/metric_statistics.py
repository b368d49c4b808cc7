"""Statistics of one metric, period by period: GetMetricStatistics, and what GetMetricData does to each of its metrics.

Periods begin at multiples of themselves since 1970, whatever the start time: so a point of an attribution, which
carries the start of its quarter of an hour, is shown at exactly that time. Sums are exact until they are shown.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openpersonalize.errors import (
    InvalidParameterCombinationException,
    InvalidParameterValueException,
)
from openpersonalize.resources.cloudwatch import SERVICE
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import BEFORE_METRICS, Answer, operation_of
from openpersonalize.storage.points import Point, Series, total

MOST_DATAPOINTS = 1440
_SHORT_PERIODS = (1, 5, 10, 20, 30)
_MINUTE = 60


def _average(points: Sequence[Point]) -> float:
    return float(total(point.value for point in points)) / float(total(point.count for point in points))


STATISTICS: Mapping[str, Callable[[Sequence[Point]], float]] = {
    "Sum": lambda points: float(total(point.value for point in points)),
    "SampleCount": lambda points: float(total(point.count for point in points)),
    "Average": _average,
    "Minimum": lambda points: float(min(point.least for point in points)),
    "Maximum": lambda points: float(max(point.most for point in points)),
}


@dataclass(frozen=True)
class Span:
    """A time from `start` to before `end`, in epoch seconds, cut into periods."""

    start: int
    end: int
    period: int

    @property
    def times(self) -> range:
        """The beginnings of its periods."""
        return range(self.start, self.end, self.period)


def span(start_time: float, end_time: float, period: int) -> Span:
    """The periods that hold a time; raises InvalidParameterValueException for times or a period that cannot be."""
    if start_time >= end_time:
        raise InvalidParameterValueException("The parameter StartTime must be less than the parameter EndTime.")
    if period not in _SHORT_PERIODS and period % _MINUTE:
        raise InvalidParameterValueException(
            f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60 seconds, not {period}."
        )
    return Span(math.floor(start_time / period) * period, math.ceil(end_time), period)


def by_period(points: Sequence[Point], span: Span) -> dict[int, list[Point]]:
    """Points by the beginning of their period, oldest first."""
    found: dict[int, list[Point]] = {}
    for point in points:
        found.setdefault(point.timestamp - point.timestamp % span.period, []).append(point)
    return found


def dimensions_of(given: Sequence[Mapping[str, str]] | None) -> tuple[tuple[str, str], ...]:
    """The dimensions of a request."""
    return tuple((one["Name"], one["Value"]) for one in given or ())


@operation_of(SERVICE)
def get_metric_statistics(
    ctx: Context,
    *,
    namespace: str,
    metric_name: str,
    start_time: float,
    end_time: float,
    period: int,
    dimensions: list[dict[str, str]] | None = None,
    statistics: list[str] | None = None,
    extended_statistics: list[str] | None = None,
    unit: str | None = None,
) -> Answer:
    """At most 1,440 datapoints of one metric, oldest first; points of different units stay apart."""
    if extended_statistics:
        raise InvalidParameterValueException(
            "The parameter ExtendedStatistics is not available: points keep sums, counts and extremes, not percentiles."
        )
    if not statistics:
        raise InvalidParameterCombinationException("At least one of Statistics and ExtendedStatistics must be given.")
    cut = span(start_time, end_time, period)
    if len(cut.times) > MOST_DATAPOINTS:
        raise InvalidParameterCombinationException(
            f"You have requested up to {len(cut.times):,} datapoints, which exceeds the limit of "
            f"{MOST_DATAPOINTS:,}. You may reduce the datapoints requested by increasing Period, or decreasing the "
            "time range."
        )
    for count in BEFORE_METRICS:
        count(ctx)
    series = Series(
        account=ctx.caller.account,
        region=ctx.caller.region,
        namespace=namespace,
        name=metric_name,
        dimensions=dimensions_of(dimensions),
    )
    points = ctx.points.read(series, cut.start, cut.end)
    datapoints = [
        _datapoint(time, kind, of_a_kind, statistics)
        for time, together in by_period(points, cut).items()
        for kind, of_a_kind in _by_unit(together).items()
        if unit in (None, kind)
    ]
    return {"Label": metric_name, "Datapoints": datapoints}


def _by_unit(points: Sequence[Point]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.unit, []).append(point)
    return found


def _datapoint(time: int, unit: str, points: Sequence[Point], statistics: Sequence[str]) -> dict[str, Any]:
    return {"Timestamp": time, "Unit": unit, **{name: STATISTICS[name](points) for name in statistics}}
