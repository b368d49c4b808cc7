"""How much data a training needs and considers: the numbers are settings, with Amazon's as defaults.

Source: https://docs.aws.amazon.com/personalize/latest/dg/limits.html
"""

from typing import TYPE_CHECKING

from openpersonalize.recipes import catalog
from openpersonalize.resources.context import Context

if TYPE_CHECKING:
    from openpersonalize import training


def of(ctx: Context, recipe: catalog.Recipe) -> "training.Limits":
    """The limits of a training of that recipe."""
    from openpersonalize import training

    chosen = ctx.settings
    items, interactions = {
        "usual": (chosen.quota_items_considered, chosen.quota_interactions_considered),
        "v2": (chosen.quota_items_considered_v2, chosen.quota_interactions_considered_v2),
        "actions": (chosen.quota_actions_considered, chosen.quota_action_interactions_considered),
    }[recipe.scale]
    return training.Limits(
        interactions=chosen.minimum_interactions,
        users=chosen.minimum_users,
        returning=chosen.minimum_users_share,
        event_types=chosen.quota_event_types,
        most_items=items,
        most_interactions=interactions,
    )
