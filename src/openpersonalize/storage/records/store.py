"""Records: the rows of every dataset, brought by import jobs or one by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DataError, IntegrityError

from openpersonalize.avro import Schema
from openpersonalize.clock import Clock
from openpersonalize.storage.records import stream
from openpersonalize.storage.records.dataset import Dataset
from openpersonalize.storage.records.stream import StreamRow
from openpersonalize.storage.records.table import Statistics, Tables
from openpersonalize.storage.records.writer import Writer

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pa_dataset

    from openpersonalize.storage.records.importing import Imported
    from openpersonalize.storage.records.snapshot import Snapshot

READERS_HOURS = 168
"""How long the files of a replaced version stay, for a training that still reads them."""

# What a value that the database cannot hold raises, depending on driver and value.
_ROWS_FAULT = (DataError, IntegrityError, OverflowError, ValueError)


@dataclass(frozen=True)
class Records:
    """All rows of all datasets, for any number of threads and processes."""

    tables: Tables
    engine: Engine
    clock: Clock
    writer: Writer[dict[str, Any]]

    @classmethod
    def open(
        cls, root: Path | str, engine: Engine, clock: Clock, options: Mapping[str, str] | None = None
    ) -> "Records":
        """Tables below `root`, a folder or an s3:// URL with delta-rs's storage options; streamed rows in `engine`."""
        stream.migrate(engine)
        writer: Writer[dict[str, Any]] = Writer(lambda rows: stream.insert(engine, rows), alone=_ROWS_FAULT)
        return cls(Tables(str(root), options or {}), engine, clock, writer)

    def close(self) -> None:
        """Write what was put, then let go of the database; rows can no longer be put."""
        self.writer.close()
        self.engine.dispose()

    def import_files(
        self,
        dataset: Dataset,
        schema: Schema,
        files: Sequence[tuple[str, Path]],
        *,
        mode: str,
        token: str,
        progress: Callable[[float, str], None],
        before_commit: Callable[[], None],
        minimum_rows: int = 0,
        location: str = "",
    ) -> "Imported":
        """Bring files, by the name to tell and the path to read, into a dataset: all their rows, or none.

        `mode` FULL replaces what earlier imports brought, INCREMENTAL adds to it; rows put one by one stay. `token`
        names the job: the same again changes nothing. `progress` hears a share and a text twice a second and may raise
        to stop; `before_commit` may raise at the last moment. Raises JobFailed with the file, line, column, value and
        rule of the first faults; `location` is told when there is no data.
        """
        from openpersonalize.storage.records.importing import Import

        return Import(
            table=self.tables.of(dataset),
            schema=schema,
            files=files,
            mode=mode,
            token=token,
            minimum_rows=minimum_rows,
            progress=progress,
            before_commit=before_commit,
            location=location or ", ".join(name for name, _ in files) or "the data location",
            now=int(self.clock.now().timestamp() * 1_000_000) * 1000,
        ).run()

    def put(self, dataset: Dataset, rows: Sequence[StreamRow]) -> "Future[None]":
        """Keep rows, all or none; the future ends when they are on disk and seen by every process.

        Callers at the same time share one transaction. Raises ServiceUnavailable after `close`.
        """
        return self.writer.put([stream.values(dataset, row) for row in rows])

    def recent(
        self, dataset: Dataset, user_id: str, limit: int = 200, *, of_each_type: bool = False
    ) -> list[StreamRow]:
        """The newest rows put for a user, in order of their time, written by any process.

        Rows of a session without a user are found under the session's id, and under the user whom an event tied to it.
        `of_each_type` gives as many of each event type, which takes a look at all rows of the user.
        """
        return stream.recent(self.engine, dataset, user_id, limit, of_each_type=of_each_type)

    def end_of_stream(self) -> int:
        """The place of the last row put, of any dataset; no row will appear below it."""
        return stream.end(self.engine)

    def behind(self, dataset: Dataset, after: int, upto: int, limit: int) -> list[StreamRow]:
        """At most `limit` rows put into a dataset at places in (after, upto], in order, settled or not."""
        return stream.behind(self.engine, dataset, after, upto, limit)

    def repeated(self, dataset: Dataset, rows: Sequence[StreamRow]) -> frozenset[int]:
        """The places of those rows whose event id had come before; told for as long as the fast store keeps events."""
        return stream.repeated(self.engine, dataset, rows)

    def as_table(self, schema: Schema, rows: Sequence[StreamRow]) -> "pa.Table":
        """Rows put, with the columns of the dataset's table."""
        from openpersonalize.storage.records.settling import arrow

        return arrow(schema, rows)

    def brought_by(self, dataset: Dataset, version: int) -> "pa_dataset.Dataset":
        """The rows that the import which made a version of the table brought; as long as its files are kept."""
        return self.tables.of(dataset).brought_by(version)

    def waiting(self, dataset: Dataset) -> bool:
        """Whether rows were put that `settle` has not copied yet."""
        return stream.waiting(self.engine, dataset)

    def settle(self, dataset: Dataset, schema: Schema) -> int:
        """Copy rows that were put into the dataset's table, each once, whoever does it at the same time or is killed.

        Gives how many rows this call copied.
        """
        from openpersonalize.storage.records.settling import Settling

        return Settling(self.engine, self.tables.of(dataset), dataset, schema).run()

    def forget_settled(self, before: datetime, *, counted: int | None = None, at_last: datetime | None = None) -> int:
        """Drop copied rows received before a time from the fast store; gives how many.

        Rows behind the place `counted`, which somebody has still to count, stay until they are older than `at_last`.
        """
        return stream.forget(self.engine, before, counted, at_last or before)

    def snapshot(self, dataset: Dataset, schema: Schema | None = None) -> "Snapshot":
        """The settled rows that count, at the newest version; call `settle` first to have all.

        `schema` gives types to columns that were added to the dataset and that no row has yet.
        """
        from openpersonalize.storage.records.snapshot import Snapshot

        return Snapshot(self.tables.of(dataset), dataset, schema)

    def export(
        self, dataset: Dataset, schema: Schema, mode: str, folder: Path, progress: Callable[[float, str], None]
    ) -> Iterator[Path]:
        """The settled rows as CSV files that `import_files` reads: written into `folder` and there one after another.

        `mode` BULK, PUT and ALL choose as in Amazon's export jobs, see `exporting`; `progress` may raise to stop.
        """
        from openpersonalize.storage.records.exporting import Export

        statistics = self.statistics(dataset)
        with self.snapshot(dataset, schema) as snapshot:
            total = statistics.bulk_rows + statistics.put_rows
            export = Export(snapshot=snapshot, schema=schema, mode=mode, folder=folder, total=total, progress=progress)
            yield from export.parts()

    def erase(self, dataset: Dataset, schema: Schema, user_ids: Sequence[str], *, token: str) -> int:
        """Take out every row of these users, those of their sessions too; gives how many rows are gone.

        The dataset is one with a USER_ID. `token` names the job: the same again gives the same number.
        """
        from openpersonalize.storage.records.erasing import Erasing

        return Erasing(
            engine=self.engine,
            table=self.tables.of(dataset),
            dataset=dataset,
            schema=schema,
            user_ids=user_ids,
            token=token,
        ).run()

    def tidy(self, dataset: Dataset, readers_hours: int = READERS_HOURS) -> None:
        """Join small files, and delete those that no version needs and no reader younger than that can hold.

        Files of imports that were killed go too.
        """
        self.tables.of(dataset).tidy(readers_hours)

    def has_bulk(self, dataset: Dataset) -> bool:
        """Whether an import ever succeeded."""
        return self.statistics(dataset).bulk_rows > 0

    def statistics(self, dataset: Dataset) -> Statistics:
        """Rows and bytes, from the table's log alone."""
        return self.tables.of(dataset).statistics()

    def drop(self, dataset: Dataset) -> None:
        """Forget every row of a dataset."""
        stream.drop(self.engine, dataset)
        self.tables.of(dataset).drop()
