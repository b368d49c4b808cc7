"""Event trackers: the tracking ID under which an application records live events.

A dataset group has at most one; what arrives under it is handled in `events`.
"""

import uuid
from dataclasses import dataclass
from typing import ClassVar

from openpersonalize.errors import LimitExceededException, ResourceAlreadyExistsException, ResourceInUseException
from openpersonalize.resources import lifecycle
from openpersonalize.resources.context import Context
from openpersonalize.resources.dataset_groups import DatasetGroup
from openpersonalize.resources.paging import listing
from openpersonalize.resources.registry import Answer, operation
from openpersonalize.resources.resource import Resource, get, given

ID_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class EventTracker(Resource):
    """A tracker; its ARN ends in the first eight digits of its tracking ID, so that an event finds it by one key."""

    noun: ClassVar[str] = "event-tracker"
    name: str
    event_tracker_arn: str
    dataset_group_arn: str
    account_id: str
    tracking_id: str
    status: str


@operation
def create_event_tracker(
    ctx: Context, *, name: str, dataset_group_arn: str, tags: list[dict[str, str]] | None = None
) -> Answer:
    """Make the group's tracker; it takes events as soon as this call has returned."""
    tracking_id = str(uuid.UUID(int=ctx.random.getrandbits(128), version=4))
    now = ctx.now()
    with ctx.writing() as tx:
        group = get(ctx, tx, DatasetGroup, dataset_group_arn)
        if group.status in (lifecycle.CREATE_FAILED, *lifecycle.ENDING):
            raise ResourceInUseException(f"The dataset group {group.arn} is in {group.status} state.")
        _require_none(ctx, group, tx.select(EventTracker, ctx.caller.account, ctx.caller.region, group=group.arn), name)
        tracker = EventTracker(
            name=name,
            event_tracker_arn=ctx.arn(EventTracker.noun, tracking_id[:ID_DIGITS]),
            dataset_group_arn=group.arn,
            account_id=ctx.caller.account,
            tracking_id=tracking_id,
            status=lifecycle.CREATE_PENDING,
            creation_date_time=now,
            last_updated_date_time=now,
        )
        lifecycle.begin(ctx, tx, tracker, tags=tags)
    return {"eventTrackerArn": tracker.arn, "trackingId": tracking_id}


def _require_none(ctx: Context, group: DatasetGroup, present: list[EventTracker], name: str) -> None:
    if any(tracker.name == name for tracker in present):
        raise ResourceAlreadyExistsException.arn(ctx.arn(EventTracker.noun, name))
    if present:
        raise LimitExceededException(
            f"The dataset group {group.arn} already has an event tracker, {present[0].arn}; a group has at most one."
        )


@operation
def describe_event_tracker(ctx: Context, *, event_tracker_arn: str) -> Answer:
    """All about one tracker, its tracking ID included."""
    with ctx.metadata.reading() as tx:
        return {"eventTracker": get(ctx, tx, EventTracker, event_tracker_arn)}


@operation
def list_event_trackers(
    ctx: Context, *, dataset_group_arn: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> Answer:
    """The trackers of a group, or all."""
    return listing(
        ctx, EventTracker, "eventTrackers", parent=dataset_group_arn, max_results=max_results, next_token=next_token
    )


@operation
def delete_event_tracker(ctx: Context, *, event_tracker_arn: str) -> None:
    """Delete a tracker; the events it took stay."""
    with ctx.writing() as tx:
        tracker = given(ctx, tx, EventTracker, event_tracker_arn)
        lifecycle.require_deletable(tracker)
        lifecycle.end(ctx, tx, tracker)


lifecycle.created_by_a_step(EventTracker)
lifecycle.deleted_by_a_step(EventTracker)
