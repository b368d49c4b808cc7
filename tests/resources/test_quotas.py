"""Every quota is a setting: made small, it lets through what it says, and tells its number beyond that.

A case fills a quota to the brim, which must go well, and answers with how the next one is refused, or, where nothing is
refused, with how much was looked at.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from openpersonalize.resources.solutions import SolutionVersion, artefacts_of
from openpersonalize.settings import Settings
from tests.resources import test_action_recommendations as next_actions
from tests.resources import test_batch_inference_jobs as inference
from tests.resources import test_batch_segment_jobs as segments
from tests.resources import test_data_deletion_jobs as deletions
from tests.resources import test_metric_attributions as attributions
from tests.resources import test_recommenders as recommenders
from tests.world import INTERACTIONS, ITEMS, ROLE, SMALL, World, opened, refused, write_clicks, write_csv

Refusal = tuple[str, str]
"""Code and message of a call, or status and reason of a job."""

RECIPE = "arn:aws:personalize:::recipe/"
INVALID, LIMIT, FAILED = "InvalidInputException", "LimitExceededException", "CREATE FAILED"
MANY_OPEN = "More than 2 resources with PENDING or IN_PROGRESS status."


def violated(member: str, rule: str) -> str:
    return f"1 validation error detected: Value '3' at '{member}' failed to satisfy constraint: Member must {rule}"


def many(noun: str) -> str:
    return f"Cannot create {noun}. More than 2 resources in ACTIVE state. Please delete some and try again."


@dataclass(frozen=True)
class Case:
    """A quota of `limit`, how it is filled and exceeded, and what is then said."""

    limit: int
    fill: Callable[[World], Refusal]
    code: str
    text: str


def dataset_groups(world: World) -> Refusal:
    for name in ("one", "two"):
        world.group(name)
    return refused(world.personalize.create_dataset_group, name="three")


def schemas(world: World) -> Refusal:
    for name in ("one", "two"):
        world.schema(name, "Interactions", INTERACTIONS)
    return refused(world.schema, name="three", kind="Interactions", fields=INTERACTIONS)


def open_imports(world: World) -> Refusal:
    dataset = world.dataset(world.group())
    write_clicks(world.bucket() / "clicks.csv")
    create = world.personalize.create_dataset_import_job
    members = {"datasetArn": dataset, "dataSource": {"dataLocation": "s3://films/clicks.csv"}, "roleArn": ROLE}
    for name in ("one", "two"):
        create(jobName=name, **members)
    return refused(create, jobName="three", **members)


def open_versions(world: World) -> Refusal:
    group, create = world.with_clicks(), world.personalize.create_solution
    members = {"datasetGroupArn": group, "recipeArn": f"{RECIPE}aws-popularity-count", "performAutoTraining": False}
    made = [create(name=name, **members)["solutionArn"] for name in ("one", "two", "three")]
    world.work()
    for arn in made[:2]:
        world.personalize.create_solution_version(solutionArn=arn)
    return refused(world.personalize.create_solution_version, solutionArn=made[2])


def solutions(world: World) -> Refusal:
    group = world.group()
    world.dataset(group)
    create = world.personalize.create_solution
    members = {"datasetGroupArn": group, "recipeArn": f"{RECIPE}aws-popularity-count", "performAutoTraining": False}
    for name in ("one", "two"):
        create(name=name, **members)
    return refused(create, name="three", **members)


def popular(world: World) -> str:
    return world.trained(world.with_clicks(), "aws-popularity-count")


def campaigns(world: World) -> Refusal:
    version = popular(world)
    for name in ("one", "two"):
        world.campaign(version, name)
    return refused(world.personalize.create_campaign, name="three", solutionVersionArn=version)


def filled(world: World) -> str:
    group = world.group()
    world.dataset(group)
    world.dataset(group, "Items", ITEMS)
    return group


CONDITIONS = {"GENRES": 'Items.GENRES IN ("a")', "YEAR": "Items.YEAR > 1990", "ITEM_ID": 'Items.ITEM_ID IN ("i1")'}


def filter_of(world: World, group: str, *columns: str) -> dict[str, Any]:
    conditions = " AND ".join(CONDITIONS[column] for column in columns)
    name = f"filter-{len(world.personalize.list_filters()['Filters'])}"
    return {"name": name, "datasetGroupArn": group, "filterExpression": f"INCLUDE ItemID WHERE {conditions}"}


def filters(world: World) -> Refusal:
    group = filled(world)
    for _ in range(2):
        world.personalize.create_filter(**filter_of(world, group, "GENRES"))
    return refused(world.personalize.create_filter, **filter_of(world, group, "GENRES"))


def filter_fields(world: World) -> Refusal:
    group = filled(world)
    world.personalize.create_filter(**filter_of(world, group, "GENRES", "YEAR", "YEAR"))
    return refused(world.personalize.create_filter, **filter_of(world, group, "GENRES", "YEAR", "ITEM_ID"))


def group_filter_fields(world: World) -> Refusal:
    group = filled(world)
    for column in ("GENRES", "YEAR", "GENRES"):
        world.personalize.create_filter(**filter_of(world, group, column))
    return refused(world.personalize.create_filter, **filter_of(world, group, "ITEM_ID"))


def open_inferences(world: World) -> Refusal:
    version = popular(world)
    inference.asked(world, {"userId": "u1"})
    for name in ("one", "two"):
        inference.create(world, version, name)
    return refused(inference.create, world=world, version=version, name="three")


def open_segments(world: World) -> Refusal:
    version, create = segments.of_affinity(world), world.personalize.create_batch_segment_job
    for name in ("one", "two"):
        create(**segments.asked(version, jobName=name))
    return refused(create, **segments.asked(version, jobName="three"))


def many_recommenders(world: World) -> Refusal:
    group = recommenders.shop(world)
    create = world.personalize.create_recommender
    for name in ("one", "two"):
        create(name=name, datasetGroupArn=group, recipeArn=recommenders.POPULAR)
    return refused(create, name="three", datasetGroupArn=group, recipeArn=recommenders.POPULAR)


def pending_deletions(world: World) -> Refusal:
    group = world.group()
    write_csv(world.bucket() / "users.csv", ["USER_ID"], [["u1"]])
    for name in ("one", "two"):
        deletions.delete(world, group, name)
    return refused(deletions.delete, world=world, group=group, name="three")


def results(world: World) -> Refusal:
    members = {"campaignArn": world.campaign(popular(world)), "userId": "u1"}
    answer = world.runtime.get_recommendations(**members, numResults=2)
    assert len(answer["itemList"]) == 2
    return refused(world.runtime.get_recommendations, **members, numResults=3)


def with_metadata(world: World) -> tuple[str, str]:
    """A campaign that gives metadata, and its group."""
    group = world.with_clicks()
    world.dataset(group, "Items", ITEMS)
    config = {"enableMetadataWithRecommendations": True}
    return world.campaign(world.trained(group, "aws-popularity-count"), campaignConfig=config), group


def results_with_metadata(world: World) -> Refusal:
    campaign, _ = with_metadata(world)
    members = {"campaignArn": campaign, "userId": "u1", "metadataColumns": {"ITEMS": ["YEAR"]}}
    assert len(world.runtime.get_recommendations(**members, numResults=2)["itemList"]) == 2
    assert len(world.runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=3)["itemList"]) == 3
    return refused(world.runtime.get_recommendations, **members, numResults=3)


def metadata_columns(world: World) -> Refusal:
    campaign, _ = with_metadata(world)
    members = {"campaignArn": campaign, "userId": "u1", "numResults": 2}
    world.runtime.get_recommendations(**members, metadataColumns={"ITEMS": ["YEAR"]})
    return refused(world.runtime.get_recommendations, **members, metadataColumns={"ITEMS": ["YEAR", "GENRES"]})


def action_results(world: World) -> Refusal:
    ask = world.runtime.get_action_recommendations
    members = {"campaignArn": "arn:aws:personalize:us-east-1:000000000000:campaign/none", "userId": "u1"}
    assert refused(ask, **members, numResults=2)[0] == "ResourceNotFoundException"
    return refused(ask, **members, numResults=3)


def of_recipe(world: World, version: str, recipe: str) -> str:
    """The version, which from now on says that it is one of that recipe."""
    with world.parts.context.metadata.transaction() as tx:
        found = tx.get(SolutionVersion, version)
        tx.replace(found.but(world.parts.context.now(), recipe_arn=f"{RECIPE}{recipe}"))
    return version


def ranking_items(world: World) -> Refusal:
    version = of_recipe(world, popular(world), "aws-personalized-ranking-v2")
    members, rank = {"campaignArn": world.campaign(version), "userId": "u1"}, world.runtime.get_personalized_ranking
    assert len(rank(**members, inputList=["i1", "i2"])["personalizedRanking"]) == 2
    return refused(rank, **members, inputList=["i1", "i2", "i3"])


def metrics(world: World) -> Refusal:
    world.bucket()
    group = world.group()
    world.dataset(group, "Interactions", attributions.VALUED)
    world.dataset(group, "Items", attributions.PRICED)
    arn = attributions.attribution(world, group, [attributions.CLICKS, attributions.SALES])
    update = world.personalize.update_metric_attribution
    return refused(update, metricAttributionArn=arn, addMetrics=[attributions.MARGIN])


def attribution_sources(world: World) -> Refusal:
    """Nothing is refused: the third source has no name in the points."""
    world.bucket()
    group = world.group()
    world.dataset(group, "Interactions", attributions.VALUED)
    arn = attributions.attribution(world, group, [attributions.CLICKS])
    tracking_id = attributions.tracker(world, group)
    for source in ("first", "second", "third"):
        given = {"eventAttributionSource": source}
        attributions.put(world, tracking_id, "click", ago=60, metricAttribution=given)
        attributions.count(world, arn)
    return "counted", " ".join(name for _, name in sorted(attributions.values(world)))


def event_bytes(world: World) -> Refusal:
    group = world.group()
    world.dataset(group)
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "click", "itemId": "i1", "sentAt": datetime(2026, 1, 1, tzinfo=UTC)}
    members = {"trackingId": tracking_id, "sessionId": "s", "userId": "u"}
    world.events.put_events(**members, eventList=[event | {"properties": json.dumps({"note": "x" * 20})}])
    large = event | {"properties": json.dumps({"note": "x" * 200})}
    return refused(world.events.put_events, **members, eventList=[large])


def import_bytes(world: World) -> Refusal:
    dataset, path = world.dataset(world.group()), world.bucket() / "clicks.csv"
    write_clicks(path, 10, 30)
    assert world.load(dataset, "s3://films/clicks.csv", "small")["status"] == "ACTIVE"
    text = path.read_text()
    path.write_text(text + "u1,i1,click,1700000000\n" * (6000 // 23))
    job = world.load(dataset, "s3://films/clicks.csv", "large")
    return job["status"], job["failureReason"].replace(str(path.stat().st_size), "<size>")


def incremental_import_bytes(world: World) -> Refusal:
    dataset, path = world.dataset(world.group()), world.bucket() / "clicks.csv"
    write_clicks(path)
    assert world.load(dataset, "s3://films/clicks.csv", "full")["status"] == "ACTIVE"
    write_clicks(path, 10, 30)
    assert world.load(dataset, "s3://films/clicks.csv", "small", importMode="INCREMENTAL")["status"] == "ACTIVE"
    write_clicks(path)
    job = world.load(dataset, "s3://films/clicks.csv", "large", importMode="INCREMENTAL")
    return job["status"], job["failureReason"].replace(str(path.stat().st_size), "<size>")


def deletion_bytes(world: World) -> Refusal:
    group = world.group()
    jobs = []
    for name, users in (("small", ["u1"]), ("large", ["u1", "u2"])):
        (world.bucket() / "users.csv").write_text("\n".join(["USER_ID", *users]))
        arn = deletions.delete(world, group, name)
        world.work()
        jobs.append(deletions.described(world, arn))
    assert jobs[0]["status"] == "COMPLETED"
    return jobs[1]["status"], jobs[1]["failureReason"]


def inferred(world: World, version: str, name: str, location: str = "in.json") -> dict[str, Any]:
    source = {"s3DataSource": {"path": f"s3://films/{location}"}}
    return inference.finished(world, inference.create(world, version, name, jobInput=source))


def batch_files(world: World) -> Refusal:
    version, folder = popular(world), world.bucket() / "in"
    folder.mkdir()
    for name in ("a.json", "b.json"):
        (folder / name).write_text('{"userId": "u1"}\n')
    assert inferred(world, version, "two", "in/")["status"] == "ACTIVE"
    (folder / "c.json").write_text('{"userId": "u1"}\n')
    job = inferred(world, version, "three", "in/")
    return job["status"], job["failureReason"]


def batch_bytes(world: World) -> Refusal:
    version = popular(world)
    inference.asked(world, {"userId": "u1"})
    assert inferred(world, version, "small")["status"] == "ACTIVE"
    inference.asked(world, {"userId": "u10"})
    job = inferred(world, version, "large")
    return job["status"], job["failureReason"]


def batch_records(world: World) -> Refusal:
    version = popular(world)
    inference.asked(world, {"userId": "u1"}, "", {"userId": "u2"})
    assert inferred(world, version, "two")["status"] == "ACTIVE"
    inference.asked(world, {"userId": "u1"}, {"userId": "u2"}, {"userId": "u3"})
    job = inferred(world, version, "three")
    return job["status"], job["failureReason"]


def batch_results(world: World) -> Refusal:
    version = popular(world)
    inference.asked(world, {"userId": "u1"})
    inference.create(world, version, "two", numResults=2)
    return refused(inference.create, world=world, version=version, name="three", numResults=3)


def segment_users(world: World) -> Refusal:
    version, create = segments.of_affinity(world), world.personalize.create_batch_segment_job
    segments.lines(world, {"itemId": "i1"})
    create(**segments.asked(version, jobName="two", numResults=2))
    return refused(create, **segments.asked(version, jobName="three", numResults=3))


def segmented(world: World, version: str, name: str) -> dict[str, Any]:
    create = world.personalize.create_batch_segment_job
    return segments.finished(world, create(**segments.asked(version, jobName=name))["batchSegmentJobArn"])


def segment_items(world: World) -> Refusal:
    version = world.trained(segments.clicks(world), segments.AFFINITY)
    segments.lines(world, {"itemId": "i1"}, {"itemId": "i2"})
    assert segmented(world, version, "two")["status"] == "ACTIVE"
    segments.lines(world, {"itemId": "i1"}, {"itemId": "i2"}, {"itemId": "i3"})
    job = segmented(world, version, "three")
    return job["status"], job["failureReason"]


def segment_attributes(world: World) -> Refusal:
    version = world.trained(segments.films(world), segments.ATTRIBUTES)
    segments.lines(world, {"itemAttributes": 'ITEMS.GENRES = "drama"'})
    assert segmented(world, version, "one")["status"] == "ACTIVE"
    segments.lines(world, *[{"itemAttributes": 'ITEMS.GENRES = "drama"'}] * 2)
    job = segmented(world, version, "two")
    return job["status"], job["failureReason"]


def columns_of(kind: str, *required: tuple[str, Any]) -> Callable[[World], Refusal]:
    """A schema with two columns of the caller's own is made, one with three is not."""

    def fill(world: World) -> Refusal:
        own = [(f"C{number}", ["null", "int"]) for number in range(3)]
        world.schema("two", kind, [*required, *own[:2]])
        return refused(world.schema, name="three", kind=kind, fields=[*required, *own])

    return fill


