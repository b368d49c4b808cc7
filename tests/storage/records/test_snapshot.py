import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from openpersonalize.clock import StillClock
from openpersonalize.storage import sql
from openpersonalize.storage.records import Dataset, Records, StreamRow
from openpersonalize.storage.served import Group, Served, ServedList
from tests.storage.records.conftest import CATALOGUE, EVENTS, INTERACTIONS, ITEMS, Bring, schema

HEAD = "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\n"


def put(records: Records, clock: StillClock, item: str, **given: Any) -> None:
    row = {"USER_ID": given.get("user_id"), "ITEM_ID": item, "EVENT_TYPE": "Click", "TIMESTAMP": 1}
    records.put(EVENTS, [StreamRow(**{"received": clock.now(), "item_id": item, "row": row, **given})]).result(10)


def found(records: Records, dataset: Dataset, *columns: str) -> list[tuple[Any, ...]]:
    with records.snapshot(dataset) as snapshot:
        rows = snapshot.arrow(columns).read_all()
        assert snapshot.count() == rows.num_rows
        return [tuple(row.values()) for row in rows.to_pylist()]


def test_bulk_and_put_rows_come_in_the_order_of_their_arrival(
    records: Records, bring: Bring, clock: StillClock
) -> None:
    put(records, clock, "p", user_id="u")
    records.settle(EVENTS, INTERACTIONS)
    bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,2\nu,a,Click,,1\n")
    assert found(records, EVENTS, "ITEM_ID", "TIMESTAMP") == [("p", 1), ("b", 2), ("a", 1)]


def test_exact_duplicates_count_once_and_near_ones_twice(records: Records, bring: Bring, clock: StillClock) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\nu,a,Click,,1\nu,a,Click,1,1\nu,a,Click,,2\nu,b,Click,,1\n" * 2)
    put(records, clock, "a", user_id="u")
    put(records, clock, "c", user_id="u")
    records.settle(EVENTS, INTERACTIONS)
    assert found(records, EVENTS, "ITEM_ID", "EVENT_VALUE", "TIMESTAMP") == [
        ("a", None, 1), ("a", 1.0, 1), ("a", None, 2), ("b", None, 1), ("c", None, 1),
    ]  # fmt: skip


def test_an_event_id_counts_once(records: Records, clock: StillClock) -> None:
    for item, event in (("a", "1"), ("b", "1"), ("c", None), ("d", None), ("e", "2")):
        put(records, clock, item, user_id="u", event_id=event)
    records.settle(EVENTS, INTERACTIONS)
    assert found(records, EVENTS, "ITEM_ID") == [("a",), ("c",), ("d",), ("e",)]


def test_a_session_counts_for_the_user_it_was_tied_to(records: Records, clock: StillClock) -> None:
    put(records, clock, "a", session_id="s")
    put(records, clock, "b", session_id="never tied")
    put(records, clock, "c", session_id="s", user_id="u")
    records.settle(EVENTS, INTERACTIONS)
    assert found(records, EVENTS, "USER_ID", "ITEM_ID") == [("u", "a"), ("u", "c")]


def test_the_newest_row_of_an_id_counts(records: Records, bring: Bring, clock: StillClock) -> None:
    head = "ITEM_ID,GENRES,PRICE,STOCK,ADULT,TITLE\n"
    bring(ITEMS, CATALOGUE, head + "a,x,1,,,\nb,x,1,,,\na,x,2,,,\n")
    assert found(records, ITEMS, "ITEM_ID", "PRICE") == [("b", 1.0), ("a", 2.0)]
    records.put(ITEMS, [StreamRow(item_id="a", received=clock.now(), row={"ITEM_ID": "a", "STOCK": 3})]).result(10)
    records.settle(ITEMS, CATALOGUE)
    assert found(records, ITEMS, "ITEM_ID", "PRICE", "STOCK") == [("b", 1.0, None), ("a", None, 3)]
    bring(ITEMS, CATALOGUE, head + "a,x,4,,,\n", mode="INCREMENTAL")
    assert found(records, ITEMS, "ITEM_ID", "PRICE") == [("b", 1.0), ("a", 4.0)]


def test_of_what_imports_brought_later_the_newest_of_each_user_and_type_are_told(
    records: Records, bring: Bring, clock: StillClock
) -> None:
    with records.snapshot(EVENTS, INTERACTIONS) as empty:
        assert (empty.imported_until, empty.imported_files) == (-1, frozenset())
        assert empty.imported(-1, 2, 10).to_pylist() == []
    bring(EVENTS, INTERACTIONS, HEAD + "u,old,Click,,9\n")
    with records.snapshot(EVENTS, INTERACTIONS) as before:
        after = before.imported_until
    clock.move(timedelta(seconds=1))
    later = [f"v,{item},Click,,{time}\n" for time, item in enumerate("abc", start=1)]
    bring(EVENTS, INTERACTIONS, HEAD + "".join(later) + "u,d,Buy,,4\nv,e,Buy,,0\n", mode="INCREMENTAL")
    put(records, clock, "put", user_id="u")
    records.settle(EVENTS, INTERACTIONS)
    with records.snapshot(EVENTS, INTERACTIONS) as newer:
        assert newer.imported_until > after
        assert newer.imported_files > before.imported_files
        rows = [tuple(row.values()) for row in newer.imported(after, 2, 10).to_pylist()]
        newest = newer.imported(after, 2, 2).to_pylist()
    assert rows == [("u", "d", "Buy", 4), ("v", "e", "Buy", 0), ("v", "b", "Click", 2), ("v", "c", "Click", 3)]
    assert [row["item"] for row in newest] == ["d", "c"]


