"""Pages of every List operation: whole, stable while resources come and go, with tokens that fit one list only."""

import itertools
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name

from openpersonalize.resources.attribution_records import MetricAttribution
from openpersonalize.resources.batch_inference_jobs import BatchInferenceJob
from openpersonalize.resources.batch_segment_jobs import BatchSegmentJob
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.data_deletion_jobs import DataDeletionJob
from openpersonalize.resources.dataset_export_jobs import DatasetExportJob
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.dataset_import_jobs import DatasetImportJob
from openpersonalize.resources.datasets import Dataset
from openpersonalize.resources.event_trackers import EventTracker
from openpersonalize.resources.filters import Filter
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.resource import Resource
from openpersonalize.resources.schemas import DatasetSchema
from openpersonalize.resources.solutions import Solution, SolutionVersion
from openpersonalize.wire import models
from tests.clients import client
from tests.world import World, refused

KINDS: dict[str, type[Resource]] = {
    "ListBatchInferenceJobs": BatchInferenceJob,
    "ListBatchSegmentJobs": BatchSegmentJob,
    "ListCampaigns": Campaign,
    "ListDataDeletionJobs": DataDeletionJob,
    "ListDatasetExportJobs": DatasetExportJob,
    "ListDatasetGroups": DatasetGroup,
    "ListDatasetImportJobs": DatasetImportJob,
    "ListDatasets": Dataset,
    "ListEventTrackers": EventTracker,
    "ListFilters": Filter,
    "ListMetricAttributions": MetricAttribution,
    "ListRecommenders": Recommender,
    "ListSchemas": DatasetSchema,
    "ListSolutionVersions": SolutionVersion,
    "ListSolutions": Solution,
}
LISTS = sorted(
    name for name, operation in models.load().operations.items() if "nextToken" in operation.input_shape.members
)
OWN = "arn:aws:personalize:us-east-1:000000000000"
PARENTS = {
    "dataset_group_arn": f"{OWN}:dataset-group/films",
    "dataset_arn": f"{OWN}:dataset/films/ITEMS",
    "solution_arn": f"{OWN}:solution/films",
    "solution_version_arn": f"{OWN}:solution/films/01234567",
}
METRIC = {"eventType": "click", "expression": "SAMPLECOUNT()"}
FILTERS = {
    "ListCampaigns": ("solutionArn", PARENTS["solution_arn"]),
    "ListMetricAttributionMetrics": ("metricAttributionArn", f"{OWN}:metric-attribution/films"),
}
FOREIGN = "InvalidNextTokenException"


