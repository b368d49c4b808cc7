"""From the command to the first 200 of /healthz, and the memory of the idle server."""

import tempfile
import time
from pathlib import Path

from benchmarks.tables import markdown
from tests.server import Server

RUNS = 5
SETTLE_SECONDS = 3.0


def run() -> list[str]:
    """First start and later ones, each on a data folder of its own."""
    rows = []
    for number in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder))
            first = _start(server)
            server.stop()
            again = _start(server)
            time.sleep(SETTLE_SECONDS)
            assert server.process is not None
            children = {command: number for number, command in server.children().items()}
            worker = next(number for command, number in children.items() if " work " in command)
            rows.append(
                {
                    "run": number + 1,
                    "first start, s": first,
                    "later start, s": again,
                    "serving process, MB": resident(server.process.pid),
                    "worker, MB": resident(worker),
                    "idle CPU, %": _idle(server.process.pid, worker),
                }
            )
            server.stop()
    return ["## Start and idle memory", "", markdown(rows)]


def _start(server: Server) -> float:
    started = time.perf_counter()
    server.start()
    return time.perf_counter() - started


def resident(process: int) -> float:
    """Resident memory in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def _idle(*processes: int, seconds: float = 5.0) -> float:
    before = sum(map(_ticks, processes))
    time.sleep(seconds)
    return (sum(map(_ticks, processes)) - before) / seconds


def _ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
