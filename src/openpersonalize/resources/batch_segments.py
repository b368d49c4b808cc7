"""What a batch segment job does: for each line the users who most likely want an item, or items with some attributes.

Users are those of the training, with the events it knew; see `recipes.segments` for how they are ranked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from openpersonalize import avro
from openpersonalize.expressions.columns import split
from openpersonalize.jobs import Task
from openpersonalize.recipes import catalog, segments
from openpersonalize.recipes.artefact import Artefact
from openpersonalize.recipes.data import Floats, History, Ints
from openpersonalize.recipes.ranking import best
from openpersonalize.resources import batch_files, batch_rules, lifecycle
from openpersonalize.resources.batch_segment_jobs import BatchSegmentJob
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import in_group, schema_of
from openpersonalize.resources.registry import job
from openpersonalize.resources.segment_filters import UserFilter, user_filter
from openpersonalize.resources.solutions import recipe_of
from openpersonalize.serving import batch

AT_ONCE = 50
"""Queries that one pass over the users answers: a number per user and query is held."""


@dataclass(frozen=True)
class Asked:
    """The model of a job and the users it knows; `items` are the rows of Items, for attributes."""

    record: BatchSegmentJob
    recipe: catalog.Recipe
    artefact: Artefact
    user_ids: Sequence[str]
    histories: Sequence[History]
    rates: Floats
    schema: avro.Schema | None
    items: Sequence[dict[str, Any]]
    users: UserFilter | None
    task: Task

    @property
    def of_attributes(self) -> bool:
        """Whether lines name attributes, not items."""
        return self.recipe.item_id != "required"


@job("batch-segment-job.create", failed=lifecycle.create_failed(BatchSegmentJob))
def run(ctx: Context, task: Task) -> None:
    """Answer every line of every file, then ACTIVE."""
    with ctx.metadata.reading() as tx:
        record = tx.get(BatchSegmentJob, task.subject)
    batch_files.wait_for_the_next_second(ctx, record.creation_date_time)
    with task.transaction() as tx:
        record = lifecycle.become(ctx, tx, tx.get(BatchSegmentJob, task.subject), lifecycle.CREATE_IN_PROGRESS)
    asked = _asked(ctx, record, task)
    of_attributes, of_items = ctx.settings.quota_segment_attribute_queries, ctx.settings.quota_segment_item_queries
    most = of_attributes if asked.of_attributes else of_items
    work = batch_files.Work(partial(_read, asked), partial(_answers, asked), AT_ONCE, most)
    batch_files.run(ctx, task, work, record.job_input, record.job_output)
    with task.publish() as tx:
        lifecycle.become(ctx, tx, tx.get(BatchSegmentJob, task.subject), lifecycle.ACTIVE)


def _asked(ctx: Context, record: BatchSegmentJob, task: Task) -> Asked:
    artefact = batch_rules.model_of(ctx, record.solution_version_arn)
    users = list(artefact.histories.everybody())
    histories = [history for _, history in users]
    user_ids = [user_id for user_id, _ in users]
    arn = record.filter_arn
    schema, items = _items(ctx, record)
    return Asked(
        record,
        recipe_of(record.recipe_arn),
        artefact,
        user_ids,
        histories,
        segments.rates(histories),
        schema,
        items,
        None if arn is None else user_filter(ctx, arn, artefact, user_ids),
        task,
    )


def _items(ctx: Context, record: BatchSegmentJob) -> tuple[avro.Schema | None, list[dict[str, Any]]]:
    """The present rows of Items; none where the group has no such dataset."""
    with ctx.metadata.reading() as tx:
        dataset = in_group(ctx, tx, record.dataset_group_arn, "ITEMS")
        schema = None if dataset is None else schema_of(tx, dataset)
    if dataset is None or schema is None:
        return None, []
    with ctx.records.snapshot(dataset.table, schema) as snapshot:
        return schema, snapshot.arrow().read_all().to_pylist()


def _read(asked: Asked, given: batch.Object) -> batch.Query:
    query = batch.segment_query(given, of_attributes=asked.of_attributes)
    if not len(_group(asked, query)):
        what = "itemAttributes" if asked.of_attributes else "itemId"
        raise batch.LineError(f"Field {what} names nothing that the training knew: {given[what]}")
    return query


def _group(asked: Asked, query: batch.Query) -> Ints:
    """The items of the model that a query means."""
    numbers = asked.artefact.model.items.numbers
    if query.item_id is not None:
        known = [numbers[query.item_id]] if query.item_id in numbers else []
    else:
        wanted = [_condition(asked, column, value) for column, value in query.conditions]
        known = [
            numbers[row["ITEM_ID"]]
            for row in asked.items
            if row["ITEM_ID"] in numbers and all(_has(row[column.name], value) for column, value in wanted)
        ]
    return np.array(known, np.int64)


def _condition(asked: Asked, name: str, text: str) -> tuple[avro.Column, Any]:
    """The column, and the value as it is stored; raises LineError for a column that cannot be asked for."""
    column = asked.schema.by_name.get(name.upper()) or asked.schema.by_name.get(name) if asked.schema else None
    if column is None or not (column.categorical or column.is_number):
        raise batch.LineError(f"Field itemAttributes: ITEMS.{name} is not a categorical or numeric column")
    try:
        return column, float(column.coerce(text)) if column.is_number else text
    except ValueError as fault:
        raise batch.LineError(f"Field itemAttributes: ITEMS.{name} = {text}: {fault}") from fault


def _has(cell: Any, value: Any) -> bool:
    if cell is None:
        return False
    if isinstance(cell, str):
        return value in split(cell, categorical=True)
    return bool(float(cell) == value)


def _answers(asked: Asked, queries: Sequence[batch.Query]) -> list[bytes | batch.LineError]:
    """One pass over the users for all of these queries."""
    groups = [_group(asked, query) for query in queries]
    told = partial(asked.task.progress, text=f"{len(asked.user_ids):,} users")
    shares = segments.log_shares(asked.artefact.model, asked.histories, groups, told)
    return [_answer(asked, query, shares[:, place]) for place, query in enumerate(queries)]


def _answer(asked: Asked, query: batch.Query, shares: Floats) -> bytes | batch.LineError:
    weight = float(asked.artefact.manifest["activity_weight"])
    scores = segments.scored(shares, asked.rates, weight)
    try:
        kept = np.arange(len(scores)) if asked.users is None else np.flatnonzero(asked.users.keep(query.filter_values))
    except batch.LineError as fault:
        return fault
    top = kept[best(scores[kept], asked.record.num_results)]
    return batch.segmented(query, [asked.user_ids[user] for user in top])
