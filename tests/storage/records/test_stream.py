import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from openpersonalize.clock import StillClock
from openpersonalize.errors import ServiceUnavailable
from openpersonalize.storage import sql
from openpersonalize.storage.records import Records, StreamRow, stream
from openpersonalize.storage.records.writer import Writer
from tests.storage.records.conftest import EVENTS, ITEMS


@pytest.fixture
def live(database_url: str, tmp_path: Path, clock: StillClock) -> Iterator[Records]:
    opened = Records.open(tmp_path / "records", sql.engine(database_url), clock)
    yield opened
    opened.close()


def event(clock: StillClock, item: str, time: int = 0, **given: Any) -> StreamRow:
    row = {"ITEM_ID": item, "TIMESTAMP": time, "PRICE": 1.5, "ÜMLAUT": "é\0"}
    return StreamRow(**{"received": clock.now(), "timestamp": time, "item_id": item, "row": row, **given})


def items(rows: list[StreamRow]) -> list[str | None]:
    return [row.item_id for row in rows]


def test_what_is_put_comes_back_as_it_was(live: Records, clock: StillClock) -> None:
    row = event(
        clock, "a", 7, user_id="u", session_id="s", event_type="Click", event_id="e",
        received=clock.now() + timedelta(microseconds=1),
    )  # fmt: skip
    live.put(EVENTS, [row]).result(10)
    found = live.recent(EVENTS, "u")
    assert found == [row]
    assert found[0].id > 0


def test_recent_gives_the_newest_in_order_of_their_time(live: Records, clock: StillClock) -> None:
    rows = [event(clock, str(time), time, user_id="u") for time in (3, 1, 2, 5, 4)]
    live.put(EVENTS, rows).result(10)
    live.put(EVENTS, [event(clock, "again", 5, user_id="u"), event(clock, "x", 9, user_id="other")]).result(10)
    live.put(ITEMS, [event(clock, "item", 9, user_id="u")]).result(10)
    assert items(live.recent(EVENTS, "u")) == ["1", "2", "3", "4", "5", "again"]
    assert items(live.recent(EVENTS, "u", limit=2)) == ["5", "again"]
    assert live.recent(EVENTS, "nobody") == []


def test_the_newest_of_each_type_are_told_on_request(live: Records, clock: StillClock) -> None:
    kinds = ["buy", "buy", "click", "click", "click", None]
    rows = [event(clock, str(time), time, user_id="u", event_type=kind) for time, kind in enumerate(kinds)]
    live.put(EVENTS, [*rows, event(clock, "tied", 1, user_id="u", session_id="s", event_type="view")]).result(10)
    live.put(EVENTS, [event(clock, "before", 0, session_id="s", event_type="buy")]).result(10)
    found = items(live.recent(EVENTS, "u", 2, of_each_type=True))
    assert found == ["0", "before", "1", "tied", "3", "4", "5"]
    assert items(live.recent(EVENTS, "u", 1, of_each_type=True)) == ["before", "1", "tied", "4", "5"]


def test_a_session_is_found_by_its_id_until_and_after_its_user_is_named(live: Records, clock: StillClock) -> None:
    live.put(EVENTS, [event(clock, "a", 1, session_id="s"), event(clock, "b", 2, session_id="s")]).result(10)
    assert items(live.recent(EVENTS, "s")) == ["a", "b"]
    assert items(live.recent(EVENTS, "u")) == []
    live.put(EVENTS, [event(clock, "c", 3, session_id="s", user_id="u")]).result(10)
    assert items(live.recent(EVENTS, "u")) == ["a", "b", "c"]
    assert items(live.recent(EVENTS, "u", limit=2)) == ["b", "c"]
    assert items(live.recent(EVENTS, "s")) == ["a", "b"]


def test_somebody_elses_rows_of_a_shared_session_stay_theirs(live: Records, clock: StillClock) -> None:
    shared = [event(clock, "a", 1, session_id="s", user_id="u"), event(clock, "b", 2, session_id="s", user_id="v")]
    live.put(EVENTS, shared).result(10)
    assert items(live.recent(EVENTS, "u")) == ["a"]


def test_two_processes_see_each_others_rows(
    live: Records, database_url: str, clock: StillClock, tmp_path: Path
) -> None:
    other = Records.open(tmp_path / "records", sql.engine(database_url), clock)
    other.put(EVENTS, [event(clock, "a", 1, user_id="u")]).result(10)
    live.put(EVENTS, [event(clock, "b", 2, user_id="u")]).result(10)
    assert items(live.recent(EVENTS, "u")) == items(other.recent(EVENTS, "u")) == ["a", "b"]
    other.close()


