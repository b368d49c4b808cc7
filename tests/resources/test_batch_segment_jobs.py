"""Batch segment jobs: checked and listed; no recipe for them can be trained yet, which the job says."""

from collections.abc import Callable
from typing import Any

from openpersonalize.resources.solutions import SolutionVersion
from tests.answers import told
from tests.world import ROLE, World, refused

AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"


def asked(version: str, **more: Any) -> dict[str, Any]:
    return {
        "jobName": "segments",
        "solutionVersionArn": version,
        "jobInput": {"s3DataSource": {"path": "s3://films/items.json"}},
        "jobOutput": {"s3DataDestination": {"path": "s3://films/segments/"}},
        "roleArn": ROLE,
        **more,
    }


def of_affinity(world: World, version: str) -> None:
    """Turn a version into one of a recipe for segments, as a later release may have trained it."""
    with world.parts.context.metadata.transaction() as tx:
        found = tx.get(SolutionVersion, version)
        tx.replace(found.but(world.parts.context.now(), recipe_arn=AFFINITY))


def test_a_job_says_that_its_recipe_makes_no_segments_yet(world: World, snapshot: Callable[[str, str], None]) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    of_affinity(world, version)
    arn = world.personalize.create_batch_segment_job(**asked(version, numResults=1000))["batchSegmentJobArn"]
    assert arn == "arn:aws:personalize:us-east-1:000000000000:batch-segment-job/segments"
    job = world.personalize.describe_batch_segment_job(batchSegmentJobArn=arn)["batchSegmentJob"]
    assert (job["status"], job["numResults"]) == ("CREATE PENDING", 1000)
    world.work()
    describe = told(world.personalize, "describe_batch_segment_job", batchSegmentJobArn=arn)
    snapshot("describe-batch-segment-job.json", describe)
    listed = told(world.personalize, "list_batch_segment_jobs", solutionVersionArn=version)
    snapshot("list-batch-segment-jobs.json", listed)
    assert refused(world.personalize.create_batch_segment_job, **asked(version))[0] == "ResourceAlreadyExistsException"


def test_other_recipes_and_too_many_results_are_refused(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    create = world.personalize.create_batch_segment_job
    code, message = refused(create, **asked(version))
    assert (code, "the recipe aws-popularity-count makes no segments" in message) == ("InvalidInputException", True)
    code, message = refused(create, **asked(version, numResults=5_000_001))
    assert (code, "between 1 and 5000000" in message) == ("InvalidInputException", True)
    assert refused(create, **asked(f"{version}0"))[0] == "ResourceNotFoundException"


def test_five_jobs_may_be_open(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    of_affinity(world, version)
    create = world.personalize.create_batch_segment_job
    for number in range(5):
        create(**asked(version, jobName=f"segments-{number}"))
    assert refused(create, **asked(version)) == (
        "LimitExceededException",
        "More than 5 resources with PENDING or IN_PROGRESS status.",
    )
