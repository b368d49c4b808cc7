"""UpdateDataset: a schema with more columns in the place of the old one; rows that lack them read as null.

Existing solutions go on without the new columns, see `datasets.schema_for`.
Source: https://docs.aws.amazon.com/personalize/latest/dg/updating-dataset-schema.html
"""

from openpersonalize.errors import InvalidInputException, ResourceInUseException
from openpersonalize.jobs import Task
from openpersonalize.resources import lifecycle, updates
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, schema_of
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import get, given
from openpersonalize.resources.schemas import DatasetSchema
from openpersonalize.storage.metadata import Transaction, family

UPDATABLE = ("ITEMS", "USERS")


@operation
def update_dataset(ctx: Context, *, dataset_arn: str, schema_arn: str) -> Answer:
    """Replace the schema; until the dataset is ACTIVE again nothing can be imported or put."""
    with ctx.writing() as tx:
        dataset = given(ctx, tx, Dataset, dataset_arn)
        schema = get(ctx, tx, DatasetSchema, schema_arn)
        lifecycle.require_active(dataset)
        _check(tx, dataset, schema)
        _require_idle(tx, dataset)
        update = updates.asked(ctx, {"schemaArn": schema.arn}, lifecycle.UPDATE_PENDING)
        lifecycle.become(ctx, tx, dataset, lifecycle.UPDATE_PENDING, latest_dataset_update=update)
        ctx.queue.enqueue(tx.connection, "dataset.update", dataset.arn)
    return {"datasetArn": dataset.arn}


def _check(tx: Transaction, dataset: Dataset, schema: DatasetSchema) -> None:
    if dataset.dataset_type not in UPDATABLE:
        raise InvalidInputException(
            f"datasetArn: the schema of a dataset of type {dataset.dataset_type} cannot be replaced, "
            f"only that of {' and '.join(UPDATABLE)}."
        )
    if schema.arn == dataset.schema_arn:
        raise InvalidInputException(f"schemaArn: {schema.arn} is the schema of the dataset already.")
    old = schema_of(tx, dataset)
    found = schema.parsed().faults_as_successor(old)
    if schema.domain != old.domain:
        found.append(f"the schema is for {schema.domain or 'custom'} use, the dataset's for {old.domain or 'custom'}")
    if found:
        raise InvalidInputException(f"schemaArn: {schema.arn} cannot replace {dataset.schema_arn}: {'; '.join(found)}.")


def _require_idle(tx: Transaction, dataset: Dataset) -> None:
    jobs = family.children(tx, dataset.arn, ("dataset-import-job", "dataset-export-job"), statuses=lifecycle.OPEN)
    if jobs:
        raise ResourceInUseException(f"The dataset {dataset.arn} is in use by: {', '.join(jobs)}.")


def _failed(ctx: Context, tx: Transaction, subject: str, reason: str) -> None:
    """The dataset is as it was."""
    dataset = tx.get(Dataset, subject)
    update = updates.moved(ctx, dataset.latest_dataset_update, lifecycle.CREATE_FAILED, reason=reason)
    lifecycle.become(ctx, tx, dataset, lifecycle.ACTIVE, latest_dataset_update=update)


@job("dataset.update", failed=_failed, inline=True)
def update(ctx: Context, task: Task) -> None:
    """Bring the new schema into force; the table takes the new columns with the first rows that have them."""
    with task.transaction() as tx:
        _move(ctx, tx, task.subject, lifecycle.UPDATE_IN_PROGRESS)
    with task.publish() as tx:
        dataset = _move(ctx, tx, task.subject, lifecycle.ACTIVE)
        schema = tx.get(DatasetSchema, str((dataset.latest_dataset_update or {})["schemaArn"]))
        old, now = schema_of(tx, dataset).by_name, ctx.now()
        added = {column.name: now.timestamp() for column in schema.parsed().columns if column.name not in old}
        tx.replace(dataset.but(now, schema_arn=schema.arn, added_columns={**(dataset.added_columns or {}), **added}))


def _move(ctx: Context, tx: Transaction, arn: str, status: str) -> Dataset:
    dataset = tx.get(Dataset, arn)
    moved = updates.moved(ctx, dataset.latest_dataset_update, status)
    return lifecycle.become(ctx, tx, dataset, status, latest_dataset_update=moved)
