"""The runtime calls: who is asked becomes a ranked list, and an id under which the list can be recognised.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_Operations_Amazon_Personalize_Runtime.html
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openpersonalize import serving
from openpersonalize.errors import InvalidInputException, ResourceNotFoundException
from openpersonalize.recipes import catalog
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History
from openpersonalize.resources import lifecycle
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, table_of
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import get
from openpersonalize.resources.solutions import artefacts_of, recipe_of
from openpersonalize.storage import records

MOST_RESULTS = 500
DEFAULT_RESULTS = 25


@dataclass(frozen=True)
class Service:
    """A campaign as the runtime needs it."""

    campaign: Campaign
    recipe: catalog.Recipe
    interactions: records.Dataset


@operation
def get_recommendations(
    ctx: Context,
    *,
    campaign_arn: str | None = None,
    recommender_arn: str | None = None,
    user_id: str | None = None,
    item_id: str | None = None,
    num_results: int = DEFAULT_RESULTS,
    context: dict[str, str] | None = None,
    filter_arn: str | None = None,
    filter_values: dict[str, str] | None = None,
    promotions: list[dict[str, Any]] | None = None,
    metadata_columns: dict[str, list[str]] | None = None,
) -> Answer:
    """The best items for a user, or those most like a seed item; `context` is accepted and not used yet."""
    del context, filter_values
    if (campaign_arn is None) == (recommender_arn is None):
        raise InvalidInputException("Give exactly one of campaignArn and recommenderArn.")
    if campaign_arn is None:
        raise ResourceNotFoundException.arn(str(recommender_arn))
    _require_known_options(filter_arn, metadata_columns, promotions)
    if num_results > MOST_RESULTS:
        raise InvalidInputException.violation(num_results, "numResults", f"be at most {MOST_RESULTS}")
    service = _service(ctx, campaign_arn)
    _require_asker(service, user_id, item_id)
    artefact = _artefact(ctx, service)
    if service.recipe.type == "RELATED_ITEMS":
        seed, history = serving.seeded(artefact, str(item_id))
        ranked = serving.related(artefact, _scores(ctx, service, artefact, history), seed, num_results)
    else:
        history = _history(ctx, service, artefact, user_id)
        ranked = serving.recommend(artefact, _scores(ctx, service, artefact, history), num_results)
    return {"itemList": _shown(ranked), "recommendationId": _recommendation_id(ctx, service)}


@operation
def get_personalized_ranking(
    ctx: Context,
    *,
    campaign_arn: str,
    input_list: list[str],
    user_id: str,
    context: dict[str, str] | None = None,
    filter_arn: str | None = None,
    filter_values: dict[str, str] | None = None,
    metadata_columns: dict[str, list[str]] | None = None,
) -> Answer:
    """The caller's items in the user's order; items the model does not know come last, without a score."""
    del context, filter_values
    _require_known_options(filter_arn, metadata_columns, None)
    service = _service(ctx, campaign_arn)
    if service.recipe.type != "PERSONALIZED_RANKING":
        raise InvalidInputException(
            f"{campaign_arn} serves {service.recipe.name}; GetPersonalizedRanking needs a PERSONALIZED_RANKING recipe."
        )
    if not input_list:
        raise InvalidInputException.violation([], "inputList", "have at least 1 item")
    artefact = _artefact(ctx, service)
    history = _history(ctx, service, artefact, user_id)
    ranked = serving.rank(artefact, _scores(ctx, service, artefact, history), input_list)
    return {"personalizedRanking": _shown(ranked), "recommendationId": _recommendation_id(ctx, service)}


def _require_known_options(
    filter_arn: str | None, metadata_columns: dict[str, list[str]] | None, promotions: list[dict[str, Any]] | None
) -> None:
    """Refuse what this version cannot do rather than answer as if it had not been asked."""
    if filter_arn is not None:
        raise ResourceNotFoundException.arn(filter_arn)
    if metadata_columns:
        raise InvalidInputException("metadataColumns: item metadata in answers is not available in this version.")
    if promotions:
        raise InvalidInputException("promotions: promotions are not available in this version.")


def _service(ctx: Context, campaign_arn: str) -> Service:
    def load() -> Service:
        with ctx.metadata.reading() as tx:
            campaign = get(ctx, tx, Campaign, campaign_arn)
        group = campaign.dataset_group_arn.rsplit("/", 1)[-1]
        table = table_of(ctx.arn(Dataset.noun, f"{group}/INTERACTIONS"))
        return Service(campaign, recipe_of(campaign.recipe_arn), table)

    service = ctx.recent.get(("campaign", ctx.caller.account, ctx.caller.region, campaign_arn), load)
    if service.campaign.status != lifecycle.ACTIVE:
        raise InvalidInputException(
            f"The campaign {campaign_arn} is in {service.campaign.status} state; it must be ACTIVE."
        )
    return service


def _require_asker(service: Service, user_id: str | None, item_id: str | None) -> None:
    recipe = service.recipe
    if recipe.type == "PERSONALIZED_RANKING":
        raise InvalidInputException(
            f"{service.campaign.arn} serves {recipe.name}; call GetPersonalizedRanking instead."
        )
    if recipe.user_id == "required" and user_id is None:
        raise InvalidInputException(f"UserId is required for campaigns of the recipe {recipe.name}.")
    if recipe.item_id == "required" and item_id is None:
        raise InvalidInputException(f"ItemId is required for campaigns of the recipe {recipe.name}.")


def _artefact(ctx: Context, service: Service) -> Artefact:
    version = service.campaign.solution_version_arn
    return ctx.models.get(version, artefacts_of(version))


def _history(ctx: Context, service: Service, artefact: Artefact, user_id: str | None) -> History:
    if user_id is None or "real time" not in service.recipe.abilities:
        return History.empty()
    streamed = ctx.records.recent(service.interactions, user_id)
    return serving.history(artefact, user_id, streamed)


def _scores(ctx: Context, service: Service, artefact: Artefact, history: History) -> Floats:
    return ctx.scores.of(service.campaign.solution_version_arn, artefact, history)


def _shown(ranked: Sequence[serving.Ranked]) -> list[dict[str, Any]]:
    return [{"itemId": row.item_id, "score": row.score} for row in ranked]


def _recommendation_id(ctx: Context, service: Service) -> str:
    """`RID-<25 characters>-CID-<6 hex digits>`: new for each answer, and naming the campaign."""
    return f"RID-{str(uuid.UUID(int=ctx.random.getrandbits(128), version=4))[-25:]}-CID-{service.campaign.cid}"
