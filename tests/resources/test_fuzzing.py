"""Every operation against requests made from its input shape: no request makes the server fail.

A world with one of nearly everything stands behind the door. A fault of shape is told with its place; whatever else is
refused, is refused with an error that the service model names for the operation.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from botocore.parsers import create_parser
from hypothesis import HealthCheck, Phase, given, settings

from openpersonalize.resources.registry import OPERATIONS
from openpersonalize.storage.metadata.tables import jobs
from openpersonalize.wire import faults as wire_faults
from openpersonalize.wire import models
from openpersonalize.wire.operation import Operation
from tests.clients import ENDPOINT, Exchange, http
from tests.resources import requests
from tests.resources.test_recommenders import made
from tests.resources.test_recommenders import shop as domain_shop
from tests.world import ITEMS, ROLE, SMALL, World, opened, write_clicks, write_csv

MODEL = models.load()
TARGETS = {operation.name: target for target, operation in MODEL.targets.items()}
PATHS = {operation.name: place for place, operation in MODEL.paths.items()}
NAMES = sorted(MODEL.operations, key=lambda name: (name.startswith("Delete"), name))  # what others need goes last
EFFORT = int(os.environ.get("FUZZING_EXAMPLES", "12"))
CHANCE = "FUZZING_BY_CHANCE" in os.environ
ROOMY = {
    "quota_dataset_groups": 10_000,
    "quota_schemas": 10_000,
    "quota_open_import_jobs": 50,
    "quota_open_solution_versions": 3,
    "job_attempts": 1,
    "quota_solutions": 10_000,
    "quota_campaigns": 10_000,
    "quota_recommenders": 10_000,
    "quota_open_batch_inference_jobs": 50,
}

pytestmark = pytest.mark.xdist_group("fuzzing")
effort = settings(
    max_examples=EFFORT,
    derandomize=not CHANCE,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # the world remembers, so that a smaller request would meet another one
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("fuzzing") / "data"
    yield from opened(folder, {**SMALL, **ROOMY, "authentication": "off"})


@pytest.fixture(scope="module")
def known(service: World) -> requests.Known:
    """One of nearly everything."""
    api, group, bucket = service.personalize, service.group(), service.bucket()
    dataset = group.replace("dataset-group", "dataset")
    write_clicks(bucket / "clicks.csv")
    service.load(service.dataset(group), "s3://films/clicks.csv", "clicks")
    service.dataset(group, "Items", ITEMS)
    service.dataset(group, "Users", (("USER_ID", "string"), ("AGE", ["null", "int"])))
    service.dataset(group, "Actions", (("ACTION_ID", "string"), ("VALUE", ["null", "long"])))
    service.dataset(
        group,
        "Action_Interactions",
        (("USER_ID", "string"), ("ACTION_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long")),
    )
    write_csv(bucket / "items.csv", [name for name, _ in ITEMS], [(f"i{place}", "drama", 1990) for place in range(30)])
    service.load(f"{dataset}/ITEMS", "s3://films/items.csv", "items")
    tracker = api.create_event_tracker(name="live", datasetGroupArn=group)
    for place, expression in enumerate(requests.EXPRESSIONS[:4]):
        api.create_filter(name=f"filter-{place}", datasetGroupArn=group, filterExpression=expression)
    api.create_metric_attribution(
        name="clicks",
        datasetGroupArn=group,
        metrics=[{"eventType": "click", "metricName": "clicks", "expression": "SAMPLECOUNT()"}],
        metricsOutputConfig={"roleArn": ROLE},
    )
    campaign = service.campaign(service.trained(group, "aws-sims"))
    service.campaign(service.trained(group, "aws-popularity-count", "popular"), "popular")
    service.trained(group, "aws-item-affinity", "affine")
    shop = domain_shop(service)
    home = made(service, shop)
    assert api.describe_recommender(recommenderArn=home)["recommender"]["status"] == "ACTIVE"
    _jobs(service, campaign, dataset, group)
    actions = api.describe_dataset(datasetArn=f"{dataset}/ACTION_INTERACTIONS")["dataset"]
    return requests.Known(
        arns=_arns(service, [group, shop]),
        names=["films", "model", "live", "clicks", "filter-0", "shop", "new", "x" * 63],
        tracking_ids=[tracker["trackingId"], actions["trackingId"]],
        locations=["s3://films/clicks.csv", "s3://films/", "s3://films/out/", "s3://none/x", "s3:///", "http://a/b"],
    )


def _jobs(service: World, campaign: str, dataset: str, group: str) -> None:
    api = service.personalize
    version = api.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    versions = api.list_solution_versions()["solutionVersions"]
    there, out = {"path": "s3://films/clicks.csv"}, {"path": "s3://films/out/"}
    batch = {
        "jobName": "batch",
        "solutionVersionArn": version,
        "roleArn": ROLE,
        "jobInput": {"s3DataSource": there},
        "jobOutput": {"s3DataDestination": out},
    }
    api.create_batch_inference_job(**batch)
    segments = next(row["solutionVersionArn"] for row in versions if "/affine/" in row["solutionVersionArn"])
    api.create_batch_segment_job(**{**batch, "jobName": "segments", "solutionVersionArn": segments})
    api.create_dataset_export_job(
        jobName="out", datasetArn=f"{dataset}/ITEMS", roleArn=ROLE, jobOutput={"s3DataDestination": out}
    )
    api.create_data_deletion_job(
        jobName="gone", datasetGroupArn=group, roleArn=ROLE, dataSource={"dataLocation": "s3://films/clicks.csv"}
    )


def _arns(service: World, groups: list[str]) -> dict[str, list[str]]:
    """All ARNs that List operations tell, by kind."""
    found: dict[str, list[str]] = {"dataset-group": groups}
    for name in NAMES:
        if name.startswith("List") and name not in ("ListTagsForResource", "ListMetricAttributionMetrics"):
            answer = _sent(service, MODEL.operations[name], {})
            for row in next(iter(json.loads(answer.body).values())):
                arn = next(value for member, value in row.items() if member in _OWN.get(name, (_own(name),)))
                found.setdefault(arn.split(":", 5)[5].split("/")[0], []).append(arn)
    found["algorithm"] = ["arn:aws:personalize:::algorithm/aws-sims"]
    found["feature-transformation"] = ["arn:aws:personalize:::feature-transformation/JSON-percentile-filtering"]
    return found


_OWN = {"ListSchemas": ("schemaArn",)}


def _own(name: str) -> str:
    noun = name.removeprefix("List").removesuffix("s")
    return f"{noun[0].lower()}{noun[1:]}Arn"


def _sent(service: World, operation: Operation, body: Any) -> Exchange:
    method, path = PATHS.get(operation.name, ("POST", "/"))
    target = {"X-Amz-Target": TARGETS[operation.name]} if operation.name in TARGETS else {}
    return http(service.door, method, ENDPOINT + path, target, json.dumps(body).encode())


def _work(service: World) -> None:
    """Run all that is due; a job may fail for a reason, but not because of the server."""
    service.work()
    with service.parts.context.metadata.reading() as tx:
        stumbled = tx.connection.execute(sa.select(jobs.c.kind, jobs.c.error).where(jobs.c.error.contains("log tells")))
        assert stumbled.all() == []


def _code(operation: Operation, answer: Exchange) -> str:
    """The code of an answer, after checking all that is true of every answer."""
    if answer.status == 200:
        if operation.output_shape is not None:
            parser = create_parser("rest-json" if operation.rest else "json")
            parser.parse({"status_code": 200, "headers": answer.headers, "body": answer.body}, operation.output_shape)
        return "OK"
    told = json.loads(answer.body)
    code: str = answer.headers.get("x-amzn-errortype") or told["__type"]
    assert answer.status < 500, (answer.status, told)
    assert isinstance(told["message"], str)
    assert told["message"]
    assert code in wire_faults.COMMON or code in operation.errors, f"{code} is not in the model of {operation.name}"
    statuses = {"ResourceNotFoundException": 404, "ResourceInUseException": 409} if operation.rest else {}
    assert answer.status == statuses.get(code, 400)
    return code


@pytest.mark.parametrize("name", NAMES)
def test_no_request_that_is_valid_by_shape_makes_the_server_fail(
    service: World, known: requests.Known, name: str
) -> None:
    operation = MODEL.operations[name]
    assert operation.key in OPERATIONS
    _work(service)

    @effort
    @given(requests.valid(operation, known))
    def check(body: Any) -> None:
        assert _code(operation, _sent(service, operation, body)) != requests.UNREADABLE

    check()


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_of_shape_is_told_with_its_place(service: World, known: requests.Known, name: str) -> None:
    operation = MODEL.operations[name]

    @settings(effort, max_examples=max(1, EFFORT // 20))
    @given(requests.valid(operation, known, whole=True))
    def check(body: Any) -> None:
        for fault in requests.faults(operation, body):
            answer = _sent(service, operation, fault.body)
            assert _code(operation, answer) == fault.code, (fault, answer.body)
            assert fault.told[:150] in json.loads(answer.body)["message"], (fault, answer.body)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_members_of_any_json_type_and_unknown_ones_are_answered(
    service: World, known: requests.Known, name: str
) -> None:
    operation = MODEL.operations[name]

    @settings(effort, max_examples=max(2, EFFORT // 4))
    @given(requests.strange(operation, known))
    def check(body: Any) -> None:
        _code(operation, _sent(service, operation, body))

    check()


def arn_members(name: str) -> list[str]:
    """The members of an operation that take an ARN of one kind."""
    shape = MODEL.operations[name].input_shape
    return [] if shape is None else [member for member, below in shape.members.items() if below.name == "Arn"]


@pytest.mark.parametrize(("name", "member"), [(name, member) for name in NAMES for member in arn_members(name)])
def test_an_arn_of_another_kind_or_of_nobody_is_refused(
    service: World, known: requests.Known, name: str, member: str
) -> None:
    operation, kind = MODEL.operations[name], requests.kind_of(member)
    others = [arns[0] for other, arns in known.arns.items() if other not in (kind, "recipe") and arns]
    right = known.arns.get(kind, [])[:1]
    foreign = [arn.replace(requests.ACCOUNT, "111122223333") for arn in right if requests.ACCOUNT in arn]

    @settings(effort, max_examples=max(1, EFFORT // 20))
    @given(requests.valid(operation, known, whole=True))
    def check(body: Any) -> None:
        for arn in others + foreign:
            if (name, member) in LENIENT and arn not in foreign:
                continue
            answer = _sent(service, operation, {**body, member: arn})
            code = _code(operation, answer)
            lists = name.startswith("List") and arn in foreign
            assert code in REFUSALS or (lists and code == "OK"), (member, arn, answer.body)

    check()


REFUSALS = (
    "InvalidInputException",
    "ResourceNotFoundException",
    "InvalidNextTokenException",
    "ResourceAlreadyExistsException",
    "LimitExceededException",
    "ResourceInUseException",  # of another member's resource, which may be told first
)
LENIENT = {(name, "resourceArn") for name in ("TagResource", "UntagResource", "ListTagsForResource")}
