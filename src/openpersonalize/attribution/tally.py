"""What the events of a period come to: exact sums by source and window, and moments by source and day."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from openpersonalize.attribution.events import DAY_SECONDS, WINDOW_SECONDS, Events, Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.moments import (
    Keys,
    Looks,
    Moments,
    Totals,
    added,
    counted,
    keys,
    together,
    users,
)
from openpersonalize.attribution.served import Served, grouped
from openpersonalize.attribution.tables import numbers

if TYPE_CHECKING:
    import duckdb

WINDOWS_A_DAY = DAY_SECONDS // WINDOW_SECONDS

_LARGEST, _PLACES = 9_000_000_000, 6
"""A double below 9e9 has room for six exact decimals; such values are added as whole millionths."""

_SCALE = 1 << 64
"""What doubles whose sum no double can hold are divided by while they are added; a power of two loses no digit."""


@dataclass(frozen=True)
class Cell:
    """Events of one type and source in one stretch of time, which begins at `start` (epoch seconds)."""

    source: str
    kind: str
    start: int
    events: int
    late: int
    stale: int
    users_unknown: int
    sums: Mapping[tuple[str, str], Decimal]

    def value(self, measure: Measure) -> Decimal:
        """What the events come to by a metric of their type."""
        return Decimal(self.events) if measure.column is None else self.sums[measure.column]


def cells(connection: "duckdb.DuckDBPyConnection", events: Events, seconds: int) -> list[Cell]:
    """The sums of each source, event type and stretch of `seconds`, a multiple of the window; exact, in any order.

    Whole numbers and values of at most six decimals are added exactly, others with compensation (Kahan). Null adds
    nothing.
    """
    connection.register("matching", events.rows)
    width, kinds = seconds // WINDOW_SECONDS, dict(zip(events.rows.schema.names, events.rows.schema.types, strict=True))
    places = [0 if "int" in str(kinds[f"value{place}"]) else _PLACES for place in range(len(events.columns))]
    exact = "".join(_exact(f"value{place}", digits) for place, digits in enumerate(places))
    rows = _grouped(connection, width, _COUNTS + exact)
    is_exact = all(count == row[3] for row in rows for count in row[_HEAD + 1 :: 2])
    others: Sequence[Sequence[Decimal]] = [()] * len(rows)
    if not is_exact:
        others = _compensated(connection, width, len(places))
    return [
        cell
        for row, other in zip(rows, others, strict=True)
        for cell in _cells(events, row, seconds, _sums(row, places, other))
    ]


def _cells(events: Events, row: Sequence[int], seconds: int, sums: Sequence[Decimal]) -> list[Cell]:
    """One for each name of the event type."""
    source, kinds, start, count, late, stale, nobody = row[:_HEAD]
    by_column = dict(zip(events.columns, sums, strict=True))
    name = events.sources[source]
    return [Cell(name, kind, start * seconds, count, late, stale, nobody, by_column) for kind in events.kinds[kinds]]


_COUNTS = 'count(*), count(*) FILTER (late >= 1), count(*) FILTER (late = 2), count(*) FILTER ("user" = 0)'
_HEAD = 7
"""Source, event type and stretch, and the counts stand before the sums."""


def _grouped(connection: "duckdb.DuckDBPyConnection", width: int, sums: str) -> list[Any]:
    return connection.sql(
        f'SELECT source, kind, "window" // {width} AS start, {sums} FROM matching '  # noqa: S608 - our own words
        "GROUP BY 1, 2, 3 ORDER BY 3, 1, 2"
    ).fetchall()


def _exact(value: str, places: int) -> str:
    """The sum of the values that have at most so many decimals, in units of the last, and how many these are."""
    if not places:
        return f", sum({value}::HUGEINT), count(*)"
    # Not `round(value, 6)`, which takes ten times as long.
    whole = f"(CASE WHEN abs({value}) < {_LARGEST} THEN ({value}::DOUBLE * 1e{places})::BIGINT END)"
    return f", sum({whole}), count(*) FILTER ({whole} / 1e{places} = {value}::DOUBLE)"


def _compensated(connection: "duckdb.DuckDBPyConnection", width: int, columns: int) -> list[list[Decimal]]:
    """Sums of doubles, as near as doubles are; the rows and their order are those of the exact sums."""
    for scale in (1, _SCALE):
        sums = ", ".join(f"fsum(value{place}::DOUBLE / {scale})" for place in range(columns))
        rows = [row[3:] for row in _grouped(connection, width, sums)]
        if all(math.isfinite(value) for row in rows for value in row):
            break
    return [[Decimal(repr(value)) * scale for value in row] for row in rows]


def _sums(row: Sequence[int], places: Sequence[int], compensated: Sequence[Decimal]) -> list[Decimal]:
    """The sum of each column, exact where all of its values are."""
    count, sums, exact = row[3], row[_HEAD::2], row[_HEAD + 1 :: 2]
    return [
        Decimal(f"{sums[column]}E-{digits}") if exact[column] == count else compensated[column]
        for column, digits in enumerate(places)
    ]


@dataclass(frozen=True, eq=False)
class SourceMoments:
    """A source's moments at the end of each day, by metric name; `served` tells whose users they are.

    Where `served`, a user counts from the first list on, and `x` are lists; otherwise from the first event, and `x`
    are events. `users` has a number for each of them.
    """

    served: bool
    by_metric: Mapping[str, Moments]
    users: Keys


def moments(events: Events, served: Served, measures: Sequence[Measure], period: Period) -> dict[str, SourceMoments]:
    """The moments of every source that has events or lists."""
    names = list(dict.fromkeys([*events.sources, *served.days]))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        columns = _Columns(events, period, pool)
        found = pool.map(lambda name: _of_source(columns, served, measures, name, period.days), names)
        return dict(zip(names, found, strict=True))


class _Columns:
    """The events by source and type, as keys of user and day; those of nobody are left out."""

    def __init__(self, events: Events, period: Period, pool: ThreadPoolExecutor) -> None:
        rows = events.rows
        self._looks = period.days
        self._sources = {name: place for place, name in enumerate(events.sources)}
        self.kinds = {kind: place for place, names in enumerate(events.kinds) for kind in names}
        self._width = len(events.kinds)
        whose = pool.submit(_keys, events, period)
        groups = numbers(rows["source"]) * self._width + numbers(rows["kind"])
        self._order, ends = grouped(groups, len(events.sources) * self._width)
        self._ends = [0, *map(int, ends)]
        self._keys = whose.result()[self._order]
        self._values = {column: numbers(rows[f"value{place}"]) for place, column in enumerate(events.columns)}

    def totals(self, source: str, kind: str, column: tuple[str, str] | None) -> Totals:
        """What each user did on each day: the events of a type, or the sums of a column's values there."""
        if source not in self._sources:
            return counted(self._keys[:0])
        place = self._sources[source] * self._width + self.kinds[kind]
        here = slice(self._ends[place], self._ends[place + 1])
        rows = self._keys[here]
        known = users(rows, self._looks) != 0
        if column is None:
            return counted(rows if known.all() else rows[known])
        return added(rows[known], self._values[column][self._order[here][known]].astype(np.float64, copy=False))


def _keys(events: Events, period: Period) -> Keys:
    days = numbers(events.rows["window"]) // WINDOWS_A_DAY - period.first_day
    return keys(numbers(events.rows["user"]), days, period.days)


def _of_source(columns: _Columns, served: Served, measures: Sequence[Measure], name: str, looks: int) -> SourceMoments:
    wanted = dict.fromkeys((measure.kind, measure.column) for measure in measures)
    brought = {one: columns.totals(name, *one) for one in wanted}
    if name in served.days:
        x = counted(served.keys[name])
    else:
        kinds = {columns.kinds[measure.kind]: measure.kind for measure in measures}.values()
        x = together([columns.totals(name, kind, None) for kind in kinds])
    seen = Looks(x, list(brought.values()), looks)
    found = {one: seen.at(totals) for one, totals in brought.items()}
    by_metric = {measure.name: found[measure.kind, measure.column] for measure in measures}
    return SourceMoments(name in served.days, by_metric, x.users(looks))