def test_a_snapshot_keeps_its_version(records: Records, bring: Bring) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    with records.snapshot(EVENTS) as held:
        bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\n")
        records.tidy(EVENTS)
        assert held.arrow(["ITEM_ID"]).read_all().to_pylist() == [{"ITEM_ID": "a"}]
        assert held.version is not None
    with records.snapshot(EVENTS) as newer:
        assert newer.version is not None
        assert newer.version > held.version
        assert newer.arrow().read_all().column_names == [column.name for column in INTERACTIONS.columns]


def test_what_was_never_filled_is_empty(records: Records) -> None:
    with records.snapshot(EVENTS) as snapshot:
        rows = snapshot.arrow(["USER_ID", "TIMESTAMP"]).read_all()
    assert snapshot.version is None
    assert rows.schema == pa.schema([("USER_ID", pa.string()), ("TIMESTAMP", pa.int64())])
    with records.snapshot(EVENTS, INTERACTIONS) as snapshot:
        assert snapshot.arrow().read_all().num_rows == snapshot.count() == 0
    with records.snapshot(ITEMS, CATALOGUE) as snapshot:
        assert snapshot.arrow(["PRICE"]).schema == pa.schema([("PRICE", pa.float64())])


def test_a_column_that_no_row_has_yet_is_null(records: Records, bring: Bring) -> None:
    old = schema("Items", "ITEM_ID string", "PRICE float?")
    new = schema("Items", "ITEM_ID string", "PRICE float?", "STOCK int?")
    bring(ITEMS, old, "ITEM_ID,PRICE\na,1\n")
    with records.snapshot(ITEMS, new) as snapshot:
        rows = snapshot.arrow(["ITEM_ID", "STOCK"]).read_all()
    assert rows.to_pylist() == [{"ITEM_ID": "a", "STOCK": None}]
    assert rows.schema.field("STOCK").type == pa.int32()
    bring(ITEMS, new, "ITEM_ID,PRICE,STOCK\nb,1,7\n", mode="INCREMENTAL")
    assert found(records, ITEMS, "ITEM_ID", "STOCK") == [("a", None), ("b", 7)]


def test_questions_may_be_asked_in_sql(records: Records, bring: Bring) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\nu,a,Click,,1\nv,a,Watch,,1\n")
    with records.snapshot(EVENTS) as snapshot:
        counts = snapshot.query("SELECT EVENT_TYPE, count(*) AS n FROM rows GROUP BY ALL ORDER BY ALL").read_all()
        assert counts.to_pylist() == [{"EVENT_TYPE": "Click", "n": 1}, {"EVENT_TYPE": "Watch", "n": 1}]
        assert snapshot.query("SELECT count(*) AS n FROM stored").read_all()["n"].to_pylist() == [3]


def test_tidying_joins_small_files_and_deletes_old_ones(
    records: Records, bring: Bring, clock: StillClock, tmp_path: Path
) -> None:
    records.tidy(EVENTS)
    for number in range(5):
        put(records, clock, str(number), user_id="u")
        records.settle(EVENTS, INTERACTIONS)
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    killed = tmp_path / "records" / EVENTS.key / "_source=bulk" / "part-of-a-killed-import.parquet"
    killed.write_bytes(b"PAR1")
    before = found(records, EVENTS, "ITEM_ID")
    records.tidy(EVENTS, readers_hours=0)
    assert len(list((tmp_path / "records").rglob("*.parquet"))) == 2
    assert found(records, EVENTS, "ITEM_ID") == before
    assert records.statistics(EVENTS).put_rows == 5


def serve_twice(folder: Path, group: str) -> None:
    """One item, shown in two lists that have reached the table of their group."""
    served = Served.open(folder, sql.engine(f"sqlite:///{folder}/served.db"))
    for name in ("RID-1", "RID-2"):
        served.remember(
            ServedList(group, datetime.now(UTC), "u", group.replace("dataset-group", "campaign"), name, ["a"])
        )
    assert served.recorder.flush()
    assert served.settle(Group.of(group)) == 2
    served.close()
    served.engine.dispose()


GUIDE = (Path(__file__).parents[3] / "docs" / "data.md").read_text()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
def test_the_tables_open_as_the_guide_says(
    code: str, records: Records, bring: Bring, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    bring(EVENTS, INTERACTIONS, HEAD + "u,b,Click,,1\nv,b,Click,,1\n")
    serve_twice(tmp_path / "records", "arn:aws:personalize:us-east-1:000000000000:dataset-group/shop")
    exec(code.replace("data/records", str(tmp_path / "records")), {})  # noqa: S102 - our own guide
    shown = capsys.readouterr().out
    assert ("1" if "load_as_version" in code else "2") in shown


@pytest.mark.parametrize("kind", ["USERS", "ACTIONS", "ACTION_INTERACTIONS"])
def test_every_kind_of_dataset_can_be_read(kind: str, records: Records, bring: Bring) -> None:
    dataset = Dataset("000000000000", "us-east-1", "shop", kind)
    if kind == "USERS":
        bring(dataset, schema("Users", "USER_ID string", "AGE int?"), "USER_ID,AGE\nu,1\nu,2\n")
        assert found(records, dataset, "USER_ID", "AGE") == [("u", 2)]
    elif kind == "ACTIONS":
        bring(dataset, schema("Actions", "ACTION_ID string", "VALUE long?"), "ACTION_ID,VALUE\na,1\na,2\n")
        assert found(records, dataset, "ACTION_ID", "VALUE") == [("a", 2)]
    else:
        columns = ("USER_ID string", "ACTION_ID string", "EVENT_TYPE string", "TIMESTAMP long")
        bring(dataset, schema("ActionInteractions", *columns), "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nu,a,Taken,1\n")
        assert found(records, dataset, "USER_ID", "EVENT_TYPE") == [("u", "TAKEN")]
