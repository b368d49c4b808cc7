"""The Delta tables: where they are, what is in them, and commits that happen once.

One table per dataset, partitioned by `_source`: what import jobs brought ("bulk") and what came one by one ("put").
A reader holds one version; a writer adds a new one or nothing. See docs/data.md.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from openpersonalize import logs
from openpersonalize.storage.records.dataset import Dataset
from openpersonalize.storage.records.names import BULK, INGESTED, PUT, SOURCE

_log = logs.get("records")

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pa_dataset
    from deltalake import CommitProperties, DeltaTable


@dataclass(frozen=True)
class Statistics:
    """What a table holds, from its log alone."""

    version: int | None
    bulk_rows: int
    put_rows: int
    bytes: int
    newest: int
    """The highest `_ingested`; -1 when nothing is there."""


@dataclass(frozen=True)
class Table:
    """One table by its address; it need not exist yet."""

    uri: str
    options: Mapping[str, str]

    def open(self, version: int | None = None) -> "DeltaTable | None":
        """The table at a version, or the newest; None when it was never written."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            return DeltaTable(self.uri, version=version, storage_options=dict(self.options))
        except TableNotFoundError:
            return None

    def made(self, schema: "pa.Schema") -> "DeltaTable":
        """The table, made if need be; two may do so at once."""
        from deltalake import DeltaTable
        from deltalake.exceptions import CommitFailedError

        found = self.open()
        if found is None:
            try:
                DeltaTable.create(
                    self.uri,
                    schema=schema,
                    mode="ignore",
                    partition_by=[SOURCE],
                    storage_options=dict(self.options),
                    configuration={"delta.checkpointInterval": "50"},
                )
            except CommitFailedError:
                if self.open() is None:
                    raise
                _log.info("made by somebody else at the same time", table=self.uri)
            found = self.open()
        if found is None:
            raise RuntimeError(f"{self.uri} vanished while it was made.")
        return found

    def brought_by(self, version: int) -> "pa_dataset.Dataset":
        """The imported rows in the files that a version added; none where it added none."""
        import pyarrow.dataset as pa_dataset

        table, before = self.open(version), self.open(version - 1) if version else None
        if table is None:
            raise FileNotFoundError(f"{self.uri} has no version {version}.")
        old = set() if before is None else {file["path"] for file in files_of(before)}
        added = {file["path"] for file in files_of(table) if file[f"partition.{SOURCE}"] == BULK} - old
        whole = table.to_pyarrow_dataset()
        chosen = [fragment for fragment in whole.get_fragments() if unquote(fragment.path) in added]
        return pa_dataset.FileSystemDataset(chosen, whole.schema, whole.format, whole.filesystem)

    def statistics(self) -> Statistics:
        """Counted from the log; no data is read."""
        table = self.open()
        if table is None:
            return Statistics(None, 0, 0, 0, -1)
        files = files_of(table)
        rows = {BULK: 0, PUT: 0}
        for file in files:
            rows[file[f"partition.{SOURCE}"]] += file["num_records"]
        newest = max((file.get(f"max.{INGESTED}") or -1 for file in files), default=-1)
        return Statistics(table.version(), rows[BULK], rows[PUT], sum(file["size_bytes"] for file in files), newest)

    def tidy(self, readers_hours: int) -> None:
        """Compact, then vacuum, untracked files included; a table that others write meanwhile is left for next time."""
        from deltalake.exceptions import CommitFailedError

        table = self.open()
        if table is None:
            return
        try:
            table.optimize.compact()
        except CommitFailedError:
            _log.info("not compacted, others write", table=self.uri)
        table.vacuum(readers_hours, dry_run=False, enforce_retention_duration=False, full=True)

    def drop(self) -> None:
        """Remove the table and its history; nothing there is no error."""
        if "://" in self.uri:
            from obstore.store import from_url

            store = from_url(self.uri, config=_for_obstore(self.options), client_options={"allow_http": True})
            store.delete([meta["path"] for chunk in store.list() for meta in chunk])
        elif Path(self.uri).exists():
            shutil.rmtree(self.uri)


def files_of(table: "DeltaTable") -> list[dict[str, Any]]:
    """What the log tells of each file of a version."""
    import pyarrow as pa

    # Not `pa.table`, which would import pandas for a second wherever that is installed.
    files: list[dict[str, Any]] = (
        pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all().to_pylist()
    )
    return files


@dataclass(frozen=True)
class Tables:
    """All tables: a folder, or an s3:// URL with the options of delta-rs."""

    root: str
    options: Mapping[str, str]

    def of(self, dataset: Dataset) -> Table:
        """The table of a dataset."""
        return Table(f"{self.root}/{dataset.key}", self.options)


def once(name: str, number: int = 1, **facts: Any) -> "CommitProperties":
    """Properties of a commit that the table takes once: see `DeltaTable.transaction_version(name)`.

    A second writer that read the table before the first committed gets CommitFailedError.
    """
    from deltalake import CommitProperties, Transaction

    return CommitProperties(custom_metadata=facts, app_transactions=[Transaction(name, number)])


def _for_obstore(options: Mapping[str, str]) -> Any:
    """The options of delta-rs that say where and who; the others are its own, or of the HTTP client."""
    lowered = {key.lower().removeprefix("aws_"): value for key, value in options.items()}
    return {f"aws_{key}": value for key, value in lowered.items() if key in _OBSTORE}


_OBSTORE = frozenset(
    {"endpoint", "endpoint_url", "region", "access_key_id", "secret_access_key", "session_token", "skip_signature"}
)
