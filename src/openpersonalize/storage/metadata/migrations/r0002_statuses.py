"""Statuses in the indexes that quotas and deletions count by."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the index of a region's statuses, and that of a group's anew."""
    op.create_index("resources_of_a_status", "resources", ["noun", "account", "region", "status"])
    op.drop_index("resources_of_a_group", "resources")
    op.create_index("resources_of_a_group", "resources", ["group_arn", "noun", "status"])
