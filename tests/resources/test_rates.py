"""Rate limits: off by default; on, each call beyond its rate is refused until a moment has passed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from openpersonalize.clock import StillClock
from tests.world import ITEMS, SMALL, World, opened, refused

LIMITED = {
    **SMALL,
    "rate_limits": "on",
    "rate_put_events": 3,
    "rate_put_action_interactions": 4,
    "rate_put_items": 2,
    "rate_campaign": 4,
    "rate_runtime": 6,
}
ACTION_EVENTS = (("USER_ID", "string"), ("ACTION_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long"))


@pytest.fixture
def clock() -> StillClock:
    return StillClock(datetime.now(UTC))


@pytest.fixture
def limited(tmp_path: Path, clock: StillClock) -> Iterator[World]:
    yield from opened(tmp_path / "data", LIMITED, clock)


def let_through(call: Callable[..., Any], **members: Any) -> int:
    """How many of twenty calls are answered; the others must be throttled."""
    codes = []
    for _ in range(20):
        try:
            call(**members)
            codes.append("OK")
        except ClientError as fault:
            codes.append(fault.response["Error"]["Code"])
    assert set(codes) <= {"OK", "ThrottlingException"}
    return codes.count("OK")


def click(tracking_id: str) -> dict[str, Any]:
    event = {"eventType": "click", "itemId": "i1", "sentAt": datetime.now(UTC)}
    return {"trackingId": tracking_id, "sessionId": "s", "userId": "u", "eventList": [event]}


def tracked(world: World, name: str) -> dict[str, Any]:
    """An event for a new dataset group."""
    group = world.group(name)
    world.dataset(group)
    return click(world.personalize.create_event_tracker(name=name, datasetGroupArn=group)["trackingId"])


def test_events_are_limited_by_dataset_group(limited: World, clock: StillClock) -> None:
    shop, films = tracked(limited, "shop"), tracked(limited, "films")
    assert let_through(limited.events.put_events, **shop) == 3
    code, message = refused(limited.events.put_events, **shop)
    assert code == "ThrottlingException"
    assert message == (
        "Rate exceeded: PutEvents of arn:aws:personalize:us-east-1:000000000000:dataset-group/shop "
        "may be called 3 times per second."
    )
    assert let_through(limited.events.put_events, **films) == 3
    clock.move(timedelta(seconds=0.7))
    assert let_through(limited.events.put_events, **shop) == 2


def test_throttled_calls_answer_429(limited: World) -> None:
    statuses = {}
    runtime = {"campaignArn": limited.campaign(limited.trained(limited.with_clicks(), "aws-sims")), "itemId": "i1"}
    for name, call, members in (
        ("events", limited.events.put_events, tracked(limited, "shop")),
        ("runtime", limited.runtime.get_recommendations, runtime),
    ):
        let_through(call, **members)
        with pytest.raises(ClientError) as fault:
            call(**members)
        statuses[name] = fault.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert statuses == {"events": 429, "runtime": 429}


def test_records_are_limited_by_operation(limited: World) -> None:
    group = limited.group()
    items = limited.dataset(group, "Items", ITEMS)
    users = limited.dataset(group, "Users", (("USER_ID", "string"), ("AGE", ["null", "int"])))
    assert let_through(limited.events.put_items, datasetArn=items, items=[{"itemId": "i"}]) == 2
    assert let_through(limited.events.put_users, datasetArn=users, users=[{"userId": "u"}]) == 10


def test_action_interactions_are_limited(limited: World) -> None:
    dataset = limited.dataset(limited.group(), "Action_Interactions", ACTION_EVENTS)
    told = limited.personalize.describe_dataset(datasetArn=dataset)["dataset"]
    taken = {"actionId": "a", "userId": "u", "sessionId": "s", "timestamp": datetime.now(UTC), "eventType": "TAKEN"}
    members = {"trackingId": told["trackingId"], "actionInteractions": [taken]}
    assert let_through(limited.events.put_action_interactions, **members) == 4


def test_recommendations_are_limited_by_campaign_and_in_all(limited: World) -> None:
    version = limited.trained(limited.with_clicks(), "aws-sims")
    first, second = limited.campaign(version, "first"), limited.campaign(version, "second")
    assert let_through(limited.runtime.get_recommendations, campaignArn=first, itemId="i1") == 4
    assert "campaign/first" in refused(limited.runtime.get_recommendations, campaignArn=first, itemId="i1")[1]
    assert let_through(limited.runtime.get_recommendations, campaignArn=second, itemId="i1") == 2
    message = refused(limited.runtime.get_recommendations, campaignArn=second, itemId="i1")[1]
    assert "in us-east-1 of account 000000000000 may be called 6 times per second" in message


def test_without_the_setting_nobody_is_throttled(world: World) -> None:
    items = world.dataset(world.group(), "Items", ITEMS)
    properties = json.dumps({"year": 1999})
    record = [{"itemId": "i", "properties": properties}]
    assert let_through(world.events.put_items, datasetArn=items, items=record) == 20