def test_reading_uses_an_index(live: Records) -> None:
    if live.engine.dialect.name != "sqlite":
        pytest.skip("the planner of PostgreSQL is free to scan a table this small")
    for whose, of_each_type in itertools.product(("user", "session"), (False, True)):
        statement = stream._newest("sqlite", whose, of_each_type).replace("?", "'x'", 2).replace("?", "5")
        with live.engine.connect() as connection:
            plan = str(connection.execute(sa.text(f"EXPLAIN QUERY PLAN {statement}")).all())
        assert f"USING INDEX stream_of_a_{whose}" in plan
        assert of_each_type or "TEMP B-TREE" not in plan


def test_many_callers_share_transactions_and_lose_nothing(live: Records, clock: StillClock) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: live.put(EVENTS, [event(clock, str(n), n, user_id="u")]).result(30), range(400)))
    assert items(live.recent(EVENTS, "u", limit=1000)) == [str(number) for number in range(400)]


def test_closing_writes_what_waits_and_refuses_what_comes(live: Records, clock: StillClock) -> None:
    futures = [live.put(EVENTS, [event(clock, str(number), number, user_id="u")]) for number in range(300)]
    live.close()
    assert all(future.done() for future in futures)
    assert [future.exception() for future in futures] == [None] * 300
    assert len(live.recent(EVENTS, "u", limit=1000)) == 300
    with pytest.raises(ServiceUnavailable):
        live.put(EVENTS, [event(clock, "late", user_id="u")])


def test_a_failed_commit_is_told_to_every_caller_and_the_next_works(live: Records, clock: StillClock) -> None:
    with live.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE stream RENAME TO away"))
    with pytest.raises(sa.exc.DBAPIError):
        live.put(EVENTS, [event(clock, "a", user_id="u")]).result(10)
    with live.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO stream"))
    live.put(EVENTS, [event(clock, "b", user_id="u")]).result(10)
    assert items(live.recent(EVENTS, "u")) == ["b"]


def test_one_callers_impossible_row_does_not_fail_the_others(live: Records, clock: StillClock) -> None:
    good, bad = event(clock, "good", user_id="u"), event(clock, "bad", 10**30, user_id="u", row={})
    gate = threading.Event()
    writer: Writer[dict[str, Any]] = Writer(
        lambda rows: gate.wait(10) and stream.insert(live.engine, rows),  # type: ignore[arg-type, func-returns-value]
        live.writer._alone,
    )
    futures: list[Future[None]] = [
        writer.put([stream.values(EVENTS, row)]) for row in (good, replace(good, item_id="first"), bad, good)
    ]
    gate.set()
    writer.close()
    assert [future.exception() is None for future in futures] == [True, True, False, True]
    assert len(live.recent(EVENTS, "u")) == 3


def test_rows_of_one_call_are_kept_together_or_not_at_all(live: Records, clock: StillClock) -> None:
    with pytest.raises((sa.exc.DBAPIError, OverflowError)):
        live.put(EVENTS, [event(clock, "a", user_id="u"), event(clock, "b", 10**30, user_id="u", row={})]).result(10)
    assert live.recent(EVENTS, "u") == []


CHILD = """
import sys
from datetime import UTC, datetime
from openpersonalize.clock import SystemClock
from openpersonalize.storage import sql
from openpersonalize.storage.records import Dataset, Records, StreamRow

records = Records.open(sys.argv[2], sql.engine(sys.argv[1]), SystemClock())
dataset = Dataset("000000000000", "us-east-1", "shop", "INTERACTIONS")
number = 0
while True:
    row = StreamRow(user_id="u", item_id=str(number), timestamp=number, received=datetime.now(UTC), row={})
    records.put(dataset, [row]).result()
    print(number, flush=True)
    number += 1
"""


def test_what_was_acknowledged_is_there_after_a_kill(live: Records, database_url: str, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, database_url, str(tmp_path / "records")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for _ in range(50):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    acknowledged = 50 + len(child.stdout.read().split())
    child.wait()
    child.stdout.close()
    found = items(live.recent(EVENTS, "u", limit=100_000))
    assert found[:acknowledged] == [str(number) for number in range(acknowledged)]


def test_sqlite_flushes_every_commit_to_the_disk(tmp_path: Path, clock: StillClock) -> None:
    records = Records.open(tmp_path, sql.engine(f"sqlite:///{tmp_path}/events.db"), clock)
    with records.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
    records.close()


def test_a_dropped_dataset_has_no_rows_and_the_others_keep_theirs(live: Records, clock: StillClock) -> None:
    for dataset in (EVENTS, ITEMS):
        live.put(dataset, [event(clock, str(number), user_id="u") for number in range(3)]).result(10)
    live.drop(EVENTS)
    assert live.recent(EVENTS, "u") == []
    assert not live.waiting(EVENTS)
    assert len(live.recent(ITEMS, "u")) == 3


def test_a_writer_may_be_closed_before_anybody_put(live: Records) -> None:
    live.close()
    live.close()
