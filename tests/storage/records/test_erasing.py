"""Users taken out of a dataset: their rows, those of their sessions, and nobody else's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from openpersonalize.clock import StillClock
from openpersonalize.storage import sql
from openpersonalize.storage.records import Dataset, Records, StreamRow
from tests.storage.records.conftest import EVENTS, INTERACTIONS, Bring, rows_of, schema

HEAD = "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\n"


def put(records: Records, clock: StillClock, item: str, user: str | None, session: str) -> None:
    row = {"USER_ID": user, "ITEM_ID": item, "EVENT_TYPE": "Click", "TIMESTAMP": 1}
    event = StreamRow(row=row, received=clock.now(), user_id=user, session_id=session, item_id=item)
    records.put(EVENTS, [event]).result(10)


def items_left(records: Records) -> list[str]:
    records.settle(EVENTS, INTERACTIONS)
    return [row["ITEM_ID"] for row in rows_of(records, EVENTS)]


@pytest.fixture
def records(database_url: str, tmp_path: Path, clock: StillClock) -> Iterator[Records]:
    opened = Records.open(tmp_path / "records", sql.engine(database_url), clock)
    yield opened
    opened.close()


@pytest.fixture
def filled(records: Records, bring: Bring, clock: StillClock) -> Records:
    bring(EVENTS, INTERACTIONS, HEAD + "u,bulk of u,Click,,1\nv,bulk of v,Click,,1\nw,bulk of w,Click,,1\n")
    put(records, clock, "settled of u", "u", "tied to u")
    put(records, clock, "anonymous in u's session", None, "tied to u")
    put(records, clock, "settled of v", "v", "tied to v")
    put(records, clock, "anonymous in v's session", None, "tied to v")
    records.settle(EVENTS, INTERACTIONS)
    put(records, clock, "waiting of u", "u", "tied to u")
    put(records, clock, "in a session named u", None, "u")
    put(records, clock, "waiting of v", "v", "tied to v")
    return records


KEPT = ["bulk of v", "bulk of w", "settled of v", "anonymous in v's session", "waiting of v"]


def test_rows_of_users_and_of_their_sessions_are_gone_from_the_table_and_the_fast_store(filled: Records) -> None:
    assert filled.erase(EVENTS, INTERACTIONS, ["u", "unknown"], token="job") == 5
    assert items_left(filled) == KEPT
    assert filled.recent(EVENTS, "u") == []
    assert [row.item_id for row in filled.recent(EVENTS, "v")] == [
        "settled of v",
        "anonymous in v's session",
        "waiting of v",
    ]


def test_the_same_again_tells_the_same_and_changes_nothing(filled: Records) -> None:
    assert filled.erase(EVENTS, INTERACTIONS, ["u"], token="job") == 5
    assert filled.erase(EVENTS, INTERACTIONS, ["u"], token="job") == 5
    assert filled.erase(EVENTS, INTERACTIONS, ["u"], token="another") == 0
    assert items_left(filled) == KEPT


def test_a_dataset_with_a_row_per_user_loses_all_rows_of_the_user(records: Records, bring: Bring) -> None:
    users, table = schema("Users", "USER_ID string", "AGE int?"), Dataset("000000000000", "us-east-1", "shop", "USERS")
    bring(table, users, "USER_ID,AGE\nu,1\nu,2\nv,3\n")
    assert records.erase(table, users, ["u"], token="job") == 2
    assert rows_of(records, table) == [{"USER_ID": "v", "AGE": 3}]


def test_an_empty_dataset_and_an_empty_list_delete_nothing(records: Records, bring: Bring) -> None:
    assert records.erase(EVENTS, INTERACTIONS, ["u"], token="job") == 0
    bring(EVENTS, INTERACTIONS, HEAD + "u,a,Click,,1\n")
    assert records.erase(EVENTS, INTERACTIONS, [], token="another") == 0
    assert items_left(records) == ["a"]


def test_an_import_that_commits_between_reading_and_writing_is_cleaned_too(
    filled: Records, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge, others = DeltaTable.merge, iter([True])

    def late(self: DeltaTable, *given: Any, **more: Any) -> Any:
        if next(others, False):
            bring(EVENTS, INTERACTIONS, HEAD + "u,late,Click,,1\nv,late,Click,,1\n", mode="INCREMENTAL")
        return merge(self, *given, **more)

    monkeypatch.setattr(DeltaTable, "merge", late)
    assert filled.erase(EVENTS, INTERACTIONS, ["u"], token="job") == 6
    assert items_left(filled)[-1] == "late"
    assert "u" not in {row["USER_ID"] for row in rows_of(filled, EVENTS, ["USER_ID"])}


def test_more_users_than_one_statement_names(records: Records, bring: Bring, clock: StillClock) -> None:
    def lines() -> Iterator[str]:
        yield from (f"u{number},a,Click,,1\n" for number in range(1300))

    bring(EVENTS, INTERACTIONS, HEAD + "".join(lines()))
    put(records, clock, "b", "u1299", "s")
    assert records.erase(EVENTS, INTERACTIONS, [f"u{number}" for number in range(1, 1300)], token="job") == 1300
    assert [row["USER_ID"] for row in rows_of(records, EVENTS, ["USER_ID"])] == ["u0"]