def hpo(member: str) -> Callable[[World], Refusal]:
    def fill(world: World) -> Refusal:
        group = world.group()
        world.dataset(group)
        members = {"datasetGroupArn": group, "recipeArn": f"{RECIPE}aws-sims", "performHPO": True}
        for number in ("1", "2"):
            config = {"hpoConfig": {"hpoResourceConfig": {member: number}}}
            world.personalize.create_solution(name=f"s{number}", solutionConfig=config, **members)
        config = {"hpoConfig": {"hpoResourceConfig": {member: "3"}}}
        return refused(world.personalize.create_solution, name="s3", solutionConfig=config, **members)

    return fill


def event_types(world: World) -> Refusal:
    """Clicks and the column EVENT_TYPE are two; the type that is streamed in later is one too many."""
    group = world.with_clicks()
    world.trained(group, "aws-popularity-count", "two")
    tracking_id = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "view", "itemId": "i1", "sentAt": datetime(2026, 1, 1, tzinfo=UTC)}
    world.events.put_events(trackingId=tracking_id, sessionId="s", userId="u1", eventList=[event])
    solution = "arn:aws:personalize:us-east-1:000000000000:solution/two"
    arn = world.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    world.work()
    version = world.personalize.describe_solution_version(solutionVersionArn=arn)["solutionVersion"]
    return version["status"], version["failureReason"]


