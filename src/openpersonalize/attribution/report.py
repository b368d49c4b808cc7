"""The report: what each source brought, by metric and day, over what was served, and how sure that is.

    interactions, items, served ─► events, served ─► cells (exact sums) and moments (users) ─► Report

Inputs are tables of any origin, outputs plain values, so that a report can be made in a notebook:

    report = make(Inputs("events.parquet", measures=[Measure.read("clicks", "click", "SAMPLECOUNT()")]), Period(a, b))
    print(formats.as_json(report))
"""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from openpersonalize.attribution import events, intervals, served, tables, tally
from openpersonalize.attribution.comparisons import Comparison, compare
from openpersonalize.attribution.estimates import Estimate, at_look
from openpersonalize.attribution.events import DAY_SECONDS, UNDEFINED, Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.moments import Whole
from openpersonalize.attribution.tally import Cell, SourceMoments

OBSERVED, RANDOMISED = "observed", "randomised"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a report is made from.

    `items` is needed where a metric adds up a column of Items. `served` are the lists, with the columns time, user_id,
    source, shown, promoted and explored. `sources` tells the ARN that the last six digits of a recommendation id stand
    for. `randomised` names sources that users were assigned to at random, with the share of users each was meant to
    get; the first is the one that others are compared with.
    """

    interactions: tables.Rows
    measures: Sequence[Measure]
    items: tables.Rows | None = None
    served: tables.Rows | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    randomised: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Events of the period that match a metric, and what is to be known about them.

    `duplicates` came again with an event id that had come before and are not counted. `late` arrived more than 15
    minutes after they happened, `stale` more than 14 days, too late for published points; both are counted here.
    Events `without_user` count in sums and in nothing that is per user. Of those with an undefined source,
    `no_source_given` came without any and `unknown_ids` with a recommendation id of no known campaign or recommender.
    """

    events: int
    duplicates: int
    late: int
    stale: int
    without_user: int
    no_source_given: int
    unknown_ids: int


@dataclass(frozen=True, kw_only=True)
class ServedDay:
    """What a source served on one day (UTC)."""

    day: date
    lists: int
    items_shown: int


@dataclass(frozen=True, kw_only=True)
class SourceSummary:
    """What stands below the line: lists, items and users of one source.

    `users` are those who were served or, for a source without lists, those with an event. Shares are of items shown.
    """

    name: str
    kind: str
    assignment: str
    lists: int
    items_shown: int
    users: int
    users_are: str
    promoted: float | None
    explored: float | None
    days: tuple[ServedDay, ...]


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day of a metric and source. `per_user` is of all days until then, a look at the evening of that day."""

    day: date
    value: Decimal
    events: int
    per_user: Estimate


@dataclass(frozen=True, kw_only=True)
class Result:
    """A metric and a source: all of the period. `per_list` is None where no list was served."""

    metric: str
    source: str
    value: Decimal
    events: int
    per_user: Estimate
    per_list: Estimate | None
    days: tuple[Day, ...]


@dataclass(frozen=True, kw_only=True)
class MetricSummary:
    """What a metric adds up."""

    name: str
    event_type: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole report; `start` and `end` as asked for, `end` not included."""

    start: datetime
    end: datetime
    metrics: tuple[MetricSummary, ...]
    counts: Counts
    sources: tuple[SourceSummary, ...]
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]


def make(inputs: Inputs, period: Period, memory: str = tables.MEMORY) -> Report:
    """The report of a period, over a past one as well: events are kept as they came.

    Raises ValueError where a metric does not fit the tables. DuckDB holds at most `memory`, and ten million events
    take about 0.5 GB besides.
    """
    with tempfile.TemporaryDirectory(prefix="openpersonalize-report-") as folder:
        connection = tables.connect(memory, Path(folder))
        try:
            # Each of the four keeps the cores busy for a part of its time only: they run two by two.
            with ThreadPoolExecutor(1) as beside:
                reading = beside.submit(served.read, connection.cursor(), inputs.served, period)
                events.add_views(connection, inputs.interactions, inputs.items)
                found = events.read(connection, inputs.measures, period, inputs.sources)
                adding = beside.submit(tally.cells, connection.cursor(), found, DAY_SECONDS)
                lists = reading.result()
                people = tally.moments(found, lists, inputs.measures, period)
                cells = adding.result()
        finally:
            connection.close()
    names = sorted(people, key=lambda name: (name == UNDEFINED, name))
    return Report(
        start=datetime.fromtimestamp(period.start, UTC),
        end=datetime.fromtimestamp(period.end, UTC),
        metrics=tuple(_metric(measure) for measure in inputs.measures),
        counts=_counts(found, cells),
        sources=tuple(_source(name, people[name], lists, inputs, period) for name in names),
        results=_results(inputs.measures, names, cells, people, period),
        comparisons=compare(people, inputs.measures, inputs.randomised),
    )


