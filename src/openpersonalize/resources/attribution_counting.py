"""Events and imports become metric points, each once.

Streamed events are counted where they lie, in the order in which they came, behind a cursor; the points and the cursor
move in one transaction. That happens with every settling, and before anybody reads points, changes an attribution or
deletes it. The rows of an import are counted when they are in, and the import is entered in the ledger with its points.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from openpersonalize import avro, logs
from openpersonalize.attribution import csv_report
from openpersonalize.attribution.counting import Counted, Group, count, named, notes, points
from openpersonalize.attribution.measures import Measure
from openpersonalize.resources import attribution_reports, lifecycle
from openpersonalize.resources.attribution_records import MetricAttribution
from openpersonalize.resources.attribution_sources import sources_of
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, in_group, schema_of
from openpersonalize.resources.registry import before_metrics
from openpersonalize.storage import records, sql
from openpersonalize.storage.metadata import Transaction
from openpersonalize.storage.points import LARGEST

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

NAMESPACE = "AWS/Personalize"
UNCOUNTED = "Events cannot be counted: "
"""How a failureReason begins that tells of events."""

BATCH_ROWS = 20_000

_log = logs.get("attribution")


class _CountedElsewhere(Exception):  # noqa: N818 - no fault
    """Another process counted the same events first."""


@dataclass(frozen=True, kw_only=True)
class Brought:
    """The rows that an import brought into a table of interactions: those of the files that `version` added.

    `job` is the ARN of the import job, `mode` FULL or INCREMENTAL, `report` whether one was asked for.
    """

    job: str
    dataset_group_arn: str
    table: records.Dataset
    version: int
    mode: str
    report: bool
    since: datetime
    """When the job was made: an attribution that is younger does not count its rows."""


@dataclass(frozen=True)
class _Books:
    """What is needed to count for one attribution."""

    record: MetricAttribution
    group: Group
    measures: Sequence[Measure]
    sources: dict[str, str]
    interactions: records.Dataset
    schema: avro.Schema
    items: Any


def of_group(ctx: Context, dataset_group_arn: str) -> MetricAttribution | None:
    """The attribution of a group that counts at present."""
    with ctx.metadata.reading() as tx:
        found = tx.select(MetricAttribution, ctx.caller.account, ctx.caller.region, group=dataset_group_arn)
    return next((record for record in found if record.status in (lifecycle.ACTIVE, *lifecycle.OPEN)), None)


@before_metrics
def count_all(ctx: Context) -> None:
    """Count what waits for every attribution of the caller's account and region."""
    with ctx.metadata.reading() as tx:
        found = tx.select(MetricAttribution, ctx.caller.account, ctx.caller.region)
    for record in found:
        if record.status in (lifecycle.ACTIVE, *lifecycle.OPEN):
            _count_or_tell(ctx, record)


def _count_or_tell(ctx: Context, record: MetricAttribution) -> None:
    """Count; where that is impossible, say so in failureReason until it is possible again, and let others be read."""
    try:
        count_streamed(ctx, record)
    except Exception as fault:  # noqa: BLE001 - whatever is the matter with one, the metrics of others can be read
        _log.exception("events of an attribution cannot be counted", arn=record.arn)
        with ctx.writing() as tx:
            tell_uncounted(ctx, tx, record.arn, str(fault))
    else:
        if (record.failure_reason or "").startswith(UNCOUNTED):
            with ctx.writing() as tx:
                tell_uncounted(ctx, tx, record.arn, None)


def tell_uncounted(ctx: Context, tx: Transaction, arn: str, fault: str | None) -> None:
    """Say in failureReason why events cannot be counted, or that they can be again."""
    record, reason = tx.find(MetricAttribution, arn), None if fault is None else f"{UNCOUNTED}{fault}"
    told = None if record is None else record.failure_reason
    if record is not None and told != reason and (reason is not None or str(told).startswith(UNCOUNTED)):
        tx.replace(record.but(ctx.now(), failure_reason=reason))


def is_waiting(ctx: Context, record: MetricAttribution) -> bool:
    """Whether events came that were not counted yet."""
    done = ctx.ledger.counted(record.arn)
    with ctx.metadata.reading() as tx:
        interactions = in_group(ctx, tx, record.dataset_group_arn, "INTERACTIONS")
    if done is None or interactions is None:
        return False
    return bool(ctx.records.behind(interactions.table, done, ctx.records.end_of_stream(), 1))


def count_streamed(ctx: Context, record: MetricAttribution) -> int:
    """Count the events that came until now; gives how many rows this call went through.

    When it returns they are all counted, by whomever: an update or a deletion may follow at once.
    """
    upto, books, seen = ctx.records.end_of_stream(), None, 0
    while (done := ctx.ledger.counted(record.arn)) is not None and done < upto:
        # Read behind the end: of the events up to there, none came after an update that we do not see.
        books = books or _books(ctx, record.arn)
        if books is None:
            return seen
        rows = ctx.records.behind(books.interactions, done, upto, BATCH_ROWS)
        place = rows[-1].id if len(rows) == BATCH_ROWS else upto
        try:
            _count_batch(ctx, books, rows, done, place)
        except _CountedElsewhere:
            continue
        seen += len(rows)
    return seen


