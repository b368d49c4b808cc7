"""Metric attributions through boto3: the six operations, what counts, and where it is read."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openpersonalize.storage.points import Point
from tests.world import INTERACTIONS, ROLE, World, refused, write_csv

PRICED = (("ITEM_ID", "string"), ("PRICE", ["null", "double"]), ("GENRES", ["null", "string"]))
VALUED = (*INTERACTIONS, ("EVENT_VALUE", ["null", "float"]), ("EVENT_ATTRIBUTION_SOURCE", ["null", "string"]))
CLICKS = {"eventType": "click", "metricName": "countClicks", "expression": "SAMPLECOUNT()"}
SALES = {"eventType": "Purchase", "metricName": "sales", "expression": "SUM(Items.PRICE)"}
MARGIN = {"eventType": "purchase", "metricName": "margin", "expression": "sum( interactions.event_value )"}
OF_A_GROUP = [("DatasetGroupArn", None)]
OUTPUT = {"roleArn": ROLE, "s3DataDestination": {"path": "s3://films/reports"}}


@pytest.fixture
def group(world: World) -> str:
    arn = world.group()
    world.dataset(arn, "Interactions", VALUED)
    world.dataset(arn, "Items", PRICED)
    write_csv(world.bucket() / "items.csv", [name for name, _ in PRICED], [("i1", "9.95", "a"), ("i2", "", "b")])
    items = arn.replace(":dataset-group/", ":dataset/") + "/ITEMS"
    assert world.load(items, "s3://films/items.csv", "items")["status"] == "ACTIVE"
    return arn


def attribution(world: World, group: str, metrics: Sequence[dict[str, str]] = (CLICKS, SALES, MARGIN)) -> str:
    arn: str = world.personalize.create_metric_attribution(
        name="value", datasetGroupArn=group, metrics=list(metrics), metricsOutputConfig=OUTPUT
    )["metricAttributionArn"]
    world.work()
    assert described(world, arn)["status"] == "ACTIVE"
    return arn


def described(world: World, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = world.personalize.describe_metric_attribution(metricAttributionArn=arn)["metricAttribution"]
    return found


def tracker(world: World, group: str) -> str:
    made: str = world.personalize.create_event_tracker(name="live", datasetGroupArn=group)["trackingId"]
    world.work()
    return made


def put(world: World, tracking_id: str, kind: str, item: str = "i1", *, ago: float = 60, **more: Any) -> None:
    sent = datetime.now(UTC) - timedelta(seconds=ago)
    event = {"eventType": kind, "itemId": item, "sentAt": sent, **more}
    world.events.put_events(trackingId=tracking_id, sessionId="s", userId="u1", eventList=[event])


def values(world: World, namespace: str = "AWS/Personalize") -> dict[tuple[str, ...], Decimal]:
    """The sum of each series."""
    points = world.parts.context.points
    found: dict[tuple[str, ...], Decimal] = {}
    for series in points.names("000000000000", "us-east-1", namespace=namespace, dimensions=OF_A_GROUP):
        own = dict(series.dimensions)
        if namespace == "AWS/Personalize" and "EventAttributionSource" not in own:
            continue  # a metric of the service itself
        rows: list[Point] = points.read(series, 0, 1 << 40)
        key = (series.name, *([own["EventAttributionSource"]] if "EventAttributionSource" in own else []))
        found[key] = sum((row.value for row in rows), Decimal(0))
    return found


def count(world: World, arn: str) -> None:
    from openpersonalize.resources.attribution_counting import count_all

    assert arn
    count_all(world.parts.context)


def test_the_metrics_are_told_by_their_own_list(world: World, group: str) -> None:
    arn = attribution(world, group)
    assert arn == "arn:aws:personalize:us-east-1:000000000000:metric-attribution/value"
    assert "metrics" not in described(world, arn)
    assert described(world, arn)["metricsOutputConfig"] == OUTPUT
    read = world.personalize.list_metric_attribution_metrics
    first = read(metricAttributionArn=arn, maxResults=2)
    rest = read(metricAttributionArn=arn, nextToken=first["nextToken"])
    assert [*first["metrics"], *rest["metrics"]] == [CLICKS, SALES, MARGIN]
    assert "nextToken" not in rest
    assert refused(read, metricAttributionArn=arn, nextToken="x" * 20)[0] == "InvalidNextTokenException"
    assert read(metricAttributionArn=f"{arn}2")["metrics"] == []
    [row] = world.personalize.list_metric_attributions(datasetGroupArn=group)["metricAttributions"]
    assert (row["name"], row["status"]) == ("value", "ACTIVE")
    assert "metricsOutputConfig" not in row


def test_an_attribution_is_not_made_for_a_dataset_that_is_being_deleted(world: World, group: str) -> None:
    world.personalize.delete_dataset(datasetArn=group.replace("dataset-group", "dataset") + "/INTERACTIONS")
    create, config = world.personalize.create_metric_attribution, {"roleArn": ROLE}
    told = refused(create, name="value", datasetGroupArn=group, metrics=[CLICKS], metricsOutputConfig=config)
    assert told[0] == "InvalidInputException"
    assert "no Interactions dataset" in told[1]


def test_a_group_has_one_attribution(world: World, group: str) -> None:
    attribution(world, group)
    create = world.personalize.create_metric_attribution
    members = {"datasetGroupArn": group, "metrics": [CLICKS], "metricsOutputConfig": OUTPUT}
    assert refused(create, name="value", **members)[0] == "ResourceAlreadyExistsException"
    code, message = refused(create, name="other", **members)
    assert (code, "at most one" in message) == ("LimitExceededException", True)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ({"expression": "AVG(Items.PRICE)"}, ["Character 1", "AVG", "SUM or SAMPLECOUNT"]),
        ({"expression": "SUM(Users.AGE)"}, ["Character 5", "Users", "Interactions or Items"]),
        ({"expression": "SUM(Items.PRIZE)"}, ["Character 5", "PRIZE", "PRICE"]),
        ({"expression": "SUM(Items.GENRES)"}, ["Character 5", "string", "int, long, float or double"]),
        ({"expression": "SUM(Items.PRICE"}, ["Character"]),
        ({"metricName": "COUNTCLICKS"}, ["metricName", "capitals"]),
    ],
)
def test_a_bad_metric_is_refused_with_its_place_and_the_rule(
    world: World, group: str, metric: dict[str, str], words: list[str]
) -> None:
    create = world.personalize.create_metric_attribution
    bad = {**SALES, "metricName": "other"} | metric
    members = {"name": "value", "datasetGroupArn": group, "metricsOutputConfig": OUTPUT}
    code, message = refused(create, metrics=[CLICKS, bad], **members)
    assert code == "InvalidInputException"
    assert "metrics.2.member" in message
    assert [word for word in words if word not in message] == []
    arn = attribution(world, group)
    code, message = refused(world.personalize.update_metric_attribution, metricAttributionArn=arn, addMetrics=[bad])
    assert code in ("InvalidInputException", "ResourceAlreadyExistsException")


def test_all_faults_are_told_at_once_and_none_without_a_type_column(world: World) -> None:
    group = world.group("bare")
    create = world.personalize.create_metric_attribution
    members = {"name": "value", "datasetGroupArn": group, "metricsOutputConfig": OUTPUT}
    _, message = refused(create, metrics=[SALES], **members)
    assert "no Interactions dataset" in message
    assert "no Items dataset" in message
    world.dataset(group, "Interactions", [row for row in INTERACTIONS if row[0] != "EVENT_TYPE"])
    assert "EVENT_TYPE" in refused(create, metrics=[CLICKS], **members)[1]
    assert refused(create, metrics=[], **members)[0] == "InvalidInputException"


def test_each_event_is_counted_by_its_source(world: World, group: str) -> None:
    tracking_id = tracker(world, group)
    put(world, tracking_id, "click")  # before there was an attribution: never counted
    arn = attribution(world, group)
    put(world, tracking_id, "CLICK", metricAttribution={"eventAttributionSource": "home_page"})
    put(world, tracking_id, "click", recommendationId="RID-1234")
    put(world, tracking_id, "click")
    put(world, tracking_id, "purchase", metricAttribution={"eventAttributionSource": "Home_Page"}, eventValue=0.1)
    put(world, tracking_id, "purchase", metricAttribution={"eventAttributionSource": "HOME_page"}, eventValue=0.2)
    put(world, tracking_id, "purchase", "unknown", metricAttribution={"eventAttributionSource": "shop"}, eventValue=1)
    put(world, tracking_id, "watch")
    count(world, arn)
    assert values(world) == {
        ("COUNTCLICKS", "HOME_PAGE"): 1,
        ("COUNTCLICKS", "SOURCE_NAME_UNDEFINED"): 2,
        ("SALES", "HOME_PAGE"): Decimal("19.9"),
        ("SALES", "SHOP"): 0,
        ("MARGIN", "HOME_PAGE"): Decimal("0.3"),
        ("MARGIN", "SHOP"): 1,
    }
    assert values(world, "openpersonalize") == {
        ("AttributionEventsWithoutSource",): 1,
        ("AttributionUnknownRecommendationIds",): 1,
    }


def test_a_repeated_event_and_a_stale_one_do_not_count_and_are_told(world: World, group: str) -> None:
    arn, tracking_id = attribution(world, group), tracker(world, group)
    put(world, tracking_id, "click", eventId="e1")
    count(world, arn)
    put(world, tracking_id, "click", eventId="e1")
    put(world, tracking_id, "click", eventId="e2")
    put(world, tracking_id, "click", eventId="e2")
    put(world, tracking_id, "click", ago=14 * 86400 + 60)
    put(world, tracking_id, "click", ago=14 * 86400 - 60)
    for _ in range(2):
        count(world, arn)
    assert values(world) == {("COUNTCLICKS", "SOURCE_NAME_UNDEFINED"): 3}
    assert values(world, "openpersonalize")["AttributionDuplicateEvents",] == 2
    assert values(world, "openpersonalize")["AttributionStaleEvents",] == 1


def test_a_late_event_adds_to_its_own_window(world: World, group: str) -> None:
    arn, tracking_id = attribution(world, group), tracker(world, group)
    old = 3 * 3600
    put(world, tracking_id, "click", ago=old)
    count(world, arn)
    put(world, tracking_id, "click", ago=old)
    put(world, tracking_id, "click", ago=0)
    count(world, arn)
    points = world.parts.context.points
    [series] = points.names("000000000000", "us-east-1", name="COUNTCLICKS")
    rows = points.read(series, 0, 1 << 40)
    assert [(row.timestamp % 900, row.value) for row in rows] == [(0, Decimal(1))] * 3
    assert len({row.timestamp for row in rows}) == 2


def test_the_price_is_that_of_the_time_of_counting(world: World, group: str) -> None:
    arn, tracking_id = attribution(world, group), tracker(world, group)
    items = group.replace(":dataset-group/", ":dataset/") + "/ITEMS"
    put(world, tracking_id, "purchase")
    count(world, arn)
    item = {"itemId": "i1", "properties": json.dumps({"price": 20.0})}
    world.events.put_items(datasetArn=items, items=[item])
    put(world, tracking_id, "purchase")
    count(world, arn)
    assert values(world)["SALES", "SOURCE_NAME_UNDEFINED"] == Decimal("29.95")


def test_the_101st_source_is_undefined_in_points(world: World, group: str) -> None:
    arn, tracking_id = attribution(world, group), tracker(world, group)
    for number in range(101):
        source = {"eventAttributionSource": f"partner-{number:03}"}
        put(world, tracking_id, "click", metricAttribution=source, ago=86400 - 900 * (number // 2))
        if number % 40 == 0:
            count(world, arn)
    count(world, arn)
    found = values(world)
    assert len(found) == 101
    assert found["COUNTCLICKS", "SOURCE_NAME_UNDEFINED"] == 1
    assert ("COUNTCLICKS", "PARTNER-100") not in found
    put(world, tracking_id, "click", metricAttribution={"eventAttributionSource": "PARTNER-007"})
    count(world, arn)
    assert values(world)["COUNTCLICKS", "PARTNER-007"] == 2


def test_an_update_counts_what_came_before_by_the_old_metrics(world: World, group: str) -> None:
    arn, tracking_id = attribution(world, group, [CLICKS]), tracker(world, group)
    put(world, tracking_id, "click")
    put(world, tracking_id, "watch")
    watched = {**CLICKS, "eventType": "watch"}
    update = world.personalize.update_metric_attribution
    update(metricAttributionArn=arn, removeMetrics=["countClicks"], addMetrics=[watched])
    put(world, tracking_id, "click")
    put(world, tracking_id, "watch")
    put(world, tracking_id, "watch")
    count(world, arn)
    assert values(world) == {("COUNTCLICKS", "SOURCE_NAME_UNDEFINED"): 3}
    assert world.personalize.list_metric_attribution_metrics(metricAttributionArn=arn)["metrics"] == [watched]


def test_updates_are_refused_with_their_reasons(world: World, group: str) -> None:
    arn = attribution(world, group, [CLICKS])
    update = world.personalize.update_metric_attribution
    assert refused(update, metricAttributionArn=arn)[0] == "InvalidInputException"
    assert refused(update, addMetrics=[SALES])[0] == "InvalidInputException"
    assert refused(update, metricAttributionArn=arn, addMetrics=[{**SALES, "metricName": "COUNTclicks"}])[0] == (
        "ResourceAlreadyExistsException"
    )
    assert refused(update, metricAttributionArn=arn, removeMetrics=["sales"])[0] == "ResourceNotFoundException"
    many = [{**CLICKS, "metricName": f"m{number}"} for number in range(10)]
    for added in ({"expression": "SUM(Items.PRIZE)"}, {"metricName": "M0"}):
        _, message = refused(update, metricAttributionArn=arn, addMetrics=[many[0], {**many[1], **added}])
        assert "addMetrics.2.member" in message
    assert "at most 10" in refused(update, metricAttributionArn=arn, addMetrics=many)[1]
    update(metricAttributionArn=arn, removeMetrics=["countClicks"])
    assert world.personalize.list_metric_attribution_metrics(metricAttributionArn=arn)["metrics"] == []
    update(metricAttributionArn=arn, metricsOutputConfig={"roleArn": ROLE})
    assert described(world, arn)["metricsOutputConfig"] == {"roleArn": ROLE}


def test_a_dataset_stays_while_an_attribution_counts_it(world: World, group: str) -> None:
    arn = attribution(world, group)
    interactions = group.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"
    code, message = refused(world.personalize.delete_dataset, datasetArn=interactions)
    assert (code, arn in message) == ("ResourceInUseException", True)
    world.personalize.delete_metric_attribution(metricAttributionArn=arn)
    assert refused(world.personalize.update_metric_attribution, metricAttributionArn=arn, removeMetrics=["sales"])[
        0
    ] == ("ResourceInUseException")
    world.work()
    assert refused(world.personalize.describe_metric_attribution, metricAttributionArn=arn)[0] == (
        "ResourceNotFoundException"
    )
    world.personalize.delete_dataset(datasetArn=interactions)


def test_what_came_before_a_deletion_is_counted_and_a_new_one_begins_anew(world: World, group: str) -> None:
    arn, tracking_id = attribution(world, group, [CLICKS]), tracker(world, group)
    put(world, tracking_id, "click")
    world.personalize.delete_metric_attribution(metricAttributionArn=arn)
    world.work()
    put(world, tracking_id, "click")
    count(world, attribution(world, group, [CLICKS]))
    assert values(world) == {("COUNTCLICKS", "SOURCE_NAME_UNDEFINED"): 1}


def test_a_missing_bucket_fails_the_creation_with_a_reason(world: World, group: str) -> None:
    output = {"roleArn": ROLE, "s3DataDestination": {"path": "s3://nowhere/reports/"}}
    arn = world.personalize.create_metric_attribution(
        name="value", datasetGroupArn=group, metrics=[CLICKS], metricsOutputConfig=output
    )["metricAttributionArn"]
    world.work()
    found = described(world, arn)
    assert (found["status"], "nowhere" in found["failureReason"]) == ("CREATE FAILED", True)


def rows_of(world: World, name: str, rows: Sequence[tuple[str, float, str, str]], *, users: int = 100) -> str:
    """A CSV of purchases by many users: item, seconds ago, source and value."""
    now = datetime.now(UTC).timestamp()
    table = [
        (f"u{user}", item, "purchase", int(now - ago), value, source)
        for user in range(users)
        for item, ago, source, value in rows
    ]
    write_csv(world.bucket() / name, [name for name, _ in VALUED], table)
    return f"s3://films/{name}"


def reports(world: World) -> list[Path]:
    return sorted((world.bucket() / "reports").glob("*.csv"))


def test_imports_publish_points_and_reports_by_their_mode(world: World, group: str) -> None:
    interactions = group.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"
    first = rows_of(world, "first.csv", [("i1", 60, "", "1")])
    code, message = refused(
        world.personalize.create_dataset_import_job,
        jobName="early",
        datasetArn=interactions,
        dataSource={"dataLocation": first},
        publishAttributionMetricsToS3=True,
    )
    assert (code, "no metric attribution" in message) == ("InvalidInputException", True)
    assert world.load(interactions, first, "first")["status"] == "ACTIVE"
    attribution(world, group)
    assert world.load(interactions, first, "full", publishAttributionMetricsToS3=True)["status"] == "ACTIVE"
    assert values(world) == {}
    [report] = reports(world)
    assert report.name.startswith("AggregatedAttributionMetrics-FULL-")
    lines = report.read_text().splitlines()
    assert lines[0] == "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP"
    assert [line.rsplit(",", 1)[0] for line in lines[1:]] == [
        "MARGIN,PURCHASE,100.0,sum,SOURCE_NAME_UNDEFINED",
        "SALES,PURCHASE,995.0,sum,SOURCE_NAME_UNDEFINED",
    ]
    more = rows_of(world, "more.csv", [("i1", 70, "news", "0.1"), ("i2", 20 * 86400, "news", "2")])
    job = world.load(interactions, more, "more", importMode="INCREMENTAL", publishAttributionMetricsToS3=True)
    assert (job["status"], job["publishAttributionMetricsToS3"]) == ("ACTIVE", True)
    assert values(world) == {("SALES", "NEWS"): 995, ("MARGIN", "NEWS"): 10}
    text = reports(world)[1].read_text()
    assert "AggregatedAttributionMetrics-INCREMENTAL-" in reports(world)[1].name
    assert [line.split(",")[:5] for line in text.splitlines()[1:]] == [
        ["MARGIN", "PURCHASE", "10.0", "sum", "NEWS"],
        ["SALES", "PURCHASE", "995.0", "sum", "NEWS"],
        ["MARGIN", "PURCHASE", "200.0", "sum", "NEWS"],
        ["SALES", "PURCHASE", "0.0", "sum", "NEWS"],
    ]


def test_a_report_that_cannot_be_written_is_told_and_the_import_stands(world: World, group: str) -> None:
    interactions = group.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"
    arn = attribution(world, group)
    (world.bucket() / "reports").write_text("a file where a folder should be")
    location = rows_of(world, "rows.csv", [("i1", 60, "", "1")])
    assert world.load(interactions, location, "one", publishAttributionMetricsToS3=True)["status"] == "ACTIVE"
    assert "could not be written" in described(world, arn)["failureReason"]
    (world.bucket() / "reports").unlink()
    assert world.load(interactions, location, "two", publishAttributionMetricsToS3=True)["status"] == "ACTIVE"
    assert "failureReason" not in described(world, arn)
    assert len(reports(world)) == 2
