"""Counting for a metric attribution: rows to values by metric, source and window of 15 minutes.

    rows, measures, sources ─► Counted ─► metric points (storage.points) and CSV reports (`csv_report`)

Source: https://docs.aws.amazon.com/personalize/latest/dg/measuring-recommendation-impact.html
"""

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from openpersonalize.attribution import events, tables, tally
from openpersonalize.attribution.events import UNDEFINED, WINDOW_SECONDS, Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.storage.points import Dimensions, Point

OWN_NAMESPACE = "openpersonalize"
"""Where points stand that Amazon does not know: what was left out of a count, and why."""

ALWAYS = Period(-(1 << 62), 1 << 62)


@dataclass(frozen=True)
class Value:
    """What one metric of one source comes to in the window that begins at `start` (epoch seconds)."""

    measure: Measure
    source: str
    start: int
    value: Decimal


@dataclass(frozen=True)
class Counted:
    """The values, and the events that need a word.

    `late` events belong to windows that had ended 15 minutes before they came; `stale` ones are older than 14 days.
    """

    values: tuple[Value, ...]
    late: int = 0
    stale: int = 0
    duplicates: int = 0
    nothing_given: int = 0
    unknown_ids: int = 0


def count(
    rows: tables.Rows,
    items: tables.Rows | None,
    measures: Sequence[Measure],
    sources: Mapping[str, str],
    *,
    stale: bool,
) -> Counted:
    """The values of `rows`, columns as in a table of interactions; `stale` tells whether events past 14 days count.

    `sources` are the ARNs by the last six digits of their recommendation ids. Age is that at arrival, so it does not
    matter when rows are counted. Whole numbers and up to six decimals are added exactly, others with compensation.
    """
    if not measures:
        return Counted(())
    with tempfile.TemporaryDirectory(prefix="openpersonalize-count-") as folder:
        connection = tables.connect(folder=Path(folder))
        try:
            events.add_views(connection, rows, items, [one.column for one in measures if one.column is not None])
            found = events.read(connection, measures, ALWAYS, sources)
            cells = tally.cells(connection, found if stale else _without_stale(found), WINDOW_SECONDS)
            old = _stale(found)
        finally:
            connection.close()
    values = [
        Value(measure, cell.source, cell.start, cell.value(measure))
        for cell in cells
        for measure in measures
        if measure.kind == cell.kind
    ]
    return Counted(
        tuple(values),
        late=sum(cell.late for cell in cells),
        stale=old,
        duplicates=found.duplicates,
        nothing_given=found.nothing_given,
        unknown_ids=found.unknown_ids,
    )


def _stale(found: events.Events) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(pc.equal(found.rows["late"], 2)).as_py() or 0)


def _without_stale(found: events.Events) -> events.Events:
    import pyarrow.compute as pc

    return replace(found, rows=found.rows.filter(pc.less(found.rows["late"], 2)))


def named(values: Iterable[Value], known: Collection[str], most: int) -> tuple[list[Value], list[str]]:
    """The values with the first `most` sources by their names and later ones undefined, and the names that are new.

    `known` are the names given before. New ones are given in the order of their first window, and of the alphabet
    within one.
    """
    names = list(known)
    fresh: list[str] = []
    shown = []
    for value in sorted(values, key=lambda value: (value.start, value.source)):
        source = value.source
        if source != UNDEFINED and source not in names:
            if len(names) < most:
                names.append(source)
                fresh.append(source)
            else:
                source = UNDEFINED
        shown.append(replace(value, source=source))
    return _added(shown), fresh


def _added(values: Iterable[Value]) -> list[Value]:
    """One value per metric, source and window."""
    found: dict[tuple[Measure, str, int], Decimal] = {}
    for value in values:
        key = (value.measure, value.source, value.start)
        found[key] = found.get(key, Decimal(0)) + value.value
    return [Value(measure, source, start, total) for (measure, source, start), total in found.items()]


@dataclass(frozen=True)
class Group:
    """Whose points they are."""

    account: str
    region: str
    arn: str


def points(group: Group, namespace: str, values: Iterable[Value]) -> list[Point]:
    """The values as CloudWatch knows them: names in capitals, two dimensions, one sample each."""
    return [
        Point(
            account=group.account,
            region=group.region,
            namespace=namespace,
            name=value.measure.name.upper(),
            dimensions=dimensions(value.source, group.arn),
            timestamp=value.start,
            value=value.value,
        )
        for value in values
    ]


def dimensions(source: str, group_arn: str) -> Dimensions:
    """The two dimensions of an attributed metric, in Amazon's order."""
    return (("EventAttributionSource", source), ("DatasetGroupArn", group_arn))


def notes(group: Group, counted: Counted, now: int) -> list[Point]:
    """What was left out or stood out, as points of our own namespace at `now` (epoch seconds)."""
    numbers = {
        "AttributionDuplicateEvents": counted.duplicates,
        "AttributionLateEvents": counted.late,
        "AttributionStaleEvents": counted.stale,
        "AttributionEventsWithoutSource": counted.nothing_given,
        "AttributionUnknownRecommendationIds": counted.unknown_ids,
    }
    return [
        Point(
            account=group.account,
            region=group.region,
            namespace=OWN_NAMESPACE,
            name=name,
            dimensions=(("DatasetGroupArn", group.arn),),
            timestamp=now // 60 * 60,
            value=Decimal(number),
            unit="Count",
        )
        for name, number in numbers.items()
        if number
    ]
