"""The table of series, what a metric is called, and the table of points, what was counted."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_WAITING = sa.text("forwarded = 0")


def upgrade() -> None:
    """Make both tables, with an index for each way of reading them."""
    op.create_table(
        "series",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("dimensions", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("series_of_a_partition", "series", ["account", "region", "id"])
    op.create_table(
        "points",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("series", sa.BigInteger, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("count", sa.Text, nullable=False),
        sa.Column("minimum", sa.Text, nullable=False),
        sa.Column("maximum", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("forwarded", sa.SmallInteger, nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("points_of_a_series", "points", ["series", "timestamp", "id"])
    op.create_index("points_by_time", "points", ["timestamp"])
    op.create_index("points_waiting", "points", ["id"], sqlite_where=_WAITING, postgresql_where=_WAITING)
