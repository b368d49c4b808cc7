"""Every error that the service model names for an operation is met, or it stands here why it cannot be.

One data folder holds a service that has one of everything. It is opened twice: with room for more, and with quotas that
are used up. No case changes anything, so all of them share it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from openpersonalize.resources import lifecycle
from openpersonalize.resources.attribution_records import MetricAttribution
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.datasets import Dataset
from openpersonalize.resources.event_trackers import EventTracker
from openpersonalize.resources.filters import Filter
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.resource import Resource
from openpersonalize.resources.solutions import Solution, SolutionVersion
from openpersonalize.wire import models
from tests.clients import client
from tests.coverage import BEGIN, PAGE
from tests.world import INTERACTIONS, ITEMS, ROLE, SMALL, World, opened

HERE = "arn:aws:personalize:us-east-1:000000000000:"
RECIPES = "arn:aws:personalize:::recipe/"
GROUP, SHOP = f"{HERE}dataset-group/films", f"{HERE}dataset-group/shop"
DATASET, SCHEMA = f"{HERE}dataset/films/INTERACTIONS", f"{HERE}schema/films-interactions"
CAMPAIGN, SOLUTION, FILTER = f"{HERE}campaign/live", f"{HERE}solution/model", f"{HERE}filter/low"
RECOMMENDER, ATTRIBUTION = f"{HERE}recommender/home", f"{HERE}metric-attribution/worth"
CLICKS = {"eventType": "click", "metricName": "clicks", "expression": "SAMPLECOUNT()"}
SOURCE, OUTPUT = {"dataLocation": "s3://films/users.csv"}, {"s3DataDestination": {"path": "s3://films/out/"}}
BATCH_INPUT = {"s3DataSource": {"path": "s3://films/users.json"}}
TAGS = [{"tagKey": f"key-{number}", "tagValue": ""} for number in range(51)]
EVENTS_SCHEMA = json.dumps(
    {"type": "record", "name": "Interactions", "fields": [{"name": name, "type": kind} for name, kind in INTERACTIONS]}
)
EVENT = {"eventType": "click", "itemId": "i1", "sentAt": 1}
ACTION_EVENT = {"actionId": "a", "sessionId": "s", "timestamp": 1, "eventType": "Taken"}
ROOM = {
    "quota_schemas": 500,
    "quota_dataset_groups": 500,
    "quota_solutions": 500,
    "quota_campaigns": 500,
    "quota_recommenders": 500,
}
QUOTAS = """
    schemas dataset_groups solutions campaigns filters recommenders open_import_jobs open_solution_versions
    open_batch_inference_jobs open_batch_segment_jobs pending_data_deletion_jobs
