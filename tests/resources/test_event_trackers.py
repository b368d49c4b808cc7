import re

from tests.world import World, refused


def test_a_trackers_arn_is_an_id_and_its_tracking_id_a_uuid(world: World) -> None:
    group = world.group()
    made = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)
    assert re.fullmatch(
        r"arn:aws:personalize:us-east-1:000000000000:event-tracker/[0-9a-f]{8}", made["eventTrackerArn"]
    )
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["trackingId"])
    world.work()
    described = world.personalize.describe_event_tracker(eventTrackerArn=made["eventTrackerArn"])["eventTracker"]
    assert (described["status"], described["accountId"]) == ("ACTIVE", "000000000000")
    [row] = world.personalize.list_event_trackers(datasetGroupArn=group)["eventTrackers"]
    assert "trackingId" not in row


def test_a_group_has_one_tracker(world: World) -> None:
    group = world.group()
    world.personalize.create_event_tracker(name="live", datasetGroupArn=group)
    create = world.personalize.create_event_tracker
    assert refused(create, name="live", datasetGroupArn=group)[0] == "ResourceAlreadyExistsException"
    assert refused(create, name="other", datasetGroupArn=group)[0] == "LimitExceededException"


def test_a_deleted_tracker_takes_no_events_and_makes_room(world: World) -> None:
    group = world.group()
    world.dataset(group)
    made = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)
    world.work()
    world.personalize.delete_event_tracker(eventTrackerArn=made["eventTrackerArn"])
    event = {"eventType": "click", "itemId": "i1", "sentAt": 1_700_000_000}
    put = world.events.put_events
    members = {"trackingId": made["trackingId"], "sessionId": "s", "userId": "u", "eventList": [event]}
    assert refused(put, **members)[0] == "InvalidInputException"
    world.work()
    assert refused(put, **members)[0] == "InvalidInputException"
    world.personalize.create_event_tracker(name="live", datasetGroupArn=group)
