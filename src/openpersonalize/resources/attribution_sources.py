"""Whose recommendation ids are whose: a CID stands for a campaign or recommender, also for a while after its end."""

from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.context import Context
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.storage.metadata import Reading


def sources_of(ctx: Context, tx: Reading, dataset_group_arn: str) -> dict[str, str]:
    """The ARN behind the last six digits of a recommendation id, of all that answer or answered lately in a group."""
    chosen = (ctx.caller.account, ctx.caller.region)
    campaigns = tx.select(Campaign, *chosen, group=dataset_group_arn)
    recommenders = tx.select(Recommender, *chosen, group=dataset_group_arn)
    former = ctx.ledger.former(dataset_group_arn, int(ctx.now().timestamp()))
    answering = {one.cid: one.arn for one in campaigns} | {one.cid: one.arn for one in recommenders}
    return former | answering
