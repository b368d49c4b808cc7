"""Dataset export jobs: the rows of a dataset become CSV files in an object store.

They land in `<path>/<jobName>/`, in the form an import reads; see `storage.records.exporting` for which rows.
Source: https://docs.aws.amazon.com/personalize/latest/dg/export-data.html
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from openpersonalize.errors import InvalidInputException
from openpersonalize.jobs import Task
from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, require, schema_of
from openpersonalize.resources.locations import require_reachable
from openpersonalize.resources.paging import listing
from openpersonalize.resources.progress import described
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import Resource, require_free
from openpersonalize.storage.objects import Location, parse_location

EXPORTABLE = ("INTERACTIONS", "ITEMS", "USERS")
_OURS = re.compile(r"part-\d{5,}\.csv")


@dataclass(frozen=True, kw_only=True)
class DatasetExportJob(Resource):
    """An export; it cannot be stopped or deleted, and goes with its dataset."""

    noun: ClassVar[str] = "dataset-export-job"
    life: ClassVar[lifecycle.Life] = lifecycle.JOB
    job_name: str
    dataset_export_job_arn: str
    dataset_arn: str
    dataset_group_arn: str
    ingestion_mode: str
    role_arn: str
    job_output: dict[str, Any]
    status: str
    failure_reason: str | None = None

    @property
    def parent(self) -> str:
        """Export jobs are listed by dataset."""
        return self.dataset_arn

    @property
    def folder(self) -> Location:
        """Where its files go."""
        return parse_location(self.job_output["s3DataDestination"]["path"]).within(f"{self.job_name}/")


@operation
def create_dataset_export_job(
    ctx: Context,
    *,
    job_name: str,
    dataset_arn: str,
    role_arn: str,
    job_output: dict[str, Any],
    ingestion_mode: str = "PUT",
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Check the destination and enqueue the export."""
    require_reachable(ctx, job_output["s3DataDestination"]["path"], "jobOutput.s3DataDestination.path")
    now = ctx.now()
    with ctx.writing() as tx:
        dataset = require(ctx, tx, dataset_arn)
        if dataset.dataset_type not in EXPORTABLE:
            raise InvalidInputException(
                f"datasetArn: a dataset of type {dataset.dataset_type} cannot be exported, "
                f"only {', '.join(EXPORTABLE)} can."
            )
        record = DatasetExportJob(
            job_name=job_name,
            dataset_export_job_arn=ctx.arn(DatasetExportJob.noun, job_name),
            dataset_arn=dataset.arn,
            dataset_group_arn=dataset.dataset_group_arn,
            ingestion_mode=ingestion_mode,
            role_arn=role_arn,
            job_output=job_output,
            status=lifecycle.CREATE_PENDING,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, record)
        lifecycle.begin(ctx, tx, record, tags=tags)
    return {"datasetExportJobArn": record.arn}


@operation
def describe_dataset_export_job(ctx: Context, *, dataset_export_job_arn: str) -> Answer:
    """All about one export; how far it is comes in a header of the answer."""
    return described(ctx, DatasetExportJob, "datasetExportJob", dataset_export_job_arn)


@operation
def list_dataset_export_jobs(
    ctx: Context, *, dataset_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The exports of a dataset, or all, newest first."""
    return listing(
        ctx,
        DatasetExportJob,
        "datasetExportJobs",
        parent=dataset_arn,
        parent_kind="dataset",
        max_results=max_results,
        next_token=next_token,
        newest_first=True,
    )


@job("dataset-export-job.create", failed=lifecycle.create_failed(DatasetExportJob))
def run_export(ctx: Context, task: Task) -> None:
    """Settle what streamed in, then write the files one after another; a repeat writes them anew."""
    with task.transaction() as tx:
        record = lifecycle.become(ctx, tx, tx.get(DatasetExportJob, task.subject), lifecycle.CREATE_IN_PROGRESS)
        dataset = tx.get(Dataset, record.dataset_arn)
        schema = schema_of(tx, dataset)
    task.progress(0.0, "settling streamed rows")
    ctx.records.settle(dataset.table, schema)
    _remove_earlier(ctx, record.folder)
    with tempfile.TemporaryDirectory(prefix="openpersonalize-export-") as folder:
        for path in ctx.records.export(dataset.table, schema, record.ingestion_mode, Path(folder), task.progress):
            task.verify()
            ctx.objects.write(record.folder.within(path.name), path)
    with task.publish() as tx:
        lifecycle.become(ctx, tx, tx.get(DatasetExportJob, task.subject), lifecycle.ACTIVE)


def _remove_earlier(ctx: Context, folder: Location) -> None:
    """What an interrupted run left: it might have had more parts. Other files there are not ours."""
    for entry in ctx.objects.list(folder):
        if _OURS.fullmatch(entry.location.name):
            ctx.objects.delete_prefix(entry.location)
