"""A real server in processes of its own, on a socket: for what only shows from outside."""

import configparser
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

READY_SECONDS = 60.0
SMALL = {
    "OPENPERSONALIZE_MINIMUM_INTERACTIONS": "100",
    "OPENPERSONALIZE_MINIMUM_USERS": "5",
    "OPENPERSONALIZE_TRAIN_THREADS": "1",
    "OPENPERSONALIZE_JOB_LEASE_SECONDS": "3",
    "OPENPERSONALIZE_LOG_LEVEL": "warning",
}


@dataclass
class Server:
    """`openpersonalize serve` on a data folder; `start` may follow `kill`."""

    data_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[str] | None" = None
    url: str = ""

    def start(self) -> None:
        """Run it and wait until it is ready."""
        command = [sys.executable, "-m", "openpersonalize", "serve", "--data-dir", str(self.data_dir), "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *self.options],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **SMALL, **self.environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "listens on http://" in line, line
        self.url = line.split()[-1]
        until(self._ready, READY_SECONDS)

    def kill(self) -> None:
        """As a power cut would: SIGKILL, no goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client with the credentials of the first start."""
        keys = configparser.ConfigParser()
        keys.read(self.data_dir / "credentials")
        own = keys["openpersonalize"]
        session = boto3.Session(own["aws_access_key_id"], own["aws_secret_access_key"], region_name="us-east-1")
        return session.client(
            service, endpoint_url=self.url, config=Config(**{"retries": {"total_max_attempts": 1}, **config})
        )

    def children(self) -> dict[int, str]:
        """The processes below the server, with their command lines."""
        assert self.process is not None
        return {number: _command(number) for number in descendants(self.process.pid)}

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz") as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def serving(data_dir: Path, *options: str, **environment: str) -> Iterator[Server]:
    """A server that is stopped at the end, whatever became of it."""
    server = Server(data_dir, environment, options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Ask again and again; the first true answer, or a failure after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := true():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"still not so after {seconds:g} seconds")


def settled(describe: Callable[..., Any], member: str, **arn: str) -> dict[str, Any]:
    """The resource once it is ACTIVE; fails when it fails."""

    def look() -> dict[str, Any] | None:
        resource: dict[str, Any] = describe(**arn)[member]
        assert not resource["status"].endswith("FAILED"), resource
        return resource if resource["status"] == "ACTIVE" else None

    found: dict[str, Any] = until(look, 240)
    return found


def descendants(parent: int) -> list[int]:
    """The processes below one, by /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found += [int(entry.name), *descendants(int(entry.name))]
    return found


def _command(number: int) -> str:
    try:
        return (Path("/proc") / str(number) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
