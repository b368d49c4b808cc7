"""Batch inference jobs: recommendations for a file of users, items or rankings, by a solution version alone.

What the job does is in `batch_inference`; it can neither be stopped nor deleted.
Source: https://docs.aws.amazon.com/personalize/latest/dg/API_CreateBatchInferenceJob.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from openpersonalize.recipes import catalog
from openpersonalize.resources import batch_rules, exploration, lifecycle, quotas
from openpersonalize.resources.context import Context
from openpersonalize.resources.paging import listing
from openpersonalize.resources.progress import described
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import Resource, require_free
from openpersonalize.resources.solution_versions import get_version
from openpersonalize.resources.solutions import recipe_of

PLAIN, THEMES = "BATCH_INFERENCE", "THEME_GENERATION"


@dataclass(frozen=True, kw_only=True)
class BatchInferenceJob(Resource):
    """A batch of recommendations; it stays listed as long as its dataset group exists."""

    noun: ClassVar[str] = "batch-inference-job"
    life: ClassVar[lifecycle.Life] = lifecycle.JOB
    job_name: str
    batch_inference_job_arn: str
    solution_version_arn: str
    dataset_group_arn: str
    recipe_arn: str
    job_input: dict[str, Any]
    job_output: dict[str, Any]
    role_arn: str
    status: str
    num_results: int = batch_rules.DEFAULT_RESULTS
    filter_arn: str | None = None
    batch_inference_job_config: dict[str, Any] | None = None
    batch_inference_job_mode: str = PLAIN
    theme_generation_config: dict[str, Any] | None = None
    failure_reason: str | None = None

    @property
    def parent(self) -> str:
        """Jobs are listed by solution version."""
        return self.solution_version_arn


@operation
def create_batch_inference_job(
    ctx: Context,
    *,
    job_name: str,
    solution_version_arn: str,
    job_input: dict[str, Any],
    job_output: dict[str, Any],
    role_arn: str,
    filter_arn: str | None = None,
    num_results: int = batch_rules.DEFAULT_RESULTS,
    batch_inference_job_config: dict[str, Any] | None = None,
    tags: list[dict[str, str]] | None = None,
    batch_inference_job_mode: str = PLAIN,
    theme_generation_config: dict[str, Any] | None = None,
) -> Answer:
    """Check what is asked against the recipe and enqueue the job; the lines are checked one by one as it runs."""
    batch_rules.require_locations(ctx, job_input, job_output)
    batch_rules.require_results(num_results, ctx.settings.quota_batch_results)
    now = ctx.now()
    with ctx.writing() as tx:
        version = get_version(ctx, tx, solution_version_arn)
        record = BatchInferenceJob(
            job_name=job_name,
            batch_inference_job_arn=ctx.arn(BatchInferenceJob.noun, job_name),
            solution_version_arn=version.arn,
            dataset_group_arn=version.dataset_group_arn,
            recipe_arn=version.recipe_arn,
            job_input=job_input,
            job_output=job_output,
            role_arn=role_arn,
            status=lifecycle.CREATE_PENDING,
            num_results=num_results,
            filter_arn=filter_arn,
            batch_inference_job_config=batch_inference_job_config,
            batch_inference_job_mode=batch_inference_job_mode,
            theme_generation_config=theme_generation_config,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, record)
        batch_rules.require_version(tx, version, _faults(recipe_of(version.recipe_arn), record))
        batch_rules.require_filter(ctx, tx, filter_arn, version, "ItemID")
        quotas.require_free_slot(ctx, tx, BatchInferenceJob, ctx.settings.quota_open_batch_inference_jobs)
        lifecycle.begin(ctx, tx, record, tags=tags)
    return {"batchInferenceJobArn": record.arn}


def _faults(recipe: catalog.Recipe, record: BatchInferenceJob) -> list[str]:
    if "batch inference" not in recipe.served_by:
        return [f"solutionVersionArn: the recipe {recipe.name} has no batch inference."]
    config, themes = record.batch_inference_job_config or {}, record.batch_inference_job_mode == THEMES
    faults = _config_faults(recipe, config)
    if themes and "themes" not in recipe.abilities:
        faults.append(f"batchInferenceJobMode: {THEMES} is not supported by the recipe {recipe.name}.")
    if themes != (record.theme_generation_config is not None):
        faults.append(f"themeGenerationConfig belongs to batchInferenceJobMode {THEMES}: give both, or neither.")
    return faults


def _config_faults(recipe: catalog.Recipe, config: Mapping[str, Any]) -> list[str]:
    faults = []
    explored = config.get("itemExplorationConfig") or {}
    if explored and "exploration" not in recipe.abilities:  # v2 recipes explore by themselves and pass them over
        faults.append(f"batchInferenceJobConfig.itemExplorationConfig is not supported by the recipe {recipe.name}.")
    else:
        faults += exploration.faults("batchInferenceJobConfig", explored)
    if config.get("rankingInfluence") and "ranking influence" not in recipe.abilities:
        faults.append(f"batchInferenceJobConfig.rankingInfluence is not supported by the recipe {recipe.name}.")
    return faults


@operation
def describe_batch_inference_job(ctx: Context, *, batch_inference_job_arn: str) -> Answer:
    """All about one job; how far it is comes in a header of the answer."""
    return described(ctx, BatchInferenceJob, "batchInferenceJob", batch_inference_job_arn)


@operation
def list_batch_inference_jobs(
    ctx: Context,
    *,
    solution_version_arn: str | None = None,
    next_token: str | None = None,
    max_results: int | None = None,
) -> Answer:
    """The jobs of a solution version, or all, newest first."""
    return listing(
        ctx,
        BatchInferenceJob,
        "batchInferenceJobs",
        parent=solution_version_arn,
        parent_kind="solution",
        max_results=max_results,
        next_token=next_token,
        newest_first=True,
    )
