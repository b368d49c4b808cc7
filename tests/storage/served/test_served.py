"""Served lists: each once in the table of its group, whoever is killed when, and no answer waits for them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import pytest
from deltalake.exceptions import CommitFailedError
from sqlalchemy.exc import OperationalError

from openpersonalize import telemetry
from openpersonalize.storage import sql
from openpersonalize.storage.served import Group, Served, ServedList, settling
from openpersonalize.storage.served.blobs import Blob, insert, pack
from openpersonalize.storage.served.recorder import Recorder
from openpersonalize.storage.served.settling import Settling

SHOP = "arn:aws:personalize:us-east-1:000000000000:dataset-group/shop"
FILMS = "arn:aws:personalize:eu-west-1:111122223333:dataset-group/films"
GROUP = Group.of(SHOP)
LIVE = "arn:aws:personalize:us-east-1:000000000000:campaign/live"


def a_list(name: str, user: str | None = "u", *, at: int = 1_700_000_000, group: str = SHOP) -> ServedList:
    return ServedList(group, datetime.fromtimestamp(at, UTC), user, LIVE, f"RID-{name}", ["i1", "i2"], promoted=1)


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Served]:
    opened = Served.open(tmp_path / "records", sql.engine(database_url))
    yield opened
    opened.close()
    opened.engine.dispose()


def put(served: Served, *names: str, **given: Any) -> None:
    for name in names:
        served.remember(a_list(name, **given))
    assert served.recorder.flush()


def names(served: Served, group: Group = GROUP) -> list[str]:
    table = served.table(group)
    rows = [] if table is None else table.to_pyarrow_table().to_pylist()
    return sorted(row["recommendation_id"].removeprefix("RID-") for row in rows)


def test_lists_are_written_within_a_second_and_settled_each_into_its_group(served: Served) -> None:
    assert not served.waiting(GROUP)
    served.remember(a_list("a"))
    served.remember(a_list("b", None, group=FILMS))
    within = time.monotonic() + 5
    while not served.waiting(GROUP) and time.monotonic() < within:
        time.sleep(0.02)
    assert served.waiting(Group.of(FILMS))
    assert (served.settle(GROUP), served.settle(Group.of(FILMS)), served.settle(GROUP)) == (1, 1, 0)
    assert not served.waiting(GROUP)
    table = served.table(GROUP)
    assert table is not None
    assert table.to_pyarrow_table().to_pylist() == [
        {
            "time": 1_700_000_000, "user_id": "u", "source": LIVE, "recommendation_id": "RID-a",
            "item_ids": ["i1", "i2"], "shown": 2, "promoted": 1, "explored": 0,
        }
    ]  # fmt: skip
    assert names(served, Group.of(FILMS)) == ["b"]


def test_the_table_opens_with_duckdb(served: Served) -> None:
    put(served, "a", "b")
    served.settle(GROUP)
    table = served.table(GROUP)
    assert table is not None
    lists = table.to_pyarrow_dataset()
    items = duckdb.connect().from_arrow(lists.to_table()).project("unnest(item_ids) AS item")
    found = items.aggregate("item, count(*)").order("item").fetchall()
    assert (found, lists.count_rows()) == ([("i1", 2), ("i2", 2)], 2)


class Killed(BaseException):
    """Ends a settling at a chosen point, as kill -9 would."""


@pytest.mark.parametrize("point", ["_copy", "_read", "_mark"])
def test_a_settling_killed_anywhere_loses_and_doubles_nothing(
    point: str, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise Killed

    put(served, "a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(Settling, point, kill)
        with pytest.raises(Killed):
            served.settle(GROUP)
    assert names(served) == (["a", "b"] if point == "_mark" else [])  # killed after the commit, or before it
    put(served, "c")
    served.settle(GROUP)
    assert names(served) == ["a", "b", "c"]
    assert not served.waiting(GROUP)


def test_two_settlings_of_one_batch_are_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reads table and batch before the first commits, and commits after it."""
    put(served, "a", "b")
    write = deltalake.write_deltalake
    inside: list[int] = []

    def slow(*given: Any, **options: Any) -> None:
        if not inside:
            inside.append(1)
            served.settle(GROUP)
        write(*given, **options)

    monkeypatch.setattr(settling, "write_deltalake", slow)
    served.settle(GROUP)
    assert names(served) == ["a", "b"]
    assert not served.waiting(GROUP)


