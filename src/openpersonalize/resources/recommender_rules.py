"""What a recommender may ask of its use case and its data: every broken rule as one sentence.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_RecommenderConfig.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from openpersonalize.errors import InvalidInputException
from openpersonalize.recipes import catalog
from openpersonalize.resources import exploration
from openpersonalize.resources.solution_rules import Schemas, training_data


def require_recipe(recipe: catalog.Recipe, domain: str | None, dataset_group_arn: str) -> None:
    """The recipe must be a use case of the group's domain that this version can train; InvalidInputException."""
    if recipe.domain is None:
        raise InvalidInputException(f"recipeArn: {recipe.arn} is a recipe for solutions, not for recommenders.")
    if recipe.domain != domain:
        own = f"of the domain {domain}" if domain else "a custom one"
        raise InvalidInputException(
            f"recipeArn: {recipe.arn} is for the domain {recipe.domain}, and {dataset_group_arn} is {own}."
        )
    if recipe.model is None:
        raise InvalidInputException(f"The recipe {recipe.name} cannot be trained by this version.")


def faults_of(recipe: catalog.Recipe, schemas: Schemas, config: Mapping[str, Any], *, datasets_too: bool) -> list[str]:
    """All broken rules of a configuration, and, at the creation, of the datasets that the use case needs."""
    return [
        *(_datasets(recipe, schemas) if datasets_too else ()),
        *_exploration(recipe, config.get("itemExplorationConfig") or {}),
        *training_data("recommenderConfig", schemas, config.get("trainingDataConfig") or {}),
        *_metadata(schemas, enabled=bool(config.get("enableMetadataWithRecommendations"))),
    ]


def _datasets(recipe: catalog.Recipe, schemas: Schemas) -> Iterator[str]:
    for kind in sorted(recipe.required_datasets):
        if kind not in schemas:
            yield f"datasetGroupArn: the recipe {recipe.name} needs a dataset of type {kind}, and the group has none."


def _exploration(recipe: catalog.Recipe, config: Mapping[str, str]) -> Iterator[str]:
    if config and "exploration settings" not in recipe.abilities:
        yield f"recommenderConfig.itemExplorationConfig is not supported by the recipe {recipe.name}."
    else:
        yield from exploration.faults("recommenderConfig", config)


def _metadata(schemas: Schemas, *, enabled: bool) -> Iterator[str]:
    if enabled and "ITEMS" not in schemas:
        yield "recommenderConfig.enableMetadataWithRecommendations needs a dataset of type ITEMS, the group has none."
