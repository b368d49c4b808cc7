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

# A double below 9e9 has room for six exact decimals; such values are added as whole millionths.
_EXACT, _LARGEST = "DECIMAL(38, 6)", 9_000_000_000

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
    rows = _summed(connection, events, seconds // WINDOW_SECONDS, 1)
    if all(map(math.isfinite, _compensated(rows))):
        return [cell for row in rows for cell in _cells(events, row, seconds, 1)]
    rows = _summed(connection, events, seconds // WINDOW_SECONDS, _SCALE)
    return [cell for row in rows for cell in _cells(events, row, seconds, _SCALE)]


_FIRST_SUM = 7


def _compensated(rows: Sequence[Sequence[Any]]) -> list[float]:
    return [value for row in rows for value in row[_FIRST_SUM + 1 :: 3] if value is not None]


def _summed(connection: "duckdb.DuckDBPyConnection", events: Events, width: int, scale: int) -> list[Any]:
    kinds = {name: str(kind) for name, kind in zip(events.rows.schema.names, events.rows.schema.types, strict=True)}
    sums = "".join(_sum(f"value{place}", kinds[f"value{place}"], scale) for place in range(len(events.columns)))
    found = connection.sql(
        f'SELECT source, kind, "window" // {width} AS start, count(*), count(*) FILTER (late >= 1), '  # noqa: S608
        f'count(*) FILTER (late = 2), count(*) FILTER ("user" = 0){sums} FROM matching '
        "GROUP BY 1, 2, 3 ORDER BY 3, 1, 2"
    )
    return list(found.fetchall())


def _sum(column: str, kind: str, scale: int) -> str:
    if "int" in kind:
        return f", sum({column}::HUGEINT), NULL, true"
    value = f"{column}::DOUBLE"
    exact = f"bool_and(round({value}, 6) = {value} AND abs({value}) < {_LARGEST})"
    small = f"CASE WHEN abs({value}) < {_LARGEST} THEN {value}::{_EXACT} END"
    return f", sum({small}), fsum({value} / {scale}), {exact}"


def _cells(events: Events, row: Sequence[Any], seconds: int, scale: int) -> list[Cell]:
    source, kind, start, count, late, stale, nobody, *values = row
    sums = {}
    for column, exact, compensated, is_exact in zip(
        events.columns, values[::3], values[1::3], values[2::3], strict=True
    ):
        whole = is_exact is None or is_exact
        sums[column] = Decimal(exact or 0) if whole else Decimal(repr(compensated)) * scale
    return [
        Cell(events.sources[source], name, start * seconds, count, late, stale, nobody, sums)
        for name in events.kinds[kind]
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

    columns = _Columns(events, period)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda name: _of_source(columns, served, measures, name, period.days), names)
        return dict(zip(names, found, strict=True))


class _Columns:
    """The events by source and type, as keys of user and day; those of nobody are left out."""

    def __init__(self, events: Events, period: Period) -> None:
        rows = events.rows
        self._looks = period.days
        self._sources = {name: place for place, name in enumerate(events.sources)}
        self.kinds = {kind: place for place, names in enumerate(events.kinds) for kind in names}
        self._width = len(events.kinds)
        groups = numbers(rows["source"]) * self._width + numbers(rows["kind"])
        self._order, ends = grouped(groups, len(events.sources) * self._width)
        self._ends = [0, *map(int, ends)]
        days = numbers(rows["window"]) // WINDOWS_A_DAY - period.first_day
        self._keys = keys(numbers(rows["user"]), days, period.days)[self._order]
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
