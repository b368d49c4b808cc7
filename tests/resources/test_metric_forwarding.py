"""Points reach another CloudWatch at least once, with the values they have here, whatever happens on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from structlog.testing import capture_logs

from openpersonalize.resources import metric_forwarding
from openpersonalize.storage.points import Point
from tests.world import SMALL, World, opened

NOW = int(datetime.now(UTC).timestamp())
START = NOW - NOW % 900 - 3600


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    """Another CloudWatch."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def reset(url: str) -> None:
    """Let it forget everything; all servers of a process share what they know."""
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()


def forwarding(tmp_path: Path, url: str) -> Iterator[World]:
    given = {"cloudwatch_access_key": "key", "cloudwatch_secret_key": "secret", "cloudwatch_namespace": "ours"}
    return opened(tmp_path / "data", SMALL | given | {"cloudwatch_url": url})


@pytest.fixture
def world(tmp_path: Path, other: str) -> Iterator[World]:
    reset(other)
    yield from forwarding(tmp_path, other)


def point(name: str, minutes: int, value: str, **more: Any) -> Point:
    return Point(
        account="000000000000",
        region="us-east-1",
        namespace=more.pop("namespace", "AWS/Personalize"),
        name=name,
        dimensions=(("EventAttributionSource", "HOME_PAGE"), ("DatasetGroupArn", "arn:films")),
        timestamp=START + 60 * minutes,
        value=Decimal(value),
        **more,
    )


