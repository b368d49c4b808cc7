"""Data deletion jobs: users of a list vanish from a dataset group, out of its tables, streams and trained models.

The statuses have a spelling of their own. Models must be trained anew by the caller: the taste of those users is in
their weights, though nothing of a single user can be asked of them.
Source: https://docs.aws.amazon.com/personalize/latest/dg/delete-records.html
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from openpersonalize.errors import JobFailed, LimitExceededException
from openpersonalize.jobs import Task
from openpersonalize.resources import lifecycle, quotas
from openpersonalize.resources.attribution_counting import count_streamed, of_group
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.datasets import Dataset, in_group, schema_of
from openpersonalize.resources.locations import require_reachable
from openpersonalize.resources.paging import listing
from openpersonalize.resources.progress import described
from openpersonalize.resources.recommenders import Recommender
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import Resource, get, require_free
from openpersonalize.resources.solutions import SolutionVersion, artefacts_of
from openpersonalize.storage.metadata import Reading, Transaction
from openpersonalize.storage.objects import parse_location
from openpersonalize.storage.records import user_lists
from openpersonalize.storage.served import Group

PENDING, IN_PROGRESS, COMPLETED, FAILED = "PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"
WITH_USERS = ("USERS", "INTERACTIONS", "ACTION_INTERACTIONS")


@dataclass(frozen=True, kw_only=True)
class DataDeletionJob(Resource):
    """A deletion of users; it cannot be stopped or deleted, and goes with its group.

    `num_deleted` counts the rows taken out of all datasets; lists that were served to the users go too, uncounted.
    """

    noun: ClassVar[str] = "data-deletion-job"
    life: ClassVar[lifecycle.Life] = {
        PENDING: (IN_PROGRESS, FAILED),
        IN_PROGRESS: (IN_PROGRESS, COMPLETED, FAILED),
    }
    job_name: str
    data_deletion_job_arn: str
    dataset_group_arn: str
    data_source: dict[str, Any]
    role_arn: str
    status: str
    num_deleted: int | None = None
    failure_reason: str | None = None


@operation
def create_data_deletion_job(
    ctx: Context,
    *,
    job_name: str,
    dataset_group_arn: str,
    data_source: dict[str, Any],
    role_arn: str,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Check the source and enqueue the deletion; the list is read by the job."""
    require_reachable(ctx, data_source.get("dataLocation"), "dataSource.dataLocation")
    now = ctx.now()
    with ctx.writing() as tx:
        group = get(ctx, tx, DatasetGroup, dataset_group_arn)
        record = DataDeletionJob(
            job_name=job_name,
            data_deletion_job_arn=ctx.arn(DataDeletionJob.noun, job_name),
            dataset_group_arn=group.arn,
            data_source=data_source,
            role_arn=role_arn,
            status=PENDING,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, record)
        lifecycle.require_active(group)
        _require_room(ctx, tx, group)
        lifecycle.begin(ctx, tx, record, tags=tags)
    return {"dataDeletionJobArn": record.arn}


def _require_room(ctx: Context, tx: Transaction, group: DatasetGroup) -> None:
    limit, caller = ctx.settings.quota_pending_data_deletion_jobs, ctx.caller
    if tx.count(DataDeletionJob, caller.account, caller.region, group=group.arn, statuses=(PENDING,)) >= limit:
        raise LimitExceededException(f"More than {limit} resources with PENDING status in {group.arn}.")


@operation
def describe_data_deletion_job(ctx: Context, *, data_deletion_job_arn: str) -> Answer:
    """All about one deletion; how far it is comes in a header of the answer."""
    return described(ctx, DataDeletionJob, "dataDeletionJob", data_deletion_job_arn)


