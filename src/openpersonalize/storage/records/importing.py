"""Bulk imports: files become rows of a dataset's table, all of them in one commit or none."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from openpersonalize.avro import Schema
from openpersonalize.errors import JobFailed
from openpersonalize.storage.records.columns import stored
from openpersonalize.storage.records.csv_files import CsvFile
from openpersonalize.storage.records.feed import feed
from openpersonalize.storage.records.meter import Meter
from openpersonalize.storage.records.names import BULK, EVENT, INGESTED, SESSION, SIDE, SOURCE
from openpersonalize.storage.records.parquet_files import MAGIC, ParquetFile
from openpersonalize.storage.records.table import Table, once


@dataclass(frozen=True)
class Imported:
    """What an import brought; `version` is the table's first version with it."""

    rows: int
    bytes: int
    version: int


class Source(Protocol):
    """A file of rows, in one of the formats."""

    @property
    def name(self) -> str:
        """What its owner calls it."""
        ...

    @property
    def columns(self) -> list[str]:
        """The names in its header."""
        ...

    def batches(self, schema: Schema, meter: Meter) -> Iterator[list[pa.Array]]:
        """Its rows, checked, as columns in schema order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import job's work; see `Records.import_files` for what the fields mean."""

    table: Table
    schema: Schema
    files: Sequence[tuple[str, Path]]
    mode: str
    token: str
    minimum_rows: int
    progress: Callable[[float, str], None]
    before_commit: Callable[[], None]
    location: str
    now: int

    def run(self) -> Imported:
        """Read, check, commit; the same token again changes nothing."""
        found = self.table.open()
        if found is not None and found.transaction_version(self.token) is not None:
            return _earlier(found, self.token)
        files = [(name, path) for name, path in self.files if path.stat().st_size]
        sources = [_source(name, path) for name, path in files]
        self._check_headers(sources)
        size = sum(path.stat().st_size for _, path in files)
        table = self.table.made(stored(self.schema))
        rows = _Rows(self, sources, Meter(size, self.progress), max(self.now, self.table.statistics().newest + 1))
        return self._write(table, rows, size)

    def _check_headers(self, sources: Sequence[Source]) -> None:
        if not sources:
            raise JobFailed(f"No data found at {self.location}.")
        first = sources[0]
        for source in sources:
            missing = [column.name for column in self.schema.columns if column.name not in source.columns]
            if missing:
                kind = "Parquet" if isinstance(source, ParquetFile) else "CSV"
                where = f" They are not in {source.name}." if len(sources) > 1 else ""
                raise JobFailed(f"Input {kind} is missing the following columns: [{', '.join(missing)}].{where}")
            if set(source.columns) != set(first.columns):
                raise JobFailed(
                    f"Input files must have identical headers: {first.name} has [{', '.join(first.columns)}], "
                    f"{source.name} has [{', '.join(source.columns)}]."
                )

    def _write(self, table: DeltaTable, rows: "_Rows", size: int) -> Imported:
        properties = once(self.token, token=self.token, bytes=size)

        def commit(reader: pa.RecordBatchReader) -> None:
            if self.mode == "INCREMENTAL":
                write_deltalake(table, reader, mode="append", schema_mode="merge", commit_properties=properties)
                return
            write_deltalake(
                table,
                reader,
                mode="overwrite",
                predicate=f"{SOURCE} = '{BULK}'",
                schema_mode="merge",
                commit_properties=properties,
            )

        try:
            feed(rows.schema, rows.read(), commit)
        except CommitFailedError:
            newest = self.table.open()
            if newest is None or newest.transaction_version(self.token) is None:
                raise
            return _earlier(newest, self.token)  # the same job in another worker was faster
        return Imported(rows.count, size, table.version())


def _source(name: str, path: Path) -> Source:
    with path.open("rb") as file:
        return ParquetFile(name, path) if file.read(len(MAGIC)) == MAGIC else CsvFile(name, path)


def _earlier(table: DeltaTable, token: str) -> Imported:
    for commit in table.history():
        if commit.get("token") == token:
            rows = int(commit["operationMetrics"]["num_added_rows"])
            return Imported(rows, int(commit["bytes"]), int(commit["version"]))
    raise RuntimeError(f"The table says that {token} is in, but its history does not tell when.")


class _Rows:
    """The batches to write; their end comes after the checks that need all rows seen."""

    def __init__(self, job: Import, sources: Sequence[Source], meter: Meter, first: int) -> None:
        self.schema = stored(job.schema)
        self.count = 0
        self._job = job
        self._sources = sources
        self._meter = meter
        self._first = first

    def read(self) -> Iterator[pa.RecordBatch]:
        """Batch by batch, once."""
        for source in self._sources:
            for columns in source.batches(self._job.schema, self._meter):
                yield self._stored(columns)
                self._meter.rows = self.count
                self._meter.tick()
        self._check_count()
        self._job.before_commit()

    def _stored(self, columns: list[pa.Array]) -> pa.RecordBatch:
        rows = len(columns[0])
        first = self._first + self.count
        self.count += rows
        own: dict[str, Any] = {
            SOURCE: pa.repeat(pa.scalar(BULK), rows),
            INGESTED: pa.array(np.arange(first, first + rows)),
            **{name: pa.nulls(rows, pa.string()) for name in (SESSION, EVENT, SIDE)},
        }
        own.update(zip((column.name for column in self._job.schema.columns), columns, strict=True))
        return pa.RecordBatch.from_arrays([own[name] for name in self.schema.names], schema=self.schema)

    def _check_count(self) -> None:
        if not self.count:
            raise JobFailed(f"No data found at {self._job.location}.")
        if self.count < self._job.minimum_rows:
            noun = self._job.schema.dataset_type.lower().replace("_", " ")
            raise JobFailed(f"Dataset has fewer than {self._job.minimum_rows} {noun}. The files hold {self.count}.")
