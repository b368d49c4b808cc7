"""Whatever comes in whatever order, and whoever is interrupted where, points and reports are what a recount gives."""

import csv
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from openpersonalize.resources import attribution_counting
from openpersonalize.resources.attribution_counting import count_all
from openpersonalize.storage.ledger import Ledger
from openpersonalize.storage.points import Points
from openpersonalize.storage.records import Records
from tests.clients import client
from tests.databases import Server
from tests.resources.recount import Happening, Key, Metric, Recount
from tests.world import INTERACTIONS, ROLE, SMALL, opened, write_csv

HOME = "arn:aws:personalize:us-east-1:000000000000:campaign/home"
OWN_ID = "RID-" + "x" * 25 + "-CID-00aa11"
OTHER_ID = "RID-" + "x" * 25 + "-CID-00bb22"
COLUMNS = (
    *INTERACTIONS,
    ("EVENT_VALUE", ["null", "float"]),
    ("EVENT_ATTRIBUTION_SOURCE", ["null", "string"]),
    ("RECOMMENDATION_ID", ["null", "string"]),
    ("KIND", ["null", "string"]),
)
PRICED = (("ITEM_ID", "string"), ("PRICE", ["null", "double"]))
CLICKS, SALES = Metric("clicks", "Click", "one"), Metric("sales", "purchase", "price")
SPARE = (
    Metric("margin", "PURCHASE", "value"),
    Metric("watched", "watch", "one"),
    Metric("clicked", "click", "value"),
)
INTERRUPTED = (
    (Ledger, "counted"),
    (Records, "behind"),
    (Records, "repeated"),
    (Ledger, "advance"),
    (Ledger, "named"),
    (Ledger, "name"),
    (Points, "add"),
    (Ledger, "enter"),
)
BATCH_ROWS = 4


class Interrupted(Exception):  # noqa: N818 - as a power cut would
    """The end, at a place of the test's choice."""


@contextmanager
def interrupted(after: int) -> Iterator[None]:
    """Let the call number `after` of those that count be the last, with what it wrote and without a commit."""
    left = [after]

    def ending(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **more: Any) -> Any:
            answer = real(*given, **more)
            left[0] -= 1
            if left[0] == 0:
                raise Interrupted
            return answer

        return called

    with ExitStack() as patches:
        for kind, method in INTERRUPTED:
            patches.enter_context(patch.object(kind, method, ending(getattr(kind, method))))
        yield


