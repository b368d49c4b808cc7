"""The store of metric points: rows are added, read by series and time, sent on once, and forgotten with age.

Points of the same series and time stay rows of their own; readers add them up. So writers never wait for each other's
rows, and a late sample changes nothing that was sent on before.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from openpersonalize.clock import Clock
from openpersonalize.storage import sql
from openpersonalize.storage.points.point import Dimensions, Point, Series

MIGRATIONS = Path(__file__).parent / "migrations"
_AT_ONCE = 500

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TABLES = sa.MetaData()
SERIES = sa.Table(
    "series",
    _TABLES,
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("digest", sa.Text),
    sa.Column("account", sa.Text),
    sa.Column("region", sa.Text),
    sa.Column("namespace", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("dimensions", sa.Text),
)
POINTS = sa.Table(
    "points",
    _TABLES,
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("series", sa.BigInteger),
    sa.Column("timestamp", sa.BigInteger),
    sa.Column("value", sa.Text),
    sa.Column("count", sa.Text),
    sa.Column("minimum", sa.Text),
    sa.Column("maximum", sa.Text),
    sa.Column("unit", sa.Text),
    sa.Column("forwarded", sa.SmallInteger),
)


@dataclass(frozen=True)
class Points:
    """All metric points, for any number of threads and processes."""

    engine: Engine
    clock: Clock

    @classmethod
    def open(cls, engine: Engine, clock: Clock) -> "Points":
        """The points in that database; makes or upgrades the tables."""
        sql.migrate(engine, MIGRATIONS, "points_version")
        return cls(engine, clock)

    def put(self, points: Sequence[Point], *, forward: bool = True) -> None:
        """Add points in a transaction of their own; they are on disk when this returns."""
        if points:
            with sql.writing(self.engine) as connection:
                self.add(connection, points, forward=forward)

    def add(self, connection: Connection, points: Iterable[Point], *, forward: bool = True) -> None:
        """Add points in the caller's write transaction: they are there if, and only if, it commits.

        They wait to be sent on, unless `forward` says otherwise.
        """
        remaining = iter(points)
        while some := list(islice(remaining, _AT_ONCE)):
            numbers = _numbers(connection, [point.series for point in some])
            rows = [_row(point, numbers[point.series.digest], forward=forward) for point in some]
            connection.execute(POINTS.insert(), rows)

    def names(
        self,
        account: str,
        region: str,
        *,
        namespace: str | None = None,
        name: str | None = None,
        dimensions: Sequence[tuple[str, str | None]] = (),
        since: int | None = None,
        after: int = 0,
        limit: int = 500,
    ) -> list[Series]:
        """At most `limit` series of an account and region in the order in which they began, those behind id `after`.

        Each of `dimensions` must be among a series' own, with that value or, for None, with any. `since` leaves out
        series without a point from that time (epoch seconds) on.
        """
        chosen = _listing(Series(account=account, region=region, namespace=namespace or "", name=name or ""), since)
        found: list[Series] = []
        with sql.reading(self.engine) as connection:
            while len(found) < limit:
                page = connection.execute(chosen.where(SERIES.c.id > after)).all()
                found.extend(
                    series for series in (_series(row, row.id) for row in page) if _matches(series, dimensions)
                )
                if len(page) < _AT_ONCE:
                    break
                after = page[-1].id
        return found[:limit]

    def read(self, series: Series, start: int, end: int) -> list[Point]:
        """The points of one series from `start` to before `end` (epoch seconds), oldest first."""
        chosen = (
            sa.select(POINTS)
            .join(SERIES, SERIES.c.id == POINTS.c.series)
            .where(SERIES.c.digest == series.digest, POINTS.c.timestamp >= start, POINTS.c.timestamp < end)
            .order_by(POINTS.c.timestamp, POINTS.c.id)
        )
        with sql.reading(self.engine) as connection:
            return [_point(row, series) for row in connection.execute(chosen)]

    def waiting(self, namespace: str, limit: int, *, after: int = 0) -> list[Point]:
        """The first points of a namespace, in the order they were put, that were not sent on; those behind `after`."""
        chosen = (
            sa.select(POINTS, *_NAMED)
            .join(SERIES, SERIES.c.id == POINTS.c.series)
            .where(POINTS.c.forwarded == 0, POINTS.c.id > after, SERIES.c.namespace == namespace)
            .order_by(POINTS.c.id)
            .limit(limit)
        )
        with sql.reading(self.engine) as connection:
            return [_point(row, _series(row, row.series)) for row in connection.execute(chosen)]

    def sent(self, ids: Sequence[int]) -> None:
        """Note that these points were sent on."""
        for some in _chunks(ids):
            with sql.writing(self.engine) as connection:
                connection.execute(POINTS.update().where(POINTS.c.id.in_(some)).values(forwarded=1))

    def forget(self, before: int) -> int:
        """Delete the points of a time before `before` (epoch seconds); gives their number.

        In steps, so that nobody waits long to write.
        """
        count = 0
        old = sa.select(POINTS.c.id).where(POINTS.c.timestamp < before).limit(_AT_ONCE * 10).scalar_subquery()
        while True:
            with sql.writing(self.engine) as connection:
                deleted = connection.execute(POINTS.delete().where(POINTS.c.id.in_(old))).rowcount
            count += deleted
            if deleted < _AT_ONCE * 10:
                return count


_NAMED = (
    SERIES.c.account,
    SERIES.c.region,
    SERIES.c.namespace,
    SERIES.c.name,
    SERIES.c.dimensions,
)


def _numbers(connection: Connection, series: Sequence[Series]) -> dict[str, int]:
    """The ids of series by digest; what is new is made."""
    wanted = {one.digest: one for one in series}
    known = _known(connection, list(wanted))
    # Sorted, so that two transactions which make the same series wait for each other and never in a circle.
    missing = [_series_row(wanted[digest], digest) for digest in sorted(wanted.keys() - known.keys())]
    if missing:
        connection.execute(sql.insert(connection, SERIES).on_conflict_do_nothing(index_elements=["digest"]), missing)
        known = _known(connection, list(wanted))
    return known


def _known(connection: Connection, digests: list[str]) -> dict[str, int]:
    chosen = sa.select(SERIES.c.digest, SERIES.c.id).where(SERIES.c.digest.in_(digests))
    return {row.digest: row.id for row in connection.execute(chosen)}


def _series_row(series: Series, digest: str) -> dict[str, Any]:
    return {
        "digest": digest,
        "account": series.account,
        "region": series.region,
        "namespace": series.namespace,
        "name": series.name,
        "dimensions": orjson.dumps(series.dimensions).decode(),
    }


def _row(point: Point, series: int, *, forward: bool) -> dict[str, Any]:
    return {
        "series": series,
        "timestamp": point.timestamp,
        "value": str(point.value),
        "count": str(point.count),
        "minimum": str(point.least),
        "maximum": str(point.most),
        "unit": point.unit,
        "forwarded": 0 if forward else 1,
    }


def _listing(known: Series, since: int | None) -> "sa.Select[Any]":
    """Series like `known`, of which namespace and name may be empty for any."""
    chosen = sa.select(SERIES).where(SERIES.c.account == known.account, SERIES.c.region == known.region)
    if known.namespace:
        chosen = chosen.where(SERIES.c.namespace == known.namespace)
    if known.name:
        chosen = chosen.where(SERIES.c.name == known.name)
    if since is not None:
        chosen = chosen.where(sa.exists().where(POINTS.c.series == SERIES.c.id, POINTS.c.timestamp >= since))
    return chosen.order_by(SERIES.c.id).limit(_AT_ONCE)


def _matches(series: Series, wanted: Sequence[tuple[str, str | None]]) -> bool:
    own = dict(series.dimensions)
    return all(name in own and value in (None, own[name]) for name, value in wanted)


def _series(row: Any, number: int) -> Series:
    return Series(
        id=number,
        account=row.account,
        region=row.region,
        namespace=row.namespace,
        name=row.name,
        dimensions=_pairs(row.dimensions),
    )


def _pairs(text: str) -> Dimensions:
    return tuple((name, value) for name, value in orjson.loads(text))


def _point(row: Any, series: Series) -> Point:
    return Point(
        id=row.id,
        account=series.account,
        region=series.region,
        namespace=series.namespace,
        name=series.name,
        dimensions=series.dimensions,
        timestamp=row.timestamp,
        value=Decimal(row.value),
        count=Decimal(row.count),
        minimum=Decimal(row.minimum),
        maximum=Decimal(row.maximum),
        unit=row.unit,
    )


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[place : place + _AT_ONCE] for place in range(0, len(ids), _AT_ONCE))
