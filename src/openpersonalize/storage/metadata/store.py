"""The metadata database: opened, migrated, and read and written in transactions."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from openpersonalize.clock import Clock
from openpersonalize.storage import sql
from openpersonalize.storage.metadata import tables
from openpersonalize.storage.metadata.bounds import Bounds
from openpersonalize.storage.metadata.credentials import Credentials
from openpersonalize.storage.metadata.transaction import Reading, Transaction

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Metadata:
    """The one database of resources and jobs, for any number of threads; several processes may open the same one."""

    engine: Engine
    clock: Clock
    bounds: Bounds = field(default_factory=Bounds)

    @classmethod
    def open(cls, url: str, clock: Clock) -> "Metadata":
        """Open a database (see `sql.engine`), made or brought up to date if need be."""
        engine = sql.engine(url)
        sql.migrate(engine, MIGRATIONS, "alembic_version")
        return cls(engine, clock)

    def close(self) -> None:
        """Give all connections back to the system."""
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction: committed at the end, rolled back when an exception leaves it.

        One at a time over all processes, on PostgreSQL too: quotas and "nobody uses it" are decided by reading, and
        under row locks alone two calls could both find the last place free. It also makes `sequence` grow in the order
        of commits, which paging needs.
        """
        with sql.writing(self.engine, alone="resources") as connection:
            yield Transaction(connection, self.bounds)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """A snapshot: all reads see the same moment, and wait for no writer."""
        with sql.reading(self.engine) as connection:
            yield Reading(connection)

    @property
    def credentials(self) -> Credentials:
        """The access keys."""
        return Credentials(self.engine, self.clock)

    def secret(self, name: str) -> bytes:
        """32 random bytes, drawn at the first call ever and the same for all processes since."""
        of = tables.secrets
        with sql.reading(self.engine) as connection:
            found = connection.execute(sa.select(of.c.value).where(of.c.name == name)).scalar()
        if found is None:
            with sql.writing(self.engine) as connection:
                drawn = {"name": name, "value": base64.b64encode(secrets.token_bytes(32)).decode()}
                connection.execute(sql.insert(connection, of).values(drawn).on_conflict_do_nothing())
                found = connection.execute(sa.select(of.c.value).where(of.c.name == name)).scalar_one()
        return base64.b64decode(found)
