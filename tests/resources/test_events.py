import json
from collections.abc import Mapping
from typing import Any

import pytest

from openpersonalize.resources.datasets import table_of
from tests.world import World, refused

FIELDS = (
    ("USER_ID", "string"),
    ("ITEM_ID", "string"),
    ("EVENT_TYPE", "string"),
    ("EVENT_VALUE", ["null", "float"]),
    ("NUM_RATINGS", ["null", "int"]),
    ("IMPRESSION", ["null", "string"]),
    ("TIMESTAMP", "long"),
)


@pytest.fixture
def tracked(world: World) -> tuple[World, str]:
    group = world.group()
    world.dataset(group, fields=FIELDS)
    return world, world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]


def event(**more: Any) -> dict[str, Any]:
    return {"eventType": "click", "itemId": "i1", "sentAt": 1_700_000_000, **more}


def rows_of(world: World, user: str) -> list[Mapping[str, Any]]:
    table = table_of("arn:aws:personalize:us-east-1:000000000000:dataset/films/INTERACTIONS")
    return [row.row for row in world.parts.context.records.recent(table, user)]


def test_an_event_is_kept_with_the_columns_of_its_schema(tracked: tuple[World, str]) -> None:
    world, tracking_id = tracked
    sent = event(eventValue=4.5, properties=json.dumps({"numRatings": "12", "unknown": 1}))
    world.events.put_events(trackingId=tracking_id, userId="u1", sessionId="s1", eventList=[sent])
    [row] = rows_of(world, "u1")
    assert row["NUM_RATINGS"] == 12
    assert (row["ITEM_ID"], row["EVENT_VALUE"], row["TIMESTAMP"]) == ("i1", 4.5, 1_700_000_000)


def test_item_and_value_may_come_in_properties(tracked: tuple[World, str]) -> None:
    world, tracking_id = tracked
    old = {"eventType": "rate", "sentAt": 1_700_000_000, "properties": json.dumps({"itemId": "i9", "eventValue": 2})}
    world.events.put_events(trackingId=tracking_id, userId="u1", sessionId="s1", eventList=[old])
    [row] = rows_of(world, "u1")
    assert (row["ITEM_ID"], row["EVENT_VALUE"]) == ("i9", 2.0)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"properties": "{"}, "Error parsing properties json"),
        ({"properties": "[1]"}, "Error parsing properties json"),
        ({"properties": json.dumps({"timestamp": 1})}, "eventList.2.member: properties must not hold timestamp"),
        ({"properties": json.dumps({"numRatings": "many"})}, "NUM_RATINGS: "),
        ({"itemId": None}, "ITEM_ID: a value is required"),
    ],
)
def test_one_bad_event_refuses_them_all_and_is_named(
    tracked: tuple[World, str], bad: dict[str, Any], told: str
) -> None:
    world, tracking_id = tracked
    second = {name: value for name, value in event(**bad).items() if value is not None}
    code, message = refused(
        world.events.put_events, trackingId=tracking_id, userId="u1", sessionId="s1", eventList=[event(), second]
    )
    assert code == "InvalidInputException"
    assert told in message
    assert rows_of(world, "u1") == []


def test_an_unknown_tracking_id_is_refused(tracked: tuple[World, str]) -> None:
    world, tracking_id = tracked
    put = world.events.put_events
    members = {"userId": "u1", "sessionId": "s1", "eventList": [event()]}
    assert refused(put, trackingId="none", **members)[0] == "InvalidInputException"
    guessed = tracking_id[:8] + tracking_id[8:].translate(str.maketrans("0123", "3210"))
    if guessed != tracking_id:
        assert refused(put, trackingId=guessed, **members)[0] == "InvalidInputException"
    stranger = world.stranger("111122223333")
    assert refused(stranger.events.put_events, trackingId=tracking_id, **members)[0] == "InvalidInputException"


def test_eleven_events_are_too_many(tracked: tuple[World, str]) -> None:
    world, tracking_id = tracked
    code, message = refused(
        world.events.put_events, trackingId=tracking_id, sessionId="s1", eventList=[event() for _ in range(11)]
    )
    assert code == "InvalidInputException"
    assert "'eventList'" in message


def test_an_impression_may_hold_25_long_ids(tracked: tuple[World, str]) -> None:
    world, tracking_id = tracked
    shown = [f"{number:0>250}" for number in range(25)]
    sent = event(impression=shown)
    world.events.put_events(trackingId=tracking_id, userId="u1", sessionId="s1", eventList=[sent])
    [row] = rows_of(world, "u1")
    assert row["IMPRESSION"] == "|".join(shown)
