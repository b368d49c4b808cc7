"""Items, users and actions one by one: PutItems, PutUsers and PutActions.

The same id again replaces the whole record, and replaces what an import brought: columns that are not given are null.
Source: https://docs.aws.amazon.com/personalize/latest/dg/incremental-data-updates.html
"""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from openpersonalize import avro
from openpersonalize.errors import InvalidInputException
from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, schema_of
from openpersonalize.resources.properties import read_properties
from openpersonalize.resources.rates import spend_on_group
from openpersonalize.resources.registry import operation
from openpersonalize.resources.resource import get
from openpersonalize.storage import records
from openpersonalize.storage.records import StreamRow


@dataclass(frozen=True)
class Intake:
    """Where the records of a call go."""

    dataset: Dataset
    table: records.Dataset
    schema: avro.Schema


@operation
def put_items(ctx: Context, *, dataset_arn: str, items: list[dict[str, Any]]) -> Future[None]:
    """Keep one to ten items; the answer comes when they are on disk. One bad record refuses them all."""
    intake = _intake(ctx, dataset_arn, "ITEMS")
    spend_on_group(ctx, "PutItems", intake.dataset.dataset_group_arn, ctx.settings.rate_put_items)
    return _put(ctx, intake, "items", items)


@operation
def put_users(ctx: Context, *, dataset_arn: str, users: list[dict[str, Any]]) -> Future[None]:
    """Keep one to ten users."""
    intake = _intake(ctx, dataset_arn, "USERS")
    spend_on_group(ctx, "PutUsers", intake.dataset.dataset_group_arn, ctx.settings.rate_put_users)
    return _put(ctx, intake, "users", users)


@operation
def put_actions(ctx: Context, *, dataset_arn: str, actions: list[dict[str, Any]]) -> Future[None]:
    """Keep one to ten actions."""
    intake = _intake(ctx, dataset_arn, "ACTIONS")
    spend_on_group(ctx, "PutActions", intake.dataset.dataset_group_arn, ctx.settings.rate_put_actions)
    return _put(ctx, intake, "actions", actions)


def _intake(ctx: Context, dataset_arn: str, dataset_type: str) -> Intake:
    def load() -> Intake:
        with ctx.metadata.reading() as tx:
            dataset = get(ctx, tx, Dataset, dataset_arn)
            return Intake(dataset, dataset.table, schema_of(tx, dataset))

    intake = ctx.recent.get(("intake", ctx.caller.account, ctx.caller.region, dataset_arn), load)
    if intake.dataset.dataset_type != dataset_type:
        raise InvalidInputException(
            f"datasetArn: {dataset_arn} is a dataset of type {intake.dataset.dataset_type}; expected {dataset_type}."
        )
    lifecycle.require_active(intake.dataset)
    return intake


def _put(ctx: Context, intake: Intake, member: str, given: list[dict[str, Any]]) -> Future[None]:
    texts = [read_properties(record.get("properties")) for record in given]
    rows, faults = [], []
    for place, (record, properties) in enumerate(zip(given, texts, strict=True), start=1):
        try:
            rows.append(_row(ctx, intake.schema, record, properties))
        except InvalidInputException as fault:
            faults.append(f"{member}.{place}.member: {fault.message}")
    if faults:
        raise InvalidInputException(" ".join(faults))
    return ctx.records.put(intake.table, rows)


def _row(ctx: Context, schema: avro.Schema, record: dict[str, Any], properties: dict[str, Any]) -> StreamRow:
    column = schema.by_name[str(schema.key)]
    name = str(record[column.property_key])
    row = schema.row({**properties, column.name: name})
    if column.name == "USER_ID":
        return StreamRow(row=row, received=ctx.now(), user_id=name)
    return StreamRow(row=row, received=ctx.now(), item_id=name)
