"""Reading what the store of records really gives."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openpersonalize.clock import StillClock
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.models import quiet
from openpersonalize.storage import sql
from openpersonalize.storage.records import Dataset, Records, StreamRow
from openpersonalize.training import Order, train
from openpersonalize.training.encoding import Source
from openpersonalize.training.events import Limits
from openpersonalize.training.read import read
from openpersonalize.training.selection import Selection
from tests.training.data import schema

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS, ITEMS, USERS = (
    Dataset("000000000000", "us-east-1", "shop", kind) for kind in ("INTERACTIONS", "ITEMS", "USERS")
)
INTERACTIONS = schema("Interactions", USER_ID="string", ITEM_ID="string", TIMESTAMP="long", EVENT_TYPE="string")
CATALOGUE = schema("Items", ITEM_ID="string", GENRES={"type": ["null", "string"], "categorical": True})
PEOPLE = schema("Users", USER_ID="string", AGE="int")
FREE = Limits(interactions=0, users=0, returning=0)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records.open(tmp_path / "records", sql.engine(f"sqlite:///{tmp_path}/events.db"), StillClock(NOW))
    yield opened
    opened.close()


def bring(records: Records, tmp_path: Path, text: str, mode: str = "FULL") -> None:
    path = tmp_path / "events.csv"
    path.write_text("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n" + text)
    records.import_files(
        EVENTS,
        INTERACTIONS,
        [("events.csv", path)],
        mode=mode,
        token=f"job {text}",
        progress=quiet,
        before_commit=lambda: None,
    )


def test_imported_and_streamed_rows_are_read_in_the_order_of_their_arrival(records: Records, tmp_path: Path) -> None:
    bring(records, tmp_path, "bob,heat,5,click\nann,heat,5,click\nann,heat,5,click\nann,brazil,5,view\n")
    row = {"USER_ID": "ann", "ITEM_ID": "alien", "TIMESTAMP": 5, "EVENT_TYPE": "click"}
    records.put(EVENTS, [StreamRow(row=row, received=NOW, timestamp=5, user_id="ann", item_id="alien")]).result(10)
    item = {"ITEM_ID": "zodiac", "GENRES": "crime|noir"}
    records.put(ITEMS, [StreamRow(row=item, received=NOW, item_id="zodiac")]).result(10)
    for dataset, what in ((EVENTS, INTERACTIONS), (ITEMS, CATALOGUE)):
        records.settle(dataset, what)
    with ExitStack() as held:  # nobody has ever written USERS
        sources = {
            what.dataset_type: Source(held.enter_context(records.snapshot(dataset, what)), what)
            for dataset, what in ((EVENTS, INTERACTIONS), (ITEMS, CATALOGUE), (USERS, PEOPLE))
        }
        data = read(sources, Selection(), FREE, quiet)
    assert data.items.ids == ("alien", "brazil", "heat", "zodiac")
    assert [data.items.ids[item] for item in data.item] == ["heat", "brazil", "alien", "heat"]
    assert [column.name for column in (*data.item_columns, *data.user_columns)] == ["GENRES", "AGE"]


def test_a_training_runs_from_the_store_to_a_folder(records: Records, tmp_path: Path) -> None:
    lines = (f"u{user},i{(user * 7 + place) % 30},{place},click" for user in range(60) for place in range(20))
    bring(records, tmp_path, "\n".join(lines) + "\n")
    trained = train(
        Order(recipe="aws-popularity-count"), records, {"INTERACTIONS": (EVENTS, INTERACTIONS)}, tmp_path / "m", quiet
    )
    assert trained.manifest["counts"]["interactions"] == 1200
    assert Artefact.load(trained.folder).manifest["data"] == {"INTERACTIONS": records.statistics(EVENTS).version}