@dataclass
class Shop:
    """A service, what it was told, and what it should come to."""

    folder: Path
    overrides: dict[str, Any]
    recount: Recount = field(
        default_factory=lambda: Recount({OWN_ID: HOME}, [CLICKS, SALES], {"i1": "9.95", "i2": "0"})
    )
    imports: int = 0
    reports: list[dict[Key, Any]] = field(default_factory=list)

    def open(self) -> None:
        """On the data that is there."""
        self._opened = opened(self.folder / "data", self.overrides)
        self.world = next(self._opened)

    def close(self) -> None:
        """As a server that stops."""
        self._opened.close()  # type: ignore[attr-defined]

    def prepare(self) -> None:
        """A group with items, an earlier import, an attribution, and another group whose events are none of its."""
        self.open()
        world = self.world
        self.group = world.group()
        for kind, columns in (("Interactions", COLUMNS), ("Items", PRICED)):
            world.dataset(self.group, kind, columns)
        self.items, self.interactions = (
            self.group.replace(":dataset-group/", ":dataset/") + end for end in ("/ITEMS", "/INTERACTIONS")
        )
        write_csv(world.bucket() / "items.csv", ["ITEM_ID", "PRICE"], [("i1", "9.95"), ("i2", "")])
        assert world.load(self.items, "s3://films/items.csv", "items")["status"] == "ACTIVE"
        self._load([Happening("click", "i1", 60)], "FULL", report=False)
        self.arn = world.personalize.create_metric_attribution(
            name="value",
            datasetGroupArn=self.group,
            metrics=[metric.member for metric in self.recount.metrics],
            metricsOutputConfig={"roleArn": ROLE, "s3DataDestination": {"path": "s3://films/reports"}},
        )["metricAttributionArn"]
        world.work()
        world.parts.context.ledger.retire(self.group, "00aa11", HOME, 1 << 40)
        self.tracker = self._tracker("live", self.group)
        other = world.group("other")
        world.dataset(other, "Interactions", COLUMNS)
        self.elsewhere = self._tracker("elsewhere", other)

    def _tracker(self, name: str, group: str) -> str:
        made: str = self.world.personalize.create_event_tracker(name=name, datasetGroupArn=group)["trackingId"]
        self.world.work()
        return made

    def put(self, events: Sequence[Happening]) -> None:
        """Send events, and one that belongs to somebody else."""
        now = int(datetime.now(UTC).timestamp())
        members = [_member(event, now) for event in events]
        self.world.events.put_events(trackingId=self.tracker, sessionId="s", userId="u", eventList=members)
        self.world.events.put_events(trackingId=self.elsewhere, sessionId="s", userId="u", eventList=members)
        for event in events:
            self.recount.streamed(event, now - event.ago)

    def count(self) -> None:
        """All of it, for certain."""
        count_all(self.world.parts.context)
        self.recount.count()

    def interrupted(self, after: int, *, reopen: bool) -> None:
        """Count, and be interrupted on the way; then again."""
        with suppress(Interrupted), interrupted(after):
            count_all(self.world.parts.context)
        if reopen:
            self.close()
            self.open()
        self.count()

    def race(self, events: Sequence[Happening]) -> None:
        """Three count at once, one of them in a service of its own, while events come."""
        second = opened(self.folder / "data", self.overrides)
        contexts = [self.world.parts.context, self.world.parts.context, next(second).parts.context]
        failed: list[BaseException] = []

        def counting(context: Any) -> None:
            try:
                for _ in range(2):
                    count_all(context)
            except BaseException as fault:  # noqa: BLE001 - told by the test's own thread
                failed.append(fault)

        threads = [threading.Thread(target=counting, args=[context]) for context in contexts]
        for thread in threads:
            thread.start()
        self.put([Happening(**{**vars(event), "event_id": None}) for event in events])
        for thread in threads:
            thread.join()
        second.close()  # type: ignore[attr-defined]
        assert not failed, failed
        self.count()

    def price(self, item: str, price: str) -> None:
        """An item costs something else from now on."""
        properties = json.dumps({"price": float(price)})
        self.world.events.put_items(datasetArn=self.items, items=[{"itemId": item, "properties": properties}])
        self.recount.prices[item] = price

    def turn(self, metric: Metric) -> None:
        """Remove a metric that is there, add one that is not."""
        known = metric in self.recount.metrics
        change: dict[str, Any] = {"removeMetrics": [metric.name]} if known else {"addMetrics": [metric.member]}
        self.world.personalize.update_metric_attribution(metricAttributionArn=self.arn, **change)
        self.recount.count()
        (self.recount.metrics.remove if known else self.recount.metrics.append)(metric)

    def load(self, rows: Sequence[Happening], mode: str, after: int) -> None:
        """Import rows with a report; the job is interrupted once if `after` is not 0."""
        with interrupted(after):
            made = self._load(rows, mode, report=True)
        self.reports.append(self.recount.imported(made, mode))

    def _load(self, rows: Sequence[Happening], mode: str, *, report: bool) -> list[tuple[Happening, int]]:
        self.imports += 1
        name, now = f"load-{self.imports}", int(datetime.now(UTC).timestamp())
        lines = [_line(row, now) for row in rows]
        write_csv(self.world.bucket() / f"{name}.csv", [column for column, _ in COLUMNS], lines)
        arn = self.world.personalize.create_dataset_import_job(
            jobName=name,
            datasetArn=self.interactions,
            dataSource={"dataLocation": f"s3://films/{name}.csv"},
            importMode=mode,
            publishAttributionMetricsToS3=report,
        )["datasetImportJobArn"]
        self.world.worker.drain(until=datetime.now(UTC) + timedelta(minutes=10))
        job = self.world.personalize.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"]
        assert job["status"] == "ACTIVE", job
        return [(row, now - row.ago) for row in rows]

    def found(self) -> dict[Key, float]:
        """Points, as a reader of CloudWatch sees them."""
        reader = client("cloudwatch", self.world.door, self.world.identity)
        own = [{"Name": "EventAttributionSource"}, {"Name": "DatasetGroupArn", "Value": self.group}]
        listed = reader.list_metrics(Namespace="AWS/Personalize", Dimensions=own)["Metrics"]
        if not listed:
            return {}
        now = datetime.now(UTC)
        answer = reader.get_metric_data(
            MetricDataQueries=[
                {"Id": f"m{place}", "MetricStat": {"Metric": metric, "Period": 900, "Stat": "Sum"}}
                for place, metric in enumerate(listed)
            ],
            StartTime=now - timedelta(days=15),
            EndTime=now,
        )
        return {
            (listed[place]["MetricName"], listed[place]["Dimensions"][0]["Value"], int(time.timestamp())): value
            for line in answer["MetricDataResults"]
            for place in [int(line["Id"][1:])]
            for time, value in zip(line["Timestamps"], line["Values"], strict=True)
        }

    def noted(self) -> dict[str, float]:
        """What the service says it left out or stood out."""
        points, found = self.world.parts.context.points, {}
        for series in points.names("000000000000", "us-east-1", namespace="openpersonalize"):
            found[series.name] = float(sum(point.value for point in points.read(series, 0, 1 << 40)))
        return found

    def reported(self) -> list[dict[Key, str]]:
        """The reports in the bucket, oldest first."""
        found = []
        files = sorted((self.world.bucket() / "reports").glob("*.csv"), key=lambda file: file.stat().st_mtime_ns)
        for file in files:
            with file.open(newline="") as text:
                rows = list(csv.DictReader(text))
            keys = [(row["METRIC_NAME"], row["EVENT_ATTRIBUTION_SOURCE"], int(row["TIMESTAMP"])) for row in rows]
            assert len(set(keys)) == len(keys)
            found.append(dict(zip(keys, (row["VALUE"] for row in rows), strict=True)))
        return found


