"""Batch segment jobs: the right users for items and attributes, and what is refused or told in a line."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from openpersonalize.resources.solutions import SolutionVersion
from tests.answers import told
from tests.resources.test_individual_records import USERS
from tests.world import INTERACTIONS, ITEMS, ROLE, World, refused, write_csv

AFFINITY, ATTRIBUTES = "aws-item-affinity", "aws-item-attribute-affinity"


def asked(version: str, **more: Any) -> dict[str, Any]:
    return {
        "jobName": "segments",
        "solutionVersionArn": version,
        "jobInput": {"s3DataSource": {"path": "s3://films/items.json"}},
        "jobOutput": {"s3DataDestination": {"path": "s3://films/segments/"}},
        "roleArn": ROLE,
        **more,
    }


def lines(world: World, *given: Any) -> None:
    (world.bucket() / "items.json").write_text("".join(f"{json.dumps(line)}\n" for line in given))


def answers(world: World) -> list[dict[str, Any]]:
    text = (world.bucket() / "segments" / "items.json.out").read_text()
    return [json.loads(line) for line in text.splitlines()]


def finished(world: World, arn: str) -> dict[str, Any]:
    """The job at its end; it waits for the second after that of its creation."""
    for _ in range(40):
        world.work()
        job: dict[str, Any] = world.personalize.describe_batch_segment_job(batchSegmentJobArn=arn)["batchSegmentJob"]
        if job["status"] in ("ACTIVE", "CREATE FAILED"):
            return job
        time.sleep(0.1)
    raise AssertionError(job)


def clicks(world: World) -> str:
    """A group in which even users like even films, and each has seen a dozen of thirty; odd ones odd films."""
    group, draw = world.group(), random.Random(1)
    dataset = world.dataset(group)
    rows = []
    for user in range(60):
        liked = draw.sample([item for item in range(60) if item % 2 == user % 2], 12)
        rows += [[f"u{user}", f"i{item}", "click", 1_700_000_000 + 60 * at + user] for at, item in enumerate(liked)]
    write_csv(world.bucket() / "clicks.csv", [name for name, _ in INTERACTIONS], rows)
    assert world.load(dataset, "s3://films/clicks.csv")["status"] == "ACTIVE"
    return group


def films(world: World) -> str:
    """The same, and even films are dramas, the others comedies, and all are noir too."""
    group = clicks(world)
    dataset = world.dataset(group, "Items", ITEMS)
    rows = [[f"i{item}", f"{'comedy' if item % 2 else 'drama'} | noir", 1990 + item % 2] for item in range(60)]
    write_csv(world.bucket() / "films.csv", [name for name, _ in ITEMS], rows)
    assert world.load(dataset, "s3://films/films.csv", "films")["status"] == "ACTIVE"
    return group


def of_affinity(world: World, name: str = AFFINITY) -> str:
    """A version that says it is one of the recipe, without the training."""
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    with world.parts.context.metadata.transaction() as tx:
        recipe = f"arn:aws:personalize:::recipe/{name}"
        tx.replace(tx.get(SolutionVersion, version).but(world.parts.context.now(), recipe_arn=recipe))
    return version


def parities(users: list[str]) -> set[int]:
    return {int(user[1:]) % 2 for user in users}


def test_the_users_who_like_an_item_come_first(world: World, snapshot: Callable[[str, str], None]) -> None:
    group = clicks(world)
    users = world.dataset(group, "Users", USERS)
    world.events.put_users(datasetArn=users, users=[{"userId": "u3", "properties": '{"age": 30}'}, {"userId": "u5"}])
    version = world.trained(group, AFFINITY)
    metrics = world.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert set(metrics) == {"coverage", "hits_at_1_percent", "recall_at_1_percent"}
    lines(world, {"itemId": "i3"}, {"itemId": "unknown"}, {"itemId": "i4"}, {"user": 1})
    arn = world.personalize.create_batch_segment_job(**asked(version, numResults=10))["batchSegmentJobArn"]
    assert arn == "arn:aws:personalize:us-east-1:000000000000:batch-segment-job/segments"
    assert finished(world, arn)["status"] == "ACTIVE"
    odd, unknown, even, wrong = answers(world)
    assert (parities(odd["output"]["usersList"]), parities(even["output"]["usersList"])) == ({1}, {0})
    assert (len(odd["output"]["usersList"]), odd["input"], odd["error"]) == (10, {"itemId": "i3"}, None)
    assert unknown == {
        "input": {"itemId": "unknown"},
        "error": "Field itemId names nothing that the training knew: unknown",
    }
    assert wrong["error"] == "Required field itemId is missing"
    describe = told(world.personalize, "describe_batch_segment_job", batchSegmentJobArn=arn)
    snapshot("describe-batch-segment-job.json", describe)
    listed = told(world.personalize, "list_batch_segment_jobs", solutionVersionArn=version)
    snapshot("list-batch-segment-jobs.json", listed)
    assert refused(world.personalize.create_batch_segment_job, **asked(version))[0] == "ResourceAlreadyExistsException"
    kept = world.personalize.create_filter(
        name="aged", datasetGroupArn=group, filterExpression="INCLUDE UserID WHERE Users.AGE > $AGE"
    )["filterArn"]
    world.work()
    lines(world, {"itemId": "i3", "filterValues": {"AGE": "20"}}, {"itemId": "i3", "filterValues": {"AGE": "late"}})
    create = world.personalize.create_batch_segment_job
    arn = create(**asked(version, jobName="aged", filterArn=kept))["batchSegmentJobArn"]
    assert finished(world, arn)["status"] == "ACTIVE"
    aged, wrong = answers(world)
    assert aged["output"]["usersList"] == ["u3"]
    assert wrong["error"].startswith("filterValues: ")


def test_the_users_who_like_items_with_attributes_come_first_and_ten_queries_are_the_most(world: World) -> None:
    version = world.trained(films(world), ATTRIBUTES)
    lines(
        world,
        {"itemAttributes": 'ITEMS.GENRES = "drama"'},
        {"itemAttributes": 'items.genres = "comedy" and ITEMS.GENRES="noir" AND ITEMS.YEAR = 1991'},
        {"itemAttributes": 'ITEMS.GENRES = "drama" AND ITEMS.GENRES = "comedy"'},
        {"itemAttributes": 'ITEMS.GENRES IN ("drama")'},
        {"itemAttributes": 'ITEMS.TITLE = "x"'},
        {"itemAttributes": 'ITEMS.YEAR = "late"'},
    )
    arn = world.personalize.create_batch_segment_job(**asked(version, numResults=8))["batchSegmentJobArn"]
    assert finished(world, arn)["status"] == "ACTIVE"
    drama, comedy, *faults = answers(world)
    assert (parities(drama["output"]["usersList"]), parities(comedy["output"]["usersList"])) == ({0}, {1})
    assert [row["error"].split(";")[0] for row in faults] == [
        'Field itemAttributes names nothing that the training knew: ITEMS.GENRES = "drama" AND ITEMS.GENRES = "comedy"',
        'Field itemAttributes must be conditions like ITEMS.COLUMN = "value", joined by AND',
        "Field itemAttributes: ITEMS.TITLE is not a categorical or numeric column",
        "Field itemAttributes: ITEMS.YEAR = late: must be a whole number",
    ]
    lines(world, *({"itemAttributes": 'ITEMS.GENRES = "drama"'} for _ in range(11)))
    arn = world.personalize.create_batch_segment_job(**asked(version, jobName="many"))["batchSegmentJobArn"]
    job = finished(world, arn)
    assert (job["status"], job["failureReason"]) == (
        "CREATE FAILED",
        "items.json has 11 lines; at most 10 are allowed for this recipe.",
    )


def test_other_recipes_and_too_many_results_are_refused_and_campaigns_are_none(world: World) -> None:
    group = world.with_clicks()
    version = world.trained(group, "aws-popularity-count")
    create = world.personalize.create_batch_segment_job
    code, message = refused(create, **asked(version))
    assert (code, "the recipe aws-popularity-count makes no segments" in message) == ("InvalidInputException", True)
    code, message = refused(create, **asked(version, numResults=5_000_001))
    assert (code, "between 1 and 5000000" in message) == ("InvalidInputException", True)
    assert refused(create, **asked(f"{version}0"))[0] == "ResourceNotFoundException"


@pytest.mark.parametrize("call", ["create_campaign", "create_batch_inference_job"])
def test_a_version_for_segments_serves_nothing_else(world: World, call: str) -> None:
    version = of_affinity(world)
    members = {"name": "live", "solutionVersionArn": version} if call == "create_campaign" else asked(version)
    assert refused(getattr(world.personalize, call), **members)[0] == "InvalidInputException"


@pytest.mark.parametrize(("recipe", "allowed"), [(AFFINITY, True), (ATTRIBUTES, False)])
def test_segments_of_attributes_take_no_filter_of_events(world: World, recipe: str, allowed: bool) -> None:  # noqa: FBT001
    version = of_affinity(world, recipe)
    arn = world.personalize.create_filter(
        name="active",
        datasetGroupArn="arn:aws:personalize:us-east-1:000000000000:dataset-group/films",
        filterExpression='INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click")',
    )["filterArn"]
    world.work()
    create, members = world.personalize.create_batch_segment_job, asked(version, filterArn=arn)
    if allowed:
        assert create(**members)["batchSegmentJobArn"].endswith("/segments")
    else:
        rule = f"filterArn: {arn} reads Interactions; filters for {ATTRIBUTES} may read Users alone."
        assert refused(create, **members) == ("InvalidInputException", rule)


def test_five_jobs_may_be_open(world: World) -> None:
    version = of_affinity(world)
    create = world.personalize.create_batch_segment_job
    for number in range(5):
        create(**asked(version, jobName=f"segments-{number}"))
    assert refused(create, **asked(version)) == (
        "LimitExceededException",
        "More than 5 resources with PENDING or IN_PROGRESS status.",
    )
