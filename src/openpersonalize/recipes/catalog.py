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

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe for recipe in sorted(CUSTOM + DOMAIN, key=lambda recipe: recipe.name)
}
"""By name, in the order in which they are listed."""

LAST_UPDATED = datetime(2025, 11, 30, tzinfo=UTC)
"""All recipes share the date of the catalogue's last change."""

_BY_ARN = {recipe.arn: recipe for recipe in RECIPES.values()}
_MEMBERS: Mapping[Kind, str] = {
    "algorithm": "algorithmHyperParameters",
    "featurisation": "featureTransformationParameters",
}


def by_arn(arn: str) -> Recipe | None:
    """The recipe with that ARN, if there is one."""
    return _BY_ARN.get(arn)


def of_domain(domain: str | None) -> list[Recipe]:
    """The recipes of a domain, or all, sorted by name."""
    return [recipe for recipe in RECIPES.values() if domain in (None, recipe.domain)]


def algorithm_by_arn(arn: str) -> str | None:
    """The name of the algorithm with that ARN."""
    return next((name for name in _algorithms() if arn == f"arn:aws:personalize:::algorithm/{name}"), None)


def feature_transformation_by_arn(arn: str) -> str | None:
    """The name of the feature transformation with that ARN."""
    prefix = "arn:aws:personalize:::feature-transformation/"
    return next((name for name in _transformations() if arn == prefix + name), None)


def describe_recipe(name: str) -> dict[str, Any]:
    """What DescribeRecipe says; ListRecipes takes its members from here, and `domain` besides."""
    recipe = RECIPES[name]
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


def describe_algorithm(name: str) -> dict[str, Any]:
    """What DescribeAlgorithm says, with the algorithm hyperparameters of the recipe that uses it."""
    recipe = _algorithms()[name]
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


def describe_feature_transformation(name: str) -> dict[str, Any]:
    """What DescribeFeatureTransformation says; recipes that share one agree on its parameters or have none."""
    recipes = _transformations()[name]
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


def _algorithms() -> dict[str, Recipe]:
    """By name, the recipe that uses it; no two share one."""
    return {recipe.algorithm or recipe.name: recipe for recipe in RECIPES.values()}


def _transformations() -> dict[str, list[Recipe]]:
    found: dict[str, list[Recipe]] = {}
    for recipe in RECIPES.values():
        found.setdefault(recipe.feature_transformation or recipe.name, []).append(recipe)
    return found


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
