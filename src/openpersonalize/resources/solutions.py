"""Solutions: what shall be learned from a dataset group, by which recipe and with which settings.

The records of a solution and of its versions stand here, because each is described with the other; the operations on
versions are in `solution_versions`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from openpersonalize import avro
from openpersonalize.arns import Arn
from openpersonalize.errors import InvalidInputException, ResourceInUseException, ResourceNotFoundException
from openpersonalize.jobs import Schedules
from openpersonalize.recipes import catalog
from openpersonalize.resources import hpo_rules, lifecycle, quotas, updates
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.datasets import TYPES, in_group, schema_of
from openpersonalize.resources.paging import listing
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import Resource, get, given, require_free
from openpersonalize.resources.solution_rules import days_between_trainings, faults_of
from openpersonalize.storage.metadata import Reading, Transaction, family
from openpersonalize.storage.objects import Location

TRAIN = "solution.train"
"""The kind of the jobs of automatic training."""


@dataclass(frozen=True, kw_only=True)
class SolutionVersion(Resource):
    """A training and its result; `metrics` are told by GetSolutionMetrics alone."""

    noun: ClassVar[str] = "solution-version"
    life: ClassVar[lifecycle.Life] = lifecycle.STOPPABLE
    name: str
    solution_version_arn: str
    solution_arn: str
    dataset_group_arn: str
    recipe_arn: str
    status: str
    perform_hpo: bool = False
    perform_auto_ml: bool = False
    perform_incremental_update: bool | None = None
    event_type: str | None = None
    solution_config: dict[str, Any] | None = None
    training_hours: float | None = None
    training_mode: str = "FULL"
    training_type: str = "MANUAL"
    failure_reason: str | None = None
    metrics: dict[str, float] | None = None

    @property
    def parent(self) -> str:
        """Versions are listed by solution."""
        return self.solution_arn


def artefacts_of(arn: str) -> Location:
    """Where the model of a version, or those of all versions of a solution, are kept; of a recommender likewise."""
    parsed = Arn.parse(arn)
    # No solution's name begins with an underscore.
    own = parsed.tail if parsed.kind == Solution.noun else f"_{parsed.kind}s/{parsed.tail}"
    return Location(bucket="models", key=f"{parsed.account}/{parsed.region}/{own}/")


@dataclass(frozen=True, kw_only=True)
class Solution(Resource):
    """A solution; `solution_config` is kept as it was sent, no defaults added.

    `first_training_since` is when the clock of automatic training began, until its first training had its turn.
    """

    noun: ClassVar[str] = "solution"
    name: str
    solution_arn: str
    dataset_group_arn: str
    status: str
    recipe_arn: str | None = None
    perform_hpo: bool = False
    perform_auto_ml: bool = False
    perform_auto_training: bool = True
    perform_incremental_update: bool | None = None
    event_type: str | None = None
    solution_config: dict[str, Any] | None = None
    latest_solution_version_arn: str | None = None
    latest_solution_version: SolutionVersion | None = None  # filled in for Describe, never stored
    latest_solution_update: dict[str, Any] | None = None
    failure_reason: str | None = None
    first_training_since: datetime | None = None

    @property
    def recipe(self) -> catalog.Recipe:
        """What the solution learns with."""
        return recipe_of(str(self.recipe_arn))


def require_staying(tx: Reading, version: SolutionVersion) -> None:
    """Nothing new may be built on a version whose solution is being deleted; raises ResourceInUseException."""
    if tx.get(Solution, version.solution_arn).status in lifecycle.ENDING:
        raise ResourceInUseException(f"The solution {version.solution_arn} is being deleted.")


def recipe_of(recipe_arn: str) -> catalog.Recipe:
    """The recipe of that ARN; raises ResourceNotFoundException."""
    Arn.expect(recipe_arn, "recipe")
    recipe = catalog.by_arn(recipe_arn)
    if recipe is None:
        raise ResourceNotFoundException.arn(recipe_arn)
    return recipe


@operation
def create_solution(
    ctx: Context,
    *,
    name: str,
    dataset_group_arn: str,
    recipe_arn: str | None = None,
    perform_hpo: bool = False,
    perform_auto_ml: bool = False,
    perform_auto_training: bool = True,
    perform_incremental_update: bool | None = None,
    event_type: str | None = None,
    solution_config: dict[str, Any] | None = None,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Keep what to learn, after checking it against the recipe and the columns of the data."""
    recipe = _recipe(recipe_arn, perform_auto_ml=perform_auto_ml)
    now = ctx.now()
    with ctx.writing() as tx:
        group = get(ctx, tx, DatasetGroup, dataset_group_arn)
        solution = Solution(
            name=name,
            solution_arn=ctx.arn(Solution.noun, name),
            dataset_group_arn=group.arn,
            status=lifecycle.CREATE_PENDING,
            recipe_arn=recipe.arn,
            perform_hpo=perform_hpo,
            perform_auto_ml=perform_auto_ml,
            perform_auto_training=perform_auto_training,
            perform_incremental_update=perform_incremental_update,
            event_type=event_type,
            solution_config=solution_config,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, solution)
        lifecycle.require_active(group)
        _check(ctx, tx, solution)
        quotas.require_room(ctx, tx, Solution, ctx.settings.quota_solutions, group=group.arn)
        lifecycle.begin(ctx, tx, solution, tags=tags)
    return {"solutionArn": solution.arn}


