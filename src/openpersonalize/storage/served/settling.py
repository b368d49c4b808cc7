"""From the blobs into the Delta table: every list once, whoever is killed when, and however many do it at once.

Blobs get a batch number in the database first; a commit of the Delta table carries that number as an application
transaction; then the blobs are deleted. Whoever finds a batch begun asks the table whether it is in.
"""

from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError
from sqlalchemy.engine import Connection, Engine

from openpersonalize.storage import sql
from openpersonalize.storage.served.blobs import SERVED, unpack
from openpersonalize.storage.served.lists import Group
from openpersonalize.storage.served.table import SCHEMA, SETTLING, TRIES, Table, once

BATCH_LISTS = 50_000
_BATCH_BLOBS = 500


@dataclass(frozen=True)
class Settling:
    """The lists of one group on their way into its table."""

    engine: Engine
    table: Table
    group: Group

    def run(self) -> int:
        """Settle all lists that are in the database now; gives their number."""
        count = 0
        while (batch := self._batch()) is not None:
            count += self._copy(batch)
            self._mark(batch)
        return count

    def _batch(self) -> int | None:
        """The batch that somebody began, or a new one; None when no blob is left."""
        mine = SERVED.c.dataset_group == self.group.key
        with sql.writing(self.engine, alone=f"served {self.group.key}") as connection:
            begun: int | None = connection.execute(
                sa.select(SERVED.c.batch).where(mine, SERVED.c.batch.is_not(None)).limit(1)
            ).scalar()
            return self._new_batch(connection, mine) if begun is None else begun

    def _new_batch(self, connection: Connection, mine: sa.ColumnElement[bool]) -> int | None:
        chosen = sa.select(SERVED.c.id, SERVED.c.lists).where(mine).order_by(SERVED.c.id).limit(_BATCH_BLOBS)
        ids, lists = [], 0
        for number, count in connection.execute(chosen):
            ids.append(number)
            lists += count
            if lists >= BATCH_LISTS:
                break
        if not ids:
            return None
        # Above every number the table has taken: it takes a number as "already in" when it has a higher one.
        batch = max(int(ids[-1]), self.table.taken() + 1)
        connection.execute(SERVED.update().where(mine, SERVED.c.id.in_(ids)).values(batch=batch))
        return batch

    def _copy(self, batch: int) -> int:
        """Commit a batch to the table, unless it is in; gives its lists."""
        data = self._read(batch)
        for _ in range(TRIES):
            table = self.table.made()
            if (table.transaction_version(SETTLING) or 0) >= batch or not data.num_rows:
                return 0
            try:
                write_deltalake(table, data, mode="append", commit_properties=once(batch))
            except CommitFailedError:
                continue  # somebody else settles this batch, or takes rows out meanwhile: look again
            return int(data.num_rows)
        raise RuntimeError(f"{self.table.folder} was written by others {TRIES} times in a row.")

    def _read(self, batch: int) -> pa.Table:
        chosen = (
            sa.select(SERVED.c.data)
            .where(SERVED.c.dataset_group == self.group.key, SERVED.c.batch == batch)
            .order_by(SERVED.c.id)
        )
        with sql.reading(self.engine) as connection:
            tables = [_arrow(data) for data in connection.execute(chosen).scalars()]
        return pa.concat_tables([SCHEMA.empty_table(), *tables])

    def _mark(self, batch: int) -> None:
        with sql.writing(self.engine) as connection:
            connection.execute(SERVED.delete().where(SERVED.c.dataset_group == self.group.key, SERVED.c.batch == batch))


def _arrow(data: bytes) -> pa.Table:
    columns = unpack(data)
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)
