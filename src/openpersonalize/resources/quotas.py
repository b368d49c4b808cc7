"""How many of each there may be: the numbers are settings, with Amazon's as defaults.

Source: https://docs.aws.amazon.com/personalize/latest/dg/limits.html
"""

from collections.abc import Mapping, Sequence

from openpersonalize.errors import JobFailed, LimitExceededException
from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context
from openpersonalize.resources.resource import Resource, words
from openpersonalize.storage.metadata import Transaction
from openpersonalize.storage.objects import Entry


def require_room(
    ctx: Context,
    tx: Transaction,
    kind: type[Resource],
    limit: int,
    *,
    group: str | None = None,
    stateless: bool = False,
) -> None:
    """Raise LimitExceededException when `limit` resources live already, in the dataset group or else the region."""
    statuses = None if stateless else lifecycle.LIVING
    if not tx.fewer_than(limit, kind, ctx.caller.account, ctx.caller.region, group=group, statuses=statuses):
        noun = words(kind)
        article = "an" if noun[0] in "aeiou" else "a"
        raise LimitExceededException(
            f"Cannot create {article} {noun}. More than {limit} resources in ACTIVE state. "
            "Please delete some and try again."
        )


def require_free_slot(ctx: Context, tx: Transaction, kind: type[Resource], limit: int) -> None:
    """Raise LimitExceededException when `limit` jobs of that kind are open in the region."""
    if not tx.fewer_than(limit, kind, ctx.caller.account, ctx.caller.region, statuses=lifecycle.OPEN):
        raise LimitExceededException(f"More than {limit} resources with PENDING or IN_PROGRESS status.")


def metadata_columns(ctx: Context) -> Mapping[str, int]:
    """How many metadata columns a schema may have, by dataset type."""
    return {
        "INTERACTIONS": ctx.settings.quota_interaction_columns,
        "ITEMS": ctx.settings.quota_item_columns,
        "USERS": ctx.settings.quota_user_columns,
        "ACTIONS": ctx.settings.quota_action_columns,
        "ACTION_INTERACTIONS": ctx.settings.quota_action_interaction_columns,
    }


def require_few_bytes(files: Sequence[Entry], place: str, limit: int) -> None:
    """Raise JobFailed when the files found at `place` have more than `limit` bytes together; none of them is read."""
    size = sum(entry.size for entry in files)
    if size > limit:
        raise JobFailed(f"The files at {place} have {size} bytes; at most {limit} are allowed.")
