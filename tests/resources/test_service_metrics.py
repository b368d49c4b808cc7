"""What the service says of itself: calls, minute by minute, and jobs as they end."""

import threading
import timeit
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from openpersonalize.resources.calls import MOST_KEYS, Calls
from openpersonalize.resources.service_metrics import Minutes
from openpersonalize.wire.identity import Caller
from tests.clients import client
from tests.world import World

CALLER = Caller("000000000000", "us-east-1", "", "", "")


@pytest.fixture
def minutes(world: World) -> Minutes:
    return Minutes(world.parts.context)


def read(world: World, name: str, dimensions: dict[str, str], *statistics: str) -> list[Any]:
    now = datetime.now(UTC)
    found = client("cloudwatch", world.door, world.identity).get_metric_statistics(
        Namespace="AWS/Personalize",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=list(statistics or ["Sum"]),
    )["Datapoints"]
    return [[one[name] for name in statistics or ["Sum"]] + [one["Unit"]] for one in found]


def test_calls_for_recommendations_count_by_campaign(world: World, minutes: Minutes) -> None:
    group = world.with_clicks()
    campaign = world.campaign(world.trained(group, "aws-popularity-count"))
    for _ in range(3):
        world.runtime.get_recommendations(campaignArn=campaign, userId="u1")
    with pytest.raises(ClientError):
        world.runtime.get_recommendations(campaignArn=campaign, numResults=501)
    with pytest.raises(ClientError):
        world.runtime.get_recommendations(campaignArn=campaign + "-of-nobody", userId="u1")
    assert read(world, "GetRecommendations", {"CampaignArn": campaign}) == []
    minutes.write()
    assert read(world, "GetRecommendations", {"CampaignArn": campaign}) == [[4.0, "Count"]]
    assert read(world, "GetRecommendations4xxErrors", {"CampaignArn": campaign}) == [[1.0, "Count"]]
    assert read(world, "GetRecommendations5xxErrors", {"CampaignArn": campaign}) == []
    ((count, least, average, most, unit),) = read(
        world, "GetRecommendationsLatency", {"CampaignArn": campaign}, "SampleCount", "Minimum", "Average", "Maximum"
    )
    assert (count, unit) == (3.0, "Milliseconds")
    assert 0 < least <= average <= most < 60_000
    assert read(world, "GetRecommendations", {"CampaignArn": campaign + "-of-nobody"}) == []


def test_events_count_by_tracker(world: World, minutes: Minutes) -> None:
    group = world.group()
    dataset = world.dataset(group)
    tracker = world.personalize.create_event_tracker(name="web", datasetGroupArn=group)
    event = {"eventType": "click", "sentAt": 1_700_000_000, "itemId": "i1"}
    for tracking_id in (tracker["trackingId"], tracker["trackingId"], "00000000-made-up"):
        try:
            world.events.put_events(trackingId=tracking_id, sessionId="s", userId="u", eventList=[event])
        except ClientError:
            assert tracking_id == "00000000-made-up"
    minutes.write()
    dimensions = {"DatasetGroupArn": group, "DatasetArn": dataset, "EventTrackerArn": tracker["eventTrackerArn"]}
    assert read(world, "PutEventsRequests", dimensions) == [[2.0, "Count"]]
    assert read(world, "PutEventLatency", dimensions, "SampleCount") == [[2.0, "Milliseconds"]]


def test_imports_and_trainings_tell_how_they_ended(world: World) -> None:
    group = world.with_clicks()
    dataset = world.personalize.list_datasets(datasetGroupArn=group)["datasets"][0]["datasetArn"]
    failed = world.load(dataset, "s3://films/nothing.csv", name="broken")
    done = world.personalize.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"][-1]
    of_job = {"DatasetGroupArn": group, "DatasetArn": dataset}
    assert failed["status"] == "CREATE FAILED"
    broken = of_job | {"DatasetImportJobArn": failed["datasetImportJobArn"]}
    assert read(world, "DatasetImportJobRequests", broken) == [[1.0, "Count"]]
    assert read(world, "DatasetImportJobError", broken) == [[1.0, "Count"]]
    good = of_job | {"DatasetImportJobArn": done["datasetImportJobArn"]}
    assert read(world, "DatasetImportJobError", good) == []
    ((seconds, unit),) = read(world, "DatasetImportJobExecutionTime", good)
    assert (seconds > 0, unit) == (True, "Seconds")
    ((size, unit),) = read(world, "DatasetSize", good)
    assert (size > 1000, unit) == (True, "Bytes")
    version = world.trained(group, "aws-popularity-count")
    training = {"SolutionArn": version.rsplit("/", 1)[0], "SolutionVersionArn": version}
    assert read(world, "SolutionTrainingJobRequests", training) == [[1.0, "Count"]]
    ((seconds, unit),) = read(world, "SolutionTrainingJobExecutionTime", training)
    assert (seconds > 0, unit) == (True, "Seconds")


def test_nothing_counted_is_lost_while_the_database_is_away(
    world: World, minutes: Minutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = world.with_clicks()
    campaign = world.campaign(world.trained(group, "aws-popularity-count"))

    def away(*_given: Any, **_more: Any) -> None:
        raise OSError("no database")

    world.runtime.get_recommendations(campaignArn=campaign, userId="u1")
    with monkeypatch.context() as patch:
        patch.setattr(type(world.parts.context.points), "put", away)
        minutes.write()
    world.runtime.get_recommendations(campaignArn=campaign, userId="u1")
    minutes.close()
    assert read(world, "GetRecommendations", {"CampaignArn": campaign}) == [[2.0, "Count"]]


def test_the_thread_ends_when_it_is_told_and_writes_what_is_left(world: World, minutes: Minutes) -> None:
    minutes.start()
    assert "metrics" in {thread.name for thread in threading.enumerate()}
    minutes.close()
    assert "metrics" not in {thread.name for thread in threading.enumerate()}


def test_made_up_names_fill_no_memory() -> None:
    calls = Calls()
    for number in range(MOST_KEYS + 10):
        calls.observe("put_events", CALLER, {"tracking_id": str(number)}, 400, 0.001)
    assert len(calls.take()) == MOST_KEYS
    assert calls.take() == {}


def test_counting_a_call_takes_microseconds() -> None:
    calls = Calls()
    arguments = {"user_id": "u1", "campaign_arn": "arn:aws:personalize:us-east-1:000000000000:campaign/home"}
    seconds = min(
        timeit.repeat(
            lambda: calls.observe("get_recommendations", CALLER, arguments, 200, 0.001), number=1000, repeat=5
        )
    )
    print(f"{seconds * 1000:.2f} µs")
    assert seconds / 1000 < 50e-6
