"""Metric attribution from outside: a campaign recommends, events say what came of it, CloudWatch's clients read it.

The server is killed between an event and its counting, and an import between its commit and ACTIVE: each counts once.
"""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server import Server, serving, settled, until
from tests.service.test_restarts import PREFIX, job_of
from tests.world import ROLE, write_csv

GROUP = f"{PREFIX}:dataset-group/shop"
INTERACTIONS, ITEMS = f"{PREFIX}:dataset/shop/INTERACTIONS", f"{PREFIX}:dataset/shop/ITEMS"
COLUMNS = ("USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP", "EVENT_ATTRIBUTION_SOURCE")
ATTRIBUTION = f"{PREFIX}:metric-attribution/value"
UNDEFINED = "SOURCE_NAME_UNDEFINED"
METRICS = [
    {"eventType": "click", "metricName": "countClicks", "expression": "SAMPLECOUNT()"},
    {"eventType": "purchase", "metricName": "revenue", "expression": "SUM(Items.PRICE)"},
]
OUTPUT = {"roleArn": ROLE, "s3DataDestination": {"path": "s3://shop/reports/"}}
PATIENT = {"OPENPERSONALIZE_EVENT_SETTLE_SECONDS": "100000"}


class Shop:
    """A dataset group on a server, with clients for everything."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.bucket = server.data_dir / "s3" / "shop"
        self.bucket.mkdir(parents=True, exist_ok=True)
        self.connect()

    def connect(self) -> None:
        """Anew, after a start."""
        services = ("personalize", "personalize-events", "personalize-runtime", "cloudwatch")
        self.api, self.events, self.runtime, self.cloudwatch = (self.server.client(name) for name in services)

    def prepare(self) -> None:
        """Items at 2.50, clicks of forty users, an attribution, a tracker."""
        group = self.api.create_dataset_group(name="shop")["datasetGroupArn"]
        settled(self.api.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
        nullable = ["null", "string"]
        self._dataset("Interactions", [(name, "string") for name in COLUMNS[:3]] + [("TIMESTAMP", "long")], nullable)
        self._dataset("Items", [("ITEM_ID", "string"), ("PRICE", "double")], None)
        write_csv(self.bucket / "items.csv", ["ITEM_ID", "PRICE"], [(f"i{number}", "2.5") for number in range(30)])
        self.load("items", [], dataset=ITEMS)
        self.load("history", [("click", 40 * 86400 + place, "") for place in range(1000)])
        self.api.create_metric_attribution(
            name="value", datasetGroupArn=GROUP, metrics=METRICS, metricsOutputConfig=OUTPUT
        )
        settled(self.api.describe_metric_attribution, "metricAttribution", metricAttributionArn=ATTRIBUTION)
        self.api.create_event_tracker(name="live", datasetGroupArn=GROUP)

    def _dataset(self, kind: str, columns: Sequence[tuple[str, str]], source: Any) -> None:
        fields = [{"name": name, "type": type_} for name, type_ in columns]
        if source is not None:
            fields.append({"name": "EVENT_ATTRIBUTION_SOURCE", "type": source})
        schema = self.api.create_schema(
            name=kind, schema=json.dumps({"type": "record", "name": kind, "fields": fields})
        )["schemaArn"]
        arn = self.api.create_dataset(name=kind, schemaArn=schema, datasetGroupArn=GROUP, datasetType=kind)
        settled(self.api.describe_dataset, "dataset", datasetArn=arn["datasetArn"])

    def load(self, name: str, rows: Sequence[tuple[str, int, str]], *, dataset: str = INTERACTIONS, **more: Any) -> str:
        """Import events by kind, seconds ago and source; gives the ARN of the job, which is ACTIVE."""
        arn = self.start_load(name, rows, dataset=dataset, **more)
        self.loaded(arn)
        return arn

    def start_load(
        self, name: str, rows: Sequence[tuple[str, int, str]], *, dataset: str = INTERACTIONS, **more: Any
    ) -> str:
        """The same, without waiting."""
        if rows:
            now = int(datetime.now(UTC).timestamp())
            lines = [
                (f"u{place % 40}", f"i{place % 30}", kind, now - ago, source)
                for place, (kind, ago, source) in enumerate(rows)
            ]
            write_csv(self.bucket / f"{name}.csv", COLUMNS, lines)
        made: str = self.api.create_dataset_import_job(
            jobName=name, datasetArn=dataset, dataSource={"dataLocation": f"s3://shop/{name}.csv"}, **more
        )["datasetImportJobArn"]
        return made

    def loaded(self, arn: str) -> None:
        """Wait for it."""
        settled(self.api.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=arn)

    def campaign(self) -> str:
        """What many click, recommended."""
        solution = self.api.create_solution(
            name="popular", datasetGroupArn=GROUP, recipeArn="arn:aws:personalize:::recipe/aws-popularity-count"
        )["solutionArn"]
        version = self.api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        settled(self.api.describe_solution_version, "solutionVersion", solutionVersionArn=version)
        arn: str = self.api.create_campaign(name="home", solutionVersionArn=version)["campaignArn"]
        settled(self.api.describe_campaign, "campaign", campaignArn=arn)
        return arn

    def put(self, kind: str, *, ago: float = 60, source: str | None = None, **more: Any) -> None:
        """One event, acknowledged."""
        if source is not None:
            more["metricAttribution"] = {"eventAttributionSource": source}
        event = {"eventType": kind, "itemId": "i1", "sentAt": datetime.now(UTC) - timedelta(seconds=ago), **more}
        self.events.put_events(trackingId=self.tracker(), sessionId="s", userId="u1", eventList=[event])

    def tracker(self) -> str:
        """The id under which events come."""
        [tracker] = self.api.list_event_trackers()["eventTrackers"]
        found: str = self.api.describe_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])["eventTracker"][
            "trackingId"
        ]
        return found

    def listed(self) -> list[dict[str, Any]]:
        """The metrics of the attribution."""
        own = [{"Name": "EventAttributionSource"}, {"Name": "DatasetGroupArn", "Value": GROUP}]
        found: list[dict[str, Any]] = self.cloudwatch.list_metrics(Namespace="AWS/Personalize", Dimensions=own)[
            "Metrics"
        ]
        return found

    def sums(self) -> dict[tuple[str, str], float]:
        """Each metric and source, by both ways to read them."""
        time = {"StartTime": datetime.now(UTC) - timedelta(days=14), "EndTime": datetime.now(UTC)}
        found = {}
        for metric in self.listed():
            stat = {"Metric": metric, "Period": 900, "Stat": "Sum"}
            [line] = self.cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "m", "MetricStat": stat}], **time)[
                "MetricDataResults"
            ]
            points = self.cloudwatch.get_metric_statistics(**metric, **time, Period=900, Statistics=["Sum"])
            by_time = {point["Timestamp"]: point["Sum"] for point in points["Datapoints"]}
            assert by_time == dict(zip(line["Timestamps"], line["Values"], strict=True))
            assert all(moment.timestamp() % 900 == 0 for moment in by_time)
            found[metric["MetricName"], metric["Dimensions"][0]["Value"]] = sum(by_time.values())
        return found

    def reports(self) -> list[Path]:
        """The files of reports."""
        return sorted((self.bucket / "reports").glob("AggregatedAttributionMetrics*.csv"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that was stopped with everything in place."""
    folder: Path = tmp_path_factory.mktemp("prepared") / "data"
    with serving(folder, **PATIENT) as server:
        Shop(server).prepare()
    return folder


