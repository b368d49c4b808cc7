"""Dataset import jobs: files of an object store become rows of a dataset, all of them or none.

The body runs in a process of its own; a bad row fails the job with a reason that names file, line, column, value and
rule.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

from openpersonalize.errors import InvalidInputException, JobFailed
from openpersonalize.jobs import Task
from openpersonalize.resources import lifecycle, quotas
from openpersonalize.resources.attribution_counting import Brought, count_import, of_group
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, require, schema_of
from openpersonalize.resources.locations import require_reachable
from openpersonalize.resources.paging import listing
from openpersonalize.resources.progress import described
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import Resource, require_free
from openpersonalize.resources.tags import attach
from openpersonalize.storage.objects import parse_location


@dataclass(frozen=True, kw_only=True)
class DatasetImportJob(Resource):
    """A bulk import; it cannot be stopped or deleted, and goes with its dataset."""

    noun: ClassVar[str] = "dataset-import-job"
    life: ClassVar[lifecycle.Life] = lifecycle.JOB
    job_name: str
    dataset_import_job_arn: str
    dataset_arn: str
    dataset_group_arn: str
    data_source: dict[str, Any]
    status: str
    role_arn: str | None = None
    import_mode: str = "FULL"
    publish_attribution_metrics_to_s3: bool | None = None
    failure_reason: str | None = None

    @property
    def parent(self) -> str:
        """Import jobs are listed by dataset."""
        return self.dataset_arn


@operation
def create_dataset_import_job(
    ctx: Context,
    *,
    job_name: str,
    dataset_arn: str,
    data_source: dict[str, Any],
    role_arn: str | None = None,
    tags: list[dict[str, str]] | None = None,
    import_mode: str = "FULL",
    publish_attribution_metrics_to_s3: bool | None = None,
) -> Answer:
    """Check the source and enqueue the import; the rows are checked by the job."""
    require_reachable(ctx, data_source.get("dataLocation"), "dataSource.dataLocation")
    now = ctx.now()
    with ctx.writing() as tx:
        dataset = require(ctx, tx, dataset_arn)
        record = DatasetImportJob(
            job_name=job_name,
            dataset_import_job_arn=ctx.arn(DatasetImportJob.noun, job_name),
            dataset_arn=dataset.arn,
            dataset_group_arn=dataset.dataset_group_arn,
            data_source=data_source,
            status=lifecycle.CREATE_PENDING,
            role_arn=role_arn,
            import_mode=import_mode,
            publish_attribution_metrics_to_s3=publish_attribution_metrics_to_s3,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, record)
        quotas.require_free_slot(ctx, tx, DatasetImportJob, ctx.settings.quota_open_import_jobs)
        if import_mode == "INCREMENTAL" and not ctx.records.has_bulk(dataset.table):
            raise InvalidInputException(
                f"importMode INCREMENTAL adds to a bulk import, and {dataset.arn} has none; import with FULL first."
            )
        if publish_attribution_metrics_to_s3 and dataset.dataset_type == "INTERACTIONS":
            _require_destination(ctx, record)
        tx.insert(record)
        attach(tx, record.arn, tags)
        ctx.queue.enqueue(tx.connection, "dataset-import-job.create", record.arn)
    return {"datasetImportJobArn": record.arn}


def _require_destination(ctx: Context, record: DatasetImportJob) -> None:
    attribution = of_group(ctx, record.dataset_group_arn)
    if attribution is None or attribution.destination is None:
        lacks = "has no metric attribution" if attribution is None else f"has {attribution.arn}, without one"
        raise InvalidInputException(
            "publishAttributionMetricsToS3 needs a metric attribution with an s3DataDestination; the dataset group "
            f"{record.dataset_group_arn} {lacks}."
        )


@operation
def describe_dataset_import_job(ctx: Context, *, dataset_import_job_arn: str) -> Answer:
    """All about one import; how far it is comes in a header of the answer."""
    return described(ctx, DatasetImportJob, "datasetImportJob", dataset_import_job_arn)


@operation
def list_dataset_import_jobs(
    ctx: Context, *, dataset_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The imports of a dataset, or all, newest first."""
    return listing(
        ctx,
        DatasetImportJob,
        "datasetImportJobs",
        parent=dataset_arn,
        parent_kind="dataset",
        max_results=max_results,
        next_token=next_token,
        newest_first=True,
    )


@job("dataset-import-job.create", failed=lifecycle.create_failed(DatasetImportJob))
def run_import(ctx: Context, task: Task) -> None:
    """Read, check and commit the files; the new version and ACTIVE follow each other, and a repeat changes nothing."""
    with task.transaction() as tx:
        record = lifecycle.become(ctx, tx, tx.get(DatasetImportJob, task.subject), lifecycle.CREATE_IN_PROGRESS)
        dataset = tx.get(Dataset, record.dataset_arn)
        schema = schema_of(tx, dataset)
    try:
        with ExitStack() as opened:
            imported = ctx.records.import_files(
                dataset.table,
                schema,
                _files(ctx, opened, record),
                mode=record.import_mode,
                token=record.arn,
                minimum_rows=ctx.settings.minimum_interactions if _has_minimum(record, dataset) else 0,
                location=record.data_source["dataLocation"],
                progress=task.progress,
                before_commit=task.verify,
            )
    except JobFailed as fault:
        group = record.dataset_group_arn.rsplit("/", 1)[-1]
        raise JobFailed(
            f"Failed to create a data import job for {dataset.dataset_type} dataset in dataset group {group}: {fault}"
        ) from fault
    if dataset.dataset_type == "INTERACTIONS":
        count_import(ctx, _brought(record, dataset, imported.version))
    with task.publish() as tx:
        lifecycle.become(ctx, tx, tx.get(DatasetImportJob, task.subject), lifecycle.ACTIVE)


def _has_minimum(record: DatasetImportJob, dataset: Dataset) -> bool:
    """Interactions need a minimum in every import, action interactions in those that add to earlier ones."""
    log = dataset.dataset_type
    return log == "INTERACTIONS" or (log == "ACTION_INTERACTIONS" and record.import_mode == "INCREMENTAL")


def _brought(record: DatasetImportJob, dataset: Dataset, version: int) -> Brought:
    return Brought(
        job=record.arn,
        dataset_group_arn=record.dataset_group_arn,
        table=dataset.table,
        version=version,
        mode=record.import_mode,
        report=bool(record.publish_attribution_metrics_to_s3),
        since=record.creation_date_time,
    )


def _files(ctx: Context, opened: ExitStack, record: DatasetImportJob) -> list[Any]:
    location = parse_location(record.data_source["dataLocation"])
    entries = ctx.objects.list(location)
    if not entries:
        raise JobFailed(f"No data found at {record.data_source['dataLocation']}.")
    full = record.import_mode == "FULL"
    most = ctx.settings.quota_import_bytes if full else ctx.settings.quota_incremental_import_bytes
    quotas.require_few_bytes(entries, record.data_source["dataLocation"], most)
    return [(entry.location.name, opened.enter_context(ctx.objects.open_local(entry.location))) for entry in entries]
