"""Served lists between memory and the Delta tables: packed, many to a row of a SQL table, seen by every process.

A row a list would cost the database more than the answer cost the server; packed, a second's lists are one small row.
"""

import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from openpersonalize.storage import sql
from openpersonalize.storage.served.lists import Group, ServedList

MIGRATIONS = Path(__file__).parent / "migrations"
_FAST = 1
"""zlib's quickest level: lists of one second resemble each other enough for it."""

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
SERVED = sa.Table(
    "served",
    sa.MetaData(),
    sa.Column("id", _NUMBER, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("dataset_group", sa.Text),
    sa.Column("lists", sa.BigInteger),
    sa.Column("data", sa.LargeBinary),
    sa.Column("batch", sa.BigInteger),
)


@dataclass(frozen=True)
class Blob:
    """Lists of one group. `name` is new for each, so that one whose writing was cut off may be written again."""

    name: str
    group: Group
    lists: int
    data: bytes


def pack(rows: Iterable[ServedList]) -> list[Blob]:
    """A blob for each group among the rows: JSON, list after list, compressed."""
    of_groups: dict[str, list[tuple[Any, ...]]] = {}
    for arn, time, *rest in rows:
        of_groups.setdefault(arn, []).append((int(time.timestamp()), *rest))
    return [
        Blob(uuid.uuid4().hex, Group.of(arn), len(own), zlib.compress(orjson.dumps(own), _FAST))
        for arn, own in of_groups.items()
    ]


def unpack(data: bytes) -> Mapping[str, Sequence[Any]]:
    """The lists of a blob, column by column, as the Delta table has them."""
    time, user_id, source, recommendation_id, item_ids, promoted, explored = zip(
        *orjson.loads(zlib.decompress(data)), strict=True
    )
    return {
        "time": time,
        "user_id": user_id,
        "source": source,
        "recommendation_id": recommendation_id,
        "item_ids": item_ids,
        "shown": [len(items) for items in item_ids],
        "promoted": promoted,
        "explored": explored,
    }


def migrate(engine: Engine) -> None:
    """Make the table, or bring it up to date."""
    sql.migrate(engine, MIGRATIONS, "served_version")


def insert(engine: Engine, blobs: Sequence[Blob]) -> None:
    """Write blobs in one transaction; those that are there stay as they are."""
    rows = [
        {"name": blob.name, "dataset_group": blob.group.key, "lists": blob.lists, "data": blob.data} for blob in blobs
    ]
    with sql.writing(engine) as connection:
        connection.execute(sql.insert(connection, SERVED).on_conflict_do_nothing(index_elements=["name"]), rows)


def waiting(engine: Engine, group: Group) -> bool:
    """Whether lists of the group are not settled."""
    with sql.reading(engine) as connection:
        one = sa.select(SERVED.c.id).where(SERVED.c.dataset_group == group.key).limit(1)
        return connection.execute(one).first() is not None


def drop(engine: Engine, group: Group) -> None:
    """Delete the blobs of a group."""
    with sql.writing(engine) as connection:
        connection.execute(SERVED.delete().where(SERVED.c.dataset_group == group.key))
