"""Ten thousand resources of a kind: what creating one, describing one and a page of a list cost then.

Schemas are made through the operation itself, without a socket; Describe and List are asked by boto3 over one, so their
times hold what the client costs as well.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.tables import markdown
from openpersonalize import app, settings
from openpersonalize.resources.schemas import create_schema
from tests.server import Server
from tests.world import INTERACTIONS

RESOURCES = 10_000
CREATED = 500
ASKED = 300
SCHEMA = json.dumps(
    {"type": "record", "name": "Interactions", "fields": [{"name": name, "type": kind} for name, kind in INTERACTIONS]}
)


def run() -> list[str]:
    """Two data folders, one nearly empty and one full, asked in turns: the speed of a machine changes by the minute."""
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        with _parts(Path(full)) as parts:
            for number in range(RESOURCES - CREATED):
                _create(parts, number)
        with _parts(Path(empty)) as few, _parts(Path(full)) as many:
            costs = [
                (_cpu(partial(_create, few, number)), _cpu(partial(_create, many, number)))
                for number in range(RESOURCES - CREATED, RESOURCES)
            ]
        rows = _asked({f"{CREATED} schemas": Path(empty), f"{RESOURCES:,} schemas": Path(full)})
    begun, ended = (statistics.median(values) * 1000 for values in zip(*costs, strict=True))
    return [
        f"## Control plane, {RESOURCES:,} resources of a kind",
        "",
        markdown(rows),
        "",
        (
            f"Creating one costs {begun:.2f} ms of CPU among {CREATED}, {ended:.2f} ms among {RESOURCES:,} "
            f"({ended / begun:.2f} times); a flush of the disk comes on top."
        ),
    ]


@contextmanager
def _parts(folder: Path) -> Iterator[app.Parts]:
    parts = app.open_parts(settings.load(folder, {"quota_schemas": 10 * RESOURCES}, {}))
    try:
        yield parts
    finally:
        parts.close()


def _create(parts: app.Parts, number: int) -> None:
    create_schema(parts.context, name=f"s{number}", schema=SCHEMA)


def _asked(folders: Mapping[str, Path]) -> list[dict[str, object]]:
    arn = f"arn:aws:personalize:us-east-1:000000000000:schema/s{RESOURCES - CREATED // 2}"
    servers = {what: Server(folder) for what, folder in folders.items()}
    try:
        for server in servers.values():
            server.start()
        apis = {what: server.client("personalize") for what, server in servers.items()}
        for api in [*apis.values()] * ASKED:  # what is loaded at first use is not growth
            _describe_and_list(api, arn)
        memory = {what: _memory(server) for what, server in servers.items()}
        times: dict[str, list[tuple[float, float]]] = {what: [] for what in apis}
        for _ in range(ASKED):
            for what, api in apis.items():
                times[what].append(_describe_and_list(api, arn))
        return [
            {
                "what": what,
                "Describe p50 ms": f"{statistics.median(describe for describe, _ in times[what]) * 1000:.2f}",
                "List of 20 p50 ms": f"{statistics.median(page for _, page in times[what]) * 1000:.2f}",
                f"memory grown by {2 * ASKED} calls, MB": f"{_memory(server) - memory[what]:.1f}",
            }
            for what, server in servers.items()
        ]
    finally:
        for server in servers.values():
            server.stop()


def _describe_and_list(api: Any, arn: str) -> tuple[float, float]:
    describe = _seconds(lambda: api.describe_schema(schemaArn=arn))
    return describe, _seconds(lambda: api.list_schemas(maxResults=20))


def _cpu(call: Callable[[], Any]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def _seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _memory(server: Server) -> float:
    """Resident MB of the server and its children."""
    process = server.process
    assert process is not None
    pids = [process.pid, *map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
