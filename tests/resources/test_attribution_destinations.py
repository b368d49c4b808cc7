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


def test_a_bucket_that_is_gone_is_told_and_the_next_report_stands_when_it_is_back(tmp_path: Path, aws: str) -> None:
    keys = {"objects_url": aws, "objects_access_key": "k", "objects_secret_key": "s"}
    worlds = opened(tmp_path / "data", SMALL | keys)
    world, s3 = next(worlds), outside("s3", aws)
    for bucket in ("films", "reports"):
        s3.create_bucket(Bucket=bucket)
    group = prepared(world)
    arn = world.personalize.create_metric_attribution(
        name="value",
        datasetGroupArn=group,
        metrics=[CLICKS],
        metricsOutputConfig={"roleArn": ROLE, "s3DataDestination": {"path": "s3://reports/of/films/"}},
    )["metricAttributionArn"]
    world.work()
    assert described(world, arn)["status"] == "ACTIVE"
    assert "failureReason" not in after_an_import(world, s3, "one")
    [report] = s3.list_objects_v2(Bucket="reports")["Contents"]
    s3.delete_object(Bucket="reports", Key=report["Key"])
    s3.delete_bucket(Bucket="reports")
    reason = after_an_import(world, s3, "two")["failureReason"]
    assert "s3://reports/of/films/AggregatedAttributionMetrics-FULL-" in reason
    assert "could not be written" in reason
    s3.create_bucket(Bucket="reports")
    assert "failureReason" not in after_an_import(world, s3, "three")
    [report] = s3.list_objects_v2(Bucket="reports")["Contents"]
    assert report["Key"].startswith("of/films/AggregatedAttributionMetrics-FULL-")
    text = s3.get_object(Bucket="reports", Key=report["Key"])["Body"].read().decode()
    assert text.splitlines()[1].startswith("COUNTCLICKS,CLICK,100.0,samplecount,SOURCE_NAME_UNDEFINED,")
    worlds.close()  # type: ignore[attr-defined]


def after_an_import(world: World, s3: Any, name: str) -> dict[str, Any]:
    """The attribution after an import with a report, which is ACTIVE whatever became of the report."""
    with capture_logs():
        job = world.load(INTERACTIONS, clicks(s3, f"{name}.csv"), name, publishAttributionMetricsToS3=True)
    assert job["status"] == "ACTIVE"
    found = described(world, "arn:aws:personalize:us-east-1:000000000000:metric-attribution/value")
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
