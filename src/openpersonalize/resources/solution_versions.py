"""Solution versions: one training of a solution, the model that came of it and its offline metrics."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from openpersonalize.errors import (
    InvalidInputException,
    JobFailed,
    ResourceAlreadyExistsException,
    ResourceInUseException,
)
from openpersonalize.jobs import Later, Schedules, Task
from openpersonalize.recipes import catalog
from openpersonalize.resources import lifecycle, quotas, training_limits
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import in_group, schema_for
from openpersonalize.resources.paging import listing
from openpersonalize.resources.progress import described
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import get
from openpersonalize.resources.solutions import TRAIN, Solution, SolutionVersion, artefacts_of, recipe_of
from openpersonalize.resources.tags import attach
from openpersonalize.storage.metadata import Reading, Transaction, family

if TYPE_CHECKING:
    from openpersonalize import training

ID_DIGITS = 8
_SOLUTION_WAIT_SECONDS = 0.2
TRAINABLE_DATASETS = ("INTERACTIONS", "ITEMS", "USERS")
ACTION_DATASETS = ("INTERACTIONS", "ACTIONS", "ACTION_INTERACTIONS")
"""What recipes of actions learn from."""


def get_version(ctx: Context, tx: Reading, arn: str) -> SolutionVersion:
    """The caller's version of that ARN, whose kind is `solution`; raises ResourceNotFoundException."""
    return get(ctx, tx, SolutionVersion, arn, kinds=("solution",))


