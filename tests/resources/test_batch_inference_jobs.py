"""Batch inference jobs: lines in, lines out, and what is refused before and told afterwards."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.answers import told
from tests.world import ITEMS, ROLE, World, refused

V2 = "aws-user-personalization-v2"


def create(world: World, version: str, name: str = "batch", **more: Any) -> str:
    given = {
        "jobName": name,
        "solutionVersionArn": version,
        "jobInput": {"s3DataSource": {"path": "s3://films/in.json"}},
        "jobOutput": {"s3DataDestination": {"path": "s3://films/out/"}},
        "roleArn": ROLE,
    }
    arn: str = world.personalize.create_batch_inference_job(**given | more)["batchInferenceJobArn"]
    return arn


def described(world: World, arn: str) -> dict[str, Any]:
    job: dict[str, Any] = world.personalize.describe_batch_inference_job(batchInferenceJobArn=arn)["batchInferenceJob"]
    return job


def finished(world: World, arn: str) -> dict[str, Any]:
    """The job at its end; it waits for the second after that of its creation."""
    for _ in range(40):
        world.work()
        job = described(world, arn)
        if job["status"] in ("ACTIVE", "CREATE FAILED"):
            return job
        time.sleep(0.1)
    raise AssertionError(job)


def asked(world: World, *lines: Any) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (world.bucket() / "in.json").write_text("\n".join(texts) + "\n")


def answers(world: World, name: str = "in.json.out") -> list[dict[str, Any]]:
    text = (world.bucket() / "out" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


def live(world: World, version: str, **members: Any) -> tuple[list[str], list[float]]:
    campaign = world.campaign(version)
    items: Sequence[dict[str, Any]] = world.runtime.get_recommendations(campaignArn=campaign, **members)["itemList"]
    return [item["itemId"] for item in items], [item["score"] for item in items if "score" in item]


def test_lines_are_answered_in_their_order_as_a_campaign_would(
    world: World, snapshot: Callable[[str, str], None]
) -> None:
    version = world.trained(world.with_clicks(), V2)
    asked(world, {"userId": "u1"}, "", {"userId": "nobody", "more": [1]}, {"userId": "u2"})
    arn = create(world, version, numResults=5)
    assert described(world, arn)["status"] == "CREATE PENDING"
    assert finished(world, arn)["status"] == "ACTIVE"
    rows = answers(world)
    assert [row["input"] for row in rows] == [{"userId": "u1"}, {"userId": "nobody", "more": [1]}, {"userId": "u2"}]
    assert [row["error"] for row in rows] == [None, None, None]
    items, scores = live(world, version, userId="u1", numResults=5)
    assert rows[0]["output"]["recommendedItems"] == items
    assert rows[0]["output"]["scores"] == pytest.approx(scores, rel=1e-4)
    assert sorted(path.name for path in (world.bucket() / "out").iterdir()) == ["in.json.out"]
    describe = told(world.personalize, "describe_batch_inference_job", batchInferenceJobArn=arn)
    snapshot("describe-batch-inference-job.json", describe)
    listed = told(world.personalize, "list_batch_inference_jobs", solutionVersionArn=version)
    snapshot("list-batch-inference-jobs.json", listed)


def test_the_output_is_younger_than_the_job_in_whole_seconds(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    asked(world, {"userId": "u1"})
    job = finished(world, create(world, version))
    changed = int((world.bucket() / "out" / "in.json.out").stat().st_mtime)
    assert datetime.fromtimestamp(changed, UTC) > job["creationDateTime"]


def test_an_event_of_a_user_counts_in_the_next_batch(world: World) -> None:
    group = world.with_clicks()
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    version = world.trained(group, V2)
    asked(world, {"userId": "new"})
    exploring = {"itemExplorationConfig": {"explorationWeight": "0.3", "explorationItemAgeCutOff": "30"}}
    finished(world, create(world, version, "before", batchInferenceJobConfig=exploring))
    [before] = answers(world)
    event = {"eventType": "click", "itemId": "i3", "sentAt": 1_700_100_000}
    world.events.put_events(trackingId=tracking_id, userId="new", sessionId="s", eventList=[event] * 3)
    finished(world, create(world, version, "after"))
    [after] = answers(world)
    assert before["output"]["recommendedItems"] != after["output"]["recommendedItems"]


def test_bad_lines_have_their_reason_in_their_place_and_in_a_file_of_their_own(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    bad = [{"user": "oops"}, "not json", "[1]", {"userId": 7}, {"userId": "u1", "filterValues": "x"}]
    asked(world, {"userId": "u1"}, *bad)
    assert finished(world, create(world, version, numResults=3))["status"] == "ACTIVE"
    first, *others = answers(world)
    assert first["output"].keys() == {"recommendedItems"}
    assert all("output" not in row for row in others)
    assert [row["input"] for row in others] == bad
    assert others == answers(world, "in.json.errors")
    assert [row["error"].split(":")[0] for row in others] == [
        "Required field userId is missing",
        "The line is not JSON",
        "The line must be a JSON object.",
        "Field userId must be a string of 1 to 256 characters",
        "Field filterValues must be an object of strings",
    ]


def test_rankings_end_with_unknown_items_that_have_no_score(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-personalized-ranking-v2")
    asked(world, {"userId": "u1", "itemList": ["new", "i2", "i3"]}, {"userId": "u1", "itemList": []}, {"userId": "u1"})
    finished(world, create(world, version))
    ranked, empty, missing = answers(world)
    assert ranked["output"]["recommendedItems"] == ["i3", "i2", "new"]
    assert sum(ranked["output"]["scores"]) == pytest.approx(1.0)
    assert len(ranked["output"]["scores"]) == 2
    assert empty["error"] == "Field itemList must have 1 to 500 items, it has 0"
    assert missing["error"] == "Required field itemList is missing"


def test_related_items_leave_the_seed_out_and_an_unknown_one_gets_the_popular(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-sims")
    asked(world, {"itemId": "i2"}, {"itemId": "unknown"}, {"userId": "u1"})
    finished(world, create(world, version, numResults=4))
    related, popular, wrong = answers(world)
    assert related["output"]["recommendedItems"] == live(world, version, itemId="i2", numResults=4)[0]
    assert len(popular["output"]["recommendedItems"]) == 4
    assert wrong["error"] == "Required field itemId is missing"


def test_a_folder_and_a_beginning_of_names_are_read_and_each_file_has_its_own_answers(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    (world.bucket() / "in").mkdir()
    for name in ("users-1.json", "users-2.json", "other.json"):
        (world.bucket() / "in" / name).write_text(json.dumps({"userId": name}) + "\n")
    for path, names in (
        ("s3://films/in/", ["other.json.out", "users-1.json.out", "users-2.json.out"]),
        ("s3://films/in/users-", ["users-1.json.out", "users-2.json.out"]),
    ):
        folder = f"out-{len(names)}"
        arn = create(
            world,
            version,
            folder,
            jobInput={"s3DataSource": {"path": path}},
            jobOutput={"s3DataDestination": {"path": f"s3://films/{folder}/"}},
        )
        assert finished(world, arn)["status"] == "ACTIVE"
        assert sorted(file.name for file in (world.bucket() / folder).iterdir()) == names


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (None, "Invalid S3 input path. No data found at s3://films/in.json."),
        (["what", "ever"], "None of the 2 lines at s3://films/in.json is a JSON object."),
    ],
)
def test_a_job_without_any_line_to_answer_fails(world: World, lines: list[str] | None, reason: str) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    if lines is not None:
        asked(world, *lines)
    job = finished(world, create(world, version))
    assert (job["status"], job["failureReason"]) == ("CREATE FAILED", reason)


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"jobOutput": {"s3DataDestination": {"path": "s3://films/in.json"}}}, "Invalid S3 output path"),
        ({"jobInput": {"s3DataSource": {"path": "https://films/in.json"}}}, "Invalid S3 input path"),
        ({"jobInput": {"s3DataSource": {"path": "s3://none/in.json"}}}, "Insufficient privileges"),
        ({"numResults": 501}, "'501' at 'numResults' failed to satisfy constraint: Member must be between 1 and 500"),
        ({"batchInferenceJobConfig": {"itemExplorationConfig": {"explorationWeight": "1"}}}, "is not supported by"),
        ({"batchInferenceJobConfig": {"rankingInfluence": {"POPULARITY": 0.5}}}, "rankingInfluence is not supported"),
        ({"batchInferenceJobMode": "THEME_GENERATION"}, "THEME_GENERATION is not supported by the recipe"),
        (
            {"themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}}},
            "themeGenerationConfig belongs to batchInferenceJobMode THEME_GENERATION: give both, or neither.",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_member_and_rule(world: World, members: dict[str, Any], rule: str) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    given = {
        "jobName": "batch",
        "solutionVersionArn": version,
        "jobInput": {"s3DataSource": {"path": "s3://films/in.json"}},
        "jobOutput": {"s3DataDestination": {"path": "s3://films/"}},
        "roleArn": ROLE,
    }
    code, message = refused(world.personalize.create_batch_inference_job, **given | members)
    assert (code, rule in message) == ("InvalidInputException", True), message


def test_names_versions_and_open_jobs_have_their_own_errors(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    asked(world, {"userId": "u1"})
    arns = [create(world, version, f"batch-{number}") for number in range(5)]
    call, base = (
        world.personalize.create_batch_inference_job,
        {
            "jobName": "sixth",
            "solutionVersionArn": version,
            "jobInput": {"s3DataSource": {"path": "s3://films/in.json"}},
            "jobOutput": {"s3DataDestination": {"path": "s3://films/out/"}},
            "roleArn": ROLE,
        },
    )
    assert refused(call, **base) == (
        "LimitExceededException",
        "More than 5 resources with PENDING or IN_PROGRESS status.",
    )
    assert refused(call, **base | {"jobName": "batch-0"})[0] == "ResourceAlreadyExistsException"
    assert refused(call, **base | {"solutionVersionArn": f"{version}0"})[0] == "ResourceNotFoundException"
    for arn in arns:
        finished(world, arn)
    solution = version.rsplit("/", 1)[0]
    waiting = world.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    code, message = refused(call, **base | {"solutionVersionArn": waiting})
    assert (code, "is in CREATE PENDING state; it must be ACTIVE" in message) == ("InvalidInputException", True)


def test_jobs_outlive_their_solution_and_go_with_their_group(world: World) -> None:
    group = world.with_clicks()
    version = world.trained(group, "aws-popularity-count")
    asked(world, {"userId": "u1"})
    finished(world, create(world, version))
    world.personalize.delete_solution(solutionArn=version.rsplit("/", 1)[0])
    world.work()
    assert len(world.personalize.list_batch_inference_jobs()["batchInferenceJobs"]) == 1
    world.personalize.delete_dataset(datasetArn=f"{group.replace('dataset-group', 'dataset')}/INTERACTIONS")
    world.personalize.delete_dataset_group(datasetGroupArn=group)
    for _ in range(3):
        world.work()
        time.sleep(0.6)
    assert world.personalize.list_batch_inference_jobs()["batchInferenceJobs"] == []


def made_filter(world: World, group: str, expression: str) -> str:
    create = world.personalize.create_filter
    arn: str = create(name="kept", datasetGroupArn=group, filterExpression=expression)["filterArn"]
    world.work()
    return arn


def test_a_filter_takes_its_values_from_each_line(world: World) -> None:
    group = world.with_clicks()
    arn = made_filter(world, group, "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($TYPE)")
    version = world.trained(group, "aws-popularity-count")
    values = {"TYPE": '"click"'}
    asked(world, {"userId": "u1", "filterValues": values}, {"userId": "u1", "filterValues": {"OTHER": "1"}})
    assert finished(world, create(world, version, filterArn=arn, numResults=30))["status"] == "ACTIVE"
    good, bad = answers(world)
    assert {int(item[1:]) % 2 for item in good["output"]["recommendedItems"]} == {0}
    assert good["input"] == {"userId": "u1", "filterValues": values}
    assert "output" not in bad
    assert bad["error"].startswith("filterValues: ")
    assert refused(world.personalize.delete_filter, filterArn=f"{arn}2")[0] == "ResourceNotFoundException"


def test_a_filter_shortens_rankings_and_another_groups_is_refused(world: World) -> None:
    group = world.with_clicks()
    arn = made_filter(world, group, 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")')
    version = world.trained(group, "aws-personalized-ranking-v2")
    asked(world, {"userId": "u1", "itemList": ["i1", "i2", "i4", "new"]})
    running = create(world, version, filterArn=arn)
    assert refused(world.personalize.delete_filter, filterArn=arn) == (
        "ResourceInUseException",
        f"The filter {arn} is used by: {running}.",
    )
    finished(world, running)
    [row] = answers(world)
    assert sorted(row["output"]["recommendedItems"]) == ["i2", "i4", "new"]
    with pytest.raises(ClientError) as fault:
        create(world, version, "other", filterArn=f"{arn}2")
    assert fault.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_filter_that_needs_a_seed_item_is_refused_where_lines_have_none(world: World) -> None:
    group = world.with_clicks()
    world.dataset(group, "Items", ITEMS)
    arn = made_filter(world, group, "INCLUDE ItemID WHERE Items.YEAR = CurrentItem.YEAR")
    version = world.trained(group, "aws-popularity-count")
    with pytest.raises(ClientError, match="reads CurrentItem, which the recipe aws-popularity-count does not have"):
        create(world, version, filterArn=arn)
    assert create(world, world.trained(group, "aws-sims", "similar"), filterArn=arn).endswith("/batch")


def test_a_job_whose_solution_goes_before_it_is_done_says_so(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-sims")
    asked(world, {"itemId": "i1"})
    batch = create(world, version)
    world.personalize.delete_solution(solutionArn=version.rsplit("/", 1)[0])
    job = finished(world, batch)
    assert (job["status"], job["failureReason"]) == (
        "CREATE FAILED",
        f"The solution version {version} was deleted before the job was done.",
    )
