"""Every error that the service model names for an operation is met, or it stands here why it cannot be."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.coverage import BEGIN, PAGE
from tests.resources.furnished import (
    ATTRIBUTION,
    CLICKS,
    CREATES,
    DATASET,
    GOING,
    GROUP,
    HERE,
    NO_LONGER_TRACKED,
    OPERATIONS,
    SCHEMA,
    SOLUTION,
    TAGS,
    Full,
    full,
    sound,
)

__all__ = ["full"]


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


pytestmark = pytest.mark.xdist_group("documented errors")  # one service has everything
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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_error_is_the_documented_one_and_says_what_is_wrong(full: Full, case: Case) -> None:
    response = full.refusal(case.operation, case.members, brim=case.brim)
    assert response["Error"]["Code"] == case.error, response["Error"]["Message"]
    assert len(response["Error"]["Message"]) > 10
    assert response["ResponseMetadata"]["HTTPStatusCode"] < 500
