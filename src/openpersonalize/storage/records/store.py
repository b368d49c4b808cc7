"""Records: the rows of every dataset, brought by import jobs or one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Engine

from openpersonalize.avro import Schema
from openpersonalize.clock import Clock
from openpersonalize.storage.records.dataset import Dataset
from openpersonalize.storage.records.table import Statistics, Tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from openpersonalize.storage.records.importing import Imported


@dataclass(frozen=True)
class Records:
    """All rows of all datasets, for any number of threads and processes."""

    tables: Tables
    clock: Clock

    @classmethod
    def open(
        cls, root: Path | str, engine: Engine, clock: Clock, options: Mapping[str, str] | None = None
    ) -> "Records":
        """Tables below `root`, a folder or an s3:// URL with delta-rs's storage options; streamed rows in `engine`."""
        return cls(Tables(str(root), options or {}), clock)

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

    def has_bulk(self, dataset: Dataset) -> bool:
        """Whether an import ever succeeded."""
        return self.statistics(dataset).bulk_rows > 0

    def statistics(self, dataset: Dataset) -> Statistics:
        """Rows and bytes, from the table's log alone."""
        return self.tables.of(dataset).statistics()

    def drop(self, dataset: Dataset) -> None:
        """Forget every row of a dataset."""
        self.tables.of(dataset).drop()
