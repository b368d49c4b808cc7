"""What the events of a period come to: exact sums by source and window, and moments by source and day."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from openpersonalize.attribution.events import DAY_SECONDS, WINDOW_SECONDS, Events, Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.moments import Floats, Looks, Moments, Whole, by_user, nothing
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
        return [_cell(events, row, seconds, 1) for row in rows]
    return [
        _cell(events, row, seconds, _SCALE) for row in _summed(connection, events, seconds // WINDOW_SECONDS, _SCALE)
    ]


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


def _cell(events: Events, row: Sequence[Any], seconds: int, scale: int) -> Cell:
    source, kind, start, count, late, stale, nobody, *values = row
    sums = {}
    for column, exact, compensated, is_exact in zip(
        events.columns, values[::3], values[1::3], values[2::3], strict=True
    ):
        whole = is_exact is None or is_exact
        sums[column] = Decimal(exact or 0) if whole else Decimal(repr(compensated)) * scale
    return Cell(events.sources[source], events.kinds[kind], start * seconds, count, late, stale, nobody, sums)


@dataclass(frozen=True, eq=False)
class SourceMoments:
    """A source's moments at the end of each day, by metric name; `served` tells whose users they are.

    Where `served`, a user counts from the first list on, and `x` are lists; otherwise from the first event, and `x`
    are events. `users` are the hashes of all of them.
    """

    served: bool
    by_metric: Mapping[str, Moments]
    users: npt.NDArray[np.uint64]


def moments(events: Events, served: Served, measures: Sequence[Measure], period: Period) -> dict[str, SourceMoments]:
    """The moments of every source that has events or lists."""
    names = list(dict.fromkeys([*events.sources, *served.days]))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        columns = _Columns(events, period, pool)
        found = pool.map(lambda name: _of_source(columns, served, measures, name, period.days), names)
        return dict(zip(names, found, strict=True))


class _Columns:
    """The events' columns, put together by source; those of nobody are left out."""

    def __init__(self, events: Events, period: Period, pool: ThreadPoolExecutor) -> None:
        rows = events.rows
        self.kinds = {kind: place for place, kind in enumerate(events.kinds)}
        order, ends = grouped(numbers(rows["source"]), len(events.sources))
        self._slices = {
            name: slice(int(end - size), int(end))
            for name, end, size in zip(events.sources, ends, np.diff(ends, prepend=0), strict=True)
        }

        def sorted_(name: str) -> npt.NDArray[Any]:
            return np.asarray(numbers(rows[name])[order])

        names = ["user", "window", "kind", *(f"value{place}" for place in range(len(events.columns)))]
        self.user, window, self.kind, *values = pool.map(sorted_, names)
        self.day: Whole = (window // WINDOWS_A_DAY - period.first_day).astype(np.int16)
        self.values = {
            column: found.astype(np.float64, copy=False) for column, found in zip(events.columns, values, strict=True)
        }

    def of(self, name: str) -> "_Part":
        """The events of a source that have a user."""
        here = self._slices.get(name, slice(0, 0))
        part = _Part(
            self.user[here], self.day[here], self.kind[here], {key: all_[here] for key, all_ in self.values.items()}
        )
        known = part.user != 0
        return part if known.all() else part.where(known)


@dataclass(frozen=True, eq=False)
class _Part:
    user: npt.NDArray[np.uint64]
    day: Whole
    kind: Whole
    values: Mapping[tuple[str, str], Floats]

    def where(self, rows: npt.NDArray[np.bool_]) -> "_Part":
        values = {column: found[rows] for column, found in self.values.items()}
        return _Part(self.user[rows], self.day[rows], self.kind[rows], values)


def _of_source(columns: _Columns, served: Served, measures: Sequence[Measure], name: str, looks: int) -> SourceMoments:
    own = columns.of(name)
    has_lists = name in served.days
    lists = served.users[name] if has_lists else np.zeros(0, np.uint64)
    user = np.concatenate([lists, own.user])
    if not len(user):
        return SourceMoments(has_lists, {measure.name: nothing(looks) for measure in measures}, user)
    list_days = served.user_days[name] if has_lists else np.zeros(0, np.int16)
    rows = by_user(user, np.concatenate([list_days, own.day]), looks)
    x = np.ones(len(user))
    if has_lists:
        x[len(lists) :] = 0
    totals = Looks(rows, x, looks)
    found = {
        measure.name: totals.at(np.concatenate([np.zeros(len(lists)), _values(own, measure, columns.kinds)]))
        for measure in measures
    }
    return SourceMoments(has_lists, found, lists if has_lists else user)


def _values(own: _Part, measure: Measure, kinds: Mapping[str, int]) -> Floats:
    matches = own.kind == kinds[measure.kind]
    return matches.astype(np.float64) if measure.column is None else np.asarray(own.values[measure.column] * matches)