def counted(world: World, version: str) -> tuple[str, str]:
    """How much a training has considered."""
    counts = world.parts.context.models.get(version, artefacts_of(version)).manifest["counts"]
    return "considered", f"{counts['items']} items, {counts['interactions']} interactions"


def considered(recipe: str) -> Callable[[World], Refusal]:
    return lambda world: counted(world, world.trained(world.with_clicks(), recipe))


def considered_actions(world: World) -> Refusal:
    return counted(world, world.trained(next_actions.shop(world), "aws-next-best-action"))


USER, ITEM, ACTION = ("USER_ID", "string"), ("ITEM_ID", "string"), ("ACTION_ID", "string")
KIND, TIME = ("EVENT_TYPE", "string"), ("TIMESTAMP", "long")


def too_many_columns(kind: str) -> str:
    return f"Input schema is not valid: {kind} may have at most 2 metadata fields; found 3."


def too_many_jobs(member: str) -> str:
    return f"solutionConfig.hpoConfig.hpoResourceConfig.{member}: '3' must be a whole number from 1 to 2."


GROUP = "arn:aws:personalize:us-east-1:000000000000:dataset-group/films"
IMPORT = "Failed to create a data import job for INTERACTIONS dataset in dataset group films:"
CASES = {
    "quota_dataset_groups": Case(2, dataset_groups, LIMIT, many("a dataset group")),
    "quota_schemas": Case(2, schemas, LIMIT, many("a schema")),
    "quota_open_import_jobs": Case(2, open_imports, LIMIT, MANY_OPEN),
    "quota_open_solution_versions": Case(2, open_versions, LIMIT, MANY_OPEN),
    "quota_solutions": Case(2, solutions, LIMIT, many("a solution")),
    "quota_campaigns": Case(2, campaigns, LIMIT, many("a campaign")),
    "quota_filters": Case(2, filters, LIMIT, many("a filter")),
    "quota_filter_fields": Case(
        2,
        filter_fields,
        LIMIT,
        "Could not create filter. The expression names 3 distinct dataset fields; at most 2 may be.",
    ),
    "quota_group_filter_fields": Case(
        2,
        group_filter_fields,
        LIMIT,
        f"Could not create filter. With it the filters of {GROUP} would name 3 distinct dataset fields; at most 2 "
        "may be.",
    ),
    "quota_open_batch_inference_jobs": Case(2, open_inferences, LIMIT, MANY_OPEN),
    "quota_open_batch_segment_jobs": Case(2, open_segments, LIMIT, MANY_OPEN),
    "quota_recommenders": Case(2, many_recommenders, LIMIT, many("a recommender")),
    "quota_pending_data_deletion_jobs": Case(
        2, pending_deletions, LIMIT, f"More than 2 resources with PENDING status in {GROUP}."
    ),
    "quota_results": Case(2, results, INVALID, violated("numResults", "be at most 2")),
    "quota_action_results": Case(2, action_results, INVALID, violated("numResults", "be at most 2")),
    "quota_ranking_items": Case(2, ranking_items, INVALID, violated("inputList", "be at most 2")),
    "quota_results_with_metadata": Case(
        2, results_with_metadata, INVALID, violated("numResults", "be at most 2 where metadataColumns are asked for")
    ),
    "quota_metadata_columns": Case(
        1, metadata_columns, INVALID, "metadataColumns.ITEMS: 2 columns; at most 1 may be asked for."
    ),
    "quota_interaction_columns": Case(
        2, columns_of("Interactions", USER, ITEM, KIND, TIME), INVALID, too_many_columns("Interactions")
    ),
    "quota_item_columns": Case(2, columns_of("Items", ITEM), INVALID, too_many_columns("Items")),
    "quota_user_columns": Case(2, columns_of("Users", USER), INVALID, too_many_columns("Users")),
    "quota_action_columns": Case(2, columns_of("Actions", ACTION), INVALID, too_many_columns("Actions")),
    "quota_action_interaction_columns": Case(
        2, columns_of("ActionInteractions", USER, ACTION, KIND, TIME), INVALID, too_many_columns("ActionInteractions")
    ),
    "quota_event_types": Case(
        2,
        event_types,
        FAILED,
        "Create failed. Dataset has 2 event types and 1 of the columns that count with them (EVENT_TYPE); together "
        "they may be at most 2.",
    ),
    "quota_items_considered": Case(20, considered("aws-popularity-count"), "considered", "20 items, 400 interactions"),
    "quota_items_considered_v2": Case(
        20, considered("aws-user-personalization-v2"), "considered", "20 items, 400 interactions"
    ),
    "quota_interactions_considered": Case(
        590, considered("aws-popularity-count"), "considered", "30 items, 590 interactions"
    ),
    "quota_interactions_considered_v2": Case(
        590, considered("aws-user-personalization-v2"), "considered", "30 items, 590 interactions"
    ),
    "quota_actions_considered": Case(4, considered_actions, "considered", "4 items, 740 interactions"),
    "quota_action_interactions_considered": Case(1000, considered_actions, "considered", "9 items, 1000 interactions"),
    "quota_hpo_jobs": Case(2, hpo("maxNumberOfTrainingJobs"), INVALID, too_many_jobs("maxNumberOfTrainingJobs")),
    "quota_parallel_hpo_jobs": Case(
        2, hpo("maxParallelTrainingJobs"), INVALID, too_many_jobs("maxParallelTrainingJobs")
    ),
    "quota_metrics": Case(2, metrics, INVALID, "addMetrics: 3 metrics; a metric attribution has at most 2."),
    "quota_attribution_sources": Case(2, attribution_sources, "counted", "FIRST SECOND SOURCE_NAME_UNDEFINED"),
    "quota_event_bytes": Case(
        150, event_bytes, INVALID, "eventList.1.member: the event has 287 bytes, at most 150 are kept"
    ),
    "quota_import_bytes": Case(
        6000,
        import_bytes,
        FAILED,
        f"{IMPORT} The files at s3://films/clicks.csv have <size> bytes; at most 6000 are allowed.",
    ),
    "quota_incremental_import_bytes": Case(
        6000,
        incremental_import_bytes,
        FAILED,
        f"{IMPORT} The files at s3://films/clicks.csv have <size> bytes; at most 6000 are allowed.",
    ),
    "quota_deletion_bytes": Case(
        11, deletion_bytes, "FAILED", "The files at s3://films/users.csv have 13 bytes; at most 11 are allowed."
    ),
    "quota_batch_files": Case(2, batch_files, FAILED, "There are 3 files at s3://films/in/; a job reads at most 2."),
    "quota_batch_bytes": Case(
        17, batch_bytes, FAILED, "The files at s3://films/in.json have 18 bytes; at most 17 are allowed."
    ),
    "quota_batch_records": Case(
        2, batch_records, FAILED, "in.json has 3 lines; at most 2 are allowed for this recipe."
    ),
    "quota_batch_results": Case(2, batch_results, INVALID, violated("numResults", "be between 1 and 2")),
    "quota_segment_users": Case(2, segment_users, INVALID, violated("numResults", "be between 1 and 2")),
    "quota_segment_item_queries": Case(
        2, segment_items, FAILED, "items.json has 3 lines; at most 2 are allowed for this recipe."
    ),
    "quota_segment_attribute_queries": Case(
        1, segment_attributes, FAILED, "items.json has 2 lines; at most 1 are allowed for this recipe."
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_quota_lets_through_what_it_says_and_tells_its_number_beyond(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    for world in opened(tmp_path / "data", {**SMALL, name: case.limit}):
        assert case.fill(world) == (case.code, case.text)


def test_every_quota_has_a_case() -> None:
    assert set(CASES) == {row.name for row in fields(Settings) if row.name.startswith("quota_")}


def test_a_schema_outlives_a_quota_that_is_made_smaller(tmp_path: Path) -> None:
    columns = [("USER_ID", "string"), *((f"C{number}", ["null", "int"]) for number in range(3))]
    for world in opened(tmp_path / "data", SMALL):
        schema, group = world.schema("users", "Users", columns), world.group()
    for world in opened(tmp_path / "data", {**SMALL, "quota_user_columns": 1}):
        create = world.personalize.create_dataset
        arn = create(name="users", schemaArn=schema, datasetGroupArn=group, datasetType="Users")["datasetArn"]
        world.work()
        assert world.personalize.describe_dataset(datasetArn=arn)["dataset"]["status"] == "ACTIVE"
        assert refused(world.schema, name="more", kind="Users", fields=columns)[0] == INVALID
