"""What an export writes is what an import reads: cell by cell, and row by row in each of its modes."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openpersonalize.avro import Schema
from openpersonalize.clock import StillClock
from openpersonalize.storage.records import Dataset, Records, StreamRow, exporting
from tests.storage.records.conftest import CATALOGUE, EVENTS, INTERACTIONS, ITEMS, Bring

HEAD = "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\n"


def nothing(_share: float, _text: str) -> None:
    """Nobody listens."""


def exported(records: Records, dataset: Dataset, schema: Schema, mode: str, folder: Path) -> dict[str, str]:
    """The texts of the files by name."""
    records.settle(dataset, schema)
    folder.mkdir(exist_ok=True)
    return {path.name: path.read_bytes().decode() for path in records.export(dataset, schema, mode, folder, nothing)}


def put_item(records: Records, clock: StillClock, **row: Any) -> None:
    whole = {column.name: row.get(column.name) for column in CATALOGUE.columns}
    records.put(ITEMS, [StreamRow(row=whole, received=clock.now(), item_id=row["ITEM_ID"])]).result(10)


def put_event(records: Records, clock: StillClock, item: str, user: str | None, session: str) -> None:
    row = {"USER_ID": user, "ITEM_ID": item, "EVENT_TYPE": "Click", "TIMESTAMP": 1}
    event = StreamRow(row=row, received=clock.now(), user_id=user, session_id=session, item_id=item)
    records.put(EVENTS, [event]).result(10)


def test_cells_are_quoted_and_escaped_and_nulls_are_blank(records: Records, clock: StillClock, tmp_path: Path) -> None:
    put_item(
        records, clock, ITEM_ID='a "b", \\c', GENRES="drama|noir", PRICE=19.99, STOCK=-3, ADULT=True, TITLE=" é\n東 "
    )
    put_item(records, clock, ITEM_ID="plain")
    assert exported(records, ITEMS, CATALOGUE, "ALL", tmp_path / "out") == {
        "part-00000.csv": (
            'ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\n"a \\"b\\", \\\\c",drama|noir,19.99,-3,true, é 東 \nplain,,,,,\n'
        )
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=12),
            st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=12),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.integers(-(2**31), 2**31 - 1),
            st.none() | st.booleans(),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0],
    )
)
def test_what_was_put_comes_back_from_the_file_as_it_was(
    records: Records, bring: Bring, clock: StillClock, tmp_path: Path, rows: list[tuple[Any, ...]]
) -> None:
    records.drop(ITEMS)
    for number, genres, price, stock, adult in rows:
        put_item(records, clock, ITEM_ID=number, GENRES=genres, PRICE=price, STOCK=stock, ADULT=adult)
    text = exported(records, ITEMS, CATALOGUE, "ALL", tmp_path / "out")["part-00000.csv"]
    records.drop(ITEMS)
    bring(ITEMS, CATALOGUE, text)
    with records.snapshot(ITEMS, CATALOGUE) as snapshot:
        found = [tuple(row.values())[:5] for row in snapshot.arrow().read_all().to_pylist()]
    assert found == rows


def test_modes_of_a_dataset_with_ids(records: Records, bring: Bring, clock: StillClock, tmp_path: Path) -> None:
    head = "ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\n"
    bring(ITEMS, CATALOGUE, head + "a,,1,,,\na,,1,,,\na,,2,,,\nb,,1,,,\n")
    put_item(records, clock, ITEM_ID="b", PRICE=5.0)
    put_item(records, clock, ITEM_ID="b", PRICE=5.0)
    put_item(records, clock, ITEM_ID="c", PRICE=6.0)

    def rows(mode: str) -> list[str]:
        text = exported(records, ITEMS, CATALOGUE, mode, tmp_path / mode)["part-00000.csv"]
        return [f"{row['ITEM_ID']}{row['PRICE']}" for row in csv.DictReader(text.splitlines())]

    assert rows("BULK") == ["a1", "a2", "b1"]
    assert rows("PUT") == ["b5", "c6"]
    assert rows("ALL") == ["a2", "b5", "c6"]


def test_modes_of_events_and_sessions_without_a_user(
    records: Records, bring: Bring, clock: StillClock, tmp_path: Path
) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\nu,a,Click,,1\nu,b,Click,2.5,1\n")
    put_event(records, clock, "c", None, "tied")
    put_event(records, clock, "d", None, "never tied")
    put_event(records, clock, "e", "v", "tied")
    put_event(records, clock, "a", "u", "other")
    bulk, streamed = "u,a,Click,,1\nu,b,Click,2.5,1\n", "v,c,Click,,1\nv,e,Click,,1\n"
    sessions = {"_sessions-00000.csv": HEAD + ",d,Click,,1\n"}
    find = (records, EVENTS, INTERACTIONS)
    assert exported(*find, "BULK", tmp_path / "bulk") == {"part-00000.csv": HEAD + bulk}
    assert exported(*find, "PUT", tmp_path / "put") == {"part-00000.csv": HEAD + streamed + "u,a,Click,,1\n"} | sessions
    assert exported(*find, "ALL", tmp_path / "all") == {"part-00000.csv": HEAD + bulk + streamed} | sessions


@pytest.mark.parametrize("mode", ["BULK", "PUT", "ALL"])
def test_an_empty_dataset_gives_a_header(records: Records, tmp_path: Path, mode: str) -> None:
    assert exported(records, EVENTS, INTERACTIONS, mode, tmp_path / "out") == {"part-00000.csv": HEAD}


def test_a_large_export_comes_in_parts_each_with_a_header_and_one_at_a_time(
    records: Records, bring: Bring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openpersonalize.storage.records.snapshot.BATCH_ROWS", 2048)
    bring(EVENTS, INTERACTIONS, HEAD + "".join(f"u,i{number},Click,,{number}\n" for number in range(6000)))
    with records.snapshot(EVENTS, INTERACTIONS) as snapshot:
        export = exporting.Export(
            snapshot=snapshot,
            schema=INTERACTIONS,
            mode="ALL",
            folder=tmp_path,
            total=6000,
            progress=nothing,
            part_bytes=30_000,
        )
        lines: list[str] = []
        names: list[str] = []
        for path in export.parts():
            assert [other.name for other in tmp_path.glob("*.csv") if other.name.startswith("part")] == [path.name]
            names.append(path.name)
            head, *rest = path.read_text().splitlines()
            assert head + "\n" == HEAD
            lines += rest
    assert names == ["part-00000.csv", "part-00001.csv", "part-00002.csv"]
    assert [line.split(",")[1] for line in lines] == [f"i{number}" for number in range(6000)]
