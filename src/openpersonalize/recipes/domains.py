"""The ten recipes of the two domains, as data: use cases that a recommender serves without a solution.

Each is learned by the model of a custom recipe, from the events of its use case: most popular items by
aws-popularity-count's, items that go together by aws-sims's, a user's next items by aws-user-personalization-v2's.
"""

from datetime import UTC, datetime

from openpersonalize.recipes.abilities import EXPLORES, LISTS, SEQUENCE, SIMILAR, Ability
from openpersonalize.recipes.recipe import Door, Need, Recipe

_FIRST = datetime(2019, 6, 10, tzinfo=UTC)
_MODELS = "openpersonalize.recipes.models"
_RECOMMENDER: frozenset[Door] = frozenset({"recommender"})
# Recommenders give no scores; exploration can be set as in aws-user-personalization.
_TASTE: frozenset[Ability] = (SEQUENCE - {"scores"}) | EXPLORES | {"exploration settings", "impressions", "promotions"}


def _popular(name: str, description: str, event: str, domain: str) -> Recipe:
    return Recipe(
        name=name,
        type="POPULAR_ITEMS",
        description=description,
        created=_FIRST,
        domain=domain,
        served_by=_RECOMMENDER,
        user_id="required",
        events=(event,),
        abilities=LISTS,
        model=f"{_MODELS}.popularity:PopularityCount",
        fitted=f"{_MODELS}.popularity:Popularity",
    )


def _together(
    name: str, description: str, event: str, domain: str, *, hides: str | None, user_id: Need = "required"
) -> Recipe:
    return Recipe(
        name=name,
        type="RELATED_ITEMS",
        description=description,
        created=_FIRST,
        domain=domain,
        served_by=_RECOMMENDER,
        user_id=user_id,
        item_id="required",
        events=(event,),
        hides=hides,
        abilities=SIMILAR,
        model=f"{_MODELS}.sims:Sims",
        fitted=f"{_MODELS}.sims:Neighbours",
    )


def _taste(name: str, description: str, domain: str, *, hides: str) -> Recipe:
    return Recipe(
        name=name,
        type="USER_PERSONALIZATION",
        description=description,
        created=_FIRST,
        domain=domain,
        served_by=_RECOMMENDER,
        user_id="required",
        hides=hides,
        abilities=_TASTE,
        model=f"{_MODELS}.sequence:Sequence",
        fitted=f"{_MODELS}.sequence_model:SequenceModel",
    )


DOMAIN = (
    _popular("aws-ecomm-popular-items-by-views", "The items that most customers viewed.", "View", "ECOMMERCE"),
    _popular("aws-ecomm-popular-items-by-purchases", "The items that most customers bought.", "Purchase", "ECOMMERCE"),
    _together(
        "aws-ecomm-frequently-bought-together",
        "Items that customers bought together with a given item.",
        "Purchase",
        "ECOMMERCE",
        hides=None,
        user_id="optional",
    ),
    _together(
        "aws-ecomm-customers-who-viewed-x-also-viewed",
        "Items that customers viewed who viewed a given item, without those the customer has bought.",
        "View",
        "ECOMMERCE",
        hides="Purchase",
    ),
    _taste(
        "aws-ecomm-recommended-for-you",
        "The items a customer will be interested in next, without those already bought.",
        "ECOMMERCE",
        hides="Purchase",
    ),
    _together(
        "aws-vod-because-you-watched-x",
        "Videos that the viewers of a given video watched, without those the viewer has watched.",
        "Watch",
        "VIDEO_ON_DEMAND",
        hides="Watch",
    ),
    Recipe(
        name="aws-vod-more-like-x",
        type="RELATED_ITEMS",
        # By audience alone so far; the metadata are read and not compared.
        description="Videos that resemble a given video in audience and metadata, without those already watched.",
        created=_FIRST,
        domain="VIDEO_ON_DEMAND",
        required_datasets=frozenset({"INTERACTIONS", "ITEMS"}),
        optional_datasets=frozenset({"USERS"}),
        served_by=_RECOMMENDER,
        user_id="required",
        item_id="required",
        hides="Watch",
        abilities=SIMILAR | {"items metadata"},
        model=f"{_MODELS}.sims:Sims",
        fitted=f"{_MODELS}.sims:Neighbours",
    ),
    _popular("aws-vod-most-popular", "The videos that most users watched.", "Watch", "VIDEO_ON_DEMAND"),
    Recipe(
        name="aws-vod-trending-now",
        type="POPULAR_ITEMS",
        description="The videos whose interactions grow fastest.",
        created=_FIRST,
        domain="VIDEO_ON_DEMAND",
        served_by=_RECOMMENDER,
        user_id="optional",
        abilities=LISTS,
    ),
    _taste(
        "aws-vod-top-picks",
        "The videos a viewer will watch next, without those already watched.",
        "VIDEO_ON_DEMAND",
        hides="Watch",
    ),
)