def _recipe(recipe_arn: str | None, *, perform_auto_ml: bool) -> catalog.Recipe:
    if perform_auto_ml:
        raise InvalidInputException(
            "performAutoML: choosing a recipe automatically is not available in this version; name one with recipeArn."
        )
    if recipe_arn is None:
        raise InvalidInputException.violation("null", "recipeArn", "not be null unless performAutoML is true")
    recipe = recipe_of(recipe_arn)
    if recipe.domain is not None:
        raise InvalidInputException(f"recipeArn: {recipe_arn} is a recipe for recommenders, not for solutions.")
    return recipe


def schemas_of(ctx: Context, tx: Reading, dataset_group_arn: str) -> dict[str, avro.Schema]:
    """The columns of a group's datasets that can be learned from, by dataset type."""
    schemas = {}
    for kind in TYPES:
        dataset = in_group(ctx, tx, dataset_group_arn, kind)
        if dataset is not None and dataset.status not in lifecycle.ENDING:
            schemas[kind] = schema_of(tx, dataset)
    return schemas


def _check(ctx: Context, tx: Transaction, solution: Solution) -> None:
    schemas, config = schemas_of(ctx, tx, solution.dataset_group_arn), solution.solution_config or {}
    found = faults_of(
        solution.recipe,
        schemas,
        perform_hpo=solution.perform_hpo,
        perform_auto_training=solution.perform_auto_training,
        perform_incremental_update=solution.perform_incremental_update,
        event_type=solution.event_type,
        config=config,
    )
    found += hpo_rules.jobs(config, ctx.settings.quota_hpo_jobs, ctx.settings.quota_parallel_hpo_jobs)
    if found:
        raise InvalidInputException(" ".join(found))


@operation
def describe_solution(ctx: Context, *, solution_arn: str) -> Answer:
    """All about one solution, with the newest of its versions."""
    with ctx.metadata.reading() as tx:
        solution = get(ctx, tx, Solution, solution_arn)
        newest = solution.latest_solution_version_arn
        version = tx.find(SolutionVersion, newest) if newest else None
    return {"solution": replace(solution, latest_solution_version=version)}


@operation
def list_solutions(
    ctx: Context, *, dataset_group_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The solutions of a group, or all."""
    return listing(ctx, Solution, "solutions", parent=dataset_group_arn, max_results=max_results, next_token=next_token)


@operation
def delete_solution(ctx: Context, *, solution_arn: str) -> None:
    """Delete a solution and its versions; raises ResourceInUseException naming what still stands on it."""
    with ctx.writing() as tx:
        solution = given(ctx, tx, Solution, solution_arn)
        lifecycle.require_deletable(solution)
        if updates.is_open(solution.latest_solution_update):
            raise ResourceInUseException(f"The solution {solution.arn} is being updated and cannot be deleted.")
        campaigns = family.children(tx, solution.arn, ("campaign",))
        training = family.children(
            tx, solution.arn, ("solution-version",), statuses=(*lifecycle.OPEN, lifecycle.CREATE_STOPPING)
        )
        if campaigns or training:
            raise ResourceInUseException(
                f"The solution {solution.arn} is needed by: {', '.join([*campaigns, *training])}."
            )
        lifecycle.end(ctx, tx, solution)


def _drop_versions(ctx: Context, solution: Solution) -> None:
    ctx.artefacts.delete_prefix(artefacts_of(solution.arn))
    with ctx.writing() as tx:
        family.remove_children(tx, solution.arn)


def train_regularly(ctx: Context, tx: Transaction, solution: Solution, since: datetime | None = None) -> None:
    """Automatic training: first within the hour, then at the solution's own rate; the job is in `solution_versions`.

    The clock began `since` then, or when the solution was made.
    """
    if solution.perform_auto_training:
        tx.replace(replace(solution, first_training_since=since or solution.creation_date_time))
        Schedules(ctx.queue).ensure(
            tx.connection,
            f"train {solution.arn}",
            kind=TRAIN,
            subject=solution.arn,
            every=days_between_trainings(solution.solution_config or {}) * 86400.0,
            first=ctx.now() + timedelta(seconds=ctx.settings.auto_training_delay_seconds),
        )


lifecycle.created_by_a_step(Solution, train_regularly)
lifecycle.deleted_by_a_step(Solution, _drop_versions)
