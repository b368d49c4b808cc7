"""An index of the ids that clients gave their events, to tell a repetition."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NAMED = sa.text("event_id IS NOT NULL")


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "stream_by_event_id",
        "stream",
        ["dataset", "event_id", "id"],
        sqlite_where=_NAMED,
        postgresql_where=_NAMED,
    )