@contextmanager
def opened(prepared: Path, folder: Path, **environment: str) -> Iterator[Shop]:
    """A server on a copy of it."""
    shutil.copytree(prepared, folder / "data")
    with serving(folder / "data", **environment) as server:
        yield Shop(server)


def test_the_whole_flow(prepared: Path, tmp_path: Path) -> None:
    with opened(prepared, tmp_path, **PATIENT) as shop:
        campaign = shop.campaign()
        answer = until(lambda: shop.runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=5))
        own = {"recommendationId": answer["recommendationId"]}
        shop.put("click", **own)
        shop.put("click", source="partner-x")
        shop.put("click")
        shop.put("click", source="Both", **own)
        shop.put("purchase", source="PARTNER-x")
        shop.put("click", ago=15 * 86400, source="old")
        shop.put("click", recommendationId="RID-" + "x" * 25 + "-CID-" + ("0" * 6), source=None)
        expected = {
            ("COUNTCLICKS", campaign): 1.0,
            ("COUNTCLICKS", "PARTNER-X"): 1.0,
            ("COUNTCLICKS", UNDEFINED): 2.0,
            ("COUNTCLICKS", "BOTH"): 1.0,
            ("REVENUE", "PARTNER-X"): 2.5,
        }
        assert shop.sums() == expected
        assert all(
            [pair["Name"] for pair in metric["Dimensions"]] == ["EventAttributionSource", "DatasetGroupArn"]
            for metric in shop.listed()
        )

        shop.api.delete_campaign(campaignArn=campaign)
        until(lambda: not shop.api.list_campaigns()["campaigns"])
        shop.put("click", **own)
        expected["COUNTCLICKS", campaign] += 1
        assert shop.sums() == expected

        rows = [("click", 60, "")] * 500 + [("purchase", 60, "mail")] * 500 + [("purchase", 20 * 86400, "mail")]
        shop.load("more", rows, importMode="INCREMENTAL", publishAttributionMetricsToS3=True)
        expected["COUNTCLICKS", UNDEFINED] += 500
        expected["REVENUE", "MAIL"] = 1250.0
        assert shop.sums() == expected
        [first] = shop.reports()
        assert first.name.startswith("AggregatedAttributionMetrics-INCREMENTAL-")
        lines = [line.rsplit(",", 1)[0] for line in first.read_text().splitlines()[1:]]
        assert lines == [
            f"COUNTCLICKS,CLICK,500.0,samplecount,{UNDEFINED}",
            "REVENUE,PURCHASE,1250.0,sum,MAIL",
            "REVENUE,PURCHASE,2.5,sum,MAIL",
        ]
        shop.load("again", rows, importMode="FULL", publishAttributionMetricsToS3=True)
        assert shop.sums() == expected
        assert [path.name.split("-")[1] for path in shop.reports()] == ["FULL", "INCREMENTAL"]

        refusals(shop)
        shop.api.delete_metric_attribution(metricAttributionArn=ATTRIBUTION)
        until(lambda: not shop.api.list_metric_attributions()["metricAttributions"])
        assert shop.sums() == expected
        with pytest.raises(ClientError) as fault:
            shop.api.delete_dataset(datasetArn=INTERACTIONS)
        assert ATTRIBUTION not in str(fault.value)


