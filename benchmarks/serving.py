"""Signed GetRecommendations and PutEvents under load by wrk, beside a bare ASGI application on the same machine.

The model: aws-user-personalization-v2 on 2,000 users with 50 events each over 1,682 items. wrk goes round 500 requests
signed beforehand (signatures hold for 15 minutes), each for a user of its own; every answer has 25 items.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables import markdown
from tests.server import Server, settled, until
from tests.world import INTERACTIONS, write_csv

USERS, ITEMS, EVENTS = 2000, 1682, 50
SIGNED = 500
SECONDS = 10
RUNS = 3


@dataclass(frozen=True)
class Load:
    """One measurement by wrk."""

    requests: float
    p50: float
    p99: float
    errors: int


def run() -> list[str]:
    """All measurements, ratios within one run."""
    if shutil.which("wrk") is None:
        sys.exit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name, trained_server(Path(name)) as (server, campaign, tracking_id):
        asking = signed(server, "personalize-runtime", "get_recommendations", asks(campaign))
        puts = signed(server, "personalize-events", "put_events", _puts(tracking_id))
        size = _answer_size(server, campaign)
        script = Path(name)
        rows = []
        with _bare(size, script) as bare:
            for _ in range(RUNS):
                base = wrk(bare, asking, script, 16)
                rows += [
                    _row("GetRecommendations, 1 connection", wrk(server.url, asking, script, 1)),
                    _row("GetRecommendations, 16 connections", wrk(server.url, asking, script, 16), base),
                    _row("PutEvents, 64 connections", wrk(server.url, puts, script, 64)),
                    _row(f"bare ASGI, {size} bytes, 16 connections", base),
                ]
    return ["## Serving, one serving process, wrk on the same cores", "", markdown(_spread(rows))]


def _row(what: str, load: Load, base: Load | None = None) -> dict[str, Any]:
    share = load.requests / base.requests if base else float("nan")
    return {
        "what": what,
        "requests/s": load.requests,
        "p50 ms": load.p50,
        "p99 ms": load.p99,
        "errors": load.errors,
        "of bare": share,
    }


def _spread(rows: list[dict[str, Any]]) -> list[dict[str, object]]:
    """Median of the runs and, in brackets, their range."""
    found = []
    for what in dict.fromkeys(row["what"] for row in rows):
        own = [row for row in rows if row["what"] == what]
        line: dict[str, object] = {"what": what}
        for name in ("requests/s", "p50 ms", "p99 ms", "of bare"):
            values = sorted(row[name] for row in own)
            middle, low, high = values[len(values) // 2], values[0], values[-1]
            line[name] = "" if middle != middle else f"{middle:,.4g} [{low:,.4g} to {high:,.4g}]"  # noqa: PLR0124
        line["errors"] = sum(row["errors"] for row in own)
        found.append(line)
    return found


@contextmanager
def trained_server(folder: Path) -> Iterator[tuple[Server, str, str]]:
    """A server with the model, its campaign's ARN and a tracking id."""
    server = Server(folder)
    server.start()
    try:
        yield (server, *_trained(server))
    finally:
        server.stop()


