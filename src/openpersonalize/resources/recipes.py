"""Recipes, algorithms and feature transformations: what can be learned, the same for every account."""

from openpersonalize.arns import Arn
from openpersonalize.errors import ResourceNotFoundException
from openpersonalize.recipes import catalog
from openpersonalize.resources.context import Context
from openpersonalize.resources.paging import read_token, write_token
from openpersonalize.resources.registry import Answer, operation

PAGE = 11
"""Recipes on a page when the caller asks for no number: real pages have as many, and real clients count on it."""


@operation
def describe_recipe(ctx: Context, *, recipe_arn: str) -> Answer:
    """All about one recipe."""
    del ctx
    return {"recipe": _known(catalog.describe_recipe(_tail(recipe_arn, "recipe")), recipe_arn)}


@operation
def describe_algorithm(ctx: Context, *, algorithm_arn: str) -> Answer:
    """An algorithm and the hyperparameters it takes."""
    del ctx
    return {"algorithm": _known(catalog.describe_algorithm(_tail(algorithm_arn, "algorithm")), algorithm_arn)}


@operation
def describe_feature_transformation(ctx: Context, *, feature_transformation_arn: str) -> Answer:
    """A feature transformation and its default parameters."""
    del ctx
    name = _tail(feature_transformation_arn, "feature-transformation")
    return {"featureTransformation": _known(catalog.describe_feature_transformation(name), feature_transformation_arn)}


@operation
def list_recipes(
    ctx: Context,
    *,
    recipe_provider: str = "SERVICE",
    next_token: str | None = None,
    max_results: int | None = None,
    domain: str | None = None,
) -> Answer:
    """Recipes by name, eleven on a page unless the caller asks for another number.

    With a domain and no number of its own the service pages before it filters: the first page holds the domain's
    recipes and a token, the second is empty. Clients that fetch exactly two pages rely on it.
    """
    del recipe_provider
    scope = f"recipes|{domain or ''}"
    start = read_token(ctx, scope, next_token) or 0
    rows = [catalog.summary(recipe) for recipe in catalog.RECIPES if domain in (None, recipe.domain)]
    size = max_results or PAGE
    total = len(rows) if max_results or domain is None else len(catalog.RECIPES)
    answer: Answer = {"recipes": rows[start : start + size]}
    if start + size < total:
        answer["nextToken"] = write_token(ctx, scope, start + size)
    return answer


def _tail(arn: str, kind: str) -> str:
    """The name in an ARN of the service's own; one with a region, an account or another partition leads nowhere."""
    parsed = Arn.expect(arn, kind)
    if arn != str(Arn(region="", account="", kind=kind, tail=parsed.tail)):
        raise ResourceNotFoundException.arn(arn)
    return parsed.tail


def _known(found: Answer | None, arn: str) -> Answer:
    if found is None:
        raise ResourceNotFoundException.arn(arn)
    return found