"""
USED_UP = {f"quota_{name}": 1 for name in QUOTAS.split()}
OPERATIONS = {name: one for name, one in models.load().operations.items() if one.service.startswith("personalize")}
CREATES: dict[str, dict[str, Any]] = {
    "CreateBatchInferenceJob": {
        "jobName": "new",
        "solutionVersionArn": f"{SOLUTION}/11111111",
        "jobInput": BATCH_INPUT,
        "jobOutput": OUTPUT,
        "roleArn": ROLE,
    },
    "CreateBatchSegmentJob": {
        "jobName": "new",
        "solutionVersionArn": f"{HERE}solution/affine/11111111",
        "jobInput": BATCH_INPUT,
        "jobOutput": OUTPUT,
        "roleArn": ROLE,
    },
    "CreateCampaign": {"name": "new", "solutionVersionArn": f"{SOLUTION}/11111111"},
    "CreateDataDeletionJob": {"jobName": "new", "datasetGroupArn": GROUP, "dataSource": SOURCE, "roleArn": ROLE},
    "CreateDataset": {
        "name": "new",
        "schemaArn": f"{HERE}schema/people",
        "datasetGroupArn": GROUP,
        "datasetType": "Users",
    },
    "CreateDatasetExportJob": {"jobName": "new", "datasetArn": DATASET, "roleArn": ROLE, "jobOutput": OUTPUT},
    "CreateDatasetGroup": {"name": "new"},
    "CreateDatasetImportJob": {"jobName": "new", "datasetArn": DATASET, "dataSource": SOURCE, "roleArn": ROLE},
    "CreateEventTracker": {"name": "new", "datasetGroupArn": SHOP},
    "CreateFilter": {
        "name": "new",
        "datasetGroupArn": GROUP,
        "filterExpression": 'INCLUDE ItemID WHERE Items.GENRES IN ("low")',
    },
    "CreateMetricAttribution": {
        "name": "new",
        "datasetGroupArn": SHOP,
        "metrics": [CLICKS],
        "metricsOutputConfig": {"roleArn": ROLE},
    },
    "CreateRecommender": {
        "name": "new",
        "datasetGroupArn": SHOP,
        "recipeArn": f"{RECIPES}aws-ecomm-popular-items-by-views",
    },
    "CreateSchema": {"name": "new", "schema": EVENTS_SCHEMA},
    "CreateSolution": {"name": "new", "datasetGroupArn": GROUP, "recipeArn": f"{RECIPES}aws-sims"},
    "CreateSolutionVersion": {"name": "new", "solutionArn": SOLUTION},
}
"""Calls that would make something."""

NAMED = {
    "Algorithm": f"{HERE.replace('us-east-1:000000000000', ':')}algorithm/aws-sims",
    "BatchInferenceJob": f"{HERE}batch-inference-job/first",
    "BatchSegmentJob": f"{HERE}batch-segment-job/first",
    "Campaign": CAMPAIGN,
    "DataDeletionJob": f"{HERE}data-deletion-job/first",
    "Dataset": DATASET,
    "DatasetExportJob": f"{HERE}dataset-export-job/first",
    "DatasetGroup": GROUP,
    "DatasetImportJob": f"{HERE}dataset-import-job/first",
    "EventTracker": f"{HERE}event-tracker/11111111",
    "FeatureTransformation": f"{HERE.replace('us-east-1:000000000000', ':')}feature-transformation/aws-sims",
    "Filter": FILTER,
    "MetricAttribution": ATTRIBUTION,
    "Recipe": f"{RECIPES}aws-sims",
    "Recommender": RECOMMENDER,
    "Schema": SCHEMA,
    "Solution": SOLUTION,
    "SolutionVersion": f"{SOLUTION}/11111111",
}
"""The ARN of one of each."""

OTHERS: dict[str, dict[str, Any]] = {
    "GetActionRecommendations": {"campaignArn": CAMPAIGN, "userId": "u"},
    "GetPersonalizedRanking": {"campaignArn": CAMPAIGN, "userId": "u", "inputList": ["i1"]},
    "GetRecommendations": {"campaignArn": CAMPAIGN, "itemId": "i1"},
    "GetSolutionMetrics": {"solutionVersionArn": NAMED["SolutionVersion"]},
    "ListMetricAttributionMetrics": {"metricAttributionArn": ATTRIBUTION},
    "ListTagsForResource": {"resourceArn": GROUP},
    "PutActionInteractions": {"trackingId": "none", "actionInteractions": [ACTION_EVENT]},
    "PutActions": {"datasetArn": f"{HERE}dataset/films/ACTIONS", "actions": [{"actionId": "a"}]},
    "PutEvents": {"trackingId": "none", "sessionId": "s", "eventList": [EVENT]},
    "PutItems": {"datasetArn": f"{HERE}dataset/films/ITEMS", "items": [{"itemId": "i"}]},
    "PutUsers": {"datasetArn": f"{HERE}dataset/shop/USERS", "users": [{"userId": "u"}]},
    "StartRecommender": {"recommenderArn": RECOMMENDER},
    "StopRecommender": {"recommenderArn": RECOMMENDER},
    "StopSolutionVersionCreation": {"solutionVersionArn": NAMED["SolutionVersion"]},
    "TagResource": {"resourceArn": GROUP, "tags": TAGS[:1]},
    "UntagResource": {"resourceArn": GROUP, "tagKeys": ["a"]},
    "UpdateCampaign": {"campaignArn": CAMPAIGN, "minProvisionedTPS": 2},
    "UpdateDataset": {"datasetArn": f"{HERE}dataset/films/ITEMS", "schemaArn": f"{HERE}schema/films-items"},
    "UpdateMetricAttribution": {"metricAttributionArn": ATTRIBUTION, "removeMetrics": ["clicks"]},
    "UpdateRecommender": {
        "recommenderArn": RECOMMENDER,
        "recommenderConfig": {"minRecommendationRequestsPerSecond": 2},
    },
    "UpdateSolution": {"solutionArn": SOLUTION, "performAutoTraining": False},
}


def sound(operation: str) -> dict[str, Any]:
    """The members of a call that breaks no rule of its shape."""
    if operation in CREATES:
        return CREATES[operation]
    if operation in OTHERS:
        return OTHERS[operation]
    noun = operation.removeprefix("Describe").removeprefix("Delete")
    if noun != operation:
        return {f"{noun[0].lower()}{noun[1:]}Arn": NAMED[noun]}
    assert operation.startswith("List"), operation
    return {}


def arn_member(operation: str) -> str | None:
    """The member that names what a call is about."""
    members = OPERATIONS[operation].input_shape.members
    named = [member for member in sound(operation) if member.endswith("Arn") and member not in ("roleArn", "recipeArn")]
    return next(iter([*named, *(member for member in members if member.endswith("Arn"))]), None)


@dataclass(frozen=True)
class Case:
    """A call, and the error that it must be refused with; `brim`: where quotas are used up."""

    operation: str
    error: str
    members: dict[str, Any]
    brim: bool = False

    @property
    def id(self) -> str:
        """Its name in the list of tests."""
        return f"{self.operation}-{self.error.removesuffix('Exception')}"


def invalid(operation: str) -> Case:
    """A member that breaks a rule of its shape, or the text of a schema that is none."""
    member, wrong = arn_member(operation), "x"
    changes: dict[str, Any] = {member: wrong} if member else {"maxResults": 101}
    special = {
        "CreateDatasetGroup": {"name": "-"},
        "CreateSchema": {"schema": "{"},
        "ListRecipes": {"domain": "GARDENING"},
        "PutActionInteractions": {"trackingId": ""},
        "PutEvents": {"trackingId": ""},
    }
    return Case(operation, "InvalidInputException", {**sound(operation), **special.get(operation, changes)})


def missing(operation: str) -> Case:
    """What the call is about is not there."""
    member = arn_member(operation)
    members = sound(operation)
    if member is None:
        return Case(operation, "ResourceNotFoundException", members)
    tail = "/22222222" if member == "solutionVersionArn" else "-none"
    arn = members.get(member, SOLUTION)
    absent = f"{SOLUTION}{tail}" if member == "solutionVersionArn" else f"{arn}{tail}"
    absent = f"{HERE}dataset/none/ITEMS" if member == "datasetArn" else absent
    return Case(operation, "ResourceNotFoundException", {**members, member: absent})


def generic() -> Iterator[Case]:
    """Cases that are made the same way for every operation."""
    for name, operation in OPERATIONS.items():
        if "InvalidInputException" in operation.errors:
            yield invalid(name)
        if "ResourceNotFoundException" in operation.errors:
            yield missing(name)
        if "InvalidNextTokenException" in operation.errors:
            yield Case(name, "InvalidNextTokenException", {**sound(name), "nextToken": "never-given"})
        if name in CREATES and "TooManyTagsException" in operation.errors:
            yield Case(name, "TooManyTagsException", {**CREATES[name], "tags": TAGS})


NAMES_TAKEN = {
    "CreateBatchInferenceJob": {"jobName": "first"},
    "CreateBatchSegmentJob": {"jobName": "first"},
    "CreateCampaign": {"name": "live"},
    "CreateDataDeletionJob": {"jobName": "first"},
    "CreateDataset": {"datasetType": "Interactions", "schemaArn": SCHEMA},
    "CreateDatasetExportJob": {"jobName": "first"},
    "CreateDatasetGroup": {"name": "films"},
    "CreateDatasetImportJob": {"jobName": "first"},
    "CreateEventTracker": {"name": "live", "datasetGroupArn": GROUP},
    "CreateFilter": {"name": "low"},
    "CreateMetricAttribution": {"name": "worth"},
    "CreateRecommender": {"name": "home"},
    "CreateSchema": {"name": "films-interactions"},
    "CreateSolution": {"name": "model"},
    "CreateSolutionVersion": {"name": "first"},
}
SECOND_OF_A_GROUP = {
    "CreateEventTracker": {"datasetGroupArn": GROUP},
    "CreateMetricAttribution": {"datasetGroupArn": GROUP},
}
NO_QUOTA = {
    "CreateDataset": "a group has one dataset of a type, and the second is told as ResourceAlreadyExists",
    "CreateDatasetExportJob": "no quota of export jobs is documented",
    "TagResource": "the limit of tags is told as TooManyTags",
    "UpdateSolution": "an update makes nothing that a quota counts",
}
GOING = f"{HERE}dataset-group/going"
NO_LONGER_TRACKED = "33333333-3333-3333-3333-333333333333"
IN_USE: dict[str, dict[str, Any]] = {
    "CreateBatchInferenceJob": {"solutionVersionArn": f"{HERE}solution/going/11111111"},
    "CreateBatchSegmentJob": {"solutionVersionArn": f"{HERE}solution/going-too/11111111"},
    "CreateCampaign": {"solutionVersionArn": f"{HERE}solution/going/11111111"},
    "CreateDataDeletionJob": {"datasetGroupArn": GOING},
    "CreateDataset": {"datasetGroupArn": GOING},
    "CreateDatasetExportJob": {"datasetArn": f"{HERE}dataset/going/USERS"},
    "CreateDatasetImportJob": {"datasetArn": f"{HERE}dataset/going/USERS"},
    "CreateEventTracker": {"datasetGroupArn": GOING},
    "CreateMetricAttribution": {"datasetGroupArn": GOING},
    "CreateRecommender": {"datasetGroupArn": f"{HERE}dataset-group/going-shop"},
    "CreateSolution": {"datasetGroupArn": GOING},
    "CreateSolutionVersion": {"solutionArn": f"{HERE}solution/going"},
    "DeleteCampaign": {"campaignArn": f"{HERE}campaign/waiting"},
    "DeleteDataset": {"datasetArn": DATASET},
    "DeleteDatasetGroup": {"datasetGroupArn": GROUP},
    "DeleteEventTracker": {"eventTrackerArn": f"{HERE}event-tracker/33333333"},
    "DeleteFilter": {"filterArn": f"{HERE}filter/waiting"},
    "DeleteMetricAttribution": {"metricAttributionArn": f"{HERE}metric-attribution/waiting"},
    "DeleteRecommender": {"recommenderArn": f"{HERE}recommender/waiting"},
    "DeleteSchema": {"schemaArn": SCHEMA},
    "DeleteSolution": {"solutionArn": SOLUTION},
    "GetSolutionMetrics": {"solutionVersionArn": f"{SOLUTION}/33333333"},
    "PutActionInteractions": {"trackingId": NO_LONGER_TRACKED},
    "PutActions": {"datasetArn": f"{HERE}dataset/going/ACTIONS"},
    "PutItems": {"datasetArn": f"{HERE}dataset/going/ITEMS"},
    "PutUsers": {"datasetArn": f"{HERE}dataset/going/USERS"},
    "StartRecommender": {"recommenderArn": f"{HERE}recommender/waiting"},
    "StopRecommender": {"recommenderArn": f"{HERE}recommender/waiting"},
    "StopSolutionVersionCreation": {"solutionVersionArn": f"{SOLUTION}/44444444"},
    "UpdateCampaign": {"campaignArn": f"{HERE}campaign/waiting"},
    "UpdateDataset": {"datasetArn": f"{HERE}dataset/going/ITEMS"},
    "UpdateMetricAttribution": {"metricAttributionArn": f"{HERE}metric-attribution/waiting"},
    "UpdateRecommender": {"recommenderArn": f"{HERE}recommender/waiting"},
    "UpdateSolution": {"solutionArn": f"{HERE}solution/changing"},
}
NOT_IN_USE = dict.fromkeys(
    ("ListTagsForResource", "TagResource", "UntagResource"),
    "tags may be read and changed whatever state their resource is in",
)


def special() -> Iterator[Case]:
    """Cases that need something of their own to be there."""
    for name, changes in NAMES_TAKEN.items():
        yield Case(name, "ResourceAlreadyExistsException", {**CREATES[name], **changes})
    again = {"metricAttributionArn": ATTRIBUTION, "addMetrics": [CLICKS]}
    yield Case("UpdateMetricAttribution", "ResourceAlreadyExistsException", again)
    for name, members in CREATES.items():
        if name not in NO_QUOTA:
            yield Case(name, "LimitExceededException", members | SECOND_OF_A_GROUP.get(name, {}), brim=True)
    for name, changes in IN_USE.items():
        yield Case(name, "ResourceInUseException", {**sound(name), **changes})
    yield Case("TagResource", "TooManyTagsException", {"resourceArn": GROUP, "tags": TAGS})
    keys = [tag["tagKey"] for tag in TAGS]
    yield Case("UntagResource", "TooManyTagKeysException", {"resourceArn": GROUP, "tagKeys": keys})


CASES = [*generic(), *special()]
CANNOT_BE = {(name, "LimitExceededException"): reason for name, reason in NO_QUOTA.items()}
CANNOT_BE |= {(name, "ResourceInUseException"): reason for name, reason in NOT_IN_USE.items()}


def test_every_documented_error_has_a_case_or_a_reason() -> None:
    documented = {(name, error) for name, operation in OPERATIONS.items() for error in operation.errors}
    met = {(case.operation, case.error) for case in CASES}
    assert documented == met | CANNOT_BE.keys()
    assert not met & CANNOT_BE.keys()


def test_the_page_of_compatibility_says_the_same() -> None:
    untested = set()
    for line in PAGE.read_text().partition(BEGIN)[2].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in OPERATIONS:
            assert cells[1:2] == ["yes"], line
            untested |= {(cells[0], f"{error}Exception") for error in re.findall(r"\*(\w+)\*", cells[-1])}
    assert untested == CANNOT_BE.keys()


@dataclass(frozen=True)
class Full:
    """The service with room, and the same one without."""

    roomy: World
    brim: World

    def ask(self, case: Case) -> ClientError:
        """The refusal of a call."""
        world = self.brim if case.brim else self.roomy
        service = OPERATIONS[case.operation].service
        asked = client(service, world.door, world.identity, parameter_validation=False)
        with pytest.raises(ClientError) as fault:
            getattr(asked, xform_name(case.operation))(**case.members)
        return fault.value


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    folder = tmp_path_factory.mktemp("full") / "data"
    for roomy in opened(folder, {**SMALL, **ROOM}):
        furnish(roomy)
        for brim in opened(folder, {**SMALL, **USED_UP}):
            yield Full(roomy, brim)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_error_is_the_documented_one_and_says_what_is_wrong(full: Full, case: Case) -> None:
    response = full.ask(case).response
    assert response["Error"]["Code"] == case.error, response["Error"]["Message"]
    assert len(response["Error"]["Message"]) > 10
    assert response["ResponseMetadata"]["HTTPStatusCode"] < 500


def furnish(world: World) -> None:
    """One of everything, ready, and what is on its way from one state to another."""
    api = world.personalize
    world.bucket()
    group = world.group("films")
    world.dataset(group)
    world.dataset(group, "Items", ITEMS)
    world.dataset(group, "Actions", (("ACTION_ID", "string"), ("VALUE", ["null", "long"])))
    world.schema("people", "Users", (("USER_ID", "string"), ("AGE", "int")))
    world.group("shop", domain="ECOMMERCE")
    schema = api.create_schema(name="shop", schema=EVENTS_SCHEMA, domain="ECOMMERCE")["schemaArn"]
    api.create_dataset(name="shop", schemaArn=schema, datasetGroupArn=SHOP, datasetType="Interactions")
    api.create_event_tracker(name="live", datasetGroupArn=GROUP)
    api.create_filter(**{**CREATES["CreateFilter"], "name": "low"})
    api.create_metric_attribution(**{**CREATES["CreateMetricAttribution"], "name": "worth", "datasetGroupArn": GROUP})
    for name, recipe in (("model", "aws-sims"), ("affine", "aws-item-affinity")):
        api.create_solution(name=name, datasetGroupArn=GROUP, recipeArn=f"{RECIPES}{recipe}")
    world.work()
    api.create_recommender(**{**CREATES["CreateRecommender"], "name": "home"})
    _versions(world)
    _in_transition(world)
    api.create_batch_inference_job(**{**CREATES["CreateBatchInferenceJob"], "jobName": "first"})
    api.create_batch_segment_job(**{**CREATES["CreateBatchSegmentJob"], "jobName": "first"})
    api.create_data_deletion_job(**{**CREATES["CreateDataDeletionJob"], "jobName": "first"})
    api.create_dataset_export_job(**{**CREATES["CreateDatasetExportJob"], "jobName": "first"})
    api.create_dataset_import_job(**{**CREATES["CreateDatasetImportJob"], "jobName": "first"})


def _versions(world: World) -> None:
    """Versions as trainings leave them, and a campaign on one."""
    ctx = world.parts.context
    now: dict[str, Any] = {"creation_date_time": ctx.now(), "last_updated_date_time": ctx.now()}
    with ctx.writing() as tx:
        for name in ("model", "affine"):
            solution = tx.get(Solution, f"{HERE}solution/{name}")
            for digit, status in (("1", "ACTIVE"), ("3", "CREATE IN_PROGRESS"), ("4", "CREATE STOPPING")):
                tx.insert(
                    SolutionVersion(
                        name="first" if digit == "1" else f"version-{digit}",
                        solution_version_arn=f"{solution.arn}/{digit * 8}",
                        solution_arn=solution.arn,
                        dataset_group_arn=GROUP,
                        recipe_arn=str(solution.recipe_arn),
                        status=status,
                        **now,
                    )
                )
        tx.insert(
            Campaign(
                name="live",
                campaign_arn=CAMPAIGN,
                solution_version_arn=f"{SOLUTION}/11111111",
                solution_arn=SOLUTION,
                dataset_group_arn=GROUP,
                recipe_arn=f"{RECIPES}aws-sims",
                status="ACTIVE",
                cid="abcdef",
                **now,
            )
        )


def _in_transition(world: World) -> None:
    """Copies of what is there that wait for something, or are about to go."""
    ctx = world.parts.context
    tracker = world.personalize.list_event_trackers()["eventTrackers"][0]["eventTrackerArn"]
    ending: dict[str, Any] = {"status": lifecycle.DELETE_PENDING}
    copies: list[tuple[type[Resource], str, str, dict[str, Any]]] = [
        (DatasetGroup, GROUP, GOING, ending),
        (DatasetGroup, SHOP, f"{HERE}dataset-group/going-shop", ending),
        (Campaign, CAMPAIGN, f"{HERE}campaign/waiting", {"status": lifecycle.CREATE_PENDING}),
        (Filter, FILTER, f"{HERE}filter/waiting", {"status": lifecycle.CREATE_PENDING}),
        (EventTracker, tracker, f"{HERE}event-tracker/33333333", {"status": lifecycle.CREATE_PENDING}),
        (MetricAttribution, ATTRIBUTION, f"{HERE}metric-attribution/waiting", {"status": lifecycle.CREATE_PENDING}),
        (Recommender, RECOMMENDER, f"{HERE}recommender/waiting", {"status": lifecycle.CREATE_PENDING}),
        (Solution, SOLUTION, f"{HERE}solution/going", ending),
        (Solution, f"{HERE}solution/affine", f"{HERE}solution/going-too", ending),
        (Solution, SOLUTION, f"{HERE}solution/changing", {"latest_solution_update": {"status": "CREATE PENDING"}}),
        (
            SolutionVersion,
            f"{SOLUTION}/11111111",
            f"{HERE}solution/going/11111111",
            {"solution_arn": f"{HERE}solution/going"},
        ),
        (
            SolutionVersion,
            f"{HERE}solution/affine/11111111",
            f"{HERE}solution/going-too/11111111",
            {"solution_arn": f"{HERE}solution/going-too"},
        ),
        (Dataset, f"{HERE}dataset/films/ITEMS", f"{HERE}dataset/going/ITEMS", ending),
        (Dataset, f"{HERE}dataset/films/ACTIONS", f"{HERE}dataset/going/ACTIONS", ending),
        (Dataset, DATASET, f"{HERE}dataset/going/USERS", {**ending, "dataset_type": "USERS"}),
        (
            Dataset,
            DATASET,
            f"{HERE}dataset/going/ACTION_INTERACTIONS",
            {**ending, "dataset_type": "ACTION_INTERACTIONS", "tracking_id": NO_LONGER_TRACKED},
        ),
    ]
    with ctx.writing() as tx:
        for kind, model, arn, changes in copies:
            own: dict[str, Any] = {f"{kind.noun.replace('-', '_')}_arn": arn}
            group: dict[str, Any] = {} if kind is not Dataset else {"dataset_group_arn": GOING}
            tx.insert(replace(tx.get(kind, model), **own, **group, **changes))
