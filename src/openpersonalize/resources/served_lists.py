"""What was served is remembered, for attribution: who got which items from which campaign or recommender.

Lists belong to a dataset group and live as long as its interactions; the jobs that settle and tidy the Interactions
dataset do the same for them, see `datasets`.
"""

from collections.abc import Sequence
from datetime import timedelta

from openpersonalize.resources.context import Context
from openpersonalize.storage.records import Dataset
from openpersonalize.storage.served import Group, ServedList


def remember(
    ctx: Context,
    *,
    dataset_group_arn: str,
    source: str,
    user_id: str | None,
    recommendation_id: str,
    item_ids: Sequence[str],
    promoted: int = 0,
) -> None:
    """Keep the list of an answer, unless the setting `served_memory` says not to; takes a few microseconds."""
    if ctx.settings.served_memory == "on":
        ctx.served.remember(
            ServedList(dataset_group_arn, ctx.now(), user_id, source, recommendation_id, item_ids, promoted)
        )


def waiting(ctx: Context, table: Dataset) -> bool:
    """Whether lists are to be settled together with this dataset."""
    return _with_interactions(table) and ctx.served.waiting(_group(table))


def settle(ctx: Context, table: Dataset) -> None:
    """Move the lists that go with this dataset into their Delta table, each once."""
    if _with_interactions(table):
        ctx.served.settle(_group(table))


def tidy(ctx: Context, table: Dataset) -> None:
    """Forget the lists that are older than `served_days`, then join small files."""
    if _with_interactions(table):
        oldest = ctx.now() - timedelta(days=ctx.settings.served_days)
        ctx.served.forget(_group(table), int(oldest.timestamp()))
        ctx.served.tidy(_group(table))


def drop(ctx: Context, table: Dataset) -> None:
    """Forget all lists that go with this dataset."""
    if _with_interactions(table):
        ctx.served.drop(_group(table))


def _with_interactions(table: Dataset) -> bool:
    return table.type == "INTERACTIONS"


def _group(table: Dataset) -> Group:
    return Group(table.account, table.region, table.group)
