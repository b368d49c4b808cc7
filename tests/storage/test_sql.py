"""Engines, transactions and migrations."""

import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from openpersonalize.settings import SettingsError
from openpersonalize.storage import sql
from tests.databases import Server

FIRST = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None

def upgrade():
    op.create_table("things", sa.Column("name", sa.Text, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.add_column("things", sa.Column("size", sa.Integer))
    {then}
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = sql.engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "r0001_first.py").write_text(FIRST)
    return made


def columns(engine: Engine) -> list[str]:
    with sql.reading(engine) as connection:
        return [column["name"] for column in sa.inspect(connection).get_columns("things")]


def test_migrations_run_in_order_and_only_once(engine: Engine, folder: Path) -> None:
    sql.migrate(engine, folder, "things_version")
    assert columns(engine) == ["name"]
    (folder / "r0002_size.py").write_text(SECOND.format(then=""))
    for _ in range(2):
        sql.migrate(engine, folder, "things_version")
        assert columns(engine) == ["name", "size"]


def test_a_migration_that_fails_leaves_everything_as_it_was(engine: Engine, folder: Path) -> None:
    sql.migrate(engine, folder, "things_version")
    (folder / "r0002_size.py").write_text(SECOND.format(then="raise ZeroDivisionError"))
    with pytest.raises(ZeroDivisionError):
        sql.migrate(engine, folder, "things_version")
    assert columns(engine) == ["name"]
    (folder / "r0002_size.py").write_text(SECOND.format(then=""))
    sql.migrate(engine, folder, "things_version")
    assert columns(engine) == ["name", "size"]


def test_two_parts_migrate_one_database_each_for_itself(engine: Engine, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "r0001_first.py").write_text(FIRST.replace("things", "others"))
    sql.migrate(engine, folder, "things_version")
    sql.migrate(engine, other, "others_version")
    with sql.reading(engine) as connection:
        assert set(sa.inspect(connection).get_table_names()) == {"things", "others", "things_version", "others_version"}


def test_a_database_of_a_newer_version_is_refused(engine: Engine, folder: Path) -> None:
    (folder / "r0002_size.py").write_text(SECOND.format(then=""))
    sql.migrate(engine, folder, "things_version")
    (folder / "r0002_size.py").unlink()
    with pytest.raises(sql.NewerDatabase, match=r"revision 0002 of things_version; .* knows 0001 at most"):
        sql.migrate(engine, folder, "things_version")


def test_processes_that_start_at_once_migrate_once(database_url: str, folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from openpersonalize.storage import sql\n"
        "engine = sql.engine(sys.argv[1]); input()\n"
        "sql.migrate(engine, Path(sys.argv[2]), 'things_version'); engine.dispose()\n"
    )
    source = Path(sql.__file__).parents[2]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url, str(folder)],
            stdin=subprocess.PIPE,
            env={"PYTHONPATH": str(source)},
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()
    assert [process.wait() for process in started] == [0, 0, 0, 0]


def test_writers_of_many_threads_are_never_refused(engine: Engine, folder: Path) -> None:
    sql.migrate(engine, folder, "things_version")
    things = sa.table("things", sa.column("name"))

    def write(number: int) -> None:
        with sql.writing(engine) as connection:
            connection.execute(sa.select(things)).all()
            connection.execute(sa.insert(things).values(name=str(number)))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(100)))
    with sql.reading(engine) as connection:
        assert len(connection.execute(sa.select(things)).all()) == 100


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with sql.writing(engine, alone="test"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(_one, engine).result(timeout=5) == 1


def _one(engine: Engine) -> int:
    with sql.reading(engine) as connection:
        found: int = connection.execute(sa.text("SELECT 1")).scalar_one()
    return found


def test_those_who_want_to_be_alone_wait_for_each_other(database_url: str) -> None:
    # Two engines, as in two processes.
    engines = [sql.engine(database_url), sql.engine(database_url)]
    inside = threading.Event()
    order: list[str] = []

    def second() -> None:
        inside.wait()
        with sql.writing(engines[1], alone="test"):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second)
        with sql.writing(engines[0], alone="test"):
            inside.set()
            assert not waiting.done()
            order.append("first")
        waiting.result()
    assert order == ["first", "second"]
    for engine in engines:
        engine.dispose()


def test_sqlite_survives_the_loss_of_power_and_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "down.db"
    engine = sql.engine(f"sqlite:///{file}")
    with sql.writing(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        connection.exec_driver_sql("CREATE TABLE t (x)")
        for written in file.parent.iterdir():
            assert stat.S_IMODE(written.stat().st_mode) == 0o600, written
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql+psycopg2:/x"]
)
def test_other_databases_are_refused_in_plain_words(url: str) -> None:
    with pytest.raises(SettingsError, match=r"sqlite:///<file> or postgresql\+psycopg://"):
        sql.engine(url)


def test_a_refusal_does_not_show_the_password() -> None:
    with pytest.raises(SettingsError) as refused:
        sql.engine("mysql://me:geheim@host/db")
    assert "geheim" not in str(refused.value)


def test_the_short_form_of_a_postgresql_url_will_do(postgresql: Server) -> None:
    engine = sql.engine(postgresql.url("postgres").replace("+psycopg", ""))
    assert _one(engine) == 1
    engine.dispose()