def test_a_table_that_two_make_at_once_is_made_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins after the first has looked for the table, and ends before the first makes it."""
    put(served, "a")
    create = deltalake.DeltaTable.create
    inside: list[int] = []

    def slow(*given: Any, **options: Any) -> Any:
        if inside:
            return create(*given, **options)
        inside.append(1)
        served.settle(GROUP)
        raise CommitFailedError("Protocol changed since last commit")

    monkeypatch.setattr(deltalake.DeltaTable, "create", slow)
    served.settle(GROUP)
    assert names(served) == ["a"]


def test_many_settlings_at_once_with_serving_in_between(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "BATCH_LISTS", 3)
    failed: list[BaseException] = []

    def settle() -> None:
        try:
            for _ in range(4):
                served.settle(GROUP)
        except BaseException as fault:
            failed.append(fault)
            raise

    threads = [threading.Thread(target=settle) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        put(served, f"{number:02}")
    for thread in threads:
        thread.join()
    served.settle(GROUP)
    assert (failed, names(served)) == ([], [f"{number:02}" for number in range(30)])


def test_a_blob_whose_writing_was_cut_off_may_be_written_again(served: Served) -> None:
    made = pack([a_list("a")])
    insert(served.engine, made)
    insert(served.engine, [*made, *pack([a_list("b")])])
    served.settle(GROUP)
    assert names(served) == ["a", "b"]


def test_erased_users_and_old_lists_are_gone_and_the_others_stay(served: Served) -> None:
    put(served, "old", user="x", at=1_600_000_000)
    put(served, "settled", user="o'hara")
    served.settle(GROUP)
    put(served, "waiting", user="o'hara")
    put(served, "nobody's", user=None)
    put(served, "other", user="ohara")
    assert served.erase(GROUP, ["o'hara", "stranger"]) == 2
    assert served.erase(GROUP, ["o'hara"]) == 0
    assert names(served) == ["nobody's", "old", "other"]
    assert served.forget(GROUP, 1_650_000_000) == 1
    assert served.forget(GROUP, 1_650_000_000) == 0
    assert names(served) == ["nobody's", "other"]
    served.tidy(GROUP, readers_hours=0)
    table = served.table(GROUP)
    assert table is not None
    assert len(table.file_uris()) == len(list((served.root / GROUP.key).rglob("*.parquet"))) == 1


def test_nothing_is_erased_forgotten_or_tidied_where_nothing_was_served(served: Served) -> None:
    assert (served.erase(GROUP, ["u"]), served.forget(GROUP, 1), served.settle(GROUP)) == (0, 0, 0)
    served.tidy(GROUP)
    assert served.table(GROUP) is None
    served.drop(GROUP)


def test_a_dropped_group_is_empty_and_may_begin_again(served: Served) -> None:
    put(served, "a")
    served.settle(GROUP)
    put(served, "b")
    put(served, "c", group=FILMS)
    served.drop(GROUP)
    assert (served.waiting(GROUP), served.table(GROUP), served.waiting(Group.of(FILMS))) == (False, None, True)
    put(served, "d")
    served.settle(GROUP)
    assert names(served) == ["d"]


class Database:
    """Takes blobs, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.blobs: list[Blob] = []

    def write(self, blobs: Sequence[Blob]) -> None:
        """What a recorder is given; raises while the database is away."""
        if self.away:
            raise OperationalError("INSERT", None, Exception("the database is away"))
        self.blobs.extend(blobs)

    @property
    def lists(self) -> int:
        """How many lists arrived."""
        return sum(blob.lists for blob in self.blobs)


def test_a_recorder_without_a_database_keeps_what_fits_and_counts_what_it_drops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped: list[int] = []
    monkeypatch.setattr(telemetry, "count_dropped_lists", dropped.append)
    database = Database()
    database.away = True
    size = len(pack([a_list("0")])[0].data)
    made = Recorder(database.write, seconds=3600, most_lists=10, most_bytes=3 * size + size // 2)
    for number in range(12):
        made.add(a_list(str(number % 10)))
    for number in range(4):
        assert not made.flush()
        made.add(a_list(str(number)))
    database.away = False
    made.close()
    assert (database.lists, dropped[0]) == (16 - sum(dropped), 2)
    assert [len(blob.data) for blob in database.blobs][-1] <= 4 * size
    assert sum(dropped) > 2


def test_what_waited_for_a_database_is_written_when_it_is_back() -> None:
    database = Database()
    database.away = True
    made = Recorder(database.write, seconds=0.01)
    for number in range(50):
        made.add(a_list(str(number)))
    time.sleep(0.05)
    database.away = False
    _until(lambda: database.lists == 50)
    made.close()
    assert database.lists == 50


def test_many_threads_lose_nothing_and_an_idle_recorder_does_nothing() -> None:
    database = Database()
    made = Recorder(database.write, seconds=0.001)
    made.close()
    assert made._thread is None
    made = Recorder(database.write, seconds=0.001)

    def serve() -> None:
        for number in range(2000):
            made.add(a_list(str(number)))

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _until(lambda: database.lists == 8000)
    assert not made._filled.is_set()
    made.close()
    assert database.lists == 8000


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
