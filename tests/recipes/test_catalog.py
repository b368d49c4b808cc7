import sys
from collections import Counter
from datetime import UTC, datetime
from subprocess import run
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpersonalize.recipes import catalog
from openpersonalize.recipes.catalog import BY_NAME, RECIPES, Hyperparameter, check_hyperparameters

ROWS = [(recipe.name, row) for recipe in RECIPES for row in recipe.hyperparameters]


def test_there_are_twelve_custom_recipes_and_five_for_each_domain_sorted_by_name() -> None:
    rows = [catalog.summary(recipe) for recipe in RECIPES]
    assert [row["name"] for row in rows] == sorted(BY_NAME)
    domains = Counter(row.get("domain") for row in rows)
    assert domains == {None: 12, "ECOMMERCE": 5, "VIDEO_ON_DEMAND": 5}
    assert all(row.get("domain", "") is not None for row in rows)


def known(answer: dict[str, Any] | None) -> dict[str, Any]:
    assert answer is not None
    return answer


def test_sims_says_what_amazon_says() -> None:
    answer = known(catalog.describe_recipe("aws-sims"))
    assert answer["recipeArn"] == "arn:aws:personalize:::recipe/aws-sims"
    assert answer["algorithmArn"] == "arn:aws:personalize:::algorithm/aws-sims"
    assert answer["featureTransformationArn"] == "arn:aws:personalize:::feature-transformation/sims"
    assert answer["recipeType"] == "RELATED_ITEMS"
    assert answer["creationDateTime"] == datetime.fromtimestamp(1560124800, UTC)
    assert known(catalog.describe_feature_transformation("sims"))["defaultParameters"] == {
        "min_user_history_length_percentile": "0.005",
        "max_user_history_length_percentile": "0.995",
        "min_item_interaction_count_percentile": "0.01",
        "max_item_interaction_count_percentile": "0.9",
    }


def test_popularity_has_an_algorithm_of_its_own_and_the_feature_transformation_of_sims() -> None:
    answer = known(catalog.describe_recipe("aws-popularity-count"))
    assert answer["algorithmArn"] == "arn:aws:personalize:::algorithm/aws-popularity-count"
    assert answer["featureTransformationArn"] == "arn:aws:personalize:::feature-transformation/sims"


def test_user_personalization_shows_its_ranges() -> None:
    answer = known(catalog.describe_algorithm("aws-user-personalization"))
    assert answer["defaultHyperParameters"] == {"hidden_dimension": "149", "bptt": "32", "recency_mask": "True"}
    ranges = answer["defaultHyperParameterRanges"]
    assert ranges["integerHyperParameterRanges"] == [
        {"name": "hidden_dimension", "minValue": 32, "maxValue": 256, "isTunable": True},
        {"name": "bptt", "minValue": 2, "maxValue": 32, "isTunable": True},
    ]
    assert ranges["categoricalHyperParameterRanges"] == [
        {"name": "recency_mask", "values": ["True", "False"], "isTunable": True}
    ]


@pytest.mark.parametrize("name", BY_NAME)
def test_whatever_a_recipe_names_can_be_described(name: str) -> None:
    answer = known(catalog.describe_recipe(name))
    algorithm = known(catalog.describe_algorithm(answer["algorithmArn"].partition("/")[2]))
    transformation = answer["featureTransformationArn"].partition("/")[2]
    assert algorithm["algorithmArn"] == answer["algorithmArn"]
    assert known(catalog.describe_feature_transformation(transformation))["status"] == "ACTIVE"
    assert catalog.by_arn(answer["recipeArn"]) is BY_NAME[name]


def test_there_is_nothing_under_an_unknown_name() -> None:
    assert catalog.by_arn("arn:aws:personalize:::recipe/aws-hrnn") is None
    assert catalog.describe_recipe("aws-hrnn") is None
    assert catalog.describe_algorithm("aws-hrnn") is None
    assert catalog.describe_feature_transformation("featurize_metadata") is None


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[f"{name}.{row.name}" for name, row in ROWS])
def test_defaults_and_bounds_are_allowed(name: str, row: Hyperparameter) -> None:
    bounds = row.values or (f"{row.low:g}", f"{row.high:g}")
    for text in (row.default, *bounds):
        row.value(text)


def test_all_faults_are_told_at_once_with_parameter_value_and_range() -> None:
    faults = check_hyperparameters(
        BY_NAME["aws-sims"],
        {"popularity_discount_factor": "1.5", "min_cointeraction_count": "many", "depth": "3"},
        {"max_item_interaction_count_percentile": "nan", "min_cointeraction_count": "3"},
    )
    assert len(faults) == 5
    assert "'1.5' at 'solutionConfig.algorithmHyperParameters.popularity_discount_factor'" in faults[0]
    assert "a number between 0 and 1" in faults[0]
    assert "a whole number between 0 and 10" in faults[1]
    assert "is not a parameter of aws-sims; it has popularity_discount_factor, min_cointeraction_count" in faults[2]
    assert "featureTransformationParameters.max_item_interaction_count_percentile" in faults[3]


def test_a_parameter_that_can_only_be_searched_is_refused_as_a_value() -> None:
    [fault] = check_hyperparameters(BY_NAME["aws-similar-items"], {"item_id_hidden_dim": "100"}, {})
    assert "range to search" in fault


@given(st.integers(-1000, 1000))
def test_a_whole_number_is_taken_exactly_within_its_range(number: int) -> None:
    faults = check_hyperparameters(BY_NAME["aws-user-personalization"], {"bptt": str(number)}, {})
    assert bool(faults) == (not 2 <= number <= 32)


@pytest.mark.parametrize("text", ["True", "true", "FALSE"])
def test_booleans_are_read_in_any_case(text: str) -> None:
    assert not check_hyperparameters(BY_NAME["aws-user-personalization-v2"], {"apply_recency_bias": text}, {})


def test_every_use_case_but_one_can_be_trained() -> None:
    assert [name for name, recipe in BY_NAME.items() if recipe.domain and not recipe.model] == ["aws-vod-trending-now"]


def test_seven_custom_recipes_can_be_trained_and_the_others_say_that_they_cannot() -> None:
    able = {name for name, recipe in BY_NAME.items() if recipe.model and not recipe.domain}
    assert able == {
        "aws-item-affinity",
        "aws-item-attribute-affinity",
        "aws-next-best-action",
        "aws-user-personalization-v2",
        "aws-personalized-ranking-v2",
        "aws-popularity-count",
        "aws-sims",
    }
    with pytest.raises(LookupError, match="aws-trending-now cannot be trained by this version"):
        catalog.model(BY_NAME["aws-trending-now"], {})
    with pytest.raises(LookupError):
        catalog.fitted(BY_NAME["aws-trending-now"])


def test_asking_the_catalogue_loads_no_model() -> None:
    code = (
        "import sys; from openpersonalize.recipes import catalog; catalog.describe_recipe('aws-sims');"
        "print(any(name in sys.modules for name in ('torch', 'onnxruntime', 'scipy', 'duckdb', 'pyarrow')))"
    )
    assert run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
