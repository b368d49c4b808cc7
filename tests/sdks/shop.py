"""A small shop's whole life with the service, told to any client that can call.

Every step is a function of the client and of what the steps before have made, in the order in which they stand here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from tests.sdks.client import RefusedError
from tests.server import until
from tests.world import INTERACTIONS, ROLE

RECIPE = "arn:aws:personalize:::recipe/aws-popularity-count"
BOUGHT = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")'
METRIC = {"eventType": "purchase", "metricName": "purchases", "expression": "SAMPLECOUNT()"}
SOURCE = "newsletter"


class Call(Protocol):
    """Asks one operation of a service; raises RefusedError."""

    def __call__(self, service: str, operation: str, **members: Any) -> dict[str, Any]:
        """What the service answers."""
        ...


@dataclass(frozen=True)
class Shop:
    """What a client has made."""

    call: Call
    group: str
    schema: str
    dataset: str

    def ask(self, operation: str, **members: Any) -> dict[str, Any]:
        """An operation of `personalize`."""
        return self.call("personalize", operation, **members)

    def settled(self, noun: str, arn: str) -> dict[str, Any]:
        """The resource once it is ACTIVE."""
        return settled(self.call, noun, arn)


def settled(call: Call, noun: str, arn: str) -> dict[str, Any]:
    """`noun` as in the names of operations, `SolutionVersion`."""
    member = noun[0].lower() + noun[1:]

    def look() -> dict[str, Any] | None:
        resource: dict[str, Any] = call("personalize", f"Describe{noun}", **{f"{member}Arn": arn})[member]
        assert not resource["status"].endswith("FAILED"), resource
        return resource if resource["status"] == "ACTIVE" else None

    found: dict[str, Any] = until(look, 120)
    return found


def opened(call: Call, location: str) -> Shop:
    """A dataset group with a tag, and its interactions out of a file."""
    group = call("personalize", "CreateDatasetGroup", name="shop", tags=[{"tagKey": "team", "tagValue": "films"}])
    group_arn = settled(call, "DatasetGroup", group["datasetGroupArn"])["datasetGroupArn"]
    fields = [{"name": name, "type": kind} for name, kind in INTERACTIONS]
    text = json.dumps({"type": "record", "name": "Interactions", "fields": fields})
    schema = call("personalize", "CreateSchema", name="shop", schema=text)["schemaArn"]
    assert json.loads(call("personalize", "DescribeSchema", schemaArn=schema)["schema"]["schema"])["fields"] == fields
    dataset = call(
        "personalize",
        "CreateDataset",
        name="shop",
        schemaArn=schema,
        datasetGroupArn=group_arn,
        datasetType="Interactions",
    )["datasetArn"]
    settled(call, "Dataset", dataset)
    job = call(
        "personalize",
        "CreateDatasetImportJob",
        jobName="first",
        datasetArn=dataset,
        dataSource={"dataLocation": location},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    assert settled(call, "DatasetImportJob", job)["dataSource"] == {"dataLocation": location}
    return Shop(call, group_arn, schema, dataset)


def attributed(shop: Shop) -> str:
    """A metric attribution that counts purchases."""
    arn: str = shop.ask(
        "CreateMetricAttribution",
        name="value",
        datasetGroupArn=shop.group,
        metrics=[METRIC],
        metricsOutputConfig={"roleArn": ROLE},
    )["metricAttributionArn"]
    described = shop.settled("MetricAttribution", arn)
    assert described["metricsOutputConfig"] == {"roleArn": ROLE}
    assert moment(described["creationDateTime"]) <= moment(described["lastUpdatedDateTime"])
    listed = shop.ask("ListMetricAttributionMetrics", metricAttributionArn=arn)["metrics"]
    assert listed == [METRIC]
    return arn


def tracked(shop: Shop) -> str:
    """An event tracker, and a purchase that it has recorded for a user."""
    made = shop.ask("CreateEventTracker", name="live", datasetGroupArn=shop.group)
    arn: str = made["eventTrackerArn"]
    shop.settled("EventTracker", arn)
    event = {
        "eventType": "purchase",
        "itemId": "i0",
        "sentAt": datetime.now(UTC).isoformat(),
        "metricAttribution": {"eventAttributionSource": SOURCE},
    }
    shop.call(
        "personalize-events",
        "PutEvents",
        trackingId=made["trackingId"],
        userId="buyer",
        sessionId="s1",
        eventList=[event],
    )
    return arn


def live(shop: Shop) -> tuple[str, str]:
    """A solution whose version is trained and serves in a campaign; gives the ARNs of solution and campaign."""
    solution = shop.ask("CreateSolution", name="popular", datasetGroupArn=shop.group, recipeArn=RECIPE)["solutionArn"]
    shop.settled("Solution", solution)
    version = shop.ask("CreateSolutionVersion", solutionArn=solution)["solutionVersionArn"]
    shop.settled("SolutionVersion", version)
    metrics = shop.ask("GetSolutionMetrics", solutionVersionArn=version)["metrics"]
    assert 0 <= metrics["coverage"] <= 1
    campaign = shop.ask("CreateCampaign", name="home", solutionVersionArn=version, minProvisionedTPS=1)["campaignArn"]
    shop.settled("Campaign", campaign)
    return solution, campaign


def filtered(shop: Shop, campaign: str) -> str:
    """A filter that leaves out what the buyer has bought, after the campaign has answered without and with it."""
    arn: str = shop.ask("CreateFilter", name="bought", datasetGroupArn=shop.group, filterExpression=BOUGHT)["filterArn"]
    assert shop.settled("Filter", arn)["filterExpression"] == BOUGHT
    everything = recommended(shop, campaign)
    assert len(everything) > 1
    assert "i0" in everything
    assert set(recommended(shop, campaign, filterArn=arn)) == set(everything) - {"i0"}
    return arn


def recommended(shop: Shop, campaign: str, **more: Any) -> list[str]:
    """What the buyer is shown."""
    answer = shop.call(
        "personalize-runtime", "GetRecommendations", campaignArn=campaign, userId="buyer", numResults=100, **more
    )
    assert answer["recommendationId"].startswith("RID-")
    return [row["itemId"] for row in answer["itemList"]]


def counted(shop: Shop) -> None:
    """CloudWatch knows the purchase and its source, both in capitals."""
    dimensions = [
        {"Name": "EventAttributionSource", "Value": SOURCE.upper()},
        {"Name": "DatasetGroupArn", "Value": shop.group},
    ]
    by_name = {"Namespace": "AWS/Personalize", "MetricName": METRIC["metricName"].upper()}

    listed = shop.call("cloudwatch", "ListMetrics", **by_name, Dimensions=[dimensions[0]])["Metrics"]
    assert listed == [{**by_name, "Dimensions": dimensions}], listed
    now = datetime.now(UTC)
    read = shop.call(
        "cloudwatch",
        "GetMetricStatistics",
        **by_name,
        Dimensions=dimensions,
        StartTime=(now - timedelta(hours=2)).isoformat(timespec="seconds"),
        EndTime=(now + timedelta(hours=1)).isoformat(timespec="seconds"),
        Period=900,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in read["Datapoints"]] == [1.0]
    assert abs(moment(read["Datapoints"][0]["Timestamp"]) - now) < timedelta(hours=1)


def tagged(shop: Shop) -> None:
    """Tags are read, added and taken off."""
    shop.ask("TagResource", resourceArn=shop.group, tags=[{"tagKey": "cost", "tagValue": "42"}])
    shop.ask("UntagResource", resourceArn=shop.group, tagKeys=["team"])
    left = shop.ask("ListTagsForResource", resourceArn=shop.group)["tags"]
    assert left == [{"tagKey": "cost", "tagValue": "42"}]


def refused(call: Callable[..., Any], *words: str, **members: Any) -> tuple[str, str]:
    """The code and the message that the client makes of a refusal."""
    try:
        call(*words, **members)
    except RefusedError as fault:
        return fault.code, fault.message
    raise AssertionError(f"{words} was not refused")


def closed(shop: Shop, **arns: str) -> None:
    """Delete what `arns` names by its noun, all at once, then what those stood on."""
    solution = arns.pop("Solution")
    for several in (arns, {"Solution": solution}, {"Dataset": shop.dataset}, {"Schema": shop.schema}):
        deleted(shop, several)
    deleted(shop, {"DatasetGroup": shop.group})


def deleted(shop: Shop, arns: dict[str, str]) -> None:
    """Ask for the end of each, and wait until none is found."""
    members = {noun: f"{noun[0].lower()}{noun[1:]}Arn" for noun in arns}
    for noun, arn in arns.items():
        shop.ask(f"Delete{noun}", **{members[noun]: arn})
    for noun, arn in arns.items():
        until(partial(gone, shop.call, noun, **{members[noun]: arn}))


def gone(call: Call, noun: str, **arn: str) -> bool:
    """Whether Describe does not find it any more."""
    try:
        call("personalize", f"Describe{noun}", **arn)
    except RefusedError as fault:
        if fault.code == "ResourceNotFoundException":
            return True
        raise
    return False


def moment(value: float | str) -> datetime:
    """A time as clients show it: seconds since 1970, or ISO 8601 with a zone."""
    return datetime.fromtimestamp(value, UTC) if isinstance(value, float | int) else datetime.fromisoformat(value)
