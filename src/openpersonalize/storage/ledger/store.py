"""How far the events of a dataset group were counted, and what has to be known to go on.

It stands in the database of the streamed events and of the metric points. One transaction moves the cursor and adds the
points, so whoever is killed when, an event is counted once. `owner` is the ARN of a metric attribution.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from openpersonalize.storage import sql

MIGRATIONS = Path(__file__).parent / "migrations"

_TABLES = sa.MetaData()
CURSORS = sa.Table(
    "ledger_cursors", _TABLES, sa.Column("owner", sa.Text, primary_key=True), sa.Column("counted", sa.BigInteger)
)
SOURCES = sa.Table(
    "ledger_sources",
    _TABLES,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
)
IMPORTS = sa.Table(
    "ledger_imports",
    _TABLES,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("report", sa.Text),
)
FORMER = sa.Table(
    "ledger_former",
    _TABLES,
    sa.Column("group_arn", sa.Text, primary_key=True),
    sa.Column("cid", sa.Text, primary_key=True),
    sa.Column("arn", sa.Text),
    sa.Column("until", sa.BigInteger),
)
REPORTS = sa.Table(
    "ledger_reports",
    _TABLES,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("text", sa.LargeBinary),
)


@dataclass(frozen=True)
class Ledger:
    """The books of all attributions, for any number of threads and processes."""

    engine: Engine

    @classmethod
    def open(cls, engine: Engine) -> "Ledger":
        """The ledger in that database; makes or upgrades the tables."""
        sql.migrate(engine, MIGRATIONS, "ledger_version")
        return cls(engine)

    def begin(self, owner: str, place: int) -> None:
        """Count for a new owner from behind `place` of the stream on; once begun, the same again changes nothing."""
        with sql.writing(self.engine) as connection:
            added = sql.insert(connection, CURSORS).values(owner=owner, counted=place)
            connection.execute(added.on_conflict_do_nothing())

    def counted(self, owner: str) -> int | None:
        """The place up to which the stream was counted; None for an unknown owner."""
        with sql.reading(self.engine) as connection:
            found: int | None = connection.execute(
                sa.select(CURSORS.c.counted).where(CURSORS.c.owner == owner)
            ).scalar()
            return found

    def slowest(self) -> int | None:
        """The place up to which every owner has counted the stream; None when there is no owner."""
        with sql.reading(self.engine) as connection:
            found: int | None = connection.execute(sa.select(sa.func.min(CURSORS.c.counted))).scalar()
            return found

    def advance(self, connection: Connection, owner: str, before: int, after: int) -> bool:
        """Move the cursor in the caller's transaction; False when somebody else has moved it since `before` was read.

        The caller must then roll back: those events were counted.
        """
        moved = CURSORS.update().where(CURSORS.c.owner == owner, CURSORS.c.counted == before).values(counted=after)
        return connection.execute(moved).rowcount == 1

    def sources(self, owner: str) -> frozenset[str]:
        """The sources that have a name of their own so far."""
        with sql.reading(self.engine) as connection:
            return self.named(connection, owner)

    def named(self, connection: Connection, owner: str) -> frozenset[str]:
        """The same, as the caller's transaction sees it."""
        return frozenset(connection.execute(sa.select(SOURCES.c.source).where(SOURCES.c.owner == owner)).scalars())

    def name(self, connection: Connection, owner: str, sources: Iterable[str]) -> None:
        """Give sources a name of their own, in the caller's transaction."""
        rows = [{"owner": owner, "source": source} for source in sources]
        if rows:
            connection.execute(sql.insert(connection, SOURCES).on_conflict_do_nothing(), rows)

    def imported(self, owner: str, token: str) -> bool:
        """Whether the rows of an import were counted."""
        with sql.reading(self.engine) as connection:
            return self.entered(connection, owner, token)

    def entered(self, connection: Connection, owner: str, token: str) -> bool:
        """The same, as the caller's transaction sees it."""
        return _entry(connection, owner, token) is not None

    def enter(self, connection: Connection, owner: str, token: str, names: Iterable[str]) -> str | None:
        """Note in the caller's transaction that an import was counted, and the name of its report.

        Gives the name noted by an earlier run of the same import, or the first of `names` that no other import has;
        None where there are no names.
        """
        earlier = _entry(connection, owner, token)
        if earlier is not None:
            return earlier.report or None
        taken = set(connection.execute(sa.select(IMPORTS.c.report).where(IMPORTS.c.owner == owner)).scalars())
        report = next((name for name in names if name not in taken), "")
        connection.execute(IMPORTS.insert().values(owner=owner, token=token, report=report))
        return report or None

    def keep(self, owner: str, name: str, text: bytes) -> None:
        """Keep a report that could not be written; the same again changes nothing."""
        with sql.writing(self.engine) as connection:
            added = sql.insert(connection, REPORTS).values(owner=owner, name=name, text=text)
            connection.execute(added.on_conflict_do_nothing())

    def waiting(self, owner: str) -> list[str]:
        """The names of the reports that are kept."""
        chosen = sa.select(REPORTS.c.name).where(REPORTS.c.owner == owner).order_by(REPORTS.c.name)
        with sql.reading(self.engine) as connection:
            return list(connection.execute(chosen).scalars())

    def text(self, owner: str, name: str) -> bytes | None:
        """What was kept under a name; None when it is no longer."""
        chosen = sa.select(REPORTS.c.text).where(REPORTS.c.owner == owner, REPORTS.c.name == name)
        with sql.reading(self.engine) as connection:
            found: bytes | None = connection.execute(chosen).scalar()
            return found

    def delivered(self, owner: str, name: str) -> None:
        """Let go of a report that has reached its destination."""
        with sql.writing(self.engine) as connection:
            connection.execute(REPORTS.delete().where(REPORTS.c.owner == owner, REPORTS.c.name == name))

    def retire(self, group_arn: str, cid: str, arn: str, until: int) -> None:
        """Remember whose recommendation ids ended in `cid`, until an epoch second, though the owner is gone."""
        row = {"group_arn": group_arn, "cid": cid, "arn": arn, "until": until}
        with sql.writing(self.engine) as connection:
            added = sql.insert(connection, FORMER).values(row)
            connection.execute(added.on_conflict_do_update(index_elements=["group_arn", "cid"], set_=row))

    def former(self, group_arn: str, now: int) -> dict[str, str]:
        """The ARN behind each remembered CID of a group."""
        chosen = sa.select(FORMER.c.cid, FORMER.c.arn).where(FORMER.c.group_arn == group_arn, FORMER.c.until > now)
        with sql.reading(self.engine) as connection:
            return {row.cid: row.arn for row in connection.execute(chosen)}

    def forget(self, owner: str) -> None:
        """Close the books of an owner; points stay."""
        with sql.writing(self.engine) as connection:
            _forget(connection, owner)


def _entry(connection: Connection, owner: str, token: str) -> "sa.Row[tuple[str]] | None":
    chosen = sa.select(IMPORTS.c.report).where(IMPORTS.c.owner == owner, IMPORTS.c.token == token)
    return connection.execute(chosen).first()


def _forget(connection: Connection, owner: str) -> None:
    for table in (CURSORS, SOURCES, IMPORTS, REPORTS):
        connection.execute(table.delete().where(table.c.owner == owner))
