"""The twelve custom recipes, as data. A new one is one entry here; `catalog` answers every question about it."""

from datetime import UTC, datetime

from openpersonalize.recipes.abilities import EXPLORES, LISTS, SECOND, SEQUENCE, SIMILAR
from openpersonalize.recipes.recipe import Door, Hyperparameter, Recipe

_FIRST = datetime(2019, 6, 10, tzinfo=UTC)
_V2 = datetime(2024, 1, 1, tzinfo=UTC)
_MODELS = "openpersonalize.recipes.models"
_DEPLOYED: frozenset[Door] = frozenset({"campaign", "batch inference"})

_RECENCY = Hyperparameter(name="apply_recency_bias", type="boolean", default="true", values=("true", "false"))
_WIDTH = Hyperparameter(name="hidden_dimension", type="integer", default="149", low=32, high=256)


def _share(name: str, default: str) -> Hyperparameter:
    return Hyperparameter(name=name, kind="featurisation", type="float", default=default, low=0, high=1)


_HIERARCHICAL = (
    Hyperparameter(name="hidden_dimension", type="integer", default="149", low=32, high=256, tunable=True),
    Hyperparameter(name="bptt", type="integer", default="32", low=2, high=32, tunable=True),
    Hyperparameter(name="recency_mask", type="boolean", default="True", values=("True", "False"), tunable=True),
    _share("min_user_history_length_percentile", "0.0"),
    _share("max_user_history_length_percentile", "0.99"),
)
_COOCCURRENCE = (
    Hyperparameter(name="popularity_discount_factor", type="float", default="0.5", low=0, high=1, tunable=True),
    Hyperparameter(name="min_cointeraction_count", type="integer", default="3", low=0, high=10, tunable=True),
    _share("min_user_history_length_percentile", "0.005"),
    _share("max_user_history_length_percentile", "0.995"),
    _share("min_item_interaction_count_percentile", "0.01"),
    _share("max_item_interaction_count_percentile", "0.9"),
)
_SIMILAR_ITEMS = (
    Hyperparameter(name="popularity_discount_factor", type="float", default="0.0", low=0, high=1),
    *(
        Hyperparameter(name=name, type="integer", default="100", low=30, high=200, tunable=True, fixed=False)
        for name in ("item_id_hidden_dim", "item_metadata_hidden_dim")
    ),
)
_FREQUENCIES = ("30 minutes", "1 hour", "2 hours", "3 hours", "1 day", "30 min", "1h", "2h", "3h")

