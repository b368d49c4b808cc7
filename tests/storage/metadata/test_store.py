"""Opening the metadata database."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from openpersonalize.clock import StillClock, SystemClock
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import Metadata, store, tables


def test_the_migrations_lead_to_the_tables_that_the_code_knows(metadata: Metadata) -> None:
    with sql.reading(metadata.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_what_was_written_is_there_after_a_new_start(database_url: str) -> None:
    clock = StillClock(datetime(2026, 1, 1, tzinfo=UTC))
    first = Metadata.open(database_url, clock)
    drawn = first.secret("paging")
    first.close()
    second = Metadata.open(database_url, clock)
    assert second.secret("paging") == drawn
    assert second.secret("another") != drawn
    assert len(drawn) == 32
    second.close()


def test_a_database_that_is_up_to_date_opens_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/metadata.db"
    Metadata.open(url, SystemClock()).close()
    program = (
        "import sys; from openpersonalize.storage.metadata import Metadata\n"
        "from openpersonalize.clock import SystemClock\n"
        f"Metadata.open({url!r}, SystemClock()).close(); sys.exit('alembic' in sys.modules)\n"
    )
    source = Path(store.__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", program], check=False, env={"PYTHONPATH": str(source)}).returncode == 0
