"""Batch segment jobs: the users who most likely want an item, or items with an attribute, for a file of such queries.

What the job does is in `batch_segments`; it can neither be stopped nor deleted.
Source: https://docs.aws.amazon.com/personalize/latest/dg/API_CreateBatchSegmentJob.html
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from openpersonalize.resources import batch_rules, lifecycle, quotas
from openpersonalize.resources.context import Context
from openpersonalize.resources.paging import listing
from openpersonalize.resources.progress import described
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import Resource, require_free
from openpersonalize.resources.solution_versions import get_version
from openpersonalize.resources.solutions import recipe_of


@dataclass(frozen=True, kw_only=True)
class BatchSegmentJob(Resource):
    """A batch of segments; it stays listed as long as its dataset group exists."""

    noun: ClassVar[str] = "batch-segment-job"
    life: ClassVar[lifecycle.Life] = lifecycle.JOB
    job_name: str
    batch_segment_job_arn: str
    solution_version_arn: str
    dataset_group_arn: str
    recipe_arn: str
    job_input: dict[str, Any]
    job_output: dict[str, Any]
    role_arn: str
    status: str
    num_results: int = batch_rules.DEFAULT_RESULTS
    filter_arn: str | None = None
    failure_reason: str | None = None

    @property
    def parent(self) -> str:
        """Jobs are listed by solution version."""
        return self.solution_version_arn


@operation
def create_batch_segment_job(
    ctx: Context,
    *,
    job_name: str,
    solution_version_arn: str,
    job_input: dict[str, Any],
    job_output: dict[str, Any],
    role_arn: str,
    filter_arn: str | None = None,
    num_results: int = batch_rules.DEFAULT_RESULTS,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Check what is asked against the recipe and enqueue the job."""
    batch_rules.require_locations(ctx, job_input, job_output)
    batch_rules.require_results(num_results, ctx.settings.quota_segment_users)
    now = ctx.now()
    with ctx.writing() as tx:
        version = get_version(ctx, tx, solution_version_arn)
        recipe = recipe_of(version.recipe_arn)
        record = BatchSegmentJob(
            job_name=job_name,
            batch_segment_job_arn=ctx.arn(BatchSegmentJob.noun, job_name),
            solution_version_arn=version.arn,
            dataset_group_arn=version.dataset_group_arn,
            recipe_arn=version.recipe_arn,
            job_input=job_input,
            job_output=job_output,
            role_arn=role_arn,
            status=lifecycle.CREATE_PENDING,
            num_results=num_results,
            filter_arn=filter_arn,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, record)
        faults = [f"solutionVersionArn: the recipe {recipe.name} makes no segments; use one of type USER_SEGMENTATION."]
        batch_rules.require_version(tx, version, [] if "batch segment" in recipe.served_by else faults)
        batch_rules.require_filter(ctx, tx, filter_arn, version, "UserID")
        quotas.require_free_slot(ctx, tx, BatchSegmentJob, ctx.settings.quota_open_batch_segment_jobs)
        lifecycle.begin(ctx, tx, record, tags=tags)
    return {"batchSegmentJobArn": record.arn}


@operation
def describe_batch_segment_job(ctx: Context, *, batch_segment_job_arn: str) -> Answer:
    """All about one job; how far it is comes in a header of the answer."""
    return described(ctx, BatchSegmentJob, "batchSegmentJob", batch_segment_job_arn)


@operation
def list_batch_segment_jobs(
    ctx: Context,
    *,
    solution_version_arn: str | None = None,
    next_token: str | None = None,
    max_results: int | None = None,
) -> Answer:
    """The jobs of a solution version, or all, newest first."""
    return listing(
        ctx,
        BatchSegmentJob,
        "batchSegmentJobs",
        parent=solution_version_arn,
        parent_kind="solution",
        max_results=max_results,
        next_token=next_token,
        newest_first=True,
    )
