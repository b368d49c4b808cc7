from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openpersonalize.errors import JobFailed
from openpersonalize.recipes.data import Categories, Numbers, TrainingData
from openpersonalize.recipes.models import quiet
from openpersonalize.training.encoding import Source
from openpersonalize.training.events import Limits
from openpersonalize.training.read import read
from openpersonalize.training.selection import Selection
from tests.training.data import interactions, schema, source

FREE = Limits(interactions=0, users=0, returning=0)
TYPED = {"EVENT_TYPE": "string"}
VALUED = {"EVENT_TYPE": "string", "EVENT_VALUE": {"type": ["null", "float"]}}
CLICKS = [
    ("ann", "heat", 3, "click", 1.0),
    ("bob", "heat", 1, "view", None),
    ("ann", "alien", 1, "view", 5.0),
    ("ann", "brazil", 2, "click", None),
    ("bob", "alien", 2, "buy", 4.0),
]


def events(data: TrainingData) -> list[tuple[str, str, int, str]]:
    return [
        (data.users.ids[user], data.items.ids[item], int(time), data.event_types[kind])
        for user, item, time, kind in zip(data.user, data.item, data.timestamp, data.event_type, strict=True)
    ]


def select(event_type: str | None = None, limits: Limits = FREE, **config: Any) -> TrainingData:
    selection = Selection.of(event_type, config)
    return read({"INTERACTIONS": interactions(CLICKS, **VALUED)}, selection, limits, quiet)


def test_events_are_numbered_by_sorted_ids_and_stand_by_user_and_time() -> None:
    data = select()
    assert data.users.ids == ("ann", "bob")
    assert data.items.ids == ("alien", "brazil", "heat")
    assert data.offsets.tolist() == [0, 3, 5]
    assert events(data) == [
        ("ann", "alien", 1, "view"),
        ("ann", "brazil", 2, "click"),
        ("ann", "heat", 3, "click"),
        ("bob", "heat", 1, "view"),
        ("bob", "alien", 2, "buy"),
    ]
    assert data.weight is None


@settings(deadline=None)  # the first rows load Arrow
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 3)), min_size=1))
def test_events_of_one_second_keep_the_order_of_their_arrival(rows: list[tuple[str, str, int]]) -> None:
    data = read({"INTERACTIONS": interactions(rows)}, Selection(), FREE, quiet)
    expected = sorted(rows, key=lambda row: (row[0], row[2]))
    assert [(user, item, time) for user, item, time, _ in events(data)] == expected
    assert data.event_types == ("",)


def test_only_events_of_the_type_that_reach_the_value_are_used() -> None:
    assert events(select("click")) == [("ann", "brazil", 2, "click"), ("ann", "heat", 3, "click")]
    assert events(select("click", eventValueThreshold="1")) == [("ann", "heat", 3, "click")]
    assert events(select(eventValueThreshold="4")) == [("ann", "alien", 1, "view"), ("bob", "alien", 2, "buy")]


def test_types_that_are_not_listed_are_dropped_and_weights_have_mean_one() -> None:
    rules = [
        {"eventType": "click", "weight": 0.1},
        {"eventType": "buy", "weight": 0.4},
        {"eventType": "view", "weight": 1.0, "eventValueThreshold": 9.0},
    ]
    data = select(eventsConfig={"eventParametersList": rules})
    assert events(data) == [("ann", "brazil", 2, "click"), ("ann", "heat", 3, "click"), ("bob", "alien", 2, "buy")]
    assert data.weight is not None
    assert data.weight.tolist() == pytest.approx([0.5, 0.5, 2.0])


def test_weights_of_nothing_but_zero_teach_nothing() -> None:
    with pytest.raises(JobFailed, match="event weight 0"):
        select(eventsConfig={"eventParametersList": [{"eventType": "click", "weight": 0}]})


def test_events_without_a_user_are_nobodys() -> None:
    rows = [(None, "heat", 1), ("ann", "heat", 2)]
    assert len(read({"INTERACTIONS": interactions(rows)}, Selection(), FREE, quiet).item) == 1


def test_too_few_interactions_are_told_with_the_event_type() -> None:
    with pytest.raises(JobFailed) as failed:
        select("click", Limits())
    assert str(failed.value) == "Dataset has fewer than 1000 interactions after filtering by event type: click"
    with pytest.raises(JobFailed) as failed:
        select(limits=Limits(interactions=6))
    assert str(failed.value) == "Dataset has fewer than 6 interactions."


def test_too_few_returning_users_are_told_in_amazons_words() -> None:
    with pytest.raises(JobFailed) as failed:
        select(limits=Limits(interactions=5))
    assert str(failed.value) == "Create failed. Dataset has fewer than 25 users with at least 2 interactions each."
    crowd = [(f"u{user}", "heat", user) for user in range(200)]
    with pytest.raises(JobFailed, match="1 percent"):
        read(
            {"INTERACTIONS": interactions([*crowd, ("u1", "alien", 1)])},
            Selection(),
            Limits(interactions=0, users=1),
            quiet,
        )