@operation
def create_solution_version(
    ctx: Context,
    *,
    solution_arn: str,
    name: str | None = None,
    training_mode: str = "FULL",
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Start a training; right after CreateSolution too, the training then waits for the solution."""
    if training_mode != "FULL":
        raise InvalidInputException(
            f"trainingMode: {training_mode} is not available for the recipes of this version; use FULL."
        )
    with ctx.writing() as tx:
        solution = get(ctx, tx, Solution, solution_arn)
        _require_trainable(solution)
        if name and any(other.name == name for other in _versions(ctx, tx, solution)):
            raise ResourceAlreadyExistsException(f"Another version of {solution.arn} is already named {name}.")
        version = _begin(ctx, tx, solution, name=name, training_type="MANUAL")
        attach(tx, version.arn, tags)
    return {"solutionVersionArn": version.arn}


def _begin(
    ctx: Context, tx: Transaction, solution: Solution, *, name: str | None = None, training_type: str
) -> SolutionVersion:
    """Write the record of a new training, its job, and the solution's newest version, in the caller's transaction."""
    quotas.require_free_slot(ctx, tx, SolutionVersion, ctx.settings.quota_open_solution_versions)
    now, number = ctx.now(), ctx.hexadecimal(ID_DIGITS)
    version = SolutionVersion(
        name=name or f"{solution.name}/{number}",
        solution_version_arn=ctx.arn("solution", f"{solution.name}/{number}"),
        solution_arn=solution.arn,
        dataset_group_arn=solution.dataset_group_arn,
        recipe_arn=str(solution.recipe_arn),
        status=lifecycle.CREATE_PENDING,
        perform_hpo=solution.perform_hpo,
        perform_auto_ml=solution.perform_auto_ml,
        perform_incremental_update=solution.perform_incremental_update,
        event_type=solution.event_type,
        solution_config=solution.solution_config or {},
        training_type=training_type,
        creation_date_time=now,
        last_updated_date_time=now,
    )
    tx.insert(version)
    ctx.queue.enqueue(tx.connection, "solution-version.create", version.arn)
    tx.replace(replace(solution, latest_solution_version_arn=version.arn))
    return version


def _require_trainable(solution: Solution) -> None:
    if solution.status == lifecycle.CREATE_FAILED:
        raise InvalidInputException(f"The solution {solution.arn} is in CREATE FAILED state and cannot be trained.")
    if solution.status in lifecycle.ENDING:
        raise ResourceInUseException(
            f"The solution {solution.arn} is in {solution.status} state and cannot be trained."
        )
    if solution.recipe.model is None:
        raise InvalidInputException(f"The recipe {solution.recipe.name} cannot be trained by this version.")


def _versions(ctx: Context, tx: Transaction, solution: Solution) -> list[SolutionVersion]:
    return tx.select(SolutionVersion, ctx.caller.account, ctx.caller.region, parent=solution.arn)


@operation
def describe_solution_version(ctx: Context, *, solution_version_arn: str) -> Answer:
    """All about one version; how far its training is comes in a header of the answer."""
    return described(ctx, SolutionVersion, "solutionVersion", solution_version_arn, kinds=("solution",))


@operation
def list_solution_versions(
    ctx: Context, *, solution_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The versions of a solution, or all, newest first."""
    if solution_arn is not None:
        with ctx.metadata.reading() as tx:
            get(ctx, tx, Solution, solution_arn)
    return listing(
        ctx,
        SolutionVersion,
        "solutionVersions",
        parent=solution_arn,
        parent_kind="solution",
        max_results=max_results,
        next_token=next_token,
        newest_first=True,
    )


@operation
def stop_solution_version_creation(ctx: Context, *, solution_version_arn: str) -> None:
    """End a training: at once when it waits, within seconds when it runs."""
    with ctx.writing() as tx:
        version = get_version(ctx, tx, solution_version_arn)
        if version.status == lifecycle.CREATE_PENDING:
            lifecycle.become(ctx, tx, version, lifecycle.CREATE_STOPPED)
        elif version.status == lifecycle.CREATE_IN_PROGRESS:
            lifecycle.become(ctx, tx, version, lifecycle.CREATE_STOPPING)
        elif version.status == lifecycle.CREATE_STOPPING:
            raise ResourceInUseException(f"The solution version {version.arn} is being stopped already.")
        else:
            raise InvalidInputException(
                f"The solution version {version.arn} is in {version.status} state; there is nothing to stop."
            )
        ctx.queue.request_stop(tx.connection, version.arn)


@operation
def get_solution_metrics(ctx: Context, *, solution_version_arn: str) -> Answer:
    """The offline metrics of a trained version."""
    with ctx.metadata.reading() as tx:
        version = get_version(ctx, tx, solution_version_arn)
    if version.status in (*lifecycle.OPEN, lifecycle.CREATE_STOPPING):
        raise ResourceInUseException(
            f"The solution version {version.arn} is in {version.status} state; metrics come with ACTIVE."
        )
    if version.status != lifecycle.ACTIVE:
        raise InvalidInputException(
            f"The solution version {version.arn} is in {version.status} state and has no metrics."
        )
    return {"solutionVersionArn": version.arn, "metrics": version.metrics}


def _stopped(ctx: Context, tx: Transaction, subject: str, _reason: str) -> None:
    version = tx.get(SolutionVersion, subject)
    if version.status != lifecycle.CREATE_STOPPED:
        lifecycle.become(ctx, tx, version, lifecycle.CREATE_STOPPED)


@job("solution-version.create", failed=lifecycle.create_failed(SolutionVersion), stopped=_stopped)
def train(ctx: Context, task: Task) -> None:
    """Read the data, fit, measure and keep the model; ACTIVE comes last, in the commit that ends the job."""
    from openpersonalize import training

    with task.transaction() as tx:
        version = tx.get(SolutionVersion, task.subject)
        solution = _require_solution(tx, version)
        version = lifecycle.become(ctx, tx, version, lifecycle.CREATE_IN_PROGRESS)
        sources = _sources(ctx, tx, solution)
    task.progress(0.0, "settling streamed rows")
    for table, schema in sources.values():
        ctx.records.settle(table, schema)
    order = _order(ctx, version)
    with training.workspace() as folder:
        twin = _twin(ctx, version, order, sources)
        if twin is None:
            trained = training.train(order, ctx.records, sources, folder, task.progress)
        else:
            ctx.artefacts.fetch_folder(artefacts_of(twin.arn), folder)
            trained = training.take_over(folder, order, hours=0.0)
        task.verify()
        ctx.artefacts.put_folder(trained.folder, artefacts_of(version.arn))
    with task.publish() as tx:
        active = lifecycle.become(
            ctx,
            tx,
            tx.get(SolutionVersion, task.subject),
            lifecycle.ACTIVE,
            metrics=trained.metrics,
            training_hours=trained.hours,
        )
        follow_latest(ctx, tx, active)


def _order(ctx: Context, version: SolutionVersion) -> "training.Order":
    from openpersonalize import training

    recipe = recipe_of(version.recipe_arn)
    return training.Order(
        recipe=recipe.name,
        event_type=version.event_type,
        config=version.solution_config or {},
        seed=ctx.settings.train_seed,
        threads=ctx.settings.train_threads,
        budget_seconds=ctx.settings.train_budget_seconds,
        limits=training_limits.of(ctx, recipe),
    )


def _twin(
    ctx: Context, version: SolutionVersion, order: "training.Order", sources: dict[str, Any]
) -> SolutionVersion | None:
    """A version of another recipe that has learned, from the same data, just what this one would learn."""
    from openpersonalize import training

    versions = {kind: ctx.records.statistics(table).version for kind, (table, _) in sources.items()}
    with ctx.metadata.reading() as tx:
        candidates = tx.select(
            SolutionVersion,
            ctx.caller.account,
            ctx.caller.region,
            group=version.dataset_group_arn,
            statuses=(lifecycle.ACTIVE,),
        )
        candidates = [other for other in candidates if _sees(ctx, tx, other) == sources]
    for other in reversed(candidates):
        manifest = orjson.loads(ctx.artefacts.read(artefacts_of(other.arn).within("manifest.json")))
        if training.is_twin(manifest, order, versions):
            return other
    return None


def _sees(ctx: Context, tx: Reading, version: SolutionVersion) -> dict[str, Any]:
    """What a version's solution may learn from today."""
    solution = tx.get(Solution, version.solution_arn)
    return _sources(ctx, tx, solution)


def _require_solution(tx: Transaction, version: SolutionVersion) -> Solution:
    solution = tx.get(Solution, version.solution_arn)
    if solution.status in lifecycle.OPEN:
        raise Later(_SOLUTION_WAIT_SECONDS)
    if solution.status != lifecycle.ACTIVE:
        raise JobFailed(f"The solution {solution.arn} is in {solution.status} state.")
    return solution


def _sources(ctx: Context, tx: Reading, solution: Solution) -> dict[str, Any]:
    group, kinds = solution.dataset_group_arn, _kinds(solution.recipe)
    return sources_of(ctx, tx, group, solution.creation_date_time, kinds)


def _kinds(recipe: catalog.Recipe) -> tuple[str, ...]:
    return ACTION_DATASETS if recipe.type == "PERSONALIZED_ACTIONS" else TRAINABLE_DATASETS


def sources_of(
    ctx: Context, tx: Reading, dataset_group_arn: str, made: datetime, kinds: Sequence[str] = TRAINABLE_DATASETS
) -> dict[str, Any]:
    """The tables of a group and their columns, by dataset type, for what was `made` then; JobFailed without events."""
    sources = {}
    for kind in kinds:
        dataset = in_group(ctx, tx, dataset_group_arn, kind)
        if dataset is not None and dataset.status not in lifecycle.ENDING:
            sources[kind] = (dataset.table, schema_for(tx, dataset, made))
    if "INTERACTIONS" not in sources:
        raise JobFailed("The dataset group has no Interactions dataset.")
    return sources


def _skip(_ctx: Context, _tx: Transaction, _subject: str, _reason: str) -> None:
    """An automatic training that could not be started waits for its next turn."""


@job(TRAIN, failed=_skip, inline=True)
def train_automatically(ctx: Context, task: Task) -> None:
    """Start a training by itself if it is due; ends the schedule with the solution."""
    with task.publish() as tx:
        solution = tx.find(Solution, task.subject)
        if solution is None or solution.status in lifecycle.ENDING or not solution.perform_auto_training:
            Schedules(ctx.queue).cancel(tx.connection, name=f"train {task.subject}")
        else:
            due = _is_due(ctx, tx, solution)
            solution = replace(solution, first_training_since=None)
            tx.replace(solution)
            if due:
                _begin(ctx, tx, solution, training_type="AUTOMATIC")


def _is_due(ctx: Context, tx: Transaction, solution: Solution) -> bool:
    """The first training of a clock, unless somebody asked for one since; a later one if new interactions came."""
    versions = _versions(ctx, tx, solution)
    logs = {
        kind: dataset
        for kind in _kinds(solution.recipe)
        if kind.endswith("INTERACTIONS") and (dataset := in_group(ctx, tx, solution.dataset_group_arn, kind))
    }
    if "INTERACTIONS" not in logs or solution.recipe.model is None:
        return False
    if solution.first_training_since is not None:
        return all(version.creation_date_time < solution.first_training_since for version in versions)
    if not versions or any(ctx.records.waiting(dataset.table) for dataset in logs.values()):
        return True
    arrived = max(ctx.records.statistics(dataset.table).newest for dataset in logs.values()) / 1e9
    return arrived > versions[-1].creation_date_time.timestamp()


def follow_latest(ctx: Context, tx: Transaction, version: SolutionVersion) -> None:
    """Move the campaigns that keep up with the solution's latest version to this one."""
    for arn in family.children(tx, version.solution_arn, ("campaign",), statuses=(lifecycle.ACTIVE,)):
        ctx.queue.enqueue(tx.connection, "campaign.follow", arn, payload={"solutionVersionArn": version.arn})
