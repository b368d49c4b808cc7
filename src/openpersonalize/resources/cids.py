"""CIDs: six hex digits that end every recommendation id of a campaign or recommender: an id names its source."""

from openpersonalize.resources.context import Context
from openpersonalize.storage.metadata import Reading, family

DIGITS = 6
NOUNS = ("campaign", "recommender")


def free(ctx: Context, tx: Reading) -> str:
    """A CID that no campaign or recommender of the caller has."""
    while True:
        cid = ctx.hexadecimal(DIGITS)
        if not any(family.naming(tx, noun, ctx.caller.account, ctx.caller.region, cid) for noun in NOUNS):
            return cid
