"""Rows that come one by one: in a SQL table, on disk when acknowledged, seen by every process at once.

`settling` copies them into the Delta tables later; until then, and for some days more, they are read here.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from openpersonalize.storage import sql
from openpersonalize.storage.records.dataset import Dataset

MIGRATIONS = Path(__file__).parent / "migrations"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_SESSIONS = 8
_DELETED_AT_ONCE = 5_000
_NAMES_AT_ONCE = 500
_WRITERS = "stream"
"""The name under which writers of rows hold a lock together."""
_NAMED_AT_ONCE = 500

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
STREAM = sa.Table(
    "stream",
    sa.MetaData(),
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("dataset", sa.Text),
    sa.Column("user_id", sa.Text),
    sa.Column("session_id", sa.Text),
    sa.Column("item_id", sa.Text),
    sa.Column("event_type", sa.Text),
    sa.Column("timestamp", sa.BigInteger),
    sa.Column("event_id", sa.Text),
    sa.Column("received", sa.BigInteger),
    sa.Column("row", sa.Text),
    sa.Column("batch", sa.BigInteger),
    sa.Column("settled", sa.SmallInteger),
)
_SHOWN = (
    "id", "user_id", "session_id", "item_id", "event_type", "timestamp", "event_id", "received", "row",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StreamRow:
    """An event, or a record of PutItems, PutUsers, PutActions.

    `row` holds JSON values by column name; names the schema lacks (RECOMMENDATION_ID, IMPRESSION, …) are kept too, in
    the table's `_side`. `timestamp` is the event's own time in epoch seconds, `received` ours.
    """

    row: Mapping[str, Any]
    received: datetime
    timestamp: int = 0
    user_id: str | None = None
    session_id: str | None = None
    item_id: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    id: int = field(default=0, compare=False)
    """The place in the stream; 0 before it is put."""


def migrate(engine: Engine) -> None:
    """Make the table, or bring it up to date."""
    sql.migrate(engine, MIGRATIONS, "records_version")


def microseconds(time: datetime) -> int:
    """Since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def values(dataset: Dataset, row: StreamRow) -> dict[str, Any]:
    """A row as the table holds it; raises TypeError when it holds what JSON cannot say."""
    return {
        "dataset": dataset.key,
        "user_id": row.user_id,
        "session_id": row.session_id,
        "item_id": row.item_id,
        "event_type": row.event_type,
        "timestamp": row.timestamp,
        "event_id": row.event_id,
        "received": microseconds(row.received),
        "row": orjson.dumps(row.row).decode(),
    }


def from_values(found: Sequence[Any]) -> StreamRow:
    """The row of a line read with the columns of `_SHOWN`."""
    number, user, session, item, kind, timestamp, event, received, row = found
    return StreamRow(
        id=number,
        user_id=user,
        session_id=session,
        item_id=item,
        event_type=kind,
        timestamp=timestamp,
        event_id=event,
        received=_EPOCH + received * _MICROSECOND,
        row=orjson.loads(row),
    )


