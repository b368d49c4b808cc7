"""GetActionRecommendations: the actions that a user is most likely to take, from a campaign of aws-next-best-action.

Actions are those of the dataset as it is now: what was put or expired since the training counts without a new one.
Source: https://docs.aws.amazon.com/personalize/latest/dg/API_RS_GetActionRecommendations.html
"""

from dataclasses import dataclass

from openpersonalize import serving
from openpersonalize.errors import InvalidInputException
from openpersonalize.recipes import catalog
from openpersonalize.resources import filtering, lifecycle, served_lists
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, in_group, schema_of, table_of
from openpersonalize.resources.rates import spend_on_source
from openpersonalize.resources.recommendations import recommendation_id
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import get
from openpersonalize.resources.solutions import artefacts_of, recipe_of
from openpersonalize.serving.catalogues import Source
from openpersonalize.storage import records

DEFAULT_RESULTS = 5


@dataclass(frozen=True)
class _Service:
    """A campaign of actions as the runtime needs it."""

    campaign: Campaign
    recipe: catalog.Recipe
    actions: Source
    interactions: records.Dataset


@operation
def get_action_recommendations(
    ctx: Context,
    *,
    campaign_arn: str | None = None,
    user_id: str | None = None,
    num_results: int = DEFAULT_RESULTS,
    filter_arn: str | None = None,
    filter_values: dict[str, str] | None = None,
) -> Answer:
    """The best actions for a user; what the user did with actions a second ago counts."""
    if campaign_arn is None:
        raise InvalidInputException("campaignArn is required.")
    if user_id is None:
        raise InvalidInputException("UserId is required for action recommendations.")
    if num_results > ctx.settings.quota_action_results:
        rule = f"be at most {ctx.settings.quota_action_results}"
        raise InvalidInputException.violation(num_results, "numResults", rule)
    service = ctx.recent.get(
        ("action campaign", ctx.caller.account, ctx.caller.region, campaign_arn), lambda: _load(ctx, campaign_arn)
    )
    spend_on_source(ctx, "GetActionRecommendations", service.campaign.arn)
    version = service.campaign.solution_version_arn
    artefact = ctx.models.get(version, artefacts_of(version))
    asking = filtering.Asking(
        service.campaign.dataset_group_arn, service.recipe, version, artefact, service.interactions, user_id
    )
    allowed = filtering.actions(ctx, asking, filtering.named(ctx, asking, filter_arn, filter_values))
    streamed = ctx.records.recent(service.interactions, user_id)
    history = serving.history(artefact, user_id, streamed)
    ranked = serving.rank_actions(
        artefact,
        ctx.catalogues.table(service.actions, serving.ACTION_COLUMNS),
        ctx.scores.of(version, artefact, history),
        met=serving.last_met(artefact, history, streamed),
        now=int(ctx.now().timestamp()),
        k=num_results,
        allowed=allowed,
    )
    name = recommendation_id(ctx, service.campaign.cid)
    served_lists.remember(
        ctx,
        dataset_group_arn=service.campaign.dataset_group_arn,
        source=campaign_arn,
        user_id=user_id,
        recommendation_id=name,
        item_ids=[row.action_id for row in ranked],
    )
    return {
        "actionList": [{"actionId": row.action_id, "score": row.score} for row in ranked],
        "recommendationId": name,
    }


def _load(ctx: Context, campaign_arn: str) -> _Service:
    with ctx.metadata.reading() as tx:
        campaign = get(ctx, tx, Campaign, campaign_arn)
        recipe = recipe_of(campaign.recipe_arn)
        if recipe.type != "PERSONALIZED_ACTIONS":
            raise InvalidInputException(
                f"{campaign_arn} serves {recipe.name}; GetActionRecommendations needs a PERSONALIZED_ACTIONS recipe."
            )
        if campaign.status != lifecycle.ACTIVE:
            raise InvalidInputException(
                f"The campaign {campaign_arn} is in {campaign.status} state; it must be ACTIVE."
            )
        actions = in_group(ctx, tx, campaign.dataset_group_arn, "ACTIONS")
        if actions is None:
            raise InvalidInputException(f"{campaign.dataset_group_arn} has no Actions dataset any more.")
        source = Source(actions.table, schema_of(tx, actions), actions.creation_date_time)
    group = campaign.dataset_group_arn.rsplit("/", 1)[-1]
    return _Service(campaign, recipe, source, table_of(ctx.arn(Dataset.noun, f"{group}/ACTION_INTERACTIONS")))