def test_above_the_caps_the_newest_events_and_the_items_met_most_stay() -> None:
    assert [row[2] for row in events(select(limits=Limits(interactions=0, users=0, most_interactions=1)))] == [3]
    data = select(limits=Limits(interactions=0, users=0, most_items=1))
    assert data.items.ids == ("heat",)
    assert data.users.ids == ("ann", "bob")


def test_event_types_count_with_optional_columns_whether_they_are_learned_from_or_not() -> None:
    assert len(select("click", Limits(interactions=0, users=0, event_types=5)).item) == 2
    with pytest.raises(JobFailed) as failed:
        select("click", Limits(interactions=0, users=0, event_types=4))
    assert str(failed.value) == (
        "Create failed. Dataset has 3 event types and 2 of the columns that count with them (EVENT_TYPE, EVENT_VALUE); "
        "together they may be at most 4."
    )


def films(**more: Any) -> dict[str, Source]:
    what = schema(
        "Items",
        ITEM_ID="string",
        GENRES={"type": ["null", "string"], "categorical": True},
        PRICE={"type": ["null", "float"]},
        CREATION_TIMESTAMP={"type": ["null", "long"]},
        TITLE={"type": ["null", "string"]},
        PLOT={"type": ["null", "string"], "textual": True},
        NEW={"type": ["null", "boolean"]},
    )
    rows = [
        ("zodiac", "crime", 3.0, 900, "Zodiac", "long", True),
        ("heat", " crime | noir||crime", None, 100, "Heat", "long", True),
        ("alien", None, 2.5, None, "Alien", "long", False),
    ]
    return {"INTERACTIONS": interactions(CLICKS, **VALUED), "ITEMS": source(what, rows), **more}


def words(column: Categories) -> list[list[str]]:
    bounds = zip(column.indptr[:-1], column.indptr[1:], strict=True)
    return [[column.values.ids[value] for value in column.indices[start:end]] for start, end in bounds]


def test_items_bring_categories_numbers_and_their_creation() -> None:
    data = read(films(), Selection(), FREE, quiet)
    assert data.items.ids == ("alien", "brazil", "heat", "zodiac")
    genres, price = data.item_columns
    assert isinstance(genres, Categories)
    assert isinstance(price, Numbers)
    assert words(genres) == [[], [], ["crime", "noir"], ["crime"]]
    np.testing.assert_array_equal(price.values, [2.5, np.nan, np.nan, 3.0])
    assert data.created is not None
    assert data.created.tolist() == [-1, -1, 100, 900]
    assert data.counts.tolist() == [2, 1, 2, 0]


def test_items_without_events_are_the_first_to_go_above_the_cap() -> None:
    data = read(films(), Selection(), Limits(interactions=0, users=0, most_items=3), quiet)
    assert data.items.ids == ("alien", "brazil", "heat")


def test_users_bring_columns_in_the_order_of_those_with_events() -> None:
    what = schema("Users", USER_ID="string", AGE="int", CITY={"type": "string", "categorical": True})
    people = source(what, [("carl", 9, "rome"), ("bob", 41, "oslo")])
    data = read(films(USERS=people), Selection(), FREE, quiet)
    age, city = data.user_columns
    assert isinstance(age, Numbers)
    assert isinstance(city, Categories)
    np.testing.assert_array_equal(age.values, [np.nan, 41])
    assert words(city) == [[], ["oslo"]]
    assert city.values.ids == ("oslo",)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"excludedDatasetColumns": {"items": ["PRICE", "CREATION_TIMESTAMP"]}}, ["GENRES"]),
        ({"includedDatasetColumns": {"ITEMS": ["PRICE"]}}, ["PRICE"]),
    ],
)
def test_columns_can_be_kept_from_training(config: dict[str, Any], expected: list[str]) -> None:
    data = read(films(), Selection.of(None, {"trainingDataConfig": config}), FREE, quiet)
    assert [column.name for column in data.item_columns] == expected
    assert data.created is None


def test_a_dataset_without_rows_is_like_none() -> None:
    what = schema("Users", USER_ID="string", CITY={"type": "string", "categorical": True})
    data = read(films(USERS=source(what, [])), Selection(), FREE, quiet)
    assert words(data.user_columns[0]) == [[], []]  # type: ignore[arg-type]


def test_an_empty_dataset_of_interactions_is_too_small() -> None:
    with pytest.raises(JobFailed, match="fewer than 1000 interactions"):
        read({"INTERACTIONS": interactions([])}, Selection(), Limits(), quiet)