def refusals(shop: Shop) -> None:
    create = shop.api.create_metric_attribution
    given = {"name": "second", "datasetGroupArn": GROUP, "metricsOutputConfig": OUTPUT}
    eleven = [{**METRICS[0], "metricName": f"m{number}"} for number in range(11)]
    update = shop.api.update_metric_attribution
    wrong = {"eventType": "click", "metricName": "who", "expression": "SUM(Interactions.USER_ID)"}
    for code, call, members in (
        ("LimitExceededException", create, {**given, "metrics": METRICS}),
        ("ResourceAlreadyExistsException", create, {**given, "name": "value", "metrics": METRICS}),
        ("InvalidInputException", create, {**given, "metrics": eleven}),
        ("InvalidInputException", update, {"metricAttributionArn": ATTRIBUTION, "addMetrics": eleven[:9]}),
        ("InvalidInputException", update, {"metricAttributionArn": ATTRIBUTION, "addMetrics": [wrong]}),
        ("ResourceInUseException", shop.api.delete_dataset, {"datasetArn": INTERACTIONS}),
    ):
        with pytest.raises(ClientError) as fault:
            call(**members)
        assert fault.value.response["Error"]["Code"] == code, fault.value
    assert ATTRIBUTION in str(fault.value)


def test_events_count_once_though_the_server_is_killed_again_and_again(prepared: Path, tmp_path: Path) -> None:
    with opened(prepared, tmp_path, OPENPERSONALIZE_EVENT_SETTLE_SECONDS="0.2") as shop:
        acknowledged = []
        for pause in (0.0, 0.2, 0.6):
            for _ in range(20):
                shop.put("click", source="home")
                acknowledged.append(1)
            reading = threading.Thread(target=_read, args=[shop])
            reading.start()
            time.sleep(pause)
            shop.server.kill()
            reading.join()
            shop.server.start()
            shop.connect()
        assert shop.sums() == {("COUNTCLICKS", "HOME"): len(acknowledged)}


def _read(shop: Shop) -> None:
    """As a dashboard does, which hears nothing when the server dies."""
    try:
        while True:
            shop.listed()
    except Exception:  # noqa: BLE001 - however a dying server shows itself
        return


def test_an_import_counts_once_though_its_process_is_killed_between_commit_and_active(
    prepared: Path, tmp_path: Path
) -> None:
    with opened(prepared, tmp_path, **PATIENT) as shop:
        log = tmp_path / "data" / "records" / "000000000000" / "us-east-1" / "shop" / "interactions" / "_delta_log"
        rows = [("purchase", 60, "mail")] * 1000
        hits: list[bool] = []
        for pause, mode in ((0.0, "INCREMENTAL"), (0.1, "FULL")):
            until(lambda: job_of(shop.server) is None)
            before, reports = set(log.glob("*.json")), len(shop.reports())
            name = f"load-{len(hits)}"
            job = shop.start_load(name, rows, importMode=mode, publishAttributionMetricsToS3=True)
            process = until(lambda: job_of(shop.server))
            until(partial(_another, log, before))
            time.sleep(pause)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            found = shop.api.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
            hits.append(found["status"] == "CREATE IN_PROGRESS")
            shop.loaded(job)
            assert len(shop.reports()) == reports + 1
        assert any(hits)
        assert shop.sums() == {("REVENUE", "MAIL"): 1000 * 2.5}


def _another(log: Path, before: set[Path]) -> bool:
    return set(log.glob("*.json")) > before
