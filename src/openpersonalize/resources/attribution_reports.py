"""CSV reports of imports: written when the import is done, or kept until their destination takes them.

A report that cannot be written never fails the import. Its text waits in the ledger, the attribution's failureReason
says so, and a job tries again after pauses that double; the next report that can be written brings the others along.
"""

import zlib
from collections.abc import Sequence

from openpersonalize import logs
from openpersonalize.attribution import csv_report
from openpersonalize.attribution.counting import Value
from openpersonalize.jobs import Later, Task
from openpersonalize.resources.attribution_records import MetricAttribution
from openpersonalize.resources.context import Context
from openpersonalize.resources.registry import job
from openpersonalize.storage.metadata import Transaction
from openpersonalize.storage.objects import parse_location

DELIVER = "metric-attribution.deliver"
UNWRITTEN = "The report "
"""How a failureReason begins that tells of a report."""

_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 900.0

_log = logs.get("attribution")


def write(ctx: Context, record: MetricAttribution, name: str, values: Sequence[Value]) -> None:
    """Write a report under the attribution's destination, or keep it for later; the same again changes nothing."""
    text = csv_report.text(values).encode()
    reason = _written(ctx, record, name, text)
    if reason is None:
        ctx.ledger.delivered(record.arn, name)
        _tell(ctx, record.arn, _deliver(ctx, record))
        return
    ctx.ledger.keep(record.arn, name, zlib.compress(text))
    _tell(ctx, record.arn, reason)
    with ctx.writing() as tx:
        ctx.queue.enqueue(tx.connection, DELIVER, record.arn, unique=f"deliver {record.arn}")


def _written(ctx: Context, record: MetricAttribution, name: str, text: bytes) -> str | None:
    """None, or why it could not be written."""
    place = f"{record.destination}{name}"
    try:
        ctx.objects.write(parse_location(place), text)
    except Exception as fault:  # noqa: BLE001 - whatever the object store says, the import is good
        _log.warning("report not written", arn=record.arn, report=place, reason=str(fault))
        return f"{UNWRITTEN}{place} could not be written and will be tried again: {fault}"
    return None


def _deliver(ctx: Context, record: MetricAttribution) -> str | None:
    """Write all that waits; None, or why the first that failed could not be written."""
    for name in ctx.ledger.waiting(record.arn):
        text = ctx.ledger.text(record.arn, name)
        reason = None if text is None else _written(ctx, record, name, zlib.decompress(text))
        if reason is not None:
            return reason
        ctx.ledger.delivered(record.arn, name)
    return None


def _tell(ctx: Context, arn: str, reason: str | None) -> None:
    """Say in failureReason what is the matter with reports, or that nothing is any more."""
    with ctx.writing() as tx:
        record = tx.find(MetricAttribution, arn)
        told = None if record is None else record.failure_reason
        if record is not None and told != reason and (reason is not None or str(told).startswith(UNWRITTEN)):
            tx.replace(record.but(ctx.now(), failure_reason=reason))


def _try_again_with_the_next_report(_ctx: Context, _tx: Transaction, _subject: str, _reason: str) -> None:
    """Nothing is lost: the texts stay where they are."""


@job(DELIVER, failed=_try_again_with_the_next_report)
def deliver(ctx: Context, task: Task) -> None:
    """Write the reports that wait; where that fails still, try again after a pause that doubles.

    They go where the attribution sends its reports now; when it is gone, or wants none any more, so do they.
    """
    with ctx.metadata.reading() as tx:
        record = tx.find(MetricAttribution, task.subject)
    if record is None or record.destination is None:
        for name in ctx.ledger.waiting(task.subject):
            ctx.ledger.delivered(task.subject, name)
    reason = None if record is None else _deliver(ctx, record)
    _tell(ctx, task.subject, reason)
    if reason is not None:
        raise Later(min(_FIRST_PAUSE_SECONDS * 2 ** min(task.job.turn - 1, 20), _LONGEST_PAUSE_SECONDS))
    with task.publish():
        return
