"""From the stream into the Delta tables: every row once, whoever is killed when, and however many do it at once.

Rows get a batch number in the database first; a commit of the Delta table carries that number as an application
transaction; then the rows are marked. Whoever finds a batch without its mark asks the table whether it is in. Rows are
told by a mark of their own, not by "all up to an id": under PostgreSQL a smaller id may be committed later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import sqlalchemy as sa
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError
from sqlalchemy.engine import Connection, Engine

from openpersonalize.avro import Schema
from openpersonalize.storage import sql
from openpersonalize.storage.records.columns import stored
from openpersonalize.storage.records.dataset import Dataset
from openpersonalize.storage.records.names import EVENT, INGESTED, PUT, RECOMMENDATION_ID, SESSION, SIDE, SOURCE
from openpersonalize.storage.records.stream import STREAM, microseconds
from openpersonalize.storage.records.table import Table, once

NAME = "settle"
BATCH_ROWS = 50_000
_TRIES = 20


@dataclass(frozen=True)
class Settling:
    """The rows of one dataset on their way into its table."""

    engine: Engine
    table: Table
    dataset: Dataset
    schema: Schema

    def run(self) -> int:
        """Settle all rows that are there now; gives their number."""
        count = 0
        while (batch := self._batch()) is not None:
            count += self._copy(batch)
            self._mark(batch)
        return count

    def _batch(self) -> int | None:
        """The batch that somebody began, or a new one; None when no row is left."""
        mine = (STREAM.c.dataset == self.dataset.key, STREAM.c.settled == 0)
        with sql.writing(self.engine, alone=f"settle {self.dataset.key}") as connection:
            begun: int | None = connection.execute(
                sa.select(STREAM.c.batch).where(*mine, STREAM.c.batch.is_not(None)).limit(1)
            ).scalar()
            return self._new_batch(connection, mine) if begun is None else begun

    def _new_batch(self, connection: Connection, mine: tuple[sa.ColumnElement[bool], ...]) -> int | None:
        free = sa.select(STREAM.c.id).where(*mine, STREAM.c.batch.is_(None)).order_by(STREAM.c.id).limit(BATCH_ROWS)
        ids = connection.execute(free).scalars().all()
        if not ids:
            return None
        # Above every number the table has taken: it takes a number as "already in" when it has a higher one.
        number = max(int(ids[-1]), self._taken() + 1)
        chosen = STREAM.update().where(*mine, STREAM.c.batch.is_(None), STREAM.c.id <= ids[-1])
        connection.execute(chosen.values(batch=number))
        return number

    def _taken(self) -> int:
        found = self.table.open()
        taken = found.transaction_version(NAME) if found is not None else None
        return 0 if taken is None else int(taken)

    def _copy(self, batch: int) -> int:
        """Commit a batch to the table, unless it is in; gives its rows."""
        with sql.reading(self.engine) as connection:
            rows = connection.execute(
                sa.select(STREAM)
                .where(STREAM.c.dataset == self.dataset.key, STREAM.c.batch == batch, STREAM.c.settled == 0)
                .order_by(STREAM.c.id)
            ).all()
        for _ in range(_TRIES):
            table = self.table.made(stored(self.schema))
            if (table.transaction_version(NAME) or 0) >= batch or not rows:
                return 0
            data = arrow(self.schema, rows, self.table.statistics().newest + 1)
            try:
                write_deltalake(table, data, mode="append", schema_mode="merge", commit_properties=once(NAME, batch))
            except CommitFailedError:
                continue  # somebody else settles this batch, or replaced the table's rows meanwhile: look again
            return len(rows)
        raise RuntimeError(f"{self.dataset.key} was written by others {_TRIES} times in a row.")

    def _mark(self, batch: int) -> None:
        with sql.writing(self.engine) as connection:
            chosen = STREAM.update().where(STREAM.c.dataset == self.dataset.key, STREAM.c.batch == batch)
            connection.execute(chosen.where(STREAM.c.settled == 0).values(settled=1))


def arrow(schema: Schema, rows: Sequence[Any], first: int = 0) -> pa.Table:
    """Rows as the table stores them; `_ingested` follows the time they were received, and their order."""
    target = stored(schema)
    columns: dict[str, list[Any]] = {name: [] for name in target.names}
    for row in rows:
        first = max(first + 1, _microseconds(row.received) * 1000)
        given = orjson.loads(row.row) if isinstance(row.row, str) else row.row
        side = {name: value for name, value in given.items() if name not in schema.by_name}
        own = {SOURCE: PUT, INGESTED: first, SESSION: row.session_id, EVENT: row.event_id, SIDE: _json(side)}
        for name, values in columns.items():
            values.append(own[name] if name in own else given.get(name))
    return pa.table([pa.array(columns[field.name], field.type) for field in target], schema=target)


def _microseconds(received: datetime | int) -> int:
    return received if isinstance(received, int) else microseconds(received)


def _json(side: dict[str, Any]) -> str | None:
    """A recommendation id comes last: a text that begins with it holds nothing else, and need not be parsed."""
    ordered = sorted(side.items(), key=lambda member: member[0] == RECOMMENDATION_ID)
    return orjson.dumps(dict(ordered)).decode() if side else None