def _count_batch(ctx: Context, books: _Books, rows: Sequence[records.StreamRow], done: int, place: int) -> None:
    repeated = ctx.records.repeated(books.interactions, rows)
    fresh = [row for row in rows if row.id not in repeated]
    counted = _count(books, ctx.records.as_table(books.schema, fresh), stale=False) if fresh else Counted(())
    # Alone, or two who name sources at the same time would give more names than there are.
    with sql.writing(ctx.ledger.engine, alone=books.record.arn) as connection:
        if not ctx.ledger.advance(connection, books.record.arn, done, place):
            raise _CountedElsewhere
        _publish(ctx, connection, books, counted)
        _note(ctx, connection, books, counted, duplicates=len(repeated))


def _count(books: _Books, rows: Any, *, stale: bool) -> Counted:
    return count(rows, books.items, books.measures, books.sources, stale=stale)


def _publish(ctx: Context, connection: "Connection", books: _Books, counted: Counted) -> None:
    """Add the points under the names that sources have, and name new sources."""
    known, most = ctx.ledger.named(connection, books.record.arn), ctx.settings.quota_attribution_sources
    shown, fresh = named(counted.values, known, most)
    if len(fresh) + len(known) >= most > len(known):
        _log.warning("an attribution has all its sources; later ones are undefined in points", arn=books.record.arn)
    beyond = sorted({value.measure.name for value in shown if abs(value.value) > LARGEST})
    if beyond:
        _log.warning("values that CloudWatch cannot hold are left out", arn=books.record.arn, metrics=beyond)
        shown = [value for value in shown if abs(value.value) <= LARGEST]
    ctx.ledger.name(connection, books.record.arn, fresh)
    ctx.points.add(connection, points(books.group, NAMESPACE, shown))


def _note(ctx: Context, connection: "Connection", books: _Books, counted: Counted, *, duplicates: int) -> None:
    told = replace(counted, duplicates=counted.duplicates + duplicates)
    ctx.points.add(connection, notes(books.group, told, int(ctx.now().timestamp())))


def _books(ctx: Context, arn: str) -> _Books | None:
    """By the attribution as it is now; None when it is gone, or its group has no Interactions dataset."""
    with ctx.metadata.reading() as tx:
        record = tx.find(MetricAttribution, arn)
        if record is None:
            return None
        interactions = in_group(ctx, tx, record.dataset_group_arn, "INTERACTIONS")
        if interactions is None:
            return None
        schema = schema_of(tx, interactions)
        items = in_group(ctx, tx, record.dataset_group_arn, "ITEMS")
        items_schema = None if items is None else schema_of(tx, items)
        sources = sources_of(ctx, tx, record.dataset_group_arn)
    return _Books(
        record,
        Group(ctx.caller.account, ctx.caller.region, record.dataset_group_arn),
        record.measures,
        sources,
        interactions.table,
        schema,
        _items(ctx, record, items, items_schema),
    )


def _items(ctx: Context, record: MetricAttribution, items: Dataset | None, schema: avro.Schema | None) -> Any:
    """The items as they are now, where a metric adds up one of their columns; None where none does."""
    if items is None or schema is None or not any((one.column or ("",))[0] == "ITEMS" for one in record.measures):
        return None
    ctx.records.settle(items.table, schema)
    # Without any row yet there is a table all the same, with the columns of the schema.
    return ctx.records.tables.of(items.table).open() or ctx.records.as_table(schema, [])


def count_import(ctx: Context, brought: Brought) -> None:
    """Count the rows of an import: into points where it added rows, into a report where one was asked for.

    A report that cannot be written is told by the attribution's failureReason and never fails the import.
    """
    record = of_group(ctx, brought.dataset_group_arn)
    published = brought.mode == "INCREMENTAL"
    if record is None or record.creation_date_time > brought.since or not (published or brought.report):
        return
    books = _books(ctx, record.arn)
    if books is None:
        return
    rows = ctx.records.brought_by(brought.table, brought.version)
    report = _enter(ctx, books, brought, _count(books, rows, stale=False) if published else None)
    if report is not None:
        known, most = ctx.ledger.sources(record.arn), ctx.settings.quota_attribution_sources
        values, _ = named(_count(books, rows, stale=True).values, known, most)
        attribution_reports.write(ctx, record, report, values)


def _enter(ctx: Context, books: _Books, brought: Brought, counted: Counted | None) -> str | None:
    """Publish what was counted, unless an earlier run did; gives the name of the report."""
    owner = books.record.arn
    wanted = brought.report and books.record.destination is not None
    names = csv_report.names(brought.mode, int(ctx.now().timestamp())) if wanted else iter(())
    with sql.writing(ctx.ledger.engine, alone=owner) as connection:
        if counted is not None and not ctx.ledger.entered(connection, owner, brought.job):
            _publish(ctx, connection, books, counted)
            _note(ctx, connection, books, counted, duplicates=0)
        return ctx.ledger.enter(connection, owner, brought.job, names)
