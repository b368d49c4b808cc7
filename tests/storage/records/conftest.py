"""Small datasets, and files for them."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from openpersonalize import avro
from openpersonalize.clock import StillClock
from openpersonalize.storage import sql
from openpersonalize.storage.records import Dataset, Records

EVENTS = Dataset("000000000000", "us-east-1", "shop", "INTERACTIONS")
ITEMS = Dataset("000000000000", "us-east-1", "shop", "ITEMS")


def schema(name: str, *fields: str) -> avro.Schema:
    """A schema from lines such as "AGE int", "TIER string? categorical"; a question mark means nullable."""
    return avro.parse(json.dumps({"type": "record", "name": name, "fields": [_field(line) for line in fields]}))


def _field(line: str) -> dict[str, Any]:
    name, kind, *flags = line.split()
    return {
        "name": name,
        "type": ["null", kind[:-1]] if kind.endswith("?") else kind,
        **dict.fromkeys(flags, True),
    }


INTERACTIONS = schema(
    "Interactions", "USER_ID string", "ITEM_ID string", "EVENT_TYPE string", "EVENT_VALUE float?", "TIMESTAMP long"
)
CATALOGUE = schema(
    "Items",
    "ITEM_ID string",
    "GENRES string? categorical",
    "PRICE float?",
    "STOCK int?",
    "ADULT boolean?",
    "TITLE string? textual",
)


@pytest.fixture
def clock() -> StillClock:
    return StillClock(datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def records(tmp_path: Path, clock: StillClock) -> Records:
    return Records.open(tmp_path / "records", sql.engine(f"sqlite:///{tmp_path}/events.db"), clock)


Bring = Callable[..., Any]


@pytest.fixture
def bring(records: Records, tmp_path: Path) -> Bring:
    """Import texts or bytes as files named a.csv, b.csv, …; the token is new each time unless given."""
    count = iter(range(1_000_000))

    def run(dataset: Dataset, schema: avro.Schema, *contents: str | bytes, **options: Any) -> Any:
        files: list[tuple[str, Path]] = []
        for letter, content in zip("abcdef", contents, strict=False):
            path = tmp_path / f"{letter}-{next(count)}.csv"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            files.append((f"{letter}.csv", path))
        given = {"mode": "FULL", "token": f"job-{next(count)}", "location": "s3://shop/in/", **options}
        given.setdefault("progress", lambda _share, _text: None)
        given.setdefault("before_commit", lambda: None)
        return records.import_files(dataset, schema, files, **given)

    return run


def rows_of(records: Records, dataset: Dataset, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What the table itself holds, in the order of its ingestion."""
    table = records.tables.of(dataset).open()
    if table is None:
        return []
    found = table.to_pyarrow_table().sort_by("_ingested").to_pylist()
    return [
        {name: value for name, value in row.items() if (name in columns if columns else not name.startswith("_"))}
        for row in found
    ]
