"""The tables of the metadata database, as its newest migration leaves them.

Times of jobs and schedules are seconds since 1970 by the database's clock (`sql.now`).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts by itself only in a column called INTEGER
_OPEN = text("state IN ('queued', 'running')")

metadata = MetaData()

resources = Table(
    "resources",
    metadata,
    Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
    Column("arn", Text, nullable=False, unique=True),
    Column("noun", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("parent", Text),
    Column("group_arn", Text),
    Column("status", Text),
    Column("document", Text, nullable=False),
    Index("resources_of_a_kind", "noun", "account", "region", "sequence"),
    Index("resources_of_a_parent", "parent", "noun", "sequence"),
    Index("resources_of_a_status", "noun", "account", "region", "status"),
    Index("resources_of_a_group", "group_arn", "noun", "status"),
    sqlite_autoincrement=True,
)

tags = Table(
    "tags",
    metadata,
    Column("arn", Text, ForeignKey("resources.arn", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Text, nullable=False),  # queued, running; done, failed, stopped
    Column("unique_key", Text),
    Column("due", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("turn", Integer, nullable=False),  # how often it was taken; with the owner, the fence of all its writes
    Column("owner", Text),
    Column("lease", Double),
    Column("progress", Double, nullable=False),
    Column("message", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("stop_requested", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Index("jobs_in_order", "state", "due"),
    Index("jobs_of_a_subject", "subject"),
    Index("jobs_once", "unique_key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    sqlite_autoincrement=True,
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("every", Double),  # seconds; either this or cron
    Column("cron", Text),
    Column("due", Double, nullable=False),
    Index("schedules_in_order", "due"),
    Index("schedules_of_a_subject", "subject"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("access_key_id", Text, primary_key=True),
    Column("secret", Text, nullable=False),  # as it is: SigV4 computes with the secret itself
    Column("account", Text, nullable=False),
    Column("principal_arn", Text, nullable=False),
    Column("token", Text),
    Column("expires", Double),
    Column("created", Double, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
