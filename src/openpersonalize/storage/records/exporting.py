"""Exports: the rows of a dataset as CSV files that an import reads back.

BULK and PUT give every row that import jobs or single calls have brought, also several of one id; ALL gives of items
and users the newest row per id, of event logs everything. Rows that are the same in all columns come once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from openpersonalize.avro import Schema
from openpersonalize.storage.records import csv_writing
from openpersonalize.storage.records.names import BULK, PUT
from openpersonalize.storage.records.snapshot import Snapshot

PART_BYTES = 256 * 1024 * 1024
SOURCES = {"BULK": (BULK,), "PUT": (PUT,), "ALL": (BULK, PUT)}

Rows: TypeAlias = Any
"""An Arrow reader of record batches."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What to write: `mode` is BULK, PUT or ALL; `folder` holds one part at a time, `part_bytes` big or little more.

    `total` is how many rows are stored, for telling how far it is.
    """

    snapshot: Snapshot
    total: int
    schema: Schema
    mode: str
    folder: Path
    progress: Callable[[float, str], None]
    part_bytes: int = PART_BYTES

    def parts(self) -> Iterator[Path]:
        """Files `part-00000.csv` and so on, at least one, each there until the next is asked for.

        Then, if there are such, `_sessions-00000.csv` and so on: events of sessions whose user nobody ever named. They
        have no USER_ID, which an import demands; an import of the whole folder passes over names that begin with "_".
        """
        names = [column.name for column in self.schema.columns]
        if self.schema.key is not None and self.mode == "ALL":
            yield from self._written("part", self.snapshot.arrow(names), least=1)
            return
        sources = SOURCES[self.mode]
        yield from self._written("part", self.snapshot.every(sources, names), least=1)
        if self.schema.key is None and PUT in sources:
            yield from self._written("_sessions", self.snapshot.every(sources, names, nobodys=True), least=0)

    def _written(self, stem: str, rows: Rows, least: int) -> Iterator[Path]:
        head = csv_writing.header(column.name for column in self.schema.columns)
        pieces = self._counted(rows)
        number, piece = 0, next(pieces, None)
        while piece is not None or number < least:
            path = self.folder / f"{stem}-{number:05}.csv"
            with path.open("wb") as file:
                file.write(head)
                while piece is not None:
                    file.write(piece)
                    piece = next(pieces, None)
                    if file.tell() >= self.part_bytes:
                        break
            yield path
            path.unlink()
            number += 1

    def _counted(self, rows: Rows) -> Iterator[bytes]:
        done = 0
        for batch in rows:
            done += batch.num_rows
            self.progress(min(0.99, done / max(1, self.total)), f"{done:,} rows")
            yield from csv_writing.lines([batch])