@operation
def list_data_deletion_jobs(
    ctx: Context, *, dataset_group_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The deletions of a group, or all, newest first."""
    return listing(
        ctx,
        DataDeletionJob,
        "dataDeletionJobs",
        parent=dataset_group_arn,
        max_results=max_results,
        next_token=next_token,
        newest_first=True,
    )


def _failed(ctx: Context, tx: Transaction, subject: str, reason: str) -> None:
    record = tx.find(DataDeletionJob, subject)
    if record is not None:  # its group may be gone, and the job with it
        lifecycle.become(ctx, tx, record, FAILED, failure_reason=reason)


@job("data-deletion-job.create", failed=_failed)
def delete_users(ctx: Context, task: Task) -> None:
    """Read the list, then clean datasets, models and served lists; what was done stays done when it runs again."""
    with task.transaction() as tx:
        record = lifecycle.become(ctx, tx, tx.get(DataDeletionJob, task.subject), IN_PROGRESS)
        datasets = _datasets(ctx, tx, record.dataset_group_arn)
    users = _listed_users(ctx, task, record)
    _count_first(ctx, record.dataset_group_arn)
    deleted = 0
    for place, dataset in enumerate(datasets):
        task.progress(0.1 + 0.6 * place / len(datasets), f"cleaning {dataset.dataset_type}")
        with ctx.metadata.reading() as tx:
            schema = schema_of(tx, dataset)
        deleted += ctx.records.erase(dataset.table, schema, users, token=record.arn)
    with ctx.metadata.reading() as tx:
        models = _models(ctx, tx, record.dataset_group_arn)
    for place, arn in enumerate(models):
        task.progress(0.7 + 0.2 * place / len(models), "cleaning models")
        ctx.models.forget(artefacts_of(arn), users)
    # Last, so that the processes which serve have long written what they remember from before.
    task.progress(0.9, "cleaning served lists")
    ctx.served.erase(Group.of(record.dataset_group_arn), users)
    with task.publish() as tx:
        lifecycle.become(ctx, tx, tx.get(DataDeletionJob, task.subject), COMPLETED, num_deleted=deleted)


def _count_first(ctx: Context, dataset_group_arn: str) -> None:
    """Sums name nobody, so what users did until now counts, though their events go."""
    attribution = of_group(ctx, dataset_group_arn)
    if attribution is not None:
        count_streamed(ctx, attribution)


def _datasets(ctx: Context, tx: Reading, dataset_group_arn: str) -> list[Dataset]:
    found = [in_group(ctx, tx, dataset_group_arn, kind) for kind in WITH_USERS]
    return [dataset for dataset in found if dataset is not None and dataset.status not in lifecycle.ENDING]


def _models(ctx: Context, tx: Reading, dataset_group_arn: str) -> list[str]:
    """The ARNs of what is trained in the group."""
    account, region = ctx.caller.account, ctx.caller.region
    versions = tx.select(SolutionVersion, account, region, group=dataset_group_arn, statuses=(lifecycle.ACTIVE,))
    recommenders = tx.select(Recommender, account, region, group=dataset_group_arn, statuses=lifecycle.LIVING)
    return [version.arn for version in versions] + [one.model_arn for one in recommenders if one.model_id is not None]


def _listed_users(ctx: Context, task: Task, record: DataDeletionJob) -> list[str]:
    """The ids of all files, each once; a folder's files at any depth count if their names end in .csv."""
    text = record.data_source["dataLocation"]
    entries = [entry for entry in ctx.objects.list(parse_location(text), deep=True) if _is_csv(entry.location.name)]
    if not entries:
        raise JobFailed(f"No data found at {text}: there is no file whose name ends in .csv.")
    quotas.require_few_bytes(entries, text, ctx.settings.quota_deletion_bytes)
    users: dict[str, None] = {}
    for entry in entries:
        task.progress(0.0, f"reading {entry.location.name}")
        with ctx.objects.open_local(entry.location) as path:
            users.update(dict.fromkeys(user_lists.read(entry.location.name, path)))
    return list(users)


def _is_csv(name: str) -> bool:
    return name.lower().endswith(".csv")
