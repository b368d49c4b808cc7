"""Ten thousand resources of a kind: what creating one, describing one and a page of a list cost then.

Schemas are made through the operation itself, without a socket; Describe and List are asked by boto3 over one, so their
times hold what the client costs as well.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.tables import markdown
from openpersonalize import app, settings
from openpersonalize.resources.schemas import create_schema
from tests.server import Server
from tests.world import INTERACTIONS

RESOURCES = 10_000
FIRST = LAST = 500
ASKED = 300
SCHEMA = json.dumps(
    {"type": "record", "name": "Interactions", "fields": [{"name": name, "type": kind} for name, kind in INTERACTIONS]}
)


def run() -> list[str]:
    """All measurements on one data folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _made(folder, range(1))
        one = _asked(folder, "one schema", 1)
        seconds = _made(folder, range(1, RESOURCES))
        full = _asked(folder, f"{RESOURCES:,} schemas", RESOURCES)
    begun, ended = statistics.median(seconds[:FIRST]) * 1000, statistics.median(seconds[-LAST:]) * 1000
    return [
        f"## Control plane, {RESOURCES:,} resources of a kind",
        "",
        markdown([one, full]),
        "",
        (
            f"Creating one costs {begun:.2f} ms of CPU among the first {FIRST}, {ended:.2f} ms among the last {LAST} "
            f"({ended / begun:.2f} times); a flush of the disk comes on top."
        ),
    ]


def _made(folder: Path, numbers: range) -> list[float]:
    """Seconds of CPU of each creation."""
    parts = app.open_parts(settings.load(folder, {"quota_schemas": 10 * RESOURCES}, {}))
    try:
        return [_cpu(partial(create_schema, parts.context, name=f"s{number}", schema=SCHEMA)) for number in numbers]
    finally:
        parts.close()


def _asked(folder: Path, what: str, count: int) -> dict[str, object]:
    server = Server(folder)
    server.start()
    try:
        api = server.client("personalize")
        arn = f"arn:aws:personalize:us-east-1:000000000000:schema/s{count // 2}"
        for _ in range(ASKED):  # what is loaded at first use is not growth
            api.describe_schema(schemaArn=arn)
            api.list_schemas(maxResults=20)
        memory = _memory(server)
        describe = _median(lambda: api.describe_schema(schemaArn=arn))
        page = _median(lambda: api.list_schemas(maxResults=20))
        grown = _memory(server) - memory
    finally:
        server.stop()
    return {
        "what": what,
        "Describe p50 ms": f"{describe:.2f}",
        "List of 20 p50 ms": f"{page:.2f}",
        f"memory grown by {2 * ASKED} calls, MB": f"{grown:.1f}",
    }


def _cpu(call: Callable[[], Any]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def _seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _median(call: Callable[[], Any]) -> float:
    return statistics.median(_seconds(call) for _ in range(ASKED)) * 1000


def _memory(server: Server) -> float:
    """Resident MB of the server and its children."""
    process = server.process
    assert process is not None
    pids = [process.pid, *map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
