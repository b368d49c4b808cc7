"""A Delta table by its address."""

from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from deltalake.exceptions import CommitFailedError

from openpersonalize.storage.records.table import Table

SCHEMA = pa.schema([("_source", pa.string()), ("ITEM_ID", pa.string())])


def test_a_table_that_two_make_at_once_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second makes it between the first's look and its own commit, which then fails."""
    table = Table(str(tmp_path / "interactions"), {})
    create = deltalake.DeltaTable.create

    def slow(*given: Any, **options: Any) -> None:
        create(*given, **options)
        raise CommitFailedError("Protocol changed since last commit")

    monkeypatch.setattr(deltalake.DeltaTable, "create", slow)
    assert table.made(SCHEMA).version() == 0


def test_a_table_that_cannot_be_made_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any, **options: Any) -> None:
        raise CommitFailedError("no space left")

    monkeypatch.setattr(deltalake.DeltaTable, "create", fails)
    with pytest.raises(CommitFailedError, match="no space"):
        Table(str(tmp_path / "interactions"), {}).made(SCHEMA)
