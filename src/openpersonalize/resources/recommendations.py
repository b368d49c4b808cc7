"""The runtime calls: who is asked becomes a ranked list, and an id under which the list can be recognised.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_Operations_Amazon_Personalize_Runtime.html
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openpersonalize import serving
from openpersonalize.errors import InvalidInputException
from openpersonalize.expressions.columns import Bools
from openpersonalize.recipes import catalog
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History
from openpersonalize.resources import filtering, lifecycle, served_lists
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, table_of
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import get
from openpersonalize.resources.solutions import artefacts_of, recipe_of
from openpersonalize.storage import records

MOST_RESULTS = 500
DEFAULT_RESULTS = 25
EVENTS_LOOKED_THROUGH = 500
"""Newest streamed events of a user among which are those that hide an item."""


@dataclass(frozen=True)
class Service:
    """A campaign or a recommender as the runtime needs it."""

    source: Campaign | Recommender
    recipe: catalog.Recipe
    interactions: records.Dataset

    @property
    def model_arn(self) -> str:
        """The name of the model that answers."""
        source = self.source
        return source.model_arn if isinstance(source, Recommender) else source.solution_version_arn


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
    del context
    if (campaign_arn is None) == (recommender_arn is None):
        raise InvalidInputException("Give exactly one of campaignArn and recommenderArn.")
    _require_known_options(metadata_columns, promotions)
    if num_results > MOST_RESULTS:
        raise InvalidInputException.violation(num_results, "numResults", f"be at most {MOST_RESULTS}")
    kind = Campaign if recommender_arn is None else Recommender
    service = _service(ctx, kind, str(campaign_arn or recommender_arn))
    _require_asker(service, user_id, item_id)
    artefact = _artefact(ctx, service)
    asking = _asking(service, artefact, user_id, item_id)
    filtered = filtering.catalogue(ctx, asking, filtering.named(ctx, asking, filter_arn, filter_values))
    allowed = serving.both(_unseen(ctx, service, artefact, user_id), filtered)
    if service.recipe.type == "RELATED_ITEMS":
        seed, history = serving.seeded(artefact, str(item_id))
        ranked = serving.related(artefact, _scores(ctx, service, artefact, history), seed, num_results, allowed)
    else:
        history = _history(ctx, service, artefact, user_id)
        ranked = serving.recommend(artefact, _scores(ctx, service, artefact, history), num_results, allowed)
    return _answered(ctx, service, user_id, "itemList", ranked)


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
    """The caller's items in the user's order; items the model does not know come last, without a score.

    A filter takes items out of the list and leaves the scores of the others as they are.
    """
    del context
    _require_known_options(metadata_columns, None)
    service = _service(ctx, Campaign, campaign_arn)
    if service.recipe.type != "PERSONALIZED_RANKING":
        raise InvalidInputException(
            f"{campaign_arn} serves {service.recipe.name}; GetPersonalizedRanking needs a PERSONALIZED_RANKING recipe."
        )
    if not input_list:
        raise InvalidInputException.violation([], "inputList", "have at least 1 item")
    artefact = _artefact(ctx, service)
    asking = _asking(service, artefact, user_id, None)
    filtered = filtering.named(ctx, asking, filter_arn, filter_values)
    history = _history(ctx, service, artefact, user_id)
    ranked = serving.rank(artefact, _scores(ctx, service, artefact, history), input_list)
    if filtered is not None:
        kept = set(filtering.remaining(ctx, asking, filtered, input_list))
        ranked = [row for row in ranked if row.item_id in kept]
    return _answered(ctx, service, user_id, "personalizedRanking", ranked)


def _require_known_options(
    metadata_columns: dict[str, list[str]] | None, promotions: list[dict[str, Any]] | None
) -> None:
    """Refuse what this version cannot do rather than answer as if it had not been asked."""
    if metadata_columns:
        raise InvalidInputException("metadataColumns: item metadata in answers is not available in this version.")
    if promotions:
        raise InvalidInputException("promotions: promotions are not available in this version.")


def _service(ctx: Context, kind: type[Campaign] | type[Recommender], arn: str) -> Service:
    def load() -> Service:
        with ctx.metadata.reading() as tx:
            source = get(ctx, tx, kind, arn)
        group = source.dataset_group_arn.rsplit("/", 1)[-1]
        table = table_of(ctx.arn(Dataset.noun, f"{group}/INTERACTIONS"))
        return Service(source, recipe_of(source.recipe_arn), table)

    service = ctx.recent.get((kind.noun, ctx.caller.account, ctx.caller.region, arn), load)
    status = service.source.status
    if status != lifecycle.ACTIVE:
        raise InvalidInputException(f"The {kind.noun} {arn} is in {status} state; it must be ACTIVE.")
    return service


def _require_asker(service: Service, user_id: str | None, item_id: str | None) -> None:
    recipe = service.recipe
    if recipe.type == "PERSONALIZED_ACTIONS":
        raise InvalidInputException(
            f"{service.source.arn} serves {recipe.name}; call GetActionRecommendations instead."
        )
    if recipe.type == "PERSONALIZED_RANKING":
        raise InvalidInputException(f"{service.source.arn} serves {recipe.name}; call GetPersonalizedRanking instead.")
    if recipe.user_id == "required" and user_id is None:
        raise InvalidInputException(f"UserId is required for {service.source.noun}s of the recipe {recipe.name}.")
    if recipe.item_id == "required" and item_id is None:
        raise InvalidInputException(f"ItemId is required for {service.source.noun}s of the recipe {recipe.name}.")


def _artefact(ctx: Context, service: Service) -> Artefact:
    return ctx.models.get(service.model_arn, artefacts_of(service.model_arn))


def _asking(service: Service, artefact: Artefact, user_id: str | None, item_id: str | None) -> filtering.Asking:
    return filtering.Asking(
        service.source.dataset_group_arn,
        service.recipe,
        service.model_arn,
        artefact,
        service.interactions,
        user_id,
        item_id,
    )


def _history(ctx: Context, service: Service, artefact: Artefact, user_id: str | None) -> History:
    if user_id is None or "real time" not in service.recipe.abilities:
        return History.empty()
    streamed = ctx.records.recent(service.interactions, user_id)
    return serving.history(artefact, user_id, streamed)


def _unseen(ctx: Context, service: Service, artefact: Artefact, user_id: str | None) -> Bools | None:
    """For each item whether the use case may show it: some hide what the user has bought or watched; None: all."""
    hides = service.recipe.hides
    if hides is None or user_id is None:
        return None
    streamed = ctx.records.recent(service.interactions, user_id, EVENTS_LOOKED_THROUGH)
    return serving.unseen(artefact, user_id, streamed, hides)


def _scores(ctx: Context, service: Service, artefact: Artefact, history: History) -> Floats:
    return ctx.scores.of(service.model_arn, artefact, history)


def _answered(
    ctx: Context, service: Service, user_id: str | None, member: str, ranked: Sequence[serving.Ranked]
) -> Answer:
    """The answer, with the list as `member`; it is remembered as served."""
    source, name = service.source, recommendation_id(ctx, service.source.cid)
    served_lists.remember(
        ctx,
        dataset_group_arn=source.dataset_group_arn,
        source=source.arn,
        user_id=user_id,
        recommendation_id=name,
        item_ids=[row.item_id for row in ranked],
    )
    return {member: _shown(ranked), "recommendationId": name}


def _shown(ranked: Sequence[serving.Ranked]) -> list[dict[str, Any]]:
    return [{"itemId": row.item_id, "score": row.score} for row in ranked]


def recommendation_id(ctx: Context, cid: str) -> str:
    """`RID-<25 characters>-CID-<6 hex digits>`: new for each answer, and naming who gave it."""
    return f"RID-{str(uuid.UUID(int=ctx.random.getrandbits(128), version=4))[-25:]}-CID-{cid}"
