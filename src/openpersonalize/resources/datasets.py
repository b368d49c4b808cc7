"""Datasets: one table of a dataset group for each type of data; their rows live in `storage.records`.

Streamed rows join the table by two jobs: a look now and then, which is a query and runs in the worker itself, so that
an idle server costs nothing, and a settling, in a process of its own, when there is something to settle.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar

from openpersonalize import avro
from openpersonalize.errors import (
    InvalidInputException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from openpersonalize.jobs import Schedules, Task
from openpersonalize.resources import lifecycle, served_lists
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.paging import listing
from openpersonalize.resources.registry import Answer, job, operation
from openpersonalize.resources.resource import Resource, find, get, given, require_free
from openpersonalize.resources.schemas import DatasetSchema
from openpersonalize.storage import records
from openpersonalize.storage.metadata import Reading, Transaction, family

TYPES = ("INTERACTIONS", "ITEMS", "USERS", "ACTIONS", "ACTION_INTERACTIONS")
CUSTOM_ONLY = ("ACTIONS", "ACTION_INTERACTIONS")
LOOK = "dataset.look-for-streamed-rows"
SETTLE = "dataset.settle"
TIDY = "dataset.tidy"
TIDY_SECONDS = 86400.0


@dataclass(frozen=True, kw_only=True)
class Dataset(Resource):
    """A dataset; its ARN names the group and the type, never the dataset's own name."""

    noun: ClassVar[str] = "dataset"
    life: ClassVar[lifecycle.Life] = lifecycle.DATASET
    name: str
    dataset_arn: str
    dataset_group_arn: str
    dataset_type: str
    schema_arn: str
    status: str
    latest_dataset_update: dict[str, Any] | None = None
    tracking_id: str | None = None
    added_columns: dict[str, float] | None = None
    """The columns that UpdateDataset has added, with the epoch second since when."""

    @property
    def table(self) -> records.Dataset:
        """The name of its rows in the store of records."""
        return table_of(self.dataset_arn)


def table_of(dataset_arn: str) -> records.Dataset:
    """The name in the store of records of the dataset with this ARN."""
    from openpersonalize.arns import Arn

    arn = Arn.parse(dataset_arn)
    group, kind = arn.tail.rsplit("/", 1)
    return records.Dataset(account=arn.account, region=arn.region, group=group, type=kind)


@lru_cache(maxsize=256)
def _parsed(text: str, domain: str | None) -> avro.Schema:
    return avro.parse(text, domain)


def schema_of(tx: Reading, dataset: Dataset) -> avro.Schema:
    """The columns of a dataset."""
    schema = tx.get(DatasetSchema, dataset.schema_arn)
    return _parsed(schema.schema, schema.domain)


def schema_for(tx: Reading, dataset: Dataset, made: datetime) -> avro.Schema:
    """The columns that what was `made` then may learn from: later ones are left out, as UpdateDataset promises."""
    schema = schema_of(tx, dataset)
    later = {name for name, added in (dataset.added_columns or {}).items() if added > made.timestamp()}
    if not later:
        return schema
    return replace(schema, columns=tuple(column for column in schema.columns if column.name not in later))


def in_group(ctx: Context, tx: Reading, dataset_group_arn: str, dataset_type: str) -> Dataset | None:
    """The group's dataset of that type, if there is one."""
    name = dataset_group_arn.rsplit("/", 1)[-1]
    return tx.find(Dataset, ctx.arn(Dataset.noun, f"{name}/{dataset_type}"))


