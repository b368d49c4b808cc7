"""Action interactions: what users do with the actions that were shown to them, kept like events.

They come under the tracking ID that an Action interactions dataset has of its own, see DescribeDataset.
Source: https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutActionInteractions.html
"""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from openpersonalize import avro
from openpersonalize.errors import InvalidInputException, ResourceInUseException, ResourceNotFoundException
from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context
from openpersonalize.resources.datasets import Dataset, schema_of
from openpersonalize.resources.properties import event_row, read_properties, size_faults
from openpersonalize.resources.rates import spend_on_group
from openpersonalize.resources.registry import operation
from openpersonalize.storage import records
from openpersonalize.storage.metadata import family
from openpersonalize.storage.records import StreamRow

FORBIDDEN = frozenset({"userid", "sessionid", "eventtype", "timestamp", "recommendationid"})
"""Keys that may not come in properties; compared ignoring case."""


@dataclass(frozen=True)
class Stream:
    """Where the action interactions of a tracking ID go."""

    dataset_group_arn: str
    table: records.Dataset
    schema: avro.Schema


@operation
def put_action_interactions(
    ctx: Context, *, tracking_id: str, action_interactions: list[dict[str, Any]]
) -> Future[None]:
    """Keep one to ten; the answer comes when they are on disk. One that breaks a rule refuses them all."""
    key = ("action stream", ctx.caller.account, ctx.caller.region, tracking_id)
    stream = ctx.recent.get(key, lambda: _stream(ctx, tracking_id))
    rate = ctx.settings.rate_put_action_interactions
    spend_on_group(ctx, "PutActionInteractions", stream.dataset_group_arn, rate)
    rows, faults = [], []
    for place, given in enumerate(action_interactions, start=1):
        try:
            rows.append(_row(ctx, stream.schema, given))
        except ValueError as fault:
            faults.append(f"actionInteractions.{place}.member: {fault}")
    if faults:
        raise InvalidInputException(" ".join(faults))
    return ctx.records.put(stream.table, rows)


def _stream(ctx: Context, tracking_id: str) -> Stream:
    with ctx.metadata.reading() as tx:
        named = family.naming(tx, Dataset.noun, ctx.caller.account, ctx.caller.region, tracking_id)
        found = [dataset for arn in named if (dataset := tx.get(Dataset, arn)).tracking_id == tracking_id]
        if not found:
            raise ResourceNotFoundException(
                "The trackingId is not that of an Action interactions dataset of this account and region."
            )
        dataset = found[0]
        if dataset.status in (lifecycle.CREATE_FAILED, *lifecycle.ENDING):
            raise ResourceInUseException(f"The dataset {dataset.arn} is in {dataset.status} state.")
        return Stream(dataset.dataset_group_arn, dataset.table, schema_of(tx, dataset))


def _row(ctx: Context, schema: avro.Schema, given: dict[str, Any]) -> StreamRow:
    """As it is kept; raises ValueError with every broken rule."""
    timestamp = int(given["timestamp"])
    own = {
        "USER_ID": given.get("userId"),
        "ACTION_ID": given["actionId"],
        "TIMESTAMP": timestamp,
        "EVENT_TYPE": given["eventType"],
        "IMPRESSION": "|".join(given["impression"]) if given.get("impression") else None,
        "RECOMMENDATION_ID": given.get("recommendationId"),
    }
    row, faults = event_row(schema, own, read_properties(given.get("properties")), FORBIDDEN)
    faults += size_faults(given, ctx.settings.quota_event_bytes)
    if faults:
        raise ValueError("; ".join(faults))
    return StreamRow(
        user_id=given.get("userId"),
        session_id=given["sessionId"],
        item_id=given["actionId"],
        event_type=row["EVENT_TYPE"],
        timestamp=timestamp,
        event_id=given.get("eventId"),
        received=ctx.now(),
        row=row,
    )