CUSTOM = (
    Recipe(
        name="aws-item-affinity",
        type="USER_SEGMENTATION",
        description="The users who are most likely to interact with an item.",
        created=datetime(2021, 7, 15, tzinfo=UTC),
        feature_transformation="item-affinity",
        served_by=frozenset({"batch segment"}),
        user_id="unused",
        item_id="required",
        abilities=frozenset({"filters", "event filters", "items metadata", "users metadata"}),
        hyperparameters=(_WIDTH,),
        model=f"{_MODELS}.affinity:Affinity",
        fitted=f"{_MODELS}.sequence_model:SequenceModel",
    ),
    Recipe(
        name="aws-item-attribute-affinity",
        type="USER_SEGMENTATION",
        description="The users who are most likely to interact with items that have an attribute.",
        created=datetime(2021, 8, 25, tzinfo=UTC),
        feature_transformation="item-attribute-affinity",
        required_datasets=frozenset({"INTERACTIONS", "ITEMS"}),
        optional_datasets=frozenset({"USERS"}),
        served_by=frozenset({"batch segment"}),
        user_id="unused",
        abilities=frozenset({"filters", "items metadata", "users metadata"}),
        hyperparameters=(_WIDTH,),
        model=f"{_MODELS}.affinity:Affinity",
        fitted=f"{_MODELS}.sequence_model:SequenceModel",
    ),
    Recipe(
        name="aws-next-best-action",
        type="PERSONALIZED_ACTIONS",
        description="The actions that a user is most likely to take.",
        created=datetime(2023, 8, 11, tzinfo=UTC),
        required_datasets=frozenset({"ACTIONS", "INTERACTIONS"}),
        optional_datasets=frozenset({"ACTION_INTERACTIONS", "USERS", "ITEMS"}),
        served_by=frozenset({"campaign"}),
        user_id="required",
        abilities=EXPLORES | {"real time", "items metadata", "users metadata", "filters", "event filters", "scores"},
        hyperparameters=(
            Hyperparameter(
                name="action_optimization_period",
                kind="featurisation",
                type="integer",
                default="14",
                low=7,
                high=28,
            ),
        ),
        scale="actions",
        model=f"{_MODELS}.propensity:NextBestAction",
        fitted=f"{_MODELS}.propensity:Propensity",
    ),
    Recipe(
        name="aws-personalized-ranking",
        type="PERSONALIZED_RANKING",
        description="A given list of items in the order of a user's interest.",
        created=_FIRST,
        feature_transformation="JSON-percentile-filtering",
        served_by=_DEPLOYED,
        user_id="required",
        abilities=SEQUENCE | {"hpo", "objective"},
        hyperparameters=_HIERARCHICAL,
    ),
    Recipe(
        name="aws-personalized-ranking-v2",
        type="PERSONALIZED_RANKING",
        description="A given list of items in the order of a user's interest; knows up to five million items.",
        created=_V2,
        served_by=_DEPLOYED,
        user_id="required",
        abilities=SECOND,
        hyperparameters=(_RECENCY,),
        scale="v2",
        model=f"{_MODELS}.sequence:Sequence",
        fitted=f"{_MODELS}.sequence_model:SequenceModel",
    ),
    Recipe(
        name="aws-popularity-count",
        # Amazon files it under POPULAR_ITEMS in the guide and under this type in its answers.
        type="USER_PERSONALIZATION",
        description="The items that most users have interacted with, the same list for everyone.",
        created=_FIRST,
        feature_transformation="sims",
        served_by=_DEPLOYED,
        user_id="optional",
        abilities=LISTS,
        model=f"{_MODELS}.popularity:PopularityCount",
        fitted=f"{_MODELS}.popularity:Popularity",
    ),
    Recipe(
        name="aws-semantic-similarity",
        type="RELATED_ITEMS",
        description="Items whose texts mean something similar, nudged by popularity and freshness on request.",
        created=datetime(2025, 11, 30, tzinfo=UTC),
        required_datasets=frozenset({"ITEMS"}),
        optional_datasets=frozenset({"INTERACTIONS", "USERS"}),
        served_by=_DEPLOYED,
        user_id="optional",
        item_id="required",
        abilities=SIMILAR | {"incremental update", "items metadata", "metadata in responses", "ranking influence"},
    ),
    Recipe(
        name="aws-similar-items",
        type="RELATED_ITEMS",
        description="Items that go together in users' histories and resemble each other in their metadata.",
        created=_FIRST,
        served_by=_DEPLOYED,
        user_id="optional",
        item_id="required",
        abilities=SIMILAR | {"items metadata", "themes", "hpo"},
        hyperparameters=_SIMILAR_ITEMS,
    ),
    Recipe(
        name="aws-sims",
        type="RELATED_ITEMS",
        description="Items that the same users have interacted with.",
        created=_FIRST,
        feature_transformation="sims",
        served_by=_DEPLOYED,
        user_id="optional",
        item_id="required",
        abilities=SIMILAR | {"hpo"},
        hyperparameters=_COOCCURRENCE,
        model=f"{_MODELS}.sims:Sims",
        fitted=f"{_MODELS}.sims:Neighbours",
    ),
    Recipe(
        name="aws-trending-now",
        type="POPULAR_ITEMS",
        description="The items whose interactions grow fastest.",
        created=datetime(2022, 10, 1, tzinfo=UTC),
        algorithm="aws-trending-now-custom",
        served_by=frozenset({"campaign"}),
        user_id="optional",
        abilities=LISTS,
        hyperparameters=(
            Hyperparameter(
                name="trend_discovery_frequency",
                kind="featurisation",
                type="string",
                default="2 hours",
                values=_FREQUENCIES,
            ),
        ),
    ),
    Recipe(
        name="aws-user-personalization",
        type="USER_PERSONALIZATION",
        description="The items a user will interact with next, with exploration of new ones.",
        created=_FIRST,
        feature_transformation="JSON-percentile-filtering",
        served_by=_DEPLOYED,
        user_id="required",
        abilities=SEQUENCE
        | EXPLORES
        | {"exploration settings", "training update", "impressions", "promotions", "hpo", "objective"},
        hyperparameters=_HIERARCHICAL,
    ),
    Recipe(
        name="aws-user-personalization-v2",
        type="USER_PERSONALIZATION",
        description="The items a user will interact with next, for catalogues of up to five million items.",
        created=_V2,
        served_by=_DEPLOYED,
        user_id="required",
        abilities=SECOND | EXPLORES | {"promotions", "reasons"},
        hyperparameters=(_RECENCY,),
        scale="v2",
        model=f"{_MODELS}.sequence:Sequence",
        fitted=f"{_MODELS}.sequence_model:SequenceModel",
    ),
)
