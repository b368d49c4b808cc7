"""The table of streamed rows."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_ANONYMOUS = sa.text("user_id IS NULL")
_OPEN = sa.text("settled = 0")


def upgrade() -> None:
    """Make the table, with an index for each way of reading it."""
    op.create_table(
        "stream",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("item_id", sa.Text),
        sa.Column("event_type", sa.Text),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.Text),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("row", sa.Text, nullable=False),
        sa.Column("batch", sa.BigInteger),
        sa.Column("settled", sa.SmallInteger, nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("stream_of_a_user", "stream", ["dataset", "user_id", "timestamp", "id"])
    op.create_index(
        "stream_of_a_session",
        "stream",
        ["dataset", "session_id", "timestamp", "id"],
        sqlite_where=_ANONYMOUS,
        postgresql_where=_ANONYMOUS,
    )
    op.create_index("stream_open", "stream", ["dataset", "id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
