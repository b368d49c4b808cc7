"""What it costs to remember what was served: GetRecommendations with `served_memory` on and off, in turns.

One process answers on two ports, as two processes differ by more than what is measured here even when they do the
same. Between two runs there is time for the lists of the first to be written, so that each pays for its own.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.serving import asks, signed, trained_server, wrk
from benchmarks.tables import markdown
from tests.server import Server, until

PAIRS = 8
SECONDS = 2
PAUSE_SECONDS = 1.3
WAYS = ("on", "off")


def run() -> list[str]:
    """All measurements; the first pair warms up and does not count."""
    if shutil.which("wrk") is None:
        sys.exit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with trained_server(folder) as (_, campaign, _):
            pass
        with _two_doors(folder) as (process, urls):
            asking = {
                way: signed(Server(folder, url=url), "personalize-runtime", "get_recommendations", asks(campaign))
                for way, url in urls.items()
            }
            pairs = []
            for number in range(PAIRS + 1):
                order = WAYS[::-1] if number % 2 else WAYS
                pairs.append({way: _measured(process, urls[way], asking[way], folder) for way in order})
    return ["## The memory of what was served, 16 connections, one process", "", markdown(_compared(pairs[1:]))]


def _measured(process: int, url: str, asking: list[dict[str, Any]], folder: Path) -> tuple[float, float]:
    """Requests per second, and microseconds of the server's CPU time for one, writing lists included."""
    before = _cpu_seconds(process)
    load = wrk(url, asking, folder, 16, SECONDS)
    time.sleep(PAUSE_SECONDS)
    assert load.errors == 0, load
    return load.requests, (_cpu_seconds(process) - before) / (load.requests * SECONDS) * 1e6


def _cpu_seconds(process: int) -> float:
    """Of all threads, by the scheduler's own count: that of /proc/<pid>/stat has steps of 10 ms."""
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _compared(pairs: list[dict[str, tuple[float, float]]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for place, what in enumerate(("requests/s", "CPU µs of the server per request")):
        shares = [pair["on"][place] / pair["off"][place] for pair in pairs]
        rows.append(
            {
                f"median of {len(pairs)} runs": what,
                **{way: f"{statistics.median(pair[way][place] for pair in pairs):,.0f}" for way in WAYS},
                "on / off of a pair: median": f"{statistics.median(shares):.3f}",
                "quartiles": " to ".join(f"{share:.3f}" for share in statistics.quantiles(shares, n=4)[::2]),
            }
        )
    return rows


@contextmanager
def _two_doors(folder: Path) -> Iterator[tuple[int, dict[str, str]]]:
    ports = {way: _free_port() for way in WAYS}
    command = [sys.executable, "-m", "benchmarks.served_memory", str(folder), *map(str, ports.values())]
    process = subprocess.Popen(command, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    try:
        for port in ports.values():
            until(partial(_up, port))
        yield process.pid, {way: f"http://127.0.0.1:{port}" for way, port in ports.items()}
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _up(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def serve(folder: Path, on: int, off: int) -> None:
    """Answer on two ports from one set of open stores, with the memory on and off."""
    import uvicorn

    from openpersonalize import app, logs, settings
    from openpersonalize.cli.serve import SWITCH_SECONDS

    logs.configure("warning", "json")
    sys.setswitchinterval(SWITCH_SECONDS)
    parts = app.open_parts(settings.load(folder))
    doors = {}
    for way, port in (("on", on), ("off", off)):
        chosen = replace(parts.settings, served_memory=way)
        doors[port] = app.serving_app(app.Parts(chosen, replace(parts.context, settings=chosen)))

    async def door(scope: Any, receive: Any, send: Any) -> None:
        port = on if scope["type"] == "lifespan" else scope["server"][1]
        await doors[port](scope, receive, send)

    config = uvicorn.Config(door, loop="uvloop", http="httptools", log_config=None, access_log=False, lifespan="on")
    uvicorn.Server(config).run(sockets=[socket.create_server(("127.0.0.1", port)) for port in doors])


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
