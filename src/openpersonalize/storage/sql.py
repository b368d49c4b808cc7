"""The SQL databases of the house: SQLite in a file, or PostgreSQL; engines, transactions, migrations.

`storage.metadata` and `storage.records` both stand on this. SQLite has one writer at a time, so a write transaction
says so at its beginning (`BEGIN IMMEDIATE`) and is never refused half-way; readers see a snapshot and wait for nobody.
"""

import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from openpersonalize.settings import SettingsError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql  # 0.1 s that a server on SQLite should not pay

PATIENCE_SECONDS = 30.0  # a writer that waits longer than this for its turn gives up with an error
_IDLE_MILLISECONDS = 60_000


class NewerDatabase(Exception):  # noqa: N818 - says what is the case, as the messages of the doctor do
    """The database was written by a newer version of this software."""


class _Turnstile:
    """Lets one thread of this process write at a time, and tells a thread that would wait for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: int | None = None

    @contextmanager
    def pass_through(self) -> Iterator[None]:
        if self._inside == threading.get_ident():
            raise RuntimeError("This thread has a write transaction open already; use that one.")
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise TimeoutError(f"Another thread has been writing to the database for {PATIENCE_SECONDS:g} seconds.")
        self._inside = threading.get_ident()
        try:
            yield
        finally:
            self._inside = None
            self._lock.release()


def engine(url: str, *, connections: int = 32) -> Engine:
    """An engine with a pool of at most `connections`, for any number of threads.

    Takes `sqlite:///<file>`, which is made when missing, readable by its owner only, and `postgresql+psycopg://…`.
    Raises SettingsError for another kind of URL, or when psycopg is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(f"{url!r} is not a database URL ({_FORMS}).") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return _sqlite(parsed, connections)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed.set(drivername="postgresql+psycopg"), connections)
    raise SettingsError(f"{parsed.render_as_string()} is not a database we know ({_FORMS}).")


_FORMS = "sqlite:///<file> or postgresql+psycopg://<user>:<password>@<host>/<database>"


def _sqlite(url: URL, connections: int) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(str(url.database), os.O_CREAT | os.O_RDWR, 0o600))
    made = sa.create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=PATIENCE_SECONDS,
        connect_args={"timeout": PATIENCE_SECONDS},
    )
    sa.event.listen(made, "connect", _prepare_sqlite)
    sa.event.listen(made, "begin", _begin_sqlite)
    return made.execution_options(turnstile=_Turnstile())


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own idea of transactions off: we begin them ourselves
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # in WAL mode, NORMAL loses the last commits with the power
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # Straight to the driver: a statement through SQLAlchemy costs 25 µs more, on every read of every request.
    raw: Any = connection.connection.dbapi_connection
    raw.execute("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _postgresql(url: URL, connections: int) -> Engine:
    try:
        made = sa.create_engine(
            url,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=PATIENCE_SECONDS,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 10,
                "application_name": "openpersonalize",
                "keepalives_idle": 30,
                "options": f"-c idle_in_transaction_session_timeout={_IDLE_MILLISECONDS} -c timezone=UTC",
            },
        )
    except ModuleNotFoundError:
        raise SettingsError("PostgreSQL needs psycopg: pip install 'openpersonalize[cluster]'.") from None
    return made.execution_options(turnstile=_Turnstile())


@contextmanager
def writing(engine: Engine, *, alone: str | None = None) -> Iterator[Connection]:
    """A write transaction: committed at the end, rolled back when an exception leaves it.

    On SQLite there is one at a time; on PostgreSQL one of those that are `alone` under the same name, over all
    machines. A thread that opens a second such one gets RuntimeError instead of waiting for itself.
    """
    turnstile: _Turnstile = engine.get_execution_options()["turnstile"]
    with (
        turnstile.pass_through() if alone or engine.dialect.name == "sqlite" else nullcontext(),
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        if alone and engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(alone.encode()))))
        yield connection


def among(connection: Connection, name: str) -> None:
    """Write beside others who do so under `name`, until this transaction ends, but not beside one `alone` under it.

    On SQLite there is nothing to do: it has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(zlib.crc32(name.encode()))))


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A snapshot to read from: all statements see the same moment."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def insert(connection: Connection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, the same on both databases."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


_TIME = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::float8",
}


def now(connection: Connection) -> "sa.ColumnElement[float]":
    """The database's own time, in seconds since 1970: the one clock that all machines share."""
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    return (sa.func.julianday("now", type_=sa.Double) - 2440587.5) * 86400.0


def time(connection: Connection) -> float:
    """The same, as a number."""
    found: float = connection.exec_driver_sql(_TIME[connection.dialect.name]).scalar_one()
    return found


def migrate(engine: Engine, folder: Path, version_table: str) -> None:
    """Bring the database to the newest revision in `folder`, files named `r<NNNN>_<what>.py` of one straight line.

    Any number of processes may do so at once: one works, the others wait and find it done. Raises NewerDatabase when
    the database is ahead of this software.
    """
    revisions = sorted(file.name[1:5] for file in folder.glob("r[0-9]*_*.py"))
    with reading(engine) as connection:
        if _revision(connection, version_table, revisions) == revisions[-1]:
            return
    with writing(engine, alone=f"migrate {version_table}") as connection:
        if _revision(connection, version_table, revisions) != revisions[-1]:
            _upgrade(connection, folder, version_table)


def _revision(connection: Connection, version_table: str, known: list[str]) -> str | None:
    if not sa.inspect(connection).has_table(version_table):
        return None
    found: str | None = connection.execute(
        sa.select(sa.column("version_num")).select_from(sa.table(version_table))
    ).scalar()
    if found is not None and found not in known:
        raise NewerDatabase(
            f"The database is at revision {found} of {version_table}; this version of openpersonalize knows "
            f"{known[-1]} at most. Start a newer one, or restore a backup from before the upgrade."
        )
    return found


def _upgrade(connection: Connection, folder: Path, version_table: str) -> None:
    from alembic.config import Config  # 0.2 s that only a first start or an upgrade should pay
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(folder), version_locations=[str(folder)])

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 - what alembic's own `upgrade` command calls

    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        environment.configure(connection=connection, version_table=version_table)
        environment.run_migrations()
