"""The table of served lists on their way into the Delta tables: many lists in one row, compressed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table. Numbers are never used again, as the batches of a settling are named by them."""
    op.create_table(
        "served",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("dataset_group", sa.Text, nullable=False),
        sa.Column("lists", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("batch", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("served_of_a_group", "served", ["dataset_group", "id"])
