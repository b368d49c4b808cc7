import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import deltalake
import psycopg
import pytest
import sqlalchemy as sa

from openpersonalize.clock import StillClock
from openpersonalize.storage import sql
from openpersonalize.storage.records import Records, StreamRow, settling, stream
from openpersonalize.storage.records.settling import Settling
from tests.storage.records.conftest import EVENTS, INTERACTIONS, ITEMS, rows_of, schema


@pytest.fixture
def live(database_url: str, tmp_path: Path, clock: StillClock) -> Iterator[Records]:
    opened = Records.open(tmp_path / "records", sql.engine(database_url), clock)
    yield opened
    opened.close()


def put(records: Records, clock: StillClock, *names: str, **given: Any) -> None:
    rows = [
        StreamRow(
            **{
                "user_id": "u",
                "session_id": "s",
                "event_id": f"event-{name}",
                "received": clock.now(),
                "timestamp": 1,
                "item_id": name,
                "row": {
                    "USER_ID": "u", "ITEM_ID": name, "EVENT_TYPE": "Click", "EVENT_VALUE": 1, "TIMESTAMP": 1,
                    "IMPRESSION": "a|b",
                },
                **given,
            }
        )
        for name in names
    ]  # fmt: skip
    records.put(EVENTS, rows).result(10)


def names(records: Records) -> list[str]:
    return [row["ITEM_ID"] for row in rows_of(records, EVENTS)]


def test_settled_rows_are_in_the_table_and_still_in_the_stream(live: Records, clock: StillClock) -> None:
    assert not live.waiting(EVENTS)
    put(live, clock, "a", "b")
    assert live.waiting(EVENTS)
    assert live.settle(EVENTS, INTERACTIONS) == 2
    assert live.settle(EVENTS, INTERACTIONS) == 0
    assert not live.waiting(EVENTS)
    assert len(live.recent(EVENTS, "u")) == 2
    table = live.tables.of(EVENTS).open()
    assert table is not None
    first = table.to_pyarrow_table().sort_by("_ingested").to_pylist()[0]
    assert first == {
        "_source": "put", "_ingested": 1793491200000000000, "_session_id": "s", "_event_id": "event-a",
        "_side": '{"IMPRESSION":"a|b"}', "USER_ID": "u", "ITEM_ID": "a", "EVENT_TYPE": "Click", "EVENT_VALUE": 1.0,
        "TIMESTAMP": 1,
    }  # fmt: skip


def test_a_recommendation_id_stands_behind_what_else_came_beside_the_columns(live: Records, clock: StillClock) -> None:
    given = {"USER_ID": "u", "RECOMMENDATION_ID": "RID-1", "ITEM_ID": "a", "EVENT_ATTRIBUTION_SOURCE": "mail", "ODD": 1}
    row = {**given, "EVENT_TYPE": "Click", "TIMESTAMP": 1}
    live.put(EVENTS, [StreamRow(received=clock.now(), user_id="u", item_id="a", row=row)]).result(10)
    live.settle(EVENTS, INTERACTIONS)
    table = live.tables.of(EVENTS).open()
    assert table is not None
    [stored] = table.to_pyarrow_table().to_pylist()
    assert stored["_side"] == '{"EVENT_ATTRIBUTION_SOURCE":"mail","ODD":1,"RECOMMENDATION_ID":"RID-1"}'


def test_ingestion_follows_the_order_of_arrival(live: Records, clock: StillClock) -> None:
    put(live, clock, *(f"{number:04}" for number in range(1500)))
    live.settle(EVENTS, INTERACTIONS)
    clock.move(timedelta(seconds=-5))
    put(live, clock, "after")
    live.settle(EVENTS, INTERACTIONS)
    assert names(live) == [*(f"{number:04}" for number in range(1500)), "after"]


def test_large_streams_settle_in_batches(live: Records, clock: StillClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "BATCH_ROWS", 4)
    put(live, clock, *"abcdefghij")
    assert live.settle(EVENTS, INTERACTIONS) == 10
    assert names(live) == list("abcdefghij")


class Killed(BaseException):
    """Ends a settling at a chosen point, as kill -9 would."""


