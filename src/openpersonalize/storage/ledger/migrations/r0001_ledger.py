"""How far was counted, which sources have a name, which imports are in, who owned which recommendation ids."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "ledger_cursors",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("counted", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_sources",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
    )
    op.create_table(
        "ledger_imports",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("report", sa.Text),
    )
    op.create_table(
        "ledger_former",
        sa.Column("group_arn", sa.Text, primary_key=True),
        sa.Column("cid", sa.Text, primary_key=True),
        sa.Column("arn", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