def arrived(url: str, name: str) -> list[tuple[float, float]]:
    there = boto3.client(
        "cloudwatch", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    found = there.get_metric_statistics(
        Namespace="ours",
        MetricName=name,
        Dimensions=[
            {"Name": "EventAttributionSource", "Value": "HOME_PAGE"},
            {"Name": "DatasetGroupArn", "Value": "arn:films"},
        ],
        StartTime=datetime.fromtimestamp(START, UTC),
        EndTime=datetime.fromtimestamp(START + 3600, UTC),
        Period=900,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return sorted(((one["Timestamp"].timestamp() - START) / 60, one["Sum"]) for one in found)


def work(world: World, **time: float) -> None:
    """Run what becomes due within a time from now."""
    world.worker.drain(until=world.parts.context.now() + timedelta(**time))


def waiting(world: World) -> int:
    return len(world.parts.context.points.waiting("AWS/Personalize", 10_000))


def test_points_arrive_in_the_namespace_of_the_settings(world: World, other: str) -> None:
    world.parts.context.points.put([point("CLICKS", 0, "2"), point("CLICKS", 15, "0.25"), point("REVENUE", 15, "12.5")])
    world.parts.context.points.put([point("CLICKS", 30, "99", namespace="own")])
    work(world, minutes=2)
    assert arrived(other, "CLICKS") == [(0.0, 2.0), (15.0, 0.25)]
    assert arrived(other, "REVENUE") == [(15.0, 12.5)]
    assert waiting(world) == 0


def test_samples_taken_together_go_as_their_statistics() -> None:
    several = point("CLICKS", 0, "7", count=Decimal(3), minimum=Decimal(1), maximum=Decimal(4), unit="Count")
    assert metric_forwarding.datum_of(several) == {
        "MetricName": "CLICKS",
        "Dimensions": [
            {"Name": "EventAttributionSource", "Value": "HOME_PAGE"},
            {"Name": "DatasetGroupArn", "Value": "arn:films"},
        ],
        "Timestamp": datetime.fromtimestamp(START, UTC),
        "Unit": "Count",
        "StatisticValues": {"SampleCount": 3.0, "Sum": 7.0, "Minimum": 1.0, "Maximum": 4.0},
    }


def test_many_points_go_some_at_a_time(world: World, other: str) -> None:
    world.parts.context.points.put([point("CLICKS", 0, "1")] * 1200)
    work(world, minutes=2)
    assert arrived(other, "CLICKS") == [(0.0, 1200.0)]


def test_points_are_sent_once_while_all_is_well(world: World, other: str) -> None:
    world.parts.context.points.put([point("CLICKS", 0, "2")])
    work(world, minutes=10)
    assert arrived(other, "CLICKS") == [(0.0, 2.0)]


def test_points_wait_while_the_other_side_is_away_and_arrive_when_it_is_back(tmp_path: Path) -> None:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    server.stop()
    worlds = forwarding(tmp_path, f"http://{host}:{port}")
    world = next(worlds)
    world.parts.context.points.put([point("CLICKS", 0, "2")])
    with capture_logs() as lines:
        work(world, minutes=2)
    pauses = [line["again_in_seconds"] for line in lines if line["event"] == "metrics not sent"]
    assert pauses == [5.0, 10.0, 20.0, 40.0]
    assert waiting(world) == 1
    server = ThreadedMotoServer(ip_address=host, port=port, verbose=False)
    server.start()
    try:
        reset(f"http://{host}:{port}")
        work(world, minutes=10)
        assert waiting(world) == 0
        assert arrived(f"http://{host}:{port}", "CLICKS") == [(0.0, 2.0)]
    finally:
        server.stop()
        worlds.close()  # type: ignore[attr-defined]


class Choosy:
    """A CloudWatch that refuses points of some names, or all, or whom it does not know."""

    def __init__(self, refused: str, code: str = "InvalidParameterValue") -> None:
        self.refused, self.code = refused, code
        self.calls: list[int] = []
        self.taken: list[str] = []

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803
        """As botocore's, but for the choice."""
        assert Namespace == "ours"
        self.calls.append(len(MetricData))
        if any(datum["MetricName"].startswith(self.refused) for datum in MetricData):
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "PutMetricData")
        self.taken += [datum["MetricName"] for datum in MetricData]


@pytest.fixture
def sending(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    def to(other: Choosy) -> Choosy:
        monkeypatch.setattr(metric_forwarding, "client_of", lambda _settings: other)
        work(world, minutes=2)
        return other

    return to


def test_a_point_that_is_refused_holds_up_no_other(world: World, sending: Any) -> None:
    world.parts.context.points.put([point(name, 0, "1") for name in ("A", "BAD", "C", "BAD")])
    assert sending(Choosy("BAD")).taken == ["A", "C"]
    assert waiting(world) == 0


@pytest.mark.parametrize("code", ["InvalidParameterValue", "AccessDenied"])
def test_points_wait_when_all_of_them_are_refused(world: World, sending: Any, code: str) -> None:
    world.parts.context.points.put([point("A", 0, "1")] * 30)
    assert max(sending(Choosy("", code)).calls) == 30
    assert waiting(world) == 30


def test_what_has_grown_too_old_is_left_out(world: World, sending: Any) -> None:
    world.parts.context.points.put([point("OLD", -60 * 24 * 14, "1"), point("NEW", 0, "1")])
    assert sending(Choosy("OLD")).taken == ["NEW"]
    assert waiting(world) == 0


def test_old_points_are_forgotten_once_a_day(world: World) -> None:
    points = world.parts.context.points
    points.put([point("CLICKS", -60 * 24 * 456, "1"), point("CLICKS", 0, "1")])
    work(world, hours=25)
    series = point("CLICKS", 0, "1").series
    assert [one.timestamp for one in points.read(series, 0, NOW)] == [START]


def test_without_an_address_nothing_is_sent(tmp_path: Path) -> None:
    worlds = opened(tmp_path / "data", SMALL)
    world = next(worlds)
    world.parts.context.points.put([point("CLICKS", 0, "2")])
    with capture_logs() as lines:
        work(world, minutes=5)
    assert not [line for line in lines if "metrics" in str(line)]
    assert waiting(world) == 1
    worlds.close()  # type: ignore[attr-defined]
