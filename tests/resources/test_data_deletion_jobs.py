"""Deletions of users through the API: what is listed vanishes, and what was wrong with the list is told."""

from collections.abc import Callable
from typing import Any

import pytest

from openpersonalize.resources.datasets import table_of
from openpersonalize.resources.solutions import artefacts_of
from tests.answers import told
from tests.resources.test_individual_records import USERS, rows_of
from tests.world import ROLE, World, refused, write_csv


def delete(world: World, group: str, name: str = "erase", location: str = "s3://films/users.csv") -> str:
    arn: str = world.personalize.create_data_deletion_job(
        jobName=name, datasetGroupArn=group, dataSource={"dataLocation": location}, roleArn=ROLE
    )["dataDeletionJobArn"]
    return arn


def described(world: World, arn: str) -> dict[str, Any]:
    job: dict[str, Any] = world.personalize.describe_data_deletion_job(dataDeletionJobArn=arn)["dataDeletionJob"]
    return job


def test_a_deletion_is_described_in_its_own_words_and_counts_rows(
    world: World, snapshot: Callable[[str, str], None]
) -> None:
    group = world.with_clicks()
    users = world.dataset(group, "Users", USERS)
    world.events.put_users(datasetArn=users, users=[{"userId": "u1"}, {"userId": "u2"}])
    write_csv(world.bucket() / "users.csv", ["USER_ID"], [["u1"], ["u3"], ["nobody"], ["u1"]])
    arn = delete(world, group)
    assert described(world, arn)["status"] == "PENDING"
    world.work()
    describe = told(world.personalize, "describe_data_deletion_job", dataDeletionJobArn=arn)
    snapshot("describe-data-deletion-job.json", describe)
    listed = told(world.personalize, "list_data_deletion_jobs", datasetGroupArn=group)
    snapshot("list-data-deletion-jobs.json", listed)
    assert described(world, arn)["numDeleted"] == 15 + 15 + 1
    assert [row["USER_ID"] for row in rows_of(world, users)] == ["u2"]
    events = f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS"
    assert {row["USER_ID"] for row in rows_of(world, events)} == {f"u{number}" for number in range(40)} - {"u1", "u3"}


def test_a_deleted_user_is_a_stranger_to_streams_and_to_models_that_are_in_memory(world: World) -> None:
    group = world.with_clicks()
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    version = world.trained(group, "aws-user-personalization-v2")
    campaign = world.campaign(version)
    event = {"eventType": "click", "itemId": "i3", "sentAt": 1_700_100_000}
    world.events.put_events(trackingId=tracking_id, userId="u1", sessionId="s", eventList=[event])

    def answer(user: str) -> list[str]:
        got = world.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=10)
        return [item["itemId"] for item in got["itemList"]]

    known, other, stranger = answer("u1"), answer("u5"), answer("never seen")
    assert known != stranger
    (world.bucket() / "lists" / "deep").mkdir(parents=True)
    write_csv(world.bucket() / "lists" / "deep" / "more.csv", ["USER_ID"], [["u1"]])
    (world.bucket() / "lists" / "notes.txt").write_text("not a list\n")
    arn = delete(world, group, location="s3://films/lists/")
    world.work()
    assert described(world, arn)["status"] == "COMPLETED"
    assert (answer("u1"), answer("u5")) == (stranger, other)
    artefact = world.parts.context.models.get(version, artefacts_of(version))
    assert artefact.history("u1") is None
    assert len(artefact.history("u5") or ()) == 15
    table = table_of(f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS")
    assert world.parts.context.records.recent(table, "u1") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("USER\nu1\n", "The header of users.csv must be the one column USER_ID; it is [USER]."),
        ("USER_ID,AGE\nu1,3\n", "The header of users.csv must be the one column USER_ID; it is [USER_ID, AGE]."),
        ("USER_ID\nu1\nu2,u3\n", "users.csv, line 3: 2 columns; one USER_ID a line."),
        (f"USER_ID\n{'u' * 257}\n", "users.csv, line 2: a USER_ID has 1 to 256 characters, this one 257."),
    ],
)
def test_a_bad_list_fails_the_job_and_deletes_nothing(world: World, text: str, reason: str) -> None:
    group = world.with_clicks()
    (world.bucket() / "users.csv").write_text(text)
    arn = delete(world, group)
    world.work()
    job = described(world, arn)
    assert (job["status"], job["failureReason"]) == ("FAILED", reason)
    assert "numDeleted" not in job


def test_a_place_without_lists_fails_and_a_wrong_one_is_refused(world: World) -> None:
    group = world.group()
    (world.bucket() / "users.txt").write_text("USER_ID\nu1\n")
    arn = delete(world, group, location="s3://films/users.txt")
    world.work()
    assert "there is no file whose name ends in .csv" in described(world, arn)["failureReason"]
    create = world.personalize.create_data_deletion_job
    given = {"jobName": "other", "datasetGroupArn": group, "roleArn": ROLE, "dataSource": {"dataLocation": "s3://no/"}}
    assert refused(create, **given)[1].startswith("Insufficient privileges")
    given |= {"dataSource": {"dataLocation": "s3://films/"}, "datasetGroupArn": f"{group}2"}
    assert refused(create, **given)[0] == "ResourceNotFoundException"
    given |= {"datasetGroupArn": group, "jobName": "erase"}
    assert refused(create, **given)[0] == "ResourceAlreadyExistsException"


def test_five_may_wait_and_a_group_takes_its_jobs_along(world: World) -> None:
    group = world.group()
    write_csv(world.bucket() / "users.csv", ["USER_ID"], [["u1"]])
    arns = [delete(world, group, f"erase-{number}") for number in range(5)]
    code, _ = refused(
        world.personalize.create_data_deletion_job,
        jobName="sixth",
        datasetGroupArn=group,
        dataSource={"dataLocation": "s3://films/users.csv"},
        roleArn=ROLE,
    )
    assert code == "LimitExceededException"
    newest_first = world.personalize.list_data_deletion_jobs()["dataDeletionJobs"]
    assert [job["dataDeletionJobArn"] for job in newest_first] == arns[::-1]
    world.work()
    assert {described(world, arn)["status"] for arn in arns} == {"COMPLETED"}
    world.personalize.delete_dataset_group(datasetGroupArn=group)
    world.work()
    assert world.personalize.list_data_deletion_jobs()["dataDeletionJobs"] == []
