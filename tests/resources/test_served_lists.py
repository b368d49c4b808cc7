"""Served lists from boto3's calls to the report: remembered, settled, reported, forgotten, deleted with their users."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from openpersonalize import app
from openpersonalize.attribution.events import Period
from openpersonalize.attribution.measures import Measure
from openpersonalize.attribution.report import Report, make
from openpersonalize.cli import cli
from openpersonalize.clock import StillClock, SystemClock
from openpersonalize.resources import datasets, served_lists
from openpersonalize.resources.attribution_inputs import inputs_of
from openpersonalize.storage.served import Group
from tests.resources.test_data_deletion_jobs import delete, described
from tests.world import SMALL, World, opened, refused, write_csv

CLICKS = [Measure.read("clicks", "click", "SAMPLECOUNT()")]


def lists(world: World, group: str) -> list[dict[str, Any]]:
    """What is settled, in order of time; what waits is settled first."""
    served, key = world.parts.context.served, Group.of(group)
    served.settle(key)
    table = served.table(key)
    rows: list[dict[str, Any]] = [] if table is None else table.to_pyarrow_table().to_pylist()
    return rows


def reported(world: World, group: str) -> Report:
    now = int(SystemClock().now().timestamp())
    return make(inputs_of(world.parts.context, group, CLICKS, {}), Period(now - 3600, now + 3600))


@pytest.fixture
def group(world: World) -> str:
    """A group with a campaign, `best`."""
    made = world.with_clicks()
    world.campaign(world.trained(made, "aws-popularity-count"), "best")
    return made


def campaign(group: str, name: str) -> str:
    return f"{group.rsplit(':', 1)[0]}:campaign/{name}"


def interactions(group: str) -> str:
    return f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS"


def test_answers_are_remembered_as_they_were_given(world: World, group: str) -> None:
    world.campaign(world.trained(group, "aws-personalized-ranking-v2", "ranker"), "order")
    before = int(SystemClock().now().timestamp())
    best = world.runtime.get_recommendations(campaignArn=campaign(group, "best"), userId="u1", numResults=3)
    order = world.runtime.get_personalized_ranking(
        campaignArn=campaign(group, "order"), userId="u2", inputList=["i4", "unknown", "i7"]
    )
    first, second = sorted(lists(world, group), key=lambda row: row["user_id"])
    assert first["time"] in range(before, before + 60)
    del first["time"], second["time"]
    numbers = {"shown": 3, "promoted": 0, "explored": 0}
    assert first == {
        "user_id": "u1", "source": campaign(group, "best"), "recommendation_id": best["recommendationId"],
        "item_ids": [item["itemId"] for item in best["itemList"]], **numbers,
    }  # fmt: skip
    assert second == {
        "user_id": "u2", "source": campaign(group, "order"), "recommendation_id": order["recommendationId"],
        "item_ids": [item["itemId"] for item in order["personalizedRanking"]], **numbers,
    }  # fmt: skip


def test_refused_calls_leave_nothing(world: World, group: str) -> None:
    refused(world.runtime.get_personalized_ranking, campaignArn=campaign(group, "best"), userId="u", inputList=["i1"])
    assert lists(world, group) == []


def test_a_report_divides_by_the_lists_that_were_served(world: World, group: str) -> None:
    best = campaign(group, "best")
    tracker = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    world.work()
    now = int(SystemClock().now().timestamp())
    for user in ("u1", "u1", "u2", None):
        who = {} if user is None else {"userId": user}
        answer = world.runtime.get_recommendations(campaignArn=best, numResults=5, **who)
    event = {"eventType": "click", "itemId": "i1", "sentAt": now, "recommendationId": answer["recommendationId"]}
    world.events.put_events(trackingId=tracker, sessionId="s", userId="u2", eventList=[event])
    made = reported(world, group)
    (source,) = (one for one in made.sources if one.name == best)
    assert (source.lists, source.items_shown, source.users, source.users_are) == (4, 20, 2, "served")
    (result,) = (one for one in made.results if one.source == best)
    assert result.value == 1
    assert result.per_list is not None
    assert result.per_list.value == pytest.approx(1 / 3)  # of lists that were made for somebody
    folder = str(world.parts.settings.data_dir)
    asked = ["attribution", "report", group, "--data-dir", folder, "--metric", "clicks=click:SAMPLECOUNT()"]
    tomorrow = f"{SystemClock().now() + timedelta(days=1):%Y-%m-%d}"
    printed = CliRunner().invoke(cli, [*asked, "--to", tomorrow, "--format", "json"])
    assert {one["name"]: one["lists"] for one in json.loads(printed.stdout)["sources"]}[best] == 4


def test_the_job_that_settles_events_settles_lists(world: World, group: str) -> None:
    context, events = world.parts.context, datasets.table_of(interactions(group))
    world.runtime.get_recommendations(campaignArn=campaign(group, "best"), userId="u1")
    context.served.recorder.flush()
    assert served_lists.waiting(context, events)
    with context.metadata.transaction() as tx:
        context.queue.enqueue(tx.connection, datasets.LOOK, interactions(group))
    world.work()
    assert not served_lists.waiting(context, events)
    table = context.served.table(Group.of(group))
    assert table is not None
    assert table.to_pyarrow_table().num_rows == 1


def test_lists_of_deleted_users_are_gone(world: World, group: str) -> None:
    for user in ("u1", "u2", "u1"):
        world.runtime.get_recommendations(campaignArn=campaign(group, "best"), userId=user)
    assert len(lists(world, group)) == 3
    world.runtime.get_recommendations(campaignArn=campaign(group, "best"), userId="u1")
    write_csv(world.bucket() / "users.csv", ["USER_ID"], [["u1"]])
    job = delete(world, group)
    world.work()
    assert described(world, job)["status"] == "COMPLETED"
    assert described(world, job)["numDeleted"] == 15
    assert [row["user_id"] for row in lists(world, group)] == ["u2"]


def test_lists_go_with_the_interactions_and_what_comes_later_with_the_group(world: World, group: str) -> None:
    context = world.parts.context
    world.runtime.get_recommendations(campaignArn=campaign(group, "best"), userId="u1")
    assert len(lists(world, group)) == 1
    world.personalize.delete_campaign(campaignArn=campaign(group, "best"))
    world.work()
    world.personalize.delete_dataset(datasetArn=interactions(group))
    world.work()
    assert (lists(world, group), context.served.table(Group.of(group))) == ([], None)
    served_lists.remember(
        context,
        dataset_group_arn=group,
        source=campaign(group, "best"),
        user_id=None,
        recommendation_id="RID-late",
        item_ids=["i1"],
    )
    assert len(lists(world, group)) == 1
    world.personalize.delete_solution(solutionArn=f"{group.rsplit(':', 1)[0]}:solution/model")
    world.work()
    world.personalize.delete_dataset_group(datasetGroupArn=group)
    world.work()
    assert lists(world, group) == []


def test_old_lists_are_forgotten_when_the_dataset_is_tidied(world: World, group: str) -> None:
    context = world.parts.context
    table = datasets.table_of(interactions(group))
    world.runtime.get_recommendations(campaignArn=campaign(group, "best"), userId="u1")
    for days, left in ((0, 1), (399, 1), (401, 0)):
        lists(world, group)
        later = StillClock(SystemClock().now() + timedelta(days=days))
        served_lists.tidy(replace(context, clock=later), table)
        assert len(lists(world, group)) == left


def test_what_waits_is_written_when_the_server_ends(world: World, group: str) -> None:
    world.runtime.get_recommendations(campaignArn=campaign(group, "best"), userId="u1")
    world.parts.close()
    parts = app.open_parts(world.parts.settings)
    assert parts.context.served.settle(Group.of(group)) == 1
    parts.close()


def test_a_server_told_to_remember_nothing_remembers_nothing(tmp_path: Path) -> None:
    for world in opened(tmp_path / "data", {**SMALL, "served_memory": "off"}):
        group = world.with_clicks()
        arn = world.campaign(world.trained(group, "aws-popularity-count"))
        world.runtime.get_recommendations(campaignArn=arn, userId="u1")
        assert lists(world, group) == []
        assert all(source.lists == 0 for source in reported(world, group).sources)