@pytest.mark.parametrize(("place", "point"), [(Settling, "_copy"), (settling, "arrow"), (Settling, "_mark")])
def test_a_settling_killed_anywhere_loses_and_doubles_nothing(
    place: object, point: str, live: Records, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise Killed

    put(live, clock, "a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(place, point, kill)
        with pytest.raises(Killed):
            live.settle(EVENTS, INTERACTIONS)
    put(live, clock, "c")
    live.settle(EVENTS, INTERACTIONS)
    assert names(live) == ["a", "b", "c"]
    assert not live.waiting(EVENTS)


def test_two_settlings_of_one_batch_are_one(live: Records, clock: StillClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reads table and batch before the first commits, and commits after it."""
    put(live, clock, "a", "b")
    write = deltalake.write_deltalake
    inside: list[int] = []

    def slow(*given: Any, **options: Any) -> None:
        if not inside:
            inside.append(1)
            live.settle(EVENTS, INTERACTIONS)
        write(*given, **options)

    monkeypatch.setattr(settling, "write_deltalake", slow)
    live.settle(EVENTS, INTERACTIONS)
    assert names(live) == ["a", "b"]
    assert not live.waiting(EVENTS)


def test_many_settlings_at_once_with_putting_in_between(live: Records, clock: StillClock) -> None:
    def settle() -> None:
        for _ in range(6):
            live.settle(EVENTS, INTERACTIONS)

    threads = [threading.Thread(target=settle) for _ in range(3)]
    for thread in threads:
        thread.start()
    expected = []
    for number in range(30):
        put(live, clock, f"{number:02}")
        expected.append(f"{number:02}")
    for thread in threads:
        thread.join()
    live.settle(EVENTS, INTERACTIONS)
    assert sorted(names(live)) == expected


def test_a_row_committed_late_under_a_small_id_is_not_lost(live: Records, clock: StillClock) -> None:
    """PostgreSQL gives ids before the commit; a slow transaction's id can be below those settled already."""
    if live.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    url = live.engine.url
    text = "insert into stream (dataset, user_id, item_id, timestamp, received, row) values (%s, 'u', 'late', 1, 1, %s)"
    with psycopg.connect(f"host={url.query['host']} user=postgres dbname={url.database}") as slow:
        slow.execute(text, (EVENTS.key, '{"ITEM_ID": "late"}'))
        put(live, clock, "early")
        live.settle(EVENTS, INTERACTIONS)
        slow.commit()
    assert live.waiting(EVENTS)
    live.settle(EVENTS, INTERACTIONS)
    assert names(live) == ["early", "late"]


def test_imports_and_settled_rows_do_not_touch_each_other(live: Records, clock: StillClock, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\nu,bulk,Click,,1\n")

    def meanwhile() -> None:
        live.settle(EVENTS, INTERACTIONS)

    for token in ("one", "two"):
        put(live, clock, f"put-{token}")
        live.import_files(
            EVENTS, INTERACTIONS, [("a.csv", path)], mode="FULL", token=token, minimum_rows=0,
            progress=lambda _share, _text: None, before_commit=meanwhile,
        )  # fmt: skip
    statistics = live.statistics(EVENTS)
    assert (statistics.bulk_rows, statistics.put_rows) == (1, 2)


def test_forgetting_leaves_what_is_new_or_not_settled(live: Records, clock: StillClock) -> None:
    put(live, clock, "old")
    live.settle(EVENTS, INTERACTIONS)
    put(live, clock, "waiting")
    clock.move(timedelta(days=1))
    put(live, clock, "new")
    assert live.forget_settled(clock.now()) == 1
    assert [row.item_id for row in live.recent(EVENTS, "u")] == ["waiting", "new"]
    live.settle(EVENTS, INTERACTIONS)
    assert live.forget_settled(clock.now()) == 1
    assert live.forget_settled(clock.now() + timedelta(days=1)) == 1
    assert names(live) == ["old", "waiting", "new"]
    put(live, clock, "later")
    live.settle(EVENTS, INTERACTIONS)
    assert names(live) == ["old", "waiting", "new", "later"]


def test_a_dataset_made_again_under_the_same_name_settles_again(live: Records, clock: StillClock) -> None:
    put(live, clock, "a")
    live.settle(EVENTS, INTERACTIONS)
    live.drop(EVENTS)
    put(live, clock, "b")
    live.settle(EVENTS, INTERACTIONS)
    assert names(live) == ["b"]


def test_records_of_items_settle_by_their_schema(live: Records, clock: StillClock) -> None:
    old = schema("Items", "ITEM_ID string", "PRICE float?", "ADULT boolean?")
    new = schema("Items", "ITEM_ID string", "PRICE float?", "ADULT boolean?", "STOCK int?")
    row = {"ITEM_ID": "a", "PRICE": 3, "ADULT": True}
    live.put(ITEMS, [StreamRow(item_id="a", received=clock.now(), row=row)]).result(10)
    live.settle(ITEMS, old)
    live.put(ITEMS, [StreamRow(item_id="b", received=clock.now(), row={"ITEM_ID": "b", "STOCK": 4})]).result(10)
    live.settle(ITEMS, new)
    assert rows_of(live, ITEMS) == [
        {"ITEM_ID": "a", "PRICE": 3.0, "ADULT": True, "STOCK": None},
        {"ITEM_ID": "b", "PRICE": None, "ADULT": None, "STOCK": 4},
    ]


def test_the_stream_marks_every_row_it_settled(live: Records, clock: StillClock) -> None:
    put(live, clock, "a", "b")
    live.settle(EVENTS, INTERACTIONS)
    with live.engine.connect() as connection:
        assert connection.execute(sa.select(stream.STREAM.c.settled)).scalars().all() == [1, 1]


def test_what_has_still_to_be_counted_stays_for_a_while(live: Records, clock: StillClock) -> None:
    for item in ("counted", "waiting"):
        put(live, clock, item)
    live.settle(EVENTS, INTERACTIONS)
    counted = live.end_of_stream() - 1
    clock.move(timedelta(days=3))
    before, at_last = clock.now() - timedelta(days=2), clock.now() - timedelta(days=4)
    assert live.forget_settled(before, counted=counted, at_last=at_last) == 1
    assert [row.item_id for row in live.recent(EVENTS, "u")] == ["waiting"]
    assert live.forget_settled(before, counted=counted, at_last=before) == 1