@operation
def create_dataset(
    ctx: Context,
    *,
    name: str,
    schema_arn: str,
    dataset_group_arn: str,
    dataset_type: str,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Add an empty dataset of a type the group does not have yet."""
    kind = dataset_type.upper()
    if kind not in TYPES:
        raise InvalidInputException.violation(dataset_type, "datasetType", f"be one of {', '.join(TYPES)}")
    now = ctx.now()
    with ctx.writing() as tx:
        group = get(ctx, tx, DatasetGroup, dataset_group_arn)
        schema = get(ctx, tx, DatasetSchema, schema_arn)
        _check(group, schema, kind)
        dataset = Dataset(
            name=name,
            dataset_arn=ctx.arn(Dataset.noun, f"{group.name}/{kind}"),
            dataset_group_arn=group.arn,
            dataset_type=kind,
            schema_arn=schema.arn,
            status=lifecycle.CREATE_PENDING,
            tracking_id=_tracking_id(ctx) if kind == "ACTION_INTERACTIONS" else None,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, dataset)
        lifecycle.require_active(group)
        lifecycle.begin(ctx, tx, dataset, tags=tags)
    return {"datasetArn": dataset.arn}


def _tracking_id(ctx: Context) -> str:
    """The id under which PutActionInteractions finds the dataset; it needs no event tracker."""
    return str(uuid.UUID(int=ctx.random.getrandbits(128), version=4))


def _check(group: DatasetGroup, schema: DatasetSchema, kind: str) -> None:
    found = []
    if schema.parsed().dataset_type != kind:
        found.append(f"schemaArn: {schema.arn} is a schema for {schema.parsed().name}, the dataset's type is {kind}.")
    if schema.domain != group.domain:
        wanted, given_domain = group.domain or "custom", schema.domain or "custom"
        found.append(f"schemaArn: {schema.arn} is a {given_domain} schema, the dataset group is {wanted}.")
    if group.domain is not None and kind in CUSTOM_ONLY:
        found.append(f"datasetType: a dataset of type {kind} can only stand in a custom dataset group.")
    if found:
        raise InvalidInputException(" ".join(found))


@operation
def describe_dataset(ctx: Context, *, dataset_arn: str) -> Answer:
    """All about one dataset."""
    with ctx.metadata.reading() as tx:
        return {"dataset": get(ctx, tx, Dataset, dataset_arn)}


@operation
def list_datasets(
    ctx: Context,
    *,
    dataset_group_arn: str | None = None,
    next_token: str | None = None,
    max_results: int | None = None,
) -> Answer:
    """The datasets of a group, or all."""
    return listing(ctx, Dataset, "datasets", parent=dataset_group_arn, max_results=max_results, next_token=next_token)


@operation
def delete_dataset(ctx: Context, *, dataset_arn: str) -> None:
    """Delete a dataset and all its rows; raises ResourceInUseException naming what still needs it."""
    with ctx.writing() as tx:
        dataset = given(ctx, tx, Dataset, dataset_arn)
        lifecycle.require_deletable(dataset)
        blocking = _needing(tx, dataset)
        if blocking:
            raise ResourceInUseException(f"The dataset {dataset.arn} is needed by: {', '.join(sorted(blocking))}.")
        lifecycle.end(ctx, tx, dataset)


def _needing(tx: Reading, dataset: Dataset) -> list[str]:
    group = dataset.dataset_group_arn
    nouns = ["filter", "metric-attribution", "campaign", "recommender"]
    if dataset.dataset_type == "INTERACTIONS":
        nouns.append("event-tracker")
    standing = family.members(tx, group, nouns, without=(lifecycle.CREATE_FAILED, *lifecycle.ENDING))
    working = family.members(
        tx,
        group,
        ("solution-version", "batch-inference-job", "batch-segment-job"),
        statuses=(*lifecycle.OPEN, lifecycle.CREATE_STOPPING),
    )
    importing = family.children(tx, dataset.arn, ("dataset-import-job", "dataset-export-job"), statuses=lifecycle.OPEN)
    return [*standing, *working, *importing]


def _drop_rows(ctx: Context, dataset: Dataset) -> None:
    served_lists.drop(ctx, dataset.table)
    ctx.records.drop(dataset.table)
    with ctx.writing() as tx:
        family.remove_children(tx, dataset.arn)


def require(ctx: Context, tx: Transaction, dataset_arn: str) -> Dataset:
    """The dataset a job or an update works on: there, and ACTIVE."""
    dataset = find(ctx, tx, Dataset, dataset_arn)
    if dataset is None:
        raise ResourceNotFoundException.arn(dataset_arn)
    lifecycle.require_active(dataset)
    return dataset


def _look_regularly(ctx: Context, tx: Transaction, dataset: Dataset) -> None:
    Schedules(ctx.queue).ensure(
        tx.connection,
        f"settle {dataset.arn}",
        kind=LOOK,
        subject=dataset.arn,
        every=ctx.settings.event_settle_seconds,
    )
    Schedules(ctx.queue).ensure(
        tx.connection, f"tidy {dataset.arn}", kind=TIDY, subject=dataset.arn, every=TIDY_SECONDS
    )


def _try_again_at_the_next_look(_ctx: Context, _tx: Transaction, _subject: str, _reason: str) -> None:
    """Nothing is lost: the rows stay where they are, readable, until a later run has copied them."""


@job(LOOK, failed=_try_again_at_the_next_look, inline=True)
def look(ctx: Context, task: Task) -> None:
    """Enqueue a settling if rows or served lists wait; end the schedule with the dataset."""
    table = table_of(task.subject)
    waiting = ctx.records.waiting(table) or served_lists.waiting(ctx, table)
    with task.publish() as tx:
        dataset = tx.find(Dataset, task.subject)
        if dataset is None or dataset.status in lifecycle.ENDING:
            Schedules(ctx.queue).cancel(tx.connection, subject=task.subject)
        elif waiting:
            ctx.queue.enqueue(tx.connection, SETTLE, task.subject, unique=f"settle {task.subject}")


@job(SETTLE, failed=_try_again_at_the_next_look)
def settle(ctx: Context, task: Task) -> None:
    """Copy the waiting rows, exactly once, and forget copied ones that are older than the fast store keeps.

    Events that an attribution has still to count, because nobody worked for a while, stay twice as long. Served lists
    are moved with the interactions of their group.
    """
    with ctx.metadata.reading() as tx:
        dataset = tx.find(Dataset, task.subject)
        schema = None if dataset is None else schema_of(tx, dataset)
    if dataset is not None and schema is not None:
        ctx.records.settle(dataset.table, schema)
        served_lists.settle(ctx, dataset.table)
        now, kept = ctx.now(), timedelta(days=ctx.settings.event_hot_days)
        ctx.records.forget_settled(now - kept, counted=ctx.ledger.slowest(), at_last=now - 2 * kept)
    with task.publish():
        return


@job(TIDY, failed=_try_again_at_the_next_look)
def tidy(ctx: Context, task: Task) -> None:
    """Join small files and remove those that no version needs any more, once a day."""
    ctx.records.tidy(table_of(task.subject))
    served_lists.tidy(ctx, table_of(task.subject))
    with task.publish():
        return


lifecycle.created_by_a_step(Dataset, _look_regularly)
lifecycle.deleted_by_a_step(Dataset, _drop_rows)
