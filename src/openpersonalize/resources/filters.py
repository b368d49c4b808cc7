"""Filters: named filter expressions, checked when they are made; `filtering` applies them to recommendations.

A filter never changes, and blocks the deletion of its group's datasets, whose columns it names.
Source: https://docs.aws.amazon.com/personalize/latest/dg/filter.html
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from openpersonalize import avro
from openpersonalize.errors import InvalidInputException, LimitExceededException, ResourceInUseException
from openpersonalize.expressions import ExpressionError, PlaceholderError, check, filter_grammar
from openpersonalize.expressions import filters as language
from openpersonalize.resources import datasets, lifecycle, quotas
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.paging import listing
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import Resource, get, given, require_free
from openpersonalize.storage.metadata import Reading, Transaction, family


@dataclass(frozen=True, kw_only=True)
class Filter(Resource):
    """A filter; `filter_expression` is the text as it was sent."""

    noun: ClassVar[str] = "filter"
    name: str
    filter_arn: str
    dataset_group_arn: str
    filter_expression: str
    status: str
    failure_reason: str | None = None

    @property
    def tree(self) -> language.Filter:
        """The expression, read."""
        return _read(self.filter_expression)


@lru_cache(maxsize=1024)
def _read(text: str) -> language.Filter:
    return filter_grammar.parse(text)


@operation
def create_filter(
    ctx: Context,
    *,
    name: str,
    dataset_group_arn: str,
    filter_expression: str,
    tags: list[dict[str, str]] | None = None,
) -> Answer:
    """Make a filter; every broken rule of its expression is told at once, with its place."""
    now = ctx.now()
    with ctx.writing() as tx:
        group = get(ctx, tx, DatasetGroup, dataset_group_arn)
        record = Filter(
            name=name,
            filter_arn=ctx.arn(Filter.noun, name),
            dataset_group_arn=group.arn,
            filter_expression=filter_expression,
            status=lifecycle.CREATE_PENDING,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        require_free(tx, record)
        if group.status != lifecycle.ACTIVE:
            raise InvalidInputException(f"The dataset group {group.arn} is in {group.status} state; it must be ACTIVE.")
        _require_sound(record, schemas_of(ctx, tx, group.arn))
        quotas.require_room(ctx, tx, Filter, ctx.settings.quota_filters, group=group.arn)
        _require_few_fields(ctx, tx, record)
        lifecycle.begin(ctx, tx, record, tags=tags)
    return {"filterArn": record.arn}


def schemas_of(ctx: Context, tx: Reading, dataset_group_arn: str) -> dict[str, avro.Schema]:
    """The columns of the group's datasets, by type; those that failed or are being deleted are not there."""
    found = {kind: datasets.in_group(ctx, tx, dataset_group_arn, kind) for kind in datasets.TYPES}
    gone = (lifecycle.CREATE_FAILED, *lifecycle.ENDING)
    return {
        kind: datasets.schema_of(tx, dataset)
        for kind, dataset in found.items()
        if dataset is not None and dataset.status not in gone
    }


def _require_sound(record: Filter, schemas: dict[str, avro.Schema]) -> None:
    try:
        faults = check.faults(record.tree, schemas)
    except ExpressionError as unreadable:
        faults = [unreadable]
    for fault in faults:
        if isinstance(fault, PlaceholderError):  # documented to the letter, so without the place
            raise InvalidInputException(f"Could not create filter. Invalid input symbol: {fault.sentence}")
    if faults:
        raise InvalidInputException(f"Could not create filter. Invalid Expression: {'; '.join(map(str, faults))}.")


def _require_few_fields(ctx: Context, tx: Transaction, record: Filter) -> None:
    own, limit = record.tree.fields, ctx.settings.quota_filter_fields
    if len(own) > limit:
        raise LimitExceededException(
            f"Could not create filter. The expression names {len(own)} distinct dataset fields; at most {limit} may be."
        )
    living = [
        other
        for other in tx.select(Filter, ctx.caller.account, ctx.caller.region, group=record.group)
        if other.status in lifecycle.LIVING
    ]
    all_fields, most = own.union(*(other.tree.fields for other in living)), ctx.settings.quota_group_filter_fields
    if len(all_fields) > most:
        raise LimitExceededException(
            f"Could not create filter. With it the filters of {record.dataset_group_arn} would name {len(all_fields)} "
            f"distinct dataset fields; at most {most} may be."
        )


@operation
def describe_filter(ctx: Context, *, filter_arn: str) -> Answer:
    """All about one filter."""
    with ctx.metadata.reading() as tx:
        return {"filter": get(ctx, tx, Filter, filter_arn)}


@operation
def list_filters(
    ctx: Context, *, dataset_group_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The filters of a group, or all; the member alone among lists begins with a capital."""
    return listing(ctx, Filter, "Filters", parent=dataset_group_arn, max_results=max_results, next_token=next_token)


@operation
def delete_filter(ctx: Context, *, filter_arn: str) -> None:
    """Delete a filter; raises ResourceInUseException naming the batch jobs that run with it."""
    with ctx.writing() as tx:
        record = given(ctx, tx, Filter, filter_arn)
        lifecycle.require_deletable(record)
        running = [
            arn
            for noun in ("batch-inference-job", "batch-segment-job")
            for arn in family.naming(
                tx, noun, ctx.caller.account, ctx.caller.region, record.arn, statuses=lifecycle.OPEN
            )
        ]
        if running:
            raise ResourceInUseException(f"The filter {record.arn} is used by: {', '.join(running)}.")
        lifecycle.end(ctx, tx, record)


lifecycle.created_by_a_step(Filter)
lifecycle.deleted_by_a_step(Filter)
