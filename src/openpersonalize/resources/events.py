"""Live events: what a user does now, on disk before the answer, in that user's very next recommendation.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html
"""

import hmac
import uuid
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import orjson

from openpersonalize import avro
from openpersonalize.errors import InvalidInputException
from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import in_group, schema_of
from openpersonalize.resources.event_trackers import ID_DIGITS, EventTracker
from openpersonalize.resources.registry import operation
from openpersonalize.storage.records import Dataset, StreamRow

FORBIDDEN = frozenset({"userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression"})
"""Keys that belong to the event itself and may not come in its properties; compared ignoring case."""

EVENT_BYTES = 10 * 1024


@dataclass(frozen=True)
class Stream:
    """Where the events of a tracker go."""

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
        return Stream(dataset.table, schema_of(tx, dataset))


def _row(ctx: Context, stream: Stream, asker: Asker, event: dict[str, Any]) -> StreamRow:
    """An event as it is kept; raises ValueError with every broken rule."""
    given = _properties(event.get("properties"))
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
    columns, faults = _columns(stream.schema, own, given)
    faults += _size_fault(event)
    if faults:
        raise ValueError("; ".join(faults))
    return StreamRow(
        user_id=asker.user_id,
        session_id=asker.session_id,
        item_id=str(item_id),
        event_type=event["eventType"],
        timestamp=timestamp,
        event_id=event.get("eventId") or str(uuid.UUID(int=ctx.random.getrandbits(128), version=4)),
        received=ctx.now(),
        row=columns,
    )


def _columns(schema: avro.Schema, own: dict[str, Any], given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The row by the schema, with what the service keeps of every event beside it, and what is wrong with it."""
    faults = [f"properties must not hold {key}, it belongs to the event" for key in given if key.lower() in FORBIDDEN]
    row = {name: value for name, value in own.items() if value is not None}
    for key, value in given.items():
        column = schema.property_column(key)
        if column is not None and key.lower() not in FORBIDDEN:
            row.setdefault(column.name, value)
    for column in schema.columns:
        if column.name == "USER_ID" and "USER_ID" not in row:
            continue  # an event of a session whose user is not known yet
        if column.name == "IMPRESSION" and "IMPRESSION" in row:
            continue  # 25 ids of any length: the limit of 1,000 characters is that of a CSV cell
        try:
            row[column.name] = column.coerce(row.get(column.name))
        except ValueError as fault:
            faults.append(f"{column.name}: {fault}")
    return row, faults


def _size_fault(event: dict[str, Any]) -> list[str]:
    size = len(orjson.dumps(event))
    return [f"the event has {size} bytes, at most {EVENT_BYTES} are kept"] if size > EVENT_BYTES else []


def _properties(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise InvalidInputException("Error parsing properties json") from fault
    if not isinstance(given, dict):
        raise InvalidInputException("Error parsing properties json")
    return given


def _own(given: dict[str, Any], name: str) -> Any:
    return next((value for key, value in given.items() if key.lower() == name.lower()), None)