def test_lists_go_page_by_page(world: World) -> None:
    names = [f"films-{number}" for number in range(5)]
    for name in names:
        world.group(name)
    pages = list(world.personalize.get_paginator("list_dataset_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert [row["name"] for page in pages for row in page["datasetGroups"]] == names
    assert [len(page["datasetGroups"]) for page in pages] == [2, 2, 1]
    assert "nextToken" not in pages[-1]


def test_a_page_may_have_another_size_than_the_one_before(world: World) -> None:
    token = world.personalize.list_recipes(maxResults=4)["nextToken"]
    assert len(world.personalize.list_recipes(nextToken=token)["recipes"]) == 11


def test_a_token_is_bound_to_its_list_its_filter_and_its_caller(world: World) -> None:
    for number in range(3):
        world.group(f"films-{number}")
    api, token = world.personalize, world.personalize.list_dataset_groups(maxResults=2)["nextToken"]
    foreign = "InvalidNextTokenException"
    assert refused(api.list_schemas, nextToken=token)[0] == foreign
    assert refused(world.stranger("111122223333").personalize.list_dataset_groups, nextToken=token)[0] == foreign
    assert refused(api.list_dataset_groups, nextToken="A" + token[1:])[0] == foreign
    assert refused(api.list_dataset_groups, nextToken="none")[0] == foreign
    assert refused(api.list_dataset_groups, nextToken="£")[0] == "InvalidInputException"


def test_pages_neither_repeat_nor_skip_while_resources_come_and_go(world: World) -> None:
    for number in range(4):
        world.group(f"films-{number}")
    first = world.personalize.list_dataset_groups(maxResults=2)
    world.personalize.delete_dataset_group(datasetGroupArn=first["datasetGroups"][0]["datasetGroupArn"])
    world.work()
    world.group("films-new")
    rest = world.personalize.list_dataset_groups(nextToken=first["nextToken"])["datasetGroups"]
    assert [row["name"] for row in rest] == ["films-2", "films-3", "films-new"]


def test_the_number_of_results_has_bounds(world: World) -> None:
    code, message = refused(world.personalize.list_solutions, maxResults=101)
    assert code == "InvalidInputException"
    assert "'maxResults'" in message


def made(kind: type[Resource], number: int) -> Resource:
    """A record with the least it must have, in the parents that filters of this test name."""
    tail = f"films-{number}" if kind is not SolutionVersion else f"films/{number:08x}"
    own = f"{kind.noun.replace('-', '_')}_arn"
    noun = "solution" if kind is SolutionVersion else kind.noun
    values: dict[str, Any] = {}
    for row in fields(kind):
        if row.default is MISSING and row.default_factory is MISSING:
            values[row.name] = _VALUES.get(str(row.type), f"{row.name}-{number}")
    values |= {name: arn for name, arn in PARENTS.items() if name in values}
    values |= {"status": "ACTIVE"} if "status" in values else {}
    return kind(**{**values, own: f"{OWN}:{noun}/{tail}"})


NOW = datetime(2026, 3, 14, tzinfo=UTC)
_VALUES: dict[str, Any] = {repr(kind): value for kind, value in ((datetime, NOW), (int, 0), (float, 0.0))}
_VALUES |= {"dict[str, typing.Any]": {}, "list[dict[str, str]]": []}


def listed(world: World, name: str, **members: Any) -> tuple[list[dict[str, Any]], str | None]:
    """One page: its rows and its token."""
    answer = getattr(world.personalize, xform_name(name))(**members)
    del answer["ResponseMetadata"]
    token = answer.pop("nextToken", None)
    [rows] = answer.values()
    return rows, token


def filled(world: World, name: str, numbers: range) -> None:
    """Records that the list tells, written past the operations that would make them."""
    with world.parts.context.writing() as tx:
        for number in numbers:
            if name in KINDS:
                tx.insert(made(KINDS[name], number))
        if name == "ListSolutionVersions" and 0 in numbers:
            tx.insert(made(Solution, 0).but(NOW, solution_arn=PARENTS["solution_arn"]))
        if name == "ListMetricAttributionMetrics" and 0 in numbers:
            metrics = [METRIC | {"metricName": f"clicks-{number}"} for number in range(5)]
            kept = made(MetricAttribution, 0).but(NOW, metrics=metrics)
            tx.insert(kept.but(NOW, metric_attribution_arn=f"{OWN}:metric-attribution/films"))


def _shown_first(seen: list[dict[str, Any]]) -> int:
    """Lists of jobs begin with the newest."""
    return 4 if any(str(value).endswith(("films-4", "/00000004")) for value in seen[0].values()) else 0


def filter_of(name: str) -> dict[str, str]:
    """The members that narrow a list, if it has any."""
    if name in FILTERS:
        return dict([FILTERS[name]])
    for member in models.load().operations[name].input_shape.members:
        if xform_name(member) in PARENTS:
            return {member: PARENTS[xform_name(member)]}
    return {"domain": "ECOMMERCE"} if name == "ListRecipes" else {}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_whole_while_others_make_and_delete(world: World, name: str) -> None:
    filled(world, name, range(5))
    asked = filter_of(name) if name != "ListRecipes" else {}
    whole, _ = listed(world, name, maxResults=100, **asked)
    seen, token = listed(world, name, maxResults=2, **asked)
    for number in itertools.count(5):
        if token is None:
            break
        filled(world, name, range(number, number + 1))
        if name in KINDS and number == 5:
            with world.parts.context.writing() as tx:
                tx.remove(made(KINDS[name], _shown_first(seen)))
        rows, token = listed(world, name, maxResults=number % 2 + 1, nextToken=token, **asked)
        seen += rows
        assert number < 50
    assert len(seen) >= 5
    assert [row for row in seen if row in whole] == whole
    assert all(row not in seen[:place] for place, row in enumerate(seen))


@pytest.mark.parametrize("name", LISTS)
def test_no_token_fits_another_list_filter_caller_or_region(world: World, name: str) -> None:
    filled(world, name, range(5))
    narrow = filter_of(name)
    alone = {} if name != "ListMetricAttributionMetrics" else narrow
    call = getattr(world.personalize, xform_name(name))
    _, token = listed(world, name, maxResults=1, **alone)
    assert token is not None
    other = next(other for other in LISTS if other not in (name, "ListMetricAttributionMetrics"))
    assert refused(getattr(world.personalize, xform_name(other)), nextToken=token)[0] == FOREIGN
    if narrow != alone:
        assert refused(call, nextToken=token, **narrow)[0] == FOREIGN
        _, narrower = listed(world, name, maxResults=1, **narrow)
        assert refused(call, nextToken=narrower, **alone)[0] == FOREIGN
    stranger = world.stranger("111122223333")
    assert refused(getattr(stranger.personalize, xform_name(name)), nextToken=token, **alone)[0] == FOREIGN
    abroad = client("personalize", world.door, world.identity, region="eu-west-1")
    assert refused(getattr(abroad, xform_name(name)), nextToken=token, **alone)[0] == FOREIGN
    assert refused(call, nextToken=token[:-4] + "AAAA", **alone)[0] == FOREIGN
    assert refused(call, nextToken="", **alone)[0] == FOREIGN
