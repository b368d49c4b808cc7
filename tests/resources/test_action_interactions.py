"""PutActionInteractions: events about actions, under the tracking ID of their dataset."""

from typing import Any

import pytest

from tests.resources.test_individual_records import rows_of
from tests.world import ITEMS, World, refused

FIELDS = (
    ("USER_ID", "string"),
    ("ACTION_ID", "string"),
    ("EVENT_TYPE", "string"),
    ("TIMESTAMP", "long"),
    ("DEVICE", ["null", "string"]),
)


@pytest.fixture
def tracked(world: World) -> tuple[World, str, str]:
    dataset = world.dataset(world.group(), "Action_Interactions", FIELDS)
    described = world.personalize.describe_dataset(datasetArn=dataset)["dataset"]
    return world, dataset, described["trackingId"]


def taken(**more: Any) -> dict[str, Any]:
    return {"actionId": "a1", "sessionId": "s1", "timestamp": 1_700_000_000, "eventType": "Not Taken", **more}


def test_an_action_interaction_is_kept_with_its_event_type_in_one_spelling(tracked: tuple[World, str, str]) -> None:
    world, dataset, tracking_id = tracked
    given = taken(userId="u1", impression=["a1", "a2"], recommendationId="r", properties='{"device": "phone"}')
    world.events.put_action_interactions(trackingId=tracking_id, actionInteractions=[given])
    assert rows_of(world, dataset) == [
        {"USER_ID": "u1", "ACTION_ID": "a1", "EVENT_TYPE": "NOT_TAKEN", "TIMESTAMP": 1_700_000_000, "DEVICE": "phone"}
    ]


def test_a_session_belongs_to_the_user_whom_a_later_one_names(tracked: tuple[World, str, str]) -> None:
    world, dataset, tracking_id = tracked
    put = world.events.put_action_interactions
    put(trackingId=tracking_id, actionInteractions=[taken(), taken(sessionId="s2")])
    assert rows_of(world, dataset) == []
    put(trackingId=tracking_id, actionInteractions=[taken(userId="u1", actionId="a2")])
    assert [(row["USER_ID"], row["ACTION_ID"]) for row in rows_of(world, dataset)] == [("u1", "a1"), ("u1", "a2")]


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"eventType": "bought"}, "EVENT_TYPE: must be one of TAKEN, NOT_TAKEN, VIEWED"),
        ({"properties": '{"sessionId": 1}'}, "properties must not hold sessionId, it belongs to the event"),
    ],
)
def test_a_bad_action_interaction_is_named(tracked: tuple[World, str, str], bad: dict[str, Any], rule: str) -> None:
    world, dataset, tracking_id = tracked
    given = [taken(userId="u1"), taken(userId="u1", **bad)]
    put = world.events.put_action_interactions
    code, message = refused(put, trackingId=tracking_id, actionInteractions=given)
    assert (code, message) == ("InvalidInputException", f"actionInteractions.2.member: {rule}")
    assert rows_of(world, dataset) == []


def test_only_the_datasets_own_tracking_id_is_known_and_only_this_type_has_one(
    tracked: tuple[World, str, str],
) -> None:
    world, dataset, tracking_id = tracked
    put, given = world.events.put_action_interactions, [taken()]
    assert refused(put, trackingId="none", actionInteractions=given)[0] == "ResourceNotFoundException"
    stranger = world.stranger("111122223333")
    assert (
        refused(stranger.events.put_action_interactions, trackingId=tracking_id, actionInteractions=given)[0]
        == "ResourceNotFoundException"
    )
    items = world.dataset(dataset.replace("dataset/", "dataset-group/").rsplit("/", 1)[0], "Items", ITEMS)
    assert "trackingId" not in world.personalize.describe_dataset(datasetArn=items)["dataset"]
    world.personalize.delete_dataset(datasetArn=dataset)
    assert refused(put, trackingId=tracking_id, actionInteractions=given)[0] == "ResourceInUseException"
