"""The cases of golden/: `<case>-events.csv` is reported as `<case>-report.csv`, by the metrics and items beside them.

All of them were written by hand. A recommendation id that ends in 00aa11 is the campaign home's.
"""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from openpersonalize.attribution import csv_report
from openpersonalize.attribution.counting import count
from openpersonalize.attribution.measures import Measure

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name.removesuffix("-events.csv") for path in GOLDEN.glob("*-events.csv"))
SOURCES = {"00aa11": "arn:aws:personalize:eu-west-1:111122223333:campaign/home"}
NUMBERS = {"TIMESTAMP": int, "EVENT_VALUE": float, "PRICE": float}


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a file; empty cells are null."""
    with (GOLDEN / name).open(newline="") as file:
        return [
            {column: NUMBERS.get(column, str)(text) if text else None for column, text in row.items()}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("case", CASES)
def test_events_are_reported_as_the_file_says(case: str) -> None:
    events = [{**row, "USER_ID": "u", "_ingested": place} for place, row in enumerate(rows(f"{case}-events.csv"))]
    items = pa.Table.from_pylist([{**row, "_ingested": 1} for row in rows("items.csv")])
    metrics = [Measure.read(row["NAME"], row["EVENT_TYPE"], row["EXPRESSION"]) for row in rows("metrics.csv")]
    interactions = pa.Table.from_pylist(events).cast(SHAPE)
    found = count(interactions, items, metrics, SOURCES, stale=True)
    assert csv_report.text(found.values) == (GOLDEN / f"{case}-report.csv").read_text()


SHAPE = pa.schema(
    [
        *((name, pa.string()) for name in ("ITEM_ID", "EVENT_TYPE")),
        ("TIMESTAMP", pa.int64()),
        ("EVENT_VALUE", pa.float64()),
        *((name, pa.string()) for name in ("RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE", "USER_ID")),
        ("_ingested", pa.int64()),
    ]
)


def test_there_are_cases() -> None:
    assert len(CASES) >= 5