def _member(event: Happening, now: int) -> dict[str, Any]:
    given = {
        "eventType": event.kind,
        "itemId": event.item,
        "sentAt": datetime.fromtimestamp(now - event.ago, UTC),
        "recommendationId": event.recommendation_id,
        "eventValue": None if event.value is None else float(event.value),
        "eventId": event.event_id,
        "metricAttribution": event.source and {"eventAttributionSource": event.source},
    }
    return {name: value for name, value in given.items() if value is not None}


def _line(row: Happening, now: int) -> tuple[Any, ...]:
    given = (row.value, row.source, row.recommendation_id, "a text")
    return ("u", row.item, row.kind, now - row.ago, *(value or "" for value in given))


AGES = st.sampled_from([0, 60, 800, 1000, 7200, 90_000, 14 * 86_400 - 1_500, 14 * 86_400 + 300])
HAPPENINGS = st.builds(
    Happening,
    kind=st.sampled_from(["click", "CLICK", "purchase", "Purchase", "watch", "view"]),
    item=st.sampled_from(["i1", "i2", "unknown"]),
    ago=AGES,
    source=st.sampled_from([None, None, "home_page", "Home_Page", ' x, "y"', "source_name_undefined"]),
    recommendation_id=st.sampled_from([None, OWN_ID, OTHER_ID, "RID-of-another-house"]),
    value=st.sampled_from([None, "0.1", "19.99", "-3.5", "1000000"]),
    event_id=st.none() | st.sampled_from("abcd"),
)
ROWS = st.builds(
    lambda row, source: Happening(**{**vars(row), "event_id": None, "source": source}),
    HAPPENINGS,
    st.sampled_from([None, "news", "News", "   ", "été"]),
)
EVENTS = st.lists(HAPPENINGS, min_size=1, max_size=10)
STEPS = st.one_of(
    st.tuples(st.just(Shop.put), EVENTS),
    st.tuples(st.just(Shop.put), EVENTS),
    st.tuples(st.just(Shop.count)),
    st.tuples(
        st.just(lambda shop, after, reopen: shop.interrupted(after, reopen=reopen)), st.integers(1, 12), st.booleans()
    ),
    st.tuples(st.just(Shop.race), EVENTS),
    st.tuples(st.just(Shop.price), st.sampled_from(["i1", "i2"]), st.sampled_from(["1.5", "0.01", "250"])),
    st.tuples(st.just(Shop.turn), st.sampled_from([CLICKS, *SPARE])),
    st.tuples(
        st.just(Shop.load),
        st.lists(ROWS, min_size=1, max_size=10),
        st.sampled_from(["FULL", "INCREMENTAL"]),
        st.integers(0, 10),
    ),
)


def run(folder: Path, overrides: dict[str, Any], steps: Sequence[tuple[Any, ...]]) -> None:
    """Take the steps, then compare; without a log, where every interruption would be told at length."""
    shop = Shop(folder, SMALL | {"minimum_interactions": 1} | overrides)
    with capture_logs(), patch.object(attribution_counting, "BATCH_ROWS", BATCH_ROWS):
        shop.prepare()
        try:
            for step, *given in steps:
                step(shop, *given)
            shop.count()
            compare(shop)
        finally:
            shop.close()


def compare(shop: Shop) -> None:
    assert shop.found() == {key: float(value) for key, value in shop.recount.points.items()}
    assert shop.noted() == {name: float(number) for name, number in shop.recount.notes.items() if number}
    assert [{key: float(value) for key, value in report.items()} for report in shop.reported()] == [
        {key: float(value) for key, value in report.items()} for report in shop.reports
    ]


CHOSEN = settings(
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@given(steps=st.lists(STEPS, min_size=6, max_size=14))
@settings(CHOSEN, max_examples=9)
def test_points_and_reports_are_what_a_recount_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    run(tmp_path_factory.mktemp("shop"), {}, steps)


@given(steps=st.lists(STEPS, min_size=6, max_size=10))
@settings(CHOSEN, max_examples=4)
def test_the_same_on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgresql: Server, steps: list[tuple[Any, ...]]
) -> None:
    with postgresql.fresh() as url:
        run(tmp_path_factory.mktemp("shop"), {"metadata_url": url}, steps)
