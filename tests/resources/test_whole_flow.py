"""From a CSV file to a recommendation that follows an event, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openpersonalize.resources.datasets import table_of
from openpersonalize.storage.records import Dataset
from tests.world import SMALL, World, opened


@pytest.fixture
def anywhere(tmp_path: Path, database_url: str) -> Iterator[World]:
    yield from opened(tmp_path / "data", {**SMALL, "metadata_url": database_url})


def test_a_file_becomes_recommendations_and_an_event_counts(anywhere: World) -> None:
    world = anywhere
    group = world.with_clicks()
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    campaign = world.campaign(world.trained(group, "aws-sims"))
    similar = world.runtime.get_recommendations(campaignArn=campaign, itemId="i2", numResults=5)["itemList"]
    assert all(int(row["itemId"][1:]) % 2 == 0 for row in similar)
    event = {"eventType": "click", "itemId": "i2", "sentAt": 1_800_000_000}
    world.events.put_events(trackingId=tracking_id, userId="new", sessionId="s", eventList=[event])
    again = world.personalize.create_solution_version(
        solutionArn=group.replace("dataset-group/films", "solution/model")
    )["solutionVersionArn"]
    world.work()
    assert (
        world.personalize.describe_solution_version(solutionVersionArn=again)["solutionVersion"]["status"] == "ACTIVE"
    )
    table = world.parts.context.records.statistics(_table(group))
    assert (table.bulk_rows, table.put_rows) == (600, 1)
    world.personalize.delete_campaign(campaignArn=campaign)
    world.work()
    assert world.personalize.list_campaigns()["campaigns"] == []


def _table(group: str) -> Dataset:
    return table_of(group.replace("dataset-group", "dataset") + "/INTERACTIONS")
