"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    """Make all tables."""
    _resources()
    _jobs()
    _schedules()
    _access()


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("arn", sa.Text, nullable=False, unique=True),
        sa.Column("noun", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("parent", sa.Text),
        sa.Column("group_arn", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("resources_of_a_kind", "resources", ["noun", "account", "region", "sequence"])
    op.create_index("resources_of_a_parent", "resources", ["parent", "noun", "sequence"])
    op.create_index("resources_of_a_group", "resources", ["group_arn", "noun"])
    op.create_table(
        "tags",
        sa.Column("arn", sa.Text, sa.ForeignKey("resources.arn", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("unique_key", sa.Text),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("lease", sa.Double),
        sa.Column("progress", sa.Double, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sqlite_autoincrement=True,
    )
    op.create_index("jobs_in_order", "jobs", ["state", "due"])
    op.create_index("jobs_of_a_subject", "jobs", ["subject"])
    op.create_index("jobs_once", "jobs", ["unique_key"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("every", sa.Double),
        sa.Column("cron", sa.Text),
        sa.Column("due", sa.Double, nullable=False),
    )
    op.create_index("schedules_in_order", "schedules", ["due"])
    op.create_index("schedules_of_a_subject", "schedules", ["subject"])


def _access() -> None:
    op.create_table(
        "credentials",
        sa.Column("access_key_id", sa.Text, primary_key=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("principal_arn", sa.Text, nullable=False),
        sa.Column("token", sa.Text),
        sa.Column("expires", sa.Double),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
