"""Published points against raw events: what the same window comes to today.

Points are published once and never changed; events that arrive later, or were never counted, show here.
"""

import tempfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from openpersonalize.attribution import events, tables, tally
from openpersonalize.attribution.events import UNDEFINED, WINDOW_SECONDS, Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.report import Inputs


@dataclass(frozen=True)
class Point:
    """A metric's value for one source in the window of 15 minutes that begins at `start` (epoch seconds)."""

    metric: str
    source: str
    start: int
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A window whose two values are not equal; None where one side has no point."""

    window: datetime
    source: str
    metric: str
    published: Decimal | None
    recomputed: Decimal | None


def check(
    inputs: Inputs,
    period: Period,
    published: Iterable[Point],
    *,
    named: Collection[str] | None = None,
    memory: str = tables.MEMORY,
) -> list[Difference]:
    """The differences in all windows that the period touches; published points outside are not looked at.

    `named` are the sources that have a name in published points, where no other can have one any more: what others
    brought is looked for under `SOURCE_NAME_UNDEFINED`, where it was published.
    """
    period = _whole(period)
    inside = (point for point in published if period.start <= point.start < period.end)
    found = recompute(inputs, period, memory)
    if named is not None:
        found = [point if point.source in named else replace(point, source=UNDEFINED) for point in found]
    return differences(inside, found)


def _whole(period: Period) -> Period:
    """The period, widened to whole windows."""
    return Period(period.start // WINDOW_SECONDS * WINDOW_SECONDS, -(-period.end // WINDOW_SECONDS) * WINDOW_SECONDS)


def recompute(inputs: Inputs, period: Period, memory: str = tables.MEMORY) -> list[Point]:
    """The points of a period from the events as they are kept now, in order of time.

    `inputs.served` and `inputs.randomised` are not looked at.
    """
    with tempfile.TemporaryDirectory(prefix="openpersonalize-report-") as folder:
        connection = tables.connect(memory, Path(folder))
        try:
            events.add_views(connection, inputs.interactions, inputs.items)
            found = events.read(connection, inputs.measures, period, inputs.sources)
            cells = tally.cells(connection, found, WINDOW_SECONDS)
        finally:
            connection.close()
    return [point for cell in cells for point in _points(cell, inputs.measures)]


def _points(cell: tally.Cell, measures: Sequence[Measure]) -> list[Point]:
    return [
        Point(measure.name, cell.source, cell.start, cell.value(measure))
        for measure in measures
        if measure.kind == cell.kind
    ]


def differences(published: Iterable[Point], recomputed: Iterable[Point]) -> list[Difference]:
    """Every window where the two are not equal, by time, source and metric.

    Metric names are compared ignoring case. Points of one window are added up, for what comes late is published
    beside what was there. A point of 0 and none at all are equal.
    """
    names: dict[str, str] = {}
    old, new = _added(published, names), _added(recomputed, names)
    return [
        Difference(
            window=datetime.fromtimestamp(start, UTC),
            source=source,
            metric=names[metric],
            published=old.get((start, source, metric)),
            recomputed=new.get((start, source, metric)),
        )
        for start, source, metric in sorted(old.keys() | new.keys())
        if old.get((start, source, metric), 0) != new.get((start, source, metric), 0)
    ]


def _added(points: Iterable[Point], names: dict[str, str]) -> dict[tuple[int, str, str], Decimal]:
    """Sums by window, source and metric; `names` keeps the spelling seen last."""
    found: dict[tuple[int, str, str], Decimal] = {}
    for point in points:
        names[point.metric.upper()] = point.metric
        key = point.start, point.source, point.metric.upper()
        found[key] = found.get(key, Decimal(0)) + point.value
    return found
