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
    """A blob for each group among the rows."""
    of_groups: dict[str, list[ServedList]] = {}
    for row in rows:
        of_groups.setdefault(row.dataset_group_arn, []).append(row)
    return [
        Blob(uuid.uuid4().hex, Group.of(arn), len(own), zlib.compress(orjson.dumps(_columns(own)), _FAST))
        for arn, own in of_groups.items()
    ]


def _columns(rows: Sequence[ServedList]) -> dict[str, list[Any]]:
    """What the Delta table has, column by column, which packs better than row by row."""
    return {
        "time": [row.time for row in rows],
        "user_id": [row.user_id for row in rows],
        "source": [row.source for row in rows],
        "recommendation_id": [row.recommendation_id for row in rows],
        "item_ids": [row.item_ids for row in rows],
        "shown": [len(row.item_ids) for row in rows],
        "promoted": [row.promoted for row in rows],
        "explored": [row.explored for row in rows],
    }


def unpack(data: bytes) -> Mapping[str, list[Any]]:
    """The columns of a blob."""
    columns: Mapping[str, list[Any]] = orjson.loads(zlib.decompress(data))
    return columns


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
