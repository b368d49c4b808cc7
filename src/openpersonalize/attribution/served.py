"""The lists that were served: what a report divides by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from openpersonalize.attribution import tables
from openpersonalize.attribution.events import DAY_SECONDS, Period
from openpersonalize.attribution.moments import Keys, Whole, keys

if TYPE_CHECKING:
    import duckdb

_NEEDED = {
    "time": "BIGINT", "user_id": "VARCHAR", "source": "VARCHAR", "shown": "INTEGER", "promoted": "INTEGER",
    "explored": "INTEGER",
}  # fmt: skip
NUMBERS = ("lists", "shown", "promoted", "explored")


@dataclass(frozen=True, eq=False)
class Served:
    """Lists by source. `days` has a row per day and a column for each of NUMBERS.

    `keys` (of user and day, see `moments`) have an entry for each list that was made for a user.
    """

    days: Mapping[str, Whole]
    keys: Mapping[str, Keys]


def read(connection: "duckdb.DuckDBPyConnection", served: tables.Rows | None, period: Period) -> Served:
    """The lists of the period. Columns: time (epoch seconds), user_id, source, shown, promoted, explored.

    A list without a user counts as a list, and for no user.
    """
    if served is None:
        return Served({}, {})
    tables.add(connection, "served", served, _NEEDED)
    connection.execute(
        f"CREATE VIEW lists AS SELECT source, user_id, (time // {DAY_SECONDS} - {period.first_day})::SMALLINT AS day, "  # noqa: S608
        f"shown, promoted, explored FROM served WHERE source IS NOT NULL AND time >= {period.start} "
        f"AND time < {period.end}"
    )
    days = _days(connection, period.days)
    if not days:
        return Served({}, {})
    names = list(days)
    connection.execute("CREATE TEMP TABLE list_sources (name VARCHAR, code SMALLINT)")
    for place, name in enumerate(names):
        connection.execute("INSERT INTO list_sources VALUES (?, ?)", [name, place])
    rows = connection.sql(
        'SELECT code, hash(user_id) AS "user", day FROM lists JOIN list_sources ON source = name '
        "WHERE user_id IS NOT NULL"
    ).to_arrow_table()
    order, ends = grouped(tables.numbers(rows["code"]), len(names))
    found = keys(tables.numbers(rows["user"]), tables.numbers(rows["day"]), period.days)[order]
    return Served(days, dict(zip(names, np.split(found, ends[:-1]), strict=True)))


def _days(connection: "duckdb.DuckDBPyConnection", days: int) -> dict[str, Whole]:
    rows = connection.sql(
        "SELECT source, day, count(*), sum(shown), sum(promoted), sum(explored) FROM lists GROUP BY ALL ORDER BY source"
    ).fetchall()
    found: dict[str, Whole] = {}
    for source, day, *numbers in rows:
        found.setdefault(source, np.zeros((days, len(NUMBERS)), np.int64))[day] = [number or 0 for number in numbers]
    return found


def grouped(codes: Whole, groups: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """An order that puts equal codes together, and where each code ends in it.

    >>> grouped(np.array([1, 0, 1]), 3)
    (array([1, 0, 2]), array([1, 3, 3]))
    """
    narrow = codes.astype(np.int16) if groups < np.iinfo(np.int16).max else codes  # 16 bits are sorted by counting
    return np.argsort(narrow, kind="stable"), np.cumsum(np.bincount(codes, minlength=groups))
