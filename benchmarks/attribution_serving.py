"""PutEvents into two dataset groups in turns, one with a metric attribution of ten metrics and one without.

Both are of one server, with the jobs that settle and count events every two seconds, so each run pays for its own. An
event carries a value and one of fifty sources. wrk signs nothing: it goes round 500 requests signed beforehand.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.serving import SIGNED, signed, wrk
from benchmarks.tables import markdown
from tests.server import Server, descendants, serving, settled, until
from tests.world import ROLE

RUNS = 3
SECONDS = 8
SETTLE_SECONDS = "2"
CONNECTIONS = 64
SOURCES = 50
TYPES = ("click", "watch", "cart", "purchase", "share")
FIELDS = [
    *({"name": name, "type": "string"} for name in ("USER_ID", "ITEM_ID", "EVENT_TYPE")),
    {"name": "EVENT_VALUE", "type": "float"},
    {"name": "TIMESTAMP", "type": "long"},
]
METRICS = [
    {"eventType": kind, "metricName": f"{kind}-{name}", "expression": expression}
    for kind in TYPES
    for name, expression in (("count", "SAMPLECOUNT()"), ("value", "SUM(Interactions.EVENT_VALUE)"))
]
WAYS = ("with", "without")


@dataclass(frozen=True)
class Measured:
    """One run; CPU microseconds are those of all the server's processes, counting and settling included."""

    requests: float
    p99_ms: float
    cpu_us: float


def run() -> list[str]:
    """All measurements; a short pair warms up and does not count."""
    if shutil.which("wrk") is None:
        sys.exit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder, OPENPERSONALIZE_EVENT_SETTLE_SECONDS=SETTLE_SECONDS) as server:
            trackers = {way: _tracker(server, way) for way in WAYS}
            puts = {way: signed(server, "personalize-events", "put_events", _puts(trackers[way])) for way in WAYS}
            for way in WAYS:
                _measured(server, puts[way], folder, 1)
            runs: dict[str, list[Measured]] = {way: [] for way in WAYS}
            for number in range(RUNS):
                for way in WAYS[::-1] if number % 2 else WAYS:
                    runs[way].append(_measured(server, puts[way], folder, SECONDS))
            _require_counted(server, runs["with"])
    title = f"## PutEvents with a metric attribution of {len(METRICS)} metrics and without, {CONNECTIONS} connections"
    return [title, "", markdown([_row(way, runs[way]) for way in WAYS]), "", _verdict(runs)]


def _tracker(server: Server, name: str) -> str:
    """A group of that name with a tracker, and for "with" an attribution; gives the tracking id."""
    api = server.client("personalize")
    group = api.create_dataset_group(name=name)["datasetGroupArn"]
    settled(api.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    schema = json.dumps({"type": "record", "name": "Interactions", "fields": FIELDS})
    arn = api.create_schema(name=name, schema=schema)["schemaArn"]
    dataset = api.create_dataset(name=name, schemaArn=arn, datasetGroupArn=group, datasetType="Interactions")
    settled(api.describe_dataset, "dataset", datasetArn=dataset["datasetArn"])
    tracker = api.create_event_tracker(name=name, datasetGroupArn=group)
    settled(api.describe_event_tracker, "eventTracker", eventTrackerArn=tracker["eventTrackerArn"])
    if name == "with":
        made = api.create_metric_attribution(
            name=name, datasetGroupArn=group, metrics=METRICS, metricsOutputConfig={"roleArn": ROLE}
        )
        arn = made["metricAttributionArn"]
        settled(api.describe_metric_attribution, "metricAttribution", metricAttributionArn=arn)
    return str(tracker["trackingId"])


def _puts(tracking_id: str) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    for number in range(SIGNED):
        event = {
            "eventType": TYPES[number % len(TYPES)],
            "itemId": f"i{number}",
            "eventValue": number / 4,
            "sentAt": now,
            "metricAttribution": {"eventAttributionSource": f"source-{number % SOURCES}"},
        }
        yield {"trackingId": tracking_id, "userId": f"u{number}", "sessionId": "s", "eventList": [event]}


def _measured(server: Server, puts: list[dict[str, Any]], folder: Path, seconds: int) -> Measured:
    before = _cpu_seconds(server)
    load = wrk(server.url, puts, folder, CONNECTIONS, seconds)
    assert load.errors == 0, load
    time.sleep(2 * float(SETTLE_SECONDS))  # what is left is counted and settled before the next run begins
    return Measured(load.requests, load.p99, (_cpu_seconds(server) - before) / (load.requests * seconds) * 1e6)


def _cpu_seconds(server: Server) -> float:
    """Of all processes of the server, those included that have ended."""
    assert server.process is not None
    ticks = 0
    for number in (server.process.pid, *descendants(server.process.pid)):
        try:
            fields = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _require_counted(server: Server, runs: list[Measured]) -> None:
    """Most of what was sent must have been counted by now, or the runs with an attribution had less to do."""
    cloudwatch = server.client("cloudwatch")
    now = datetime.now(UTC)
    sent = sum(one.requests for one in runs) * SECONDS

    def counted() -> bool:
        total = 0.0
        for metric in cloudwatch.list_metrics(Namespace="AWS/Personalize", MetricName="CLICK-COUNT")["Metrics"]:
            points = cloudwatch.get_metric_statistics(
                Namespace="AWS/Personalize",
                MetricName="CLICK-COUNT",
                Dimensions=metric["Dimensions"],
                StartTime=datetime.fromtimestamp(now.timestamp() - 3600, UTC),
                EndTime=datetime.fromtimestamp(now.timestamp() + 3600, UTC),
                Period=3600,
                Statistics=["Sum"],
            )["Datapoints"]
            total += sum(point["Sum"] for point in points)
        return total * len(TYPES) >= 0.95 * sent

    until(counted)


def _row(way: str, runs: list[Measured]) -> dict[str, object]:
    return {
        "attribution": way,
        "events/s": _range([one.requests for one in runs]),
        "p99 ms": _range([one.p99_ms for one in runs]),
        "CPU µs of the server per event": _range([one.cpu_us for one in runs]),
    }


def _range(values: list[float]) -> str:
    return f"{statistics.median(values):,.4g} [{min(values):,.4g} to {max(values):,.4g}]"


def _verdict(runs: dict[str, list[Measured]]) -> str:
    rate, cpu = (
        statistics.median(getattr(one, name) for one in runs["with"])
        / statistics.median(getattr(one, name) for one in runs["without"])
        for name in ("requests", "cpu_us")
    )
    return (
        f"Median of {RUNS} runs of {SECONDS} s each, in turns; with / without: {rate:.1%} of the events, "
        f"{cpu:.1%} of the CPU per event. Load of the machine at the end: {os.getloadavg()[0]:.1f}."
    )
