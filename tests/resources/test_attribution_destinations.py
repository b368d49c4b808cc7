"""Reports on an S3 service whose bucket goes and comes back, and points for a CloudWatch that is away for a while."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer
from structlog.testing import capture_logs

from openpersonalize.resources.attribution_counting import count_all
from tests.resources.test_metric_attributions import CLICKS, VALUED, attribution, described, put, tracker
from tests.world import ROLE, SMALL, World, opened

INTERACTIONS = "arn:aws:personalize:us-east-1:000000000000:dataset/films/INTERACTIONS"
CLOUDWATCH = {"cloudwatch_access_key": "key", "cloudwatch_secret_key": "secret", "cloudwatch_namespace": "ours"}


def started(host: str = "127.0.0.1", port: int = 0) -> tuple[ThreadedMotoServer, str]:
    """An AWS that knows nothing, and its URL."""
    server = ThreadedMotoServer(host, port, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    return server, f"http://{host}:{port}"


def outside(service: str, url: str) -> Any:
    """A client of the other side."""
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )


@pytest.fixture
def aws() -> Iterator[str]:
    server, url = started()
    yield url
    server.stop()


def prepared(world: World) -> str:
    """A dataset group with an Interactions dataset."""
    group = world.group()
    world.dataset(group, "Interactions", VALUED)
    return group


def clicks(s3: Any, name: str, rows: int = 100) -> str:
    """A file of clicks in the bucket of data."""
    now = int(datetime.now(UTC).timestamp())
    lines = [",".join(column for column, _ in VALUED), *(f"u{row},i1,click,{now},," for row in range(rows))]
    s3.put_object(Bucket="films", Key=name, Body="\n".join(lines).encode())
    return f"s3://films/{name}"


KEYS = {"objects_access_key": "k", "objects_secret_key": "s"}
VALUE = "arn:aws:personalize:us-east-1:000000000000:metric-attribution/value"


def reporting(world: World, s3: Any) -> str:
    """An attribution whose reports go to a bucket of their own."""
    for bucket in ("films", "reports"):
        s3.create_bucket(Bucket=bucket)
    arn: str = world.personalize.create_metric_attribution(
        name="value",
        datasetGroupArn=prepared(world),
        metrics=[CLICKS],
        metricsOutputConfig={"roleArn": ROLE, "s3DataDestination": {"path": "s3://reports/of/films/"}},
    )["metricAttributionArn"]
    world.work()
    assert described(world, arn)["status"] == "ACTIVE"
    return arn


def written(s3: Any) -> list[str]:
    """The texts of all reports."""
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="reports").get("Contents", [])]
    assert all(key.startswith("of/films/AggregatedAttributionMetrics-FULL-") for key in keys)
    return [s3.get_object(Bucket="reports", Key=key)["Body"].read().decode() for key in keys]


def lose_bucket(s3: Any) -> None:
    for found in s3.list_objects_v2(Bucket="reports").get("Contents", []):
        s3.delete_object(Bucket="reports", Key=found["Key"])
    s3.delete_bucket(Bucket="reports")


def test_a_report_waits_for_a_bucket_that_is_gone_and_comes_with_the_next_one(tmp_path: Path, aws: str) -> None:
    s3 = outside("s3", aws)
    for world in opened(tmp_path / "data", SMALL | KEYS | {"objects_url": aws}):
        reporting(world, s3)
        assert "failureReason" not in after_an_import(world, s3, "one")
        assert len(written(s3)) == 1
        lose_bucket(s3)
        reason = after_an_import(world, s3, "two", rows=200)["failureReason"]
        assert reason.startswith("The report s3://reports/of/films/AggregatedAttributionMetrics-FULL-")
        assert "could not be written and will be tried again: " in reason
        s3.create_bucket(Bucket="reports")
        assert "failureReason" not in after_an_import(world, s3, "three", rows=300)
        counts = sorted(text.splitlines()[1].split(",")[2] for text in written(s3))
        assert counts == ["200.0", "300.0"]


def test_a_report_is_tried_again_by_itself_and_outlives_a_restart(tmp_path: Path, aws: str) -> None:
    s3, chosen = outside("s3", aws), SMALL | KEYS | {"objects_url": aws}
    for world in opened(tmp_path / "data", chosen):
        reporting(world, s3)
        lose_bucket(s3)
        assert "could not be written" in after_an_import(world, s3, "one")["failureReason"]
    for world in opened(tmp_path / "data", chosen):
        with capture_logs():
            world.worker.drain(until=datetime.now(UTC) + timedelta(seconds=6))
        assert "could not be written" in described(world, VALUE)["failureReason"]
        s3.create_bucket(Bucket="reports")
        world.worker.drain(until=datetime.now(UTC) + timedelta(seconds=40))
        assert "failureReason" not in described(world, VALUE)
        [text] = written(s3)
        assert text.splitlines()[1].startswith("COUNTCLICKS,CLICK,100.0,samplecount,SOURCE_NAME_UNDEFINED,")
        assert world.parts.context.ledger.waiting(VALUE) == []


def test_a_report_goes_where_the_attribution_sends_them_now(tmp_path: Path, aws: str) -> None:
    s3 = outside("s3", aws)
    for world in opened(tmp_path / "data", SMALL | KEYS | {"objects_url": aws}):
        reporting(world, s3)
        lose_bucket(s3)
        after_an_import(world, s3, "one")
        s3.create_bucket(Bucket="other")
        config = {"roleArn": ROLE, "s3DataDestination": {"path": "s3://other/"}}
        world.personalize.update_metric_attribution(metricAttributionArn=VALUE, metricsOutputConfig=config)
        world.worker.drain(until=datetime.now(UTC) + timedelta(seconds=40))
        assert "failureReason" not in described(world, VALUE)
        assert len(s3.list_objects_v2(Bucket="other")["Contents"]) == 1


def test_a_report_of_an_attribution_that_is_deleted_waits_no_longer(tmp_path: Path, aws: str) -> None:
    s3 = outside("s3", aws)
    for world in opened(tmp_path / "data", SMALL | KEYS | {"objects_url": aws}):
        reporting(world, s3)
        lose_bucket(s3)
        after_an_import(world, s3, "one")
        world.personalize.delete_metric_attribution(metricAttributionArn=VALUE)
        world.worker.drain(until=datetime.now(UTC) + timedelta(seconds=40))
        assert world.parts.context.ledger.waiting(VALUE) == []


def after_an_import(world: World, s3: Any, name: str, *, rows: int = 100) -> dict[str, Any]:
    """The attribution after an import with a report, which is ACTIVE whatever became of the report."""
    with capture_logs():
        job = world.load(INTERACTIONS, clicks(s3, f"{name}.csv", rows), name, publishAttributionMetricsToS3=True)
    assert job["status"] == "ACTIVE"
    found = described(world, VALUE)
    assert found["status"] == "ACTIVE"
    return found


def test_points_reach_a_cloudwatch_that_was_away_and_none_is_lost(tmp_path: Path) -> None:
    server, url = started()
    host, port = server.get_host_and_port()
    server.stop()
    worlds = opened(tmp_path / "data", SMALL | CLOUDWATCH | {"cloudwatch_url": url})
    world = next(worlds)
    group = prepared(world)
    world.bucket()
    attribution(world, group, [CLICKS])
    tracking_id = tracker(world, group)
    with capture_logs():
        for source in ("home_page", "home_page", "shop"):
            put(world, tracking_id, "click", metricAttribution={"eventAttributionSource": source})
            count_all(world.parts.context)
            _work(world, minutes=2)
    server, url = started(host, port)
    try:
        with capture_logs():
            _work(world, minutes=20)
        put(world, tracking_id, "click", metricAttribution={"eventAttributionSource": "shop"})
        count_all(world.parts.context)
        _work(world, minutes=40)  # the looks up to 20 minutes from now have been
        arrived = {source: _sum(outside("cloudwatch", url), group, source) for source in ("HOME_PAGE", "SHOP")}
        assert arrived == {"HOME_PAGE": 2.0, "SHOP": 2.0}
    finally:
        server.stop()
        worlds.close()  # type: ignore[attr-defined]


def _work(world: World, **time: float) -> None:
    world.worker.drain(until=world.parts.context.now() + timedelta(**time))


def _sum(cloudwatch: Any, group: str, source: str) -> float:
    now = datetime.now(UTC)
    points = cloudwatch.get_metric_statistics(
        Namespace="ours",
        MetricName="COUNTCLICKS",
        Dimensions=[
            {"Name": "EventAttributionSource", "Value": source},
            {"Name": "DatasetGroupArn", "Value": group},
        ],
        StartTime=now - timedelta(hours=2),
        EndTime=now,
        Period=900,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))
