"""The tables on an S3 service: the same walk as in a folder."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from openpersonalize.clock import StillClock
from openpersonalize.storage import sql
from openpersonalize.storage.records import Records, StreamRow
from tests.storage.records.conftest import EVENTS, INTERACTIONS


@pytest.fixture
def remote(tmp_path: Path, clock: StillClock) -> Iterator[Records]:
    # In a process of its own: some calls of delta-rs wait for the network without letting other threads run.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    _make_bucket(f"{url}/lake")
    options = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "aws_conditional_put": "etag",
    }
    yield Records.open("s3://lake/records", sql.engine(f"sqlite:///{tmp_path}/events.db"), clock, options)
    server.kill()
    server.wait()


def _make_bucket(url: str) -> None:
    for _ in range(300):
        try:
            urlopen(Request(url, method="PUT")).close()
        except URLError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the S3 server did not start")


def test_import_settle_read_and_drop_on_s3(remote: Records, clock: StillClock, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\nu,bulk,Click,,1\nu,bulk,Click,,1\n")
    for token in ("one", "two", "two"):
        remote.import_files(
            EVENTS, INTERACTIONS, [("a.csv", path)], mode="FULL", token=token,
            progress=lambda _share, _text: None, before_commit=lambda: None,
        )  # fmt: skip
    row = {"USER_ID": "u", "ITEM_ID": "put", "EVENT_TYPE": "Click", "TIMESTAMP": 1}
    remote.put(EVENTS, [StreamRow(user_id="u", item_id="put", received=clock.now(), row=row)]).result(10)
    remote.settle(EVENTS, INTERACTIONS)
    statistics = remote.statistics(EVENTS)
    assert (statistics.bulk_rows, statistics.put_rows) == (2, 1)
    with remote.snapshot(EVENTS) as snapshot:
        assert snapshot.arrow(["ITEM_ID"]).read_all()["ITEM_ID"].to_pylist() == ["bulk", "put"]
    remote.drop(EVENTS)
    assert remote.statistics(EVENTS).version is None
    remote.close()


def test_export_and_erase_on_s3(remote: Records, clock: StillClock, tmp_path: Path) -> None:
    for user, item in (("u", "a"), ("v", "b"), (None, "c")):
        row = {"USER_ID": user, "ITEM_ID": item, "EVENT_TYPE": "Click", "TIMESTAMP": 1}
        event = StreamRow(row=row, received=clock.now(), user_id=user, session_id="s", item_id=item)
        remote.put(EVENTS, [event]).result(10)
    assert remote.erase(EVENTS, INTERACTIONS, ["u"], token="job") == 1
    parts = remote.export(EVENTS, INTERACTIONS, "ALL", tmp_path, lambda _share, _text: None)
    assert [path.read_text().splitlines()[1:] for path in parts] == [["v,b,Click,,1", "v,c,Click,,1"]]
