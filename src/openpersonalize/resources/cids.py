"""CIDs: six hex digits that end every recommendation id of a campaign or recommender: an id names its source."""

from datetime import timedelta

from openpersonalize.resources.context import Context
from openpersonalize.storage.metadata import Reading, family

DIGITS = 6
NOUNS = ("campaign", "recommender")
REMEMBERED = timedelta(days=30)
"""How long the ids of a deleted campaign or recommender still name it; events older than 14 days are not counted."""


def free(ctx: Context, tx: Reading) -> str:
    """A CID that no campaign or recommender of the caller has."""
    while True:
        cid = ctx.hexadecimal(DIGITS)
        if not any(family.naming(tx, noun, ctx.caller.account, ctx.caller.region, cid) for noun in NOUNS):
            return cid


def retire(ctx: Context, dataset_group_arn: str, cid: str, arn: str) -> None:
    """Remember whose ids these were; before the owner is gone, and as often as one likes."""
    ctx.ledger.retire(dataset_group_arn, cid, arn, int((ctx.now() + REMEMBERED).timestamp()))
