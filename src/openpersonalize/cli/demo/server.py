"""A server of the demo's own, and boto3 clients that know nothing but its address and its credentials file."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

READY_SECONDS = 30.0


@dataclass(frozen=True)
class Clients:
    """The three clients of the API."""

    endpoint: str
    bucket: Path
    personalize: Any
    events: Any
    runtime: Any


@contextmanager
def running(folder: Path, port: int) -> Iterator[Clients]:
    """Start `openpersonalize serve` on the folder, wait until it is ready, stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openpersonalize.toml").write_text('log_level = "warning"\n')
    command = [sys.executable, "-m", "openpersonalize", "serve", "--data-dir", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own program
    try:
        endpoint = _endpoint(server)
        _wait_until_ready(endpoint)
        yield _clients(endpoint, folder)
    finally:
        server.terminate()
        server.wait()


def wait() -> None:
    """Until Ctrl-C."""
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


def _endpoint(server: "subprocess.Popen[str]") -> str:
    line = server.stdout.readline() if server.stdout else ""
    if "http://" not in line:
        raise RuntimeError("the server did not start; its log above says why")
    return line.split()[-1]


def _wait_until_ready(endpoint: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{endpoint}/healthz") as answer:  # noqa: S310  the address is our own
                if json.load(answer)["status"] == "ok":
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError(f"{endpoint} was not ready after {READY_SECONDS:g} seconds")


def _clients(endpoint: str, folder: Path) -> Clients:
    import configparser

    keys = configparser.ConfigParser()
    keys.read(folder / "credentials")
    own = keys["openpersonalize"]
    session = boto3.Session(own["aws_access_key_id"], own["aws_secret_access_key"], region_name=own["region"])

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint, config=Config(retries={"max_attempts": 1}))

    return Clients(
        endpoint,
        folder / "s3" / "films",
        client("personalize"),
        client("personalize-events"),
        client("personalize-runtime"),
    )
