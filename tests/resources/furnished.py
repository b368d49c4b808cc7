"""A service that has one of everything, and for every operation a call that breaks no rule of its shape.

The data folder is opened twice: with room for more, and with quotas that are used up. What is refused changes nothing,
so all tests of a module share it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.catalog import BY_NAME
from openpersonalize.recipes.models import quiet
from openpersonalize.recipes.models.popularity import PopularityCount
from openpersonalize.resources import lifecycle
from openpersonalize.resources.attribution_records import MetricAttribution
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.datasets import Dataset
from openpersonalize.resources.event_trackers import EventTracker
from openpersonalize.resources.filters import Filter
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.resource import Resource
from openpersonalize.resources.solutions import Solution, SolutionVersion, artefacts_of
from openpersonalize.wire import models
from tests.clients import client
from tests.training.data import checkerboard
from tests.world import INTERACTIONS, ITEMS, ROLE, SMALL, World, opened

HERE = "arn:aws:personalize:us-east-1:000000000000:"
RECIPES = "arn:aws:personalize:::recipe/"
GROUP, SHOP = f"{HERE}dataset-group/films", f"{HERE}dataset-group/shop"
DATASET, SCHEMA = f"{HERE}dataset/films/INTERACTIONS", f"{HERE}schema/films-interactions"
CAMPAIGN, SOLUTION, FILTER = f"{HERE}campaign/live", f"{HERE}solution/model", f"{HERE}filter/low"
RECOMMENDER, ATTRIBUTION = f"{HERE}recommender/home", f"{HERE}metric-attribution/worth"
GOING = f"{HERE}dataset-group/going"
"""A group that is being deleted, with its datasets."""

NO_LONGER_TRACKED = "33333333-3333-3333-3333-333333333333"
"""The tracking ID of the action interactions of that group."""

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

CAMPAIGNS = {
    "live": "aws-sims",
    "ranked": "aws-personalized-ranking-v2",
    "offers": "aws-next-best-action",
}
"""Recipes of the campaigns."""

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
    "EventTracker": f"{HERE}event-tracker/33333333",
    "FeatureTransformation": f"{HERE.replace('us-east-1:000000000000', ':')}feature-transformation/sims",
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
    "GetActionRecommendations": {"campaignArn": f"{HERE}campaign/offers", "userId": "u"},
    "GetPersonalizedRanking": {"campaignArn": f"{HERE}campaign/ranked", "userId": "u", "inputList": ["i1"]},
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


@dataclass(frozen=True)
class Full:
    """The service with room, and the same one without."""

    roomy: World
    brim: World

    def call(self, operation: str, members: dict[str, Any], *, brim: bool = False) -> Any:
        """The answer to a call that boto3 sends as it is; `brim`: where quotas are used up."""
        world = self.brim if brim else self.roomy
        service = OPERATIONS[operation].service
        asked = client(service, world.door, world.identity, parameter_validation=False)
        return getattr(asked, xform_name(operation))(**members)

    def refusal(self, operation: str, members: dict[str, Any], *, brim: bool = False) -> Any:
        """The refusal of such a call, as boto3 gives it."""
        with pytest.raises(ClientError) as fault:
            self.call(operation, members, brim=brim)
        return fault.value.response


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    folder = tmp_path_factory.mktemp("full") / "data"
    for roomy in opened(folder, {**SMALL, **ROOM}):
        furnish(roomy)
        _keep_a_model(roomy, tmp_path_factory.mktemp("model"))
        for brim in opened(folder, {**SMALL, **USED_UP}):
            yield Full(roomy, brim)


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
    """Versions as trainings leave them, and campaigns on one."""
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
        for name, recipe in CAMPAIGNS.items():
            tx.insert(
                Campaign(
                    name=name,
                    campaign_arn=f"{HERE}campaign/{name}",
                    solution_version_arn=f"{SOLUTION}/11111111",
                    solution_arn=SOLUTION,
                    dataset_group_arn=GROUP,
                    recipe_arn=f"{RECIPES}{recipe}",
                    status="ACTIVE",
                    cid="abcdef",
                    **now,
                )
            )


def _keep_a_model(world: World, folder: Path) -> None:
    """The model behind all campaigns: calls are refused before anything is scored, so that the simplest will do."""
    data = checkerboard()
    model = PopularityCount().fit(data, np.random.default_rng(1), quiet)
    Artefact.of(model, BY_NAME["aws-popularity-count"], data, {}).save(folder)
    world.parts.context.artefacts.put_folder(folder, artefacts_of(f"{SOLUTION}/11111111"))


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
