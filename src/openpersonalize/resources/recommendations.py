"""The runtime calls: who is asked becomes a ranked list, and an id under which the list can be recognised.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_Operations_Amazon_Personalize_Runtime.html
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openpersonalize import serving
from openpersonalize.errors import InvalidInputException
from openpersonalize.expressions.columns import Bools
from openpersonalize.recipes import catalog
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History
from openpersonalize.resources import filtering, item_metadata, lifecycle, served_lists, sources
from openpersonalize.resources import promotions as promotions_of
from openpersonalize.resources.campaigns import Campaign
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, table_of
from openpersonalize.resources.rates import spend_on_source
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import get
from openpersonalize.resources.solutions import artefacts_of, recipe_of
from openpersonalize.storage import records

DEFAULT_RESULTS = 25
PROMOTED = "Promoted item"
"""The reason that v2 recipes give for a promoted item."""


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

    @property
    def config(self) -> Mapping[str, Any] | None:
        """What the caller configured."""
        source = self.source
        return source.recommender_config if isinstance(source, Recommender) else source.campaign_config


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
    item_metadata.require_few(ctx, "numResults", num_results, ctx.settings.quota_results, metadata_columns)
    kind = Campaign if recommender_arn is None else Recommender
    service = _service(ctx, kind, str(campaign_arn or recommender_arn))
    spend_on_source(ctx, "GetRecommendations", service.source.arn)
    _require_asker(service, user_id, item_id)
    described = _described(ctx, service, metadata_columns)
    artefact = _artefact(ctx, service)
    asking = _asking(service, artefact, user_id, item_id)
    filtered = filtering.named(ctx, asking, filter_arn, filter_values)
    promoted = promotions_of.named(ctx, asking, promotions)
    unseen = _unseen(ctx, service, artefact, user_id)

    def allowed_by(chosen: filtering.Named | None) -> Bools | None:
        return serving.both(unseen, filtering.catalogue(ctx, asking, chosen))

    seed, history = _start(ctx, service, artefact, user_id, item_id)
    scores, allowed = _scores(ctx, service, artefact, history), allowed_by(filtered)
    if promoted is None:
        ranked = serving.recommend(artefact, scores, num_results, allowed, seed)
    else:
        promotion = serving.Promotion(promoted.percent, allowed_by(promoted.filtered))
        ranked = serving.promote(artefact, scores, num_results, allowed, promotion, seed=seed, draw=ctx.random)
    shown = _shown(ctx, service, ranked, described, promoted)
    return {"itemList": shown, "recommendationId": _remembered(ctx, service, user_id, ranked)}


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
    service = _service(ctx, Campaign, campaign_arn)
    spend_on_source(ctx, "GetPersonalizedRanking", service.source.arn)
    if service.recipe.type != "PERSONALIZED_RANKING":
        raise InvalidInputException(
            f"{campaign_arn} serves {service.recipe.name}; GetPersonalizedRanking needs a PERSONALIZED_RANKING recipe."
        )
    if not input_list:
        raise InvalidInputException.violation([], "inputList", "have at least 1 item")
    limit = ctx.settings.quota_ranking_items
    item_metadata.require_few(ctx, "inputList", len(input_list), limit, metadata_columns)
    described = _described(ctx, service, metadata_columns)
    artefact = _artefact(ctx, service)
    asking = _asking(service, artefact, user_id, None)
    filtered = filtering.named(ctx, asking, filter_arn, filter_values)
    history = _history(ctx, service, artefact, user_id)
    ranked = serving.rank(artefact, _scores(ctx, service, artefact, history), input_list)
    if filtered is not None:
        kept = set(filtering.remaining(ctx, asking, filtered, input_list))
        ranked = [row for row in ranked if row.item_id in kept]
    shown = _shown(ctx, service, ranked, described)
    return {"personalizedRanking": shown, "recommendationId": _remembered(ctx, service, user_id, ranked)}


def _described(
    ctx: Context, service: Service, metadata_columns: dict[str, list[str]] | None
) -> item_metadata.Wanted | None:
    group = service.source.dataset_group_arn
    return item_metadata.wanted(ctx, service.recipe, group, service.config, metadata_columns)


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


def _start(
    ctx: Context, service: Service, artefact: Artefact, user_id: str | None, item_id: str | None
) -> tuple[int | None, History]:
    """The item that an answer starts from, if it does from one, and the events."""
    if service.recipe.type == "RELATED_ITEMS":
        return serving.seeded(artefact, str(item_id))
    return None, _history(ctx, service, artefact, user_id)


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
    most = ctx.settings.filter_interactions
    streamed = sources.streamed(ctx, service.interactions, user_id, most)
    imported = sources.imported(ctx, service.source.dataset_group_arn, artefact, user_id)
    return serving.unseen(artefact, user_id, streamed, imported, event_type=hides, most=most)


def _scores(ctx: Context, service: Service, artefact: Artefact, history: History) -> Floats:
    return ctx.scores.of(service.model_arn, artefact, history)


def _shown(
    ctx: Context,
    service: Service,
    ranked: Sequence[serving.Ranked],
    described: item_metadata.Wanted | None,
    promoted: promotions_of.Promoted | None = None,
) -> list[dict[str, Any]]:
    """The rows of an answer; a member without a value is left out when it is written."""
    shown: list[dict[str, Any]] = [{"itemId": row.item_id, "score": row.score} for row in ranked]
    if promoted is not None:
        _mark_promoted(service, ranked, shown, promoted)
    if described is not None:
        for row, metadata in zip(shown, item_metadata.of_items(ctx, described, ranked), strict=True):
            row["metadata"] = metadata
    return shown


def _mark_promoted(
    service: Service, ranked: Sequence[serving.Ranked], shown: list[dict[str, Any]], promoted: promotions_of.Promoted
) -> None:
    tells_why = "reasons" in service.recipe.abilities
    for row, answered in zip(ranked, shown, strict=True):
        if row.promoted:
            answered["promotionName"] = promoted.name
            answered["reason"] = [PROMOTED] if tells_why else None


def _remembered(ctx: Context, service: Service, user_id: str | None, ranked: Sequence[serving.Ranked]) -> str:
    """The id of an answer, which is remembered as served."""
    source, name = service.source, recommendation_id(ctx, service.source.cid)
    served_lists.remember(
        ctx,
        dataset_group_arn=source.dataset_group_arn,
        source=source.arn,
        user_id=user_id,
        recommendation_id=name,
        item_ids=[row.item_id for row in ranked],
        promoted=sum(row.promoted for row in ranked),
    )
    return name


def recommendation_id(ctx: Context, cid: str) -> str:
    """`RID-<25 characters>-CID-<6 hex digits>`: new for each answer, and naming who gave it."""
    return f"RID-{str(uuid.UUID(int=ctx.random.getrandbits(128), version=4))[-25:]}-CID-{cid}"
