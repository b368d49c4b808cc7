"""CloudWatch read through boto3: what the store of points holds, and arithmetic over it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from openpersonalize.resources.registry import BEFORE_METRICS
from openpersonalize.storage.points import Point
from tests.clients import client
from tests.world import World

NOW = int(datetime.now(UTC).timestamp())
START = NOW - NOW % 3600 - 7200
DIMENSIONS = (("EventAttributionSource", "HOME_PAGE"), ("DatasetGroupArn", "arn:aws:personalize:us-east-1:0:films"))
WIRE = [{"Name": name, "Value": value} for name, value in DIMENSIONS]


def point(name: str, minutes: int, value: str, **more: Any) -> Point:
    given: dict[str, Any] = {
        "account": "000000000000",
        "region": "us-east-1",
        "namespace": "AWS/Personalize",
        "unit": "None",
    }
    given |= {"dimensions": DIMENSIONS, "timestamp": START + 60 * minutes, "value": Decimal(value), **more}
    return Point(name=name, **given)


@pytest.fixture
def cloudwatch(world: World) -> Any:
    world.parts.context.points.put(
        [
            point("CLICKS", 0, "2"),
            point("CLICKS", 15, "0.1"),
            point("CLICKS", 15, "0.2"),
            point("CLICKS", 45, "7", count=Decimal(3), minimum=Decimal(1), maximum=Decimal(4)),
            point("VIEWS", 0, "8"),
            point("VIEWS", 30, "5"),
            point("VIEWS", 45, "70"),
            point("CLICKS", 0, "1000", account="444455556666"),
            point("CLICKS", 0, "1000", region="eu-west-1"),
        ]
    )
    return client("cloudwatch", world.door, world.identity)


def when(minutes: int) -> datetime:
    return datetime.fromtimestamp(START + 60 * minutes, UTC)


def statistics(cloudwatch: Any, **more: Any) -> Any:
    asked = {
        "Namespace": "AWS/Personalize",
        "MetricName": "CLICKS",
        "Dimensions": WIRE,
        "StartTime": when(0),
        "EndTime": when(60),
        "Period": 900,
        "Statistics": ["Sum"],
    }
    return cloudwatch.get_metric_statistics(**(asked | more))


def query(name: str, metric: str = "CLICKS", **more: Any) -> dict[str, Any]:
    asked = {"Namespace": "AWS/Personalize", "MetricName": metric, "Dimensions": WIRE}
    return {"Id": name, "MetricStat": {"Metric": asked, "Period": 900, "Stat": "Sum"}, **more}


def data(cloudwatch: Any, *queries: Any, **more: Any) -> Any:
    asked = {"StartTime": when(0), "EndTime": when(60), "ScanBy": "TimestampAscending"}
    return cloudwatch.get_metric_data(MetricDataQueries=list(queries), **(asked | more))


def values(answer: Any) -> dict[str, list[float]]:
    return {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}


def refused(call: Any, *queries: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*queries, **more)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_metrics_are_listed_with_their_dimensions_in_order(cloudwatch: Any) -> None:
    listed = cloudwatch.list_metrics(Namespace="AWS/Personalize")["Metrics"]
    assert sorted(listed, key=lambda one: str(one["MetricName"])) == [
        {"Namespace": "AWS/Personalize", "MetricName": name, "Dimensions": WIRE} for name in ("CLICKS", "VIEWS")
    ]
    assert cloudwatch.list_metrics(MetricName="VIEWS", Dimensions=WIRE[:1])["Metrics"][0] in listed
    assert cloudwatch.list_metrics(Dimensions=[{"Name": "Nope"}])["Metrics"] == []
    assert cloudwatch.list_metrics(OwningAccount="999999999999")["Metrics"] == []


def test_long_lists_come_in_pages(world: World, cloudwatch: Any) -> None:
    world.parts.context.points.put([point(f"M{number}", 0, "1", namespace="own") for number in range(750)])
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="own"))
    assert [len(page["Metrics"]) for page in pages] == [500, 250]
    code, _ = refused(cloudwatch.list_metrics, Namespace="other", NextToken=pages[0]["NextToken"])
    assert code == "InvalidParameterValue"


def test_sums_are_exact_and_stand_at_the_start_of_their_period(cloudwatch: Any) -> None:
    answer = statistics(cloudwatch)
    assert answer["Label"] == "CLICKS"
    assert [(one["Timestamp"], one["Sum"]) for one in answer["Datapoints"]] == [
        (when(0), 2.0),
        (when(15), 0.3),
        (when(45), 7.0),
    ]


def test_all_statistics_of_a_longer_period(cloudwatch: Any) -> None:
    asked = ["Sum", "SampleCount", "Average", "Minimum", "Maximum"]
    (one,) = statistics(cloudwatch, Period=3600, Statistics=asked)["Datapoints"]
    assert one == {
        "Timestamp": when(0),
        "Unit": "None",
        "Sum": 9.3,
        "SampleCount": 6.0,
        "Average": 1.55,
        "Minimum": 0.1,
        "Maximum": 4.0,
    }


def test_the_order_of_dimensions_does_not_matter_their_set_does(cloudwatch: Any) -> None:
    assert len(statistics(cloudwatch, Dimensions=WIRE[::-1])["Datapoints"]) == 3
    assert statistics(cloudwatch, Dimensions=WIRE[:1])["Datapoints"] == []


def test_units_stay_apart(world: World, cloudwatch: Any) -> None:
    world.parts.context.points.put([point("CLICKS", 0, "9", unit="Count")])
    found = statistics(cloudwatch, EndTime=when(15))["Datapoints"]
    assert sorted((one["Unit"], one["Sum"]) for one in found) == [("Count", 9.0), ("None", 2.0)]
    assert [one["Sum"] for one in statistics(cloudwatch, EndTime=when(15), Unit="Count")["Datapoints"]] == [9.0]


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({"Period": 60, "EndTime": when(1441)}, "InvalidParameterCombination", "up to 1,441 datapoints"),
        ({"Period": 90}, "InvalidParameterValue", "multiple of 60"),
        ({"EndTime": when(0)}, "InvalidParameterValue", "StartTime must be less"),
        ({"ExtendedStatistics": ["p99"]}, "InvalidParameterValue", "percentiles"),
    ],
)
def test_what_cannot_be_asked_of_statistics(cloudwatch: Any, more: Any, code: str, message: str) -> None:
    found = refused(lambda: statistics(cloudwatch, **more))
    assert found[0] == code
    assert message in found[1]


def test_formulas_are_computed_over_metrics(cloudwatch: Any) -> None:
    answer = data(
        cloudwatch,
        query("clicks", ReturnData=False),
        query("views", "VIEWS", Label="seen"),
        {"Id": "rate", "Expression": "clicks / views", "Label": "click-through"},
        {"Id": "percent", "Expression": "100 * FILL(rate, 0)"},
        {"Id": "all", "Expression": "SUM(METRICS())"},
    )
    assert values(answer) == {
        "views": [8.0, 5.0, 70.0],
        "rate": [0.25, 0.1],
        "percent": [25.0, 0.0, 0.0, 10.0],
        "all": [10.0, 0.3, 5.0, 77.0],
    }
    shown = {result["Id"]: result for result in answer["MetricDataResults"]}
    assert shown["rate"]["Timestamps"] == [when(0), when(45)]
    assert [shown[name]["Label"] for name in ("views", "rate", "all")] == ["seen", "click-through", "all"]
    assert {result["StatusCode"] for result in shown.values()} == {"Complete"}


def test_newest_come_first_unless_asked_otherwise(cloudwatch: Any) -> None:
    asked = [query("m")]
    newest = cloudwatch.get_metric_data(MetricDataQueries=asked, StartTime=when(0), EndTime=when(60))
    assert values(newest) == {"m": [7.0, 0.3, 2.0]}


def test_several_series_of_a_formula_have_its_id_and_their_own_labels(cloudwatch: Any) -> None:
    results = data(cloudwatch, query("a"), query("b", "VIEWS"), {"Id": "e", "Expression": "METRICS() * 2"})
    found = [(one["Id"], one["Label"], one["Values"][0]) for one in results["MetricDataResults"]]
    assert found[2:] == [("e", "CLICKS", 4.0), ("e", "VIEWS", 16.0)]


def test_values_come_in_pages(cloudwatch: Any) -> None:
    asked = {"MetricDataQueries": [query("a"), query("none", "NOPE"), query("b", "VIEWS")], "MaxDatapoints": 2}
    asked |= {"StartTime": when(0), "EndTime": when(60), "ScanBy": "TimestampAscending"}
    pages, token = [], None
    while True:
        page = cloudwatch.get_metric_data(**asked, **({"NextToken": token} if token else {}))
        pages.append([(one["Id"], one["Values"], one["StatusCode"]) for one in page["MetricDataResults"]])
        token = page.get("NextToken")
        if token is None:
            break
    assert pages == [
        [("a", [2.0, 0.3], "PartialData")],
        [("a", [7.0], "Complete"), ("none", [], "Complete"), ("b", [8.0], "PartialData")],
        [("b", [5.0, 70.0], "Complete")],
    ]
    code, _ = refused(cloudwatch.get_metric_data, **asked, NextToken="AAAA")
    assert code == "InvalidNextToken"


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([query("a"), query("a")], "ids must be unique"),
        ([query("A")], "lower-case letter"),
        ([query("a", ReturnData=False)], "At least one query"),
        ([{"Id": "a"}], "exactly one of MetricStat and Expression"),
        ([{"Id": "a", "Expression": "b"}], "Error in expression 'a': Character 1: there is no query with the id b"),
        ([{"Id": "a", "Expression": "2 +"}], "Error in expression 'a': Character 4: the text ends"),
        ([{"Id": "a", "Expression": "b"}, {"Id": "b", "Expression": "a"}], "it needs itself"),
        ([query("a") | {"AccountId": "999999999999"}], "another account"),
    ],
)
def test_what_cannot_be_asked_of_data(cloudwatch: Any, queries: Any, message: str) -> None:
    code, told = refused(lambda: data(cloudwatch, *queries))
    assert code == "ValidationError"
    assert message in told


def test_a_chain_of_formulas_and_a_huge_request_have_their_limits(cloudwatch: Any) -> None:
    chain = [query("e0")] + [{"Id": f"e{place}", "Expression": f"e{place - 1}"} for place in range(1, 100)]
    assert "over 32 expressions" in refused(lambda: data(cloudwatch, *chain[::-1]))[1]
    long = {"Id": "e", "Expression": "a", "Period": 1}
    assert "can be asked for" in refused(lambda: data(cloudwatch, query("a"), long, StartTime=0))[1]


def test_users_put_metrics_of_their_own(cloudwatch: Any) -> None:
    cloudwatch.put_metric_data(
        Namespace="baseline",
        MetricData=[
            {"MetricName": "CLICKS", "Dimensions": WIRE, "Timestamp": when(0), "Value": 3.5, "Unit": "Count"},
            {
                "MetricName": "CLICKS",
                "Dimensions": WIRE,
                "Timestamp": when(1),
                "Values": [1.0, 2.0],
                "Counts": [2.0, 1.0],
            },
            {
                "MetricName": "CLICKS",
                "Dimensions": WIRE,
                "Timestamp": when(2),
                "StatisticValues": {"SampleCount": 5.0, "Sum": 10.0, "Minimum": 0.5, "Maximum": 9.0},
            },
        ],
    )
    asked = ["Sum", "SampleCount", "Minimum", "Maximum"]
    found = statistics(cloudwatch, Namespace="baseline", Statistics=asked)["Datapoints"]
    shown = {one["Unit"]: tuple(one[name] for name in asked) for one in found}
    assert shown == {"Count": (3.5, 1.0, 3.5, 3.5), "None": (14.0, 8.0, 0.5, 9.0)}


@pytest.mark.parametrize(
    ("namespace", "datum", "code"),
    [
        ("AWS/Personalize", {"Value": 1.0}, "InvalidParameterValue"),
        ("own", {}, "InvalidParameterCombination"),
        ("own", {"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ("own", {"Value": 1e200}, "InvalidParameterValue"),
        ("own", {"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterValue"),
        ("own", {"Values": [1.0], "Counts": [0.0]}, "InvalidParameterValue"),
        ("own", {"Value": 1.0, "Timestamp": datetime.now(UTC) - timedelta(days=20)}, "InvalidParameterValue"),
        ("own", {"Value": 1.0, "Dimensions": WIRE[:1] * 2}, "InvalidParameterValue"),
    ],
)
def test_points_that_cannot_be(cloudwatch: Any, namespace: str, datum: Any, code: str) -> None:
    put = {"Namespace": namespace, "MetricData": [{"MetricName": "n", **datum}]}
    assert refused(cloudwatch.put_metric_data, **put)[0] == code


def test_what_waits_to_be_counted_is_counted_first(cloudwatch: Any, world: World) -> None:
    def count(_ctx: Any) -> None:
        world.parts.context.points.put([point("LATE", 0, "1")])

    BEFORE_METRICS.append(count)
    try:
        assert values(data(cloudwatch, query("m", "LATE"))) == {"m": [1.0]}
    finally:
        BEFORE_METRICS.remove(count)
