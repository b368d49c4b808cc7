"""Live events: what a user does now, on disk before the answer, in that user's very next recommendation.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html
"""

import hmac
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from openpersonalize import avro
from openpersonalize.errors import InvalidInputException
from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import in_group, schema_of
from openpersonalize.resources.event_trackers import ID_DIGITS, EventTracker
from openpersonalize.resources.properties import event_row, read_properties, size_faults
from openpersonalize.resources.rates import spend_on_group
from openpersonalize.resources.registry import operation
from openpersonalize.storage.records import Dataset, StreamRow

FORBIDDEN = frozenset({"userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression"})
"""Keys that belong to the event itself and may not come in its properties; compared ignoring case."""


@dataclass(frozen=True)
class Stream:
    """Where the events of a tracker go."""

    dataset_group_arn: str
    table: Dataset
    schema: avro.Schema


@dataclass(frozen=True)
class Asker:
    """Whose events they are; somebody who has not said who they are has a session only."""

    user_id: str | None
    session_id: str


@operation
def put_events(
    ctx: Context,
    *,
    tracking_id: str,
    session_id: str,
    event_list: list[dict[str, Any]],
    user_id: str | None = None,
) -> Future[None]:
    """Keep one to ten events; the answer comes when they are on disk. One bad event refuses them all."""
    key = ("stream", ctx.caller.account, ctx.caller.region, tracking_id)
    stream = ctx.recent.get(key, lambda: _stream(ctx, tracking_id))
    spend_on_group(ctx, "PutEvents", stream.dataset_group_arn, ctx.settings.rate_put_events)
    asker = Asker(user_id, session_id)
    rows, faults = [], []
    for place, event in enumerate(event_list, start=1):
        try:
            rows.append(_row(ctx, stream, asker, event))
        except ValueError as fault:
            faults.append(f"eventList.{place}.member: {fault}")
    if faults:
        raise InvalidInputException(" ".join(faults))
    return ctx.records.put(stream.table, rows)


def _stream(ctx: Context, tracking_id: str) -> Stream:
    with ctx.metadata.reading() as tx:
        tracker = tx.find(EventTracker, ctx.arn(EventTracker.noun, tracking_id[:ID_DIGITS]))
        if tracker is None or not hmac.compare_digest(tracker.tracking_id.encode(), tracking_id.encode()):
            raise InvalidInputException("The trackingId is not that of an event tracker of this account and region.")
        if tracker.status in (lifecycle.CREATE_FAILED, *lifecycle.ENDING):
            raise InvalidInputException(f"The event tracker {tracker.arn} is in {tracker.status} state.")
        dataset = in_group(ctx, tx, tracker.dataset_group_arn, "INTERACTIONS")
        if dataset is None or dataset.status in lifecycle.ENDING:
            raise InvalidInputException(f"The dataset group {tracker.dataset_group_arn} has no Interactions dataset.")
        return Stream(tracker.dataset_group_arn, dataset.table, schema_of(tx, dataset))


def _row(ctx: Context, stream: Stream, asker: Asker, event: dict[str, Any]) -> StreamRow:
    """An event as it is kept; raises ValueError with every broken rule."""
    given = read_properties(event.get("properties"))
    item_id = event.get("itemId") or _own(given, "itemId")
    timestamp = int(event["sentAt"])
    own = {
        "USER_ID": asker.user_id,
        "ITEM_ID": item_id,
        "TIMESTAMP": timestamp,
        "EVENT_TYPE": event["eventType"],
        "EVENT_VALUE": event.get("eventValue", _own(given, "eventValue")),
        "IMPRESSION": "|".join(event["impression"]) if event.get("impression") else None,
        "RECOMMENDATION_ID": event.get("recommendationId"),
        "EVENT_ATTRIBUTION_SOURCE": (event.get("metricAttribution") or {}).get("eventAttributionSource"),
    }
    columns, faults = event_row(stream.schema, own, given, FORBIDDEN)
    faults += size_faults(event, ctx.settings.quota_event_bytes)
    if faults:
        raise ValueError("; ".join(faults))
    return StreamRow(
        user_id=asker.user_id,
        session_id=asker.session_id,
        item_id=str(item_id),
        event_type=event["eventType"],
        timestamp=timestamp,
        event_id=event.get("eventId"),
        received=ctx.now(),
        row=columns,
    )


def _own(given: dict[str, Any], name: str) -> Any:
    return next((value for key, value in given.items() if key.lower() == name.lower()), None)
