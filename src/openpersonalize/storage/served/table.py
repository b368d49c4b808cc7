"""The Delta table of a group's served lists, for reports and for whoever wants to open it. See docs/data.md."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from openpersonalize import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_log = logs.get("served")

SETTLING = "settle"
"""The application transaction whose number is that of the last batch in the table."""
TRIES = 20
SCHEMA = pa.schema(
    [
        ("time", pa.int64()),
        ("user_id", pa.string()),
        ("source", pa.string()),
        ("recommendation_id", pa.string()),
        ("item_ids", pa.list_(pa.string())),
        ("shown", pa.int32()),
        ("promoted", pa.int32()),
        ("explored", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Table:
    """One table by its folder; it need not exist yet."""

    folder: Path

    def open(self) -> DeltaTable | None:
        """The newest version; None when nothing was ever settled."""
        try:
            return DeltaTable(self.folder)
        except TableNotFoundError:
            return None

    def made(self) -> DeltaTable:
        """The table, made if need be; two may do so at once."""
        found = self.open()
        if found is None:
            try:
                DeltaTable.create(
                    self.folder, schema=SCHEMA, mode="ignore", configuration={"delta.checkpointInterval": "50"}
                )
            except CommitFailedError:
                _log.info("made by somebody else at the same time", table=str(self.folder))
            found = DeltaTable(self.folder)
        return found

    def taken(self) -> int:
        """The number of the last batch in the table; 0 before the first."""
        table = self.open()
        return 0 if table is None else table.transaction_version(SETTLING) or 0

    def erase(self, user_ids: "Sequence[str]") -> int:
        """Delete the lists of users; gives their number."""
        gone = pa.table({"id": pa.array(user_ids, pa.string())})

        def merge(table: DeltaTable) -> int:
            merger = table.merge(gone, "target.user_id = gone.id", source_alias="gone", target_alias="target")
            return int(merger.when_matched_delete().execute()["num_target_rows_deleted"])

        return self._again(merge)

    def forget(self, before: int) -> int:
        """Delete the lists of a time before `before` (epoch seconds); gives their number."""

        def delete(table: DeltaTable) -> int:
            oldest = min((file["min.time"] for file in _files(table) if file.get("min.time") is not None), default=None)
            if oldest is None or oldest >= before:
                return 0  # a commit that changes nothing would still be one more file of the log
            rows = _rows(table)
            table.delete(f"time < {before}")
            return rows - _rows(table)

        return self._again(delete)

    def _again(self, change: "Callable[[DeltaTable], int]") -> int:
        for _ in range(TRIES):
            table = self.open()
            if table is None:
                return 0
            try:
                return change(table)
            except CommitFailedError:
                continue  # others wrote meanwhile: look again
        raise RuntimeError(f"{self.folder} was written by others {TRIES} times in a row.")

    def tidy(self, readers_hours: int) -> None:
        """Join small files, and delete those that no version needs and no reader younger than that can hold."""
        table = self.open()
        if table is None:
            return
        try:
            table.optimize.compact()
        except CommitFailedError:
            _log.info("not compacted, others write", table=str(self.folder))
        table.vacuum(readers_hours, dry_run=False, enforce_retention_duration=False, full=True)


def once(number: int) -> CommitProperties:
    """Properties of a commit that brings the batch of that number: the table takes it once."""
    return CommitProperties(app_transactions=[Transaction(SETTLING, number)])


def _rows(table: DeltaTable) -> int:
    return sum(file["num_records"] for file in _files(table))


def _files(table: DeltaTable) -> list[dict[str, Any]]:
    """What the log tells of each file."""
    # Not `pa.table`, which would import pandas for a second wherever that is installed.
    files: list[dict[str, Any]] = (
        pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all().to_pylist()
    )
    return files
