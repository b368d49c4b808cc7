"""How often each may be called: off unless the setting `rate_limits` is on; the numbers are Amazon's by default.

Source: https://docs.aws.amazon.com/personalize/latest/dg/limits.html
"""

from openpersonalize.errors import ThrottlingException
from openpersonalize.resources.context import Context
from openpersonalize.storage.rates import Bucket


def spend_on_group(ctx: Context, operation: str, group: str, rate: float) -> None:
    """Count a call that brings records to a group, given by its ARN; raises ThrottlingException beyond `rate`."""
    _spend(ctx, Bucket(f"{operation} of {group}", rate))


def spend_on_source(ctx: Context, operation: str, source: str) -> None:
    """Count a call for recommendations of a campaign or recommender, given by its ARN, and of its whole region."""
    region = f"{ctx.caller.region} of account {ctx.caller.account}"
    _spend(
        ctx,
        Bucket(f"{operation} of {source}", ctx.settings.rate_campaign),
        Bucket(
            f"GetRecommendations, GetPersonalizedRanking and GetActionRecommendations in {region}",
            ctx.settings.rate_runtime,
        ),
    )


def _spend(ctx: Context, *buckets: Bucket) -> None:
    if ctx.settings.rate_limits == "off":
        return
    empty = ctx.rates.take(buckets, ctx.now().timestamp())
    if empty is not None:
        raise ThrottlingException(f"Rate exceeded: {empty.name} may be called {empty.rate:g} times per second.")