def insert(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows in one transaction; they are on disk when this returns."""
    with sql.writing(engine) as connection:
        sql.among(connection, _WRITERS)
        connection.execute(STREAM.insert(), rows)


def end(engine: Engine) -> int:
    """The place of the last row, below which no other will appear.

    Under PostgreSQL a smaller id may be committed after a larger one; so writers in the middle of a transaction are
    waited for.
    """
    with sql.writing(engine, alone=_WRITERS) as connection:
        last: int | None = connection.execute(sa.select(sa.func.max(STREAM.c.id))).scalar()
        return last or 0


def behind(engine: Engine, dataset: Dataset, after: int, upto: int, limit: int) -> list[StreamRow]:
    """At most `limit` rows of a dataset with ids in (after, upto], in their order; repeated event ids left in."""
    chosen = (
        sa.select(*(STREAM.c[name] for name in _SHOWN))
        .where(STREAM.c.dataset == dataset.key, STREAM.c.id > after, STREAM.c.id <= upto)
        .order_by(STREAM.c.id)
        .limit(limit)
    )
    with sql.reading(engine) as connection:
        return [from_values(line) for line in connection.execute(chosen)]


def repeated(engine: Engine, dataset: Dataset, rows: Sequence[StreamRow]) -> frozenset[int]:
    """The ids of those rows whose event id came in an earlier row."""
    named = {row.event_id for row in rows if row.event_id is not None}
    first: dict[str, int] = {}
    with sql.reading(engine) as connection:
        for some in _chunks(sorted(named)):
            chosen = (
                sa.select(STREAM.c.event_id, sa.func.min(STREAM.c.id))
                .where(STREAM.c.dataset == dataset.key, STREAM.c.event_id.in_(some))
                .group_by(STREAM.c.event_id)
            )
            first.update((event, number) for event, number in connection.execute(chosen))
    return frozenset(row.id for row in rows if row.event_id is not None and first.get(row.event_id, row.id) < row.id)


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[place : place + _NAMES_AT_ONCE] for place in range(0, len(names), _NAMES_AT_ONCE))


@functools.cache
def _newest(dialect: str, whose: str, of_each_type: bool) -> str:  # noqa: FBT001 - a key of the cache
    """The newest rows of one user or one session, in the driver's own words: this is asked at every recommendation."""
    mark = "%s" if dialect == "postgresql" else "?"
    of = {"user": f"user_id = {mark}", "session": f"user_id IS NULL AND session_id = {mark}"}[whose]
    shown, newest = ", ".join(_SHOWN), "ORDER BY timestamp DESC, id DESC"
    theirs = f"FROM stream WHERE dataset = {mark} AND {of}"
    if not of_each_type:
        return f"SELECT {shown} {theirs} {newest} LIMIT {mark}"
    placed = f"SELECT {shown}, row_number() OVER (PARTITION BY event_type {newest}) AS place {theirs}"
    return f"SELECT {shown} FROM ({placed}) AS placed WHERE place <= {mark} {newest}"  # noqa: S608


def recent(
    engine: Engine, dataset: Dataset, user_id: str, limit: int, *, of_each_type: bool = False
) -> list[StreamRow]:
    """The newest rows of a user in order of time, of all processes; `limit` of them, or as many of each event type.

    Rows of a session without a user count too when `user_id` is that session's id, or when an event tied it to the
    user. They may come beyond the limit of each type.
    """
    by_user, by_session = (_newest(engine.dialect.name, whose, of_each_type) for whose in ("user", "session"))
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(by_user, (dataset.key, user_id, limit))
        found = list(cursor.fetchall())
        own = len(found)
        for session in _sessions(user_id, found):
            cursor.execute(by_session, (dataset.key, session, limit))
            found.extend(cursor.fetchall())
    if len(found) > own:
        found.sort(key=lambda line: (line[5], line[0]), reverse=True)
    return [from_values(line) for line in reversed(found if of_each_type else found[:limit])]


def _sessions(user_id: str, found: Sequence[Sequence[Any]]) -> list[str]:
    """The user's newest sessions, a bounded number, after the id itself."""
    tied = dict.fromkeys(line[2] for line in found if line[2] and line[2] != user_id)
    return [user_id, *list(tied)[:_MOST_SESSIONS]]


def waiting(engine: Engine, dataset: Dataset) -> bool:
    """Whether a row of the dataset is not settled."""
    with sql.reading(engine) as connection:
        one = sa.select(STREAM.c.id).where(STREAM.c.dataset == dataset.key, STREAM.c.settled == 0).limit(1)
        return connection.execute(one).first() is not None


def erase(engine: Engine, dataset: Dataset, user_ids: Sequence[str], sessions: Sequence[str]) -> int:
    """Delete the rows of users, and those of sessions that name none; gives how many of them were not settled yet."""
    chosen = [
        (STREAM.c.user_id.in_(user_ids[start : start + _NAMED_AT_ONCE]),)
        for start in range(0, len(user_ids), _NAMED_AT_ONCE)
    ] + [
        (STREAM.c.user_id.is_(None), STREAM.c.session_id.in_(sessions[start : start + _NAMED_AT_ONCE]))
        for start in range(0, len(sessions), _NAMED_AT_ONCE)
    ]
    waiting = 0
    for whose in chosen:
        with sql.writing(engine) as connection:
            gone = STREAM.delete().where(STREAM.c.dataset == dataset.key, *whose).returning(STREAM.c.settled)
            waiting += sum(settled == 0 for settled in connection.execute(gone).scalars())
    return waiting


def forget(engine: Engine, before: datetime, counted: int | None, at_last: datetime) -> int:
    """Delete settled rows received before a time, those behind the place `counted` only if before `at_last`."""
    old = sa.select(STREAM.c.id).where(STREAM.c.settled == 1, STREAM.c.received < microseconds(before))
    if counted is not None:
        old = old.where(sa.or_(STREAM.c.id <= counted, STREAM.c.received < microseconds(at_last)))
    return sum(_deleted(engine, old.order_by(STREAM.c.id)))


def drop(engine: Engine, dataset: Dataset) -> None:
    """Delete every row of a dataset."""
    sum(_deleted(engine, sa.select(STREAM.c.id).where(STREAM.c.dataset == dataset.key)))


def _deleted(engine: Engine, chosen: "sa.Select[tuple[int]]") -> Iterator[int]:
    """In steps, so that nobody waits long to write."""
    while True:
        with sql.writing(engine) as connection:
            ids = chosen.limit(_DELETED_AT_ONCE).scalar_subquery()
            count = connection.execute(STREAM.delete().where(STREAM.c.id.in_(ids))).rowcount
        yield count
        if count < _DELETED_AT_ONCE:
            return