def _trained(server: Server) -> tuple[str, str]:
    bucket = server.data_dir / "s3" / "bench"
    bucket.mkdir(parents=True)
    rows = [
        (f"u{user}", f"i{(user * 31 + place * place * 7) % ITEMS}", "click", 1_700_000_000 + place)
        for user in range(USERS)
        for place in range(EVENTS)
    ]
    write_csv(bucket / "rows.csv", [name for name, _ in INTERACTIONS], rows)
    api = server.client("personalize")
    fields = [{"name": name, "type": kind} for name, kind in INTERACTIONS]
    schema = json.dumps({"type": "record", "name": "Interactions", "fields": fields})
    group = api.create_dataset_group(name="bench")["datasetGroupArn"]
    settled(api.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    dataset = api.create_dataset(
        name="bench",
        schemaArn=api.create_schema(name="bench", schema=schema)["schemaArn"],
        datasetGroupArn=group,
        datasetType="Interactions",
    )["datasetArn"]
    settled(api.describe_dataset, "dataset", datasetArn=dataset)
    job = api.create_dataset_import_job(
        jobName="bench", datasetArn=dataset, dataSource={"dataLocation": "s3://bench/rows.csv"}
    )["datasetImportJobArn"]
    settled(api.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    recipe = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
    solution = api.create_solution(name="bench", datasetGroupArn=group, recipeArn=recipe)["solutionArn"]
    version = api.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settled(api.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    campaign = api.create_campaign(name="bench", solutionVersionArn=version)["campaignArn"]
    settled(api.describe_campaign, "campaign", campaignArn=campaign)
    tracker = api.create_event_tracker(name="bench", datasetGroupArn=group)
    settled(api.describe_event_tracker, "eventTracker", eventTrackerArn=tracker["eventTrackerArn"])
    return campaign, tracker["trackingId"]


def asks(campaign: str) -> Iterator[dict[str, Any]]:
    """Calls of GetRecommendations, each for a user of its own."""
    for number in range(SIGNED):
        yield {"campaignArn": campaign, "userId": f"u{number}", "numResults": 25}


def _puts(tracking_id: str) -> Iterator[dict[str, Any]]:
    for number in range(SIGNED):
        event = {"eventType": "click", "itemId": f"i{number % ITEMS}", "sentAt": 1_800_000_000}
        yield {"trackingId": tracking_id, "userId": f"new-{number}", "sessionId": "s", "eventList": [event]}


def signed(server: Server, service: str, call: str, members: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """What boto3 would have sent: path, headers and body, taken from it just before it sends."""
    client, taken = server.client(service), []

    def take(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        headers = {
            name: value if isinstance(value, str) else value.decode()
            for name, value in request.headers.items()
            if name.lower() not in ("content-length", "user-agent", "amz-sdk-request", "amz-sdk-invocation-id")
        }
        taken.append({"path": request.url.removeprefix(server.url), "headers": headers, "body": request.body.decode()})
        return AWSResponse(request.url, 200, {}, _Empty())

    client.meta.events.register("before-send", take)
    for given in members:
        getattr(client, call)(**given)
    return taken


class _Empty:
    def stream(self) -> Iterator[bytes]:
        yield b"{}"


def _answer_size(server: Server, campaign: str) -> int:
    answer = server.client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="u1")
    return int(answer["ResponseMetadata"]["HTTPHeaders"]["content-length"])


LUA = """
local requests = {%s}
local place = 0
request = function()
  place = place %% #requests + 1
  return requests[place]
end
init = function(args)
  for number, one in ipairs(requests) do
    requests[number] = wrk.format("POST", one[1], one[2], one[3])
  end
end
done = function(summary, latency, requests)
  local errors = summary.errors
  print(string.format("MEASURED %%f %%f %%f %%d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


def wrk(url: str, requests: list[dict[str, Any]], folder: Path, connections: int, seconds: int = SECONDS) -> Load:
    """What wrk measures while it goes round signed requests; its script is written into `folder`."""
    script = folder / "load.lua"
    script.write_text(LUA % ", ".join(_lua(one) for one in requests))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"MEASURED (\S+) (\S+) (\S+) (\d+)", done.stdout)
    assert found is not None, done.stdout
    return Load(float(found[1]), float(found[2]), float(found[3]), int(found[4]))


def _lua(one: dict[str, Any]) -> str:
    headers = ", ".join(f"[{json.dumps(name)}]={json.dumps(value)}" for name, value in one["headers"].items())
    return f"{{{json.dumps(one['path'])}, {{{headers}}}, {json.dumps(one['body'])}}}"


BARE = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    length = str(len(BODY)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": BODY})
"""


@contextmanager
def _bare(size: int, folder: Path) -> Iterator[str]:
    """An ASGI application that reads the request and answers so many bytes, in the same kind of server."""
    (folder / "bare.py").write_text(f'BODY = b"x" * {size}\n{BARE}')
    port = "8765"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "bare:app",
            "--port",
            port,
            "--no-access-log",
            "--lifespan",
            "off",
            "--log-level",
            "error",
        ],
        cwd=folder,
    )
    try:
        until(lambda: _up(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _up(port: str) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", int(port)), 1).close()
    except OSError:
        time.sleep(0.05)
        return False
    return True
