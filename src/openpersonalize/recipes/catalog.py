"""Every question about recipes: which there are, what they say of themselves, whether parameters fit, what learns them.

The recipes stand in `custom` and `domains`. Models are named there by dotted path, so that asking about a recipe loads
no model, and loading a model loads no other.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, cast

from openpersonalize.recipes.custom import CUSTOM
from openpersonalize.recipes.domains import DOMAIN
from openpersonalize.recipes.models import Fitted, Hyperparameters
from openpersonalize.recipes.recipe import Hyperparameter, Kind, Recipe, Value

__all__ = [
    "BY_NAME",
    "LAST_UPDATED",
    "RECIPES",
    "Hyperparameter",
    "Recipe",
    "by_arn",
    "check_hyperparameters",
    "describe_algorithm",
    "describe_feature_transformation",
    "describe_recipe",
    "fitted",
    "model",
    "summary",
]

RECIPES: tuple[Recipe, ...] = tuple(sorted(CUSTOM + DOMAIN, key=lambda recipe: recipe.name))
"""In the order in which they are listed."""

BY_NAME: Mapping[str, Recipe] = {recipe.name: recipe for recipe in RECIPES}

LAST_UPDATED = datetime(2025, 11, 30, tzinfo=UTC)
"""All recipes share the date of the catalogue's last change."""

_BY_ARN = {recipe.arn: recipe for recipe in RECIPES}
_MEMBERS: Mapping[Kind, str] = {
    "algorithm": "algorithmHyperParameters",
    "featurisation": "featureTransformationParameters",
}


def by_arn(arn: str) -> Recipe | None:
    """The recipe with that ARN, if there is one."""
    return _BY_ARN.get(arn)


def summary(recipe: Recipe) -> dict[str, Any]:
    """A row of ListRecipes; only a domain's recipe has a `domain`."""
    row = {
        "name": recipe.name,
        "recipeArn": recipe.arn,
        "status": "ACTIVE",
        "creationDateTime": recipe.created,
        "lastUpdatedDateTime": LAST_UPDATED,
    }
    return row | ({"domain": recipe.domain} if recipe.domain else {})


def describe_recipe(name: str) -> dict[str, Any] | None:
    """What DescribeRecipe says; None where there is no such recipe."""
    recipe = BY_NAME.get(name)
    if recipe is None:
        return None
    return {
        "name": recipe.name,
        "recipeArn": recipe.arn,
        "algorithmArn": recipe.algorithm_arn,
        "featureTransformationArn": recipe.feature_transformation_arn,
        "status": "ACTIVE",
        "description": recipe.description,
        "creationDateTime": recipe.created,
        "recipeType": recipe.type,
        "lastUpdatedDateTime": LAST_UPDATED,
    }


def describe_algorithm(name: str) -> dict[str, Any] | None:
    """What DescribeAlgorithm says, with the hyperparameters of the recipe that uses it; None for an unknown name."""
    recipe = next((recipe for recipe in RECIPES if name == (recipe.algorithm or recipe.name)), None)
    if recipe is None:
        return None
    rows = [row for row in recipe.hyperparameters if row.kind == "algorithm"]
    return {
        "name": name,
        "algorithmArn": recipe.algorithm_arn,
        "algorithmImage": {"name": name, "dockerURI": f"personalize/{name}:latest"},
        "defaultHyperParameters": {row.name: row.default for row in rows},
        "defaultHyperParameterRanges": {
            "integerHyperParameterRanges": [_range(row, int) for row in rows if row.type == "integer"],
            "continuousHyperParameterRanges": [_range(row, float) for row in rows if row.type == "float"],
            "categoricalHyperParameterRanges": [
                {"name": row.name, "values": list(row.values), "isTunable": row.tunable} for row in rows if row.values
            ],
        },
        "defaultResourceConfig": {"maxNumberOfTrainingJobs": "40", "maxParallelTrainingJobs": "10"},
        "trainingInputMode": "File",
        "creationDateTime": recipe.created,
        "lastUpdatedDateTime": LAST_UPDATED,
    }


def describe_feature_transformation(name: str) -> dict[str, Any] | None:
    """What DescribeFeatureTransformation says; recipes that share one agree on its parameters or have none."""
    recipes = [recipe for recipe in RECIPES if name == (recipe.feature_transformation or recipe.name)]
    if not recipes:
        return None
    return {
        "name": name,
        "featureTransformationArn": recipes[0].feature_transformation_arn,
        "defaultParameters": {
            row.name: row.default for recipe in recipes for row in recipe.hyperparameters if row.kind == "featurisation"
        },
        "creationDateTime": min(recipe.created for recipe in recipes),
        "lastUpdatedDateTime": LAST_UPDATED,
        "status": "ACTIVE",
    }


def check_hyperparameters(
    recipe: Recipe,
    algorithm_hyper_parameters: Mapping[str, str],
    feature_transformation_parameters: Mapping[str, str],
) -> list[str]:
    """Everything that is wrong with a solution's parameters, one sentence each, naming parameter, value and rule."""
    return [
        *_faults(recipe, "algorithm", algorithm_hyper_parameters),
        *_faults(recipe, "featurisation", feature_transformation_parameters),
    ]


def model(recipe: Recipe, parameters: Mapping[str, str], **plan: Value) -> Hyperparameters:
    """The recipe's model before training: defaults, then the caller's parameters, both algorithm's and featurisation's.

    `plan` holds what the machine adds (threads, seconds); a model takes those of them that it has a field for. Raises
    LookupError for a recipe that this version cannot train; the parameters must have passed `check_hyperparameters`.
    """
    if recipe.model is None:
        raise LookupError(f"{recipe.name} cannot be trained by this version.")
    kind = _load(recipe.model)
    taken = {row.name for row in dataclasses.fields(kind)}
    values = {row.name: row.value(parameters.get(row.name, row.default)) for row in recipe.hyperparameters if row.fixed}
    return cast("Hyperparameters", kind(**values, **{name: value for name, value in plan.items() if name in taken}))


def fitted(recipe: Recipe) -> type[Fitted]:
    """The type of the recipe's trained model, which loads one from a folder."""
    if recipe.fitted is None:
        raise LookupError(f"{recipe.name} cannot be served by this version.")
    return cast("type[Fitted]", _load(recipe.fitted))


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _range(row: Hyperparameter, kind: type[int] | type[float]) -> dict[str, Any]:
    return {"name": row.name, "minValue": kind(row.low), "maxValue": kind(row.high), "isTunable": row.tunable}


def _faults(recipe: Recipe, kind: Kind, given: Mapping[str, str]) -> Iterator[str]:
    rows = {row.name: row for row in recipe.hyperparameters if row.kind == kind}
    for name, text in given.items():
        where = f"'{text}' at 'solutionConfig.{_MEMBERS[kind]}.{name}'"
        if name not in rows:
            known = f"it has {', '.join(rows)}" if rows else "it has none there"
            yield f"Value {where} is not a parameter of {recipe.name}; {known}"
        elif not rows[name].fixed:
            yield f"Value {where} may only be given as a range to search, not as a fixed value"
        elif fault := _fault(rows[name], text):
            yield f"Value {where} failed to satisfy constraint: Member must be {fault}"


def _fault(row: Hyperparameter, text: str) -> str:
    try:
        row.value(text)
    except ValueError as fault:
        return str(fault)
    return ""