def _metric(measure: Measure) -> MetricSummary:
    return MetricSummary(name=measure.name, event_type=measure.event_type, expression=measure.text)


def _counts(found: events.Events, cells: Sequence[Cell]) -> Counts:
    return Counts(
        events=sum(cell.events for cell in cells),
        duplicates=found.duplicates,
        late=sum(cell.late for cell in cells),
        stale=sum(cell.stale for cell in cells),
        without_user=sum(cell.users_unknown for cell in cells),
        no_source_given=found.nothing_given,
        unknown_ids=found.unknown_ids,
    )


def _source(name: str, people: SourceMoments, lists: served.Served, inputs: Inputs, period: Period) -> SourceSummary:
    days = lists.days.get(name)
    total = [0, 0, 0, 0] if days is None else [int(number) for number in days.sum(axis=0)]
    shown = total[served.NUMBERS.index("shown")]
    users = next((int(moments.n[-1]) for moments in people.by_metric.values()), 0)
    return SourceSummary(
        name=name,
        kind=_kind(name),
        assignment=RANDOMISED if name in inputs.randomised else OBSERVED,
        lists=total[served.NUMBERS.index("lists")],
        items_shown=shown,
        users=users,
        users_are="served" if people.served else "with an event",
        promoted=total[served.NUMBERS.index("promoted")] / shown if shown else None,
        explored=total[served.NUMBERS.index("explored")] / shown if shown else None,
        days=() if days is None else tuple(_served_days(days, period)),
    )


def _served_days(days: Whole, period: Period) -> list[ServedDay]:
    return [
        ServedDay(day=_day(period, place), lists=int(row[0]), items_shown=int(row[1]))
        for place, row in enumerate(days)
        if row[0]
    ]


def _kind(name: str) -> str:
    """Campaign, recommender, undefined, or the caller's own word.

    >>> _kind("arn:aws:personalize:us-east-1:000000000000:campaign/shop"), _kind("NEWSLETTER")
    ('campaign', 'custom')
    """
    if name == UNDEFINED:
        return "undefined"
    kind = name.rsplit(":", 1)[-1].split("/", 1)[0] if name.startswith("arn:") else ""
    return kind if kind in ("campaign", "recommender") else "custom"


def _results(
    measures: Sequence[Measure],
    names: Sequence[str],
    cells: Sequence[Cell],
    people: Mapping[str, SourceMoments],
    period: Period,
) -> tuple[Result, ...]:
    by_key: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        by_key.setdefault((cell.kind, cell.source), []).append(cell)
    return tuple(
        _result(measure, name, by_key.get((measure.kind, name), []), people[name], period)
        for measure in measures
        for name in names
    )


def _result(measure: Measure, name: str, cells: Sequence[Cell], people: SourceMoments, period: Period) -> Result:
    moments = people.by_metric[measure.name]
    per_user = at_look(intervals.mean(moments))
    per_list = at_look(intervals.ratio(moments))[-1] if people.served else None
    days = {cell.start // DAY_SECONDS - period.first_day: cell for cell in cells}
    return Result(
        metric=measure.name,
        source=name,
        value=sum((cell.value(measure) for cell in cells), Decimal(0)),
        events=sum(cell.events for cell in cells),
        per_user=per_user[-1],
        per_list=per_list,
        days=tuple(
            Day(
                day=_day(period, place),
                value=days[place].value(measure) if place in days else Decimal(0),
                events=days[place].events if place in days else 0,
                per_user=per_user[place],
            )
            for place in range(period.days)
        ),
    )


def _day(period: Period, place: int) -> date:
    return date(1970, 1, 1) + timedelta(days=period.first_day + place)
